/** `hk.testing`: running functions over modules in tests. */
import { random } from '../jax/index.js';
import { checkOptions } from '../runtime/options.js';
import type { AnyFunction } from './callable.js';
import { transformWithState } from './transform.js';

export interface TransformAndRunOptions {
  /** Of the keys: init gets `PRNGKey(seed)`, apply `PRNGKey(seed + 1)`; null gives none. Default 42. */
  seed?: number | null;
  /** False runs `init` alone, and returns nothing. Default true. */
  runApply?: boolean;
  /** Put around both, e.g. `jax.jit`. */
  jaxTransform?: (f: AnyFunction) => AnyFunction;
}

/**
 * A function that runs `f` in `init` and then in `apply`, and returns what that returned.
 *
 * ```ts
 * it('keeps the shape', hk.testing.transformAndRun(() => expect(new Net()(x).shape).to.deep.equal(x.shape)));
 * ```
 */
export function transformAndRun<A extends unknown[], R>(f: (...args: A) => R, options?: TransformAndRunOptions): (...args: A) => R {
  const { seed = 42, runApply = true, jaxTransform = (g: AnyFunction) => g } = checkOptions('hk.testing.transformAndRun', options, ['seed', 'runApply', 'jaxTransform']);
  const key = (offset: number) => (seed === null ? null : random.PRNGKey(seed + offset));
  return (...args) => {
    const transformed = transformWithState(f);
    const [params, state] = jaxTransform(transformed.init)(key(0), ...args);
    return (runApply ? jaxTransform(transformed.apply)(params, state, key(1), ...args)[0] : undefined) as R;
  };
}
