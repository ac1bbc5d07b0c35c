"""What Optax itself computes for every optimizer of optimizers.json: `python test/optax/recorded/record.py [dtype...]`, once for a version of Optax.

An entry is a call, [name, arguments in order..., {options}], in the library's camelCase; `value` below turns it into Optax's. The problem is a
quadratic loss, sum(0.5 * scale * (p - target)^2), whose target moves at every step; parameters after steps 1 and 6 are kept in float32, and after
step 6 in float64 and bfloat16, of the first entry of every name.
"""
import json, os, re, subprocess, sys, warnings
from pathlib import Path

HERE = Path(__file__).parent
DTYPES = ['float32', 'float64', 'bfloat16']
PROCESSES = int(os.environ.get('PROCESSES', 1))


def record(dtype, part):
    import jax, jax.numpy as jnp, optax
    warnings.simplefilter('ignore')
    shapes = {'empty': {}, 'layer': {'b': (3,), 'w': (2, 3)}, 'more': {'kernel': (2, 2, 2), 'scale': ()}}

    def numbers(a, b, c, m):
        """Small fractions, the same in every language."""
        leaf = iter(range(9))
        def one(shape):
            k, n = next(leaf), 1
            for d in shape: n *= d
            return jnp.asarray([((i * a + k * b + c) % m - m // 2) / 32 for i in range(n)], dtype).reshape(shape)
        return jax.tree.map(one, shapes, is_leaf=lambda x: isinstance(x, tuple))

    snake = lambda name: re.sub('([A-Z])', lambda m: '_' + m[1].lower(), name)

    def find(name):
        at = optax
        for part in name.split('.'):
            at = getattr(at, part, None) or getattr(at, snake(part), None)
        return at

    def value(x):
        if isinstance(x, list) and x and isinstance(x[0], str):
            if x[0] == 'pair': return (x[1], value(x[2]))
            if x[0] == 'injectHyperparams()':
                return optax.inject_hyperparams(find(x[1]))(*[value(a) for a in x[2:] if not isinstance(a, dict)], **{snake(k): value(v) for a in x[2:] if isinstance(a, dict) for k, v in a.items()})
            f = find(x[0])
            if f is not None:
                args, kwargs = list(x[1:]), {}
                positional = {'multiTransform': 2, 'masked': 2}.get(x[0], 0)
                if len(args) > positional and isinstance(args[-1], dict): kwargs = {snake(k): value(v) for k, v in args.pop().items()}
                return f(*[value(a) for a in args], **kwargs)
        if isinstance(x, list): return tuple(value(y) for y in x)
        # A tree of masks or labels has the empty module too.
        if isinstance(x, dict): return {k: value(v) for k, v in x.items()} | ({'empty': {}} if 'layer' in x else {})
        return x

    def trim(tree, without): return {**tree, 'more': {k: v for k, v in tree['more'].items() if k != without}}

    results, names = [], set()
    for i, entry in enumerate(json.loads((HERE / 'optimizers.json').read_text())):
        without = entry['without'] if isinstance(entry, dict) else None
        spec = entry['optimizer'] if isinstance(entry, dict) else entry
        name = spec[0]
        again, _ = name in names, names.add(name)
        if i % PROCESSES != part or (dtype != 'float32' and again): continue
        params, scale = trim(numbers(37, 11, 5, 101), without), trim(numbers(23, 7, 60, 67), without)
        opt, text = value(spec), json.dumps(spec)

        # Not jitted: programs of single operations are compiled once for all optimizers, which is much faster.
        def step(params, state, target):
            def loss(p): return jax.tree.reduce(lambda a, b: a + b, jax.tree.map(lambda x, t, s: jnp.sum(0.5 * (s * s + 0.25) * (x - t) ** 2), p, target, scale))
            v, g = jax.value_and_grad(loss)(params)
            extra = {'value': v} if re.search('polyak|momo|Plateau', text) else {'value': v, 'grad': g, 'value_fn': loss} if re.search('lbfgs"|Linesearch', text) else {'obj_fn': loss} if 'sophia' in text else {}
            if '"lbfgs"' in text and '"linesearch": null' in text: extra = {}
            updates, state = opt.update(g, state, params, **extra)
            return optax.apply_updates(params, updates), state

        kept, error = {}, None
        try:
            state = opt.init(params)
            for k in range(1, 7):
                params, state = step(params, state, trim(numbers(29, 13, 17 * k, 89), without))
                if k == 6 or (k == 1 and dtype == 'float32'):
                    kept[k] = [float(f'{float(x):.9g}') for leaf in jax.tree.leaves(params) for x in leaf.astype('float64' if dtype == 'float64' else 'float32').reshape(-1)]
        except Exception as e:
            if dtype == 'float32': raise RuntimeError(text) from e
            error = type(e).__name__
        results.append([i, dtype, kept if error is None else {'error': error}])
    return {'version': optax.__version__, 'results': results}


if sys.argv[1:2] == ['--part']:
    print(json.dumps(record(sys.argv[2], int(sys.argv[3]))))
else:
    rows, wanted = {}, sys.argv[1:] or DTYPES
    if wanted != DTYPES:
        rows = {i: {k: v for k, v in row.items() if k not in wanted} for i, row in enumerate(json.loads((HERE / 'recorded.json').read_text())['results'])}
    for dtype in wanted:
        environment = {**os.environ, 'JAX_ENABLE_X64': str(int(dtype == 'float64'))}
        started = [subprocess.Popen([sys.executable, __file__, '--part', dtype, str(part)], stdout=subprocess.PIPE, env=environment) for part in range(PROCESSES)]
        for p in started:
            answer = json.loads(p.communicate()[0])
            for i, name, numbers in answer['results']: rows.setdefault(i, {})[name] = numbers
        lines = ['    ' + json.dumps(rows[i]).replace('NaN', 'null') for i in sorted(rows)]
        (HERE / 'recorded.json').write_text('{\n  "version": ' + json.dumps(answer['version']) + ',\n  "results": [\n' + ',\n'.join(lines) + '\n  ]\n}\n')
