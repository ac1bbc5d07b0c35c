import { expect } from 'chai';
import fc from 'fast-check';
import { grad, numpy as jnp, type Array as JaxArray } from '../../lib/jax/index.js';
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

  describe('of what is no number, or of labels there are none of, is as recorded from Optax 0.2.8', () => {
    const [n, i] = [NaN, Infinity];
    const odd = () => jnp.asarray([[1, 2, 3], [n, 2, 3], [-i, 2, 3], [i, 1, 2], [-i, -i, -i]]);
    const masked = () => jnp.broadcastTo(jnp.asarray([false, true, true]), [5, 3]);
    const labelled = (label: number) => int(Array(5).fill(label));
    const dense = (row: number[]) => jnp.broadcastTo(jnp.asarray(row), [5, 3]);
    const check = (f: (x: JaxArray) => JaxArray, values: number[], gradients: number[], x = odd()): void => {
      expectClose(f(x), values);
      expectClose(grad((y: JaxArray) => jnp.sum(f(y)))(x), gradients);
    };
    it('integer labels', () => {
      // Without the infinite logit, beside which Optax has an infinite loss where ours is NaN.
      const some = jnp.asarray([[1, 2, 3], [n, 2, 3], [-i, 2, 3], [-i, -i, -i]]);
      const loss = (label: number) => (x: JaxArray) => optax.softmaxCrossEntropyWithIntegerLabels(x, int(Array(4).fill(label)));
      for (const label of [0, -3]) check(loss(label), [2.40761, n, i, n], [-0.90997, 0.24473, 0.66524, n, n, n, -1, 0.26894, 0.73106, n, n, n], some);
      for (const label of [2, -1]) check(loss(label), [0.40761, n, 0.31326, n], [0.09003, 0.24473, -0.33476, n, n, n, 0, 0.26894, -0.26894, n, n, n], some);
      for (const label of [3, -4, 2 ** 31 - 1, -(2 ** 31)]) check(loss(label), [n, n, n, n], [0.09003, 0.24473, 0.66524, n, n, n, 0, 0.26894, 0.73106, n, n, n], some);
      const kept = [-1, 0.26894, 0.73106];
      check((x) => optax.softmaxCrossEntropyWithIntegerLabels(x, labelled(0), { where: masked() }), [2.31326, n, i, -i, n], [...kept, ...kept, ...kept, ...kept, -1, n, n]);
    });
    it('probabilities', () => {
      check((x) => optax.softmaxCrossEntropy(x, dense([0, 0.5, 0.5])), [0.90761, n, n, n, n],
        [0.09003, -0.25527, 0.16524, n, n, n, 0, -0.23106, 0.23106, n, n, n, n, n, n]);
      check((x) => optax.safeSoftmaxCrossEntropy(x, dense([0, 0.5, 0.5])), [0.90761, n, 0.81326, n, n],
        [0.09003, -0.25527, 0.16524, n, n, n, 0, -0.23106, 0.23106, n, n, n, n, n, n]);
      check((x) => optax.softmaxCrossEntropy(x, dense([0, 0, 0])), [-0, n, n, n, n], [-0, -0, -0, n, n, n, -0, -0, -0, n, n, n, n, n, n]);
      check((x) => optax.safeSoftmaxCrossEntropy(x, dense([0, 0, 0])), [-0, -0, -0, -0, -0], [0, 0, 0, n, n, n, 0, 0, 0, n, n, n, n, n, n]);
    });
    it('probabilities of some classes, where the label of another is no number', () => {
      const kept = [0, -0.73106, 0.73106];
      check((x) => optax.softmaxCrossEntropy(x, dense([n, 1, 0]), { where: masked() }), [1.31326, 1.31326, 1.31326, 1.31326, n], [...kept, ...kept, ...kept, ...kept, 0, n, n]);
    });
  });

  it('sparsemax losses of labels out of range are those of indexing, as recorded from Optax 0.2.8', () => {
    const scores = jnp.asarray([[0.44, -0.33, 2.43], [-0.25, 0.11, 1.58], [-0.91, -0.59, 0.19], [-0.33, -1.19, -0.2]]);
    const loss = (x: JaxArray) => optax.losses.multiclassSparsemaxLoss(x, int([0, 3, -1, 5]));
    expectClose(loss(scores), [1.99, 0.0, 0.0121, 0.189225]);
    expectClose(grad((x: JaxArray) => jnp.sum(loss(x)))(scores), [-1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.11, -0.11, 0.435, 0.0, -0.435]);
  });
  it('CTC losses of half precision are float32, as in Optax', () => {
    const [logits, none, labels] = [jnp.zeros([1, 3, 3]).astype('bfloat16'), jnp.zeros([1, 3]), int([[1, 2]])];
    const loss = optax.ctcLoss(logits, none, labels, jnp.zeros([1, 2]));
    expect(loss.dtype).to.equal('float32');
    expectClose(loss, [1.6952496], { rtol: 1e-6 });
    expect((grad((x: JaxArray) => jnp.sum(optax.ctcLoss(x, none, labels, jnp.zeros([1, 2]))))(logits) as JaxArray).dtype).to.equal('bfloat16');
  });

  it('is also found under losses', () => expect(optax.losses.softmaxCrossEntropy).to.equal(optax.softmaxCrossEntropy));
});
