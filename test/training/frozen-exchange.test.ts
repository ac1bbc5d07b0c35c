import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep } from '../../lib/training/index.js';

/** One compiled step serves any frozen parameters of its types. */
describe('frozen parameters of a compiled step', () => {
  const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([8, 8, 3])(x)));
  const batch = random.normal(random.PRNGKey(0), [4, 5]);
  const params = (seed: number) => net.init(random.PRNGKey(seed), batch);
  const make = () => trainStep({ loss: (p, x) => jnp.mean(jnp.square(net.apply(p, x))), optimizer: optax.sgd(0.1), trainable: 'mlp/~/linear_0' });
  const numbers = (x: unknown) => tree.leaves(x).flatMap((a) => [...((a as Array).data as Float32Array)]);

  /** The result of a step that has seen nothing else. */
  const alone = (seed: number) => {
    const step = make();
    const [carry, { loss }] = step(step.init(params(seed)), batch);
    return [...numbers(carry.trainable), loss.item()];
  };

  it('are those of the tree that is given, in any order', () => {
    const step = make();
    const expected = new Map([1, 2, 3].map((seed) => [seed, alone(seed)]));
    for (const seed of [1, 2, 1, 3, 2, 1]) {
      const [carry, { loss }] = step(step.init(params(seed)), batch);
      const got = [...numbers(carry.trainable), loss.item()];
      got.forEach((x, i) => expect(x).to.be.closeTo(expected.get(seed)![i], 1e-6));
    }
  });

  it('may be exchanged between steps', () => {
    const step = make();
    const [first] = step(step.init(params(1)), batch);
    const other = step.init(params(2)).nonTrainable;
    const expected = trainStep({ loss: (p, x) => jnp.mean(jnp.square(net.apply(p, x))), optimizer: optax.sgd(0.1) });
    const whole = hk.dataStructures.merge(tree.map((x: Array) => jnp.array(x.data).reshape(x.shape), first.trainable), other);
    const { loss } = step({ ...first, nonTrainable: other }, batch)[1];
    expect(loss.item()).to.be.closeTo(expected(expected.init(whole), batch)[1].loss.item(), 1e-6);
  });
});
