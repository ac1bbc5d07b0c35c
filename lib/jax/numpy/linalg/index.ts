/** `jax.numpy.linalg`. */
export * from './decompositions.js';
export * from './norms.js';
export * from './products.js';
export * from './solving.js';
