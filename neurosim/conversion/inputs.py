"""How does a sample become input spikes of a converted network?

Step 0 of a run holds the initial state and nothing happens in it; spikes come in
steps 1 to ``steps``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError

# Spike times and neuron indices, sorted by time.
SpikeArrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInput:
    """Evenly spaced spikes: an input x fires x / unit of the steps.

    Source i stands for positive, source n + i (when ``signed``) for negative
    values of input i. After t steps a source has fired ``floor(r t + 1/2)`` times,
    r = min(|x| / unit, 1), so counts are exact to half a spike at every step.

    Parameters
    ----------
    n : int
        inputs of the ANN.
    steps : int
    unit : float
        value that fires in every step; larger ones are clipped.
    signed : bool
        have sources for negative values.
    """

    n: int
    steps: int
    unit: float
    signed: bool

    @property
    def sources(self) -> int:
        """Number of input sources."""
        return 2 * self.n if self.signed else self.n

    def counts(self, x: np.ndarray) -> np.ndarray:
        """Return spikes so far, int64[steps + 1, sources], of one sample."""
        x = checks.array("Converted", "sample", x, shape=(self.n,))
        if not self.signed and (x < 0).any():
            i = int(np.flatnonzero(x < 0)[0])
            raise ParameterError(
                f"Converted.sample must be >= 0, as all calibration data were, got {x[i]!r} "
                f"at {i}; calibrate with data that have negative values"
            )
        both = np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)])[: self.sources]
        rate = np.minimum(both / self.unit, 1.0)
        steps = np.arange(self.steps + 1)[:, np.newaxis]
        # The guard keeps rates such as 0.1 from losing a spike to rounding.
        return np.floor(rate * steps + 0.5 + 1e-9).astype(np.int64)

    def encode(self, x: np.ndarray) -> SpikeArrays:
        """Return (times float64 in steps, ids int32) of one sample float64[n]."""
        step, ids = np.nonzero(np.diff(self.counts(x), axis=0))
        return (step + 1).astype(np.float64), ids.astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInput:
    """Sensor events are the input spikes: one spike per event.

    Parameters
    ----------
    n : int
        inputs of the ANN, which was trained on ``scale`` times the event counts.
    steps : int
    window : float
        length of a sample, in the unit of its times; mapped onto steps 1 to ``steps``.
    """

    n: int
    steps: int
    window: float

    @property
    def sources(self) -> int:
        """Number of input sources."""
        return self.n

    def encode(self, sample: Any) -> SpikeArrays:
        """Return (times float64 in steps, ids int32) of one sample.

        ``sample`` is ``(times, ids)`` or anything with ``.times`` and ``.ids``:
        times in [0, window], ids in [0, n).
        """
        times, ids = (
            (sample.times, sample.ids) if hasattr(sample, "times") else (sample[0], sample[1])
        )
        times = checks.array("Converted", "sample.times", times, low=0.0, high=self.window)
        ids = np.asarray(ids)
        if ids.shape != times.shape or times.ndim != 1:
            raise ParameterError(
                f"Converted.sample: times and ids must have the same length, got shapes "
                f"{times.shape} and {ids.shape}"
            )
        if ids.size and (ids.min() < 0 or ids.max() >= self.n):
            raise ParameterError(
                f"Converted.sample.ids must be >= 0 and < {self.n}, the inputs of the "
                f"network, got {int(ids.min())} to {int(ids.max())}; pool the events to them"
            )
        step = np.minimum(np.floor(times * (self.steps / self.window)), self.steps - 1) + 1.0
        order = np.argsort(step, kind="stable")
        return step[order], ids[order].astype(np.int32)
