"""What do the stimuli add at a step? Poisson arrivals to the buffers, currents to parameters.

Each kind of stimulus is a C function that the kernels call through the table of stimuli, so
that it is compiled when a network first has one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._jit import INT64, UINT8, address, call, callback, kernel, view
from ..errors import BuildError
from ..models.schedule import as_schedule
from ..models.stimuli import NoiseCurrent, PoissonInput
from ..network import Network, Stimulus
from ..random import key_of_sample
from .current import FLOAT64, PopulationCurrents, hold_currents
from .poisson import (
    LARGEST_MEAN,
    SCRATCH_BYTES,
    TABLE_SIZE,
    add_by_rate,
    add_by_table,
    count_table,
    undecided_table,
)
from .schedules import level_at, on_grid

# Columns of the table of stimuli: population, C function, and the table that it is given.
TARGET, HANDLE, AT = range(3)
COLUMNS = 3
# Columns of the table of a Poisson input, and of its real numbers.
N, INPUTS, KEY, LEVELS, EDGES, MEANS, DATA, SCRATCH, REALS = range(9)
INPUT_COLUMNS = 9
WEIGHT, PERIOD = range(2)

MOST_TABLES = 256  # of 8 KiB; further rates of a schedule do without, and are slower


@kernel
def add_noise(stimuli, p, step, lo, hi):
    """Apply all stimuli of population ``p`` at one step, for neurons lo..hi."""
    for s in range(stimuli.shape[0]):
        if stimuli[s, TARGET] == p:
            call(stimuli[s, HANDLE], (stimuli[s, AT], step, lo, hi))


def _shared_rate(like: np.ndarray) -> Callable:
    def apply(at, step, lo, hi):
        row = view(at, INPUT_COLUMNS, INT64)
        reals = view(row[REALS], 2, FLOAT64)
        level = level_at(step, view(row[EDGES], row[LEVELS], FLOAT64), reals[PERIOD])
        mean = view(row[MEANS], row[LEVELS], FLOAT64)[level]
        table = view(view(row[DATA], row[LEVELS], INT64)[level], TABLE_SIZE, UINT8)
        inputs = view(row[INPUTS], row[N], like)
        key = np.uint64(row[KEY])
        add_by_table(key, step, lo, hi, table, mean, reals[WEIGHT], row[SCRATCH], inputs)
        return 0

    return apply


def _own_rates(like: np.ndarray) -> Callable:
    def apply(at, step, lo, hi):
        row = view(at, INPUT_COLUMNS, INT64)
        n, reals = row[N], view(row[REALS], 2, FLOAT64)
        level = level_at(step, view(row[EDGES], row[LEVELS], FLOAT64), reals[PERIOD])
        means = view(row[MEANS], row[LEVELS] * n, FLOAT64)[level * n : (level + 1) * n]
        none = view(row[DATA], row[LEVELS] * n, FLOAT64)[level * n : (level + 1) * n]
        inputs = view(row[INPUTS], n, like)
        key = np.uint64(row[KEY])
        add_by_rate(key, step, lo, hi, means, none, reals[WEIGHT], row[SCRATCH], inputs)
        return 0

    return apply


def _currents(like: np.ndarray) -> Callable:
    def apply(at, step, lo, hi):
        hold_currents(at, step, lo, hi, like)
        return 0

    return apply


@lru_cache(maxsize=16)
def _compiled(kind: Callable, real: str) -> tuple[int, Any]:
    """Handle of a kind's C function, and the object that keeps it alive."""
    return callback("int64(int64, int64, int64, int64)")(kind(np.empty(0, real)))


class BuiltStimuli:
    """Tables of all stimuli of a network.

    Attributes
    ----------
    rows : int64 (s, COLUMNS)
    currents : list of PopulationCurrents
    """

    def __init__(
        self, network: Network, dt: float, inputs: np.ndarray, starts: list[int], built: list[Any]
    ) -> None:
        self._keep: list[Any] = []
        self._tables: dict[float, np.ndarray] = {}
        self._seed, self._poisson_rows = network.seed, []
        self.currents: list[PopulationCurrents] = []
        rows = []
        for p, one in enumerate(built):
            own = [s for s in network.stimuli.values() if s.population is one.population]
            arriving = [s for s in own if isinstance(s.kind, PoissonInput)]
            n = one.population.n
            scratch = self._kept(np.empty(SCRATCH_BYTES // 8 * n if arriving else 0))
            for stimulus in arriving:
                mine = inputs[starts[p] + stimulus.port * n :]
                kind, at = self._poisson(stimulus, dt, mine, scratch)
                rows.append([p, *self._function(kind, one.real), at])
            if len(arriving) < len(own):
                held = [s for s in own if isinstance(s.kind, NoiseCurrent)]
                self.currents.append(PopulationCurrents(held, one, dt))
                at = address(self.currents[-1].header)
                rows.append([p, *self._function(_currents, one.real), at])
        self.rows = np.array(rows, np.int64).reshape(-1, COLUMNS)
        self.resample(0)

    def resample(self, sample: int) -> None:
        """Draw as in a sample of a batch; sample 0 has the usual draws."""
        for name, row in self._poisson_rows:
            row[KEY] = key_of_sample(sample, self._seed, name, "poisson input").astype(np.int64)
        for currents in self.currents:
            currents.resample(sample, self._seed)

    def state(self) -> dict[str, np.ndarray]:
        """Values of the noise currents, by number: what a saved simulation needs to go on."""
        values = [x for currents in self.currents for x in currents.x.values()]
        return {str(k): x for k, x in enumerate(values)}

    def restore(self, step: int, saved: dict[str, np.ndarray]) -> None:
        """Take over a saved state; ``step`` is the next to be computed."""
        for name, x in self.state().items():
            x[:] = saved[name]
        for currents in self.currents:
            currents.restore(step)

    def _kept(self, array: np.ndarray) -> np.ndarray:
        self._keep.append(np.ascontiguousarray(array))
        return self._keep[-1]

    def _function(self, kind: Callable, real: str) -> list[int]:
        handle, code = _compiled(kind, real)
        self._keep.append(code)
        return [handle]

    def _poisson(
        self, stimulus: Stimulus, dt: float, inputs: np.ndarray, scratch: np.ndarray
    ) -> tuple[Callable, int]:
        """The kind of C function, and the address of its table."""
        kind: PoissonInput = stimulus.kind
        rate = as_schedule(kind.rate)
        means = self._kept(rate.values * dt / 1000.0)
        _check_means(stimulus.name, means, dt)
        if means.ndim == 1:
            tables = [address(self._table(float(mean))) for mean in means]
            function, data = _shared_rate, np.array(tables, np.int64)
        else:
            function, data = _own_rates, np.exp(-means)
        edges, period = on_grid(rate, dt)
        arrays = (self._kept(a) for a in (edges, means, data, scratch))
        reals = self._kept(np.array([kind.weight, period]))
        row = [stimulus.population.n, address(inputs), 0, len(edges)]
        row += [*(address(a) for a in arrays), address(reals)]
        kept = self._kept(np.array(row, np.int64))
        self._poisson_rows.append((stimulus.name, kept))
        return function, address(kept)

    def _table(self, mean: float) -> np.ndarray:
        """The table of a rate; beyond a bound on their number, one that decides nothing."""
        if mean not in self._tables and len(self._tables) >= MOST_TABLES:
            mean = -1.0
        if mean not in self._tables:
            self._tables[mean] = undecided_table() if mean < 0.0 else count_table(mean)
        return self._tables[mean]


def _check_means(name: str, means: np.ndarray, dt: float) -> None:
    worst = float(means.max())
    if worst > LARGEST_MEAN:
        raise BuildError(
            f"Stimulus {name!r}.rate must give at most {LARGEST_MEAN:g} arrivals per step, got "
            f"{worst:g} at dt = {dt:g}; take a smaller dt, or fewer, stronger arrivals"
        )
