/** The errors of transforms, by the Python source of the golden. */
import { MissingName, type Any, type Api } from '../api.js';

export function transformError(python: string, { hk, jax: { numpy: jnp, random } }: Api): () => unknown {
  const x = (): Any => jnp.ones([4, 2]);
  const linear = (): Any => hk.transform((x: Any) => new hk.Linear(2)(x));
  const dropout = (): Any => hk.transform((x: Any) => hk.dropout(hk.nextRngKey(), 0.5, x));
  const table: Record<string, () => unknown> = {
    'hk.Linear(2)': () => new hk.Linear(2),
    "hk.get_parameter('w', [2], init=jnp.zeros)": () => hk.getParameter('w', [2], { init: jnp.zeros }),
    "hk.get_state('s')": () => hk.getState('s'),
    "hk.set_state('s', 1)": () => hk.setState('s', 1),
    'hk.next_rng_key()': () => hk.nextRngKey(),
    'hk.transform(lambda x: hk.Linear(2)(x)).apply({}, None, x)': () => linear().apply({}, null, x()),
    'hk.transform(lambda x: hk.Linear(2)(x)).init(None, x)': () => linear().init(null, x()),
    'hk.transform(lambda x: hk.dropout(hk.next_rng_key(), 0.5, x)).apply({}, None, x)': () => dropout().apply({}, null, x()),
    'hk.transform(lambda x: hk.BatchNorm(True, True, 0.9)(x, True)).init(key, x)':
      () => hk.transform((x: Any) => new hk.BatchNorm(true, true, 0.9)(x, true)).init(random.PRNGKey(0), x()),
    'hk.transform(lambda x: hk.Linear(2)(x)).apply(params_of_another_shape, None, x)':
      () => linear().apply({ linear: { w: jnp.ones([3, 2]), b: jnp.ones([2]) } }, null, x()),
    "hk.transform(lambda x: hk.Linear(2)(x)).apply({'linear': {'w': w}}, None, x)":
      () => linear().apply({ linear: { w: jnp.ones([2, 2]) } }, null, x()),
    'hk.transform(...).apply(None, None, x)': () => linear().apply(null, null, x()),
    "hk.transform(...).init('key', x)": () => linear().init('key', x()),
    'hk.current_name()': () => hk.currentName(),
    'hk.running_init()': () => hk.runningInit(),
  };
  return Object.hasOwn(table, python) ? table[python] : () => { throw new MissingName(`a translation of ${python}`); };
}
