/** **items**: programs of their own, each with inputs, outputs and perhaps a vjp. */
import type { Any } from '../api.js';
import { evaluate } from '../evaluate.js';
import { checkInputGrads, inputsOf, inputsWithGrads, lossOf } from '../gradients.js';
import { withThreefry, type Checking } from '../report.js';
import { buildTree } from '../trees.js';
import { EAGER, type Way } from '../ways.js';

export function checkItems(on: Checking, way: Way): void {
  const check = way === EAGER ? checkItem : trainItem;
  withThreefry(on.api, on.it.json.threefry_partitionable, () => {
    for (const item of on.it.json.items) on.report.attempt(`item ${item.id} ${item.python}`, () => check(on.with(item.tolerance), item, way));
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

/** A transformation that remembers the gradients it was given. */
export const recorder = ({ api: { jax, optax } }: Checking): Any => ({
  init: (params: Any) => jax.tree.map((p: Any) => jax.numpy.zerosLike(p), params),
  update: (grads: Any) => [grads, optax.materialize(grads)],
});

/** The same as a part of a training step: the inputs with gradients are its parameters, the others its batch, the outputs what it says beside the loss. */
function trainItem(on: Checking, item: Any, way: Way): void {
  const { tree, numpy: jnp } = on.api.jax;
  const inputs = inputsOf(on, item.inputs, buildTree);
  const which = item.has_vjp ? inputsWithGrads(on, `${item.id}/`) : [];
  const flat = which.map((i) => tree.flatten(inputs[i]));
  // Something must train.
  const params = { only: { this: jnp.zeros([]) }, ...Object.fromEntries(flat.map(([leaves]: Any, n: number) => [`input_${which[n]}`, Object.fromEntries(leaves.map((x: Any, k: number) => [String(k), x]))])) };
  const unflat = (p: Any): Any[] => flat.map(([leaves, def]: Any, n: number) => tree.unflatten(def, leaves.map((_: Any, k: number) => p[`input_${which[n]}`][k])));
  const batch = inputs.map((x, i) => (which.includes(i) ? null : x));
  const loss = (p: Any, others: Any): Any => {
    const mine = unflat(p);
    const outputs = evaluate(on.api, item.program, { inputs: others.map((x: Any, i: number) => (which.includes(i) ? mine[which.indexOf(i)] : x)) });
    const value = item.has_vjp ? lossOf(on, item.output_tree, outputs) : 0;
    return [jnp.add(p.only.this, value), { aux: outputs }];
  };
  using trainee = way.train({ loss, optimizer: recorder(on), params, batch });
  on.checkTree(item.output_tree, trainee.step(batch).aux, `item ${item.id} ${item.python}`);
  if (item.has_vjp) checkInputGrads(on, `${item.id}/`, which, unflat(trainee.optState));
}
