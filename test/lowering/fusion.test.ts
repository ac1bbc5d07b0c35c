import fc from 'fast-check';
import { config, grad, jit, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { expectClose, leavesOf, onEveryEngine } from '../jax/helpers.js';
import { INPUTS, build, recipe } from '../jax/programs.js';

describe('fusion', () => {
  onEveryEngine('random programs compute as operation by operation', () => {
    fc.assert(fc.property(recipe, (r) => {
      const f = build(r);
      const eager = f(...INPUTS());
      jit(f, { engine: config.engine })(...INPUTS()).forEach((x, k) => expectClose(x, eager[k], 1e-4, `output ${k}`));
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 60), seed: 4 });
  });

  onEveryEngine('so do their gradients', () => {
    fc.assert(fc.property(recipe, (r) => {
      const f = build(r);
      const loss = (...xs: Array[]) => leavesOf(f(...xs)).map((x) => jnp.sum(x.astype('float32'))).reduce((a, b) => a.add(b)).mul(0.1);
      const g = grad(loss, { argnums: [0, 1, 3, 4] });
      // Summed in another place, so that the program is another one.
      const again = grad((...xs: Array[]) => loss(...xs).add(jnp.mean(jnp.exp(xs[6])).mul(jnp.sum(xs[1]))), { argnums: [0, 1, 3, 4] });
      const extra = jnp.mean(jnp.exp(INPUTS()[6]));
      const [a, b] = [jit(g)(...INPUTS()), again(...INPUTS())] as [Array[], Array[]];
      a.forEach((x, k) => expectClose(b[k], k === 1 ? x.add(extra) : x, 1e-3, `gradient ${k}`));
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 25), seed: 5 });
  });
});
