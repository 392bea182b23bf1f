"""What is the network? Populations and projections: a description, validated, no state."""

from dataclasses import dataclass, field
from typing import Any

from . import checks
from .connectivity.procedural import Procedural
from .connectivity.rules import AllToAll, FromMatrix, Rule
from .errors import ParameterError
from .members import Population as Population
from .members import Projection as Projection
from .members import Stimulus as Stimulus
from .members import no_port, per_synapse, per_tap, port_of_target
from .models.base import Neurons
from .models.schedule import Schedule
from .models.sources import Source
from .models.stimuli import NoiseCurrent, PoissonInput


@dataclass(eq=False, repr=False)
class Network:
    """A spiking network: named populations and the projections between them.

    Parameters
    ----------
    time : {"continuous", "steps"}
        "continuous": time is in ms and the grid of the clock engine is numerical.
        "steps": the step is part of the model (converted networks); time counts steps.
    seed : int
        The one seed. Every random choice is keyed by (seed, explicit name, index), so
        adding a population does not change the draws of the others.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> inp = net.add(ns.PoissonSource(80, rate=50.0), "in")
    >>> exc = net.add(ns.LIF(100, tau_m=20.0, tau_syn=5.0), "exc")
    >>> net.connect(inp, exc, ns.FixedProbability(0.1), weight=0.3, delay=1.0)
    Projection('in->exc', FixedProbability)
    >>> net
    Network(2 populations, 180 neurons, 1 projection, time='continuous', seed=1)
    """

    time: str = "continuous"
    seed: int = 0
    populations: dict[str, Population] = field(default_factory=dict, init=False)
    projections: dict[str, Projection] = field(default_factory=dict, init=False)
    stimuli: dict[str, Stimulus] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        checks.choice("Network", "time", self.time, ("continuous", "steps"))
        self.seed = checks.integer("Network", "seed", self.seed, low=0)

    def add(self, neurons: Neurons | Source, name: str) -> Population:
        """Add a population under a unique, explicit name.

        Raises
        ------
        ParameterError
            The name is taken or not a plain word, or ``neurons`` is no description.
        """
        if not isinstance(name, str) or not name or "/" in name or not name.isprintable():
            raise ParameterError(
                f"Network.add: name must be a non-empty text without '/', got {name!r}"
            )
        if name in self.populations:
            raise ParameterError(f"Network.add: name {name!r} is taken; names must be unique")
        if not isinstance(neurons, (Neurons, Source)):
            raise ParameterError(
                f"Network.add: population {name!r} must be neurons or a source such as "
                f"LIF(10), got {type(neurons).__name__}"
            )
        population = Population(name, neurons)
        self.populations[name] = population
        return population

    def connect(
        self,
        pre: Any,
        post: Any,
        rule: Rule | None = None,
        *,
        weight: Any = None,
        delay: Any = 0.0,
        port: int | str | None = None,
        gain: Schedule | None = None,
        name: str | None = None,
    ) -> Any:
        """Connect populations; lists (or tuples) connect every pair and return a list.

        Parameters
        ----------
        pre, post : Population, its name, or a list of them
        rule : Rule
            Who is connected to whom; default :class:`AllToAll`.
        weight : float, array or Distribution
            [nA] for exponential synapses, [mV] for delta synapses; default 1, or what
            :class:`FromMatrix`, :class:`Convolution` and their like have in them. Arrays have the
            shape (n_pre, n_post) for AllToAll, or one entry per synapse where the rule fixes
            their number.
        delay : float, array or Distribution
            Synaptic delay [ms] (or steps), >= 0. Zero is legal outside cycles. With a kernel
            one number, or one for each spatial tap.
        port : int or str, optional
            Input port of the target; by default the only one, or, with the two ports
            "exc" and "inh", the one that the sign of the weights says.
        gain : Schedule, optional
            Multiplies the weights, for arrivals at each time: one value for all synapses. In the
            clock engine only.
        name : str, optional
            Default "pre->post", with "#2", "#3" ... for further ones.

        Raises
        ------
        ParameterError
            Shapes, bounds, NaN, unknown ports or names.
        """
        if isinstance(pre, (list, tuple)) or isinstance(post, (list, tuple)):
            if name is not None:
                raise ParameterError("Network.connect: name must be None when connecting lists")
            pres, posts = (x if isinstance(x, (list, tuple)) else [x] for x in (pre, post))
            options = {"weight": weight, "delay": delay, "port": port, "gain": gain}
            before = dict(self.projections)
            try:
                return [self.connect(a, b, rule, **options) for a in pres for b in posts]
            except Exception:  # all or nothing
                self.projections = before
                raise
        projection = self._projection(pre, post, rule, weight, delay, port, gain, name)
        self.projections[projection.name] = projection
        return projection

    def stimulate(
        self,
        population: Any,
        stimulus: PoissonInput | NoiseCurrent,
        *,
        port: int | str | None = None,
        name: str | None = None,
    ) -> Any:
        """Attach a stimulus to a population; a list attaches it to each, independently.

        Several on one population add up. The ``port`` of a PoissonInput is chosen by the sign
        of its weight where there are two; a NoiseCurrent has none. The name, by default
        "poisson->population" or "current->population", keys the random numbers.

        Raises
        ------
        ParameterError
            The population is a source, arrays do not fit it, or its model has no parameter
            ``i_ext`` for a current to add to.

        Examples
        --------
        >>> import neurosim as ns
        >>> net = ns.Network()
        >>> cells = net.add(ns.LIF(100, tau_m=20.0), "cells")
        >>> net.stimulate(cells, ns.PoissonInput(rate=8000.0, weight=0.1))
        Stimulus('poisson->cells', PoissonInput)
        >>> net.stimulate(cells, ns.NoiseCurrent(mean=0.2, std=0.1, tau=5.0))
        Stimulus('current->cells', NoiseCurrent)
        """
        if isinstance(population, (list, tuple)):
            return [self.stimulate(p, stimulus, port=port) for p in population]
        target = self._find(population)
        is_current = isinstance(stimulus, NoiseCurrent)
        name = self._free_name(f"{'current' if is_current else 'poisson'}->{target.name}", name)
        owner = f"Stimulus {name!r}"
        if not isinstance(stimulus, (PoissonInput, NoiseCurrent)):
            raise ParameterError(
                f"{owner} must be a PoissonInput or a NoiseCurrent, got {stimulus!r}"
            )
        if target.is_source:
            raise ParameterError(f"{owner}.population must be neurons, got {target!r}")
        stimulus.check(owner, target.n)
        if is_current:
            chosen = no_port(owner, target, port)
        else:
            chosen = port_of_target(owner, target, port)
            chosen = int(stimulus.weight < 0) if chosen is None else chosen
        self.stimuli[name] = Stimulus(name, target, stimulus, chosen)
        return self.stimuli[name]

    def _projection(self, pre, post, rule, weight, delay, port, gain, name) -> Projection:
        pre, post = self._find(pre), self._find(post)
        name = self._free_name(f"{pre.name}->{post.name}", name)
        owner = f"Projection {name!r}"
        rule = AllToAll() if rule is None else rule
        if not isinstance(rule, Rule):
            raise ParameterError(
                f"{owner}.rule must be a connection rule such as AllToAll(), got {rule!r}"
            )
        if post.is_source:
            raise ParameterError(f"{owner}.post must be neurons, got the source {post.name!r}")
        rule = rule.placed(pre.shape, post.shape)
        rule.check(owner, pre.n, post.n)
        if weight is not None and isinstance(rule, (FromMatrix, Procedural)):
            raise ParameterError(
                f"{owner}.weight must be left out with {type(rule).__name__}, which has the weights"
            )
        if gain is not None and (not isinstance(gain, Schedule) or gain.n is not None):
            raise ParameterError(
                f"{owner}.gain must be a Schedule with one number for each time, got {gain!r}"
            )
        last = port_of_target(owner, post, port), gain
        if isinstance(rule, Procedural):
            delay = per_tap(owner, delay, rule)
            return Projection(name, pre, post, rule, rule.kernel, delay, *last)
        if weight is None:
            weight = rule.weights if isinstance(rule, FromMatrix) else 1.0
        same = pre is post
        weight = per_synapse(owner, "weight", weight, rule, pre.n, post.n, same)
        delay = per_synapse(owner, "delay", delay, rule, pre.n, post.n, same, low=0)
        return Projection(name, pre, post, rule, weight, delay, *last)

    def _find(self, population: Any) -> Population:
        if isinstance(population, str) and population in self.populations:
            return self.populations[population]
        if isinstance(population, Population):
            if self.populations.get(population.name) is population:
                return population
            raise ParameterError(f"Network.connect: {population!r} belongs to another network")
        raise ParameterError(
            f"Network.connect: no population {population!r}; "
            f"there are {', '.join(map(repr, self.populations)) or 'none yet'}"
        )

    def _free_name(self, default: str, name: str | None) -> str:
        if name is not None:
            if not isinstance(name, str) or not name:
                raise ParameterError(f"Network.connect: name must be a text, got {name!r}")
            if name in self.projections or name in self.stimuli:
                raise ParameterError(f"Network.connect: name {name!r} is taken")
            return name
        name, k = default, 1
        while name in self.projections or name in self.stimuli:
            k += 1
            name = f"{default}#{k}"
        return name

    def copy(self) -> "Network":
        """The same description in an object of its own, which later additions do not reach."""
        twin = Network(time=self.time, seed=self.seed)
        twin.populations = dict(self.populations)
        twin.projections = dict(self.projections)
        twin.stimuli = dict(self.stimuli)
        return twin

    @property
    def n_neurons(self) -> int:
        """Number of neurons and source channels."""
        return sum(p.n for p in self.populations.values())

    def __repr__(self) -> str:
        k, m = len(self.populations), len(self.projections)
        return (
            f"Network({k} population{'s' * (k != 1)}, {self.n_neurons} neurons, "
            f"{m} projection{'s' * (m != 1)}, time={self.time!r}, seed={self.seed})"
        )

    def summary(self) -> str:
        """A table of populations and projections, as text."""
        lines = [repr(self), "populations:"]
        lines += [f"  {p.name:<20} {p.kind:<14} {p.n:>9}" for p in self.populations.values()]
        lines.append("projections:")
        for p in self.projections.values():
            size = p.rule.size(p.pre.n, p.post.n, p.pre is p.post)
            known = "random" if size is None else f"{size}"
            lines.append(f"  {p.name:<20} {type(p.rule).__name__:<16} {known:>9} synapses")
        return "\n".join(lines)
