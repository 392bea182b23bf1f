"""How is a network run? The loop over chunks, components and windows."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..errors import ParameterError, SimulationError
from ..network import Network
from .build import Built, address, build
from .clock import Span, Tables, run_steps
from .components import Component
from .drive import ListDrive, drives
from .history import History
from .progress import Progress
from .recording import SpikeRecorder, TraceRecorder, parse_record
from .result import Result

_CHUNK = 1000  # steps per chunk: progress, guards and files work at this grain


class Simulator:
    """A network, built, with its state: run it in pieces, reset it, feed it.

    The clock engine: spikes lie on the grid t = n dt. At each grid point every neuron is
    advanced exactly from the last one, receives the arrivals of that instant, and fires if
    v >= v_th. Results do not depend on the number of threads or on how a run is cut.

    Parameters
    ----------
    network : Network
    dt : float, optional
        Grid step [ms], default 0.1. In a ``time="steps"`` network it is 1 step.
    dtype : {"float32", "float64"}
        Precision of state and weights.
    threads : int
        Number of threads; the results are the same for any number.
    round_delays : bool
        Round delays between 0 and dt to the grid instead of refusing them.
    max_rate : float, optional
        Stop with an error when a population's mean rate in a chunk exceeds this [Hz], or
        [spikes per step].

    Raises
    ------
    ParameterError, BuildError

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> inp = net.add(ns.SpikeSource(1, times=[1.0, 2.0], ids=[0, 0]), "in")
    >>> out = net.add(ns.LIF(1, tau_m=10.0), "out")
    >>> _ = net.connect(inp, out, weight=0.6, delay=1.5)
    >>> sim = ns.Simulator(net)
    >>> sim.run(5.0).spikes["out"].times.tolist()
    [3.5]
    """

    def __init__(
        self,
        network: Network,
        *,
        dt: float | None = None,
        dtype: str = "float32",
        threads: int = 1,
        round_delays: bool = False,
        max_rate: float | None = None,
    ) -> None:
        owner = "Simulator"
        if not isinstance(network, Network) or not network.populations:
            raise ParameterError(f"{owner}.network must be a Network with populations")
        dt = _grid_step(network, dt)
        checks.choice(owner, "dtype", dtype, ("float32", "float64"))
        self.threads = checks.integer(owner, "threads", threads, low=1, high=1024)
        self.max_rate = (
            None if max_rate is None else checks.number(owner, "max_rate", max_rate, above=0)
        )
        self.network, self.dt, self.dtype = network, dt, dtype
        begin = time.perf_counter()
        self.built: Built = build(
            network, dt=dt, real=dtype, parts=self.threads, round_delays=round_delays
        )
        self.drives = drives(network, dt)
        self.build_s = time.perf_counter() - begin
        self._real = np.empty(0, dtype)
        self._length = self.built.max_delay + _CHUNK
        self._histories = [
            [History(self._length, 2 * p.population.n // self.threads + 16) for _ in range(threads)]
            for p in self.built.populations
        ]
        self._history_table = np.zeros((len(self._histories), self.threads, 3), np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self.reset()

    @property
    def t(self) -> float:
        """Present time [ms], or [steps]."""
        return float(to_times(self.step, self.dt))

    def reset(self) -> None:
        """Back to time 0 and the initial state; added inputs are forgotten."""
        self.step = 0
        self._inside_chunk = False
        for p, parts in zip(self.built.populations, self._histories, strict=True):
            p.reset()
            for history in parts:
                history.clear()
        for drive in self.drives.values():
            drive.reset()
        for arrivals in self.built.arrivals:
            arrivals[:] = 0
        self._refresh_histories()

    def run(
        self,
        duration: float,
        *,
        record: Mapping[str, Any] | None = None,
        interval: float | None = None,
        inputs: Mapping[str, tuple] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        out: str | Path | None = None,
    ) -> Result:
        """Run on for ``duration`` and return what this piece recorded.

        Parameters
        ----------
        duration : float
            [ms], or [steps]; the grid points t <= now < t + duration are computed.
        record : mapping, optional
            Population name to a list of ``"spikes"``, a state variable such as ``"v"``, or
            some of its neurons, ``"v[:5]"``. None records all spikes of all populations,
            an empty mapping only the counts, which are always there.
        interval : float, optional
            Time between two samples of state variables; default dt.
        inputs : mapping, optional
            ``{source name: (times, ids)}``, further spikes of a SpikeSource; times count
            from the present time.
        progress : "auto", bool or callable
            A bar on runs longer than a second ("auto": only on a terminal), or a function
            of (done, duration).
        out : path, optional
            Folder for the spikes of a long recording, as numbered files.

        Raises
        ------
        ParameterError, SimulationError
        """
        if self._inside_chunk:
            raise SimulationError(
                f"Simulator: the last run broke off after t = {self.t:g}, and its state is not "
                "whole; call reset()"
            )
        end = self.step + self._n_steps(duration)
        every = 1 if interval is None else int(to_steps(interval, self.dt))
        if every < 1:
            raise ParameterError(f"Simulator.run: interval must be >= dt = {self.dt:g}")
        spike_names, traces = parse_record(self.network, record)
        self._add_inputs(inputs or {})
        spikes = SpikeRecorder(self.built, spike_names, out)
        probes = TraceRecorder(self.built, traces, every)
        counts = [p.counts.copy() for p in self.built.populations]
        arrivals = sum(a.copy() for a in self.built.arrivals)
        begin, wall, cpu = self.step, time.perf_counter(), time.process_time()
        with Progress(progress, float(to_times(end - begin, self.dt)), self.network.time) as bar:
            while self.step < end:
                self._run_chunk(min(self.step + _CHUNK, end), spikes, probes)
                bar.update(float(to_times(self.step - begin, self.dt)))
        arrivals = sum(self.built.arrivals) - arrivals
        return Result(
            network=self.network, t_start=float(to_times(begin, self.dt)), t_stop=self.t,
            dt=self.dt, engine="clock", dtype=self.dtype, threads=self.threads,
            spikes=spikes.finish(), traces=probes.finish(),
            counts={
                p.population.name: p.counts - before
                for p, before in zip(self.built.populations, counts, strict=True)
            },
            synaptic_events=self._by_projection(arrivals),
            wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu,
            build_s=self.build_s, rounded_delays=self.built.rounding,
        )  # fmt: skip

    # ------------------------------------------------------------------ arguments

    def _n_steps(self, duration: float) -> int:
        owner, unit = "Simulator.run", "ms" if self.network.time == "continuous" else "steps"
        duration = checks.number(owner, "duration", duration, low=0, high=1e15, unit=unit)
        if self.network.time == "steps" and duration != int(duration):
            raise ParameterError(
                f"{owner}.duration must be a whole number of steps, got {duration}"
            )
        return int(to_steps(duration, self.dt))

    def _add_inputs(self, inputs: Mapping[str, tuple]) -> None:
        index = {name: k for k, name in enumerate(self.network.populations)}
        for name in inputs:
            if not isinstance(self.drives.get(index.get(name, -1)), ListDrive):
                sources = [d.name for d in self.drives.values() if isinstance(d, ListDrive)]
                raise ParameterError(
                    f"Simulator.run: inputs must name a SpikeSource, one of {sources}, got {name!r}"
                )
        for name, (times, ids) in inputs.items():
            self.drives[index[name]].add(times, ids, self.step)

    def _by_projection(self, arrivals: np.ndarray | int) -> dict[str, int]:
        events = dict.fromkeys(self.network.projections, 0)
        for k, name in enumerate(self.built.projection_of_store):
            events[name] += int(arrivals[k])
        return events

    # ------------------------------------------------------------------ running

    def _run_chunk(self, end: int, spikes: SpikeRecorder, probes: TraceRecorder) -> None:
        begin, keep = self.step, self.built.max_delay
        self._inside_chunk = True
        for p, drive in self.drives.items():
            steps, ids = drive.spikes(begin, end, self.dt)
            self._histories[p][0].write(keep, steps, ids, end - begin)
            for other in self._histories[p][1:]:
                other.write(keep, steps[:0], ids[:0], end - begin)
            self.built.populations[p].count(ids)
        self._refresh_histories()
        table = probes.table(begin, end)
        for component in self.built.components:
            if component.members[0] not in self.drives:
                self._run_component(component, begin, end, table)
        for p, built in enumerate(self.built.populations):
            steps, ids = self._chunk_spikes(p, end - begin)
            spikes.add(built.population.name, steps + begin, ids)
            self._guard(p, ids.size, begin, end)
        spikes.chunk_done()
        for parts in self._histories:
            for history in parts:
                history.roll(end - begin, keep)
        self.step = end
        self._inside_chunk = False

    def _run_component(self, component: Component, begin: int, end: int, probes: Any) -> None:
        members = np.array(component.members, np.int64)
        if self.threads == 1:
            self._run_part(0, members, begin, end, begin, probes)
        elif component.window == 0:  # zero delays inside: population by population
            for step in range(begin, end):
                for k in range(members.size):
                    for part in range(self.threads):
                        one = members[k : k + 1]
                        self._run_part(part, one, step, step + 1, begin, probes)
        else:
            window = component.window if component.window > 0 else end - begin
            for start in range(begin, end, window):
                stop = min(start + window, end)
                self._run_parts(members, start, stop, begin, probes)

    def _run_parts(self, members: np.ndarray, start: int, stop: int, first: int, probes: Any):
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads)
        jobs = [
            self._pool.submit(self._run_part, part, members, start, stop, first, probes)
            for part in range(self.threads)
        ]
        for job in jobs:
            job.result()

    def _run_part(
        self, part: int, members: np.ndarray, start: int, stop: int, first: int, probes: Any
    ) -> None:
        """Compute steps of one part; let its histories grow whenever they are full."""
        built = self.built
        tables = Tables(
            built.population_table, built.store_tables[part], built.incoming,
            self._history_table, probes, built.arrivals[part],
        )  # fmt: skip
        base = self.step - built.max_delay
        while start < stop:
            span = Span(part, self.threads, base, self._length + 1, start, stop)
            start = int(run_steps(self._real, tables, span, members, first, self.dt))
            if start < stop:
                for p in members:
                    history = self._histories[p][part]
                    share = built.populations[p].population.n // self.threads + 1
                    history.reserve(int(history.starts[start - base]) + 16 * share)
                    self._note_addresses(p, part)

    def _note_addresses(self, p: int, part: int) -> None:
        history = self._histories[p][part]
        row = (address(history.ids), history.ids.size, address(history.starts))
        self._history_table[p, part] = row

    def _refresh_histories(self) -> None:
        for p in range(len(self._histories)):
            for part in range(self.threads):
                self._note_addresses(p, part)

    def _chunk_spikes(self, p: int, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """(steps from the start of the chunk, ids) of a population, sorted by both."""
        parts = [h.read(self.built.max_delay, n_steps) for h in self._histories[p]]
        if len(parts) == 1:
            return parts[0]
        steps = np.concatenate([s for s, _ in parts])
        ids = np.concatenate([i for _, i in parts])
        order = np.argsort(steps, kind="stable")
        return steps[order], ids[order]

    def _guard(self, p: int, n_spikes: int, begin: int, end: int) -> None:
        """Stop on NaN or infinite state, and on run-away activity."""
        built = self.built.populations[p]
        name, unit = (
            built.population.name,
            "ms" if self.network.time == "continuous" else "steps",
        )
        where = f"before t = {to_times(end, self.dt):g} {unit}"
        bad = np.argwhere(~np.isfinite(built.state))
        if bad.size:
            variable = list(built.population.neurons.model.state)[bad[0, 0]]
            raise SimulationError(
                f"Population {name!r}.{variable} must be finite, got "
                f"{built.state[tuple(bad[0])]} in neuron {bad[0, 1]} {where}; "
                "check weights and time constants, or use dtype='float64'"
            )
        span = (end - begin) * self.dt / (1000.0 if unit == "ms" else 1.0)
        rate = n_spikes / built.population.n / span
        if self.max_rate is not None and rate > self.max_rate:
            raise SimulationError(
                f"Population {name!r}.rate must be <= max_rate = {self.max_rate:g}, "
                f"got {rate:g} {where}; weaken excitation, or raise max_rate"
            )


def _grid_step(network: Network, dt: float | None) -> float:
    if network.time == "steps":
        if dt not in (None, 1, 1.0):
            raise ParameterError(
                f"Simulator.dt must be 1 for a network with time='steps', got {dt!r}; "
                "the step is part of the model"
            )
        return 1.0
    return checks.number("Simulator", "dt", 0.1 if dt is None else dt, above=0, unit="ms")


def simulate(
    network: Network,
    duration: float,
    *,
    dt: float | None = None,
    record: Mapping[str, Any] | None = None,
    engine: str = "auto",
    dtype: str = "float32",
    threads: int = 1,
    **options: Any,
) -> Result:
    """Build a network and run it once, from time 0.

    ``engine`` is "auto" or "clock" (the one engine so far). Options of
    :class:`Simulator` (``round_delays``, ``max_rate``) and of `Simulator.run`
    (``interval``, ``inputs``, ``progress``, ``out``) may follow.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=3)
    >>> noise = net.add(ns.PoissonSource(100, rate=50.0), "noise")
    >>> cell = net.add(ns.LIF(1, tau_m=20.0, tau_syn=5.0), "cell")
    >>> _ = net.connect(noise, cell, weight=0.07)
    >>> result = ns.simulate(net, 1000.0, record={"cell": ["spikes", "v"]})
    >>> result.traces["cell"]["v"]
    Trace(10000 times x 1 neurons, 'mV')
    """
    checks.choice("simulate", "engine", engine, ("auto", "clock"))
    build_options = {k: options.pop(k) for k in ("round_delays", "max_rate") if k in options}
    known = ("interval", "inputs", "progress", "out")
    for name in options:
        if name not in known:
            raise ParameterError(
                f"simulate: no option {name!r}; there are {', '.join(known)}, "
                "dt, record, engine, dtype, threads, round_delays, max_rate"
            )
    simulator = Simulator(network, dt=dt, dtype=dtype, threads=threads, **build_options)
    return simulator.run(duration, record=record, **options)
