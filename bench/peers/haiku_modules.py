"""Whole models in dm-haiku, jitted: initialising, forward, and a training step with everything or only the head trainable."""
import sys

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
from protocol import serve

rng = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(rng.standard_normal(shape, dtype=np.float32))


def labels(shape, below):
    return jnp.asarray(rng.integers(0, below, shape, dtype=np.int32))


def lenet(x, is_training):
    return hk.Sequential([
        hk.Conv2D(6, 5), jax.nn.relu, hk.MaxPool(2, 2, "VALID"), hk.Conv2D(16, 5, padding="VALID"), jax.nn.relu, hk.MaxPool(2, 2, "VALID"),
        hk.Flatten(), hk.Linear(120), jax.nn.relu, hk.Linear(84), jax.nn.relu, hk.Linear(10, name="head"),
    ])(x)


def lstm(x, is_training):
    core = hk.LSTM(256)
    ys, _ = hk.dynamic_unroll(core, x, core.initial_state(x.shape[1]))
    return hk.Linear(10, name="head")(ys[-1])


def transformer(tokens, is_training):
    length = tokens.shape[1]
    w_init = hk.initializers.VarianceScaling()
    mask = jnp.tril(jnp.ones((1, 1, length, length)))
    norm = lambda h: hk.LayerNorm(-1, True, True)(h)
    h = hk.Embed(256, 256)(tokens) + hk.get_parameter("positions", (length, 256), init=hk.initializers.TruncatedNormal(0.02))
    for _ in range(2):
        before = norm(h)
        h = h + hk.MultiHeadAttention(4, 64, model_size=256, w_init=w_init)(before, before, before, mask)
        h = h + hk.Linear(256, w_init=w_init)(jax.nn.gelu(hk.Linear(1024, w_init=w_init)(norm(h))))
    return hk.Linear(256, name="head")(norm(h))


MODELS = {
    "lenet": lambda: (lenet, normal(128, 28, 28, 1), labels(128, 10), "head"),
    "resnet18": lambda: (lambda x, is_training: hk.nets.ResNet18(10)(x, is_training), normal(32, 32, 32, 3), labels(32, 10), "res_net18/~/logits"),
    "lstm": lambda: (lstm, normal(50, 32, 256), labels(32, 10), "head"),
    "transformer": lambda: (transformer, labels((16, 64), 256), labels((16, 64), 256), "head"),
}


def variants(part):
    net, x, y, head = MODELS[part]()
    f = hk.transform_with_state(net)
    init = jax.jit(lambda key, x: f.init(key, x, True))
    forward = jax.jit(lambda params, state, x: f.apply(params, state, None, x, False)[0])
    made = []

    def running_init(steps):
        for i in range(steps):
            out = init(jax.random.PRNGKey(i), x)
        jax.block_until_ready(out)

    def running_forward(steps):
        if not made:
            made.extend(init(jax.random.PRNGKey(42), x))
        for _ in range(steps):
            out = forward(*made, x)
        jax.block_until_ready(out)

    def training(trains):
        opt = optax.adam(1e-3)

        def loss_fn(trainable, frozen, state, x, y):
            logits, state = f.apply(hk.data_structures.merge(trainable, frozen), state, None, x, True)
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y)), state

        def step(trainable, state, opt_state, frozen, x, y):
            (loss, state), grads = jax.value_and_grad(loss_fn, has_aux=True)(trainable, frozen, state, x, y)
            updates, opt_state = opt.update(grads, opt_state, trainable)
            return optax.apply_updates(trainable, updates), state, opt_state, loss

        jitted = jax.jit(step, donate_argnums=(0, 1, 2))
        carry = []

        def run(steps):
            if not carry:
                params, state = init(jax.random.PRNGKey(42), x)
                trainable, frozen = hk.data_structures.partition(trains, params)
                carry.extend([trainable, state, opt.init(trainable), frozen])
            for _ in range(steps):
                *carry[:3], loss = jitted(*carry, x, y)
            jax.block_until_ready((carry, loss))

        return run

    return {
        f"{part} init": running_init,
        f"{part} forward": running_forward,
        f"{part} step": training(lambda module, name, value: True),
        f"{part} step, head only": training(lambda module, name, value: module == head),
    }


serve("dm-haiku", variants(sys.argv[1]))
