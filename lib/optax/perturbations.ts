/** Functions made differentiable by noise, after `optax.perturbations`. */
import { numpy as jnp, random, stopGradient, tree, vmap, type Array } from '../jax/index.js';
import type { DType } from '../runtime/dtypes.js';
import { checkOptions } from '../runtime/options.js';
import type { Params } from './base.js';
import { treeRandomLike } from './tree/dtypes.js';
import { treeAddScale, treeScale, treeSum } from './tree/math.js';

export interface Noise {
  sample(key: Array, shape?: readonly number[], options?: { dtype?: DType }): Array;
  /** Up to a constant. */
  logProb(x: Array): Array;
}
/** Normal noise. As `optax.perturbations.Normal`. */
export class Normal implements Noise {
  sample(key: Array, shape: readonly number[] = [], options?: { dtype?: DType }): Array { return random.normal(key, shape, options); }
  logProb(x: Array): Array { return jnp.multiply(-0.5, jnp.square(x)); }
}
/** Gumbel's noise. As `optax.perturbations.Gumbel`. */
export class Gumbel implements Noise {
  sample(key: Array, shape: readonly number[] = [], options?: { dtype?: DType }): Array { return random.gumbel(key, shape, options); }
  logProb(x: Array): Array { return jnp.negative(x).sub(jnp.exp(jnp.negative(x))); }
}

export interface PerturbOptions {
  /** How many noises the mean is taken over (1000), how strong they are (0.1), and of which kind (`new Gumbel()`). */
  numSamples?: number;
  sigma?: number;
  noise?: Noise;
  /** Takes the function's own value from the samples where the gradient is estimated, which lowers its variance (true). */
  useBaseline?: boolean;
}
/** 1, with the derivative of x. */
const magicBox = (x: Array): Array => jnp.exp(x.sub(stopGradient(x)));

/**
 * The mean of a function over noise added to its argument, which has a gradient even where the function has none: a function
 * of a key and the argument. As `optax.perturbations.make_perturbed_fun`. Berthet et al., Learning with Differentiable
 * Perturbed Optimizers, arXiv:2002.08676; Foerster et al., DiCE, arXiv:1802.05098.
 *
 * @example
 * const soft = optax.perturbations.makePerturbedFun((x) => nn.oneHot(jnp.argmax(x), 3), { numSamples: 100 });
 * const y = soft(random.PRNGKey(0), jnp.array([0.1, 0.2, 0.3]));
 */
export function makePerturbedFun(fun: (x: any) => any, options?: PerturbOptions): (key: Array, x: any) => any {
  const { numSamples = 1000, sigma = 0.1, noise = new Gumbel(), useBaseline = true } =
    checkOptions('optax.perturbations.makePerturbedFun', options, ['numSamples', 'sigma', 'noise', 'useBaseline']);
  return (key, x) => {
    const baseline = useBaseline ? fun(tree.map(stopGradient, x)) : null;
    const one = (k: Array, at: Params, base: Params | null): any => {
      const drawn = treeRandomLike(k, at, { sampler: (kk, shape, o) => noise.sample(kk, shape, o) });
      const shifted = tree.map((a: Array, z: Array) => stopGradient(a.add(z.mul(sigma))), at, drawn);
      // Where the noise is known from where it led, the argument's gradient goes through its probability.
      const z = tree.map((a: Array, s: Array) => s.sub(a).div(sigma), at, shifted);
      const box = magicBox(treeSum(tree.map((v: Array) => noise.logProb(v), z)));
      const out = treeScale(box, fun(shifted));
      return base === null ? out : treeAddScale(out, jnp.subtract(1, box), base);
    };
    const samples = vmap(one as never, { inAxes: [0, null, null] })(random.split(key, numSamples), x, baseline);
    return tree.map((s: Array) => jnp.mean(s, { axis: 0 }), samples);
  };
}
