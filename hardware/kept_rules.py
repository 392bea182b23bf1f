"""Which rule connects a quantised network? That of the network, so that layers stay layers."""

from dataclasses import fields, replace

import numpy as np

from neurosim.connectivity import AllToAll, FromArrays
from neurosim.connectivity.pooling import SumPool
from neurosim.connectivity.procedural import Procedural
from neurosim.network import Network, Projection
from neurosim.synapses import Synapses, expand


def _kernel(kernel: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray | None:
    """The kernel whose synapses have the ``new`` weights in place of the ``old`` ones.

    None where equal weights became different ones; 0 where no synapse has a weight of a tap.
    """
    known, first, number = np.unique(old, return_index=True, return_inverse=True)
    if not known.size or not np.array_equal(new[first][number], new):
        return None
    place = np.minimum(np.searchsorted(known, kernel), known.size - 1)
    return np.where(known[place] == kernel, new[first][place], 0.0)


def _procedural(rule: Procedural, old: np.ndarray, new: np.ndarray) -> Procedural | None:
    if np.array_equal(old, new):
        return rule
    kernel = _kernel(rule.kernel, old, new)
    if kernel is None:
        return None
    if isinstance(rule, SumPool):
        return replace(rule, weight=float(kernel.flat[0]))
    settable = any(one.name == "kernel" and one.init for one in fields(rule))  # type: ignore[arg-type]
    return replace(rule, kernel=kernel) if settable else None  # type: ignore[type-var]


def connect_as(
    made: Network, network: Network, p: Projection, weight: np.ndarray, s: Synapses
) -> None:
    """Connect what ``p`` connects in ``network``, by its own rule where that holds the weights.

    Parameters
    ----------
    made : Network
    network : Network
    p : Projection
    weight : float64[nnz]       of the synapses of ``expand(network, p)``
    s : Synapses                the same, with their delays in ``made`` [its time]
    """
    ends, same = (p.pre.name, p.post.name), {"port": p.port, "gain": p.gain, "name": p.name}
    if isinstance(p.rule, Procedural) and s.delay.size and (s.delay == s.delay[0]).all():
        rule = _procedural(p.rule, expand(network, p).weight, weight)
        if rule is not None:
            made.connect(*ends, rule, delay=float(s.delay[0]), **same)
            return
    if isinstance(p.rule, AllToAll) and s.delay.size:
        made.connect(*ends, p.rule, weight=weight, delay=s.delay, **same)
        return
    kept = weight != 0
    rule = FromArrays(s.pre[kept], s.post[kept])
    made.connect(*ends, rule, weight=weight[kept], delay=s.delay[kept], **same)
