/**
 * What hokku does, told to whoever listens through `node:diagnostics_channel`: tracing channels, with their start, end, error
 * and asynchronous end. Where nobody listens it costs one look.
 *
 * | channel | one trace is | context |
 * | --- | --- | --- |
 * | `hokku:step` | a training step | `{ kind: 'trainStep' \| 'session', engine, device }` |
 * | `hokku:compile` | a program made ready to run: fused, lowered, its session created | `{ engine, device, equations }`; at its end `modelBytes`, of the ONNX model |
 * | `hokku:checkpoint` | a checkpoint written or read | `{ action: 'save' \| 'restore', path, step }` |
 *
 * ```ts
 * import { tracingChannel } from 'node:diagnostics_channel';
 * const begun = new WeakMap();
 * tracingChannel('hokku:step').subscribe({
 *   start: (trace) => begun.set(trace, performance.now()),
 *   asyncEnd: (trace) => histogram.record(performance.now() - begun.get(trace)),
 *   end() {}, asyncStart() {}, error() {},
 * });
 * ```
 */
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

export interface StepTrace { readonly kind: 'trainStep' | 'session'; readonly engine: string; readonly device: string }
export interface CompileTrace { readonly engine: string; readonly device: string; readonly equations: number; modelBytes?: number }
export interface CheckpointTrace { readonly action: 'save' | 'restore'; readonly path: string; readonly step: number }

export const channels = {
  step: tracingChannel('hokku:step') as Channel<StepTrace>,
  compile: tracingChannel('hokku:compile') as Channel<CompileTrace>,
  checkpoint: tracingChannel('hokku:checkpoint') as Channel<CheckpointTrace>,
};
/** Node has said since 20.13 whether anybody listens. */
type Channel<C extends object> = TracingChannel<C, C> & { readonly hasSubscribers: boolean };

/** Does the work, traced. The context is made only where somebody listens. */
export function traceSync<C extends object, T>(channel: Channel<C>, context: () => C, work: (context?: C) => T): T {
  if (!channel.hasSubscribers) return work();
  const trace = context();
  return channel.traceSync(() => work(trace), trace);
}

/** As `traceSync`, to the end of a promise. */
export function tracePromise<C extends object, T>(channel: Channel<C>, context: () => C, work: () => Promise<T>): Promise<T> {
  return channel.hasSubscribers ? channel.tracePromise(work, context()) : work();
}
