/** **summary**: names, shapes, types and sizes of a module's parameters and outputs, and its printed forms. */
import type { Any } from '../api.js';
import { isArray } from '../compare.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';
import { namesIn } from '../trees.js';

export function checkSummary(on: Checking): void {
  const { json } = on.it;
  const { hk, jax } = on.api;
  on.report.attempt('the case', () => {
    let printed: string | undefined;
    const body = (x: Any): Any => evaluate(on.api, json.program, {
      inputs: [x], onBind: (name, value) => { if (name === 'module') printed = String(value); },
    });
    const f = hk.transformWithState(body);
    const x = jax.numpy.ones(json.input.shape, { dtype: json.input.dtype });
    const key = jax.random.PRNGKey(0);
    const [params, state] = f.init(key, x);
    const listed = (map: Any): Any[] => namesIn(map).map(([module, name]) => ({ module, name, shape: map[module][name].shape, dtype: map[module][name].dtype }));
    on.report.equal('the parameters', listed(params), json.params);
    on.report.equal('the state', listed(state), json.state);
    on.report.equal('the sizes', [hk.dataStructures.treeSize(params), hk.dataStructures.treeBytes(params)], [json.param_size, json.param_bytes]);
    on.report.equal('the sizes of the state', [hk.dataStructures.treeSize(state), hk.dataStructures.treeBytes(state)], [json.state_size, json.state_bytes]);
    const outputs = jax.tree.leaves(f.apply(params, state, key, x)[0]).filter(isArray);
    on.report.equal('the outputs', outputs.map(({ shape, dtype }: Any) => ({ shape, dtype })), json.outputs);
    on.report.equal('its text', printed, json.repr);
    if (json.tabulate) on.report.attempt('its table', () => on.report.equal('its table', String(hk.experimental.tabulate(f)(x)).split('\n'), json.tabulate));
  });
}
