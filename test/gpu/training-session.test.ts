import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as optax from '../../lib/optax/index.js';
import { TrainingSession, generateArtifacts } from '../../lib/training/index.js';
import { MIDDLE, batches, bits, distance, loss, newParams, notMiddle } from '../training/notebook.js';
import { onGpu } from './cuda.js';

const params = newParams();
const data = batches(8);

onGpu('TrainingSession', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-gpu-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const style of ['classic', 'in-graph'] as const) {
    it(`trains as the CPU does, ${style}, and saves what the CPU loads`, () => {
      generateArtifacts({ loss, params, trainable: notMiddle, optimizer: optax.adamw(1e-3, { weightDecay: 0.01 }), batch: data[0], style }, folder);
      const [a, b] = (['cuda', 'cpu'] as const).map((device) => {
        using session = TrainingSession.load(folder, { device });
        const losses: number[] = [];
        for (let i = 0; i < 50; i++) {
          losses.push(session.trainStep(data[i % data.length]).loss.item());
          if (style === 'classic') { session.optimizerStep(); session.lazyResetGrad(); }
        }
        if (device === 'cuda') session.saveCheckpoint(join(folder, 'after'));
        return { losses, params: session.params() };
      });
      a.losses.forEach((l, i) => expect(l, `loss ${i}`).to.be.closeTo(b.losses[i], 1e-3));
      expect(distance(a.params, b.params)).to.be.below(1e-3);
      expect(bits(a.params[MIDDLE])).to.equal(bits(params[MIDDLE]));
      using resumed = TrainingSession.load(folder, { device: 'cpu' });
      resumed.loadCheckpoint(join(folder, 'after'));
      expect(bits(resumed.params())).to.equal(bits(a.params));
    });
  }
});
