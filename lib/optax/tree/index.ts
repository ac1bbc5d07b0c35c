/** `optax.tree`: arithmetic on whole trees, by Optax's names. */
export {
  treeAdd as add, treeAddScale as addScale, treeAllclose as allclose, treeBatchShape as batchShape, treeBiasCorrection as biasCorrection, treeClip as clip,
  treeConj as conj, treeDiv as div, treeFullLike as fullLike, treeMax as max, treeMin as min, treeMul as mul, treeNorm as norm, treeOnesLike as onesLike,
  treeReal as real, treeScale as scale, treeSize as size, treeSub as sub, treeSum as sum, treeUpdateInfinityMoment as updateInfinityMoment,
  treeUpdateMoment as updateMoment, treeUpdateMomentPerElemNorm as updateMomentPerElemNorm, treeVdot as vdot, treeWhere as where, treeZerosLike as zerosLike,
} from './math.js';
export {
  treeCast as cast, treeCastLike as castLike, treeDtype as dtype, treeRandomLike as randomLike, treeSplitKeyLike as splitKeyLike,
  treeUnwrapRandomKeyData as unwrapRandomKeyData,
} from './dtypes.js';
export { treeGet as get, treeGetAllWithPath as getAllWithPath, treeMapParams as mapParams, treeSet as set } from './state.js';
