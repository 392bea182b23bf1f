"""What is wanted of the output? Losses of first spike times, and of spike counts."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import checks
from ..errors import ParameterError
from ..network import Network
from .batch import Batch
from .graph import is_readout
from .readout import INTEGRAL, PEAK


class Scored(NamedTuple):
    """Losses and predictions of the samples of a batch; -1 predicts nothing."""

    losses: np.ndarray
    predicted: np.ndarray


def _check_labels(owner: str, labels: np.ndarray, n: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub" or labels.ndim != 1:
        raise ParameterError(
            f"{owner}: labels must be whole numbers, one for each sample, got {labels.dtype} of "
            f"shape {labels.shape}"
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < n):
        raise ParameterError(
            f"{owner}: labels must lie in 0..{n - 1}, one class for each output neuron, got "
            f"{labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """What all losses share: the population whose spikes are read, one neuron for each class.

    A loss of one's own derives from it and defines ``score(batch, labels, gradient)``: it returns
    a `Scored` and, where ``gradient`` is asked for, tells the batch the derivatives of the mean
    loss (`Batch.pull_first_spikes`).
    """

    population: str = ""
    of_potential = False  # of leaky integrators, rather than of spikes

    def output(self, network: Network) -> str:
        """The name of the population: by default the last one.

        Raises
        ------
        ParameterError
            There is none of the name, or its cells do not show what the loss reads.
        """
        owner, name = type(self).__name__, self.population or list(network.populations)[-1]
        if name not in network.populations or network.populations[name].is_source:
            raise ParameterError(
                f"{owner}.population must name neurons of the network, got {name!r}"
            )
        if is_readout(network.populations[name]) != self.of_potential:
            wanted = "leaky integrators, LI(n), whose potential is read"
            wanted = wanted if self.of_potential else "cells that fire"
            raise ParameterError(
                f"{owner}.population must be {wanted}, got {name!r} of "
                f"{network.populations[name].kind}"
            )
        return name

    @abstractmethod
    def score(self, batch: Batch, labels: np.ndarray, gradient: bool) -> Scored:
        """Losses and predictions, and, where asked for, derivatives into the batch."""


def checked(loss: Loss, scored: Any, n: int) -> Scored:
    """What a loss returned, of the right form: its author may be the user.

    Raises
    ------
    ParameterError
    """
    arrays = [np.asarray(a) for a in scored] if isinstance(scored, tuple) else []
    if len(arrays) != 2 or any(a.shape != (n,) or a.dtype.kind not in "iufb" for a in arrays):
        found = [f"{a.dtype} {a.shape}" for a in arrays] or type(scored).__name__
        raise ParameterError(
            f"{type(loss).__name__}.score must return Scored(losses, predicted), a number each "
            f"for {n} samples, got {found}"
        )
    return Scored(arrays[0].astype(np.float64), arrays[1])


def _first(batch: Batch, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(times, or the duration where silent; who fired; the earliest neuron, or -1)."""
    times = batch.first_spikes(name)
    fired = np.isfinite(times)
    predicted = np.where(fired.any(axis=1), times.argmin(axis=1), -1)
    return np.where(fired, times, batch.duration), fired, predicted


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(losses, their derivatives by the logits)."""
    rows = np.arange(labels.size)
    shifted = logits - logits.max(axis=1, keepdims=True)
    share = np.exp(shifted)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    losses = np.log(total[:, 0]) - shifted[rows, labels]
    share[rows, labels] -= 1.0
    return losses, share


@dataclass(frozen=True, kw_only=True)
class FirstSpikeCrossEntropy(Loss):
    r"""The right neuron shall fire first: cross-entropy of first spike times.

    L = -log softmax(-t / tau)_c + early (e^{t_c / tau_early} - 1), t the first spike times, c the
    class. A neuron that is silent counts as one that fires at the end of the sample; it has no
    exact gradient (see `BumpSilent`). Göltz et al. (2021, doi 10.1038/s42256-021-00388-x).

    Parameters
    ----------
    tau : float             [ms]
    early : float           weight of the wish for early spikes
    tau_early : float       [ms]
    population : str        default: the network's last one
    """

    tau: float = 1.0
    early: float = 0.0
    tau_early: float = 10.0

    def __post_init__(self) -> None:
        owner = type(self).__name__
        checks.number(owner, "tau", self.tau, above=0, unit="ms")
        checks.number(owner, "tau_early", self.tau_early, above=0, unit="ms")
        checks.number(owner, "early", self.early, low=0)

    def score(self, batch: Batch, labels: np.ndarray, gradient: bool) -> Scored:
        name = self.output(batch.network)
        times, fired, predicted = _first(batch, name)
        labels = _check_labels(type(self).__name__, labels, times.shape[1])
        rows = np.arange(len(batch))
        losses, by_logit = _cross_entropy(-times / self.tau, labels)
        right = times[rows, labels]
        losses += self.early * np.expm1(right / self.tau_early)
        if gradient:
            by_time = -by_logit / self.tau
            by_time[rows, labels] += self.early / self.tau_early * np.exp(right / self.tau_early)
            batch.pull_first_spikes(np.where(fired, by_time, 0.0) / len(batch))
        return Scored(losses, predicted)


@dataclass(frozen=True, kw_only=True)
class FirstSpikeMSE(Loss):
    """The right neuron shall fire ``margin`` before each other: squares of the differences.

    L = 1/2 sum_{o != c} (t_o - t_c - margin)^2. DelGrad, Göltz et al. (2025,
    doi 10.1038/s41467-025-63120-y).

    Parameters
    ----------
    margin : float          [ms]
    population : str        default: the network's last one
    """

    margin: float = 2.0

    def __post_init__(self) -> None:
        checks.number(type(self).__name__, "margin", self.margin, above=0, unit="ms")

    def score(self, batch: Batch, labels: np.ndarray, gradient: bool) -> Scored:
        name = self.output(batch.network)
        times, fired, predicted = _first(batch, name)
        labels = _check_labels(type(self).__name__, labels, times.shape[1])
        rows = np.arange(len(batch))
        excess = times - times[rows, labels][:, None] - self.margin
        excess[rows, labels] = 0.0
        if gradient:
            by_time = excess.copy()
            by_time[rows, labels] = -excess.sum(axis=1)
            batch.pull_first_spikes(np.where(fired, by_time, 0.0) / len(batch))
        return Scored(0.5 * (excess**2).sum(axis=1), predicted)


@dataclass(frozen=True, kw_only=True)
class RateTarget:
    """How often neurons shall fire: too many spikes push the potential down, too few up.

    Counts have no exact gradient; the practice (Nowotny, Turner and Knight 2025,
    doi 10.1088/2634-4386/ada852) adds strength (mean count - bound) to dL/dv at each spike.

    Parameters
    ----------
    population : str
    low, high : float       wanted spikes per sample and neuron
    strength : float
    """

    population: str
    low: float = 0.0
    high: float = math.inf
    strength: float = 1e-3

    def __post_init__(self) -> None:
        checks.number("RateTarget", "strength", self.strength, low=0)
        if not 0 <= self.low <= self.high:
            raise ParameterError(
                f"RateTarget: low must be >= 0 and <= high, got {self.low:g} and {self.high:g}"
            )

    def push(self, batch: Batch) -> None:
        """Add to the batch's pushes."""
        mean = batch.counts(self.population).mean(axis=0)
        excess = np.maximum(mean - self.high, 0.0) - np.maximum(self.low - mean, 0.0)
        batch.push(self.population, np.tile(self.strength * excess / len(batch), (len(batch), 1)))


@dataclass(frozen=True, kw_only=True)
class _OfPotential(Loss):
    """Cross-entropy of what leaky integrators show."""

    scale: float = 1.0
    of_potential = True

    def __post_init__(self) -> None:
        checks.number(type(self).__name__, "scale", self.scale, above=0)

    @abstractmethod
    def read(self, batch: Batch) -> np.ndarray:
        """(samples, n) what is read."""

    def score(self, batch: Batch, labels: np.ndarray, gradient: bool) -> Scored:
        values = self.read(batch)
        labels = _check_labels(type(self).__name__, labels, values.shape[1])
        losses, by_logit = _cross_entropy(self.scale * values, labels)
        if gradient:
            batch.pull_read(self.scale * by_logit / len(batch))
        return Scored(losses, values.argmax(axis=1))


@dataclass(frozen=True, kw_only=True)
class PeakCrossEntropy(_OfPotential):
    """The right leaky integrator shall rise highest: cross-entropy of scale max_t v.

    Parameters
    ----------
    scale : float           of the potential
    population : str        of LI; default: the network's last one
    """

    def read(self, batch: Batch) -> np.ndarray:
        return batch.read(self.output(batch.network), PEAK)


@dataclass(frozen=True, kw_only=True)
class IntegralCrossEntropy(_OfPotential):
    r"""Cross-entropy of scale \int_0^T e^{-t / decay} v dt of leaky integrators.

    With a finite ``decay`` early evidence counts more, the weighting that made long samples
    learnable (Nowotny, Turner and Knight 2025, doi 10.1088/2634-4386/ada852).

    Parameters
    ----------
    decay : float           [ms]; inf: the plain integral
    scale : float
    population : str        of LI; default: the network's last one
    """

    decay: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.decay, (int, float)) or not self.decay > 0:
            raise ParameterError(f"IntegralCrossEntropy: decay must be > 0 ms, got {self.decay!r}")

    def read(self, batch: Batch) -> np.ndarray:
        return batch.read(self.output(batch.network), INTEGRAL, self.decay)


@dataclass(frozen=True, kw_only=True)
class CountCrossEntropy(Loss):
    """The right neuron shall fire most: cross-entropy of scale times spike counts.

    Counts have no exact gradient: as with `RateTarget` its derivative is added to dL/dv at every
    spike of the neuron, times ``strength``.

    Parameters
    ----------
    scale, strength : float
    population : str        default: the network's last one
    """

    scale: float = 1.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        checks.number("CountCrossEntropy", "scale", self.scale, above=0)
        checks.number("CountCrossEntropy", "strength", self.strength, above=0)

    def score(self, batch: Batch, labels: np.ndarray, gradient: bool) -> Scored:
        name = self.output(batch.network)
        counts = batch.counts(name)
        labels = _check_labels("CountCrossEntropy", labels, counts.shape[1])
        losses, by_logit = _cross_entropy(self.scale * counts, labels)
        if gradient:
            batch.push(name, self.strength * self.scale * by_logit / len(batch))
        silent = counts.sum(axis=1) == 0
        return Scored(losses, np.where(silent, -1, counts.argmax(axis=1)))
