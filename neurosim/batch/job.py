"""What does a worker do? It builds the network once, and runs sample after sample.

Everything here can be pickled, so that processes and clusters get it; simulators stay where
they were built.
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine import EventSimulator, Simulator
from ..engine.result import Result
from ..errors import NeurosimError, ParameterError, SimulationError
from ..models.sources import SpikeSource
from ..network import Network
from .outcome import Outcome, count_outputs

Piece = list[tuple[int, Any]]  # (index, sample)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """How one sample is run, and what is measured.

    Attributes
    ----------
    network : Network
    duration : float
    engine : {"clock", "event"}
    build, run : dict           options of the simulator and of its runs
    encode, measure : function or None
    token : str                 tells the jobs of one process apart
    """

    network: Network
    duration: float
    engine: str
    build: Mapping[str, Any]
    run: Mapping[str, Any]
    encode: Callable[[Any], Any] | None
    measure: Callable[[Result], Any] | None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def simulator(self) -> Simulator | EventSimulator:
        """A simulator of its own."""
        kind = Simulator if self.engine == "clock" else EventSimulator
        return kind(self.network, **self.build)

    def inputs(self, sample: Any) -> Mapping[str, Any]:
        """What a sample gives to the sources of spikes.

        Raises
        ------
        ParameterError
        """
        given = sample if self.encode is None else self.encode(sample)
        if isinstance(given, Mapping):
            return given
        populations = self.network.populations.items()
        sources = [name for name, p in populations if isinstance(p.neurons, SpikeSource)]
        if len(sources) == 1:
            return {sources[0]: given}
        if not sources:  # noise alone; the sample is no more than its index
            return {}
        raise ParameterError(
            f"Batch: a sample must be a mapping of source names to (times, ids), as there are the "
            f"sources {sources}, got {type(given).__name__}"
        )

    def outcome(self, simulator: Simulator | EventSimulator, index: int, sample: Any) -> Outcome:
        """Run a sample from the initial state; random sources draw anew for each."""
        simulator.reset()
        simulator.loop.resample(index)
        result = simulator.run(
            self.duration, inputs=self.inputs(sample), progress=False, **self.run
        )
        value = (self.measure or count_outputs)(result)
        return Outcome.of(index, result, value if isinstance(value, Mapping) else {"value": value})


class _Built(threading.local):
    """The simulator of this thread, and of which job it is."""

    token: str | None = None
    simulator: Any = None


_built = _Built()


def run_piece(job: Job, piece: Piece, stop: Any = None) -> list[Outcome]:
    """Run some samples where this is called, on a simulator that stays for the next ones.

    ``stop`` is an event; once it is set, nobody wants the samples that have not begun.

    Raises
    ------
    NeurosimError
        Of the kind that a sample raised, with its index; other errors as `SimulationError`.
    """
    if _built.token != job.token:
        _built.simulator = _built.token = None  # free it before the next is built
        _built.simulator, _built.token = job.simulator(), job.token
    outcomes = []
    for index, sample in piece:
        if stop is not None and stop.is_set():
            break
        try:
            outcomes.append(job.outcome(_built.simulator, index, sample))
        except NeurosimError as error:
            raise type(error)(f"Batch: sample {index}: {error}") from None
        except Exception as error:
            raise SimulationError(f"Batch: sample {index}: {error!r}") from error
    return outcomes
