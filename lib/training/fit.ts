/** `fit`: a run of training steps that can be watched, stopped, killed and continued to the same bits. */
import { jit } from '../jax/index.js';
import { traverse } from '../haiku/data-structures.js';
import type { Params, State } from '../haiku/types.js';
import { DataError, NonFiniteError, ValueError } from '../runtime/errors.js';
import { nearestName } from '../runtime/nearest.js';
import { CheckpointManager } from './checkpoints/manager.js';
import type { CheckpointManifest } from './checkpoints/manifest.js';
import type { RestoreReport } from './checkpoints/report.js';
import { from, type Dataset, type DataIterator } from './data/dataset.js';
import type { DataPosition } from './data/position.js';
import type { EndReason, EvaluationEvent, FitEvent, StartEvent, StatisticsEvent, StepEvent, TrainableEvent } from './events.js';
import { Puller, type Pulled } from './fit-batches.js';
import { Clock, abort, interruptible } from './fit-clock.js';
import { checkFitOptions, type Batches, type CheckedOptions, type FitOptions } from './fit-options.js';
import { hasNonFinite, statistics } from './fit-statistics.js';
import { Saver } from './fit-saver.js';
import { scalars, trainerOf, type Trainer } from './fit-trainer.js';
import type { StepResult, TrainTree } from './train-step.js';
import { TrainingSession } from './training-session.js';

export type { Batches, Callback, CheckpointOptions, EarlyStoppingOptions, EvaluationOptions, FitOptions, StatisticsOptions } from './fit-options.js';
export type { Metrics } from './fit-trainer.js';

/**
 * Trains. Iterating makes the steps, on the engine's own thread, while the next batch is made ready here; what the loop does
 * with an event happens between two steps.
 *
 * With `checkpoint` the run saves itself, and goes on from the newest checkpoint where there is one: random key, place in the
 * data, optimizer and schedules included, so that it ends with the bits of a run that was never interrupted. Leaving the
 * loop ends the run and saves it.
 *
 * @example
 * const step = trainStep({ loss, optimizer: optax.adamw(1e-3) });
 * const run = fit({
 *   step, state: step.init(params, { rng: random.PRNGKey(0) }), steps: 10_000, checkpoint: 'run/checkpoints',
 *   data: data.fromArrays({ x, y }).shuffle({ seed: 0 }).batch(128).repeat(),
 * });
 * for await (const event of run) if (event.type === 'step' && event.step % 100 === 0) console.log(event.loss);
 * const params = await run.params();
 *
 * @throws TypeError, ValueError for options; the iteration throws DataError for data that ends early, changes or fails,
 * NonFiniteError for a loss, LockedError where another process writes the checkpoints, AbortError after `signal`
 */
export function fit(options: FitOptions): Run { return new Run(options); }

/** What early stopping knows; kept in checkpoints. */
interface Best { value: number | null; step: number; bad: number }

/** A run: an iterator of its events. */
export class Run implements AsyncIterableIterator<FitEvent> {
  readonly #options: CheckedOptions;
  readonly #trainer: Trainer;
  readonly #events: AsyncGenerator<FitEvent, undefined>;
  #flight: Promise<unknown> | null = null;
  readonly #waiting: { resolve(params: Params): void; reject(error: unknown): void }[] = [];
  #stopped = false;

  /** @internal */
  constructor(options: FitOptions) {
    this.#options = checkFitOptions(options);
    this.#trainer = trainerOf(options.step, options.state, options.accumulate);
    this.#events = this.#run();
  }

  /** Steps made. */
  get step(): number { return this.#trainer.step; }
  /** What the step carries, while no step is being made: in the loop's body, in callbacks, and after the end. Null for a session. */
  get state(): TrainTree | null {
    if (this.#flight) throw new ValueError('Run.state: a step is being made, which takes over the arrays; read it in the loop, or ask for a copy with await run.params().');
    const { holder } = this.#trainer;
    return holder instanceof TrainingSession ? null : holder;
  }
  /** A copy of all parameters, at any time: taken as soon as the step in flight has ended. */
  params(): Promise<Params> {
    if (!this.#flight) return Promise.resolve().then(() => this.#trainer.copyParams());
    return new Promise((resolve, reject) => { this.#waiting.push({ resolve, reject }); });
  }
  /** Ends the run after the step in flight, with a last checkpoint and an `end` event. */
  stop(): void { this.#stopped = true; }

  next(): Promise<IteratorResult<FitEvent, undefined>> { return this.#events.next(); }
  /** Leaving the loop: the run ends, and is saved if it has checkpoints. */
  return(): Promise<IteratorResult<FitEvent, undefined>> { return this.#events.return(undefined); }
  throw(error: unknown): Promise<IteratorResult<FitEvent, undefined>> { return this.#events.throw(error); }
  [Symbol.asyncIterator](): this { return this; }

  async *#run(): AsyncGenerator<FitEvent, undefined> {
    const { checkpoint, signal, steps, callbacks, statistics: stats, evaluation, earlyStopping, logEvery } = this.#options;
    const trainer = this.#trainer;
    const tell = async (event: FitEvent): Promise<FitEvent> => {
      for (const callback of callbacks) await callback(event, this);
      return event;
    };
    const began = Date.now();
    signal?.aborted && abort(signal);
    const saver = checkpoint && new Saver(await CheckpointManager.open(checkpoint.directory, { keep: checkpoint.keep }), trainer);
    const best: Best = { value: null, step: 0, bad: 0 };
    let iterator: DataIterator | undefined;
    let place: CheckpointManifest['engine'] = { name: '', device: '' };
    const notes = () => (earlyStopping ? { earlyStopping: { ...best } } : null);
    // How it ends: by itself, by an error, or by who iterates, which shows in neither.
    let ended = false;
    try {
      const resumed = await this.#resume(saver, best);
      const data = from(this.#options.data as Batches);
      iterator = data.iterator(resumed?.manifest.data ?? undefined);
      const total = steps ?? (data.length === null || data.epochs === Infinity ? null : trainer.step + Math.floor(remaining(data, iterator.position) / trainer.batches));
      const batches = new Puller(iterator, data.ragged, trainer.batches);
      if (saver) saver.position = iterator.position;
      let next: Promise<Pulled> | null = trainer.step < (steps ?? Infinity) ? batches.pull() : null;
      const first = next && await interruptible(next, signal);
      place = first && !first.done ? trainer.place(first.values[0]) : resumed?.manifest.engine ?? place;
      yield await tell(this.#started(total, place, resumed));
      const clock = new Clock();
      let reason: EndReason;
      for (;;) {
        signal?.aborted && abort(signal);
        if (this.#stopped) { reason = 'stopped'; break; }
        if (earlyStopping && best.bad > earlyStopping.patience) { reason = 'earlyStopping'; break; }
        if (!next) { reason = 'steps'; break; }
        const batch = await interruptible(next, signal);
        if (batch.done) {
          if (steps !== undefined) throw new DataError(`fit: the data ended after step ${trainer.step} (before batch ${batch.at.batch} of epoch ${batch.at.epoch}), but steps is ${steps}: repeat it with .repeat(), or leave steps out to end with the data.`);
          reason = 'data';
          break;
        }
        batches.check(batch);
        trainer.learningRate = this.#rate();
        const running = this.#fly(trainer.run(batch.values));
        next = trainer.step + 1 < (steps ?? Infinity) ? batches.pull() : null;
        const result = await running;
        clock.tick(trainer.step);
        if (saver) saver.position = batch.after;
        const loss = this.#checkLoss(result, batch);
        const due = (every: number) => trainer.step % every === 0;
        const last = !next;
        if (due(logEvery) || last) yield await tell(this.#stepped(result, loss, batch, clock, total));
        if (stats && due(stats.every)) yield await tell(await interruptible(this.#statistics(batch.values[0]), signal));
        if (evaluation && due(evaluation.every)) {
          yield await tell(await interruptible(this.#evaluate(best), signal));
        }
        if (saver && due(checkpoint!.every)) await interruptible(saver.save(place, notes()), signal);
        for (const event of saver?.take() ?? []) yield await tell(event);
        if (!last && trainer.resorted) yield await tell(this.#resorted());
      }
      if (saver) {
        await interruptible(saver.finish(place, notes()), signal);
        for (const event of saver.take()) yield await tell(event);
      }
      ended = true;
      await iterator.return();
      await saver?.close();
      yield await tell({ type: 'end', step: trainer.step, time: Date.now(), reason, seconds: (Date.now() - began) / 1000, state: this.state });
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      // An abort waits for nothing but the step in flight; what is being written ends, and gives the folder back, by itself.
      await this.#flight?.catch(() => {});
      const closing = (async () => {
        if (!ended) await saver?.finish(place, notes());
        await Promise.allSettled([iterator?.return(), saver?.close()]);
      })();
      if (signal?.aborted) closing.catch(() => {});
      else await closing;
    }
  }

  #fly(running: Promise<StepResult>): Promise<StepResult> {
    const done = () => {
      this.#flight = null;
      for (const { resolve, reject } of this.#waiting.splice(0)) try { resolve(this.#trainer.copyParams()); } catch (error) { reject(error); }
    };
    const flight = running.finally(done);
    flight.catch(() => {});
    this.#flight = flight;
    return flight;
  }

  async #resume(saver: Saver | undefined, best: Best): Promise<{ path: string; report: RestoreReport; manifest: CheckpointManifest } | null> {
    if (!saver || saver.manager.latestStep() === null) return null;
    const { path, report, manifest } = await this.#trainer.restore(saver.manager.directory);
    Object.assign(best, (manifest.metadata as { earlyStopping?: Best } | null)?.earlyStopping);
    saver.last = manifest.step;
    return { path, report, manifest };
  }

  /** The rate that is given for a step; Optax's schedules give arrays. */
  #rate(step = this.step): number | null {
    const { learningRate = null } = this.#options;
    const rate = typeof learningRate === 'function' ? learningRate(step) : learningRate;
    return typeof rate === 'object' && rate !== null ? rate.item() : rate;
  }

  #started(steps: number | null, { name, device }: CheckpointManifest['engine'], resumed: StartEvent['resumed']): StartEvent {
    return { type: 'start', step: this.step, time: Date.now(), steps, engine: name, device, ...this.#split(), resumed: resumed && { path: resumed.path, report: resumed.report } };
  }

  #trains: readonly string[] = [];
  /** What trains now, and what does not. */
  #split(): { trainable: readonly string[]; frozen: string[] } {
    this.#trains = this.#trainer.trainable();
    const trains = new Set(this.#trains);
    const all = [...traverse(this.#trainer.params())].map(([module, name]) => `${module}/${name}`);
    return { trainable: this.#trains, frozen: all.filter((path) => !trains.has(path)).sort() };
  }
  #resorted(): TrainableEvent {
    const before = new Set(this.#trains);
    const { trainable, frozen } = this.#split();
    return { type: 'trainable', step: this.step, time: Date.now(), trainable, frozen, began: trainable.filter((path) => !before.has(path)), ended: frozen.filter((path) => before.has(path)) };
  }

  #stepped({ aux }: StepResult, loss: number, batch: Pulled, clock: Clock, total: number | null): StepEvent {
    const rate = clock.rate;
    return {
      type: 'step', step: this.step, time: Date.now(), loss, metrics: aux === null ? {} : scalars(aux), aux, learningRate: this.#rate(this.step - 1) ?? this.#trainer.learningRate,
      stepsPerSecond: rate, secondsLeft: total === null || rate === 0 ? null : Math.max(0, total - this.step) / rate, memory: clock.memory, position: batch.at,
    };
  }

  #checkLoss({ loss }: StepResult, { at }: Pulled): number {
    const value = Number(loss.item());
    if (Number.isFinite(value) || this.#options.allowNonFinite) return value;
    const bad = [...traverse(this.#trainer.params())].find(([, , x]) => hasNonFinite(x));
    throw new NonFiniteError(`fit: the loss is ${value} at step ${this.step} (batch ${at.batch} of epoch ${at.epoch}); ${
      bad ? `after it the parameter '${bad[0]}/${bad[1]}' is not finite either` : 'all parameters are still finite'
    }. Lower the learning rate, clip gradients, look at that batch, or set allowNonFinite and let the optimizer skip such steps.`);
  }

  async #statistics(batch: unknown): Promise<StatisticsEvent> {
    const { gradients } = this.#options.statistics!;
    const of = async (params: Params): Promise<Record<string, Awaited<ReturnType<typeof statistics>>>> => {
      const out: Record<string, Awaited<ReturnType<typeof statistics>>> = Object.create(null);
      for (const [module, name, x] of traverse(params)) out[`${module}/${name}`] = await statistics(x);
      return out;
    };
    const { holder } = this.#trainer;
    const state = holder instanceof TrainingSession ? holder.state() : holder.state;
    this.#gradients ??= gradients && jit((params: Params, s: State, b: unknown) => gradients(params, b, { state: s, rng: null }));
    return {
      type: 'statistics', step: this.step, time: Date.now(), params: await of(this.#trainer.params()),
      gradients: this.#gradients ? await of(await this.#gradients.async(this.#trainer.params(), state, batch)) : null,
    };
  }
  #gradients: ReturnType<typeof jit<(params: Params, state: State, batch: unknown) => Params>> | undefined;

  #evaluator: ReturnType<Trainer['evaluator']> | undefined;
  async #evaluate(best: Best): Promise<EvaluationEvent> {
    const { evaluation, earlyStopping, signal } = this.#options;
    const { data, metrics } = evaluation!;
    this.#evaluator ??= this.#trainer.evaluator(metrics ?? null);
    const began = Date.now();
    const sums: Record<string, number> = Object.create(null);
    let batches = 0;
    for await (const batch of from(data)) {
      signal?.aborted && abort(signal);
      const values = await this.#evaluator(batch);
      for (const [name, value] of Object.entries(values)) sums[name] = (sums[name] ?? 0) + value;
      batches++;
    }
    if (batches === 0) throw new DataError('fit: the evaluation\'s data gave no batches; pass an iterable that can be read again each time.');
    const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / batches]));
    return { type: 'evaluation', step: this.step, time: Date.now(), metrics: means, batches, seconds: (Date.now() - began) / 1000, best: earlyStopping ? this.#judge(means, best) : null };
  }

  #judge(metrics: Record<string, number>, best: Best): boolean {
    const { monitor, mode, minDelta } = this.#options.earlyStopping!;
    if (!Object.hasOwn(metrics, monitor)) {
      const near = nearestName(monitor, Object.keys(metrics));
      throw new ValueError(`fit: earlyStopping.monitor is '${monitor}', but the evaluation gives ${Object.keys(metrics).join(', ')}${near ? `; did you mean '${near}'?` : '.'}`);
    }
    const value = metrics[monitor];
    const better = best.value === null ? !Number.isNaN(value) : mode === 'min' ? value < best.value - minDelta : value > best.value + minDelta;
    if (better) Object.assign(best, { value, step: this.step, bad: 0 });
    else best.bad++;
    return better;
  }
}

/** Steps that the data is good for, from a position on. */
const remaining = (data: Dataset, { epoch, batch }: DataPosition): number => (data.epochs - epoch) * data.length! - batch;
