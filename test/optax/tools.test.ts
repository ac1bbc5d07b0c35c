import { expect } from 'chai';
import fc from 'fast-check';
import { grad, jit, nn, numpy as jnp, random, tree, vmap, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TypeError, ValueError } from '../../lib/runtime/errors.js';
import { expectClose, numbers } from './helpers.js';

const vector = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 6 }).map((xs) => xs.map((x) => x / 8));
const sum = (xs: number[]) => xs.reduce((a, b) => a + b, 0);

describe('projections', () => {
  it('on the simplex: not negative, of the sum asked for, and no point of it is nearer (property)', () => {
    fc.assert(fc.property(vector, fc.integer({ min: 1, max: 5 }), (xs, scale) => {
      const p = numbers(optax.projections.projectionSimplex(jnp.array(xs), { scale }));
      expect(sum(p)).to.be.closeTo(scale, 1e-4);
      expect(Math.min(...p)).to.be.at.least(0);
      const distance = (q: number[]) => sum(q.map((v, i) => (v - xs[i]!) ** 2));
      for (let i = 0; i < xs.length; i++) expect(distance(p)).to.be.at.most(distance(xs.map((_, k) => (k === i ? scale : 0))) + 1e-3);
    }), { numRuns: 15 });
  });
  it('have the derivative of the face where the point lies', () => {
    expectClose(grad((x: Array) => optax.projections.projectionSimplex(x).index(0))(jnp.array([0.5, 0.4, -3])), [0.5, -0.5, 0]);
  });
  it('on balls, spheres, boxes and planes', () => {
    const t = { a: jnp.array([3, 0]), b: jnp.array([-4]) };
    const { projections: p } = optax;
    expectClose(p.projectionL2Ball(t, { scale: 10 }), [3, 0, -4]);
    expectClose(p.projectionL2Ball(t, { scale: 1 }), [0.6, 0, -0.8]);
    expectClose(p.projectionL2Sphere(t, { scale: 10 }), [6, 0, -8]);
    expectClose(p.projectionL1Ball(t, { scale: 3 }), [1, 0, -2]);
    expectClose(p.projectionL1Ball(t, { scale: 7 }), [3, 0, -4]);
    expectClose(p.projectionLinfBall(t, { scale: 2 }), [2, 0, -2]);
    expectClose(p.projectionNonNegative(t), [3, 0, 0]);
    expectClose(p.projectionHypercube(t), [1, 0, 0]);
    expectClose(p.projectionHyperplane(jnp.array([1, 2]), jnp.array([3, 4]), 5), [7 / 25, 26 / 25]);
    expectClose(p.projectionHalfspace(jnp.array([1, -2]), jnp.array([3, 4]), 5), [1, -2]);
    expectClose(p.projectionVector(jnp.array([1, 2]), jnp.array([3, 4])), [33 / 25, 44 / 25]);
  });
});

describe('assignment', () => {
  const best = (costs: number[][]): number => {
    const go = (row: number, used: number[]): number => (row === costs.length ? 0
      : Math.min(...costs[row]!.map((c, j) => (used.includes(j) ? Infinity : c + go(row + 1, [...used, j])))));
    return go(0, []);
  };
  it('costs as little as the best of all (property)', () => {
    const solve = jit((x: Array) => optax.assignment.baseHungarianAlgorithm(x));
    fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 }), { minLength: 3, maxLength: 3 }), (costs) => {
      const [rows, columns] = (solve(jnp.array(costs)) as [Array, Array]).map((x) => numbers(x)) as [number[], number[]];
      expect(rows).to.deep.equal([0, 1, 2]);
      expect(new Set(columns).size).to.equal(3);
      expect(sum(rows.map((i, k) => costs[i]![columns[k]!]!))).to.equal(best(costs));
    }), { numRuns: 15 });
  });
  it('of more rows than columns', () => {
    const [rows, columns] = optax.assignment.hungarianAlgorithm(jnp.array([[4, 1], [2, 0], [3, 2]]));
    expect([numbers(rows), numbers(columns)]).to.deep.equal([[0, 1], [1, 0]]);
  });
});

describe('linear algebra', () => {
  const m = () => jnp.array([[2, 1], [1, 3]]);
  it('powerIteration finds the largest eigenvalue', () => {
    const [value, v] = optax.powerIteration(m());
    expect(value.item()).to.be.closeTo((5 + Math.sqrt(5)) / 2, 1e-4);
    expectClose(jnp.matmul(m(), v as Array), numbers((v as Array).mul(value)), { rtol: 1e-3, atol: 1e-3 });
    expect(() => optax.powerIteration((x: Array) => x)).to.throw(ValueError, /v0/);
  });
  it('matrixInversePthRoot is what its power inverts', () => {
    for (const p of [1, 2, 4]) {
      let power = optax.matrixInversePthRoot(m(), p)[0];
      for (let q = 1; q < p; q *= 2) power = jnp.matmul(power, power);
      expectClose(jnp.matmul(power, m()), [1, 0, 0, 1], { rtol: 1e-3, atol: 1e-3 });
    }
  });
  it('nnls solves with what may not be negative', () => {
    expectClose(optax.nnls(jnp.array([[1, 0], [0, 1]]), jnp.array([2, -1]), 200), [2, 0], { rtol: 1e-3, atol: 1e-3 });
  });
  it('multiNormal samples and knows its density', () => {
    const d = optax.multiNormal(jnp.array([1, 2]), jnp.log(jnp.array([0.5, 2])));
    expect(d.sample([3], random.PRNGKey(0)).shape).to.deep.equal([3, 2]);
    expect(d.logProb(jnp.array([1, 2])).item()).to.be.closeTo(-Math.log(2 * Math.PI), 1e-5);
  });
});

describe('perturbations and second derivatives', () => {
  it('the mean of argmax over Gumbel noise is a softmax, and so is its gradient', () => {
    const x = jnp.array([0.2, 0, -0.1]);
    const soft = optax.perturbations.makePerturbedFun((y: Array) => nn.oneHot(jnp.argmax(y), 3), { numSamples: 20000, sigma: 0.5 });
    const first = (f: (y: Array) => Array) => [numbers(f(x)), numbers(grad((y: Array) => f(y).index(0))(x))] as const;
    const [value, slope] = first((y) => soft(random.PRNGKey(1), y) as Array);
    const [expected, expectedSlope] = first((y) => nn.softmax(y.div(0.5)));
    value.forEach((v, i) => expect(v).to.be.closeTo(expected[i]!, 0.02));
    slope.forEach((v, i) => expect(v).to.be.closeTo(expectedSlope[i]!, 0.1));
  });
  it('hvp, hessianDiag, fisherDiag and scaleGradient', () => {
    const loss = (p: any) => jnp.sum(p.a.mul(p.a).mul(p.a)).add(p.b.mul(p.b));
    const p = { a: jnp.array([1, 2]), b: jnp.array(3) };
    expectClose(optax.secondOrder.hvp(loss, jnp.array([1, 0, 1]), p, null, null), [6, 0, 2]);
    expectClose(optax.secondOrder.hessianDiag(loss, p, null, null), [6, 12, 2]);
    expectClose(optax.secondOrder.fisherDiag(loss, p, null, null), [9, 144, 36]);
    expectClose(grad((x: Array) => jnp.sum(optax.scaleGradient(x, 0.25).mul(2)))(jnp.array([1, 1])), [0.5, 0.5]);
    expectClose(grad((x: Array) => jnp.sum(optax.scaleGradient(x, 0)))(jnp.array([1])), [0]);
  });
});

describe('microbatching', () => {
  const f = (x: Array, w: Array) => ({ total: jnp.sum(x.mul(w)), each: x.mul(w) });
  const x = () => jnp.arange(6).astype('float32');
  it('sums, means and concatenates in the order of the batch', () => {
    const run = (accumulator: any) => optax.microbatch(f, 0, 2, { accumulator })(x(), jnp.array(2));
    expectClose(run({ total: 'sum', each: 'concat' }), [0, 2, 4, 6, 8, 10, 30]);
    expectClose(run('mean').total, [10]);
    expectClose(run('runningMean').total, [10]);
    expectClose(optax.microbatch(f, 0, 2, { numRealMicrobatches: 1 })(x(), jnp.array(2)).total, [2 * (0 + 3)]);
    expect(() => optax.microbatch(f, 0, 4)(x(), jnp.array(2))).to.throw(ValueError, /multiple/);
  });
  it('microVmap is vmap, and microGrad gives the gradient of each example', () => {
    expectClose(optax.microbatching.microVmap((a: Array) => a.mul(3), { microbatchSize: 3 })(x()), numbers(vmap((a: Array) => a.mul(3))(x()) as Array));
    const loss = (w: Array, a: Array) => jnp.sum(a.mul(w));
    const [total, { values }] = optax.microbatching.microGrad(loss, { microbatchSize: 2, transformFn: (g: Array) => jnp.clip(g, null, 2) })(jnp.array(1), x());
    expectClose(total, [0 + 1 + 2 + 2 + 2 + 2]);
    expectClose(values, [0, 1, 2, 3, 4, 5]);
  });
});

describe('states by name', () => {
  const params = () => ({ w: jnp.array([1, 2]) });
  const opt = () => optax.chain(optax.clip(1), optax.injectHyperparams(optax.adam)(0.1));
  it('get, set and all with paths', () => {
    const state = opt().init(params());
    expectClose(optax.tree.get(state, 'learningRate'), [0.1]);
    expect(optax.tree.get(state, 'nothing', { default: 7 })).to.equal(7);
    expect(() => optax.tree.get(state, 'count')).to.throw(ValueError, /2 times/);
    const next = optax.tree.set(state, { learningRate: jnp.array(0.5) });
    expectClose(optax.tree.get(next, 'learningRate'), [0.5]);
    expect(optax.tree.get(next, 'ScaleByAdamState')).to.be.instanceOf(optax.ScaleByAdamState);
    expect(() => optax.tree.set(state, { nothing: 1 })).to.throw(ValueError, /nothing/);
    const [path] = optax.tree.getAllWithPath(state, 'mu')[0]!;
    expect(path.map(String)).to.deep.equal(['1', 'InjectStatefulHyperparamsState.innerState', '0', 'ScaleByAdamState.mu']);
  });
  it('mapParams changes what is like the parameters', () => {
    for (const make of [() => optax.adam(0.1), () => optax.masked(optax.adam(0.1), { w: true }), () => optax.chain(optax.clip(1), optax.sgd(0.1, { momentum: 0.9 }))]) {
      const state = make().init(params());
      const mapped = optax.tree.mapParams(make(), (m: Array) => m.add(5), state);
      expect((tree.leaves(mapped) as Array[]).filter((m) => m.ndim > 0).every((m) => numbers(m).every((v) => v === 5))).to.equal(true);
      expect((tree.leaves(mapped) as Array[]).filter((m) => m.ndim === 0).every((m) => m.item() === 0)).to.equal(true);
    }
  });
  it('injectHyperparams follows schedules, takes what is set, and refuses what it cannot name', () => {
    const tx = optax.injectHyperparams(optax.sgd)(optax.linearSchedule(1, 0, 4));
    let state = tx.init(params());
    for (const rate of [1, 0.75, 0.5]) {
      const [updates, next] = tx.update({ w: jnp.array([1, 1]) }, state, params());
      expectClose(updates, [-rate, -rate]);
      state = next;
    }
    const fixed = optax.injectHyperparams(optax.sgd)(0.1);
    expectClose(fixed.update({ w: jnp.array([1, 1]) }, optax.tree.set(fixed.init(params()), { learningRate: jnp.array(2) }), params())[0], [-2, -2]);
    expect(() => optax.injectHyperparams((rate: number) => optax.sgd(rate))(0.1)).to.throw(TypeError, /by name/);
    expect(() => optax.injectHyperparams(optax.adam, { staticArgs: 'b3' })).to.throw(ValueError, /b3/);
  });
  it('dtypes of mixed trees', () => {
    const mixed = { a: jnp.zeros([1]), b: jnp.zeros([1], { dtype: 'bfloat16' }) };
    expect(optax.tree.dtype(mixed, { mixedDtypeHandler: 'lowest' })).to.equal('bfloat16');
    expect(optax.tree.dtype(mixed, { mixedDtypeHandler: 'highest' })).to.equal('float32');
    expect(() => optax.tree.dtype(mixed)).to.throw(ValueError, /bfloat16/);
  });
});
