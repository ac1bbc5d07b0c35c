import torch
from torch_classifier import classifier

classifier(inputs=784, sizes=[2048, 2048, 1000], lr=0.01, make_batch=lambda: (torch.randn(128, 784), torch.randint(0, 1000, (128,))))
