import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Report } from '../../lib/cli/doctor.js';
import { packageRoot } from '../../lib/runtime/native.js';

const hokku = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [join(packageRoot(), 'dist', 'lib', 'cli', 'main.js'), ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

describe('hokku doctor', () => {
  it('reports for people', () => {
    const { status, stdout, stderr } = hokku(['doctor']);
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(stdout).to.match(/onnxruntime +\d+\.\d+\.\d+ \(API 24\), training: no/).and.contain('CPUExecutionProvider').and.match(/NVIDIA driver/);
    expect(stdout).not.to.contain('\u001b');
  });

  it('reports for programs', () => {
    const report = JSON.parse(hokku(['doctor', '--json']).stdout) as Report;
    expect(report).to.include({ healthy: true, node: process.version });
    expect(report.engines.map(({ name }) => name)).to.deep.equal(['onnxruntime', 'onnxruntime-training']);
    expect(report.engines[0]!.problem).to.equal(undefined);
    expect(report.libraries).to.have.all.keys('CUDA runtime', 'cuBLAS', 'cuDNN');
  });

  it('says what is missing', () => {
    const training = hokku(['doctor'], { HOKKU_ORT_TRAINING: '/nowhere.so' });
    expect(training.status).to.equal(0);
    expect(training.stdout).to.match(/To do: Training artifacts need the training engine: HOKKU_ORT_TRAINING is set to \/nowhere\.so/);
    const addon = hokku(['doctor'], { HOKKU_ADDON: '/nowhere.node' });
    expect(addon.status).to.equal(1);
    expect(addon.stdout).to.match(/✗ addon .*npm run setup/);
  });

  it('refuses what it does not know', () => {
    expect(hokku(['docter'])).to.deep.include({ status: 2, stderr: "hokku: There is no command 'docter'; the nearest is 'doctor'.\n" });
    expect(hokku([]).status).to.equal(2);
    expect(hokku(['doctor', '--jsn']).status).to.equal(2);
    expect(hokku(['--help'])).to.include({ status: 0 });
    const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
    expect(hokku(['--version']).stdout).to.equal(`${version}\n`);
  });
});
