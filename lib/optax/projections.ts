/** Nearest points of convex sets, after `optax.projections`. A tree is projected as one vector. */
import { customJvp, nn, numpy as jnp, tree, type Array } from '../jax/index.js';
import { checkOptions } from '../runtime/options.js';
import type { Params, Scalar } from './base.js';
import { treeAddScale, treeFullLike, treeMul, treeNorm, treeScale, treeVdot, treeWhere } from './tree/math.js';
import { ravelTree, unravelLike } from './transforms/constraining.js';

/** Negative numbers become 0. As `optax.projections.projection_non_negative`. */
export const projectionNonNegative = <P>(x: P): P => tree.map(nn.relu, x);

const isTree = (x: unknown): boolean => typeof x === 'object' && x !== null && !('dtype' in x);
/**
 * Every number between its bounds, which are numbers or trees. As `optax.projections.projection_box`.
 *
 * @example
 * const inside = optax.projections.projectionBox(params, -1, 1);
 */
export function projectionBox<P>(x: P, lower: Params | Scalar, upper: Params | Scalar): P {
  const like = (bound: Params | Scalar) => (isTree(bound) || isTree(x) === false ? bound : tree.map(() => bound, x));
  return isTree(x) ? tree.map((a: Array, l: Scalar, u: Scalar) => jnp.clip(a, l, u), x, like(lower), like(upper)) : jnp.clip(x as never, lower, upper) as never;
}

/** How large the set is that is projected onto. */
export interface ProjectionOptions {
  /** Its side, sum or radius (1). */
  scale?: Scalar;
}
const scaleOf = (name: string, options: ProjectionOptions | undefined): Scalar => checkOptions(`optax.projections.${name}`, options, ['scale']).scale ?? 1;

/** Every number in [0, scale] (1). As `optax.projections.projection_hypercube`. */
export const projectionHypercube = <P>(x: P, options?: ProjectionOptions): P => projectionBox(x, 0, scaleOf('projectionHypercube', options));

/** By sorting; its derivative is that of the projection on the face where the point lies. */
const ontoSimplex = (values: Array): Array => {
  const n = values.shape[0] as number;
  const sorted = jnp.flip(jnp.sort(values));
  const sums = jnp.cumsum(sorted);
  const ranks = jnp.arange(1, n + 1).astype(values.dtype);
  const inside = jnp.divide(1, ranks).add(sorted.sub(sums.div(ranks))).gt(0);
  const support = jnp.sum(inside);
  const sum = jnp.sum(jnp.where(jnp.arange(n).eq(support.sub(1)), sums, 0));
  const size = support.astype(values.dtype);
  return nn.relu(jnp.divide(1, size).add(values.sub(sum.div(size))));
};
const unitSimplex = customJvp(ontoSimplex);
unitSimplex.defjvp((...given: any[]) => {
  const [[values], [tangent]] = given as [[Array], [Array]];
  const out = ontoSimplex(values);
  const support = out.gt(0).astype(values.dtype);
  return [out, support.mul(tangent).sub(jnp.sum(support.mul(tangent)).div(jnp.sum(support)).mul(support))];
});

const ontoScaledSimplex = <P>(x: P, scale: Scalar): P => unravelLike(x, jnp.multiply(scale, unitSimplex(ravelTree(x).div(scale)) as Array)) as P;
const ontoL1Sphere = <P>(x: P, scale: Scalar): P => treeMul(tree.map(jnp.sign, x), ontoScaledSimplex(tree.map(jnp.abs, x), scale));

/**
 * The nearest point whose numbers are not negative and sum to `scale` (1). As `optax.projections.projection_simplex`.
 *
 * @example
 * const weights = optax.projections.projectionSimplex(jnp.array([0.5, 2, -1]), { scale: 2 });
 */
export const projectionSimplex = <P>(x: P, options?: ProjectionOptions): P => ontoScaledSimplex(x, scaleOf('projectionSimplex', options));

/** The nearest point of l1 norm `scale` (1). As `optax.projections.projection_l1_sphere`. */
export const projectionL1Sphere = <P>(x: P, options?: ProjectionOptions): P => ontoL1Sphere(x, scaleOf('projectionL1Sphere', options));
/** The nearest point of l1 norm at most `scale` (1). As `optax.projections.projection_l1_ball`. */
export function projectionL1Ball<P>(x: P, options?: ProjectionOptions): P {
  const scale = scaleOf('projectionL1Ball', options);
  return treeWhere(treeNorm(x, { ord: 1 }).le(scale), x, ontoL1Sphere(x, scale));
}
/** The nearest point of l2 norm `scale` (1). As `optax.projections.projection_l2_sphere`. */
export const projectionL2Sphere = <P>(x: P, options?: ProjectionOptions): P => treeScale(jnp.divide(scaleOf('projectionL2Sphere', options), treeNorm(x)), x);
/** The nearest point of l2 norm at most `scale` (1). As `optax.projections.projection_l2_ball`. */
export function projectionL2Ball<P>(x: P, options?: ProjectionOptions): P {
  const scale = scaleOf('projectionL2Ball', options);
  return treeScale(jnp.divide(scale, jnp.sqrt(jnp.maximum(treeNorm(x, { squared: true }), jnp.square(scale)))), x);
}
/** Every number in [-scale, scale] (1). As `optax.projections.projection_linf_ball`. */
export function projectionLinfBall<P>(x: P, options?: ProjectionOptions): P {
  const scale = scaleOf('projectionLinfBall', options);
  return projectionBox(x, treeFullLike(x, typeof scale === 'number' ? -scale : jnp.negative(scale)), treeFullLike(x, scale));
}

/** The point of the line through 0 and `a` that is nearest to `x`. As `optax.projections.projection_vector`. */
export const projectionVector = <P>(x: P, a: P): P => treeScale(treeVdot(x, a).div(treeVdot(a, a)), a);
const distance = (x: Params, a: Params, b: Scalar): Array => jnp.subtract(b, treeVdot(x, a)).div(treeVdot(a, a));
/** The nearest point with ⟨a, x⟩ = b. As `optax.projections.projection_hyperplane`. */
export const projectionHyperplane = <P>(x: P, a: P, b: Scalar): P => treeAddScale(x, distance(x, a, b), a);
/** The nearest point with ⟨a, x⟩ ≤ b. As `optax.projections.projection_halfspace`. */
export const projectionHalfspace = <P>(x: P, a: P, b: Scalar): P => treeAddScale(x, jnp.minimum(distance(x, a, b), 0), a);
