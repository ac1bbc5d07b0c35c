/** Constant folding: arithmetic of numbers that are written into the program, rounded and wrapped as the engine does it. */
import { Literal, type Atom, type Equation, type Jaxpr } from '../core.js';
import type { DType } from '../dtypes.js';
import { rewrite } from './rewrite.js';

type Binary = (x: number, y: number) => number | boolean;
const COMPARISONS: Record<string, Binary> = {
  eq: (x, y) => x === y, ne: (x, y) => x !== y, lt: (x, y) => x < y, le: (x, y) => x <= y, gt: (x, y) => x > y, ge: (x, y) => x >= y,
};
/** A double rounded to float32 is the correctly rounded result of these. */
const FLOAT32: Record<string, Binary> = { add: (x, y) => x + y, sub: (x, y) => x - y, mul: (x, y) => x * y, div: (x, y) => x / y, ...COMPARISONS };
/** No division: what the engine makes of a zero divisor is its own. */
const INT32: Record<string, Binary> = { add: (x, y) => x + y, sub: (x, y) => x - y, mul: Math.imul, ...COMPARISONS };

const KINDS: Partial<Record<DType, { readonly operations: Record<string, Binary>; readonly round: (x: number) => number }>> = {
  float32: { operations: FLOAT32, round: Math.fround },
  int32: { operations: INT32, round: (x) => x | 0 },
};

function folded({ primitive, inputs, outputs: [out] }: Equation): readonly Atom[] | null {
  if (!inputs.length || !inputs.every((a): a is Literal => a instanceof Literal)) return null;
  const kind = KINDS[inputs[0].aval.dtype];
  if (!kind) return null;
  const [x, y] = inputs.map((a) => kind.round(Number(a.value)));
  const value = primitive.name === 'neg' ? -x : inputs.length === 2 ? kind.operations[primitive.name]?.(x, y) : undefined;
  if (value === undefined) return null;
  return [new Literal(typeof value === 'boolean' ? value : kind.round(value), out.aval)];
}

/** Sums, differences, products, quotients and comparisons of float32 and int32 constants become constants. */
export const foldConstants = (jaxpr: Jaxpr): Jaxpr => rewrite(jaxpr, folded);
