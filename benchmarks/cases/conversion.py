"""The trained nets of the conversion benchmark: a small convolutional net, with batch norms.

For PyTorch alone, so that peers can load it without neurosim: 12c5-n-p2-24c5-n-p2-10 with average
pooling, 16 thousand parameters.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

FILES = {"train": "train", "test": "t10k"}


class Net(nn.Module):
    """Two convolutions with batch norms and average pooling, and a linear read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, 12, 5, padding=2), nn.BatchNorm2d(12)
        self.relu1, self.pool1 = nn.ReLU(), nn.AvgPool2d(2)
        self.conv2, self.norm2 = nn.Conv2d(12, 24, 5, padding=2), nn.BatchNorm2d(24)
        self.relu2, self.pool2 = nn.ReLU(), nn.AvgPool2d(2)
        self.flat, self.fc = nn.Flatten(), nn.Linear(24 * 7 * 7, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(self.relu1(self.norm1(self.conv1(x))))
        x = self.pool2(self.relu2(self.norm2(self.conv2(x))))
        return self.fc(self.flat(x))


def images(folder: Path, split: str, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images as float32 (n, 1, 28, 28) from 0 to 1, and labels, from a folder of idx files."""
    with gzip.open(folder / f"{FILES[split]}-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / f"{FILES[split]}-labels-idx1-ubyte.gz") as file:
        y = np.frombuffer(file.read(), np.uint8, offset=8)
    return (x[:n] / 255.0).astype(np.float32), y[:n].astype(np.int64)


def load(path: Path) -> Net:
    """A trained net, ready to be used."""
    net = Net()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


def accuracy(net: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """Share of right decisions."""
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in torch.as_tensor(x).split(256)])
    return float((outputs.argmax(1).numpy() == y).mean())
