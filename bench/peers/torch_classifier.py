"""The same classifier in PyTorch, eager, as most of its users train."""
import itertools

import torch
from protocol import serve

BATCHES = 16


def classifier(*, inputs, sizes, lr, make_batch):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise([inputs, *sizes])]
    layers[1].requires_grad_(False)
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr)
    batches = [make_batch() for _ in range(BATCHES)]

    def run(steps):
        for i in range(steps):
            x, y = batches[i % BATCHES]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    serve("torch", {"eager": run})
