import { random } from 'hokku/jax';
import type { Variant } from '../protocol.js';
import { classifier } from './classifier.js';
import type { Place } from './index.js';

export const variants = (place: Place): Record<string, Variant> => classifier({
  inputs: 784, sizes: [2048, 2048, 1000], batchSize: 128, lr: 0.01,
  makeBatch: (i) => {
    const [x, y] = [0, 1].map((part) => random.PRNGKey(2 * i + part));
    return [random.normal(x, [128, 784]), random.randint(y, [128], 0, 1000)];
  },
}, place);
