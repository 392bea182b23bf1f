"""How does a sample become input spikes of a converted network?

Step 0 of a run holds the initial state: constant currents are set in it. Spikes come in steps 1
to ``steps``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..models import SpikeSource

if TYPE_CHECKING:
    from .plan import Plan

# Spike times, neuron indices, and payloads where spikes have them, sorted by time.
SpikeArrays = tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Input:
    """Base of the ways to give a sample.

    Parameters
    ----------
    plan : Plan         which says how samples are arranged
    """

    plan: "Plan"

    @property
    def sources(self) -> int:
        """Number of input sources."""
        return self.plan.n_in

    def source(self) -> SpikeSource:
        """The population whose spikes are given at run time."""
        shape = self.plan.shape
        return SpikeSource(shape if len(shape) > 1 else shape[0], graded=self.graded)

    def sample(self, x: Any) -> np.ndarray:
        """A sample by source, float64[sources]; it may come flattened."""
        shape = self.plan.input_shape
        if np.ndim(x) == 1 and np.size(x) == self.sources:
            x = np.reshape(x, shape)
        x = checks.array("Converted", "sample", x, shape=shape)
        return self.plan.arrange(x[np.newaxis]).ravel()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DirectInput(Input):
    """Constant currents: one graded spike in step 0 with the value of each input that is not 0."""

    graded = True
    unit = 1.0

    def encode(self, x: np.ndarray) -> SpikeArrays:
        """Return (times, ids, payloads) of one sample."""
        x = self.sample(x)
        ids = np.flatnonzero(x)
        return np.zeros(ids.size), ids.astype(np.int32), x[ids]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateInput(Input):
    """Evenly spaced spikes: an input x fires |x| / unit of the steps.

    After t steps a source has fired ``floor(r t + 1/2)`` times, r = min(|x| / unit, 1), so counts
    are exact to half a spike at every step. Spikes of negative inputs carry -1.

    Parameters
    ----------
    steps : int
    unit : float
        value that fires in every step; larger ones are clipped.
    signed : bool
        may inputs be negative?
    """

    steps: int
    unit: float
    signed: bool

    @property
    def graded(self) -> bool:
        """Do spikes carry payloads?"""
        return self.signed

    def counts(self, x: np.ndarray) -> np.ndarray:
        """Return what was sent so far, int64[steps + 1, sources], of one sample."""
        x = self.sample(x)
        if not self.signed and (x < 0).any():
            i = int(np.flatnonzero(x < 0)[0])
            raise ParameterError(
                f"Converted.sample must be >= 0, as all calibration data were, got {x[i]!r} "
                f"at {i}; calibrate with data that have negative values"
            )
        rate = np.minimum(np.abs(x) / self.unit, 1.0)
        steps = np.arange(self.steps + 1)[:, np.newaxis]
        # The guard keeps rates such as 0.1 from losing a spike to rounding.
        return (np.floor(rate * steps + 0.5 + 1e-9) * np.sign(x)).astype(np.int64)

    def encode(self, x: np.ndarray) -> SpikeArrays:
        """Return (times float64 in steps, ids int32), and payloads of signed ones."""
        sent = np.diff(self.counts(x), axis=0)
        step, ids = np.nonzero(sent)
        spikes = (step + 1).astype(np.float64), ids.astype(np.int32)
        return (*spikes, sent[step, ids].astype(np.float64)) if self.signed else spikes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventInput(Input):
    """Sensor events are the input spikes: one spike per event.

    Parameters
    ----------
    steps : int
    window : float
        length of a sample, in the unit of its times; mapped onto steps 1 to ``steps``.
    scale : float or float64[sources]
        the ANN saw this times the event counts. Spikes carry it where it is not one number.
    """

    steps: int
    window: float
    scale: Any = 1.0

    @property
    def graded(self) -> bool:
        """Do spikes carry payloads?"""
        return np.ndim(self.scale) > 0

    @property
    def unit(self) -> float:
        """What a spike per step adds to the ANN's input."""
        return self.steps * (1.0 if self.graded else float(self.scale))

    def encode(self, sample: Any) -> SpikeArrays:
        """Return (times float64 in steps, ids int32), and payloads, of one sample.

        ``sample`` is ``(times, ids)`` or anything with ``.times`` and ``.ids``:
        times in [0, window], ids in [0, sources), channels last.
        """
        try:
            times, ids = (sample.times, sample.ids) if hasattr(sample, "times") else sample
        except (TypeError, ValueError, AttributeError):
            raise ParameterError(
                "Converted.sample must be (times, ids), or have .times and .ids, got "
                f"{type(sample).__name__}"
            ) from None
        times = checks.array("Converted", "sample.times", times, low=0.0, high=self.window)
        ids = checks.array("Converted", "sample.ids", ids)
        if ids.shape != times.shape or times.ndim != 1:
            raise ParameterError(
                f"Converted.sample: times and ids must have the same length, got shapes "
                f"{times.shape} and {ids.shape}"
            )
        if ids.size and (ids.min() < 0 or ids.max() >= self.sources):
            raise ParameterError(
                f"Converted.sample.ids must be >= 0 and < {self.sources}, the inputs of the "
                f"network, got {int(ids.min())} to {int(ids.max())}; pool the events to them"
            )
        if (ids % 1).any():
            raise ParameterError(
                f"Converted.sample.ids must be whole numbers, got {ids[ids % 1 != 0][0]!r}"
            )
        step = np.minimum(np.floor(times * (self.steps / self.window)), self.steps - 1) + 1.0
        order = np.argsort(step, kind="stable")
        spikes = step[order], ids[order].astype(np.int32)
        return (*spikes, self.scale[spikes[1]]) if self.graded else spikes

    def spread(self, x: np.ndarray) -> np.ndarray:
        """Payloads of inputs of the ANN as if events came evenly, [steps + 1, samples, sources]."""
        counts = x / self.scale  # need not be whole
        ramp = np.arange(self.steps + 1)[:, np.newaxis, np.newaxis] / self.steps
        sent = np.diff(np.floor(counts * ramp + 0.5), axis=0, prepend=0.0)
        return sent * self.scale if self.graded else sent


def given(how: Input, x: np.ndarray, last: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What samples give, in the ANN's units over N: a constant, or a value in each step.

    Returns
    -------
    (float64[samples, *shape], None) or (None, float64[last + 1, samples, *shape])
    """
    if isinstance(how, DirectInput):
        return how.plan.arrange(x), None
    if isinstance(how, RateInput):
        total = np.stack([how.counts(sample) for sample in x], axis=1)
        sent = np.diff(total, axis=0, prepend=0)
    else:
        sent = how.spread(how.plan.arrange(x).reshape(len(x), -1))
    return None, (how.unit * sent).reshape(last + 1, len(x), *how.plan.shape)
