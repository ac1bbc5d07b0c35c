/** Elementary functions of floating-point arrays. */
import { requireFloat } from './primitive.js';
import { elementwise, unaryFunction, type ElementwiseDefinition } from './elementwise.js';
import { add, div, gt, mul, neg, pow, select, sub, square } from './arithmetic.js';
import { composed, single } from './composed.js';
import * as formulas from './formulas.js';
import { lift } from './primitive.js';
import type { NDArray } from '../array.js';
import type { OpCode } from '../../lowering/opcodes.js';

/** A function of one floating-point array, which keeps its dtype. */
export const floating = (name: string, opcode: OpCode, onnx: ElementwiseDefinition['onnx'], derivative: (ct: NDArray, x: NDArray, y: NDArray) => NDArray) =>
  elementwise({ name, opcode, onnx, result: ([a]) => requireFloat(name, a), rule: (ct, [x], [y]) => [() => derivative(ct, x, y)] });

export const expP = floating('exp', 'EXP', 'Exp', (ct, _x, y) => mul(ct, y));
export const logP = floating('log', 'LOG', 'Log', (ct, x) => div(ct, x));
export const log1pP = floating('log1p', 'LOG1P', composed(formulas.log1pFormula), (ct, x) => div(ct, add(x, 1)));
export const expm1P = floating('expm1', 'EXPM1', composed(formulas.expm1Formula), (ct, _x, y) => mul(ct, add(y, 1)));
export const sqrtP = floating('sqrt', 'SQRT', 'Sqrt', (ct, _x, y) => div(mul(ct, 0.5), y));
// d(x^-½) = -½·x^-½/x
export const rsqrtP = floating('rsqrt', 'RSQRT', composed((x) => div(1, sqrt(x))), (ct, x, y) => mul(ct, mul(-0.5, div(y, x))));
export const tanhP = floating('tanh', 'TANH', 'Tanh', (ct, _x, y) => mul(ct, sub(1, square(y))));
export const logisticP = floating('logistic', 'LOGISTIC', 'Sigmoid', (ct, _x, y) => mul(ct, mul(y, sub(1, y))));
export const sinP = floating('sin', 'SIN', 'Sin', (ct, x) => mul(ct, cos(x)));
export const cosP = floating('cos', 'COS', single('Cos', formulas.cosFormula), (ct, x) => neg(mul(ct, sin(x))));
export const tanP = floating('tan', 'TAN', composed((x) => div(sin(x), cos(x))), (ct, _x, y) => mul(ct, add(1, square(y))));
// d erf(x) = 2/√π·exp(-x²)
export const erfP = floating('erf', 'ERF', single('Erf', formulas.erfFormula), (ct, x) => mul(ct, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x))))));
// d erf⁻¹(x) = √π/2·exp(erf⁻¹(x)²)
export const erfInvP = floating('erf_inv', 'ERF_INV', composed(formulas.erfInvFormula), (ct, _x, y) => mul(ct, mul(Math.sqrt(Math.PI) / 2, exp(square(y)))));
export const asinP = floating('asin', 'ASIN', single('Asin', formulas.asinFormula), (ct, x) => mul(ct, rsqrt(sub(1, square(x)))));
export const acosP = floating('acos', 'ACOS', single('Acos', formulas.acosFormula), (ct, x) => neg(mul(ct, rsqrt(sub(1, square(x))))));
export const atanP = floating('atan', 'ATAN', single('Atan', formulas.atanFormula), (ct, x) => div(ct, add(1, square(x))));
export const sinhP = floating('sinh', 'SINH', single('Sinh', formulas.sinhFormula), (ct, x) => mul(ct, cosh(x)));
export const coshP = floating('cosh', 'COSH', single('Cosh', formulas.coshFormula), (ct, x) => mul(ct, sinh(x)));
export const asinhP = floating('asinh', 'ASINH', single('Asinh', formulas.asinhFormula), (ct, x) => mul(ct, rsqrt(add(square(x), 1))));
export const acoshP = floating('acosh', 'ACOSH', single('Acosh', formulas.acoshFormula), (ct, x) => mul(ct, rsqrt(mul(sub(x, 1), add(x, 1)))));
export const atanhP = floating('atanh', 'ATANH', single('Atanh', formulas.atanhFormula), (ct, x) => div(ct, mul(sub(1, x), add(1, x))));
export const cbrtP = floating('cbrt', 'CBRT', composed(formulas.cbrtFormula), (ct, _x, y) => mul(ct, div(1 / 3, square(y))));
export const exp2P = floating('exp2', 'EXP2', composed((x) => pow(2, x)), (ct, _x, y) => mul(ct, mul(Math.LN2, y)));
/** max(x, 0), whose derivative at 0 is 0. */
export const reluP = elementwise({
  name: 'relu', opcode: 'MAX', constants: [0], onnx: 'Relu',
  // Asked of the result, so that nothing but the ReLU needs its argument and the engine can fuse it into the product.
  rule: (ct, _inputs, [y]) => [() => select(gt(y, 0), ct, lift(0, ct.dtype))],
});

export const exp = unaryFunction(expP);
export const log = unaryFunction(logP);
export const log1p = unaryFunction(log1pP);
export const expm1 = unaryFunction(expm1P);
export const sqrt = unaryFunction(sqrtP);
export const rsqrt = unaryFunction(rsqrtP);
export const tanh = unaryFunction(tanhP);
export const logistic = unaryFunction(logisticP);
export const sin = unaryFunction(sinP);
export const cos = unaryFunction(cosP);
export const tan = unaryFunction(tanP);
export const erf = unaryFunction(erfP);
export const erfInv = unaryFunction(erfInvP);
/** The angle in [-π/2, π/2] with this sine. */
export const asin = unaryFunction(asinP);
/** The angle in [0, π] with this cosine. */
export const acos = unaryFunction(acosP);
/** The angle in [-π/2, π/2] with this tangent. */
export const atan = unaryFunction(atanP);
export const sinh = unaryFunction(sinhP);
export const cosh = unaryFunction(coshP);
export const asinh = unaryFunction(asinhP);
export const acosh = unaryFunction(acoshP);
export const atanh = unaryFunction(atanhP);
export const cbrt = unaryFunction(cbrtP);
/** 2ˣ. */
export const exp2 = unaryFunction(exp2P);
export const relu = unaryFunction(reluP);
