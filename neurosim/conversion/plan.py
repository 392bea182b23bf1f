"""Which spiking layers will there be, and what leads from one to the next?

The same for every method of conversion. Linear operations have become part of the terms that
feed a layer; a residual sum is several terms of one layer. Arrays have channels last here, as
populations do; names are those of the user's modules or nodes.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import ParameterError
from ..maxpool import MaxPool
from .graph import decide
from .nodes import rectified
from .operators import Operator

INPUT = "input"
READ_OUT = "output"
ACTIVATIONS = ("relu", "quantised", "max-pool", "read-out")


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """What one earlier layer (or the input) adds to a layer's drive: ``operator.apply(values)``."""

    source: str
    operator: Operator


@dataclass(frozen=True, slots=True, eq=False)
class PlanLayer:
    """One population to be.

    ==============  ======================================================================
    ``relu``        fires with the rate max(z, 0), or min(max(z, 0), ceiling)
    ``quantised``   the same in ``levels`` steps up to ``ceiling``
    ``max-pool``    has one term, the identity from the layer it pools; ``pool`` says how
    ``read-out``    z itself: it adds up and never fires; the last layer, and only it
    ==============  ======================================================================

    with z = sum of the terms + bias.

    Attributes
    ----------
    name : str
    shape : tuple of int            (\\*space, channels) or (n,)
    terms : tuple of Term
    bias : float64[*shape]          zeros for ``max-pool``
    activation : str
    ceiling : float or None
    levels : int or None
    pool : MaxPool or None
    """

    name: str
    shape: tuple[int, ...]
    terms: tuple[Term, ...]
    bias: np.ndarray
    activation: str
    ceiling: float | None = None
    levels: int | None = None
    pool: MaxPool | None = None

    @property
    def n(self) -> int:
        """Number of units."""
        return math.prod(self.shape)

    @property
    def spiking(self) -> bool:
        """Whether its neurons have a threshold to choose."""
        return self.activation in ("relu", "quantised")

    def drive(self, before: dict[str, np.ndarray]) -> np.ndarray:
        """Return z, float64[samples, *shape], from the values of earlier layers, by name."""
        z = sum(term.operator.apply(before[term.source]) for term in self.terms)
        return z + self.bias

    def activate(self, z: np.ndarray) -> np.ndarray:
        """Return the layer's values from its drive (of a ``max-pool``: what it pools)."""
        if self.activation == "read-out":
            return z
        if self.activation == "max-pool":
            return largest(z, self.pool)
        return rectified(z, self.activation, self.ceiling, self.levels)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """A network of spiking layers to be, of one ANN.

    Attributes
    ----------
    source : str                        what was read: ``"MLPClassifier"``, ``"model.onnx"``
    input_shape : tuple of int          of a sample as the user's array has it
    shape : tuple of int                of the input population, channels last
    order : int64[n_in]                 input unit k is number ``order[k]`` of a sample, in C order
    layers : tuple of PlanLayer         each behind those that feed it; the last is ``"output"``
    classes : ndarray or None           see :class:`~.graph.LayerGraph`
    """

    source: str
    input_shape: tuple[int, ...]
    shape: tuple[int, ...]
    order: np.ndarray
    layers: tuple[PlanLayer, ...]
    classes: np.ndarray | None
    input: str = field(default=INPUT, init=False)

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return math.prod(self.shape)

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.layers[-1].n

    @property
    def spiking(self) -> tuple[PlanLayer, ...]:
        """The layers with a threshold to choose."""
        return tuple(layer for layer in self.layers if layer.spiking)

    def __getitem__(self, name: str) -> PlanLayer:
        """Return a layer by its name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(repr(layer.name) for layer in self.layers)
        raise ParameterError(f"Plan: layers are {names}, got {name!r}")

    def arrange(self, x: np.ndarray) -> np.ndarray:
        """Return samples (samples, *input_shape) as float64[samples, *shape]."""
        x = np.asarray(x, np.float64)
        if x.shape[1:] != self.input_shape:
            raise ParameterError(
                f"{self.source}: samples must have shape "
                f"(samples, {', '.join(map(str, self.input_shape))}), got {x.shape}"
            )
        return x.reshape(len(x), -1)[:, self.order].reshape(len(x), *self.shape)

    def preactivations(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return z of every layer, float64[samples, *shape], for samples as the user has them."""
        return self._run(x)[0]

    def activations(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return the values of the input and of every layer, float64[samples, *shape]."""
        return self._run(x)[1]

    def _run(self, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        drives: dict[str, np.ndarray] = {}
        values = {self.input: self.arrange(x)}
        for layer in self.layers:
            z = values[layer.terms[0].source] if layer.pool else layer.drive(values)
            drives[layer.name] = z
            values[layer.name] = layer.activate(z)
        return drives, values

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs float64[samples, n_out] into labels, or values for regression."""
        return decide(self.classes, outputs)

    def __repr__(self) -> str:
        sizes = "-".join(str(n) for n in (self.n_in, *(layer.n for layer in self.layers)))
        return f"Plan({self.source}, {sizes})"


def largest(x: np.ndarray, pool: MaxPool) -> np.ndarray:
    """Return max-pooled values, channels last; they are not negative, so padding is zero."""
    from ..connectivity.pooling import SumPool

    n = len(pool.window)
    sizes = SumPool(pool.window, pool.stride, pool.padding)._sizes()
    pairs = [pair for _, _, pair, *_ in sizes]
    x = np.pad(x, [(0, 0), *pairs, (0, 0)])
    seen = np.lib.stride_tricks.sliding_window_view(x, pool.window, axis=tuple(range(1, n + 1)))
    seen = seen[(slice(None), *(slice(None, None, stride) for _, stride, *_ in sizes))]
    return seen.max(axis=tuple(range(-n, 0)))
