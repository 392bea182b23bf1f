"""What does a census hold? Exact integers, per core, population, projection and tick."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Per-tick counts of every core are kept up to this many numbers; beyond, only sums are.
MOST_STEP_COUNTS = 4_000_000
# What adds up over runs; the rest describes the mapping.
_SUMS = ("n_steps", "n_inferences", "spikes", "source_spikes", "synops", "active", "idle")
_SUMS += ("messages", "external", "without_target", "hops_x", "hops_y", "intra_tile")
_SUMS += ("chip_crossings", "busiest_link")


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationCounts:
    """Counts of one population; a source has only spikes.

    ``firing`` are its pairs of a neuron and a tick with one spike or more.
    """

    n: int
    spikes: int
    active: int
    idle: int
    firing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionCounts:
    """Counts of one projection; ``macs`` are its synapses, zero weights included.

    ``kind`` is "conv", "dense" or "sparse": the format in which a chip would store it.
    """

    synops: int
    synapses: int
    macs: int
    kind: str = "dense"


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCounts:
    """The network as inputs, hidden neurons and outputs; ``firing`` as in PopulationCounts."""

    n_in: int
    n_hidden: int
    n_out: int
    hidden_synapses: int
    input_targets: int
    output_sources: int
    input_firing: int
    hidden_firing: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepCounts:
    """Counts per tick and core, int32[n_steps, n_cores]; the slowest core sets the step.

    ``events``, int64[n_steps], are the chip's: see :attr:`Census.events`; ``links``,
    int64[n_steps], is the load of the busiest link.
    """

    synops: np.ndarray
    active: np.ndarray
    spikes: np.ndarray
    events: np.ndarray
    links: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Census:
    """Exact counts of a run on a mapping.

    Attributes
    ----------
    n_steps : int                   ticks
    tick_s : float or None          seconds per tick; None for a network in steps
    n_inferences : int
    spikes, source_spikes : int     of placed neurons, and of sources
    synops, active, idle : int
    messages, external : int        messages of placed neurons, and of sources
    without_target : int            spikes of neurons and sources without a synapse
    hops_x, hops_y : int            tile to tile; ``intra_tile`` messages stay in their tile
    chip_crossings : int
    cores : dict                    name -> int64[n_cores] of the same counts per core
    populations, projections : dict
    steps : StepCounts or None      None where there are too many ticks and cores to keep
    recurrent : bool                the projections form a cycle
    busiest_link : int              messages over the busiest link of the mesh
    inference : InferenceCounts     inputs, hidden neurons and outputs
    """

    n_steps: int
    tick_s: float | None
    n_inferences: int
    n_cores: int
    n_chips: int
    spikes: int
    source_spikes: int
    synops: int
    active: int
    idle: int
    messages: int
    external: int
    without_target: int
    hops_x: int
    hops_y: int
    intra_tile: int
    chip_crossings: int
    cores: dict[str, np.ndarray]
    populations: dict[str, PopulationCounts]
    projections: dict[str, ProjectionCounts]
    steps: StepCounts | None
    recurrent: bool
    busiest_link: int = 0
    inference: InferenceCounts | None = None

    @property
    def events(self) -> int:
        """Events that cores handle: messages, and spikes that go nowhere, at least one each."""
        return self.messages + self.external + self.without_target

    @property
    def passes(self) -> int:
        """Passes of the dense ANN twin: one per inference, or one per tick with a cycle."""
        return self.n_steps if self.recurrent else self.n_inferences

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of the dense ANN twin."""
        return self.passes * sum(counts.macs for counts in self.projections.values())


def add(counts: list[Census]) -> Census:
    """The census of several runs of one mapped network, one after the other."""
    first = counts[0]
    total: dict[str, Any] = {name: sum(getattr(one, name) for one in counts) for name in _SUMS}
    total["cores"] = {name: sum(one.cores[name] for one in counts) for name in first.cores}
    total["cores"]["neurons"] = first.cores["neurons"]
    total["populations"] = {
        name: PopulationCounts(
            n=p.n,
            spikes=sum(one.populations[name].spikes for one in counts),
            active=sum(one.populations[name].active for one in counts),
            idle=sum(one.populations[name].idle for one in counts),
            firing=sum(one.populations[name].firing for one in counts),
        )
        for name, p in first.populations.items()
    }
    total["projections"] = {
        name: replace(p, synops=sum(one.projections[name].synops for one in counts))
        for name, p in first.projections.items()
    }
    if first.inference is not None:
        firing = {
            name: sum(getattr(one.inference, name) for one in counts)
            for name in ("input_firing", "hidden_firing")
        }
        total["inference"] = replace(first.inference, **firing)
    total["steps"] = _joined([one.steps for one in counts])
    return replace(first, **total)


def _joined(steps: list[StepCounts | None]) -> StepCounts | None:
    kept = [one for one in steps if one is not None]
    if len(kept) < len(steps) or sum(one.synops.size for one in kept) > MOST_STEP_COUNTS:
        return None
    return StepCounts(
        synops=np.concatenate([one.synops for one in kept]),
        active=np.concatenate([one.active for one in kept]),
        spikes=np.concatenate([one.spikes for one in kept]),
        events=np.concatenate([one.events for one in kept]),
        links=np.concatenate([one.links for one in kept]),
    )
