/** One tenant: its examples, its head, and the training that goes on behind the predictions. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Params } from 'hokku';
import { numpy as jnp } from 'hokku/jax';
import { checkpointSteps, data, fit, loadCheckpoint, type Run } from 'hokku/training';
import { BATCH, CLASSES, FEATURES, initial, predict, step } from './model.js';

export interface Example { x: number[]; y: number }
export interface Prediction { class: number; probabilities: number[] }
export interface Status { examples: number; training: boolean; step: number; loss: number | null; accuracy: number | null; error: string | null }

/** So often the predictions get the parameters of a training that goes on. */
const PUBLISH_EVERY = 10;

export class Tenant {
  readonly #folder: string;
  readonly #examples: Example[];
  #params: Params;
  /** Steps of all trainings that `#params` have seen. */
  #published: number;
  #run: Run | null = null;
  #training: Promise<void> | null = null;
  #last: Pick<Status, 'loss' | 'accuracy' | 'error'> = { loss: null, accuracy: null, error: null };

  private constructor(folder: string, examples: Example[], params: Params, published: number) {
    this.#folder = folder;
    this.#examples = examples;
    this.#params = params;
    this.#published = published;
  }

  /** As it was when the service ended, or new. */
  static async open(folder: string): Promise<Tenant> {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'examples.ndjson');
    // The last line may be half a one, where the process was killed.
    const examples = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as Example) : [];
    const saved = trainings(folder).filter((path) => checkpointSteps(path).length > 0);
    if (!saved.length) return new Tenant(folder, examples, initial(), 0);
    const { params } = await loadCheckpoint(saved.at(-1)!);
    return new Tenant(folder, examples, params, saved.reduce((steps, path) => steps + checkpointSteps(path).at(-1)!, 0));
  }

  get status(): Status {
    return { examples: this.#examples.length, training: this.#run !== null, step: this.#published, ...this.#last };
  }

  add(examples: readonly Example[]): void {
    appendFileSync(join(this.#folder, 'examples.ndjson'), examples.map((e) => `${JSON.stringify({ x: e.x, y: e.y })}\n`).join(''));
    this.#examples.push(...examples);
  }

  /** Classes by the newest parameters; the work is the engine's, on a thread of its own. */
  async predict(rows: readonly number[][]): Promise<{ step: number; predictions: Prediction[] }> {
    const [params, at] = [this.#params, this.#published];
    // A program is compiled for every shape: so few shapes, powers of two.
    const size = 2 ** Math.ceil(Math.log2(rows.length));
    const x = new Float32Array(size * FEATURES);
    rows.forEach((row, i) => x.set(row, i * FEATURES));
    const all = (await predict.async(params, jnp.array(x).reshape([size, FEATURES]))).data as Float32Array;
    const predictions = rows.map((_, i) => {
      const probabilities = [...all.subarray(i * CLASSES, (i + 1) * CLASSES)];
      return { class: probabilities.indexOf(Math.max(...probabilities)), probabilities };
    });
    return { step: at, predictions };
  }

  /** Begins a training on the examples of this moment; it goes on from the newest parameters. False where one is going on. */
  train(steps: number): boolean {
    if (this.#training) return false;
    this.#training = this.#train(steps).catch((error: unknown) => { this.#last.error = (error as Error).message; }).finally(() => { this.#training = this.#run = null; });
    return true;
  }

  async #train(steps: number): Promise<void> {
    const before = this.#published;
    // Fewer than a batch are taken several times.
    const examples = Array.from({ length: Math.max(BATCH, this.#examples.length) }, (_, i) => this.#examples[i % this.#examples.length]);
    const batches = data.fromArrays({ x: jnp.array(examples.map((e) => e.x)), y: jnp.array(Int32Array.from(examples, (e) => e.y)) })
      .shuffle({ seed: before }).batch(BATCH).repeat();
    // A training has a folder of its own: it can be looked at with `hokku params`, and is where a restarted service goes on.
    const folder = join(this.#folder, `training-${String(trainings(this.#folder).length).padStart(4, '0')}`);
    this.#last = { loss: null, accuracy: null, error: null };
    this.#run = fit({ step, state: step.init(this.#params), data: batches, steps, checkpoint: { directory: folder, every: 500, keep: 1 } });
    for await (const event of this.#run) {
      if (event.type !== 'step') continue;
      [this.#last.loss, this.#last.accuracy] = [event.loss, event.metrics['accuracy'] ?? null];
      if (event.step % PUBLISH_EVERY === 0 || event.step === steps) {
        this.#params = await this.#run.params();
        this.#published = before + event.step;
      }
    }
  }

  /** Resolves when no training is going on; `stop` ends the one that is, after the step in flight, and saves it. */
  async idle(options: { stop?: boolean } = {}): Promise<void> {
    if (options.stop) this.#run?.stop();
    await this.#training;
  }
}

const trainings = (folder: string): string[] => readdirSync(folder).filter((name) => /^training-\d+$/.test(name)).sort().map((name) => join(folder, name));
