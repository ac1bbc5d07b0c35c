import torch
from torch_classifier import classifier


def batch():
    y = torch.randperm(10)
    return y.reshape(10, 1).float(), y


classifier(inputs=1, sizes=[300, 100, 10], lr=0.1, make_batch=batch)
