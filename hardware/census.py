"""What happened, in integers? Counts per core and per projection, from a spike raster.

A pure function of the raster, binned by the one rounding function of the package, so it
is the same from any engine or from an imported recording. Prices come later: one census
can be priced again and again.

* Tick ``n`` holds the spikes with ``n * tick <= t < (n + 1) * tick``.
* A spike of tick ``n`` reaches a synapse of delay ``d`` ticks in tick ``n + d``; that is one
  synaptic operation, if the run has such a tick. Zero weights are not counted. Synapses are
  those of the network's description, whatever a simulator has set since.
* A neuron is *active* in a tick with at least one arrival or spike of its own, else *idle*.
* A *message* is a spike of a placed neuron to one distinct target core (two, where the chip
  needs a row for each sign); spikes of sources come from outside and are counted apart, and
  so are spikes without any synapse. *Hops* are XY distances of messages between tiles.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError

from .arrivals import count_arrivals
from .counts import (
    MOST_STEP_COUNTS,
    Census,
    InferenceCounts,
    PopulationCounts,
    ProjectionCounts,
    StepCounts,
)
from .mapping import Mapping
from .rasters import n_ticks, raster_of
from .routes import busiest_links, count_messages, grid_of, has_links
from .walls import cyclic, kinds_of
from .wiring import Wiring, distinct

if TYPE_CHECKING:
    from neurosim.network import Network

_MS = 1e-3
_WINDOW_BYTES = 32_000_000


def _traffic(mapping: Mapping, emitted: np.ndarray) -> tuple[dict[str, int], dict]:
    """Messages, hops and axon events from the spikes of each neuron."""
    totals = np.zeros(7, np.int64)
    axons_in = np.zeros(mapping.n_cores, np.int64)
    axons_out = np.zeros(mapping.n_cores, np.int64)
    count_messages(
        emitted,
        mapping.target_starts,
        mapping.targets,
        mapping.core_of,
        mapping.positions(),
        grid_of(mapping),
        totals,
        (axons_in, axons_out),
    )
    names = ("messages", "external", "hops_x", "hops_y", "intra_tile", "chip_crossings")
    names += ("busiest_link",)
    counts = dict(zip(names, totals.tolist(), strict=True))
    counts["without_target"] = int(emitted[np.diff(mapping.target_starts) == 0].sum())
    return counts, {"axons_in": axons_in, "axons_out": axons_out}


def _window(n_neurons: int, longest: int, n_steps: int) -> int:
    """Ticks counted at once: a few delays long, within a bound on memory."""
    most = max(1, _WINDOW_BYTES // max(1, n_neurons))
    return max(1, min(n_steps, most, max(64, 2 * (longest + 1))))


def _arrivals(
    mapping: Mapping, tick: np.ndarray, neuron: np.ndarray, n_steps: int
) -> tuple[np.ndarray, np.ndarray, StepCounts | None, np.ndarray]:
    """Active ticks per neuron, synops per projection and core, counts per tick."""
    wiring, n_cores = mapping.wiring, mapping.n_cores
    keep = n_steps * max(1, n_cores) <= MOST_STEP_COUNTS
    kept_steps = n_steps if keep else 0
    active = np.zeros(wiring.n_neurons, np.int64)
    per_projection = np.zeros(len(wiring.projections), np.int64)
    per_core = np.zeros(n_cores, np.int64)
    per_step = np.zeros((3, kept_steps, n_cores), np.int32)
    longest = int(wiring.delay.max(initial=0))
    width = _window(wiring.n_neurons, longest, n_steps)
    seen = np.empty((width, wiring.n_neurons), np.uint8)
    for start in range(0, n_steps, width):
        stop = min(start + width, n_steps)
        # Older spikes have all arrived before this window.
        low, high = np.searchsorted(tick, [start - longest, stop])
        if low == high:
            continue
        seen[: stop - start] = 0
        count_arrivals(
            tick[low:high],
            neuron[low:high],
            (wiring.indptr, wiring.post, wiring.delay, wiring.projection, mapping.core_of),
            (start, stop),
            seen,
            active,
            (per_projection, per_core),
            per_step,
        )
    steps = None
    if keep:
        each = np.maximum(1, np.diff(mapping.target_starts))[neuron]
        events = np.bincount(tick, weights=each, minlength=n_steps).astype(np.int64)
        synops, busy, spikes = per_step
        links = np.zeros(n_steps, np.int64)
        if has_links(mapping):
            busiest_links(
                tick,
                neuron,
                mapping.target_starts,
                mapping.targets,
                mapping.core_of,
                mapping.positions(),
                grid_of(mapping),
                links,
            )
        steps = StepCounts(synops=synops, active=busy, spikes=spikes, events=events, links=links)
    return active, per_projection, steps, per_core


def census(
    network: "Network",
    mapping: Mapping,
    spikes: dict[str, Any],
    *,
    duration: float,
    tick: float | None = None,
    t_start: float = 0.0,
    n_inferences: int = 1,
) -> Census:
    """Count spikes, synaptic operations, updates, messages and hops of a run.

    Parameters
    ----------
    network : Network               the one that was mapped
    mapping : Mapping               where its neurons are
    spikes : dict                   population -> ``.times`` [ms or steps] and ``.ids``, or a
                                    pair of arrays; every population, sources too
    duration : float                [ms], or steps
    tick : float, optional          [ms]; the mapping's tick, which it must equal
    t_start : float                 time of the beginning of the raster [ms or steps]
    n_inferences : int              how many inferences the run holds

    Returns
    -------
    Census

    Raises
    ------
    ParameterError
        A population without spikes, ids or times outside of the run, or another tick.

    Examples
    --------
    >>> import neurosim as ns
    >>> from neurosim.hardware import census, map_network
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(2), "a"), net.add(ns.LIF(3), "b")
    >>> _ = net.connect(a, b, weight=1.0)
    >>> raster = {"a": ([1.0, 4.0], [0, 1]), "b": ([4.0], [2])}
    >>> c = census(net, map_network(net, "loihi"), raster, duration=10.0)
    >>> (c.spikes, c.synops, c.active, c.idle, c.external)
    (1, 6, 6, 24, 2)
    """
    wiring = mapping.wiring
    _check_belongs(network, wiring, tick)
    duration = checks.number("census", "duration", duration, above=0)
    n_steps = n_ticks(duration, wiring.tick)
    when, who = raster_of(wiring, spikes, duration, t_start)
    emitted = np.bincount(who, minlength=wiring.n_total).astype(np.int64)
    active, per_projection, steps, core_synops = _arrivals(mapping, when, who, n_steps)
    idle = n_steps - active
    totals, axons = _traffic(mapping, emitted)
    n, firing = wiring.n_neurons, _firing(wiring, when, who)
    return Census(
        n_steps=n_steps,
        tick_s=None if wiring.time == "steps" else wiring.tick * _MS,
        n_inferences=checks.integer("census", "n_inferences", n_inferences, low=1),
        n_cores=mapping.n_cores,
        n_chips=mapping.n_chips,
        spikes=int(emitted[:n].sum()),
        source_spikes=int(emitted[n:].sum()),
        synops=int(per_projection.sum()),
        active=int(active.sum()),
        idle=int(idle.sum()),
        cores={"synops": core_synops} | axons | _on_cores(mapping, emitted[:n], active, idle),
        populations=_populations(wiring, emitted, active, idle, firing),
        # Only chips that count cycles by the parts of a network ask for them.
        inference=None if mapping.chip.time.cycles == "events" else _inference(wiring, firing),
        projections=_projections(wiring, per_projection),
        steps=steps,
        recurrent=bool(cyclic(wiring)),
        **totals,
    )


def _check_belongs(network: "Network", wiring: Wiring, tick: float | None) -> None:
    named = wiring.projections[:-1] if wiring.repeats.size else wiring.projections
    if tuple(network.projections) != named:
        raise ParameterError("census.network must be the network of the mapping")
    if tick is not None and tick != wiring.tick:
        raise ParameterError(
            f"census.tick must be the tick of the mapping, {wiring.tick:g}, got {tick:g}; "
            "map the network with that tick"
        )


def _on_cores(
    mapping: Mapping, spikes: np.ndarray, active: np.ndarray, idle: np.ndarray
) -> dict[str, np.ndarray]:
    """Sums per core of counts per neuron."""
    ones = np.ones_like(active)
    sums = {}
    for name, values in zip(
        ("neurons", "spikes", "active", "idle"), (ones, spikes, active, idle), strict=True
    ):
        sums[name] = np.zeros(mapping.n_cores, np.int64)
        np.add.at(sums[name], mapping.core_of, values)
    return sums


def _firing(wiring: Wiring, tick: np.ndarray, neuron: np.ndarray) -> np.ndarray:
    """Ticks in which each neuron and source fires, once or more often: int64[n_total]."""
    pairs = distinct(tick * np.int64(max(1, wiring.n_total)) + neuron)
    return np.bincount(pairs % max(1, wiring.n_total), minlength=wiring.n_total)


def _inference(wiring: Wiring, firing: np.ndarray) -> InferenceCounts:
    kinds = kinds_of(wiring)
    hidden, source = kinds == 0, kinds == 1
    inside = hidden[wiring.pre] & hidden[wiring.post]
    onto_output = hidden[wiring.pre] & (kinds[wiring.post] == 2)
    return InferenceCounts(
        n_in=int(source.sum()),
        n_hidden=int(hidden.sum()),
        n_out=int((kinds == 2).sum()),
        hidden_synapses=int(inside.sum()),
        input_targets=int(distinct(wiring.post[source[wiring.pre]]).size),
        output_sources=int(distinct(wiring.pre[onto_output]).size),
        input_firing=int(firing[source].sum()),
        hidden_firing=int(firing[hidden].sum()),
    )


def _populations(
    wiring: Wiring,
    emitted: np.ndarray,
    active: np.ndarray,
    idle: np.ndarray,
    firing: np.ndarray,
) -> dict[str, PopulationCounts]:
    counts = {}
    for name, first in wiring.first.items():
        rows = slice(first, first + wiring.sizes[name])
        counts[name] = PopulationCounts(
            n=wiring.sizes[name],
            spikes=int(emitted[rows].sum()),
            active=int(active[rows].sum()),
            idle=int(idle[rows].sum()),
            firing=int(firing[rows].sum()),
        )
    return counts


def _projections(wiring: Wiring, synops: np.ndarray) -> dict[str, ProjectionCounts]:
    synapses = np.bincount(wiring.projection, minlength=len(wiring.projections))
    return {
        name: ProjectionCounts(
            synops=int(synops[k]),
            synapses=int(synapses[k]),
            macs=wiring.macs[name],
            kind=wiring.kinds[name],
        )
        for k, name in enumerate(wiring.projections)
    }
