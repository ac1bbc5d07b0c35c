/** Random numbers: from the key that `apply` is given. The engine's own generator is not used, so that a run can be repeated. */
import { lax, numpy as jnp, random, type Array } from '../../jax/index.js';
import type { DType } from '../../jax/dtypes.js';
import type { Call, Operator, Operators } from '../call.js';

const drawn = (f: (c: Call) => Array): Operator => ({ run: f, random: true });
const shapeOf = (c: Call): number[] => (c.has(0) ? c.x(0).shape : (c.list('shape') ?? []));
const typeOf = (c: Call): DType => c.dtype('dtype', c.has(0) ? c.x(0).dtype : 'float32');

const normal = drawn((c) => lax.convertElementType(lax.add(lax.mul(random.normal(c.run.key(c.where), shapeOf(c)), c.float('scale', 1)), c.float('mean', 0)), typeOf(c)));
const uniform = drawn((c) => lax.convertElementType(random.uniform(c.run.key(c.where), shapeOf(c), { minval: c.float('low', 0), maxval: c.float('high', 1) }), typeOf(c)));

export const RANDOM: Operators = {
  RandomNormal: normal, RandomNormalLike: normal, RandomUniform: uniform, RandomUniformLike: uniform,
  Bernoulli: drawn((c) => { const p = c.x(0); return lax.convertElementType(lax.lt(random.uniform(c.run.key(c.where), p.shape), lax.convertElementType(p, 'float32')), typeOf(c)); }),
  Multinomial: drawn((c) => {
    const logits = c.x(0);
    const n = c.int('sample_size', 1);
    const picks = random.categorical(c.run.key(c.where), jnp.broadcastTo(jnp.expandDims(logits, 1), [logits.shape[0], n, logits.shape[1]]));
    return lax.convertElementType(picks, c.dtype('dtype', 'int32'));
  }),
};
