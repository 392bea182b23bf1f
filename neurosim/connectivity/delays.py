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


def delay_steps(owner: str, delay: np.ndarray, dt: float, *, allow_short: bool) -> np.ndarray:
    """Delays on the grid; 0 < delay < dt is refused unless rounding is asked for.

    Raises
    ------
    BuildError
        A delay lies strictly between 0 and ``dt`` and ``allow_short`` is false.
    """
    short = (delay > 0) & (delay < dt * (1 - _TIE))
    if short.any() and not allow_short:
        worst = float(delay[short].min())
        raise BuildError(
            f"{owner}.delay must be 0 or >= dt = {dt:g}, got {worst:g} "
            f"({int(short.sum())} of {delay.size} synapses); take dt <= {worst:g}, "
            "longer delays, or round_delays=True"
        )
    steps = to_steps(delay, dt)
    if steps.size and steps.max() > _LONGEST_DELAY:
        raise BuildError(
            f"{owner}.delay must be at most {_LONGEST_DELAY:,} steps of dt = {dt:g}, "
            f"got {float(np.max(delay)):g}; take shorter delays or a larger dt"
        )
    return steps
