"""Who is connected to whom when the probability falls with distance?"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from . import nearby
from .edges import Edges
from .rules import Rule, counted_rows


def _grid_positions(shape: tuple[int, ...], extent: np.ndarray) -> np.ndarray:
    """Centres of the cells of a grid over ``extent``, ids in C order: (n, axes)."""
    index = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=1)
    return (index + 0.5) * (extent / np.array(shape))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DistanceDependent(Rule):
    """Each pair is connected with a probability that depends on its distance d.

    ``p(d) = p_max * f(d)``, independently, with f(d) =

    - ``"gaussian"``: exp(-d**2 / (2 scale**2))
    - ``"exponential"``: exp(-d / scale)
    - ``"disc"``: 1 for d <= scale, else 0

    f below 1e-9 counts as 0. The work grows with the synapses, not with the pairs.

    Parameters
    ----------
    profile : {"gaussian", "exponential", "disc"}
    scale : float                  in the unit of the positions
    p_max : float                  probability at distance 0
    extent : tuple of float, optional
        Size of the sheet, one number per axis. Neurons without given positions lie on the
        grid of their population's shape, stretched over the sheet. Default: the shape of
        the source population, so that the unit is the distance of neighbouring sources.
    periodic : bool                opposite edges of the sheet touch (a ring, a torus)
    pre_positions, post_positions : array (n, axes), optional
        With 1 to 3 axes, instead of the grids.
    autapses : bool

    Examples
    --------
    >>> rule = DistanceDependent(profile="disc", scale=1.0, periodic=True).placed((5,), (5,))
    >>> pre, post = rule.pairs("P", 5, 5, np.uint64(0), same=True)
    >>> sorted(post[pre == 0].tolist())
    [0, 1, 4]
    """

    profile: str = "gaussian"
    scale: float
    p_max: float = 1.0
    extent: Any = None
    periodic: bool = False
    pre_positions: Any = None
    post_positions: Any = None
    autapses: bool = True

    def __post_init__(self) -> None:
        owner = "DistanceDependent"
        checks.choice(owner, "profile", self.profile, nearby.PROFILES)
        checks.number(owner, "scale", self.scale, above=0)
        checks.number(owner, "p_max", self.p_max, low=0, high=1)
        axes = set()
        for name in ("pre_positions", "post_positions"):
            if getattr(self, name) is not None:
                array = checks.array(owner, name, getattr(self, name))
                array = array[:, None] if array.ndim == 1 else array
                if array.ndim != 2 or not 1 <= array.shape[1] <= 3:
                    raise ParameterError(
                        f"{owner}.{name} must have shape (n, 1), (n, 2) or (n, 3), "
                        f"got {array.shape}"
                    )
                axes.add(array.shape[1])
                object.__setattr__(self, name, array)
        if self.extent is not None:
            extent = checks.array(owner, "extent", np.atleast_1d(self.extent), above=0)
            axes.add(extent.size)
            object.__setattr__(self, "extent", tuple(extent.tolist()))
        if len(axes) > 1:
            raise ParameterError(
                f"{owner}: positions and extent must have the same number of axes, got "
                f"{sorted(axes)}"
            )
        if self.periodic and self.extent is None and self.pre_positions is not None:
            raise ParameterError(
                f"{owner}.extent must be given with periodic=True and positions: it is the period"
            )

    def placed(self, pre_shape: tuple[int, ...], post_shape: tuple[int, ...]) -> Rule:
        """The rule with grid positions where none were given."""
        if self.pre_positions is not None and self.post_positions is not None:
            return self
        extent = pre_shape if self.extent is None else self.extent
        found = []
        for name, shape in (("pre_positions", pre_shape), ("post_positions", post_shape)):
            given = getattr(self, name)
            axes = len(shape) if given is None else given.shape[1]
            if axes != len(extent) or axes > 3:
                raise ParameterError(
                    f"DistanceDependent: the shapes {pre_shape} and {post_shape} must have as many "
                    f"axes as the sheet, {len(extent)}, and at most 3; give positions or extent"
                )
            grid = _grid_positions(shape, np.array(extent)) if given is None else given
            found.append(grid)
        return replace(self, extent=extent, pre_positions=found[0], post_positions=found[1])

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        for name, n in (("pre_positions", n_pre), ("post_positions", n_post)):
            found = getattr(self, name)
            if found is None or found.shape[0] != n:
                got = "none" if found is None else f"{found.shape[0]}"
                raise ParameterError(
                    f"{owner}.rule DistanceDependent.{name} must hold {n} positions, got {got}"
                )

    def _law(self) -> nearby.Law:
        return nearby.law(self.profile, self.scale, self.p_max)

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        axes, law, period = self.pre_positions.shape[1], self._law(), np.zeros(3)
        if self.periodic:
            period[:axes] = self.extent
        pre_x, post_x = (
            np.pad(x, ((0, 0), (0, 3 - axes))) for x in (self.pre_positions, self.post_positions)
        )
        cells = nearby.cells_of(post_x, axes, period, law)
        given = (key, law, (pre_x, post_x), cells, same and not self.autapses)
        return counted_rows(n_pre, lambda *rows: nearby.nearby_rows(*given, *rows))

    def expected_size(self, n_pre: int, n_post: int, same: bool) -> float:
        """Mean number of synapses, from the pairs of up to 256 sources."""
        step = max(1, n_pre // 256)
        law, found = self._law(), 0.0
        sources = range(0, n_pre, step)
        for i in sources:
            d = np.abs(self.post_positions - self.pre_positions[i])
            if self.periodic:
                d %= self.extent
                d = np.minimum(d, self.extent - d)
            found += float(nearby.probabilities(law, (d**2).sum(axis=1)).sum())
        selves = self.p_max * n_pre if same and not self.autapses else 0.0
        return found * n_pre / len(sources) - selves
