"""What is a network made of? Populations, projections and stimuli, and what fits between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import checks
from .connectivity.distributions import Distribution
from .connectivity.procedural import Procedural
from .connectivity.rules import AllToAll, FromArrays, Rule
from .errors import ParameterError
from .models.base import Neurons
from .models.schedule import Schedule
from .models.sources import Source
from .models.stimuli import NoiseCurrent, PoissonInput


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """A named group of neurons or source channels; made by `Network.add`."""

    name: str
    neurons: Neurons | Source

    @property
    def n(self) -> int:
        """Number of neurons."""
        return self.neurons.n

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the population; ids count in C order."""
        return self.neurons.shape

    @property
    def is_source(self) -> bool:
        """True when the population has no input."""
        return self.neurons.is_source

    @property
    def is_graded(self) -> bool:
        """True when its spikes carry payloads."""
        if isinstance(self.neurons, Source):
            return getattr(self.neurons, "graded", False)
        return self.neurons.model.payload is not None

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the input ports."""
        return () if isinstance(self.neurons, Source) else self.neurons.model.ports

    @property
    def kind(self) -> str:
        """Name of the model or source."""
        if isinstance(self.neurons, Source):
            return type(self.neurons).__name__
        return self.neurons.model.name

    def __repr__(self) -> str:
        return f"Population({self.name!r}, {self.kind}, {'x'.join(map(str, self.shape))})"


@dataclass(frozen=True, eq=False, repr=False)
class Projection:
    """Synapses from one population to another; made by `Network.connect`."""

    name: str
    pre: Population
    post: Population
    rule: Rule
    weight: Any
    delay: Any
    port: int | None = None  # None: by the sign of the weights
    gain: Schedule | None = None

    def __repr__(self) -> str:
        return f"Projection({self.name!r}, {type(self.rule).__name__})"


@dataclass(frozen=True, eq=False, repr=False)
class Stimulus:
    """A stimulus on a population; made by `Network.stimulate`."""

    name: str
    population: Population
    kind: PoissonInput | NoiseCurrent
    port: int  # 0 for currents, which have none

    def __repr__(self) -> str:
        return f"Stimulus({self.name!r}, {type(self.kind).__name__})"


def per_synapse(owner, name, value, rule, n_pre, n_post, same, **bounds) -> Any:
    """Check a weight or delay: number, distribution, or array that fits the rule."""
    if isinstance(value, Distribution):
        low = bounds.get("low")
        if low is not None and value.low_bound < low:
            raise ParameterError(
                f"{owner}.{name} must be >= {low:g}, but {value!r} can draw less; set low={low:g}"
            )
        return value
    if np.ndim(value) == 0:
        return checks.number(owner, name, value, **bounds)
    size = rule.size(n_pre, n_post, same)
    if size is None:
        raise ParameterError(
            f"{owner}.{name} must be a number or a distribution, because "
            f"{type(rule).__name__} fixes no number of synapses; use FromArrays for arrays"
        )
    if np.shape(value) == (n_pre, n_post) and isinstance(rule, AllToAll):
        matrix = checks.array(owner, name, value, **bounds)
        if same and not rule.autapses:
            return matrix[~np.eye(n_pre, dtype=bool)]
        return matrix.reshape(-1)
    if np.shape(value) != (size,):
        shapes = f"({size},)"
        if isinstance(rule, AllToAll):
            shapes += f" or (n_pre, n_post) = ({n_pre}, {n_post})"
        raise ParameterError(f"{owner}.{name} must have shape {shapes}, got {np.shape(value)}")
    array = checks.array(owner, name, value, **bounds)
    return array[rule.order] if isinstance(rule, FromArrays) else array


def per_tap(owner: str, delay: Any, rule: Procedural) -> Any:
    """Check the delay of a kernel: one number, or one for each of its spatial taps."""
    taps = rule.kernel.shape[2:]
    if np.ndim(delay) == 0 and not isinstance(delay, Distribution):
        return checks.number(owner, "delay", delay, low=0)
    if isinstance(delay, Distribution) or np.shape(delay) != taps or not taps:
        shape = f" or an array with the shape {taps} of its taps" if taps else ""
        raise ParameterError(
            f"{owner}.delay must be a number{shape} with {type(rule).__name__}, got {delay!r}; "
            "for a delay of its own for each synapse use FromArrays or AllToAll"
        )
    return checks.array(owner, "delay", delay, low=0)


def port_of_target(owner: str, post: Population, port: int | str | None) -> int | None:
    ports = post.ports
    if port is None:
        return 0 if len(ports) == 1 else None
    if isinstance(port, str):
        if port not in ports:
            raise ParameterError(f"{owner}.port must be one of {ports}, got {port!r}")
        return ports.index(port)
    return checks.integer(owner, "port", port, low=0, high=len(ports) - 1)


def no_port(owner: str, target: Population, port: Any) -> int:
    """A current goes to the membrane: to the parameter ``i_ext``, and to no port."""
    if port is not None:
        raise ParameterError(f"{owner}.port must be left out for a current, got {port!r}")
    if "i_ext" not in target.neurons.params:
        raise ParameterError(
            f"{owner}.population must have a model with the parameter i_ext, to which a current "
            f"is added, got {target!r} with {', '.join(target.neurons.params) or 'none'}"
        )
    return 0
