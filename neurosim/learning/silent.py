"""What helps neurons that never fire? They have no gradient, so their weights are raised."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from .batch import Batch
from .gradient import ExactGradient
from .graph import is_readout
from .parameters import OfSynapses, Parameter

_MOST = 7  # bumps until the step has its full length


@dataclass(frozen=True, kw_only=True)
class BumpSilent:
    """Raise all learnt weights into neurons that are silent in too many samples of a batch.

    Outside the optimizer, as Adam would scale it away. The step doubles with each batch in
    which the neuron stays too silent, up to 64 times (Göltz et al. 2021). Samples without any spike
    that could have reached the neuron do not count.

    Parameters
    ----------
    step : float            of weights, times v_th - v_reset
    hidden, output : float  the share of silent samples that is borne, by neurons inside the network
                            and by those whose spikes the loss reads; the default suits cells
                            that all fire, once each: give hidden=0.95 where a hidden cell
                            stands for some of the samples only
    """

    step: float = 5e-4
    hidden: float = 0.3
    output: float = 0.05

    def __post_init__(self) -> None:
        checks.number("BumpSilent", "step", self.step, low=0)
        checks.number("BumpSilent", "hidden", self.hidden, low=0, high=1)
        checks.number("BumpSilent", "output", self.output, low=0, high=1)


class Bumper:
    """The remedy at work; ``doublings`` (neurons,) is its state."""

    def __init__(self, spec: BumpSilent, machine: ExactGradient, parameters: list[Parameter],
                 output: str) -> None:  # fmt: skip
        self.spec, self.machine, self.output = spec, machine, output
        self.doublings = np.zeros(machine.span.size)
        self.weights = [
            p for p in parameters if isinstance(p, OfSynapses) and p.spec.what == "weight"
        ]
        targets = {machine.network.projections[p.name].post.name for p in self.weights}
        self.names = [
            name
            for name in machine.names
            if name in targets and not is_readout(machine.network.populations[name])
        ]

    def apply(self, batch: Batch) -> None:
        """Raise the weights of those who were too silent in a batch."""
        too_silent = np.zeros(self.doublings.size, bool)
        for name in self.names:
            heard = self._heard(batch, name)
            if not heard.any():
                continue
            share = (batch.counts(name)[heard] == 0).mean(axis=0)
            borne = self.spec.output if name == self.output else self.spec.hidden
            too_silent[batch.neurons(name)] = share > borne
        self.doublings = np.where(too_silent, np.minimum(self.doublings + 1, _MOST), 0)
        if not too_silent.any():
            return
        graph = self.machine.graph
        raised = self.spec.step * self.machine.span * 2.0 ** (self.doublings - 1)
        raised[~too_silent] = 0.0
        for p in self.weights:
            p.move(-p.mean(raised[graph.targets[p.place]]))
            p.put()

    def _heard(self, batch: Batch, name: str) -> np.ndarray:
        """In which samples did anybody fire who projects to a population?"""
        heard = np.zeros(len(batch), bool)
        for p in self.machine.network.projections.values():
            if p.post.name == name:
                heard |= batch.counts(p.pre.name).any(axis=1)
        return heard

    def saved(self) -> dict[str, Any]:
        """The state."""
        return {"doublings": self.doublings}

    def restore(self, saved: Any) -> None:
        """Take the state over."""
        self.doublings = np.asarray(saved["doublings"], np.float64)
