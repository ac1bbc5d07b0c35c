/** Transformations made of transformations, after `optax.transforms._combining`. */
import { tree } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { nearestName } from '../../runtime/nearest.js';
import { checkTransformation, namedTuple, setToZero, type GradientTransformation, type OptState, type Params } from '../base.js';
import { describe, describeOneOf } from '../describe.js';
import { mapPrefix, masked, resolveMask, type Mask, type MaskedOptions } from './masking.js';
import { isPatterns, labelsByName, type Patterns } from './names.js';

/**
 * Applies transformations one after another; the state is the list of their states. As `optax.chain`.
 *
 * @example
 * const opt = optax.chain(optax.clipByGlobalNorm(1), optax.adam(1e-3));
 */
export function chain(...transforms: GradientTransformation[]): GradientTransformation {
  transforms.forEach((t) => checkTransformation('optax.chain', t));
  return describe({
    init: (params) => transforms.map((t) => t.init(params)),
    update(updates, state, params, extraArgs) {
      if (!Array.isArray(state) || state.length !== transforms.length) {
        throw new ValueError(`optax.chain: expected the state that init made, a list of ${transforms.length}, but got ${Array.isArray(state) ? `a list of ${state.length}` : typeof state}.`);
      }
      const states: OptState[] = [];
      transforms.forEach((t, i) => { [updates, states[i]] = t.update(updates, state[i], params, extraArgs); });
      return [updates, states];
    },
  }, describeOneOf('chain', transforms, (parts) => chain(...parts)));
}

/**
 * As `chain`, with a name for every transformation, under which its state is found. As `optax.named_chain`.
 *
 * @example
 * const opt = optax.namedChain(['clip', optax.clip(1)], ['opt', optax.sgd(0.1)]);
 * opt.init(params).clip;
 */
export function namedChain(...transforms: [name: string, transform: GradientTransformation][]): GradientTransformation {
  const names = transforms.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new ValueError(`optax.namedChain: the name '${twice}' occurs twice; names must be unique.`);
  const inner = chain(...transforms.map(([, t]) => t));
  const named = (states: OptState[]) => Object.fromEntries(states.map((s, i) => [names[i], s]));
  return {
    init: (params) => named(inner.init(params)),
    update(updates, state, params, extraArgs) {
      const [next, states] = inner.update(updates, names.map((name) => state[name]), params, extraArgs);
      return [next, named(states)];
    },
  };
}

export const PartitionState = namedTuple<{ innerStates: Record<string, OptState> }>('PartitionState', ['innerStates']);

/**
 * A tree of labels like the parameters or a prefix of them, a function that gives one, or by label the names of the parameters
 * that have it, `{ freeze: 'backbone', train: '**' }`: the first label that selects a parameter is its.
 */
export type ParamLabels = any | Readonly<Record<string, Patterns>> | ((params: Params) => any);

/**
 * Applies to every parameter the transformation of its label. With `setToZero` for a label, the parameters that have it are
 * frozen, and nothing is computed for them. As `optax.multi_transform`, also called `optax.partition`.
 *
 * @example
 * const opt = optax.multiTransform(
 *   { train: optax.sgd(0.1), freeze: optax.setToZero() },
 *   { 'mlp/~/linear_0': 'train', 'mlp/~/linear_1': 'freeze' });
 * const byName = optax.multiTransform({ train: optax.sgd(0.1), freeze: optax.setToZero() }, { freeze: 'mlp/~/linear_1', train: '**' });
 *
 * @param transforms by label
 * @param paramLabels the labels: a tree like the parameters or a prefix of them, a function that gives one, or patterns by label
 * @param options `maskCompatibleExtraArgs`: extra arguments that are trees like the parameters are split too
 */
export function multiTransform(transforms: Record<string, GradientTransformation>, paramLabels: ParamLabels, options?: MaskedOptions): GradientTransformation {
  const groups = Object.keys(transforms);
  for (const group of groups) checkTransformation(`optax.multiTransform, label '${group}'`, transforms[group]);
  const resolve = (like: unknown): unknown => {
    const labels: unknown = typeof paramLabels === 'function' ? paramLabels(like) : byName(groups, paramLabels, like) ?? paramLabels;
    const unknown = tree.leaves(labels).find((label) => !groups.includes(String(label)));
    if (unknown !== undefined) {
      const near = nearestName(String(unknown), groups);
      throw new ValueError(`optax.multiTransform: no transformation is given for the label '${String(unknown)}'${near ? ` (did you mean '${near}'?)` : ''}; the labels are: ${groups.join(', ')}.`);
    }
    return labels;
  };
  const only = (group: string, labels: unknown): GradientTransformation =>
    masked(transforms[group]!, mapPrefix('optax.multiTransform', (label) => String(label) === group, labels), options);
  return describe({
    init(params) {
      const labels = resolve(params);
      return new PartitionState({ innerStates: Object.fromEntries(groups.map((group) => [group, only(group, labels).init(params)])) });
    },
    update(updates, state, params, extraArgs) {
      const labels = resolve(updates);
      const states = groups.map((group) => {
        const [next, inner] = only(group, labels).update(updates, state.innerStates[group], params, extraArgs);
        updates = next;
        return [group, inner];
      });
      return [updates, new PartitionState({ innerStates: Object.fromEntries(states) })];
    },
  }, describeOneOf('multiTransform', groups.map((group) => transforms[group]), (parts) =>
    multiTransform(Object.fromEntries(groups.map((group, i) => [group, parts[i]!])), paramLabels, options)));
}
/** The labels of patterns by label; undefined for a tree of labels, which has the keys of what it labels. */
function byName(groups: readonly string[], labels: unknown, like: unknown): unknown {
  if (typeof labels !== 'object' || labels === null || globalThis.Array.isArray(labels)) return undefined;
  const keys = Object.keys(labels);
  const ofTree = typeof like === 'object' && like !== null && keys.every((key) => Object.hasOwn(like, key));
  if (ofTree || !keys.every((key) => groups.includes(key)) || !Object.values(labels).every(isPatterns)) return undefined;
  return labelsByName('optax.multiTransform', labels as Record<string, Patterns>, like);
}
/** Optax's newer name of `multiTransform`. */
export const partition = multiTransform;

/**
 * Applies `optimizer` where the mask is false and freezes the parameters where it is true. As `optax.selective_transform`.
 *
 * @example
 * const opt = optax.selectiveTransform(optax.adam(1e-3), { freezeMask: 'linear' });
 */
export function selectiveTransform(optimizer: GradientTransformation, { freezeMask }: { freezeMask: Mask }): GradientTransformation {
  const where = 'optax.selectiveTransform';
  const labels = (like: unknown): unknown => mapPrefix<boolean>(where, (m) => (m ? 'freeze' : 'train'), resolveMask(where, freezeMask, like));
  return multiTransform({ train: optimizer, freeze: setToZero() }, labels);
}
