"""How are events found in a MATLAB file (version 5)? By the names of variables and fields.

Variables x, y, ts, pol (ASL-DVS), a struct with such fields (``TD``), also nested
(``aedat.data.polarity``), rows of four numbers; or ``spiketrain`` of ST-MNIST: a row of -1, 0,
1 per taxel of a square pad and one of times [s].
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import isqrt, prod
from typing import Any

import numpy as np

from neurosim.errors import FormatError

from .arrays import named_of
from .cursor import Damaged
from .matcheck import check
from .named import Arrays, Named, by_name, power_of
from .stored import Stored, check_memory

_DEPTH = 6  # of structs within structs


def looks_like_matlab(stored: Stored) -> bool:
    """Whether the file begins with MATLAB's text."""
    return stored.starts_with(b"MATLAB 5.0 MAT-file")


def open_matlab(stored: Stored, *, time_unit: str | None = None) -> Arrays:
    """The recording."""
    named, remarks, size = _read(stored)
    power, more = power_of(time_unit, named.t[:10_000])
    return Arrays(
        stored=stored,
        title="MATLAB",
        sensor_size=size,
        n_polarities=1 if named.p is None else 2,
        load=partial(_held, named) if stored.content is not None else _again,
        power=power,
        remarks=(*remarks, *more),
    )


@contextmanager
def _held(named: Named, stored: Stored) -> Iterator[Named]:
    yield named


@contextmanager
def _again(stored: Stored) -> Iterator[Named]:
    yield _read(stored)[0]


def _read(stored: Stored) -> tuple[Named, tuple[str, ...], tuple[int, int] | None]:
    variables = _variables(stored)
    train = variables.get("spiketrain")
    if train is not None and train.ndim == 2 and train.dtype.kind == "f":
        return _taxels(stored, train)
    for found in _structs(variables, 0):
        match = by_name(list(found))
        if match and all(found[name].dtype.kind in "iufb" for name in match.values()):
            columns = {c: np.ravel(found[name]) for c, name in match.items()}
            return Named(**columns), (), None
    rows = {k: v for k, v in variables.items() if v.ndim == 2 and v.shape[1] == 4}
    return *named_of(stored, rows or variables), None


def _variables(stored: Stored) -> dict[str, np.ndarray]:
    """All variables that are arrays; sizes are checked before they are read."""
    from scipy.io import loadmat, whosmat

    def source():
        return stored.name if stored.content is None else io.BytesIO(stored.content)

    try:
        check(stored.read().data)
        sizes = whosmat(source())
        check_memory(sum(16 * prod(map(int, shape)) for _, shape, _ in sizes), stored.name)
        found = loadmat(source())
    except (FormatError, MemoryError):
        raise
    except Damaged:
        raise FormatError(
            f"{stored.name}: every element of a MATLAB file must lie within the one that holds it, "
            "got one that announces more than there is; copy the file again"
        ) from None
    except Exception as error:  # scipy's reader raises what it happens to meet
        raise FormatError(
            f"{stored.name}: a MATLAB file must be whole, got {type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}; save it again with save -v7"
        ) from None
    return {k: v for k, v in found.items() if isinstance(v, np.ndarray) and k[:2] != "__"}


def _structs(found: dict[str, np.ndarray], depth: int) -> Iterator[dict[str, np.ndarray]]:
    """The variables themselves, then every struct among them, outermost first."""
    yield found
    if depth == _DEPTH:
        return
    for value in found.values():
        if value.dtype.names and value.size == 1:
            record: Any = value.reshape(-1)[0]
            fields = {name: np.asarray(record[name]) for name in value.dtype.names}
            yield from _structs(fields, depth + 1)


def _taxels(stored: Stored, train: np.ndarray) -> tuple[Named, tuple[str, ...], tuple[int, int]]:
    side = isqrt(len(train) - 1) if len(train) else 0
    if side < 1 or side**2 + 1 != len(train):
        raise FormatError(
            f"{stored.name}: spiketrain must have a row for each taxel of a square pad and one of "
            f"times, got {len(train)} rows"
        )
    moment, taxel = np.nonzero(train[:-1].T)
    named = Named(taxel % side, taxel // side, train[-1][moment], train[taxel, moment])
    return named, (f"taxels of a {side} x {side} pad, row by row",), (side, side)
