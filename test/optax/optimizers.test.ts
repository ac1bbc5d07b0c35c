import { expect } from 'chai';
import fc from 'fast-check';
import { jit, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TypeError, ValueError } from '../../lib/runtime/errors.js';
import { expectClose, numbers } from './helpers.js';

const params = () => ({ linear: { b: jnp.asarray([0.5, -1]), w: jnp.asarray([[1, 2], [-3, 4]]) } });
const grads = () => ({ linear: { b: jnp.asarray([1, -2]), w: jnp.asarray([[0.5, 0], [3, -1]]) } });
const P = [0.5, -1, 1, 2, -3, 4];
const G = [1, -2, 0.5, 0, 3, -1];

/** The parameters after several steps with the same gradients. */
function run(opt: optax.GradientTransformation, steps = 1) {
  let p = params();
  let state = opt.init(p);
  for (let i = 0; i < steps; i++) {
    const [updates, next] = opt.update(grads(), state, p);
    [p, state] = [optax.applyUpdates(p, updates), next];
  }
  return { p, state };
}

describe('optimizers', () => {
  it('sgd subtracts the rate times the gradient', () => {
    expectClose(run(optax.sgd(0.1)).p, P.map((p, i) => p - 0.1 * G[i]!));
  });

  it('sgd with momentum accumulates a geometric series', () => {
    const { p, state } = run(optax.sgd(0.1, { momentum: 0.9 }), 3);
    expectClose(state[0].trace, G.map((g) => g * (1 + 0.9 + 0.81)));
    expectClose(p, P.map((x, i) => x - 0.1 * G[i]! * (1 + 1.9 + 2.71)));
  });

  it('sgd with Nesterov\'s momentum looks one step further', () => {
    expectClose(run(optax.sgd(0.1, { momentum: 0.9, nesterov: true }), 2).p, P.map((x, i) => x - 0.1 * G[i]! * ((1 + 0.9) + (1 + 0.9 * 1.9))));
  });

  it('adam follows its definition (property)', () => {
    const hyper = fc.record({
      b1: fc.double({ min: 0, max: 0.99, noNaN: true }), b2: fc.double({ min: 0.5, max: 0.9999, noNaN: true }), nesterov: fc.boolean(),
      weightDecay: fc.constantFrom(0, 0.1), gradients: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(fc.property(hyper, ({ b1, b2, nesterov, weightDecay, gradients }) => {
      const opt = optax.adamw(0.1, { b1, b2, eps: 1e-3, epsRoot: 1e-4, nesterov, weightDecay });
      let p = { w: jnp.asarray([1.5]) };
      let state = opt.init(p);
      let [w, m, v] = [1.5, 0, 0];
      gradients.forEach((n, i) => {
        const g = n / 10;
        const [updates, next] = opt.update({ w: jnp.asarray([g]) }, state, p);
        [p, state] = [optax.applyUpdates(p, updates), next];
        const t = i + 1;
        [m, v] = [b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g];
        const mHat = nesterov ? (b1 * m) / (1 - b1 ** (t + 1)) + ((1 - b1) * g) / (1 - b1 ** t) : m / (1 - b1 ** t);
        w -= 0.1 * (mHat / (Math.sqrt(v / (1 - b2 ** t) + 1e-4) + 1e-3) + weightDecay * w);
      });
      // 1 - b ** t loses digits in float32 where b is close to 1.
      expectClose(p, [w], { rtol: 2e-3, atol: 2e-4 });
      expect(numbers(state[0].count)).to.deep.equal([gradients.length]);
    }), { numRuns: 25 });
  });

  it('nadam and nadamw are adam and adamw with Nesterov\'s momentum', () => {
    expectClose(run(optax.nadam(0.1), 2).p, numbers(run(optax.adam(0.1, { nesterov: true }), 2).p));
    expectClose(run(optax.nadamw(0.1), 2).p, numbers(run(optax.adamw(0.1, { nesterov: true }), 2).p));
  });

  it('adamw decays where the mask says', () => {
    const mask = (p: unknown) => tree.map((x: Array) => x.ndim > 1, p);
    const plain = numbers(run(optax.adam(0.1)).p);
    const decayed = run(optax.adamw(0.1, { weightDecay: 0.5, mask })).p;
    expectClose(decayed, plain.map((x, i) => (i < 2 ? x : x - 0.1 * 0.5 * P[i]!)));
    expectClose(run(optax.adamw(0.1, { weightDecay: 0.5, mask: { linear: { b: false, w: true } } })).p, numbers(decayed));
  });

  it('keep their state in the dtypes asked for', () => {
    const state = run(optax.adam(0.1, { muDtype: 'bfloat16' }), 2).state;
    expect(state[0].mu.linear.w.dtype).to.equal('bfloat16');
    expect(state[0].nu.linear.w.dtype).to.equal('float32');
    expect(run(optax.sgd(0.1, { momentum: 0.9, accumulatorDtype: 'float64' })).state[0].trace.linear.w.dtype).to.equal('float64');
    expect(run(optax.sgd(0.1, { momentum: 0.9, accumulatorDtype: 'float64' })).p.linear.w.dtype).to.equal('float32');
  });

  it('have Optax\'s states', () => {
    const state = optax.adamw(0.1).init(params());
    expect(state).to.have.length(3);
    expect(state[0]).to.be.instanceOf(optax.ScaleByAdamState);
    expect(Object.keys(state[0])).to.deep.equal(['count', 'mu', 'nu']);
    expect(state[0].count.dtype).to.equal('int32');
    expect(state[1]).to.be.instanceOf(optax.EmptyState);
    expect(tree.leaves(optax.sgd(0.1).init(params()))).to.deep.equal([]);
    const doubled = tree.map((x: Array) => jnp.add(x, 1), state);
    expect(doubled[0]).to.be.instanceOf(optax.ScaleByAdamState);
    expect(numbers(doubled[0].count)).to.deep.equal([1]);
  });

  it('take schedules, counted from 0', () => {
    const { p, state } = run(optax.sgd((count) => jnp.multiply(0.5, jnp.add(count, 1))), 2);
    expectClose(p, P.map((x, i) => x - (0.5 + 1) * G[i]!));
    expect(state[1]).to.be.instanceOf(optax.ScaleByScheduleState);
    expect(numbers(state[1].count)).to.deep.equal([2]);
    expectClose(run(optax.chain(optax.addDecayedWeights({ weightDecay: () => 0.5 }), optax.scale(-1))).p, P.map((x, i) => x - G[i]! - 0.5 * x));
  });

  it('take learning rates that are arrays', () => {
    expectClose(run(optax.sgd(jnp.asarray(0.1))).p, P.map((p, i) => p - 0.1 * G[i]!));
  });

  it('can be traced', () => {
    const opt = optax.chain(optax.clipByGlobalNorm(1), optax.adamw(optax.linearSchedule(0.1, 0, 10)));
    const eager = run(opt);
    const step = jit((p: unknown, g: unknown, state: unknown) => {
      const [updates, next] = opt.update(g, state, p);
      return [optax.applyUpdates(p, updates), next];
    });
    const [p, state] = step(params(), grads(), opt.init(params())) as [unknown, unknown[]];
    expectClose(p, numbers(eager.p));
    expectClose(state, numbers(eager.state));
    expect((state[1] as unknown[])[0]).to.be.instanceOf(optax.ScaleByAdamState);
  });

  it('refuse what they cannot use', () => {
    expect(() => optax.sgd(NaN)).to.throw(ValueError, /learning rate.*NaN/);
    expect(() => optax.sgd(-Infinity)).to.throw(ValueError, /finite/);
    expect(() => optax.adam('0.1' as never)).to.throw(ValueError, /number/);
    expect(() => optax.adam(0.1, { b1: NaN })).to.throw(ValueError, /b1/);
    expect(() => optax.adam(0.1, { beta1: 0.9 } as never)).to.throw(TypeError, /beta1.*b1/);
    expect(() => optax.sgd(0.1, { weightDecay: 1 } as never)).to.throw(TypeError, /weightDecay/);
    expect(() => optax.sgd(0.1, 0.9 as never)).to.throw(TypeError, /options object/);
    expect(() => optax.chain(optax.sgd as never)).to.throw(ValueError, /call it first/);
    expect(() => optax.adamw(0.1).update(grads(), optax.adamw(0.1).init(params()))).to.throw(ValueError, /needs the parameters/);
    expect(() => optax.sgd(0.1).update(grads(), [])).to.throw(ValueError, /state that init made/);
  });
});

describe('clipping and norms', () => {
  const t = () => ({ b: jnp.asarray([3]), a: jnp.asarray([[-4, 0]]) });

  it('globalNorm sums over all leaves, and over none', () => {
    expectClose(optax.globalNorm(t()), [5]);
    expectClose(optax.globalNorm({}), [0]);
    expectClose(optax.tree.norm(t(), { ord: 1 }), [7]);
    expectClose(optax.tree.norm(t(), { ord: Infinity }), [4]);
    expectClose(optax.treeUtils.treeL2Norm(t(), { squared: true }), [25]);
    expect(() => optax.tree.norm(t(), { ord: 3 })).to.throw(ValueError, /ord/);
  });

  it('clipByGlobalNorm scales down only', () => {
    const clipped = (max: number) => optax.clipByGlobalNorm(max).update(t(), optax.clipByGlobalNorm(max).init(t()))[0];
    expectClose(clipped(1), [-0.8, 0, 0.6]);
    expect(numbers(clipped(10))).to.deep.equal(numbers(t()));
  });

  it('clip limits each number', () => {
    expectClose(optax.clip(2).update({ a: jnp.asarray([-5, 0.5, 3]) }, new optax.EmptyState({}))[0], [-2, 0.5, 2]);
  });
});

describe('small tools', () => {
  it('safeIncrement does not wrap around', () => {
    for (const [dtype, most] of [['int32', 2147483647], ['int8', 127], ['uint8', 255], ['uint32', 4294967295]] as const) {
      expect(numbers(optax.safeIncrement(jnp.asarray(0, { dtype }))), dtype).to.deep.equal([1]);
      expect(numbers(optax.safeIncrement(jnp.asarray(most, { dtype }))), dtype).to.deep.equal([most]);
      expect(optax.safeIncrement(jnp.asarray(1, { dtype })).dtype).to.equal(dtype);
    }
    for (const [dtype, most] of [['float16', 65504], ['float32', 3.4028234663852886e38]] as const) {
      expect(numbers(optax.safeIncrement(jnp.asarray([1.5, most, Infinity, NaN, -Infinity], { dtype })).astype('float32')), dtype).to.deep.equal([2.5, most, most, most, -Infinity]);
    }
    expect(() => optax.safeIncrement(jnp.asarray(true))).to.throw(TypeError);
  });

  it('incrementalUpdate and periodicUpdate', () => {
    const [a, b] = [{ x: jnp.asarray([1]) }, { x: jnp.asarray([3]) }];
    expectClose(optax.incrementalUpdate(a, b, 0.25), [2.5]);
    expectClose(optax.periodicUpdate(a, b, jnp.asarray(6, { dtype: 'int32' }), 3), [1]);
    expectClose(optax.periodicUpdate(a, b, jnp.asarray(7, { dtype: 'int32' }), 3), [3]);
  });
});
