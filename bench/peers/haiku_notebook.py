import numpy as np
from haiku_classifier import classifier


def batch(rng):
    y = rng.permutation(10)
    return y.reshape(10, 1).astype(np.float32), y.astype(np.int32)


classifier(inputs=1, sizes=[300, 100, 10], batch_size=10, lr=0.1, make_batch=batch)
