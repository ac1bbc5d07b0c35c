import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import fc from 'fast-check';
import { AttributeProto_AttributeType, ModelProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { NativeEngine, NativeTensor } from '../../lib/runtime/addon.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { readSafetensors } from '../../lib/training/checkpoints/safetensors.js';

const path = (relative: string) => join(packageRoot(), relative);

/** The opcodes of native/kernels/opcodes.h, read from there so that the two cannot drift apart. */
const OP = Object.fromEntries(
  [...readFileSync(path('native/kernels/opcodes.h'), 'utf8').matchAll(/^ {2}(\w+) = (\d+),/gm)].map(([, n, v]) => [n, Number(v)]),
) as Record<string, number>;

type Numbers = number[] | bigint[];
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, uint32: Uint32Array, uint8: Uint8Array, bool: Uint8Array,
  uint16: Uint16Array, int64: BigInt64Array, uint64: BigUint64Array,
};
type Known = keyof typeof ARRAYS;

const tensor = (dtype: Known, shape: number[], values: Numbers | ArrayLike<number>): NativeTensor =>
  ({ dtype, shape, data: (ARRAYS[dtype] as unknown as { from(v: unknown): { buffer: ArrayBuffer } }).from(values).buffer });
const f32 = (values: ArrayLike<number>, shape = [values.length]) => tensor('float32', shape, values);
const valuesOf = (t: NativeTensor) => Array.from(new ARRAYS[t.dtype as Known](t.data as ArrayBuffer) as ArrayLike<number>);

interface Node { op: string; inputs: string[]; outputs: string[]; attributes?: Record<string, number | number[]>; domain?: string }
const node = ({ op, inputs, outputs, attributes = {}, domain = 'hokku' }: Node) => create(NodeProtoSchema, {
  opType: op, domain, input: inputs, output: outputs,
  attribute: Object.entries(attributes).map(([name, v]) => (typeof v === 'number'
    ? { name, type: AttributeProto_AttributeType.INT, i: BigInt(v) }
    : { name, type: AttributeProto_AttributeType.INTS, ints: v.map(BigInt) })),
});

/** `shape` null: nothing is declared, so the engine must infer it. */
const valueInfo = (name: string, dtype: DType, shape: readonly (number | string)[] | null) => ({
  name,
  type: { value: { case: 'tensorType' as const, value: {
    elemType: DTYPES[dtype].onnx,
    ...(shape && { shape: { dim: shape.map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d } })) } }),
  } } },
});

type Declared = [string, DType, readonly (number | string)[] | null];
const model = (nodes: Node[], inputs: Declared[], outputs: Declared[]) => toBinary(ModelProtoSchema, create(ModelProtoSchema, {
  irVersion: 10n,
  opsetImport: [{ domain: '', version: 20n }, { domain: 'hokku', version: 1n }],
  graph: { name: 'g', node: nodes.map(node), input: inputs.map((v) => valueInfo(...v)), output: outputs.map((v) => valueInfo(...v)) },
}));

type Loop = { predicate?: number; loads: number[]; code?: number[][]; stores: [number, number, number][] };
const program = (...loops: Loop[]) => [1, loops.length, ...loops.flatMap(({ predicate = -1, loads, code = [], stores }) => [
  predicate, loads.length, ...loads, code.length, ...code.flatMap((i) => [...i, -1, -1, -1].slice(0, 5)), stores.length, ...stores.flat(),
])];
const bits = new DataView(new ArrayBuffer(4));
const constant = (x: number) => { bits.setFloat32(0, x); return [OP.Const, 1, bits.getUint32(0), 0, 0]; };
const SUM = 2, IN_PLACE = 1, OUTPUT = 0;

const broadcastShapes = (...shapes: number[][]) => {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => shapes.reduce((d, s) => { const x = s[i - rank + s.length] ?? 1; return x === 1 ? d : x; }, 1));
};
const broadcastTo = (values: number[], shape: number[], full: number[]) => {
  const size = full.reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) => {
    let rest = i, at = 0, stride = 1;
    for (let d = full.length - 1; d >= 0; d--) {
      const k = d - full.length + shape.length;
      if (k >= 0 && shape[k] !== 1) { at += (rest % full[d]) * stride; stride *= shape[k]; }
      rest = Math.floor(rest / full[d]);
    }
    return values[at];
  });
};

for (const info of engines()) {
  describe(`hokku operators on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    let engine: NativeEngine;
    before(function () {
      if (info.missing) this.skip();
      engine = loadEngine(info.name);
    });

    const runModel = (bytes: Uint8Array, inputs: NativeTensor[]) => {
      const session = engine.createSession(bytes, { intraOpNumThreads: 2 });
      try { return session.run(inputs); } finally { session.dispose(); }
    };
    const names = (count: number, prefix = 'i') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
    const fused = (code: number[], inputs: NativeTensor[], outputs: [DType, number[] | null][], level: 0 | 99 = 99) => {
      const bytes = model(
        [{ op: 'Fused', inputs: names(inputs.length), outputs: names(outputs.length, 'o'), attributes: { program: code } }],
        inputs.map((t, i) => [`i${i}`, t.dtype, t.shape]), outputs.map(([d, s], i) => [`o${i}`, d, s]),
      );
      const session = engine.createSession(bytes, { graphOptimizationLevel: level, intraOpNumThreads: 2 });
      try { return session.run(inputs); } finally { session.dispose(); }
    };
    const apply = (op: string, inputs: NativeTensor[], out: DType) => valuesOf(fused(
      program({ loads: inputs.map((_, i) => i), code: [[OP[op], DTYPES[out].onnx, 0, inputs.length > 1 ? 1 : -1, inputs.length > 2 ? 2 : -1]], stores: [[inputs.length, OUTPUT, 0]] }),
      inputs, [[out, null]],
    )[0]);

    const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-40, 3e38, 88.5, 90, -100, -110, Infinity, -Infinity, NaN];
    const many = Float32Array.from({ length: 3000 }, (_, i) => (i < SPECIAL.length ? SPECIAL[i] : Math.sin(i * 12.9898) * 2 ** (i % 7)));
    const ulps = (got: number, want: number) => {
      const w = Math.fround(want);
      if (Object.is(got, w) || (Number.isNaN(got) && Number.isNaN(w))) return 0;
      if (!Number.isFinite(w)) return Infinity;
      return Math.abs(got - w) / Math.max(2 ** (Math.floor(Math.log2(Math.abs(w) || 1e-300)) - 23), 2 ** -149);
    };
    const roundEven = (x: number) => { const r = Math.round(x); return Object.is(x, -0) ? x : Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : (r === 0 && x < 0 ? -0 : r); };
    const UNARY: Record<string, [(x: number) => number, number]> = {
      Neg: [(x) => -x, 0], Abs: [Math.abs, 0], Sign: [Math.sign, 0], Floor: [Math.floor, 0], Ceil: [Math.ceil, 0], RoundEven: [roundEven, 0],
      Square: [(x) => x * x, 0], Sqrt: [Math.sqrt, 0], Rsqrt: [(x) => 1 / Math.sqrt(x), 1], Exp: [Math.exp, 1], Expm1: [Math.expm1, 1], Log: [Math.log, 1],
      Log1p: [Math.log1p, 2], Tanh: [Math.tanh, 2], Logistic: [(x) => 1 / (1 + Math.exp(-x)), 2], Sin: [Math.sin, 1], Cos: [Math.cos, 1], Tan: [Math.tan, 1],
    };
    for (const [op, [reference, limit]] of Object.entries(UNARY)) {
      it(`${op} of float32 is within ${limit} ulp`, () => {
        apply(op, [f32(many)], 'float32').forEach((y, i) => expect(ulps(y, reference(many[i])), `${op}(${many[i]}) = ${y}`).to.be.at.most(limit));
      });
    }
    it('erf and erf_inv undo each other', () => {
      const x = Float32Array.from({ length: 999 }, (_, i) => (i - 499) / 500);
      const back = apply('Erf', [f32(apply('ErfInv', [f32(x)], 'float32'))], 'float32');
      back.forEach((y, i) => expect(y).to.be.closeTo(x[i], 3e-7));
      expect(apply('ErfInv', [f32([1, -1, 2])], 'float32')).to.deep.equal([Infinity, -Infinity, NaN]);
    });

    const other = many.toReversed();
    const BINARY: Record<string, [(x: number, y: number) => number, number]> = {
      Add: [(x, y) => x + y, 0], Sub: [(x, y) => x - y, 0], Mul: [(x, y) => x * y, 0], Div: [(x, y) => x / y, 0], Rem: [(x, y) => x % y, 0],
      Max: [Math.max, 0], Min: [Math.min, 0], Pow: [(x, y) => (x === 1 ? 1 : Math.abs(x) === 1 && Math.abs(y) === Infinity ? 1 : x ** y), 1], Atan2: [Math.atan2, 1],
    };
    for (const [op, [reference, limit]] of Object.entries(BINARY)) {
      it(`${op} of float32 is within ${limit} ulp`, () => {
        apply(op, [f32(many), f32(other)], 'float32').forEach((z, i) => expect(ulps(z, reference(many[i], other[i])), `${op}(${many[i]}, ${other[i]}) = ${z}`).to.be.at.most(limit));
      });
    }
    it('comparisons give bools', () => {
      const compare: Record<string, (x: number, y: number) => boolean> = { Eq: (x, y) => x === y, Ne: (x, y) => x !== y, Lt: (x, y) => x < y, Le: (x, y) => x <= y, Gt: (x, y) => x > y, Ge: (x, y) => x >= y };
      for (const [op, f] of Object.entries(compare)) {
        expect(apply(op, [f32(many), f32(other)], 'bool'), op).to.deep.equal(Array.from(many, (x, i) => Number(f(x, other[i]))));
      }
    });
    it('integers divide, shift and wrap as in XLA', () => {
      const i32 = (...v: number[]) => tensor('int32', [v.length], v);
      const MIN = -(2 ** 31);
      expect(apply('Div', [i32(7, -7, 5, MIN), i32(2, 2, 0, -1)], 'int32')).to.deep.equal([3, -3, -1, MIN]);
      expect(apply('Rem', [i32(7, -7, 5, MIN), i32(2, 2, 0, -1)], 'int32')).to.deep.equal([1, -1, 5, 0]);
      expect(apply('Add', [i32(2 ** 31 - 1), i32(1)], 'int32')).to.deep.equal([MIN]);
      expect(apply('Shl', [i32(1, 1, 1), i32(4, 32, -1)], 'int32')).to.deep.equal([16, 0, 0]);
      expect(apply('ShrLogical', [i32(-8, -8), i32(1, 32)], 'int32')).to.deep.equal([2 ** 31 - 4, 0]);
      expect(apply('ShrArith', [i32(-8, -8, 8), i32(1, 40, 40)], 'int32')).to.deep.equal([-4, -1, 0]);
      expect(apply('Pow', [i32(3, -2, 2, -1), i32(4, 3, -1, -3)], 'int32')).to.deep.equal([81, -8, 0, -1]);
      expect(apply('Div', [tensor('uint32', [1], [5]), tensor('uint32', [1], [0])], 'uint32')).to.deep.equal([2 ** 32 - 1]);
    });
    it('conversions saturate, and NaN becomes 0', () => {
      const x = f32([1e20, -1e20, NaN, 300.7, -3.9]);
      expect(apply('Convert', [x], 'int32')).to.deep.equal([2 ** 31 - 1, -(2 ** 31), 0, 300, -3]);
      expect(apply('Convert', [x], 'uint8')).to.deep.equal([255, 0, 0, 255, 0]);
      expect(apply('Convert', [x], 'bool')).to.deep.equal([1, 1, 1, 1, 1]);
      expect(apply('Bitcast', [f32([1])], 'uint32')).to.deep.equal([0x3f800000]);
      expect(apply('IsFinite', [f32([1, NaN, Infinity])], 'bool')).to.deep.equal([1, 0, 0]);
    });
    it('multiplies and adds with one rounding', () => {
      const a = many.slice(20, 1000), b = many.slice(1020, 2000), c = many.slice(2020, 3000);
      apply('Fma', [f32(a), f32(b), f32(c)], 'float32').forEach((y, i) => expect(y).to.equal(Math.fround(a[i] * b[i] + c[i])));
    });

    it('broadcasts like numpy, with scalars, constants, selects and sums', () => {
      const dims = fc.array(fc.constantFrom<number>(1, 2, 3, 17, 40), { maxLength: 4 });
      const part = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
      fc.assert(fc.property(dims, part, part, part, (full, ...parts) => {
        const shapes = parts.map((keep) => full.map((d, i) => (keep[i] ? d : 1)));
        const arrays = shapes.map((s, k) => Array.from({ length: s.reduce((x, y) => x * y, 1) }, (_, i) => Math.fround(Math.cos(i + k))));
        const loop = broadcastShapes(...shapes);
        const [a, b, c] = arrays.map((v, k) => broadcastTo(v, shapes[k], loop));
        const want = a.map((x, i) => (x < b[i] ? Math.fround(x * c[i]) : 2));
        const [got, sum] = fused(program({
          loads: [0, 1, 2], code: [[OP.Lt, 9, 0, 1], [OP.Mul, 1, 0, 2], constant(2), [OP.Select, 1, 3, 4, 5]], stores: [[6, OUTPUT, 0], [6, SUM, 1]],
        }), arrays.map((v, k) => f32(v, shapes[k])), [['float32', null], ['float32', null]]);
        expect(got.shape).to.deep.equal(loop);
        expect(valuesOf(got)).to.deep.equal(want);
        const total = want.reduce((x, y) => x + y, 0);
        expect(valuesOf(sum)[0]).to.be.closeTo(total, 1e-5 + 1e-7 * Math.abs(total));
      }), { numRuns: 60 });
    });
    it('sums over leading and trailing axes, in any number of blocks', () => {
      const size = fc.integer({ min: 1, max: 60 });
      const COLUMNS = 3, ROWS = 4, KEPT_ROWS = 5;
      fc.assert(fc.property(size, size, size, fc.integer({ min: 1, max: 2 }), fc.constantFrom(COLUMNS, ROWS, KEPT_ROWS), (p, q, r, axes, kind) => {
        const shape = [p, q, r];
        const count = (s: number[]) => s.reduce((x, y) => x * y, 1);
        const values = Array.from({ length: count(shape) }, (_, i) => Math.fround(Math.sin(i)));
        const rest = kind === COLUMNS ? shape.slice(axes) : shape.slice(0, -axes);
        const want = Array.from({ length: count(rest) }, () => 0);
        values.forEach((x, i) => { want[kind === COLUMNS ? i % want.length : Math.floor(i / (values.length / want.length))] += 2 * x; });
        const [doubled, sums, two] = fused(
          program({ loads: [0], code: [constant(2), [OP.Mul, 1, 0, 1]], stores: [[2, OUTPUT, 0], [2, kind + 256 * axes, 1], [1, kind + 256 * axes, 2]] }),
          [f32(values, shape)], [['float32', null], ['float32', null], ['float32', null]],
        );
        expect(doubled.shape).to.deep.equal(shape);
        expect(sums.shape).to.deep.equal(kind === KEPT_ROWS ? [...rest, 1, 1].slice(0, 3) : rest);
        valuesOf(sums).forEach((x, i) => expect(x).to.be.closeTo(want[i], 1e-5 + 1e-6 * Math.abs(want[i])));
        valuesOf(two).forEach((x) => expect(x).to.equal(2 * (values.length / want.length)));
      }), { numRuns: 100 });
      for (const kind of [COLUMNS, ROWS, KEPT_ROWS]) {
        expect(() => fused(program({ loads: [0], code: [], stores: [[0, kind + 256 * 3, 0]] }), [f32([1, 2], [2])], [['float32', null]])).to.throw(/cannot sum 3 axes/);
        expect(valuesOf(fused(program({ loads: [0], code: [], stores: [[0, kind + 256, 0]] }), [f32([], kind === COLUMNS ? [0, 3] : [3, 0])], [['float32', null]])[0])).to.deep.equal([0, 0, 0]);
      }
    });
    it('runs loops together that load what others store, row by row', () => {
      const size = fc.integer({ min: 1, max: 90 });
      // Of each row: what is over the root of its mean square, beside a bias; and the sums of that.
      const normalised = program(
        { loads: [0], code: [[OP.Mul, 1, 0, 0]], stores: [[1, 5 + 256, 0]] },
        { loads: [-1], code: [constant(1e-3), [OP.Add, 1, 0, 1], [OP.Rsqrt, 1, 2]], stores: [[3, OUTPUT, 1]] },
        { loads: [0, -2, 1], code: [[OP.Mul, 1, 0, 1], [OP.Add, 1, 3, 2]], stores: [[4, OUTPUT, 2], [4, 4 + 256, 3]] },
        { loads: [-3, -2], code: [[OP.Sub, 1, 0, 1]], stores: [[2, OUTPUT, 4]] },
      );
      fc.assert(fc.property(fc.oneof(size, fc.constant(1500)), fc.oneof(size, fc.constantFrom(1, 511, 768, 5000)), (rows, width) => {
        const values = Array.from({ length: rows * width }, (_, i) => Math.fround(Math.sin(i)));
        const bias = Array.from({ length: width }, (_, i) => i % 5);
        const [, rate, out, sums, less] = fused(normalised, [f32(values, [rows, width]), f32(bias, [width])], Array.from({ length: 5 }, () => ['float32', null])).map(valuesOf);
        for (let r = 0; r < rows; r++) {
          const row = values.slice(r * width, (r + 1) * width);
          const scale = 1 / Math.sqrt(row.reduce((a, x) => a + x * x, 1e-3));
          expect(rate[r]).to.be.closeTo(scale, 1e-5 * scale);
          let sum = 0;
          for (let c = 0; c < width; c++) {
            const want = row[c] * scale + bias[c];
            sum += want;
            if (Math.abs(out[r * width + c] - want) > 1e-4 + 1e-5 * scale || Math.abs(less[r * width + c] - want + scale) > 1e-4 + 1e-5 * scale) expect.fail(`[${r},${c}] is ${out[r * width + c]}, expected ${want}`);
          }
          expect(sums[r]).to.be.closeTo(sum, 1e-4 * (1 + width));
        }
      }), { numRuns: 40 });
      for (const shape of [[0, 3], [3, 0]]) {
        const [squares, , out] = fused(normalised, [f32([], shape), f32([1, 2, 3].slice(0, shape[1]))], Array.from({ length: 5 }, () => ['float32', null]));
        expect(squares.shape).to.deep.equal([shape[0], 1]);
        expect(out.shape).to.deep.equal(shape);
      }
    });
    it('refuses loops that cannot run together', () => {
      const x = f32([1, 2, 3, 4, 5, 6], [2, 3]);
      const sums = { loads: [0], stores: [[0, 5 + 256, 0]] as [number, number, number][] };
      const refuse = (loops: Loop[], text: RegExp, inputs = [x]) =>
        expect(() => fused(program(...loops), inputs, Array.from({ length: 2 }, () => ['float32', null]))).to.throw(text);
      const add = (load: number, other = 0) => ({ loads: [other, load], code: [[OP.Add, 1, 0, 1]], stores: [[2, OUTPUT, 1]] as [number, number, number][] });
      refuse([add(-1), sums], /loads output 0, which no loop before it stores/);
      refuse([sums, add(-9)], /load's output is 8/);
      refuse([{ loads: [0], stores: [[0, OUTPUT, 0]] }, add(-1)], /there are no sums of rows/);
      refuse([{ loads: [0], stores: [[0, 3 + 256, 0]] }, add(-1)], /not all stores are rows/);
      refuse([{ loads: [0], stores: [[0, 4 + 256, 0]] }, add(-1)], /not row by row|do not broadcast/, [f32([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3])]);
      refuse([{ loads: [0], stores: [[0, 5 + 256, 0]] }, add(-1, 1)], /not row by row/, [x, f32([1, 2, 3], [3, 1, 1])]);
      expect(() => fused(program(sums, add(-1), { loads: [1], stores: [[0, OUTPUT, 2]] }), [x, f32([1, 2, 3])], Array.from({ length: 3 }, () => ['float32', null]))).to.throw(/its shape has other rows/);
    });
    it('takes tensors without elements', () => {
      const [y, sum] = fused(program({ loads: [0, 1], code: [[OP.Add, 1, 0, 1]], stores: [[2, OUTPUT, 0], [2, SUM, 1]] }), [f32([], [0, 3]), f32([1, 2, 3])], [['float32', null], ['float32', []]]);
      expect(y.shape).to.deep.equal([0, 3]);
      expect(valuesOf(sum)).to.deep.equal([0]);
    });
    it('infers dtypes and shapes through other nodes, named dimensions included', () => {
      const bytes = model([
        { op: 'Fused', inputs: ['a', 'b'], outputs: ['c'], attributes: { program: program({ loads: [0, 1], code: [[OP.Add, 1, 0, 1]], stores: [[2, OUTPUT, 0]] }) } },
        { op: 'Relu', inputs: ['c'], outputs: ['y'], domain: '' },
      ], [['a', 'float32', ['n', 3]], ['b', 'float32', [3]]], [['y', 'float32', null]]);
      const session = engine.createSession(bytes);
      expect(session.outputs[0].shape).to.deep.equal(['n', 3]);
      expect(valuesOf(session.run([f32([-9, 1, 2, 3, 4, -9], [2, 3]), f32([1, 1, 1])])[0])).to.deep.equal([0, 2, 3, 4, 5, 0]);
      session.dispose();
    });

    for (const level of [0, 1, 2, 99] as const) {
      it(`writes in place at optimisation level ${level}, whether its token is used or not`, () => {
        const n = 70_001;
        for (const tokenIsOutput of [true, false]) {
          const p = new Float32Array(n).fill(1), g = new Float32Array(n).fill(0.5), m = new Float32Array(n), count = new Int32Array([3]);
          const step = program(
            { loads: [0, 1, 2], code: [constant(0.1), [OP.Mul, 1, 1, 3], [OP.Sub, 1, 0, 4], [OP.Add, 1, 1, 2]], stores: [[5, IN_PLACE, 0], [6, IN_PLACE, 2]] },
            { loads: [3], code: [[OP.Const, 6, 1, 0, 0], [OP.Add, 6, 0, 1]], stores: [[2, IN_PLACE, 3]] },
          );
          const bytes = model([
            { op: 'Fused', inputs: ['p', 'g', 'm', 't'], outputs: ['token'], attributes: { program: step } },
            ...(tokenIsOutput ? [] : [{ op: 'Identity', inputs: ['g'], outputs: ['y'], domain: '' }]),
          ], [['p', 'float32', ['n']], ['g', 'float32', ['n']], ['m', 'float32', ['n']], ['t', 'int32', []]], [tokenIsOutput ? ['token', 'bool', [1]] : ['y', 'float32', ['n']]]);
          const session = engine.createSession(bytes, { graphOptimizationLevel: level });
          session.run([{ dtype: 'float32', shape: [n], data: p.buffer }, { dtype: 'float32', shape: [n], data: g.buffer }, { dtype: 'float32', shape: [n], data: m.buffer }, { dtype: 'int32', shape: [], data: count.buffer }]);
          expect([p[0], p[n - 1], m[n - 1], count[0]]).to.deep.equal([Math.fround(1 - Math.fround(Math.fround(0.1) * 0.5)), p[0], 0.5, 4]);
          session.dispose();
        }
      });
    }
    it('stores nothing where the predicate is false, exchanges inputs, and reads old scalars', () => {
      for (const flag of [0, 1]) {
        const x = f32([1, 2]);
        fused(program({ predicate: 1, loads: [0], code: [[OP.Add, 1, 0, 0]], stores: [[1, IN_PLACE, 0]] }), [x, tensor('bool', [], [flag])], [['bool', [1]]]);
        expect(valuesOf(x)).to.deep.equal(flag ? [2, 4] : [1, 2]);
      }
      const a = f32([1, 2]), b = f32([3, 4]);
      fused(program({ loads: [0, 1], stores: [[1, IN_PLACE, 0], [0, IN_PLACE, 1]] }), [a, b], [['bool', [1]]]);
      expect([valuesOf(a), valuesOf(b)]).to.deep.equal([[3, 4], [1, 2]]);
      const s = f32([5], []), v = f32([1, 1]);
      fused(program({ loads: [0], code: [[OP.Add, 1, 0, 0]], stores: [[1, IN_PLACE, 0]] }, { loads: [0, 1], code: [[OP.Add, 1, 0, 1]], stores: [[2, IN_PLACE, 1]] }), [s, v], [['bool', [1]]]);
      expect([valuesOf(s), valuesOf(v)]).to.deep.equal([[10], [6, 6]]);
    });
    it('refuses ill-formed programs and shapes with a sentence', () => {
      const x = f32([1, 2]);
      const refuse = (code: number[], inputs: NativeTensor[], text: RegExp, out: DType = 'float32') => expect(() => fused(code, inputs, [[out, null]])).to.throw(text);
      refuse([2], [x], /version 1/);
      refuse(program({ loads: [4], stores: [] }), [x], /load's input is 4/);
      refuse(program({ loads: [0], code: [[99, 1, 0]], stores: [] }), [x], /opcode is 99/);
      refuse(program({ loads: [0], code: [[OP.Add, 1, 0, 7]], stores: [] }), [x], /operand is 7/);
      refuse(program({ loads: [0], code: [[OP.Add, 6, 0, 0]], stores: [[1, OUTPUT, 0]] }), [x], /does not take types \(1, 1\) to type 6/, 'int32');
      refuse([...program({ loads: [0], stores: [[0, OUTPUT, 0]] }), 1], [x], /expected \d+ numbers/);
      refuse(program({ loads: [0, 1], stores: [[0, IN_PLACE, 0]] }), [x, f32([1, 2, 3, 4], [2, 2])], /written in place/, 'bool');
      refuse(program({ loads: [0], code: [[OP.Add, 1, 0, 0]], stores: [[1, IN_PLACE, 0]] }, { loads: [0, 1], code: [[OP.Add, 1, 0, 1]], stores: [[2, IN_PLACE, 1]] }), [x, f32([1, 2])], /loop 1 loads input 0/, 'bool');
      refuse(program({ loads: [0, 1], code: [[OP.Add, 1, 0, 1]], stores: [[2, IN_PLACE, 0]] }), [x, x], /share memory/, 'bool');
    });

    it('draws the random words of JAX in both modes', () => {
      let cases = 0;
      for (const mode of ['original', 'partitionable']) {
        for (const group of ['bits', 'split', 'fold_in']) {
          const file = path(`test/goldens/prng/${group}_${mode}`);
          const arrays = readSafetensors(`${file}.safetensors`);
          const { items } = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as { items: { id: string; python: string; output_tree: { $array: string; shape: number[]; dtype: DType } }[] };
          for (const { python, output_tree: { $array, shape, dtype } } of items) {
            const [, op, seed, rest] = /^jax\.random\.(\w+)\(jax\.random\.PRNGKey\((-?\d+)\)(?:, (.*))?\)$/.exec(python) ?? [];
            if (!op) continue;
            const key = tensor('uint32', [2], [0, Number(BigInt.asUintN(32, BigInt(seed)))]);
            const partitionable = Number(mode === 'partitionable');
            const nodes: Record<string, [Node, NativeTensor[]]> = {
              bits: [{ op: 'RandomBits', inputs: ['k'], outputs: ['y'], attributes: { shape, width: 8 * DTYPES[dtype].size, partitionable } }, [key]],
              split: [{ op: 'RandomSplit', inputs: ['k'], outputs: ['y'], attributes: { num: shape[0], partitionable } }, [key]],
              fold_in: [{ op: 'RandomFoldIn', inputs: ['k', 'd'], outputs: ['y'] }, [key, tensor('uint32', [], [Number(rest)])]],
            };
            if (op === 'split' && shape.length !== 2) continue;
            const [definition, inputs] = nodes[op];
            const [y] = runModel(model([definition], definition.inputs.map((n, i) => [n, 'uint32', inputs[i].shape]), [['y', dtype, null]]), inputs);
            expect(y.shape, python).to.deep.equal(shape);
            expect(Buffer.from(y.data as ArrayBuffer).equals(arrays.get($array)!.data), `${python} (${mode})`).to.equal(true);
            cases++;
          }
        }
      }
      expect(cases).to.be.greaterThan(80);
    });

    it('decomposes into q and r with LAPACK\'s signs', () => {
      for (const [m, n] of [[4, 3], [3, 4], [5, 5], [1, 1], [6, 1]]) {
        for (const dtype of ['float32', 'float64'] as const) {
          const a = Array.from({ length: 2 * m * n }, (_, i) => Math.fround(Math.sin(i * i + 1)));
          const k = Math.min(m, n), tolerance = dtype === 'float32' ? 1e-6 : 1e-14;
          const [q, r] = runModel(model([{ op: 'Qr', inputs: ['a'], outputs: ['q', 'r'] }], [['a', dtype, [2, m, n]]], [['q', dtype, null], ['r', dtype, null]]), [tensor(dtype, [2, m, n], a)]);
          expect([q.shape, r.shape]).to.deep.equal([[2, m, k], [2, k, n]]);
          const Q = valuesOf(q), R = valuesOf(r);
          for (let b = 0; b < 2; b++) {
            const at = (x: number[], rows: number, cols: number, i: number, j: number) => x[(b * rows + i) * cols + j];
            for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) {
              let sum = 0;
              for (let l = 0; l < k; l++) sum += at(Q, m, k, i, l) * at(R, k, n, l, j);
              expect(sum).to.be.closeTo(at(a, m, n, i, j), 10 * tolerance);
            }
            for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) expect(at(R, k, n, i, j)).to.equal(0);
            // A reflection turns the first column to the other side, unless there is nothing below its head.
            if (m > 1) expect(Math.sign(at(R, k, n, 0, 0))).to.equal(-Math.sign(at(a, m, n, 0, 0)));
            else expect(at(R, k, n, 0, 0)).to.equal(at(a, m, n, 0, 0));
          }
        }
      }
    });

    it('updates parameters in place inside TrainStep', function () {
      if (!engine.training) this.skip();
      const folder = path('test/artifacts/scratch_mlp_frozen1_ingraph_adamw/');
      if (!existsSync(folder)) this.skip();
      const trained = ['mlp/~/linear_0/w', 'mlp/~/linear_0/b', 'mlp/~/linear_2/w', 'mlp/~/linear_2/b'];
      const bytes = fromBinary(ModelProtoSchema, readFileSync(`${folder}training_model.onnx`));
      const graph = bytes.graph!;
      graph.node = graph.node.filter((n) => n.opType !== 'AdamOptimizer');
      // Writes w - lr * g into w and g into mu, so that the test can see the gradient.
      const inputs = ['lr', 'loss', ...trained.flatMap((w) => [w, `${w}_grad`, `opt/mu/${w}`])];
      const code = program(...trained.map((_, i): Loop => ({
        loads: [0, 2 + 3 * i, 3 + 3 * i], code: [[OP.Mul, 1, 0, 2], [OP.Sub, 1, 1, 3]], stores: [[4, IN_PLACE, 2 + 3 * i], [2, IN_PLACE, 4 + 3 * i]],
      })));
      graph.node.push(node({ op: 'Fused', inputs, outputs: ['token'], attributes: { program: code } }));
      bytes.opsetImport.push(create(ModelProtoSchema, { opsetImport: [{ domain: 'hokku', version: 1n }] }).opsetImport[0]);
      const checkpoint = engine.loadCheckpoint(`${folder}checkpoint`);
      const session = engine.createTrainingSession(checkpoint, { train: toBinary(ModelProtoSchema, bytes) });
      const get = (n: string) => valuesOf(checkpoint.getParameter(n));
      const before = trained.map(get), frozen = get('mlp/~/linear_1/w');
      const x = f32(Array.from({ length: 8 }, (_, i) => Math.fround(Math.cos(i))), [2, 4]);
      const feeds: Record<string, NativeTensor> = { x, y: tensor('int64', [2], [0n, 2n]), lr: f32([0.125]) };
      session.trainStep(session.trainInputs.map((n) => feeds[n]));
      trained.forEach((n, k) => {
        const gradient = get(`opt/mu/${n}`), after = get(n);
        expect(gradient.some((g) => g !== 0)).to.equal(true);
        after.forEach((w, i) => expect(w).to.equal(Math.fround(before[k][i] - Math.fround(0.125 * gradient[i]))));
      });
      expect(get('mlp/~/linear_1/w')).to.deep.equal(frozen);
      session.dispose();
      checkpoint.dispose();
    });
  });
}
