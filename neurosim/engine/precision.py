"""In which numbers does a network compute? The choice of dtype, and exact casts to integers."""

from typing import Any

import numpy as np

from .. import checks
from ..errors import BuildError, ParameterError
from ..models.base import DTYPES, Neurons
from ..models.stimuli import PoissonInput
from ..network import Network

_INT32_MAX = 2**31 - 1


def choose_dtype(network: Network, dtype: str | None) -> str:
    """The dtype of state and weights: the given one, or the default, if all models have it.

    The default is float32 where possible, otherwise the first one that all models support.

    Raises
    ------
    ParameterError
        A population's model does not support ``dtype``.
    BuildError
        No dtype suits all populations, or int32 is asked of a continuous network.
    """
    if dtype is not None:
        checks.choice("Simulator", "dtype", dtype, DTYPES)
    supported = {
        p.name: (p.kind, p.neurons.model.dtypes)
        for p in network.populations.values()
        if isinstance(p.neurons, Neurons)
    }
    for name, (kind, dtypes) in supported.items():
        if dtype is not None and dtype not in dtypes:
            raise ParameterError(
                f"Simulator.dtype must be one of {', '.join(dtypes)} for population {name!r}, as "
                f"its model {kind} computes in nothing else, got {dtype!r}"
            )
    possible = [d for d in DTYPES if all(d in dtypes for _, dtypes in supported.values())]
    if not possible:
        seen: dict[tuple, str] = {}
        for name, key in supported.items():
            seen.setdefault(key, name)
        found = "; ".join(
            f"{name!r} ({kind}) in {' or '.join(dtypes)}" for (kind, dtypes), name in seen.items()
        )
        raise BuildError(
            f"Network.populations must share a dtype, but they compute {found}; simulate "
            "them as separate networks, or map the float ones to integers with quantize()"
        )
    chosen = dtype or possible[0]
    if chosen == "int32" and network.time != "steps":
        raise BuildError(
            "Network.time must be 'steps' for integer neurons (dtype 'int32'), got "
            f"{network.time!r}; their step is part of the model"
        )
    for name, stimulus in network.stimuli.items():
        if isinstance(stimulus.kind, PoissonInput):
            in_real(f"Stimulus {name!r}", "weight", stimulus.kind.weight, chosen)
        elif chosen == "int32":
            raise BuildError(
                f"Stimulus {name!r} must be a PoissonInput for integer neurons (dtype 'int32'), "
                f"got a {type(stimulus.kind).__name__}"
            )
    return chosen


def in_real(owner: str, name: str, values: Any, real: str) -> np.ndarray:
    """``values`` as an array of dtype ``real``; integers must already be integers.

    Raises
    ------
    BuildError
        ``real`` is "int32" and a value is no integer, or lies outside 32 bits.
    """
    if real == "int32":
        flat = np.ravel(values)
        bad = flat[(flat != np.rint(flat)) | (np.abs(flat) > _INT32_MAX)]
        if bad.size:
            raise BuildError(
                f"{owner}.{name} must be integers of 32 bits for dtype 'int32', got {bad[0]:g}; "
                "scale and round, or map the network with quantize()"
            )
    return np.asarray(values).astype(real, copy=False)
