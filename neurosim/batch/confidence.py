"""When is a sample decided? As soon as the running output is sure enough, step by step."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import checks
from ..engine.result import Result
from ..engine.stop import RunView
from ..errors import ParameterError

_CANDIDATES = 400  # thresholds that are tried


@dataclass(frozen=True, slots=True)
class RunningOutputs:
    """What a population says after each step: a ``measure`` for `Batch`.

    Parameters
    ----------
    population : str
    variable : str, optional
        A state variable, which has to be recorded; None: the spikes so far, which have to be.
    interval : float, optional
        Time between two counts of spikes; default dt. The event engine, which has none, needs it.

    Returns, of a `Result`, float32 (steps, neurons).
    """

    population: str
    variable: str | None = None
    interval: float | None = None

    def __call__(self, result: Result) -> np.ndarray:
        what = "spikes" if self.variable is None else self.variable
        found: Any = result.spikes if self.variable is None else result.traces
        recorded = self.population in found
        if self.variable is not None:
            recorded = recorded and what in found[self.population]
        if not recorded:
            raise ParameterError(
                f"RunningOutputs: {what!r} of {self.population!r} must be recorded; give "
                f"record={{{self.population!r}: [{what!r}]}}"
            )
        if self.variable is not None:
            return found[self.population][what].values.astype(np.float32)
        interval = result.dt if self.interval is None else self.interval
        if interval <= 0.0:
            raise ParameterError(
                "RunningOutputs.interval must be given for the event engine, which has no steps, "
                f"and be > 0, got {self.interval}"
            )
        spikes, steps = found[self.population], round(result.duration / interval)
        counts = np.zeros((steps, spikes.n), np.float32)
        at = np.floor((spikes.times - result.t_start) / interval + 1e-6).astype(np.int64)
        np.add.at(counts, (np.minimum(at, steps - 1), spikes.ids), 1.0)
        return np.cumsum(counts, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicConfidence:
    """A sample ends when the confidence in its class reaches a threshold.

    With z_k the running output after step k (potentials of a read-out, or spikes so far)::

        p_k = softmax(z_k / tau_k),   confidence = max p_k,   end at the first k >= first
                                                              with confidence >= threshold

    Parameters
    ----------
    threshold : float
        In (0, 1]; 1 ends nothing early but what is certain to the last digit.
    temperatures : tuple of float (steps,)
        tau_k > 0; see :meth:`calibrated`.
    first : int
        Steps before which no sample ends.
    accuracy, steps : float
        On the data of the calibration: accuracy with this threshold, and mean number of steps.
    frontier : tuple of (threshold, accuracy, mean steps)
        What other thresholds would have given there: the best accuracy for each effort.

    Notes
    -----
    C. Li, E. Jones, S. Furber, Unleashing the potential of spiking neural networks with dynamic
    confidence, ICCV 2023, arXiv 2303.10276; there one temperature serves all steps.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> labels = rng.integers(0, 3, 500)
    >>> drift = 0.5 * np.eye(3)[labels][:, None] + rng.normal(size=(500, 20, 3))
    >>> outputs = np.cumsum(drift, axis=1)
    >>> rule = DynamicConfidence.calibrated(outputs, labels, loss=0.01)
    >>> decided, steps = rule.apply(outputs)
    >>> bool(np.mean(decided == labels) >= np.mean(outputs[:, -1].argmax(1) == labels) - 0.01)
    True
    >>> bool(steps.mean() < 16)
    True
    """

    threshold: float
    temperatures: tuple[float, ...]
    first: int = 0
    accuracy: float = float("nan")
    steps: float = float("nan")
    frontier: tuple[tuple[float, float, float], ...] = field(default=(), repr=False)

    @classmethod
    def calibrated(
        cls, outputs: Any, labels: Any, *, loss: float = 0.002, first: int = 0
    ) -> "DynamicConfidence":
        """The threshold with the fewest steps that costs at most ``loss`` of the accuracy.

        The temperature of each step is the one that makes the labels most likely. Both are chosen
        on data that was held out from training.

        Parameters
        ----------
        outputs : float (samples, steps, classes)
            Running outputs, see :class:`RunningOutputs`.
        labels : int (samples,)
        loss : float
            Share of the samples, 0.002: 0.2 points.
        first : int
            Steps that every sample runs.

        Raises
        ------
        ParameterError
        """
        outputs, labels = _checked("DynamicConfidence.calibrated", outputs, labels)
        loss = checks.number("DynamicConfidence", "loss", loss, low=0, high=1)
        n_steps = outputs.shape[1]
        first = checks.integer("DynamicConfidence", "first", first, low=0, high=n_steps - 1)
        temperatures = tuple(_temperature(outputs[:, k], labels) for k in range(n_steps))
        confidence = _confidences(outputs, temperatures)
        confidence[:, :first] = 0.0
        right = outputs.argmax(axis=2) == labels[:, None]
        full = right[:, -1].mean()
        quantiles = np.linspace(0.0, 1.0, _CANDIDATES)
        tried = np.unique(np.append(np.quantile(confidence[:, first:], quantiles), 1.0))
        found = [(float(t), *_outcome(confidence, right, t)) for t in tried]
        best = min((f for f in found if f[1] >= full - loss - 1e-12), key=lambda f: (f[2], -f[0]))
        return cls(
            threshold=best[0], temperatures=temperatures, first=first, accuracy=best[1],
            steps=best[2], frontier=_frontier(found),
        )  # fmt: skip

    def __post_init__(self) -> None:
        owner = "DynamicConfidence"
        checks.number(owner, "threshold", self.threshold, above=0, high=1)
        temperatures = checks.array(owner, "temperatures", self.temperatures, above=0)
        if temperatures.ndim != 1 or not temperatures.size:
            raise ParameterError(f"{owner}.temperatures must have one number for each step")
        checks.integer(owner, "first", self.first, low=0, high=temperatures.size - 1)
        object.__setattr__(self, "temperatures", tuple(temperatures.tolist()))

    def apply(self, outputs: Any) -> tuple[np.ndarray, np.ndarray]:
        """(classes, steps taken) of samples whose running outputs are all known.

        Parameters
        ----------
        outputs : float (samples, steps, classes)
        """
        outputs, _ = _checked("DynamicConfidence.apply", outputs, None)
        if outputs.shape[1] != len(self.temperatures):
            raise ParameterError(
                f"DynamicConfidence.apply: outputs must have {len(self.temperatures)} steps, got "
                f"{outputs.shape[1]}"
            )
        confidence = _confidences(outputs, self.temperatures)
        confidence[:, : self.first] = 0.0
        at = _exits(confidence, self.threshold)
        return outputs[np.arange(len(outputs)), at].argmax(axis=1), at + 1

    def stop(
        self, population: str, variable: str | None = None, *, interval: float = 1.0
    ) -> "Exit":
        """The rule as a ``stop`` condition; `Batch` looks at it every ``interval``.

        With `Simulator.run` give ``chunk=interval``, too.

        Parameters
        ----------
        population, variable : str
            As for :class:`RunningOutputs`.
        interval : float
            Time between two steps of the outputs [steps], or [ms].
        """
        return Exit(rule=self, population=population, variable=variable, interval=interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A stop condition: is the running output sure enough?"""

    rule: DynamicConfidence
    population: str
    variable: str | None
    interval: float

    def __call__(self, view: RunView) -> str | None:
        k = round((view.t - view.t_start) / self.interval) - 1
        if k < self.rule.first or k >= len(self.rule.temperatures):
            return None
        if self.variable is None:
            output = view.counts[self.population].astype(np.float64)
        else:
            output = view.state(self.population, self.variable).astype(np.float64)
        sure = _confidences(output[None, None], self.rule.temperatures[k : k + 1])[0, 0]
        return f"confidence {sure:.4f}" if sure >= self.rule.threshold else None


def oracle_steps(outputs: Any, labels: Any) -> np.ndarray:
    """Steps after which each sample is first decided rightly; all steps where it never is.

    No rule that looks at the running output alone can be faster at this accuracy: the bound of
    early exits.

    Parameters
    ----------
    outputs : float (samples, steps, classes)
    labels : int (samples,)
    """
    outputs, labels = _checked("oracle_steps", outputs, labels)
    right = outputs.argmax(axis=2) == labels[:, None]
    return np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1] - 1) + 1


def _checked(owner: str, outputs: Any, labels: Any) -> tuple[np.ndarray, Any]:
    outputs = checks.array(owner, "outputs", outputs)
    if outputs.ndim != 3 or not outputs.size:
        raise ParameterError(
            f"{owner}: outputs must have shape (samples, steps, classes), got {outputs.shape}"
        )
    if labels is None:
        return outputs, None
    labels = np.asarray(labels)
    whole = labels.shape == outputs.shape[:1] and labels.dtype.kind in "iu"
    if not whole or labels.min() < 0 or labels.max() >= outputs.shape[2]:
        raise ParameterError(
            f"{owner}: labels must be {outputs.shape[0]} classes in 0..{outputs.shape[2] - 1}, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    return outputs, labels


def _confidences(outputs: np.ndarray, temperatures: Any) -> np.ndarray:
    """Largest probability, float64 (samples, steps): 1 / sum exp((z - max z) / tau)."""
    scaled = outputs - outputs.max(axis=2, keepdims=True)
    scaled /= np.asarray(temperatures)[:, None]
    return 1.0 / np.exp(scaled).sum(axis=2)


def _temperature(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes the labels most likely, within wide bounds."""
    from scipy.optimize import minimize_scalar

    shifted = outputs - outputs.max(axis=1, keepdims=True)
    spread = float(-shifted.min())
    if spread == 0.0:  # nothing has arrived: all classes are alike
        return 1.0
    own = shifted[np.arange(len(labels)), labels]

    def surprise(log_tau: float) -> float:
        tau = np.exp(log_tau)
        return float(np.mean(np.log(np.exp(shifted / tau).sum(axis=1)) - own / tau))

    low, high = np.log(spread * 1e-3), np.log(spread * 1e3)
    return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded").x))


def _exits(confidence: np.ndarray, threshold: float) -> np.ndarray:
    sure = confidence >= threshold
    return np.where(sure.any(axis=1), sure.argmax(axis=1), confidence.shape[1] - 1)


def _outcome(confidence: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    at = _exits(confidence, threshold)
    return float(right[np.arange(len(at)), at].mean()), float(at.mean() + 1.0)


def _frontier(found: list[tuple[float, float, float]]) -> tuple[tuple[float, float, float], ...]:
    """Those that nothing with fewer steps reaches in accuracy."""
    kept, best = [], -1.0
    for one in sorted(found, key=lambda f: (f[2], -f[1])):
        if one[1] > best:
            kept.append(one)
            best = one[1]
    return tuple(kept)
