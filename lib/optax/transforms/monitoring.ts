/** Measurements of updates in the optimizer's state, after `optax.transforms._monitoring`. */
import { tree } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { namedTuple, stateless, type GradientTransformation, type OptState, type Scalar, type Updates } from '../base.js';
import { ema } from './accumulation.js';
import { chain } from './combining.js';

/** A number, or a tree of them, that is measured of updates. */
export type Measure = (updates: Updates) => any;

export const SnapshotState = namedTuple<{ measurement: Record<string, any> }>('SnapshotState', ['measurement']);
/**
 * Keeps in its state what is measured of the updates that come by. As `optax.snapshot`.
 *
 * @example
 * const opt = optax.chain(optax.adam(1e-3), optax.snapshot('norm', optax.tree.norm));
 */
export const snapshot = (measureName: string, measure: Measure): GradientTransformation => ({
  init: (params) => new SnapshotState({ measurement: { [measureName]: measure(params) } }),
  update: (updates) => [updates, new SnapshotState({ measurement: { [measureName]: measure(updates) } })],
});

export const MonitorState = namedTuple<{ measurements: Record<string, any>; measureStates: OptState[] }>('MonitorState', ['measurements', 'measureStates']);
/**
 * Keeps several measurements, each of them a function of the updates or a transformation whose updates are what it measures.
 * As `optax.monitor`; here the measurements of the parameters stand in the first state, so that its structure never changes.
 *
 * @example
 * const opt = optax.chain(optax.sgd(0.1), optax.monitor({ norm: optax.tree.norm, smooth: optax.measureWithEma(optax.tree.norm, 0.9) }));
 */
export function monitor(measures: Record<string, Measure | GradientTransformation>): GradientTransformation {
  const all = Object.entries(measures).map(([name, m]) => [name, typeof m === 'function' ? stateless((u) => m(u)) : m] as const);
  const measured = (x: Updates, states: OptState[], params: Updates, extraArgs?: object) => {
    const results = all.map(([name, m], i) => [name, m.update(x, states[i], params, extraArgs as never)] as const);
    return { measurements: Object.fromEntries(results.map(([name, [value]]) => [name, value])), states: results.map(([, [, state]]) => state) };
  };
  return {
    init(params) {
      const measureStates = all.map(([, m]) => m.init(params));
      return new MonitorState({ measurements: measured(params, measureStates, params).measurements, measureStates });
    },
    update(updates, state, params, extraArgs) {
      const { measurements, states } = measured(updates, state.measureStates, params, extraArgs);
      return [updates, new MonitorState({ measurements, measureStates: states })];
    },
  };
}

/**
 * A measurement whose moving average is kept, for `monitor`. As `optax.measure_with_ema`.
 *
 * @example
 * const opt = optax.monitor({ norm: optax.measureWithEma(optax.tree.norm, 0.99) });
 */
export function measureWithEma(measure: Measure, decay: Scalar, options?: { debias?: boolean; accumulatorDtype?: DType | null }): GradientTransformation {
  const average = ema(decay, options);
  return chain(stateless((updates) => measure(updates)), { ...average, init: (params) => average.init(tree.map((x) => x, measure(params))) });
}
