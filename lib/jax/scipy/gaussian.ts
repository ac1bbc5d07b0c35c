/** The normal distribution function, its logarithm and its inverse. */
import { Scalar, type NDArray } from '../array.js';
import { add, bitwiseAnd, div, eq, ge, gt, le, lt, max, min, mul, neg, select, square, sub } from '../primitives/arithmetic.js';
import { inFloat64 } from '../primitives/composed.js';
import { elementwise, unaryFunction } from '../primitives/elementwise.js';
import { erfInv, exp, log, log1p, sqrt } from '../primitives/functions.js';
import { requireFloat } from '../primitives/primitive.js';
import { erfc } from '../primitives/special.js';

/** Φ(x) = erfc(-x/√2)/2, which keeps its digits in the lower tail. */
export const ndtr = (x: NDArray): NDArray => mul(0.5, erfc(mul(x, -Math.SQRT1_2)));

// Below, erfc loses digits or vanishes.
const SERIES_BELOW = { float64: -20, other: -8 };
/** log Φ(x): by log1p above -1, by the logarithm of erfc below, and by the asymptotic series far below. */
export function logNdtr(x: NDArray): NDArray {
  const far = x.dtype === 'float64' ? SERIES_BELOW.float64 : SERIES_BELOW.other;
  const high = log1p(neg(ndtr(neg(max(x, -1)))));
  const middle = log(ndtr(min(max(x, far), -1)));
  // 1 - 1/x² + 3/x⁴ - 15/x⁶ …
  const low = min(x, far);
  const inverse = div(1, square(low));
  let sum = new Scalar(1, x.dtype) as NDArray;
  for (let k = 6; k >= 1; k--) sum = sub(1, mul(mul(2 * k - 1, inverse), sum));
  const series = add(sub(sub(mul(-0.5, square(low)), log(neg(low))), 0.5 * Math.log(2 * Math.PI)), log(sum));
  return select(gt(x, -1), high, select(gt(x, far), middle, series));
}

/** Φ⁻¹ in float64: by erf⁻¹, and in the tails by Newton's method for log Φ from √(-2 log p). */
function quantile(p: NDArray): NDArray {
  const tail = min(p, sub(1, p));
  const safe = min(max(tail, 1e-305), 0.1);
  const goal = log(safe);
  let x = neg(sqrt(mul(-2, goal)));
  for (let i = 0; i < 6; i++) {
    const value = logNdtr(x);
    const slope = exp(sub(sub(mul(-0.5, square(x)), 0.5 * Math.log(2 * Math.PI)), value));
    x = sub(x, div(sub(value, goal), slope));
  }
  const central = mul(Math.SQRT2, erfInv(sub(mul(2, max(tail, 0.01)), 1)));
  const left = select(eq(tail, 0), -Infinity, select(lt(tail, 0.02), x, central));
  const inside = bitwiseAnd(ge(p, 0), le(p, 1));
  return select(inside, select(gt(p, 0.5), neg(left), left), NaN);
}
// d Φ⁻¹(p) = √(2π)·exp(Φ⁻¹(p)²/2)
export const ndtriP = elementwise({
  name: 'ndtri', opcode: undefined, onnx: inFloat64(quantile), result: ([a]) => requireFloat('ndtri', a),
  rule: (ct, _inputs, [y]) => [() => mul(ct, mul(Math.sqrt(2 * Math.PI), exp(mul(0.5, square(y)))))],
});
export const ndtri = unaryFunction(ndtriP);
