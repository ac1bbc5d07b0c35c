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

/** A promise that a function of the user made to us does not hold: what Python's peers report as `AssertionError`. */
export class AssertionError extends HokkuError {
  constructor(message: string) { super(message, 'ASSERTION'); }
}
