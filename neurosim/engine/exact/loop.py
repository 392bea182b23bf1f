"""How does the event engine move on? Parts for threads, sources, and the present time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..._jit import address, call, kernel
from ...errors import SimulationError
from ..threads import Crew, let_others_run
from .build import ExactBuilt, ExactPopulation
from .part import Part
from .sources import PoissonTimes, Source
from .tables import APART, DONE, ENDLESS, NEVER, WAIT, Control, Desk
from .windows import advance
from .wiring import order_of


@kernel
def _look(handle, desk, ids, n, variable, out, time):
    call(handle, (desk, ids, n, variable, out, time))


class Emitted(NamedTuple):
    """Spikes of one population: times, ids, payloads or None, states (k, variables) or None."""

    times: np.ndarray
    ids: np.ndarray
    payloads: np.ndarray | None
    states: np.ndarray | None


def _emitted(out: tuple[np.ndarray, ...], n: int) -> tuple[np.ndarray, ...]:
    """The first ``n`` spikes of a list."""
    times, ids, payloads, states = out
    variables = states.size // max(1, times.size)
    shape = (times.size if variables else n, variables)
    return times[:n], ids[:n], payloads[:n], states.reshape(shape)[:n]


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
        self.built, self.sources, self.t = built, sources, 0.0
        self.parts = [Part(built, k, scheduler) for k in range(built.parts)]
        self._crew = Crew(built.parts)
        self.reset()

    def total(self, field: Control) -> int:
        """A counter, over all parts."""
        return sum(int(part.control[field]) for part in self.parts)

    @property
    def visited(self) -> int:
        """Windows so far."""
        return int(self.parts[0].control[Control.VISITED])

    def reset(self) -> None:
        """Back to time 0 and the initial state."""
        self.built.reset()
        for source in self.sources.values():
            source.reset()
        self.go_on(0.0, [np.zeros(0)] * 3)

    def go_on(self, t: float, coming: list[np.ndarray]) -> None:
        """Go on at a time, with arrivals (times, weights, codes) on their way."""
        self.t = t
        times, weights, codes = coming
        targets = self.built.targets_of(codes)
        self.built.neurons.look[:] = NEVER
        for part in self.parts:
            part.make_calendar(t)
            part.begin_lists({})
            for stage, p in self._by_stage():
                first, end = p.share(part.number, self.built.parts)
                own = (targets >= first) & (targets < end)
                part.push(stage, times[own], weights[own], codes[own])
                self._watch(part, stage, first, end)

    def _watch(self, part: Part, stage: int, first: int, end: int) -> None:
        """Have a look at every neuron of first..end that may fire by itself, when it may."""
        neurons = self.built.neurons
        ids = first + np.flatnonzero(neurons.due[first:end] < NEVER)
        neurons.look[ids] = np.maximum(neurons.due[ids], self.t)
        part.push(stage, neurons.look[ids], np.zeros(ids.size), self.built.look_at(ids))

    def _by_stage(self) -> list[tuple[int, ExactPopulation]]:
        stage = self.built.order.stage_of()
        return [(stage[k], p) for k, p in enumerate(self.built.populations) if not p.is_source]

    def flight(self) -> list[np.ndarray]:
        """(times, weights, codes) of the arrivals on their way, in an order of their own."""
        records = np.concatenate([part.flight() for part in self.parts])
        records = records[self.built.are_arrivals(records[:, 2])]
        times, weights, codes = records[np.lexsort(records.T[::-1])].T
        return [times, weights, codes.astype(np.int32)]

    def rewired(self) -> None:
        """Synapses have changed: note where they lie, and go on with windows that fit them.

        Raises
        ------
        BuildError
            Delays of zero form a cycle; nothing has changed then.
        """
        order = order_of(self.built.network, self.built.rows)
        coming = self.flight()
        self.built.order = order
        self.built.rewire()
        self.go_on(self.t, coming)

    def settle(self, names: set[str]) -> None:
        """Commit the state of all neurons of some populations at the present time."""
        neurons, coming = self.built.neurons, self.flight()
        for k, p in enumerate(self.built.populations):
            if p.population.name in names:
                ids = np.arange(p.population.n)
                p.state[...] = [self.state_at(k, v, ids, self.t) for v in range(len(p.state))]
                own = slice(p.first, p.first + p.population.n)
                neurons.last[own] = neurons.due[own] = self.t
        self.go_on(self.t, coming)

    def resample(self, k: int) -> None:
        """At time 0: give random sources the draws of sample ``k``."""
        for source in self.sources.values():
            if isinstance(source, PoissonTimes):
                source.resample(k)

    def begin_chunk(self, end: float) -> None:
        """Ask the sources for their spikes before ``end``."""
        given = {k: source.before(end) for k, source in self.sources.items()}
        for part in self.parts:
            part.begin_lists(given)

    def advance(self, stop: float) -> None:
        """Compute all events before ``stop``."""
        if stop <= self.t:
            return
        self._progress = np.zeros(len(self.parts) * APART, np.int64)
        self._offers = np.zeros(len(self.parts))
        if len(self.parts) == 1:
            self._work(stop, 0, lambda: False)
        else:
            self._crew.run(lambda part, broken: self._work(stop, part, broken))
        self.t = stop

    def _work(self, stop: float, number: int, broken: Callable[[], bool]) -> None:
        part, built = self.parts[number], self.built
        while not broken():
            status = advance(
                built.wirings[number], part.calendar, built.neurons, part.scratch, part.control,
                part.moments, self._progress, self._offers, built.bits, part.per_ms, stop,
            )  # fmt: skip
            if status == DONE:
                return
            if status == WAIT:
                let_others_run()
            elif status == ENDLESS:
                self._fires_endlessly(part)
            else:
                part.make_room(status)

    def _fires_endlessly(self, part: Part) -> None:
        p = self.built.populations[int(part.control[Control.WHERE])].population
        raise SimulationError(
            f"Population {p.name!r} must fire finitely often at one instant, but a neuron fires "
            f"without end before t = {part.moments[1]:g} ms; give it a refractory period, or a "
            "reset below the threshold"
        )

    def spikes(self) -> list[Emitted]:
        """The spikes of each population since the chunk began, sorted by time and neuron."""
        found = []
        for k, p in enumerate(self.built.populations):
            parts = self.parts[:1] if p.is_source else self.parts
            lists = [_emitted(part.outs[k], int(part.desks[k, Desk.N_OUT])) for part in parts]
            times, ids, payloads, states = map(np.concatenate, zip(*lists, strict=True))
            order = np.lexsort((ids, times))
            found.append(
                Emitted(
                    times[order], ids[order], payloads[order] if p.is_graded else None,
                    states[order] if p.keeps_states else None,
                )
            )  # fmt: skip
        return found

    def state_at(self, k: int, variable: int, ids: np.ndarray, time: float) -> np.ndarray:
        """A state variable of chosen neurons at a time before which all has been computed."""
        out, desk = np.zeros(ids.size), int(self.built.desks[0, k, Desk.HERE])
        handle = self.built.populations[k].handles["look"]
        _look(handle, desk, address(ids), ids.size, variable, address(out), time)
        return out
