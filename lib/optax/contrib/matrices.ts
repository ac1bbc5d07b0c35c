/** Which axes of a parameter are the rows and columns of the matrix that an optimizer sees in it. */
import { tree, type Array } from '../../jax/index.js';
import { ShapeError } from '../../runtime/errors.js';
import type { Params } from '../base.js';
import { MaskedNode } from '../transforms/masking.js';

/** The axes that are summed over in a product with the parameter (0), and those that come out (1). */
export class DimensionNumbers {
  readonly reductionAxis: number | readonly number[];
  readonly outputAxis: number | readonly number[];
  constructor({ reductionAxis = 0, outputAxis = 1 }: { reductionAxis?: number | readonly number[]; outputAxis?: number | readonly number[] } = {}) {
    this.reductionAxis = reductionAxis;
    this.outputAxis = outputAxis;
  }
}
/** A tree of dimension numbers like the parameters, null for what is no matrix; one for all; or a function that gives a tree. */
export type WeightDimensionNumbers = DimensionNumbers | Params | ((params: Params) => Params | null);

const normalized = (axes: number | readonly number[], ndim: number): number[] => [axes].flat().map((a) => (a + ndim) % ndim);
const product = (ns: readonly number[]): number => ns.reduce((a, b) => a * b, 1);

export interface MatrixView {
  readonly rows: number;
  readonly columns: number;
  /** [batch, rows, columns] */
  toMatrices(x: Array): Array;
  back(x: Array): Array;
}
/** A parameter as a batch of matrices, and back. */
export function matrixView(where: string, x: Array, numbers: DimensionNumbers): MatrixView {
  const { ndim } = x;
  const shape = x.shape as number[];
  if (ndim < 2) throw new ShapeError(`${where}: a parameter of rank 2 or more was expected, but got [${shape}]; give it to another optimizer.`);
  const [reduced, out] = [normalized(numbers.reductionAxis, ndim), normalized(numbers.outputAxis, ndim)];
  if (reduced.some((a) => out.includes(a))) throw new ShapeError(`${where}: reductionAxis [${reduced}] and outputAxis [${out}] of a parameter [${shape}] must have no axis in common.`);
  const batch = shape.map((_, i) => i).filter((i) => !reduced.includes(i) && !out.includes(i));
  const order = [...batch, ...reduced, ...out];
  const sizes = (axes: number[]) => axes.map((a) => shape[a]!);
  const [rows, columns] = [product(sizes(reduced)), product(sizes(out))];
  const inverse = order.map((_, i) => order.indexOf(i));
  return {
    rows, columns,
    toMatrices: (y) => y.transpose(order).reshape([product(sizes(batch)), rows, columns]),
    back: (y) => y.reshape(sizes(order)).transpose(inverse),
  };
}

const isNumbers = (x: unknown): boolean => x instanceof DimensionNumbers;
/** What is said of every leaf; null for none. */
export function numbersOf(params: Params, given: WeightDimensionNumbers | null, isMatrix: (p: Array) => boolean): (DimensionNumbers | null)[] {
  const leaves = tree.leaves(params) as Array[];
  const numbers: unknown = typeof given === 'function' ? given(params) : given;
  if (numbers === null || numbers === undefined || isNumbers(numbers)) return leaves.map((p) => (isMatrix(p) ? (numbers as DimensionNumbers | null) ?? new DimensionNumbers() : null));
  // A tree that may end above the parameters, with null where there are no matrices.
  const out: (DimensionNumbers | null)[] = [];
  const walk = (n: unknown, x: unknown): void => {
    if (x instanceof MaskedNode) return;
    if (n === null || n === undefined || isNumbers(n)) { for (let i = tree.leaves(x).length; i > 0; i--) out.push((n as DimensionNumbers | null) ?? null); return; }
    if (globalThis.Array.isArray(x)) x.forEach((child, i) => walk((n as unknown[])[i], child));
    else Object.keys(x as object).sort().forEach((k) => walk((n as Record<string, unknown>)[k], (x as Record<string, unknown>)[k]));
  };
  walk(numbers, params);
  return out;
}
