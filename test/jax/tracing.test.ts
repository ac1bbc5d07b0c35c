import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { config, evalShape, formatJaxpr, grad, jit, lax, makeJaxpr, nn, numpy as jnp, random, stopGradient, symbolicDim, tree, valueAndGrad, vjp, vmap, type Array } from '../../lib/jax/index.js';
import { expectAllClose, expectClose, flat, numbers, onEveryEngine, thrown } from './helpers.js';

const here = basename(fileURLToPath(import.meta.url)).replace(/\.js$/, '');

interface Layer { w: Array; b: Array }
const mlp = (params: Layer[], x: Array): Array => params.reduce((h, { w, b }, i) => { const y = jnp.matmul(h, w).add(b); return i < params.length - 1 ? nn.relu(y) : y; }, x);
const layers = (...sizes: number[]): Layer[] => sizes.slice(1).map((n, i) => ({ w: numbers(i, [sizes[i], n], -0.5, 0.5), b: jnp.zeros([n]) }));
const loss = (params: Layer[], x: Array, y: Array): Array => jnp.mean(jnp.square(mlp(params, x).sub(y)));
const equations = (f: (...xs: any[]) => any, ...args: any[]) => makeJaxpr(f)(...args).jaxpr.equations;
const count = (f: (...xs: any[]) => any, name: string, ...args: any[]): number => equations(f, ...args).filter((e) => e.primitive.name === name).length;

describe('tracing', () => {
  it('prints the gradient of a network of two layers', () => {
    const params = layers(3, 4, 2);
    expect(formatJaxpr(makeJaxpr(grad(loss))(params, jnp.ones([5, 3]), jnp.ones([5, 2])).jaxpr)).to.equal(EXPECTED.trim());
  });

  it('what is frozen adds no equations', () => {
    const params = layers(3, 4, 4, 2);
    const [x, y] = [jnp.ones([5, 3]), jnp.ones([5, 2])];
    const products = (f: (...xs: any[]) => any, ...args: any[]) => count(f, 'dot_general', ...args);
    expect(products(loss, params, x, y), 'forward').to.equal(3);
    expect(products(grad(loss), params, x, y), 'everything: no gradient of x').to.equal(3 + 5);
    const split = (k: number) => (some: Layer[], others: Layer[]) => loss([...others.slice(0, k), ...some, ...others.slice(k)], x, y);
    expect(products(grad(split(2)), params.slice(2), params.slice(0, 2)), 'the last layer').to.equal(3 + 1);
    expect(products(grad(split(0)), params.slice(0, 1), params.slice(1)), 'the first layer').to.equal(3 + 3);
    const stopped = (p: Layer[]) => loss([...tree.map(stopGradient, p.slice(0, 2)), ...p.slice(2)], x, y);
    expect(products(grad(stopped), params), 'stopGradient').to.equal(3 + 1);
    expect(flat(grad(stopped)(params)[0].w).every((v) => v === 0)).to.equal(true);
    const half = equations(grad(split(2)), params.slice(2), params.slice(0, 2));
    const tail = (hidden: Array) => grad((p: Layer[]) => loss(p, hidden, y));
    const alone = equations((p: Layer[], h: Array) => tail(h)(p), params.slice(2), jnp.ones([5, 4]));
    expect(half.length - alone.length, 'only the forward of the frozen half is added').to.equal(equations((p: Layer[], a: Array) => nn.relu(mlp(p, a)), params.slice(0, 2), x).length);
  });

  onEveryEngine('grad, valueAndGrad, vjp and jit agree', () => {
    const params = layers(3, 4, 2);
    const [x, y] = [numbers(7, [5, 3]), numbers(8, [5, 2])];
    const g = grad(loss)(params, x, y);
    const [value, again] = valueAndGrad(loss)(params, x, y);
    expectClose(value, loss(params, x, y), 1e-6);
    const leaves = (t: unknown) => tree.leaves(t) as Array[];
    expectAllClose(leaves(again), leaves(g), 1e-6);
    expectAllClose(leaves(jit(grad(loss))(params, x, y)), leaves(g), 1e-6);
    expectAllClose(leaves(grad(jit(loss))(params, x, y)), leaves(g), 1e-6);
    const [out, pull] = vjp((p: Layer[]) => loss(p, x, y), params);
    expectClose(out, value, 1e-6);
    expectAllClose(leaves(pull(jnp.array(1))[0]), leaves(g), 1e-6);
    const [[v, aux], gx] = valueAndGrad((p: Layer[], a: Array) => [loss(p, a, y), { mean: jnp.mean(a) }], { argnums: [1], hasAux: true })(params, x);
    expectClose(v, value, 1e-6);
    expectClose(aux.mean, jnp.mean(x), 1e-6);
    expect(gx[0].shape).to.deep.equal([5, 3]);
    const each = vmap((a: Array, b: Array) => grad(loss)(params, a.reshape([1, 3]), b.reshape([1, 2])))(x, y);
    expectAllClose(leaves(tree.map((t: Array) => jnp.mean(t, { axis: 0 }), each)), leaves(g), 1e-5);
  });

  it('values cannot be read in a trace', () => {
    const x = jnp.array([1, 2]);
    for (const wrap of [jit, (f: any) => grad((a: Array) => jnp.sum(f(a))), vmap] as ((f: any) => any)[]) {
      for (const read of [(a: Array) => a.data, (a: Array) => a.tolist(), (a: Array) => (a.size === 1 ? a : jnp.sum(a)).item()]) {
        const error = thrown(() => wrap((a: Array) => { read(a); return a; })(x));
        expect([error.name, error.code]).to.deep.equal(['TracerError', 'TRACER']);
        expect(error.message).to.match(/f32\[2?\].*not known while/);
        expect(error.stack).to.contain(here);
      }
    }
  });

  it('JavaScript operators on arrays are refused, in a trace and outside', () => {
    const x = jnp.array([1, 2]) as any;
    const uses: (() => unknown)[] = [() => x + 1, () => x > 0, () => +x, () => x * 2, () => x == 0, () => [...x], () => { for (const y of x) void y; }];
    for (const use of uses) {
      expect(thrown(use).name, String(use)).to.equal('TypeError');
      expect(thrown(() => jit(() => { use(); return x; })()).name).to.equal('TypeError');
    }
    expect(thrown(() => x + 1).message).to.match(/f32\[2\].*x\.add\(y\)/);
    expect(`${x}`, 'a template string shows the type').to.equal('f32[2]');
    const traced: any[] = [(t: any) => t + 1, (t: any) => t > 0, (t: any) => [...t], (t: any) => Math.max(t, 0), (t: any) => `${t}`, (t: any) => t == 0];
    for (const f of traced) expect(thrown(() => jit(f)(x)).name, String(f)).to.match(/^(Type|Tracer)Error$/);
    expect(thrown(() => jit((t: any) => (t > 0 ? t : x))(x)).message).to.match(/^A traced array \(f32\[2\]\) is no JavaScript number: .* jnp\.where or lax\.cond/);
    expect(thrown(() => jit((t: any) => { void `loss: ${t}`; return t; })(x)).message).to.match(/^A traced array \(f32\[2\]\) has no value to put into a text: .*pureCallback/);
  });

  it('a tracer that is kept is refused later', () => {
    let kept!: Array;
    jit((x: Array) => { kept = x.mul(2); return x; })(jnp.ones([2]));
    for (const use of [() => kept.add(1), () => jit((x: Array) => x.add(kept))(jnp.ones([2])), () => grad((x: Array) => jnp.sum(x.mul(kept)))(jnp.ones([2]))]) {
      const error = thrown(use);
      expect(error.name).to.equal('TracerError');
      expect(error.message).to.match(/f32\[2\]/);
    }
    expect(flat(jnp.ones([2]).add(1)), 'the next computation is not disturbed').to.deep.equal([2, 2]);
  });

  it('a function that throws leaves no trace open', () => {
    expect(thrown(() => jit(() => { throw new Error('mine'); })()).message).to.equal('mine');
    expect(thrown(() => grad((x: Array) => { vmap(() => { throw new Error('inner'); })(x); return x; })(jnp.ones([2]))).message).to.equal('inner');
    expect(jnp.ones([2]).add(1).tolist()).to.deep.equal([2, 2]);
  });

  it('what cannot be traced is refused', () => {
    const later = async (x: Array): Promise<Array> => x;
    for (const f of [jit, grad, vmap, (g: any) => makeJaxpr(g)(jnp.ones([1]))] as ((g: any) => unknown)[]) expect(thrown(() => f(later)).message).to.match(/async functions cannot be traced/);
    expect(thrown(() => jit((x: Array) => Promise.resolve(x))(jnp.ones([1]))).message).to.match(/promise/);
    for (const f of [jit, grad, vmap] as ((g: any) => unknown)[]) expect(thrown(() => f(3)).message).to.match(/expected a function/);
    expect(thrown(() => jit((x: Array) => x)('a' as never)).message).to.match(/expected arrays and numbers.*string.*static/);
    expect(thrown(() => jit(() => 'a')()).name).to.equal('TypeError');
    expect(thrown(() => grad((x: Array) => x)(jnp.ones([2]))).message).to.match(/must return a scalar.*f32\[2\]/);
    expect(thrown(() => grad((x: Array) => [x, x])(jnp.array(1))).message).to.match(/one scalar/);
    expect(thrown(() => grad((x: Array) => jnp.sum(x))(jnp.array(Int32Array.of(1)))).message).to.match(/i32\[1\].*floating-point/);
    expect(thrown(() => grad((x: Array) => jnp.sum(x), { argnums: 2 })(jnp.ones([1]))).message).to.match(/argnums/);
    expect(thrown(() => jit((x: Array) => x, { donate: [0] } as never)).message).to.match(/unknown option 'donate'.*donateArgnums/);
  });

  it('shape errors name the operation, the shapes and the line', () => {
    const [a, b] = [jnp.ones([2, 3]), jnp.ones([4, 5])];
    const table: [() => unknown, RegExp][] = [
      [() => a.add(b), /add.*\[2,3\].*\[4,5\]/], [() => jnp.matmul(a, b), /matmul.*\[2,3\].*\[4,5\]/], [() => jnp.dot(a, b), /dot.*\[2,3\].*\[4,5\]/], [() => a.reshape([4]), /reshape.*\[2,3\].*\[4\]/], [() => jnp.reshape(a, [-1, 4]), /reshape.*\[2,3\]/],
      [() => jnp.concatenate([a, b]), /concatenate.*\[2,3\].*\[4,5\]/], [() => jnp.sum(a, { axis: 2 }), /sum.*axis 2.*rank 2/], [() => jnp.broadcastTo(a, [3, 3]), /broadcastTo.*\[2,3\].*\[3,3\]/], [() => a.index(5), /index.*5.*size 2/],
      [() => a.index(0, 0, 0), /3 indices.*rank 2/], [() => jnp.transpose(a, [0, 0]), /transpose.*\[0,0\].*\[2,3\]/], [() => jnp.squeeze(a, { axis: 0 }), /squeeze.*axis 0.*\[2,3\]/], [() => jnp.split(a, 2, { axis: 1 }), /split.*3.*2 equal/],
      [() => lax.dotGeneral(a, b, [[[1], [0]], [[], []]]), /dotGeneral.*\[2,3\].*\[4,5\]/], [() => jnp.max(jnp.zeros([0])), /max.*empty/], [() => vmap((x: Array, y: Array) => x.add(y))(a, jnp.ones([4])), /vmap.*2, 4/], [() => random.bits(a), /expected a key.*\[2,3\]/],
      [() => random.categorical(random.PRNGKey(0), a, [3]), /categorical.*\[3\].*\[2\]/],
    ];
    for (const [f, pattern] of table) {
      for (const run of [f, () => jit(f as () => Array)(), () => grad(() => jnp.sum(f() as Array), { argnums: 0 })(jnp.array(1))]) {
        const error = thrown(run);
        expect([error.name, error.code], String(f)).to.deep.equal(['ShapeError', 'SHAPE']);
        expect(error.message).to.match(pattern);
        expect(error.message, 'one sentence').to.not.contain('\n');
        expect(error.stack).to.contain(here);
      }
    }
    expect(thrown(() => lax.add(jnp.ones([1]), jnp.ones([1], { dtype: 'float64' }))).message).to.match(/add.*float32.*float64/);
  });

  it('jit compiles anew where something static differs, and only there', () => {
    let traces = 0;
    const f = jit((x: Array, how: any) => { traces++; return typeof how === 'number' ? x.mul(how) : x; }, { staticArgnums: 1 });
    const x = jnp.ones([2]);
    const distinct: unknown[] = [1, '1', -0, 0, NaN, 'NaN', 'null', null, undefined, 1n, '1n', true, { a: 1 }, { a: '1' }, { b: 1 }, {}, { a: undefined }, [1], ['1'], [[1]], () => 1, () => 1, { f: () => 1 }, { f: () => 1 }, new Date(1), new Date(1), new Map(), Infinity, -Infinity];
    for (const how of distinct) f(x, how);
    expect(traces).to.equal(distinct.length);
    for (const how of distinct) f(x, how);
    f(x, { a: 1 });
    expect(traces, 'none again').to.equal(distinct.length);
    expect(flat(f(x, -0))).to.deep.equal([-0, -0]);
    expect(flat(f(x, 0))).to.deep.equal([0, 0]);
    traces = 0;
    const g = jit((t: any) => { traces++; return t; });
    for (const t of [[x], { a: x }, [x, x], [[x]], { a: [x] }, jnp.ones([3]), jnp.ones([2], { dtype: 'int32' }), 1, 1.5, jnp.array(1.5), [x, null]]) { g(t); g(t); }
    expect(traces).to.equal(11);
  });

  it('jit follows the random mode and captured arrays are no constants', () => {
    const f = jit(() => random.bits(random.PRNGKey(1), [3]));
    const partitionable = flat(f());
    config.threefryPartitionable = false;
    try { expect(flat(f())).to.not.deep.equal(partitionable); } finally { config.threefryPartitionable = true; }
    const big = numbers(1, [600]);
    const program = jit((x: Array) => x.add(big)).lower(jnp.ones([600]));
    expect(program.modelBytes).to.be.lessThan(2000);
    expect(program.jaxpr.inputs.length).to.equal(2);
  });

  it('shapes are known without running', () => {
    const out = evalShape((x: Array, p: Layer[]) => ({ y: mlp(p, x), n: jnp.sum(x) }), jnp.ones([5, 3]), layers(3, 4, 2));
    expect(out.y).to.include({ dtype: 'float32', size: 10, ndim: 2 });
    expect(out.n.shape).to.deep.equal([]);
    const n = symbolicDim('batch');
    expect(thrown(() => Number(n)).message).to.match(/'batch'.*jnp\.mean.*jnp\.size/);
  });
});

const EXPECTED = `
{ lambda a:f32[4] b:f32[3,4] c:f32[2] d:f32[4,2] e:f32[5,3] f:f32[5,2] . let
    g:f32[5,4] = dot_general[contract=[[1],[0]] batch=[[],[]]] e b
    h:f32[5,4] = add g a
    i:f32[5,4] = relu h
    j:f32[5,2] = dot_general[contract=[[1],[0]] batch=[[],[]]] i d
    k:f32[5,2] = add j c
    l:f32[5,2] = sub k f
    m:f32[5,2] = broadcast_to[shape=[5,2]] 0.10000000149011612:f32[]
    n:f32[5,2] = mul l 2:f32[]
    o:f32[5,2] = mul m n
    p:f32[2] = reduce_sum[axes=[0]] o
    q:f32[5,4] = dot_general[contract=[[1],[1]] batch=[[],[]]] o d
    r:f32[4,2] = dot_general[contract=[[0],[0]] batch=[[],[]]] i o
    s:bool[5,4] = gt i 0:f32[]
    t:f32[5,4] = select s q 0:f32[]
    u:f32[4] = reduce_sum[axes=[0]] t
    v:f32[3,4] = dot_general[contract=[[0],[0]] batch=[[],[]]] e t
  in (u, v, p, r,) }
`;
