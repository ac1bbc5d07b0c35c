import { expect } from 'chai';
import fc from 'fast-check';
import { config, grad, jit, lax, makeJaxpr, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { serialize } from '../../lib/lowering/model.js';
import { engine as loadEngine } from '../../lib/runtime/engines.js';
import { expectClose, flat, leavesOf, numbers, onEveryEngine } from '../jax/helpers.js';
import { INPUTS, build, recipe } from '../jax/programs.js';

describe('fusion', () => {
  onEveryEngine('random programs compute as operation by operation', () => {
    fc.assert(fc.property(recipe, (r) => {
      const f = build(r);
      const eager = f(...INPUTS());
      jit(f, { engine: config.engine })(...INPUTS()).forEach((x, k) => expectClose(x, eager[k], 1e-4, `output ${k}`));
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 60), seed: 4 });
  });

  onEveryEngine('so do their gradients', () => {
    fc.assert(fc.property(recipe, (r) => {
      const f = build(r);
      const loss = (...xs: Array[]) => leavesOf(f(...xs)).map((x) => jnp.sum(x.astype('float32'))).reduce((a, b) => a.add(b)).mul(0.1);
      const g = grad(loss, { argnums: [0, 1, 3, 4] });
      // Summed in another place, so that the program is another one.
      const again = grad((...xs: Array[]) => loss(...xs).add(jnp.mean(jnp.exp(xs[6])).mul(jnp.sum(xs[1]))), { argnums: [0, 1, 3, 4] });
      const extra = jnp.mean(jnp.exp(INPUTS()[6]));
      const [a, b] = [jit(g)(...INPUTS()), again(...INPUTS())] as [Array[], Array[]];
      a.forEach((x, k) => expectClose(b[k], k === 1 ? x.add(extra) : x, 1e-3, `gradient ${k}`));
    }), { numRuns: Number(process.env.HOKKU_RUNS ?? 25), seed: 5 });
  });

  // Of so many elements, parts have sums of their own.
  const ROWS = 3001;
  const sums = (x: Array, m: Array) => [jnp.sum(x, { axis: 0 }), jnp.sum(lax.square(x.sub(m)), { axis: [0] }), jnp.sum(jnp.abs(x).reshape([ROWS, 7, 10]), { axis: [0, 1] })];
  const [x, m] = [numbers(1, [ROWS, 70], -1, 3), numbers(2, [70])];
  onEveryEngine('sums of columns are as float64 has them, on any number of threads', () => {
    const { graph } = buildModel(makeJaxpr(sums)(x, m).jaxpr, new Map(), true);
    expect(graph.nodes.filter((n) => n.op.startsWith('Reduce'))).to.deep.equal([]);
    const [values, means] = [flat(x), flat(m)];
    const want = [new Float64Array(70), new Float64Array(70), new Float64Array(10)];
    values.forEach((v, i) => { want[0][i % 70] += v; want[1][i % 70] += Math.fround(Math.fround(v - means[i % 70]) ** 2); want[2][i % 10] += Math.abs(v); });
    const run = (threads: number): Float32Array[] => {
      const session = loadEngine(config.engine).createSession(serialize(graph), { intraOpNumThreads: threads });
      const results = session.run([x, m].map((a) => ({ dtype: a.dtype, shape: [...a.shape], data: (a.data as Float32Array).slice().buffer as ArrayBuffer })));
      session.dispose();
      return results.map((r) => new Float32Array(r.data as ArrayBuffer));
    };
    const first = run(1);
    first.forEach((sum, k) => expect([...sum], `sum ${k}`).to.deep.equal([...want[k]].map(Math.fround)));
    for (const threads of [2, 3]) expect(run(threads)).to.deep.equal(first);
  });
});
