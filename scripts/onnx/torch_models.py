"""Exports small networks from PyTorch as ONNX, with the gradients that PyTorch computes.

    pip install torch onnx onnxscript numpy          (in an environment of its own)
    python scripts/onnx/torch_models.py test/onnx/torch

For each network and exporter there is NAME.onnx and NAME.safetensors: the inputs (`input/NAME`), the output (`output`), a
cotangent of it (`cotangent`), and the gradients of sum(output * cotangent) by the parameters' names (`gradient/NAME`) and by
the inputs' (`gradient/input/NAME`). What changes in training is recorded where the network is exported in training mode.
"""
import json
import pathlib
import struct
import sys
import warnings

import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")


class ResNetBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(16)
        self.downsample = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16))
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.fc = nn.Linear(16, 5)

    def forward(self, image):
        x = torch.relu(self.bn1(self.stem(image)))
        y = torch.relu(self.bn2(self.conv1(x)))
        x = torch.relu(self.bn3(self.conv2(y)) + self.downsample(x))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(self.pool(x), 1), 1))


class MobileNetBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(4, 12, 1), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.ReLU6())
        self.squeeze = nn.Conv2d(12, 4, 1)
        self.excite = nn.Conv2d(4, 12, 1)
        self.project = nn.Conv2d(12, 4, 1)
        self.act = nn.SiLU()

    def forward(self, image):
        x = self.depthwise(self.expand(image))
        scale = nn.functional.hardsigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return self.act(self.project(x * scale)) + image


class TransformerBlock(nn.Module):
    def __init__(self, size=16, heads=4):
        super().__init__()
        self.embedding = nn.Embedding(11, size)
        self.positions = nn.Parameter(torch.randn(7, size) * 0.1)
        self.ln1, self.ln2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.query, self.key, self.value, self.out = (nn.Linear(size, size) for _ in range(4))
        self.up, self.down = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.heads = heads

    def forward(self, tokens):
        b, t = tokens.shape
        x = self.embedding(tokens) + self.positions[:t]
        split = lambda y: y.view(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)
        h = self.ln1(x)
        q, k, v = split(self.query(h)), split(self.key(h)), split(self.value(h))
        scores = q @ k.transpose(-1, -2) / (q.shape[-1] ** 0.5)
        mask = torch.tril(torch.ones(t, t, dtype=torch.bool))
        p = torch.softmax(scores.masked_fill(~mask, -1e9), -1)
        x = x + self.out((p @ v).transpose(1, 2).reshape(b, t, -1))
        return x + self.down(nn.functional.gelu(self.up(self.ln2(x))))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(5, 6, num_layers=2, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, sequence):
        return self.head(self.rnn(sequence)[0])


def save(path, tensors):
    header, blob = {}, b""
    for name, t in sorted(tensors.items()):
        t = t.detach().contiguous().cpu()
        raw = t.numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[t.dtype]
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [len(blob), len(blob) + len(raw)]}
        blob += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def export(folder, name, net, inputs, dynamo, training):
    net.train(training)
    # Equal initializers become one when they are exported, so none may be.
    for p in net.parameters():
        p.data += 0.05 * torch.randn(p.shape)
    args = tuple(v.clone().requires_grad_(v.is_floating_point()) for v in inputs.values())
    path = folder / f"{name}.onnx"
    axes = {k: {0: "batch"} for k in inputs} if "recurrent" not in name else {k: {1: "batch"} for k in inputs}
    if dynamo:
        torch.onnx.export(net, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=["output"], dynamo=True, optimize=False, verbose=False, external_data=False)
    else:
        mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(net, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=["output"], dynamic_axes={**axes, "output": {0: "batch"}},
                          dynamo=False, do_constant_folding=False, training=mode, opset_version=17)
    model = onnx.load(str(path))
    # Where in somebody's machine a node was traced is nobody's concern.
    for message in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.functions, *(n for f in model.functions for n in f.node)]:
        if hasattr(message, "metadata_props"):
            del message.metadata_props[:]
        message.ClearField("doc_string")
    onnx.save(model, str(path))
    # Exporting in training mode has moved the averages on.
    written = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    net.load_state_dict({k: written.get(k, v) for k, v in net.state_dict().items()})
    net.train(training)
    out = net(*args)
    cotangent = torch.randn(out.shape)
    (out * cotangent).sum().backward()
    tensors = {"output": out, "cotangent": cotangent}
    for key, arg in zip(inputs, args):
        tensors[f"input/{key}"] = arg
        if arg.grad is not None:
            tensors[f"gradient/input/{key}"] = arg.grad
    for key, p in net.named_parameters():
        tensors[f"gradient/{key}"] = p.grad
    if training:
        for key, b in net.named_buffers():
            if b.is_floating_point():
                tensors[f"state/{key}"] = b
    save(folder / f"{name}.safetensors", tensors)
    print(f"{name}: {path.stat().st_size} bytes, {len(model.graph.node)} nodes, opset {model.opset_import[0].version}")


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    image, tokens, sequence = torch.randn(2, 3, 12, 12), torch.randint(0, 11, (2, 6)), torch.randn(5, 2, 5)
    for dynamo in (False, True):
        suffix = "_dynamo" if dynamo else ""
        torch.manual_seed(0)
        export(folder, f"resnet_eval{suffix}", ResNetBlock(), {"image": image}, dynamo, False)
        export(folder, f"mobilenet{suffix}", MobileNetBlock(), {"image": torch.randn(2, 4, 9, 9)}, dynamo, False)
        export(folder, f"transformer{suffix}", TransformerBlock(), {"tokens": tokens}, dynamo, False)
        if not dynamo:
            export(folder, "resnet_train", ResNetBlock(), {"image": image}, False, True)
            export(folder, "recurrent_lstm", Recurrent(nn.LSTM), {"sequence": sequence}, False, False)
            export(folder, "recurrent_gru", Recurrent(nn.GRU), {"sequence": sequence}, False, False)


if __name__ == "__main__":
    main(sys.argv[1])
