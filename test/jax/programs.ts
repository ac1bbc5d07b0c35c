/** Random programs of matrix products, views, reductions and elementwise chains. */
import fc from 'fast-check';
import { lax, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { numbers } from './helpers.js';

/** Functions from square matrices, a vector and scalars; every value is kept small. */
type Value = Array;
const squares = (v: Value): boolean => v.ndim === 2;
const OPERATIONS: readonly ((x: Value, y: Value, n: number) => Value | null)[] = [
  (x, y) => (x.dtype === y.dtype ? jnp.add(x, y).mul(x.dtype === 'float32' ? 0.5 : 1) : null),
  (x, y) => (x.dtype === y.dtype ? jnp.subtract(x, y) : null),
  (x, y) => (x.dtype === y.dtype && x.dtype === 'float32' ? jnp.multiply(jnp.tanh(x), y) : null),
  (x) => (x.dtype === 'float32' ? jnp.tanh(x) : jnp.add(x, 1)),
  (x, y) => (squares(x) && squares(y) ? jnp.matmul(x, y).mul(0.25) : null),
  (x) => (squares(x) ? jnp.transpose(x) : null),
  (x) => (squares(x) ? jnp.reshape(jnp.tanh(jnp.reshape(x, [16])), [4, 4]) : null),
  (x) => (squares(x) ? jnp.reshape(jnp.reshape(x, [2, 8]), [4, 4]) : null),
  (x, _y, n) => (squares(x) ? jnp.sum(x, { axis: n % 2 }).mul(0.2) : null),
  (x) => (x.ndim && x.dtype === 'float32' ? jnp.mean(x) : null),
  (x) => (squares(x) ? lax.rev(x, [0]) : null),
  (x, y) => (x.dtype === 'float32' && y.dtype === 'float32' ? jnp.where(jnp.greater(x, y), x, jnp.multiply(y, 0.5)) : null),
  (x) => (squares(x) ? jnp.concatenate([x, x]).index({ start: 2, stop: 6 }) : null),
  (x, _y, n) => (squares(x) ? x.index(n % 4) : null),
  (x) => (x.dtype === 'int32' ? jnp.multiply(x.astype('float32'), 0.01) : lax.stopGradient(x)),
  (x, y) => (x.dtype === y.dtype ? jnp.equal(x, jnp.max(y)).astype(x.dtype) : null),
  (x, y) => (x.dtype === y.dtype ? jnp.logicalAnd(jnp.less(x, y), jnp.greater(y, 0)).astype('float32') : null),
  (x) => (squares(x) && x.dtype === 'float32' ? jnp.divide(x, jnp.sum(jnp.abs(x), { axis: 1, keepdims: true }).add(1)) : null),
  (x) => (x.ndim && x.dtype === 'float32' ? x.sub(jnp.max(x)) : null),
  (x, y) => (squares(x) && y.ndim === 1 && y.dtype === 'float32' ? jnp.maximum(jnp.matmul(x, jnp.ones([4, 4])).mul(0.1).add(y), 0) : null),
];
export const recipe = fc.record({
  steps: fc.array(fc.tuple(fc.nat(OPERATIONS.length - 1), fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 14 }),
  outputs: fc.array(fc.nat(40), { minLength: 1, maxLength: 7 }),
  donated: fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 6 }),
});
export const INPUTS = () => [numbers(1, [4, 4], -1, 1), numbers(2, [4, 4], -1, 1), numbers(3, [4, 4], -1, 1), numbers(4, [4], -1, 1), jnp.array(0.5), jnp.array(Int32Array.of(7)).reshape([]), numbers(6, [4], -1, 1)];
export const build = ({ steps, outputs }: { steps: [number, number, number][]; outputs: number[] }) => (...inputs: Array[]): Array[] => {
  const pool = [...inputs];
  // The newest values are likelier, so that chains get long.
  const pick = (n: number): Array => pool[pool.length - 1 - (n % pool.length)];
  for (const [op, a, b] of steps) {
    const made = OPERATIONS[op](pick(a), pick(b), b);
    if (made) pool.push(made);
  }
  return outputs.map(pick);
};
