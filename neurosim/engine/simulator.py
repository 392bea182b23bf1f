"""How is a network run? Build it, run it in pieces, record, guard, reset."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..errors import ParameterError, SimulationError
from ..estimate import available_memory, check_memory, estimate_memory
from ..network import Network
from .build import Built, build
from .changing import LearningSynapses
from .checkpoint import load_state, save_state
from .drive import drives
from .guards import Found, Guards
from .inputs import prepare_inputs, read_streams
from .learning import learning_names
from .longrun import Plan, Run, resume_run
from .loop import ClockLoop
from .override import overridden
from .precision import choose_dtype
from .recording import SpikeRecorder, TraceRecorder
from .result import Result
from .stop import Condition

_SLEEP = {True: "always", False: "never", "auto": "auto"}


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
    dtype : {"float32", "float64", "int32"}, optional
        Numbers of state and weights; default float32, or the only one that the network's models
        support.
    threads : int
        Number of threads; the results are the same for any number.
    round_delays : bool
        Round delays between 0 and dt to the grid instead of refusing them.
    max_rate : float, optional
        Stop with an error when a population's mean rate over 1000 steps (of an absolute grid)
        exceeds this [Hz], or [spikes per step].
    sleep : bool or "auto"
        Let neurons sleep that cannot fire without input (models with ``leap`` and ``quiet``,
        populations without stimuli): work then grows with arrivals. True: always. "auto":
        populations of 1000 neurons or more, while they get fewer than 2 arrivals per 100
        neurons and step (decided every 1000 steps from the spikes alone). A sleeper's state is the
        exact solution between arrivals, rounded otherwise than by single steps. Models with
        ``rests`` do without: groups of them in which nothing changes are passed over anyway.
    weights : {"exact", "packed"}
        "packed" keeps target and weight of a synapse in 32 bits: half the memory at about the
        same speed, weights rounded to multiples of a power of two (`Result.rounded_weights`).
    learning : list of str
        Names of projections whose weights and delays may change between runs
        (:meth:`synapses`). They are kept exactly, in a larger and slower store.
    max_memory : float, optional
        Refuse to build when the estimate (`ns.estimate_memory`) exceeds this [bytes];
        default what the machine has free.

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
        dtype: str | None = None,
        threads: int = 1,
        round_delays: bool = False,
        max_rate: float | None = None,
        sleep: bool | str = "auto",
        weights: str = "exact",
        learning: Sequence[str] = (),
        max_memory: float | None = None,
    ) -> None:
        owner = "Simulator"
        if not isinstance(network, Network) or not network.populations:
            raise ParameterError(f"{owner}.network must be a Network with populations")
        dt = _grid_step(network, dt)
        dtype = choose_dtype(network, dtype)
        self.threads = checks.integer(owner, "threads", threads, low=1, high=1024)
        self.max_rate = (
            None if max_rate is None else checks.number(owner, "max_rate", max_rate, above=0)
        )
        checks.choice(owner, "sleep", sleep, (True, False, "auto"))
        checks.choice(owner, "weights", weights, ("exact", "packed"))
        self.sleep, self.weights, self.round_delays = sleep, weights, round_delays
        network = network.copy()  # what is added to it later does not reach this one
        self.network, self.dt, self.dtype = network, dt, dtype
        learn = learning_names(network, learning)
        estimate = estimate_memory(
            network, dt=dt, dtype=dtype, threads=self.threads, packed=weights == "packed",
            learning=learn,
        )  # fmt: skip
        check_memory(estimate, available_memory() if max_memory is None else max_memory)
        begin = time.perf_counter()
        self.built: Built = build(
            network, dt=dt, real=dtype, parts=self.threads, round_delays=round_delays,
            sleep=_SLEEP[sleep], packed=weights == "packed", learning=learn,
        )  # fmt: skip
        self.loop = ClockLoop(self.built, drives(network, dt))
        self.loop.compile()
        self._guards = Guards(self.built, self.max_rate)
        self.build_s = time.perf_counter() - begin
        self._whole = True

    @property
    def t(self) -> float:
        """Present time [ms], or [steps]."""
        return float(to_times(self.loop.step, self.dt))

    def reset(self) -> None:
        """Back to time 0, the initial state and, unless frozen, the network's weights and delays.

        Added inputs are forgotten.
        """
        self.loop.reset()
        self._guards.reset()
        self._whole = True

    def synapses(self, projection: str) -> LearningSynapses:
        """The synapses of a projection that learns, to be read and changed between runs.

        Changes hold from the present time on, for spikes in flight, too: a spike emitted at s
        arrives at t if s + delay = t by the delays of that moment.

        Raises
        ------
        ParameterError
            The projection was not named in ``learning``, or is frozen.

        Examples
        --------
        >>> import neurosim as ns
        >>> net = ns.Network()
        >>> inp = net.add(ns.SpikeSource(1, times=[1.0, 11.0], ids=[0, 0]), "inp")
        >>> out = net.add(ns.LIF(1, tau_m=10.0), "out")
        >>> _ = net.connect(inp, out, weight=2.0, delay=3.0, name="p")
        >>> sim = ns.Simulator(net, learning=["p"])
        >>> first = sim.run(10.0)
        >>> sim.synapses("p").set_delays(1.5)
        >>> first.spikes["out"].times.tolist(), sim.run(10.0).spikes["out"].times.tolist()
        ([4.0], [12.5])
        """
        return self.built.synapses.learner(projection)

    def freeze(self) -> None:
        """End learning: synapses get fast stores with their present weights and delays.

        They can be neither read nor changed any more, ``reset()`` keeps them, and the state
        cannot be saved. Runs go on bit for bit.
        """
        self.built.synapses.freeze()

    def save(self, path: str | Path) -> Path:
        """Write the state to an HDF5 file, from which :meth:`load` goes on bit for bit.

        Spikes in flight and generators are included, what was recorded is not. The file
        appears whole or not at all.
        """
        self._check_whole()
        return save_state(self.loop, path)

    def load(self, path: str | Path, *, inputs: Mapping[str, Any] | None = None) -> None:
        """Go on from a state saved by a simulation of the same network, dt and dtype.

        ``inputs`` gives again, from their beginning, the streams that were being read; they
        are skipped forward. Spikes given as (times, ids) are in the file.

        Raises
        ------
        FormatError
            The file is no checkpoint, is damaged, or belongs to another network.
        ParameterError
            A stream is not given, or is another one.

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
        load_state(self.loop, path, inputs or {})
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
        inputs: Mapping[str, Any] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        out: str | Path | None = None,
        stop: Condition | Sequence[Condition] | None = None,
        chunk: float | None = None,
        checkpoint_every: float | None = None,
        override: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Result:
        """Run on for ``duration`` and return what this piece recorded.

        Parameters
        ----------
        duration : float
            [ms], or [steps]; the grid points t <= now < t + duration are computed. A piece
            begins and ends on the grid: other durations are rounded up to whole steps.
        record : mapping, optional
            Population name to a list of ``"spikes"``, a state variable such as ``"v"``, or
            some of its neurons, ``"v[:5]"``. None records all spikes of all populations,
            an empty mapping only the counts, which are always there.
        interval : float, optional
            Time between two samples of state variables; default dt.
        inputs : mapping, optional
            ``{source name: (times, ids)}``, further spikes of a SpikeSource, or
            ``{source name: stream}``, an iterator over such pairs in order of time, which is
            read as the run goes on, and goes on in the next; times count from the present
            time.
        progress : "auto", bool or callable
            A bar on runs longer than a second ("auto": only on a terminal), or a function
            of (done, duration).
        out : path, optional
            Folder for the spikes and traces of a long recording, as numbered files.
        stop : condition, function, or list of these, optional
            `StopAtRate`, `StopAtSpikes`, `StopAtEvents`, `StopAtWall`, or a function of a
            `RunView` that returns True or a reason to stop; looked at after every chunk.
        chunk : float, optional
            Time between two looks at progress and stop conditions [ms], or [steps]; at most,
            and by default, 1000 steps. Spikes and traces do not depend on it.
        checkpoint_every : float, optional
            Save the state into ``out`` at the first end of a chunk after each multiple of
            this time [ms], or [steps]; a killed run goes on from there by :meth:`resume`.
        override : mapping, optional
            Parameters that hold for this run only, ``{population: {"v_th": 1.02}}``: a number,
            or one per neuron where the network has it so. Nothing is built again.

        Raises
        ------
        ParameterError, SimulationError
        """
        self._check_whole()
        if override and checkpoint_every is not None:
            raise ParameterError(
                "Simulator.run: override must be left out with checkpoint_every=, as a resumed run "
                "would not know of it; build a network with these values"
            )
        plan = Plan.of(
            self, self._n_steps(duration), record=record, interval=interval, chunk=chunk,
            checkpoint_every=checkpoint_every, out=out,
        )  # fmt: skip
        run = Run(self, plan, stop, self._run_chunk)
        hand_over = prepare_inputs("Simulator.run", self.loop, inputs or {})
        others = overridden("Simulator.run", self.loop, override or {})
        with others, run.open(out, hand_over):
            return run.go(progress)

    def resume(
        self,
        folder: str | Path,
        *,
        stop: Condition | Sequence[Condition] | None = None,
        progress: bool | str | Callable[[float, float], Any] = "auto",
        inputs: Mapping[str, Any] | None = None,
    ) -> Result:
        """Go on with a long run whose process was killed; see `neurosim.resume`."""
        options = {"stop": stop, "progress": progress, "inputs": inputs or {}}
        result = resume_run(self, folder, self._run_chunk, **options)
        self._whole = True
        return result

    def _n_steps(self, duration: float) -> int:
        owner, unit = "Simulator.run", "ms" if self.network.time == "continuous" else "steps"
        duration = checks.number(owner, "duration", duration, low=0, high=1e15, unit=unit)
        if self.network.time == "steps" and duration != int(duration):
            raise ParameterError(
                f"{owner}.duration must be a whole number of steps, got {duration}"
            )
        # All grid points t < duration: rounded up, but not by the noise of a division.
        to_steps(duration, self.dt)
        return max(0, math.ceil(duration / self.dt - 1e-6))

    def _run_chunk(self, end: int, spikes: SpikeRecorder, probes: TraceRecorder) -> Found:
        pieces = []
        while self.loop.step < end or not pieces:
            begin, stop = self.loop.step, min(end, self.loop.next_decision())
            read_streams(self.loop, stop)  # an error of a stream leaves the state whole
            self._whole = False  # until it is done: an error or Ctrl-C may strike inside
            wanted = None if self.max_rate is not None else spikes.wanted
            found = self.loop.run_chunk(stop, probes.table(begin, stop), wanted)
            self._guards.see(begin, stop, found)
            for name, of_one in zip(self.network.populations, found, strict=True):
                spikes.add(name, *of_one)
            pieces.append(found)
            self._whole = True
        spikes.chunk_done()
        probes.chunk_done()
        if len(pieces) == 1:
            return pieces[0]
        return [
            tuple(map(np.concatenate, zip(*of_one, strict=True)))
            for of_one in zip(*pieces, strict=True)
        ]


def _grid_step(network: Network, dt: float | None) -> float:
    if network.time == "steps":
        if dt not in (None, 1, 1.0):
            raise ParameterError(
                f"Simulator.dt must be 1 for a network with time='steps', got {dt!r}; "
                "the step is part of the model"
            )
        return 1.0
    return checks.number("Simulator", "dt", 0.1 if dt is None else dt, above=0, unit="ms")
