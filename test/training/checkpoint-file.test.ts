import { expect } from 'chai';
import fc from 'fast-check';
import { Builder } from 'flatbuffers';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeEngine } from '../../lib/runtime/addon.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import { engine } from '../../lib/runtime/engines.js';
import { FileFormatError, TypeError, ValueError } from '../../lib/runtime/errors.js';
import { decodeCheckpoint, encodeCheckpoint, readCheckpoint, writeCheckpoint, type CheckpointContents, type NamedTensor } from '../../lib/training/checkpoint-file.js';

const ARTIFACTS = fileURLToPath(new URL('../../../test/artifacts', import.meta.url));
const realFiles = readdirSync(ARTIFACTS).flatMap((set) => ['checkpoint', 'checkpoint_after20'].map((name) => join(ARTIFACTS, set, name)));

const f32 = (name: string, ...values: number[]): NamedTensor => ({ name, dtype: 'float32', shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });
const contents = (some: Partial<CheckpointContents> = {}): CheckpointContents => ({ requiresGrad: [], frozen: [], optimizerGroups: [], properties: new Map(), ...some });
const full = (): CheckpointContents => contents({
  requiresGrad: [f32('mlp/~/linear_0/w', 1, -0, NaN), { name: 'scale', dtype: 'float32', shape: [], data: new Uint8Array(4) }],
  frozen: [
    { name: 'empty', dtype: 'float64', shape: [3, 0], data: new Uint8Array(0) },
    { name: 'größe/ naïve 俳句', dtype: 'int64', shape: [1, 1], data: new Uint8Array(BigInt64Array.of(-5n).buffer) },
    { name: 'mask', dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) },
  ],
  optimizerGroups: [{ name: 'group0', step: 20n, initialLearningRate: 0.125, states: new Map([['mlp/~/linear_0/w', [f32('momentum0', 1, 2, 3), f32('momentum1', 4, 5, 6)]]]) }],
  properties: new Map<string, { type: 'int'; value: bigint } | { type: 'float'; value: number } | { type: 'string'; value: string }>([
    ['epoch', { type: 'int', value: -(2n ** 63n) }], ['loss', { type: 'float', value: -0 }],
    ['none', { type: 'float', value: NaN }], ['note', { type: 'string', value: 'größer' }], ['void', { type: 'string', value: '' }],
  ]),
});

describe('training checkpoint files', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hokku-checkpoint-'));
    path = join(folder, 'checkpoint');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  describe('ONNX Runtime\'s own files', () => {
    for (const file of realFiles) {
      it(`reads ${file.slice(ARTIFACTS.length + 1)}, and what it writes reads the same`, () => {
        const read = readCheckpoint(file);
        expect(read.requiresGrad).not.to.have.length(0);
        expect(decodeCheckpoint(encodeCheckpoint(read))).to.deep.equal(read);
        writeCheckpoint(path, read);
        expect(readCheckpoint(path)).to.deep.equal(read);
        writeCheckpoint(path, read, { externalAbove: 0 });
        expect(readCheckpoint(path)).to.deep.equal(read);
      });
    }

    it('finds what the engine saved after 20 steps', () => {
      const { requiresGrad, frozen, optimizerGroups } = readCheckpoint(join(ARTIFACTS, 'mlp_frozen1_sgd', 'checkpoint_after20'));
      expect(requiresGrad.map((t) => t.name)).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_0/w', 'mlp/~/linear_2/b', 'mlp/~/linear_2/w']);
      expect(frozen.map((t) => `${t.name} ${t.dtype}[${t.shape}]`)).to.deep.equal(['mlp/~/linear_1/b float32[12]', 'mlp/~/linear_1/w float32[16,12]']);
      expect(optimizerGroups).to.have.length(1);
      expect(optimizerGroups[0]).to.include({ name: 'group0', step: 20n });
      expect(optimizerGroups[0]!.states.get('mlp/~/linear_2/w')!.map((t) => t.name)).to.deep.equal(['momentum0']);
      const expected = JSON.parse(readFileSync(join(ARTIFACTS, 'mlp_frozen1_sgd', 'expected.json'), 'utf8')) as { final_params: Record<string, { shape: number[]; data: number[] }> };
      for (const t of [...requiresGrad, ...frozen]) {
        const { shape, data } = expected.final_params[t.name]!;
        expect(t.shape).to.deep.equal(shape);
        expect([...new Float32Array(t.data.slice().buffer)]).to.deep.equal(data.map(Math.fround));
      }
    });
  });

  it('holds every dtype, empty names of nothing, and all kinds of properties', () => {
    expect(decodeCheckpoint(encodeCheckpoint(full()))).to.deep.equal(full());
    expect(decodeCheckpoint(encodeCheckpoint(contents()))).to.deep.equal(contents());
    for (const dtype of Object.keys(DTYPES) as DType[]) {
      if (dtype === 'float16' || dtype === 'bfloat16') continue;
      const c = contents({ frozen: [{ name: 'x', dtype, shape: [2], data: new Uint8Array(2 * DTYPES[dtype].size).fill(1) }] });
      expect(decodeCheckpoint(encodeCheckpoint(c)), dtype).to.deep.equal(c);
    }
  });

  it('holds whatever it is given (property)', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => !s.split('/').includes('__proto__'));
    const tensor = (n: string) => fc.uint8Array({ maxLength: 40 }).map((data): NamedTensor => ({ name: n, dtype: 'uint8', shape: [data.length], data }));
    const tensors = fc.uniqueArray(name, { maxLength: 6 }).chain((names) => fc.tuple(...names.map(tensor)));
    const property = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ type: 'int' as const, value })),
      fc.float().map((value) => ({ type: 'float' as const, value })),
      fc.string({ unit: 'grapheme' }).map((value) => ({ type: 'string' as const, value })),
    );
    fc.assert(fc.property(tensors, fc.integer({ min: 0, max: 6 }), fc.array(fc.tuple(name, property)), (all, cut, properties) => {
      const c = contents({
        requiresGrad: all.slice(0, cut), frozen: all.slice(cut), properties: new Map(properties),
        optimizerGroups: [{ name: 'g', step: 3n, initialLearningRate: 0.5, states: new Map([['p', all]]) }],
      });
      expect(decodeCheckpoint(encodeCheckpoint(c))).to.deep.equal(c);
    }), { numRuns: 100 });
  });

  describe('the engine', () => {
    let training: NativeEngine;
    before(function () {
      try {
        training = engine('onnxruntime-training');
      } catch (error) {
        // The reason is part of the test's name, so that a report shows why it is pending.
        this.test!.parent!.title += `: ${(error as Error).message}`;
        this.skip();
      }
    });
    // The engine leaves out numbers that equal the default 0 when it saves, and so loses the sign of -0.
    const withoutNegativeZero = (): CheckpointContents => {
      const c = full();
      c.properties.set('loss', { type: 'float', value: 0.25 });
      return c;
    };
    const sorted = (tensors: NamedTensor[]) => tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    /** What the engine makes of a checkpoint; it sorts the tensors by name. */
    const throughEngine = (source: Uint8Array | string): CheckpointContents => {
      const saved = join(folder, 'saved');
      const checkpoint = training.loadCheckpoint(source);
      checkpoint.save(saved, true);
      checkpoint.dispose();
      return readCheckpoint(saved);
    };
    const expectSame = (actual: CheckpointContents, expected: CheckpointContents) => {
      expect(actual.requiresGrad).to.deep.equal(sorted(expected.requiresGrad));
      expect(actual.frozen).to.deep.equal(sorted(expected.frozen));
      expect(actual.optimizerGroups).to.deep.equal(expected.optimizerGroups);
      expect(actual.properties).to.deep.equal(expected.properties);
    };

    it('loads what we write, from bytes and from a file, and saves the same', () => {
      for (const file of realFiles) {
        const read = readCheckpoint(file);
        expectSame(throughEngine(encodeCheckpoint(read)), read);
        writeCheckpoint(path, read);
        expectSame(throughEngine(path), read);
      }
      expectSame(throughEngine(encodeCheckpoint(withoutNegativeZero())), withoutNegativeZero());
      expectSame(throughEngine(encodeCheckpoint(contents())), contents());
    });

    it('loads tensors from the file beside', () => {
      for (const c of [...realFiles.map(readCheckpoint), withoutNegativeZero()]) {
        writeCheckpoint(path, c, { externalAbove: 0 });
        writeCheckpoint(path, c, { externalAbove: 0 }); // the second time they begin behind the first
        expectSame(throughEngine(path), c);
      }
    });
  });

  describe('refuses to write', () => {
    const cases: [string, CheckpointContents, typeof ValueError | typeof TypeError, RegExp][] = [
      ['float16', contents({ frozen: [{ name: 'h', dtype: 'float16', shape: [1], data: new Uint8Array(2) }] }), TypeError, /h is float16.*float32/],
      ['bfloat16', contents({ frozen: [{ name: 'h', dtype: 'bfloat16', shape: [1], data: new Uint8Array(2) }] }), TypeError, /bfloat16/],
      ['a name twice', contents({ requiresGrad: [f32('a', 1)], frozen: [f32('a', 2)] }), ValueError, /parameter "a" twice/],
      ['an empty name', contents({ frozen: [f32('', 1)] }), ValueError, /without a name/],
      ['__proto__', contents({ frozen: [f32('a/__proto__/b', 1)] }), ValueError, /reserved/],
      ['a lone surrogate', contents({ frozen: [f32('\ud800', 1)] }), ValueError, /Unicode/],
      ['too few bytes', contents({ frozen: [{ name: 'a', dtype: 'float32', shape: [2], data: new Uint8Array(4) }] }), ValueError, /4 bytes for a.*takes 8/],
      ['a negative size', contents({ frozen: [{ name: 'a', dtype: 'float32', shape: [-1], data: new Uint8Array(4) }] }), ValueError, /impossible shape/],
      ['a step that is no integer', contents({ optimizerGroups: [{ name: 'g', step: 1.5, initialLearningRate: 1, states: new Map() }] }), ValueError, /64-bit/],
      ['an integer that is too large', contents({ properties: new Map([['n', { type: 'int', value: 2n ** 63n }]]) }), ValueError, /64-bit/],
    ];
    for (const [what, c, type, message] of cases) {
      it(what, () => {
        expect(() => encodeCheckpoint(c)).to.throw(type, message);
        expect(() => writeCheckpoint(path, c)).to.throw(type, message);
        expect(readdirSync(folder)).to.deep.equal([]);
      });
    }
  });

  describe('refuses to read, naming the file', () => {
    const refused = (bytes: Uint8Array, message: RegExp) => {
      writeFileSync(path, bytes);
      expect(() => readCheckpoint(path)).to.throw(FileFormatError, message).with.property('message').that.includes(path);
    };
    const patched = (find: string, replace: string) => {
      const bytes = Buffer.from(encodeCheckpoint(contents({ requiresGrad: [f32('aa', 1, 2)], frozen: [f32('ab', 1)], properties: new Map([['long_enough', { type: 'int', value: 1n }]]) })));
      const at = bytes.indexOf(find);
      expect(at).to.be.greaterThan(0);
      bytes.write(replace, at);
      return bytes;
    };
    it('an empty or short file', () => { refused(new Uint8Array(0), /cut off/); refused(Uint8Array.of(1, 2, 3), /cut off/); });
    it('another format', () => refused(Buffer.from('PK\x03\x04 something else entirely'), /no training checkpoint/));
    it('another version', () => {
      const bytes = encodeCheckpoint(contents()).slice();
      const view = new DataView(bytes.buffer);
      const root = view.getUint32(0, true);
      const vtable = root - view.getInt32(root, true);
      view.setInt32(root + view.getUint16(vtable + 4, true), 3, true);
      refused(bytes, /version 3.*only 2/);
    });
    it('a name twice', () => refused(patched('ab', 'aa'), /parameter "aa" twice/));
    it('__proto__', () => refused(patched('long_enough', '/__proto__/'), /reserved/));
    it('a text that is not UTF-8', () => {
      const bytes = patched('ab', 'ab');
      bytes[bytes.indexOf('ab')] = 0xff;
      refused(bytes, /UTF-8/);
    });
    it('a cut-off file', () => { const bytes = encodeCheckpoint(full()); refused(bytes.subarray(0, bytes.length >> 1), /cut off|damaged/); });
    it('what is not a file', () => expect(() => readCheckpoint(folder)).to.throw(/EISDIR|not a file/));
    it('but reports a missing file as the system does', () => expect(() => readCheckpoint(join(folder, 'none'))).to.throw(/ENOENT/));
    it('bytes whose tensors are elsewhere', () => {
      writeCheckpoint(path, full(), { externalAbove: 0 });
      expect(() => decodeCheckpoint(readFileSync(path))).to.throw(FileFormatError, /readCheckpoint/);
    });
    it('a missing or short file of tensors', () => {
      writeCheckpoint(path, full(), { externalAbove: 0 });
      truncateSync(`${path}.data`, 10);
      expect(() => readCheckpoint(path)).to.throw(FileFormatError, /has 10/);
      rmSync(`${path}.data`);
      expect(() => readCheckpoint(path)).to.throw(FileFormatError, /which is not there/);
    });
  });

  describe('with the tensors beside it', () => {
    const filled = (mark: number, length = 1000) => contents({ requiresGrad: [{ name: 'w', dtype: 'uint8', shape: [length], data: new Uint8Array(length).fill(mark) }] });
    const write = (c: CheckpointContents) => writeCheckpoint(path, c, { externalAbove: 100 });

    it('keeps the previous tensors in place until the checkpoint itself is replaced', () => {
      write(filled(1));
      for (let round = 2; round < 7; round++) {
        const previous = readFileSync(path);
        write(filled(round, 1000 + 8 * round));
        expect(readCheckpoint(path)).to.deep.equal(filled(round, 1000 + 8 * round));
        // A crash between the two renames leaves the previous checkpoint with the new file of tensors.
        const now = readFileSync(path);
        writeFileSync(path, previous);
        expect(readCheckpoint(path)).to.deep.equal(filled(round - 1, round === 2 ? 1000 : 992 + 8 * round));
        writeFileSync(path, now);
        expect(statSync(`${path}.data`).size).to.be.at.most(3200);
      }
    });

    it('removes the file of tensors when it is no longer needed', () => {
      write(filled(1));
      expect(existsSync(`${path}.data`)).to.equal(true);
      write(filled(2, 50));
      expect(readdirSync(folder)).to.deep.equal(['checkpoint']);
      expect(readCheckpoint(path)).to.deep.equal(filled(2, 50));
    });

    it('replaces what it cannot read', () => {
      writeFileSync(path, 'not a checkpoint');
      writeFileSync(`${path}.data`, 'something');
      write(filled(1));
      expect(readCheckpoint(path)).to.deep.equal(filled(1));
      expect(statSync(`${path}.data`).size).to.equal(1000);
    });
  });

  it('fuzz: a damaged file is refused as such or still read, never more', function () {
    this.timeout(120_000);
    const sources = [...realFiles.map((file) => readFileSync(file)), Buffer.from(encodeCheckpoint(full()))];
    let refusals = 0;
    const attempt = (bytes: Uint8Array) => {
      try {
        const c = decodeCheckpoint(bytes);
        for (const t of [...c.requiresGrad, ...c.frozen]) {
          expect(t.data.byteLength).to.equal(t.shape.reduce((a, b) => a * b, DTYPES[t.dtype].size));
        }
      } catch (error) {
        expect(error, String((error as Error).stack)).to.be.instanceOf(FileFormatError);
        refusals++;
      }
    };
    const runs = process.env.HOKKU_LONG ? 100_000 : 3000;
    const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(fc.constantFrom(...sources), damage, fc.boolean(), (source, flips, low) => {
      const bytes = Buffer.from(source);
      // Most of a file is numbers, where any byte is as good as another: half of the damage goes where the structure is.
      for (const [where, mask] of flips) bytes[Math.floor(where * (low ? Math.min(256, bytes.length) : bytes.length))]! ^= mask;
      attempt(bytes);
    }), { numRuns: runs });
    for (const source of sources) for (let length = 0; length < source.length; length += 7) attempt(source.subarray(0, length));
    expect(refusals).to.be.greaterThan(500);
  });

  it('a crafted file cannot make it work for ever', () => {
    // 1000 states that all refer to the same list of 1000 tensors: a million tensors in a small file.
    const b = new Builder();
    const vector = (items: number[]) => {
      b.startVector(4, items.length, 4);
      for (const item of items.toReversed()) b.addOffset(item);
      return b.endVector();
    };
    const table = (count: number, ...fields: [number, number][]) => {
      b.startObject(count);
      for (const [id, offset] of fields) b.addFieldOffset(id, offset, 0);
      return b.endObject();
    };
    b.startVector(8, 1, 8);
    b.addInt64(0n);
    const dims = b.endVector();
    const nothing = b.createByteVector(new Uint8Array(0));
    const tensors = vector(Array.from({ length: 1000 }, (_, i) => {
      const name = b.createString(`${i}`);
      b.startObject(7);
      b.addFieldOffset(0, name, 0);
      b.addFieldOffset(2, dims, 0);
      b.addFieldInt32(3, 2, 0);
      b.addFieldOffset(4, nothing, 0);
      return b.endObject();
    }));
    const states = vector(Array.from({ length: 1000 }, (_, i) => table(2, [0, b.createString(`${i}`)], [1, tensors])));
    const groups = vector([table(4, [0, b.createString('group0')], [3, states])]);
    b.startObject(4);
    b.addFieldInt32(0, 2, 0);
    b.addFieldOffset(2, groups, 0);
    b.finish(b.endObject(), 'ODTC');
    const start = performance.now();
    expect(() => decodeCheckpoint(b.asUint8Array())).to.throw(FileFormatError, /again and again/);
    expect(performance.now() - start).to.be.lessThan(2000);
  });

  it('tensors that overlap in the file beside cannot make it allocate more than that file', () => {
    const size = 0x123450;
    const tensor = (name: string): NamedTensor => ({ name, dtype: 'uint8', shape: [2, size / 2], data: new Uint8Array(size) });
    writeCheckpoint(path, contents({ frozen: [tensor('a'), tensor('b')] }), { externalAbove: 0 });
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(0, bytes.indexOf(Buffer.of(0x50, 0x34, 0x12, 0, 0, 0, 0, 0))); // the offset of b
    writeFileSync(path, bytes);
    truncateSync(`${path}.data`, size);
    expect(() => readCheckpoint(path)).to.throw(FileFormatError, /overlap.*"b"/);
  });
});
