import { expect } from 'chai';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import type { NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';
import { generator, size, thrown } from '../jax/helpers.js';

type DType = 'float32' | 'float64' | 'int32';
const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array };
interface Tensor { dtype: DType; shape: number[]; values: number[] }
const tensor = (shape: number[], values: ArrayLike<number>, dtype: DType = 'float64'): Tensor => ({ dtype, shape, values: Array.from(ARRAYS[dtype].from(values)) });
const random = (seed: number, ...shape: number[]): Tensor => { const next = generator(seed); return tensor(shape, Array.from({ length: size(shape) }, () => 2 * next() - 1)); };
const as = (x: Tensor, dtype: DType): Tensor => tensor(x.shape, x.values, dtype);
/** Matrix `b` of a batch, as rows. */
const rows = (x: Tensor, b = 0): number[][] => {
  const [m, n] = x.shape.slice(-2);
  return Array.from({ length: m }, (_, i) => x.values.slice((b * m + i) * n, (b * m + i + 1) * n));
};
const row = (x: Tensor, b: number): number[] => x.values.slice(b * x.shape[x.shape.length - 1], (b + 1) * x.shape[x.shape.length - 1]);
const product = (x: number[][], y: number[][]): number[][] => x.map((r) => (y[0] ?? []).map((_, j) => r.reduce((s, v, k) => s + v * y[k][j], 0)));
const transposed = (x: number[][]): number[][] => (x[0] ?? []).map((_, j) => x.map((r) => r[j]));
const identity = (n: number): number[][] => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
const diagonal = (d: number[], m = d.length, n = d.length): number[][] => Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? d[i] ?? 0 : 0)));
const near = (actual: number[][], expected: number[][], tolerance: number, what: string) => actual.forEach((r, i) => r.forEach((v, j) => {
  if (!(Math.abs(v - expected[i][j]) <= tolerance)) expect.fail(`${what}: element ${i}, ${j} is ${v} instead of ${expected[i][j]}`);
}));
const determinant = (a: number[][]): number => (a.length === 0 ? 1 : a[0].reduce((s, v, j) => s + (j % 2 ? -1 : 1) * v * determinant(a.slice(1).map((r) => r.filter((_, k) => k !== j))), 0));

for (const info of engines()) {
  describe(`decompositions on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    before(function () { if (info.missing) this.skip(); });

    /** One operator; the outputs' declared types must be what it infers. */
    const run = (op: string, inputs: Tensor[], outputs: [DType, number[]][], attributes: Record<string, number> = {}): Tensor[] => {
      const graph = new Graph(true);
      const names = inputs.map((x, i) => graph.input(`i${i}`, x.dtype, x.shape));
      graph.nodeWithOutputs(op, names, outputs.map((_, i) => `o${i}`), attributes, 'hokku').forEach((name, i) => graph.output(name, ...outputs[i]));
      const session = loadEngine(info.name).createSession(serialize(graph), { intraOpNumThreads: 2 });
      try {
        return session.run(inputs.map((x): NativeTensor => ({ dtype: x.dtype, shape: x.shape, data: ARRAYS[x.dtype].from(x.values).buffer as ArrayBuffer })))
          .map((t, i) => { expect(t.shape).to.deep.equal(outputs[i][1]); return tensor([...t.shape], new ARRAYS[outputs[i][0]](t.data as ArrayBuffer), outputs[i][0]); });
      } finally { session.dispose(); }
    };
    const DTYPES = [['float32', 2e-5], ['float64', 1e-12]] as const;

    it('Cholesky', () => {
      for (const [dtype, tolerance] of DTYPES) {
        for (const n of [0, 1, 2, 5, 40]) {
          const x = random(n, 3, n, n);
          const a = tensor([3, n, n], [0, 1, 2].flatMap((b) => product(rows(x, b), transposed(rows(x, b))).map((r, i) => r.map((v, j) => v + Number(i === j))).flat()), dtype);
          const [l] = run('Cholesky', [a], [[dtype, [3, n, n]]]);
          for (let b = 0; b < 3 && n > 0; b++) {
            near(product(rows(l, b), transposed(rows(l, b))), rows(a, b), tolerance * n, `cholesky of ${n}`);
            rows(l, b).forEach((r, i) => r.slice(i + 1).forEach((v) => expect(v).to.equal(0)));
          }
        }
      }
      const [l] = run('Cholesky', [tensor([2, 2, 2], [1, 9, 2, 1, 4, 9, 2, 5])], [['float64', [2, 2, 2]]]);
      // The upper triangle is not read; a matrix that is not definite spoils nothing else.
      expect(l.values).to.deep.equal([NaN, 0, NaN, NaN, 2, 0, 1, 2]);
    });

    it('TriangularSolve', () => {
      for (const [dtype, tolerance] of DTYPES) {
        for (const [n, k] of [[1, 1], [4, 3], [5, 70], [3, 0]]) {
          const a = tensor([2, n, n], random(n, 2, n, n).values.map((v, i) => (Math.floor(i / n) % n === i % n ? v + 3 : v)), dtype);
          const b = as(random(k, 2, n, k), dtype);
          for (let kind = 0; kind < 8; kind++) {
            const [lower, flipped, unit] = [kind & 1, (kind >> 1) & 1, kind >> 2];
            const [x] = run('TriangularSolve', [a, b], [[dtype, [2, n, k]]], { lower, transposed: flipped, unit });
            for (let i = 0; i < 2; i++) {
              const triangle = rows(a, i).map((r, p) => r.map((v, q) => (p === q && unit ? 1 : (lower ? p >= q : p <= q) ? v : 0)));
              near(product(flipped ? transposed(triangle) : triangle, rows(x, i)), rows(b, i), tolerance * 10, `triangular ${n}, ${k}, ${kind}`);
            }
          }
        }
      }
    });

    it('Lu, Permutation and LuSolve', () => {
      for (const [dtype, tolerance] of DTYPES) {
        for (const [m, n] of [[1, 1], [4, 4], [5, 3], [3, 5], [30, 30]]) {
          const k = Math.min(m, n);
          const a = as(random(m + n, 2, m, n), dtype);
          const [lu, pivots, permutation] = run('Lu', [a], [[dtype, [2, m, n]], ['int32', [2, k]], ['int32', [2, m]]]);
          expect(run('Permutation', [pivots], [['int32', [2, m]]], { size: m })[0].values).to.deep.equal(permutation.values);
          for (let b = 0; b < 2; b++) {
            const l = rows(lu, b).map((r, i) => Array.from({ length: k }, (_, j) => (i === j ? 1 : j < i ? r[j] : 0)));
            const u = rows(lu, b).slice(0, k).map((r, i) => r.map((v, j) => (j >= i ? v : 0)));
            l.flat().forEach((v) => expect(Math.abs(v)).to.be.at.most(1));
            near(product(l, u), row(permutation, b).map((i) => rows(a, b)[i]), tolerance, `lu of ${m}×${n}`);
          }
          if (m !== n) continue;
          const rhs = as(random(9, 2, n, 2), dtype);
          for (const flipped of [0, 1]) {
            const [x] = run('LuSolve', [lu, permutation, rhs], [[dtype, [2, n, 2]]], { transposed: flipped });
            for (let b = 0; b < 2; b++) near(product(flipped ? transposed(rows(a, b)) : rows(a, b), rows(x, b)), rows(rhs, b), tolerance * 300, `solve of ${n}`);
          }
        }
      }
    });

    it('Determinant and Cofactors', () => {
      for (const n of [1, 2, 3, 5]) {
        const a = random(n, 3, n, n);
        // The second is singular by one, the third by two.
        for (let j = 0; j < n; j++) {
          a.values[n * n + j] = n > 1 ? a.values[n * n + n + j] : 0;
          for (let i = 0; i < Math.min(3, n); i++) a.values[2 * n * n + i * n + j] = j + 1;
        }
        const [sign, logarithm, value] = run('Determinant', [a], [['float64', [3]], ['float64', [3]], ['float64', [3]]]);
        const [cofactors] = run('Cofactors', [a], [['float64', [3, n, n]]]);
        for (let b = 0; b < 3; b++) {
          const x = rows(a, b), exact = determinant(x);
          expect(value.values[b]).to.be.closeTo(exact, 1e-12);
          expect(sign.values[b] * Math.exp(logarithm.values[b])).to.be.closeTo(exact, 1e-12);
          near(rows(cofactors, b), x.map((_, i) => x.map((_, j) => ((i + j) % 2 ? -1 : 1) * determinant(x.filter((_, p) => p !== i).map((r) => r.filter((_, q) => q !== j))))), 1e-12, `cofactors ${b} of ${n}`);
        }
      }
    });

    it('Eigh and Eigvalsh', () => {
      for (const [dtype, tolerance] of DTYPES) {
        for (const n of [1, 2, 3, 10, 60]) {
          const x = random(n, 2, n, n);
          const a = tensor([2, n, n], [0, 1].flatMap((b) => rows(x, b).map((r, i) => r.map((v, j) => v + rows(x, b)[j][i])).flat()), dtype);
          const [w, v] = run('Eigh', [a], [[dtype, [2, n]], [dtype, [2, n, n]]]);
          const [alone] = run('Eigvalsh', [a], [[dtype, [2, n]]]);
          for (let b = 0; b < 2; b++) {
            near([row(alone, b)], [row(w, b)], tolerance, 'eigenvalues alone');
            expect(row(w, b)).to.deep.equal([...row(w, b)].sort((p, q) => p - q));
            near(product(rows(a, b), rows(v, b)), product(rows(v, b), diagonal(row(w, b))), tolerance * n, `eigh of ${n}`);
            near(product(transposed(rows(v, b)), rows(v, b)), identity(n), tolerance * n, `eigenvectors of ${n}`);
          }
        }
      }
      const eigh = (a: number[][]) => run('Eigh', [tensor([a.length, a.length], a.flat())], [['float64', [a.length]], ['float64', [a.length, a.length]]])[0].values;
      expect(eigh([[2, NaN], [1, 2]])).to.deep.equal([1, 3]);
      expect(eigh([[2, 0], [NaN, 2]])).to.deep.equal([NaN, NaN]);
      expect(eigh([[0, 0, 0], [0, 0, 0], [0, 0, 0]])).to.deep.equal([0, 0, 0]);
      for (const scale of [1e300, 1e-300]) eigh([[2 * scale, 0, 0], [scale, 2 * scale, 0], [0, 0, scale]]).forEach((w, i) => expect(w / scale).to.be.closeTo([1, 1, 3][i], 1e-12));
    });

    it('Svd, Svdvals and Pinv', () => {
      for (const [dtype, tolerance] of DTYPES) {
        for (const [m, n] of [[1, 1], [2, 2], [4, 3], [3, 4], [9, 2], [2, 9], [30, 28], [28, 30], [60, 5]]) {
          const k = Math.min(m, n);
          const a = as(random(m + 2 * n, 2, m, n), dtype);
          const [s] = run('Svdvals', [a], [[dtype, [2, k]]]);
          for (const full of [0, 1]) {
            const [columns, lines] = full ? [m, n] : [k, k];
            const [u, values, vt] = run('Svd', [a], [[dtype, [2, m, columns]], [dtype, [2, k]], [dtype, [2, lines, n]]], { full });
            for (let b = 0; b < 2; b++) {
              near([row(s, b)], [row(values, b)], tolerance, 'singular values alone');
              expect(row(values, b)).to.deep.equal([...row(values, b)].sort((p, q) => q - p));
              near(product(product(rows(u, b), diagonal(row(values, b), columns, lines)), rows(vt, b)), rows(a, b), tolerance * k, `svd of ${m}×${n}`);
              near(product(transposed(rows(u, b)), rows(u, b)), identity(columns), tolerance * m, 'u');
              near(product(rows(vt, b), transposed(rows(vt, b))), identity(lines), tolerance * n, 'v');
            }
          }
          const [p] = run('Pinv', [a, tensor([2], [1e-6, 0.5], dtype)], [[dtype, [2, n, m]]]);
          near(product(product(rows(a), rows(p)), rows(a)), rows(a), tolerance * 10, `pinv of ${m}×${n}`);
          const [half, values] = [product(product(rows(p, 1), rows(a, 1)), rows(p, 1)), row(s, 1)];
          near(half, rows(p, 1), tolerance * 10, 'pinv of less rank');
          const rank = product(rows(p, 1), rows(a, 1)).reduce((sum, r, i) => sum + r[i], 0);
          expect(rank).to.be.closeTo(values.filter((v) => v > 0.5 * values[0]).length, 1e-3);
        }
      }
      const svdvals = (a: number[][]) => run('Svdvals', [tensor([a.length, a[0].length], a.flat())], [['float64', [Math.min(a.length, a[0].length)]]])[0].values;
      expect(svdvals([[3, 0], [0, -4], [0, 0]])).to.deep.equal([4, 3]);
      expect(svdvals([[0, 0], [0, 0]])).to.deep.equal([0, 0]);
      expect(svdvals([[1, Infinity], [0, 1]])).to.deep.equal([NaN, NaN]);
      for (const scale of [1e300, 1e-300]) svdvals([[2 * scale, scale], [scale, 2 * scale]]).forEach((v, i) => expect(v / scale).to.be.closeTo([3, 1][i], 1e-12));
      for (const [m, n] of [[0, 3], [3, 0]]) {
        const [u, , vt] = run('Svd', [tensor([m, n], [])], [['float64', [m, m]], ['float64', [0]], ['float64', [n, n]]], { full: 1 });
        expect([rows(u), rows(vt)]).to.deep.equal([identity(m), identity(n)]);
      }
    });

    it('what does not fit is refused', () => {
      const square = random(1, 2, 2), f64: [DType, number[]] = ['float64', [2, 2]];
      const cases: [() => unknown, RegExp][] = [
        [() => run('Cholesky', [random(1, 2, 3)], [['float64', [2, 3]]]), /hokku.Cholesky: expected square matrices/],
        [() => run('Eigh', [random(1, 2, 3)], [['float64', [3]], ['float64', [2, 3]]]), /hokku.Eigh: expected square/],
        [() => run('Cholesky', [random(1, 4)], [['float64', [4]]]), /at least 2 dimensions/],
        [() => run('Cholesky', [tensor([1, 1], [4], 'int32')], [['int32', [1, 1]]]), /expected float32 or float64/],
        [() => run('TriangularSolve', [square, random(1, 3, 1)], [['float64', [3, 1]]], { lower: 1, transposed: 0, unit: 0 }), /do not fit/],
        [() => run('TriangularSolve', [square, as(square, 'float32')], [['float32', [2, 2]]], { lower: 1, transposed: 0, unit: 0 }), /do not fit/],
        [() => run('LuSolve', [square, tensor([2], [0, 2], 'int32'), square], [f64], { transposed: 0 }), /a row that is not there/],
        [() => run('LuSolve', [square, tensor([3], [0, 1, 2], 'int32'), square], [f64], { transposed: 0 }), /permutation does not fit/],
        [() => run('Permutation', [tensor([1], [-1], 'int32')], [['int32', [2]]], { size: 2 }), /a row that is not there/],
        [() => run('Permutation', [tensor([3], [0, 1, 2], 'int32')], [['int32', [2]]], { size: 2 }), /at most size/],
        [() => run('Pinv', [square, tensor([2], [0, 0])], [f64]), /one number for each matrix/],
      ];
      for (const [f, pattern] of cases) expect(thrown(f).message).to.match(pattern);
    });
  });
}
