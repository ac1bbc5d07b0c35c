/** What only many steps show: memory, and the event loop. `HOKKU_LONG=1` runs the long forms. */
import { expect } from 'chai';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import * as hk from '../../lib/index.js';
import { grad, jit, nn, numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { serialize } from '../../lib/lowering/model.js';
import * as optax from '../../lib/optax/index.js';
import { engine } from '../../lib/runtime/engines.js';
import { trainStep } from '../../lib/training/index.js';
import { batches, loss, newParams, notMiddle } from './notebook.js';

const LONG = Boolean(process.env['HOKKU_LONG']);
const params = newParams();
const data = batches(8);

describe('many steps', () => {
  describe('memory', () => {
    const collect = (globalThis as { gc?: () => void }).gc;
    const resident = () => { collect?.(); collect?.(); return process.memoryUsage().rss; };
    const steps = LONG ? 100_000 : 20_000;

    it(`does not grow over ${steps} steps of the notebook`, function () {
      this.timeout(LONG ? 0 : 60_000);
      const step = trainStep({ loss, optimizer: optax.sgd(0.01), trainable: notMiddle });
      let carry = step.init(params);
      const run = (n: number) => { for (let i = 0; i < n; i++) [carry] = step(carry, data[i % data.length]); };
      run(steps / 10);
      const before = resident();
      run(steps);
      const grown = resident() - before;
      expect(grown / 2 ** 20, 'MiB').to.be.below(16);
    });

    if (!LONG) return;
    it('does not grow over 100 000 steps that donate nothing and never yield', () => {
      const step = jit((p: hk.Params, b: unknown) => tree.map((x: Array, g: Array) => x.sub(g.mul(0.01)), p, grad(loss as never)(p, b)) as hk.Params);
      let p = params;
      const run = (n: number) => { for (let i = 0; i < n; i++) p = step(p, data[i % data.length]); };
      run(5000);
      const before = resident();
      run(100_000);
      expect((resident() - before) / 2 ** 20, 'MiB').to.be.below(32);
    });

    it('comes back when sessions are disposed of', () => {
      const step = trainStep({ loss, optimizer: optax.sgd(0.1) });
      const { jaxpr } = step.lower(step.init(params), data[0]);
      const model = serialize(buildModel(jaxpr, new Map(), true).graph);
      const round = () => { for (let i = 0; i < 100; i++) engine('onnxruntime').createSession(model).dispose(); };
      round();
      const before = resident();
      round();
      expect(resident() / before).to.be.below(1.05);
    });
  });

  describe('the event loop', () => {
    it('stays free during await step.async', async function () {
      if (!LONG) {
        console.log('      pending: timing needs a quiet machine; HOKKU_LONG=1 runs it');
        this.skip();
      }
      const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([1024, 1024, 100])(x)));
      const x = jnp.ones([64, 784]);
      const step = trainStep({ loss: (p, b) => jnp.mean(nn.logSoftmax(net.apply(p, b))).neg(), optimizer: optax.sgd(1e-3) });
      let carry = step.init(net.init(random.PRNGKey(0), x));
      [carry] = step(carry, x);
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      for (let i = 0; i < 100; i++) [carry] = await step.async(carry, x);
      delay.disable();
      expect(delay.percentile(99) / 1e6, 'ms').to.be.below(10);
    });
  });
});
