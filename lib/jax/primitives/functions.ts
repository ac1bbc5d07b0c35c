/** Elementary functions of floating-point arrays. */
import { requireFloat } from './primitive.js';
import { elementwise, unaryFunction, type ElementwiseDefinition } from './elementwise.js';
import { add, div, gt, mul, neg, select, sub, square } from './arithmetic.js';
import { lift } from './primitive.js';
import type { NDArray } from '../array.js';
import type { OpCode } from '../../lowering/opcodes.js';
import type { Graph } from '../../lowering/graph.js';
import type { Types } from './primitive.js';

const FLOATS = ['float32', 'float64'] as const;

const floating = (name: string, opcode: OpCode, onnx: ElementwiseDefinition['onnx'], derivative: (ct: NDArray, x: NDArray, y: NDArray) => NDArray, types: ElementwiseDefinition['types'] = FLOATS) =>
  elementwise({ name, opcode, onnx, types, result: ([a]) => requireFloat(name, a), rule: (ct, [x], [y]) => [() => derivative(ct, x, y)] });

const one = (g: Graph, types: Types, value = 1) => g.constant(types.outputs[0].dtype, [], [value]);

export const expP = floating('exp', 'EXP', 'Exp', (ct, _x, y) => mul(ct, y));
export const logP = floating('log', 'LOG', 'Log', (ct, x) => div(ct, x));
export const log1pP = floating('log1p', 'LOG1P', (g, [x], _p, t) => g.node('Log', [g.node('Add', [x, one(g, t)])]), (ct, x) => div(ct, add(x, 1)));
export const expm1P = floating('expm1', 'EXPM1', (g, [x], _p, t) => g.node('Sub', [g.node('Exp', [x]), one(g, t)]), (ct, _x, y) => mul(ct, add(y, 1)));
export const sqrtP = floating('sqrt', 'SQRT', 'Sqrt', (ct, _x, y) => div(mul(ct, 0.5), y));
// d(x^-½) = -½·x^-½/x
export const rsqrtP = floating('rsqrt', 'RSQRT', (g, [x]) => g.node('Reciprocal', [g.node('Sqrt', [x])]), (ct, x, y) => mul(ct, mul(-0.5, div(y, x))));
export const tanhP = floating('tanh', 'TANH', 'Tanh', (ct, _x, y) => mul(ct, sub(1, square(y))));
export const logisticP = floating('logistic', 'LOGISTIC', 'Sigmoid', (ct, _x, y) => mul(ct, mul(y, sub(1, y))));
export const sinP = floating('sin', 'SIN', 'Sin', (ct, x) => mul(ct, cos(x)));
export const cosP = floating('cos', 'COS', 'Cos', (ct, x) => neg(mul(ct, sin(x))));
export const tanP = floating('tan', 'TAN', (g, [x]) => g.node('Div', [g.node('Sin', [x]), g.node('Cos', [x])]), (ct, _x, y) => mul(ct, add(1, square(y))));
// d erf(x) = 2/√π·exp(-x²)
export const erfP = floating('erf', 'ERF', 'Erf', (ct, x) => mul(ct, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x))))), ['float32']);
// d erf⁻¹(x) = √π/2·exp(erf⁻¹(x)²)
export const erfInvP = floating('erf_inv', 'ERF_INV', lowerErfInv, (ct, _x, y) => mul(ct, mul(Math.sqrt(Math.PI) / 2, exp(square(y)))));
/** max(x, 0), whose derivative at 0 is 0. */
export const reluP = elementwise({
  name: 'relu', opcode: 'MAX', constants: [0], onnx: 'Relu', types: ['float32', 'float64', 'int32'],
  // Asked of the result, so that nothing but the ReLU needs its argument and the engine can fuse it into the product.
  rule: (ct, _inputs, [y]) => [() => select(gt(y, 0), ct, lift(0, ct.dtype))],
});

/** Giles' single-precision polynomial, in float64, so that it is at least as exact as the fused kernel. */
function lowerErfInv(g: Graph, [input]: readonly string[], _params: unknown, types: Types): string {
  const c = (v: number) => g.constant('float64', [], [v]);
  const polynomial = (w: string, coefficients: readonly number[]) =>
    coefficients.slice(1).reduce((p, k) => g.node('Add', [g.node('Mul', [p, w]), c(k)]), c(coefficients[0]));
  const x = g.cast(input, 'float64');
  const w = g.node('Neg', [g.node('Log', [g.node('Mul', [g.node('Sub', [c(1), x]), g.node('Add', [c(1), x])])])]);
  const small = polynomial(g.node('Sub', [w, c(2.5)]), [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941]);
  const large = polynomial(g.node('Sub', [g.node('Sqrt', [w]), c(3)]), [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682]);
  return g.cast(g.node('Mul', [g.node('Where', [g.node('Less', [w, c(5)]), small, large]), x]), types.outputs[0].dtype);
}

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
export const relu = unaryFunction(reluP);
