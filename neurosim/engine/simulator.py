"""How is a network run? Build it, run it in pieces, record, guard, reset."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..errors import ParameterError, SimulationError
from ..network import Network
from .build import Built, BuiltPopulation, build
from .checkpoint import load_state, save_state
from .drive import ListDrive, drives
from .loop import CHUNK, ClockLoop
from .progress import Progress
from .recording import SpikeRecorder, TraceRecorder, parse_record
from .result import Result


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
        self.loop = ClockLoop(self.built, drives(network, dt))
        self.loop.compile()
        self.build_s = time.perf_counter() - begin
        self._whole = True

    @property
    def t(self) -> float:
        """Present time [ms], or [steps]."""
        return float(to_times(self.loop.step, self.dt))

    def reset(self) -> None:
        """Back to time 0 and the initial state; added inputs are forgotten."""
        self.loop.reset()
        self._whole = True

    def save(self, path: str | Path) -> Path:
        """Write the state to an HDF5 file, from which :meth:`load` goes on bit for bit.

        Spikes in flight and generators are included, what was recorded is not. The file
        appears whole or not at all.
        """
        self._check_whole()
        return save_state(self.loop, path)

    def load(self, path: str | Path) -> None:
        """Go on from a state saved by a simulation of the same network, dt and dtype.

        Raises
        ------
        FormatError
            The file is no checkpoint, is damaged, or belongs to another network.

        Examples
        --------
        >>> import tempfile, neurosim as ns
        >>> net = ns.Network(seed=1)
        >>> noise = net.add(ns.PoissonSource(5, rate=50.0), "noise")
        >>> first, second = ns.Simulator(net), ns.Simulator(net)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = first.run(100.0)
        ...     second.load(first.save(f"{folder}/state.h5"))
        >>> a, b = first.run(100.0).spikes["noise"], second.run(100.0).spikes["noise"]
        >>> bool((a.times == b.times).all() and (a.ids == b.ids).all())
        True
        """
        load_state(self.loop, path)
        self._whole = True

    def _check_whole(self) -> None:
        if not self._whole:
            raise SimulationError(
                f"Simulator: the last run broke off after t = {self.t:g}, and its state is not "
                "whole; call reset(), or load() a saved state"
            )

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
        self._check_whole()
        begin = self.loop.step
        end = begin + self._n_steps(duration)
        every = 1 if interval is None else int(to_steps(interval, self.dt))
        if every < 1:
            raise ParameterError(f"Simulator.run: interval must be >= dt = {self.dt:g}")
        spike_names, traces = parse_record(self.network, record)
        self._add_inputs(inputs or {})
        spikes = SpikeRecorder(self.built, spike_names, out)
        probes = TraceRecorder(self.built, traces, every)
        counts = [p.counts.copy() for p in self.built.populations]
        wall, cpu = time.perf_counter(), time.process_time()
        with Progress(progress, float(to_times(end - begin, self.dt)), self.network.time) as bar:
            while self.loop.step < end:
                self._run_chunk(min(self.loop.step + CHUNK, end), spikes, probes)
                bar.update(float(to_times(self.loop.step - begin, self.dt)))
        counts = {
            p.population.name: p.counts - before
            for p, before in zip(self.built.populations, counts, strict=True)
        }
        return Result(
            network=self.network, t_start=float(to_times(begin, self.dt)), t_stop=self.t,
            dt=self.dt, engine="clock", dtype=self.dtype, threads=self.threads,
            spikes=spikes.finish(), traces=probes.finish(),
            counts=counts,
            synaptic_events=self._synaptic_events(counts),
            wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu,
            build_s=self.build_s, rounded_delays=self.built.synapses.rounding,
        )  # fmt: skip

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
        drives = self.loop.drives
        for name in inputs:
            if not isinstance(drives.get(index.get(name, -1)), ListDrive):
                sources = [d.name for d in drives.values() if isinstance(d, ListDrive)]
                raise ParameterError(
                    f"Simulator.run: inputs must name a SpikeSource, one of {sources}, got {name!r}"
                )
        for name, (times, ids) in inputs.items():
            drives[index[name]].add(times, ids, self.loop.step)

    def _synaptic_events(self, counts: dict[str, np.ndarray]) -> dict[str, int]:
        degrees = self.built.synapses.out_degree
        return {
            p.name: int(degrees[p.name] @ counts[p.pre.name])
            for p in self.network.projections.values()
        }

    def _run_chunk(self, end: int, spikes: SpikeRecorder, probes: TraceRecorder) -> None:
        begin = self.loop.step
        self._whole = False  # until the chunk is done: an error or Ctrl-C may strike inside
        found = self.loop.run_chunk(end, probes.table(begin, end))
        for built, (steps, ids) in zip(self.built.populations, found, strict=True):
            self._guard(built, ids.size, begin, end)
            spikes.add(built.population.name, steps, ids)
        spikes.chunk_done()
        self._whole = True

    def _guard(self, built: BuiltPopulation, n_spikes: int, begin: int, end: int) -> None:
        """Stop on NaN or infinite state, and on run-away activity."""
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
