import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import { inInit, numbers, paths, refused } from './helpers.js';

const x = jnp.ones([2, 3]);
const linear = hk.transform((v: Array) => new hk.Linear(3)(v));
const withState = hk.transformWithState((v: Array) => { hk.setState('seen', v); return new hk.Linear(3)(v); });
const key = (): Array | null => (hk.runningInit() ? hk.nextRngKey() : null);
const close = (a: Array, b: Array): void => { const want = numbers(b); numbers(a).forEach((v, i) => expect(v).to.be.closeTo(want[i], 1e-5)); };

describe('hk.lift and its kin', () => {
  it('store and read parameters under a name, or transparently, and tell hooks the prefix', () => {
    const prefixes: (string | null)[] = [];
    const tell: hk.Creator = (next, shape, dtype, init, { liftedPrefixName }) => { prefixes.push(liftedPrefixName); return next(shape, dtype, init); };
    const f = hk.transform((v: Array) => hk.nameScope('outer', () => hk.customCreator(tell, () => {
      const [a, b] = [hk.lift(linear.init, { name: 'inner' })(key(), v), hk.transparentLift(linear.init)(key(), v)];
      return linear.apply(a, null, v).add(linear.apply(b, null, v));
    })));
    const params = f.init(0, x);
    expect(Object.keys(params)).to.deep.equal(['outer/inner/linear', 'outer/linear']);
    expect(prefixes).to.deep.equal(['outer/inner/', 'outer/inner/', 'outer/', 'outer/']);
    close(f.apply(params, null, x), linear.apply({ linear: params['outer/inner/linear'] }, null, x).add(linear.apply({ linear: params['outer/linear'] }, null, x)));
  });
  it('liftWithState writes the state back, once', () => {
    const f = hk.transformWithState((v: Array) => {
      const [init, updater] = hk.liftWithState(withState.init);
      const [params, state] = init(key(), v);
      const [out, left] = withState.apply(params, state, null, v);
      updater.update(left);
      return out;
    });
    const [params, state] = f.init(0, x);
    expect(state).to.have.keys(['lifted/~']);
    expect(numbers(f.apply(params, state, null, x.mul(2))[1]['lifted/~'].seen)[0]).to.equal(2);
    refused(() => inInit(() => { const [, updater] = hk.liftWithState(withState.init); updater.ignoreUpdate(); updater.ignoreUpdate(); }), 'ValueError', /only be used once/);
    refused(() => inInit(() => { hk.liftWithState(withState.init); }), 'ValueError', /must be used, call/);
    let late!: hk.LiftWithStateUpdater;
    refused(() => inInit(() => { [, late] = hk.liftWithState(withState.init); }), 'ValueError', /must be used/);
    refused(() => late.ignoreUpdate(), 'ValueError', /inside hk.transformWithState/);
    refused(() => inInit(() => late.ignoreUpdate()), 'ValueError', /same call to init\/apply/);
  });
  it('refuse keys that are there, state without a place, and modules from outside', () => {
    refused(() => inInit(() => { hk.transparentLift(linear.init)(hk.nextRngKey(), x); hk.transparentLift(linear.init)(hk.nextRngKey(), x); }), 'ValueError', /'linear' already exists/);
    expect(paths(() => { for (let i = 0; i < 2; i++) hk.transparentLift(linear.init, { allowReuse: true })(hk.nextRngKey(), x); })).to.have.length(2);
    refused(() => inInit(() => hk.lift(withState.init as unknown as typeof linear.init)(hk.nextRngKey(), x)), 'NonEmptyStateError', /liftWithState/);
    refused(() => inInit(() => { const m = new hk.Linear(2); hk.transparentLift(hk.transform(() => m(x)).init)(hk.nextRngKey()); }), 'ValueError', /close over a module.*'linear'/);
    refused(() => hk.lift(linear.init), 'ValueError', /hk\.lift` must be used/);
  });
});

describe('hk.layerStack', () => {
  const layer = (v: Array): Array => jnp.tanh(new hk.Linear(3)(v));
  it('is the loop written out, forwards and in reverse', () => {
    const f = hk.transform((v: Array, reverse: boolean) => hk.layerStack(4, { name: 's' })(layer)(v, { reverse }));
    const params = f.init(0, x, false);
    expect(params['s/linear'].w.shape).to.deep.equal([4, 3, 3]);
    for (const order of [[0, 1, 2, 3], [3, 2, 1, 0]]) {
      const one = hk.transform(layer);
      const want = order.reduce((v, i) => one.apply({ linear: tree.map((p: Array) => p.index(i), params['s/linear']) }, null, v), x);
      close(f.apply(params, null, x, order[0] === 3), want);
    }
  });
  it('takes several arguments, per-layer inputs, and state; nests', () => {
    expect(hk.transform((a: Array, b: Array) => hk.layerStack(3)((p: Array, q: Array) => [p.add(q), q.mul(2)])(a, b)).apply({}, null, x, x).map((v: Array) => v.index(0, 0).item())).to.deep.equal([8, 8]);
    const g = hk.transformWithState((v: Array) => hk.layerStack(3, { withPerLayerInputs: true })((a: Array, y: Array) => { hk.setState('s', y); return [a.add(y), a]; })(v, jnp.arange(3, { dtype: 'float32' })));
    const [params, state] = g.init(0, x);
    const [[out, zs], left] = g.apply(params, state, null, x);
    expect([out.index(0, 0).item(), zs.shape, (Object.values(left)[0] as any).s.tolist()]).to.deep.equal([4, [3, 2, 3], [0, 1, 2]]);
    expect(paths(() => hk.layerStack(2)((v: Array) => hk.layerStack(3)(layer)(v))(x))).to.have.length(2);
  });
  it('stores layers one by one where it is transparent', () => {
    const transparencyMap: hk.LayerStackTransparencyMapping = {
      stackedToFlat: (name, i) => `${name}_${i}`, flatToStacked: (name) => { const m = /^(linear)_(\d+)$/.exec(name); return m && [m[1], Number(m[2])]; },
    };
    const f = hk.transform((v: Array) => hk.layerStack(2, { transparent: true, transparencyMap })(layer)(v));
    const params = f.init(0, x);
    expect(Object.keys(params)).to.have.members(['linear_0', 'linear_1']);
    close(f.apply(params, null, x), ['linear_0', 'linear_1'].reduce((v, name) => hk.transform(layer).apply({ linear: params[name] }, null, v), x));
    refused(() => hk.layerStack(2, { transparent: true }), 'ValueError', /transparencyMap must be provided/);
    refused(() => inInit(() => hk.layerStack(2, { withPerLayerInputs: true })((v: Array) => [v, null])(x, x.index(0))), 'AssertionError', /one row for each of the 2 layers/);
  });
});

describe('hk.Deferred', () => {
  it('makes its module once, where it was made itself', () => {
    let made = 0;
    @hk.module class Outer extends hk.Module<(v: Array) => Array> {
      readonly inner = new hk.Deferred(() => { made++; return new hk.Linear(2); });
      override call(v: Array): Array { return this.inner(v).add(this.inner(v)); }
    }
    expect(paths(() => new Outer()(x))).to.deep.equal(['outer/~/linear/w', 'outer/~/linear/b']);
    expect(made).to.equal(1);
    inInit(() => {
      const late = new hk.Deferred(() => new hk.Linear(5, { name: 'late' }));
      expect([late.outputSize, late.target.outputSize, late.outputSize, late.moduleName, String(late)]).to.deep.equal([undefined, 5, 5, 'late', "Deferred(Linear(output_size=5, name='late'))"]);
    });
  });
});

describe('hk.mixedPrecision', () => {
  const { mixedPrecision: mp } = hk;
  it('reads policies as text', () => {
    expect(['f16', 'p=f32,c=bf16', 'compute=float16', 'p=f32,c=half,o=full'].map((t) => String(mp.parsePolicy(t)))).to.deep.equal([
      'params=float16,compute=float16,output=float16', 'params=float32,compute=bfloat16,output=bfloat16', 'params=float32,compute=float16,output=float16', 'params=float32,compute=float16,output=float32']);
    refused(() => mp.parsePolicy('p=int8'), 'ValueError', /int8/);
    refused(() => mp.parsePolicy('q=f32'), 'ValueError', /params=float32/);
  });
  it('casts arguments, parameters and results of the class alone, until it is cleared', () => {
    const seen: string[] = [];
    @hk.module class Probe extends hk.Module<(v: Array) => Array> {
      override call(v: Array): Array {
        const w = hk.getParameter('w', [], { init: jnp.ones });
        seen.push(v.dtype, w.dtype, String(mp.currentPolicy()?.computeDtype));
        return v.mul(w);
      }
    }
    const f = hk.transform(() => new Probe()(x));
    const [params, out] = mp.pushPolicy(Probe, 'p=f64,c=f16,o=f32', () => [f.init(0), f.apply({ probe: { w: jnp.ones([]) } }, null)]);
    expect([params.probe.w.dtype, out.dtype, ...seen]).to.deep.equal(['float64', 'float32', 'float16', 'float16', 'float16', 'float16', 'float16', 'float16']);
    expect([mp.getPolicy(Probe), mp.currentPolicy(), f.init(0).probe.w.dtype]).to.deep.equal([undefined, undefined, 'float32']);
    mp.setPolicy(Probe, 'f16');
    expect(mp.getPolicy(Probe)?.paramDtype).to.equal('float16');
    mp.clearPolicy(Probe);
    refused(() => mp.setPolicy(Probe, null as never), 'AssertionError', /clearPolicy/);
  });
});

describe('hk.experimental', () => {
  const net = (v: Array): Array => new hk.nets.MLP([4, 2])(v);
  it('evalSummary lists calls in order, with what was running', () => {
    const calls = hk.experimental.evalSummary(hk.transform(net))(x);
    expect(calls.map(({ moduleDetails: { module, methodName }, argsSpec, outputSpec, callStack }) => [module.moduleName, methodName, String(argsSpec[0]), String(outputSpec), callStack.length])).to.deep.equal([
      ['mlp', '__call__', 'f32[2,3]', 'f32[2,2]', 1], ['mlp/~/linear_0', '__call__', 'f32[2,3]', 'f32[2,4]', 2], ['mlp/~/linear_1', '__call__', 'f32[2,4]', 'f32[2,2]', 2]]);
  });
  it('tabulate shows chosen columns, and what trains', () => {
    const table = hk.experimental.tabulate(net, { columns: ['module', 'paramsBytes'], trainable: (module) => module.endsWith('linear_1') })(x).split('\n');
    expect(table.slice(1, 5)).to.deep.equal([
      '| Module                  |   Param bytes |   Trainable |',
      '+=========================+===============+=============+',
      '| mlp (MLP)               |      104.00 B |    10 of 26 |',
      '+-------------------------+---------------+-------------+']);
    for (const f of [hk.withoutApplyRng(hk.transform(net)), hk.withoutApplyRng(hk.transformWithState(net))]) {
      expect(hk.experimental.tabulate(f)(x)).to.equal(hk.experimental.tabulate(net)(x));
    }
    expect(hk.experimental.tabulate((v: Array) => v)(x)).to.equal('No modules matching filters.');
    refused(() => hk.experimental.tabulate(net, { columns: ['colour'] }), 'ValueError', /Invalid column/);
  });
  it('optimizeRngUse splits once', () => {
    const keys = (): Array => jnp.stack([hk.nextRngKey(), hk.nextRngKey()]);
    const drawn = (f: () => Array): unknown => hk.transform(f).apply({}, 5).tolist();
    expect(drawn(hk.experimental.optimizeRngUse(keys))).to.deep.equal(drawn(() => hk.nextRngKeys(2)));
  });
});

describe('hk.toDot', () => {
  it('draws operations in boxes by module', () => {
    const f = hk.transform((v: Array) => new hk.nets.MLP([4, 2])(v).sum());
    const source = hk.toDot((params: hk.Params, v: Array) => f.apply(params, null, v))(f.init(0, x), x);
    expect(source.match(/label="mlp[^"]*"/g)).to.deep.equal(['label="mlp (MLP)"', 'label="mlp/~/linear_0 (Linear)"', 'label="mlp/~/linear_1 (Linear)"']);
    expect(source.match(/fillcolor="#ffdd99"/g)).to.have.length(5);
    expect(source).to.match(/^digraph \{[^]*output 0\\nf32\[\][^]*\}\n$/);
    for (const edge of source.matchAll(/^(\w+) -> (\w+);$/gm)) for (const end of edge.slice(1)) expect(source).to.contain(`${end} [label=`);
  });
});

describe('hk.testing.transformAndRun', () => {
  it('runs init and apply with keys of its seed', () => {
    expect(hk.testing.transformAndRun((v: Array) => new hk.Linear(2)(v).shape)(x)).to.deep.equal([2, 2]);
    expect(hk.testing.transformAndRun(() => hk.maybeNextRngKey(), { seed: null })()).to.equal(null);
    expect(hk.testing.transformAndRun(() => 1, { runApply: false })()).to.equal(undefined);
  });
});
