"""How does a layer say a number in spikes? One class for each code, with its neurons.

A neuron of layer l sends e(t) in step t, and means by it

    a = theta_l (1 / N) sum_t g(t) e(t),      N = sum_t c(t)

with the gain g(t) of the projections behind it, and c(t), the share of a constant input (a bias, or
a pixel's value) that acts in step t. In units of theta_l every neuron has the threshold 1:

==================  ==============  =============  =================  ===========
code                e(t)            g(t)           c(t)               N
==================  ==============  =============  =================  ===========
`RateCode`          0, 1            1              1                  T
`SignedCode`        -1, 0, 1        1              1                  T
`BurstCode`         0 ... most      1              1                  T
`PhaseCode`         0, 1            w(t)           w(t)               T / P
`FewSpikeCode`      0, 1            w(t)           all in step 0      1
==================  ==============  =============  =================  ===========

with w(t) = 2^-k / (1 - 2^-P), k = 1 + (t - 1) mod P. Step 0 holds the initial state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models import IF, Schedule
from ..models.base import Neurons
from . import neurons

# What one layer sends in a step, given what arrives in it: (t, float64[samples, *shape]) -> e(t).
Cell = Callable[[int, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class RateCode:
    """Count the spikes: 0 or 1 of them in each step.

    Parameters
    ----------
    steps : int         T
    v0 : float          potential at the beginning, in units of the smallest thing to say
    reset : {"subtract", "zero"}
    hold : float        see :func:`neurosim.convert`
    """

    steps: int
    v0: float = 0.5
    reset: str = "subtract"
    hold: float = 0.0

    inputs = ("direct", "rate", "events")
    anytime = True  # the read-out is meaningful before the last step
    schedule = None  # the gain of projections that carry the code
    repeats = None  # steps after which the weights of spikes begin again

    @property
    def highest(self) -> float:
        """The largest activation that can be said, in thresholds."""
        return 1.0 - self.hold

    @property
    def grain(self) -> float:
        """The smallest activation that can be said, and the distance between two."""
        return 1.0 / self.steps

    @property
    def start_potential(self) -> float:
        """v(0) of a hidden neuron, in thresholds."""
        return self.v0 - self.hold * self.steps

    def last(self, depth: int) -> int:
        """The last step of a network of ``depth`` spiking layers."""
        return self.steps

    def norm(self, step: int) -> float:
        """N, or as much of it as there is after ``step``."""
        return float(step)

    def gain(self, step: int) -> float:
        """g(t): what a spike is multiplied by."""
        return 1.0

    def exact_steps(self, last: int) -> list[int]:
        """Steps after which the read-out can be asked."""
        return list(range(1, self.steps + 1)) if self.hold == 0.0 else [self.steps]

    def say(self, activation: np.ndarray) -> np.ndarray:
        """The nearest that can be said, of activations in thresholds."""
        levels = np.floor(self.highest / self.grain + 1e-9)
        return np.clip(np.floor(activation / self.grain + 0.5), 0.0, levels) * self.grain

    def neurons(self, shape: Any, bias: np.ndarray, *, driven: bool, depth: int) -> Neurons:
        """Neurons of a hidden layer; ``driven`` ones have a port for constant currents."""
        soft, v0, bias = self.reset == "subtract", self.start_potential, bias + self.hold
        if driven:
            return neurons.DRIVEN.neurons(
                shape, initial={"v": v0}, bias=bias, soft_reset=float(soft)
            )
        kind = "subtract" if soft else "value"
        return IF(shape, tau_syn=None, v_th=1.0, v0=v0, i_ext=bias, reset=kind)

    def cell(self, constant: np.ndarray, depth: int) -> Cell:
        """The same in plain numpy; ``constant``: bias and current, float64[samples, *shape]."""
        v = np.full(constant.shape, self.start_potential)

        def step(t: int, arrived: np.ndarray) -> np.ndarray:
            nonlocal v
            v = v + arrived + ((constant + self.hold) if t else 0.0)
            sent = (v >= 1.0).astype(np.int8)
            v = v - sent if self.reset == "subtract" else np.where(sent, 0.0, v)
            return sent

        return step


@dataclass(frozen=True, kw_only=True)
class SignedCode(RateCode):
    """Counts that can be taken back: a spike of -1 while v < 0 and the count is above 0."""

    def neurons(self, shape: Any, bias: np.ndarray, *, driven: bool, depth: int) -> Neurons:
        return neurons.SIGNED.neurons(
            shape, initial={"v": self.start_potential}, bias=bias + self.hold
        )

    def cell(self, constant: np.ndarray, depth: int) -> Cell:
        v, count = np.full(constant.shape, self.start_potential), np.zeros(constant.shape)

        def step(t: int, arrived: np.ndarray) -> np.ndarray:
            nonlocal v, count
            v = v + arrived + ((constant + self.hold) if t else 0.0)
            sent = (v >= 1.0).astype(np.int8) - ((v < 0.0) & (count > 0)).astype(np.int8)
            v, count = v - sent, count + sent
            return sent

        return step


@dataclass(frozen=True, kw_only=True)
class BurstCode(RateCode):
    """Up to ``most`` spikes in one step, so that nothing waits behind a full one."""

    most: int = 5

    @property
    def highest(self) -> float:
        return self.most - self.hold

    def neurons(self, shape: Any, bias: np.ndarray, *, driven: bool, depth: int) -> Neurons:
        given = {"bias": bias + self.hold, "most": float(self.most)}
        return neurons.BURST.neurons(shape, initial={"v": self.start_potential}, **given)

    def cell(self, constant: np.ndarray, depth: int) -> Cell:
        v = np.full(constant.shape, self.start_potential)

        def step(t: int, arrived: np.ndarray) -> np.ndarray:
            nonlocal v
            v = v + arrived + ((constant + self.hold) if t else 0.0)
            sent = np.clip(np.floor(v), 0, self.most).astype(np.int8)
            v = v - sent
            return sent

        return step


def binary_weight(k: int, period: int) -> float:
    """w of phase k: 2^-k / (1 - 2^-period), which add up to 1 over a period.

    >>> [binary_weight(k, 2) for k in (1, 2)]
    [0.6666666666666666, 0.3333333333333333]
    """
    return 0.5**k / (1.0 - 0.5**period)


def binary_gain(period: int) -> Schedule:
    """The gain of projections whose spikes weigh w(t); phase 1 is in the steps 1, 1 + P, ..."""
    weights = [binary_weight(1 + (t - 1) % period, period) for t in range(period)]
    return Schedule(list(range(period)), weights, period=period if period > 1 else None)


@dataclass(frozen=True, kw_only=True)
class PhaseCode(RateCode):
    """Spikes weigh 2^-k in phase k: a binary fraction in each period of P steps."""

    period: int = 8

    inputs = ("direct",)

    @property
    def grain(self) -> float:
        return binary_weight(self.period, self.period) / self.norm(self.steps)

    @property
    def start_potential(self) -> float:
        return self.v0 * binary_weight(self.period, self.period)

    @property
    def repeats(self) -> int:
        return self.period

    @property
    def schedule(self) -> Schedule:
        return binary_gain(self.period)

    def norm(self, step: int) -> float:
        return step / self.period

    def gain(self, step: int) -> float:
        return binary_weight(1 + (step - 1) % self.period, self.period)

    def exact_steps(self, last: int) -> list[int]:
        return list(range(self.period, self.steps + 1, self.period))

    def neurons(self, shape: Any, bias: np.ndarray, *, driven: bool, depth: int) -> Neurons:
        first, last = (binary_weight(k, self.period) for k in (1, self.period))
        return neurons.PHASE.neurons(
            shape, initial={"v": self.start_potential}, first=first, last=last, bias=bias
        )

    def cell(self, constant: np.ndarray, depth: int) -> Cell:
        v = np.full(constant.shape, self.start_potential)

        def step(t: int, arrived: np.ndarray) -> np.ndarray:
            nonlocal v
            if t == 0:
                return np.zeros(v.shape, np.int8)
            w = self.gain(t)
            v = v + w * constant + arrived
            sent = (v >= w).astype(np.int8)
            v = v - w * sent
            return sent

        return step


@dataclass(frozen=True, kw_only=True)
class FewSpikeCode(RateCode):
    """One binary fraction, bit by bit, once all of the input has come: layer after layer.

    With K = ``steps`` bits, a layer of depth d speaks in the steps (d - 1) K + 1 ... d K.
    """

    inputs = ("direct",)
    anytime = False

    @property
    def grain(self) -> float:
        return binary_weight(self.steps, self.steps)

    @property
    def start_potential(self) -> float:
        return self.v0 * self.grain

    @property
    def schedule(self) -> Schedule:
        return binary_gain(self.steps)

    def last(self, depth: int) -> int:
        return self.steps * depth

    def norm(self, step: int) -> float:
        return 1.0

    def gain(self, step: int) -> float:
        return binary_weight(1 + (step - 1) % self.steps, self.steps)

    def exact_steps(self, last: int) -> list[int]:
        return [last]

    def neurons(self, shape: Any, bias: np.ndarray, *, driven: bool, depth: int) -> Neurons:
        first, last = (binary_weight(k, self.steps) for k in (1, self.steps))
        start = 1.0 + self.steps * (depth - 1)
        return neurons.FEW_SPIKE.neurons(
            shape, initial={"v": bias + self.start_potential}, start=start, first=first, last=last
        )

    def cell(self, constant: np.ndarray, depth: int) -> Cell:
        v = constant + self.start_potential
        begin = self.steps * (depth - 1)

        def step(t: int, arrived: np.ndarray) -> np.ndarray:
            nonlocal v
            v = v + arrived
            if not begin < t <= begin + self.steps:
                return np.zeros(v.shape, np.int8)
            h = self.gain(t)
            sent = (v >= h).astype(np.int8)
            v = v - h * sent
            return sent

        return step
