"""How good is a converted network, and how many spikes does it take?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .converted import Converted
from .plan import Plan
from .report import aligned, out_degrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was reached after some steps, as means over the samples.

    Attributes
    ----------
    steps : int
    score : float
        as in :class:`Evaluation`.
    spikes, operations : float
        spikes of all neurons (input not counted), and synaptic operations, per sample until then.
    """

    steps: int
    score: float
    spikes: float
    operations: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """Decisions, spikes and runs of a converted network on labelled samples.

    Attributes
    ----------
    score : float
        accuracy of a classifier, R^2 of a regressor (the mean over its outputs).
    metric : {"accuracy", "r2"}
    predicted, labels : ndarray (samples,) or (samples, n_out)
    outputs : float64[samples, n_out]
    spikes : dict of str to float
        mean spikes per sample, by population.
    operations : float
        mean synaptic operations per sample.
    curve : tuple of Point
        by number of steps, as :func:`evaluate` was asked for; ``print(evaluation.table())``,
        ``ns.plot.latency(evaluation)``.
    results : tuple of Result
        one run per sample, with all spikes, for :func:`neurosim.compare`; empty unless kept.
    """

    score: float
    metric: str
    predicted: np.ndarray
    labels: np.ndarray
    outputs: np.ndarray
    spikes: dict[str, float]
    operations: float
    curve: tuple[Point, ...]
    results: tuple[Any, ...]

    @property
    def accuracy(self) -> float:
        """Fraction of right decisions; only a classifier has one."""
        if self.metric != "accuracy":
            raise ParameterError(
                f"Evaluation.accuracy must be asked of a classifier; this is {self.metric} "
                f"= {self.score:.4f}, see Evaluation.score"
            )
        return self.score

    def table(self) -> str:
        """Lay the curve out for people."""
        rows = [
            [p.steps, f"{p.score:.4f}", f"{p.spikes:,.1f}", f"{p.operations:,.0f}"]
            for p in self.curve
        ]
        return "\n".join(aligned([["steps", self.metric, "spikes", "operations"], *rows]))

    def __repr__(self) -> str:
        spikes = ", ".join(f"{name} {count:.1f}" for name, count in self.spikes.items())
        return (
            f"{self.metric} {self.score:.4f} on {len(self.labels)} samples; "
            f"spikes per sample: {spikes}"
        )


def evaluate(
    converted: Converted,
    samples: Sequence[Any],
    labels: Sequence[Any],
    *,
    steps: Sequence[int] | str = "all",
    keep: bool = True,
    threads: int = 1,
    dtype: str | None = None,
    progress: bool | str = "auto",
) -> Evaluation:
    """Run samples one by one through the spiking network and compare with the labels.

    Every sample starts from the same initial state. One run gives the outputs after every number
    of steps, where the code has some before the last.

    Parameters
    ----------
    converted : Converted
    samples : sequence
        as ``converted.encode`` takes them: input vectors, or event streams.
    labels : sequence
        classes, or target values of a regressor.
    steps : sequence of int, or "all"
        numbers of steps for the curve.
    keep : bool
        keep a Result with all spikes for each sample?
    threads, dtype
        as in :func:`neurosim.simulate`.
    progress : bool or "auto"
        a bar; ``"auto"`` shows it on a terminal only.

    Returns
    -------
    Evaluation

    Raises
    ------
    ParameterError
        No samples, labels that are not one class (or target) for each sample, steps after which
        the code says nothing.
    """
    if not hasattr(samples, "__len__"):
        raise ParameterError(
            f"evaluate.samples must be a sequence, got {type(samples).__name__}; take list(samples)"
        )
    labels = _checked_labels(converted.plan, labels, len(samples))
    asked = _asked(converted, steps)
    names = converted.network.populations
    degrees = _degrees(converted)
    outputs, results, counts, fired, operated = [], [], [], [], []
    for result in converted.runs(samples, threads=threads, dtype=dtype, progress=progress):
        course = converted.course(result)
        outputs.append(course[[k for k, _ in asked] + [-1]])
        counts.append([result.counts[name].sum() for name in names])
        ends = [step for _, step in asked]
        fired.append(sum(_until(result, name, ends) for name in names if name != "input"))
        operated.append(sum(_until(result, name, ends, degrees[name]) for name in names))
        if keep:
            results.append(result)
    outputs, fired, operated = np.array(outputs), np.array(fired), np.array(operated)
    curve = []
    for k, (_, step) in enumerate(asked):
        decided = converted.plan.decide(outputs[:, k])
        metric, score = _score(converted, decided, labels)
        point = Point(
            steps=step, score=score, spikes=fired[:, k].mean(), operations=operated[:, k].mean()
        )
        curve.append(point)
    predicted = converted.plan.decide(outputs[:, -1])
    metric, score = _score(converted, predicted, labels)
    return Evaluation(
        score=score,
        metric=metric,
        predicted=predicted,
        labels=labels,
        outputs=outputs[:, -1],
        spikes=dict(zip(names, np.mean(counts, axis=0).tolist(), strict=True)),
        operations=curve[-1].operations,
        curve=tuple(curve),
        results=tuple(results),
    )


def _asked(converted: Converted, steps: Sequence[int] | str) -> list[tuple[int, int]]:
    """(row of the course, step) of each point of the curve; the last one is always there."""
    known = converted.exact_steps
    if isinstance(steps, str):
        if steps != "all":
            raise ParameterError(f"evaluate.steps must be 'all' or numbers of steps, got {steps!r}")
        return list(enumerate(known))
    if not np.iterable(steps):
        raise ParameterError(f"evaluate.steps must be 'all' or numbers of steps, got {steps!r}")
    steps = [checks.integer("evaluate", "steps", step) for step in steps]
    wrong = [step for step in steps if step not in known]
    if wrong:
        shown = ", ".join(map(str, known[:8])) + (" ..." if len(known) > 8 else "")
        raise ParameterError(
            f"evaluate.steps must be some of those after which the code has an output ({shown}), "
            f"got {wrong[0]!r}"
        )
    return [(known.index(step), step) for step in sorted({*steps, known[-1]})]


def _degrees(converted: Converted) -> dict[str, np.ndarray]:
    """Synapses that a spike of each neuron reaches, by population."""
    found = {name: np.zeros(p.n) for name, p in converted.network.populations.items()}
    for projection in converted.network.projections.values():
        found[projection.pre.name] += out_degrees(projection)
    return found


def _until(result: Any, name: str, ends: list[int], weight: np.ndarray | None = None) -> Any:
    """Spikes of a population up to each step, or what they weigh."""
    spikes = result.spikes[name]
    each = None if weight is None else weight[spikes.ids]
    if result.time != "steps":
        return np.full(len(ends), len(spikes.ids) if each is None else each.sum())
    per_step = np.bincount(spikes.times.astype(np.int64), each, minlength=ends[-1] + 1)
    return np.cumsum(per_step)[ends]


def _checked_labels(plan: Plan, labels: Any, n: int) -> np.ndarray:
    labels = np.asarray(labels)
    if not n or labels.shape[:1] != (n,):
        raise ParameterError(
            f"evaluate: samples and labels must have the same length, at least 1, got {n} samples "
            f"and labels of shape {labels.shape}"
        )
    if plan.classes is None:
        wanted = np.shape(plan.decide(np.zeros((n, plan.n_out))))
        return checks.array("evaluate", "labels", labels, shape=wanted)
    if labels.shape != (n,):
        raise ParameterError(
            f"evaluate.labels must have shape ({n},), one class for each sample, got "
            f"{labels.shape}; take labels.argmax(axis=1) of one-hot labels, labels.ravel() of a "
            "column"
        )
    known = np.isin(labels, plan.classes)
    if not known.all():
        shown = ", ".join(map(repr, plan.classes[:8].tolist())) + ", ..." * (len(plan.classes) > 8)
        raise ParameterError(
            f"evaluate.labels must be classes of the network ({shown}), got "
            f"{labels[~known].tolist()[0]!r}; name the classes with convert(classes=...)"
        )
    return labels


def _score(converted: Converted, predicted: np.ndarray, labels: np.ndarray) -> tuple[str, float]:
    if converted.plan.classes is not None:
        return "accuracy", float((predicted == labels).mean())
    spread = np.atleast_1d(((labels - labels.mean(axis=0)) ** 2).sum(axis=0))
    left = np.atleast_1d(((labels - predicted) ** 2).sum(axis=0))
    each = [1.0 - a / b if b else float(a == 0.0) for a, b in zip(left, spread, strict=True)]
    return "r2", float(np.mean(each))
