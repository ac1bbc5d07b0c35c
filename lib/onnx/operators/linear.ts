/** Products of matrices. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { isFloat } from '../../jax/dtypes.js';
import { Adapted } from '../values.js';
import type { Call, Operators } from '../call.js';

const swap = (x: Array): Array => lax.transpose(x, [...x.shape.keys()].map((i) => (i >= x.ndim - 2 ? 2 * x.ndim - 3 - i : i)));
const scaled = (x: Array, by: number): Array => (by === 1 ? x : lax.mul(x, by));

/** A product whose right side may have an adapter: x · (W + A · B) as x · W + (x · A) · B. */
function product(c: Call, f: (b: Array) => Array, then: (y: Array, b: Array) => Array, turned = false): Array {
  const v = c.value(1);
  if (!(v instanceof Adapted)) return f(c.x(1));
  const [first, second] = turned ? [v.b, v.a] : [v.a, v.b];
  return lax.add(f(v.base), then(f(first), second));
}

/** alpha · A · B + beta · C. */
export function gemm(c: Call): Array {
  const a = c.x(0);
  const turned = c.int('transB', 0) === 1;
  const times = (x: Array, y: Array, side: number): Array => lax.dotGeneral(x, y, [[[side], [turned ? 1 : 0]], [[], []]]);
  const ab = product(c, (b) => times(a, b, c.int('transA', 0) ? 0 : 1), (y, b) => times(y, b, 1), turned);
  const whole = scaled(ab, isFloat(a.dtype) ? c.float('alpha', 1) : Math.trunc(c.float('alpha', 1)));
  const bias = c.opt(2);
  return bias ? lax.add(whole, scaled(bias, isFloat(a.dtype) ? c.float('beta', 1) : Math.trunc(c.float('beta', 1)))) : whole;
}

export const matmul = (a: Array, b: Array): Array => jnp.matmul(a, b);

/** com.microsoft's MatMul with transposes and a factor. `transBatchA` moves the first axis before the last one. */
export function fusedMatMul(c: Call): Array {
  const batched = (x: Array, trans: boolean): Array => (trans ? lax.transpose(x, [...[...x.shape.keys()].slice(1, -1), 0, x.ndim - 1]) : x);
  const side = (i: number, name: 'A' | 'B'): Array => {
    const x = batched(c.x(i), c.int(`transBatch${name}`, 0) === 1);
    return c.int(`trans${name}`, 0) === 1 && x.ndim > 1 ? swap(x) : x;
  };
  return scaled(matmul(side(0, 'A'), side(1, 'B')), c.float('alpha', 1));
}

/** Integers less their zero points, in int32. */
function integerOperand(c: Call, i: number, zero: number, row: boolean): Array {
  const x = lax.convertElementType(c.x(i), 'int32');
  const z = c.opt(zero);
  if (!z) return x;
  const wide = lax.convertElementType(z, 'int32');
  // One zero point for each row of the left matrix, or for each column of the right one.
  return lax.sub(x, wide.ndim === 1 && row && wide.size > 1 ? lax.reshape(wide, [wide.size, 1]) : wide.size === 1 ? lax.reshape(wide, []) : wide);
}

function det(c: Call): Array { return jnp.linalg.det(c.x(0)); }

export const LINEAR: Operators = {
  MatMul: (c) => product(c, (b) => matmul(c.x(0), b), matmul), Gemm: gemm, Det: det,
  Einsum: (c) => jnp.einsum(c.text('equation', '').replaceAll(' ', ''), ...c.xs()),
  MatMulInteger: (c) => matmul(integerOperand(c, 0, 2, true), integerOperand(c, 1, 3, false)),
};
