/** Arithmetic: add, mul, …, and their comparisons, bits and choices. One formula a rule, above it where not obvious. */
import { NDArray, Scalar } from '../array.js';
import type { Graph } from '../../lowering/graph.js';
import { bind } from '../core.js';
import { DTYPES, isFloat, isUnsigned, type DType } from '../dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { composed } from './composed.js';
import { binaryFunction, elementwise, unaryFunction } from './elementwise.js';
import { lift, liftAll, requireFloat, requireSameDType, type Operand } from './primitive.js';
import { log } from './functions.js';

const number = (where: string, dtype: DType): DType => {
  if (dtype === 'bool') throw new TypeError(`${where}: expected numbers, got bool; convert with astype or use logical operations.`);
  return dtype;
};
const numbers = (where: string) => (inputs: readonly { dtype: DType }[]) => number(where, requireSameDType(where, inputs as never));

export const addP = elementwise({ name: 'add', opcode: 'ADD', onnx: 'Add', result: numbers('add'), rule: (ct) => [() => ct, () => ct] });
export const subP = elementwise({ name: 'sub', opcode: 'SUB', onnx: 'Sub', result: numbers('sub'), rule: (ct) => [() => ct, () => neg(ct)] });
export const mulP = elementwise({ name: 'mul', opcode: 'MUL', onnx: 'Mul', result: numbers('mul'), rule: (ct, [x, y]) => [() => mul(ct, y), () => mul(ct, x)] });
// d(x/y) = dx/y - dy·x/y²
export const divP = elementwise({
  name: 'div', opcode: 'DIV', onnx: 'Div', result: numbers('div'),
  rule: (ct, [x, y]) => [() => div(ct, y), () => neg(div(mul(ct, x), mul(y, y)))],
});
// x - trunc(x/y)·y
export const remP = elementwise({
  name: 'rem', opcode: 'REM', result: numbers('rem'),
  onnx: (g, inputs, params, types) => {
    const { dtype } = types.outputs[0];
    const compute = g.kernels.find('Mod', dtype);
    // Division of integers truncates.
    return compute ? g.within(compute, dtype, inputs, (x, y) => g.node('Mod', [x, y], { fmod: 1 })) : composed((x: NDArray, y: NDArray) => sub(x, mul(div(x, y), y)))(g, inputs, params, types);
  },
  rule: (ct, [x, y]) => [() => ct, () => neg(mul(ct, truncate(div(x, y))))],
});
/** Integers by squaring, which wraps; negative exponents leave 0, but for 1 and -1. */
function wholePower(x: NDArray, y: NDArray): NDArray {
  const odd = ne(bitwiseAnd(y, 1), 0);
  let [base, out] = [x, lift(1, x.dtype)];
  for (let bit = 0; bit < 8 * DTYPES[x.dtype].size - (isUnsigned(x.dtype) ? 0 : 1); bit++) {
    out = select(ne(bitwiseAnd(y, lift(1n << BigInt(bit), x.dtype)), 0), mul(out, base), out);
    base = mul(base, base);
  }
  if (isUnsigned(x.dtype)) return out;
  const below = select(eq(x, 1), x, select(eq(x, -1), select(odd, x, lift(1, x.dtype)), lift(0, x.dtype)));
  return select(lt(y, 0), below, out);
}
// d(x^y) = y·x^(y-1)·dx + log(x)·x^y·dy, with log(0) taken as 0 where x is 0
export const powP = elementwise({
  name: 'pow', opcode: 'POW', result: numbers('pow'),
  onnx: (g, inputs, params, types) => {
    const { dtype } = types.outputs[0];
    const compute = g.kernels.find('Pow', dtype);
    return compute ? g.within(compute, dtype, inputs, (x, y) => g.node('Pow', [x, y])) : composed(wholePower)(g, inputs, params, types);
  },
  rule: (ct, [x, y], [out]) => [
    () => mul(ct, mul(y, pow(x, select(eq(y, 0), lift(1, y.dtype), sub(y, 1))))),
    () => mul(ct, mul(log(select(eq(x, 0), lift(1, x.dtype), x)), out)),
  ],
});
/** The larger or smaller, as a choice where the engine has no right kernel. */
export function lowerExtremum(g: Graph, op: 'Max' | 'Min', dtype: DType, x: string, y: string): string {
  const compute = g.kernels.find(op, dtype);
  if (compute) return g.within(compute, dtype, [x, y], (a, b) => g.node(op, [a, b]));
  const order = op === 'Max' ? 'Greater' : 'Less';
  const wide = g.kernels.need(order, dtype);
  const first = g.node(order, wide === dtype ? [x, y] : [x, y].map((v) => g.cast(v, wide)));
  return g.within(g.kernels.need('Where', dtype), dtype, [x, y], (a, b) => g.node('Where', [first, a, b]));
}
/** Where both are equal, each gets half of the cotangent, as in JAX. */
const extremum = (name: string, opcode: 'MAX' | 'MIN', onnx: 'Max' | 'Min') => elementwise({
  name, opcode,
  onnx: (g, [x, y], _params, { outputs: [{ dtype }] }) => lowerExtremum(g, onnx, dtype, x, y),
  rule: (ct, [x, y], [out]) => {
    const share = (mine: NDArray, other: NDArray) => () => {
      const half = select(eq(other, out), lift(0.5, ct.dtype), lift(1, ct.dtype));
      return mul(ct, select(eq(mine, out), half, lift(0, ct.dtype)));
    };
    return [share(x, y), share(y, x)];
  },
});
export const maxP = extremum('max', 'MAX', 'Max');
export const minP = extremum('min', 'MIN', 'Min');
export const negP = elementwise({ name: 'neg', opcode: 'NEG', onnx: 'Neg', result: numbers('neg'), rule: (ct) => [() => neg(ct)] });
export const absP = elementwise({ name: 'abs', opcode: 'ABS', onnx: 'Abs', result: numbers('abs'), rule: (ct, [x]) => [() => select(ge(x, 0), ct, neg(ct))] });
export const signP = elementwise({
  name: 'sign', opcode: 'SIGN', result: numbers('sign'), rule: () => [null],
  onnx: (g, [x], _params, { outputs: [{ dtype }] }) => {
    if (dtype !== 'int64') return g.node('Sign', [x]);
    // The engine's own Sign sees only the lower half of 64-bit integers.
    const [zero, one, minus] = [0, 1, -1].map((v) => g.constant('int64', [], [BigInt(v)]));
    return g.node('Where', [g.node('Greater', [x, zero]), one, g.node('Where', [g.node('Less', [x, zero]), minus, zero])]);
  },
});
export const squareP = elementwise({ name: 'square', opcode: 'SQUARE', result: numbers('square'), onnx: (g, [x]) => g.node('Mul', [x, x]), rule: (ct, [x]) => [() => mul(ct, mul(x, 2))] });
/** `a * b + c` rounded once. The product of two float32 is exact in float64, which the standard lowering uses. */
export const fmaP = elementwise({
  name: 'fma', opcode: 'FMA', rule: (ct, [a, b]) => [() => mul(ct, b), () => mul(ct, a), () => ct],
  onnx: (g, inputs, _params, types) => {
    const dtype = types.outputs[0].dtype;
    const [a, b, c] = dtype === 'float64' ? inputs : inputs.map((x) => g.cast(x, 'float64'));
    const sum = g.node('Add', [g.node('Mul', [a, b]), c]);
    return dtype === 'float64' ? sum : g.cast(sum, dtype);
  },
});

const comparison = (name: string, opcode: 'EQ' | 'LT' | 'LE' | 'GT' | 'GE' | 'NE', onnx: string) => elementwise({
  name, opcode, rule: null, result: (inputs) => { requireSameDType(name, inputs); return 'bool'; },
  onnx: name === 'ne' ? (g, [a, b]) => g.node('Not', [g.node('Equal', [a, b])]) : onnx,
});
export const eqP = comparison('eq', 'EQ', 'Equal');
export const neP = comparison('ne', 'NE', 'Equal');
export const ltP = comparison('lt', 'LT', 'Less');
export const leP = comparison('le', 'LE', 'LessOrEqual');
export const gtP = comparison('gt', 'GT', 'Greater');
export const geP = comparison('ge', 'GE', 'GreaterOrEqual');

const wholeOrBool = (name: string, dtype: DType): DType => {
  if (isFloat(dtype)) throw new TypeError(`${name}: expected integers or bool, got ${dtype}; convert with astype('int32'), or compare with 0.`);
  return dtype;
};
const bitwise = (name: string, opcode: 'AND' | 'OR' | 'XOR', logical: string, bits: string) => elementwise({
  name, opcode, rule: null, result: (inputs) => wholeOrBool(name, requireSameDType(name, inputs)),
  onnx: (g, inputs, _params, types) => g.node(types.outputs[0].dtype === 'bool' ? logical : bits, inputs),
});
export const andP = bitwise('and', 'AND', 'And', 'BitwiseAnd');
export const orP = bitwise('or', 'OR', 'Or', 'BitwiseOr');
export const xorP = bitwise('xor', 'XOR', 'Xor', 'BitwiseXor');
export const notP = elementwise({
  name: 'not', opcode: 'NOT', rule: null, result: ([a]) => wholeOrBool('not', a.dtype),
  onnx: (g, inputs, _params, types) => g.node(types.outputs[0].dtype === 'bool' ? 'Not' : 'BitwiseNot', inputs),
});
const shift = (name: string, opcode: 'SHL' | 'SHR_LOGICAL', direction: string) =>
  elementwise({ name, opcode, onnx: 'BitShift', attributes: { direction }, rule: null });
export const shiftLeftP = shift('shift_left', 'SHL', 'LEFT');
export const shiftRightLogicalP = shift('shift_right_logical', 'SHR_LOGICAL', 'RIGHT');

/** `where(predicate, x, y)`: the first input is boolean. */
export const selectP = elementwise({
  name: 'select', opcode: 'SELECT', onnx: 'Where', chooses: true,
  result: ([p, ...rest]) => {
    if (p.dtype !== 'bool') throw new TypeError(`select: expected a bool predicate, got ${p.dtype}; compare it with 0 first.`);
    return requireSameDType('select', rest);
  },
  rule: (ct, [p]) => [null, () => select(p, ct, lift(0, ct.dtype)), () => select(p, lift(0, ct.dtype), ct)],
});
export const isFiniteP = elementwise({
  name: 'is_finite', opcode: 'IS_FINITE', rule: null, result: ([a]) => { requireFloat('isFinite', a); return 'bool'; },
  onnx: (g, [x]) => g.node('Not', [g.node('Or', [g.node('IsInf', [x]), g.node('IsNaN', [x])])]),
});
export const nextAfterP = elementwise({ name: 'nextafter', opcode: 'NEXT_AFTER', rule: null,
  result: (inputs) => {
    const dtype = requireSameDType('nextafter', inputs);
    if (dtype !== 'float32' && dtype !== 'float64') throw new TypeError(`nextafter: expected float32 or float64, got ${dtype}.`);
    return dtype;
  },
  onnx: () => { throw new TypeError('nextafter has no standard ONNX operator and cannot be written to a file for others.'); } });

export const add = binaryFunction(addP, (x, y) => x + y);
export const sub = binaryFunction(subP, (x, y) => x - y);
export const mul = binaryFunction(mulP, (x, y) => x * y);
export const div = binaryFunction(divP, (x, y) => x / y);
export const rem = binaryFunction(remP);
export const pow = binaryFunction(powP);
export const max = binaryFunction(maxP);
export const min = binaryFunction(minP);
export const neg = (x: Operand): NDArray => (x instanceof Scalar && x.dtype === 'float32' ? new Scalar(-Number(x.value), 'float32', x.weakType) : unaryFunction(negP)(x));
export const abs = unaryFunction(absP);
export const sign = unaryFunction(signP);
export const square = unaryFunction(squareP);
export const eq = binaryFunction(eqP);
export const ne = binaryFunction(neP);
export const lt = binaryFunction(ltP);
export const le = binaryFunction(leP);
export const gt = binaryFunction(gtP);
export const ge = binaryFunction(geP);
export const bitwiseAnd = binaryFunction(andP);
export const bitwiseOr = binaryFunction(orP);
export const bitwiseXor = binaryFunction(xorP);
export const bitwiseNot = unaryFunction(notP);
export const shiftLeft = binaryFunction(shiftLeftP);
export const shiftRightLogical = binaryFunction(shiftRightLogicalP);
export const isFinite = unaryFunction(isFiniteP);
export const nextafter = binaryFunction(nextAfterP);
/** `a * b + c`, rounded once. */
export const fma = (a: Operand, b: Operand, c: Operand): NDArray => bind(fmaP, liftAll('fma', a, b, c))[0];
/** `predicate ? x : y`, elementwise. */
export const select = (predicate: NDArray, x: Operand, y: Operand): NDArray => bind(selectP, [predicate, ...liftAll('select', x, y)])[0];
/** Towards zero. */
export const truncate = (x: NDArray): NDArray => (isFloat(x.dtype) ? select(lt(x, 0), ceil(x), floor(x)) : x);

export const floorP = elementwise({ name: 'floor', opcode: 'FLOOR', onnx: 'Floor', rule: () => [null] });
export const ceilP = elementwise({ name: 'ceil', opcode: 'CEIL', onnx: 'Ceil', rule: () => [null] });
export const roundP = elementwise({ name: 'round', opcode: 'ROUND_EVEN', onnx: 'Round', rule: () => [null] });
export const floor = unaryFunction(floorP);
export const ceil = unaryFunction(ceilP);
export const round = unaryFunction(roundP);

/** The angle of the point (y, x): first the ordinate, as in C. */
export const atan2P = elementwise({
  name: 'atan2', opcode: 'ATAN2', rule: (ct, [x, y]) => [() => mul(ct, div(y, add(square(x), square(y)))), () => mul(ct, neg(div(x, add(square(x), square(y)))))],
  onnx: () => { throw new TypeError('atan2 has no standard ONNX operator and cannot be written to a file for others.'); },
});
export const atan2 = binaryFunction(atan2P);
