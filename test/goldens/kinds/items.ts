/** **items**: programs of their own, each with inputs, outputs and perhaps a vjp. */
import type { Any } from '../api.js';
import { evaluate } from '../evaluate.js';
import { checkInputGrads, inputsOf, inputsWithGrads, lossOf } from '../gradients.js';
import { withThreefry, type Checking } from '../report.js';
import { buildTree } from '../trees.js';

export function checkItems(on: Checking): void {
  withThreefry(on.api, on.it.json.threefry_partitionable, () => {
    for (const item of on.it.json.items) on.report.attempt(`item ${item.id} ${item.python}`, () => checkItem(on.with(item.tolerance), item));
  });
}

function checkItem(on: Checking, item: Any): void {
  const inputs = inputsOf(on, item.inputs, buildTree);
  const program = (...args: Any[]): Any => evaluate(on.api, item.program, { inputs: args });
  on.checkTree(item.output_tree, program(...inputs), `item ${item.id} ${item.python}`);
  if (!item.has_vjp) return;
  const which = inputsWithGrads(on, `${item.id}/`);
  const grads = on.api.jax.grad((...args: Any[]) => lossOf(on, item.output_tree, program(...args)), { argnums: which })(...inputs);
  checkInputGrads(on, `${item.id}/`, which, grads);
}
