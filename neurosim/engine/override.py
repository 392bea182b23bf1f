"""Which parameters hold for one run only? Others, without building the network again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..models.base import Neurons
from ..models.lif import check_reset
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
    mappings = isinstance(override, Mapping) and all(
        isinstance(params, Mapping) for params in override.values()
    )
    if not mappings:
        raise ParameterError(
            f"{owner}: override must be a mapping of populations to mappings of parameters, such "
            f"as {{'cells': {{'v_th': 1.02}}}}, got {override!r}"
        )
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
        p.busy[:] = 1  # who rested by the others may not do so by these


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
    unknown = [key for key in params if key not in neurons.model.params]
    if unknown:
        raise ParameterError(
            f"{owner}: override[{name!r}] must name parameters of {neurons.model.name}, which are "
            f"{', '.join(neurons.model.params)}, got {unknown[0]!r}"
        )
    checked = neurons.model.neurons(neurons.shape, **{**neurons.params, **params})
    if {"v_th", "v_reset"} <= set(checked.params):
        check_reset(checked)
    if p.real == "int32" and any(np.any(np.asarray(v) % 1) for v in params.values()):
        raise ParameterError(
            f"{owner}: override[{name!r}] must have integers in a network of integers, got "
            f"{params!r}"
        )
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
