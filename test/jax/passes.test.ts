import { expect } from 'chai';
import fc from 'fast-check';
import { checkpoint, jit, lax, makeJaxpr, numpy as jnp, random, valueAndGrad, type Array } from '../../lib/jax/index.js';
import { Scalar, type ConcreteArray } from '../../lib/jax/array.js';
import { bind, formatJaxpr, type Jaxpr, type Literal } from '../../lib/jax/core.js';
import { eliminateCommonSubexpressions } from '../../lib/jax/passes/cse.js';
import { foldConstants } from '../../lib/jax/passes/fold.js';
import { optimize } from '../../lib/jax/passes/index.js';
import { simplify } from '../../lib/jax/passes/simplify.js';
import { Program, compile, targetOf } from '../../lib/jax/program.js';
import { addP, eqP, geP, ltP, mulP, negP, subP } from '../../lib/jax/primitives/arithmetic.js';
import { inlineCalls } from '../../lib/jax/programs.js';
import { expectClose, numbers, onEveryEngine } from './helpers.js';
import { INPUTS, build, recipe } from './programs.js';

type Pass = (jaxpr: Jaxpr) => Jaxpr;
const program = (f: (...args: any[]) => unknown, args: readonly Array[]): Jaxpr => inlineCalls(makeJaxpr(f)(...args).jaxpr);
/** The names of what a pass leaves. */
const names = (pass: Pass, f: (...args: any[]) => unknown, ...args: Array[]): string[] => pass(program(f, args)).equations.map((e) => e.primitive.name);
const x = () => numbers(1, [3, 4]);
const y = () => numbers(2, [3, 4]);
/** Around what is tested, so that neither its operand is an input nor its result an output. */
const inside = (f: (...xs: Array[]) => Array) => (...xs: Array[]) => jnp.exp(f(...xs.map((v) => jnp.tanh(v))));

describe('common subexpressions', () => {
  const cse = eliminateCommonSubexpressions;
  it('are computed once', () => {
    expect(names(cse, (a) => jnp.exp(jnp.tanh(a)).add(jnp.exp(jnp.tanh(a))), x())).to.deep.equal(['tanh', 'exp', 'add']);
    expect(names(cse, (a) => a.add(2).mul(a.add(3)), x())).to.deep.equal(['add', 'add', 'mul']);
    expect(names(cse, (a) => jnp.sum(a, { axis: 0 }).add(jnp.sum(a.T, { axis: 0 }).at(0).get()), x()).filter((n) => n === 'reduce_sum').length).to.equal(2);
    expect(names(cse, (k) => random.bits(k, [3]).add(random.bits(k, [3])), random.PRNGKey(1)).filter((n) => n === 'random_bits').length).to.equal(1);
  });
  it('see through equal broadcasts, which stay where they are read', () => {
    const wide = (a: Array) => jnp.broadcastTo(a, [3, 4]);
    expect(names(cse, (a) => jnp.exp(wide(a)).add(jnp.exp(wide(a))), numbers(1, [4])).filter((n) => n === 'exp').length).to.equal(1);
  });
  it('with several results are joined as one, and so are loops with equal bodies', () => {
    const loop = (a: Array) => lax.scan((c: Array, v: Array) => [c.add(v), c], a.index(0), a)[1] as Array;
    expect(names(cse, (a) => loop(a).mul(loop(a)), x()).filter((n) => n === 'scan').length).to.equal(1);
  });
  it('are not joined across the barrier of a checkpoint', () => {
    const f = (a: Array) => jnp.sum(jnp.sin(jnp.exp(a)));
    const of = (g: (a: Array) => Array) => names(optimize, valueAndGrad(g), x()).filter((n) => n === 'exp').length;
    expect([of(f), of(checkpoint(f))]).to.deep.equal([1, 2]);
  });
});

describe('identities', () => {
  const table: [string, (...xs: Array[]) => Array, string[]][] = [
    ['transposes of transposes', (a) => a.T.T, []],
    ['a permutation of a permutation', (a) => jnp.transpose(jnp.transpose(a.reshape([3, 2, 2]), [1, 2, 0]), [1, 2, 0]), ['reshape', 'transpose']],
    ['reshapes of reshapes', (a) => a.reshape([12]).reshape([2, 6]), ['reshape']],
    ['reshapes there and back', (a) => a.reshape([12]).reshape([3, 4]), []],
    ['broadcasts of broadcasts', (a) => jnp.broadcastTo(jnp.broadcastTo(a, [2, 3, 4]), [5, 2, 3, 4]), ['broadcast_to']],
    ['a number that was broadcast', (a) => a.mul(jnp.full([3, 4], 0.5)), ['mul']],
    ['exact conversions', (a) => a.astype('float64').astype('float32'), []],
    ['conversions that round', (a) => a.astype('float16').astype('float32'), ['convert_element_type', 'convert_element_type']],
    ['integers through floats', (a) => jnp.floor(a).astype('int32').astype('float32').astype('int32').astype('float32'), ['floor', 'convert_element_type', 'convert_element_type', 'convert_element_type', 'convert_element_type']],
    ['products with one', (a) => a.mul(1).div(1).mul(jnp.ones([3, 4])), []],
    ['adding zero, which makes -0 a 0', (a) => a.add(0), ['add']],
    ['subtracting zero', (a) => a.sub(0).add(-0), []],
    ['a zero added to integers', (a) => a.astype('int32').add(0).astype('float32'), ['convert_element_type', 'convert_element_type']],
    ['a choice between the same', (a) => jnp.where(jnp.greater(a, 0), a, a), []],
    ['negatives of negatives', (a) => a.neg().neg(), []],
    ['double not', (a) => jnp.logicalNot(jnp.logicalNot(jnp.greater(a, 0))).astype('float32'), ['gt', 'convert_element_type']],
    ['stopped gradients', (a) => lax.stopGradient(a), []],
    ['slices of everything', (a) => lax.slice(a, [0, 0], [3, 4]), []],
  ];
  for (const [title, f, left] of table) {
    it(title, () => {
      const before = program(inside(f), [x()]);
      const after = optimize(before);
      expect(after.equations.map((e) => e.primitive.name), formatJaxpr(after)).to.deep.equal(['tanh', ...left, 'exp']);
      expect([after.inputs, after.outputs.length]).to.deep.equal([before.inputs, 1]);
    });
  }

  it('transposes become dimension numbers of products', () => {
    const [a, b] = [numbers(1, [5, 3, 4]), numbers(2, [6, 4])];
    const product = (a: Array, b: Array) => jnp.tensordot(jnp.transpose(a, [2, 0, 1]), b.T, { axes: [[0], [0]] });
    expect(names(simplify, product, a, b)).to.deep.equal(['dot_general']);
    expectClose(jit(product)(a, b), product(a, b), 1e-6);
    expect(names(simplify, (a, b) => jnp.matmul(a, b.T).add(b.index({ stop: 1 }).reshape([4]).at(0).get()), numbers(1, [20, 4]), b)).to.not.include('transpose');
    expect(names(simplify, (a, b, c) => jnp.matmul(a, b.T).add(c), numbers(1, [20, 4]), b, numbers(3, [6])), 'with a bias the engine joins all three').to.include('transpose');
    // The order of the free axes is that of the result.
    const turned = (a: Array, b: Array) => jnp.tensordot(jnp.transpose(a, [1, 0, 2]), b, { axes: 1 });
    expect(names(simplify, turned, numbers(1, [2, 3, 4]), numbers(2, [4, 5]))).to.include('transpose');
    expectClose(jit(turned)(numbers(1, [2, 3, 4]), numbers(2, [4, 5])), turned(numbers(1, [2, 3, 4]), numbers(2, [4, 5])), 1e-6);
  });

  it('keep NaN and the sign of zero', () => {
    const special = jnp.array([-0, 0, NaN, Infinity, -Infinity, 1e-40]);
    for (const f of [(a: Array) => a.add(0), (a: Array) => a.sub(0), (a: Array) => a.neg().neg(), (a: Array) => a.mul(1).div(1), (a: Array) => a.mul(0)]) {
      const all = (a: Array) => f(a.mul(2)).mul(0.5);
      expectClose(jit(all)(special), all(special), 0, String(f));
    }
  });
});

describe('constant folding', () => {
  it('rounds floats and wraps integers as the engine', () => {
    const values = { float32: [3, 7, -2, 1e30, 0.1, -0, NaN], int32: [3, -2, 2 ** 31 - 1, -(2 ** 31), 65537] };
    for (const dtype of ['float32', 'int32'] as const) {
      for (const p of [addP, subP, mulP, ltP, eqP, geP]) {
        for (const a of values[dtype]) for (const b of values[dtype]) {
          const constants = [a, b].map((v) => new Scalar(v, dtype, false));
          const { equations } = foldConstants(program(() => jnp.broadcastTo(bind(p, constants)[0], [2]), []));
          expect(equations.map((e) => e.primitive.name)).to.deep.equal(['broadcast_to']);
          const expected = bind(p, constants)[0].item();
          expect(Object.is((equations[0].inputs[0] as Literal).value, expected), `${p.name}(${a}, ${b}) is ${expected}`).to.equal(true);
        }
      }
    }
    expect(names(optimize, (a) => a.mul(bind(mulP, [new Scalar(2, 'float32'), bind(negP, [new Scalar(3, 'float32')])[0]])[0]), x())).to.deep.equal(['mul']);
  });
});

describe('optimised programs', () => {
  onEveryEngine('compute as those that are not, with donated inputs too', () => {
    fc.assert(fc.property(recipe, (r) => {
      const { jaxpr, consts } = makeJaxpr(build(r))(...INPUTS());
      const all = () => [...consts, ...INPUTS()] as ConcreteArray[];
      const donated = r.donated.map((i) => i + consts.length);
      const plain = new Program(jaxpr, targetOf());
      const expected = plain.run(all());
      compile(jaxpr, targetOf(), donated).run(all()).forEach((v, k) => expectClose(v, expected[k], 1e-5, `output ${k}`));
      plain.dispose();
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 40), seed: 11 });
  });

  it('keep what kind of thing each output is', () => {
    const f = (a: Array, b: Array) => [a.mul(1), b, a.neg().neg(), jnp.exp(a).mul(1), jnp.exp(a).div(1)];
    const [a, b] = [x(), y()];
    const results = jit(f)(a, b);
    expect(results[1]).to.equal(b);
    expect(new Set([a, ...results].map((v) => (v as ConcreteArray).memory)).size).to.equal(6);
    results.forEach((v, k) => expectClose(v, f(x(), y())[k], 0));
  });

  it('are optimised inside loops and branches', () => {
    const f = (a: Array) => lax.cond(jnp.greater(jnp.sum(a), 0), (v: Array) => jnp.exp(v).add(jnp.exp(v)), (v: Array) => v.T.T, a);
    const { branches } = optimize(program(f, [x()])).equations.at(-1)!.params as { branches: Jaxpr[] };
    expect(branches.map((b) => b.equations.length).sort()).to.deep.equal([1, 2]);
    expectClose(jit(f)(x()), f(x()), 0);
  });
});

describe('lower', () => {
  const layer = (w: Array, v: Array) => jnp.sum(jnp.tanh(jnp.matmul(v, w)));
  const [w, v] = [numbers(1, [30, 40]), numbers(2, [20, 30])];
  it('shows the program, its model and its nodes without running it', () => {
    const lowered = jit(layer).lower(w, v);
    expect(lowered.text).to.equal(formatJaxpr(lowered.jaxpr)).and.to.match(/dot_general.*\n.*tanh.*\n.*reduce_sum/);
    expect(lowered.nodeCounts()).to.deep.equal({ MatMul: 1, 'hokku.Fused': 1 });
    expect(lowered.model().byteLength).to.equal(lowered.modelBytes);
    const loop = jit((a: Array) => lax.scan((c: Array, u: Array) => [c.add(u), c], a.index(0), a)).lower(w);
    expect(loop.nodeCounts()).to.include({ Scan: 1, 'hokku.Fused': 1 });
  });
  it('estimates operations and bytes', () => {
    expect(jit(layer).lower(w, v).cost()).to.deep.equal({ flops: 2 * 20 * 30 * 40 + 800 + 800, inputBytes: 4 * (1200 + 600), outputBytes: 4, intermediateBytes: 2 * 4 * 800 });
    const scan = jit((a: Array) => lax.scan((c: Array, u: Array) => [c.add(u), c], jnp.zeros([40]), a)).lower(w).cost();
    expect(scan.flops).to.equal(30 * 40);
    const conv = jit((a: Array, k: Array) => lax.convGeneralDilated(a, k, [1, 1], 'VALID')).lower(jnp.ones([2, 3, 8, 8]), jnp.ones([5, 3, 3, 3])).cost();
    expect(conv.flops).to.equal(2 * (2 * 5 * 6 * 6) * 27);
  });
});
