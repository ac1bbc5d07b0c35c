/** `jax.scipy`: what of it models and losses use. */
export * as linalg from './linalg.js';
export * as special from './special.js';
export * as stats from './stats.js';
