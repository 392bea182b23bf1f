"""Which parameters change at set times? Switches, and how a running population takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import checks
from ...errors import ParameterError
from ...models.base import Neurons
from ...network import Network
from .loop import ExactLoop


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """Parameters of a population that take new values at a time.

    Potentials, currents and thresholds are as they were the moment before; only the equations
    change. What happens at exactly that time follows the new ones.

    Parameters
    ----------
    population : str
    at : float              [ms]
    params : mapping        parameter name to its value from then on, a number or one per neuron

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> cell = net.add(ns.IF(1), "cell")
    >>> sim = ns.EventSimulator(net, switches=[ns.Switch("cell", 2.0, {"i_ext": 0.5})])
    >>> sim.run(7.0).spikes["cell"].times.tolist()
    [4.0, 6.0]
    """

    population: str
    at: float
    params: Mapping[str, Any]

    def __post_init__(self) -> None:
        checks.number("Switch", "at", self.at, low=0, unit="ms")


def checked(owner: str, network: Network, switches: Sequence[Switch]) -> list[Switch]:
    """Switches in order of time, with the parameters of the models checked.

    Raises
    ------
    ParameterError
    """
    for one in switches:
        if not isinstance(one, Switch):
            raise ParameterError(f"{owner}: switches must be a list of Switch, got {one!r}")
        population = network.populations.get(one.population)
        if population is None or not isinstance(population.neurons, Neurons):
            raise ParameterError(
                f"{owner}: Switch.population must be a population of neurons, got "
                f"{one.population!r}"
            )
        neurons = population.neurons
        neurons.model.neurons(neurons.shape, **{**neurons.params, **one.params})
    return sorted(switches, key=lambda one: one.at)


class Switches:
    """The switches of one simulation: which are past, which is next."""

    def __init__(self, loop: ExactLoop, switches: Sequence[Switch]) -> None:
        self.loop, self.switches, self.n_done = loop, list(switches), 0

    @property
    def next(self) -> float:
        """Time of the next switch; inf: there is none."""
        left = self.switches[self.n_done :]
        return left[0].at if left else np.inf

    def reset(self, t: float = 0.0) -> None:
        """All parameters as they are at a time, before the switches of that moment."""
        for p in self.loop.built.populations:
            p.set_params({})
        self.n_done = 0
        while self.next < t:
            self._take()

    def apply(self) -> None:
        """Take the switches of the present moment: states are brought up to it first."""
        due = [s for s in self.switches[self.n_done :] if s.at <= self.loop.t]
        if due:
            self.loop.settle({s.population for s in due})
            for _ in due:
                self._take()

    def _take(self) -> None:
        one = self.switches[self.n_done]
        populations = {p.population.name: p for p in self.loop.built.populations}
        populations[one.population].set_params(one.params, further=True)
        self.n_done += 1
