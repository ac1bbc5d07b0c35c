/** Matrix decompositions, by operators of our own. */
export { qr, qrFull } from './qr.js';
export { cholesky, triangularSolve, type Triangle } from './triangular.js';
export { determinant, inversePermutation, lu, permuteRows, pivotsToPermutation, solve } from './lu.js';
export { eigh, eigvalsh } from './eigh.js';
export { pinv, svd, svdvals } from './svd.js';
export { column, eachMatrix, identity, lowerPart, mT, onDiagonal, product, row, symmetrize, upperPart } from './common.js';
