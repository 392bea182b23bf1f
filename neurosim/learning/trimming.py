"""What does a chip leave of a learnt network? Delays on a grid, and fewer synapses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..connectivity.rules import FromArrays
from ..errors import ParameterError
from ..network import Network
from ..synapses import Synapses, expand


def _chosen(owner: str, network: Network, of: Any) -> list[str]:
    names = list(network.projections) if of is None else [of] if isinstance(of, str) else list(of)
    for name in names:
        if name not in network.projections:
            raise ParameterError(
                f"{owner}: of must name projections, {list(network.projections)}, got {name!r}"
            )
    return names


def _with(network: Network, changed: dict[str, Synapses]) -> Network:
    """The network with other synapses in some projections."""
    made = network.copy()
    made.projections = {}
    for name, p in network.projections.items():
        if name not in changed:
            made.projections[name] = p
            continue
        s = changed[name]
        made.connect(
            p.pre, p.post, FromArrays(s.pre, s.post), weight=s.weight, delay=s.delay,
            port=p.port, gain=p.gain, name=name,
        )  # fmt: skip
    return made


def round_delays(
    network: Network,
    step: float,
    *,
    longest: float | None = None,
    of: str | Sequence[str] | None = None,
) -> Network:
    """The network with delays on a grid, as engines and chips round them.

    Parameters
    ----------
    step : float            [ms]; ties go upwards, see `neurosim.connectivity.delays.to_steps`
    longest : float         the longest delay that can be stored [ms], such as 63 * step with 6
                            bits; longer ones become this one
    of : str or list        projections; default: all

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(1), "a"), net.add(ns.LIF(3), "b")
    >>> _ = net.connect(a, b, delay=[[0.26, 1.4, 9.0]])
    >>> ns.expand(round_delays(net, 0.5, longest=3.5), "a->b").delay.tolist()
    [0.5, 1.5, 3.5]
    """
    step = checks.number("round_delays", "step", step, above=0, unit="ms")
    if longest is not None:
        longest = checks.number("round_delays", "longest", longest, low=0, unit="ms")
    changed = {}
    for name in _chosen("round_delays", network, of):
        s = expand(network, name)
        steps = to_steps(s.delay, step)
        if longest is not None:
            steps = np.minimum(steps, int(np.floor(longest / step + 1e-9)))
        changed[name] = Synapses(s.pre, s.post, s.weight, to_times(steps, step))
    return _with(network, changed)


def prune(
    network: Network, fraction: float, *, by: str = "weight", of: str | Sequence[str] | None = None
) -> Network:
    """The network without its weakest synapses, or without those of the longest delays.

    Parameters
    ----------
    fraction : float        of the synapses of each projection that is taken away
    by : {"weight", "delay"}
        The smallest magnitudes of weights go first, or the longest delays.
    of : str or list        projections; default: all

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(1), "a"), net.add(ns.LIF(4), "b")
    >>> _ = net.connect(a, b, weight=[[0.1, -2.0, 1.0, 0.2]], delay=1.0)
    >>> ns.expand(prune(net, 0.5), "a->b").post.tolist()
    [1, 2]
    """
    fraction = checks.number("prune", "fraction", fraction, low=0, high=1)
    checks.choice("prune", "by", by, ("weight", "delay"))
    changed = {}
    for name in _chosen("prune", network, of):
        s = expand(network, name)
        worth = np.abs(s.weight) if by == "weight" else -s.delay
        gone = np.argsort(worth, kind="stable")[: round(fraction * len(s))]
        kept = np.ones(len(s), bool)
        kept[gone] = False
        changed[name] = Synapses(s.pre[kept], s.post[kept], s.weight[kept], s.delay[kept])
    return _with(network, changed)
