"""How is an ANN trained for few steps? With an activation that takes as many levels as steps.

    a(z) = lambda clip(floor(z L / lambda + 1/2) / L, 0, 1)

is what a neuron with the threshold lambda and v(0) = lambda / 2 says in T = L steps of constant
input, and on average in any other number of steps: quantisation, clipping, floor and shift (QCFS).
The floor is passed straight through by gradients; lambda learns, one number for each layer:

    da/dz = 1 where 0 < z < lambda,    da/dlambda = (a - z) / lambda there, and 1 above

T. Bu et al., Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural
networks, ICLR 2022.
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from .. import checks
from ..errors import MissingExtraError, ParameterError
from .methods import MOST_STEPS


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError.of(
            "torch", extra="torch", purpose="training with a quantised activation"
        ) from None
    return torch


@cache
def _activation() -> type:
    """The class of the activation; made when torch is there."""
    torch = _torch()

    class QuantisedReLU(torch.nn.Module):
        """lambda clip(floor(z L / lambda + 1/2) / L, 0, 1), with a trained lambda."""

        def __init__(self, levels: int, ceiling: float) -> None:
            super().__init__()
            self.levels = levels
            self.ceiling = torch.nn.Parameter(torch.tensor(float(ceiling)))

        def forward(self, z: Any) -> Any:
            clipped = torch.clamp(z / self.ceiling, 0.0, 1.0)
            exact = clipped * self.levels
            rounded = (torch.floor(exact + 0.5) - exact).detach() / self.levels + clipped
            return rounded * self.ceiling

        def as_rectifier(self) -> tuple[float, int]:
            """(ceiling, levels), for the conversion."""
            return float(self.ceiling.detach()), int(self.levels)

        def extra_repr(self) -> str:
            return f"levels={self.levels}, ceiling={float(self.ceiling.detach()):.4g}"

    return QuantisedReLU


def quantise(module: Any, calibration: Any, *, levels: int = 8, percentile: float = 99.9) -> Any:
    """Return a copy of a module whose ReLUs are quantised, to be trained on.

    Parameters
    ----------
    module : torch.nn.Module
        with ``torch.nn.ReLU`` modules, each used once.
    calibration : array (samples, *shape)
        from which lambda of each layer begins: ``percentile`` of its positive activations.
    levels : int
        L; the steps that the spiking network will take, or half as many.
    percentile : float

    Raises
    ------
    ParameterError
        No ReLU module: functional ones cannot be replaced; samples that it cannot take.
    MissingExtraError

    Examples
    --------
    ::

        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        made = quantise(net, np.ones((10, 4)), levels=4)
        fine_tune(made, x, y)
    """
    torch = _torch()
    _check_module("quantise", module)
    levels = checks.integer("quantise", "levels", levels, low=1, high=MOST_STEPS)
    percentile = checks.number("quantise", "percentile", percentile, above=0.0, high=100.0)
    relus = [name for name, m in module.named_modules() if isinstance(m, torch.nn.ReLU)]
    if not relus and any(hasattr(part, "as_rectifier") for part in module.modules()):
        raise ParameterError(
            f"quantise: {type(module).__name__} has quantised activations already; "
            "set_levels(module, levels) changes their levels"
        )
    if not relus:
        raise ParameterError(
            f"quantise: {type(module).__name__} has no torch.nn.ReLU among its modules, which "
            "could be replaced; write calls such as torch.relu(x) as modules"
        )
    x = _samples("quantise", module, calibration)
    tops = _tops(module, relus, x, percentile)
    made = copy.deepcopy(module)
    for name in relus:
        parent, _, last = name.rpartition(".")
        quantised = _activation()(levels, tops[name])
        setattr(made.get_submodule(parent), last, quantised)
    return made


def set_levels(module: Any, levels: int) -> None:
    """Let the quantised activations of a module have another number of levels.

    Raises
    ------
    ParameterError
        It has no quantised activations.
    """
    _check_module("set_levels", module)
    levels = checks.integer("set_levels", "levels", levels, low=1, high=MOST_STEPS)
    parts = [part for part in module.modules() if hasattr(part, "as_rectifier")]
    if not parts:
        raise ParameterError(
            f"set_levels: {type(module).__name__} must have quantised activations, got none; "
            "make it with quantise(module, calibration)"
        )
    for part in parts:
        part.levels = levels


def fine_tune(
    module: Any,
    x: Any,
    y: Any,
    *,
    epochs: int = 5,
    rate: float = 1e-3,
    batch: int = 64,
    seed: int = 0,
) -> list[float]:
    """Train a classifier in place with Adam, a falling rate and cross-entropy.

    Parameters
    ----------
    module : torch.nn.Module
    x : array (samples, *shape)
    y : int array (samples,)
    epochs, batch : int
    rate : float
        at the beginning; it falls to 0 along a cosine.
    seed : int
        of the order of samples.

    Returns
    -------
    list of float
        mean loss of each epoch.

    Raises
    ------
    ParameterError
        Samples that the module cannot take, labels that are not its classes, nothing to train.
    """
    torch = _torch()
    _check_module("fine_tune", module)
    for name, value in (("epochs", epochs), ("batch", batch)):
        checks.integer("fine_tune", name, value, low=1)
    rate = checks.number("fine_tune", "rate", rate, above=0.0)
    seed = checks.integer("fine_tune", "seed", seed, low=0, high=2**63 - 1)
    x = _samples("fine_tune", module, x)
    y = _classes(module, x, y)
    learning = [p for p in module.parameters() if p.requires_grad]
    if not learning:
        raise ParameterError(f"fine_tune: {type(module).__name__} must have parameters to train")
    optimiser = torch.optim.Adam(learning, lr=rate)
    steps = epochs * -(-len(x) // batch)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    order = torch.Generator().manual_seed(seed)
    was, losses = module.training, []
    module.train()
    try:
        for _ in range(epochs):
            total = 0.0
            for some in _batches(torch.randperm(len(x), generator=order), batch):
                optimiser.zero_grad()
                loss = torch.nn.functional.cross_entropy(module(x[some]), y[some])
                loss.backward()
                optimiser.step()
                falling.step()
                total += float(loss.detach()) * len(some)
            losses.append(total / len(x))
    finally:
        module.train(was)
    return losses


def _batches(order: Any, batch: int) -> Sequence[Any]:
    """Cut into batches; a last one of a single sample, which batch norm refuses, is shared out."""
    parts = order.split(batch)
    return order.tensor_split(len(parts)) if len(parts[-1]) == 1 < batch else parts


def staged(
    module: Any, x: Any, y: Any, *, levels: Sequence[int] = (8, 4, 2, 1), **options: Any
) -> dict[int, Any]:
    """Fewer and fewer steps: train with each number of levels, from the weights of the last one.

    Trained at once for one step, deep layers go silent; from the weights for two they do not.

    Parameters
    ----------
    module : torch.nn.Module
        from :func:`quantise`; it is left as it was.
    x, y : as for :func:`fine_tune`
    levels : sequence of int
        falling.
    **options
        of :func:`fine_tune`, for each stage.

    Returns
    -------
    dict of int to Module
        a trained module for each number of levels.

    Notes
    -----
    S. S. Chowdhury, N. Rathi, K. Roy, Towards ultra low latency spiking neural networks for vision
    and sequential tasks using temporal pruning, ECCV 2022, arXiv 2110.05929, reduce the time steps
    of a spiking network so; here it is the levels of the ANN that is converted.
    """
    if not np.iterable(levels):
        raise ParameterError(f"staged.levels must be one or more falling numbers, got {levels!r}")
    levels = [checks.integer("staged", "levels", one, low=1) for one in levels]
    if any(a <= b for a, b in zip(levels, levels[1:], strict=False)) or not levels:
        raise ParameterError(f"staged.levels must be one or more falling numbers, got {levels}")
    found = {}
    for one in levels:
        module = copy.deepcopy(module)
        set_levels(module, one)
        fine_tune(module, x, y, **options)
        found[one] = module
    return found


def _check_module(owner: str, module: Any) -> None:
    if not isinstance(module, _torch().nn.Module):
        raise ParameterError(
            f"{owner}.module must be a torch.nn.Module, got {type(module).__name__}"
        )


def _samples(owner: str, module: Any, x: Any) -> Any:
    """Samples as a tensor of the kind that the module computes with."""
    x = checks.array(owner, "samples", x)
    if x.ndim < 2 or not len(x):
        raise ParameterError(
            f"{owner}.samples must have shape (samples, *shape), one sample at least, got {x.shape}"
        )
    kinds = [p.dtype for p in module.parameters() if p.is_floating_point()]
    x = _torch().as_tensor(x, dtype=kinds[0] if kinds else _torch().float32)
    _outputs(owner, module, x[:1])
    return x


def _outputs(owner: str, module: Any, x: Any) -> Any:
    """What the module says in ``eval()`` mode; it is left in the mode that it was in."""
    torch, was = _torch(), module.training
    module.eval()
    try:
        with torch.no_grad():
            return module(x)
    except (RuntimeError, ValueError, TypeError, LookupError) as error:
        raise ParameterError(
            f"{owner}: {type(module).__name__} cannot take a sample of shape {tuple(x.shape[1:])}: "
            f"{error}"
        ) from None
    finally:
        module.train(was)


def _classes(module: Any, x: Any, y: Any) -> Any:
    """Labels as a tensor: one class for each sample, numbers from 0."""
    if len(np.shape(y)) != 1 or len(x) != len(y):
        raise ParameterError(
            "fine_tune: x and y must have the same length, and y one class for each sample, got "
            f"{len(x)} samples and labels of shape {np.shape(y)}"
        )
    known = _outputs("fine_tune", module, x[:1]).shape[-1]
    y = checks.array("fine_tune", "y", y, low=0.0, high=known - 1.0)
    if (y % 1).any():
        raise ParameterError(
            f"fine_tune.y must be numbers of classes from 0, got {float(y[y % 1 != 0][0])!r}"
        )
    return _torch().as_tensor(y, dtype=_torch().long)


def _tops(module: Any, relus: list[str], x: Any, percentile: float) -> dict[str, float]:
    """That percentile of the positive activations of each ReLU."""
    torch = _torch()
    seen: dict[str, list[np.ndarray]] = {name: [] for name in relus}

    def note(name: str) -> Any:
        return lambda _module, _given, out: seen[name].append(out[out > 0].numpy())

    hooks = [module.get_submodule(name).register_forward_hook(note(name)) for name in relus]
    was = module.training
    module.eval()
    try:
        with torch.no_grad():
            for some in x.split(64):
                module(some)
    finally:
        module.train(was)
        for hook in hooks:
            hook.remove()
    values = {name: np.concatenate([[], *parts]) for name, parts in seen.items()}
    return {
        name: float(np.percentile(v, percentile)) if v.size else 1.0 for name, v in values.items()
    }
