/** **optimizer**: ten steps of a gradient transformation on a quadratic loss and on recorded gradients. */
import type { Any } from '../api.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';

export function checkOptimizer(on: Checking): void {
  for (const problem of Object.keys(on.it.json.problems)) on.report.attempt(problem, () => run(on, problem));
}

function run(on: Checking, problem: string): void {
  const { json } = on.it;
  const { optax, jax } = on.api;
  const opt = evaluate(on.api, json.program, {});
  const quadratic = problem === 'quadratic';
  const target = quadratic ? on.paramsAt(`${problem}/target`, json.params) : undefined;
  const scale = quadratic ? on.paramsAt(`${problem}/scale`, json.params) : undefined;
  const start = on.paramsAt('params', json.params);
  let params = json.lookahead ? optax.LookaheadParams.initSynced(start) : start;
  let state = opt.init(params);
  const losses: Any[] = [];
  for (let step = 1; step <= json.steps; step++) {
    const at = json.lookahead ? params.fast : params;
    const loss = quadratic ? lossOf(on, at, target, scale) : undefined;
    const grads = quadratic
      ? jax.tree.map((p: Any, t: Any, s: Any) => jax.numpy.multiply(s, jax.numpy.subtract(p, t)), at, target, scale)
      : on.paramsAt(`${problem}/grads/${step}`, json.params);
    // Polyak's step size comes from the loss itself; transformations that do not ask for it get what Optax gives them.
    const extra = loss !== undefined && Object.keys(json.problems).length === 1 ? [{ value: loss }] : [];
    let updates;
    [updates, state] = opt.update(grads, state, params, ...extra);
    params = optax.applyUpdates(params, updates);
    if (loss !== undefined) losses.push(loss.item());
    for (const part of json.lookahead ? ['fast', 'slow'] : ['params']) {
      const tree = json.lookahead ? params[part] : params;
      for (const { module, name } of json.params) on.check(`${problem}/steps/${step}/${part}/${module}/${name}`, tree[module][name]);
    }
  }
  if (quadratic) on.check('quadratic/losses', jax.numpy.array(losses, { dtype: 'float32' }));
  else if (json.final_state !== undefined) on.checkTree(json.final_state, state, 'the final state');
}

/** 0.5 * sum over all parameters of sum(scale * square(p - target)). */
function lossOf(on: Checking, params: Any, target: Any, scale: Any): Any {
  const { numpy, tree } = on.api.jax;
  const terms = tree.leaves(tree.map((p: Any, t: Any, s: Any) => numpy.sum(numpy.multiply(s, numpy.square(numpy.subtract(p, t)))), params, target, scale));
  return numpy.multiply(0.5, terms.reduce((a: Any, b: Any) => numpy.add(a, b)));
}
