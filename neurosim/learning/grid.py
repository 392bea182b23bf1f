"""What is the gradient of a batch on a grid? Steps forward, kept, and back again."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..connectivity.delays import to_steps, to_times
from ..errors import BuildError, ParameterError
from ..models.base import Neurons
from ..network import Network
from .graph import check_plain, graph_of, loops_of
from .gridcells import GridCells
from .readout import PEAK
from .surrogate import SurrogateGradient
from .tables import PORTS, GivenSpikes, Gradients, Pull, Record
from .taps import Taps, deliver, deliver_back, taps_of

_MOST_STEPS = 1_000_000
_AT_ONCE = 4_000_000  # neurons times steps times samples of a chunk where nothing learns


class Tape:
    """What is kept of the samples of a chunk for the way back.

    Attributes
    ----------
    states : dict of population to float64 (steps + 1, variables, samples * n)
    inputs : dict of population to float64 (steps, ports, samples * n)
    fired : dict of population to uint8 (steps, samples * n)    how often
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.states: dict[int, np.ndarray] = {}
        self.inputs: dict[int, np.ndarray] = {}
        self.fired: dict[int, np.ndarray] = {}

    def forget(self, unread: set[int]) -> None:
        """Keep spikes, and the potentials of those that are read, as nobody goes back."""
        self.inputs = {}
        self.states = {k: s[:, :1].copy() for k, s in self.states.items() if k not in unread}


class GridGradient:
    """The surrogate gradient of a loss; it takes the place of an `ExactGradient`.

    Parameters
    ----------
    network : Network
    duration : float            length of a sample [ms]
    method : SurrogateGradient
    threads, chunks, least_slope : see `ExactGradient`

    Raises
    ------
    BuildError
        Sources that are no SpikeSource, noise currents, or delays of zero in a cycle.
    """

    learns_cells = of_cells = False

    def __init__(
        self, network: Network, duration: float, method: SurrogateGradient, *, threads: int = 1,
        chunks: int = 4, least_slope: float = 1e-3,
    ) -> None:  # fmt: skip
        _check(network, method.dt)
        self.network, self.duration, self.method = network.copy(), duration, method
        self.dt, self.least_back = method.dt, method.dt
        if not duration / self.dt <= _MOST_STEPS:
            raise ParameterError(
                f"SurrogateGradient.dt must be >= {duration / _MOST_STEPS:g}, for at most "
                f"{_MOST_STEPS} steps of a sample, got {self.dt:g}"
            )
        self.n_steps = int(np.ceil(duration / self.dt - 1e-9))
        self.graph = graph_of(self.network)
        self.names, self.chunks = list(network.populations), chunks
        self.cells = {
            k: GridCells(p, network.seed, self.dt, method.reach)
            for k, p in enumerate(network.populations.values())
            if not p.is_source
        }
        self.least_slope = {k: least_slope * c.reach for k, c in self.cells.items()}
        self.span = np.concatenate([
            np.full(p.n, self.cells[k].span if k in self.cells else 0.0)
            for k, p in enumerate(network.populations.values())
        ])  # fmt: skip
        self._pool = ThreadPoolExecutor(min(threads, chunks)) if threads > 1 else None
        self._tapes: list[Tape] = []
        self.begin_epoch(0)
        self.changed()
        self._check_loops()

    def _check_loops(self) -> None:
        """Refuse what the clock engine would refuse.

        Raises
        ------
        BuildError
        """
        for j, name in enumerate(self.network.projections):
            row = self.graph.rows[j]
            own = slice(self.graph.starts[row], self.graph.starts[row + self._n(self.graph.pre[j])])
            shortest = self.graph.delays[own].min(initial=np.inf)
            if self.leads_back(j) and shortest < self.dt * (1 - 1e-9):
                raise BuildError(
                    f"Projection {name!r}.delay must be >= dt = {self.dt:g} ms, as its spikes can "
                    f"come back, got {shortest:g}; take longer delays or a smaller dt"
                )

    def begin_epoch(self, epoch: int) -> None:
        """Narrow the taps."""
        self.width = min(self.method.width_at(epoch), float(self.n_steps))

    def changed(self) -> None:
        """Weights or delays have been changed."""
        loops = loops_of(self.network, self.graph)
        order = [int(m) for loop in loops for m in loop.members][::-1]
        self.order = order
        place = {m: k for k, m in enumerate(order)}
        pairs = list(zip(self.graph.pre.tolist(), self.graph.post.tolist(), strict=True))
        self.least = np.array([int(place[pre] >= place[post]) for pre, post in pairs], np.int64)
        self.outgoing: dict[int, list[int]] = {m: [] for m in order}
        for j, (pre, _) in enumerate(pairs):
            self.outgoing[pre].append(j)

    def leads_back(self, projection: int) -> bool:
        """Can what a projection causes come back to its source?"""
        return bool(self.least[projection])

    # ------------------------------------------------------------------ forward

    def _map(self, work: Callable, jobs: Sequence[tuple]) -> list[Any]:
        if self._pool is None:
            return [work(*job) for job in jobs]
        return list(self._pool.map(lambda job: work(*job), jobs))

    def _taps(self, width: float) -> Taps:
        graph = self.graph
        ends = [graph.starts[graph.rows[j] + self._n(graph.pre[j])] for j in range(graph.pre.size)]
        return taps_of(graph.delays, np.array(ends, np.int64), self.least, self.dt, width)

    def _n(self, k: int) -> int:
        return int(self.graph.firsts[k + 1] - self.graph.firsts[k])

    def forward(
        self, given: GivenSpikes, order: np.ndarray, learning: bool = True
    ) -> list[Record]:  # fmt: skip
        """The spikes of some samples, chunk by chunk; delays on the grid, where nothing learns."""
        self._used, n = self._taps(self.width if learning else 0.0), self.chunks
        if not learning:  # nothing has to be kept, so memory can be bounded
            size = self.n_steps * self.network.n_neurons
            n = max(n, -(-order.size // max(1, _AT_ONCE // size)))
        pieces = [piece for piece in np.array_split(order, n) if piece.size]
        self._tapes = self._map(
            lambda piece: self._run(given, piece, learning), [(p,) for p in pieces]
        )
        return [self._record(tape) for tape in self._tapes]

    def _run(self, given: GivenSpikes, piece: np.ndarray, learning: bool) -> Tape:
        tape, samples, steps = Tape(piece.size), piece.size, self.n_steps
        for k, name in enumerate(self.names):
            size = samples * self._n(k)
            tape.fired[k] = np.zeros((steps, size), np.uint8 if k in self.cells else np.int32)
            if k not in self.cells:
                self._bin(given, k, piece, tape.fired[k])
                continue
            cells = self.cells[k]
            ports = len(self.network.populations[name].ports)
            tape.inputs[k] = np.zeros((steps, max(ports, 1), size))
            tape.states[k] = np.empty((steps + 1, len(cells.initial), size))
            tape.states[k][0] = np.tile(cells.initial, samples)
        for step in range(steps):
            for k in self.order:
                if k in self.cells:
                    states, fired = tape.states[k], tape.fired[k][step]
                    states[step + 1] = self.cells[k].step(
                        step, states[step], tape.inputs[k][step], fired, samples
                    )
                for j in self.outgoing[k] if tape.fired[k][step].any() else ():
                    inputs = tape.inputs[int(self.graph.post[j])]
                    deliver(self.graph, self._used, j, tape.fired[k][step], step, inputs)
        if not learning:
            tape.forget({k for k in self.cells if self.cells[k].model.fires is not None})
        return tape

    def _bin(self, given: GivenSpikes, k: int, piece: np.ndarray, fired: np.ndarray) -> None:
        """The spikes of a source, on the grid."""
        n = self._n(k)
        for sample, number in enumerate(piece):
            own = slice(given.starts[k, number], given.starts[k, number + 1])
            steps = to_steps(given.times[own], self.dt)
            inside = steps < self.n_steps
            np.add.at(fired, (steps[inside], sample * n + given.ids[own][inside]), 1)

    def _record(self, tape: Tape) -> Record:
        """The spikes as the losses read them."""
        times, ids, starts = [np.zeros(0)], [np.zeros(0, np.int32)], [0]
        found = {}
        for k in range(len(self.names)):
            shape = (self.n_steps, tape.samples, self._n(k))
            found[k] = np.swapaxes(tape.fired[k].reshape(shape), 0, 1)
        for sample in range(tape.samples):
            for k in range(len(self.names)):
                steps, neurons = np.nonzero(found[k][sample])
                counts = found[k][sample][steps, neurons]
                times.append(np.repeat(to_times(steps, self.dt), counts))
                ids.append(np.repeat(neurons.astype(np.int32), counts))
                starts.append(starts[-1] + ids[-1].size)
        times_, ids_ = np.concatenate(times), np.concatenate(ids)
        return Record(times_, ids_, np.zeros((times_.size, PORTS)), np.array(starts, np.int64))

    def read(
        self, records: Sequence[Record], name: str, kind: int, per_decay: float
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(values, peaks), chunk by chunk, of a population of leaky integrators."""
        k, found = self.names.index(name), []
        t = np.arange(self.n_steps) * self.dt
        for tape in self._tapes:
            v = tape.states[k][1:, 0].reshape(self.n_steps, tape.samples, -1)
            if kind == PEAK:
                found.append((v.max(axis=0), t[v.argmax(axis=0)]))
            else:
                weights = self.dt * np.exp(-t * per_decay)
                found.append(((v * weights[:, None, None]).sum(axis=0), np.zeros(v.shape[1:])))
        return found

    # ------------------------------------------------------------------ back

    def backward(
        self, records: Sequence[Record], drives: Sequence[np.ndarray],
        pushes: Sequence[np.ndarray], pulls: Sequence[Mapping[str, Pull]],
        wishes: Sequence[Mapping[str, np.ndarray]],
    ) -> Gradients:  # fmt: skip
        """The gradient, from what the loss wants of each chunk; see `ExactGradient.backward`.

        Parameters
        ----------
        wishes : list of dict of population to float64 (samples, n)
            dL by the number of spikes; pushes, which stand for it elsewhere, are not used.
        """
        jobs = list(zip(self._tapes, records, drives, pulls, wishes, strict=True))
        parts = self._map(self._back, jobs)
        weights, delays = (sum(p[k] for p in parts[1:]) + parts[0][k] for k in range(2))
        return Gradients(weights, delays, *(np.zeros(0) for _ in Gradients._fields[2:]))

    def _back(
        self, tape: Tape, record: Record, drive: np.ndarray, pulls: Mapping[str, Pull],
        wishes: Mapping[str, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        graph, samples = self.graph, tape.samples
        weights, delays = np.zeros(graph.weights.size), np.zeros(graph.delays.size)
        driven = self._driven(tape, record, drive)
        wanted = {self.names.index(name): self._wanted(pull) for name, pull in pulls.items()}
        gradients = {k: np.zeros(tape.states[k].shape[1:]) for k in self.cells}
        nothing = {k: np.zeros(tape.fired[k].shape[1]) for k in range(len(self.names))}
        hoped = {self.names.index(name): wish.ravel() for name, wish in wishes.items()}
        for step in range(self.n_steps - 1, -1, -1):
            for k in reversed(self.order):
                fired, cells = tape.fired[k][step], self.cells.get(k)
                by_spike, leans = hoped.get(k, nothing[k]).copy(), nothing[k]
                if cells is not None:
                    if k in wanted:
                        gradients[k][0] += wanted[k](step)
                    inputs, before = tape.inputs[k][step], tape.states[k][step]
                    back = cells.back(step, before, inputs, fired, samples)
                    leans = back.leans
                for j in self.outgoing[k]:
                    later = tape.inputs[int(graph.post[j])]  # derivatives, where we have been
                    deliver_back(
                        graph, self._used, j, fired, leans, step, later, by_spike, weights, delays
                    )
                if cells is not None:
                    push = nothing[k]
                    if k in driven:
                        slope = (back.reached[0] - before[0]) / self.dt
                        push = -driven[k][step] / np.maximum(slope, self.least_slope[k])
                    by_inputs = np.empty_like(inputs)
                    back.pull(gradients[k], by_inputs, by_spike, push)
                    inputs[:] = by_inputs
        return weights, delays

    def _wanted(self, pull: Pull) -> Callable[[int], np.ndarray]:
        """dL by the potential at a step."""
        if pull.kind == PEAK:
            at = to_steps(pull.peaks, self.dt)
            return lambda step: np.where(at == step, pull.wanted, 0.0).ravel()
        flat = pull.wanted.ravel() * self.dt
        return lambda step: flat * np.exp(-step * self.dt * pull.per_decay)

    def _driven(self, tape: Tape, record: Record, drive: np.ndarray) -> dict[int, np.ndarray]:
        """dL/dt of spikes, on the grid, of the populations where there is any."""
        found, populations = {}, len(self.names)
        for sample in range(tape.samples):
            for k in self.cells:
                cell = sample * populations + k
                own = slice(record.starts[cell], record.starts[cell + 1])
                if drive[own].any():
                    made = found.setdefault(k, np.zeros(tape.fired[k].shape))
                    steps = to_steps(record.times[own], self.dt)
                    made[steps, sample * self._n(k) + record.ids[own]] = drive[own]
        return found


def _check(network: Network, dt: float) -> None:
    """Refuse what has no gradient on a grid.

    Raises
    ------
    BuildError
    """
    check_plain(network)
    for p in network.populations.values():
        if p.is_source and p.kind != "SpikeSource":
            raise BuildError(
                f"Population {p.name!r} must be a SpikeSource to learn from, got {p.kind}; "
                "draw its spikes beforehand, and give them as a part of the samples"
            )
        if not p.is_source and not isinstance(p.neurons, Neurons):
            raise BuildError(f"Population {p.name!r} must be neurons of a model, got {p.kind}")
    if network.time == "steps" and dt != 1.0:
        raise BuildError(f"SurrogateGradient.dt must be 1 with time='steps', got {dt:g}")
    if network.stimuli:
        raise BuildError(
            f"Network must have no stimuli to learn on a grid, got {list(network.stimuli)}"
        )
