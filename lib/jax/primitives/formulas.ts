/** What stands for an operator that ONNX or the engine's float64 lacks: formulas with float64's accuracy. */
import { range } from '../../runtime/range.js';
import { Scalar, type NDArray } from '../array.js';
import { abs, add, div, eq, floor, ge, gt, isFinite, le, lt, max, min, mul, neg, pow, round, select, sign, square, sub } from './arithmetic.js';
import { convertElementType } from './convert.js';
import { exp, log, log1p, sin, sqrt } from './functions.js';

/** a₀ + a₁·x + a₂·x² + … */
const polynomial = (x: NDArray, coefficients: readonly number[]): NDArray =>
  coefficients.slice(0, -1).reduceRight<NDArray>((p, c) => add(mul(p, x), c), new Scalar(coefficients.at(-1)!, x.dtype));
/** An odd function from its values at magnitudes. */
const odd = (f: (magnitude: NDArray) => NDArray) => (x: NDArray): NDArray => select(eq(x, 0), x, mul(sign(x), f(abs(x))));
const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

// Near 0 both lose digits in 1 + x and exp(x) - 1, and lose the same in the factor beside them.
export const log1pFormula = (x: NDArray): NDArray => {
  const u = add(x, 1);
  return select(eq(u, 1), x, select(isFinite(u), mul(log(u), div(x, sub(u, 1))), log(u)));
};
export const expm1Formula = (x: NDArray): NDArray => {
  const u = exp(x);
  return select(lt(abs(x), 1), select(eq(u, 1), x, mul(sub(u, 1), div(x, log(u)))), sub(u, 1));
};
// One step of Newton's method makes the last digits right.
export const cbrtFormula = (x: NDArray): NDArray => {
  const a = abs(x);
  const y = pow(a, 1 / 3);
  return mul(sign(x), select(gt(mul(y, y), 0), select(isFinite(a), sub(y, div(sub(y, div(a, mul(y, y))), 3)), a), y));
};
export const cosFormula = (x: NDArray): NDArray => sub(1, mul(2, square(sin(mul(x, 0.5)))));

// Halving the angle three times leaves at most π/32, where nine terms of the series are exact.
const halfAngle = (t: NDArray): NDArray => div(t, add(1, sqrt(add(1, square(t)))));
export const atanFormula = odd((a) => {
  const steep = gt(a, 1);
  const t = halfAngle(halfAngle(halfAngle(select(steep, div(1, a), a))));
  const angle = mul(8, mul(t, polynomial(square(t), range(9).map((k) => (-1) ** k / (2 * k + 1)))));
  return select(steep, sub(Math.PI / 2, angle), angle);
});
export const asinFormula = (x: NDArray): NDArray => atanFormula(div(x, sqrt(mul(sub(1, x), add(1, x)))));
export const acosFormula = (x: NDArray): NDArray => mul(2, atanFormula(sqrt(div(sub(1, x), add(1, x)))));

// e^(x/2) twice, so that nothing overflows which has a result.
const exponentials = (x: NDArray): [NDArray, NDArray] => {
  const e = exp(mul(x, 0.5));
  return [mul(mul(e, 0.5), e), div(div(0.5, e), e)];
};
export const sinhFormula = (x: NDArray): NDArray =>
  select(lt(abs(x), 1), mul(x, polynomial(square(x), range(10).map((k) => 1 / factorial(2 * k + 1)))), sub(...exponentials(x)));
export const coshFormula = (x: NDArray): NDArray => add(...exponentials(x));
/** Above it a square overflows. */
const HUGE = 1e150;
export const asinhFormula = odd((a) => {
  const squares = square(a);
  return select(gt(a, HUGE), add(log(a), Math.LN2), log1p(add(a, div(squares, add(1, sqrt(add(squares, 1)))))));
});
export const acoshFormula = (x: NDArray): NDArray => {
  const t = sub(x, 1);
  return select(ge(x, 1), select(gt(x, HUGE), add(log(x), Math.LN2), log1p(add(t, sqrt(mul(t, add(t, 2)))))), NaN);
};
export const atanhFormula = odd((a) => mul(0.5, log1p(div(mul(2, a), sub(1, a)))));

/** (1 + 2a)·exp(a²)·erfc(a) for a ≥ 0 as a polynomial of (a - 3.75) / (a + 3.75), fitted at Chebyshev points to 4e-16. */
const SCALED_ERFC = [
  1.2375126308378275, -0.14024059858554702, 0.0035854154854644293, 0.08227673849015102, -0.10880393014174886, 0.0923043211601983, -0.05869339858963669,
  0.028362277421516202, -0.009746579558030148, 0.0017556258324167326, 0.0002937136655963236, -0.0002901539792643319, 5.1649098874809056e-05, 2.2383911952150676e-05,
  -1.1444146195812483e-05, -9.728493956711654e-07, 1.7516375839057554e-06, -5.8263088668337045e-08, -2.58668441217158e-07, 2.4290038211583404e-08,
  3.867529214444945e-08, -4.3894578897965386e-09, -5.173974913437379e-09, 5.457788991346968e-10, 4.2514473425250153e-10, -3.754164997597391e-11,
];
function erfcOfMagnitude(magnitude: NDArray): NDArray {
  const a = min(magnitude, 30);
  // exp(-a²) from a's leading digits, whose square is exact, and the rest.
  const lead = mul(round(mul(a, 2 ** 20)), 2 ** -20);
  const gauss = mul(exp(neg(square(lead))), exp(mul(sub(lead, a), add(lead, a))));
  return div(mul(gauss, polynomial(div(sub(a, 3.75), add(a, 3.75)), SCALED_ERFC)), add(1, mul(2, a)));
}
export const erfFormula = odd((a) => {
  const near = mul(2 / Math.sqrt(Math.PI), mul(a, polynomial(square(min(a, 1)), range(20).map((k) => (-1) ** k / (factorial(k) * (2 * k + 1))))));
  return select(lt(a, 0.75), near, sub(1, erfcOfMagnitude(a)));
});
export const erfcFormula = (x: NDArray): NDArray => {
  const tail = erfcOfMagnitude(abs(x));
  return select(lt(abs(x), 0.75), sub(1, erfFormula(x)), select(lt(x, 0), sub(2, tail), tail));
};
/** Giles' single-precision polynomials, computed in float64. */
const erfInvOfFloat32 = (x: NDArray): NDArray => {
  const w = neg(log(mul(sub(1, x), add(1, x))));
  const small = [1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08];
  const large = [2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257];
  const first = mul(select(lt(w, 5), polynomial(sub(w, 2.5), small), polynomial(sub(sqrt(max(w, 5)), 3), large)), x);
  return select(eq(abs(x), 1), mul(x, Infinity), first);
};
/** Float64 numbers take three steps of Halley's method more: further out than float32 reaches the polynomials are a guess. */
export const erfInvFormula = (x: NDArray): NDArray => {
  const first = erfInvOfFloat32(convertElementType(x, 'float64'));
  if (x.dtype !== 'float64') return convertElementType(first, x.dtype);
  const a = abs(x);
  let y = select(eq(a, 1), a, abs(first));
  for (let i = 0; i < 3; i++) {
    const error = select(lt(a, 0.5), sub(erfFormula(y), a), sub(sub(1, a), erfcFormula(y)));
    const step = mul(error, mul(Math.sqrt(Math.PI) / 2, exp(square(y))));
    y = sub(y, div(step, add(1, mul(y, step))));
  }
  return select(eq(x, 0), x, select(eq(a, 1), first, mul(sign(x), y)));
};

/** Lanczos' sum for Γ(z + 1) with g = 7, and its derivative (Godfrey's coefficients). */
function lanczos(z: NDArray): { sum: NDArray; slope: NDArray } {
  const coefficients = [
    676.520368121885098567, -1259.13921672240287047, 771.323428777653078849, -176.615029162140599066,
    12.507343278686904814, -0.138571095265720116896, 9.984369578019570859563e-6, 1.50563273514931155834e-7,
  ];
  const terms = coefficients.map((c, i) => div(c, add(z, i + 1)));
  return {
    sum: terms.reduce((s, t) => add(s, t), new Scalar(0.999999999999809932277, z.dtype) as NDArray),
    slope: neg(terms.map((t, i) => div(t, add(z, i + 1))).reduce((s, t) => add(s, t))),
  };
}
/** Both functions at x ≥ ½ directly, below by reflection: z is what Lanczos' sum takes. */
const reflect = (x: NDArray): { reflected: NDArray; z: NDArray; logT: NDArray } => {
  const reflected = lt(x, 0.5);
  const z = select(reflected, neg(x), sub(x, 1));
  return { reflected, z, logT: add(Math.log(7.5), log1p(div(z, 7.5))) };
};
/** log |Γ(x)|. */
export const lgammaFormula = (x: NDArray): NDArray => {
  const { reflected, z, logT } = reflect(x);
  const t = add(z, 7.5);
  const value = add(add(0.91893853320467274178, mul(sub(add(z, 0.5), div(t, logT)), logT)), log(lanczos(z).sum));
  const fraction = sub(abs(x), floor(abs(x)));
  const mirrored = sub(sub(Math.log(Math.PI), log(sin(mul(Math.PI, select(gt(fraction, 0.5), sub(1, fraction), fraction))))), value);
  return select(isFinite(x), select(reflected, mirrored, value), abs(x));
};
/** Γ'(x) / Γ(x). */
export const digammaFormula = (x: NDArray): NDArray => {
  const { reflected, z, logT } = reflect(x);
  const { sum, slope } = lanczos(z);
  const value = sub(add(logT, div(slope, sum)), div(7, add(z, 7.5)));
  const fraction = sub(x, floor(add(x, 0.5)));
  const angle = mul(Math.PI, fraction);
  const mirrored = sub(value, div(mul(Math.PI, cosFormula(angle)), sin(angle)));
  return select(eq(x, Infinity), x, select(reflected, select(eq(fraction, 0), NaN, mirrored), value));
};

/** B₂ₖ / (2k)!, the coefficients of Euler and Maclaurin's sum. */
const EULER_MACLAURIN = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000];
/** ζ(s, q) = Σ (k + q)⁻ˢ: ten terms, and Euler and Maclaurin's sum for the others. */
export const zetaFormula = (s: NDArray, q: NDArray): NDArray => {
  const terms = range(10).map((k) => pow(add(q, k), neg(s)));
  const a = add(q, 10);
  const power = pow(a, neg(s));
  let total = add(terms.reduce(add), add(div(mul(a, power), sub(s, 1)), mul(0.5, power)));
  let factor = mul(power, div(s, a));
  EULER_MACLAURIN.forEach((c, k) => {
    total = add(total, mul(factor, c));
    factor = mul(factor, div(mul(add(s, 2 * k + 1), add(s, 2 * k + 2)), square(a)));
  });
  const pole = select(eq(s, 1), new Scalar(Infinity, s.dtype), new Scalar(NaN, s.dtype));
  return select(gt(s, 1), select(le(q, 0), select(eq(q, floor(q)), Infinity, total), total), pole);
};
