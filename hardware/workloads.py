"""Which networks were measured on the chips? The published workloads, as networks to run.

Each builder makes a piece small enough to simulate; the census of the piece, scaled to the
published size, is what ``validation.py`` prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurosim.connectivity import AllToAll, FromArrays
from neurosim.models import IF, SpikeSource
from neurosim.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE_CORES = 4
_PIECE_MS = 2000.0
_EVENTS_PER_ROW = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A network to run for ``duration`` [ms]; the published one is ``scale`` times as large."""

    network: Network
    duration: float
    dt: float
    tick: float
    scale: float


def random_recurrent(parameters: Mapping[str, float], seed: int = 0) -> Piece:
    """Neurons that fire at a rate by themselves, each with synapses in one random core.

    The drive alone gives the rate (spikes per ms = i_ext / (c_m v_th)); recurrent weights
    are small and as often negative as positive, so they scatter the spikes in time and
    leave the mean rate. Every core receives exactly as many axons as it has neurons.
    """
    per_core = int(parameters["neurons_per_core"])
    cores = min(_PIECE_CORES, int(parameters["cores"]))
    fan, n = int(parameters["synapses_per_neuron"]), cores * per_core
    rng = np.random.default_rng(seed)
    network = Network(seed=seed)
    drive = parameters["rate"] * 1e-3
    neurons = IF(n, v_th=1.0, i_ext=drive, reset="subtract", v0=rng.random(n))
    population = network.add(neurons, "neurons")
    core = rng.permutation(n) // per_core
    chosen = np.stack([rng.permutation(per_core)[:fan] for _ in range(n)])
    sign = np.where(np.arange(n) % 2, -1.0, 1.0)
    delay = rng.integers(1, 16, n).astype(float)
    network.connect(
        population,
        population,
        FromArrays(np.repeat(np.arange(n), fan), (core[:, None] * per_core + chosen).ravel()),
        weight=np.repeat(sign / 64, fan),
        delay=np.repeat(delay, fan),
    )
    scale = parameters["cores"] / cores
    return Piece(network=network, duration=_PIECE_MS, dt=1.0, tick=1.0, scale=scale)


def sop_stream(parameters: Mapping[str, float], seed: int = 0) -> Piece:
    """A full crossbar whose rows get one event after the other, evenly spaced."""
    rows, columns = int(parameters["rows"]), int(parameters["columns"])
    gap = 1e3 * columns / parameters["synop_rate"]
    n_events = rows * _EVENTS_PER_ROW
    network = Network(seed=seed)
    events = np.arange(n_events)
    source = SpikeSource(rows, times=events * gap, ids=events % rows)
    inputs = network.add(source, "inputs")
    neurons = network.add(IF(columns, v_th=100.0), "neurons")
    network.connect(inputs, neurons, AllToAll(), weight=1.0)
    return Piece(network=network, duration=n_events * gap, dt=gap, tick=gap, scale=1.0)


BUILDERS: dict[str, "Callable[..., Piece]"] = {
    "random_recurrent": random_recurrent,
    "sop_stream": sop_stream,
}
