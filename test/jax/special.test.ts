import { expect } from 'chai';
import { grad, lax, numpy as jnp, vmap, type Array, type DType } from '../../lib/jax/index.js';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import { lowerProgram } from '../../lib/lowering/lower.js';
import { makeJaxpr } from '../../lib/jax/index.js';
import { engine } from '../../lib/runtime/engines.js';
import { flat, thrown } from './helpers.js';

const f64 = (...xs: number[]) => jnp.array(Float64Array.from(xs));
/** Numbers that agree to a relative error; both may be the same infinity or NaN. */
function expectRelative(actual: readonly number[], expected: readonly number[], error: number, what: string): void {
  actual.forEach((v, i) => {
    if (!Object.is(v, expected[i]) && !(Math.abs(v - expected[i]) <= error * Math.abs(expected[i]))) expect.fail(`${what}: number ${i} is ${v} instead of ${expected[i]}`);
  });
}
/** `f` of a float64 vector as a graph of standard operators. */
function standard(f: (x: Array) => Array, x: Array): number[] {
  const { jaxpr } = makeJaxpr(f)(x);
  const graph = new Graph(false);
  const { outputs } = lowerProgram(graph, jaxpr, [graph.input('x', 'float64', x.shape)]);
  graph.output(graph.node('Identity', [outputs[0]!]), 'float64', x.shape);
  const session = engine('onnxruntime').createSession(serialize(graph), {});
  const data = new ArrayBuffer(8 * x.size);
  session.run([{ dtype: 'float64', shape: x.shape, data: (x.data as Float64Array).buffer as ArrayBuffer }], [{ dtype: 'float64', shape: [...x.shape], data }]);
  session.dispose();
  return [...new Float64Array(data)];
}

describe('special functions', () => {
  it('float64 formulas of standard operators are as exact as the kernels, at both ends too', () => {
    const wide = [1e-300, 1e-9, 0.3, 0.7, 1, 1.7, 2.5, 9, 40, 600];
    const both = (xs: number[]) => [...xs.map((x) => -x).reverse(), 0, ...xs];
    const inside = both([1e-300, 1e-9, 0.3, 0.49, 0.51, 0.999, 1 - 2 ** -53, 1]);
    const table: Record<string, { f: (x: Array) => Array; xs: number[]; error?: number }> = {
      asin: { f: lax.asin, xs: inside }, acos: { f: lax.acos, xs: inside, error: 4e-15 }, atan: { f: lax.atan, xs: [...both([...wide, 1e200, Infinity]), NaN] },
      sinh: { f: lax.sinh, xs: both([...wide, 710]) }, cosh: { f: lax.cosh, xs: both([...wide, 710]) }, asinh: { f: lax.asinh, xs: both([...wide, 1e200]) },
      acosh: { f: lax.acosh, xs: [1, 1 + 1e-12, 1.5, 40, 1e200, 0.5, -3] }, atanh: { f: lax.atanh, xs: both([1e-300, 1e-9, 0.3, 0.999, 1]) },
      cbrt: { f: lax.cbrt, xs: both([1e-320, ...wide, 1e300, Infinity]) }, exp2: { f: lax.exp2, xs: both([0.3, 5, 1023]) }, log1p: { f: lax.log1p, xs: both([1e-300, 1e-17, 1e-9, 0.3, 0.999]) }, expm1: { f: lax.expm1, xs: both([1e-300, 1e-17, 0.3, 0.999, 5, 700]) },
      erf: { f: lax.erf, xs: both([1e-300, 1e-9, 0.3, 0.74, 0.76, 1.5, 3, 7]) }, erfc: { f: lax.erfc, xs: both([1e-9, 0.3, 0.74, 0.76, 1.5, 3, 7, 26]), error: 4e-15 },
      erfInv: { f: lax.erfInv, xs: both([1e-300, 1e-9, 0.3, 0.49, 0.51, 0.999, 1 - 2 ** -40, 1]), error: 1e-14 },
      lgamma: { f: lax.lgamma, xs: [1e-300, 0.1, 0.49, 0.51, 1.3, 3.7, 30, 1e10, -0.5, -20.3, 0, -3, Infinity], error: 1e-13 }, digamma: { f: lax.digamma, xs: [0.1, 0.49, 0.51, 1.3, 30, 1e10, -0.5, -20.3, -3, Infinity], error: 1e-13 },
    };
    for (const [name, { f, xs, error = 2e-15 }] of Object.entries(table)) expectRelative(standard(f, f64(...xs)), flat(f(f64(...xs))), error, name);
  });

  it('the gamma, zeta, beta and Bessel functions have their known values', () => {
    const table: [string, Array, number[]][] = [
      ['lgamma', lax.lgamma(f64(5, 0.5, -0.5, 1)), [Math.log(24), Math.log(Math.PI) / 2, Math.log(2 * Math.sqrt(Math.PI)), 0]],
      ['digamma', lax.digamma(f64(1, 0.5)), [-0.5772156649015329, -1.9635100260214235]],
      ['zeta', lax.zeta(f64(2, 4, 1, 0.5), f64(1, 1, 1, 1)), [Math.PI ** 2 / 6, Math.PI ** 4 / 90, Infinity, NaN]],
      ['polygamma', lax.polygamma(f64(0, 1, 2, 0.5, -1), f64(1, 1, 1, 1, 1)), [-0.5772156649015329, Math.PI ** 2 / 6, -2.4041138063191885, NaN, NaN]],
      ['igamma', lax.igamma(f64(1, 1, 0.5, 200, 3, 3, -1, 2), f64(0.3, 30, 2, 190, 0, Infinity, 1, NaN)), [1 - Math.exp(-0.3), 1 - Math.exp(-30), 0.9544997361036416, 0.2433474271006804, 0, 1, NaN, NaN]],
      ['igammac', lax.igammac(f64(1, 1, 3, 3), f64(0.3, 30, 0, Infinity)), [Math.exp(-0.3), Math.exp(-30), 1, 0]],
      ['betainc', lax.betainc(f64(2, 2, 1, 1, 0), f64(3, 3, 1, 4, 1), f64(0.5, 0.9, 0.3, 0, 0.5)), [0.6875, 0.9963, 0.3, 0, NaN]],
      ['besselI0e', lax.besselI0e(f64(0, 1, -1, 100)), [1, 0.46575960759364043, 0.46575960759364043, 0.03994437929909668]],
      ['besselI1e', lax.besselI1e(f64(0, 1, -1, 100)), [0, 0.20791041534970847, -0.20791041534970847, 0.03974415302513025]],
    ];
    for (const [name, actual, expected] of table) expectRelative(flat(actual), expected, 1e-13, name);
    // P(a, x) is 1 - Q(a, x) on both sides of where the series hands over to the continued fraction.
    const [a, x] = [jnp.repeat(f64(0.2, 1, 7, 80), 5), jnp.tile(f64(0.01, 0.9, 6.9, 7.1, 90), 4)];
    flat(jnp.add(lax.igamma(a, x), lax.igammac(a, x))).forEach((v) => expect(v).to.be.closeTo(1, 1e-14));
    // A variate moves with its parameter so that its quantile stays.
    const moved = lax.randomGammaGrad(a, x);
    const byHand = jnp.negative(jnp.divide(lax.igammaGradA(a, x), vmap(grad(lax.igamma, { argnums: 1 }))(a, x)));
    flat(moved).forEach((v, i) => expect(v).to.be.closeTo(flat(byHand)[i], 1e-6 * (1 + Math.abs(v))));
  });

  it('bits of integers', () => {
    for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as DType[]) {
      const width = Number(dtype.replace(/\D+/, ''));
      const x = jnp.array([0, 1, 5, 64, 127]).astype(dtype);
      expect(flat(lax.clz(x)), dtype).to.deep.equal([width, width - 1, width - 3, width - 7, width - 7]);
      expect(flat(lax.populationCount(x)), dtype).to.deep.equal([0, 1, 2, 1, 7]);
      expect(lax.clz(x).dtype).to.equal(dtype);
      expect(flat(lax.shiftRightArithmetic(x, jnp.array([1, 1, 1, 3, 9]).astype(dtype))), dtype).to.deep.equal([0, 0, 2, 8, 0]);
      if (dtype.startsWith('u')) continue;
      const negative = jnp.array([-1, -2, -100]).astype(dtype);
      expect(flat(lax.clz(negative)), dtype).to.deep.equal([0, 0, 0]);
      expect(flat(lax.populationCount(negative)), dtype).to.deep.equal([width, width - 1, width - 4]);
      expect(flat(lax.shiftRightArithmetic(negative, jnp.array([3, 1, 100]).astype(dtype))), dtype).to.deep.equal([-1, -1, -1]);
    }
    expect(thrown(() => lax.clz(jnp.ones([2]))).message).to.match(/clz.*integers.*float32/);
  });

  it('refuses what has no value or no derivative', () => {
    expect(thrown(() => lax.asin(jnp.arange(2))).message).to.match(/asin.*floating-point.*int32/);
    expect(thrown(() => lax.igamma(jnp.ones([2]), f64(1, 2))).message).to.match(/igamma.*float32 and float64/);
    expect(thrown(() => grad((s: Array) => lax.zeta(s, 2))(jnp.array(2.5))).message).to.match(/zeta.*first argument/);
    expect(thrown(() => grad((a: Array) => lax.betainc(a, 2, 0.5))(jnp.array(2.5))).message).to.match(/betainc.*respect to a/);
    expect(thrown(() => standard((x) => lax.igamma(x, x), f64(1))).message).to.match(/igamma.*file for others/);
  });
});
