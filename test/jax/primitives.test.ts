import { expect } from 'chai';
import { config, grad, isArray, jit, numpy as jnp, vmap, type Array } from '../../lib/jax/index.js';
import { CASES, type Case } from './cases/index.js';
import { LONG, every, together } from './cases/together.js';
import { expectAllClose, expectClose, flat, leavesOf, numbers, onEveryEngine, size } from './helpers.js';

const inputsOf = (c: Case, dtype: 'float32' | 'float64', salt = 0): Array[] => c.shapes.map((s, i) => numbers(salt + i + 1 + c.name.length * 7, s, c.low, c.high, dtype));
/** A scalar in which every output counts with a weight of its own. */
const weigh = (out: Array | Array[]): Array => leavesOf(out).map((x, i) => jnp.sum(jnp.multiply(x, numbers(91 + i, x.shape, 0.5, 1.5, x.dtype)))).reduce((a, b) => jnp.add(a, b));
const perturbed = (x: Array, k: number, by: number): Array => jnp.reshape(jnp.array(Float64Array.from(flat(x), (v, i) => (i === k ? v + by : v))), x.shape);

/** Central differences of a scalar function of float64 arrays. */
function differences(f: (...xs: Array[]) => Array, xs: readonly Array[], h = 1e-5): number[][] {
  return xs.map((x, i) => [...globalThis.Array(size(x.shape)).keys()].map((k) => {
    const at = (by: number) => f(...xs.map((y, j) => (i === j ? perturbed(y, k, by) : y))).item();
    return (at(h) - at(-h)) / (2 * h);
  }));
}
function expectNear(actual: readonly Array[], expected: readonly number[][], tolerance: number, what: string): void {
  actual.forEach((g, i) => flat(g).forEach((v, k) => {
    if (!(Math.abs(v - expected[i][k]) <= tolerance * (1 + Math.abs(expected[i][k])))) expect.fail(`${what}: derivative ${k} of input ${i} is ${v} instead of ${expected[i][k]}`);
  }));
}

/** What is expected of every case: the same as `expected` within a tolerance, which is 0 for data movement. */
function expectSame(actual: ReadonlyMap<Case, Array[]>, expected: ReadonlyMap<Case, Array[]>, tolerance: number, what: string): void {
  for (const [c, xs] of actual) expectAllClose(xs, expected.get(c)!, c.exact ? 0 : tolerance, `${c.name} ${what}`);
}
const FLOATS = [['float32', 2e-6], ['float64', 1e-12]] as const;

describe('primitives', () => {
  it(`eager and jit give the same${LONG ? '' : ' (every second case)'}`, () => {
    for (const [dtype, tolerance] of FLOATS) {
      const cases = dtype === 'float32' ? every(CASES, 2) : every(CASES.slice(1), 6);
      expectSame(together(cases, (c) => inputsOf(c, dtype)), new Map(cases.map((c) => [c, leavesOf(c.f(...inputsOf(c, dtype)))])), tolerance, dtype);
    }
  });

  onEveryEngine('jit gives what it gives on the other engine', () => {
    for (const [dtype, tolerance] of FLOATS) {
      const mine = together(CASES, (c) => inputsOf(c, dtype));
      const engine = config.engine;
      config.engine = 'onnxruntime';
      try { expectSame(mine, together(CASES, (c) => inputsOf(c, dtype)), tolerance, dtype); } finally { config.engine = engine; }
    }
  });

  onEveryEngine('half precision stays near float32, gradients too', () => {
    const gradients = (c: Case, xs: Array[]): any => {
      const loss = (...ys: Array[]) => leavesOf(c.f(...ys)).map((x, i) => jnp.sum(jnp.multiply(x.astype('float32'), numbers(91 + i, x.shape, 0.5, 1.5)))).reduce((a, b) => jnp.add(a, b));
      return [c.f(...xs), grad(loss, { argnums: xs.map((_, i) => i) })(...xs)];
    };
    const cases = every(CASES.filter((c) => c.name !== 'astype'), 2);
    for (const [dtype, tolerance] of [['float16', 2e-2], ['bfloat16', 0.15]] as const) {
      const rounded = (c: Case) => inputsOf(c, 'float32').map((x) => x.astype(dtype));
      const full = together(cases, (c) => rounded(c).map((x) => x.astype('float32')), gradients);
      for (const [c, xs] of together(cases, rounded, gradients)) {
        xs.forEach((x, i) => {
          expect(x.dtype, c.name).to.equal(dtype);
          expectClose(x.astype('float32'), full.get(c)![i], tolerance, `${c.name} ${dtype}, result ${i}`);
        });
      }
    }
  });

  for (const c of CASES) {
    if (!c.clamps) it(`${c.name}: gradient as finite differences`, () => {
      const xs = inputsOf(c, 'float64');
      const loss = jit((...ys: Array[]) => weigh(c.f(...ys)));
      const argnums = xs.map((_, i) => i);
      const gradient = grad(loss, { argnums });
      expectNear(gradient(...xs), differences(loss, xs), 1e-6, c.name);
      if (!c.smooth) return;
      const second = jit((...ys: Array[]) => gradient(...ys).map((g: Array, i: number) => jnp.sum(jnp.multiply(g, numbers(55 + i, g.shape, 0.5, 1.5, 'float64')))).reduce((a: Array, b: Array) => jnp.add(a, b)));
      expectNear(grad(second, { argnums })(...xs), differences(second, xs), 1e-5, `${c.name}, second derivative`);
    });

    it(`${c.name}: vmap as a loop`, () => {
      const n = 3;
      const batches = c.shapes.map((s, i) => numbers(i + 17, [n, ...s], c.low, c.high));
      const single = inputsOf(c, 'float32', 40);
      const choices = c.shapes.length === 1 ? [[true]] : [c.shapes.map(() => true), ...c.shapes.map((_, i) => c.shapes.map((_, k) => k === i))];
      for (const mapped of choices) {
        for (const axis of LONG || mapped === choices[0] ? [0, -1] : [0]) {
          const args = batches.map((b, i) => (!mapped[i] ? single[i] : axis === 0 ? b : jnp.moveaxis(b, 0, -1)));
          const out = leavesOf(vmap(c.f, { inAxes: mapped.map((m) => (m ? axis : null)) })(...args));
          const rows = [...globalThis.Array(n).keys()].map((k) => leavesOf(c.f(...batches.map((b, i) => (mapped[i] ? b.index(k) : single[i])))));
          out.forEach((o, j) => expectClose(o, jnp.stack(rows.map((r) => r[j])), c.exact ? 0 : 3e-6, `${c.name} mapped ${mapped} along ${axis}`));
        }
      }
    });
  }

  it('the gradient of a vmapped function is the vmapped gradient', () => {
    for (const c of CASES) {
      const batch = c.shapes.map((s, i) => numbers(i + 5, [2, ...s], c.low, c.high));
      const argnums = c.shapes.map((_, i) => i);
      const one = (...ys: Array[]) => weigh(c.f(...ys));
      const outside = grad((...ys: Array[]) => jnp.sum(vmap(one)(...ys)), { argnums })(...batch);
      const inside = vmap(grad(one, { argnums }))(...batch);
      expectAllClose(outside, inside, 1e-5, c.name);
    }
  });

  it('every function gives arrays', () => CASES.forEach((c) => leavesOf(c.f(...inputsOf(c, 'float32'))).forEach((x) => expect(isArray(x)).to.equal(true))));
});
