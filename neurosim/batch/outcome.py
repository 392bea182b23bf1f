"""What is kept of a sample, and of a batch? A measured value, and counts for each layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..activity import activity
from ..engine.result import Result
from ..errors import ParameterError
from ..network import Network


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What came of one sample.

    Attributes
    ----------
    index : int                             its place in the data set
    value : dict of name to array           what was measured
    spikes : dict of population to int      spikes of each layer
    operations : dict of population to int  synaptic operations on the way into each layer
    duration : float                        simulated time [ms], or [steps]
    stop_reason : str
    """

    index: int
    value: dict[str, np.ndarray]
    spikes: dict[str, int]
    operations: dict[str, int]
    duration: float
    stop_reason: str

    @classmethod
    def of(cls, index: int, result: Result, value: Mapping[str, Any]) -> "Outcome":
        """The outcome of a run, with what was measured in it."""
        layers = activity(result).layers
        found = {str(name): np.asarray(v) for name, v in value.items()}
        for name, array in found.items():
            if array.dtype.kind not in "biufcU":
                raise ParameterError(
                    f"measure must return arrays of numbers (or a dict of them), got "
                    f"{array.dtype} for {name!r}"
                )
        return cls(
            index=index, value=found,
            spikes={name: layer.spikes for name, layer in layers.items()},
            operations={name: layer.operations for name, layer in layers.items()},
            duration=result.duration, stop_reason=result.stop_reason,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BatchResult:
    """What came of a data set, sample by sample, in its order.

    Attributes
    ----------
    values : dict of name to array (samples, ...), or list of arrays
        What was measured; a list where shapes differ between samples.
    spikes, operations : dict of population to int64 (samples,)
    durations : float64 (samples,)      simulated time [ms], or [steps]
    stop_reasons : tuple of str
    """

    values: dict[str, Any]
    spikes: dict[str, np.ndarray]
    operations: dict[str, np.ndarray]
    durations: np.ndarray
    stop_reasons: tuple[str, ...]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], populations: Sequence[str]) -> "BatchResult":
        """The outcomes side by side; they come in the order of the data set."""
        names = set(outcomes[0].value) if outcomes else set()
        for o in outcomes:
            if set(o.value) != names:
                raise ParameterError(
                    f"Batch.run: measure must return the same names for all samples, got "
                    f"{sorted(o.value)} for sample {o.index} and {sorted(names)} for the first; "
                    "take Batch.stream for others"
                )
        values = {}
        for name in outcomes[0].value if outcomes else ():
            found = [o.value[name] for o in outcomes]
            alike = all(v.shape == found[0].shape for v in found)
            values[name] = np.stack(found) if alike else found
        spikes, operations = (
            {p: np.array([getattr(o, what)[p] for o in outcomes], np.int64) for p in populations}
            for what in ("spikes", "operations")
        )
        return cls(
            values=values, spikes=spikes, operations=operations,
            durations=np.array([o.duration for o in outcomes], np.float64),
            stop_reasons=tuple(o.stop_reason for o in outcomes),
        )  # fmt: skip

    def __len__(self) -> int:
        return self.durations.size

    def __repr__(self) -> str:
        n = max(1, len(self))
        mean = self.durations.sum() / n
        lines = [f"BatchResult: {len(self):,} samples, each {mean:.4g} long on average"]
        width = max((len(name) for name in (*self.spikes, "layer")), default=5)
        lines.append(f"  {'layer':<{width}}{'spikes/sample':>16}{'operations/sample':>20}")
        lines += [
            f"  {name:<{width}}{self.spikes[name].sum() / n:>16,.1f}"
            f"{self.operations[name].sum() / n:>20,.1f}"
            for name in self.spikes
        ]
        return "\n".join(lines)


def output_populations(network: Network) -> list[str]:
    """Populations that no projection leaves."""
    leaving = {p.pre.name for p in network.projections.values()}
    return [name for name in network.populations if name not in leaving]


def count_outputs(result: Result) -> dict[str, np.ndarray]:
    """Spikes per neuron of the populations that no projection leaves: the default measure."""
    return {name: result.counts[name] for name in output_populations(result.network)}
