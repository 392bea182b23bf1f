"""What does one thread keep? A calendar, room for what comes, and where it stands."""

import math

import numpy as np

from ..._jit import address, kernel
from .build import ExactBuilt, per_ms
from .calendar import push
from .tables import (
    BLOCK,
    MORE_BLOCKS,
    MORE_FAR,
    MORE_SCRATCH,
    RECORD,
    Calendar,
    Control,
    Desk,
    Scratch,
)

_SLOTS = 64, 65_536  # least and most windows in the ring
_ROOM = 1024  # spikes of a population, at first
_MARGIN = 1024  # records that there is room for at first

Out = tuple[np.ndarray, ...]  # times, ids, payloads and states (flat) of spikes


@kernel
def _push_all(calendar, control, stage, times, weights, codes, now, windows_per_ms):
    for k in range(times.size):
        push(calendar, control, stage, times[k], weights[k], codes[k], now, windows_per_ms)


class Part:
    """The share of one thread: some neurons of each population, and what is to come for them.

    Parameters
    ----------
    built : ExactBuilt
    number : int            of this part
    scheduler : {"windows", "heap"}
    """

    def __init__(self, built: ExactBuilt, number: int, scheduler: str) -> None:
        self.built, self.number, self.scheduler = built, number, scheduler
        self.outs: list[Out] = []
        self._make_scratch(_MARGIN)

    @property
    def desks(self) -> np.ndarray:
        """The part's desks, one for each population."""
        return self.built.desks[self.number]

    def make_calendar(self, t: float) -> None:
        """An empty calendar for the windows of the network, from a time on."""
        self.per_ms = per_ms(self.built.order.window) if self.scheduler == "windows" else 0.0
        ahead = self.built.max_delay * self.per_ms + 3
        slots = _SLOTS[0] if ahead < _SLOTS[0] else 1 << math.ceil(math.log2(ahead))
        slots = min(slots, _SLOTS[1]) if self.per_ms else 1
        shape = (len(self.built.order.stages), slots)
        self.control = np.zeros(len(Control), np.int64)
        self.control[Control.PART] = self.number
        self.control[Control.WINDOW] = math.floor(t * self.per_ms)
        self.moments = np.array([t, t])
        self.calendar = Calendar(
            np.full(shape, -1, np.int32), np.zeros(shape, np.int32), np.zeros(slots, np.int64),
            np.zeros(0, np.int32), np.zeros(0), np.zeros((0, RECORD + 1)),
        )  # fmt: skip
        self.more_blocks(_MARGIN)
        self._more_far(_MARGIN)

    def more_blocks(self, records: int) -> None:
        """At least double the ring's blocks, with room for so many more records."""
        old, slots = self.calendar.after.size, self.calendar.fills.size
        new = max(old, records // BLOCK + min(records, slots) + 2)
        after = np.append(self.calendar.after, np.arange(old + 1, old + new + 1, dtype=np.int32))
        after[-1] = self.control[Control.FREE] if self.control[Control.N_FREE] else -1
        self.control[Control.FREE] = old
        self.control[Control.N_FREE] += new
        grown = np.append(self.calendar.records, np.zeros(new * BLOCK * RECORD))
        self.calendar = self.calendar._replace(after=after, records=grown)

    def _more_far(self, records: int) -> None:
        """At least double the heap."""
        far = self.calendar.far
        new = np.zeros((max(len(far), records), RECORD + 1))
        self.calendar = self.calendar._replace(far=np.concatenate((far, new)))

    def _make_scratch(self, size: int) -> None:
        n = self.built.size
        self.scratch = Scratch(
            np.zeros(size * RECORD), np.zeros((size, RECORD)), np.zeros(size * RECORD),
            np.zeros(size, np.int32), np.zeros(n, np.int32),
            np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int32),
            np.zeros(n // 64 + 1, np.uint64), np.zeros(n // 4096 + 1, np.uint8),
        )  # fmt: skip

    def make_room(self, status: int) -> None:
        """Room for what the kernel could not place."""
        need = int(self.control[Control.NEED])
        if status == MORE_BLOCKS:
            self.more_blocks(need)
        elif status == MORE_FAR:
            self._more_far(need)
        elif status == MORE_SCRATCH:
            self._make_scratch(2 * need)  # nothing is gathered at this moment
        else:
            k = int(self.control[Control.WHERE])
            self.outs[k] = tuple(
                np.concatenate((a, np.zeros(a.size, a.dtype))) for a in self.outs[k]
            )
        self.note_addresses()

    def note_addresses(self) -> None:
        """Tell the desks where arrays lie that may have moved."""
        s = self.scratch
        for desk, p, out in zip(self.desks, self.built.populations, self.outs, strict=True):
            desk[Desk.JOBS] = address(s.jobs) + p.first * s.jobs.itemsize
            desk[Desk.BEGINS] = address(s.begins) + p.first * s.begins.itemsize
            desk[Desk.ENDS] = address(s.ends) + p.first * s.ends.itemsize
            desk[Desk.ARRIVALS], desk[Desk.N_ARRIVALS] = address(s.arrivals), len(s.kept)
            times, ids, payloads, states = out
            desk[Desk.OUT_TIMES], desk[Desk.OUT_IDS] = address(times), address(ids)
            desk[Desk.OUT_PAYLOADS] = address(payloads) if payloads.size else 0
            desk[Desk.OUT_STATES] = address(states) if states.size else 0
            desk[Desk.ROOM] = times.size

    def begin_lists(self, given: dict[int, tuple[np.ndarray, ...]]) -> None:
        """Empty lists of spikes; those of sources are filled with what they will emit."""
        outs = []
        for k, p in enumerate(self.built.populations):
            if p.is_source:
                times, ids, *carried = given.get(k, (np.zeros(0), np.zeros(0, np.int32)))
                outs.append((times, ids, *(carried or [np.zeros(0)]), np.zeros(0)))
                self.desks[k, Desk.GIVEN] = times.size
            else:
                old = self.outs[k][0].size if self.outs else _ROOM
                room = max(_ROOM, min(old, 4 * int(self.desks[k, Desk.N_OUT]) + _ROOM))
                graded = np.zeros(room if p.is_graded else 0)
                states = np.zeros(room * len(p.state) if p.keeps_states else 0)
                outs.append((np.zeros(room), np.zeros(room, np.int32), graded, states))
        self.desks[:, Desk.N_OUT] = 0
        self.built.routed[self.number] = 0
        self.outs = outs
        self.note_addresses()

    def push(self, stage: int, times: np.ndarray, weights: np.ndarray, codes: np.ndarray) -> None:
        """Put records into the calendar."""
        n, slots = times.size, self.calendar.fills.size
        if self.control[Control.N_FREE] < min(n, n // BLOCK + slots + 1):
            self.more_blocks(n)
        if len(self.calendar.far) < self.control[Control.N_FAR] + n:
            self._more_far(n)
        codes, times = codes.astype(np.int32), np.ascontiguousarray(times)
        _push_all(
            self.calendar, self.control, stage, times, np.ascontiguousarray(weights), codes,
            self.moments[0], self.per_ms,
        )  # fmt: skip

    def flight(self) -> np.ndarray:
        """(k, RECORD) records of the calendar, looks at crossings among them."""
        c, found = self.calendar, []
        for stage, slot in np.argwhere(c.fills > 0):
            left, block = int(c.fills[stage, slot]), int(c.heads[stage, slot])
            while left > 0:
                inside = (left - 1) % BLOCK + 1
                first = block * BLOCK * RECORD
                found.append(c.records[first : first + inside * RECORD].reshape(inside, RECORD))
                left, block = left - inside, int(c.after[block])
        return np.concatenate([*found, c.far[: int(self.control[Control.N_FAR]), :RECORD]])
