/** Which parameters train, and which of their elements. */
import { isArray, type Array } from '../jax/index.js';
import { ConcreteArray, formatAval } from '../jax/array.js';
import { partitionN, traverse } from '../haiku/data-structures.js';
import { describe, isMapping, setInStore, fromStore, type Store } from '../haiku/mappings.js';
import type { Params } from '../haiku/types.js';
import { ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { answer, isSelector, selector, theModules, type Entry, type Selection } from '../runtime/patterns.js';
import type { Split } from './specification.js';

/** Whether a parameter trains, or which of its elements: a boolean array of its shape, with 1 where it is the same along an axis. */
export type Mark = boolean | Array;
/**
 * A map like the parameters'. What it leaves out does not train. A module's name stands for all its parameters.
 *
 * ```ts
 * const trainable = { embed: { embeddings: rows.reshape([-1, 1]) }, head: true };   // some rows, and all of the head
 * ```
 */
export type TrainableMap = Readonly<Record<string, boolean | Readonly<Record<string, Mark>>>>;
/** What trains: a `Selection` by name, a function `(module, name, value)` that may also answer with a mask, or a map of marks. */
export type Trainable = Selection<Array> | TrainableMap;

/**
 * Splits a parameter map in what trains and what does not.
 * @throws ValueError where nothing is left to train, ShapeError for a mask of another shape than its parameter
 */
export function select(trainable: Trainable | undefined, params: Params): Split {
  const entries = [...traverse(params)];
  const marks = marksOf(trainable, entries);
  const mask: Store<Array> = new Map();
  const trains = entries.map(([module, name, value], i) => {
    const mark = marks[i];
    if (typeof mark === 'boolean') return mark;
    const much = check(`'${module}', '${name}'`, mark, value);
    // A mask that leaves nothing out, or everything, is none.
    if (much === 'some') setInStore(mask, module, name, mark);
    return much !== 'none';
  });
  if (!trains.includes(true)) throw new ValueError(`trainable selects none of the parameters, so there is nothing to train; ${theModules(entries)}`);
  let at = 0;
  const [chosen, rest] = partitionN(() => (trains[at++] ? 0 : 1), params, 2) as [Params, Params];
  return { trainable: chosen, nonTrainable: rest, mask: mask.size ? fromStore(mask, (x) => x) : null };
}

function marksOf(trainable: Trainable | undefined, entries: readonly Entry<Array>[]): Mark[] {
  if (trainable === undefined) return entries.map(() => true);
  if (typeof trainable === 'function' && !isSelector(trainable)) return entries.map(([module, name, value]) => {
    const said = trainable(module, name, value);
    return isArray(said) ? said : answer('trainable', said);
  });
  return isMapping(trainable) ? marksOfMap(trainable as TrainableMap, entries) : selector(trainable as Selection<Array>, 'trainable').over(entries);
}

function marksOfMap(map: TrainableMap, entries: readonly Entry<Array>[]): Mark[] {
  const known = (module: string, name: string): boolean => entries.some(([m, n]) => m === module && n === name);
  for (const [module, bundle] of Object.entries(map)) {
    if (typeof bundle === 'boolean' ? !entries.some(([m]) => m === module) : !isMapping(bundle)) {
      throw new ValueError(`trainable: '${module}' must be a module of the parameters, with true, false or a map of its parameters, but got ${describe(bundle)}; ${theModules(entries)}`);
    }
    if (typeof bundle === 'boolean') continue;
    for (const [name, mark] of Object.entries(bundle)) {
      if (!known(module, name)) throw new ValueError(`trainable: there is no parameter '${module}', '${name}'; ${theModules(entries)}`);
      if (typeof mark !== 'boolean' && !isArray(mark)) throw new TypeError(`trainable: the mark of '${module}', '${name}' must be true, false or a boolean array, but got ${describe(mark)}.`);
    }
  }
  return entries.map(([module, name]) => {
    const bundle = Object.hasOwn(map, module) ? map[module] : false;
    return typeof bundle === 'boolean' ? bundle : Object.hasOwn(bundle, name) ? bundle[name] : false;
  });
}

/** Checks a mask, and says how much it marks. */
function check(which: string, mask: Array, value: Array): 'all' | 'some' | 'none' {
  const [wanted, given] = [formatAval({ dtype: 'bool', shape: value.shape }), formatAval(mask)];
  if (mask.dtype !== 'bool') throw new TypeError(`trainable: the mask of ${which} must be ${wanted}, but is ${given}; compare, or convert it with astype('bool').`);
  if (mask.ndim !== value.ndim || mask.shape.some((d, i) => d !== value.shape[i] && d !== 1)) {
    const rows = mask.ndim === 1 && mask.shape[0] === value.shape[0] && value.ndim > 1;
    throw new ShapeError(`trainable: the mask of ${which} must be ${wanted}, or have 1 where it is the same along an axis, but is ${given}${rows ? `; reshape it to [${[mask.shape[0], ...value.shape.slice(1).map(() => 1)].join(', ')}] for whole rows` : ''}.`);
  }
  if (!(mask instanceof ConcreteArray)) throw new TypeError(`trainable: the mask of ${which} is traced, but which elements train must be known before.`);
  const n = marked(mask);
  return n === mask.size ? 'all' : n > 0 ? 'some' : 'none';
}

/** How many elements a mask marks. */
export const marked = (mask: Array): number => (mask.data as Uint8Array).reduce((n, x) => n + x, 0);
