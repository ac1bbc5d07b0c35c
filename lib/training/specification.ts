/** What is trained: a loss, an optimizer, and which parameters the optimizer may change. */
import { isArray, numpy as jnp, valueAndGrad, type Array } from '../jax/index.js';
import { fromEntries } from '../haiku/mappings.js';
import type { Params, State } from '../haiku/types.js';
import type { ExtraArgs, GradientTransformation, OptState } from '../optax/index.js';
import { applyUpdates } from '../optax/update.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import type { GradualUnfreezing } from './gradual.js';
import type { Trainable } from './trainable.js';

/** What a loss is given beside the parameters and the batch: the model's state, and a key that is new in every step. */
export interface LossContext { readonly state: State; readonly rng: Array | null }
/** What a loss may say beside the loss: the next state, and whatever the caller wants to see. */
export interface LossExtra { state?: State; aux?: unknown }
/** `loss(params, batch, { state, rng })`, where `params` is the whole map, trainable or not. */
export type Loss = (params: any, batch: any, context: LossContext) => Array | readonly [Array, LossExtra];

export interface Specification {
  readonly loss: Loss;
  readonly optimizer: GradientTransformation;
  /** Everything, where left out. */
  readonly trainable?: Trainable | GradualUnfreezing;
  /**
   * What becomes of the state of a module whose parameters are all frozen, such as the averages of a frozen batch norm.
   * False (the default), as in Haiku: it follows what the model does, `isTraining` above all. True: it stays as it is. The
   * module is the innermost around the state in which there are parameters.
   */
  readonly freezeState?: boolean;
}
export const SPECIFICATION = ['loss', 'optimizer', 'trainable', 'freezeState'] as const;

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
  if (value.ndim !== 0) throw new TypeError(`The loss must be a scalar, but is ${value.toString()}; reduce it with jnp.mean or jnp.sum.`);
  const unknown = Object.keys(extra ?? {}).find((k) => k !== 'state' && k !== 'aux');
  if (unknown !== undefined) throw new TypeError(`The loss returned [loss, { ${unknown} }], but beside the loss it may only return { state, aux }; put '${unknown}' into aux.`);
  return { loss: value, state: extra?.state ?? context.state, aux: extra?.aux ?? null };
}

/** The parameters of a step, by whether they train. `mask` has boolean arrays for those of which only some elements do. */
export interface Split { readonly trainable: Params; readonly nonTrainable: Params; readonly mask: Params | null }

/** Loss and gradients of what trains: what a step does before its optimizer. Elements that a mask leaves out have no gradient. */
export function gradients({ loss, freezeState }: Pick<Specification, 'loss' | 'freezeState'>, { trainable, nonTrainable, mask }: Split, batch: unknown, context: LossContext) {
  const objective = (p: Params) => {
    const result = callLoss(loss, join(p, nonTrainable), batch, context);
    return [result.loss, { state: freezeState ? held(context.state, result.state, trainable, nonTrainable) : result.state, aux: result.aux }];
  };
  const [[value, { state, aux }], grads] = valueAndGrad(objective, { hasAux: true })(trainable) as [[Array, { state: State; aux: unknown }], Params];
  const own = where(mask, grads, null);
  // For optimizers that look further: line searches, step sizes from the loss.
  const extraArgs = { value, grad: own, valueFn: (p: Params): Array => callLoss(loss, join(p, nonTrainable), batch, context).loss };
  return { loss: value, state, aux, grads: own, extraArgs };
}

/** New parameters and optimizer state. What a mask leaves out keeps its bits, whatever the optimizer says. */
export function update(optimizer: GradientTransformation, { trainable, mask }: Split, grads: Params, optState: OptState, extraArgs: ExtraArgs): [Params, OptState] {
  const [updates, next] = optimizer.update(grads, optState, trainable, extraArgs);
  return [where(mask, applyUpdates(trainable, updates), trainable), next];
}

/** `values` where the mask marks them, and the others (or zeros) elsewhere; all of what has no mask. */
function where(mask: Params | null, values: Params, others: Params | null): Params {
  if (!mask) return values;
  return fromEntries(Object.entries(values).map(([module, bundle]) => [module, fromEntries(Object.entries(bundle).map(([name, value]): [string, Array] => {
    const marks = Object.hasOwn(mask, module) && Object.hasOwn(mask[module], name) ? mask[module][name] : null;
    const other = others ? others[module][name] : 0;
    return [name, marks && value !== other ? jnp.where(marks, value, other) : value];
  }))]));
}

/** The state after a step, but as it was where nothing of the module around it trains. */
function held(before: State, after: State, trainable: Params, nonTrainable: Params): State {
  const within = (half: Params, module: string): boolean => Object.keys(half).some((m) => m === module || m.startsWith(`${module}/`));
  const frozen = (module: string): boolean => {
    if (within(trainable, module)) return false;
    return within(nonTrainable, module) || (module.includes('/') && frozen(module.slice(0, module.lastIndexOf('/'))));
  };
  return fromEntries(Object.keys(after).map((module) => [module, (Object.hasOwn(before, module) && frozen(module) ? before : after)[module]]));
}

/** Refuses a specification that cannot work, before anything is traced. */
export function checkSpecification(where: string, { loss, optimizer, freezeState }: Specification): void {
  if (typeof loss !== 'function') throw new TypeError(`${where}: loss must be a function (params, batch, { state, rng }), got ${typeof loss}.`);
  if (loss.constructor.name === 'AsyncFunction') throw new TypeError(`${where}: loss is async, and async functions cannot be traced; load data outside and pass it in the batch.`);
  if (typeof optimizer?.init !== 'function' || typeof optimizer.update !== 'function') throw new TypeError(`${where}: optimizer must be a gradient transformation such as optax.adam(1e-3), got ${optimizer === null ? 'null' : typeof optimizer}.`);
  if (freezeState !== undefined && typeof freezeState !== 'boolean') throw new TypeError(`${where}: freezeState must be true or false, got ${typeof freezeState}.`);
}
