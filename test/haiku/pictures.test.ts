/** What people look at: lists and graphs of programs by module, their names, and the switches of the layer. */
import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { grad, jit, namedScope, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { GraphvizMissingError, graphToSvg } from '../../lib/plot/index.js';
import { inInit, parameter, refused } from './helpers.js';

const { asHtmlPage, formatModule, makeModelInfo } = hk.experimental.jaxprInfo;

@hk.module class MyModel extends hk.Module<(x: Array) => Array> {
  override call(x: Array): Array { return new hk.Conv2D(16, 3)(x); }
}
const model = hk.transform((x: Array) => new MyModel()(x));
const image = jnp.zeros([16, 8, 8, 32]);
const params = model.init(42, image);
const loss = (p: hk.Params, x: Array): Array => jnp.sum(model.apply(p, null, x));

/** The lines of modules alone: those that have lines below them. */
const outline = (text: string): string[] => {
  const lines = text.trimEnd().split('\n');
  const depth = (line: string | undefined): number => (line === undefined ? -1 : /^ */.exec(line)![0].length);
  return lines.filter((line, i) => depth(lines[i + 1]) > depth(line));
};

describe('hk.experimental.jaxprInfo', () => {
  it('lists operations as Haiku does', () => {
    const add = (x: Array, y: Array): Array => jnp.sign(x).add(jnp.cos(y));
    const a = jnp.zeros([12, 7]);
    expect(formatModule(makeModelInfo(add)(a, a))).to.equal('add\n  sign in f32[12,7], out f32[12,7]\n  cos in f32[12,7], out f32[12,7]\n  add in f32[12,7], f32[12,7], out f32[12,7]\n');
    const largest = ({ inputs }: { inputs: readonly { aval: { shape: readonly any[] } }[] }): number => Math.max(...inputs.map((v) => v.aval.shape.reduce((m, d) => m * Number(d), 1)));
    expect(formatModule(makeModelInfo(add, { computeFlops: largest })(a, a))).to.equal('add 252 flops\n  sign 84 flops in f32[12,7], out f32[12,7]\n  cos 84 flops in f32[12,7], out f32[12,7]\n  add 84 flops in f32[12,7], f32[12,7], out f32[12,7]\n');
  });

  it('tells what each module holds and costs', () => {
    const info = makeModelInfo(model.apply, { name: 'apply', computeFlops: true })(params, null, image);
    expect(outline(formatModule(info))).to.deep.equal(['apply 9.454 Mflops', '  my_model 9.454 Mflops 4.624 kparams', '    conv2_d 9.454 Mflops 4.624 kparams']);
    expect(info.expressions[0].submodule!.paramInfo).to.deep.equal({ './conv2_d/b': 'f32[16]', './conv2_d/w': 'f32[3,3,32,16]' });
    // 16 · 8 · 8 results of 16 channels, of 3 · 3 · 32 products and sums each, and the bias.
    expect(info.flops).to.equal(16 * 8 * 8 * 16 * (2 * 3 * 3 * 32 + 1));
  });

  it('counts gradients to the module that they are of, through jit and vmap too', () => {
    const of = (f: (...args: any[]) => any, ...args: any[]): string[] => outline(formatModule(makeModelInfo(f, { name: 'f' })(...args)));
    const expected = ['f', '  my_model 4.624 kparams', '    conv2_d 4.624 kparams'];
    expect(of(grad(loss), params, image)).to.deep.equal(expected);
    expect(of(jit(grad(loss)), params, image)).to.deep.equal(expected);
    expect(of(vmap((x: Array) => model.apply(params, null, x)), jnp.zeros([2, 4, 8, 8, 32]))).to.deep.equal(expected);
  });

  it('shows loops as parts, with what all turns cost', () => {
    const f = hk.transform((xs: Array) => {
      const core = new hk.VanillaRNN(4);
      return hk.dynamicUnroll(core, xs, core.initialState(3))[0];
    });
    const xs = jnp.zeros([5, 3, 4]);
    const p = f.init(1, xs);
    const flops = (steps: number): number => makeModelInfo(f.apply, { computeFlops: true })(p, null, jnp.zeros([steps, 3, 4])).flops!;
    expect(flops(10)).to.equal(2 * flops(5));
    expect(outline(formatModule(makeModelInfo(f.apply, { includeModuleInfo: false, name: 'f' })(p, null, xs)))).to.deep.equal(
      ['f', '  vanilla_rnn/initial_state', '  scan length=5', '    vanilla_rnn', '      linear', '      linear_1']);
  });

  it('makes a page of it, in which names are no markup', () => {
    const page = asHtmlPage(makeModelInfo((x: Array) => namedScope('a<b>', () => x.mul(2)), { name: '<f>' })(image));
    expect(page).to.match(/^<!DOCTYPE html>/).and.to.contain('<b>a&lt;b&gt;</b>').and.to.contain('<title>&lt;f&gt;</title>');
  });
});

describe('hk.toDot', () => {
  it('draws gradients in the box of their module', () => {
    const source = hk.toDot(grad(loss))(params, image);
    const box = source.slice(source.indexOf('my_model/conv2_d (Conv2D)'));
    expect(box).to.contain('conv_kernel_gradient');
    expect(source.match(/subgraph/g)).to.have.length(2);
  });

  it('is laid out as SVG', async () => {
    const svg = await graphToSvg(hk.toDot(model.apply)(params, null, image));
    expect(svg).to.contain('<svg').and.to.contain('my_model/conv2_d (Conv2D)').and.to.contain('conv_general_dilated');
    let thrown: unknown;
    try { await graphToSvg('digraph { a ->'); } catch (error) { thrown = error; }
    expect(String(thrown)).to.match(/^ValueError: graphToSvg: graphviz does not understand the source/);
    expect(new GraphvizMissingError().message).to.contain('npm install @viz-js/viz');
  });
});

describe('names for parts of programs', () => {
  it('change nothing of what is computed', () => {
    const head = hk.namedCall((x: Array) => x.mul(2), { name: 'head' });
    expect(head(jnp.array([1])).tolist()).to.deep.equal([2]);
    expect(hk.toDot(grad((x: Array) => jnp.sum(jnp.sin(head(x)))))(jnp.ones([2]))).to.contain('label="head"');
    refused(() => namedScope('', () => 1), 'TypeError', /named by a text that is not empty/);
  });
});

describe('switches', () => {
  it('checkJaxUsage refuses side effects in raw transformations, and nothing else', () => {
    const x = jnp.ones([2]);
    const raw: Record<string, () => unknown> = {
      parameter: () => jit((v: Array) => v.add(parameter()))(x), state: () => grad((v: Array) => { hk.setState('s', v); return jnp.sum(v); })(x), key: () => vmap((v: Array) => { hk.nextRngKey(); return v; })(x),
    };
    const own = (): unknown => [hk.jit((v: Array) => v.add(parameter()))(x), hk.vmap((v: Array) => v.add(parameter('q')), { splitRng: false })(x), hk.grad((v: Array) => { hk.setState('s', v); return jnp.sum(v); })(x), hk.scan((c, v) => [c.add(parameter('r')), v], jnp.zeros([]), x)];
    hk.config.context({ checkJaxUsage: true }, () => {
      for (const f of Object.values(raw)) refused(() => inInit(f), 'JaxUsageError', /has a side effect.*hk\.vmap/);
      inInit(own);
      jit(hk.transformWithState(own).init)(1);
    });
    inInit(raw.parameter);
    expect(hk.experimental.checkJaxUsage(false)).to.equal(false);
  });

  it('moduleAutoRepr leaves the call out', () => {
    const text = (): string => inInit(() => String(new hk.Linear(3)));
    expect([text(), hk.config.context({ moduleAutoRepr: false }, text)]).to.deep.equal(['Linear(output_size=3)', '<Linear linear>']);
    refused(() => hk.config.set({ moduleAutoRepr: 1 as never }), 'TypeError', /moduleAutoRepr is true or false, got 1/);
  });

  it('fastEvalShape tells shapes in a transform and outside', () => {
    expect(hk.experimental.fastEvalShape(model.init, null, image)['my_model/conv2_d'].w.shape).to.deep.equal([3, 3, 32, 16]);
    const shapes = (): unknown => hk.experimental.fastEvalShape((v: Array) => new hk.Linear(3)(v), jnp.ones([2, 4])).shape;
    expect(inInit(shapes)).to.deep.equal([2, 3]);
  });
});
