/** `getParameter`, `getState` and `setState`: named values under the path of the module that is running. */
import { tree, type Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { nearestName } from '../runtime/nearest.js';
import { checkOptions } from '../runtime/options.js';
import { liftedPrefixName, pathOf, requireEffects, type Frame } from './context.js';
import { MissingRNGError } from './errors.js';
import { DO_NOT_STORE, create, read, write, type GetterContext } from './hooks.js';
import { describe, setInStore } from './mappings.js';
import type { Initializer } from './types.js';

/** How a value is made where it is missing. */
export interface ValueOptions {
  /** Default float32. An existing value keeps the dtype that it has. */
  dtype?: DType;
  init?: Initializer;
}

const NO_INIT = 'NO_INITIALIZER';

const quotedList = (names: Iterable<string>): string => {
  const all = [...names];
  const shown = all.slice(0, 10).map((name) => `'${name}'`).join(', ');
  return all.length > 10 ? `${shown} and ${all.length - 10} more` : shown;
};

/** Names the parameter, its module and shape, and what is there instead. */
function missingParameter(frame: Frame, module: string, name: string, shape: readonly number[], cause: unknown): ValueError {
  const bundle = frame.params.get(module);
  const near = bundle ? nearestName(name, bundle.keys()) : nearestName(module, frame.params.keys());
  const there = bundle ? `that module has ${bundle.size ? quotedList(bundle.keys()) : 'no parameters'}`
    : frame.params.size ? `there is no such module among ${quotedList(frame.params.keys())}` : 'the given params are empty';
  return new ValueError(`Unable to retrieve parameter '${name}' of shape [${shape}] for module '${module}'. All parameters must be created as part of `
    + `\`init\`; ${there}${near ? ` (did you mean '${near}'?)` : ''}.`, 'MISSING_PARAMETER', { cause });
}

function contextOf(frame: Frame, module: string, name: string, shape: readonly number[] | undefined, dtype: DType, init: Initializer | undefined): GetterContext {
  return {
    fullName: `${module}/${name}`, moduleName: module, name, module: frame.modules.top?.module,
    originalShape: shape, originalDtype: dtype, originalInit: init,
    get liftedPrefixName() { return liftedPrefixName(); },
  };
}

function checkValueName(where: string, name: unknown): void {
  if (typeof name !== 'string') throw new TypeError(`${where}: the name is a string, but got ${describe(name)}.`);
}

function checkShape(where: string, shape: unknown): void {
  if (!globalThis.Array.isArray(shape)) throw new TypeError(`${where}: the shape is a list of numbers ([] for a scalar), but got ${describe(shape)}.`);
  for (const size of shape as unknown[]) {
    const isSize = typeof size === 'number' ? Number.isInteger(size) && size >= 0 : typeof size === 'object' && size !== null;
    if (!isSize) throw new TypeError(`${where}: the shape [${shape.map(String).join(', ')}] should have whole numbers only; a size may be missing where the module was made.`);
  }
}

/**
 * The parameter `name` of the module that is running (of `~` outside all modules). `init` makes it with `options.init`
 * and stores it; `apply` reads it.
 *
 * ```ts
 * const w = hk.getParameter('w', [x.shape.at(-1), 10], { init: new hk.initializers.TruncatedNormal() });
 * ```
 * @returns an array of exactly that shape.
 * @throws ValueError where apply finds no such parameter, where its shape differs, where it is missing and no `init` was
 * given, and outside a transform.
 */
export function getParameter(name: string, shape: readonly number[], options?: ValueOptions): Array {
  const frame = requireEffects('getParameter');
  checkValueName('hk.getParameter', name);
  checkShape(`hk.getParameter of '${name}'`, shape);
  const { dtype: given, init } = checkOptions('hk.getParameter', options, ['dtype', 'init']);
  const dtype = given ?? 'float32';
  const module = pathOf(frame);
  const fullName = `${module}/${name}`;
  if (init !== undefined && init !== null && typeof init !== 'function') throw new TypeError(`hk.getParameter: init of '${fullName}' must be a function (shape, dtype) → array, but got ${describe(init)}.`);
  const context = contextOf(frame, module, name, shape, dtype, init);
  let param: Array | undefined = frame.params.get(module)?.get(name);
  let made = false;

  if (param === undefined || param === null) {
    const noInit: Initializer = () => { throw new ValueError(`Initializer must be specified: '${fullName}' does not exist yet; give getParameter { init }.`, NO_INIT); };
    try {
      param = create('params', shape, dtype, init ?? noInit, context);
    } catch (error) {
      // At apply the cause is that init did not make the parameter, not that it cannot be made now.
      const cannotMake = error instanceof MissingRNGError || (error instanceof ValueError && error.code === NO_INIT);
      throw frame.frozen && cannotMake ? missingParameter(frame, module, name, shape, error) : error;
    }
    if (param !== DO_NOT_STORE) {
      if (frame.frozen) throw missingParameter(frame, module, name, shape, undefined);
      setInStore(frame.params, module, name, checkValue(fullName, param));
    }
    made = true;
  }

  const value = checkValue(fullName, read('params', param, context));
  if (value.shape.length !== shape.length || value.shape.some((size, i) => String(size) !== String(shape[i]))) {
    throw new ValueError(`'${fullName}' with retrieved shape [${value.shape}] does not match shape=[${shape}] dtype=${dtype}: ${
      made ? 'that is what its initialiser returned' : 'the parameters come from a model of other sizes, or two modules share this name'}.`);
  }
  return value;
}

/** A parameter must be an array; DO_NOT_STORE passes, and complains by itself where no getter has replaced it. */
function checkValue(fullName: string, value: unknown): Array {
  if (value === null || value === undefined) throw new ValueError(`Parameters cannot be \`null\`: '${fullName}' is ${value}; its initialiser or a getter must return an array.`);
  if (value !== DO_NOT_STORE && !globalThis.Array.isArray((value as Array).shape)) {
    throw new TypeError(`'${fullName}' should be an array, but is ${describe(value)}: make one with jnp.array.`);
  }
  return value as Array;
}

/**
 * The state `name` of the module that is running. Where it is missing it is made with `options.init`, at apply too.
 * @param shape Needed only where the value may have to be made; it is not compared with an existing one.
 * @throws ValueError where it is missing and `init` or `shape` was not given, and outside a transform.
 */
export function getState(name: string, shape?: readonly number[], options?: ValueOptions): any {
  const frame = requireEffects('getState');
  checkValueName('hk.getState', name);
  if (shape !== undefined && shape !== null) checkShape('hk.getState', shape);
  const { dtype: given, init } = checkOptions('hk.getState', options, ['dtype', 'init']);
  const dtype = given ?? 'float32';
  const module = pathOf(frame);
  const context = contextOf(frame, module, name, shape, dtype, init);
  const pair = frame.state.get(module)?.get(name);
  if (pair && pair.current !== null && pair.current !== undefined) return read('state', pair.current, context);
  if (!init) {
    throw new ValueError(`No value for '${name}' in '${module}', perhaps set an init function? ${frame.frozen
      ? 'Give apply the state that init returned, or' : 'A value must be set before it is read: for averages let init run with isTraining true, or'} getState(name, shape, { init }).`, 'MISSING_STATE');
  }
  if (!shape) throw new ValueError(`Must provide shape and dtype to initialize '${name}' in '${module}': getState(name, shape, { dtype, init }).`);
  const value = create('state', shape, dtype, init, context);
  if (value !== DO_NOT_STORE) setInStore(frame.state, module, name, { initial: value, current: value });
  return read('state', value, context);
}

const shapeOf = (x: any): unknown => x?.shape;
const dtypeOf = (x: any): unknown => x?.dtype;

/**
 * Sets the state `name` of the module that is running to any tree of arrays. The first value of a name is also what
 * `init` returns for it; later ones are seen by `apply` alone.
 */
export function setState(name: string, value: any): void {
  const frame = requireEffects('setState');
  checkValueName('hk.setState', name);
  if (value === undefined) throw new TypeError(`hk.setState of '${name}': no value was given.`);
  const module = pathOf(frame);
  const current = write(value, () => ({
    fullName: `${module}/${name}`, moduleName: module, name, module: frame.modules.top?.module,
    originalShape: tree.map(shapeOf, value), originalDtype: tree.map(dtypeOf, value), liftedPrefixName: liftedPrefixName(),
  }));
  if (current === DO_NOT_STORE) return;
  const before = frame.state.get(module)?.get(name);
  setInStore(frame.state, module, name, { initial: before ? before.initial : current, current });
}
