"""What is the gradient of a batch? Samples forward, the loss, and back, on several threads."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.exact.build import ExactBuilt, build
from ..engine.exact.wiring import order_of
from ..network import Network
from .adjoint import backward
from .forward import Runner
from .graph import cells_of, check, graph_of, is_readout, loops_of
from .incoming import most_arrivals
from .readout import pull, read
from .tables import (
    PORTS,
    Adjoint,
    Arrivals,
    Cells,
    GivenSpikes,
    Gradients,
    Graph,
    Pull,
    Record,
)

LEAST_SLOPE = 1e-3  # of (v_th - v_reset) per ms
LEAST_BACK = 0.1  # ms: of delays in loops, which windows cannot be longer than


class ExactGradient:
    """The exact gradient of a loss of spike times, for a network of LIF and IF cells.

    Parameters
    ----------
    network : Network
    duration : float        length of a sample [ms]
    threads : int
    chunks : int            pieces of a batch; the sums, to the last bit, depend on their number,
                            and not on the number of threads
    least_slope : float     floor of v' at a spike, in units of (v_th - v_reset) / ms: near a
                            grazing crossing the true derivative has no bound

    Attributes
    ----------
    graph : Graph           the synapses; its weights and delays may be written to
    cells : Cells           the equations of the neurons
    of_cells : bool         whether derivatives by time constants and biases are wanted, too

    Raises
    ------
    BuildError
        A part of the network has no exact gradient.
    """

    learns_cells = True

    def __init__(
        self, network: Network, duration: float, *, threads: int = 1, chunks: int = 4,
        least_slope: float = LEAST_SLOPE,
    ) -> None:  # fmt: skip
        check(network)
        self.network, self.duration = network.copy(), duration
        self.graph: Graph = graph_of(self.network)
        self.cells: Cells = cells_of(self.network)
        self.span, self.least_back = self.cells.v_th - self.cells.v_reset, LEAST_BACK
        self.least_slope = least_slope * self.span
        self.chunks, self.of_cells = chunks, True
        first = build(self.network, listed=True)
        self._share(first)
        self._builts = [first, *(first.twin() for _ in range(min(threads, chunks) - 1))]
        self._runners = [Runner(built, duration) for built in self._builts]
        self._pool = ThreadPoolExecutor(len(self._runners)) if threads > 1 else None
        self.names = list(network.populations)
        self.changed()

    def _share(self, built: ExactBuilt) -> None:
        """Let the engine use the very arrays of weights and delays that are learnt."""
        ends = self.graph.starts[self.graph.rows[1:] - 1]
        ends = np.append(ends, self.graph.weights.size)[: len(built.rows)]
        for rows, end in zip(built.rows.values(), ends, strict=True):
            own = slice(int(end) - rows.targets.size, int(end))
            rows.weights, rows.delays = self.graph.weights[own], self.graph.delays[own]
        built.rewire()

    def changed(self) -> None:
        """Weights, delays or parameters have been changed: windows may have to be others."""
        order = order_of(self.network, self._builts[0].rows)
        self.loops = loops_of(self.network, self.graph)
        for built, runner in zip(self._builts, self._runners, strict=True):
            if built.order != order:
                built.order = order
                built.rewire()
                runner.rewire()

    def begin_epoch(self, epoch: int) -> None:
        """Nothing depends on it here."""

    def leads_back(self, projection: int) -> bool:
        """Can what a projection causes come back to its source?"""
        pre, post = self.graph.pre[projection], self.graph.post[projection]
        return any(pre in loop.members and post in loop.members for loop in self.loops)

    def set_params(self, name: str, changed: dict[str, Any]) -> None:
        """Give the cells of a population other parameters: each as many as it had."""
        population = self.network.populations[name]
        own = population.neurons
        neurons = replace(own, n=own.shape, params={**own.params, **changed})
        self.network.populations[name] = replace(population, neurons=neurons)
        self.cells = cells_of(self.network)
        for built in self._builts:
            built.populations[self.names.index(name)].set_params(changed, further=True)

    def by_parameter(self, totals: Gradients, name: str, what: str, own: slice) -> np.ndarray:
        """By a parameter of the cells ``own``: the chain from rates and lifts to time constants."""
        params, cells = self.network.populations[name].neurons.params, self.cells
        if what == "v_th":
            return totals.v_th[own]
        if what == "i_ext":
            leaky = "tau_m" in params
            return totals.v_inf[own] * params["r_m"] if leaky else totals.drift[own] / params["c_m"]
        if what == "tau_m":
            by_rate = totals.rate_m[own] + params["r_m"] * totals.lift[own]
            return -(cells.rate_m[own] ** 2) * by_rate
        port = int(what == "tau_syn_inh")
        return -(cells.rate[own, port] ** 2) * totals.rate[own, port]

    def pieces(self, order: np.ndarray) -> list[np.ndarray]:
        """A batch in chunks."""
        return [piece for piece in np.array_split(order, self.chunks) if piece.size]

    def _map(self, work: Callable, jobs: Sequence[tuple]) -> list[Any]:
        """The work of all jobs, in their order; job k is done by a thread of its own runner."""
        n = len(self._runners)
        if self._pool is None:
            return [work(self._runners[0], *job) for job in jobs]
        found: list[Any] = [None] * len(jobs)

        def several(runner: int) -> None:
            for k in range(runner, len(jobs), n):
                found[k] = work(self._runners[runner], *jobs[k])

        for done in [self._pool.submit(several, r) for r in range(min(n, len(jobs)))]:
            done.result()
        return found

    def forward(
        self, given: GivenSpikes, order: np.ndarray, learning: bool = True
    ) -> list[Record]:  # fmt: skip
        """The spikes of some samples, chunk by chunk, whether learning follows or not."""
        return self._map(lambda runner, piece: runner.run(given, piece),
                         [(piece,) for piece in self.pieces(order)])  # fmt: skip

    def read(
        self, records: Sequence[Record], name: str, kind: int, per_decay: float
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(values, peaks), chunk by chunk, of a population of leaky integrators."""
        p = self.names.index(name)
        members, n = np.array([p], np.int64), self.network.populations[name].n

        def work(_: Runner, record: Record) -> tuple[np.ndarray, np.ndarray]:
            size = self._size(record)
            values, peaks = np.zeros((size, n)), np.zeros((size, n))
            read(
                self.graph, self.cells, record, self._room(record, members), members, size,
                self.duration, kind, per_decay, values, peaks,
            )  # fmt: skip
            return values, peaks

        return self._map(work, [(record,) for record in records])

    def backward(
        self, records: Sequence[Record], drives: Sequence[np.ndarray],
        pushes: Sequence[np.ndarray] | None = None,
        pulls: Sequence[Mapping[str, Pull]] | None = None,
        wishes: Sequence[Mapping[str, np.ndarray]] | None = None,
    ) -> Gradients:  # fmt: skip
        """The gradient, from what the loss wants of each chunk.

        Parameters
        ----------
        drives : list of float64 (spikes,)
            dL/dt of every spike; they take what comes back, so that those of the input's spikes
            hold dL/dt of the inputs afterwards.
        pushes : list of float64 (spikes,), optional
            Added to dL/dv at every spike: a heuristic, see `RateTarget`.
        pulls : list of dict of population to Pull, optional
        wishes : see `GridGradient.backward`; here pushes stand for them
        """
        pushes = [np.zeros_like(drive) for drive in drives] if pushes is None else pushes
        pulls = [{}] * len(records) if pulls is None else pulls
        parts = self._map(self._back, list(zip(records, drives, pushes, pulls, strict=True)))
        return Gradients(*(sum(columns[1:], columns[0]) for columns in zip(*parts, strict=True)))

    def _size(self, record: Record) -> int:
        return (record.starts.size - 1) // len(self.names)

    def _room(self, record: Record, members: np.ndarray) -> Arrivals:
        """Room for the arrivals of any sample at some populations."""
        room, spikes = most_arrivals(self.graph, record, members, self._size(record))
        n = self.cells.v0.size
        return Arrivals(
            np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((room, 3)),
            np.zeros(3 * room), np.zeros(room, np.int32), np.zeros(room),
            np.zeros((room, PORTS)), np.zeros(room), np.zeros((room, PORTS)),
            np.zeros((room, PORTS)), np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64),
            np.zeros(spikes, np.int64), np.zeros((spikes, PORTS)),
        )  # fmt: skip

    def _back(
        self, _: Runner, record: Record, drive: np.ndarray, push: np.ndarray,
        pulls: Mapping[str, Pull],
    ) -> Gradients:  # fmt: skip
        graph, cells, n = self.graph, self.cells, self.cells.v0.size
        totals, size = no_gradients(graph, cells), self._size(record)
        adjoint = Adjoint(
            np.zeros(n), np.zeros(n), np.zeros(n), np.zeros((n, PORTS)), np.zeros(n, np.uint8)
        )
        for loop in self.loops:
            name = self.names[loop.members[0]]
            population = self.network.populations[name]
            if is_readout(population):
                if name in pulls:
                    pull(
                        graph, cells, record, self._room(record, loop.members), drive, totals,
                        loop.members, size, self.duration, *pulls[name],
                    )  # fmt: skip
            elif not population.is_source:
                backward(
                    graph, cells, record, self._room(record, loop.members), adjoint, drive, totals,
                    loop.members, loop.window, size, self.duration, self.least_slope, push,
                    self.of_cells,
                )  # fmt: skip
        return totals


def no_gradients(graph: Graph, cells: Cells) -> Gradients:
    """Zeros."""
    like = {**graph._asdict(), **cells._asdict()}
    return Gradients(*(np.zeros_like(like[name]) for name in Gradients._fields))
