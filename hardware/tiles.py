"""In which order do neurons share cores? Whole populations, and tiles of neighbours in them.

Neighbours of a convolution share most of their inputs. A core that holds a square of places
with all their channels listens to few axons; one that holds long rows listens to many.
"""

from collections.abc import Iterator

import numpy as np

from .wiring import Wiring

SIDES = (2, 4, 8, 16)


def tiled(shape: tuple[int, ...], side: int) -> np.ndarray:
    """Positions of a population (channels last), tile by tile of ``side`` x ``side`` places.

    >>> tiled((2, 4, 1), 2).tolist()
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    n = int(np.prod(shape))
    if len(shape) < 3:
        return np.arange(n)
    height, width, channels = shape[0], shape[1], int(np.prod(shape[2:]))
    y, x, c = np.unravel_index(np.arange(n), (height, width, channels))
    return np.lexsort((c, x, y, x // side, y // side))


def orders(wiring: Wiring) -> Iterator[np.ndarray]:
    """Orders to try; every population begins a core (its first neuron is given as ~neuron)."""
    populations = wiring.network.populations
    spatial = [name for name in wiring.placed if len(populations[name].shape) > 2]
    for side in SIDES if spatial else SIDES[:1]:
        parts = [np.empty(0, np.int64)]
        for name in wiring.placed:
            n, first = wiring.sizes[name], wiring.first[name]
            shape = populations[name].shape
            whole = n == populations[name].n
            part = first + (tiled(shape, side) if whole else np.arange(n))
            if part.size:
                part[0] = ~part[0]
            parts.append(part)
        yield np.concatenate(parts)
