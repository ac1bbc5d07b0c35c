/** Schedules' values are floats, also where JavaScript's whole numbers alone would make integers. */
import { isArray, numpy as jnp, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import type { Scalar } from '../base.js';

export const asFloat = (x: Scalar): Array => jnp.asarray(x, { dtype: 'float32' });
/** What whole numbers alone made an integer is a float all the same. */
export const floating = (x: Scalar): Scalar => (isArray(x) && !isFloat(x.dtype) ? asFloat(x) : x);
/** A schedule's own number at an array of a count: a weak float, where JavaScript's 1 alone would be an integer. */
export const floatAt = (value: Scalar, count: Scalar): Scalar => (isArray(count) && typeof value === 'number' ? jnp.divide(value, 1) : value);
