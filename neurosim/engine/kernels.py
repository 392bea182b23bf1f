"""How does a kernel become a store? One for each thread's part of the targets; nothing is drawn."""

import numpy as np

from ..connectivity.delays import Grid
from ..connectivity.places import aligned
from ..connectivity.stamping import StampStore
from ..errors import BuildError
from ..network import Projection
from ..synapses import port_of
from .filling import DelayRounding, Layout
from .precision import in_real


def stamp_stores(p: Projection, layout: Layout) -> tuple[list[StampStore], list[DelayRounding]]:
    """The stores of a projection with a kernel, and what rounding changed in its delays.

    Raises
    ------
    BuildError
        A delay between 0 and dt, weights of both signs for a target with two ports, weights
        that the dtype cannot hold.
    """
    owner, rule = f"Projection {p.name!r}", p.rule
    weights = rule.stored(np.asarray(p.weight)).reshape(-1)
    if not np.isfinite(weights).all():
        raise BuildError(f"{owner}.weight must be finite")
    grid = Grid(owner, layout.dt, allow_short=layout.round_delays)
    steps = grid.steps(rule.delays_of_taps(p.delay))
    grid.check()
    real = aligned(in_real(owner, "weight", weights, layout.real))
    base = layout.input_start[p.post.name] + port_of(p, weights) * p.post.n
    cuts = [p.post.n * k // layout.parts for k in range(layout.parts + 1)]
    stores = [
        StampStore(rule.taps.plan(base, low, high), steps, real)
        for low, high in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    return stores, [DelayRounding(p.name, grid.n_changed, grid.max_error)] * bool(grid.n_changed)
