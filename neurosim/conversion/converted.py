"""What does a conversion give? The network, and how to talk to it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import EventSimulator, Simulator
from ..network import Network
from .codes import RateCode
from .inputs import Input, SpikeArrays
from .plan import READ_OUT, Plan

if TYPE_CHECKING:
    from .report import ConversionReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Converted:
    """A spiking network made from an ANN, and how to talk to it.

    Attributes
    ----------
    network : Network
        ordinary: the populations are ``"input"``, the ANN's layers by their names, ``"output"``.
    plan : Plan
        the ANN, as layers that spike and what leads from one to the next.
    report : ConversionReport
    thresholds : dict of layer to float
        in the units of the ANN's activations.
    biases : dict of layer to array
        the plan's, or what correction made of them; in the units of the ANN's activations.
    input : DirectInput, RateInput, EventInput or FirstSpikeInput
    code : RateCode or another
        what the spikes of a layer mean.
    duration : float
        of a run: the initial state is step 0, then come the steps; [ms] in continuous time.
    """

    network: Network
    plan: Plan
    report: "ConversionReport"
    thresholds: dict[str, float]
    biases: dict[str, np.ndarray]
    input: Input
    code: RateCode
    duration: float

    @property
    def steps(self) -> int:
        """T, the steps in which input comes and biases act; 0 in continuous time."""
        return self.code.steps

    @property
    def engine(self) -> str:
        """The engine that runs it: ``"clock"``, or ``"event"``."""
        return "clock" if self.network.time == "steps" else "event"

    def encode(self, sample: Any) -> SpikeArrays:
        """Return the input spikes of a sample: (times, ids), and payloads where they carry values.

        ``neurosim.simulate`` and ``Simulator.run`` take them as
        ``inputs={"input": converted.encode(sample)}``, with ``converted.duration``.
        """
        return self.input.encode(sample)

    def outputs(self, result: Any) -> np.ndarray:
        """Return the ANN's outputs as the spiking network has them, float64[n_out].

        The read-out adds N times the output into its potential (N = T for rates), so this is
        ``v[output] / N`` at the end of a run with ``record={"output": ["v"], ...}``.
        """
        return self.course(result)[-1]

    def course(self, result: Any) -> np.ndarray:
        """Return the outputs after each of ``code.exact_steps()``, float64[times, n_out]."""
        v = result.traces[READ_OUT]["v"].values.astype(np.float64)
        return np.stack([v[step] / self.code.norm(step) for step in self.exact_steps])

    @property
    def exact_steps(self) -> list[int]:
        """Steps after which the read-out can be asked; the last one is T, or that of all layers."""
        return self.code.exact_steps(self.duration - 1)

    def predict(self, samples: Any, *, progress: bool | str = "auto") -> np.ndarray:
        """Return the class of each sample, or its value for regression, as the ANN does."""
        found = [self.outputs(result) for result in self.runs(samples, progress=progress)]
        return self.plan.decide(np.reshape(found, (len(found), self.plan.n_out)))

    def runs(
        self,
        samples: Iterable[Any],
        *,
        threads: int = 1,
        dtype: str | None = None,
        progress: bool | str = "auto",
    ) -> Iterator[Any]:
        """Yield one Result per sample with all spikes, each from the initial state.

        For the arguments see :func:`neurosim.evaluate`.
        """
        from tqdm.auto import tqdm

        record = {name: ["spikes"] for name in self.network.populations}
        record[READ_OUT] = ["spikes", "v"]
        if self.engine == "clock":
            simulator: Any = Simulator(self.network, dtype=dtype, threads=threads)
            options: dict[str, Any] = {}
        else:
            # Few windows, with many arrivals each: instant by instant is six times faster.
            simulator = EventSimulator(self.network, threads=threads, scheduler="heap")
            options = {"times": [self.code.end]}
        # tqdm's own "auto": None hides the bar where there is no terminal.
        hide = None if progress == "auto" else not progress
        for sample in tqdm(
            samples, desc="samples", unit="sample", disable=hide, delay=1.0, leave=False
        ):
            simulator.reset()
            inputs = {"input": self.encode(sample)}
            yield simulator.run(
                self.duration, record=record, inputs=inputs, progress=False, **options
            )

    def save(self, path: str | os.PathLike) -> Path:
        """Write all of it to an HDF5 file, for :meth:`load`.

        Raises
        ------
        ParameterError
            The file cannot be written; nothing is left.
        """
        from .stored import save

        return save(self, path)

    @staticmethod
    def load(path: str | os.PathLike) -> "Converted":
        """Read what :meth:`save` has written; its runs have the same spikes, bit for bit.

        Raises
        ------
        FormatError
            The file is no converted network, or is damaged. Files cannot run code.

        Examples
        --------
        >>> import tempfile, neurosim as ns
        >>> from sklearn.neural_network import MLPClassifier
        >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
        >>> ann = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(x, [0, 1, 0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = ns.convert(ann, x, steps=16).save(f"{folder}/network.h5")
        ...     print(Converted.load(path).predict(x))
        [0 1 0 1]
        """
        from .stored import load

        return load(path)

    def __repr__(self) -> str:
        sizes = "-".join(str(population.n) for population in self.network.populations.values())
        kind = type(self.input).__name__.removesuffix("Input").lower()
        time = f"T={self.steps}" if self.steps else f"{self.duration:g} ms"
        return f"Converted({self.plan.source}, {sizes}, {time}, {kind} input)"
