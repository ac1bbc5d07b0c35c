"""What Optax makes of groups that start late: writes reference.json. Run it with a Python that has jax and optax.

Each group is a label of optax.multi_transform. In a phase, the groups that are frozen have set_to_zero; a group's inner state is
made by init before its first step, kept while it is frozen again, and put back when it goes on.
"""
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

# From this step on these groups train, as gradualUnfreezing({ 0: 'head', 5: 'trunk', 9: { freeze: 'head' }, 12: 'head' }) says.
PHASES = {0: {'head'}, 5: {'head', 'trunk'}, 9: {'trunk'}, 12: {'head', 'trunk'}}
STEPS = 16
OPTIMIZERS = {
    'adam with a schedule': lambda: optax.adam(optax.exponential_decay(0.05, 2, 0.8)),
    'adam with a warm-up': lambda: optax.adam(optax.warmup_constant_schedule(0, 0.05, 4)),
    'sgd with momentum and a schedule': lambda: optax.sgd(optax.linear_schedule(0.2, 0.02, 6), momentum=0.9, nesterov=True),
    'adamw behind a clip': lambda: optax.chain(optax.clip_by_global_norm(0.05), optax.adamw(0.03, weight_decay=0.1)),
}


def numbers(shape, seed):
    return jnp.asarray(np.random.RandomState(seed).randn(*shape).astype(np.float32))


PARAMS = {
    'trunk': {'w': numbers((3, 4), 0), 'b': numbers((4,), 1) * 0.1},
    'head': {'w': numbers((4, 2), 2), 'b': numbers((2,), 3) * 0.1},
}
X, Y = numbers((6, 3), 4), numbers((6, 2), 5)


def loss(params):
    hidden = jnp.tanh(X @ params['trunk']['w'] + params['trunk']['b'])
    return jnp.mean((hidden @ params['head']['w'] + params['head']['b'] - Y) ** 2)


def run(make):
    labels = {module: {name: module for name in bundle} for module, bundle in PARAMS.items()}
    params, kept, history = PARAMS, {}, []
    for step in range(STEPS):
        active = PHASES[max(start for start in PHASES if start <= step)]
        transform = optax.multi_transform({g: make() if g in active else optax.set_to_zero() for g in PARAMS}, labels)
        state = transform.init(params)
        inner = {g: kept.get(g, state.inner_states[g]) if g in active else state.inner_states[g] for g in PARAMS}
        state = state._replace(inner_states=inner)
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = transform.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        kept.update({g: state.inner_states[g] for g in active})
        history.append({'loss': float(value), 'params': listed(params)})
    return history


def listed(x):
    return jax.tree_util.tree_map(lambda a: np.asarray(a).tolist(), x)


result = {
    'versions': {'jax': jax.__version__, 'optax': optax.__version__},
    'params': listed(PARAMS), 'x': X.tolist(), 'y': Y.tolist(),
    'runs': {name: run(make) for name, make in OPTIMIZERS.items()},
}
pathlib.Path(__file__).with_name('reference.json').write_text(json.dumps(result) + '\n')
