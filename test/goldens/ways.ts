/**
 * The ways in which what a case trains can be trained: eagerly as the peers' own examples do, by the fused step on either
 * engine, and by ONNX Runtime's training session over artifacts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tree, type EngineName } from '../../lib/jax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { labelled } from '../../lib/training/artifacts/names.js';
import { contentsOfSession } from '../../lib/training/checkpoints/session.js';
import { TrainingSession, generateArtifacts, trainStep, type Specification, type Trainable } from '../../lib/training/index.js';
import { gradients, join as whole, update } from '../../lib/training/specification.js';
import { select } from '../../lib/training/trainable.js';
import type { Any } from './api.js';

export interface Task extends Omit<Specification, 'trainable'> {
  readonly trainable?: Trainable;
  readonly params: Any;
  /** An example. */
  readonly batch: Any;
}

/** What trains, between two steps. */
export interface Trainee extends Disposable {
  step(batch: Any): { readonly loss: Any; readonly aux: Any };
  readonly params: Any;
  /** Undefined where the optimizer is the engine's own, which keeps its state to itself. */
  readonly optState: Any;
}

export interface Way {
  readonly name: string;
  /** Why it cannot be gone here, where that is so. */
  readonly missing: string | undefined;
  train(task: Task): Trainee;
}

export const EAGER: Way = {
  name: 'eager',
  missing: undefined,
  train({ params, ...specification }) {
    const { trainable, nonTrainable, mask } = select(specification.trainable, params);
    let [mine, optState] = [trainable, specification.optimizer.init(trainable)];
    return {
      step(batch) {
        const split = { trainable: mine, nonTrainable, mask };
        const { loss, aux, grads, extraArgs } = gradients(specification, split, batch, { state: {}, rng: null });
        [mine, optState] = update(specification.optimizer, split, grads, optState, extraArgs);
        return { loss, aux };
      },
      get params() { return whole(mine, nonTrainable); },
      get optState() { return optState; },
      [Symbol.dispose]() {},
    };
  },
};

const found = engines();
const missing = (name: EngineName): string | undefined => found.find((e) => e.name === name)?.missing;

const fused = (engine: EngineName): Way => ({
  name: `fused step on ${engine}`,
  missing: missing(engine),
  train({ params, batch: _, ...specification }) {
    const step = trainStep(specification, { engine });
    let carry = step.init(params);
    return {
      step(batch) {
        const [next, result] = step(carry, batch);
        carry = next;
        return result;
      },
      get params() { return whole(carry.trainable, carry.nonTrainable); },
      get optState() { return carry.optState; },
      [Symbol.dispose]() {},
    };
  },
});

export const ARTIFACTS: Way = {
  name: 'artifacts',
  missing: missing('onnxruntime-training'),
  train(task) {
    const directory = mkdtempSync(join(tmpdir(), 'hokku-goldens-'));
    try {
      const { style } = generateArtifacts({ ...task, batchDim: null }, directory);
      const session = TrainingSession.load(directory);
      const init = style === 'classic' ? undefined : task.optimizer.init(select(task.trainable, task.params).trainable);
      return {
        step(batch) {
          const result = session.trainStep(batch);
          if (style === 'classic') {
            session.optimizerStep();
            session.lazyResetGrad();
          }
          return result;
        },
        get params() { return session.params(); },
        get optState() {
          if (!init) return undefined;
          const { optimizer } = contentsOfSession(session);
          return tree.unflatten(tree.structure(init), labelled(init).map(({ labels }) => optimizer.get(labels.join('/'))));
        },
        [Symbol.dispose]() { session.dispose(); },
      };
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

export const WAYS: readonly Way[] = [EAGER, fused('onnxruntime'), fused('onnxruntime-training'), ARTIFACTS];
