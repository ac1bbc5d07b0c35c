/** **multi_transform**: several functions of the same modules, each with an apply of its own. */
import type { Any } from '../api.js';
import { checkInputGrads, inputsWithGrads, lossOf } from '../gradients.js';
import { withThreefry, type Checking } from '../report.js';
import { multiTransforms } from '../translations/programs.js';
import { namesIn } from '../trees.js';

export function checkMultiTransform(on: Checking): void {
  withThreefry(on.api, on.it.json.threefry_partitionable, () => on.report.attempt('the case', () => run(on)));
}

function run(on: Checking): void {
  const { json } = on.it;
  const { hk, jax } = on.api;
  const body = multiTransforms(json.source, on.api)(json.size);
  const f = json.with_state ? hk.multiTransformWithState(body) : hk.multiTransform(body);
  const made = f.init(jax.random.PRNGKey(json.init_seed), on.array('inputs/0'));
  const [first, firstState] = json.with_state ? made : [made, {}];
  on.report.equal('the names of the parameters', namesIn(first), json.params.map((p: Any) => [p.module, p.name]));
  const stored = (prefix: string): { module: string; name: string }[] => [...on.it.arrays.keys()].filter((k) => k.startsWith(prefix))
    .map((k) => k.slice(prefix.length)).map((k) => ({ module: k.slice(0, k.lastIndexOf('/')), name: k.slice(k.lastIndexOf('/') + 1) }));
  for (const { module, name } of stored('state/')) on.check(`state/${module}/${name}`, firstState[module]?.[name]);
  const params = on.paramsAt('params', json.params);
  const state = on.paramsAt('state', stored('state/'));
  for (const { fn, output_tree } of json.calls) {
    const prefix = `calls/${fn}/`;
    const args = stored(`${prefix}inputs`).map((_, i) => on.array(`${prefix}inputs/${i}`));
    const call = (p: Any, ...rest: Any[]): Any => (json.with_state ? f.apply[fn](p, state, null, ...rest) : [f.apply[fn](p, null, ...rest), {}]);
    const [outputs, newState] = call(params, ...args);
    on.checkTree(output_tree, outputs, `the outputs of ${fn}`);
    for (const { module, name } of stored(`${prefix}new_state/`)) on.check(`${prefix}new_state/${module}/${name}`, newState[module]?.[name]);
    const graded = stored(`${prefix}grads/`);
    if (graded.length === 0) continue;
    const wrt = inputsWithGrads(on, prefix);
    const grads = jax.grad((p: Any, ...rest: Any[]) => lossOf(on, output_tree, call(p, ...rest)[0]), { argnums: [0, ...wrt.map((i) => i + 1)] })(params, ...args);
    for (const { module, name } of graded) on.check(`${prefix}grads/${module}/${name}`, grads[0][module]?.[name]);
    checkInputGrads(on, prefix, wrt, grads.slice(1));
  }
}
