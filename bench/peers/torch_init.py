"""25 million parameters with PyTorch's own initialiser, a truncated normal as in Haiku."""
import torch
from protocol import serve

SHAPES = [(784, 4096), (4096, 4096), (4096, 1220)]


def run(steps):
    for _ in range(steps):
        for rows, columns in SHAPES:
            torch.nn.init.trunc_normal_(torch.empty(rows, columns), std=rows ** -0.5, a=-2 * rows ** -0.5, b=2 * rows ** -0.5)
            torch.zeros(columns)


serve("torch", {"eager": run})
