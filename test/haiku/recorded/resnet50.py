"""What dm-haiku initialises ResNet-50 with: `python test/haiku/recorded/resnet50.py`, once for a version of dm-haiku and JAX.

A SHA-256 of every parameter's bytes (float32, little-endian, row-major), of the seed 42.
"""
import hashlib, json
from pathlib import Path

import haiku as hk, jax, jax.numpy as jnp, numpy as np

SEED = 42
f = hk.transform_with_state(lambda x: hk.nets.ResNet50(1000)(x, is_training=True))
x = jnp.zeros([1, 224, 224, 3])


def digests(init):
    params, _ = init(jax.random.PRNGKey(SEED), x)
    return {f'{module}/{name}': hashlib.sha256(np.asarray(value, '<f4').tobytes()).hexdigest() for module, name, value in hk.data_structures.traverse(params)}


eager = digests(f.init)
jitted = digests(jax.jit(f.init))
differing = [name for name in eager if eager[name] != jitted[name]]
print(f'{len(eager)} parameters; under jax.jit {len(differing)} have other bits')
recorded = {'versions': {'dm-haiku': hk.__version__, 'jax': jax.__version__}, 'seed': SEED, 'sha256': dict(sorted(eager.items()))}
Path(__file__).with_suffix('.json').write_text(json.dumps(recorded, indent=1) + '\n')
