"""How does the event engine move on? Its calendar, room for what comes, and the present time."""

import math

import numpy as np

from ..._jit import address, call, kernel
from ...errors import SimulationError
from .build import ExactBuilt, ExactPopulation, per_ms
from .calendar import push
from .sources import Source, in_order
from .tables import (
    BLOCK,
    DONE,
    ENDLESS,
    MORE_BLOCKS,
    MORE_FAR,
    MORE_SCRATCH,
    NEVER,
    RECORD,
    Calendar,
    Control,
    Desk,
    Scratch,
)
from .windows import advance

_SLOTS = 64, 65_536  # least and most windows in the ring
_ROOM = 1024  # spikes of a population, at first


@kernel
def _push_all(calendar, control, stages, times, weights, codes, now, windows_per_ms):
    for k in range(times.size):
        push(calendar, control, stages[k], times[k], weights[k], codes[k], now, windows_per_ms)


@kernel
def _look(handle, desk, ids, n, variable, out, time):
    call(handle, (desk, ids, n, variable, out, time))


class ExactLoop:
    """The moving parts of the event engine.

    Parameters
    ----------
    built : ExactBuilt
    sources : dict of population index to Source
    scheduler : {"windows", "heap"}

    Attributes
    ----------
    t : float       all events before it have been computed [ms]
    """

    def __init__(self, built: ExactBuilt, sources: dict[int, Source], scheduler: str) -> None:
        self.built, self.sources, self.scheduler, self.t = built, sources, scheduler, 0.0
        self._outs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._make_scratch(1024)
        self.make_calendar()
        self.reset()

    # ------------------------------------------------------------------------ room

    def make_calendar(self) -> None:
        """An empty calendar for the windows of the network."""
        window = self.built.order.window
        self.per_ms = per_ms(window) if self.scheduler == "windows" else 0.0
        ahead = self.built.max_delay * self.per_ms + 3
        slots = _SLOTS[0] if ahead < _SLOTS[0] else 1 << math.ceil(math.log2(ahead))
        slots = min(slots, _SLOTS[1]) if self.per_ms else 1
        shape = (len(self.built.order.stages), slots)
        self.control = np.zeros(len(Control), np.int64)
        self.control[Control.WINDOW] = math.floor(self.t * self.per_ms)
        self.moments = np.array([self.t, self.t])
        self.calendar = Calendar(
            np.full(shape, -1, np.int32), np.zeros(shape, np.int32), np.zeros(slots, np.int64),
            np.zeros(0, np.int32), np.zeros(0), np.zeros((0, RECORD + 1)),
        )  # fmt: skip
        self._more_blocks(1024)
        self._more_far(1024)

    def _more_blocks(self, records: int) -> None:
        """At least double the ring's blocks, with room for so many more records."""
        old, slots = self.calendar.after.size, self.calendar.fills.size
        new = max(old, records // BLOCK + min(records, slots) + 2)
        after = np.append(self.calendar.after, np.arange(old + 1, old + new + 1, dtype=np.int32))
        after[-1] = self.control[Control.FREE] if self.control[Control.N_FREE] else -1
        self.control[Control.FREE] = old
        self.control[Control.N_FREE] += new
        records = np.append(self.calendar.records, np.zeros(new * BLOCK * RECORD))
        self.calendar = self.calendar._replace(after=after, records=records)

    def _more_far(self, records: int) -> None:
        """At least double the heap."""
        far = self.calendar.far
        new = np.zeros((max(len(far), records), RECORD + 1))
        self.calendar = self.calendar._replace(far=np.concatenate((far, new)))

    def _make_scratch(self, size: int) -> None:
        n = self.built.size
        self.scratch = Scratch(
            np.zeros(size * RECORD), np.zeros((size, RECORD)), np.zeros(n, np.int32),
            np.zeros(n, np.int64), np.zeros(n, np.int64),
        )  # fmt: skip

    def _note_addresses(self) -> None:
        """Tell the desks where arrays lie that may have moved."""
        s, desks = self.scratch, self.built.wiring.desks
        for desk, p, out in zip(desks, self.built.populations, self._outs, strict=True):
            desk[Desk.JOBS] = address(s.jobs) + p.first * s.jobs.itemsize
            desk[Desk.BEGINS] = address(s.begins) + p.first * s.begins.itemsize
            desk[Desk.ENDS] = address(s.ends) + p.first * s.ends.itemsize
            desk[Desk.ARRIVALS], desk[Desk.N_ARRIVALS] = address(s.arrivals), len(s.kept)
            times, ids, payloads = out
            desk[Desk.OUT_TIMES], desk[Desk.OUT_IDS] = address(times), address(ids)
            desk[Desk.OUT_PAYLOADS] = address(payloads) if payloads.size else 0
            desk[Desk.ROOM] = times.size

    def _more_spikes(self, k: int) -> None:
        times, ids, payloads = self._outs[k]
        self._outs[k] = tuple(
            np.concatenate((a, np.zeros(a.size, a.dtype))) for a in (times, ids, payloads)
        )

    def _make_room(self, status: int) -> None:
        need = int(self.control[Control.NEED])
        if status == MORE_BLOCKS:
            self._more_blocks(need)
        elif status == MORE_FAR:
            self._more_far(need)
        elif status == MORE_SCRATCH:
            self._make_scratch(2 * need)  # nothing is gathered at this moment
        elif status == ENDLESS:
            p = self.built.populations[int(self.control[Control.WHERE])].population
            raise SimulationError(
                f"Population {p.name!r} must fire finitely often at one instant, but a neuron "
                f"fires without end before t = {self.moments[1]:g} ms; give it a refractory "
                "period, or a reset below the threshold"
            )
        else:
            self._more_spikes(int(self.control[Control.WHERE]))
        self._note_addresses()

    # ------------------------------------------------------------------------ time

    def reset(self) -> None:
        """Back to time 0 and the initial state."""
        self.t = 0.0
        self.built.reset()
        for source in self.sources.values():
            source.reset()
        self.make_calendar()
        self._begin_lists({})
        self.watch_all()

    def watch_all(self) -> None:
        """Have a look at every neuron that may fire by itself, when it may."""
        neurons, size = self.built.neurons, self.built.size
        neurons.look[:] = NEVER
        for stage, p in self._by_stage():
            own = slice(p.first, p.first + p.population.n)
            ids = p.first + np.flatnonzero(neurons.due[own] < NEVER)
            neurons.look[ids] = np.maximum(neurons.due[ids], self.t)
            codes = (self.built.ports * size + ids).astype(np.int32)
            self.push(stage, neurons.look[ids], np.zeros(ids.size), codes)

    def go_on(self, t: float, coming: list[np.ndarray]) -> None:
        """Go on at a time, with arrivals (times, weights, codes, stages) on their way."""
        self.t = t
        self.make_calendar()
        times, weights, codes, stages = coming
        for stage in np.unique(stages):
            own = stages == stage
            self.push(int(stage), times[own], weights[own], codes[own].astype(np.int32))
        self.watch_all()

    def _by_stage(self) -> list[tuple[int, ExactPopulation]]:
        stage = self.built.order.stage_of()
        return [(stage[k], p) for k, p in enumerate(self.built.populations) if p.handles]

    def push(self, stage: int, times: np.ndarray, weights: np.ndarray, codes: np.ndarray) -> None:
        """Put records into the calendar."""
        self._more_blocks(times.size)
        self._more_far(times.size)
        stages = np.full(times.size, stage, np.int32)
        _push_all(
            self.calendar, self.control, stages, np.ascontiguousarray(times), weights, codes,
            self.moments[0], self.per_ms,
        )  # fmt: skip

    def _begin_lists(self, given: dict[int, tuple[np.ndarray, np.ndarray]]) -> None:
        """Empty lists of spikes; those of the sources are filled with what they will emit."""
        outs, desks = [], self.built.wiring.desks
        for k, p in enumerate(self.built.populations):
            if k in self.sources:
                none = np.zeros(0), np.zeros(0, np.int32)
                outs.append((*given.get(k, none), np.zeros(0)))
                desks[k, Desk.GIVEN] = outs[-1][0].size
            else:
                old = self._outs[k][0].size if self._outs else _ROOM
                room = max(_ROOM, min(old, 4 * int(desks[k, Desk.N_OUT]) + _ROOM))
                graded = np.zeros(room if p.is_graded else 0)
                outs.append((np.zeros(room), np.zeros(room, np.int32), graded))
        desks[:, Desk.N_OUT] = desks[:, Desk.ROUTED] = 0
        self._outs = outs
        self._note_addresses()

    def begin_chunk(self, end: float) -> None:
        """Ask the sources for their spikes before ``end``."""
        self._begin_lists({k: source.before(end) for k, source in self.sources.items()})

    def advance(self, stop: float) -> None:
        """Compute all events before ``stop``."""
        if stop <= self.t:
            return
        while True:
            status = advance(
                self.built.wiring, self.calendar, self.built.neurons, self.scratch, self.control,
                self.moments, self.built.ports, self.per_ms, stop,
            )  # fmt: skip
            if status == DONE:
                break
            self._make_room(status)
        self.t = stop

    def spikes(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """(times, ids, payloads or None) of each population since the chunk began, sorted."""
        found = []
        for desk, out, p in zip(
            self.built.wiring.desks, self._outs, self.built.populations, strict=True
        ):
            n = int(desk[Desk.N_OUT])
            times, ids, payloads = (a[:n] for a in out)
            if p.is_graded:
                order = np.lexsort((ids, times))
                found.append((times[order], ids[order], payloads[order]))
            else:
                found.append((*in_order(times, ids), None))
        return found

    def state_at(self, k: int, variable: int, ids: np.ndarray, time: float) -> np.ndarray:
        """A state variable of chosen neurons at a time before which all has been computed."""
        out, desks = np.zeros(ids.size), self.built.wiring.desks
        handle = self.built.populations[k].handles["look"]
        places = address(ids), address(out)
        _look(handle, int(desks[k, Desk.HERE]), places[0], ids.size, variable, places[1], time)
        return out
