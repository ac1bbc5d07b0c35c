/** `optax.tree_utils`: the older names of what is in `optax.tree`. */
export { treeBiasCorrection, treeCast, treeNorm, treeNorm as treeL2Norm, treeUpdateMoment, treeZerosLike } from './tree-math.js';
