"""The same network and steps in PyTorch: with the trunk frozen it is in evaluation mode, as its users keep it."""
import sys

import torch
import torch.nn.functional as F
from protocol import serve
from resnet18 import ResNet18


def step(part):
    torch.manual_seed(0)
    net, x, y = ResNet18(), torch.randn(8, 3, 224, 224), torch.randint(0, 10, (8,))
    if part == "head only":
        net.eval().requires_grad_(False)
        net.head.requires_grad_(True)
    else:
        net.train()
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()

    return run


serve("torch", {sys.argv[1]: step(sys.argv[1])})
