/** The one list of optimizers that tests loop over, the problem that they are run on, and what Optax computed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { numpy as jnp, tree, type Array as JaxArray } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import type { DType } from '../../lib/runtime/dtypes.js';
import { packageRoot } from '../goldens/cases.js';

type Spec = readonly unknown[];
type Numbers = { 1?: number[]; 6?: number[]; error?: string };
/** Of every entry in float32; of the first of each name in the others, or which error Optax raised there. */
type Recorded = { float32: Numbers } & Partial<Record<DType, Numbers>>;
export interface Entry {
  readonly name: string;
  readonly without?: string;
  readonly recorded: Recorded;
  /** For parameters with the empty module, or without. */
  make(empty?: boolean): optax.GradientTransformation;
}

const folder = join(packageRoot(), 'test/optax/recorded');
const read = (file: string, reviver?: (key: string, x: unknown) => unknown): any => JSON.parse(readFileSync(join(folder, file), 'utf8'), reviver);

/** An entry is a call: a name, then the arguments as they stand in TypeScript. */
function value(x: any, empty = false): any {
  const inner = (y: any): any => value(y, empty);
  if (Array.isArray(x)) {
    if (x[0] === 'pair') return [x[1], inner(x[2])];
    if (x[0] === 'injectHyperparams()') return optax.injectHyperparams(find(x[1]))(...x.slice(2).map(inner));
    const f = typeof x[0] === 'string' ? find(x[0]) : undefined;
    if (f === optax.MultiSteps) return new optax.MultiSteps(...(x.slice(1).map(inner) as [any, any]));
    return f ? f(...x.slice(1).map(inner)) : x.map(inner);
  }
  if (typeof x !== 'object' || x === null) return x;
  const all = Object.fromEntries(Object.entries(x).map(([k, v]) => [k, inner(v)]));
  return empty && 'layer' in x ? { ...all, empty: {} } : all;
}
const find = (name: string): any => name.split('.').reduce((at: any, part) => at?.[part], optax);

export const entries: readonly Entry[] = (() => {
  // JSON has no NaN.
  const { results } = read('recorded.json', (_, x: unknown) => (x === null ? NaN : x)) as { results: Recorded[] };
  return (read('optimizers.json') as any[]).map((entry, i): Entry => {
    const spec: Spec = Array.isArray(entry) ? entry : entry.optimizer;
    return { name: `${JSON.stringify(spec)}`, without: entry.without, recorded: results[i]!, make: (empty) => value(spec, empty) as optax.GradientTransformation };
  });
})();

const SHAPES = { empty: {}, layer: { b: [3], w: [2, 3] }, more: { kernel: [2, 2, 2], scale: [] as number[] } };
export interface TreeOptions { without?: string; dtype?: DType; /** With the empty module. */ empty?: boolean }
/** Small fractions, the same in every language: `record.py` makes them too. */
export function numbers(a: number, b: number, c: number, m: number, { without, dtype = 'float32', empty = false }: TreeOptions = {}): any {
  let leaf = 0;
  const one = (shape: number[]): JaxArray => {
    const k = leaf++;
    const n = shape.reduce((x, y) => x * y, 1);
    return jnp.array(Float64Array.from({ length: n }, (_, i) => (((i * a + k * b + c) % m) - Math.floor(m / 2)) / 32)).reshape(shape).astype(dtype);
  };
  const walk = (x: any): any => (Array.isArray(x) ? one(x) : Object.fromEntries(Object.keys(x).sort().filter((k) => k !== without && (empty || k !== 'empty')).map((k) => [k, walk(x[k])])));
  return walk(SHAPES);
}
export const paramsOf = (options?: TreeOptions): any => numbers(37, 11, 5, 101, options);
export const targetOf = (step: number, options?: TreeOptions): any => numbers(29, 13, 17 * step, 89, options);
export const scaleOf = (options?: TreeOptions): any => numbers(23, 7, 60, 67, options);

/** Σ ½ (scale² + ¼) (p - target)² */
export function lossOf(params: any, target: any, scale: any): JaxArray {
  const terms = tree.leaves(tree.map((p: JaxArray, t: JaxArray, s: JaxArray) => jnp.sum(s.mul(s).add(0.25).mul(0.5).mul(jnp.square(p.sub(t)))), params, target, scale)) as JaxArray[];
  return terms.reduce((x, y) => x.add(y));
}
export const flat = (params: any): number[] => tree.leaves(params).flatMap((x) => Array.from((x as JaxArray).astype('float64').data as Float64Array));

/** The first number that is further off than allowed, or undefined. */
export function worst(actual: readonly number[], expected: readonly number[], { rtol, atol }: { rtol: number; atol: number }): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} numbers instead of ${expected.length}`;
  const errors = actual.map((x, i) => (Object.is(x, expected[i]) || (Number.isNaN(x) && Number.isNaN(expected[i]!)) ? 0 : Math.abs(x - expected[i]!) / (atol + rtol * Math.abs(expected[i]!))));
  const i = errors.findIndex((e) => !(e <= 1));
  return i < 0 ? undefined : `number ${i} is ${actual[i]} instead of ${expected[i]}; the largest error is ${Math.max(...errors).toFixed(1)} of what is allowed`;
}
