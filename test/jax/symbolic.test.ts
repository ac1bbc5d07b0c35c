import { expect } from 'chai';
import { grad, isArray, jit, numpy as jnp, symbolicDim, vmap, type Array } from '../../lib/jax/index.js';
import { aval } from '../../lib/jax/array.js';
import { trace } from '../../lib/jax/core.js';
import { optimize } from '../../lib/jax/passes/index.js';
import { Program, targetOf } from '../../lib/jax/program.js';
import { inlineCalls } from '../../lib/jax/programs.js';
import { HokkuError } from '../../lib/runtime/errors.js';
import { CASES, type Case } from './cases/index.js';
import { every } from './cases/together.js';
import { expectClose, leavesOf, numbers, thrown } from './helpers.js';

type Many = (...xs: Array[]) => Array[];
const batch = symbolicDim('batch');

/** A program whose first dimensions are open, as a function of arrays; `outputs` gives the results' types. */
function open(f: Many, shapes: readonly (readonly number[])[]): { run(xs: readonly Array[], outputs: readonly Array[]): Array[]; dispose(): void } {
  const { jaxpr, consts } = trace((...xs) => f(...xs as unknown as Array[]), shapes.map((s) => aval(s, 'float32')));
  const program = new Program(optimize(inlineCalls(jaxpr)), targetOf(), [], undefined, false);
  return {
    run: (xs, outputs) => program.runOpen([...consts as unknown as Array[], ...xs].map((x) => ({ dtype: x.dtype, shape: x.shape, data: x.data.buffer as ArrayBuffer })), outputs.map((y) => aval(y.shape, y.dtype))) as unknown as Array[],
    dispose: () => program.dispose(),
  };
}
const first = (x: Array): Array => x.index({ start: 0, stop: 1 });

/** Maps `f` over an open axis and compares sizes 4 and 1 with the program of fixed sizes. */
function compare(c: Case, f: Many, what: string): void {
  const xs = c.shapes.map((s, i) => numbers(i + 3, [4, ...s], c.low, c.high));
  const mapped = vmap(f) as Many;
  const expected = jit(mapped)(...xs) as Array[];
  const program = open(mapped, c.shapes.map((s) => [batch, ...s]));
  for (const [given, wanted] of [[xs, expected], [xs.map(first), expected.map(first)]]) {
    program.run(given, wanted).forEach((y, i) => expectClose(y, wanted[i], c.exact ? 0 : 1e-5, `${what} at ${given[0].shape[0]}`));
  }
  program.dispose();
}

describe('open dimensions', () => {
  // Each example has its kernel there, which makes groups; and how many there are is an attribute of the engine's operator.
  const ownKernels = (error: unknown): boolean => /^convGeneralDilated: a kernel of its own .* 'batch'/.test((error as Error).message);

  it('operations map over one, and their program serves every size', () => {
    const refused: string[] = [];
    for (const c of every(CASES, 3)) {
      try {
        compare(c, (...xs) => leavesOf(c.f(...xs)), c.name);
      } catch (error) {
        if (!ownKernels(error)) throw error;
        refused.push(c.name);
      }
    }
    expect(refused.filter((name) => !/^(conv|correlate|polymul)/.test(name))).to.deep.equal([]);
    expect(refused.length).to.be.below(16);
  });

  it('so do their gradients', () => {
    for (const c of every(CASES, 19)) {
      if (/^(conv|correlate|polymul)/.test(c.name)) continue;
      const loss = (...xs: Array[]): Array => leavesOf(c.f(...xs)).map((x) => jnp.sum(jnp.multiply(x, x))).reduce((a, b) => jnp.add(a, b));
      // No two are one value: results are counted apart.
      const gradients = grad(loss, { argnums: c.shapes.map((_, i) => i) });
      compare(c, (...xs) => leavesOf(gradients(...xs)).map((g, i) => jnp.multiply(g, i + 2)), `gradient of ${c.name}`);
    }
  });

  it('as the leading axis of the operands each works, or says what to do', () => {
    let works = 0;
    const chosen = every(CASES, 7);
    for (const c of chosen) {
      const lead = c.shapes.find((s) => s.length)?.[0];
      if (lead === undefined) continue;
      const shapes = c.shapes.map((s) => (s[0] === lead ? [batch, ...s.slice(1)] : s));
      let program: ReturnType<typeof open>;
      try {
        program = open((...xs) => leavesOf(c.f(...xs)), shapes);
      } catch (error) {
        expect(error, `${c.name}: ${(error as Error).stack}`).to.be.instanceOf(HokkuError);
        expect((error as Error).message, c.name).to.match(/batch|cannot broadcast|number of turns|positions|operands|scatter/i);
        continue;
      }
      for (const n of [lead, lead + 2]) {
        const xs = c.shapes.map((s, i) => numbers(i + 3, shapes[i] === s ? s : [n, ...s.slice(1)], c.low, c.high));
        const expected = leavesOf(jit(c.f)(...xs));
        program.run(xs, expected).forEach((y, i) => expectClose(y, expected[i], c.exact ? 0 : 1e-5, `${c.name} of ${n}`));
      }
      program.dispose();
      works++;
    }
    expect(works).to.be.above(chosen.length / 2);
  });

  it('a size that has no number refuses to be one', () => {
    const refused = (f: (x: Array) => unknown): string => thrown(() => trace((x) => { const y = f(x as unknown as Array); return isArray(y) ? [y as never] : []; }, [aval([batch, 3], 'float32')])).message;
    for (const f of [(x: Array) => x.mul(1 / x.shape[0]), (x: Array) => jnp.zeros([x.shape[0] * 2]), (x: Array) => jnp.pad(x, [[1, 0], [0, 0]]), (x: Array) => x.index({ start: 1 }), (x: Array) => String(+x.shape[0])]) {
      expect(refused(f), String(f)).to.match(/'batch' has no fixed number here: use jnp\.mean .* vmap, or fix its size/);
    }
  });
});
