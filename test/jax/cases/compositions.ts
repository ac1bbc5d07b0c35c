/** Thin compositions: structured matrices, reflections and bands, exchanges along named axes, counts. */
import { lax, numpy as jnp, scipy, vmap, type Array } from '../../../lib/jax/index.js';
import { indices, moves, unary, type Case } from './base.js';

const { linalg, special } = scipy;
const along = (f: (x: Array) => Array) => (x: Array): Array => vmap(f, { axisName: 'named' })(x) as Array;

export const COMPOSITIONS: readonly Case[] = [
  moves('toeplitz', (c, r) => linalg.toeplitz(c, r), [2, 3], [4]), moves('hankel', (c, r) => linalg.hankel(c, r), [3], [2, 2]), moves('circulant', linalg.circulant, [2, 4]),
  moves('leslie', linalg.leslie, [4], [3]), moves('convolutionMatrix', (a) => linalg.convolutionMatrix(a, 4, { mode: 'same' }), [3]),
  { name: 'fiedler', f: linalg.fiedler, shapes: [[4]], low: 0, high: 1 }, { name: 'companion', f: linalg.companion, shapes: [[4]], low: 1, smooth: true },
  { name: 'fiedlerCompanion', f: linalg.fiedlerCompanion, shapes: [[2, 6]], low: 1, smooth: true },
  { name: 'householderProduct', f: lax.linalg.householderProduct as Case['f'], shapes: [[4, 3], [2]], smooth: true },
  { name: 'choleskyUpdate', f: (r, w) => lax.linalg.choleskyUpdate(jnp.triu(r), w), shapes: [[3, 3], [3]], low: 0.5, smooth: true, own: true },
  { name: 'tridiagonalSolve', f: (l, u, b) => lax.linalg.tridiagonalSolve(l, jnp.array([0.2, 3, 0.5, 4]).astype(b.dtype), u, b), shapes: [[4], [4], [4, 2]], low: 0.7, high: 1.2, smooth: true },
  moves('ppermute', along((x) => lax.ppermute(x, 'named', [[0, 2], [2, 1]])), [3, 2]), moves('pshuffle', along((x) => lax.pshuffle(x, 'named', [2, 0, 1])), [3, 2]),
  moves('pbroadcast', along((x) => lax.pbroadcast(x, 'named', 1)), [3, 2]), moves('allToAll', along((x) => lax.allToAll(x, 'named', 1, 0, { tiled: true })), [2, 3, 4]),
  moves('pswapaxes', along((x) => lax.pswapaxes(x, 'named', 1)), [2, 3, 2]), { name: 'psumScatter', f: along((x) => lax.psumScatter(x, 'named', { scatterDimension: 1, tiled: true })), shapes: [[2, 3, 4]], smooth: true },
  { name: 'raggedDot', f: (x, y) => lax.raggedDot(x, y, indices(2, 1)), shapes: [[4, 2], [2, 2, 3]], smooth: true },
  { name: 'boxcox', f: special.boxcox, shapes: [[3], [3]], low: 0.5, smooth: true }, { name: 'boxcox1p', f: special.boxcox1p, shapes: [[3], [1]], low: 0.5, smooth: true },
  unary('poch', (x) => special.poch(x, 1.5), 0.5, 3), unary('comb', (x) => special.comb(jnp.add(x, 5), x), 0.5, 3),
];
