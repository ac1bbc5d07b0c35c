/** Special functions: the error function's complement, and the gamma, zeta, beta and Bessel families. */
import { TypeError, ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { bind } from '../core.js';
import type { OpCode } from '../../lowering/opcodes.js';
import { add, bitwiseAnd, div, eq, floor, ge, mul, neg, rem, select, sign, square, sub } from './arithmetic.js';
import { inFloat64 } from './composed.js';
import { binaryFunction, elementwise, unaryFunction, type ElementwiseDefinition } from './elementwise.js';
import { exp, floating, log, log1p } from './functions.js';
import * as formulas from './formulas.js';
import { lift, liftAll, requireFloat, requireSameDType, type Operand } from './primitive.js';

/** Kernels of our own whose loops have no fixed number of steps. */
const noStandard = (name: string) => (): never => { throw new TypeError(`${name} has no standard ONNX operator and cannot be written to a file for others.`); };
const several = (name: string, opcode: OpCode | undefined, onnx: ElementwiseDefinition['onnx'], rule: ElementwiseDefinition['rule']) =>
  elementwise({ name, opcode, onnx, rule, result: (inputs) => requireFloat(name, { ...inputs[0], dtype: requireSameDType(name, inputs) }) });
const noDerivative = (name: string, argument: string) => (): never => { throw new ValueError(`${name}: there is no derivative with respect to ${argument}; stop it with lax.stopGradient.`); };

// d erfc(x) = -2/√π·exp(-x²)
export const erfcP = floating('erfc', 'ERFC', inFloat64(formulas.erfcFormula), (ct, x) => mul(ct, mul(-2 / Math.sqrt(Math.PI), exp(neg(square(x))))));
export const lgammaP = floating('lgamma', 'LGAMMA', inFloat64(formulas.lgammaFormula), (ct, x) => mul(ct, digamma(x)));
export const digammaP = floating('digamma', 'DIGAMMA', inFloat64(formulas.digammaFormula), (ct, x) => mul(ct, polygamma(1, x)));
// ∂ζ(s, q)/∂q = -s·ζ(s + 1, q)
export const zetaP = several('zeta', undefined, inFloat64(formulas.zetaFormula), (ct, [s, q]) =>
  [noDerivative('lax.zeta', 'its first argument'), () => mul(ct, neg(mul(s, zeta(add(s, 1), q))))]);

/** The density of the gamma distribution: the derivative of igamma after its limit. */
const gammaDensity = (a: NDArray, x: NDArray): NDArray => exp(sub(sub(mul(sub(a, 1), log(x)), x), lgamma(a)));
export const igammaP = several('igamma', 'IGAMMA', noStandard('igamma'), (ct, [a, x]) => [() => mul(ct, igammaGradA(a, x)), () => mul(ct, gammaDensity(a, x))]);
export const igammacP = several('igammac', 'IGAMMAC', noStandard('igammac'), (ct, [a, x]) => [() => neg(mul(ct, igammaGradA(a, x))), () => neg(mul(ct, gammaDensity(a, x)))]);
export const igammaGradAP = several('igamma_grad_a', 'IGAMMA_GRAD_A', noStandard('igammaGradA'), null);
export const randomGammaGradP = several('random_gamma_grad', 'RANDOM_GAMMA_GRAD', noStandard('randomGammaGrad'), null);
export const betaincP = several('regularized_incomplete_beta', 'BETAINC', noStandard('betainc'), (ct, [a, b, x]) => [
  noDerivative('lax.betainc', 'a'), noDerivative('lax.betainc', 'b'),
  () => mul(ct, exp(add(add(mul(sub(b, 1), log1p(neg(x))), mul(sub(a, 1), log(x))), sub(lgamma(add(a, b)), add(lgamma(a), lgamma(b)))))),
]);
// I₀' = I₁ and I₁' = I₀ - I₁/x, beside the derivative of exp(-|x|)
export const besselI0eP = floating('bessel_i0e', 'BESSEL_I0E', noStandard('besselI0e'), (ct, x, y) => mul(ct, sub(besselI1e(x), mul(sign(x), y))));
export const besselI1eP = floating('bessel_i1e', 'BESSEL_I1E', noStandard('besselI1e'), (ct, x, y) => {
  const zero = eq(x, 0);
  const safe = select(zero, lift(1, x.dtype), x);
  return mul(ct, select(zero, lift(0.5, x.dtype), sub(besselI0e(x), mul(y, add(sign(safe), div(1, safe))))));
});

/** 1 - erf(x), without its cancellation. */
export const erfc = unaryFunction(erfcP);
/** log |Γ(x)|. */
export const lgamma = unaryFunction(lgammaP);
/** The derivative of `lgamma`. */
export const digamma = unaryFunction(digammaP);
/** Hurwitz' ζ(s, q) = Σ (k + q)⁻ˢ over k ≥ 0, for s > 1. */
export const zeta = binaryFunction(zetaP);
/** The regularised lower incomplete gamma function of parameter `a` up to `x`. */
export const igamma = binaryFunction(igammaP);
/** 1 - igamma(a, x), without its cancellation. */
export const igammac = binaryFunction(igammacP);
/** The derivative of `igamma` with respect to its parameter. */
export const igammaGradA = binaryFunction(igammaGradAP);
/** The derivative of a gamma variate with respect to the parameter that it was drawn with. */
export const randomGammaGrad = binaryFunction(randomGammaGradP);
/** The regularised incomplete beta function. */
export const betainc = (a: Operand, b: Operand, x: Operand): NDArray => bind(betaincP, liftAll('lax.betainc', a, b, x))[0];
/** exp(-|x|)·I₀(x), the scaled modified Bessel function of order 0. */
export const besselI0e = unaryFunction(besselI0eP);
/** exp(-|x|)·I₁(x), the scaled modified Bessel function of order 1. */
export const besselI1e = unaryFunction(besselI1eP);

/** The derivative of order `m` of `digamma`: (-1)ᵐ⁺¹·m!·ζ(m + 1, x). NaN where m is no whole number. */
export function polygamma(m: Operand, x: Operand): NDArray {
  const [order, y] = liftAll('lax.polygamma', m, x);
  // Where the order is 0 the zeta function has its pole; it is not read there.
  const safe = select(eq(order, 0), lift(1, y.dtype), order);
  const signed = sub(mul(2, rem(safe, 2)), 1);
  const value = mul(mul(signed, exp(lgamma(add(safe, 1)))), zeta(add(safe, 1), y));
  const whole = bitwiseAnd(ge(order, 0), eq(order, floor(order)));
  return select(whole, select(eq(order, 0), digamma(y), value), lift(NaN, y.dtype));
}
