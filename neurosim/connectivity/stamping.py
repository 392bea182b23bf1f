"""How does a spike walk through a kernel? Run by run of channels, straight into the buffer.

Nothing is stored for a synapse: a spike's coordinates say which taps reach which targets
(:mod:`neurosim.connectivity.taps`). Where neighbouring outputs meet neighbouring taps, and
all channels belong to one group, a whole row of outputs is one run.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._jit import INT32, INT64, UINT8, UINT32, address, kernel, view
from .deliver import (
    COLUMNS,
    D_MAX,
    D_MIN,
    HISTORY_COLUMNS,
    N_OFFSETS,
    N_WEIGHTS,
    NNZ,
    OFFSETS,
    STAMPED,
    TARGETS,
    WEIGHTS,
    spikes_of,
)
from .taps import (
    AXIS,
    BASE,
    C_OUT,
    GROUP_IN,
    GROUP_OUT,
    HEAD,
    HIGH,
    LOW,
    N_OUT,
    N_TAPS,
    STEP,
    reach,
    spot,
)


class StampStore(NamedTuple):
    """A kernel between a source population and a part of the targets.

    Attributes
    ----------
    plan : int64            see `Taps.plan`
    steps : int32 (taps,), or (1,)      delay of each stored tap, or of all
    weights : real (k,)                 the kernel, as it is stored
    """

    plan: np.ndarray
    steps: np.ndarray
    weights: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return self.plan.nbytes + self.steps.nbytes + self.weights.nbytes

    def row(self, pre: int) -> list[int]:
        """The store's row of the engine's table; ``pre`` is the source population."""
        return [
            STAMPED, pre, address(self.plan), self.plan.size, address(self.steps), self.steps.size,
            address(self.weights), self.weights.size, int(self.steps.min()), int(self.steps.max()),
            0, 0, 0, 0,
        ]  # fmt: skip


@kernel
def _run(marking, bounds, first, begin, length, weights, sinks, n):
    """Add a run of weights to targets first, first + 1 ..., as far as they are in bounds."""
    buffer, marks, touched = sinks
    base, low, high = bounds
    lo, hi = max(first, low), min(first + length, high)
    place, weight = np.uint64(base + lo), np.uint64(begin + lo - first)
    for j in range(max(hi - lo, 0)):
        buffer[place + np.uint64(j)] += weights[weight + np.uint64(j)]
    if marking:
        for j in range(max(hi - lo, 0)):
            at = place + np.uint64(j)
            touched[n] = at
            n += 1 - marks[at]
            marks[at] = 1
    return n


@kernel
def stamp(marking, plan, source, delay, steps, weights, sinks, n):
    """The arrivals of one spike through the taps of one delay; the number of touched places."""
    z, y, x, c = spot(plan, source)
    out_z, tap_z, count_z = reach(plan, 0, z)
    out_y, tap_y, count_y = reach(plan, 1, y)
    out_x, tap_x, count_x = reach(plan, 2, x)
    n_y, n_x = plan[HEAD + AXIS + N_OUT], plan[HEAD + 2 * AXIS + N_OUT]
    k_y, k_x = plan[HEAD + AXIS + N_TAPS], plan[HEAD + 2 * AXIS + N_TAPS]
    step_z, step_y = plan[HEAD + STEP], plan[HEAD + AXIS + STEP]
    step_x, run, width = plan[HEAD + 2 * AXIS + STEP], plan[GROUP_OUT], plan[C_OUT]
    channel, own = c // plan[GROUP_IN] * run, c * plan[HEAD + N_TAPS] * k_y * k_x
    bounds = (plan[BASE], plan[LOW], plan[HIGH])
    same = steps.size == 1
    joined = same and step_x == 1 and run == width
    for i in range(count_z):
        for j in range(count_y):
            row = (out_z + i * step_z) * n_y + out_y + j * step_y
            first = (row * n_x + out_x) * width + channel
            tap = ((tap_z + i) * k_y + tap_y + j) * k_x + tap_x
            if joined:
                length = count_x * run
                n = _run(marking, bounds, first, (own + tap) * run, length, weights, sinks, n)
                continue
            for k in range(count_x):
                if same or steps[tap + k] == delay:
                    at, begin = first + k * step_x * width, (own + tap + k) * run
                    n = _run(marking, bounds, at, begin, run, weights, sinks, n)
    return n


def stamper(marking: bool, like: np.ndarray) -> Callable:
    """The source of ``deliver`` for kernels; see `deliverer`."""

    def deliver(store, histories, parts, length, place, inputs, n_inputs, marks, touched, n):
        row = view(store, COLUMNS, INT64)
        histories = view(histories, parts * HISTORY_COLUMNS, INT64)
        plan = view(row[OFFSETS], row[N_OFFSETS], INT64)
        steps = view(row[TARGETS], row[NNZ], INT32)
        weights = view(row[WEIGHTS], row[N_WEIGHTS], like)
        listed = view(touched, n_inputs + 1, UINT32)
        sinks = (view(inputs, n_inputs, like), view(marks, n_inputs, UINT8), listed)
        for delay in range(row[D_MAX], row[D_MIN] - 1, -1):
            for part in range(parts):
                starts, ids = spikes_of(histories, part, length)
                for k in range(starts[place - delay], starts[place - delay + 1]):
                    source = np.int64(ids[k])
                    n = stamp(marking, plan, source, delay, steps, weights, sinks, n)
        return n

    return deliver
