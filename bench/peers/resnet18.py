"""ResNet-18, as the cases that train it in PyTorch share it."""
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, project):
        super().__init__()
        conv = lambda a, b, k, s: nn.Conv2d(a, b, k, s, k // 2, bias=False)
        self.conv_0, self.norm_0 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv_1, self.norm_1 = conv(outputs, outputs, 3, 1), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)) if project else nn.Identity()

    def forward(self, x):
        y = F.relu(self.norm_0(self.conv_0(x)))
        return F.relu(self.norm_1(self.conv_1(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = 64
        for i, outputs in enumerate((64, 128, 256, 512)):
            layers += [Block(inputs, outputs, 1 if i == 0 else 2, i > 0), Block(outputs, outputs, 1, False)]
            inputs = outputs
        self.body, self.head = nn.Sequential(*layers), nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))
