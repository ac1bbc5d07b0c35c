import { numpy as jnp, random } from 'hokku/jax';
import type { Variant } from '../protocol.js';
import { classifier } from './classifier.js';
import type { Place } from './index.js';

export const variants = (place: Place): Record<string, Variant> => classifier({
  inputs: 1, sizes: [300, 100, 10], batchSize: 10, lr: 0.1,
  makeBatch: (i) => {
    const y = random.permutation(random.PRNGKey(i), 10);
    return [y.reshape([10, 1]).astype('float32'), jnp.asarray(y)];
  },
}, place);
