/** What is trained: a loss, an optimizer, and which parameters the optimizer may change. */
import { isArray, type Array } from '../jax/index.js';
import { partition } from '../haiku/data-structures.js';
import type { Params, State } from '../haiku/types.js';
import type { GradientTransformation } from '../optax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';

/** What a loss is given beside the parameters and the batch: the model's state, and a key that is new in every step. */
export interface LossContext { readonly state: State; readonly rng: Array | null }
/** What a loss may say beside the loss: the next state, and whatever the caller wants to see. */
export interface LossExtra { state?: State; aux?: unknown }
/** `loss(params, batch, { state, rng })`, where `params` is the whole map, trainable or not. */
export type Loss = (params: any, batch: any, context: LossContext) => Array | readonly [Array, LossExtra];

export type Predicate = (module: string, name: string, value: Array) => boolean;
/** A predicate, or patterns of what trains: `*` stands for any letters, and a pattern names a module or `module/name`. */
export type Trainable = Predicate | string | readonly string[];

export interface Specification {
  readonly loss: Loss;
  readonly optimizer: GradientTransformation;
  /** Everything, where left out. */
  readonly trainable?: Trainable;
}

const expression = (pattern: string): RegExp => new RegExp(`^${pattern.split('*').map((s) => s.replace(/[\\^$.+?()[\]{}|/]/g, '\\$&')).join('.*')}$`, 'u');

function toPredicate(trainable: Trainable | undefined): Predicate {
  if (trainable === undefined) return () => true;
  if (typeof trainable === 'function') return trainable;
  const patterns = (globalThis.Array.isArray(trainable) ? trainable : [trainable]).map((p: unknown) => {
    if (typeof p !== 'string') throw new TypeError(`trainable: expected a function (module, name, value) or patterns, got ${p === null ? 'null' : typeof p}.`);
    return expression(p);
  });
  return (module, name) => patterns.some((p) => p.test(module) || p.test(`${module}/${name}`));
}

/**
 * Splits a parameter map in what trains and what does not.
 * @throws ValueError where nothing is left to train.
 */
export function select(trainable: Trainable | undefined, params: Params): [trainable: Params, nonTrainable: Params] {
  const [chosen, rest] = partition(toPredicate(trainable), params) as [Params, Params];
  if (Object.keys(chosen).length === 0) {
    const names = Object.keys(params);
    throw new ValueError(`trainable selects none of the parameters, so there is nothing to train; the modules are ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}.`);
  }
  return [chosen, rest];
}

/** The whole map of two disjoint halves. */
export function join(trainable: Params, nonTrainable: Params): Params {
  const whole: Record<string, Record<string, unknown>> = Object.create(null);
  for (const half of [trainable, nonTrainable]) {
    for (const [module, bundle] of Object.entries(half)) {
      const into = (whole[module] ??= Object.create(null));
      for (const [name, value] of Object.entries(bundle)) {
        if (name in into) throw new ValueError(`The parameter '${module}', '${name}' is both trainable and not; keep each in one half.`);
        into[name] = value;
      }
    }
  }
  return whole as Params;
}

/** Calls a loss and brings what it returned to one form. */
export function callLoss(loss: Loss, params: Params, batch: unknown, context: LossContext): { loss: Array; state: State; aux: unknown } {
  const result = loss(params, batch, context);
  const [value, extra] = (globalThis.Array.isArray(result) ? result : [result, {}]) as [unknown, LossExtra];
  if (!isArray(value)) throw new TypeError(`The loss must return a scalar array, or [loss, { state, aux }], but returned ${value instanceof Promise ? 'a promise: async functions cannot be traced' : typeof value}.`);
  if (value.ndim !== 0) throw new TypeError(`The loss must be a scalar, but is ${value}; reduce it with jnp.mean or jnp.sum.`);
  const unknown = Object.keys(extra ?? {}).find((k) => k !== 'state' && k !== 'aux');
  if (unknown !== undefined) throw new TypeError(`The loss returned [loss, { ${unknown} }], but beside the loss it may only return { state, aux }; put '${unknown}' into aux.`);
  return { loss: value, state: extra?.state ?? context.state, aux: extra?.aux ?? null };
}

/** Refuses a specification that cannot work, before anything is traced. */
export function checkSpecification(where: string, { loss, optimizer }: Specification): void {
  if (typeof loss !== 'function') throw new TypeError(`${where}: loss must be a function (params, batch, { state, rng }), got ${typeof loss}.`);
  if (loss.constructor.name === 'AsyncFunction') throw new TypeError(`${where}: loss is async, and async functions cannot be traced; load data outside and pass it in the batch.`);
  if (typeof optimizer?.init !== 'function' || typeof optimizer.update !== 'function') throw new TypeError(`${where}: optimizer must be a gradient transformation such as optax.adam(1e-3), got ${optimizer === null ? 'null' : typeof optimizer}.`);
}
