"""How much memory will a network need? From the description alone, before building."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import checks
from .connectivity.degrees import ConstantFanIn
from .connectivity.delays import to_steps
from .connectivity.distributions import Distribution
from .connectivity.edges import BLOCK
from .connectivity.packing import packing
from .connectivity.places import input_starts
from .connectivity.rules import FixedInDegree
from .connectivity.structured import NtoM
from .cycles import strong_components
from .errors import BuildError
from .models.base import DTYPES, Neurons
from .network import Network, Projection
from .synapses import has_kernel

_REAL = {"float32": 4, "float64": 8, "int32": 4}
_TARGET = 4  # a place in the input buffer, or a cell of place and weight
_CHUNK = 1000  # steps that a spike history holds beside the longest delay
# Of a synapse that learns: place, delay, id, where the id is, the id in the projection's order,
# and what is there while the store is made.
_LEARNING, _COLLECTED = 4 + 4 + 8 + 8 + 8, 100
_BY_TARGET = (FixedInDegree, ConstantFanIn, NtoM)  # rules whose synapses have scattered ids
_COUNT = 4  # of a segment, while it is not yet known where it begins
# Working memory per synapse of the block that is being made: id, source, target, cell, and
# what differs from synapse to synapse: delay [ms] and steps, exact and cast weight.
_MADE, _DELAYED, _WEIGHTED = 24, 20, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """What a simulation will need, in bytes, with expected sizes of random rules.

    Attributes
    ----------
    n_neurons, n_synapses : int        source channels are counted as neurons
    neurons : int                      states, parameters, input buffers, counts
    stores : int                       targets and weights of all synapses
    offsets : int                      where each (source, delay) segment of the stores begins
    histories : int                    spikes that may still arrive
    peak : int                         most that is in use at once, while building
    projections : dict of name to (synapses, bytes of their targets and weights)
    """

    n_neurons: int
    n_synapses: int
    neurons: int
    stores: int
    offsets: int
    histories: int
    peak: int
    projections: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def synapses(self) -> int:
        """Bytes of the synapse stores: targets, weights and offsets."""
        return self.stores + self.offsets

    @property
    def total(self) -> int:
        """Bytes of the built simulation."""
        return self.neurons + self.synapses + self.histories

    def __str__(self) -> str:
        rows = [
            (f"neurons ({self.n_neurons:,})", self.neurons),
            (f"synapses ({self.n_synapses:,})", self.stores),
            ("offsets", self.offsets),
            ("spike histories", self.histories),
            ("total", self.total),
            ("peak while building", self.peak),
        ]
        return "\n".join(f"{name:<32}{readable(n):>12}" for name, n in rows)


def readable(n: float) -> str:
    """Bytes in the unit that suits them.

    >>> readable(2.5e9)
    '2.50 GB'
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n:.0f} B"


@dataclass(frozen=True, slots=True)
class _Part:
    """One projection's share of a store."""

    name: str
    n: int
    steps: tuple[int, int]  # least and greatest delay
    weight: float | None  # None: weights differ
    many_delays: bool
    keeps_delays: bool  # one byte each, while building
    block: int  # synapses that are made at once


def estimate_memory(
    network: Network,
    *,
    dt: float = 0.1,
    dtype: str = "float32",
    threads: int = 1,
    packed: bool = False,
    learning: Sequence[str] = (),
) -> MemoryEstimate:
    """Estimate the memory of a simulation from the network's description.

    Nothing is drawn or built; where a rule is random its expected number of synapses
    counts. Compiled code and the Python process itself are not included. ``packed`` is for
    weights that share a word with their targets, ``learning`` names projections that learn.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> exc = net.add(ns.LIF(10_000, tau_m=20.0), "exc")
    >>> _ = net.connect(exc, exc, ns.FixedProbability(0.1), weight=0.1, delay=1.5)
    >>> from neurosim.estimate import estimate_memory
    >>> estimate = estimate_memory(net)
    >>> estimate.n_synapses, estimate.stores
    (10000000, 40000004)
    """
    checks.choice("estimate_memory", "dtype", dtype, DTYPES)
    threads = checks.integer("estimate_memory", "threads", threads, low=1)
    dt = 1.0 if network.time == "steps" else checks.number("estimate_memory", "dt", dt, above=0)
    real = _REAL[dtype]
    neurons = sum(_population_bytes(p.neurons, real) for p in network.populations.values())
    stores = offsets = peak = longest = 0
    projections: dict[str, tuple[int, int]] = {}
    for (_, pre), members in _stores_of(network).items():
        kernels = [name for name in members if has_kernel(network.projections[name], learning)]
        for name in kernels:
            n, size, most = _kernel(network.projections[name], dt, real, threads)
            projections[name] = n, size
            stores, longest = stores + size, max(longest, most)
        members = [name for name in members if name not in kernels]
        parts = [_part(network.projections[name], dt) for name in members]
        parts = [p for p in parts if p.n]
        if not parts:
            continue
        n = sum(p.n for p in parts)
        same = len({p.weight for p in parts}) == 1 and parts[0].weight is not None
        in_cells = packed and _fits(network, members, dtype)
        per_synapse = _TARGET + (0 if same or in_cells else real)
        projections |= {p.name: (p.n, p.n * per_synapse) for p in parts}
        most = max(p.steps[1] for p in parts)
        segments = network.populations[pre].n * (most - min(p.steps[0] for p in parts) + 1)
        added = 8 * (segments + 1) * threads
        store = n * per_synapse + (real if same or in_cells else 0)
        learns = any(p.name in learning for p in parts)
        if learns:
            store, added = n * (_LEARNING + real), 16 * network.populations[pre].n * threads
            projections |= {p.name: (p.n, p.n * (_LEARNING + real)) for p in parts}
        kept = sum(p.n for p in parts if p.keeps_delays)
        counting = _COUNT * segments * threads
        working = kept + added + max(store + _block(parts), counting)
        if learns:
            working = store + added + n * _COLLECTED
        peak = max(peak, stores + offsets + working)
        stores, offsets, longest = stores + store, offsets + added, max(longest, most)
    histories = sum(
        threads * 8 * (longest + _CHUNK + 1) + 4 * (2 * p.n + 16 * threads)
        for p in network.populations.values()
    )
    return MemoryEstimate(
        n_neurons=network.n_neurons,
        n_synapses=sum(n for n, _ in projections.values()),
        neurons=neurons, stores=stores, offsets=offsets, histories=histories,
        peak=max(peak + neurons, stores + offsets + histories + neurons),
        projections=projections,
    )  # fmt: skip


def _population_bytes(neurons: Any, real: int) -> int:
    """Counts; and for neurons state (present, initial), flags, buffers and parameters."""
    n = neurons.n
    if not isinstance(neurons, Neurons):
        return 8 * n
    arrays = sum(1 for value in neurons.params.values() if np.ndim(value))
    model = neurons.model
    return n * (8 + 1 + real * (2 * len(model.state) + len(model.ports) + arrays))


def _stores_of(network: Network) -> dict[tuple[int, str], list[str]]:
    """Projections by (group of the target, source): a store each, in order of building.

    A group is a strongly connected part of the network.
    """
    index = {name: k for k, name in enumerate(network.populations)}
    ends = [(index[p.pre.name], index[p.post.name]) for p in network.projections.values()]
    parts = strong_components(len(index), ends)
    group = {member: k for k, members in enumerate(parts) for member in members}
    found: dict[tuple[int, str], list[str]] = {}
    for p in network.projections.values():
        found.setdefault((group[index[p.post.name]], p.pre.name), []).append(p.name)
    return found


def _kernel(p: Projection, dt: float, real: int, threads: int) -> tuple[int, int, int]:
    """(synapses, bytes, longest delay in steps) of a projection with a kernel."""
    taps = p.rule.taps
    weights = taps.channels[0] * taps.channels[1] // taps.groups
    weights *= math.prod(p.rule.kernel.shape[2:])
    size = weights * real + threads * taps.plan().nbytes + 4 * np.size(p.delay)
    return int(taps.counts().sum()), size, int(to_steps(np.max(p.delay), dt))


def _part(p: Projection, dt: float) -> _Part:
    n = round(p.rule.expected_size(p.pre.n, p.post.n, p.pre is p.post))
    delay, weight = p.delay, p.weight
    if isinstance(delay, Distribution):
        low, high = delay.typical_range(n)
    else:
        low, high = np.min(delay, initial=np.inf), np.max(delay, initial=0.0)
        low = min(low, high)
    steps = int(to_steps(max(0.0, low), dt)), int(to_steps(max(0.0, high), dt))
    value = None
    if not isinstance(weight, Distribution) and np.size(weight) and np.ptp(weight) == 0:
        value = float(np.ravel(weight)[0])
    many_delays = isinstance(delay, Distribution) or np.ndim(delay) > 0
    keeps = many_delays and steps[1] < 256 and not isinstance(p.rule, _BY_TARGET)
    block = min(n, max(BLOCK, n // p.pre.n))
    return _Part(p.name, n, steps, value, many_delays, keeps, block)


def _fits(network: Network, members: list[str], dtype: str) -> bool:
    """Can cells hold the places of the targets of these projections?"""
    sizes = [len(p.ports) * p.n for p in network.populations.values()]
    begins = dict(zip(network.populations, input_starts(sizes)[:-1].tolist(), strict=True))
    posts = [network.projections[name].post for name in members]
    ends = [begins[p.name] + len(p.ports) * p.n for p in posts]
    return packing(min(begins[p.name] for p in posts), max(ends), 1.0, dtype) is not None


def _block(parts: list[_Part]) -> int:
    """Bytes of the largest block of synapses that is made at once."""
    return max(
        p.block * (_MADE + p.many_delays * _DELAYED + (p.weight is None) * _WEIGHTED) for p in parts
    )


def available_memory() -> int | None:
    """Bytes that the system can still give to a process, or None where it does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except OSError:  # no Linux
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):  # Windows, macOS
        return None


def check_memory(estimate: MemoryEstimate, available: int | None) -> None:
    """Refuse a network that does not fit; accept it where ``available`` is unknown (None).

    Raises
    ------
    BuildError
        With the need, what there is, the largest projection, and remedies.
    """
    if available is None or estimate.peak <= available:
        return
    largest = ""
    if estimate.projections:
        name, (n, size) = max(estimate.projections.items(), key=lambda item: item[1])
        largest = f"; the largest projection is {name!r} with {n:,} synapses ({readable(size)})"
    raise BuildError(
        f"Network needs about {readable(estimate.peak)} of memory to build and "
        f"{readable(estimate.total)} to run, but {readable(available)} are available{largest}; "
        "use fewer synapses, one constant weight per source population, dtype='float32', "
        "fewer distinct delays, or raise the limit with max_memory=..."
    )
