import { expect } from 'chai';
import fc from 'fast-check';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import type { NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';

for (const info of engines()) {
  describe(`hokku.SegmentSum on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, function () {
    before(function () { if (info.missing) this.skip(); });

    function sum(ids: Int32Array | BigInt64Array, idShape: readonly number[], rows: Float32Array, width: readonly number[], segments: number, threads = 1): Float32Array {
      const dtype = ids instanceof Int32Array ? 'int32' : 'int64';
      const g = new Graph(true);
      const inputs: NativeTensor[] = [
        { dtype, shape: [...idShape], data: ids.buffer as ArrayBuffer }, { dtype: 'float32', shape: [...idShape, ...width], data: rows.buffer as ArrayBuffer },
      ];
      g.output(g.node('SegmentSum', [g.input('ids', dtype, idShape), g.input('rows', 'float32', inputs[1].shape)], { segments }, 'hokku'), 'float32', [segments, ...width]);
      const session = loadEngine(info.name).createSession(serialize(g), { intraOpNumThreads: threads });
      try {
        const [out] = session.run(inputs);
        expect(out.shape).to.deep.equal([segments, ...width]);
        return new Float32Array(out.data as ArrayBuffer);
      } finally {
        session.dispose();
      }
    }
    /** Added up in the order of the ids. */
    function want(ids: Int32Array, rows: Float32Array, width: number, segments: number): Float32Array {
      const out = new Float32Array(segments * width);
      ids.forEach((id, i) => {
        if (id >= 0 && id < segments) for (let c = 0; c < width; c++) out[id * width + c] += rows[i * width + c];
      });
      return out;
    }
    const noise = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) * 2 ** (i % 9));

    it('adds rows to zeros in the order of their ids, to the bit, on any number of threads', () => {
      // Results of less and of more than a task, whole rows and parts of them.
      const sizes = fc.oneof(
        fc.record({ segments: fc.integer({ min: 0, max: 20 }), count: fc.integer({ min: 0, max: 40 }), width: fc.integer({ min: 0, max: 9 }) }),
        fc.record({ segments: fc.constantFrom(1, 3, 700, 3000), count: fc.constant(900), width: fc.constantFrom(1, 100, 257) }),
      );
      fc.assert(fc.property(sizes, fc.constantFrom(1, 2, 3), fc.nat(1000), ({ segments, count, width }, threads, seed) => {
        // Some repeat, some lie outside on either side.
        const ids = Int32Array.from({ length: count }, (_, i) => Math.floor((Math.sin(i + seed) * 0.6 + 0.5) * segments));
        const rows = noise(count * width);
        const expected = want(ids, rows, width, segments);
        expect(sum(ids, [count], rows, [width], segments, threads)).to.deep.equal(expected);
        expect(sum(BigInt64Array.from(ids, BigInt), [count], rows, [width], segments, threads)).to.deep.equal(expected);
      }), { numRuns: 30 });
    });

    it('takes ids and rows of any shape', () => {
      const ids = Int32Array.of(3, 1, 0, 1, 2, 3);
      const rows = noise(6 * 4);
      expect(sum(ids, [2, 3], rows, [2, 2], 5)).to.deep.equal(want(ids, rows, 4, 5));
      expect(sum(Int32Array.of(1), [], Float32Array.of(7), [], 3)).to.deep.equal(Float32Array.of(0, 7, 0));
    });

    it('passes over ids far outside', () => {
      const ids = BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 32n + 1n, -1n, 2n, 1n);
      expect(sum(ids, [6], Float32Array.of(1, 2, 4, 8, 16, 32), [], 2)).to.deep.equal(Float32Array.of(0, 32));
    });

    it('refuses rows that do not belong to the ids', () => {
      const g = new Graph(true);
      g.output(g.node('SegmentSum', [g.input('ids', 'int32', ['n']), g.input('rows', 'float32', ['m', 'k'])], { segments: 3 }, 'hokku'), 'float32', [3, 'k']);
      const session = loadEngine(info.name).createSession(serialize(g), {});
      const rows: NativeTensor = { dtype: 'float32', shape: [3, 2], data: noise(6).buffer as ArrayBuffer };
      expect(() => session.run([{ dtype: 'int32', shape: [2], data: Int32Array.of(0, 1).buffer as ArrayBuffer }, rows])).to.throw(/a row for each id/);
      session.dispose();
    });
  });
}
