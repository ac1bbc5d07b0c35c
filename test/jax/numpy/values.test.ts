import { expect } from 'chai';
import { isArray, jit, numpy as jnp, vmap, type Array } from '../../../lib/jax/index.js';
import { flat, onEveryEngine } from '../helpers.js';

const int = (...xs: number[]): Array => jnp.array(Int32Array.from(xs));
const f32 = (...xs: number[]): Array => jnp.array(xs);
/** Every array with its dtype and elements, so that a table can be read. */
const shown = (x: unknown): unknown => (isArray(x) ? `${x.dtype}[${x.shape}] ${flat(x)}` : globalThis.Array.isArray(x) ? x.map(shown) : x);
type Row = readonly [what: string, actual: () => unknown, expected: unknown];

const v = f32(3, 1, 2, 2, 5, -1);
const sorted = f32(-1, 0.5, 1, 1, 2, 4);
const holes = f32(1, NaN, 3, NaN, NaN, 2).reshape([2, 3]);

const ROWS: readonly Row[] = [
  ['leftShift wraps', () => jnp.leftShift(jnp.array(Uint8Array.of(200, 3)), 3), 'uint8[2] 64,24'], ['leftShift by more than the width', () => jnp.leftShift(int(1, -1), int(40, -1)), 'int32[2] 0,0'], ['rightShift keeps the sign', () => jnp.rightShift(int(-7, 7, -7), int(1, 1, 40)), 'int32[3] -4,3,-1'],
  ['gcd', () => jnp.gcd(int(12, -18, 0, 7), int(18, 12, 5, 0)), 'int32[4] 6,6,5,7'], ['lcm', () => jnp.lcm(int(4, -6, 0), int(6, 4, 3)), 'int32[3] 12,12,0'], ['bitwiseCount', () => jnp.bitwiseCount(int(7, -3, 0)), 'uint8[3] 3,2,0'], ['invert', () => jnp.invert(int(0, -1, 5)), 'int32[3] -1,0,-6'],
  ['packbits', () => jnp.packbits(jnp.array([true, false, true, true, false, false, false, false, true])), 'uint8[2] 176,128'], ['unpackbits', () => jnp.unpackbits(jnp.array(Uint8Array.of(5)), { bitorder: 'little', count: 4 }), 'uint8[4] 1,0,1,0'],
  ['divmod', () => jnp.divmod(int(7, -7), 3), ['int32[2] 2,-3', 'int32[2] 1,2']], ['remainder of 0', () => jnp.remainder(int(5, -5), 0 as never), 'int32[2] 0,0'], ['frexp', () => jnp.frexp(f32(8, 0.3, 0, -5)), ['float32[4] 0.5,0.6000000238418579,0,-0.625', 'int32[4] 4,-1,0,3']],
  ['modf', () => jnp.modf(f32(2.5, -2.5)), ['float32[2] 0.5,-0.5', 'float32[2] 2,-2']], ['signbit', () => jnp.signbit(f32(0, -0, -1)), 'bool[3] 0,1,1'], ['nextafter', () => jnp.nextafter(f32(1), 2), 'float32[1] 1.0000001192092896'], ['heaviside', () => jnp.heaviside(f32(-1, 0, 2), 0.5), 'float32[3] 0,0.5,1'],
  ['fmax', () => jnp.fmax(f32(NaN, 1, NaN), f32(2, NaN, NaN)), 'float32[3] 2,1,NaN'], ['nanToNum', () => jnp.nanToNum(f32(NaN, Infinity, 1), { posinf: 9 }), 'float32[3] 0,9,1'], ['nanToNum of half floats', () => jnp.nanToNum(f32(Infinity).astype('float16')), 'float16[1] 65504'],
  ['isclose', () => jnp.isclose(f32(1, NaN, Infinity, 1), f32(1.000001, NaN, Infinity, 2), { equalNan: true }), 'bool[4] 1,1,1,0'], ['arrayEqual of shapes', () => jnp.arrayEqual(f32(1, 2), f32(1, 2, 3)), 'bool[] 0'], ['arrayEquiv', () => jnp.arrayEquiv(f32(1, 1), f32(1)), 'bool[] 1'],
  ['nonzero', () => jnp.nonzero(holes.eq(holes)), ['int32[3] 0,0,1', 'int32[3] 0,2,2']], ['nonzero with size', () => jnp.nonzero(v.gt(2), { size: 3, fillValue: -1 }), ['int32[3] 0,4,-1']], ['argwhere', () => jnp.argwhere(int(0, 2, 3)), 'int32[2,1] 1,2'], ['where alone', () => jnp.where(v.gt(2)), ['int32[2] 0,4']],
  ['flatnonzero of nothing', () => jnp.flatnonzero(f32()), 'int32[0] '], ['searchsorted', () => jnp.searchsorted(sorted, f32(1, -5, 9, NaN)), 'int32[4] 2,0,6,6'], ['searchsorted on the right', () => jnp.searchsorted(sorted, f32(1, -1), { side: 'right' }), 'int32[2] 4,1'],
  ['searchsorted by a sorter', () => jnp.searchsorted(v, f32(2), { sorter: jnp.argsort(v) }), 'int32[1] 2'], ['digitize falling', () => jnp.digitize(v, f32(4, 2, 0)), 'int32[6] 1,2,1,1,0,3'], ['lexsort', () => jnp.lexsort([f32(1, 0, 2), f32(5, 5, 1)]), 'int32[3] 2,1,0'],
  ['choose', () => jnp.choose(int(0, 1, 1), [f32(1, 2, 3), f32(4, 5, 6)]), 'float32[3] 1,5,6'], ['compress', () => jnp.compress(jnp.array([false, true]), v), 'float32[1] 1'], ['extract with size', () => jnp.extract(v.gt(2), v, { size: 3 }), 'float32[3] 3,5,0'], ['select with default', () => jnp.select([v.lt(0)], [v], { default: 7 }), 'float32[6] 7,7,7,7,7,-1'],
  ['unique', () => jnp.unique(int(3, 1, 3, 2), { returnIndex: true, returnInverse: true, returnCounts: true }), ['int32[3] 1,2,3', 'int32[3] 1,3,0', 'int32[4] 2,0,2,1', 'int32[3] 1,1,2']], ['unique with size', () => jnp.unique(int(3, 1, 3), { size: 4, fillValue: 9 }), 'int32[4] 1,3,9,9'],
  ['unique rows', () => jnp.unique(int(1, 2, 0, 9, 1, 2).reshape([3, 2]), { axis: 0 }), 'int32[2,2] 0,9,1,2'], ['unique NaN', () => jnp.unique(holes), 'float32[4] 1,2,3,NaN'], ['unique of nothing', () => jnp.unique(f32()), 'float32[0] '], ['setdiff1d', () => jnp.setdiff1d(v, sorted, { size: 3 }), 'float32[3] 3,5,0'],
  ['intersect1d', () => jnp.intersect1d(v, sorted, { returnIndices: true }), ['float32[3] -1,1,2', 'int32[3] 5,1,2', 'int32[3] 0,2,4']], ['union1d', () => jnp.union1d(f32(2, 1), f32(2, 3)), 'float32[3] 1,2,3'], ['setxor1d', () => jnp.setxor1d(f32(2, 1), f32(2, 3)), 'float32[2] 1,3'], ['isin', () => jnp.isin(v, sorted, { invert: true }), 'bool[6] 1,0,0,0,1,0'],
  ['bincount', () => jnp.bincount(int(0, 2, 2), { minlength: 4 }), 'int32[4] 1,0,2,0'], ['bincount beyond its length', () => jnp.bincount(int(0, 7), { length: 2 }), 'int32[2] 1,0'], ['histogram', () => jnp.histogram(v, { bins: 4 }), ['float32[4] 1,1,3,1', 'float32[5] -1,0.5,2,3.5,5']], ['histogram density', () => jnp.histogram(v, { bins: 2, range: [0, 4], density: true })[0], 'float32[2] 0.125,0.375'],
  ['median', () => jnp.median(v), 'float32[] 2'], ['nanmedian', () => jnp.nanmedian(holes, { axis: 1 }), 'float32[2] 2,2'], ['median with NaN', () => jnp.median(holes, { axis: 1 }), 'float32[2] NaN,NaN'], ['quantile of integers', () => jnp.quantile(int(1, 2, 4), f32(0.25, 1)), 'float32[2] 1.5,4'], ['percentile', () => jnp.percentile(v, 50, { method: 'lower' }), 'float32[] 2'],
  ['quantile with weights', () => jnp.quantile(v, 0.5, { method: 'inverted_cdf', weights: f32(9, 1, 1, 1, 1, 1) }), 'float32[] 3'], ['average returned', () => jnp.average(v, { weights: v, returned: true }), ['float32[] 3.6666667461395264', 'float32[] 12']], ['nansum', () => jnp.nansum(holes, { axis: 0 }), 'float32[3] 1,0,5'], ['nanmax of NaN', () => jnp.nanmax(holes, { axis: 0 }), 'float32[3] 1,NaN,3'],
  ['nanargmax', () => jnp.nanargmax(holes, { axis: 0 }), 'int32[3] 0,-1,0'], ['nanvar of few', () => jnp.nanvar(holes, { axis: 1, ddof: 1 }), 'float32[2] 2,NaN'], ['countNonzero', () => jnp.countNonzero(v, { axis: 0 }), 'int32[] 6'], ['ptp', () => jnp.ptp(int(3, -1)), 'int32[] 4'],
  ['cumprod of booleans', () => jnp.cumprod(jnp.array([true, false])), 'int32[2] 1,0'], ['cumulativeSum', () => jnp.cumulativeSum(int(1, 2), { includeInitial: true }), 'int32[3] 0,1,3'], ['diff of nothing', () => jnp.diff(f32()), 'float32[0] '], ['ediff1d', () => jnp.ediff1d(int(1, 4, 9), { toEnd: 0 }), 'int32[3] 3,5,0'],
  ['trapezoid', () => jnp.trapezoid(f32(1, 2, 3)), 'float32[] 4'], ['interp with period', () => jnp.interp(f32(4.5), f32(0, 2, 4), f32(1, 2, 3), { period: 5 }), 'float32[1] 2'], ['split at the end', () => jnp.split(f32(1, 2, 3), [1, 3]), ['float32[1] 1', 'float32[2] 2,3', 'float32[0] ']], ['arraySplit', () => jnp.arraySplit(f32(1, 2, 3), 2), ['float32[2] 1,2', 'float32[1] 3']],
  ['meshgrid', () => jnp.meshgrid(f32(1, 2), f32(3), { sparse: true }), ['float32[1,2] 1,2', 'float32[1,1] 3']], ['indices', () => jnp.indices([1, 2]), 'int32[2,1,2] 0,0,0,1'], ['ix_', () => jnp.ix_(int(0, 1), jnp.array([true, false, true])), ['int32[2,1] 0,1', 'int32[1,2] 0,2']], ['trilIndices', () => jnp.trilIndices(2), ['int32[3] 0,1,1', 'int32[3] 0,0,1']],
  ['ravelMultiIndex', () => jnp.ravelMultiIndex([int(1, 0), int(2, 5)], [2, 3], { mode: 'clip' }), 'int32[2] 5,2'], ['unravelIndex', () => jnp.unravelIndex(int(5, -1), [2, 3]), ['int32[2] 1,1', 'int32[2] 2,2']], ['maskIndices', () => jnp.maskIndices(2, jnp.triu), ['int32[3] 0,0,1', 'int32[3] 0,1,1']], ['diagIndices', () => jnp.diagIndices(2), ['int32[2] 0,1', 'int32[2] 0,1']],
  ['linspace of integers', () => jnp.linspace(0, 5, 4, { dtype: 'int32' }), 'int32[4] 0,1,3,5'], ['linspace with its step', () => jnp.linspace(0, 1, 3, { retstep: true }), ['float32[3] 0,0.5,1', 'float32[] 0.5']], ['logspace', () => jnp.logspace(0, 2, 3, { base: 2 }), 'float32[3] 1,2,4'], ['geomspace falling', () => jnp.geomspace(-8, -2, 3), 'float32[3] -8,-4,-2'], ['hanning', () => jnp.hanning(3), 'float32[3] 0,1,0'],
  ['like another shape', () => jnp.fullLike(int(1), 2.5, [2], { dtype: 'float32' }), 'float32[2] 2.5,2.5'], ['like another dtype', () => jnp.zerosLike(int(1), { dtype: 'bool' }), 'bool[1] 0'], ['insert', () => jnp.insert(int(1, 2, 3), int(1, 1), int(8, 9)), 'int32[5] 1,8,9,2,3'], ['delete a range', () => jnp.delete(int(1, 2, 3, 4), { start: 1, stop: 3 }), 'int32[2] 1,4'],
  ['put', () => jnp.put(int(1, 2, 3), int(0, 9), int(7)), 'int32[3] 7,2,7'], ['place', () => jnp.place(int(1, 2, 3), jnp.array([true, false, true]), int(8, 9)), 'int32[3] 8,2,9'], ['trimZeros', () => jnp.trimZeros(int(0, 1, 0, 2, 0), { trim: 'f' }), 'int32[4] 1,0,2,0'], ['fillDiagonal wraps', () => jnp.fillDiagonal(jnp.zeros([4, 1]), 1, { wrap: true }), 'float32[4,1] 1,0,1,0'],
  ['partition', () => jnp.partition(int(3, 1, 2), 0), 'int32[3] 1,3,2'], ['argpartition', () => jnp.argpartition(int(3, 1, 2), 0), 'int32[3] 1,0,2'], ['polyfit', () => jnp.round(jnp.polyfit(f32(0, 1, 2, 3), f32(1, 3, 5, 7), 1), { decimals: 3 }), 'float32[2] 2,1'], ['polyval of integers', () => jnp.polyval(int(1, 0, 2), int(3)), 'int32[1] 11'],
  ['convolve of integers', () => jnp.convolve(int(1, 2), int(1, 1)), 'float32[3] 1,3,2'], ['einsum of integers', () => jnp.einsum('ij,j', int(1, 2, 3, 4).reshape([2, 2]), int(1, 1)), 'int32[2] 3,7'], ['einsum interleaved', () => jnp.einsum(f32(1, 2), [0], f32(3, 4), [0], []), 'float32[] 11'], ['einsum of a diagonal and dots', () => jnp.einsum('...ii->...', jnp.ones([2, 3, 3])), 'float32[2] 3,3'],
  ['tensordot of single axes', () => jnp.tensordot(f32(1, 2), f32(3, 4), { axes: [0, -1] }), 'float32[] 11'], ['matmul to another dtype', () => jnp.matmul(int(1, 2), int(3, 4), { preferredElementType: 'float32' }), 'float32[] 11'], ['block', () => jnp.block([[int(1), int(2)], [int(3, 4)]]), 'int32[2,2] 1,2,3,4'], ['pad of integers', () => jnp.pad(int(1, 2, 4), 1, { mode: 'mean' }), 'int32[5] 2,1,2,4,2'],
  ['roll by an array', () => jnp.roll(int(1, 2, 3), int(1)), 'int32[3] 3,1,2'], ['rot90', () => jnp.rot90(int(1, 2, 3, 4).reshape([2, 2])), 'int32[2,2] 2,4,1,3'], ['broadcastShapes', () => jnp.broadcastShapes([2, 1], [3]), [2, 3]], ['concatenate in a row', () => jnp.concatenate([int(1, 2).reshape([2, 1]), f32(3)], { axis: null }), 'float32[3] 1,2,3'],
  ['array of arrays', () => jnp.array([[int(1).index(0), 2.5], [3, int(4).index(0)]]), 'float32[2,2] 1,2.5,3,4'], ['array with more axes', () => jnp.array([1, 2], { ndmin: 3 }), 'float32[1,1,2] 1,2'],
  ['fromfunction', () => jnp.fromfunction((i, j) => i.add(j), [2, 2], { dtype: 'int32' }), 'int32[2,2] 0,1,1,2'], ['applyOverAxes', () => jnp.applyOverAxes((x, axis) => jnp.sum(x, { axis }), jnp.ones([2, 3]), [0, 1]), 'float32[1,1] 6'], ['piecewise', () => jnp.piecewise(int(-1, 2), [int(-1, 2).lt(0)], [(x) => x.neg(), 5]), 'int32[2] 1,5'],
];

describe('jax.numpy: values', () => {
  onEveryEngine('as in NumPy and JAX', () => {
    for (const [what, actual, expected] of ROWS) expect(shown(actual()), what).to.deep.equal(expected);
  });

  it('what depends on values works inside jit and vmap where its size is given', () => {
    const f = (x: Array): Array[] => [jnp.nonzero(x.gt(1), { size: 4 })[0], jnp.unique(x, { size: 5 }), jnp.bincount(x, { length: 4 }), jnp.setdiff1d(x, int(1, 2), { size: 3 }), jnp.argwhere(x, { size: 2 }), jnp.searchsorted(jnp.sort(x), x), jnp.isin(x, int(2))];
    const x = int(3, 0, 2, 2, 3);
    expect(jit(f)(x).map(shown)).to.deep.equal(f(x).map(shown));
    const many = vmap(f)(jnp.stack([x, x.add(1)]));
    f(x.add(1)).forEach((y, i) => expect(shown(many[i].index(1))).to.equal(shown(y)));
  });

  it('methods are the functions', () => {
    const x = f32(3, 1, 2, 5).reshape([2, 2]);
    const pairs: [unknown, unknown][] = [
      [x.sort(), jnp.sort(x)], [x.argsort({ axis: 0 }), jnp.argsort(x, { axis: 0 })], [x.clip(2, 3), jnp.clip(x, 2, 3)], [x.cumsum({ axis: 1 }), jnp.cumsum(x, { axis: 1 })], [x.cumprod(), jnp.cumprod(x)], [x.flatten(), jnp.ravel(x)], [x.nonzero(), jnp.nonzero(x)], [x.ptp(), jnp.ptp(x)],
      [x.repeat(2, { axis: 0 }), jnp.repeat(x, 2, { axis: 0 })], [x.take(int(1), { axis: 1 }), jnp.take(x, int(1), { axis: 1 })], [x.trace(), jnp.trace(x)], [x.diagonal(), jnp.diagonal(x)], [x.swapaxes(0, 1), x.T], [x.mT, x.T], [x.all(), jnp.all(x)], [x.any({ axis: 0 }), jnp.any(x, { axis: 0 })], [x.round(), jnp.round(x)],
      [x.slice({ start: 1 }, 0), x.index({ start: 1 }, 0)], [x.compress(jnp.array([true, false]), { axis: 0 }), jnp.compress(jnp.array([true, false]), x, { axis: 0 })], [f32(1, 2).searchsorted(1.5), jnp.searchsorted(f32(1, 2), 1.5)], [x.copy(), x], [x.dot(x), jnp.dot(x, x)],
    ];
    pairs.forEach(([a, b], i) => expect(shown(a), String(i)).to.deep.equal(shown(b)));
  });

  it('dtypes', () => {
    expect([jnp.finfo('bfloat16').eps, jnp.finfo('float16').max, jnp.iinfo('int8').min, jnp.iinfo('uint64').max]).to.deep.equal([2 ** -7, 65504, -128, 2n ** 64n - 1n]);
    expect([jnp.resultType(int(1), 2.5), jnp.resultType('int8', 'uint8'), jnp.promoteTypes('bfloat16', 'float16')]).to.deep.equal(['float32', 'int16', 'float32']);
    expect([jnp.issubdtype('int8', 'integer'), jnp.issubdtype('float16', 'integer'), jnp.issubdtype('floating', 'inexact'), jnp.isdtype('uint8', ['bool', 'unsigned integer']), jnp.canCast('int32', 'float64'), jnp.canCast('float64', 'float32'), jnp.canCast('float64', 'float32', { casting: 'same_kind' })]).to.deep.equal([true, false, true, true, true, false, true]);
    expect([jnp.isscalar(2), jnp.isscalar(jnp.array(2)), jnp.isscalar(f32(2)), jnp.iterable(f32(2)), jnp.iterable(2), jnp.float32, jnp.bool]).to.deep.equal([true, true, false, true, false, 'float32', 'bool']);
  });
});
