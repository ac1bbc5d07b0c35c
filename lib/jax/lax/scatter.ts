/** General scatters. Signatures are JAX's, by the argument rule. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError } from '../../runtime/errors.js';
import { range } from '../../runtime/range.js';
import { NDArray, Scalar, formatAval } from '../array.js';
import { dims, formatShape } from '../dims.js';
import { neg, select } from '../primitives/arithmetic.js';
import { gatherClamped } from '../primitives/indexing.js';
import { asArray, lift, type Operand } from '../primitives/primitive.js';
import { scatter as scatterRows, type ScatterMode } from '../primitives/scatter.js';
import { expandTo, reshape, transpose } from '../primitives/shape.js';
import { blockRows, drops, withBatching, type GatherScatterMode } from './slicing.js';

export interface ScatterDimensionNumbers {
  /** Axes of the updates that run over the windows. */
  readonly updateWindowDims: readonly number[];
  /** Axes of the operand that windows have one element of and updates lack. */
  readonly insertedWindowDims: readonly number[];
  /** The operand's axes that the components of an index belong to. */
  readonly scatterDimsToOperandDims: readonly number[];
  /** Axes of the operand that run together with those of the indices listed in `scatterIndicesBatchingDims`. */
  readonly operandBatchingDims?: readonly number[];
  readonly scatterIndicesBatchingDims?: readonly number[];
}
interface Batching { operandBatchingDims?: readonly number[]; scatterIndicesBatchingDims?: readonly number[] }
export const ScatterDimensionNumbers = (updateWindowDims: readonly number[], insertedWindowDims: readonly number[], scatterDimsToOperandDims: readonly number[], options?: Batching): ScatterDimensionNumbers =>
  ({ updateWindowDims, insertedWindowDims, scatterDimsToOperandDims, ...checkOptions('lax.ScatterDimensionNumbers', options, ['operandBatchingDims', 'scatterIndicesBatchingDims']) });

export interface ScatterOptions { indicesAreSorted?: boolean; uniqueIndices?: boolean; mode?: GatherScatterMode | null }
const OPTIONS = ['indicesAreSorted', 'uniqueIndices', 'mode'] as const;

/** The operand as rows, the row of every update, and the way back. */
function arranged(where: string, x: NDArray, given: NDArray, updateShape: readonly number[], dn: ScatterDimensionNumbers, mode: GatherScatterMode | null | undefined) {
  const { updateWindowDims, scatterDimsToOperandDims, operandBatchingDims = [], scatterIndicesBatchingDims } = dn;
  const missing = [...dn.insertedWindowDims, ...operandBatchingDims];
  const kept = range(x.ndim).filter((i) => !missing.includes(i));
  if (given.ndim < 1 || given.shape[given.ndim - 1] !== scatterDimsToOperandDims.length) {
    throw new ShapeError(`${where}: the last axis of the indices ${formatAval(given)} must have the ${scatterDimsToOperandDims.length} components of scatterDimsToOperandDims.`);
  }
  const lead = given.shape.slice(0, -1);
  const scatterDims = range(updateShape.length).filter((i) => !updateWindowDims.includes(i));
  const sizes = x.shape.map((_, i) => (missing.includes(i) ? 1 : updateShape[updateWindowDims[kept.indexOf(i)]]));
  const fits = kept.length === updateWindowDims.length && scatterDims.length === lead.length && scatterDims.every((d, k) => dims.equal(updateShape[d], lead[k]))
    && sizes.every((s, i) => dims.equal(s, x.shape[i]) || s <= x.shape[i]);
  if (!fits) throw new ShapeError(`${where}: updates of shape ${formatShape(updateShape)} do not fit indices ${formatAval(given)} into ${formatAval(x)} with updateWindowDims ${formatShape(updateWindowDims)} and insertedWindowDims ${formatShape(dn.insertedWindowDims)}.`);
  const { indices, axes } = withBatching(where, given, scatterDimsToOperandDims, operandBatchingDims, scatterIndicesBatchingDims);
  // Axes with windows smaller than they are become rows too.
  const order = range(x.ndim).filter((i) => axes.includes(i) || !dims.equal(sizes[i], x.shape[i]));
  const rest = range(x.ndim).filter((i) => !order.includes(i));
  const { rows, inside } = blockRows(where, x.shape, indices, axes, sizes, order);
  const grid = order.map((i) => sizes[i]);
  const index = inside && drops(where, mode, true) ? select(expandTo(reshape(inside, [...lead, ...grid.map(() => 1)]), rows.shape), rows, new Scalar(-1, 'int32', false)) : rows;
  const all = [...order, ...rest];
  return {
    source: reshape(transpose(x, all), [dims.size(order.map((i) => x.shape[i])), ...rest.map((i) => x.shape[i])]),
    index,
    updates: (u: NDArray) => reshape(transpose(u, [...scatterDims, ...all.filter((i) => !missing.includes(i)).map((i) => updateWindowDims[kept.indexOf(i)])]), [...lead, ...grid, ...rest.map((i) => x.shape[i])]),
    back: (y: NDArray) => transpose(reshape(y, all.map((i) => x.shape[i])), x.shape.map((_, i) => all.indexOf(i))),
  };
}

const scattering = (name: string, how: ScatterMode, map: (u: NDArray) => NDArray = (u) => u) =>
  (operand: NDArray, scatterIndices: NDArray, updates: Operand, dimensionNumbers: ScatterDimensionNumbers, options?: ScatterOptions): NDArray => {
    const { mode, uniqueIndices = false } = checkOptions(name, options, OPTIONS);
    const x = asArray(operand, name);
    const u = lift(updates, x.dtype);
    const { source, index, updates: arrange, back } = arranged(name, x, asArray(scatterIndices, name), u.shape, dimensionNumbers, mode);
    return back(scatterRows(source, index, arrange(map(u)), how, { distinct: uniqueIndices && mode === 'clip' }));
  };

/**
 * As `jax.lax.scatter`: writes a window of `updates` over `operand` for every index along the last axis of `scatterIndices`.
 * Windows that reach out are dropped, or moved inside with mode 'clip'. Where several write one element, the last one stays.
 */
export const scatter = scattering('lax.scatter', 'set');
/** As `scatter`; updates are added. */
export const scatterAdd = scattering('lax.scatterAdd', 'add');
/** As `scatter`; updates are subtracted. */
export const scatterSub = scattering('lax.scatterSub', 'add', neg);
/** As `scatter`; updates are multiplied. */
export const scatterMul = scattering('lax.scatterMul', 'mul');
/** As `scatter`; the smaller stays. */
export const scatterMin = scattering('lax.scatterMin', 'min');
/** As `scatter`; the larger stays. */
export const scatterMax = scattering('lax.scatterMax', 'max');

/** As `jax.lax.scatter_apply`: `func`, which works elementwise, is applied to the windows of `updateShape`, once to each element. */
export function scatterApply(operand: NDArray, scatterIndices: NDArray, func: (x: NDArray) => NDArray, dimensionNumbers: ScatterDimensionNumbers, options?: ScatterOptions & { updateShape?: readonly number[] }): NDArray {
  const where = 'lax.scatterApply';
  const { mode, updateShape = [] } = checkOptions(where, options, [...OPTIONS, 'updateShape']);
  const x = asArray(operand, where);
  const { source, index, back } = arranged(where, x, asArray(scatterIndices, where), updateShape, dimensionNumbers, mode);
  return back(scatterRows(source, index, func(gatherClamped(source, index, 0)), 'set'));
}
