"""Which grid step does a time fall on? The one rounding rule of the package.

Engines, quantised evaluation, chip models and the binning of spikes all call
:func:`to_steps`, so a delay cannot mean one thing in training and another at run time.
"""

import math

import numpy as np

from .._jit import kernel
from ..errors import BuildError, ParameterError

# A tie such as 0.15 / 0.1 = 1.4999999999999998 must not depend on representation error.
_TIE = 1e-9
_LARGEST = 2.0**53
_LONGEST_DELAY = 10_000_000  # steps; every population keeps its spikes that long


@kernel
def step_of(time, dt):
    """`to_steps` for one number, in kernels: the same operations, the same bits."""
    return np.int64(math.floor(time / dt + (0.5 + _TIE)))


def to_steps(times: np.ndarray | float, dt: float) -> np.ndarray:
    """Nearest grid step of each time, ties upwards: floor(times / dt + 1/2).

    Parameters
    ----------
    times : array or float
        Times or delays [ms], or [steps] with ``dt=1``.
    dt : float
        Grid step, in the same unit.

    Returns
    -------
    int64 array of the same shape.

    Raises
    ------
    ParameterError
        A time is not finite or beyond 2^53 steps, where floats no longer count.

    Examples
    --------
    >>> to_steps([0.0, 0.14, 0.15, 0.3], 0.1).tolist()
    [0, 1, 2, 3]
    """
    steps = np.asarray(times, dtype=np.float64) / dt
    if steps.size and not np.abs(steps).max() < _LARGEST:
        raise ParameterError(
            f"a time must be below 2^53 grid steps, got {np.abs(steps).max():g} steps of {dt:g}; "
            "take a shorter time or a larger dt"
        )
    return np.floor(steps + (0.5 + _TIE)).astype(np.int64)


def to_times(steps: np.ndarray | int, dt: float) -> np.ndarray:
    """Time of each grid step, ``steps * dt``, as the decimal that a user would write.

    Where 1/dt is an integer, dividing by it avoids 3 * 0.1 = 0.30000000000000004.

    Examples
    --------
    >>> to_times([1, 3], 0.1).tolist()
    [0.1, 0.3]
    """
    steps = np.asarray(steps, dtype=np.float64)
    inverse = round(1.0 / dt)
    if inverse >= 1 and abs(inverse * dt - 1.0) < 1e-12:
        return steps / inverse
    return steps * dt


def _too_short(owner: str, worst: float, n_short: int, n: int, dt: float) -> BuildError:
    return BuildError(
        f"{owner}.delay must be 0 or >= dt = {dt:g}, got {worst:g} ({n_short} of {n} synapses); "
        f"take dt <= {worst:g}, longer delays, or round_delays=True"
    )


def delay_steps(owner: str, delay: np.ndarray, dt: float, *, allow_short: bool) -> np.ndarray:
    """Delays on the grid; 0 < delay < dt is refused unless rounding is asked for.

    Raises
    ------
    BuildError
        A delay lies strictly between 0 and ``dt`` and ``allow_short`` is false.
    """
    short = (delay > 0) & (delay < dt * (1 - _TIE))
    if short.any() and not allow_short:
        raise _too_short(owner, float(delay[short].min()), int(short.sum()), delay.size, dt)
    steps = to_steps(delay, dt)
    if steps.size and steps.max() > _LONGEST_DELAY:
        raise BuildError(
            f"{owner}.delay must be at most {_LONGEST_DELAY:,} steps of dt = {dt:g}, "
            f"got {float(np.max(delay)):g}; take shorter delays or a larger dt"
        )
    return steps


class Grid:
    """Delays on the grid, block by block, and what rounding them has changed so far.

    Parameters
    ----------
    owner : str                 whom messages name
    dt : float                  grid step [ms], or 1
    allow_short : bool          0 < delay < dt is not refused

    Attributes
    ----------
    n, n_changed : int          delays so far, and how many of them rounding has changed
    max_error : float           largest change [ms], or [steps]
    least, greatest : int       delays so far [steps]

    Examples
    --------
    >>> grid = Grid("P", 0.1, allow_short=False)
    >>> grid.steps(np.array([0.1, 0.32])).tolist(), grid.n_changed, round(grid.max_error, 9)
    ([1, 3], 1, 0.02)
    """

    def __init__(self, owner: str, dt: float, *, allow_short: bool) -> None:
        self.owner, self.dt, self.allow_short = owner, dt, allow_short
        inverse = round(1.0 / dt)
        self._inverse = inverse if inverse >= 1 and abs(inverse * dt - 1.0) < 1e-12 else 0
        self._told = np.array([0.0, 0.0, 0.0, np.inf, np.inf, -np.inf])
        self.n = 0

    n_changed = property(lambda self: int(self._told[_CHANGED]))
    max_error = property(lambda self: float(self._told[_ERROR]))
    least = property(lambda self: int(self._told[_LEAST]) if self.n else 0)
    greatest = property(lambda self: int(self._told[_GREATEST]) if self.n else 0)

    def steps(self, delays: np.ndarray) -> np.ndarray:
        """The grid steps (int32) of delays; `check` tells what is wrong with all of them.

        Raises
        ------
        BuildError, ParameterError
            A delay is too long.
        """
        steps = np.empty(delays.size, np.int32)
        _round(delays, self.dt, self._inverse, _LONGEST_DELAY, steps, self._told)
        self.n += delays.size
        if not self._told[_GREATEST] <= _LONGEST_DELAY:
            delay_steps(self.owner, delays, self.dt, allow_short=True)
        return steps

    def check(self) -> None:
        """Refuse delays between 0 and ``dt``.

        Raises
        ------
        BuildError
            There were some, and they are not allowed.
        """
        if self._told[_SHORT] and not self.allow_short:
            raise _too_short(
                self.owner, self._told[_SHORTEST], int(self._told[_SHORT]), self.n, self.dt
            )


_CHANGED, _ERROR, _SHORT, _SHORTEST, _LEAST, _GREATEST = range(6)


@kernel
def _round(delays, dt, inverse, longest, steps, told):
    """`to_steps` of each delay; add to ``told`` what is to be told of them.

    Delays of more than ``longest`` steps, which may be no integers, only count.
    """
    n_changed, n_short = 0, 0
    worst, shortest = told[_ERROR], told[_SHORTEST]
    least, greatest = told[_LEAST], told[_GREATEST]
    for k in range(delays.size):
        delay = delays[k]
        if not delay / dt < longest + 1.0:
            greatest = np.inf
            continue
        step = step_of(delay, dt)
        steps[k] = step
        error = abs((step / inverse if inverse else step * dt) - delay)
        if error > 1e-9 * max(dt, delay):
            n_changed += 1
        worst = max(worst, error)
        if 0.0 < delay < dt * (1.0 - _TIE):
            n_short += 1
            shortest = min(shortest, delay)
        least = min(least, step)
        greatest = max(greatest, step)
    told[_CHANGED] += n_changed
    told[_SHORT] += n_short
    told[_ERROR], told[_SHORTEST] = worst, shortest
    told[_LEAST], told[_GREATEST] = least, greatest
