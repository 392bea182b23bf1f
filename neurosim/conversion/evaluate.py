"""How good is a converted network, and how many spikes does it take?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine import Simulator
from ..errors import ParameterError
from .converted import READ_OUT, Converted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """Decisions, spikes and runs of a converted network on labelled samples.

    Attributes
    ----------
    score : float
        accuracy of a classifier, R^2 of a regressor.
    metric : {"accuracy", "r2"}
    predicted, labels : ndarray (samples,) or (samples, n_out)
    outputs : float64[samples, n_out]
    spikes : dict of str to float
        mean spikes per sample, by population.
    results : tuple of Result
        one run per sample, with all spikes, for :func:`neurosim.compare`.
    """

    score: float
    metric: str
    predicted: np.ndarray
    labels: np.ndarray
    outputs: np.ndarray
    spikes: dict[str, float]
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
    threads: int = 1,
    dtype: str = "float32",
    progress: bool | str = "auto",
) -> Evaluation:
    """Run samples one by one through the spiking network and compare with the labels.

    Every sample starts from the same initial state.

    Parameters
    ----------
    converted : Converted
    samples : sequence
        as ``converted.encode`` takes them: input vectors, or event streams.
    labels : sequence
        classes, or target values of a regressor.
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
        No samples, or another number of labels.
    """
    labels = np.asarray(labels)
    if not len(samples) or len(labels) != len(samples):
        raise ParameterError(
            f"evaluate: samples and labels must have the same length, at least 1, got "
            f"{len(samples)} samples and {len(labels)} labels"
        )
    outputs, results = [], []
    for result in runs(converted, samples, threads=threads, dtype=dtype, progress=progress):
        results.append(result)
        outputs.append(converted.outputs(result))
    outputs = np.array(outputs)
    predicted = converted.graph.decide(outputs)
    metric, score = _score(converted, predicted, labels)
    names = converted.network.populations
    return Evaluation(
        score=score,
        metric=metric,
        predicted=predicted,
        labels=labels,
        outputs=outputs,
        spikes={name: float(np.mean([r.counts[name].sum() for r in results])) for name in names},
        results=tuple(results),
    )


def runs(
    converted: Converted,
    samples: Sequence[Any],
    *,
    threads: int = 1,
    dtype: str = "float32",
    progress: bool | str = "auto",
):
    """Yield one Result per sample, each from the initial state."""
    from tqdm.auto import tqdm

    record = {name: ["spikes"] for name in converted.network.populations}
    record[READ_OUT] = ["spikes", "v"]
    simulator = Simulator(converted.network, dtype=dtype, threads=threads)
    # tqdm's own "auto": None hides the bar where there is no terminal.
    hide = None if progress == "auto" else not progress
    for sample in tqdm(
        samples, desc="samples", unit="sample", disable=hide, delay=1.0, leave=False
    ):
        simulator.reset()
        inputs = {"input": converted.encode(sample)}
        yield simulator.run(converted.duration, record=record, inputs=inputs, progress=False)


def _score(converted: Converted, predicted: np.ndarray, labels: np.ndarray) -> tuple[str, float]:
    if converted.graph.classes is not None:
        return "accuracy", float((predicted == labels).mean())
    if labels.shape != predicted.shape:
        raise ParameterError(
            f"evaluate.labels must have shape {predicted.shape}, got {labels.shape}"
        )
    spread = float(((labels - labels.mean(axis=0)) ** 2).sum())
    left = float(((labels - predicted) ** 2).sum())
    return "r2", 1.0 - left / spread if spread else float(left == 0.0)
