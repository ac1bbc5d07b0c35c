import { expect } from 'chai';
import { config, grad, jit, makeJaxpr, numpy as jnp, ops, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { expectClose, numbers, onEveryEngine } from '../jax/helpers.js';

const operators = (f: (...args: any[]) => unknown, args: readonly Array[], fused = true) =>
  buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), fused).graph.nodes.map(({ op }) => op);
const [table, ids] = [numbers(1, [7, 3]), jnp.array([[2, -1, 2], [6, 0, 9]], { dtype: 'int32' })];
const lookup = (table: Array, ids: Array) => grad((t: Array) => jnp.sum(t.index(ids).mul(2)))(table) as Array;

describe('sums of segments', () => {
  it('are one node where rows are added to zeros', () => {
    expect(operators(lookup, [table, ids]).filter((op) => op !== 'Fused' && op !== 'Expand')).to.deep.equal(['SegmentSum']);
    expect(operators((x, i) => ops.segmentSum(x, i, { numSegments: 9 }), [table, jnp.zeros([7], { dtype: 'int32' })])).to.deep.equal(['SegmentSum']);
    expect(operators((x, i) => jnp.zeros([9, 3]).at(i).add(x), [table, jnp.zeros([7], { dtype: 'int32' })])).to.include('SegmentSum').and.not.include('ScatterND');
  });

  it('leave other starts, other types and other engines to the engine\'s scatter', () => {
    const rows = numbers(2, [2, 3]);
    const at = jnp.array([1, 4], { dtype: 'int32' });
    expect(operators((x, i, u) => x.at(i).add(u), [table, at, rows])).to.include('ScatterND');
    expect(operators((i, u) => jnp.ones([7, 3]).at(i).add(u), [at, rows])).to.include('ScatterND');
    expect(operators((i, u) => jnp.zeros([7, 3]).at(i).max(u), [at, rows])).to.include('ScatterND');
    expect(operators((i, u) => jnp.zeros([7, 3], { dtype: 'int32' }).at(i).add(u), [at, rows.astype('int32')])).to.include('ScatterND');
    expect(operators(lookup, [table, ids], false)).to.include('ScatterND');
  });

  onEveryEngine('count negative indices from the end, drop those outside, and have derivatives', () => {
    const on = { engine: config.engine };
    const weights = jnp.array([[1, 2, 4], [8, 16, 32]]).reshape([2, 3, 1]);
    const f = (t: Array) => jnp.sum(t.index(ids).mul(weights).mul(t.index(ids)).mul(0.5));
    // 9 reads row 6 and passes no derivative on.
    const share = jnp.array([16, 0, 5, 0, 0, 0, 10]).reshape([7, 1]);
    expectClose(jit(grad(f), on)(table) as Array, table.mul(share), 1e-6);
    expectClose(jit((t: Array) => grad((u: Array) => jnp.sum(grad(f)(u) as Array))(t) as Array, on)(table), jnp.broadcastTo(share, [7, 3]), 1e-6);
  });
});
