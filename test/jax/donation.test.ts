import { expect } from 'chai';
import fc from 'fast-check';
import { isArray, jit, makeJaxpr, numpy as jnp, tree, type Array, type EngineName } from '../../lib/jax/index.js';
import { ConcreteArray, cpu, fromBytes } from '../../lib/jax/array.js';
import { config } from '../../lib/jax/config.js';
import { Program } from '../../lib/jax/program.js';
import type { Jaxpr } from '../../lib/jax/core.js';
import { engine } from '../../lib/runtime/engines.js';
import { expectClose, flat, numbers, onEveryEngine, thrown } from './helpers.js';
import { INPUTS, build, recipe } from './programs.js';

const LEVELS = [0, 1, 2, 99] as const;

/** A program compiled anew at a graph optimisation level. */
function programAt(level: (typeof LEVELS)[number], jaxpr: Jaxpr, donated: readonly number[], name: EngineName): Program {
  const native = engine(name);
  const { createSession } = native;
  const leveled: typeof createSession = (model, options) => createSession.call(native, model, { ...options, graphOptimizationLevel: level });
  Object.defineProperty(native, 'createSession', { configurable: true, value: leveled });
  try { return new Program(jaxpr, { engine: name, device: cpu }, donated); } finally { delete (native as Partial<typeof native>).createSession; }
}
const copies = (xs: readonly Array[]): ConcreteArray[] => xs.map((x) => fromBytes(x.dtype, x.shape, x.data));

/** Runs `f` with these inputs donated, at every level, and compares with a run that donates nothing. */
function expectSame(f: (...xs: Array[]) => unknown, inputs: readonly Array[], donated: readonly number[], name: EngineName): { inPlace: number } {
  const { jaxpr, consts } = makeJaxpr(f)(...inputs);
  const all = [...consts, ...inputs];
  const shifted = donated.map((i) => i + consts.length);
  const reference = programAt(99, jaxpr, [], name);
  const expected = reference.run(copies(all));
  let inPlace = 0;
  for (const level of LEVELS) {
    const program = programAt(level, jaxpr, shifted, name);
    for (let round = 0; round < 2; round++) {
      const given = copies(all);
      const before = given.map((x) => flat(x));
      const results = program.run(given);
      results.forEach((r, k) => expectClose(r, expected[k], 1e-4, `output ${k} at level ${level}`));
      given.forEach((x, i) => {
        expect(x.disposed, `input ${i}`).to.equal(shifted.includes(i));
        if (!x.disposed) expect(flat(x), `input ${i} was written`).to.deep.equal(before[i]);
      });
      const memories = results.map((r) => r.memory);
      expect(new Set(memories).size, 'results share no memory').to.equal(memories.length);
    }
    inPlace = program.inPlace.size;
    program.dispose();
  }
  reference.dispose();
  return { inPlace };
}

describe('donation', () => {
  onEveryEngine('random programs give the same with and without donation, at every optimisation level', () => {
    fc.assert(fc.property(recipe, (r) => { expectSame(build(r), INPUTS(), r.donated, config.engine); }), { numRuns: Number(process.env.HOKKU_RUNS ?? 60), seed: 20, endOnFailure: false });
  });

  const w = () => numbers(1, [4, 4]);
  const v = () => numbers(2, [4, 4]);
  const table: [string, (...xs: Array[]) => unknown, () => Array[], number[], number | null][] = [
    ['a reader before the writer', (a, x) => [jnp.matmul(x, a), a.sub(x.mul(0.1))], () => [w(), v()], [0], 1],
    ['the writer before a reader', (a, x) => { const next = a.sub(x.mul(0.1)); return [next, jnp.matmul(x, a)]; }, () => [w(), v()], [0], 1],
    ['a swap', (a, b) => [b, a], () => [w(), v()], [0, 1], 0],
    ['a swap that computes', (a, b) => [b.mul(2), a.mul(3)], () => [w(), v()], [0, 1], null],
    ['a rotation that computes', (a, b, c) => [b.add(1), c.add(1), a.add(1)], () => [w(), v(), numbers(3, [4, 4])], [0, 1, 2], null],
    ['one reads what the other overwrites', (a, b) => { const x = a.add(b); return [x, b.mul(x)]; }, () => [w(), v()], [0, 1], null],
    ['a view of a donated input that is read elsewhere', (a, x) => [a.sub(x), jnp.sum(jnp.reshape(a, [16])), jnp.reshape(a, [2, 8]).mul(2)], () => [w(), v()], [0], null],
    ['a transpose of a donated input in its own update', (a) => [a.add(a.T)], () => [w()], [0], null],
    ['a broadcast of a donated input', (b, a) => [b.add(1), a.add(b)], () => [numbers(5, [4]), w()], [0, 1], null],
    ['a row of a donated input', (a) => [a.sub(a.index(0))], () => [w()], [0], null],
    ['the same value returned twice', (a) => { const x = a.mul(2); return [x, x, a]; }, () => [w()], [0], null],
    ['an output that is an input, and its update', (a) => [a, a.add(1)], () => [w()], [0], null],
    ['a view that is returned', (a) => [jnp.reshape(a, [16]), a.mul(2)], () => [w()], [0], null],
    ['a counter', (n, a) => [n.add(1), a.mul(n.astype('float32'))], () => [jnp.array(Int32Array.of(3)).reshape([]), w()], [0, 1], null],
    ['an update by a mean of the old value', (a) => [a.sub(jnp.mean(a))], () => [w()], [0], null],
    ['momentum', (p, m, g) => { const next = m.mul(0.9).add(g); return [p.sub(next.mul(0.1)), next, jnp.sum(p)]; }, () => [w(), v(), numbers(4, [4, 4])], [0, 1], 2],
    ['constants', (a) => [jnp.array(1), jnp.zeros([4, 4]), a], () => [w()], [0], null],
    ['empty arrays', (a) => [a.add(1)], () => [jnp.zeros([0, 4])], [0], null],
    ['halves', (a, b) => [a.add(b), b.mul(2)], () => [w().astype('float16'), v().astype('float16')], [0, 1], null],
  ];
  for (const [title, f, inputs, donated, inPlace] of table) {
    onEveryEngine(title, () => {
      const got = expectSame(f, inputs(), donated, config.engine);
      if (inPlace !== null) expect(got.inPlace, 'written in place').to.equal(inPlace);
    });
  }

  it('an update in place keeps the memory', () => {
    const a = w() as ConcreteArray;
    const { memory } = a;
    const next = jit((x: Array) => x.mul(2), { donateArgnums: 0 })(a) as ConcreteArray;
    expect(next.memory).to.equal(memory);
  });

  it('a loop of donated steps is the same as one without', () => {
    const f = (s: { p: Array; m: Array; n: Array }, x: Array) => {
      const g = jnp.matmul(jnp.tanh(jnp.matmul(x, s.p)), s.p.T).mul(0.1);
      const m = s.m.mul(0.9).add(g);
      return { p: s.p.sub(m.mul(0.05)), m, n: s.n.add(1) };
    };
    const [donating, plain] = [jit(f, { donateArgnums: 0 }), jit(f)];
    const start = () => ({ p: w(), m: jnp.zeros([4, 4]), n: jnp.array(Int32Array.of(0)).reshape([]) });
    let [a, b] = [start(), start()];
    for (let i = 0; i < 20; i++) { a = donating(a, v()); b = plain(b, v()); }
    tree.map((x: Array, y: Array) => expectClose(x, y, 1e-5), a, b);
    expect(a.n.item()).to.equal(20);
  });

  it('a donated array says so when it is used again', () => {
    const f = jit((x: Array) => x.mul(2), { donateArgnums: 0 });
    const a = w();
    f(a);
    for (const use of [() => a.data, () => a.tolist(), () => a.add(1), () => f(a), () => jit((x: Array) => x)(a.add(0))]) {
      const error = thrown(use);
      expect([error.name, error.code]).to.deep.equal(['DisposedError', 'DONATED']);
      expect(error.message).to.match(/f32\[4,4\].*was donated/);
    }
    expect(a.shape, 'its type is still known').to.deep.equal([4, 4]);
  });

  it('one array cannot be given twice when it is donated', () => {
    const a = w();
    const f = (x: Array, y: Array) => x.add(y);
    for (const donateArgnums of [[0], [1], [0, 1]]) {
      const error = thrown(() => jit(f, { donateArgnums })(a, a));
      expect(error.name).to.equal('ValueError');
      expect(error.message).to.match(/f32\[4,4\].*second time.*0 and 1/);
    }
    expect(thrown(() => jit((x: Array) => x.add(a), { donateArgnums: 0 })(a)).message, 'captured and donated').to.match(/second time/);
    expect(flat(a).length, 'a refused call takes nothing').to.equal(16);
    expect(isArray(jit(f)(a, a))).to.equal(true);
  });

  it('an asynchronous call that fails gives its donated arrays back', async () => {
    const f = jit((x: Array) => x.mul(2), { donateArgnums: 0 });
    const a = w();
    const aborted = AbortSignal.abort();
    const error = await f.async(a, { signal: aborted }).then(() => null, (e: Error) => e);
    expect(error).to.be.instanceOf(Error);
    expect(flat(a).length).to.equal(16);
    const b = await f.async(a);
    expectClose(b, w().mul(2), 0);
    expect(thrown(() => a.data).name).to.equal('DisposedError');
  });

  it('static and donated exclude each other', () => {
    expect(thrown(() => jit((x: Array) => x, { donateArgnums: 0, staticArgnums: 0 })).message).to.match(/both static and donated/);
  });
});
