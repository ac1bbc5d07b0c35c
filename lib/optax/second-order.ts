/** Second derivatives, after `optax.second_order` (deprecated there), and gradients scaled on their way back. */
import { customVjp, grad, jvp, numpy as jnp, stopGradient, tree, vmap, type Array } from '../jax/index.js';
import type { Params, Scalar } from './base.js';
import { ravelTree, unravelLike } from './transforms/constraining.js';

type LossFn = (params: Params, inputs: any, targets: any) => Array;

/**
 * The product of the Hessian of a loss with a flat vector. As `optax.second_order.hvp`.
 *
 * @example
 * const product = optax.secondOrder.hvp((p) => optax.tree.norm(p, { squared: true }), jnp.ones([6]), params, null, null);
 */
export const hvp = (loss: LossFn, v: Array, params: Params, inputs: any, targets: any): Params =>
  jvp(grad((p: Params) => loss(p, inputs, targets)), [params], [unravelLike(params, v)])[1];

/**
 * The diagonal of the Hessian of a loss, flat. As `optax.second_order.hessian_diag`.
 *
 * @example
 * const diagonal = optax.secondOrder.hessianDiag((p) => optax.tree.norm(p, { squared: true }), params, null, null);
 */
export function hessianDiag(loss: LossFn, params: Params, inputs: any, targets: any): Array {
  const basis = jnp.eye(ravelTree(params).shape[0]!);
  return vmap((v: Array) => jnp.sum(v.mul(ravelTree(hvp(loss, v, params, inputs, targets)))))(basis) as Array;
}

/**
 * The diagonal of the Fisher matrix by its definition from one batch: the squared gradient, flat. As
 * `optax.second_order.fisher_diag`.
 *
 * @example
 * const diagonal = optax.secondOrder.fisherDiag((p) => optax.tree.norm(p, { squared: true }), params, null, null);
 */
export const fisherDiag = (negativeLogLikelihood: LossFn, params: Params, inputs: any, targets: any): Array =>
  jnp.square(ravelTree(grad((p: Params) => negativeLogLikelihood(p, inputs, targets))(params)));

const scaled = customVjp((x: any, _scale: Array) => x);
scaled.defvjp(((x: any, scale: Array) => [x, scale]) as never, ((scale: Array, g: any) => [tree.map((y: Array) => y.mul(scale), g), jnp.zerosLike(scale)]) as never);
/**
 * The inputs themselves, whose gradient is multiplied by `scale`. As `optax.scale_gradient`.
 *
 * @example
 * const slow = optax.scaleGradient(params, 0.1);
 */
export function scaleGradient<T>(inputs: T, scale: Scalar): T {
  if (scale === 1) return inputs;
  if (scale === 0) return tree.map(stopGradient, inputs);
  return scaled(inputs, typeof scale === 'number' ? jnp.full([], scale, { dtype: 'float32' }) : scale) as T;
}
