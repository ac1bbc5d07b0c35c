import { expect } from 'chai';
import { appendFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { generateArtifacts } from '../../lib/training/index.js';
import { crossEntropy, makeBatch, makeParams, temporaryFolder, withoutMiddle } from '../training/artifacts-helpers.js';
import { hokku, hokkuJson } from './run.js';

const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;

describe('hokku artifacts', () => {
  const fresh = temporaryFolder();
  let folder: string;
  const foreign = join(packageRoot(), 'test', 'artifacts', 'mlp_adamw');

  before(() => {
    folder = fresh();
    generateArtifacts({ loss: crossEntropy, params: makeParams(), optimizer: optax.adamw(0.01), trainable: withoutMiddle, batch: makeBatch(0) }, folder);
  });

  it('inspects: style, optimizer, inputs and outputs, tensors', async () => {
    const { status, stdout, stderr } = (await hokku('artifacts', 'inspect', folder));
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^style +classic$/m).and.match(/^optimizer +adamw, learning rate 0.01$/m).and.match(/^inputs +x0: float32\[batch,4\], x1: int32\[batch\]$/m);
    expect(stdout).to.match(/^mlp\/~\/linear_1\/w +frozen +float32\[16,12\] +192$/m);
    const json = (await hokkuJson('artifacts', 'inspect', folder));
    expect(json).to.include({ writtenBy: 'hokku', style: 'classic', learningRate: 0.01 });
    expect(json.files.map((f: any) => f.name).sort()).to.deep.equal(['checkpoint', 'eval_model.onnx', 'optimizer_model.onnx', 'training_model.onnx']);
    expect(json.tensors.filter((t: any) => t.role === 'frozen').map((t: any) => t.name)).to.deep.equal(['mlp/~/linear_1/b', 'mlp/~/linear_1/w']);
  });

  it('makes them of a model\'s file', async () => {
    const model = join(packageRoot(), 'test', 'onnx', 'torch', 'resnet_eval.onnx');
    const made = fresh();
    const json = await hokkuJson('artifacts', 'make', model, made, '--train', 'fc', '--optimizer', 'adam', '--learning-rate', '0.01');
    expect(json.trainable).to.deep.equal(['fc/bias', 'fc/weight']);
    expect(json.inputs.map((p: any) => `${p.name}: ${p.dtype}[${p.shape}]`)).to.deep.equal(['image: float32[batch,3,12,12]', 'target: int32[batch]']);
    expect((await hokkuJson('artifacts', 'inspect', made)).learningRate).to.be.closeTo(0.01, 1e-8);
    expect((await hokku('artifacts', 'make', model, made, '--train', 'fcc')).stderr).to.match(/did you mean 'fc'/);
    expect((await hokku('artifacts', 'make', model, made, '--loss', 'crossEntropie')).stderr).to.match(/nearest is 'crossEntropy'/);
    expect((await hokku('artifacts', 'make', 'config.js', made, '--train', 'fc')).stderr).to.match(/--train is for a model's file/);
  });

  it('inspects what others made', async () => {
    const json = (await hokkuJson('artifacts', 'inspect', foreign));
    expect(json.writtenBy).to.equal('others');
    expect(json.tensors).to.have.length(6);
    expect((await hokku('artifacts', 'inspect', foreign)).status).to.equal(0);
  });

  it('validates, up to a step in the engine', async () => {
    const { status, stdout } = (await hokku('artifacts', 'validate', folder));
    expect(status, stdout).to.equal(0);
    expect(stdout).to.match(/^✓ files +6 tensors, and every model has the hash/m);
    if (missing) expect(stdout).to.match(/^– engine +the training engine was not found/m);
    else expect(stdout).to.match(/^✓ engine +loads them, in classic style$/m).and.match(/^✓ eval +the loss of a batch of zeros is [\d.]+$/m).and.match(/^✓ training +the loss/m);
    expect((await hokku('artifacts', 'validate', foreign)).status).to.equal(0);
  });

  it('finds damage', async () => {
    const damaged = fresh();
    cpSync(folder, damaged, { recursive: true });
    appendFileSync(join(damaged, 'training_model.onnx'), 'x');
    const report = (await hokkuJson('artifacts', 'validate', damaged));
    expect(report.ok).to.equal(false);
    expect(report.checks).to.have.length(1);
    expect(report.checks[0].detail).to.match(/training_model\.onnx is not the model that .* was made with/);
    expect((await hokku('artifacts', 'validate', damaged)).status).to.equal(1);
    rmSync(join(damaged, 'checkpoint'));
    expect((await hokku('artifacts', 'validate', damaged)).stdout).to.match(/^✗ files +There is no checkpoint/);
    expect((await hokku('artifacts', 'inspect', damaged))).to.deep.include({ status: 1, stdout: '' });
    expect((await hokku('artifacts', 'inspect', join(damaged, 'no'))).status).to.equal(2);
  });
});
