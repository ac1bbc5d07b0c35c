/** The events of a run as TensorBoard's scalars and histograms. */
import { checkOptions } from '../../runtime/options.js';
import type { Statistics } from '../events.js';
import { SummaryWriter } from './summary-writer.js';
import { watcher, type Watcher } from './watcher.js';

export interface TensorBoardOptions {
  /** How long events wait in memory at most, in seconds; default 10. */
  flushSecs?: number;
}

/**
 * A watcher for `fit`: writes what happens into an event file in `logDir`, one file for each time the run is started. A run
 * that goes on voids what earlier files say of the steps that are made again.
 *
 * @example
 * using watch = tensorBoard('runs/first');
 * for await (const event of fit(options)) watch(event);
 */
export function tensorBoard(logDir: string, options?: TensorBoardOptions): Watcher {
  const { flushSecs = 10 } = checkOptions('tensorBoard', options, ['flushSecs']);
  let writer: SummaryWriter | undefined;
  const close = (): void => { writer?.close(); writer = undefined; };
  return watcher((event) => {
    if (event.type === 'start' || !writer) {
      close();
      writer = new SummaryWriter(logDir, { flushSecs, ...(event.type === 'start' && event.step > 0 && { purgeStep: event.step + 1 }) });
    }
    const at = { globalStep: event.step, walltime: event.time / 1000 };
    const scalars = (prefix: string, values: Readonly<Record<string, number>>): void => {
      for (const name of Object.keys(values).sort()) writer!.addScalar(`${prefix}/${name}`, values[name], at);
    };
    switch (event.type) {
      case 'step':
        scalars('train', { loss: event.loss, ...event.metrics });
        scalars('run', { ...(event.learningRate !== null && { learning_rate: event.learningRate }), steps_per_second: event.stepsPerSecond, memory: event.memory });
        break;
      case 'evaluation':
        scalars('evaluation', event.metrics);
        break;
      case 'statistics':
        statistics(writer, 'params', event.params, at);
        if (event.gradients) statistics(writer, 'gradients', event.gradients, at);
        break;
      case 'checkpoint':
        writer.flush();
        break;
      case 'end':
        close();
    }
  }, close);
}

function statistics(writer: SummaryWriter, prefix: string, arrays: Readonly<Record<string, Statistics>>, at: { globalStep: number; walltime: number }): void {
  for (const name of Object.keys(arrays).sort()) {
    const { count, nonFinite, mean, norm, min, max, histogram: { edges, counts } } = arrays[name];
    writer.addScalar(`${prefix}_norm/${name}`, norm, at);
    const finite = count - nonFinite;
    if (finite > 0) writer.addHistogramRaw(`${prefix}/${name}`, min, max, finite, mean * finite, norm * norm, edges.slice(1), counts, at);
  }
}
