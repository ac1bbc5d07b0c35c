/** `optax.tree`: arithmetic on whole trees, by Optax's names. */
export {
  treeBiasCorrection as biasCorrection, treeCast as cast, treeCastLike as castLike, treeNorm as norm,
  treeUpdateMoment as updateMoment, treeZerosLike as zerosLike,
} from './tree-math.js';
