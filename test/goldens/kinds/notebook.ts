/** **notebook**: Haiku's "Training a subset of parameters", step by step, in its own words in TypeScript. */
import type { Any } from '../api.js';
import { readCase } from '../cases.js';
import { withThreefry, type Checking } from '../report.js';
import { predicate } from '../translations/notebook.js';
import { namesIn } from '../trees.js';
import { EAGER, type Way } from '../ways.js';
import { recorder } from './items.js';
import { join } from 'node:path';

export function checkNotebook(on: Checking, way: Way): void {
  const { json } = on.it;
  on.report.attempt('the case', () => {
    if (json.partitions) return checkPartitions(on);
    if (json.modes) {
      for (const [mode, told] of Object.entries<Any>(json.modes)) {
        withThreefry(on.api, told.threefry_partitionable, () => (told.argmax_before ? checkBefore(on, mode, told) : checkEnd(on, mode, told, way)));
      }
      return undefined;
    }
    return json.optimizer ? checkOptax(on, way) : checkTraining(on, way);
  });
}

/** Cases in which nothing trains. */
export const trainsNothing = ({ json }: Checking['it']): boolean => Boolean(json.partitions) || Object.values<Any>(json.modes ?? {}).some((told) => told.argmax_before);

const model = ({ api, it }: Checking): Any => api.hk.transform((x: Any) => new api.hk.nets.MLP(it.json.constants.sizes)(x));

const initial = (on: Checking, seed: number = on.it.json.constants.seed): Any => {
  const { numpy, random } = on.api.jax;
  return model(on).init(random.PRNGKey(seed), numpy.zeros([on.it.json.constants.num_classes, 1]));
};

/** x = 0, 1, … as a column. */
const column = (on: Checking, n: number): Any => on.api.jax.numpy.array(Array.from({ length: n }, (_, i) => [i]), { dtype: 'float32' });

/** Batch k of `data/x` or `data/y`: its own bytes, without a program for every k. */
function batchOf(on: Checking, key: string, k: number): Any {
  const { dtype, shape: [n, ...shape], data } = on.raw(key);
  const size = data.byteLength / n;
  return on.api.jax.fromBytes(dtype, shape, data.subarray(k * size, (k + 1) * size));
}

const argmaxOf = (on: Checking, logits: Any): number[] => on.api.jax.numpy.argmax(logits, { axis: -1 }).tolist();

/** How far the largest logit of every row is above the second: below this, argmax may go either way. */
function checkArgmax(on: Checking, what: string, logits: Any, expected: number[], smallestGap: number): void {
  const rows = logits.tolist() as number[][];
  const got = argmaxOf(on, logits);
  for (const [i, wanted] of expected.entries()) {
    // Rows of equal logits (x = 0 before training) have no largest one; JAX takes the first, and so must we.
    const close = rows[i][got[i]] - rows[i][wanted] <= Math.min(smallestGap, 1e-5) && rows[i].some((v) => v !== rows[i][0]);
    if (got[i] !== wanted && !close) on.report.equal(`${what}[${i}]`, got[i], wanted);
  }
  on.report.checks++;
}

function checkBefore(on: Checking, mode: string, told: Any): void {
  const params = initial(on);
  on.report.equal(`${mode}: the names`, namesIn(params), told.params.map((p: Any) => [p.module, p.name]));
  for (const { module, name } of told.params) on.check(`${mode}/params/${module}/${name}`, params[module][name]);
  const logits = model(on).apply(params, null, on.array(`${mode}/inputs/0`));
  on.check(`${mode}/logits`, logits);
  checkArgmax(on, `${mode}: argmax_before`, logits, told.argmax_before, told.smallest_gap);
  for (const seed of on.it.json.other_seeds) {
    const other = initial(on, seed);
    const modules = Object.keys(other);
    on.check(`${mode}/other_seeds/${seed}/w`, other[modules[0]].w);
    on.check(`${mode}/other_seeds/${seed}/last_w`, other[modules.at(-1)!].w);
  }
}

/** loss_fn of the notebook: the mean cross entropy of the merged parameters' logits. */
function lossFn(on: Checking): (trainable: Any, nonTrainable: Any, x: Any, y: Any) => Any {
  const { hk, jax: { numpy: jnp, nn } } = on.api;
  const f = model(on);
  return (trainable, nonTrainable, images, labels) => {
    const logits = f.apply(hk.dataStructures.merge(trainable, nonTrainable), null, images);
    const oneHot = nn.oneHot(labels, logits.shape.at(-1));
    return jnp.sum(oneHot.mul(nn.logSoftmax(logits))).neg().div(labels.shape[0]);
  };
}

/** Training as a case tells it: the loss of each batch before its update. */
interface Training extends Disposable { step(x: Any, y: Any): number; readonly params: Any; /** Of the last step, where they can be had. */ readonly grads: Any }

/** The notebook's own words: one jitted step of SGD over the two halves of the parameters. */
function byHand(on: Checking, params: Any, trains: (module: string, name: string, value: Any) => boolean): Training {
  const { jit, valueAndGrad, tree } = on.api.jax;
  const { dataStructures } = on.api.hk;
  const { lr } = on.it.json.constants;
  let [trainable, nonTrainable] = dataStructures.partition(trains, params);
  const valueAndGrads = valueAndGrad(lossFn(on));
  const step = jit((p: Any, rest: Any, x: Any, y: Any) => {
    const [loss, grads] = valueAndGrads(p, rest, x, y);
    return [loss, grads, tree.map((a: Any, g: Any) => a.sub(g.mul(lr)), p, grads)];
  });
  let grads: Any;
  return {
    step(x, y) {
      let loss: Any;
      [loss, grads, trainable] = step(trainable, nonTrainable, x, y);
      return loss.item();
    },
    get params() { return dataStructures.merge(trainable, nonTrainable); },
    get grads() { return grads; },
    [Symbol.dispose]() {},
  };
}

/** The same by a training step. */
function through(on: Checking, way: Way, params: Any, how: { optimizer: Any; trainable?: Any; gradsOf?: (optState: Any) => Any; batch?: Any }): Training {
  const { gradsOf, batch = { x: batchOf(on, 'data/x', 0), y: batchOf(on, 'data/y', 0) }, ...rest } = how;
  const whole = lossFn(on);
  const trainee = way.train({ loss: (p, { x, y }) => whole(p, {}, x, y), params, batch, ...rest });
  return {
    step: (x, y) => trainee.step({ x, y }).loss.item(),
    get params() { return trainee.params; },
    get grads() { return gradsOf?.(trainee.optState); },
    [Symbol.dispose]() { trainee[Symbol.dispose](); },
  };
}

/** The parameters that training starts from, recorded beside this case. */
function startingParams(on: Checking): Any {
  const mode = on.it.json.threefry_partitionable === false ? 'original' : 'partitionable';
  const before = readCase(join(on.it.folder, 'before_training.json'));
  const params: Any = {};
  for (const { module, name } of before.json.modes[mode].params) {
    const { dtype, shape, data } = before.arrays.get(`${mode}/params/${module}/${name}`)!;
    (params[module] ??= {})[name] = on.api.jax.fromBytes(dtype, shape, data);
  }
  return params;
}

function checkTraining(on: Checking, way: Way): void {
  const { json } = on.it;
  const { api: { hk: { dataStructures }, optax }, report } = on;
  const trains = predicate(json.predicate);
  const start = startingParams(on);
  const [trainable, nonTrainable] = dataStructures.partition(trains, start);
  report.equal('trainable', namesIn(trainable), json.trainable);
  report.equal('nonTrainable', namesIn(nonTrainable), json.non_trainable);
  const optimizer = optax.chain(recorder(on), optax.sgd(json.constants.lr));
  using training = way === EAGER ? byHand(on, start, trains) : through(on, way, start, { optimizer, trainable: trains, gradsOf: ([grads]) => grads });
  const losses: number[] = [];
  for (let k = 0; k < on.raw('data/x').shape[0]; k++) {
    losses.push(training.step(batchOf(on, 'data/x', k), batchOf(on, 'data/y', k)));
    if (k === 0) {
      const { grads } = training;
      for (const [module, name] of json.trainable) on.check(`grads_at_step_0/${module}/${name}`, grads[module][name]);
    }
    if (json.snapshots.includes(k + 1)) {
      const { params } = training;
      for (const [module, name] of json.trainable) on.check(`params_after/${k + 1}/${module}/${name}`, params[module][name]);
    }
  }
  on.check('losses', on.api.jax.numpy.array(losses, { dtype: 'float32' }));
  const logits = model(on).apply(training.params, null, column(on, json.constants.num_classes));
  // Where training itself is chaotic the tolerance of the parameters says so, and the logits inherit it.
  if ((json.tolerance.default.atol ?? 0) < 1) checkArgmax(on, 'argmax_after', logits, json.argmax_after, json.smallest_gap);
}

function checkOptax(on: Checking, way: Way): void {
  const { json } = on.it;
  const { optax, jax } = on.api;
  const start = startingParams(on);
  using training = through(on, way, start, { optimizer: optax.multiTransform({ train: optax.adam(0.001), freeze: optax.setToZero() }, json.labels) });
  const losses: number[] = [];
  for (let k = 0; k < json.steps; k++) {
    losses.push(training.step(batchOf(on, 'data/x', k), batchOf(on, 'data/y', k)));
    const { params } = training;
    for (const [module, name] of namesIn(params)) {
      const key = `params_after/${k + 1}/${module}/${name}`;
      if (on.has(key)) on.check(key, params[module][name]);
    }
  }
  on.check('losses', jax.numpy.array(losses, { dtype: 'float32' }));
  const { params } = training;
  for (const name of Object.keys(start[json.unchanged])) {
    on.report.equal(`${json.unchanged}/${name} stays as it was`, [...params[json.unchanged][name].data], [...start[json.unchanged][name].data]);
  }
}

function checkPartitions(on: Checking): void {
  const { dataStructures } = on.api.hk;
  const params = withThreefry(on.api, true, () => initial(on));
  for (const told of on.it.json.partitions) {
    const [trainable, nonTrainable] = dataStructures.partition(predicate(told.predicate), params);
    on.report.equal(`${told.name}: trainable`, Object.keys(trainable), told.trainable);
    on.report.equal(`${told.name}: nonTrainable`, Object.keys(nonTrainable), told.non_trainable);
    on.report.equal(`${told.name}: the trainable leaves`, namesIn(trainable), told.trainable_leaves);
    on.report.equal(`${told.name}: the other leaves`, namesIn(nonTrainable), told.non_trainable_leaves);
    on.report.equal(`${told.name}: sizes`, [dataStructures.treeSize(trainable), dataStructures.treeBytes(nonTrainable)], [told.trainable_size, told.non_trainable_bytes]);
  }
}

/** All classes in every batch, in whatever order: the order changes the sums' rounding alone, and argmax is what counts. */
function checkEnd(on: Checking, mode: string, told: Any, way: Way): void {
  const { constants } = on.it.json;
  const { api: { jax: { numpy: jnp }, optax } } = on;
  const trains = (m: string): boolean => m !== 'mlp/~/linear_1';
  const x = column(on, constants.batch_size);
  const y = jnp.array(Array.from({ length: constants.batch_size }, (_, i) => i), { dtype: 'int32' });
  using training = way === EAGER ? byHand(on, initial(on), trains) : through(on, way, initial(on), { optimizer: optax.sgd(constants.lr), trainable: trains, batch: { x, y } });
  const steps = [...(on.array(`${mode}/loss_steps`).data as Int32Array)];
  const losses: number[] = [];
  for (let k = 0; k < constants.num_records; k++) {
    const loss = training.step(x, y);
    if (steps.includes(k)) losses.push(loss);
  }
  on.check(`${mode}/losses`, jnp.array(losses, { dtype: 'float32' }));
  for (const [name, n] of [['argmax_after', constants.num_classes], ['argmax_after_beyond', 2 * constants.num_classes]] as const) {
    on.report.equal(`${mode}: ${name}`, argmaxOf(on, model(on).apply(training.params, null, column(on, n))), told[name]);
  }
}
