"""How do spikes of the event engine walk through a kernel? Each tap of it makes one arrival."""

from dataclasses import dataclass, replace

import numpy as np

from ..._jit import FLOAT64, INT32, address, kernel, view
from ...connectivity.edges import starts_of
from ...connectivity.taps import Walk, row_of, spot_of, walk_of
from ...errors import BuildError
from ...network import Projection
from ...synapses import port_of
from .calendar import push
from .tables import Control, Link

_BASE, _LOW, _HIGH = (Walk._fields.index(name) for name in ("base", "low", "high"))


@dataclass(eq=False)
class Stamped:
    """A projection with a kernel; none of its synapses is listed.

    Attributes
    ----------
    offsets : int64 (n_pre + 1,)        where the synapses of each source would begin
    plan : int32                        see `Taps.plan`; the first target's number is its base
    weights : float64 (k,)              the kernel, as it is stored
    delays : float64 (taps,), or (1,)   of each stored tap, or of all
    shift, port : int                   what makes an arrival's code of its target
    """

    offsets: np.ndarray
    plan: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    shift: int
    port: int

    @property
    def n_synapses(self) -> int:
        """How many there would be."""
        return int(self.offsets[-1])

    def onto(self, first: int, end: int, bits: int) -> "Stamped":
        """Those onto the neurons first..end; offsets stay, as a bound."""
        plan = self.plan.copy()
        plan[_LOW], plan[_HIGH] = first - plan[_BASE], end - plan[_BASE]
        return replace(self, plan=plan)

    def row(self, stage: int) -> list[int]:
        """Its row of the table of links."""
        arrays = (self.offsets, self.plan, self.weights, self.delays)
        numbers = [number for a in arrays for number in (address(a), a.size)]
        return [stage, *numbers, 1, self.shift, self.port]


def stamped_of(projection: Projection, first: int, bits: int) -> Stamped:
    """A projection whose targets begin at number ``first``; ports have so many bits.

    Raises
    ------
    BuildError
        Weights of both signs for a target with two ports.
    """
    rule = projection.rule
    weights = rule.stored(np.asarray(projection.weight)).reshape(-1)
    if not np.isfinite(weights).all():
        raise BuildError(f"Projection {projection.name!r}.weight must be finite")
    return Stamped(
        starts_of(rule.taps.counts()), rule.taps.plan(first), weights.copy(),
        rule.delays_of_taps(projection.delay), bits, port_of(projection, weights),
    )  # fmt: skip


@kernel
def send_stamped(calendar, control, link, neuron, time, payload, now, per_ms):
    """Put all arrivals of one spike through one kernel into the calendar."""
    plan = view(link[Link.CODES], link[Link.SIZE], INT32)
    weights = view(link[Link.WEIGHTS], link[Link.N_WEIGHTS], FLOAT64)
    delays = view(link[Link.DELAYS], link[Link.N_DELAYS], FLOAT64)
    walk = walk_of(plan)
    spot = spot_of(plan, walk, neuron)
    own = link[Link.N_DELAYS] > 1
    for at in range(spot.n_z * spot.n_y * spot.n_x):
        i, j, k = at // (spot.n_y * spot.n_x), at // spot.n_x % spot.n_y, at % spot.n_x
        first, tap = row_of(walk, spot, i, j)
        first += k * walk.out_x
        begin = (spot.own + tap + k) * walk.run
        arrives = time + delays[tap + k if own else 0]
        low, high = max(first, walk.low), min(first + walk.run, walk.high)
        for target in range(low, high):
            weight = weights[begin + target - first] * payload
            code = (walk.base + target) << link[Link.SHIFT] | link[Link.PORT]
            push(calendar, control, link[Link.STAGE], arrives, weight, code, now, per_ms)
        control[Control.ARRIVALS] += max(high - low, 0)
