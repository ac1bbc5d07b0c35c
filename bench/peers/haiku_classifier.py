"""A classifier trained by SGD with its middle layer frozen, as the Haiku notebook writes it."""
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from protocol import serve

BATCHES = 16


def classifier(*, inputs, sizes, batch_size, lr, make_batch):
    """Variants of the same step: `jit` as in the notebook, `donated` as a careful user writes it, `numpy` fed from host arrays."""
    f = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP(sizes)(x)))
    rng = np.random.default_rng(0)
    on_host = [make_batch(rng) for _ in range(BATCHES)]
    on_device = [(jnp.asarray(x), jnp.asarray(y)) for x, y in on_host]

    def loss_fn(trainable, non_trainable, x, y):
        logits = f.apply(hk.data_structures.merge(trainable, non_trainable), x)
        labels = jax.nn.one_hot(y, logits.shape[-1])
        return -jnp.sum(labels * jax.nn.log_softmax(logits)) / labels.shape[0]

    def train_step(trainable, non_trainable, x, y):
        grads = jax.grad(loss_fn)(trainable, non_trainable, x, y)
        return jax.tree_util.tree_map(lambda p, g: p - lr * g, trainable, grads)

    def variant(step, batches):
        params = f.init(jax.random.PRNGKey(42), jnp.zeros([batch_size, inputs]))
        state = list(hk.data_structures.partition(lambda m, n, p: m != "mlp/~/linear_1", params))

        def run(steps):
            trainable, frozen = state
            for i in range(steps):
                x, y = batches[i % BATCHES]
                trainable = step(trainable, frozen, x, y)
            state[0] = jax.block_until_ready(trainable)

        return run

    jit = jax.jit(train_step)
    donated = jax.jit(train_step, donate_argnums=0)
    serve("dm-haiku", {"jit": variant(jit, on_device), "donated": variant(donated, on_device), "numpy": variant(jit, on_host)})
