import numpy as np
from haiku_classifier import classifier


def batch(rng):
    return rng.standard_normal((128, 784), dtype=np.float32), rng.integers(0, 1000, 128, dtype=np.int32)


classifier(inputs=784, sizes=[2048, 2048, 1000], batch_size=128, lr=0.01, make_batch=batch)
