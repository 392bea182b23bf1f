"""How is a network run in continuous time? `EventSimulator`, the event engine's front."""

import math
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
from ..progress import Progress
from ..recording import parse_record
from ..result import Result, Spikes
from ..stop import Condition, RunView, StopWatch, conditions_of
from ..stream import is_pair, pair_of
from .build import ExactBuilt, build
from .checkpoint import load_state, save_state
from .loop import ExactLoop
from .recording import SpikeLists, StateLists, sample_times
from .sources import GivenTimes, sources_of
from .tables import Control

_CHUNK = 50.0  # ms between two looks at progress and stop conditions
_GRID = 0.1  # ms: the grain of StopAtRate's window
REACHED = "duration reached"


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
        self.built: ExactBuilt = build(self.network)
        self.scheduler = chosen_scheduler(self.built, scheduler)
        self.loop = ExactLoop(self.built, sources_of(self.network), self.scheduler)
        self.loop.advance(0.0)
        self.build_s = clocks.perf_counter() - begin
        self._whole = True

    @property
    def t(self) -> float:
        """Present time [ms]."""
        return self.loop.t

    @property
    def n_windows(self) -> int:
        """Windows visited so far: silence costs none."""
        return int(self.loop.control[Control.VISITED])

    @property
    def n_arrivals(self) -> int:
        """Arrivals sent so far."""
        return int(self.loop.control[Control.ARRIVALS])

    def reset(self) -> None:
        """Back to time 0 and the initial state; added inputs are forgotten."""
        self.loop.reset()
        self._whole = True

    def save(self, path: str | Path) -> Path:
        """Write the state to an HDF5 file, from which :meth:`load` goes on bit for bit."""
        self._check_whole()
        return save_state(self.loop, path)

    def load(self, path: str | Path) -> None:
        """Go on from a state saved by a simulation of the same network.

        Raises
        ------
        FormatError
            The file is no checkpoint, is damaged, or belongs to another network.
        """
        load_state(self.loop, path)
        self._whole = True

    def _check_whole(self) -> None:
        if not self._whole:
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
        inputs: Mapping[str, Any] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        stop: Condition | Sequence[Condition] | None = None,
        chunk: float | None = None,
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
        inputs : mapping, optional
            ``{source name: (times, ids)}`` further spikes of a SpikeSource, or ``{source name:
            stream}``, an iterator over such pairs in order of time; times count from now.
        progress : "auto", bool or callable
            A bar on runs longer than a second, or a function of (done, duration).
        stop : condition, function, or list of these, optional
            See `Simulator.run`; looked at after every chunk.
        chunk : float, optional
            Time between two looks at progress and stop conditions [ms], default 50.

        Raises
        ------
        ParameterError, SimulationError
        """
        self._check_whole()
        owner = "EventSimulator.run"
        duration = checks.number(owner, "duration", duration, low=0, high=1e12, unit="ms")
        chunk = checks.number(owner, "chunk", _CHUNK if chunk is None else chunk, above=0)
        names, traced = parse_record(self.network, record)
        start, end = self.t, self.t + duration
        samples = sample_times(owner, start, end, interval, times) if traced else np.zeros(0)
        run = _Run(self, names, StateLists(self.built, traced, samples), stop, end)
        self._give(owner, inputs or {})
        return run.go(progress, chunk)

    def _give(self, owner: str, inputs: Mapping[str, Any]) -> None:
        """Hand inputs to their sources: all of them, or none."""
        sources = {s.name: s for s in self.loop.sources.values() if isinstance(s, GivenTimes)}
        ready = []
        for name, value in inputs.items():
            if name not in sources:
                raise ParameterError(
                    f"{owner}: inputs must name a SpikeSource, one of {list(sources)}, got {name!r}"
                )
            if is_pair(value):
                label = f"inputs[{name!r}]"
                given = pair_of(f"{owner}: {label}", value)
                found = spike_arrays(label, *given, sources[name].n)
                ready.append(partial(sources[name].add, found[0] + self.t, found[1]))
            else:
                ready.append(partial(sources[name].follow, value, self.t))
        for hand_over in ready:
            hand_over()


def chosen_scheduler(built: ExactBuilt, wanted: str) -> str:
    """Windows, or the heap where windows would be too short to hold anything."""
    if wanted != "auto":
        return wanted
    return "heap" if built.order.window < _LEAST_WINDOW else "windows"


_LEAST_WINDOW = 1e-5  # ms


class _Run:
    """One run under way: its recorders and its stop conditions."""

    def __init__(
        self, sim: EventSimulator, names: list[str], states: StateLists, stop: Any, end: float
    ) -> None:
        self.sim, self.loop, self.start, self.end = sim, sim.loop, sim.t, end
        self.lists, self.states = SpikeLists(sim.built, names), states
        self.stops = StopWatch(conditions_of(stop), sim.network, _GRID)
        self.before = [p.counts.copy() for p in sim.built.populations]

    def go(self, progress: Any, chunk: float) -> Result:
        """Compute chunk by chunk to the end, or until a condition stops it."""
        wall, cpu = clocks.perf_counter(), clocks.process_time()
        reason = ""
        with Progress(progress, self.end - self.start, "continuous") as bar:
            while not reason and self.loop.t < self.end:
                reason = self._chunk(min(self.loop.t + chunk, self.end))
                bar.update(self.loop.t - self.start)
        return self._result(reason or REACHED, wall, cpu)

    def _chunk(self, end: float) -> str:
        loop, sim, begin = self.loop, self.sim, self.loop.t
        sim._whole = False  # until it is done: an error or Ctrl-C may strike inside
        loop.begin_chunk(end)
        for time in self.states.due(end):
            loop.advance(min(math.nextafter(time, math.inf), end))
            self.states.sample(loop)
        loop.advance(end)
        found = loop.spikes()
        self.lists.add(found)
        sim._whole = True
        self._guard(begin, end)
        return self._stopped(begin, end, found) or ""

    def _guard(self, begin: float, end: float) -> None:
        for p, spikes in zip(self.sim.built.populations, self.loop.spikes(), strict=True):
            name = p.population.name
            if not np.isfinite(p.state).all():
                k, i = np.argwhere(~np.isfinite(p.state))[0]
                variable = list(p.population.neurons.model.state)[k]
                raise SimulationError(
                    f"Population {name!r}.{variable} must be finite, got {p.state[k, i]} in neuron "
                    f"{i} before t = {end:g} ms; check weights and time constants"
                )
            rate = 1000.0 * spikes[0].size / (p.population.n * (end - begin))
            if self.sim.max_rate is not None and rate > self.sim.max_rate:
                raise SimulationError(
                    f"Population {name!r}.rate must be <= max_rate = {self.sim.max_rate:g}, got "
                    f"{rate:g} Hz before t = {end:g} ms; weaken excitation, or raise max_rate"
                )

    def _counts(self) -> dict[str, np.ndarray]:
        return {
            p.population.name: p.counts - before
            for p, before in zip(self.sim.built.populations, self.before, strict=True)
        }

    def _stopped(self, begin: float, end: float, found: list[tuple]) -> str | None:
        if not self.stops.conditions:
            return None
        by_name = dict(zip(self.sim.network.populations, found, strict=True))
        first, last = math.floor(begin / _GRID), math.floor(end / _GRID)
        on_grid = {
            name: (np.clip((times / _GRID).astype(np.int64), first, max(first, last - 1)), ids)
            for name, (times, ids, _) in by_name.items()
        }
        self.stops.see(first, max(last, first + 1), on_grid)
        counts = self._counts()
        view = partial(self._view, counts, by_name)
        return self.stops.reason(counts, lambda: sum(self._events(counts).values()), view)

    def _view(self, counts: dict[str, np.ndarray], found: Mapping[str, tuple]) -> RunView:
        spikes = {
            name: Spikes(times, ids, counts[name].size, payload)
            for name, (times, ids, payload) in found.items()
        }
        for array in (a for s in spikes.values() for a in (s.times, s.ids)):
            array.flags.writeable = False
        wall = clocks.perf_counter() - self.stops.begun
        return RunView(self.sim.t, self.start, counts, spikes, wall)

    def _events(self, counts: dict[str, np.ndarray]) -> dict[str, int]:
        return {
            p.name: int(np.diff(self.sim.built.rows[p.name].offsets) @ counts[p.pre.name])
            for p in self.sim.network.projections.values()
        }

    def _result(self, reason: str, wall: float, cpu: float) -> Result:
        sim, counts = self.sim, self._counts()
        return Result(
            network=sim.network, t_start=self.start, t_stop=sim.t, dt=0.0, engine="event",
            dtype="float64", threads=sim.threads, spikes=self.lists.finish(),
            traces=self.states.finish(), counts=counts, synaptic_events=self._events(counts),
            stop_reason=reason, wall_s=clocks.perf_counter() - wall,
            cpu_s=clocks.process_time() - cpu, build_s=sim.build_s,
        )  # fmt: skip
