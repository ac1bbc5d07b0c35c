/** **optimizer**: ten steps of a gradient transformation on a quadratic loss and on recorded gradients. */
import type { Any } from '../api.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';
import { ARTIFACTS, EAGER, type Task, type Way } from '../ways.js';

/** What artifacts refuse, and whether a case is of that kind. */
const IMPOSSIBLE: readonly { readonly error: RegExp; is(task: Task, program: Any, on: Checking): boolean }[] = [
  {
    error: /changes none of the parameters/,
    // Where an update is zero without being computed, the parameter after the step is the very same array.
    is(task, _, { api: { jax: { tree } } }) {
      using trainee = EAGER.train(task);
      trainee.step(task.batch);
      const after = new Set(tree.leaves(trainee.params));
      return tree.leaves(task.params).every((p: Any) => after.has(p));
    },
  },
  { error: /hokku\.Svd.* has no standard form/, is: (_, program) => /"optax\.contrib\.(galore|scale_by_galore)"|"spectral"/.test(JSON.stringify(program)) },
];

export function checkOptimizer(on: Checking, way: Way): void {
  for (const problem of Object.keys(on.it.json.problems)) on.report.attempt(problem, () => run(on, problem, way));
}

function run(on: Checking, problem: string, way: Way): void {
  const { json } = on.it;
  const { jax: { numpy: jnp, tree } } = on.api;
  const made = evaluate(on.api, json.program, {});
  const optimizer = json.lookahead ? ahead(on, made) : made;
  const quadratic = problem === 'quadratic';
  const at = (prefix: string): Any => on.paramsAt(`${problem}/${prefix}`, json.params);
  const batch = (step: number): Any => (quadratic ? { target: at('target'), scale: at('scale') } : { grads: at(`grads/${step}`) });
  const terms = (f: (p: Any, ...rest: Any[]) => Any, ...trees: Any[]): Any => tree.leaves(tree.map(f, ...trees)).map((x: Any) => jnp.sum(x)).reduce((a: Any, b: Any) => a.add(b));
  const loss = quadratic
    ? (p: Any, { target, scale }: Any): Any => jnp.multiply(0.5, terms((x, t, s) => s.mul(jnp.square(x.sub(t))), p, target, scale))
    : (p: Any, { grads }: Any): Any => terms((x, g) => x.mul(g), p, grads);
  const task: Task = { loss, optimizer, params: on.paramsAt('params', json.params), batch: batch(1) };
  let trained: ReturnType<Way['train']>;
  try {
    trained = way.train(task);
  } catch (error) {
    if (way !== ARTIFACTS || !IMPOSSIBLE.some((kind) => kind.error.test((error as Error).message) && kind.is(task, json.program, on))) throw error;
    on.report.checks++;
    return;
  }
  using trainee = trained;
  const losses: Any[] = [];
  for (let step = 1; step <= json.steps; step++) {
    losses.push(trainee.step(batch(step)).loss.item());
    const parts: Record<string, Any> = json.lookahead ? { fast: trainee.params, slow: trainee.optState.slow } : { params: trainee.params };
    for (const [part, params] of Object.entries(parts)) for (const { module, name } of json.params) on.check(`${problem}/steps/${step}/${part}/${module}/${name}`, params[module][name]);
  }
  const { optState } = trainee;
  if (quadratic) on.check('quadratic/losses', jnp.array(losses, { dtype: 'float32' }));
  else if (json.final_state !== undefined && optState !== undefined) on.checkTree(json.final_state, json.lookahead ? optState.inner : optState, 'the final state');
}

/** Lookahead keeps two sets of parameters, and gradients are taken at the fast ones: so those are what is trained, and the slow ones state. */
const ahead = ({ api: { optax, jax: { tree, numpy: jnp } } }: Checking, opt: Any): Any => ({
  init: (fast: Any) => ({ inner: opt.init(optax.LookaheadParams.initSynced(fast)), slow: tree.map((p: Any) => jnp.copy(p), fast) }),
  update(grads: Any, { inner, slow }: Any, fast: Any) {
    const [updates, next] = opt.update(grads, inner, new optax.LookaheadParams({ fast, slow }));
    return [updates.fast, { inner: next, slow: optax.applyUpdates(slow, updates.slow) }];
  },
});
