"""Which parameters hold for one run only? Others, without building the network again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..models.base import Neurons
from .build import Built, BuiltPopulation
from .loop import ClockLoop
from .precision import in_real


@contextmanager
def overridden(owner: str, loop: ClockLoop, override: Mapping[str, Any]) -> Iterator[None]:
    """Other parameters for some populations, until the block ends.

    Raises
    ------
    ParameterError
        Unknown populations or parameters, bounds, one value per neuron where the build had one for
        all, a parameter that the build relied on.
    """
    built = loop.built
    ready = [(_population(owner, built, name), params) for name, params in override.items()]
    new = [(p, *_values(owner, p, params, built.dt)) for p, params in ready]
    old = [(p, p.parameters.copy(), p.rows_of_parameters.copy()) for p, _ in ready]
    _put(loop, new)
    try:
        yield
    finally:
        _put(loop, old)


def _put(loop: ClockLoop, values: list[tuple[BuiltPopulation, np.ndarray, np.ndarray]]) -> None:
    """Sleepers come to the present by the parameters that held, then all get the new ones."""
    for p, scalars, rows in values:
        if p.sleepers is not None:
            p.sleepers.wake_all(loop.step, loop.built.dt)
        p.parameters[:], p.rows_of_parameters[:] = scalars, rows


def _population(owner: str, built: Built, name: str) -> BuiltPopulation:
    found = {p.population.name: p for p in built.populations}
    if name not in found or not isinstance(found[name].population.neurons, Neurons):
        neurons = [k for k, p in found.items() if isinstance(p.population.neurons, Neurons)]
        raise ParameterError(f"{owner}: override must name one of {neurons}, got {name!r}")
    return found[name]


def _values(
    owner: str, p: BuiltPopulation, params: Mapping[str, Any], dt: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shared parameters and those with a row, as the kernels read them."""
    name, neurons = p.population.name, p.population.neurons
    checked = neurons.model.neurons(neurons.shape, **{**neurons.params, **params})
    before = neurons.model.kernel_params(dict(neurons.params), dt)
    given = neurons.model.kernel_params(dict(checked.params), dt)
    fixed = (*p.driven, *p.still)
    for key in fixed:
        if not np.array_equal(before[key], given[key]):
            raise ParameterError(
                f"{owner}: override[{name!r}] must leave {key!r} as it was built, "
                + ("which a noise current changes" if key in p.driven else "0 for all")
                + "; build a network with the value instead"
            )
    rows = p.rows_of_parameters.copy()
    for k, key in enumerate(p.row_names):
        if key not in p.driven:
            rows[k] = in_real(f"Population {name!r}", key, given[key], p.real)
    scalars = p.parameters.copy()
    for k, key in enumerate(p.scalar_names):
        if np.ndim(given[key]):
            raise ParameterError(
                f"{owner}: override[{name!r}] must keep {key!r} one number for all neurons, as it "
                "was built, got one for each; give it one for each from the beginning"
            )
        scalars[k] = in_real(f"Population {name!r}", key, given[key], p.real)
    return scalars, rows
