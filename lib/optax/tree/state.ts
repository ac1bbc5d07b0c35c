/** Finding and changing parts of optimizer states by name, after `optax.tree`. */
import { isArray, tree } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { isNamedTuple, type GradientTransformation, type OptState, type Params } from '../base.js';

/** A step of a path into a state: the field of a named tuple. Keys of objects are strings, places in lists numbers. */
export class NamedTupleKey {
  constructor(readonly tupleName: string, readonly name: string) {}
  toString(): string { return `${this.tupleName}.${this.name}`; }
}
export type KeyPath = readonly (string | number | NamedTupleKey)[];
export type Filtering = (path: KeyPath, value: any) => boolean;

const isDict = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x) && !isArray(x) && !isNamedTuple(x);
/** The children of a container with the steps that lead to them. */
function childrenOf(x: unknown): [string | number | NamedTupleKey, unknown][] {
  if (Array.isArray(x)) return x.map((child, i) => [i, child]);
  if (isNamedTuple(x)) return Object.entries(x).map(([name, child]) => [new NamedTupleKey(x.constructor.name, name), child]);
  return isDict(x) ? Object.entries(x) : [];
}
const nameOf = (step: string | number | NamedTupleKey): string | number => (step instanceof NamedTupleKey ? step.name : step);

interface FindOptions { /** Which of the values found count. */ filtering?: Filtering | null }

/**
 * All values that stand under a name, be it a field of a state, a key, or the class of a state, with their paths. As
 * `optax.tree.get_all_with_path`.
 *
 * @example
 * const found = optax.tree.getAllWithPath(optax.adam(0.1).init(params), 'count');
 */
export function treeGetAllWithPath(x: unknown, key: string, options?: FindOptions): [KeyPath, any][] {
  const { filtering } = checkOptions('optax.tree.getAllWithPath', options, ['filtering']);
  const found: [KeyPath, any][] = [];
  const walk = (node: unknown, path: KeyPath): void => {
    if (isNamedTuple(node) && node.constructor.name === key) found.push([path, node]);
    for (const [step, child] of childrenOf(node)) {
      if (nameOf(step) === key) found.push([[...path, step], child]);
      walk(child, [...path, step]);
    }
  };
  walk(x, []);
  return filtering ? found.filter(([path, value]) => filtering(path, value)) : found;
}

/**
 * The value that stands under a name in a state. As `optax.tree.get`.
 *
 * @example
 * const rate = optax.tree.get(optax.injectHyperparams(optax.sgd)(0.1).init(params), 'learningRate');
 *
 * @param options `default`: what to give where there is none; `filtering`: which of several counts
 * @throws ValueError where there are several
 */
export function treeGet(x: unknown, key: string, options?: FindOptions & { default?: unknown }): any {
  const { default: otherwise, filtering } = checkOptions('optax.tree.get', options, ['default', 'filtering']);
  const found = treeGetAllWithPath(x, key, { filtering });
  if (found.length > 1) throw new ValueError(`optax.tree.get: '${key}' occurs ${found.length} times (${found.map(([path]) => path.join('/')).join(', ')}); choose one with filtering.`);
  return found.length === 0 ? otherwise ?? null : found[0]![1];
}

/**
 * The state with other values under the names given. As `optax.tree.set`.
 *
 * @example
 * const state = optax.tree.set(optax.adam(0.1).init(params), { count: jnp.asarray(7, { dtype: 'int32' }) });
 *
 * @throws ValueError where a name does not occur
 */
export function treeSet<S = OptState>(x: S, values: Record<string, unknown>, options?: FindOptions): S {
  const { filtering } = checkOptions('optax.tree.set', options, ['filtering']);
  for (const key of Object.keys(values)) {
    if (treeGetAllWithPath(x, key, { filtering }).length === 0) throw new ValueError(`optax.tree.set: nothing is named '${key}' in this state${filtering ? ' where filtering looks' : ''}.`);
  }
  const chosen = (name: string | number, path: KeyPath, value: unknown): name is string => Object.hasOwn(values, name) && (!filtering || filtering(path, value));
  const walk = (node: unknown, path: KeyPath): unknown => {
    if (isNamedTuple(node) && chosen(node.constructor.name, path, node)) return values[node.constructor.name];
    const children = childrenOf(node).map(([step, child]) => {
      const inner = [...path, step];
      const name = nameOf(step);
      return [name, chosen(name, inner, child) ? values[name] : walk(child, inner)] as const;
    });
    if (children.length === 0) return node;
    if (Array.isArray(node)) return children.map(([, child]) => child);
    const fields = Object.fromEntries(children);
    return isNamedTuple(node) ? new (node.constructor as new (fields: object) => object)(fields) : fields;
  };
  return walk(x, []) as S;
}

/** Stands for the parameters while a state is made that only shows where they occur. A tree without leaves. */
export class ParamsPlaceholder {}
tree.registerPytreeNode(ParamsPlaceholder, () => [[], undefined], () => new ParamsPlaceholder());

interface MapParamsOptions { /** What to do with the rest of the state. */ transformNonParams?: (x: any) => unknown }
const isMapOptions = (x: unknown): x is MapParamsOptions => isDict(x) && Object.keys(x).join() === 'transformNonParams';

/**
 * f of every part of a state that is like the parameters, such as moments; with `rest`, trees like the parameters, it gets
 * their leaves too. As `optax.tree.map_params`.
 *
 * @example
 * const opt = optax.adam(0.1);
 * const halves = optax.tree.mapParams(opt, (m) => m.astype('bfloat16'), opt.init(params));
 *
 * @param rest further trees, and last an options object: `transformNonParams`, a function for the rest of the state
 */
export function treeMapParams(initable: GradientTransformation | ((params: Params) => OptState), f: (...leaves: any[]) => unknown, state: OptState, ...rest: any[]): OptState {
  const { transformNonParams } = isMapOptions(rest.at(-1)) ? rest.pop() as MapParamsOptions : {};
  const places = typeof initable === 'function' ? initable(new ParamsPlaceholder()) : initable.init(new ParamsPlaceholder());
  const isPlace = (x: unknown) => x instanceof ParamsPlaceholder;
  const [marks, structure] = tree.flatten(places, isPlace);
  const parts = tree.flattenUpTo(structure, state, 'optax.tree.mapParams');
  return tree.unflatten(structure, parts.map((part, i) => (isPlace(marks[i]) ? tree.map(f, part, ...rest) : transformNonParams ? transformNonParams(part) : part)));
}
