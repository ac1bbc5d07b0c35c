/** Configurations to be run: a small classifier over fixed rows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../lib/runtime/native.js';

const lib = (path: string): string => JSON.stringify(pathToFileURL(join(packageRoot(), 'dist', 'lib', path)).href);
const from = (byName: boolean, name: string, path: string): string => (byName ? JSON.stringify(name) : lib(path));

/** A module whose default export is what `fields` say; `byName` imports the package, as a user's does. */
export const moduleOf = (fields: string, byName = false): string => `
  import * as hk from ${from(byName, 'hokku', 'index.js')};
  import * as optax from ${from(byName, 'hokku/optax', 'optax/index.js')};
  import { numpy as jnp, random } from ${from(byName, 'hokku/jax', 'jax/index.js')};
  import { data } from ${from(byName, 'hokku/training', 'training/index.js')};

  const net = hk.withoutApplyRng(hk.transform((x) => new hk.nets.MLP([16, 12, 5])(x)));
  const rows = (seed, n) => ({ x: random.normal(random.PRNGKey(seed), [n, 4]), y: random.randint(random.PRNGKey(seed + 1), [n], 0, 5) });
  const loss = (params, { x, y }) => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(net.apply(params, x), y));
  const model = { loss, optimizer: optax.adam(1e-2), trainable: '!mlp/~/linear_1', params: () => net.init(random.PRNGKey(42), jnp.zeros([1, 4])), rng: 7 };
  const metrics = (params, { x, y }) => ({ loss: loss(params, { x, y }), accuracy: jnp.mean(jnp.equal(jnp.argmax(net.apply(params, x), { axis: -1 }), y)) });
  const train = () => data.fromArrays(rows(1, 64)).shuffle({ seed: 3 }).batch(8).repeat();
  const test = () => data.fromArrays(rows(5, 32)).batch(8);
  export { loss, metrics, net, rows };
  export default ${fields};
`;
export const PLAIN = `{ ...model, data: train(), steps: 30, evaluation: { data: test(), every: 10, metrics }, checkpoint: { every: 10, keep: 10 } }`;

/** A folder inside the package, where a module can import the package by its name. */
export function configFolder(): (name: string, text: string) => string {
  let root: string;
  before(() => {
    mkdirSync(join(packageRoot(), 'out'), { recursive: true });
    root = mkdtempSync(join(packageRoot(), 'out', 'cli-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));
  let next = 0;
  return (name, text) => {
    const folder = join(root, String(next++));
    mkdirSync(folder);
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
}
