"""How do samples of different lengths become a batch? Ragged arrays: columns and offsets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neurosim.errors import ParameterError
from neurosim.events import Events

_COLUMNS = ("x", "y", "t", "p")


class Ragged(NamedTuple):
    """Events of several samples: sample k is ``[offsets[k]:offsets[k + 1]]`` of each column."""

    x: np.ndarray
    y: np.ndarray
    t: np.ndarray
    p: np.ndarray
    offsets: np.ndarray


def collate(samples: Sequence[tuple[Any, Any]]) -> tuple[Any, np.ndarray]:
    """Samples of a data set as one batch, for ``DataLoader(data, collate_fn=collate)``.

    Parameters
    ----------
    samples : sequence of (sample, target)
        Each an `Events`, or an array; arrays are stacked, and padded with zeros at the end
        of their first axis where that differs.

    Returns
    -------
    (Ragged or ndarray, ndarray)

    Examples
    --------
    >>> one, two = Events(x=[1], y=[2], t=[3], p=[1]), Events(x=[4, 5], y=[0, 0], t=[1, 2])
    >>> batch, targets = collate([(one, 0), (two, 7)])
    >>> batch.x, batch.offsets, targets
    (array([1, 4, 5], dtype=uint16), array([0, 1, 3]), array([0, 7]))
    """
    if not len(samples):
        raise ParameterError("collate.samples must hold at least one sample, got none")
    values, targets = zip(*samples, strict=True)
    if all(isinstance(value, Events) for value in values):
        columns = [np.concatenate([getattr(v, c) for v in values]) for c in _COLUMNS]
        offsets = np.concatenate(([0], np.cumsum([len(v) for v in values])))
        return Ragged(*columns, offsets), np.asarray(targets)
    arrays = [np.asarray(value) for value in values]
    if len({(a.ndim, a.shape[1:], a.dtype.kind) for a in arrays}) != 1 or not arrays[0].ndim:
        raise ParameterError(
            "collate.samples must be Events, or arrays that differ in their first side only, got "
            f"shapes {', '.join(str(a.shape) for a in arrays[:4])}"
        )
    out = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), arrays[0].dtype)
    for k, one in enumerate(arrays):
        out[k, : len(one)] = one
    return out, np.asarray(targets)
