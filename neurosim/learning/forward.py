"""How do samples go through the event engine? Many in one call, each from time 0."""

from collections.abc import Sequence

import numpy as np

from .._jit import FLOAT64, INT32, address, address_of, kernel, view
from ..engine.exact.build import ExactBuilt
from ..engine.exact.calendar import push
from ..engine.exact.part import Part
from ..engine.exact.tables import DONE, ENDLESS, Control, Desk
from ..engine.exact.windows import advance
from ..errors import SimulationError
from .tables import PORTS, GivenSpikes, Record

MORE_RECORD = 100  # beside what `advance` returns
_ROOM = 1 << 12  # spikes of a chunk, at first
(STATE, INITIAL, SIZE, CURRENTS) = range(4)  # columns of the table of states


@kernel
def _empty(calendar, control):
    """Nothing is to come, and all blocks are free."""
    calendar.fills[:, :] = 0
    calendar.heads[:, :] = -1
    calendar.chains[:] = 0
    blocks = calendar.after.size
    for k in range(blocks):
        calendar.after[k] = k + 1
    calendar.after[blocks - 1] = -1
    part = control[Control.PART]
    control[:] = 0
    control[Control.PART], control[Control.N_FREE] = part, blocks


@kernel
def _begin(wiring, calendar, neurons, control, moments, bits, per_ms, states, given, k):
    """Back to time 0, with the spikes of sample ``k`` to come."""
    _empty(calendar, control)
    moments[:] = 0.0
    wiring.routed[:, :] = 0
    look = (1 << bits) - 1
    for p in range(wiring.desks.shape[0]):
        desk = wiring.desks[p]
        desk[Desk.N_OUT] = desk[Desk.N_JOBS] = desk[Desk.NEXT] = 0
        first, n = np.int64(desk[Desk.FIRST]), np.int64(desk[Desk.N])
        if desk[Desk.ATTEND] == -1:
            begin, end = given.starts[p, k], given.starts[p, k + 1]
            desk[Desk.OUT_TIMES] = address_of(given.times) + 8 * begin
            desk[Desk.OUT_IDS] = address_of(given.ids) + 4 * begin
            desk[Desk.GIVEN] = desk[Desk.ROOM] = end - begin
            continue
        state = view(states[p, STATE], states[p, SIZE], FLOAT64)
        initial = view(states[p, INITIAL], states[p, SIZE], FLOAT64)
        for i in range(state.size):
            state[i] = initial[i]
        for i in range(first, first + n):
            neurons.last[i] = neurons.due[i] = neurons.look[i] = 0.0
            push(calendar, control, desk[Desk.STAGE], 0.0, 0.0, i << bits | look, 0.0, per_ms)


@kernel
def _note(wiring, states, record, k):
    """Copy the spikes of a sample into the record; False: there is no room."""
    populations = wiring.desks.shape[0]
    total = np.int64(0)
    for p in range(populations):
        total += wiring.desks[p, Desk.N_OUT]
    fill = record.starts[k * populations]
    if fill + total > record.times.size:
        return False
    for p in range(populations):
        desk = wiring.desks[p]
        n = desk[Desk.N_OUT]
        times, ids = view(desk[Desk.OUT_TIMES], n, FLOAT64), view(desk[Desk.OUT_IDS], n, INT32)
        n_currents, n_states = states[p, CURRENTS], states[p, CURRENTS] + 2
        values = view(desk[Desk.OUT_STATES], n * n_states if n_currents > 0 else 0, FLOAT64)
        for s in range(n):
            record.times[fill], record.ids[fill] = times[s], ids[s]
            for port in range(PORTS):
                record.currents[fill, port] = 0.0
            for port in range(n_currents):  # states are v, the currents, refractory
                record.currents[fill, port] = values[s * n_states + 1 + port]
            fill += 1
        record.starts[k * populations + p + 1] = fill
    return True


@kernel
def run_samples(
    wiring, calendar, neurons, scratch, control, moments, progress, offers, bits, per_ms, until,
    states, given, order, record, place,
):  # fmt: skip
    """Run the samples ``order`` from number place[0] on; place[1]: one is under way.

    Returns DONE, or what there has to be made room for; then another call goes on.
    """
    while place[0] < order.size:
        if place[1] == 0:
            _begin(
                wiring, calendar, neurons, control, moments, bits, per_ms, states, given,
                order[place[0]],
            )  # fmt: skip
            progress[:] = 0
            place[1] = 1
        if place[1] == 1:
            status = advance(
                wiring, calendar, neurons, scratch, control, moments, progress, offers, bits,
                per_ms, until,
            )  # fmt: skip
            if status != DONE:
                return np.int64(status)
            place[1] = 2
        if not _note(wiring, states, record, place[0]):
            return np.int64(MORE_RECORD)
        place[0] += 1
        place[1] = 0
    return np.int64(DONE)


def given_spikes(populations: int, samples: Sequence[dict[int, tuple]]) -> GivenSpikes:
    """The spikes of all samples: of each a dict of population index to (times, ids)."""
    times, ids = [np.zeros(0)], [np.zeros(0, np.int32)]
    starts = np.zeros((populations, len(samples) + 1), np.int64)
    total = 0
    for p in range(populations):
        starts[p, 0] = total
        for k, sample in enumerate(samples):
            if p in sample:
                times.append(np.asarray(sample[p][0], np.float64))
                ids.append(np.asarray(sample[p][1], np.int32))
                total += times[-1].size
            starts[p, k + 1] = total
    return GivenSpikes(np.concatenate(times), np.concatenate(ids), starts)


class Runner:
    """One thread's copy of a network, through which samples go.

    Parameters
    ----------
    built : ExactBuilt      with one part; its synapses may change between calls
    until : float           length of a sample [ms]
    """

    def __init__(self, built: ExactBuilt, until: float) -> None:
        self.built, self.until = built, until
        for p in built.populations:
            p.keeps_states = not p.is_source
        self.part = Part(built, 0, "windows")
        self.rewire()
        self._room = _ROOM

    def rewire(self) -> None:
        """Synapses or parameters have changed."""
        built = self.built
        self.part.make_calendar(0.0)
        self.part.begin_lists({})
        self.part.more_blocks(built.size)  # for a look at everybody
        self.states = np.zeros((len(built.populations), 4), np.int64)
        for k, p in enumerate(built.populations):
            if not p.is_source:
                places = address(p.state), address(p.initial), p.state.size, len(p.state) - 2
                self.states[k] = places

    def run(self, given: GivenSpikes, order: np.ndarray) -> Record:
        """Run some samples, and return their spikes.

        Raises
        ------
        SimulationError
            A neuron fires without end at one instant.
        """
        built, part = self.built, self.part
        n = len(built.populations)
        record = Record(
            np.zeros(self._room), np.zeros(self._room, np.int32), np.zeros((self._room, PORTS)),
            np.zeros(order.size * n + 1, np.int64),
        )  # fmt: skip
        place, progress, offers = np.zeros(2, np.int64), np.zeros(8, np.int64), np.zeros(1)
        while True:
            status = run_samples(
                built.wirings[0], part.calendar, built.neurons, part.scratch, part.control,
                part.moments, progress, offers, built.bits, part.per_ms, self.until, self.states,
                given, order, record, place,
            )  # fmt: skip
            if status == DONE:
                return _cut(record)
            if status == ENDLESS:
                raise SimulationError(
                    "Network must fire finitely often at one instant, but a neuron fires without "
                    "end; give it a refractory period, or a reset below the threshold"
                )
            if status == MORE_RECORD:
                record = _grown(record)
                self._room = record.times.size
            else:
                part.make_room(status)
                self._give(given, int(order[place[0]]))

    def _give(self, given: GivenSpikes, k: int) -> None:
        """Point the sources at the spikes of sample ``k`` again."""
        for p, population in enumerate(self.built.populations):
            if population.is_source:
                desk, begin = self.part.desks[p], given.starts[p, k]
                desk[Desk.OUT_TIMES] = address(given.times) + 8 * begin
                desk[Desk.OUT_IDS] = address(given.ids) + 4 * begin
                desk[Desk.ROOM] = given.starts[p, k + 1] - begin


def _grown(record: Record) -> Record:
    columns = (np.concatenate((a, np.zeros_like(a))) for a in record[:3])
    return Record(*columns, record.starts)


def _cut(record: Record) -> Record:
    n = int(record.starts[-1])
    return Record(record.times[:n], record.ids[:n], record.currents[:n], record.starts)
