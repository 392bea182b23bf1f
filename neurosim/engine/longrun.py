"""How does a run go, from its first chunk to its result? Steps, files, checkpoints, stops."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..errors import FormatError, ParameterError
from ..progress import Choice, Progress
from .checkpoint import fingerprint, load_state, save_state
from .loop import CHUNK
from .recording import SpikeRecorder, TraceRecorder, check_record, parse_record
from .result import Result, Spikes
from .runfolder import STATE, RunFolder
from .stop import (
    Condition,
    RunView,
    StopWatch,
    conditions_of,
    described,
    from_description,
    state_place,
)

if TYPE_CHECKING:
    from .simulator import Simulator

Advance = Callable[[int, SpikeRecorder, TraceRecorder], list[tuple[np.ndarray, ...]]]
REACHED = "duration reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to compute, in steps.

    Attributes
    ----------
    begin, end : int
    chunk : int             steps between two looks at progress, stop conditions and files
    every : int             steps between two samples of a trace
    checkpoint : int        steps between two checkpoints, 0 for none
    record : str            the recordings asked for, as JSON
    """

    begin: int
    end: int
    chunk: int
    every: int
    checkpoint: int
    record: str

    @classmethod
    def of(
        cls,
        sim: "Simulator",
        n_steps: int,
        *,
        record: Mapping[str, Any] | None,
        interval: float | None,
        chunk: float | None,
        checkpoint_every: float | None,
        out: str | Path | None,
    ) -> "Plan":
        """Check the options of `Simulator.run` and put them on the grid.

        Raises
        ------
        ParameterError
        """
        if checkpoint_every is not None and out is None:
            raise ParameterError(
                "Simulator.run: checkpoint_every must come with out=, the folder to write to"
            )
        steps = partial(_on_grid, sim)
        checkpoint = steps("checkpoint_every", checkpoint_every, 0)
        chunk_steps = steps("chunk", chunk, min(CHUNK, checkpoint or CHUNK))
        if chunk_steps > CHUNK:
            raise ParameterError(
                f"Simulator.run: chunk must be <= {CHUNK} steps = {CHUNK * sim.dt:g}, got {chunk}"
            )
        return cls(
            begin=sim.loop.step, end=sim.loop.step + n_steps, chunk=chunk_steps,
            every=steps("interval", interval, 1), checkpoint=checkpoint, record=_as_json(record),
        )  # fmt: skip

    @classmethod
    def from_saved(cls, path: Path, saved: Mapping[str, Any]) -> "Plan":
        """The plan that a checkpoint holds.

        Raises
        ------
        FormatError
        """
        try:
            numbers = {k: int(saved[k]) for k in ("begin", "end", "chunk", "every", "checkpoint")}
            plan = cls(record=str(saved["record"]), **numbers)
            json.loads(plan.record)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path}: must be a checkpoint of a run ({error})") from None
        if not (
            0 <= plan.begin <= plan.end
            and 0 < plan.chunk <= CHUNK
            and plan.every > 0
            and plan.checkpoint > 0
        ):
            raise FormatError(f"{path}: must hold a plan that can be run, got {plan}")
        return plan

    def saved(self) -> dict[str, Any]:
        """The plan as attributes of a checkpoint."""
        return {name: getattr(self, name) for name in self.__slots__}


def _on_grid(sim: "Simulator", name: str, value: float | None, default: int) -> int:
    if value is None:
        return default
    value = checks.number("Simulator.run", name, value)
    steps = int(to_steps(value, sim.dt))
    if steps < 1:
        raise ParameterError(f"Simulator.run: {name} must be >= dt = {sim.dt:g}, got {value:g}")
    return steps


def _as_json(record: Mapping[str, Any] | None) -> str:
    check_record(record)
    if record is None:
        return "null"
    plain = {str(k): w if isinstance(w, str) else list(w) for k, w in record.items()}
    return json.dumps(plain, default=str)


class Run:
    """One run under way: its recorders, its stop conditions and, for a long one, its folder."""

    def __init__(self, sim: "Simulator", plan: Plan, stop: Any, advance: Advance) -> None:
        self.sim, self.plan, self.advance = sim, plan, advance
        self.names, self.traced = parse_record(sim.network, json.loads(plan.record))
        self.stops = StopWatch(conditions_of(stop), sim.network, sim.dt)
        self.before = [p.counts.copy() for p in sim.built.populations]
        self.folder: RunFolder | None = None
        self.n_files = {"spikes": 0, "traces": 0}

    @contextmanager
    def open(self, out: str | Path | None, begin: Callable[[], None]) -> Iterator[None]:
        """Hold the folder of a new run, begun with a checkpoint of its first moment.

        ``begin`` hands over the inputs, which are part of that moment.
        """
        if out is not None:
            self.mark = fingerprint(self.sim.network, self.sim.built)
            self.folder = RunFolder.new(out, self._settings())
        begin()
        if self.folder is not None:
            if self.plan.checkpoint:
                self._make_recorders()
                self._save("")
            self.folder.begin()
        try:
            yield
        finally:
            if self.folder is not None:
                self.folder.close()

    def _settings(self) -> dict[str, Any]:
        sim, plan = self.sim, self.plan
        start, duration, every = (
            float(to_times(steps, sim.dt))
            for steps in (plan.begin, plan.end - plan.begin, plan.checkpoint)
        )
        return {
            "neurosim": _version(), "fingerprint": self.mark, "t_start": start,
            "duration": duration, "checkpoint_every": every or None, "dt": sim.dt,
            "dtype": sim.dtype, "seed": sim.network.seed, "threads": sim.threads,
            "round_delays": sim.round_delays, "max_rate": sim.max_rate, "sleep": sim.sleep,
            "weights": sim.weights, "learning": list(sim.built.learning),
            "stop": described(self.stops.conditions),
        }  # fmt: skip

    def take_over(self, folder: RunFolder, saved: Mapping[str, Any]) -> str:
        """Go on where a checkpoint was written; returns why the run had ended, or ""."""
        path = folder.path / STATE
        self.folder, self.mark = folder, folder.settings["fingerprint"]
        try:
            self.n_files = {kind: int(saved[f"n_{kind}"]) for kind in self.n_files}
            if min(self.n_files.values()) < 0:
                raise ValueError(f"numbers of files are {self.n_files}")
            for k, counts in enumerate(self.before):
                counts[:] = saved[f"counts {k}"]
            reason = str(saved["stop_reason"])
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path}: must be a checkpoint of a run ({error})") from None
        folder.remove_after(self.n_files["spikes"], self.n_files["traces"])
        self.stops.restore(saved)
        return reason

    def _make_recorders(self) -> None:
        path = None if self.folder is None else self.folder.path
        built, n = self.sim.built, self.n_files
        self.spikes = SpikeRecorder(built, self.names, path, n["spikes"])
        self.spikes.wanted = None if self.stops.conditions else self.names
        self.probes = TraceRecorder(built, self.traced, self.plan.every, path, n["traces"])

    def go(self, progress: Choice, ended: str = "") -> Result:
        """Compute chunk by chunk to the end, or until a condition stops it."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.stops.begun = wall
        self._make_recorders()
        plan, dt = self.plan, self.sim.dt
        total = float(to_times(plan.end - plan.begin, dt))
        unit = "ms" if self.sim.network.time == "continuous" else "steps"
        with Progress(progress, total, unit) as bar:
            reason = ended
            while not reason and self.sim.loop.step < plan.end:
                reason = self._chunk() or ""
                bar.update(float(to_times(self.sim.loop.step - plan.begin, dt)))
        if plan.checkpoint and not ended:
            self._save("" if self.stops.by_wall else reason or REACHED)
        return self._result(reason or REACHED, wall, cpu)

    def _chunk(self) -> str | None:
        sim, plan, begin = self.sim, self.plan, self.sim.loop.step
        end = min(begin + plan.chunk, plan.end)
        found = dict(
            zip(sim.network.populations, self.advance(end, self.spikes, self.probes), strict=True)
        )
        reason = None
        if self.stops.conditions:
            self.stops.see(begin, end, found)
            counts = self._counts()
            events = partial(_total_events, sim, counts)
            reason = self.stops.reason(counts, events, partial(self._view, counts, found))
        last, now = ((step - plan.begin) // plan.checkpoint if plan.checkpoint else 0
                     for step in (begin, end))  # fmt: skip
        if now > last and end < plan.end and not reason:
            self._save("")
        return reason

    def _counts(self) -> dict[str, np.ndarray]:
        return {
            p.population.name: p.counts - before
            for p, before in zip(self.sim.built.populations, self.before, strict=True)
        }

    def _view(self, counts: dict[str, np.ndarray], found: Mapping[str, tuple]) -> RunView:
        dt = self.sim.dt
        spikes = {
            name: Spikes(
                _fixed(to_times(steps, dt)), _fixed(ids), counts[name].size, *map(_fixed, rest)
            )
            for name, (steps, ids, *rest) in found.items()
        }
        start = float(to_times(self.plan.begin, dt))
        wall = time.perf_counter() - self.stops.begun
        counts = {k: _fixed(c) for k, c in counts.items()}
        return RunView(self.sim.t, start, counts, spikes, wall, self._state)

    def _state(self, population: str, variable: str) -> np.ndarray:
        """A state variable at the last grid point computed."""
        k, row = state_place(self.sim.network, population, variable)
        built = self.sim.built.populations[k]
        if built.sleepers is not None and built.sleepers.asleep:
            return built.sleepers.present(self.sim.loop.step - 1, self.sim.dt)[row]
        return built.state[row].copy()

    def _save(self, reason: str) -> None:
        """Close the files of this moment, then write the checkpoint that knows them."""
        self.spikes.flush()
        self.probes.flush()
        self.folder.sync()
        run = self.plan.saved() | self.stops.saved() | {"stop_reason": reason}
        run |= {"n_spikes": self.spikes.n_files, "n_traces": self.probes.n_files}
        run |= {f"counts {k}": counts for k, counts in enumerate(self.before)}
        save_state(self.sim.loop, self.folder.path / STATE, mark=self.mark, run=run)

    def _result(self, reason: str, wall: float, cpu: float) -> Result:
        sim, counts = self.sim, self._counts()
        return Result(
            network=sim.network, t_start=float(to_times(self.plan.begin, sim.dt)), t_stop=sim.t,
            dt=sim.dt, engine="clock", dtype=sim.dtype, threads=sim.threads,
            spikes=self.spikes.finish(), traces=self.probes.finish(), counts=counts,
            synaptic_events=synaptic_events(sim, counts), stop_reason=reason,
            wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu,
            build_s=sim.build_s, rounded_delays=sim.built.synapses.rounding,
            rounded_weights=sim.built.synapses.packing,
            sleep=sim.sleep, weights=sim.weights, threads_share=sim.loop.threads_share(),
            asleep=[sim.built.populations[p].population.name
                    for p, sleepers in sim.built.sleeping().items() if sleepers.asleep],
        )  # fmt: skip


def resume_run(
    sim: "Simulator",
    folder: str | Path,
    advance: Advance,
    *,
    stop: Condition | Sequence[Condition] | None,
    progress: Choice,
    inputs: Mapping[str, Any],
) -> Result:
    """Load the last checkpoint of a folder into ``sim`` and go on to the planned end."""
    kept = RunFolder.open(folder)
    try:
        path = kept.path / STATE
        if kept.settings["checkpoint_every"] is None:
            raise FormatError(f"{kept.path}: has no checkpoints; run with checkpoint_every=")
        stops = stop
        if stop is None:
            stops = from_description(str(kept.path), kept.settings["stop"])
        saved = load_state(sim.loop, path, inputs, only_read=stop is None)
        run = Run(sim, Plan.from_saved(path, saved), stops, advance)
        ended = run.take_over(kept, saved)
        return run.go(progress, ended if stop is None else "")
    finally:
        kept.close()


def synaptic_events(sim: "Simulator", counts: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Synapses that the spikes of a run reach, by projection."""
    degrees = sim.built.synapses.out_degree
    return {
        p.name: int(degrees[p.name] @ counts[p.pre.name]) for p in sim.network.projections.values()
    }


def _total_events(sim: "Simulator", counts: Mapping[str, np.ndarray]) -> int:
    return sum(synaptic_events(sim, counts).values())


def _fixed(array: np.ndarray) -> np.ndarray:
    """The same numbers, not to be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _version() -> str:
    from .. import __version__

    return __version__
