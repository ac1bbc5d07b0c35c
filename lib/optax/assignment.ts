/** The assignment problem, after `optax.assignment`. */
import { lax, numpy as jnp, type Array } from '../jax/index.js';
import { ShapeError } from '../runtime/errors.js';

/**
 * Pairs rows with columns so that the sum of the pairs' costs is least: [rows, columns], int32, rows in order. Everything is
 * a loop of the program, by shortest augmenting paths. As `optax.assignment.base_hungarian_algorithm`. Crouse, On implementing
 * 2D rectangular assignment algorithms, 2016.
 *
 * @example
 * const [rows, columns] = optax.assignment.baseHungarianAlgorithm(jnp.array([[8, 4, 7], [5, 2, 3]]));
 *
 * @param costMatrix [rows, columns] of finite numbers
 */
export function baseHungarianAlgorithm(costMatrix: Array): [rows: Array, columns: Array] {
  if (costMatrix.ndim !== 2) throw new ShapeError(`optax.assignment: a matrix of costs was expected, but got [${costMatrix.shape}].`);
  const int = (x: Array): Array => x.astype('int32');
  if (costMatrix.size === 0) return [jnp.zeros([0], { dtype: 'int32' }), jnp.zeros([0], { dtype: 'int32' })];
  if (costMatrix.shape[0]! > costMatrix.shape[1]!) {
    const [columns, rows] = baseHungarianAlgorithm(costMatrix.T);
    const order = jnp.argsort(rows);
    return [jnp.take(rows, order), jnp.take(columns, order)];
  }
  const [n, m] = costMatrix.shape as [number, number];
  const costs = costMatrix.astype(costMatrix.dtype === 'float64' ? 'float64' : 'float32');
  const columnsRange = jnp.arange(m);
  const at = (x: Array, i: Array): Array => lax.dynamicIndexInDim(x, i, { keepdims: false });
  const put = (x: Array, i: Array, value: Array): Array => jnp.where(jnp.arange(x.shape[0]!).eq(i), value, x);
  const none = (size: number): Array => jnp.full([size], -1, { dtype: 'int32' });

  /** Adds one row: the shortest path from it to a free column, along which pairs are exchanged. */
  const addRow = (current: Array, state: { u: Array; v: Array; columnOf: Array; rowOf: Array }): typeof state => {
    const search = {
      row: int(current), least: jnp.zeros([], { dtype: costs.dtype }), distance: jnp.full([m], Infinity, { dtype: costs.dtype }), from: none(m),
      reached: jnp.zeros([m], { dtype: 'bool' }), seen: jnp.zeros([n], { dtype: 'bool' }), sink: jnp.full([], -1, { dtype: 'int32' }),
    };
    const found = lax.whileLoop(
      (s: typeof search) => s.sink.eq(-1),
      (s: typeof search) => {
        const through = s.least.add(at(costs, s.row)).sub(at(state.u, s.row)).sub(state.v);
        const shorter = jnp.logicalAnd(jnp.logicalNot(s.reached), through.lt(s.distance));
        const distance = jnp.where(shorter, through, s.distance);
        const open = jnp.where(s.reached, Infinity, distance);
        const least = jnp.min(open);
        // Of equally near columns a free one is better.
        const free = jnp.logicalAnd(open.eq(least), state.rowOf.eq(-1));
        const column = int(jnp.where(jnp.any(free), jnp.argmax(free), jnp.argmin(open)));
        const taken = at(state.rowOf, column);
        return {
          row: jnp.where(taken.eq(-1), s.row, taken), least, distance, from: jnp.where(shorter, s.row, s.from), reached: jnp.logicalOr(s.reached, columnsRange.eq(column)),
          seen: jnp.logicalOr(s.seen, jnp.arange(n).eq(s.row)), sink: jnp.where(taken.eq(-1), column, -1),
        };
      }, search) as typeof search;
    const own = jnp.arange(n).eq(current);
    const ofColumn = jnp.take(found.distance, jnp.maximum(state.columnOf, 0));
    const u = jnp.where(own, state.u.add(found.least), jnp.where(jnp.logicalAnd(found.seen, jnp.logicalNot(own)), state.u.add(found.least).sub(ofColumn), state.u));
    const v = jnp.where(found.reached, state.v.add(found.distance).sub(found.least), state.v);
    const exchange = { column: found.sink, columnOf: state.columnOf, rowOf: state.rowOf, done: jnp.zeros([], { dtype: 'bool' }) };
    const { columnOf, rowOf } = lax.whileLoop(
      (s: typeof exchange) => jnp.logicalNot(s.done),
      (s: typeof exchange) => {
        const row = at(found.from, s.column);
        return { column: at(s.columnOf, row), columnOf: put(s.columnOf, row, s.column), rowOf: put(s.rowOf, s.column, row), done: row.eq(int(current)) };
      }, exchange) as typeof exchange;
    return { u, v, columnOf, rowOf };
  };
  const begin = { u: jnp.zeros([n], { dtype: costs.dtype }), v: jnp.zeros([m], { dtype: costs.dtype }), columnOf: none(n), rowOf: none(m) };
  const { columnOf } = lax.foriLoop(0, n, addRow, begin) as typeof begin;
  return [jnp.arange(n), columnOf];
}

/**
 * The same pairs in the order of `optax.assignment.hungarian_algorithm`: by columns where the matrix is square, and otherwise
 * backwards along the shorter side. Pairs of equal total cost may differ from Optax's.
 */
export function hungarianAlgorithm(costMatrix: Array): [rows: Array, columns: Array] {
  const [rows, columns] = baseHungarianAlgorithm(costMatrix);
  const [n, m] = costMatrix.shape as [number, number];
  const order = n === m ? jnp.argsort(columns) : jnp.flip(jnp.argsort(n < m ? rows : columns));
  return [jnp.take(rows, order), jnp.take(columns, order)];
}
