"""The update of 25 million parameters by Optax's optimizers, jitted, with donated parameters and state."""
import jax
import optax
from protocol import serve

SHAPES = [(784, 4096), (4096, 4096), (4096, 1220)]


def normal(seed):
    return [jax.random.normal(jax.random.PRNGKey(seed + i), s) for i, s in enumerate(SHAPES)]


def variant(opt):
    def update(params, state, grads):
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(update, donate_argnums=(0, 1))
    carry = []

    def run(steps):
        if not carry:
            params = normal(0)
            carry.extend([params, opt.init(params), normal(10)])
        for _ in range(steps):
            carry[:2] = step(*carry)
        jax.block_until_ready(carry[:2])

    return run


serve("dm-haiku", {
    "sgd": variant(optax.sgd(1e-3)),
    "sgd momentum": variant(optax.sgd(1e-3, momentum=0.9)),
    "adamw": variant(optax.adamw(1e-3)),
    "adamw clipped": variant(optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(1e-3, 1000)))),
    "rmsprop": variant(optax.rmsprop(1e-3)),
    "lion": variant(optax.lion(1e-4)),
})
