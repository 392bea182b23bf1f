"""How does a run of the event engine go, from its first chunk to its result?"""

import math
import time as clocks
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import SimulationError
from ...progress import Progress
from ..result import Result, Spikes
from ..stop import RunView, StopWatch, conditions_of, state_place
from .longrun import LongRun
from .recording import SpikeLists, StateLists

if TYPE_CHECKING:
    from .simulator import EventSimulator

_CHUNK = 50.0  # ms between two looks at progress and stop conditions
_GRID = 0.1  # ms: the grain of StopAtRate's window
REACHED = "duration reached"


class ExactRun:
    """One run under way: its recorders and its stop conditions."""

    def __init__(
        self,
        sim: "EventSimulator",
        lists: SpikeLists,
        states: StateLists,
        stop: Any,
        end: float,
        files: LongRun | None = None,
    ) -> None:
        self.sim, self.loop, self.start, self.end = sim, sim.loop, sim.t, end
        self.lists, self.states, self.files = lists, states, files
        for p in sim.built.populations:
            p.keeps_states = p.population.name in lists.at_spikes
        self.stops = StopWatch(conditions_of(stop), sim.network, _GRID)
        self.before = [p.counts.copy() for p in sim.built.populations]

    def go(self, progress: Any, chunk: float | None, ended: str = "") -> Result:
        """Compute chunk by chunk to the end, or until a condition stops it, or has done so."""
        wall, cpu = clocks.perf_counter(), clocks.process_time()
        self.stops.begun, reason, chunk = wall, ended, _CHUNK if chunk is None else chunk
        with Progress(progress, self.end - self.start, "ms") as bar:
            while not reason and self.loop.t < self.end:
                reason = self._chunk(min(self.loop.t + chunk, self.end))
                bar.update(self.loop.t - self.start)
        if self.files is not None and self.files.every and not ended:
            self.files.save(self, "" if self.stops.by_wall else reason or REACHED)
        return self._result(reason or REACHED, wall, cpu)

    def _chunk(self, end: float) -> str:
        loop, sim, begin = self.loop, self.sim, self.loop.t
        sim.whole = False  # until it is done: an error or Ctrl-C may strike inside
        sim.switches.apply()
        checkpoint = math.inf if self.files is None else self.files.next_checkpoint(self)
        end = min(end, sim.switches.next, checkpoint)
        loop.begin_chunk(end)
        for time in self.states.due(end):
            loop.advance(min(math.nextafter(time, math.inf), end))
            self.states.sample(loop)
        loop.advance(end)
        found = loop.spikes()
        self.lists.add(found)
        sim.whole = True
        self._guard(begin, end, found)
        reason = self._stopped(begin, end, found) or ""
        if self.files is not None:
            self.files.write(self)
            if end == checkpoint and end < self.end and not reason:
                self.files.save(self, "")
        return reason

    def _guard(self, begin: float, end: float, found: list[tuple]) -> None:
        for p, spikes in zip(self.sim.built.populations, found, strict=True):
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
            for name, (times, ids, *_) in by_name.items()
        }
        self.stops.see(first, max(last, first + 1), on_grid)
        counts = self._counts()
        view = partial(self._view, counts, by_name)
        return self.stops.reason(counts, lambda: sum(self._events(counts).values()), view)

    def _view(self, counts: dict[str, np.ndarray], found: Mapping[str, tuple]) -> RunView:
        spikes = {
            name: Spikes(times, ids, counts[name].size, payload)
            for name, (times, ids, payload, _) in found.items()
        }
        for array in (a for s in spikes.values() for a in (s.times, s.ids)):
            array.flags.writeable = False
        wall = clocks.perf_counter() - self.stops.begun
        return RunView(self.sim.t, self.start, counts, spikes, wall, self._state)

    def _state(self, population: str, variable: str) -> np.ndarray:
        """A state variable now."""
        k, row = state_place(self.sim.network, population, variable)
        n = self.sim.network.populations[population].n
        return self.loop.state_at(k, row, np.arange(n), self.loop.t)

    def _events(self, counts: dict[str, np.ndarray]) -> dict[str, int]:
        return {
            p.name: int(np.diff(self.sim.built.rows[p.name].offsets) @ counts[p.pre.name])
            for p in self.sim.network.projections.values()
        }

    def _result(self, reason: str, wall: float, cpu: float) -> Result:
        sim, counts = self.sim, self._counts()
        if self.files is None:
            spikes, traces = self.lists.finish(), self.states.finish()
        else:
            spikes, traces = self.files.results(self)
        return Result(
            network=sim.network, t_start=self.start, t_stop=sim.t, dt=0.0, engine="event",
            dtype="float64", threads=sim.threads, spikes=spikes,
            traces=traces, at_spikes=self.lists.states(), counts=counts,
            synaptic_events=self._events(counts),
            stop_reason=reason, wall_s=clocks.perf_counter() - wall,
            cpu_s=clocks.process_time() - cpu, build_s=sim.build_s,
        )  # fmt: skip
