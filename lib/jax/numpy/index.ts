/** `jax.numpy`. */
export * from './creation.js';
export * from './ufuncs.js';
export * from './floats.js';
export * from './integers.js';
export * from './comparisons.js';
export * from './types.js';
export * from './kinds.js';
export * from './spaces.js';
export * from './grids.js';
export * from './searching.js';
export * from './sets.js';
export * from './histograms.js';
export * from './updates.js';
export * from './reductions.js';
export * from './nan-reductions.js';
export * from './statistics.js';
export * from './running.js';
export * from './manipulation.js';
export * from './joining.js';
export * from './padding.js';
export { index, type Index, type Range } from './index-with.js';
export type { GetOptions, IndexMode, IndexUpdate, UpdateOptions } from './at.js';
export * from './products.js';
export { cross, convolve, correlate, inner, kron, matvec, vdot, vecdot, vecmat, type ConvolveOptions, type CrossOptions } from './contractions.js';
export type { ProductOptions } from './promotion.js';
export * from './einsum.js';
export * from './triangles.js';
export * from './polynomials.js';
export * from './functional.js';
export * as linalg from './linalg/index.js';
export * as fft from './fft.js';
export { isArray } from '../array.js';

import type { NDArray } from '../array.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { checkDType, type DType } from '../dtypes.js';
import { convertElementType } from '../primitives/convert.js';

export const inf = Infinity;
export const nan = NaN;
export const pi = Math.PI;
export const e = Math.E;
export const eulerGamma = 0.5772156649015329;
export const newaxis = null;
/** The shape as a list. */
export const shape = (x: Operand): number[] => [...asArray(x, 'jnp.shape').shape];
export const ndim = (x: Operand): number => asArray(x, 'jnp.ndim').ndim;
/** The elements converted to `dtype`. */
export const astype = (x: Operand, dtype: DType): NDArray => convertElementType(asArray(x, 'jnp.astype'), checkDType(dtype, 'jnp.astype'), false);
/** A copy: arrays are immutable, so it is the array itself. */
export const copy = (x: Operand): NDArray => asArray(x, 'jnp.copy');
