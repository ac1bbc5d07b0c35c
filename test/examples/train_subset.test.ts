import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { readOptions, trainableBut, UsageError } from '../../examples/support/options.js';

const DEMO = fileURLToPath(new URL('../../examples/train_subset.js', import.meta.url));
const BEFORE = [0, 3, 3, 3, 3, 3, 3, 3, 3, 3];

let folder: string;
const demo = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO, ...args, '--out', folder], { encoding: 'utf8', timeout: 120_000 });
  return { status, stdout, stderr };
};
const json = (...args: string[]) => {
  const { status, stdout, stderr } = demo(...args, '--json');
  expect(stderr).to.equal('');
  expect(status).to.equal(0);
  return JSON.parse(stdout);
};

describe('the demo', () => {
  before(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-demo-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('prints what the notebook prints', () => {
    const { status, stdout } = demo('--engine', 'onnxruntime', '--steps', '3');
    expect(status).to.equal(0);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 11)).to.deep.equal(['before training', ...BEFORE.map((y, x) => `[${x}.] -> ${y}`)]);
    for (const line of lines.slice(11, 16)) expect(line).to.match(/^x := \[(\[\d\.0\](, )?){4}\] y := \[\d \d \d \d\]$/);
    expect(lines.slice(16, 18)).to.deep.equal(["trainable: ['mlp/~/linear_0', 'mlp/~/linear_2']", "non_trainable: ['mlp/~/linear_1']"]);
    expect(lines).to.include('after training').and.to.include('the same: they did not change');
    expect(stdout).to.match(/^\[19\.\] -> \d$/m);
  });

  it('learns the digits, freezes its middle layer, and gets there with optax too', () => {
    const result = json('--engine', 'onnxruntime');
    expect(result.before).to.deep.equal(BEFORE);
    const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const name of ['onnxruntime', 'optax.multiTransform']) {
      const run = result.runs[name];
      expect(run.after).to.deep.equal(digits);
      expect(run.outOfDistribution).to.deep.equal([...digits, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
      expect(run.frozenSha256.after).to.equal(run.frozenSha256.before);
    }
    expect(result.largestDifference).to.be.at.most(1e-5);
    for (const { x, y } of result.samples) expect(x).to.deep.equal(y.map((v: number) => [v]));
    for (const file of Object.values(result.pictures).flat() as string[]) expect(existsSync(file), file).to.equal(true);
  });

  it('trains through artifacts on the training engine, and both engines agree', function () {
    const { missing } = engines().find((e) => e.name === 'onnxruntime-training')!;
    if (missing) {
      console.log(`    pending: ${missing}`);
      this.skip();
    }
    const { runs, largestDifference } = json('--engine', 'both');
    expect(Object.keys(runs)).to.deep.equal(['onnxruntime', 'onnxruntime-training', 'optax.multiTransform']);
    for (const name of Object.keys(runs)) {
      expect(runs[name].after).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(runs[name].frozenSha256).to.deep.equal(runs.onnxruntime.frozenSha256);
    }
    expect(largestDifference).to.be.at.most(1e-5);
    for (const file of ['checkpoint', 'training_model.onnx', 'eval_model.onnx', 'optimizer_model.onnx']) {
      expect(existsSync(join(folder, 'artifacts', file)), file).to.equal(true);
    }
  });

  it('freezes what it is told, by pattern', () => {
    const result = json('--engine', 'onnxruntime', '--steps', '2', '--freeze', '**/b', '**/linear_0');
    expect(result.nonTrainable).to.deep.equal(['mlp/~/linear_0', 'mlp/~/linear_1', 'mlp/~/linear_2']);
    expect(result.trainable).to.deep.equal(['mlp/~/linear_1', 'mlp/~/linear_2']);
  });

  it('has the network that Haiku has, for another seed too', () => {
    expect(json('--engine', 'onnxruntime', '--steps', '0', '--seed', '1').before).to.deep.equal([0, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
  });

  it('prints its options', () => {
    const { status, stdout } = demo('--help');
    expect(status).to.equal(0);
    for (const option of ['--engine', '--device', '--freeze', '--steps', '--seed', '--out', '--json']) expect(stdout).to.include(option);
  });

  const wrong: [string[], string][] = [
    [['--engine', 'tensorflow'], "--engine is one of onnxruntime, onnxruntime-training, both, but got 'tensorflow'"],
    [['--device', 'tpu'], "--device is one of cpu, cuda, but got 'tpu'"],
    [['--steps', 'many'], "--steps is a whole number"],
    [['--seed=-1'], "--seed is a whole number"],
    [['--frobnicate'], "Unknown option '--frobnicate'"],
    [['linear_1'], "Unexpected argument 'linear_1'"],
    [['--freeze', 'linear_9'], "--freeze: the pattern 'linear_9' matches none of the parameters"],
    [['--freeze', '*'], 'nothing is left to train'],
  ];
  for (const [args, message] of wrong) {
    it(`refuses ${args.join(' ')} with exit code 2`, () => {
      const { status, stdout, stderr } = demo(...args);
      expect(stderr).to.include(message).and.to.include('Usage:');
      expect(stdout).to.equal('');
      expect(status).to.equal(2);
    });
  }
});

describe("the demo's options", () => {
  it('have defaults', () => {
    expect(readOptions([])).to.deep.equal({
      engine: undefined, device: 'cpu', freeze: ['mlp/~/linear_1'], steps: 10000, seed: 42, out: 'out/train_subset', json: false,
    });
  });

  it('take several patterns after --freeze', () => {
    expect(readOptions(['--freeze', 'a', 'b', '--freeze', 'c'])!.freeze).to.have.members(['a', 'b', 'c']);
    expect(() => readOptions(['a'])).to.throw(UsageError);
  });

  it('say what trains: all but what the patterns mean', () => {
    const params = { 'mlp/~/linear_1': { w: 1, b: 2 }, 'mlp/~/linear_10': { w: 3 } };
    const trainable = trainableBut(['mlp/~/linear_1', '**/b'], params);
    expect([...hk.dataStructures.traverse(params)].map((entry) => trainable(...entry))).to.deep.equal([false, false, true]);
    expect(() => trainableBut(['x'], params)).to.throw(UsageError, "--freeze: the pattern 'x' matches none of the parameters");
    expect(() => trainableBut(['*'], params)).to.throw(UsageError, 'nothing is left to train');
  });
});
