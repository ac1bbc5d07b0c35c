/** Whole models: initialising, forward, and a training step with everything or only the head trainable. `haiku_modules.py` and `torch_modules.py` are its twins. */
import * as hk from 'hokku';
import { jit, nn, numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { trainStep } from 'hokku/training';
import type { Variant } from '../protocol.js';
import type { Place } from './index.js';

interface Model { net: (x: Array, isTraining: boolean) => Array, x: Array, y: Array, head: string }

const normal = (shape: number[]): Array => random.normal(random.PRNGKey(1), shape);
const labels = (shape: number[], below: number): Array => random.randint(random.PRNGKey(2), shape, 0, below);

function lenet(x: Array): Array {
  return new hk.Sequential([
    new hk.Conv2D(6, 5), nn.relu, new hk.MaxPool(2, 2, 'VALID'), new hk.Conv2D(16, 5, { padding: 'VALID' }), nn.relu, new hk.MaxPool(2, 2, 'VALID'),
    new hk.Flatten(), new hk.Linear(120), nn.relu, new hk.Linear(84), nn.relu, new hk.Linear(10, { name: 'head' }),
  ])(x);
}

function lstm(x: Array): Array {
  const core = new hk.LSTM(256);
  const [ys] = hk.dynamicUnroll(core, x, core.initialState(x.shape[1]));
  return new hk.Linear(10, { name: 'head' })(ys.index(-1));
}

function transformer(tokens: Array): Array {
  const [, length] = tokens.shape;
  const wInit = new hk.initializers.VarianceScaling();
  const mask = jnp.tril(jnp.ones([1, 1, length, length]));
  const norm = (h: Array): Array => new hk.LayerNorm(-1, true, true)(h);
  let h = new hk.Embed({ vocabSize: 256, embedDim: 256 })(tokens).add(hk.getParameter('positions', [length, 256], { init: new hk.initializers.TruncatedNormal({ stddev: 0.02 }) }));
  for (let layer = 0; layer < 2; layer++) {
    const before = norm(h);
    h = h.add(new hk.MultiHeadAttention(4, 64, { modelSize: 256, wInit })(before, before, before, mask));
    h = h.add(new hk.Linear(256, { wInit })(nn.gelu(new hk.Linear(1024, { wInit })(norm(h)))));
  }
  return new hk.Linear(256, { name: 'head' })(norm(h));
}

const MODELS: Record<string, () => Model> = {
  lenet: () => ({ net: lenet, x: normal([128, 28, 28, 1]), y: labels([128], 10), head: 'head' }),
  resnet18: () => ({ net: (x, isTraining) => new hk.nets.ResNet18(10)(x, isTraining), x: normal([32, 32, 32, 3]), y: labels([32], 10), head: 'res_net18/~/logits' }),
  lstm: () => ({ net: lstm, x: normal([50, 32, 256]), y: labels([32], 10), head: 'head' }),
  transformer: () => ({ net: transformer, x: labels([16, 64], 256), y: labels([16, 64], 256), head: 'head' }),
};

export function variants({ part }: Place): Record<string, Variant> {
  const { net, x, y, head } = MODELS[part!]();
  const f = hk.transformWithState(net);
  const key = random.PRNGKey(42);
  const init = jit((k: Array, v: Array) => f.init(k, v, true));
  const forward = jit((params: hk.Params, state: hk.State, v: Array) => f.apply(params, state, null, v, false)[0]);
  const loss = (params: hk.Params, [v, labelled]: [Array, Array], { state }: { state: hk.State }): [Array, { state: hk.State }] => {
    const [logits, next] = f.apply(params, state, null, v, true);
    return [jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, labelled)), { state: next }];
  };

  /** The models are made when they are first asked for: a process that only initialises holds no optimizer. */
  function training(trainable: ((module: string) => boolean) | undefined): Variant {
    const step = trainStep({ loss, optimizer: optax.adam(1e-3), ...(trainable && { trainable }) });
    let carry: ReturnType<typeof step.init> | undefined;
    return (steps) => {
      if (!carry) { const [params, state] = init(key, x); carry = step.init(params, { state }); }
      for (let i = 0; i < steps; i++) [carry] = step(carry, [x, y]);
    };
  }
  let made: [hk.Params, hk.State] | undefined;
  return {
    [`${part} init`]: (steps) => { for (let i = 0; i < steps; i++) init(random.PRNGKey(i), x); },
    [`${part} forward`]: (steps) => {
      made ??= init(key, x);
      for (let i = 0; i < steps; i++) forward(...made, x);
    },
    [`${part} step`]: training(undefined),
    [`${part} step, head only`]: training((module) => module === head),
  };
}
