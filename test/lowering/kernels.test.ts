import { expect } from 'chai';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TABLE } from '../../lib/lowering/kernel-table.js';
import { kernelsOf } from '../../lib/lowering/kernels.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';
import { engine, engines } from '../../lib/runtime/engines.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { generator, thrown } from '../jax/helpers.js';

interface Trials { names: string[]; dtypesOf(name: string): DType[]; hasKernel(engine: string, device: string, name: string, dtype: DType): boolean }
const long = Boolean(process.env['HOKKU_LONG']);

describe('the table of kernels', () => {
  let trials: Trials;
  before(async () => { trials = await import(pathToFileURL(join(packageRoot(), 'scripts/dtypes.mjs')).href) as Trials; });

  for (const { name, path, missing } of engines()) {
    it(`${long ? 'all of it' : 'a sample of it'} is as tried (${path ? name : `${name}: ${missing}`})`, function () {
      if (!path) this.skip();
      const { version, kernels } = TABLE[`${name} cpu`];
      expect(engine(name).version, 'npm run dtypes writes it anew').to.equal(version);
      const next = generator(new Date().getUTCDate());
      for (const op of trials.names) {
        // What is there must be right; what is not may be wrong on another processor only.
        for (const dtype of kernels[op].split(' ').filter((d) => d && (long || next() < 0.15))) expect(trials.hasKernel(name, 'cpu', op, dtype as DType), `${op} of ${dtype}`).to.equal(true);
      }
      for (const [op, dtype] of [['Conv', 'float64'], ['Erf', 'float64'], ['Add', 'bfloat16'], ['ReduceSum', 'int64'], ['Where', 'bool']] as const) {
        expect(trials.hasKernel(name, 'cpu', op, dtype), `${op} of ${dtype}`).to.equal(false);
        expect(kernels[op].split(' ')).not.to.include(dtype);
      }
    });
  }

  it('a dtype is never computed in one that does not hold its values', () => {
    const kernels = kernelsOf('onnxruntime', 'cpu');
    const holds = (wide: DType, d: DType): boolean => {
      if (wide === d || d === 'bool') return true;
      if (d.includes('float')) return wide.includes('float') && DTYPES[wide].size > DTYPES[d].size;
      return wide.includes('int') && (DTYPES[wide].size > DTYPES[d].size || (d === 'uint64' && wide === 'int64'));
    };
    for (const op of trials.names) {
      for (const d of Object.keys(DTYPES) as DType[]) { const found = kernels.find(op, d); if (found) expect(holds(found, d), `${op} of ${d} in ${found}`).to.equal(true); }
    }
    expect(kernels.find('Erf', 'float64')).to.equal(null);
    expect(kernels.find('Add', 'bfloat16')).to.equal('float32');
    expect(kernels.find('Greater', 'uint64')).to.equal('uint64');
    expect(thrown(() => kernels.need('Exp', 'int32')).message).to.match(/no kernel of Exp .* int32/);
    expect(kernelsOf('onnxruntime', 'tpu').find('Cos', 'float64'), 'an unknown target has what all have').to.equal(null);
  });
});
