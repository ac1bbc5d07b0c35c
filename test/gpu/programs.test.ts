/** Programs as a GPU runs them, with nothing fused and nothing in place, held against the fused ones. Here on the CPU. */
import { expect } from 'chai';
import { dropout } from '../../lib/index.js';
import { ConcreteArray } from '../../lib/jax/array.js';
import { jit, nn, numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import { buildModel, type Program } from '../../lib/jax/program.js';
import { serialize } from '../../lib/lowering/model.js';
import * as optax from '../../lib/optax/index.js';
import { engine } from '../../lib/runtime/engines.js';
import { trainStep } from '../../lib/training/index.js';
import { ENGINES, batches, distance, loss, newParams, notMiddle } from '../training/notebook.js';

/** The outputs that are computed, by their number. */
function unfused(program: Program, inputs: readonly Array[], engineName: string): Map<number, Array> {
  const built = buildModel(program.jaxpr, new Map(), false);
  expect(built.inPlace.size).to.equal(0);
  const session = engine(engineName).createSession(serialize(built.graph));
  try {
    const fed = built.inputs.map(({ source, aval }) => ({ dtype: aval.dtype, shape: aval.shape as number[], data: inputs[source].data.buffer as ArrayBuffer }));
    return new Map(session.run(fed).map((t, i) => [built.fresh[i], new ConcreteArray(program.jaxpr.outputs[built.fresh[i]].aval, t.data)]));
  } finally { session.dispose(); }
}

const key = random.PRNGKey(5);
const x = random.normal(random.PRNGKey(1), [8, 4]);
const functions: Record<string, (k: Array, x: Array) => Array[]> = {
  'random numbers': (k, a) => [random.uniform(random.foldIn(k, 3), [8]), random.normal(k, [4]), random.permutation(k, 6), random.split(k), random.bernoulli(k, 0.5, [8, 4]).astype('float32').mul(a)],
  'what ONNX has no operator for': (_, a) => [jnp.arctan2(a, a.add(1)), dropout(key, 0.5, a)],
  'elementwise chains and reductions': (_, a) => [nn.logSoftmax(jnp.tanh(a).mul(2).add(1)), jnp.sum(jnp.exp(a)), jnp.argmax(a, { axis: -1 })],
};

for (const { name, missing } of ENGINES) {
  describe(`programs for the GPU, on ${name}'s CPU`, () => {
    before(function () {
      if (!missing) return;
      console.log(`    pending: ${missing}`);
      this.skip();
    });

    for (const [title, f] of Object.entries(functions)) {
      it(title, () => {
        const wanted = jit(f)(key, x);
        const program = jit(f).lower(key, x);
        // Arrays that the function closes over come first.
        const captured = program.jaxpr.inputs.length - 2;
        const got = unfused(program, [...globalThis.Array(captured).fill(key), key, x], name);
        expect(got.size).to.be.above(0);
        for (const [k, y] of got) expect(distance(y, wanted[k]), `result ${k}`).to.be.below(1e-6);
      });
    }

    it('a training step', () => {
      const step = trainStep({ loss, optimizer: optax.chain(optax.clipByGlobalNorm(1), optax.sgd(0.1, { momentum: 0.9 })), trainable: notMiddle });
      const carry = step.init(newParams());
      const [batch] = batches(1);
      const program = step.lower(carry, batch);
      const parts = [carry.trainable, carry.state, carry.optState, carry.step, carry.nonTrainable, batch];
      const got = unfused(program, parts.flatMap((p) => tree.leaves(p) as Array[]), name);
      const [next, result] = step(carry, batch);
      const wanted = [...[next.trainable, next.state, next.optState, next.step].flatMap((p) => tree.leaves(p)), result.loss];
      expect(got.size).to.equal(wanted.length);
      for (const [k, y] of got) expect(distance(y, wanted[k]), `result ${k}`).to.be.below(1e-5);
    });
  });
}
