"""The same models in PyTorch, eager, as most of its users train."""
import sys

import torch
import torch.nn.functional as F
from protocol import serve
from resnet18 import ResNet18
from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU())
        self.head = nn.Linear(84, 10)

    def forward(self, x):
        return self.head(self.body(x))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.core, self.head = nn.LSTM(256, 256), nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.core(x)[0][-1])


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_0, self.norm_1 = nn.LayerNorm(256), nn.LayerNorm(256)
        self.query, self.key, self.value, self.out = (nn.Linear(256, 256) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(256, 1024), nn.GELU(approximate="tanh"), nn.Linear(1024, 256))

    def forward(self, h):
        x = self.norm_0(h)
        split = lambda linear: linear(x).unflatten(-1, (4, 64)).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.query), split(self.key), split(self.value), is_causal=True)
        h = h + self.out(y.transpose(1, 2).flatten(-2))
        return h + self.mlp(self.norm_1(h))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.positions = nn.Embedding(256, 256), nn.Parameter(torch.randn(64, 256) * 0.02)
        self.layers, self.norm, self.head = nn.Sequential(Layer(), Layer()), nn.LayerNorm(256), nn.Linear(256, 256)

    def forward(self, tokens):
        return self.head(self.norm(self.layers(self.embed(tokens) + self.positions)))


MODELS = {
    "lenet": lambda: (LeNet, torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))),
    "resnet18": lambda: (ResNet18, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))),
    "lstm": lambda: (Lstm, torch.randn(50, 32, 256), torch.randint(0, 10, (32,))),
    "transformer": lambda: (Transformer, torch.randint(0, 256, (16, 64)), torch.randint(0, 256, (16, 64))),
}


def variants(part):
    torch.manual_seed(0)
    cls, x, y = MODELS[part]()

    def init(steps):
        for _ in range(steps):
            cls()

    model = cls().eval()

    def forward(steps):
        with torch.no_grad():
            for _ in range(steps):
                model(x)

    def training(head_only):
        net = cls().train()
        if head_only:
            net.requires_grad_(False)
            net.head.requires_grad_(True)
        optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)

        def run(steps):
            for _ in range(steps):
                optimizer.zero_grad()
                F.cross_entropy(net(x).flatten(0, -2), y.flatten()).backward()
                optimizer.step()

        return run

    return {f"{part} init": init, f"{part} forward": forward, f"{part} step": training(False), f"{part} step, head only": training(True)}


serve("torch", variants(sys.argv[1]))
