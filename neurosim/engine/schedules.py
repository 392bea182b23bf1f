"""Which piece of a schedule holds at a grid point? For quantities that steps look up."""

import math

import numpy as np

from .._jit import kernel
from ..models.schedule import Schedule

_TIE = 1e-9  # a change at 300.0000000001 steps is one at 300


@kernel
def level_at(step, edges, period):
    """Index of the piece at grid point ``step``; edges and period in steps, 0 for none."""
    if edges.size == 1:
        return 0
    place = np.float64(step)
    if period > 0.0:
        place -= math.floor(place / period) * period
    low, high = 0, edges.size
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= place:
            low = middle
        else:
            high = middle
    return low


def on_grid(schedule: Schedule, dt: float) -> tuple[np.ndarray, float]:
    """(edges, period) of a schedule in steps, whole where they are so but for rounding."""
    period = 0.0 if schedule.period is None else schedule.period
    steps = np.append(schedule.times, period) / dt
    nearest = np.rint(steps)
    whole = np.abs(steps - nearest) <= _TIE * np.maximum(1.0, nearest)
    steps = np.where(whole, nearest, steps)
    return steps[:-1], float(steps[-1])


def levels_at(steps: np.ndarray, schedule: Schedule, dt: float) -> np.ndarray:
    """The values of a schedule at grid points."""
    edges, period = on_grid(schedule, dt)
    places = steps - np.floor(steps / period) * period if period else steps
    return schedule.values[np.searchsorted(edges, places, side="right") - 1]
