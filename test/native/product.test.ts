import { expect } from 'chai';
import fc from 'fast-check';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import type { NativeSession, NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';

const f32 = (values: Float32Array, ...shape: number[]): NativeTensor => ({ dtype: 'float32', shape, data: values.buffer as ArrayBuffer });
const values = (t: NativeTensor) => new Float32Array(t.data as ArrayBuffer);
const matrix = (rows: number, columns: number, seed: number) => Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 12.9898 + seed) * 2 ** (i % 5));
const transposed = (x: Float32Array, rows: number, columns: number) => Float32Array.from(x, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]);

for (const info of engines()) {
  describe(`hokku.Product on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    const sessions = new Map<string, NativeSession>();
    before(function () { if (info.missing) this.skip(); });
    after(() => sessions.forEach((s) => s.dispose()));

    interface Way { transA?: boolean; transB?: boolean; bias?: boolean; relu?: boolean; masked?: boolean; threads?: number }
    /** One session for each way, of open dimensions. */
    function sessionOf({ transA = false, transB = false, bias = false, relu = false, masked = false, threads = 1 }: Way): NativeSession {
      const key = [transA, transB, bias, relu, masked, threads].join();
      if (!sessions.has(key)) {
        const g = new Graph(true);
        const inputs = [g.input('a', 'float32', transA ? ['k', 'm'] : ['m', 'k']), g.input('b', 'float32', transB ? ['n', 'k'] : ['k', 'n'])];
        if (bias) inputs.push(g.input('c', 'float32', ['n']));
        if (masked) inputs.push(g.input('d', 'float32', ['m', 'n']));
        g.output(g.node('Product', inputs, { transA: Number(transA), transB: Number(transB), relu: Number(relu), masked: Number(masked) }, 'hokku'), 'float32', ['m', 'n']);
        sessions.set(key, loadEngine(info.name).createSession(serialize(g), { intraOpNumThreads: threads }));
      }
      return sessions.get(key)!;
    }
    function product(m: number, n: number, k: number, a: Float32Array, b: Float32Array, way: Way = {}, bias?: Float32Array, mask?: Float32Array): Float32Array {
      const [out] = sessionOf({ ...way, bias: bias !== undefined, masked: mask !== undefined }).run([
        way.transA ? f32(transposed(a, m, k), k, m) : f32(a, m, k), way.transB ? f32(transposed(b, k, n), n, k) : f32(b, k, n), ...(bias ? [f32(bias, n)] : []), ...(mask ? [f32(mask, m, n)] : []),
      ]);
      expect(out.shape).to.deep.equal([m, n]);
      return values(out);
    }
    const WAYS: Record<string, Way> = { 'a·b': {}, 'a·bᵀ': { transB: true }, 'aᵀ·b': { transA: true }, 'aᵀ·bᵀ': { transA: true, transB: true } };
    const bits = (x: Float32Array) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
    const expectBits = (got: Float32Array, want: Float32Array, what?: string) => expect(Buffer.compare(bits(got), bits(want)), what).to.equal(0);
    const range = (n: number) => [...globalThis.Array(n).keys()];

    /** Fails where a product is further from float64's than rounding explains. */
    function check(got: Float32Array, m: number, n: number, k: number, a: Float32Array, b: Float32Array, rows = range(m), columns = range(n)): void {
      for (const i of rows) {
        for (const j of columns) {
          let [want, size] = [0, 0];
          for (let l = 0; l < k; l++) { const x = a[i * k + l] * b[l * n + j]; want += x; size += Math.abs(x); }
          if (!(Math.abs(got[i * n + j] - want) <= (k + 1) * 2 ** -24 * size)) expect.fail(`${m}x${n}x${k} at ${i}, ${j}: ${got[i * n + j]}, want ${want}`);
        }
      }
    }

    for (const [name, way] of Object.entries(WAYS)) {
      it(`${name} takes denormal numbers for zero, as XLA does`, () => {
        for (const [m, k, n] of [[3, 4, 5], [200, 100, 70]]) {
          const [tiny, large] = [new Float32Array(m * k).fill(1e-39), new Float32Array(k * n).fill(1e30)];
          expect(product(m, n, k, tiny, large, way).every((x) => x === 0)).to.equal(true);
        }
      });

      it(`${name} has the numbers of float64 to rounding, in every shape of few rows`, () => {
        for (let m = 1; m <= 16; m++) {
          for (const n of [1, 2, 4, 7, 8, 15, 16, 17, 31, 33, 100, 131]) {
            for (const k of [0, 1, 2, 3, 4, 5, 7, 16, 21]) {
              const [a, b] = [matrix(m, k, 1), matrix(k, n, 2)];
              check(product(m, n, k, a, b, way), m, n, k, a, b);
            }
          }
        }
      });

      it(`${name} adds a bias, cuts off below zero, and keeps what a mask says`, () => {
        for (const [m, n, k] of [[1, 5, 3], [10, 100, 30], [3, 17, 4], [13, 33, 1], [2, 3, 0], [40, 70, 20], [19, 5, 300]]) {
          const [a, b, c, mask] = [matrix(m, k, 3), matrix(k, n, 4), matrix(1, n, 5), matrix(m, n, 17)];
          if (mask.length > 4) mask.set([NaN, 0, -0, Infinity]);
          const plain = product(m, n, k, a, b, way);
          const biased = plain.map((x, i) => Math.fround(x + c[i % n]));
          expect(product(m, n, k, a, b, way, c)).to.deep.equal(biased);
          expect(product(m, n, k, a, b, { ...way, relu: true }, c)).to.deep.equal(biased.map((x) => (x < 0 ? 0 : x)));
          expect(product(m, n, k, a, b, { ...way, relu: true })).to.deep.equal(plain.map((x) => (x < 0 ? 0 : x)));
          expect(product(m, n, k, a, b, way, undefined, mask)).to.deep.equal(plain.map((x, i) => (mask[i] > 0 ? x : 0)));
          expect(product(m, n, k, a, b, way, c, mask)).to.deep.equal(biased.map((x, i) => (mask[i] > 0 ? x : 0)));
        }
      });

      it(`${name} carries NaN and infinity to their rows and columns, and nowhere else`, () => {
        for (const [m, bad] of [11, 29].flatMap((m) => [NaN, Infinity, -Infinity].map((x) => [m, x]))) {
          const [n, k] = [37, 19];
          const [a, b] = [matrix(m, k, 6), matrix(k, n, 7).map((x) => Math.abs(x) + 1)];
          a[4 * k + 18] = bad;
          product(m, n, k, a, b, way).forEach((x, i) => expect(Math.floor(i / n) === 4 ? Object.is(x, bad) : Number.isFinite(x), `${i}: ${x}`).to.equal(true));
          product(m, n, k, a, b, { ...way, relu: true }).forEach((x, i) => { if (Math.floor(i / n) === 4) expect(x).to.deep.equal(bad < 0 ? 0 : bad); });
          const [c, d] = [matrix(m, k, 8).map((x) => Math.abs(x) + 1), matrix(k, n, 9)];
          d[18 * n + 36] = bad;
          product(m, n, k, c, d, way).forEach((x, i) => expect(i % n === 36 ? Object.is(x, bad) : Number.isFinite(x), `${i}: ${x}`).to.equal(true));
        }
      });
    }

    // Blocks, strips and depths of every instruction set begin and end within these.
    const side = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 300 }));
    const ways = fc.record({ transA: fc.boolean(), transB: fc.boolean(), relu: fc.boolean(), threads: fc.constantFrom(1, 2, 3) });

    it('has the numbers of float64 to rounding in any shape, every way, with a bias, cut off below zero, and masked', () => {
      fc.assert(fc.property(side, side, fc.oneof(side, fc.integer({ min: 500, max: 600 })), ways, (m, n, k, way) => {
        const [a, b, c] = [matrix(m, k, 12), matrix(k, n, 13), matrix(1, n, 14)];
        const plain = product(m, n, k, a, b, { ...way, relu: false });
        const some = (size: number) => range(size).filter((i) => size < 20 || i < 7 || i > size - 7 || i % 31 === 0);
        check(plain, m, n, k, a, b, some(m), some(n));
        const biased = plain.map((x, i) => Math.fround(x + c[i % n]));
        expectBits(product(m, n, k, a, b, way, c), way.relu ? biased.map((x) => (x < 0 ? 0 : x)) : biased);
        const mask = matrix(m, n, 18);
        expectBits(product(m, n, k, a, b, { ...way, relu: false }, undefined, mask), plain.map((x, i) => (mask[i] > 0 ? x : 0)));
      }), { numRuns: 80 });
    });

    it('has the same bits whichever way it is computed: alone, as rows of a larger one, as few columns, on other threads', () => {
      fc.assert(fc.property(fc.integer({ min: 17, max: 300 }), side, side, ways, fc.nat(299), fc.nat(299), (m, n, k, { relu: _, ...way }, row, column) => {
        const [a, b] = [matrix(m, k, 15), matrix(k, n, 16)];
        const whole = product(m, n, k, a, b);
        expectBits(product(m, n, k, a, b, way), whole);
        // A few rows go another way through the operator, and a column stands elsewhere in its panel.
        const first = row % m, rows = Math.min(m - first, 5), start = column % Math.max(n, 1), columns = n - start;
        const part = b.filter((_, i) => i % n >= start);
        const few = product(rows, columns, k, a.slice(first * k, (first + rows) * k), part, way.transA && way.transB ? {} : way);
        expectBits(few, whole.slice(first * n, (first + rows) * n).filter((_, i) => i % n >= start));
      }), { numRuns: 60 });
    });

    it('gives the same bits again, in every order of the operands and on any number of threads', () => {
      for (const [m, n, k] of [[10, 100, 300], [16, 515, 260], [5, 13, 50], [2, 777, 512], [128, 515, 784], [400, 130, 128], [17, 17, 3000]]) {
        const [a, b] = [matrix(m, k, 10), matrix(k, n, 11)];
        const first = product(m, n, k, a, b);
        for (const way of [{}, ...Object.values(WAYS)]) {
          for (const threads of [1, 2, 3]) expectBits(product(m, n, k, a, b, { ...way, threads }), first, `${m}x${n}x${k}`);
        }
      }
    });

    it('refuses what does not fit', () => {
      const run = (way: Way, ...inputs: NativeTensor[]) => () => sessionOf(way).run(inputs);
      const open = new Graph(true);
      open.output(open.node('Product', [open.input('a', 'float32', ['m', 'k']), open.input('b', 'float32', ['l', 'n'])], { transA: 0, transB: 0, relu: 0, masked: 0 }, 'hokku'), 'float32', ['m', 'n']);
      const session = loadEngine(info.name).createSession(serialize(open), {});
      expect(() => session.run([f32(matrix(2, 3, 0), 2, 3), f32(matrix(4, 5, 0), 4, 5)])).to.throw(/inner dimensions differ/);
      session.dispose();
      expect(run({ bias: true }, f32(matrix(2, 3, 0), 2, 3), f32(matrix(3, 5, 0), 3, 5), f32(matrix(1, 4, 0), 4))).to.throw();
      expect(run({ masked: true }, f32(matrix(2, 3, 0), 2, 3), f32(matrix(3, 5, 0), 3, 5), f32(matrix(2, 4, 0), 2, 4))).to.throw();
    });
  });
}
