/** What holds of every module and net, checked over the one list of them. The whole of it, with the big ones, runs with HOKKU_LONG=1. */
import { expect } from 'chai';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as hk from '../../lib/index.js';
import { checkGrads, config, grad, isArray, jit, numpy as jnp, random, tree, vmap, type Array, type DType } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { TrainingSession, generateArtifacts, loadParams, saveParams, trainStep } from '../../lib/training/index.js';
import { flat } from '../jax/helpers.js';
import { needsTraining, temporaryFolder } from '../training/artifacts-helpers.js';
import { DESCRIPTORS, type Descriptor } from './descriptors.js';

interface Recorded { params: [string, string, number[], number][]; state: [string, string, number[], number, number][] }
const RECORDED = JSON.parse(readFileSync(join(packageRoot(), 'test/haiku/descriptors.json'), 'utf8')) as Record<string, Recorded>;
const LONG = process.env.HOKKU_LONG === '1';
const SIZED = DESCRIPTORS.filter((d) => LONG || !d.big);
const KEY = random.PRNGKey(42);

const isFloat = (x: unknown): x is Array => isArray(x) && /float/.test(x.dtype);
const floats = (x: unknown): Array[] => tree.leaves(x).filter(isFloat);
const transformed = ({ create }: Descriptor): hk.TransformedWithState<[Array], any> => hk.transformWithState((x: Array) => create()(x));

/** An input, whole numbers for what looks things up. */
function inputOf({ shape, dtype = 'float32' }: Descriptor, as: DType = dtype, seed = 1): Array {
  return dtype === 'int32' ? random.randint(random.PRNGKey(seed), shape, 0, 6) : random.normal(random.PRNGKey(seed), shape, { dtype: 'float64' }).astype(as);
}

interface Made { f: hk.TransformedWithState<[Array], any>; x: Array; params: hk.Params; state: hk.State; out: any; next: hk.State }
const cache = new Map<string, Made>();
/** The module's function, initialised and applied once: every check goes on from here. */
function made(d: Descriptor): Made {
  let found = cache.get(d.name);
  if (!found) {
    const [f, x] = [transformed(d), inputOf(d)];
    const [params, state] = jit(f.init)(KEY, x);
    const [out, next] = jit(f.apply)(params, state, KEY, x);
    cache.set(d.name, (found = { f, x, params, state, out, next }));
  }
  return found;
}

function expectNear(actual: unknown, expected: unknown, tolerance: number, what: string): void {
  const [a, b] = [tree.leaves(actual), tree.leaves(expected)].map((leaves) => leaves.filter(isArray));
  expect(a.map((v) => `${v.dtype}[${v.shape}]`), what).to.deep.equal(b.map((v) => `${v.dtype}[${v.shape}]`));
  a.forEach((v, k) => {
    const [p, q] = [flat(v), flat(b[k])];
    const scale = q.reduce((m, y) => Math.max(m, Math.abs(y)), 1);
    p.forEach((y, i) => { if (!(Math.abs(y - q[i]) <= tolerance * scale)) expect.fail(`${what}: element ${i} of result ${k} is ${y} instead of ${q[i]}`); });
  });
}

/** One test for each descriptor that the check is for. */
function forEach(list: readonly Descriptor[], check: (d: Descriptor) => void): void {
  for (const d of list) it(d.name, () => check(d));
}

/** The sum of all float results, each element with a weight of its own, so that no derivative cancels. */
function weighted(out: unknown): Array {
  return floats(out).map((v, k) => jnp.sum(v.mul(jnp.cos(jnp.arange(Math.max(1, v.size), { dtype: v.dtype }).add(k)).reshape(v.shape)))).reduce((a, b) => a.add(b.astype(a.dtype)));
}
const lossOf = ({ f, state }: Made) => (params: hk.Params, x: Array): Array => weighted(f.apply(params, state, KEY, x)[0]);

describe('every module', () => {
  it('is on the list', () => {
    const seen = new Set<Function>();
    for (const d of DESCRIPTORS) hk.interceptMethods((next, args, { module }) => { if (module) seen.add(module.constructor); return next(...args); }, () => { hk.experimental.fastEvalShape(transformed(d).init, KEY, inputOf(d)); });
    const classes = [...Object.entries(hk), ...Object.entries(hk.nets)].filter(([, v]) => typeof v === 'function' && v.prototype instanceof hk.Module);
    // Bases, other depths of the same net, and what takes no array.
    const others = /^(ResNet(34|50|101|152|200)|RNNCore|Flatten|EMAParamsTree|SNParamsTree)$/;
    expect(classes.filter(([name, cls]) => !seen.has(cls as Function) && !others.test(name)).map(([name]) => name)).to.deep.equal([]);
  });

  describe("begins with Haiku's parameters, bit for bit, and state", () => forEach(DESCRIPTORS.filter((d) => LONG || !/ResNet$/.test(d.name)), (d) => {
    const { init } = transformed(d);
    const flatInput = Float64Array.from({ length: d.shape.reduce((n, s) => n * s, 1) }, (_, i) => (d.dtype === 'int32' ? i % 6 : Math.sin(i)));
    const [params, state] = init(KEY, jnp.array(flatInput, { dtype: d.dtype ?? 'float32' }).reshape(d.shape));
    const list = <T>(structure: hk.State, numbers: (a: Array) => T[]): [string, string, number[], ...T[]][] =>
      Object.entries(structure).flatMap(([module, bundle]) => Object.entries(bundle).map(([name, a]): [string, string, number[], ...T[]] => [module, name, [...a.shape], ...numbers(a)]));
    expect(list(params, (a) => { const { buffer, byteOffset, byteLength } = a.data as Float32Array; return [crc32(new Uint8Array(buffer, byteOffset, byteLength))]; })).to.deep.equal(RECORDED[d.name].params);
    const sums = list(state, (a) => [flat(a).reduce((s, v) => s + v, 0), Math.sqrt(flat(a).reduce((s, v) => s + v * v, 0))]);
    expect(sums.map(([module, name, shape]) => [module, name, shape])).to.deep.equal(RECORDED[d.name].state.map(([module, name, shape]) => [module, name, shape]));
    sums.forEach(([module, name, , ...s], i) => s.forEach((v, k) => expect(v as number, `${module}/${name}`).to.be.closeTo(RECORDED[d.name].state[i][3 + k] as number, 1e-4 * (1 + RECORDED[d.name].state[i][4] * Math.sqrt(RECORDED[d.name].state[i][2].reduce((n, m) => n * m, 1))))));
  }));

  describe('computes the same eagerly', () => forEach(SIZED, (d) => {
    const { f, x, params, state, out, next } = made(d);
    const [eager, eagerNext] = f.apply(params, state, KEY, x);
    // A program's convolutions add in another order than single ones, which the normalisations of a few pixels by each other magnify.
    const tolerance = d.name.startsWith('nets.ResNet') ? 5e-4 : 2e-5;
    expectNear(eager, out, tolerance, 'outputs');
    expectNear(eagerNext, next, tolerance, 'state');
  }));

  describe('and on every engine', () => {
    for (const { name, path, missing } of engines().slice(1)) {
      if (!path) it.skip(`${name}: ${missing}`);
      else forEach(SIZED, (d) => {
        const { f, x, params, state, out, next } = made(d);
        const saved = config.engine;
        config.engine = name as typeof saved;
        try {
          const [other, otherNext] = jit(f.apply)(params, state, KEY, x);
          expectNear(other, out, 2e-5, 'outputs');
          expectNear(otherNext, next, 2e-5, 'state');
        } finally { config.engine = saved; }
      });
    }
  });

  describe('has state with the names that init gave it', () => forEach(SIZED.filter((d) => RECORDED[d.name].state.length), (d) => {
    const { f, x, params, state, next } = made(d);
    const names = (s: hk.State): string[] => tree.leaves(tree.map(String, Object.entries(s).map(([m, bundle]) => Object.keys(bundle).map((n) => `${m}/${n}`)))).sort() as string[];
    expect(names(next)).to.deep.equal(names(state));
    const [, third] = jit(f.apply)(params, next, KEY, x);
    const counters = tree.leaves(third).filter((v) => isArray(v) && v.dtype === 'int32' && v.ndim === 0);
    for (const counter of counters as Array[]) expect(counter.item(), 'a counter after init and two calls').to.equal(2);
  }));

  describe('has the gradients of finite differences (float64)', () => forEach(SIZED.filter((d) => !d.big && !d.rough && d.dtype !== 'int32' && !/static_unroll/.test(d.name)), (d) => {
    const f = transformed(d);
    const x = inputOf(d, 'float64');
    const [params, state] = jit(f.init)(KEY, x);
    checkGrads((p: hk.Params, v: Array) => weighted(f.apply(p, state, KEY, v)[0]), [params, x], { order: 1, modes: ['rev'], rtol: 1e-4, atol: 1e-4 });
  }));

  describe('keeps the dtype of its input', () => forEach(SIZED.filter((d) => !d.big && d.dtype !== 'int32'), (d) => {
    const reference = made(d);
    for (const dtype of ['float64', 'float16', 'bfloat16'] as const) {
      const f = transformed(d);
      const x = inputOf(d, dtype);
      // VQ's parameters have a dtype of their own.
      if (/VectorQuantizer/.test(d.name)) continue;
      const shapes = hk.experimental.fastEvalShape(f.init, KEY, x)[0];
      for (const [module, name, { dtype: kept }] of hk.dataStructures.traverse<any>(shapes)) expect(kept, `${module}/${name}`).to.equal(dtype);
      const to = <T>(v: T): T => tree.map((a: Array) => (isFloat(a) ? a.astype(dtype) : a), v) as T;
      // Half precision is computed where nothing is chosen by size: elsewhere it could be compared with nothing.
      if (d.rough && dtype !== 'float64') {
        for (const leaf of tree.leaves(hk.experimental.fastEvalShape(f.apply, to(reference.params), to(reference.state), KEY, x)[0]) as Array[]) if (/float/.test(leaf.dtype)) expect(leaf.dtype).to.equal(dtype);
        continue;
      }
      const [out] = jit(f.apply)(to(reference.params), to(reference.state), KEY, x);
      for (const leaf of floats(out)) expect(leaf.dtype).to.equal(dtype);
      const wide = <T>(v: T): T => tree.map((a: Array) => (isFloat(a) ? a.astype('float32') : a), v) as T;
      expectNear(wide(out), reference.out, { float64: 2e-5, float16: 2e-2, bfloat16: 1.5e-1 }[dtype], dtype);
    }
  }));

  describe('under vmap is what it is for each', () => forEach(SIZED.filter((d) => !d.big), (d) => {
    const { f, params, state } = made(d);
    const xs = [inputOf(d, d.dtype, 2), inputOf(d, d.dtype, 3)];
    const apply = (x: Array): any => f.apply(params, state, KEY, x)[0];
    const each = jit(apply);
    expectNear(jit(vmap(apply))(jnp.stack(xs)), tree.map((...v: Array[]) => jnp.stack(v), each(xs[0]), each(xs[1])), 5e-5, 'outputs');
  }));

  describe('takes inputs without a batch axis where Haiku does', () => forEach(SIZED.filter((d) => d.optionalBatch), (d) => {
    const { f, x, params, state, out } = made(d);
    expectNear(f.apply(params, state, KEY, x.index(0))[0], out.index(0), 2e-5, 'outputs');
  }));

  describe('trains module by module', () => forEach(SIZED.filter((d) => !d.big && RECORDED[d.name].params.length), (d) => {
    const { x, params } = made(d);
    const loss = lossOf(made(d));
    const all = jit(grad(loss))(params, x);
    const modules = Object.keys(params);
    // The first and the last module alone: everything else is frozen.
    for (const module of new Set([modules[0], modules.at(-1)!])) {
      const [mine, others] = hk.dataStructures.partition((m) => m === module, params);
      const some = jit(grad((p: hk.Params, rest: hk.Params, v: Array) => loss(hk.dataStructures.merge(p, rest), v)))(mine, others, x);
      expect(Object.keys(some)).to.deep.equal([module]);
      expectNear(some[module], all[module], 2e-5, module);
    }
  }));

  describe('comes back from a file as it was', () => {
    const folder = temporaryFolder();
    for (const d of SIZED.filter((e) => RECORDED[e.name].params.length)) {
      it(d.name, async () => {
        const { params } = made(d);
        const path = `${folder()}.safetensors`;
        await saveParams(path, params);
        const entries = (p: hk.Params): [string, string, string, unknown][] => [...hk.dataStructures.traverse<Array>(p)].map(([module, name, v]) => [module, name, `${v.dtype}[${v.shape}]`, v.tolist()]);
        expect(entries(await loadParams(path))).to.deep.equal(entries(params));
      });
    }
  });

  describe('trains in steps, and the same as artifacts', () => {
    const folder = temporaryFolder();
    before(needsTraining);
    forEach(SIZED.filter((d) => !d.big && RECORDED[d.name].params.length && (LONG || !/static_unroll|[123]D/.test(d.name))), (d) => {
      const { f, x, params, state } = made(d);
      const loss = (p: hk.Params, [v]: [Array], { state: s }: { state: hk.State }): [Array, { state: hk.State }] => {
        const [out, next] = f.apply(p, s, KEY, v);
        return [weighted(out), { state: next }];
      };
      const specification = { loss, optimizer: optax.sgd(0.01) };
      const step = trainStep(specification);
      let carry = step.init(params, { state });
      const directory = folder();
      mkdirSync(directory);
      generateArtifacts({ ...specification, params, state, batch: [x], batchDim: null }, directory);
      const session = TrainingSession.load(directory);
      try {
        for (let i = 0; i < 2; i++) {
          let result;
          [carry, result] = step(carry, [x]);
          expectNear(session.trainStep([x]).loss, result.loss, 5e-5, `the loss of step ${i}`);
          session.optimizerStep();
          session.lazyResetGrad();
        }
      } finally { session.dispose(); }
    });
  });
});
