/** The update of 25 million parameters by an optimizer, given gradients; `haiku_optimizers.py` and `torch_optimizers.py` are its twins. */
import { jit, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import type { Variant } from '../protocol.js';

const SHAPES = [[784, 4096], [4096, 4096], [4096, 1220]];
const OPTIMIZERS: Record<string, () => optax.GradientTransformation> = {
  sgd: () => optax.sgd(1e-3),
  'sgd momentum': () => optax.sgd(1e-3, { momentum: 0.9 }),
  adamw: () => optax.adamw(1e-3),
  'adamw clipped': () => optax.chain(optax.clipByGlobalNorm(1), optax.adamw(optax.cosineDecaySchedule(1e-3, 1000))),
  rmsprop: () => optax.rmsprop(1e-3),
  lion: () => optax.lion(1e-4),
};

/** Parameters and state are donated: a step writes into their memory. */
function updateOf(opt: optax.GradientTransformation): (params: Array[], state: optax.OptState, grads: Array[]) => [Array[], optax.OptState] {
  return jit((params: Array[], state: optax.OptState, grads: Array[]) => {
    const [updates, next] = opt.update(grads, state, params);
    return [optax.applyUpdates(params, updates), next];
  }, { donateArgnums: [0, 1] }) as never;
}

function variant(opt: optax.GradientTransformation): Variant {
  const step = updateOf(opt);
  const make = (seed: number) => SHAPES.map((shape, i) => random.normal(random.PRNGKey(seed + i), shape));
  let carry: [Array[], optax.OptState, Array[]] | undefined;
  return (steps) => {
    if (!carry) { const params = make(0); carry = [params, opt.init(params), make(10)]; }
    for (let i = 0; i < steps; i++) carry = [...step(...carry), carry[2]];
  };
}

export const variants = (): Record<string, Variant> => Object.fromEntries(Object.entries(OPTIMIZERS).map(([name, make]) => [name, variant(make())]));
