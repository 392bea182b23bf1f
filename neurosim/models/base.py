"""What is a neuron model? A handful of scalar functions over state and parameters.

==============================  ==========================================================
``advance(...) -> state``       sub-threshold flow over one step ``dt``
``receive(...) -> state``       what the summed input ``weight`` of a ``port`` does
``fires(...) -> bool``          is the threshold reached?
``fire(...) -> state``          reset after a spike
``leap(...) -> state``          optional: the flow over ``steps`` steps without input, at once
``quiet(...) -> bool``          optional: it cannot fire without new input, so it may sleep
``rests(...) -> bool``          optional: without input nothing will ever change
``flow(...) -> state``          optional: the exact flow over any time ``dt`` [ms]
``crossing(...) -> float``      optional: time to the next threshold crossing
``payload(...) -> float``       optional: what a graded spike carries, asked before the reset
==============================  ==========================================================

The clock engine uses the first four, ``leap`` and ``quiet`` where neurons sleep, and ``rests`` to
pass over those that need no step; the event
engine uses ``flow``, ``crossing``, ``receive`` and ``fire``; both use ``payload``.

The arguments of each function are found by *name*: state variables, parameters (given or
derived), and the reserved names ``t``, ``dt``, ``weight``, ``port``, ``steps`` and
``horizon``. A function
that returns the state returns every state variable, in declared order. Functions are
scalar, so the package can compile them for blocks of neurons (and, later, other
devices). Built-in models have no privilege over models that users write.
"""

import dis
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from math import prod
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.distributions import Distribution
from ..errors import ParameterError

RESERVED = {
    "advance": ("t", "dt"),
    "receive": ("t", "dt", "weight", "port"),
    "fires": ("t", "dt"),
    "fire": ("t", "dt"),
    "leap": ("t", "dt", "steps"),
    "quiet": ("t", "dt"),
    "rests": ("dt",),
    "flow": ("dt",),
    "crossing": ("horizon",),
    "payload": (),
}
TESTS = ("fires", "quiet", "rests")  # members that answer True or False
NUMBERS = ("crossing", "payload")  # members that answer a number
OF_EVENTS = ("receive", "fire", "flow", "crossing", "payload")  # members the event engine uses
DTYPES = ("float32", "float64", "int32")
Value = float | np.ndarray


def shape_of(owner: str, n: Any) -> tuple[int, ...]:
    """Population shape from an integer or a tuple of integers, all at least 1."""
    sizes = n if isinstance(n, (tuple, list)) else (n,)
    return tuple(checks.integer(owner, "n", size, low=1) for size in sizes)


def per_neuron(owner: str, name: str, value: Any, shape: tuple[int, ...], **rule: Any) -> Value:
    """A scalar, or one value per neuron (shape ``(n,)`` or the population's shape)."""
    if np.ndim(value) == 0:
        return checks.number(owner, name, value, **rule)
    if np.shape(value) == shape:
        value = np.reshape(value, -1)
    return checks.array(owner, name, value, shape=(prod(shape),), **rule)


def check_member(owner: str, model: "NeuronModel", member: str, derived: dict) -> None:
    """Try a model's function once, in Python, on the default values.

    An exception would be lost in compiled code, so ``raise`` and ``assert`` are refused.
    """
    function = getattr(model, member)
    function = getattr(function, "py_func", function)
    if any(i.opname == "RAISE_VARARGS" for i in dis.get_instructions(function)):
        raise ParameterError(
            f"{owner}.{member} must not raise or assert: compiled code cannot report it"
        )
    kind = int if "int32" in model.dtypes else float
    values = {"t": kind(0), "dt": kind(1), "steps": kind(1), "weight": kind(0), "port": 0}
    values["horizon"] = float("inf")
    values |= {k: kind(np.ravel(v)[0]) for k, v in (*derived.items(), *model.state.items())}
    try:
        with np.errstate(all="ignore"):
            result = function(**{name: values[name] for name in model.arguments(member)})
    except ArithmeticError:
        return  # the defaults may lie where the function is not defined
    except Exception as error:
        raise ParameterError(f"{owner}.{member} must run on the default values: {error}") from None
    n = 1 if member in (*TESTS, *NUMBERS) else len(model.state)
    found = len(result) if isinstance(result, tuple) else int(np.ndim(result) == 0)
    if result is None or found != n:
        expected = f"({', '.join(model.state)})"
        if member in (*TESTS, *NUMBERS):
            expected = "True or False" if member in TESTS else "a number"
        raise ParameterError(f"{owner}.{member} must return {expected}, got {result!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronModel:
    """A neuron model: named state, parameters, and scalar functions.

    Parameters
    ----------
    name : str
        Shown in results and errors.
    state : mapping of str to float
        State variables and their initial values.
    params : mapping of str to float
        Parameters and their defaults.
    advance, receive, fires, fire : functions
        See the module's first lines. ``fires`` and ``fire`` may be left out together:
        the neuron then integrates and never spikes.
    leap, quiet : functions, optional
        Both, or neither. With them the neurons can sleep: ``leap`` takes the place of
        ``steps`` calls of ``advance``, ``quiet`` must be False wherever a neuron might
        fire without further input.
    rests : function, optional
        For models with one port: True where ``advance``, and ``receive`` of 0, would change
        nothing now and ever after, and the neuron would not fire. The clock engine then passes
        over groups of neurons in which all rest and nothing arrives; no bit of the results
        depends on it.
    flow, crossing : functions, optional
        Both, or neither. With them the event engine can run the model. ``flow`` is the solution
        without input after any time ``dt`` [ms]. ``crossing`` returns the time [ms] from now to
        the next moment at which the neuron fires without further input (0 where it fires at
        once), if that is at most ``horizon``. Otherwise it may return any time beyond
        ``horizon`` before which the neuron certainly does not fire; inf: it never does. What it
        returns below the horizon must not depend on the horizon.
    payload : function, optional
        What a spike carries: the weights that it meets are multiplied by it.
    derive : function, optional
        ``derive(params, dt) -> dict`` computes further parameters once, before a run
        (for instance a decay factor per step); its names are available to the functions.
    constants : function, optional
        ``constants(params) -> dict`` does the same for the event engine, which has no step: for
        ``flow``, ``crossing``, ``payload``, and ``receive`` and ``fire`` when it calls them.
    ports : tuple of str
        Names of the input ports; an arrival carries the index of its port.
    still : mapping of str to str, optional
        State variables that stay 0 as long as a parameter is 0 (what is left of a refractory
        period of no length): the clock engine leaves them out then.
    units : mapping of str to str
        Unit of each state variable, for plots.
    rules : mapping of str to dict
        Bounds of parameters (keywords ``low``, ``high``, ``above``, ``unit``).
    dtypes : tuple of str
        Numbers that the functions are right for, of "float32", "float64" and "int32".
        With "int32" state, parameters, weights and ``t`` are integers; functions widen
        (``np.int64``) where products need it.

    Raises
    ------
    ParameterError
        A function asks for an unknown name, a pair of functions is incomplete, or an integer
        model contains a fraction.

    Examples
    --------
    >>> def advance(v, tau, dt):
    ...     return v - v * dt / tau
    >>> def receive(v, weight):
    ...     return v + weight
    >>> leaky = NeuronModel(name="leaky", state={"v": 0.0}, params={"tau": 10.0},
    ...                     advance=advance, receive=receive)
    >>> leaky.neurons(3, tau=20.0)
    Neurons(leaky, 3)
    """

    name: str
    state: Mapping[str, float]
    params: Mapping[str, float] = field(default_factory=dict)
    advance: Callable
    receive: Callable
    fires: Callable | None = None
    fire: Callable | None = None
    leap: Callable | None = None
    quiet: Callable | None = None
    rests: Callable | None = None
    flow: Callable | None = None
    crossing: Callable | None = None
    payload: Callable | None = None
    derive: Callable[[dict[str, Value], float], dict[str, Value]] | None = None
    constants: Callable[[dict[str, Value]], dict[str, Value]] | None = None
    ports: tuple[str, ...] = ("in",)
    still: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32", "float64")

    def __post_init__(self) -> None:
        owner = f"NeuronModel {self.name!r}"
        object.__setattr__(self, "dtypes", tuple(self.dtypes))
        if not self.dtypes or not set(self.dtypes) <= set(DTYPES):
            raise ParameterError(f"{owner}.dtypes must be some of {DTYPES}, got {self.dtypes}")
        if not self.state or not self.ports:
            raise ParameterError(f"{owner} must have at least one state variable and one port")
        if (self.fires is None) != (self.fire is None):
            raise ParameterError(f"{owner} must define both fires and fire, or neither")
        if (self.leap is None) != (self.quiet is None):
            raise ParameterError(f"{owner} must define both leap and quiet, or neither")
        if (self.flow is None) != (self.crossing is None):
            raise ParameterError(f"{owner} must define both flow and crossing, or neither")
        if self.rests is not None and len(self.ports) > 1:
            raise ParameterError(
                f"{owner}.rests must be left out with {len(self.ports)} ports, as groups that rest "
                "are passed over in models with one port; give leap and quiet instead"
            )
        both = set(self.state) & set(self.params)
        if both:
            raise ParameterError(f"{owner}: {sorted(both)} must be state or parameter, not both")
        derived = self.kernel_params(dict(self.params), 1.0)
        if not (set(self.still) <= set(self.state) and set(self.still.values()) <= set(derived)):
            raise ParameterError(
                f"{owner}.still must map state variables to parameters, got {dict(self.still)}"
            )
        exact = self.event_params(dict(self.params)) if self.flow else {}
        taken = {name for names in RESERVED.values() for name in names}
        for name in (*self.state, *derived, *exact):
            if name in taken or (name in self.state and name in {**derived, **exact}):
                raise ParameterError(
                    f"{owner}: {name!r} must be the name of one state variable or parameter, and "
                    f"none of the reserved {sorted(taken)}"
                )
            if not name.isidentifier() or iskeyword(name):
                raise ParameterError(f"{owner}: {name!r} must be a Python name")
        for member in self.members():
            if member not in ("flow", "crossing", "payload"):
                self._check_member(member, derived)
            if self.flow is not None and member in OF_EVENTS:
                self._check_member(member, exact)
            if "int32" in self.dtypes:
                self._check_whole_constants(member)

    def _check_member(self, member: str, params: dict[str, Value]) -> None:
        owner = f"NeuronModel {self.name!r}"
        known = {*self.state, *params, *RESERVED[member]}
        unknown = set(self.arguments(member)) - known
        if unknown:
            raise ParameterError(
                f"{owner}.{member} must take state variables, parameters or "
                f"{RESERVED[member]} by name, got {sorted(unknown)}"
            )
        check_member(owner, self, member, params)

    def _check_whole_constants(self, member: str) -> None:
        function = getattr(self, member)
        for c in getattr(function, "py_func", function).__code__.co_consts:
            if isinstance(c, float) and not c.is_integer():
                raise ParameterError(
                    f"NeuronModel {self.name!r}.{member} must use whole numbers for dtype "
                    f"'int32', got the constant {c!r}"
                )

    def members(self) -> list[str]:
        """Names of the functions that this model has."""
        return [m for m in RESERVED if getattr(self, m) is not None]

    def arguments(self, member: str) -> list[str]:
        """Argument names of one function."""
        return list(inspect.signature(getattr(self, member)).parameters)

    def kernel_params(self, params: dict[str, Value], dt: float) -> dict[str, Value]:
        """Given and derived parameters, for step ``dt``."""
        return {**params, **(self.derive(params, dt) if self.derive else {})}

    def event_params(self, params: dict[str, Value]) -> dict[str, Value]:
        """Given parameters and those derived for continuous time."""
        return {**params, **(self.constants(params) if self.constants else {})}

    def neurons(
        self,
        n: int | tuple[int, ...],
        *,
        initial: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> "Neurons":
        """Describe ``n`` neurons of this model, for `Network.add`.

        ``initial`` sets state variables (number, array or distribution), the other
        keywords set parameters (number, or one per neuron).
        """
        return Neurons(self, n, initial or {}, params)


@dataclass(frozen=True, eq=False, repr=False)
class Neurons:
    """``n`` neurons of one model with their parameters: what `Network.add` takes."""

    model: NeuronModel
    n: Any
    initial: Mapping[str, Any]
    params: Mapping[str, Any]
    shape: tuple[int, ...] = field(init=False)
    is_source = False

    def __post_init__(self) -> None:
        model, owner = self.model, self.model.name
        shape = shape_of(owner, self.n)
        for kind, given, known in (
            ("parameter", self.params, model.params),
            ("state variable", self.initial, model.state),
        ):
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise ParameterError(
                    f"{owner} has no {kind} {unknown[0]!r}; it has {', '.join(known) or 'none'}"
                )
        params = {
            name: per_neuron(
                owner, name, self.params.get(name, default), shape, **model.rules.get(name, {})
            )
            for name, default in model.params.items()
        }
        initial = {}
        for name, default in model.state.items():
            value = self.initial.get(name, default)
            is_drawn = isinstance(value, Distribution)
            initial[name] = value if is_drawn else per_neuron(owner, name, value, shape)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "n", prod(shape))
        object.__setattr__(self, "params", params)
        object.__setattr__(self, "initial", initial)

    def __repr__(self) -> str:
        return f"Neurons({self.model.name}, {'x'.join(map(str, self.shape))})"
