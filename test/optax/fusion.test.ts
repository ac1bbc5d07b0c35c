/** The update of elementwise optimizers is one node that writes parameters and state into their own memory. */
import { expect } from 'chai';
import { jit, makeJaxpr, numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import { inlineCalls } from '../../lib/jax/programs.js';
import { pairDonated, planFusion } from '../../lib/lowering/fusion.js';
import * as optax from '../../lib/optax/index.js';

const SHAPES = { a: { w: [40, 60], b: [60] }, c: { w: [60, 50] } };
const params = (value = 0) => ({ a: { w: jnp.full(SHAPES.a.w, value, { dtype: 'float32' }), b: jnp.full(SHAPES.a.b, value, { dtype: 'float32' }) }, c: { w: jnp.full(SHAPES.c.w, value, { dtype: 'float32' }) } });
const updateOf = (opt: optax.GradientTransformation) => (p: any, state: any, grads: any): [any, any] => {
  const [updates, next] = opt.update(grads, state, p);
  return [optax.applyUpdates(p, updates), next];
};
const ELEMENTWISE: Record<string, () => optax.GradientTransformation> = {
  sgd: () => optax.sgd(0.1), momentum: () => optax.sgd(0.1, { momentum: 0.9, nesterov: true }), adam: () => optax.adam(0.1), adamw: () => optax.adamw(0.1), amsgrad: () => optax.amsgrad(0.1),
  adamax: () => optax.adamax(0.1), adabelief: () => optax.adabelief(0.1), radam: () => optax.radam(0.1), yogi: () => optax.yogi(0.1), lion: () => optax.lion(0.1), adagrad: () => optax.adagrad(0.1),
  rmsprop: () => optax.rmsprop(0.1, { momentum: 0.9 }), adadelta: () => optax.adadelta({ learningRate: 1 }), rprop: () => optax.rprop(0.1), signum: () => optax.signum(0.1),
  'adamw, clipped, with a schedule': () => optax.chain(optax.clipByGlobalNorm(1), optax.adamw(optax.warmupCosineDecaySchedule(0, 1e-3, 10, 100))),
};

describe('fused optimizers', () => {
  for (const [name, make] of Object.entries(ELEMENTWISE)) {
    it(`${name}: all arrays of parameters and moments change in place, in one node`, () => {
      const opt = make();
      const state = opt.init(params());
      const closed = makeJaxpr(updateOf(opt))(params(), state, params());
      const jaxpr = inlineCalls(closed.jaxpr);
      const donated = tree.leaves([params(), state]).map((_, i) => closed.consts.length + i);
      const { steps, inPlace } = planFusion(jaxpr, pairDonated(jaxpr, donated));
      const arrays = (tree.leaves([params(), state]) as Array[]).filter((x) => x.ndim > 0).length;
      const own = [...inPlace.values()].filter((j) => jaxpr.inputs[j]!.aval.shape.length > 0);
      expect(own.length).to.equal(arrays);
      // Elsewhere numbers are computed, and a norm; nothing of a parameter's size is written.
      const large = steps.slice(0, -1).flatMap((s) => (s.kind === 'equation' ? s.equation.outputs : s.loops.flatMap((l) => l.stores.map((t) => t.atom)))).filter((a) => a.aval.shape.length > 0);
      expect(large.map((a) => String(a.aval.shape))).to.deep.equal([]);
      expect(steps.at(-1)!.kind).to.equal('fused');
    });
  }

  it('what two loops need of an old value is read before it is overwritten', () => {
    // Lion's sign and its average both read the old average, and both are written.
    const opt = optax.lion(0.1, { b1: 0.3, b2: 0.6, weightDecay: 0 });
    const step = jit(updateOf(opt), { donateArgnums: [0, 1] });
    let [p, state] = [params(1), opt.init(params())] as [any, any];
    const [grads, back] = [params(1), params(-0.2)];
    [p, state] = step(p, state, grads) as [any, any];   // average 0.4
    [p, state] = step(p, state, back) as [any, any];    // sign of 0.7 · -0.2 + 0.3 · 0.4 = -0.02; with the new average, 0.16, it would be the same only by chance
    const expected = 1 - 0.1 + 0.1;
    for (const leaf of tree.leaves(p) as Array[]) expect(Array_(leaf).every((x) => Math.abs(x - expected) < 1e-6)).to.equal(true);
    for (const leaf of tree.leaves(state[0].mu) as Array[]) expect(Array_(leaf).every((x) => Math.abs(x - 0.16) < 1e-6)).to.equal(true);
  });
});
const Array_ = (x: Array): number[] => globalThis.Array.from(x.data as Float32Array);
