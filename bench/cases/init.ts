/** Initialising 25 million parameters, in both threefry modes; `haiku_init.py` is its twin. */
import * as hk from 'hokku';
import { config, jit, numpy as jnp, random, type Array } from 'hokku/jax';
import type { Variant } from '../protocol.js';

export function variants(): Record<string, Variant> {
  const f = hk.transform((x: Array) => new hk.nets.MLP([4096, 4096, 1220])(x));
  const x = jnp.zeros([1, 784]);
  const variant = (init: typeof f.init, partitionable: boolean): Variant => (steps) => {
    config.threefryPartitionable = partitionable;
    for (let i = 0; i < steps; i++) init(random.PRNGKey(i), x);
  };
  return {
    eager: variant(f.init, true),
    'eager, original': variant(f.init, false),
    jit: variant(jit(f.init), true),
    'jit, original': variant(jit(f.init), false),
  };
}
