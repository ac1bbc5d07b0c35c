/** What the tests of the JAX room share: engines that are there, numbers, and comparisons. */
import { expect } from 'chai';
import { config, isArray, numpy as jnp, type Array, type DType, type EngineName } from '../../lib/jax/index.js';
import { engines } from '../../lib/runtime/engines.js';

/** Runs `body` once for each engine; where one is missing the test is pending and says why. */
export function onEveryEngine(title: string, body: () => void): void {
  for (const { name, path, missing } of engines()) {
    it(path ? `${title} (${name})` : `${title} (${name}: ${missing})`, function () {
      if (!path) this.skip();
      const saved = config.engine;
      config.engine = name as EngineName;
      try { body(); } finally { config.engine = saved; }
    });
  }
}

/** Pseudo-random numbers that are the same in every run. */
export function generator(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** An array of reproducible numbers between `low` and `high`. */
export function numbers(seed: number, shape: readonly number[], low = -2, high = 2, dtype: DType = 'float32'): Array {
  const next = generator(seed);
  for (let i = 0; i < 4; i++) next();
  const flat = Float64Array.from({ length: size(shape) }, () => low + (high - low) * next());
  return jnp.reshape(jnp.array(flat, { dtype }), shape);
}

export const flat = (x: Array): number[] => (x.tolist() as any) instanceof globalThis.Array ? (x.tolist() as any[]).flat(Infinity).map(Number) : [Number(x.tolist())];
export const leavesOf = (x: any): Array[] => (isArray(x) ? [x] : x.flatMap(leavesOf));

/** Same shape and dtype, and numbers within a tolerance; 0 means equal bits. */
export function expectClose(actual: Array, expected: Array, tolerance: number, what = ''): void {
  expect(`${actual.dtype}[${actual.shape}]`, what).to.equal(`${expected.dtype}[${expected.shape}]`);
  const [a, b] = [flat(actual), flat(expected)];
  a.forEach((v, i) => {
    const same = Object.is(v, b[i]) || (tolerance > 0 && (v === b[i] || Math.abs(v - b[i]) <= tolerance * (1 + Math.abs(b[i]))));
    if (!same) expect.fail(`${what}: element ${i} is ${v} instead of ${b[i]}`);
  });
}
export function expectAllClose(actual: any, expected: any, tolerance: number, what = ''): void {
  const [a, b] = [leavesOf(actual), leavesOf(expected)];
  expect(a.length, what).to.equal(b.length);
  a.forEach((x, i) => expectClose(x, b[i], tolerance, `${what} [${i}]`));
}

/** The error that `f` throws. */
export function thrown(f: () => unknown): Error & { code?: string } {
  try {
    f();
  } catch (error) {
    return error as Error & { code?: string };
  }
  return expect.fail(`Expected an error, but nothing was thrown by ${String(f)}.`);
}
