import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';
import { Probe, inInit, parameter, paths, refused } from './helpers.js';

describe('hk.getParameter', () => {
  it('makes a parameter once, float32 unless told, at the path of the module', () => inInit(() => {
    const w = hk.getParameter('w', [2], { init: jnp.zeros });
    expect([w.shape, w.dtype]).to.deep.equal([[2], 'float32']);
    expect(hk.getParameter('w', [2])).to.equal(w);
    expect(hk.getParameter('h', [], { dtype: 'float16', init: jnp.ones }).dtype).to.equal('float16');
    expect(hk.getParameter('i', [3], { dtype: 'int32', init: (shape, dtype) => jnp.full(shape, 7, { dtype }) }).tolist()).to.deep.equal([7, 7, 7]);
    expect(Object.keys(hk.getParams()['~'])).to.deep.equal(['w', 'h', 'i']);
  }));

  it('keeps slashes and dangerous names', () => {
    expect(paths(() => parameter('a/b'))).to.deep.equal(['~/a/b']);
    const f = hk.transform(() => hk.nameScope('__proto__', () => [parameter('__proto__'), parameter('constructor'), parameter('toString')]));
    const params = f.init(0);
    expect(Object.keys(params)).to.deep.equal(['__proto__']);
    expect(Object.keys(Object.getOwnPropertyDescriptor(params, '__proto__')!.value)).to.deep.equal(['__proto__', 'constructor', 'toString']);
    expect(f.apply(params, null)).to.have.length(3);
    expect(Object.getPrototypeOf(params)).to.equal(Object.prototype);
    refused(() => f.apply({}, null), 'ValueError', /Unable to retrieve parameter '__proto__'/);
  });

  it('at apply names the parameter, module and shape that is missing, and what there is', () => {
    const f = hk.transform((x: Array) => new hk.Linear(2)(x));
    const x = jnp.ones([1, 3]);
    refused(() => f.apply({}, null, x), 'ValueError', /Unable to retrieve parameter 'w' of shape \[3,2\] for module 'linear'.*created as part of `init`; the given params are empty/);
    refused(() => f.apply(null, 42, x), 'ValueError', /Unable to retrieve parameter 'w'/);
    refused(() => f.apply({ linaer: { w: x } }, null, x), 'ValueError', /no such module among 'linaer' \(did you mean 'linaer'\?\)/);
    const w = jnp.ones([3, 2]);
    refused(() => f.apply({ linear: { w } }, null, x), 'ValueError', /parameter 'b' of shape \[2\].*that module has 'w'/);
    const without = hk.transform(() => hk.getParameter('w', []));
    refused(() => without.apply({}, null), 'ValueError', /Unable to retrieve parameter 'w'/);
  });

  it('compares shapes, not dtypes', () => {
    const f = hk.transform(() => hk.getParameter('w', [3], { init: jnp.zeros }));
    refused(() => f.apply({ '~': { w: jnp.ones([2]) } }, null), 'ValueError', /'~\/w' with retrieved shape \[2\] does not match shape=\[3\] dtype=float32/);
    refused(() => inInit(() => { hk.getParameter('w', [2], { init: jnp.zeros }); hk.getParameter('w', [3], { init: jnp.zeros }); }), 'ValueError', /does not match shape/);
    refused(() => inInit(() => hk.getParameter('w', [3], { init: () => jnp.zeros([2]) })), 'ValueError', /does not match shape/);
    expect(f.apply({ '~': { w: jnp.ones([3], { dtype: 'int32' }) } }, null).dtype).to.equal('int32');
  });

  it('asks for an initialiser that returns an array', () => inInit(() => {
    refused(() => hk.getParameter('w', []), 'ValueError', /Initializer must be specified/);
    refused(() => hk.getParameter('w', [], { init: () => null as never }), 'ValueError', /Parameters cannot be `null`/);
    refused(() => hk.getParameter('w', [], { init: () => 3 as never }), 'TypeError', /'~\/w' should be an array, but is number 3/);
    refused(() => hk.getParameter('w', 3 as never, { init: jnp.zeros }), 'TypeError', /shape is a list of numbers/);
    refused(() => hk.getParameter('w', [], { int: jnp.zeros } as never), 'TypeError', /unknown option 'int'; did you mean 'init'\?/);
    refused(() => hk.getParameter('w', [], jnp.zeros as never), 'TypeError', /options object/);
  }));
});

describe('creators, getters and setters', () => {
  it('creators see what is made, first entered first', () => {
    const log: string[] = [];
    const noting = (tag: string): hk.Creator => (next, shape, dtype, init, context) => {
      log.push(`${tag} ${context.fullName} ${context.originalShape} ${dtype}`);
      return next(shape, dtype, init);
    };
    inInit(() => hk.customCreator(noting('1'), () => hk.customCreator(noting('2'), () => { const p = new Probe(); p(); p(); })));
    expect(log).to.deep.equal(['1 probe/p  float32', '2 probe/p  float32']);
  });

  it('creators may change all arguments, or make the value themselves', () => inInit(() => {
    const half: hk.Creator = (next, _shape, _dtype, _init) => next([2], 'float16', jnp.ones);
    refused(() => hk.customCreator(half, () => parameter('a')), 'ValueError', /does not match shape/);
    expect(hk.customCreator(half, () => hk.getParameter('b', [2], { init: jnp.zeros })).dtype).to.equal('float16');
    expect(hk.customCreator(() => jnp.ones([]), () => parameter('c')).item()).to.equal(1);
    const old: hk.Creator = (next, shape, dtype, init) => next(shape, dtype, init);
    expect(hk.customCreator(old, () => parameter('c')).item()).to.equal(1);
  }));

  it('getters see every read; the stored value stays', () => {
    const f = hk.transform(() => {
      const twice: hk.Getter = (next, value, { name }) => (name === 'w' ? next(value).mul(2) : next(value));
      return hk.customGetter(twice, () => [parameter('w'), parameter('b')].map((p) => p.item()));
    });
    const params = { '~': { w: jnp.ones([]), b: jnp.ones([]) } };
    expect(f.apply(params, null)).to.deep.equal([2, 1]);
    inInit(() => {
      expect(hk.customGetter((next, value) => next(value).add(1), () => hk.customGetter((next, value) => next(value).mul(3), () => parameter())).item()).to.equal(1);
      expect(hk.getParams()['~'].p.item()).to.equal(0);
    });
  });

  it('apply to parameters alone, unless state is asked for', () => inInit(() => {
    const one: hk.Getter = () => jnp.ones([]);
    hk.setState('s', jnp.zeros([]));
    expect(hk.customGetter(one, () => hk.getState('s')).item()).to.equal(0);
    expect(hk.customGetter(one, () => hk.getState('s'), { state: true }).item()).to.equal(1);
    expect(hk.customGetter(one, () => parameter(), { params: false, state: true }).item()).to.equal(0);
    expect(hk.customCreator(() => jnp.ones([]), () => hk.getState('t', [], { init: jnp.zeros }), { state: true }).item()).to.equal(1);
    refused(() => hk.customGetter(one, () => {}, { stat: true } as never), 'TypeError', /did you mean 'state'/);
  }));

  it('setters change what is stored, and are told the shapes of trees', () => inInit(() => {
    let told: hk.SetterContext | undefined;
    hk.customSetter((next, value, context) => { told = context; return next({ a: value.a.add(1) }); }, () => hk.setState('s', { a: jnp.zeros([2]) }));
    expect(hk.getState('s').a.tolist()).to.deep.equal([1, 1]);
    expect([told!.fullName, told!.originalShape, told!.originalDtype]).to.deep.equal(['~/s', { a: [2] }, { a: 'float32' }]);
  }));

  it('DO_NOT_STORE stores nothing, and a getter must supply the value', () => {
    const f = hk.transformWithState(() => hk.customGetter(() => jnp.ones([]), () => new Probe()()));
    const dropped = hk.transformWithState(() => hk.customCreator(() => hk.DO_NOT_STORE, () => hk.customGetter(() => jnp.ones([]), () => new Probe()())));
    expect(Object.keys(f.init(0)[0])).to.deep.equal(['probe']);
    expect(dropped.init(0)).to.deep.equal([{}, {}]);
    expect(dropped.apply({}, {}, null)[0].item()).to.equal(1);
    inInit(() => {
      refused(() => hk.getParameter('w', [], { init: () => hk.DO_NOT_STORE }), 'ValueError', /DO_NOT_STORE does not have a shape/);
      refused(() => hk.DO_NOT_STORE.dtype, 'ValueError', /DO_NOT_STORE does not have a dtype/);
      hk.customSetter(() => hk.DO_NOT_STORE, () => hk.setState('s', 1));
      expect(hk.getCurrentState()).to.deep.equal({});
    });
  });

  it('end when the function throws', () => inInit(() => {
    expect(() => hk.customGetter(() => jnp.ones([]), () => { throw new Error('no'); })).to.throw('no');
    expect(parameter().item()).to.equal(0);
  }));
});
