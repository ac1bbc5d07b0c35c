"""Initialising 25 million parameters: as most write it, and inside jit; with today's threefry and with the original one."""
import haiku as hk
import jax
import jax.numpy as jnp
from protocol import serve

f = hk.transform(lambda x: hk.nets.MLP([4096, 4096, 1220])(x))
x = jnp.zeros([1, 784])
jitted = {mode: jax.jit(f.init) for mode in (True, False)}


def variant(init, partitionable):
    def run(steps):
        with jax.threefry_partitionable(partitionable):
            for i in range(steps):
                jax.block_until_ready(init(jax.random.PRNGKey(i), x))

    return run


serve("dm-haiku", {
    "jit": variant(jitted[True], True),
    "eager": variant(f.init, True),
    "jit, original": variant(jitted[False], False),
    "eager, original": variant(f.init, False),
})
