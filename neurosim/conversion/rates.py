"""What do the spiking layers compute, step by step? The same arithmetic in plain numpy.

Layer by layer, all steps of one before the next begins, all samples at once. The report and the
correction of biases use it, and tests hold the simulated network against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.pooling import SumPool
from .inputs import given

if TYPE_CHECKING:
    from ..maxpool import MaxPool
    from .codes import RateCode
    from .plan import Plan, PlanLayer


@dataclass(kw_only=True, eq=False)
class Run:
    """Samples on their way through the layers.

    Attributes
    ----------
    plan, code : of the network
    thresholds : dict of layer to float
    biases : dict of layer to array         as the layers of the plan have them, or corrected
    constant : float64[samples, *shape] or None     direct input
    samples, last : int         how many, and the last step
    sent : dict of layer to array[last + 1, samples, *shape]
        what each layer has sent in each step; of the input, in the ANN's units.
    """

    plan: "Plan"
    code: "RateCode"
    thresholds: Mapping[str, float]
    biases: dict[str, np.ndarray]
    constant: np.ndarray | None
    samples: int
    last: int
    sent: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Any, code: Any, thresholds: Any, biases: Any, how: Any, x: Any) -> "Run":
        """Begin with samples as the ANN takes them."""
        last = code.last(deepest(plan))
        constant, steps = given(how, x, last)
        run = cls(
            plan=plan, code=code, thresholds=thresholds, biases=dict(biases), constant=constant,
            samples=len(x), last=last,
        )  # fmt: skip
        if steps is not None:
            run.sent[plan.input] = steps
        return run

    def said(self, name: str) -> np.ndarray:
        """What a layer, or the input, said in all, in the ANN's units."""
        if name == self.plan.input and self.constant is not None:
            return self.constant
        total = sum(self._gain(name, t) * self.sent[name][t] for t in range(self.last + 1))
        return total / self.code.norm(self.last)

    def wanted(self, layer: "PlanLayer") -> np.ndarray:
        """What a layer should say, before its non-linearity, given what really came."""
        terms = (term.operator.apply(self.said(term.source)) for term in layer.terms)
        return sum(terms) + self.biases[layer.name]

    def through(self, layer: "PlanLayer") -> np.ndarray:
        """Run one hidden layer; return what it sent."""
        if layer.pool is not None:
            sent = pooled(self.sent[layer.terms[0].source], layer.pool, self.code)
            self.sent[layer.name] = sent
            return sent
        theta = self.thresholds[layer.name]
        constant = np.zeros((self.samples, *layer.shape)) + self.biases[layer.name]
        moving = []
        for term in layer.terms:
            if term.source == self.plan.input and self.constant is not None:
                constant += term.operator.apply(self.constant)
            else:
                moving.append(term)
        cell = self.code.cell(constant / theta, depths(self.plan)[layer.name])
        sent = np.zeros((self.last + 1, *constant.shape), np.int8)
        for t in range(self.last + 1):
            arrived = np.zeros(constant.shape)
            for term in moving:
                value = self._gain(term.source, t) * self.sent[term.source][t]
                arrived += term.operator.apply(value) / theta
            sent[t] = cell(t, arrived)
        self.sent[layer.name] = sent
        return sent

    def _gain(self, name: str, t: int) -> float:
        """What is meant by 1 that a layer sends in step t, in the ANN's units times N."""
        return 1.0 if name == self.plan.input else self.code.gain(t) * self.thresholds[name]


def depths(plan: "Plan") -> dict[str, int]:
    """How many layers with thresholds, this one included, lead to each on the longest way."""
    found = {plan.input: 0}
    for layer in plan.layers:
        before = max((found[term.source] for term in layer.terms), default=0)
        found[layer.name] = before + (layer.pool is None)
    return found


def deepest(plan: "Plan") -> int:
    """The largest depth of a layer with a threshold."""
    return max(depths(plan)[layer.name] for layer in plan.spiking)


def pooled(sent: np.ndarray, pool: "MaxPool", code: "RateCode") -> np.ndarray:
    """Spiking max-pooling by the largest so far, of int8[steps, samples, *space, channels].

    What the largest of a window has grown by, in spikes; where their weights go round, digit by
    digit.
    """
    out, total, said = [], 0.0, 0.0
    for t, spikes in enumerate(sent):
        weight = code.gain(t)
        total = total + weight * seen_by(spikes, pool)
        left = total.max(axis=-1) - said
        digits = left > weight - 0.5 * code.gain(code.repeats) if code.repeats else None
        out.append(np.rint(left / weight) if digits is None else digits)
        said = said + weight * out[-1]
    return np.array(out, np.int8)


def seen_by(x: np.ndarray, pool: "MaxPool") -> np.ndarray:
    """What each window sees of (samples, *space, channels), its places as a last axis."""
    n = len(pool.window)
    sizes = SumPool(pool.window, pool.stride, pool.padding)._sizes()
    x = np.pad(x, [(0, 0), *(pair for _, _, pair, *_ in sizes), (0, 0)])
    seen = np.lib.stride_tricks.sliding_window_view(x, pool.window, axis=tuple(range(1, n + 1)))
    seen = seen[(slice(None), *(slice(None, None, stride) for _, stride, *_ in sizes))]
    return seen.reshape(*seen.shape[: n + 2], -1)


def biases_of(plan: "Plan") -> dict[str, np.ndarray]:
    """The bias of each layer, float64[*shape]."""
    return {layer.name: layer.bias for layer in plan.layers}
