/** **initializers**: one initialiser, several shapes, types and seeds, with both modes of threefry. */
import { toleranceFor } from '../cases.js';
import { compareArray } from '../compare.js';
import { evaluate } from '../evaluate.js';
import { withThreefry, type Checking } from '../report.js';

export function checkInitializers(on: Checking): void {
  const { json } = on.it;
  const { hk, jax } = on.api;
  const consts = on.report.attempt('the constants', () => Object.fromEntries((json.consts ?? []).map((name: string) => [name, on.array(`consts/${name}`)])));
  for (const { id, shape, dtype, seed, outputs, tolerance } of json.items) {
    for (const [mode, key] of Object.entries(outputs as Record<string, string>)) {
      const what = `item ${id} ${json.python} ${dtype}[${shape}] ${mode}`;
      on.report.attempt(what, () => withThreefry(on.api, mode === 'partitionable', () => {
        const f = hk.transform(() => hk.getParameter('w', shape, { dtype, init: evaluate(on.api, json.program, { consts }) }));
        const value = f.init(jax.random.PRNGKey(seed))['~'].w;
        on.report.add(compareArray(what, value, on.raw(key), toleranceFor(tolerance, key)));
      }));
    }
  }
}
