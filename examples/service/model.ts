/** What all tenants share: a frozen backbone, the training step of a head on top of it, and the compiled prediction. */
import * as hk from 'hokku';
import { jit, nn, numpy as jnp, random, type Array } from 'hokku/jax';
import * as optax from 'hokku/optax';
import { trainStep } from 'hokku/training';

/** Numbers of an example, and of classes. */
export const FEATURES = 8;
export const CLASSES = 3;
/** Every training batch has this size, so that one compiled program serves all tenants. */
export const BATCH = 32;

export interface Batch { x: Array; y: Array }

const net = hk.withoutApplyRng(hk.transform((x: Array) => {
  const features = new hk.nets.MLP([64, 64], { activateFinal: true, name: 'backbone' })(x);
  return new hk.Linear(CLASSES, { name: 'head' })(features);
}));

/** Parameters of a new tenant: the same backbone for all. In a real service it comes from a file: `loadParams`. */
export const initial = (): hk.Params => net.init(random.PRNGKey(0), jnp.zeros([1, FEATURES]));

const loss = (params: hk.Params, { x, y }: Batch): [Array, { aux: { accuracy: Array } }] => {
  const logits = net.apply(params, x);
  const accuracy = jnp.mean(jnp.equal(jnp.argmax(logits, { axis: -1 }), y));
  return [jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, y)), { aux: { accuracy } }];
};

/** Trains the head only: no gradient of the backbone is computed, and no optimizer state is kept for it. */
export const step = trainStep({ loss, optimizer: optax.adam(0.02), trainable: 'head' });

/** Probabilities of the classes, one row for each example. */
export const predict = jit((params: hk.Params, x: Array) => nn.softmax(net.apply(params, x)));
