"""Who sleeps? Neurons that cannot fire without input are left alone until it comes.

A sleeping neuron keeps the state of its last step, its *anchor*. An arrival wakes it: it
leaps to the present at once, receives, may fire, and falls asleep again as soon as its
model says that it is *quiet*. So work grows with arrivals, not with neurons and steps.
A leap rounds otherwise than single steps do: whether populations sleep is part of the
configuration. State is committed at arrivals alone, so results do not depend on how a run
is cut, on threads, or on recording.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._jit import address, call, kernel
from ..connectivity.places import input_starts
from ..network import Network, Population
from .dozing import LOW, handles
from .kernelsource import width
from .tables import COUNT, FIRST, PLACES, SLEEPER_COLUMNS

_LEAST_AUTO = 1000  # neurons below which deciding is not worth it
_WORTH_SLEEPING = 0.02  # arrivals per neuron and step below which sleeping pays
_NOT_WORTH_SLEEPING = 0.04  # awake neurons above which it does not
_PERIOD = 1000  # steps between two decisions, on an absolute grid
_COMMIT = 10**9  # steps after which the state of idle neurons is brought up to date


def table(network: Network) -> np.ndarray:
    """The table of sleepers while nobody sleeps: where each population's inputs lie."""
    rows = np.zeros((len(network.populations), SLEEPER_COLUMNS), np.int64)
    sizes = [len(p.ports) * p.n for p in network.populations.values()]
    rows[:, COUNT] = [p.n for p in network.populations.values()]
    rows[:, FIRST], rows[:, PLACES] = input_starts(sizes)[:-1], sizes
    return rows


@dataclass(frozen=True, slots=True)
class Sleep:
    """How the neurons of a population may sleep: always, or where it pays; in how many parts."""

    parts: int
    always: bool


def sleep_of(network: Network, population: Population, sleep: str, parts: int) -> Sleep | None:
    """How the neurons of a population may sleep, if they can and it is asked for.

    A stimulus reaches every neuron at every step: its targets never sleep. Neurons that rest are
    passed over in groups, which is cheaper.
    """
    if population.is_source or population.neurons.model.leap is None or sleep == "never":
        return None
    if any(s.population is population for s in network.stimuli.values()):
        return None
    always = sleep == "always"
    if not always and population.neurons.model.rests is not None:
        return None
    return Sleep(parts, always) if always or population.n >= _LEAST_AUTO else None


class Sleepers:
    """Sleep of one population.

    Parameters
    ----------
    state : real (variables, n)
    sleep : Sleep
    first, ports : int          where the population's input buffers begin, how many they are
    marks : uint8               marks of the places that arrivals touch, of all populations
    kernel : function           kind of kernel to its handle; it compiles when asked

    Attributes
    ----------
    cells : real (n, width)     states and steps side by side, while they sleep: one line of the
                                cache for each neuron that wakes
    anchor : uint32 (n,)        step of each neuron's state, modulo 2^32; a part of ``cells``
    listed : uint8 (n,)         1 where the neuron is awake
    awake, fired : int32 (n,)   lists, one after the other for each part
    tallies : int64 (2, parts)  how many are awake; neurons computed since the last decision
    table : int                 address of the table that the model's kernels want
    asleep : bool               do they sleep now?
    arrivals : int              since the last decision, while they do not
    patience, wait : int        decisions to let pass after sleep did not pay
    """

    def __init__(
        self, state: np.ndarray, sleep: Sleep, first: int, ports: int, marks: np.ndarray,
        kernel: Callable[[str], int],
    ) -> None:  # fmt: skip
        n = state.shape[1]
        self.state, self.n, self.always, self.parts = state, n, sleep.always, sleep.parts
        self.first, self.places, self.kernel, self.table = first, ports * n, kernel, 0
        variables, ratio = len(state), state.itemsize // 4
        self.cells = np.zeros((n, width(variables)), state.dtype)
        self.anchor = self.cells.view(np.uint32)[:, variables * ratio]
        self.listed = marks[first : first + n] if ports == 1 else np.zeros(n, np.uint8)
        self.awake, self.fired = np.zeros(n, np.int32), np.zeros(n, np.int32)
        self.tallies = np.zeros((2, self.parts), np.int64)
        self.reset()
        handles(), self.kernel("doze")  # compiling belongs to the build, even if nobody sleeps

    @property
    def arrays(self) -> list[np.ndarray]:
        """What the model's kernels see, in the order of their table."""
        return [self.cells, self.listed, self.awake, self.fired]

    def reset(self) -> None:
        """At step 0: nobody has been computed, so all are awake."""
        self.asleep, self.arrivals, self.patience, self.wait = self.always, 0, 1, 0
        self.tallies[1] = 0
        if self.asleep:
            self._pack()
            self._list(np.zeros(self.n, np.uint32), np.ones(self.n, np.uint8))

    def _pack(self) -> None:
        self.cells[:, : len(self.state)] = self.state.T

    def unpack(self) -> None:
        """Bring ``state`` up to date, each neuron at its own step."""
        if self.asleep:
            self.state[...] = self.cells[:, : len(self.state)].T

    def _list(self, anchor: np.ndarray, listed: np.ndarray) -> None:
        self.anchor[:], self.listed[:] = anchor, listed
        for part in range(self.parts):
            lo, hi = self.n * part // self.parts, self.n * (part + 1) // self.parts
            ids = lo + np.flatnonzero(self.listed[lo:hi])
            self.awake[lo : lo + ids.size] = ids
            self.tallies[0, part] = ids.size

    def saved(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        work = int(self.tallies[1].sum())
        counts = [self.asleep, self.arrivals, self.patience, self.wait, work]
        return {
            "anchor": self.anchor.copy(),
            "listed": self.listed,
            "sleep": np.array(counts, np.int64),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Take over a saved sleep, whatever the number of parts that saved it."""
        asleep, self.arrivals, self.patience, self.wait, work = (int(k) for k in saved["sleep"])
        self.asleep = bool(asleep)
        self.tallies[1] = 0
        self.tallies[1, 0] = work
        self._pack()
        self._list(saved["anchor"], saved["listed"])

    def row(self, peeking: bool) -> list[int]:
        """The population's row of the table of sleepers."""
        kernels = [0, 0, 0, 0]
        if self.asleep:
            peek = self.kernel("peek") if peeking else 0
            kernels = [*handles(), self.kernel("doze"), peek]
        lists = (self.listed, self.awake, self.tallies, self.fired)
        places = (self.table, self.n, self.first, self.places)
        return [*kernels, *places, *map(address, lists)]

    @property
    def period(self) -> int:
        """Steps between two decisions."""
        return _COMMIT if self.always else _PERIOD

    def decide(self, step: int, dt: float) -> None:
        """Sleep, or stop sleeping, from ``step`` on, by what the last period was like."""
        if self.asleep and step % _COMMIT == 0:  # before an anchor is out of sight
            self.state[...] = self.present(step - 1, dt)
            self._pack()
            self.anchor[:] = (step - 1) & LOW
        if self.always:
            return
        work = int(self.tallies[1].sum()) if self.asleep else self.arrivals
        share = work / (self.n * _PERIOD)
        self.arrivals = 0
        self.tallies[1] = 0
        if self.asleep and share > _NOT_WORTH_SLEEPING:
            self.state[...] = self.present(step - 1, dt)
            self.asleep = False
            self.patience = min(2 * self.patience, 64)
            self.wait = self.patience
        elif self.asleep:
            self.patience = max(1, self.patience // 2)
        elif self.wait > 0:
            self.wait -= 1
        elif share < _WORTH_SLEEPING:
            self.asleep = True
            self._pack()
            self._list(np.full(self.n, (step - 1) & LOW, np.uint32), np.ones(self.n, np.uint8))

    def wake_all(self, step: int, dt: float) -> None:
        """All are awake at ``step``: their parameters are others from now on."""
        if self.asleep and step > 0:  # at 0 they are
            self.state[...] = self.present(step - 1, dt)
            self._pack()
            self._list(np.full(self.n, (step - 1) & LOW, np.uint32), np.ones(self.n, np.uint8))

    def present(self, step: int, dt: float) -> np.ndarray:
        """The state at ``step``; nobody wakes."""
        now, ids = np.empty_like(self.state), np.arange(self.n)
        for k in range(len(now)):
            handle, places = self.kernel("peek"), (address(ids), address(now[k]))
            _peek_all(handle, self.table, self.n, places[0], k, places[1], step, dt)
        return now


@kernel
def _peek_all(handle, table, n, ids, variable, out, step, dt):
    call(handle, (table, n, ids, n, 0, n, variable, out, step, dt))
