"""How do spikes of the event engine walk through a kernel? Each tap of it makes one arrival."""

from dataclasses import dataclass, replace

import numpy as np

from ..._jit import FLOAT64, INT64, address, kernel, view
from ...connectivity.edges import starts_of
from ...connectivity.taps import (
    AXIS,
    BASE,
    C_OUT,
    GROUP_IN,
    GROUP_OUT,
    HEAD,
    HIGH,
    LOW,
    N_OUT,
    N_TAPS,
    STEP,
    reach,
    spot,
)
from ...errors import BuildError
from ...network import Projection
from ...synapses import port_of
from .calendar import push
from .tables import Control, Link


@dataclass(eq=False)
class Stamped:
    """A projection with a kernel; none of its synapses is listed.

    Attributes
    ----------
    offsets : int64 (n_pre + 1,)        where the synapses of each source would begin
    plan : int64                        see `Taps.plan`; the first target's number is its base
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
        plan[LOW], plan[HIGH] = first - plan[BASE], end - plan[BASE]
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
    plan = view(link[Link.CODES], link[Link.SIZE], INT64)
    weights = view(link[Link.WEIGHTS], link[Link.N_WEIGHTS], FLOAT64)
    delays = view(link[Link.DELAYS], link[Link.N_DELAYS], FLOAT64)
    z, y, x, c = spot(plan, neuron)
    out_z, tap_z, count_z = reach(plan, 0, z)
    out_y, tap_y, count_y = reach(plan, 1, y)
    out_x, tap_x, count_x = reach(plan, 2, x)
    n_y, n_x = plan[HEAD + AXIS + N_OUT], plan[HEAD + 2 * AXIS + N_OUT]
    k_y, k_x = plan[HEAD + AXIS + N_TAPS], plan[HEAD + 2 * AXIS + N_TAPS]
    step_z, step_y = plan[HEAD + STEP], plan[HEAD + AXIS + STEP]
    step_x, run, own = plan[HEAD + 2 * AXIS + STEP], plan[GROUP_OUT], link[Link.N_DELAYS] > 1
    channel, group = c // plan[GROUP_IN] * run, c * plan[HEAD + N_TAPS] * k_y * k_x
    for at in range(count_z * count_y * count_x):
        i, j, k = at // (count_y * count_x), at // count_x % count_y, at % count_x
        row = (out_z + i * step_z) * n_y + out_y + j * step_y
        first = (row * n_x + out_x + k * step_x) * plan[C_OUT] + channel
        tap = ((tap_z + i) * k_y + tap_y + j) * k_x + tap_x + k
        arrives = time + delays[tap if own else 0]
        low, high = max(first, plan[LOW]), min(first + run, plan[HIGH])
        for target in range(low, high):
            weight = weights[(group + tap) * run + target - first] * payload
            code = (plan[BASE] + target) << link[Link.SHIFT] | link[Link.PORT]
            push(calendar, control, link[Link.STAGE], arrives, weight, code, now, per_ms)
        control[Control.ARRIVALS] += max(high - low, 0)
