/** What a training step costs before its first run: trace, gradients, passes, lowering and the engine's session. */
import * as hk from 'hokku';
import { grad, jit, numpy as jnp, random, tree, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import type { Variant } from '../protocol.js';

type Apply = (params: hk.Params, state: hk.State, x: Array) => readonly [logits: Array, state: hk.State];

/** Compiles a step of SGD again and again, each time with another rate: a program that is known would not be compiled. */
function compiling(init: (x: Array) => readonly [hk.Params, hk.State], apply: Apply, shape: number[], trainable: (module: string) => boolean): Variant {
  let rate = 0.1;
  return (steps) => {
    const x = jnp.zeros(shape);
    const y = jnp.zeros([shape[0]], { dtype: 'int32' });
    // Of zeros no random number is drawn.
    const [params, state] = jit((x: Array) => tree.map((a: Array) => jnp.zerosLike(a), init(x)) as [hk.Params, hk.State])(x);
    const [trained, frozen] = hk.dataStructures.partition(trainable, params);
    let ns = 0n;
    for (let i = 0; i < steps; i++) {
      const lr = (rate += 1e-6);
      const step = jit((trained: hk.Params, frozen: hk.Params, state: hk.State, x: Array, y: Array) => {
        const loss = (own: hk.Params) => {
          const [logits, next] = apply(hk.dataStructures.merge(own, frozen), state, x);
          return [jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, y)), next];
        };
        const [grads, next] = grad(loss, { hasAux: true })(trained);
        return [tree.map((p: Array, g: Array) => p.sub(g.mul(lr)), trained, grads), next];
      }, { donateArgnums: [0, 2] });
      const begin = process.hrtime.bigint();
      step.lower(trained, frozen, state, x, y);
      ns += process.hrtime.bigint() - begin;
    }
    return Number(ns);
  };
}

export function variants(): Record<string, Variant> {
  const mlp = hk.transformWithState((x: Array) => new hk.nets.MLP([300, 100, 10])(x));
  const resnet = hk.transformWithState((x: Array) => new hk.nets.ResNet50(1000)(x, true));
  const key = random.PRNGKey(42);
  return {
    notebook: compiling((x) => mlp.init(key, x), (params, state, x) => mlp.apply(params, state, null, x), [10, 1], (module) => module !== 'mlp/~/linear_1'),
    resnet50: compiling((x) => resnet.init(key, x), (params, state, x) => resnet.apply(params, state, null, x), [8, 224, 224, 3], () => true),
  };
}
