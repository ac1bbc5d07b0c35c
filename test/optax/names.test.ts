/** Masks and labels by name say what the trees say that they stand for. */
import { expect } from 'chai';
import { numpy as jnp, tree, type Array } from '../../lib/jax/index.js';
import * as hk from '../../lib/index.js';
import * as optax from '../../lib/optax/index.js';
import { ValueError } from '../../lib/runtime/errors.js';
import { numbers } from './helpers.js';

const params = () => ({ 'net/~/first': { b: jnp.asarray([1, 2]), w: jnp.asarray([3]) }, head: { b: jnp.asarray([4]), w: jnp.asarray([5, 6]) } });
const grads = () => tree.map((p: Array) => p.mul(10), params());
const once = (opt: optax.GradientTransformation, p: unknown = params(), g: unknown = grads()): number[] => numbers(optax.materialize(opt.update(g, opt.init(p), p)[0]));

describe('masks by name', () => {
  const masks: Record<string, [patterns: any, { first: [b: boolean, w: boolean]; head: [b: boolean, w: boolean] }]> = {
    'a module': ['head', { first: [false, false], head: [true, true] }],
    'at any depth': ['**/first', { first: [true, true], head: [false, false] }],
    'a RegExp': [/\/w$/, { first: [false, true], head: [false, true] }],
    'all but': ['!**/b', { first: [false, true], head: [false, true] }],
    'several': [['net/**', /^head\/b$/], { first: [true, true], head: [true, false] }],
    'what hk.selector made of a predicate': [hk.selector((module, name, value: Array) => module === 'head' && value.size > 1), { first: [false, false], head: [false, true] }],
  };
  const forms: Record<string, (mask: any) => optax.GradientTransformation> = {
    masked: (mask) => optax.masked(optax.scale(2), mask),
    'masked, with state': (mask) => optax.masked(optax.adam(0.1), mask),
    freeze: (mask) => optax.chain(optax.sgd(1), optax.freeze(mask)),
    selectiveTransform: (mask) => optax.selectiveTransform(optax.sgd(1), { freezeMask: mask }),
    'the mask of adamw': (mask) => optax.adamw(0.1, { weightDecay: 0.5, mask }),
    'the mask of lars': (mask) => optax.lars(0.1, { weightDecay: 0.5, weightDecayMask: mask }),
  };
  for (const [kind, [patterns, { first, head }]] of Object.entries(masks)) {
    it(kind, () => {
      const marks = { 'net/~/first': { b: first[0], w: first[1] }, head: { b: head[0], w: head[1] } };
      for (const [name, make] of Object.entries(forms)) {
        expect(once(make(patterns)), name).to.deep.equal(once(make(marks)));
        expect(tree.leaves(make(patterns).init(params())), name).to.have.length(tree.leaves(make(marks).init(params())).length);
      }
    });
  }

  it('of trees without modules, and of lists', () => {
    expect(once(optax.masked(optax.scale(2), 'w'), { b: jnp.ones([]), w: jnp.ones([]) }, { b: jnp.ones([]), w: jnp.ones([]) })).to.deep.equal([1, 2]);
    const layers = [{ w: jnp.ones([]) }, { w: jnp.ones([]) }];
    expect(once(optax.masked(optax.scale(2), '1'), layers, layers)).to.deep.equal([1, 2]);
  });

  it('that match nothing name the nearest', () => {
    expect(() => once(optax.masked(optax.scale(2), 'haed'))).to.throw(ValueError, /optax\.masked: the pattern 'haed' matches none of the parameters; did you mean 'head'\?/);
    expect(() => once(optax.freeze(['head', '!**/bias']))).to.throw(ValueError, /'!\*\*\/bias' matches none/);
    expect(() => once(optax.masked(optax.scale(2), 'v'), { w: jnp.ones([]) }, { w: jnp.ones([]) })).to.throw(ValueError, /'v' matches none of the parameters; did you mean 'w'/);
    expect(() => once(optax.selectiveTransform(optax.sgd(1), { freezeMask: 'heads' }))).to.throw(ValueError, /optax\.selectiveTransform: .*did you mean 'head'/);
  });
});

describe('labels by name', () => {
  const transforms = () => ({ slow: optax.sgd(0.1), fast: optax.sgd(1), still: optax.setToZero() });
  const labelled = (labels: any) => once(optax.multiTransform(transforms(), labels));

  it('are those of the first group that selects', () => {
    const expected = labelled({ 'net/~/first': 'slow', head: { b: 'still', w: 'fast' } });
    expect(labelled({ still: 'head/b', fast: 'head', slow: '**' })).to.deep.equal(expected);
    expect(labelled({ slow: /first/, fast: ['head', '!head/b'], still: /./ })).to.deep.equal(expected);
  });

  it('are no tree of labels, which has the keys of the parameters', () => {
    const p = { slow: jnp.ones([]), fast: jnp.ones([]) };
    expect(once(optax.multiTransform(transforms(), { slow: 'fast', fast: 'slow' }), p, p)[0]).to.be.closeTo(-0.1, 1e-6);
  });

  it('are refused where a pattern matches nothing, and where a parameter has none', () => {
    expect(() => labelled({ still: 'haed', slow: '**' })).to.throw(ValueError, /optax\.multiTransform, group 'still': the pattern 'haed' .* did you mean 'head'/);
    expect(() => labelled({ still: 'head' })).to.throw(ValueError, /no group has the parameter 'net\/~\/first\/b'; give the last group the pattern '\*\*'/);
    expect(() => labelled({ stil: 'head', slow: '**' })).to.throw(ValueError);
  });
});
