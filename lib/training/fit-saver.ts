/** The checkpoints of a run. */
import { setImmediate } from 'node:timers/promises';
import { takeSnapshot, type CheckpointManager, type SaveOptions } from './checkpoints/manager.js';
import type { Json } from './checkpoints/manifest.js';
import type { DataPosition } from './data/position.js';
import type { CheckpointEvent } from './events.js';
import type { Trainer } from './fit-trainer.js';

/** Writes checkpoints while training goes on, one at a time. */
export class Saver {
  position: DataPosition | null = null;
  /** The step of the newest checkpoint. */
  last: number | null = null;
  readonly #done: CheckpointEvent[] = [];
  #writing: Promise<void> | null = null;
  #error: { error: unknown } | null = null;
  constructor(readonly manager: CheckpointManager, readonly trainer: Trainer) {}

  /** Copies what the trainer holds; it is on the disk some time later. */
  async save(engine: SaveOptions['engine'], metadata: Json): Promise<void> {
    // So that there is never more than one copy.
    await this.#writing;
    this.#raise();
    const copying = takeSnapshot('fit', this.trainer.holder, { data: this.position, metadata, step: this.trainer.step, engine });
    let copied = copying.next();
    while (!copied.done) {
      await setImmediate();
      copied = copying.next();
    }
    const began = performance.now();
    const { step } = this.trainer;
    this.last = step;
    this.#writing = this.manager.write(copied.value).then(
      ({ path, bytes }) => { this.#done.push({ type: 'checkpoint', step, time: Date.now(), path, bytes, seconds: (performance.now() - began) / 1000 }); },
      (error: unknown) => { this.#error = { error }; },
    );
  }

  /** A last checkpoint, where there is none of this step; everything is on the disk afterwards. */
  async finish(engine: SaveOptions['engine'], metadata: Json): Promise<void> {
    if (this.last !== this.trainer.step) await this.save(engine, metadata);
    await this.#writing;
    this.#raise();
  }

  /** What was written since this was asked last. @throws what went wrong when writing */
  take(): CheckpointEvent[] {
    this.#raise();
    return this.#done.splice(0);
  }

  #raise(): void {
    if (!this.#error) return;
    const { error } = this.#error;
    this.#error = null;
    throw error;
  }

  close(): Promise<void> { return this.manager.close(); }
}
