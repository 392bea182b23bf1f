r"""Who is connected to whom through a kernel that all share? The base of such rules.

The synapses of these rules are never listed to run a network: engines walk from a spike
through the kernel to its targets. Populations have the shape (\*space, channels), channels
last; without a last axis of channels they have one.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import checks
from ..errors import ParameterError
from .edges import Edges, Rows
from .rules import Rule
from .taps import Taps, list_targets


@dataclass(frozen=True, slots=True, eq=False)
class Procedural(Rule):
    """Base of the rules whose synapses share the numbers of a kernel.

    Attributes
    ----------
    kernel : float64        the weights, in the layout of the rule
    taps : Taps             who reaches whom; known once the rule is in a projection
    """

    taps: Taps | None = field(default=None, init=False, repr=False)

    @property
    def space(self) -> int:
        """Number of spatial axes."""
        return self.kernel.ndim - 2

    def by_source(self, values: np.ndarray) -> np.ndarray:
        """Numbers in the layout of the kernel as (source channel, target channel, *taps)."""
        groups = self.taps.groups
        split = values.reshape(groups, -1, *values.shape[1:])
        return np.moveaxis(split, 1, 2).reshape(-1, split.shape[1], *values.shape[2:])

    def stored(self, values: np.ndarray) -> np.ndarray:
        """The same as the engines keep them: (source channel, *taps, target channel)."""
        return self.taps.stored(self.by_source(values))

    def delays_of_taps(self, delay: Any) -> np.ndarray:
        """One delay for each stored tap, or a single one for all."""
        delay = np.asarray(delay, np.float64)
        if delay.ndim == 0:
            return delay.reshape(1)
        for k, axis in enumerate(self.taps.axes):
            delay = np.take(delay, axis.order, axis=k)
        return np.ascontiguousarray(delay).reshape(-1)

    def edges(self, owner: str, n_pre: int, n_post: int, key: np.uint64, same: bool) -> Edges:
        plan, none = self.taps.plan(), np.empty(0, np.int64)
        return Rows(self.taps.counts(), lambda lo, hi, post: list_targets(plan, lo, hi, post, none))

    def tap_of(self) -> np.ndarray:
        """Which number of the flattened kernel each synapse has, by its id (int64)."""
        place = np.empty(int(self.taps.counts().sum()), np.int64)
        n_pre = math.prod(self.taps.shape_in)
        list_targets(self.taps.plan(), 0, n_pre, np.empty(0, np.int32), place)
        numbers = np.arange(self.kernel.size).reshape(self.kernel.shape)
        return self.stored(numbers).reshape(-1)[place]

    def spread(self, values: Any, *, of: str = "weight") -> np.ndarray:
        """One number per synapse from those of the kernel, or of its spatial taps (delays)."""
        if np.ndim(values) == 0:
            return np.asarray(values)
        if of == "delay":
            values = np.broadcast_to(values, self.kernel.shape)
        return np.ascontiguousarray(values).reshape(-1)[self.tap_of()]

    def size(self, n_pre: int, n_post: int, same: bool) -> int:
        return int(self.taps.counts().sum())

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        found = math.prod(self.taps.shape_out)
        if n_post != found:
            raise ParameterError(
                f"{owner}.post must have the shape {self.taps.shape_out} that "
                f"{type(self).__name__} makes of {self.taps.shape_in}, got {n_post} neurons"
            )

    def placed(self, pre_shape: tuple[int, ...], post_shape: tuple[int, ...]) -> "Procedural":
        """The rule for populations of these shapes.

        Raises
        ------
        ParameterError
            Shapes that do not fit each other or the kernel; the message says which would.
        """
        name = type(self).__name__
        if len(pre_shape) == self.space:
            pre_shape = (*pre_shape, 1)
        if len(pre_shape) != self.space + 1:
            raise ParameterError(
                f"{name}: the source population must have {self.space} spatial axes and one of "
                f"channels, got the shape {pre_shape}"
            )
        taps = self._taps(pre_shape)
        if min(taps.shape_out) < 1:
            raise ParameterError(
                f"{name}: the kernel must fit into its input, got the shape {taps.shape_out} "
                f"from {pre_shape}; take a smaller kernel, stride or dilation, or more padding"
            )
        short = taps.shape_out[:-1] if taps.shape_out[-1] == 1 else taps.shape_out
        squeezed = tuple(n for n in taps.shape_out if n > 1) or (1,)
        if post_shape not in (taps.shape_out, short, squeezed):
            raise ParameterError(
                f"{name}: the target population must have the shape {taps.shape_out} that it makes "
                f"of {pre_shape}, got {post_shape}"
            )
        placed = replace(self)
        object.__setattr__(placed, "taps", taps)
        return placed

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        r"""Shape (\*space, channels) that the rule makes of one.

        Examples
        --------
        >>> from neurosim import Convolution
        >>> Convolution(np.ones((8, 2, 5, 5)), padding=2).output_shape((34, 34, 2))
        (34, 34, 8)
        """
        shape = tuple(shape)
        taps = self._taps((*shape, 1) if len(shape) == self.space else shape)
        if len(taps.axes) != self.space or min(taps.shape_out) < 1:
            raise ParameterError(
                f"{type(self).__name__}: the kernel must fit into its input with {self.space} "
                f"spatial axes and one of channels, got the shape {shape}"
            )
        return taps.shape_out

    def _taps(self, shape: tuple[int, ...]) -> Taps:
        raise NotImplementedError


def per_axis(name: str, what: str, value: Any, n: int, low: int) -> tuple[int, ...]:
    """One integer for each spatial axis, from one for all or a tuple."""
    values = (value,) * n if np.ndim(value) == 0 else tuple(value)
    if len(values) != n:
        raise ParameterError(
            f"{name}.{what} must be an integer or {n} of them, one for each spatial axis, "
            f"got {value!r}"
        )
    return tuple(checks.integer(name, what, v, low=low) for v in values)


def paddings(name: str, value: Any, sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis; "same" keeps the extent where the stride is 1.

    ``sizes`` are those of the dilated kernel, less one.
    """
    if isinstance(value, str):
        checks.choice(name, "padding", value, ("same", "valid"))
        return tuple((s // 2, s - s // 2) if value == "same" else (0, 0) for s in sizes)
    if np.ndim(value) == 2 and np.shape(value) == (len(sizes), 2):
        return tuple(
            (checks.integer(name, "padding", a, low=0), checks.integer(name, "padding", b, low=0))
            for a, b in value
        )
    return tuple((p, p) for p in per_axis(name, "padding", value, len(sizes), 0))
