"""How well are images learnt from the times of spikes? MNIST and Fashion-MNIST, from local files.

Usage::

    python benchmarks/mnist.py FOLDER [--epochs 10] [--hidden 256] [--threads 2]

A pixel fires once, the brighter the sooner, within 20 ms and in eight steps; one layer of LIF
cells, ten leaky integrators whose integrals are compared. 5000 of the 60 000 images of training
choose the epoch; in training every image is moved by up to one pixel each time. The test
images are seen once, at the end.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns
from neurosim.datasets import ImageSpikes, mnist
from neurosim.encoders import LatencyEncoder

LEVELS, DURATION, HELD_OUT = 8, 40.0, 5000
LOSS = ns.IntegralCrossEntropy(scale=0.2)
ENCODER = LatencyEncoder(t_max=20.0, threshold=0.2)


class Moved:
    """Images moved by up to ``by`` pixels, otherwise in each epoch."""

    def __init__(self, data: ImageSpikes, by: int, seed: int) -> None:
        self.data, self.by, self.rng = data, by, np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, k: int) -> tuple[Any, int]:
        shift = tuple(self.rng.integers(-self.by, self.by + 1, 2))
        moved = np.roll(self.data.images[k], shift, axis=(0, 1))
        return ENCODER(moved / self.data.white), int(self.data.labels[k])


def images(folder: Path, split: str, chosen: slice = slice(None)) -> ImageSpikes:
    """Some of the images, in eight levels of brightness: equal times cost less than others."""
    data = mnist(folder, split)
    levels = data.images[chosen] // (256 // LEVELS)
    return ImageSpikes(levels, data.labels[chosen], ENCODER, white=LEVELS - 1.0)


def network(seed: int, hidden: int) -> ns.Network:
    """784 - hidden - 10 cells."""
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(784), "in")
    layer = net.add(ns.LIF(hidden, tau_m=20.0, tau_syn=5.0), "hidden")
    out = net.add(ns.LI(10, tau_m=20.0, tau_syn=5.0), "out")
    net.connect(inp, layer, weight=ns.Normal(0.03, 0.08))
    net.connect(layer, out, weight=ns.Normal(0.0, 0.3))
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with the four idx files")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--moved", type=int, default=1, help="pixels; 0: images as they are")
    args = parser.parse_args()
    train: Any = images(args.folder, "train", slice(0, 60_000 - HELD_OUT))
    held_out = images(args.folder, "train", slice(60_000 - HELD_OUT, None))
    if args.moved:
        train = Moved(train, args.moved, args.seed)
    slower = ns.CosineDecay(args.epochs, last=0.02)
    cpu, wall = time.process_time(), time.perf_counter()
    history = ns.fit(
        network(args.seed, args.hidden), train, loss=LOSS, duration=DURATION,
        learn=[ns.Learnable(what="weight", rate=args.rate, schedule=slower)], batch=32,
        epochs=args.epochs, validation=held_out, seed=args.seed, least_slope=0.1,
        silent=ns.BumpSilent(hidden=0.95), threads=args.threads, keep=not args.moved,
    )  # fmt: skip
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    for row in history.rows:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
        print(shown, flush=True)
    test = ns.score(history.network, images(args.folder, "test"), loss=LOSS, duration=DURATION)
    print(
        f"test {100 * test.accuracy:.2f} %, best validation "
        f"{100 * history.column('val_accuracy').max():.2f} %, {test.spikes:.0f} spikes per image, "
        f"{cpu:.0f} CPU-s, {wall:.0f} s on {args.threads} threads"
    )


if __name__ == "__main__":
    main()
