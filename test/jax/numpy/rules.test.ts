import { expect } from 'chai';
import fc from 'fast-check';
import { numpy as jnp, type Array, type DType } from '../../../lib/jax/index.js';
import { flat, numbers, size } from '../helpers.js';

/** NumPy's rules, for any function: shapes broadcast, dtypes promote as in JAX, and nothing is special about empty arrays, axes of size 1 or rank 0. */
type Binary = readonly [name: string, f: (x: Array, y: Array) => Array, of: (a: number, b: number) => number, kind: 'same' | 'float' | 'bool'];
const BINARY: readonly Binary[] = [
  ['add', jnp.add, (a, b) => a + b, 'same'], ['multiply', jnp.multiply, (a, b) => a * b, 'same'], ['maximum', jnp.maximum, Math.max, 'same'], ['fmin', jnp.fmin, Math.min, 'same'], ['floorDivide', jnp.floorDivide, (a, b) => Math.floor(a / b), 'same'],
  ['remainder', jnp.remainder, (a, b) => a - b * Math.floor(a / b), 'same'], ['fmod', jnp.fmod, (a, b) => a % b, 'same'], ['divide', jnp.divide, (a, b) => a / b, 'float'], ['hypot', jnp.hypot, Math.hypot, 'float'], ['arctan2', jnp.arctan2, Math.atan2, 'float'],
  ['logaddexp', jnp.logaddexp, (a, b) => Math.log(Math.exp(a) + Math.exp(b)), 'float'], ['copysign', jnp.copysign, (a, b) => (b < 0 ? -1 : 1) * Math.abs(a), 'float'], ['less', jnp.less, (a, b) => Number(a < b), 'bool'], ['equal', jnp.equal, (a, b) => Number(a === b), 'bool'],
  ['logicalXor', jnp.logicalXor, (a, b) => Number((a !== 0) !== (b !== 0)), 'bool'], ['isclose', (x, y) => jnp.isclose(x, y), (a, b) => Number(a === b), 'bool'],
];
const UNARY: readonly (readonly [string, (x: Array) => Array, (a: number) => number, 'same' | 'float' | 'bool'])[] = [
  ['negative', jnp.negative, (a) => -a, 'same'], ['square', jnp.square, (a) => a * a, 'same'], ['sign', jnp.sign, Math.sign, 'same'], ['floor', jnp.floor, Math.floor, 'same'], ['exp', jnp.exp, Math.exp, 'float'], ['cbrt', jnp.cbrt, Math.cbrt, 'float'],
  ['arcsinh', jnp.arcsinh, Math.asinh, 'float'], ['sinc', jnp.sinc, (a) => (a === 0 ? 1 : Math.sin(Math.PI * a) / (Math.PI * a)), 'float'], ['deg2rad', jnp.deg2rad, (a) => (a * Math.PI) / 180, 'float'], ['signbit', jnp.signbit, (a) => Number(a < 0), 'bool'], ['isnan', jnp.isnan, () => 0, 'bool'],
];
const total = (xs: number[]) => xs.reduce((a, b) => a + b, 0);
const average = (xs: number[]) => total(xs) / xs.length;
const middle = (xs: number[]) => { const s = [...xs].sort((a, b) => a - b); return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2; };
/** The third says what an empty axis gives; undefined: it is refused. */
const REDUCTIONS: readonly (readonly [string, (x: Array, o: { axis: number[]; keepdims: boolean }) => Array, (xs: number[]) => number, number | undefined])[] = [
  ['sum', jnp.sum, total, 0], ['prod', jnp.prod, (xs) => xs.reduce((a, b) => a * b, 1), 1], ['max', jnp.max, (xs) => Math.max(...xs), undefined], ['any', jnp.any, (xs) => Number(xs.some(Boolean)), 0], ['all', jnp.all, (xs) => Number(xs.every(Boolean)), 1],
  ['mean', jnp.mean, average, NaN], ['var', jnp.var, (xs) => average(xs.map((x) => (x - average(xs)) ** 2)), NaN], ['countNonzero', jnp.countNonzero, (xs) => xs.filter(Boolean).length, 0], ['nansum', jnp.nansum, total, 0], ['nanmean', jnp.nanmean, average, NaN],
  ['median', jnp.median, middle, undefined], ['ptp', jnp.ptp, (xs) => Math.max(...xs) - Math.min(...xs), undefined],
];

const dimension = fc.constantFrom(0, 1, 1, 2, 3);
const shapes = fc.array(dimension, { maxLength: 3 });
/** Two shapes that broadcast: axes of one are 1, missing or the same. */
const pairs = shapes.chain((common) => fc.tuple(...[0, 1].map(() => fc.tuple(fc.nat({ max: common.length }), fc.array(fc.boolean(), { minLength: common.length, maxLength: common.length })).map(([skip, ones]) => common.map((d, i) => (ones[i] ? 1 : d)).slice(skip)))));
const dtypes = fc.constantFrom<DType>('float32', 'float64', 'float16', 'bfloat16', 'int32', 'int64', 'int8', 'uint8', 'uint32', 'bool');
const isFloat = (d: DType) => d.includes('float');
/** Small whole numbers, which every dtype holds and no operation of the lists overflows; no zeros to divide by. */
const values = (seed: number, shape: readonly number[], dtype: DType): Array => jnp.add(jnp.floor(jnp.abs(numbers(seed, shape, 0, 3))), 1).astype(dtype);
const result = (kind: 'same' | 'float' | 'bool', d: DType): DType => (kind === 'bool' ? 'bool' : kind === 'same' || isFloat(d) ? d : 'float32');
const tolerance = (d: DType): number => (d === 'float16' ? 2e-3 : d === 'bfloat16' ? 2e-2 : 1e-5);

function expectArray(x: Array, dtype: DType, shape: readonly number[], expected: readonly number[], what: string): void {
  expect(`${x.dtype}[${x.shape}]`, what).to.equal(`${dtype}[${shape}]`);
  flat(x).forEach((v, i) => {
    const e = dtype === 'bool' ? Number(Boolean(expected[i])) : expected[i];
    if (!Object.is(v, e) && !(Math.abs(v - e) <= tolerance(dtype) * (1 + Math.abs(e)))) expect.fail(`${what}: element ${i} is ${v} instead of ${e}`);
  });
}
const strides = (shape: readonly number[]): number[] => shape.map((_, i) => size(shape.slice(i + 1)));

describe("NumPy's rules", () => {
  it('functions of two arrays broadcast and promote', () => {
    fc.assert(fc.property(fc.constantFrom(...BINARY), pairs, dtypes, dtypes, fc.nat(99), ([name, f, of, kind], [s, t], d, e, seed) => {
      const [x, y] = [values(seed, s, d), values(seed + 1, t, e)];
      let dtype = jnp.promoteTypes(d, e);
      const what = `${name} of ${d}[${s}] and ${e}[${t}]`;
      if (dtype === 'bool' && ['floorDivide', 'remainder', 'fmod'].includes(name)) return;
      const out = f(x, y);
      const [p, q] = jnp.broadcastArrays(x, y);
      dtype = result(kind, dtype);
      const [a, b] = [flat(p), flat(q)];
      expectArray(out, dtype, jnp.broadcastShapes(s, t), a.map((v, i) => of(v, b[i])), what);
    }), { numRuns: 60, seed: 7 });
  });

  it('functions of one array keep its shape', () => {
    fc.assert(fc.property(fc.constantFrom(...UNARY), shapes, dtypes, fc.nat(99), ([name, f, of, kind], s, d, seed) => {
      if (d === 'bool' && ['negative', 'square', 'sign', 'floor'].includes(name)) return;
      if (d.startsWith('u') && name === 'negative') return;
      const x = values(seed, s, d);
      expectArray(f(x), result(kind, d), s, flat(x).map(of), `${name} of ${d}[${s}]`);
    }), { numRuns: 40, seed: 7 });
  });

  it('reductions take axes away, or leave them with size 1', () => {
    fc.assert(fc.property(fc.constantFrom(...REDUCTIONS), shapes.chain((s) => fc.tuple(fc.constant(s), fc.subarray([...s.keys()], { minLength: 0 }))), fc.boolean(), fc.nat(99), ([name, f, of, empty], [s, axis], keepdims, seed) => {
      const x = values(seed, s, 'float32');
      const what = `${name} of f32[${s}] along [${axis}]`;
      const refused = empty === undefined && axis.some((a) => s[a] === 0);
      if (refused) { expect(() => f(x, { axis, keepdims }), what).to.throw(/empty/); return; }
      if (axis.length === 0 && ['median'].includes(name)) return;
      const rest = [...s.keys()].filter((i) => !axis.includes(i));
      const all = flat(x);
      const [st, lead] = [strides(s), rest.map((i) => s[i])];
      const offsets = (over: number[]) => over.reduce<number[]>((at, i) => at.flatMap((o) => [...globalThis.Array(s[i]).keys()].map((k) => o + k * st[i])), [0]);
      const expected = offsets(rest).map((o) => { const xs = offsets(axis).map((p) => all[o + p]); return xs.length ? of(xs) : empty!; });
      const out = f(x, { axis: axis.map((a, i) => (i % 2 ? a - s.length : a)), keepdims });
      const dtype = ['any', 'all'].includes(name) ? 'bool' : name === 'countNonzero' ? 'int32' : 'float32';
      expectArray(out, dtype, keepdims ? s.map((d, i) => (axis.includes(i) ? 1 : d)) : lead, size(lead) ? expected : [], what);
    }), { numRuns: 60, seed: 7 });
  });
});
