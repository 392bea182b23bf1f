"""How does a chunk of steps go? Sources, then components in order, in windows, by threads."""

import math
import time
from collections.abc import Callable, Collection

import numpy as np

from .._jit import address
from ..connectivity.deliver import (
    DELIVER,
    GAINS,
    HISTORY_COLUMNS,
    KIND,
    LIST,
    MARK,
    PRE,
    deliverer,
)
from . import sleeping
from .build import Built
from .clock import APART, run_steps
from .drive import Drive, PoissonDrive
from .history import History
from .schedules import levels_at
from .stores import BuiltComponent
from .tables import FIRST_MEMBER, LAST_MEMBER, NUMBER, PROBE_COLUMNS, WAKE, Span, Tables
from .threads import Crew, Pace, let_others_run

_NONE = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)  # no spikes
_NOBODY = np.zeros(0, np.int64)  # progress of parts where nobody waits
CHUNK = 1000  # steps per chunk: progress, guards and files work at this grain


class ClockLoop:
    """The moving parts of the clock engine: spike histories, threads, and the present step.

    Each thread owns a part of the targets of every population. A spike arrives no sooner than
    the smallest delay of its component, so parts may be that many steps apart.
    """

    def __init__(self, built: Built, drives: dict[int, Drive]) -> None:
        self.built, self.drives, self.parts = built, drives, built.parts
        self.step = self.sample = 0
        self._length = built.max_delay + CHUNK
        self._histories = [
            [
                History(self._length, 2 * p.population.n // self.parts + 16, p.is_graded)
                for _ in range(self.parts)
            ]
            for p in built.populations
        ]
        self._gains = {k: np.ones(self._length + 1) for k in built.synapses.gains}
        self._history_table = np.zeros(
            (len(self._histories), self.parts, HISTORY_COLUMNS), np.int64
        )
        self._crew, self._paces = Crew(self.parts), {}
        self._stores = built.synapses.tables
        listed = built.inputs.size if built.sleeping() else 0
        self._touched = np.zeros((self.parts, listed + 1), np.uint32)
        self._sleepers = sleeping.table(built.network)
        self.reset()

    def reset(self) -> None:
        """Back to step 0 and the initial state."""
        self.step = 0
        for synapses in self.built.synapses.learning.values():
            synapses.restore()
        self.built.marks[:] = 0
        for p, parts in zip(self.built.populations, self._histories, strict=True):
            p.reset()
            for history in parts:
                history.clear()
        for drive in self.drives.values():
            drive.reset()
        if self.sample:
            self.resample(0)
        self.built.inputs[:] = 0
        for sleepers in self.built.sleeping().values():
            sleepers.reset()
        self._note_counts()

    def resample(self, sample: int) -> None:
        """At step 0: let random sources and noise draw as in a sample of a batch."""
        for drive in self.drives.values():
            if isinstance(drive, PoissonDrive):
                drive.resample(sample)
        self.built.stimuli.resample(sample)
        self.sample = sample

    def threads_share(self) -> float:
        """Share of the steps, so far, that several threads computed at once."""
        alone, together = (sum(p.steps[k] for p in self._paces.values()) for k in (0, 1))
        return together / max(1, alone + together)

    def in_flight(self, p: int) -> tuple[np.ndarray, ...]:
        """(steps, ids), and payloads, of spikes of population ``p`` that may still arrive."""
        return self._spikes(p, 0, self.step - self.built.max_delay, self.built.max_delay)

    def restore(self, step: int, populations: list[dict], drives: dict[int, dict]) -> None:
        """Take over a saved state; whatever the number of threads that saved it."""
        self.reset()
        self.step = step
        begin, length = step - self.built.max_delay, self.built.max_delay
        for p, saved in enumerate(populations):
            built = self.built.populations[p]
            built.state[...] = saved["state"]
            built.counts[:] = saved["counts"]
            if built.sleepers is not None:
                built.sleepers.restore(saved)
            n = built.population.n
            ends = np.array([n * (k + 1) // self.parts for k in range(self.parts)])
            owner = np.searchsorted(ends, saved["ids"], side="right")
            if p in self.drives:
                owner[:] = 0
            for part, history in enumerate(self._histories[p]):
                mine = owner == part
                carried = saved["payloads"][mine] if built.is_graded else None
                steps, ids = saved["steps"][mine] - begin, saved["ids"][mine]
                history.write(0, steps, ids, carried, length)
                history.starts[length + 1 :] = history.starts[length]
        for p, saved in drives.items():
            self.drives[p].restore(saved)
        self._note_counts()

    def compile(self) -> None:
        """Compile the kernels, or load them, on no steps at all: it belongs to the build."""
        self._choose_delivery(ahead=bool(self.built.sleeping()))
        self._choose_delivery()
        tables = self._tables(np.zeros((0, PROBE_COLUMNS), np.int64))
        span = Span(0, self.parts, self.parts, 0, self._length + 1, 0, 0, 0, 0)
        nobody = np.empty(0, np.int64), np.empty((0, 3), np.int64)
        run_steps(tables, span, *nobody, _NOBODY, self.built.dt)
        for drive in self.drives.values():
            drive.spikes(0, 0, self.built.dt)

    def run_chunk(
        self, end: int, probes: np.ndarray, wanted: Collection[str] | None = None
    ) -> list[tuple[np.ndarray, ...]]:
        """Compute up to step ``end``; return (steps, ids) of each population's spikes.

        With them come the payloads of graded ones. Spikes of populations that are not ``wanted``
        are left out; None wants all.
        """
        begin, keep = self.step, self.built.max_delay
        self._decide_who_sleeps({int(p) for p in probes[:, 0]})
        probes = probes[np.argsort(probes[:, 0], kind="stable")]
        for p, drive in self.drives.items():
            self._write_source(p, drive, begin, end)
        self._note_addresses()
        self._note_gains(begin, end)
        tables = self._tables(probes)
        for k, component in enumerate(self.built.synapses.components):
            if component.members[0] not in self.drives:
                self._run_component(k, begin, end, tables)
        for sleepers in self.built.sleeping().values():
            sleepers.unpack()
        n_steps = end - begin
        spikes = [
            self._spikes(p, keep, begin, n_steps)
            if wanted is None or name in wanted
            else _NONE[: 2 + self.built.populations[p].is_graded]
            for p, name in enumerate(self.built.network.populations)
        ]
        for parts in self._histories:
            for history in parts:
                history.roll(end - begin, keep)
        self.step = end
        self._count_arrivals()
        return spikes

    def next_decision(self) -> float:
        """The step up to which it is settled who sleeps: on an absolute grid, whatever the cuts."""
        periods = [sleepers.period for sleepers in self.built.sleeping().values()]
        return min(((self.step // p + 1) * p for p in periods), default=math.inf)

    def _decide_who_sleeps(self, probed: set[int]) -> None:
        for p, sleepers in self.built.sleeping().items():
            if self.step % sleepers.period == 0 and self.step > 0:
                sleepers.decide(self.step, self.built.dt)
            self._sleepers[p] = sleepers.row(p in probed)
        self._choose_delivery()

    def _choose_delivery(self, *, ahead: bool = False) -> None:
        """Stores before sleepers list what they touch, those before resters mark it.

        ``ahead``: as if all slept, to compile what they will need.
        """
        incoming = self.built.synapses.incoming
        for component in self.built.synapses.components:
            for group in component.groups:
                members = component.members[group[FIRST_MEMBER] : group[LAST_MEMBER]]
                resting = any(self.built.populations[p].resting for p in members)
                asleep = ahead or bool(self._sleepers[members, WAKE].any())
                marking = MARK * resting + LIST * asleep
                for s in range(*incoming[group[NUMBER] : group[NUMBER] + 2]):
                    pre = int(self._stores[0, s, PRE])
                    scaled = s in self._gains or self.built.populations[pre].is_graded
                    for store in self._stores[:, s]:  # each part has a kind of its own
                        store[DELIVER] = deliverer(
                            int(store[KIND]), self.built.real, marking=marking, scaled=scaled
                        )

    def _count_arrivals(self) -> None:
        """Of the populations that are awake, but might sleep, since the last chunk."""
        index = {name: k for k, name in enumerate(self.built.network.populations)}
        waiting = {p: s for p, s in self.built.sleeping().items() if not (s.asleep or s.always)}
        for projection in self.built.network.projections.values() if waiting else ():
            sleepers = waiting.get(index[projection.post.name])
            if sleepers is not None:
                degree = self.built.synapses.out_degree[projection.name]
                pre = index[projection.pre.name]
                fired = self.built.populations[pre].counts - self._counted[pre]
                sleepers.arrivals += int(degree @ fired)
        self._note_counts()

    def _note_counts(self) -> None:
        """Spikes of all neurons so far, where somebody may sleep."""
        if self.built.sleeping():
            self._counted = [p.counts.copy() for p in self.built.populations]

    def _write_source(self, p: int, drive: Drive, begin: int, end: int) -> None:
        """A source's spikes lie in the first part; the others hear of empty steps."""
        steps, ids, *rest = drive.spikes(begin, end, self.built.dt)
        for part, history in enumerate(self._histories[p]):
            mine = slice(None) if part == 0 else slice(0)
            carried = rest[0][mine] if rest else None
            history.write(self.built.max_delay, steps[mine], ids[mine], carried, end - begin)
        self.built.populations[p].count(ids)

    def _run_component(self, k: int, begin: int, end: int, tables: Tables) -> None:
        """Compute a component, on threads where they pay."""
        component = self.built.synapses.components[k]
        if self.parts == 1 or component.window == 0:  # zero delays: group by group
            self._run_parts(component, begin, end, tables, (0, self.parts), _NOBODY)
            return
        pace = self._paces.setdefault(k, Pace())
        for first, last, together in pace.pieces(begin, end):
            since = time.perf_counter()
            if together:
                self._run_together(component, first, last, tables)
            else:
                self._run_parts(component, first, last, tables, (0, self.parts), _NOBODY)
            pace.note(together, last - first, time.perf_counter() - since)

    def _run_together(
        self, component: BuiltComponent, begin: int, end: int, tables: Tables
    ) -> None:
        progress = np.full(self.parts * APART, begin)  # its own: a broken run leaves nothing
        window = max(component.window, 0)  # none: parts do not hear of each other

        def work(part: int, broken: Callable[[], bool]) -> None:
            self._run_parts(
                component, begin, end, tables, (part, part + 1), progress, window, broken
            )

        self._crew.run(work)

    def _run_parts(
        self,
        component: BuiltComponent,
        begin: int,
        end: int,
        tables: Tables,
        parts: tuple[int, int],
        progress: np.ndarray,
        window: int = 0,
        broken: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compute steps of some parts; let their histories grow whenever they are full."""
        base, fixed = self.step - self.built.max_delay, (self.parts, self._length + 1)
        while begin < end and not broken():
            span = Span(*parts, fixed[0], base, fixed[1], self.step, begin, end, window)
            begin = int(
                run_steps(
                    tables, span, component.members, component.groups, progress,
                    self.built.dt,
                )
            )  # fmt: skip
            if begin < end:
                for p in component.members:
                    for part in range(*parts):
                        self._make_room(p, part, begin - base)
                let_others_run()

    def _make_room(self, p: int, part: int, place: int) -> None:
        """Room in a history for all neurons of the part to fire sixteen times."""
        history = self._histories[p][part]
        share = self.built.populations[p].population.n // self.parts + 1
        filled = int(history.starts[place])
        if filled + share > history.ids.size:
            history.reserve(filled + 16 * share)
            self._note_address(p, part)

    def _tables(self, probes: np.ndarray) -> Tables:
        built = self.built
        return Tables(
            built.population_table, self._stores, built.synapses.incoming,
            self._history_table, probes, self._starts(probes), built.inputs,
            built.stimuli.rows, self._sleepers, built.marks, self._touched,
        )  # fmt: skip

    def _starts(self, probes: np.ndarray) -> np.ndarray:
        """Probes of population k: starts[k]:starts[k+1]."""
        return np.searchsorted(probes[:, 0], np.arange(len(self._histories) + 1))

    def _note_address(self, p: int, part: int) -> None:
        history = self._histories[p][part]
        carried = address(history.payloads) if history.payloads.size else 0
        row = (address(history.ids), history.ids.size, address(history.starts), carried)
        self._history_table[p, part] = row

    def _note_addresses(self) -> None:
        for p in range(len(self._histories)):
            for part in range(self.parts):
                self._note_address(p, part)

    def _note_gains(self, begin: int, end: int) -> None:
        """The gains of a chunk's steps, where their stores find them."""
        first = self.built.max_delay
        for k, gains in self._gains.items():
            schedule = self.built.synapses.gains[k]
            gains[first : first + end - begin] = levels_at(
                np.arange(begin, end), schedule, self.built.dt
            )
            self._stores[:, k, GAINS] = address(gains)

    def _spikes(self, p: int, place: int, first: int, n_steps: int) -> tuple[np.ndarray, ...]:
        """(steps, ids) of a population's spikes, sorted by both; step ``first`` is at ``place``."""
        parts = [h.read(place, n_steps) for h in self._histories[p]]
        if len(parts) == 1:
            steps, *rest = parts[0]
            return steps + first, *rest
        steps, *rest = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(steps, kind="stable")
        return steps[order] + first, *(a[order] for a in rest)
