"""Single jitted operations in JAX: forward, and forward with the pullback of a given cotangent."""
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from protocol import serve

rng = np.random.default_rng(0)


def normal(*shape, scale=1.0):
    return jnp.asarray(rng.standard_normal(shape, dtype=np.float32) * np.float32(scale))


def conv(image, kernel, stride=1, layouts=("NHWC", "HWIO", "NHWC"), groups=1):
    def f(x, w):
        return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=layouts, feature_group_count=groups)

    return lambda: [normal(*image), normal(*kernel, scale=0.05)], f, None


def lstm(xs, w, b):
    def turn(state, x):
        h, c = state
        i, g, f, o = jnp.split(jnp.concatenate([x, h], axis=-1) @ w + b, 4, axis=-1)
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((xs.shape[1], w.shape[1] // 4))
    return lax.scan(turn, (zeros, zeros), xs)[1]


def layer_norm(x, scale, offset):
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
    return centred * lax.rsqrt(variance + 1e-5) * scale + offset


def chain(x, y):
    z = x
    for _ in range(4):
        z = jnp.maximum(z * y + 0.5, -1) - x
    return z


# What makes the inputs, the operation, and which inputs get gradients (None: all).
OPS = {
    "matmul 512": (lambda: [normal(512, 512), normal(512, 512)], jnp.matmul, None),
    "matmul 32 of 128": (lambda: [normal(32, 128, 128), normal(32, 128, 128)], jnp.matmul, None),
    "conv 3x3": conv((32, 32, 32, 32), (3, 3, 32, 64)),
    "conv 3x3 NCHW": conv((32, 32, 32, 32), (64, 32, 3, 3), layouts=("NCHW", "OIHW", "NCHW")),
    "conv 3x3 stride 2": conv((32, 32, 32, 32), (3, 3, 32, 64), stride=2),
    "conv depthwise": conv((32, 32, 32, 32), (3, 3, 1, 32), groups=32),
    "conv 1x1": conv((32, 32, 32, 32), (1, 1, 32, 64)),
    "softmax": (lambda: [normal(4096, 1000)], jax.nn.softmax, None),
    "layer norm": (lambda: [normal(4096, 768), normal(768), normal(768)], layer_norm, None),
    "embedding": (lambda: [normal(50000, 256), jnp.asarray(rng.integers(0, 50000, (32, 128), dtype=np.int32))], lambda table, i: table[i], (0,)),
    "LSTM 100 turns": (lambda: [normal(100, 32, 256), normal(512, 1024, scale=0.04), normal(1024, scale=0.04)], lstm, None),
    "attention": (lambda: [normal(8, 128, 8, 64) for _ in range(3)], jax.nn.dot_product_attention, None),
    "chain of 16": (lambda: [normal(25_000_000), normal(25_000_000)], chain, None),
}


def repeat(f, make):
    step = jax.jit(f)
    inputs = []

    def run(steps):
        if not inputs:
            inputs.extend(make())
        for _ in range(steps):
            jax.block_until_ready(step(*inputs))

    return run


def with_gradients(f, wanted):
    def both(*args):
        xs, ct = args[:-1], args[-1]
        chosen = range(len(xs)) if wanted is None else wanted

        def own(*values):
            given = dict(zip(chosen, values, strict=True))
            return f(*(given.get(i, x) for i, x in enumerate(xs)))

        y, pull = jax.vjp(own, *(xs[i] for i in chosen))
        return y, pull(ct)

    return both


def adamw():
    opt = optax.adamw(1e-3)

    def update(params, state, grads):
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(update, donate_argnums=(0, 1))
    shapes = [(784, 4096), (4096, 4096), (4096, 1220)]
    carry = []

    def run(steps):
        if not carry:
            params = [normal(*s) for s in shapes]
            carry.extend([params, opt.init(params), [normal(*s) for s in shapes]])
        for _ in range(steps):
            carry[:2] = step(*carry)
            jax.block_until_ready(carry[:2])

    return run


variants = {}
for name, (make, f, wanted) in OPS.items():
    def with_cotangent(make=make, f=f):
        xs = make()
        return [*xs, normal(*jax.eval_shape(f, *xs).shape)]

    variants[name] = repeat(f, make)
    variants[f"{name}, grad"] = repeat(with_gradients(f, wanted), with_cotangent)
serve("jax", {**variants, "AdamW 25 M": adamw()})
