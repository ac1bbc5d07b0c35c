/** `jax.scipy`: what of it models and losses use. */
export * as linalg from './linalg.js';
