/** What training takes in memory, seen from outside: a process of its own. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type * as hk from '../../lib/index.js';
import { numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';
import { trainStep, type Loss, type TrainStep, type TrainTree } from '../../lib/training/index.js';
import { refused } from '../haiku/helpers.js';
import { bits } from './notebook.js';

const SCRIPT = fileURLToPath(new URL('./memory-run.js', import.meta.url));

for (const { name, path, missing } of engines()) {
  describe(`memory on ${name}`, function () {
    before(function () {
      const why = missing ?? (process.platform === 'linux' ? null : 'only Linux says how much memory a process had at most');
      if (path && !why) return;
      console.log(`      pending: ${why}`);
      this.skip();
    });

    it('is parameters, gradients and two moments for a step of adamw, and a tenth, from the first values on', function () {
      this.timeout(60_000);
      const { parameters, peak, now } = JSON.parse(execFileSync(process.execPath, [SCRIPT, name], { encoding: 'utf8' })) as Record<'parameters' | 'peak' | 'now', number>;
      expect(parameters).to.be.above(99e6);
      // Less would mean that something is not measured.
      expect(now / (4 * parameters)).to.be.above(0.95);
      expect(peak / (4 * parameters)).to.be.below(1.1);
    });
  });
}

describe('memory that a run begins with', () => {
  const SHAPE = [128, 256];
  const make = (): hk.Params => ({ line: { w: random.normal(random.PRNGKey(0), SHAPE), b: jnp.ones(SHAPE) }, ice: { w: jnp.ones([3]) } });
  const loss: Loss = (p, x) => jnp.mean(p.line.w.mul(x).add(p.line.b).mul(jnp.sum(p.ice.w)));
  const x = jnp.full(SHAPE, 0.5);
  const state = (): hk.State => ({ seen: { n: jnp.zeros(SHAPE) } });
  const after = (step: TrainStep, carry: TrainTree): string => bits({ ...step(carry, x)[0] });

  it('is copied, so that parameters and state stay as they are', () => {
    const [params, seen] = [make(), state()];
    const before = bits([params, seen]);
    const step = trainStep({ loss, optimizer: optax.adamw(0.1) });
    step(step.init(params, { state: seen }), x);
    expect(bits([params, seen])).to.equal(before);
  });

  it('is taken over with `donate`: the same steps, and what does not train stays', () => {
    const [params, seen] = [make(), state()];
    const step = trainStep({ loss, optimizer: optax.adamw(0.1), trainable: 'line' });
    const wanted = after(step, step.init(params, { state: seen }));
    const carry = step.init(params, { state: seen, donate: true });
    for (const gone of [params.line.w, params.line.b, seen.seen.n]) refused(() => gone.data, 'DisposedError', /was donated to trainStep.init and is gone/);
    expect(after(step, carry)).to.equal(wanted);
    expect(params.ice.w.tolist()).to.deep.equal([1, 1, 1]);
  });

  it('is not taken where the optimizer refuses the parameters', () => {
    const params = make();
    const step = trainStep({ loss, optimizer: { init: () => { throw new RangeError('no'); }, update: (u: any, s: any) => [u, s] } as never });
    expect(() => step.init(params, { donate: true })).to.throw(RangeError);
    expect(params.line.w.data).to.have.length(128 * 256);
  });

  it('may be there twice', () => {
    const w = jnp.ones(SHAPE);
    const step = trainStep({ loss, optimizer: optax.sgd(0.1) });
    const wanted = after(step, step.init({ line: { w, b: w }, ice: { w: jnp.ones([3]) } }));
    expect(after(step, step.init({ line: { w, b: w }, ice: { w: jnp.ones([3]) } }, { donate: true }))).to.equal(wanted);
  });

  it("is the optimizer's own state, unless it made that before, or from the parameters, or twice", () => {
    const anchor = jnp.full(SHAPE, 3);
    const anchored: optax.GradientTransformation = {
      init: (p: any) => { const zero = jnp.zeros(SHAPE); return { anchor, start: p.line.w, twice: [zero, zero] }; },
      update: (u: any, s: any) => [u, tree.map((a: Array) => a.add(1), s)],
    } as never;
    const step = trainStep({ loss, optimizer: anchored });
    const params = make();
    const [before, start] = [bits([params, anchor]), params.line.w.tolist()];
    const [next] = step(step.init(params), x);
    expect(bits([params, anchor])).to.equal(before);
    expect(tree.map((a: Array) => a.tolist(), next.optState as any)).to.deep.equal({
      anchor: jnp.full(SHAPE, 4).tolist(), start: jnp.array(start).add(1).tolist(), twice: [jnp.ones(SHAPE).tolist(), jnp.ones(SHAPE).tolist()],
    });
    const given = step.init(make(), { donate: true });
    expect(bits({ ...step(given, x)[0] }), 'donated').to.equal(bits({ ...next }));
    expect(step.init(make()).step.item(), 'again').to.equal(0);
  });
});
