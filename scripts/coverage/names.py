"""The peers' public names for docs/coverage.md: `python scripts/coverage/names.py > scripts/coverage/names.json`, once for a version of JAX, dm-haiku and Optax.

Without the deprecated ones (the modules list those themselves) and without jax.lax's primitive objects (`add_p`), which are not operations.
"""
import importlib, json, types, warnings

import haiku
import jax
import optax

MODULES = ['jax', 'jax.numpy', 'jax.numpy.linalg', 'jax.numpy.fft', 'jax.lax', 'jax.lax.linalg', 'jax.nn', 'jax.nn.initializers', 'jax.random', 'jax.tree', 'jax.ops',
           'jax.scipy.special', 'jax.scipy.linalg', 'jax.scipy.stats.norm', 'jax.test_util',
           'haiku', 'haiku.initializers', 'haiku.pad', 'haiku.nets', 'haiku.data_structures', 'haiku.mixed_precision', 'haiku.config', 'haiku.testing',
           'haiku.experimental', 'haiku.experimental.jaxpr_info',
           'optax', 'optax.losses', 'optax.schedules', 'optax.transforms', 'optax.contrib', 'optax.tree', 'optax.tree_utils', 'optax.projections', 'optax.perturbations',
           'optax.assignment', 'optax.second_order', 'optax.microbatching']


def public(path):
    module = importlib.import_module(path)
    deprecated = getattr(module, '_deprecations', {})
    values = {name: getattr(module, name) for name in dir(module) if not name.startswith('_') and name not in deprecated}
    hidden = (types.ModuleType, jax.extend.core.Primitive)
    return [name for name, value in values.items() if not isinstance(value, hidden)]


warnings.simplefilter('ignore')
importlib.import_module('jax.extend.core')
lines = [f'  {json.dumps(path)}: {json.dumps(public(path))}' for path in MODULES]
# Its names can only be asked for where flax is installed.
lines.append('  "haiku.experimental.flax": ["Module", "flatten_flax_to_haiku", "lift"]')
print('{\n  "versions": ' + json.dumps({'jax': jax.__version__, 'haiku': haiku.__version__, 'optax': optax.__version__}) + ',\n' + ',\n'.join(lines) + '\n}')
