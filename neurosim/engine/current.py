"""How do noise currents reach the neurons? Through the parameters that depend on ``i_ext``.

A current that is held over a step is a constant external current of that step, and the
models' propagators are exact for those. So, where a population has noise currents, the
parameters that its model derives from ``i_ext`` are rows with a value per neuron, and are
written anew whenever the current changes: base + slope I. Populations without noise currents,
and the models, know nothing of it.
"""

import math
from typing import Any

import numpy as np

from .._jit import INT64, address, kernel, view
from ..connectivity.delays import to_steps
from ..errors import BuildError
from ..models.base import Neurons, Value
from ..models.schedule import as_schedule
from ..models.stimuli import NoiseCurrent
from ..network import Stimulus
from ..random import key_of_sample, normal
from .schedules import level_at, on_grid

# Columns of the integer table of one population's currents, and of their real numbers.
KEY, EVERY, X, STD, STD_STRIDE, MEAN, MEAN_WIDTH, EDGES, LEVELS = range(9)
COLUMNS = 9
KEEP, RENEW, PERIOD = range(3)
# Columns of the header: neurons; how many currents, their tables; rows; the total current.
N, N_CURRENTS, CURRENTS, NUMBERS, N_ROWS, ROWS, TOTAL = range(7)
HEADER_COLUMNS = 7
# Columns of the table of rows.
TARGET, BASE, SLOPE, WIDE = range(4)
ROW_COLUMNS = 4

BLOCK = 1024  # neurons whose currents are summed before they are written

FLOAT64 = np.empty(0)


@kernel
def _level(row, numbers, m):
    """The piece of a mean's schedule in the interval after grid point ``m``."""
    return level_at(m, view(row[EDGES], row[LEVELS], FLOAT64), numbers[PERIOD])


@kernel
def _renew(row, numbers, m, begin, x):
    """Move the noise ``x`` of the neurons from ``begin`` on to the interval after ``m``."""
    key, h = np.uint64(row[KEY]), m // row[EVERY]
    keep, fresh = numbers[KEEP], numbers[RENEW]
    if h == 0 or keep == 0.0:
        for j in range(x.size):
            x[j] = normal(key, h, begin + j)
    else:
        for j in range(x.size):
            x[j] = keep * x[j] + fresh * normal(key, h, begin + j)


@kernel
def _add_current(row, level, begin, x, total):
    """Add one current of the neurons from ``begin`` on: its mean, then std x."""
    end, width = begin + total.size, row[MEAN_WIDTH]
    means = view(row[MEAN], row[LEVELS] * width, FLOAT64)[level * width : (level + 1) * width]
    if width > 1:
        mean = means[begin:end]
        for j in range(total.size):
            total[j] += mean[j]
    else:
        shared = means[0]
        for j in range(total.size):
            total[j] += shared
    if row[EVERY] > 0 and row[STD_STRIDE]:
        std = view(row[STD], end, FLOAT64)[begin:end]
        for j in range(total.size):
            total[j] += std[j] * x[j]
    elif row[EVERY] > 0:
        scale = view(row[STD], 1, FLOAT64)[0]
        for j in range(total.size):
            total[j] += scale * x[j]


@kernel
def _write_row(row, begin, total, like):
    """Write base + slope I to a parameter of the neurons from ``begin`` on."""
    end = begin + total.size
    target = view(row[TARGET], end, like)[begin:end]
    if row[WIDE]:
        base, slope = (view(row[BASE], end, FLOAT64), view(row[SLOPE], end, FLOAT64))
        base, slope = base[begin:end], slope[begin:end]
        for j in range(total.size):
            target[j] = base[j] + slope[j] * total[j]
    else:
        b, s = view(row[BASE], 1, FLOAT64)[0], view(row[SLOPE], 1, FLOAT64)[0]
        for j in range(total.size):
            target[j] = b + s * total[j]


@kernel
def _hold(header, m, lo, hi, renewing, like):
    """Sum the currents of the neurons ``lo..hi`` after grid point ``m``; write the rows.

    There are none before the first grid point, where m is -1.
    """
    currents = view(header[CURRENTS], header[N_CURRENTS] * COLUMNS, INT64)
    reals = view(header[NUMBERS], header[N_CURRENTS] * 3, FLOAT64)
    rows = view(header[ROWS], header[N_ROWS] * ROW_COLUMNS, INT64)
    for begin in range(lo, hi, BLOCK):
        size = min(BLOCK, hi - begin)
        total = view(header[TOTAL], lo + size, FLOAT64)[lo:]  # of this block
        for j in range(size):
            total[j] = 0.0
        for c in range(header[N_CURRENTS] if m >= 0 else 0):
            row, numbers = currents[c * COLUMNS : (c + 1) * COLUMNS], reals[3 * c : 3 * c + 3]
            x = view(row[X], begin + size, FLOAT64)[begin:]
            if renewing and row[EVERY] > 0 and m % row[EVERY] == 0:
                _renew(row, numbers, m, begin, x)
            _add_current(row, _level(row, numbers, m), begin, x, total)
        for r in range(header[N_ROWS]):
            _write_row(rows[r * ROW_COLUMNS : (r + 1) * ROW_COLUMNS], begin, total, like)


@kernel
def hold_currents(at, step, lo, hi, like):
    """Bring the rows of the neurons ``lo..hi`` to the step that leads to grid point ``step``.

    ``at`` is the address of the header of a population's currents.
    """
    header = view(at, HEADER_COLUMNS, INT64)
    m = step - 1  # the currents of the interval that begins here
    currents = view(header[CURRENTS], header[N_CURRENTS] * COLUMNS, INT64)
    reals = view(header[NUMBERS], header[N_CURRENTS] * 3, FLOAT64)
    changed = m <= 0
    for c in range(header[N_CURRENTS] if m > 0 else 0):
        row, numbers = currents[c * COLUMNS : (c + 1) * COLUMNS], reals[3 * c : 3 * c + 3]
        renews = row[EVERY] > 0 and m % row[EVERY] == 0
        if renews or _level(row, numbers, m) != _level(row, numbers, m - 1):
            changed = True
    if changed:
        _hold(header, m, lo, hi, True, like)


class PopulationCurrents:
    """All noise currents of one population, and the rows that they write.

    Attributes
    ----------
    header : int64 (HEADER_COLUMNS,)
    x : dict of stimulus name to its noise, of variance 1 (n,), or empty without any
    """

    def __init__(self, stimuli: list[Stimulus], built: Any, dt: float) -> None:
        self.n, self.real = built.population.n, np.empty(0, built.real)
        self.x: dict[str, np.ndarray] = {}
        self._keep: list[np.ndarray] = []
        table, numbers = [], []
        for stimulus in stimuli:
            row, reals = self._row(stimulus, dt)
            table.append(row)
            numbers.append(reals)
        rows = []
        for name, (base, slope) in affine_in_current(built.population.neurons, dt).items():
            wide = base.ndim > 0 or slope.ndim > 0
            kept = [self._kept(np.broadcast_to(v, self.n if wide else 1)) for v in (base, slope)]
            rows.append([address(built.rows[name]), *(address(v) for v in kept), int(wide)])
        arrays = (
            np.array(table, np.int64), np.array(numbers), np.array(rows, np.int64),
            np.zeros(self.n),
        )  # fmt: skip
        kept = [self._kept(a) for a in arrays]
        at = [address(a) for a in kept]
        self.table = kept[0]
        header = [self.n, len(table), at[0], at[1], len(rows), at[2], at[3]]
        self.header = self._kept(np.array(header, np.int64))

    def _kept(self, array: np.ndarray) -> np.ndarray:
        self._keep.append(np.ascontiguousarray(array))
        return self._keep[-1]

    def _row(self, stimulus: Stimulus, dt: float) -> tuple[list[int], list[float]]:
        kind: NoiseCurrent = stimulus.kind
        mean, std = as_schedule(kind.mean), self._kept(np.atleast_1d(kind.std).astype(float))
        every = _interval(stimulus.name, kind, dt) if std.any() else 0
        edges, period = on_grid(mean, dt)
        values = self._kept(mean.values.reshape(len(edges), -1))
        x = self.x[stimulus.name] = np.zeros(self.n if every else 0)
        keep = math.exp(-every * dt / kind.tau) if kind.tau else 0.0
        width = values.shape[1]
        row = [
            0, every, address(x), address(std), int(std.size > 1), address(values), width,
            address(self._kept(edges)), len(edges),
        ]  # fmt: skip
        return row, [keep, math.sqrt(1.0 - keep * keep), period]

    def resample(self, sample: int, seed: int) -> None:
        """Draw as in a sample of a batch."""
        for row, name in zip(self.table, self.x, strict=True):
            row[KEY] = key_of_sample(sample, seed, name, "noise current").astype(np.int64)

    def restore(self, step: int) -> None:
        """Write the rows as they are just before grid point ``step``."""
        if step > 0:
            _hold(self.header, step - 1, 0, self.n, False, self.real)


def affine_in_current(neurons: Neurons, dt: float) -> dict[str, tuple[Value, Value]]:
    """(value, slope) of the parameters that the model's functions use and ``i_ext`` changes.

    Raises
    ------
    BuildError
        One of them is no straight line in ``i_ext``.
    """
    model = neurons.model
    used = {a for m in model.members() for a in model.arguments(m)}
    given = dict(neurons.params)
    at = [
        model.kernel_params(given | {"i_ext": np.asarray(given["i_ext"]) + more}, dt)
        for more in (0.0, 1.0, 2.0)
    ]
    found = {}
    for name in sorted(used & set(at[0])):
        base, one, two = (np.asarray(values[name], np.float64) for values in at)
        if np.array_equal(base, one) and np.array_equal(base, two):
            continue
        if not np.allclose(two - one, one - base, rtol=1e-6, atol=1e-9 * np.abs(base).max()):
            raise BuildError(
                f"NeuronModel {model.name!r}: {name} must be a straight line in i_ext for a "
                "NoiseCurrent, which is added to it; use i_ext itself in advance"
            )
        found[name] = (base, one - base)
    return found


def _interval(name: str, kind: NoiseCurrent, dt: float) -> int:
    """Steps between two draws.

    Raises
    ------
    BuildError
    """
    if kind.interval is None and kind.tau is not None:
        return 1
    interval = 1.0 if kind.interval is None else kind.interval
    steps = int(to_steps(interval, dt))
    if steps < 1 or abs(steps * dt - interval) > 1e-6 * dt:
        raise BuildError(
            f"Stimulus {name!r}.interval must be a whole number of steps of dt = {dt:g}, got "
            f"{interval:g}; set interval={max(1, steps) * dt:g}, or another dt"
        )
    return steps
