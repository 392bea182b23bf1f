"""How is a network run in continuous time? `EventSimulator`, the event engine's front."""

import time as clocks
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ... import checks
from ...errors import ParameterError, SimulationError
from ...models.sources import spike_arrays
from ...network import Network
from ..recording import parse_record
from ..result import Result, Spikes
from ..stop import Condition, conditions_of
from ..stream import given_spikes, is_pair
from .batch import run_batch
from .build import ExactBuilt, build
from .changing import ExactSynapses
from .checkpoint import load_state, save_state
from .longrun import new_run, resume_run
from .loop import ExactLoop
from .recording import SpikeLists, StateLists, check_at_spikes, sample_times
from .running import ExactRun
from .sources import GivenTimes, sources_of
from .stamped import Stamped
from .switching import Switch, Switches, checked
from .tables import Control


class EventSimulator:
    """A built network in the event engine: exact spike times, real delays, no time step.

    Between events every neuron follows the exact solution of its equations; it fires at the
    first moment its potential reaches the threshold, found to the last digits. An arrival
    acts at the time of the spike plus the delay. What happens at one instant has one order:
    populations by zero delays; in a neuron first a spike that is due, then all arrivals, summed
    port by port, then the threshold again.

    Parameters
    ----------
    network : Network
        With ``time="continuous"``, of models that have ``flow`` and ``crossing``.
    threads : int
        Number of threads; the results are the same for any number.
    scheduler : {"auto", "windows", "heap"}
        How events are ordered; the spikes are the same. "windows" handles all events of a window
        at once, one neuron after another; windows are shorter than the smallest delay that leads
        back. "heap" handles instant by instant. "auto" takes windows, unless delays
        are so small that hardly anything happens in one.
    max_rate : float, optional
        Stop with an error when a population's mean rate over a chunk exceeds this [Hz].
    switches : list of Switch, optional
        Parameters that change at set times.

    Attributes
    ----------
    t : float                   present time [ms]: all events before it have happened
    n_windows, n_arrivals : int     windows visited, and arrivals sent, so far

    Raises
    ------
    BuildError
        The network cannot run in continuous time; the message says which part, and what to do.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> inp = net.add(ns.SpikeSource(1, times=[1.0, 2.25], ids=[0, 0]), "in")
    >>> out = net.add(ns.LIF(1, tau_m=10.0), "out")
    >>> _ = net.connect(inp, out, weight=0.6, delay=1.3)
    >>> sim = ns.EventSimulator(net)
    >>> sim.run(5.0).spikes["out"].times.tolist()
    [3.55]
    """

    def __init__(
        self,
        network: Network,
        *,
        threads: int = 1,
        scheduler: str = "auto",
        max_rate: float | None = None,
        switches: Sequence[Switch] = (),
    ) -> None:
        owner = "EventSimulator"
        if not isinstance(network, Network) or not network.populations:
            raise ParameterError(f"{owner}.network must be a Network with populations")
        self.threads = checks.integer(owner, "threads", threads, low=1, high=1024)
        checks.choice(owner, "scheduler", scheduler, ("auto", "windows", "heap"))
        self.max_rate = (
            None if max_rate is None else checks.number(owner, "max_rate", max_rate, above=0)
        )
        begin = clocks.perf_counter()
        self.network = network.copy()
        self.built: ExactBuilt = build(self.network, self.threads)
        self.scheduler = chosen_scheduler(self.built, scheduler)
        self.loop = ExactLoop(self.built, sources_of(self.network), self.scheduler)
        self.switches = Switches(self.loop, checked(owner, self.network, switches))
        self.build_s = clocks.perf_counter() - begin
        self.whole = True

    @property
    def t(self) -> float:
        """Present time [ms]."""
        return self.loop.t

    @property
    def n_windows(self) -> int:
        """Windows visited so far: silence costs none."""
        return self.loop.visited

    @property
    def n_arrivals(self) -> int:
        """Arrivals sent so far."""
        return self.loop.total(Control.ARRIVALS)

    def reset(self) -> None:
        """Back to time 0 and the initial state; added inputs are forgotten."""
        self.loop.reset()
        self.switches.reset()
        self.whole = True

    def save(self, path: str | Path) -> Path:
        """Write the state to an HDF5 file, from which :meth:`load` goes on bit for bit."""
        self._check_whole()
        return save_state(self.loop, path)

    def load(self, path: str | Path, *, inputs: Mapping[str, Any] | None = None) -> None:
        """Go on from a state saved by a simulation of the same network.

        ``inputs`` gives again, from their beginning, the streams that were being read; they
        are skipped forward. Spikes given as (times, ids) are in the file.

        Raises
        ------
        FormatError
            The file is no checkpoint, is damaged, or belongs to another network.
        ParameterError
            A stream is not given, or is another one.
        """
        load_state(self.loop, path, inputs)
        self.switches.reset(self.t)
        self.whole = True

    def _check_whole(self) -> None:
        if not self.whole:
            raise SimulationError(
                f"EventSimulator: the last run broke off after t = {self.t:g} ms, and its state is "
                "not whole; call reset(), or load() a saved state"
            )

    def run(
        self,
        duration: float,
        *,
        record: Mapping[str, Any] | None = None,
        interval: float | None = None,
        times: Sequence[float] | None = None,
        at_spikes: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        stop: Condition | Sequence[Condition] | None = None,
        chunk: float | None = None,
        out: str | Path | None = None,
        checkpoint_every: float | None = None,
    ) -> Result:
        """Run on for ``duration`` [ms] and return what this piece recorded.

        Parameters
        ----------
        duration : float
            Events at t <= now < t + duration are computed; a run may end anywhere.
        record : mapping, optional
            Population name to a list of ``"spikes"``, a state variable such as ``"v"``, or
            some of its neurons, ``"v[:5]"``. None records all spikes.
        interval, times : float, or ascending times [ms]
            When state variables are sampled: every so often (default 1 ms), or at these times;
            the exact state after everything that happens at that instant.
        at_spikes : mapping, optional
            Population name to state variables whose values just before each reset are kept,
            one for each spike, in `Result.at_spikes`: what exact gradients need.
        inputs : mapping, optional
            ``{source name: (times, ids)}`` further spikes of a SpikeSource, or ``{source name:
            stream}``, an iterator over such pairs in order of time; times count from now.
        progress : "auto", bool or callable
            A bar on runs longer than a second, or a function of (done, duration).
        stop : condition, function, or list of these, optional
            See `Simulator.run`; looked at after every chunk.
        chunk : float, optional
            Time between two looks at progress and stop conditions [ms], default 50.
        out, checkpoint_every : path and time [ms], optional
            Write spikes and traces to numbered files in a new folder as the run goes, and the
            state every so often: `neurosim.resume` goes on there when the process was killed.

        Raises
        ------
        ParameterError, SimulationError
        """
        self._check_whole()
        owner = "EventSimulator.run"
        duration = checks.number(owner, "duration", duration, low=0, high=1e12, unit="ms")
        if chunk is not None:
            chunk = checks.number(owner, "chunk", chunk, above=0)
        names, traced = parse_record(self.network, record)
        start, end = self.t, self.t + duration
        samples = sample_times(owner, start, end, interval, times) if traced else np.zeros(0)
        lists = SpikeLists(self.built, names, check_at_spikes(owner, self.network, at_spikes))
        kept = {"at_spikes": at_spikes, "inputs": inputs or {}, "duration": duration}
        kept["stop"] = conditions_of(stop)
        files = new_run(self, out, checkpoint_every, record, kept)
        run = ExactRun(self, lists, StateLists(self.built, traced, samples), stop, end, files)
        self._give(owner, inputs or {})
        if files is None:
            return run.go(progress, chunk)
        try:
            files.begin(run)
            return run.go(progress, chunk)
        finally:
            files.folder.close()

    def resume(
        self, folder: str | Path, *, stop: Condition | Sequence[Condition] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
    ) -> Result:  # fmt: skip
        """Go on with a long run whose process was killed; see `neurosim.resume`."""
        self.whole = False
        result = resume_run(self, folder, stop, progress)
        self.whole = True
        return result

    def push(self, source: str, times: Any, ids: Any, payloads: Any = None) -> None:
        """Add spikes of a SpikeSource as they come, at absolute times [ms], not before ``t``.

        ``payloads`` are what spikes of a graded source carry.

        Raises
        ------
        ParameterError
        """
        owner = f"EventSimulator.push({source!r})"
        given = self._given(owner, source)
        spikes = spike_arrays(owner, times, ids, given.n, payloads=payloads, graded=given.graded)
        times = spikes[0]
        if times.size and times[0] < self.t:
            raise ParameterError(
                f"{owner}: times must be >= the present time {self.t:g} ms, got {times[0]:g}; what "
                "is past cannot be changed"
            )
        given.add(spikes)

    def pull(self, until: float) -> dict[str, Spikes]:
        """Go on to the time ``until`` [ms] and return the spikes since the last call or run.

        Examples
        --------
        >>> import neurosim as ns
        >>> net = ns.Network()
        >>> inp, out = net.add(ns.SpikeSource(1), "in"), net.add(ns.IF(1), "out")
        >>> _ = net.connect(inp, out, weight=1.0, delay=0.25)
        >>> sim = ns.EventSimulator(net)
        >>> sim.push("in", [0.5], [0])
        >>> sim.pull(1.0)["out"].times.tolist(), sim.pull(2.0)["out"].times.tolist()
        ([0.75], [])
        """
        until = checks.number("EventSimulator.pull", "until", until, low=self.t, unit="ms")
        return dict(self.run(until - self.t, progress=False).spikes)

    def batch(
        self,
        duration: float,
        inputs: Sequence[Mapping[str, Any]],
        *,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        **options: Any,
    ) -> list[Result]:
        """Run samples, each from time 0 and the initial state, on the simulator's threads.

        The results do not depend on the number of threads; this simulator's own state stays.
        Random sources draw anew for each sample.

        Parameters
        ----------
        duration : float                [ms], of each sample
        inputs : sequence of mappings   of source name to (times, ids), one for each sample
        options                         ``record``, ``interval``, ``times``, ``stop``, ``chunk``
        """

        def make() -> EventSimulator:
            other = object.__new__(EventSimulator)
            other.__dict__.update(self.__dict__, built=self.built.twin())
            sources = sources_of(self.network)
            other.loop = ExactLoop(other.built, sources, self.scheduler)
            other.switches = Switches(other.loop, self.switches.switches)
            other.whole = True
            return other

        return run_batch(make, inputs, duration, self.threads, progress, options)

    def synapses(self, projection: str) -> ExactSynapses:
        """The synapses of a projection, to be read and changed between runs.

        Raises
        ------
        ParameterError
            There is no such projection.
        """
        if projection not in self.network.projections:
            raise ParameterError(
                "EventSimulator.synapses: projection must be one of "
                f"{list(self.network.projections)}, got {projection!r}"
            )
        p = self.network.projections[projection]
        first = self.built.populations[list(self.network.populations).index(p.post.name)].first
        rows = self.built.rows[projection]
        if isinstance(rows, Stamped):
            raise ParameterError(
                f"EventSimulator.synapses: projection must have synapses of its own to change, got "
                f"{projection!r} with the kernel of {type(p.rule).__name__}; connect what "
                "ns.expand lists with FromArrays"
            )
        return ExactSynapses(p, rows, self.built.bits, first, self.loop.rewired)

    def _given(self, owner: str, name: str) -> GivenTimes:
        sources = {s.name: s for s in self.loop.sources.values() if isinstance(s, GivenTimes)}
        if name not in sources:
            raise ParameterError(
                f"{owner}: inputs must name a SpikeSource, one of {list(sources)}, got {name!r}"
            )
        return sources[name]

    def _give(self, owner: str, inputs: Mapping[str, Any]) -> None:
        """Hand inputs to their sources: all of them, or none."""
        ready = []
        for name, value in inputs.items():
            source = self._given(owner, name)
            if is_pair(value):
                label = f"inputs[{name!r}]"
                found = given_spikes(owner, label, value, source.n, source.graded)
                ready.append(partial(source.add, found, self.t))
            else:
                ready.append(partial(source.follow, value, self.t))
        for hand_over in ready:
            hand_over()


def chosen_scheduler(built: ExactBuilt, wanted: str) -> str:
    """Windows, or the heap where windows would be too short to hold anything."""
    if wanted != "auto":
        return wanted
    return "heap" if built.order.window < _LEAST_WINDOW else "windows"


_LEAST_WINDOW = 1e-5  # ms
