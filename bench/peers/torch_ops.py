"""The same operations in PyTorch, eager, in its own layouts: forward, and forward with the pullback of a given cotangent."""
import torch
import torch.nn.functional as F
from protocol import serve

torch.manual_seed(0)


def conv(image, kernel, stride=1, groups=1, memory_format=torch.channels_last):
    def make():
        return [torch.randn(image).to(memory_format=memory_format), (torch.randn(kernel) * 0.05).to(memory_format=memory_format)]

    return make, lambda x, w: F.conv2d(x, w, stride=stride, padding=kernel[2] // 2, groups=groups), None


def lstm():
    module = torch.nn.LSTM(256, 256)
    return lambda: [torch.randn(100, 32, 256), *module.parameters()], lambda x, *_: module(x)[0], None


def chain(x, y):
    z = x
    for _ in range(4):
        z = torch.clamp_min(z * y + 0.5, -1) - x
    return z


# What makes the inputs, the operation, and which inputs get gradients (None: all).
OPS = {
    "matmul 512": (lambda: [torch.randn(512, 512), torch.randn(512, 512)], torch.matmul, None),
    "matmul 32 of 128": (lambda: [torch.randn(32, 128, 128), torch.randn(32, 128, 128)], torch.matmul, None),
    "conv 3x3": conv((32, 32, 32, 32), (64, 32, 3, 3)),
    "conv 3x3 NCHW": conv((32, 32, 32, 32), (64, 32, 3, 3), memory_format=torch.contiguous_format),
    "conv 3x3 stride 2": conv((32, 32, 32, 32), (64, 32, 3, 3), stride=2),
    "conv depthwise": conv((32, 32, 32, 32), (32, 1, 3, 3), groups=32),
    "conv 1x1": conv((32, 32, 32, 32), (64, 32, 1, 1)),
    "softmax": (lambda: [torch.randn(4096, 1000)], lambda x: torch.softmax(x, -1), None),
    "layer norm": (lambda: [torch.randn(4096, 768), torch.randn(768), torch.randn(768)], lambda x, scale, offset: F.layer_norm(x, (768,), scale, offset), None),
    "embedding": (lambda: [torch.randn(50000, 256), torch.randint(0, 50000, (32, 128))], lambda table, i: F.embedding(i, table), (0,)),
    "LSTM 100 turns": lstm(),
    "attention": (lambda: [torch.randn(8, 128, 8, 64).transpose(1, 2) for _ in range(3)], F.scaled_dot_product_attention, None),
    "chain of 16": (lambda: [torch.randn(25_000_000), torch.randn(25_000_000)], chain, None),
}


def forward(make, f):
    inputs = []

    def run(steps):
        if not inputs:
            inputs.extend(make())
        with torch.no_grad():
            for _ in range(steps):
                f(*inputs)

    return run


def with_gradients(make, f, wanted):
    inputs = []

    def run(steps):
        if not inputs:
            inputs.extend(make())
            inputs.append(torch.randn_like(f(*inputs)))
        *xs, ct = inputs
        chosen = [xs[i].requires_grad_() for i in (range(len(xs)) if wanted is None else wanted)]
        for _ in range(steps):
            torch.autograd.grad(f(*xs), chosen, ct)

    return run


def adamw():
    state = []

    def run(steps):
        if not state:
            params = [torch.randn(s, requires_grad=True) for s in [(784, 4096), (4096, 4096), (4096, 1220)]]
            for p in params:
                p.grad = torch.randn_like(p)
            state.append(torch.optim.AdamW(params, lr=1e-3, weight_decay=1e-4, fused=True))
        for _ in range(steps):
            state[0].step()

    return run


variants = {}
for name, (make, f, wanted) in OPS.items():
    variants[name] = forward(make, f)
    variants[f"{name}, grad"] = with_gradients(make, f, wanted)
serve("torch", {**variants, "AdamW 25 M": adamw()})
