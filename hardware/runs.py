"""Which rasters does a comparison count? Results, recordings, and runs that were cut in pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.errors import ParameterError

from .census import census
from .counts import Census, add
from .mapping import Mapping
from .rasters import spikes_of

if TYPE_CHECKING:
    from neurosim.network import Network

# A run goes on where the one before ended, to within this share of a tick.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A raster from elsewhere, in place of a Result: for :func:`compare`.

    Attributes
    ----------
    network : Network
    spikes : dict               population -> (times, ids), or anything with these attributes;
                                every population, sources too; [ms], or steps
    duration : float            [ms], or steps
    t_start : float
    """

    network: Any
    spikes: dict[str, Any]
    duration: float
    t_start: float = 0.0


def results_of(result: Any) -> list[Any]:
    """The runs that were asked for, as a list.

    Raises
    ------
    ParameterError
        There is none, something else is among them, or they are of different networks.
    """
    results = list(result) if isinstance(result, Sequence) else [result]
    if not results:
        raise ParameterError("compare.result must hold at least one Result, got an empty list")
    for one in results:
        if not hasattr(one, "network") or not hasattr(one, "spikes"):
            raise ParameterError(
                "compare.result must be a Result of simulate, a Recording, or a list of them, "
                f"got {type(one).__name__}"
            )
        if one.network is not results[0].network:
            raise ParameterError("compare.result must be of one network; compare others apart")
    return results


def _start(run: Any) -> float:
    return float(getattr(run, "t_start", 0.0))


def _chains(results: list[Any], tick: float) -> list[list[Any]]:
    """The runs, those together that go on where the one before ended."""
    chains = [[results[0]]]
    for before, run in pairwise(results):
        goes_on = abs(_start(before) + before.duration - _start(run)) <= _SAME * tick
        if goes_on:
            chains[-1].append(run)
        else:
            chains.append([run])
    return chains


def _joined(chain: list[Any]) -> Any:
    """One raster of a run that was cut: spikes under way at a cut arrive behind it."""
    if len(chain) == 1:
        return chain[0]
    named = set.intersection(*(set(run.spikes) for run in chain))
    spikes = {}
    for name in named:
        times, ids = zip(*(spikes_of(name, run.spikes[name]) for run in chain), strict=True)
        spikes[name] = np.concatenate(times), np.concatenate(ids)
    duration = sum(run.duration for run in chain)
    return Recording(chain[0].network, spikes, duration, _start(chain[0]))


def count_runs(network: "Network", mapping: Mapping, results: list[Any]) -> Census:
    """The census of runs one after the other; a run that goes on from the one before is one
    run with it."""
    runs = [_joined(chain) for chain in _chains(results, mapping.wiring.tick)]
    counts = [
        census(network, mapping, run.spikes, duration=run.duration, t_start=_start(run))
        for run in runs
    ]
    return counts[0] if len(counts) == 1 else add(counts)
