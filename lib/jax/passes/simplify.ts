/** Algebraic identities that hold bit for bit: no rounding changes, and neither do NaN and the sign of zero. */
import { Literal, type Atom, type Equation, type Jaxpr } from '../core.js';
import { dims } from '../dims.js';
import { isFloat, isHalf, isInteger, type DType } from '../dtypes.js';
import type { DotParams } from '../primitives/dot.js';
import { rewrite, type Made, type Rule } from './rewrite.js';

const isValue = (a: Atom, value: number): boolean => a instanceof Literal && Object.is(Number(a.value), value);
const isWhole = (a: Atom): boolean => isInteger(a.aval.dtype);
/** The operand of what made `a`, if that was a `name`. */
const operandOf = (a: Atom, name: string, made: Made): Atom | null => { const e = made(a); return e?.primitive.name === name ? e.inputs[0] : null; };

/** Significant bits, and whether there is a sign: what a wider type must have. */
const WIDTHS: Partial<Record<DType, readonly [bits: number, signed: boolean]>> = {
  bool: [1, false], uint8: [8, false], uint16: [16, false], uint32: [32, false], uint64: [64, false],
  int8: [7, true], int16: [15, true], int32: [31, true], int64: [63, true],
  float32: [24, true], float64: [53, true],
};
/** Whether every value of `from` is one of `to`. */
function exact(from: DType, to: DType): boolean {
  if (isFloat(from)) return isFloat(to) && (to === 'float64' || (to === 'float32' && from !== 'float64'));
  const [a, b] = [WIDTHS[from], WIDTHS[to]];
  return a !== undefined && b !== undefined && b[0] >= a[0] && (b[1] || !a[1]);
}
/** Conversions through `between` that may go straight: it held the value, and what is out of `to`'s range is treated alike, which halves are not. */
const straight = (from: DType, between: DType, to: DType): boolean =>
  exact(from, between) && (to === from || isFloat(to) || (isFloat(from) === isFloat(between) && !isHalf(from)));

/** Elementwise operations broadcast by themselves, so a broadcast operand may come as it was if another has the whole shape. */
function unbroadcast(e: Equation, made: Made): Equation | null {
  const { shape } = e.outputs[0].aval;
  const sources = e.inputs.map((a) => operandOf(a, 'broadcast_to', made));
  const whole = e.inputs.some((a, i) => !sources[i] && dims.equalShapes(a.aval.shape, shape));
  return whole && sources.some(Boolean) ? { ...e, inputs: e.inputs.map((a, i) => sources[i] ?? a) } : null;
}

/** Whether axes stand together in order at one end, so that the product needs no copy in another order. */
const atOneEnd = (axes: readonly number[], rank: number): boolean => axes.every((a, i) => a === i) || axes.every((a, i) => a === rank - axes.length + i);

/**
 * Transposed operands of products without batch axes, read through the dimension numbers. The result lists free axes in order,
 * so that order must stay. Batched products keep theirs: the engine takes in one that exchanges the last two axes, and one copy in
 * another order serves the gradients too, while each product for itself would make its own (attention gained nothing by it).
 */
function untransposed(e: Equation, made: Made): Equation | null {
  const { contract, batch } = e.params as DotParams;
  if (batch[0].length) return null;
  const inputs = [...e.inputs];
  const axes = contract.map((list, side) => {
    const from = made(e.inputs[side]);
    if (from?.primitive.name !== 'transpose') return list;
    const { permutation } = from.params as { permutation: readonly number[] };
    const free = permutation.filter((_, i) => !list.includes(i));
    const moved = list.map((i) => permutation[i]);
    if (free.some((p, i) => i > 0 && p < free[i - 1]) || !atOneEnd(moved, permutation.length)) return list;
    inputs[side] = from.inputs[0];
    return moved;
  });
  const params: DotParams = { contract: [axes[0], axes[1]], batch };
  return inputs.every((a, i) => a === e.inputs[i]) ? null : { ...e, inputs, params };
}

type Rules = Record<string, Rule>;
const twice: (name: string) => Rule = (name) => ({ inputs: [x] }, made) => { const inner = operandOf(x, name, made); return inner && [inner]; };
/** Either operand, where the other changes nothing. */
const neutral = (left: (a: Atom) => boolean, right = left): Rule => ({ inputs: [x, y] }) => (right(y) ? [x] : left(x) ? [y] : null);
const never = () => false;
const one = (a: Atom): boolean => isValue(a, 1);
// -0 + 0 is 0, but x + -0 and x - 0 are x.
const addsNothing = (a: Atom): boolean => isValue(a, -0) || (isWhole(a) && isValue(a, 0));
const RULES: Rules = {
  stop_gradient: ({ inputs }) => inputs,
  neg: twice('neg'),
  not: twice('not'),
  mul: neutral(one),
  div: neutral(never, one),
  add: neutral(addsNothing),
  sub: neutral(never, (a) => isValue(a, 0)),
  select: ({ inputs: [p, x, y] }) => (x === y ? [x] : p instanceof Literal ? [p.value ? x : y] : null),
  transpose: (e, made) => {
    const { permutation } = e.params as { permutation: readonly number[] };
    if (permutation.every((p, i) => p === i)) return [e.inputs[0]];
    const inner = made(e.inputs[0]);
    return inner?.primitive.name === 'transpose' ? { ...e, inputs: inner.inputs, params: { permutation: permutation.map((p) => inner.params.permutation[p]) } } : null;
  },
  reshape: (e, made) => {
    if (dims.equalShapes(e.inputs[0].aval.shape, e.outputs[0].aval.shape)) return [e.inputs[0]];
    const inner = operandOf(e.inputs[0], 'reshape', made);
    return inner && { ...e, inputs: [inner] };
  },
  broadcast_to: (e, made) => {
    if (dims.equalShapes(e.inputs[0].aval.shape, e.outputs[0].aval.shape)) return [e.inputs[0]];
    const inner = operandOf(e.inputs[0], 'broadcast_to', made);
    return inner && { ...e, inputs: [inner] };
  },
  convert_element_type: (e, made) => {
    const [x] = e.inputs;
    const to = e.outputs[0].aval.dtype;
    if (x.aval.dtype === to) return [x];
    const inner = operandOf(x, 'convert_element_type', made);
    return inner && straight(inner.aval.dtype, x.aval.dtype, to) ? { ...e, inputs: [inner] } : null;
  },
  pad: ({ inputs: [x], params }) => (params.config.every((c: readonly number[]) => c.every((n) => n === 0)) ? [x] : null),
  slice: ({ inputs: [x], params: { strides }, outputs: [out] }) => (dims.equalShapes(x.aval.shape, out.aval.shape) && strides.every((s: number) => s === 1) ? [x] : null),
  concatenate: ({ inputs }) => (inputs.length === 1 ? inputs : null),
};

/** Drops what changes nothing, joins data movement that follows data movement, and reads operands as they were before it. */
export function simplify(jaxpr: Jaxpr): Jaxpr {
  // The engine takes a bias into a plain product, transposed or not, but not into one that we wrote with dimension numbers of its own.
  const added = new Set<Atom>(jaxpr.equations.flatMap((e) => (e.primitive.name === 'add' ? e.inputs.filter((a, i) => a.aval.shape.length === 2 && e.inputs[1 - i].aval.shape.length === 1) : [])));
  return rewrite(jaxpr, (e, made) => {
    const { name, opcode } = e.primitive;
    if (name === 'dot_general') return added.has(e.outputs[0]) ? null : untransposed(e, made);
    return (Object.hasOwn(RULES, name) ? RULES[name](e, made) : null) ?? (opcode && e.inputs.length > 1 ? unbroadcast(e, made) : null);
  });
}
