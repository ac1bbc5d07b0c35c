/** **haiku**: a function of modules, initialised and applied; parameters, outputs, new state and gradients. */
import type { Any } from '../api.js';
import { toleranceFor } from '../cases.js';
import { compareNumbers, isArray, numbersOf, rawOf } from '../compare.js';
import { evaluate } from '../evaluate.js';
import { checkInputGrads, inputsOf, lossOf } from '../gradients.js';
import { inFloat64, isNoise, largest, numbersIn } from '../noise.js';
import { Checking, Report, withThreefry } from '../report.js';
import { program as translated } from '../translations/programs.js';
import { buildTree, namesIn, pairLeaves } from '../trees.js';

export function checkHaiku(on: Checking): void {
  withThreefry(on.api, on.it.json.threefry_partitionable, () => on.report.attempt('the case', () => run(on)));
}

interface Entry { module: string; name: string; shape: number[]; dtype: string; init?: 'random' | { constant: number }; replaced?: boolean; probe?: boolean }

function run(on: Checking): void {
  const { json } = on.it;
  const { hk, jax } = on.api;
  const consts = Object.fromEntries((json.consts ?? []).map((c: Any) => [c.name, on.array(c.key)]));
  const source = json.source === undefined ? undefined : translated(json.source, on.api);
  const bodyIn = (env: Any) => (...args: Any[]): Any =>
    (source ? source(env, ...args) : evaluate(on.api, json.program, { inputs: args, consts, vars: env }));
  const atInit = json.init_env ?? {};
  const forInit = hk.transformWithState(bodyIn(atInit));
  const forApply = hk.transformWithState(bodyIn({ ...atInit, ...json.apply_env }));
  const inputs = inputsOf(on, json.inputs, buildTree);

  const [made, madeState] = forInit.init(jax.random.PRNGKey(json.init_seed), ...inputs);
  checkInit(on, made, madeState);

  // From here on with what is stored, so that a wrong initial value does not hide what is right after it.
  const params = buildParams(on, json.params, made);
  let state = on.paramsAt('state', json.state);
  const key = json.apply_seed === null ? null : jax.random.PRNGKey(json.apply_seed);
  const calls: Any[] = json.calls ?? [{ inputs: json.inputs, output_tree: json.output_tree }];
  for (const [k, one] of calls.entries()) {
    const prefix = json.calls ? `calls/${k}/` : '';
    const args = inputsOf(on, one.inputs, buildTree);
    state = checkCall(on, forApply, { prefix, params, state, key, args, tree: one.output_tree, wrt: json.grad_wrt_inputs ?? [] });
  }
}

/** Names in the order of creation, shapes, types and values of what `init` made. */
function checkInit(on: Checking, made: Any, madeState: Any): void {
  const { json } = on.it;
  const pairs = (entries: Entry[]): [string, string][] => byModule(entries).map((e) => [e.module, e.name]);
  on.report.equal('the names of the parameters', namesIn(made), pairs(json.params));
  on.report.equal('the names of the state', namesIn(madeState), pairs(json.state));
  for (const entry of json.params as Entry[]) {
    const value = made[entry.module]?.[entry.name];
    const what = `init ${entry.module}/${entry.name}`;
    if (!isArray(value)) continue;
    on.report.equal(`${what}, its type`, [value.dtype, value.shape], [entry.dtype, entry.shape]);
    if (typeof entry.init === 'object') {
      const wrong = numbersOf(rawOf(value)).find((x) => x !== (entry.init as { constant: number }).constant);
      if (wrong !== undefined) on.report.fail(what, `${wrong} instead of ${entry.init.constant} everywhere`);
    }
    if (!entry.replaced) checkKept(on, `params/${entry.module}/${entry.name}`, value);
  }
  const initial = json.has_init_state ? 'init_state' : json.state_is_initial ? 'state' : undefined;
  if (initial) for (const { module, name } of json.state as Entry[]) checkKept(on, `${initial}/${module}/${name}`, madeState[module]?.[name]);
}

/** A map keeps a module's entries together, wherever they were created. */
function byModule(entries: Entry[]): Entry[] {
  const modules = [...new Set(entries.map((e) => e.module))];
  return modules.flatMap((m) => entries.filter((e) => e.module === m));
}

/** What is stored; of parameters kept only in part, what `init` made. */
function buildParams(on: Checking, entries: Entry[], made: Any): Any {
  const params: Any = {};
  for (const { module, name } of entries) {
    const key = `params/${module}/${name}`;
    (params[module] ??= {})[name] = on.has(key) ? on.array(key) : made[module][name];
  }
  return params;
}

interface Call { prefix: string; params: Any; state: Any; key: Any; args: Any[]; tree: Any; wrt: number[] }

function checkCall(on: Checking, f: Any, { prefix, params, state, key, args, tree, wrt }: Call): Any {
  const [outputs, newState] = f.apply(params, state, key, ...args);
  checkOutputs(on, tree, outputs);
  for (const name of keysUnder(on, `${prefix}new_state/`)) checkKept(on, `${prefix}new_state/${name}`, leafOf(newState, name));
  if (on.it.json.has_grads) {
    const loss = (p: Any, ...rest: Any[]): Any => lossOf(on, tree, f.apply(p, state, key, ...rest)[0]);
    const [value, grads] = on.api.jax.valueAndGrad(loss, { argnums: [0, ...wrt.map((i) => i + 1)] })(params, ...args);
    if (on.has(`${prefix}loss`)) on.check(`${prefix}loss`, value);
    const names = keysUnder(on, `${prefix}grads/`);
    const scale = Math.max(...names.filter((name) => on.has(`${prefix}grads/${name}`)).map((name) => largest(numbersOf(on.raw(`${prefix}grads/${name}`)))));
    let exact: Any;
    for (const name of names) {
      const at = `${prefix}grads/${name}`;
      const trial = new Report();
      checkKept(new Checking(on.api, on.it, trial, on.tolerances), at, leafOf(grads[0], name));
      const isZero = (): boolean => {
        const wide = (x: Any): Any => inFloat64(on.api.jax.tree, x);
        exact ??= on.api.jax.grad((p: Any) => lossOf(on, tree, f.apply(p, wide(state), key, ...args.map(wide))[0]))(wide(params));
        return isNoise(numbersIn(leafOf(grads[0], name)), numbersOf(on.raw(at)), numbersIn(leafOf(exact, name)), scale);
      };
      on.report.take(trial.mismatches.length && on.has(at) && isArray(leafOf(grads[0], name)) && isZero() ? { ...trial, mismatches: [] } : trial);
    }
    checkInputGrads(on, prefix, wrt, grads.slice(1));
  }
  return newState;
}

function checkOutputs(on: Checking, tree: Any, outputs: Any): void {
  for (const leaf of pairLeaves(tree, outputs, (why) => on.report.fail('the outputs', why))) checkKept(on, leaf.key, leaf.value);
}

const leafOf = (params: Any, path: string): Any => {
  const cut = path.lastIndexOf('/');
  return params[path.slice(0, cut)]?.[path.slice(cut + 1)];
};

/** The names recorded under a prefix, whole or in part. */
function keysUnder(on: Checking, prefix: string): string[] {
  const names = new Set<string>();
  for (const key of on.it.arrays.keys()) {
    for (const start of [prefix, `probe/${prefix}`]) if (key.startsWith(start)) names.add(key.slice(start.length));
  }
  return [...names];
}


/** Compares with an array that is recorded whole, or at some positions with its statistics. */
function checkKept(on: Checking, key: string, value: Any): void {
  if (on.has(key)) return on.check(key, value);
  if (!on.has(`probe/${key}`)) return on.report.fail(key, 'is not recorded');
  if (!isArray(value)) return on.report.fail(key, 'is missing');
  const numbers = numbersOf(rawOf(value));
  const tolerance = toleranceFor(on.tolerances, `probe/${key}`);
  const positions = numbersOf(on.raw(`probe_indices/${key}`));
  on.report.add(compareNumbers(`${key} at the positions kept`, positions.map((i) => numbers[i]), numbersOf(on.raw(`probe/${key}`)), tolerance));
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const square = numbers.reduce((a, b) => a + b * b, 0);
  const std = Math.sqrt(numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length);
  const stats = [mean, std, numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b)), Math.sqrt(square)];
  // The norm gathers the errors of all elements, and the recorded statistics are float32 sums themselves.
  const loose = { rtol: Math.max(tolerance.rtol ?? 0, 1e-4), atol: (tolerance.atol ?? 0) * Math.sqrt(numbers.length) + 1e-6 };
  on.report.add(compareNumbers(`${key}, its statistics`, stats, numbersOf(on.raw(`probe_stats/${key}`)), loose));
}
