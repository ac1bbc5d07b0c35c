"""The update of 25 million parameters by PyTorch's optimizers, fused where it has that."""
import torch
from protocol import serve

SHAPES = [(784, 4096), (4096, 4096), (4096, 1220)]


def variant(make, clip=None):
    state = []

    def run(steps):
        if not state:
            params = [torch.randn(s, requires_grad=True) for s in SHAPES]
            for p in params:
                p.grad = torch.randn_like(p)
            state.extend([make(params), params])
        for _ in range(steps):
            if clip:
                torch.nn.utils.clip_grad_norm_(state[1], clip)
            state[0].step()

    return run


serve("torch", {
    "sgd": variant(lambda p: torch.optim.SGD(p, lr=1e-3, fused=True)),
    "sgd momentum": variant(lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True)),
    "adamw": variant(lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=1e-4, fused=True)),
    "adamw clipped": variant(lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=1e-4, fused=True), clip=1.0),
    "rmsprop": variant(lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9)),
})
