import { expect } from 'chai';
import fc from 'fast-check';
import { numpy as jnp } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TypeError } from '../../lib/runtime/errors.js';
import { expectClose, numbers } from './helpers.js';

const int = (x: number[] | number[][]) => jnp.asarray(x, { dtype: 'int32' });
const logSumExp = (xs: number[]) => { const m = Math.max(...xs); return m + Math.log(xs.reduce((s, x) => s + Math.exp(x - m), 0)); };

describe('cross entropy', () => {
  const rows = [[1, 2, 3], [-50, 0, 80]];
  const logits = () => jnp.asarray(rows);

  it('of integer labels is the log-normaliser less the label\'s logit', () => {
    expectClose(optax.softmaxCrossEntropyWithIntegerLabels(logits(), int([0, 1])), [logSumExp(rows[0]!) - 1, 80]);
  });

  it('of one-hot labels is the same (property)', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 4, maxLength: 4 }), fc.nat(3)), { minLength: 1, maxLength: 3 }), (examples) => {
      const x = jnp.asarray(examples.map(([row]) => row.map((v) => v / 10)));
      const dense = jnp.asarray(examples.map(([, label]) => [0, 1, 2, 3].map((c) => (c === label ? 1 : 0))));
      expectClose(optax.softmaxCrossEntropyWithIntegerLabels(x, int(examples.map(([, label]) => label))), numbers(optax.softmaxCrossEntropy(x, dense)));
    }), { numRuns: 20 });
  });

  it('over another axis, or over several', () => {
    const expected = numbers(optax.softmaxCrossEntropyWithIntegerLabels(logits(), int([2, 0])));
    expectClose(optax.softmaxCrossEntropyWithIntegerLabels(jnp.transpose(logits()), int([2, 0]), { axis: 0 }), expected);
    const square = jnp.asarray([[[1, 2], [3, 4]]]);
    expectClose(optax.softmaxCrossEntropyWithIntegerLabels(square, int([3]), { axis: [1, 2] }), [logSumExp([1, 2, 3, 4]) - 4]);
    expectClose(optax.softmaxCrossEntropy(square, jnp.asarray([[[0, 0], [0, 1]]]), { axis: [-1, -2] }), [logSumExp([1, 2, 3, 4]) - 4]);
  });

  it('with some classes only', () => {
    const where = jnp.asarray([[true, true, false], [true, false, true]]);
    const expected = [logSumExp([1, 2]) - 2, 130];
    expectClose(optax.softmaxCrossEntropy(logits(), jnp.asarray([[0, 1, 0], [1, 0, 0]]), { where }), expected);
    expectClose(optax.softmaxCrossEntropyWithIntegerLabels(logits(), int([1, 0]), { where }), expected);
    expectClose(optax.softmaxCrossEntropyWithIntegerLabels(logits(), int([1, 0]), { where: jnp.asarray([[true, true, false], [false, false, false]]) }), [expected[0]!, 0]);
  });

  it('refuses other dtypes', () => {
    expect(() => optax.softmaxCrossEntropyWithIntegerLabels(int([[1, 2]]), int([0]))).to.throw(TypeError, /logits.*int32/);
    expect(() => optax.softmaxCrossEntropyWithIntegerLabels(logits(), jnp.asarray([0, 1]))).to.throw(TypeError, /labels.*float32/);
    expect(() => optax.softmaxCrossEntropyWithIntegerLabels(logits(), undefined as never)).to.throw(TypeError, /labels must be an array of integers, but got undefined/);
    expect(() => optax.softmaxCrossEntropy(logits(), logits(), { axes: 0 } as never)).to.throw(TypeError, /axes.*axis/);
  });

  it('is also found under losses', () => expect(optax.losses.softmaxCrossEntropy).to.equal(optax.softmaxCrossEntropy));
});
