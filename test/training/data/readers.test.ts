import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { RecordBatchStreamWriter, tableFromArrays, tableToIPC } from 'apache-arrow';
import { numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { DataError, FileFormatError, MissingPackageError, TypeError } from '../../../lib/runtime/errors.js';
import { optionalPackage } from '../../../lib/runtime/peers.js';
import { data, saveParams } from '../../../lib/training/index.js';
import { encodeNpy } from '../../../lib/training/data/npy.js';
import { temporaryFolder } from '../artifacts-helpers.js';
import { rejection } from '../notebook.js';

const shown = (x: unknown): unknown => JSON.parse(JSON.stringify(x, (_, v: unknown) => (ArrayBuffer.isView(v) ? [...(v as Float32Array)] : typeof (v as Array)?.tolist === 'function' ? (v as Array).tolist() : v)));
async function all(set: AsyncIterable<unknown>): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const x of set) out.push(shown(x));
  return out;
}
/** Three rows of x (double), label (int32) and name (text), in two row groups. */
const PARQUET = 'UEFSMRUGFSQVJFwVBBUAFQQVABUEFQAAAAMDEAAABQEk4D8AAAAAAAD4PxUGFRQVGFwVBBUAFQQVABUEFQAAAAMDCBwBAAAAAgAAABUGFRgVHFwVBBUAFQQVABUEFQAAAAMDCiQBAAAAYQEAAABiFQYVFBUYXBUCFQAVAhUAFQQVAAAAAwEIHAAAAAAAAARAFQYVDBUQXBUCFQAVAhUAFQQVAAAAAwEEDAMAAAAVBhUOFRJcFQIVABUCFQAVBBUAAAADAQUQAQAAAGMVBBlMSARyb290FQYAFQolAhgBeAAVAiUCGAVsYWJlbAAVDCUCGARuYW1lJQAAFgYZLBk8JggcFQoZFQAZGAF4FQIWBBZOFk4mCDw2ACgIAAAAAAAA+D8YCAAAAAAAAOA/NgAAGRwVBhUAFQIAAAAmVhwVAhkVABkYBWxhYmVsFQIWBBY+FkImVjw2ACgEAgAAABgEAQAAAAAZHBUGFQAVAgAAACaYARwVDBkVABkYBG5hbWUVAhYEFkIWRiaYATw2ACgBYhgBYQAZHBUGFQAVAgAAABbOARYENtYBABk8Jt4BHBUKGRUAGRgBeBUCFgIWPhZCJt4BPDYAKAgAAAAAAAAEQBgIAAAAAAAABEA2AAAZHBUGFQAVAgAAACagAhwVAhkVABkYBWxhYmVsFQIWAhY2FjomoAI8NgAoBAMAAAAYBAMAAAAAGRwVBhUAFQIAAAAm2gIcFQwZFQAZGARuYW1lFQIWAhY4Fjwm2gI8NgAoAWMYAWMAGRwVBhUAFQIAAAAWrAEWAja4AQAoCWh5cGFycXVldBk8HAAAHAAAHAAAAKMBAABQQVIx';

describe('data reads', () => {
  const folder = temporaryFolder();
  const file = (ending: string, content: string | Uint8Array): string => {
    const path = `${folder()}.${ending}`;
    writeFileSync(path, content);
    return path;
  };

  it('.npy, .npz and safetensors', async () => {
    const x = jnp.array([[1, 2], [3, 4]]);
    const bytes = new Uint8Array((x.data as Float32Array).buffer);
    expect(await all(await data.npy(file('npy', encodeNpy({ dtype: 'float32', shape: [2, 2], data: bytes }))))).to.deep.equal([[1, 2], [3, 4]]);
    for (const ending of ['npz', 'safetensors'] as const) {
      const path = `${folder()}.${ending}`;
      await saveParams(path, { m: { x, y: jnp.array([5, 6]) } });
      expect(await all(await data[ending](path))).to.deep.equal([{ 'm/x': [1, 2], 'm/y': 5 }, { 'm/x': [3, 4], 'm/y': 6 }]);
    }
    expect(await rejection(data.npy(file('npy', 'NUMPY')))).to.be.instanceOf(FileFormatError);
    const pickle = encodeNpy({ dtype: 'float32', shape: [2, 2], data: bytes });
    Buffer.from(pickle.buffer).write("'|O'", Buffer.from(pickle.buffer).indexOf("'<f4'"));
    expect((await rejection(data.npy(file('npy', pickle)))).message).to.match(/pickles/);
  });

  it('CSV', async () => {
    const path = file('csv', '\ufeffa,b,__proto__\n1,"x,y",\n\n-2.5e3,0x,7\n');
    const [first, second] = await all(data.csv(path).repeat(1)) as Record<string, unknown>[];
    expect(Object.entries(first)).to.deep.equal([['a', 1], ['b', 'x,y'], ['__proto__', null]]);
    expect(Object.values(second)).to.deep.equal([-2500, '0x', 7]);
    expect(await all(data.csv(file('csv', '1;2\n3;4\n'), { delimiter: ';', columns: ['p', 'q'] }).map(({ p, q }) => p + q).batch(2).repeat(2))).to.deep.equal([[3, 7], [3, 7]]);
    expect((await rejection(all(data.csv(file('csv', 'a,b\n1\n'))))).message).to.match(/batch 0 of epoch 0: Invalid Record Length/);
    expect(await rejection(all(data.csv('nowhere.csv')))).to.be.instanceOf(DataError).with.property('message').match(/ENOENT/);
    expect(() => data.csv(3 as never)).to.throw(TypeError, /path of a file/);
    expect(() => data.csv('x', { delimeter: ';' } as never)).to.throw(TypeError, /did you mean 'delimiter'/);
  });

  it('lines of JSON', async () => {
    expect(await all(data.ndjson(file('ndjson', '{"a": [1, 2]}\r\n\n{"a": [3, 4]}')).batch(2))).to.deep.equal([{ a: [[1, 2], [3, 4]] }]);
    expect((await rejection(all(data.ndjson(file('ndjson', '1\n{'))))).message).to.match(/batch 1 of epoch 0: line 2 of .* is no JSON/);
  });

  it('Arrow files and streams', async () => {
    const table = tableFromArrays({ x: new Float32Array([1, 2, 3]), y: new Int32Array([4, 5, 6]), s: ['a', 'b', 'c'] });
    const stream = await RecordBatchStreamWriter.writeAll(table).toUint8Array();
    for (const bytes of [tableToIPC(table, 'file'), tableToIPC(table, 'stream'), stream]) {
      expect(await all(data.arrow(file('arrow', bytes)))).to.deep.equal([{ x: 1, y: 4, s: 'a' }, { x: 2, y: 5, s: 'b' }, { x: 3, y: 6, s: 'c' }]);
    }
    expect(await rejection(all(data.arrow(file('arrow', 'no arrow file, by far'))))).to.be.instanceOf(DataError);
  });

  it('Parquet', async () => {
    const path = file('parquet', Buffer.from(PARQUET, 'base64'));
    expect(await all(data.parquet(path))).to.deep.equal([{ x: 0.5, label: 1, name: 'a' }, { x: 1.5, label: 2, name: 'b' }, { x: 2.5, label: 3, name: 'c' }]);
    expect((await rejection(all(data.parquet(file('parquet', 'nothing of the kind'))))).message).to.match(/no Parquet file/);
  });

  it('and says which package is missing', async () => {
    const error = await rejection(optionalPackage('no-such-package', 'A test', () => import('no-such-package' as string)));
    expect(error).to.be.instanceOf(MissingPackageError).with.property('message', 'A test needs the package no-such-package, which is not installed: `npm install no-such-package`.');
  });
});
