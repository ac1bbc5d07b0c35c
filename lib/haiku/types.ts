/** Types that the whole Haiku layer shares. */
import type { Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';

/** Parameters by module path, then by name: `{ 'mlp/~/linear_0': { w, b } }`. */
export type Params = Readonly<Record<string, Readonly<Record<string, Array>>>>;
/** As `Params`, for maps that are the caller's own: what `init` returns. */
export type MutableParams = Record<string, Record<string, Array>>;
/** State by module path, then by name; a value may be any tree of arrays. */
export type State = Readonly<Record<string, Readonly<Record<string, any>>>>;
/** As `State`, for maps that are the caller's own. */
export type MutableState = Record<string, Record<string, any>>;

/**
 * Makes the first value of a parameter. The dtype's type also fits `{ dtype }`, so that `jnp.zeros` and `jnp.ones` are
 * initialisers as they stand; they are then called with options.
 */
export type Initializer = (shape: readonly number[], dtype: DType & { readonly dtype?: DType }) => Array;

/** What `init` and `apply` take as their source of random numbers: a key, a seed, an int32 scalar array, or none. */
export type RngLike = Array | number | null | undefined;

/** What contexts and hooks know of a module. */
export interface ModuleInstance {
  /** The last part of the path. */
  readonly name: string;
  /** The full path, e.g. `mlp/~/linear_0`. */
  readonly moduleName: string;
  paramsDict(): Record<string, Array>;
  stateDict(): Record<string, any>;
}

/** A module that is called as a function. */
export type SupportsCall = ModuleInstance & ((...args: any[]) => any);
