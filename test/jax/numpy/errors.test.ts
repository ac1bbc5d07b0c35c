import { expect } from 'chai';
import { jit, lax, numpy as jnp, random, vmap, type Array } from '../../../lib/jax/index.js';
import { HokkuError } from '../../../lib/runtime/errors.js';
import { thrown } from '../helpers.js';

const int = (...xs: number[]): Array => jnp.array(Int32Array.from(xs));
const x = jnp.zeros([2, 3]);
const v = jnp.zeros([3]);

/** What is refused, with the error's name and what its sentence says. */
const TABLE: readonly (readonly [() => unknown, string, RegExp])[] = [
  [() => jnp.einsum('ij,jk->ik', x), 'ValueError', /einsum: 2 terms in 'ij,jk->ik' do not fit 1 operands/], [() => jnp.einsum('ij', v), 'ShapeError', /einsum: the term 'ij'.*operand 0 of shape \[3\]/], [() => jnp.einsum('ij,jk', x, x), 'ShapeError', /einsum: the label 'j' has size 3 and, in operand 1 of shape \[2,3\], 2/],
  [() => jnp.einsum('i->j', v), 'ValueError', /the label 'j' of the result.*in no term/], [() => jnp.einsum('i->ii', v), 'ValueError', /a label repeats in the result/], [() => jnp.einsum('i1', x), 'ValueError', /'1' in 'i1' is no label/], [() => jnp.einsum('i->i->i', v), 'ValueError', /at most one '->'/], [() => jnp.einsum('ii', x), 'ShapeError', /label 'i'/],
  [() => jnp.einsum('i'), 'ValueError', /at least one operand/], [() => jnp.einsum('i', v, { optimise: true } as never), 'TypeError', /did you mean 'optimize'/], [() => jnp.hstack([]), 'ShapeError', /hstack: expected at least one array/], [() => jnp.concatenate([x, v]), 'ShapeError', /concatenate: expected arrays of one rank/], [() => jnp.split(v, 2), 'ShapeError', /split: axis 0 of size 3 cannot be split into 2 equal parts/],
  [() => jnp.roll(x, [1, 2, 3], { axis: [0, 1] }), 'ShapeError', /roll: 3 shifts do not fit 2 axes/], [() => jnp.rot90(v), 'ShapeError', /rot90: axis 1 is out of range/], [() => jnp.rot90(x, { axes: [0, 0] }), 'ShapeError', /two different axes/], [() => jnp.matrixTranspose(v), 'ShapeError', /rank 2 or more/], [() => jnp.block([[v], v]), 'ShapeError', /different depths/],
  [() => jnp.pad(x, 1, { mode: 'mirror' as 'edge' }), 'ValueError', /pad: unknown mode 'mirror'; expected constant/], [() => jnp.pad(x, [[1, 1], [1, 1], [1, 1]]), 'ShapeError', /3 pairs were given for an array of rank 2/], [() => jnp.pad(x, -1), 'ShapeError', /whole numbers/], [() => jnp.pad(x, 1, { mode: 'mean', statLength: 0 }), 'ValueError', /statLength of 0/], [() => jnp.pad(jnp.zeros([0]), 1, { mode: 'edge' }), 'ShapeError', /is empty/],
  [() => jnp.quantile(v, 2), 'ValueError', /quantile: q must lie between 0 and 1, got 2/], [() => jnp.quantile(v, 0.5, { method: 'median' as 'linear' }), 'ValueError', /unknown method 'median'/], [() => jnp.quantile(v, x), 'ShapeError', /a number or a vector/], [() => jnp.quantile(v, 0.5, { weights: v }), 'ValueError', /weights need the method 'inverted_cdf'/], [() => jnp.median(jnp.zeros([0])), 'ShapeError', /median: axes \[0\] of \[0\] are empty/],
  [() => jnp.average(x, { weights: jnp.zeros([4]) }), 'ShapeError', /average: weights of shape \[4\]/], [() => jnp.cov(jnp.zeros([1, 2, 3])), 'ShapeError', /a vector or a matrix/], [() => jnp.bincount(v), 'TypeError', /bincount: expected integers, got float32/], [() => jnp.bincount(int(1), { weights: v }), 'ShapeError', /weights of shape \[3\] do not fit \[1\]/], [() => jnp.histogram(v, { bins: 0 }), 'ValueError', /positive number of bins/],
  [() => jnp.searchsorted(x, v), 'ShapeError', /searchsorted: expected a sorted vector, got shape \[2,3\]/], [() => jnp.searchsorted(v, v, { side: 'middle' as 'left' }), 'ValueError', /unknown side 'middle'/], [() => jnp.digitize(v, x), 'ShapeError', /bins must be a vector/], [() => jnp.select([v], [v]), 'TypeError', /conditions must be bool, got float32/], [() => jnp.select([], []), 'ValueError', /0 conditions/],
  [() => jnp.choose(int(5), [v, v]), 'ValueError', /5 is out of range for 2 choices/], [() => jnp.where(x.gt(0), x as never), 'TypeError', /either both or neither/], [() => jnp.compress(jnp.ones([9]), v), 'ShapeError', /condition of shape \[9\]/], [() => jnp.lexsort([v, x]), 'ShapeError', /keys have different shapes/], [() => jnp.interp(v, v, jnp.zeros([2])), 'ShapeError', /vectors of one length/],
  [() => jnp.nonzero(v, { size: -1 }), 'ShapeError', /size must be a whole number/], [() => jnp.nonzero(x, { size: 1, fillValue: [1, 2, 3] }), 'ShapeError', /3 fill values/], [() => jit((y: Array) => jnp.nonzero(y))(v), 'TracerError', /nonzero without size/], [() => jit((y: Array) => jnp.unique(y))(v), 'TracerError', /unique without size/], [() => jnp.unique(x, { axis: 2 }), 'ShapeError', /unique: axis 2/],
  [() => jnp.leftShift(v, 1), 'TypeError', /leftShift: expected integers, got float32/], [() => jnp.gcd(v, v), 'TypeError', /gcd: expected integers/], [() => jnp.invert(v), 'TypeError', /expected integers/], [() => jnp.unpackbits(int(1)), 'TypeError', /expected uint8/], [() => jnp.packbits(int(1), { bitorder: 'middle' as 'big' }), 'ValueError', /unknown bitorder/],
  [() => jnp.meshgrid(x), 'ShapeError', /meshgrid: expected vectors/], [() => jnp.meshgrid(v, { indexing: 'yx' as 'xy' }), 'ValueError', /unknown indexing 'yx'/], [() => jnp.ravelMultiIndex([int(5)], [3]), 'ValueError', /5 is out of range for axis 0 of size 3/], [() => jnp.ravelMultiIndex([int(1)], [3, 3]), 'ShapeError', /1 coordinates do not fit 2 axes/], [() => jnp.linspace(0, 1, -1), 'ShapeError', /linspace: num must be/],
  [() => jnp.delete(v, 7), 'ShapeError', /delete: 7 is out of range/], [() => jnp.insert(v, 9, 1), 'ShapeError', /insert: 9 is out of range/], [() => jnp.put(v, int(0), 1, { inplace: true }), 'ValueError', /immutable/], [() => jnp.putAlongAxis(x, int(0), 1, 0), 'ShapeError', /rank 1 do not fit/], [() => jnp.fillDiagonal(v, 1), 'ShapeError', /fillDiagonal/], [() => jnp.gradient(jnp.zeros([1])), 'ShapeError', /two elements or more/],
  [() => jnp.vdot(v, x), 'ShapeError', /different numbers of elements/], [() => jnp.inner(v, jnp.zeros([2])), 'ShapeError', /last axes/], [() => jnp.cross(jnp.zeros([4]), v), 'ShapeError', /2 or 3 elements, got 4 and 3/], [() => jnp.convolve(x, v), 'ShapeError', /convolve: expected two vectors/], [() => jnp.convolve(v, v, { mode: 'whole' as 'full' }), 'ValueError', /unknown mode 'whole'/],
  [() => jnp.tensordot(x, x, { axes: 3 }), 'ShapeError', /3 axes cannot be contracted/], [() => jnp.tensordot(x, x, { axes: [[0], [0, 1]] }), 'ShapeError', /two lists of one length/], [() => jnp.matvec(v, v), 'ShapeError', /matrices and vectors/], [() => jnp.polyfit(v, v, -1), 'ShapeError', /deg/], [() => jnp.polyval(x, v), 'ShapeError', /coefficients are a vector/],
  [() => jnp.vectorize(jnp.dot, { signature: 'n,n->' }), 'ValueError', /no signature/], [() => jnp.vectorize((a: Array) => a, { signature: '(n,m)->()' })(v), 'ShapeError', /fewer axes/], [() => jnp.vectorize((a: Array) => a, { signature: '(n)->()' })(v), 'ShapeError', /result 0 of shape \[3\]/], [() => jnp.piecewise(v, [v.gt(0)], []), 'ValueError', /0 functions do not fit 1 conditions/],
  [() => jnp.array([v, 1]), 'ShapeError', /array: a list holds arrays of shapes \[3\] and \[\]/], [() => jnp.finfo('int32'), 'TypeError', /finfo: expected a floating-point dtype, got int32/], [() => jnp.iinfo('float32'), 'TypeError', /iinfo/], [() => jnp.promoteTypes('float' as never, 'int8'), 'TypeError', /unknown dtype 'float'/], [() => jnp.isdtype('int8', 'integer'), 'TypeError', /unknown dtype 'integer'/], [() => jnp.partition(v, 3), 'ShapeError', /partition: axis 3/],
];

describe('jax.numpy: bad input', () => {
  it('is refused by name, with what was expected and given', () => {
    for (const [f, name, pattern] of TABLE) {
      const error = thrown(f);
      expect(error.name, `${String(f)}: ${error.message}`).to.equal(name);
      expect(error.message, String(f)).to.match(pattern);
    }
  });
});

describe('what is given wrongly is named', () => {
  const m = jnp.ones([3, 4]);
  const v = jnp.ones([3]);
  const key = random.PRNGKey(0);
  const refused: [string, () => unknown, RegExp][] = [
    ['eye', () => jnp.eye(-1), /^jnp\.eye: a shape is a list of whole numbers, got \[-1,-1\]/], ['tile', () => jnp.tile(m, -1), /^jnp\.tile: reps must be whole numbers from 0, got -1/],
    ['reshape', () => m.reshape([undefined as never]), /^jnp\.reshape: a shape is a list of whole numbers, got \[undefined\]/], ['reshape, no list', () => jnp.reshape(m, null as never), /^jnp\.reshape: .* got null/],
    ['full', () => jnp.full(['a' as never], 1), /^jnp\.full: .* got \[a\]/], ['broadcastTo', () => jnp.broadcastTo(v, [2.5]), /^jnp\.broadcastTo: .* got \[2\.5\]/],
    ['pad', () => lax.pad(v, 0, [[0, 0.1, 0]]), /^pad: expected whole numbers \[low, high, interior\], got \[0,0\.1,0\] for axis 0/], ['stack', () => jnp.stack([m, v]), /^jnp\.stack: expected arrays of one shape, got \[3,4\] and \[3\]/], ['zeros', () => jnp.zeros([2], { dtype: 'float31' as never }), /^jnp\.zeros: unknown dtype/],
    ['linspace', () => jnp.linspace(0, 1, {} as never), /^jnp\.linspace: num must be .* got \{\}/], ['bitwiseNot', () => lax.bitwiseNot(m), /^not: expected integers or bool, got float32/],
    ['a key', () => random.normal(3 as never, [2]), /^random\.normal: expected a key \(uint32\[2\]\), got number/], ['no key', () => random.normal(undefined as never, [2]), /^random\.normal: expected a key .* got undefined/],
    ['logits', () => random.categorical(key, 3 as never), /^random\.categorical: expected an array of logits/], ['padding', () => lax.convGeneralDilated(jnp.ones([1, 1, 4]), jnp.ones([1, 1, 2]), [1], 'FOO' as never), /^lax\.convGeneralDilated: unknown padding 'FOO'/],
    ['inAxes', () => vmap((a: Array) => a, { inAxes: [0, 0] })(m), /^vmap: inAxes has 2 entries, but the function was called with 1 argument;/], ['an option', () => jit((x: Array) => x, { static: 1 } as never), /^jit: unknown option 'static'\. The options are/],
  ];
  for (const [name, f, message] of refused) it(name, () => { expect(thrown(f).message).to.match(message); expect(thrown(f)).to.be.instanceOf(HokkuError); });

  it('a tracer that outlived its trace, outside any other', () => {
    let kept: Array | undefined;
    jit((x: Array) => (kept = x))(v);
    expect(thrown(() => kept!.add(1)).message).to.match(/^add was given a traced array \(f32\[3\]\) that was kept after its trace ended: return it/);
  });
});
