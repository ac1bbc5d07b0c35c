import { expect } from 'chai';
import fc from 'fast-check';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import type { NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed) * 2 ** (i % 5));
const f32 = (values: Float32Array, ...shape: number[]): NativeTensor => ({ dtype: 'float32', shape, data: values.buffer as ArrayBuffer });

for (const info of engines()) {
  describe(`hokku.PackedProduct on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    before(function () { if (info.missing) this.skip(); });

    interface Way { transposed: boolean; relu: boolean; biased: boolean; threads: number }
    function product(m: number, n: number, k: number, [a, b, c]: readonly Float32Array[], { transposed, relu, biased, threads }: Way): Float32Array {
      const g = new Graph(true);
      const inputs = [f32(a, m, k), transposed ? f32(Float32Array.from(b, (_, i) => b[(i % k) * n + Math.floor(i / k)]), n, k) : f32(b, k, n), ...(biased ? [f32(c, n)] : [])];
      const names = inputs.map((t, i) => g.input(`i${i}`, 'float32', t.shape));
      const packed = g.node('PackMatrix', [names[1]], { transposed: Number(transposed) }, 'hokku');
      g.output(g.node('PackedProduct', [names[0], packed, ...names.slice(2)], { columns: n, relu: Number(relu) }, 'hokku'), 'float32', [m, n]);
      const session = loadEngine(info.name).createSession(serialize(g), { intraOpNumThreads: threads });
      try {
        return new Float32Array(session.run(inputs)[0].data as ArrayBuffer);
      } finally {
        session.dispose();
      }
    }
    const side = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300 }));
    const ways = fc.record({ transposed: fc.boolean(), relu: fc.boolean(), biased: fc.boolean(), threads: fc.constantFrom(1, 2, 3) });

    it('has the numbers of float64 to rounding, in any shape and every way', () => {
      fc.assert(fc.property(side, side, side, ways, (m, n, k, way) => {
        const [a, b, c] = [noise(m * k, 1), noise(k * n, 2), noise(n, 3)];
        product(m, n, k, [a, b, c], way).forEach((got, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          let [want, size] = way.biased ? [c[j], Math.abs(c[j])] : [0, 0];
          for (let l = 0; l < k; l++) { const x = a[i * k + l] * b[l * n + j]; want += x; size += Math.abs(x); }
          if (way.relu && want < 0) want = 0;
          if (!(Math.abs(got - want) <= (k + 2) * 2 ** -24 * size)) expect.fail(`${m}x${n}x${k} at ${i}, ${j}: ${got}, want ${want}`);
        });
      }), { numRuns: 40 });
    });

    it('refuses another depth', () => {
      expect(() => {
        const g = new Graph(true);
        const packed = g.node('PackMatrix', [g.input('b', 'float32', ['k', 'n'])], { transposed: 0 }, 'hokku');
        g.output(g.node('PackedProduct', [g.input('a', 'float32', ['m', 'l']), packed], { columns: 5, relu: 0 }, 'hokku'), 'float32', ['m', 5]);
        const session = loadEngine(info.name).createSession(serialize(g), {});
        try { session.run([f32(noise(20, 1), 4, 5), f32(noise(6, 1), 2, 3)]); } finally { session.dispose(); }
      }).to.throw(/inner dimensions differ/);
    });
  });
}
