/** **naming**: which names modules, parameters and state get. */
import type { Any } from '../api.js';
import type { Checking } from '../report.js';
import { naming } from '../translations/naming.js';
import { namesIn } from '../trees.js';
import { expectError } from './errors.js';

interface Entry { module: string; name: string; shape: number[]; dtype: string }

export function checkNaming(on: Checking): void {
  on.report.attempt('the case', () => {
    const { json } = on.it;
    const { hk, jax } = on.api;
    const body = naming(json.source, json.classes, on.api);
    let returned: unknown;
    const init = (): Any => hk.transformWithState(() => { returned = body(); }).init(jax.random.PRNGKey(0));
    if (json.raises) return expectError(on, 'the case', json.raises.type, init);
    const [params, state] = init();
    const listed = (map: Any): Entry[] => namesIn(map).map(([module, name]) => ({ module, name, shape: map[module][name].shape, dtype: map[module][name].dtype }));
    on.report.equal('the parameters', listed(params), grouped(json.params));
    on.report.equal('the state', listed(state), grouped(json.state));
    on.report.equal('traverse', [...hk.dataStructures.traverse(params)].map(([m, n]: string[]) => [m, n]), json.traverse);
    if ('returns' in json) on.report.equal('what it returned', returned, json.returns);
  });
}

/** A map keeps a module's entries together, wherever they were created. */
function grouped(entries: Entry[]): Entry[] {
  const modules = [...new Set(entries.map((e) => e.module))];
  return modules.flatMap((m) => entries.filter((e) => e.module === m).map(({ module, name, shape, dtype }) => ({ module, name, shape, dtype })));
}
