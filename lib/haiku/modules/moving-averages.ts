/** Exponential moving averages of arrays and of trees of parameters. */
import { isArray, numpy as jnp, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Constant } from '../initializers.js';
import { setOwn } from '../mappings.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { checkNumber } from './layout.js';
import { getState, setState } from '../parameters.js';
import type { MutableParams, Params } from '../types.js';

export interface UpdateStatsOptions {
  /** Whether this call changes the state; default true. */
  updateStats?: boolean;
}

export interface ExponentialMovingAverageOptions extends ModuleOptions {
  /** Whether the zeros that it begins with are divided out (Kingma and Ba 2014); default true. */
  zeroDebias?: boolean;
  /** For so many calls the average is just the latest value; default 0. Needs `zeroDebias: false`. */
  warmupLength?: number;
}

/**
 * The exponential moving average of the values that it is called with: `hidden ← hidden · decay + value · (1 - decay)`,
 * returned and kept as `average`, divided by `1 - decayⁿ` with `zeroDebias`. State: `counter` (int32), `hidden`, `average`.
 *
 * What `init` returns as `average` is that of its own call (the first value that is set is the initial one), so that it
 * can be read right after init; `hidden` and `counter` begin at zero.
 *
 * ```ts
 * const ema = new hk.ExponentialMovingAverage(0.99);
 * const mean = ema(x.mean());   // ema.average reads it without a new value
 * ```
 * @throws ValueError for a negative `warmupLength`, and for one beside `zeroDebias`.
 */
@module('exponential_moving_average')
export class ExponentialMovingAverage extends Module<(value: Array | number, options?: UpdateStatsOptions) => Array> {
  readonly decay: number | Array;
  readonly zeroDebias: boolean;
  readonly warmupLength: number;

  constructor(decay: number | Array, options?: ExponentialMovingAverageOptions) {
    const where = 'hk.ExponentialMovingAverage';
    const { zeroDebias = true, warmupLength = 0, name } = checkOptions(where, options, ['zeroDebias', 'warmupLength', 'name']);
    super(name);
    if (!(warmupLength >= 0)) throw new ValueError(`${where}: \`warmupLength\` is ${warmupLength}, but should be non-negative.`);
    if (warmupLength && zeroDebias) throw new ValueError(`${where}: Zero debiasing does not make sense when warming up to an initial value: set zeroDebias to false, or warmupLength to 0.`);
    this.decay = checkNumber(where, 'decay', decay);
    this.zeroDebias = zeroDebias;
    this.warmupLength = warmupLength;
  }

  /** Makes the average zero where there is none yet, so that `average` can be read before the first call. */
  initialize(shape: readonly number[], options?: { dtype?: DType }): void {
    const { dtype = 'float32' } = checkOptions('hk.ExponentialMovingAverage.initialize', options, ['dtype']);
    getState('hidden', shape, { dtype, init: jnp.zeros });
    getState('average', shape, { dtype, init: jnp.zeros });
  }

  override call(value: Array | number, options?: UpdateStatsOptions): Array {
    const { updateStats = true } = checkOptions('hk.ExponentialMovingAverage.call', options, ['updateStats']);
    checkNumber('hk.ExponentialMovingAverage', 'the value', value);
    const x = jnp.asarray(value);
    const { dtype } = x;
    const counter = (getState('counter', [], { dtype: 'int32', init: new Constant(-this.warmupLength) }) as Array).add(1);
    const given = isArray(this.decay) ? this.decay.astype(dtype) : jnp.array(this.decay, { dtype });
    const decay = this.warmupLength > 0 ? jnp.where(counter.le(0), jnp.zeros([], { dtype }), given) : given;
    const before = getState('hidden', x.shape, { dtype, init: jnp.zeros }) as Array;
    const hidden = before.mul(decay).add(x.mul(jnp.subtract(1, decay)));
    const average = this.zeroDebias ? hidden.div(jnp.subtract(1, jnp.power(decay, counter))) : hidden;
    if (updateStats) {
      setState('counter', counter);
      setState('hidden', hidden);
      setState('average', average);
    }
    return average;
  }

  /**
   * The latest average, with nothing new.
   * @throws ValueError where there is none yet.
   */
  get average(): Array { return getState('average') as Array; }
}

/** A prefix matches, as Python's `re.match` does; nothing where the pattern is empty. */
export function ignorePattern(pattern: string | RegExp): RegExp | undefined {
  const [source, flags] = typeof pattern === 'string' ? [pattern, ''] : [pattern.source, pattern.flags.replace(/[gy]/g, '')];
  if (source === '' || source === '(?:)') return undefined;
  try { return new RegExp(`^(?:${source})`, flags); } catch (error) {
    throw new ValueError(`ignoreRegex: '${source}' is no regular expression.`, undefined, { cause: error });
  }
}

/** A map of the same structure, with `f` of every `module/name` that the pattern does not ignore. */
export function mapParams(tree: Params, ignored: RegExp | undefined, f: (path: string, value: Array) => Array): MutableParams {
  const out: MutableParams = {};
  for (const [path, bundle] of Object.entries(tree)) {
    const mapped: Record<string, Array> = {};
    for (const [name, value] of Object.entries(bundle)) setOwn(mapped, name, ignored?.test(`${path}/${name}`) ? value : f(`${path}/${name}`, value));
    setOwn(out, path, mapped);
  }
  return out;
}

export interface EMAParamsTreeOptions extends ExponentialMovingAverageOptions {
  /** What begins with a match of it, as `module/name`, is passed through; default nothing. */
  ignoreRegex?: string | RegExp;
}

/**
 * The exponential moving average of every entry of a map of parameters. Its state is kept by path, with `__` for `/` and
 * `_tilde_` for `~`.
 *
 * ```ts
 * const ema = hk.transformWithState((params: hk.Params) => new hk.EMAParamsTree(0.999)(params));
 * ```
 */
@module('ema_params_tree')
export class EMAParamsTree extends Module<(tree: Params, options?: UpdateStatsOptions) => MutableParams> {
  readonly decay: number | Array;
  readonly zeroDebias: boolean;
  readonly warmupLength: number;
  readonly ignoreRegex: string | RegExp;

  constructor(decay: number | Array, options?: EMAParamsTreeOptions) {
    const { zeroDebias = true, warmupLength = 0, ignoreRegex = '', name } = checkOptions('hk.EMAParamsTree', options, ['zeroDebias', 'warmupLength', 'ignoreRegex', 'name']);
    super(name);
    this.decay = checkNumber('hk.EMAParamsTree', 'decay', decay);
    this.zeroDebias = zeroDebias;
    this.warmupLength = warmupLength;
    this.ignoreRegex = ignoreRegex;
  }

  override call(tree: Params, options?: UpdateStatsOptions): MutableParams {
    const { updateStats = true } = checkOptions('hk.EMAParamsTree.call', options, ['updateStats']);
    const { decay, zeroDebias, warmupLength } = this;
    return mapParams(tree, ignorePattern(this.ignoreRegex), (path, value) => {
      const name = path.replaceAll('/', '__').replaceAll('~', '_tilde_');
      return new ExponentialMovingAverage(decay, { zeroDebias, warmupLength, name })(value, { updateStats });
    });
  }
}
