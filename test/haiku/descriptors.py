"""What Haiku's modules begin with: `python test/haiku/descriptors.py > test/haiku/descriptors.json`, with the packages of bench/peers/requirements.txt.

For each descriptor (Haiku's own list, which is installed with it, and what `MORE` in descriptors.ts adds) the parameters that
`init(PRNGKey(42), sin(0, 1, 2, …))` makes, as [module, name, shape, CRC-32 of the bytes], in the order of their creation, and the state
as [module, name, shape, sum, root of the sum of squares].
"""
import json
import zlib

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from haiku._src.integration import descriptors as d

unroll = lambda create: d.recurrent_factory(create, hk.dynamic_unroll)
N = d.BATCH_SIZE
MORE = [
    d.ModuleDescriptor("AvgPool", lambda: hk.AvgPool(2, 2, "SAME"), (N, 5, 5, 2)),
    d.ModuleDescriptor("MaxPool", lambda: hk.MaxPool(2, 2, "SAME"), (N, 5, 5, 2)),
    d.ModuleDescriptor("Reshape", lambda: hk.Reshape((-1, 2)), (N, 3, 4)),
    d.ModuleDescriptor("BatchApply", lambda: hk.BatchApply(hk.Linear(3)), (N, 2, 4)),
    d.ModuleDescriptor("ExponentialMovingAverage", lambda: hk.ExponentialMovingAverage(0.9), (N, 2)),
    d.ModuleDescriptor("DeepRNN", unroll(lambda: hk.DeepRNN([hk.LSTM(3), jax.nn.relu, hk.GRU(2)])), (N, 4)),
    d.ModuleDescriptor("deep_rnn_with_skip_connections", unroll(lambda: hk.deep_rnn_with_skip_connections([hk.LSTM(3), hk.LSTM(2)])), (N, 4)),
    d.ModuleDescriptor("nets.ResNet, small", lambda: d.Training(hk.nets.ResNet((1, 1, 1, 1), 10, channels_per_group=(8, 16, 32, 64))), (2, 16, 16, 3)),
    d.ModuleDescriptor("nets.ResNet, small, v2", lambda: d.Training(hk.nets.ResNet((1, 1, 1, 1), 10, channels_per_group=(8, 8, 16, 16), bottleneck=False, resnet_v2=True)), (2, 16, 16, 3)),
    d.ModuleDescriptor("nets.MobileNetV1, small", lambda: d.Training(hk.nets.MobileNetV1(num_classes=10, strides=(1, 2), channels=(4, 8))), (2, 8, 8, 3)),
    d.ModuleDescriptor("nets.ResNet18", lambda: d.Training(hk.nets.ResNet18(10)), (2, 32, 32, 3)),
]


def entries(structure, numbers):
    return [[module, name, list(value.shape), *numbers(np.asarray(value))] for module, bundle in structure.items() for name, value in bundle.items()]


recorded = {}
for name, create, shape, dtype in (*d.ALL_MODULES, *MORE):
    size = int(np.prod(shape))
    x = jnp.asarray((np.arange(size) % 6 if dtype == jnp.int32 else np.sin(np.arange(size))).astype(dtype).reshape(shape))
    params, state = hk.transform_with_state(lambda x: create()(x)).init(jax.random.PRNGKey(42), x)
    recorded[name] = {
        "params": entries(params, lambda a: [zlib.crc32(a.tobytes())]),
        "state": entries(state, lambda a: [float(f"{x:.7g}") for x in (a.sum(dtype=np.float64), np.sqrt((a.astype(np.float64) ** 2).sum()))]),
    }
print("{\n" + ",\n".join(f' {json.dumps(name)}: {json.dumps(value, separators=(",", ":"))}' for name, value in recorded.items()) + "\n}")
