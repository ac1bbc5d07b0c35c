/** `optax.tree_utils`: the older names of what is in `optax.tree`. */
import { treeAddScale, treeNorm, treeScale } from './math.js';
import type { Updates } from '../base.js';

export * from './math.js';
export * from './dtypes.js';
export * from './state.js';
/** Deprecated names. */
export const treeScalarMul = treeScale;
export const treeAddScalarMul = treeAddScale;
export const treeL1Norm = (x: Updates, options?: { squared?: boolean }) => treeNorm(x, { ...options, ord: 1 });
export const treeL2Norm = (x: Updates, options?: { squared?: boolean }) => treeNorm(x, { ...options, ord: 2 });
export const treeLinfNorm = (x: Updates, options?: { squared?: boolean }) => treeNorm(x, { ...options, ord: Infinity });
