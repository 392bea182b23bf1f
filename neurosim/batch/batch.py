"""How does a data set go through a network? Piece by piece, and its outcomes come in order."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import checks
from ..engine.result import Result
from ..engine.simulate import engine_for
from ..engine.stop import conditions_of
from ..errors import ParameterError
from ..network import Network
from ..progress import Progress
from .confidence import Exit
from .crew import crew_of
from .flow import Flow
from .folder import BatchFolder
from .job import Job
from .outcome import BatchResult, Outcome


class Batch:
    """A data set through a network: every sample from the initial state.

    Results do not depend on how many workers there are, which kind they are, in which order
    they finish, or on whether one of them was killed. Random sources and noise draw anew for each
    sample, as a function of the network's seed and the sample's index.

    Parameters
    ----------
    network : Network
    duration : float
        Of each sample [ms], or [steps].
    engine : {"auto", "clock", "event"}
        See `neurosim.simulate`.
    encode : function, optional
        Makes of a sample what the sources get: ``{source name: (times, ids)}``, or
        (times, ids) where there is one source of spikes. It runs on the workers.
    measure : function of a `Result`, optional
        What to keep of a sample: an array, or a dict of name to array. It runs on the workers.
        Default: the spikes per neuron of those populations that no projection leaves.
    record : mapping, optional
        See `Simulator.run`. Default: all spikes where there is a ``measure`` that may want them,
        else none.
    stop : condition, function, or list of these, optional
        See `Simulator.run`; looked at for each sample, ``chunk`` steps apart.
    **options
        Of the simulator (``dt``, ``dtype``, ``sleep``, ...) and its runs (``interval``,
        ``chunk``), as in `neurosim.simulate`.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> import numpy as np, neurosim as ns
    >>> net = ns.Sequential(ns.SpikeSource(4))
    >>> _ = net.add(ns.Dense(np.eye(4)), ns.IF, name="out", v_th=2.0)
    >>> batch = ns.Batch(net.network, 10)
    >>> samples = [([0, 1, 2], [3, 3, 3]), ([0, 0, 5, 6], [1, 1, 2, 2])]
    >>> result = batch.run(samples, workers=2, progress=False)
    >>> result.values["out"].tolist()
    [[0, 0, 0, 1], [0, 1, 1, 0]]
    >>> result.operations["out"].tolist()
    [12, 16]
    """

    def __init__(
        self,
        network: Network,
        duration: float,
        *,
        engine: str = "auto",
        encode: Callable[[Any], Any] | None = None,
        measure: Callable[[Result], Any] | None = None,
        record: Any = None,
        stop: Any = None,
        **options: Any,
    ) -> None:
        for name, function in (("encode", encode), ("measure", measure)):
            if function is not None and not callable(function):
                raise ParameterError(f"Batch.{name} must be a function, got {function!r}")
        for name in ("inputs", "progress", "out", "checkpoint_every"):
            if name in options:
                raise ParameterError(f"Batch: no option {name!r}; see Batch.run")
        engine, _, build, run = engine_for(network, engine, options, owner="Batch")
        run["record"] = {} if record is None and measure is None else record
        run["stop"] = conditions_of(stop)
        for exit in (one for one in run["stop"] if isinstance(one, Exit)):
            run.setdefault("chunk", exit.interval)  # it wants to look at each step
        self.job = Job(
            network=network.copy(), duration=checks.number("Batch", "duration", duration, low=0),
            engine=engine, build=build, run=run, encode=encode, measure=measure,
        )  # fmt: skip

    def run(
        self,
        samples: Iterable[Any],
        *,
        workers: int = 1,
        on: Any = "threads",
        piece: int = 8,
        out: str | Path | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
    ) -> BatchResult:
        """Run all samples.

        Parameters
        ----------
        samples : iterable
            Read as workers become free: a data set need not lie in memory.
        workers : int
            Number of threads or processes, each with a network of its own in memory.
        on : "threads", "processes", a dask.distributed.Client, or a concurrent.futures.Executor
            Threads share what the data set holds, and let the engine's kernels run at once;
            processes also run Python at once, and want functions that can be pickled.
            A cluster (``pip install 'neurosim[dask]'``) uses all threads of its workers.
        piece : int
            Samples that a worker gets at once.
        out : path, optional
            Folder for the outcomes. If it has some of the same batch, those samples are not
            run again: a batch that was killed goes on when it is run again. Another network,
            option, function or sample is refused.
        progress : "auto", bool or callable
            A bar with rate and remaining time, or a function of (done, number of samples).

        Raises
        ------
        ParameterError
            Of a sample, with its index; of ``out``, if it belongs to another batch.
        """
        outcomes = list(
            self.stream(
                samples, workers=workers, on=on, piece=piece, out=out, progress=progress
            )
        )  # fmt: skip
        return BatchResult.of(outcomes, list(self.job.network.populations))

    def stream(
        self,
        samples: Iterable[Any],
        *,
        workers: int = 1,
        on: Any = "threads",
        piece: int = 8,
        out: str | Path | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
    ) -> Iterator[Outcome]:
        """Outcomes as they come, in the order of the samples; for the arguments see :meth:`run`.

        Few samples are under way at once, so that neither data set nor outcomes fill the memory.

        Examples
        --------
        >>> import neurosim as ns
        >>> net = ns.Network(seed=3)
        >>> _ = net.add(ns.PoissonSource(10, rate=100.0), "noise")
        >>> batch = ns.Batch(net, 100.0)
        >>> [int(o.value["noise"].sum()) for o in batch.stream(range(3), progress=False)]
        [84, 111, 93]
        """
        workers = checks.integer("Batch.run", "workers", workers, low=1, high=4096)
        piece = checks.integer("Batch.run", "piece", piece, low=1)
        if not isinstance(samples, Iterable):
            raise ParameterError(
                f"Batch.run: samples must be a sequence or an iterator of samples, got {samples!r}"
            )
        total = len(samples) if hasattr(samples, "__len__") else None
        return self._stream(samples, workers, on, piece, out, Progress(progress, total, "samples"))

    def _stream(self, samples, workers, on, piece, out, progress) -> Iterator[Outcome]:
        with progress as bar, crew_of(on, self.job, workers) as crew:
            folder = None if out is None else BatchFolder(out, self.job)
            flow = Flow(crew, _pieces(samples, piece, folder), folder)
            try:
                for done, outcome in enumerate(flow.outcomes()):
                    bar.update(done + 1)
                    yield outcome
            finally:
                flow.close()


def _pieces(samples: Iterable[Any], size: int, folder: BatchFolder | None) -> Iterator[Any]:
    """Lists of (index, sample) to run, and outcomes that are there already."""
    waiting: list[tuple[int, Any]] = []
    for index, sample in enumerate(samples):
        done = None if folder is None else folder.outcome_of(index, sample)
        if done is not None:
            if waiting:
                yield waiting
                waiting = []
            yield done
            continue
        waiting.append((index, sample))
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
