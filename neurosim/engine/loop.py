"""How does a chunk of steps go? Sources, then components in order, in windows, by threads."""

from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from .._jit import address
from .build import Built
from .clock import PROBE_COLUMNS, Span, Tables, run_steps
from .drive import Drive
from .history import History
from .stores import BuiltComponent

CHUNK = 1000  # steps per chunk: progress, guards and files work at this grain
_WORTH_A_THREAD = 100_000  # neuron-steps of a window below which threads do not pay


class ClockLoop:
    """The moving parts of the clock engine: spike histories, threads, and the present step.

    Each thread owns a part of the targets of every population. Inside a window no spike
    can arrive that the window itself emitted, so the parts run alone and meet at its end.
    """

    def __init__(self, built: Built, drives: dict[int, Drive]) -> None:
        self.built, self.drives, self.parts = built, drives, built.parts
        self.step = 0
        self._length = built.max_delay + CHUNK
        self._histories = [
            [
                History(self._length, 2 * p.population.n // self.parts + 16)
                for _ in range(self.parts)
            ]
            for p in built.populations
        ]
        self._history_table = np.zeros((len(self._histories), self.parts, 3), np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self.reset()

    def reset(self) -> None:
        """Back to step 0 and the initial state."""
        self.step = 0
        for p, parts in zip(self.built.populations, self._histories, strict=True):
            p.reset()
            for history in parts:
                history.clear()
        for drive in self.drives.values():
            drive.reset()
        self.built.inputs[:] = 0

    def in_flight(self, p: int) -> tuple[np.ndarray, np.ndarray]:
        """(steps, ids) of the spikes of population ``p`` that may still arrive somewhere."""
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
            n = built.population.n
            ends = np.array([n * (k + 1) // self.parts for k in range(self.parts)])
            owner = np.searchsorted(ends, saved["ids"], side="right")
            if p in self.drives:
                owner[:] = 0
            for part, history in enumerate(self._histories[p]):
                mine = owner == part
                history.write(0, saved["steps"][mine] - begin, saved["ids"][mine], length)
                history.starts[length + 1 :] = history.starts[length]
        for p, saved in drives.items():
            self.drives[p].restore(saved)

    def compile(self) -> None:
        """Compile the kernels, or load them, on no steps at all: it belongs to the build."""
        tables = self._tables(0, np.zeros((0, PROBE_COLUMNS), np.int64))
        span = Span(0, self.parts, 0, self._length + 1, 0, 0, 0)
        nobody = np.empty(0, np.int64), np.empty((0, 3), np.int64)
        run_steps(tables, span, *nobody, self.built.dt)
        for drive in self.drives.values():
            drive.spikes(0, 0, self.built.dt)

    def run_chunk(self, end: int, probes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Compute up to step ``end``; return (steps, ids) of each population's spikes."""
        begin, keep = self.step, self.built.max_delay
        probes = probes[np.argsort(probes[:, 0], kind="stable")]
        for p, drive in self.drives.items():
            self._write_source(p, drive, begin, end)
        self._note_addresses()
        for component in self.built.synapses.components:
            if component.members[0] not in self.drives:
                self._run_component(component, begin, end, probes)
        n_steps = end - begin
        spikes = [self._spikes(p, keep, begin, n_steps) for p in range(len(self._histories))]
        for parts in self._histories:
            for history in parts:
                history.roll(end - begin, keep)
        self.step = end
        return spikes

    def _write_source(self, p: int, drive: Drive, begin: int, end: int) -> None:
        """A source's spikes lie in the first part; the others hear of empty steps."""
        steps, ids = drive.spikes(begin, end, self.built.dt)
        for part, history in enumerate(self._histories[p]):
            mine = slice(None) if part == 0 else slice(0)
            history.write(self.built.max_delay, steps[mine], ids[mine], end - begin)
        self.built.populations[p].count(ids)

    def _run_component(self, component: BuiltComponent, begin: int, end: int, probes) -> None:
        if self.parts == 1:
            self._run_part(0, component.groups, component, begin, end, probes)
        elif component.window == 0:  # zero delays inside: group by group
            for step in range(begin, end):
                for k in range(len(component.groups)):
                    for part in range(self.parts):
                        one = component.groups[k : k + 1]
                        self._run_part(part, one, component, step, step + 1, probes)
        else:
            window = component.window if component.window > 0 else end - begin
            for start in range(begin, end, window):
                self._run_parts(component, start, min(start + window, end), probes)

    def _run_parts(self, component: BuiltComponent, start: int, stop: int, probes) -> None:
        work = (stop - start) * sum(
            self.built.populations[p].population.n for p in component.members
        )
        if work < _WORTH_A_THREAD:  # waking threads would cost more; the bits are the same
            for part in range(self.parts):
                self._run_part(part, component.groups, component, start, stop, probes)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.parts)
        jobs = [
            self._pool.submit(
                self._run_part, part, component.groups, component, start, stop, probes
            )
            for part in range(self.parts)
        ]
        try:
            for job in jobs:
                job.result()
        finally:  # on Ctrl-C or an error: nobody may still write when a reset clears
            wait(jobs)

    def _run_part(
        self,
        part: int,
        groups: np.ndarray,
        component: BuiltComponent,
        start: int,
        stop: int,
        probes: np.ndarray,
    ) -> None:
        """Compute steps of one part; let its histories grow whenever they are full."""
        tables = self._tables(part, probes)
        members = component.members
        base = self.step - self.built.max_delay
        while start < stop:
            span = Span(part, self.parts, base, self._length + 1, self.step, start, stop)
            start = int(run_steps(tables, span, members, groups, self.built.dt))
            if start < stop:
                for p in members:
                    history = self._histories[p][part]
                    share = self.built.populations[p].population.n // self.parts + 1
                    filled = int(history.starts[: start - base + 2].max())
                    history.reserve(filled + 16 * share)
                    self._note_address(p, part)

    def _tables(self, part: int, probes: np.ndarray) -> Tables:
        built = self.built
        return Tables(
            built.population_table, built.synapses.tables[part], built.synapses.incoming,
            self._history_table, probes, self._starts(probes), built.inputs,
            built.stimuli.rows, built.stimuli.strengths,
        )  # fmt: skip

    def _starts(self, probes: np.ndarray) -> np.ndarray:
        """Probes of population k: starts[k]:starts[k+1]."""
        return np.searchsorted(probes[:, 0], np.arange(len(self._histories) + 1))

    def _note_address(self, p: int, part: int) -> None:
        history = self._histories[p][part]
        row = (address(history.ids), history.ids.size, address(history.starts))
        self._history_table[p, part] = row

    def _note_addresses(self) -> None:
        for p in range(len(self._histories)):
            for part in range(self.parts):
                self._note_address(p, part)

    def _spikes(self, p: int, place: int, first: int, n_steps: int):
        """(steps, ids) of a population's spikes, sorted by both; step ``first`` is at ``place``."""
        parts = [h.read(place, n_steps) for h in self._histories[p]]
        steps = np.concatenate([s for s, _ in parts])
        ids = np.concatenate([i for _, i in parts])
        if len(parts) > 1:
            order = np.argsort(steps, kind="stable")
            steps, ids = steps[order], ids[order]
        return steps + first, ids
