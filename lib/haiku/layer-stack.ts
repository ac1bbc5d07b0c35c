/** A layer repeated in a loop, each time with parameters of its own: one piece of program, however deep the net. */
import { lax, numpy as jnp, random, tree, type Array } from '../jax/index.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import type { AnyFunction } from './callable.js';
import { requireFrame } from './context.js';
import { AssertionError } from './errors.js';
import { liftWithState, transparentLiftWithState } from './lift.js';
import { describe, isMapping, setOwn } from './mappings.js';
import { maybeNextRngKey } from './rng.js';
import { transformWithState } from './transform.js';

/** How the modules of a layer are called where the layers are stored one by one. */
export interface LayerStackTransparencyMapping {
  /** The path of a layer's module in the parameters. */
  stackedToFlat(stackedModuleName: string, index: number): string;
  /** The inverse; null for modules that belong to no layer. */
  flatToStacked(flatModuleName: string): readonly [stackedModuleName: string, index: number] | null;
}

export interface LayerStackOptions {
  /** Whether the function takes `(x, ...ys)`, with a row of `ys` for each layer, and returns `[x, z]`; default false. */
  withPerLayerInputs?: boolean;
  /** As in `lax.scan`. */
  unroll?: number | boolean;
  /** Whether the function gets `{ reverse }` as its last argument; default false. */
  passReverseToLayerFn?: boolean;
  /** Stores the layers' parameters one by one, named by `transparencyMap`, as a loop in JavaScript would; default false. */
  transparent?: boolean;
  transparencyMap?: LayerStackTransparencyMapping;
  /** Of the module that the parameters are under; default `__layer_stack_no_per_layer` or `__layer_stack_with_per_layer`. */
  name?: string;
}

type Bundles = Record<string, Record<string, any>>;

function split(stacked: Bundles, layers: number, map: LayerStackTransparencyMapping): Bundles {
  const out: Bundles = {};
  for (const [module, bundle] of Object.entries(stacked)) {
    for (let i = 0; i < layers; i++) {
      const flat = map.stackedToFlat(module, i);
      if (Object.hasOwn(out, flat)) throw new ValueError(`hk.layerStack: Found conflicting unstacked module name for ${module} at ${flat}: transparencyMap.stackedToFlat must give each layer another name.`);
      setOwn(out, flat, tree.map((x: Array) => x.index(i), bundle) as Record<string, any>);
    }
  }
  return out;
}

function stack(flat: Bundles, layers: number, map: LayerStackTransparencyMapping): Bundles {
  const each: Bundles[] = globalThis.Array.from({ length: layers }, () => ({}));
  for (const [module, bundle] of Object.entries(flat)) {
    const place = map.flatToStacked(module);
    if (!place) continue;
    const [name, index] = place;
    if (!Object.hasOwn(each[index], name)) setOwn(each[index], name, {});
    for (const [key, value] of Object.entries(bundle)) {
      if (Object.hasOwn(each[index][name], key)) throw new ValueError(`hk.layerStack: Found conflicting values for param ${name}/${key} at index ${index}: transparencyMap.flatToStacked must be the inverse of stackedToFlat.`);
      setOwn(each[index][name], key, value);
    }
  }
  return tree.map((...xs: Array[]) => jnp.stack(xs), each[0], ...each.slice(1)) as Bundles;
}

interface Call { readonly x: any; readonly ys: readonly any[]; readonly reverse: boolean }

/** Runs the layers: the last `x`, and what they gave beside it. Two keys are taken, at init and at apply alike. */
function run(layer: (x: any, ys: any[], extra: object[]) => [any, any], layers: number, settings: LayerStackOptions & { name: string }, { x, ys, reverse }: Call): [any, any] {
  const { transparencyMap: map, passReverseToLayerFn, unroll = 1, name } = settings;
  const { init, apply } = transformWithState((value: any, rows: any[], extra: object[]) => layer(value, rows, extra));

  const initOne = ([value, rng]: [any, Array | null], rows: any[]): [any, any] => {
    const [own, next, applying] = rng ? [0, 1, 2].map(((keys) => (i: number) => keys.index(i))(random.split(rng, 3))) : [null, null, null];
    const [params, before] = init(own, value, rows, []);
    const [[after], state] = apply(params, before, applying, value, rows, []);
    return [[after, next], [params, state]];
  };
  const initAll = (value: any, rng: Array | null): [Bundles, Bundles] => {
    const [params, state] = lax.scan(initOne, [value, rng], ys, { length: layers })[1] as [Bundles, Bundles];
    return map ? [split(params, layers, map), split(state, layers, map)] : [params, state];
  };

  const rng = maybeNextRngKey();
  const [lifted, updater] = map ? transparentLiftWithState(initAll, { allowReuse: true }) : liftWithState(initAll, { allowReuse: true, name });
  const [params, state] = lifted(x, rng).map((all) => (map ? stack(all, layers, map) : all));
  const key = maybeNextRngKey();
  const applyOne = (value: any, [p, s, k, rows]: [any, any, Array | null, any[]]): [any, any] => {
    const [[after, z], left] = apply(p, s, k, value, rows, passReverseToLayerFn ? [{ reverse }] : []);
    return [after, [z, left]];
  };
  const [last, [zs, states]] = lax.scan(applyOne, x, [params, state, key && random.split(key, layers), ys], { length: layers, reverse, unroll });
  updater.update(map ? split(states, layers, map) : states);
  return [last, zs];
}

/** `{ reverse }` as a last argument is an option of the call. */
function readCall(args: any[]): [args: any[], reverse: boolean] {
  const last: unknown = args.at(-1);
  const isOptions = isMapping(last) && Object.keys(last).length === 1 && typeof last.reverse === 'boolean';
  return isOptions ? [args.slice(0, -1), last.reverse as boolean] : [args, false];
}

/**
 * Repeats a function over modules, each time with other parameters, which are stacked on a new leading axis.
 *
 * ```ts
 * const y = hk.layerStack(12)((x: Array) => block(x))(x);                       // x = block(x), 12 times
 * const [y, zs] = hk.layerStack(12, { withPerLayerInputs: true })((x, t) => [block(x, t), norm(x)])(x, times);
 * ```
 * The function takes trees of arrays and returns the same types (with one argument, a value like it; with several, a list).
 * Calling the result with `{ reverse: true }` as last argument runs the layers from the last to the first.
 * @throws ValueError for `transparent` without `transparencyMap`; AssertionError where per-layer inputs have another size.
 */
export function layerStack(numLayers: number, options?: LayerStackOptions): <F extends AnyFunction>(f: F) => (...args: any[]) => any {
  const { withPerLayerInputs = false, transparent = false, name, ...rest }
    = checkOptions('hk.layerStack', options, ['withPerLayerInputs', 'unroll', 'passReverseToLayerFn', 'transparent', 'transparencyMap', 'name']) as LayerStackOptions;
  if (!Number.isInteger(numLayers) || numLayers < 1) throw new ValueError(`hk.layerStack: the number of layers needs to be a whole number above 0, got ${numLayers}.`);
  if (transparent && !rest.transparencyMap) throw new ValueError('hk.layerStack: transparencyMap must be provided with transparent: true.');
  const settings = { ...rest, name: name || (withPerLayerInputs ? '__layer_stack_with_per_layer' : '__layer_stack_no_per_layer') };
  return (f) => {
    if (typeof f !== 'function') throw new TypeError(`hk.layerStack repeats a function, but got ${describe(f)}.`);
    return (...given) => {
      requireFrame('layerStack');
      const [args, reverse] = readCall(given);
      if (withPerLayerInputs) {
        const [x, ...ys] = args;
        for (const y of tree.leaves(ys) as Array[]) if (y.shape[0] !== numLayers) throw new AssertionError(`hk.layerStack: per-layer inputs have one row for each of the ${numLayers} layers, but one has the shape [${y.shape}].`);
        return run((value, rows, extra) => f(value, ...rows, ...extra), numLayers, settings, { x, ys, reverse });
      }
      const one = args.length === 1;
      const [last] = run((values: any[], _rows, extra) => { const out = f(...values, ...extra); return [one ? [out] : out, null]; }, numLayers, settings, { x: args, ys: [], reverse });
      return one ? last[0] : last;
    };
  };
}
