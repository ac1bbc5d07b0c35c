/** Errors of the Haiku layer. */
import { HokkuError, ValueError } from '../runtime/errors.js';

/** A random key was asked for where `init` or `apply` was given none. */
export class MissingRNGError extends ValueError {
  constructor(message: string) { super(message, 'MISSING_RNG'); }
}

/** A function that uses `getState` or `setState` was transformed without state. */
export class NonEmptyStateError extends ValueError {
  constructor(message: string) { super(message, 'NON_EMPTY_STATE'); }
}

/** A raw `jax` transformation was put around a function that makes parameters, sets state or takes keys (`config.checkJaxUsage`). */
export class JaxUsageError extends ValueError {
  constructor(message: string) { super(message, 'JAX_USAGE'); }
}

/** A promise that a function of the user made to us does not hold: what Python's peers report as `AssertionError`. */
export class AssertionError extends HokkuError {
  constructor(message: string) { super(message, 'ASSERTION'); }
}
