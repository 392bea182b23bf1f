"""The convolutional case of both engines: N-MNIST recordings through a small net.

34x34x2 -> 16c5 -> pool2 -> 32c3 -> pool2 -> 10, integrate-and-fire cells that lose their threshold
at a spike, steps of 1 ms; pooling is a mean, without cells of its own. Kernels are random;
gains scale each layer so that it runs at a wanted activity.
"""

from pathlib import Path

import numpy as np

SIZE, STEPS = 34, 310
SHAPES = {"one": (30, 30, 16), "two": (13, 13, 32), "out": (10,)}
BISECTIONS = 16


def kernels(seed: int = 0) -> list[np.ndarray]:
    """As PyTorch has them: (target channels, source channels, height, width)."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(0.0, 1.0, shape) for shape in ((16, 2, 5, 5), (32, 16, 3, 3), (10, 32, 6, 6))
    ]


def spikes_of(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(step, id) of the events of a recording, sorted; ids count (y, x, polarity) in C order."""
    record = np.frombuffer(data, np.uint8).reshape(-1, 5).astype(np.int64)
    x, y, polarity = record[:, 0], record[:, 1], record[:, 2] >> 7
    step = ((record[:, 2] & 127) << 16 | record[:, 3] << 8 | record[:, 4]) // 1000
    ids = (y * SIZE + x) * 2 + polarity
    order = np.lexsort((ids, step))
    order = order[step[order] < STEPS]
    return step[order].astype(float), ids[order]


def save(path: Path, samples: list, gains: list[float]) -> None:
    """What the twin reads."""
    arrays = {f"t{k}": t for k, (t, _) in enumerate(samples)}
    arrays |= {f"i{k}": i for k, (_, i) in enumerate(samples)}
    np.savez(path, gains=gains, n=len(samples), **arrays)
