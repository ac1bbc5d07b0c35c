/** Derivatives against finite differences, as `jax.test_util.check_grads`. */
import { ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { formatAval, type NDArray } from './array.js';
import { checkFunction, flattenArgs, vjp, type Fn } from './autodiff.js';
import { isFloat } from './dtypes.js';
import { jvp } from './forward.js';
import * as random from './random/index.js';
import { add, mul, sub } from './primitives/arithmetic.js';
import { convertElementType } from './primitives/convert.js';
import * as tree from './tree.js';

export interface CheckGradsOptions {
  /** How many derivatives deep. */
  order: number;
  modes?: readonly ('fwd' | 'rev')[];
  /** Absolute and relative tolerance; by the narrowest dtype where not given. */
  atol?: number;
  rtol?: number;
  /** The step of the differences. */
  eps?: number;
}

const TOLERANCE: Record<string, number> = { float64: 1e-5, float32: 6e-3, float16: 6e-1, bfloat16: 1 };
const dot = (a: readonly NDArray[], b: readonly NDArray[]): number =>
  a.reduce((sum, x, i) => sum + (isFloat(x.dtype) ? dotOf(x, b[i]) : 0), 0);
function dotOf(a: NDArray, b: NDArray): number {
  const [x, y] = [convertElementType(a, 'float64').data, convertElementType(b, 'float64').data] as [Float64Array, Float64Array];
  return x.reduce((sum, v, i) => sum + v * y[i], 0);
}
const directions = (seed: number, xs: readonly NDArray[]): NDArray[] =>
  xs.map((x, i) => { const t = random.normal(random.foldIn(random.PRNGKey(seed), i), x.shape); return isFloat(x.dtype) ? convertElementType(t, x.dtype) : mul(t, 0); });

/**
 * Compares derivatives of `f` at `args` with central differences along random directions: `jvp` for mode 'fwd', `vjp`
 * for 'rev', and their own derivatives up to `order`.
 * @throws ValueError that says which derivative differs, and by how much.
 */
export function checkGrads(f: Fn, args: readonly unknown[], options: CheckGradsOptions): void {
  checkFunction(f, 'checkGrads');
  const { order, modes = ['fwd', 'rev'], atol, rtol, eps } = checkOptions('checkGrads', options, ['order', 'modes', 'atol', 'rtol', 'eps']);
  const check = (g: Fn, xs: readonly unknown[], depth: number, name: string): void => {
    const { leaves, def } = flattenArgs(xs, 'checkGrads');
    if (leaves.some((x) => !isFloat(x.dtype))) throw new ValueError(`checkGrads: expected floating-point arguments, got ${leaves.map(formatAval).join(', ')}.`);
    const narrow = leaves.reduce((t, x) => Math.max(t, TOLERANCE[x.dtype]), 0);
    const step = eps ?? (narrow <= 1e-5 ? 1e-5 : 1e-2);
    const ts = directions(7 + depth, leaves);
    const at = (by: number): NDArray[] => tree.leaves(g(...(tree.unflatten(def, leaves.map((x, i) => add(x, mul(ts[i], by)))) as unknown[]))) as NDArray[];
    const [above, below] = [at(step), at(-step)];
    const differences = above.map((x, i) => (isFloat(x.dtype) ? mul(sub(x, below[i]), 1 / (2 * step)) : x));
    const weights = directions(77 + depth, above);
    const expected = dot(differences, weights);
    const compare = (mode: string, actual: number): void => {
      if (!(Math.abs(actual - expected) <= (atol ?? narrow) + (rtol ?? narrow) * Math.abs(expected))) throw new ValueError(`checkGrads: the ${name}derivative by ${mode} along a random direction is ${actual}, finite differences give ${expected}.`);
    };
    const tangents = tree.unflatten(def, ts) as unknown[];
    if (modes.includes('fwd')) compare('jvp', dot(tree.leaves(jvp(g, xs, tangents)[1]) as NDArray[], weights));
    if (modes.includes('rev')) {
      const [out, pull] = vjp(g, ...xs);
      compare('vjp', dot(tree.leaves(pull(tree.unflatten(tree.structure(out), weights))) as NDArray[], ts));
    }
    if (depth === order) return;
    if (modes.includes('fwd')) check((...ys) => jvp(g, ys, tangents)[1], xs, depth + 1, `${name}derivative of the `);
    if (modes.includes('rev')) check((...ys) => vjp(g, ...ys)[1](tree.unflatten(tree.structure(g(...xs)), weights)), xs, depth + 1, `${name}gradient of the `);
  };
  check(f, args, 1, '');
}
