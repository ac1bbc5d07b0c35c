/** The events of a made-up run, as `fit` would give them. */
import type { FitEvent, StartEvent, StepEvent } from '../../../lib/training/events.js';

export const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const POSITION = { epoch: 0, batch: 0, seed: null, pipeline: '' };

export const start = (more: Partial<StartEvent> = {}): StartEvent =>
  ({ type: 'start', step: 0, time: T0, steps: 200, engine: 'onnxruntime', device: 'cpu:0', trainable: ['a/w'], frozen: ['b/w'], resumed: null, ...more });

export const step = (n: number, more: Partial<StepEvent> = {}): StepEvent => ({
  type: 'step', step: n, time: T0 + 1000 + 50 * n, loss: 1 / n, metrics: { accuracy: 1 - 1 / n }, aux: { big: new Float32Array(3) }, learningRate: 0.1, stepsPerSecond: 20,
  secondsLeft: (200 - n) / 20, memory: 1e8, position: POSITION, ...more,
});

/** 200 steps, evaluations, a checkpoint; and the end, unless it was killed before. */
export function run(ended = true): FitEvent[] {
  const events: FitEvent[] = [start()];
  for (let n = 1; n <= 200; n++) {
    events.push(step(n));
    if (n % 50 === 0) events.push({ type: 'evaluation', step: n, time: T0 + 1000 + 50 * n, metrics: { loss: 2 / n, accuracy: 0.9 }, batches: 4, seconds: 0.5, best: n < 200 });
    if (n === 150) events.push({ type: 'checkpoint', step: 100, time: T0 + 8500, path: '/runs/100', bytes: 12_345, seconds: 0.25 });
  }
  if (ended) events.push({ type: 'end', step: 200, time: T0 + 11_000, reason: 'steps', seconds: 11, state: null });
  return events;
}
