/** `jax.scipy.stats`. */
export * as norm from './norm.js';
