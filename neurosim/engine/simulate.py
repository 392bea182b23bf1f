"""Which engine runs a network? `simulate`: build it, run it once, say which and why."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.distributions import Distribution
from ..errors import ParameterError
from ..network import Network
from .exact.build import refusal
from .exact.simulator import EventSimulator
from .result import Result
from .simulator import Simulator

# Options of (building, running), by engine, beside those that both have.
_BOTH = (
    ("threads", "max_rate"),
    ("interval", "inputs", "progress", "stop", "chunk", "out", "checkpoint_every"),
)
_OWN = {
    "clock": (
        ("dt", "dtype", "round_delays", "sleep", "weights", "learning", "max_memory"),
        ("override",),
    ),
    "event": (("scheduler", "switches"), ("times", "at_spikes")),
}
_DEFAULT_DT = 0.1  # ms, of the clock engine


def simulate(
    network: Network,
    duration: float,
    *,
    engine: str = "auto",
    record: Mapping[str, Any] | None = None,
    **options: Any,
) -> Result:
    """Build a network and run it once, from time 0.

    Parameters
    ----------
    network : Network
    duration : float
        [ms], or [steps].
    engine : {"auto", "clock", "event"}
        "clock": all neurons step by step on a grid, fast and with a cost that is known
        beforehand (:class:`Simulator`). "event": continuous time and exact spikes, with a cost
        that follows the arrivals (:class:`EventSimulator`). "auto" takes the clock engine, unless
        only the event engine can run the network (delays below dt), or an
        option that only it has is given; `Result.engine_reason` says why.
    record : mapping, optional
        See `Simulator.run`.
    **options
        Of the engine and its run: ``threads``, ``max_rate``, ``interval``, ``inputs``,
        ``progress``, ``stop``, ``chunk``, ``out``, ``checkpoint_every``; for the clock engine
        ``dt``, ``dtype``, ``round_delays``, ``sleep``, ``weights``, ``learning``,
        ``max_memory``, ``override``; for the event engine ``scheduler``, ``switches``,
        ``times``, ``at_spikes``.

    Raises
    ------
    ParameterError, BuildError, SimulationError

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network(seed=3)
    >>> noise = net.add(ns.PoissonSource(100, rate=50.0), "noise")
    >>> cell = net.add(ns.LIF(1, tau_m=20.0, tau_syn=5.0), "cell")
    >>> _ = net.connect(noise, cell, weight=0.07)
    >>> result = ns.simulate(net, 1000.0, record={"cell": ["spikes", "v"]})
    >>> result.traces["cell"]["v"]
    Trace(10000 times x 1 neurons, 'mV')
    >>> result.engine, ns.simulate(net, 1000.0, engine="event").engine_reason
    ('clock', 'asked for')
    """
    engine, reason, build, run = engine_for(network, engine, options)
    kind = Simulator if engine == "clock" else EventSimulator
    result = kind(network, **build).run(duration, record=record, **run)
    result.engine_reason = reason
    return result


def engine_for(
    network: Network, engine: str, options: Mapping[str, Any], *, owner: str = "simulate"
) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """(engine, why, options of its build, options of its run) of a network.

    Raises
    ------
    ParameterError
    """
    checks.choice(owner, "engine", engine, ("auto", "clock", "event"))
    if not isinstance(network, Network):
        raise ParameterError(f"{owner}.network must be a Network, got {network!r}")
    _check_known(owner, options)
    options = {name: value for name, value in options.items() if value is not None}
    reason = "asked for"
    if engine == "auto":
        engine, reason = _choice(network, options)
    _check_fits(owner, engine, options)
    build, run = (
        {k: options[k] for k in (*_BOTH[part], *_OWN[engine][part]) if k in options}
        for part in (0, 1)
    )
    return engine, reason, build, run


def _all_options() -> list[str]:
    parts = [*_BOTH, *_OWN["clock"], *_OWN["event"]]
    return [name for part in parts for name in part]


def _check_known(owner: str, options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _all_options():
            raise ParameterError(
                f"{owner}: no option {name!r}; there are engine, record, "
                f"{', '.join(_all_options())}"
            )


def _check_fits(owner: str, engine: str, options: Mapping[str, Any]) -> None:
    other = "event" if engine == "clock" else "clock"
    for name in (*_OWN[other][0], *_OWN[other][1]):
        if name in options:
            raise ParameterError(
                f"{owner}.{name} must be left out for the {engine} engine, which has no such "
                f"option, got {options[name]!r}; leave it out, or take engine={other!r}"
            )


def _choice(network: Network, options: Mapping[str, Any]) -> tuple[str, str]:
    """The engine to take, and why."""
    cannot = refusal(network)
    for engine in ("clock", "event"):
        given = [name for part in _OWN[engine] for name in part if name in options]
        if given:
            return engine, f"the option {given[0]} is one of the {engine} engine"
    if cannot is not None:
        return "clock", f"the event engine cannot run it: {cannot.split(',')[0]}"
    for p in network.projections.values():
        if not isinstance(p.delay, Distribution) and _is_short(np.asarray(p.delay)):
            return "event", f"delays of projection {p.name!r} are below dt = {_DEFAULT_DT:g} ms"
    return "clock", "its cost is known beforehand; engine='event' gives exact spike times"


def _is_short(delay: np.ndarray) -> bool:
    return bool(np.any((delay > 0) & (delay < _DEFAULT_DT * (1 - 1e-9))))
