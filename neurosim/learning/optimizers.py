"""How does a gradient become a step? SGD and Adam, and rates that change with the epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import checks
from .._jit import kernel

Schedule = Callable[[int], float]  # epoch (from 0) to a factor of the rate


@kernel
def _adam(mean, square, gradient, step, beta_1, beta_2, steps, epsilon):
    first, second = 1 - beta_1**steps, 1 - beta_2**steps
    for k in range(gradient.size):
        g = gradient[k]
        mean[k] = beta_1 * mean[k] + (1 - beta_1) * g
        square[k] = beta_2 * square[k] + (1 - beta_2) * (g * g)
        step[k] = mean[k] / first / (math.sqrt(square[k] / second) + epsilon)


@dataclass(frozen=True, kw_only=True)
class SGD:
    """Gradient descent: m = momentum m + g, step = rate m."""

    momentum: float = 0.0

    def __post_init__(self) -> None:
        checks.number("SGD", "momentum", self.momentum, low=0, high=0.99999)

    def begin(self, n: int) -> dict[str, np.ndarray]:
        """The state for ``n`` numbers."""
        return {"mean": np.zeros(n)}

    def step(self, state: dict[str, np.ndarray], gradient: np.ndarray) -> np.ndarray:
        """What to subtract, for a rate of 1."""
        state["mean"][:] = self.momentum * state["mean"] + gradient
        return state["mean"].copy()


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam: steps of about the rate, whatever the gradient's scale (Kingma and Ba 2015)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            checks.number("Adam", name, getattr(self, name), low=0, high=0.99999)
        checks.number("Adam", "epsilon", self.epsilon, above=0)

    def begin(self, n: int) -> dict[str, np.ndarray]:
        """The state for ``n`` numbers."""
        return {"mean": np.zeros(n), "square": np.zeros(n), "steps": np.zeros(1)}

    def step(self, state: dict[str, np.ndarray], gradient: np.ndarray) -> np.ndarray:
        """What to subtract, for a rate of 1."""
        state["steps"] += 1
        step = np.empty_like(gradient)
        _adam(
            state["mean"], state["square"], gradient, step, self.beta_1, self.beta_2,
            float(state["steps"][0]), self.epsilon,
        )  # fmt: skip
        return step


@dataclass(frozen=True)
class StepDecay:
    """The rate times ``factor`` after every ``every`` epochs."""

    factor: float = 0.95
    every: int = 20

    def __post_init__(self) -> None:
        checks.number("StepDecay", "factor", self.factor, low=0)
        checks.integer("StepDecay", "every", self.every, low=1)

    def __call__(self, epoch: int) -> float:
        return self.factor ** (epoch // self.every)


@dataclass(frozen=True)
class CosineDecay:
    """From 1 to ``last`` along half a cosine, over ``epochs``."""

    epochs: int
    last: float = 0.0

    def __post_init__(self) -> None:
        checks.integer("CosineDecay", "epochs", self.epochs, low=1)
        checks.number("CosineDecay", "last", self.last, low=0)

    def __call__(self, epoch: int) -> float:
        done = min(epoch / max(1, self.epochs - 1), 1.0)
        return self.last + (1.0 - self.last) * 0.5 * (1.0 + math.cos(math.pi * done))
