import { expect } from 'chai';
import { grad, jit, nn, numpy as jnp, random, tree, vmap, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { TypeError } from '../../lib/runtime/errors.js';
import { trainStep } from '../../lib/training/index.js';

const numbers = (x: Array) => [...(x.data as Float32Array)];
const expectClose = (x: Array, wanted: number[]) => numbers(x).forEach((v, i) => expect(v).to.be.closeTo(wanted[i]!, 1e-5));

describe('what Optax takes', () => {
  it('schedules of whole numbers are floats at an array of a count', () => {
    const count = jnp.arange(4);
    const at = (schedule: optax.Schedule) => vmap((n: Array) => schedule(n) as Array)(count) as Array;
    for (const schedule of [
      optax.constantSchedule(1), optax.linearSchedule(1, 0, 0), optax.exponentialDecay(1, 0, 0.5), optax.piecewiseConstantSchedule(1),
      optax.piecewiseInterpolateSchedule('linear', 1),
    ]) expect([at(schedule).dtype, ...numbers(at(schedule))]).to.deep.equal(['float32', 1, 1, 1, 1]);
    const joined = at(optax.joinSchedules([optax.constantSchedule(1), optax.constantSchedule(2)], [2]));
    expect([joined.dtype, ...numbers(joined)]).to.deep.equal(['float32', 1, 1, 2, 2]);
    expect(optax.constantSchedule(1)(3)).to.equal(1);
  });
  it('scaleByLearningRate takes its arguments by name too', () => {
    const opt = optax.scaleByLearningRate({ learningRate: 0.5, flipSign: false });
    const params = { w: jnp.array([2]) };
    expectClose((opt.update(params, opt.init(params)) as any)[0].w, [1]);
    expect(() => optax.scaleByLearningRate({ rate: 0.5 } as never)).to.throw(/unknown option 'rate'/);
  });
  it('projections take their scale by name', () => {
    expectClose(optax.projections.projectionSimplex(jnp.array([1, 1]), { scale: 4 }), [2, 2]);
    expect(() => optax.projections.projectionSimplex(jnp.array([1, 1]), 4 as never)).to.throw(/options object/);
  });
  it('losses over all axes', () => {
    const logits = jnp.array([[0, 1], [2, 3]]);
    const labels = jnp.array([[0, 0.5], [0, 0.5]]);
    // logsumexp(0, 1, 2, 3) = 3.4401897
    expectClose(optax.softmaxCrossEntropy(logits, labels, { axis: null }), [1.4401897]);
    expectClose(optax.smoothLabels(labels, 0.4, { axis: null }), [0.1, 0.4, 0.1, 0.4]);
    expectClose(grad((x: Array) => optax.softmaxCrossEntropy(x, labels, { axis: null }))(logits) as Array,
      numbers(nn.softmax(logits.reshape([4]))).map((p, i) => p - (i % 2 ? 0.5 : 0)));
    expect(() => optax.softmaxCrossEntropyWithIntegerLabels(logits, jnp.array([0, 1], { dtype: 'int32' }), { axis: null })).to.throw(/axis must be a number/);
  });
  it('hinge losses of half precision are float32, as one-hot labels are', () => {
    const scores = jnp.array([1, 0.5, 0]).astype('bfloat16');
    expect(optax.losses.multiclassHingeLoss(scores, jnp.array(1)).dtype).to.equal('float32');
    expect(optax.losses.multiclassPerceptronLoss(scores, jnp.array(1)).dtype).to.equal('float32');
  });
  it('injectHyperparams keeps whole numbers whole, knows its names and both spellings of them', () => {
    const params = { w: jnp.ones([2]) };
    const noisy = optax.injectHyperparams(optax.noisySgd)(0.1, { seed: 3 });
    expect(noisy.init(params).hyperparams.seed.dtype).to.equal('int32');
    const plain = optax.noisySgd(0.1, { seed: 3 });
    const [a, b] = [noisy, plain].map((opt) => opt.update(params, opt.init(params), params)[0].w as Array);
    expect(numbers(a!)).to.deep.equal(numbers(b!));
    expect(Object.keys(optax.injectHyperparams(optax.adam, { staticArgs: ['eps_root'] })(0.1).init(params).hyperparams)).not.to.include('epsRoot');
    expect(() => optax.injectHyperparams(optax.adam)(0.1, { foo: 1 })).to.throw(/unknown argument 'foo'/);
  });
  it('injectHyperparams leaves a mask that is a function to the optimizer, in a training step too', () => {
    // Optax's numbers, with static_args=('mask',): decay of 0.5 for the matrix alone.
    const params = { l: { w: jnp.ones([3, 2]), b: jnp.ones([2]) } };
    const loss = (p: typeof params): Array => jnp.sum(jnp.square(jnp.matmul(jnp.ones([1, 3]), p.l.w).add(p.l.b)));
    for (const mask of [() => ({ l: { w: true, b: false } }), (p: typeof params) => tree.map((x: Array) => x.ndim > 1, p)]) {
      const make = (factory: (...args: any[]) => optax.GradientTransformation) => factory(0.1, { weightDecay: 0.5, mask });
      for (const opt of [make(optax.adamw), make(optax.injectHyperparams(optax.adamw)), make(optax.injectHyperparams(optax.adamw, { staticArgs: 'mask' }))]) {
        const [updates] = opt.update(grad(loss)(params), opt.init(params), params) as any[];
        for (const [name, wanted] of [['w', -0.15], ['b', -0.1]] as const) numbers(updates.l[name]).forEach((v) => expect(v).to.be.closeTo(wanted, 1e-5));
        const step = trainStep({ loss, optimizer: opt });
        const [carry] = step(step.init(params), {});
        for (const [name, wanted] of [['w', 0.85], ['b', 0.9]] as const) numbers((carry.trainable as any).l[name]).forEach((v) => expect(v).to.be.closeTo(wanted, 1e-5));
      }
    }
    expect(() => optax.injectHyperparams(({ choose }) => optax.masked(optax.sgd(0.1), choose))({ choose: () => ({ l: true }) }).init(params)).to.throw(TypeError, /'choose'.*staticArgs/);
  });
  it('numbers and truth values in the state of an optimizer are arrays to a training step', () => {
    const count = { init: () => ({ on: true, rate: 0.5 }), update: (updates: any, state: any) => [tree.map((u: Array) => u.mul(jnp.where(state.on, state.rate, 0)), updates), state] };
    const [params, loss] = [{ l: { w: jnp.ones([2]) } }, (p: { l: { w: Array } }) => jnp.sum(p.l.w)];
    const step = trainStep({ loss, optimizer: count as never });
    let carry = step.init(params);
    for (let k = 0; k < 2; k++) [carry] = step(carry, {});
    expectClose((carry.trainable as any).l.w, [2, 2]);
    const named = { ...count, init: () => ({ name: 'a' }) };
    expect(() => trainStep({ loss, optimizer: named as never }).init(params)).to.throw(TypeError, /trainStep.init.*string/);
  });
  it('counts may be numbers, keys may be whole arrays', () => {
    expect(optax.safeIncrement(3).item()).to.equal(4);
    const add = (seed: Array | number) => optax.addNoise(1, 0.5, { seed }).init({ w: jnp.ones([2]) }).rngKey as Array;
    expect(numbers(add(jnp.array(7, { dtype: 'int32' })))).to.deep.equal(numbers(random.PRNGKey(7)));
    expect((jit((n: Array) => optax.safeIncrement(n))(jnp.array(3, { dtype: 'int32' })) as Array).item()).to.equal(4);
  });
  it('hungarianAlgorithm gives its pairs in the order of Optax', () => {
    // Recorded: optax.assignment.hungarian_algorithm of 0.2.8.
    const pairs = (costs: Array) => optax.assignment.hungarianAlgorithm(costs).map((x) => [...(x.data as Int32Array)]);
    const tall = jnp.array([[0.77, -1.1, 0.56], [1.43, -1.04, -0.82], [0.14, 0.99, 1.34], [0.68, -0.67, -1.11], [0.24, 0.4, -1.1]]);
    expect(pairs(tall)).to.deep.equal([[3, 0, 2], [2, 1, 0]]);
    expect(pairs(tall.T)).to.deep.equal([[2, 1, 0], [3, 0, 2]]);
    expect(pairs(jnp.array([[9, 1, 9], [9, 9, 1], [1, 9, 9]]))).to.deep.equal([[2, 0, 1], [0, 1, 2]]);
    expect(pairs(jnp.zeros([0, 3]))).to.deep.equal([[], []]);
  });
  describe('moments of half precision are rounded where Optax 0.2.8 rounds them, whose AdEMAMix keeps them so for one step only', () => {
    const gradients = [[0.3, -0.7], [0.1, 0.4], [-0.2, 0.05], [0.6, -0.01]];
    const averages = 'bfloat16';
    for (const [name, make, dtypes, wanted] of [
      ['ademamix', () => optax.contrib.ademamix(0.1, { muDtype: averages }), ['float32', 'float32', 'float32'],
        [[0.89995068, -1.89995062], [0.8127557, -1.87868786], [0.78998697, -1.86623418], [0.73070717, -1.85530317]]],
      ['adopt', () => optax.contrib.adopt(0.1, { muDtype: averages }), ['bfloat16', 'float32'],
        [[1, -2], [0.99666667, -2.00571418], [1.00033069, -2.01155543], [0.99046582, -2.01666164]]],
      ['adopt with nesterov', () => optax.contrib.adopt(0.1, { muDtype: averages, nesterov: true }), ['bfloat16', 'float32'],
        [[1, -2], [0.99366665, -2.01085711], [1.00363123, -2.01682854], [0.98159212, -2.02128124]]],
    ] as [string, () => optax.GradientTransformation, string[], number[][]][]) {
      const types = (state: unknown) => tree.leaves(state).map((x) => (x as Array).dtype).filter((dtype) => dtype !== 'int32');
      it(name, () => {
        const opt = make();
        let params: any = { m: { w: jnp.array([1, -2]) } };
        let state = opt.init(params);
        const update = jit((g: any, s: any, p: any) => opt.update(g, s, p)) as typeof opt.update;
        for (const [k, g] of gradients.entries()) {
          const [updates, next] = update({ m: { w: jnp.array(g) } }, state, params);
          [params, state] = [optax.applyUpdates(params, updates), next];
          numbers(params.m.w).forEach((v, i) => expect(v).to.be.closeTo(wanted[k]![i]!, 1e-6));
          expect(types(state)).to.deep.equal(dtypes);
        }
      });
      it(`${name}, in the fused step`, () => {
        const step = trainStep({ loss: (p, g: Array) => jnp.sum(p.m.w.mul(g)), optimizer: make() });
        let carry = step.init({ m: { w: jnp.array([1, -2]) } });
        for (const [k, g] of gradients.entries()) {
          [carry] = step(carry, jnp.array(g));
          numbers(carry.trainable.m.w).forEach((v, i) => expect(v).to.be.closeTo(wanted[k]![i]!, 1e-6));
          expect(types(carry.optState)).to.deep.equal(dtypes);
        }
      });
    }
  });
  it('extremes and the largest norm are floats, also of integers, and pass over empty leaves', () => {
    const whole = { a: jnp.array([1, -2, 3], { dtype: 'int32' }) };
    const [max, min, norm] = [optax.tree.max, optax.tree.min, (x: any) => optax.tree.norm(x, { ord: Infinity })].map((f) => (x: any) => { const y = f(x); return [y.dtype, y.item()]; });
    expect([max!(whole), min!(whole), norm!(whole)]).to.deep.equal([['float32', 3], ['float32', -2], ['float32', 3]]);
    expect([max!({}), min!({}), norm!({})]).to.deep.equal([['float32', -Infinity], ['float32', Infinity], ['float32', -Infinity]]);
    const some = { a: jnp.array([0.5, -0.25]).astype('bfloat16'), b: jnp.zeros([0, 3]).astype('bfloat16') };
    expect([max!(some), min!(some), norm!(some)]).to.deep.equal([['bfloat16', 0.5], ['bfloat16', -0.25], ['bfloat16', 0.5]]);
  });
  it('refuses what Optax refuses', () => {
    expect(() => optax.squaredError(jnp.ones([3]), 1 as never)).to.throw(/one shape, but got \[3\] and \[\]/);
    expect(() => optax.smoothLabels(jnp.array(1, { dtype: 'float32' }), 0.1)).to.throw(/axis -1 is out of range/);
    expect(() => optax.ntxent(jnp.ones([3]), jnp.array([0, 1, 1]))).to.throw(/embeddings \[n, features\]/);
  });
});
