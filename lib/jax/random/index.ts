/**
 * `jax.random`: counter-based random numbers, equal to JAX's in every bit for bits, uniforms and what is made of them
 * (both threefry modes; `config.threefryPartitionable`). Each sampler is one compiled program: its elementwise part is
 * fused behind the bits.
 */
export { PRNGKey, clone, foldIn, key, keyData, keyImpl, split, wrapKeyData } from './keys.js';
export { bernoulli, bits, rademacher, randint, uniform, type UniformOptions } from './uniform.js';
export { cauchy, exponential, gumbel, laplace, logistic, pareto, rayleigh, triangular, weibullMin, type GumbelMode } from './continuous.js';
export { doubleSidedMaxwell, lognormal, maxwell, multivariateNormal, normal, orthogonal, truncatedNormal, wald, type MultivariateNormalOptions } from './normal.js';
export { categorical, choice, geometric, permutation, type CategoricalOptions, type ChoiceOptions, type PermutationOptions } from './discrete.js';
export { ball, beta, chisquare, dirichlet, f, gamma, generalizedNormal, loggamma, t } from './gamma.js';
export { binomial, multinomial, poisson } from './counts.js';
