"""When does a run end before its duration is over? Conditions, looked at between chunks.

A condition is looked at whenever a chunk of steps is done (``chunk`` of `Simulator.run`),
and the run ends there. Conditions on rates, spikes and events are deterministic; one on
wall time is not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import to_steps, to_times
from ..errors import FormatError, ParameterError
from ..network import Network, Population
from .result import Spikes


def _set_population(condition: Any) -> None:
    owner, value = type(condition).__name__, condition.population
    name = value.name if isinstance(value, Population) else value
    if not isinstance(name, str):
        raise ParameterError(f"{owner}.population must be a name or a Population, got {value!r}")
    object.__setattr__(condition, "population", name)


@dataclass(frozen=True, slots=True)
class StopAtRate:
    """Stop when a population's mean rate leaves its bounds.

    rate = spikes in the last ``window`` / (n window), looked at from the first full window on.

    Parameters
    ----------
    population : str or Population
    above, below : float, optional
        Stop when the rate is > above, or < below [Hz], or [spikes per step]; at least one.
    window : float
        [ms], or [steps]

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=1)
    >>> _ = net.add(ns.PoissonSource(100, rate=50.0), "noise")
    >>> result = ns.simulate(net, 1000.0, stop=StopAtRate("noise", above=20.0, window=200.0))
    >>> result.t_stop
    200.0
    """

    population: str
    above: float | None = None
    below: float | None = None
    window: float = 100.0

    def __post_init__(self) -> None:
        _set_population(self)
        if self.above is None and self.below is None:
            raise ParameterError("StopAtRate must have a bound, above= or below=, got neither")
        for name in ("above", "below"):
            value = getattr(self, name)
            if value is not None:
                value = checks.number("StopAtRate", name, value, low=0)
                object.__setattr__(self, name, value)
        window = checks.number("StopAtRate", "window", self.window, above=0)
        object.__setattr__(self, "window", window)


@dataclass(frozen=True, slots=True)
class StopAtSpikes:
    """Stop when a population has emitted ``n`` spikes in this run.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> _ = net.add(ns.SpikeSource(1, times=range(500), ids=[0] * 500), "in")
    >>> ns.simulate(net, 500.0, stop=StopAtSpikes("in", 150)).stop_reason
    "200 spikes of 'in', at least 150"
    """

    population: str
    n: int

    def __post_init__(self) -> None:
        _set_population(self)
        object.__setattr__(self, "n", checks.integer("StopAtSpikes", "n", self.n, low=1))


@dataclass(frozen=True, slots=True)
class StopAtEvents:
    """Stop when this run's spikes have reached ``n`` synapses."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", checks.integer("StopAtEvents", "n", self.n, low=1))


@dataclass(frozen=True, slots=True)
class StopAtWall:
    """Stop when the run has taken ``seconds`` of wall time; the build is not counted.

    The one condition whose moment differs from run to run. A long run that it stopped is
    not over: resuming goes on to the planned end.
    """

    seconds: float

    def __post_init__(self) -> None:
        seconds = checks.number("StopAtWall", "seconds", self.seconds, low=0, unit="s")
        object.__setattr__(self, "seconds", seconds)


@dataclass(frozen=True, slots=True)
class RunView:
    """What a function given as ``stop`` sees of a run; its arrays cannot be written to.

    Attributes
    ----------
    t, t_start : float                                  present time, start [ms], or [steps]
    counts : dict of population name to int64 (n,)      spikes per neuron in this run so far
    spikes : dict of population name to :class:`Spikes`     of the chunk just done
    wall_s : float                                      seconds since the run began
    state : function
        ``state(population, variable)``: a state variable of all neurons now, a copy.
    """

    t: float
    t_start: float
    counts: Mapping[str, np.ndarray]
    spikes: Mapping[str, Spikes]
    wall_s: float
    state: Callable[[str, str], np.ndarray]


def state_place(network: Network, population: str, variable: str) -> tuple[int, int]:
    """Numbers of a population and of one of its state variables.

    Raises
    ------
    ParameterError
    """
    names = list(network.populations)
    found = network.populations.get(population)
    known = [] if found is None or found.is_source else list(found.neurons.model.state)
    if variable not in known:
        raise ParameterError(
            f"RunView.state: variable must be one of {known} of {population!r}, a population of "
            f"{names}, got {variable!r}"
        )
    return names.index(population), known.index(variable)


Condition = StopAtRate | StopAtSpikes | StopAtEvents | StopAtWall | Callable[[RunView], Any]
_KINDS = {kind.__name__: kind for kind in (StopAtRate, StopAtSpikes, StopAtEvents, StopAtWall)}


def conditions_of(stop: Condition | Sequence[Condition] | None) -> list[Condition]:
    """The conditions of a run as a list.

    Raises
    ------
    ParameterError
        Something in it is neither a condition nor a function.
    """
    if stop is None:
        return []
    found = list(stop) if isinstance(stop, (list, tuple)) else [stop]
    for one in found:
        if isinstance(one, type) or not (type(one).__name__ in _KINDS or callable(one)):
            raise ParameterError(
                f"stop must be {', '.join(_KINDS)}, a function, or a list of these, got {one!r}"
            )
    return found


def described(conditions: list[Condition]) -> list[dict[str, Any]]:
    """Conditions as plain data; of a function only the name is kept."""
    return [
        {"type": type(one).__name__} | {f.name: getattr(one, f.name) for f in fields(one)}
        if type(one).__name__ in _KINDS
        else {"type": "function", "name": _name(one)}
        for one in conditions
    ]


def from_description(owner: str, entries: list[dict[str, Any]]) -> list[Condition]:
    """The conditions that `described` wrote down.

    Raises
    ------
    ParameterError
        One was a function, which no file can hold.
    FormatError
    """
    found = []
    for entry in entries:
        entry = dict(entry)
        kind = entry.pop("type", None)
        if kind == "function":
            raise ParameterError(
                f"{owner}: stop was a function, {entry.get('name')}, which is not saved; give "
                "it again, or stop=[] to go on without it"
            )
        try:
            found.append(_KINDS[kind](**entry))
        except (KeyError, TypeError, ParameterError) as error:
            raise FormatError(f"{owner}: stop must list conditions ({error})") from None
    return found


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


class StopWatch:
    """Looks at the conditions of one run after every chunk."""

    def __init__(self, conditions: list[Condition], network: Network, dt: float) -> None:
        self.conditions, self.network, self.dt = conditions, network, dt
        self.by_wall = False
        self.recent: dict[int, np.ndarray] = {}  # spikes per step, of the window of a rate
        self.begun = time.perf_counter()
        for k, one in enumerate(conditions):
            name = getattr(one, "population", None) if type(one).__name__ in _KINDS else None
            if name is not None and name not in network.populations:
                raise ParameterError(
                    f"{type(one).__name__}.population must be one of {list(network.populations)}, "
                    f"got {name!r}"
                )
            if isinstance(one, StopAtRate):
                self.recent[k] = np.empty(0, np.int64)

    @property
    def functions(self) -> bool:
        """Is there a function, which wants to see the run?"""
        return any(type(one).__name__ not in _KINDS for one in self.conditions)

    def saved(self) -> dict[str, np.ndarray]:
        """What the conditions have to know when a run goes on."""
        return {f"window {k} {self.conditions[k]}": r for k, r in self.recent.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over the windows of the same conditions."""
        for k in self.recent:
            self.recent[k] = np.asarray(
                saved.get(f"window {k} {self.conditions[k]}", self.recent[k]), np.int64
            )

    def see(self, begin: int, end: int, found: Mapping[str, tuple]) -> None:
        """Take the (steps, ids) of a chunk."""
        for k, recent in self.recent.items():
            one = self.conditions[k]
            steps = found[one.population][0] - begin
            recent = np.concatenate((recent, np.bincount(steps, minlength=end - begin)))
            self.recent[k] = recent[-self._window(one) :]

    def _window(self, one: StopAtRate) -> int:
        return max(1, int(to_steps(one.window, self.dt)))

    def reason(
        self, counts: Mapping[str, np.ndarray], events: Callable[[], int], view: Callable
    ) -> str | None:
        """Why the run is to end now, or None. Wall time comes last: others are repeatable."""
        ordered = sorted(range(len(self.conditions)), key=lambda k: self._wall(k))
        for k in ordered:
            one = self.conditions[k]
            if isinstance(one, StopAtRate):
                reason = self._rate(k, one)
            elif isinstance(one, StopAtSpikes):
                n = int(counts[one.population].sum())
                reason = f"{n} spikes of {one.population!r}, at least {one.n}" * (n >= one.n)
            elif isinstance(one, StopAtEvents):
                n = events()
                reason = f"{n} synaptic events, at least {one.n}" * (n >= one.n)
            elif isinstance(one, StopAtWall):
                reason = self._wall_time(one)
                self.by_wall = bool(reason)
            else:
                reason = _asked(one, view())
            if reason:
                return reason
        return None

    def _wall(self, k: int) -> bool:
        return isinstance(self.conditions[k], StopAtWall)

    def _wall_time(self, one: StopAtWall) -> str:
        passed = time.perf_counter() - self.begun >= one.seconds
        return f"wall time of {one.seconds:g} s used" * passed

    def _rate(self, k: int, one: StopAtRate) -> str:
        recent, window = self.recent[k], self._window(one)
        if recent.size < window:
            return ""
        continuous = self.network.time == "continuous"
        span = float(to_times(window, self.dt)) / (1000.0 if continuous else 1.0)
        rate = int(recent.sum()) / (self.network.populations[one.population].n * span)
        unit = "Hz" if continuous else "per step"
        head = f"rate of {one.population!r} was {rate:g} {unit} over the last {one.window:g} "
        head += "ms" if continuous else "steps"
        if one.above is not None and rate > one.above:
            return f"{head}, above {one.above:g}"
        if one.below is not None and rate < one.below:
            return f"{head}, below {one.below:g}"
        return ""


def _asked(function: Callable, view: RunView) -> str:
    answer = function(view)
    if answer is None or isinstance(answer, (bool, np.bool_)):
        return f"{_name(function)} asked for it" if answer else ""
    if isinstance(answer, str):
        return answer
    raise ParameterError(
        f"stop: {_name(function)} must return True, False, None or a reason, got {answer!r}"
    )
