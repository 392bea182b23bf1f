"""Which values may synapses be given between runs? Those that the build has made room for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import checks
from ..connectivity.delays import delay_steps, to_times
from ..connectivity.learning import LearningStore
from ..errors import BuildError, FormatError, ParameterError
from ..network import Network, Projection
from .filling import Bundle, Layout
from .learning import Slots, draw
from .precision import in_real


class LearningSynapses:
    """The synapses of one projection, to be read and changed between runs.

    Edges are numbered as in :func:`neurosim.expand`. Made by `Simulator.synapses`.

    Parameters
    ----------
    slots : Slots or None               where the synapses are, if there are any
    limits : (int, int)                 least and greatest delay that the build has room for
    changed : function                  to be called after delays have changed
    """

    def __init__(
        self,
        network: Network,
        projection: Projection,
        layout: Layout,
        slots: Slots | None,
        limits: tuple[int, int],
        changed: Callable[[], None],
    ) -> None:
        self._network, self._projection, self._layout = network, projection, layout
        self._owner = f"Projection {projection.name!r}"
        self._slots, self._n = slots, 0 if slots is None else slots.numbers.size
        self._limits, self._note = limits, changed
        self._frozen = self._changed = False

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        state = ", frozen" if self._frozen else ""
        return f"LearningSynapses({self._projection.name!r}, {self._n} synapses{state})"

    @property
    def pre(self) -> np.ndarray:
        """Source neurons, int32 (k,)."""
        return self._read(_pre_of, np.int32)

    @property
    def post(self) -> np.ndarray:
        """Target neurons, int32 (k,)."""
        return self._read(_target_of, np.int32) - np.int32(self._slots.first if self._n else 0)

    @property
    def weight(self) -> np.ndarray:
        """Weights, a copy (k,) in the numbers of the simulation."""
        return self._read(_weight_of, np.dtype(self._layout.real))

    @property
    def delay(self) -> np.ndarray:
        """Delays on the grid [ms], or [steps], a copy, float64 (k,)."""
        return to_times(self.steps, self._layout.dt)

    @property
    def steps(self) -> np.ndarray:
        """Delays in steps of the grid, a copy, int32 (k,)."""
        return self._read(_steps_of, np.int32)

    def _read(self, what: Callable, dtype: Any) -> np.ndarray:
        self._check_open()
        if not self._n:
            return np.empty(0, dtype)
        return self._slots.read(what).astype(dtype, copy=False)

    def set_weights(self, values: Any, edges: Any = None) -> None:
        """Give synapses new weights.

        Parameters
        ----------
        values : float or array         one for all, or one per edge
        edges : int array, optional     which synapses; default all

        Raises
        ------
        ParameterError
            Values that are not finite, no integers where the dtype is one, or of the sign that
            belongs to another port than the one which was chosen by sign.
        """
        values, edges = self._given("weight", values, edges)
        self._check_port(values)
        try:
            values = in_real(self._owner, "weight", values, self._layout.real)
        except BuildError as error:
            raise ParameterError(str(error)) from None
        self._write("set_weights", edges, values)

    def set_delays(self, values: Any, edges: Any = None) -> None:
        """Give synapses new delays [ms], or [steps]; each goes to the nearest grid point.

        Parameters
        ----------
        values : float or array         one for all, or one per edge
        edges : int array, optional     which synapses; default all

        Raises
        ------
        ParameterError
            A delay is below the smallest one that populations were built to exchange spikes
            with, or above the longest one that spikes are kept for.
        """
        values, edges = self._given("delay", values, edges)
        dt, (least, greatest) = self._layout.dt, self._limits
        if values.size:
            low, high = (float(to_times(limit, dt)) for limit in self._limits)
            try:
                steps = delay_steps(self._owner, values, dt, allow_short=self._layout.round_delays)
            except BuildError as error:
                raise ParameterError(str(error)) from None
            if steps.min() < least or steps.max() > greatest:
                bad = values[(steps < least) | (steps > greatest)][0]
                raise ParameterError(
                    f"{self._owner}.delay must be >= {low:g} and <= {high:g}, the smallest delay "
                    "between these populations and the longest of the network when it was "
                    f"built, got {bad:g}; build the network with a synapse of that delay"
                )
            self._write("set_delays", edges, steps.astype(np.int32))
            self._note()

    def _given(self, name: str, values: Any, edges: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Checked values, one for each of the checked edges (None: of all)."""
        self._check_open()
        if edges is not None:
            edges = np.asarray(edges) if np.size(edges) else np.zeros(0, np.int64)
            if edges.ndim != 1 or edges.dtype.kind not in "iu" or (
                edges.size and not (edges.min() >= 0 and edges.max() < self._n)
            ):  # fmt: skip
                raise ParameterError(
                    f"{self._owner}.edges must be integers >= 0 and < {self._n}, its number of "
                    f"synapses, got {edges!r}"
                )
        n, low = self._n if edges is None else edges.size, 0.0 if name == "delay" else None
        if np.ndim(values) == 0:
            return np.full(n, checks.number(self._owner, name, values, low=low)), edges
        return checks.array(self._owner, name, values, shape=(n,), low=low), edges

    def _check_port(self, values: np.ndarray) -> None:
        """Where the sign of the weights chose the port, it has to stay."""
        p, slots = self._projection, self._slots
        if p.port is not None or not values.size:
            return
        start = self._layout.input_start[p.post.name]
        negative = slots.first != start
        if values.max() > 0 if negative else values.min() < 0:
            raise ParameterError(
                f"{self._owner}.weight must be {'<=' if negative else '>='} 0, as the sign of its "
                f"weights chose the port {p.post.ports[int(negative)]!r}, got "
                f"{values.max() if negative else values.min():g}; give the port to connect()"
            )

    def _write(self, method: str, edges: np.ndarray | None, values: np.ndarray) -> None:
        if values.size:
            self._slots.write(method, edges, values)
            self._changed = True

    def _check_open(self) -> None:
        if self._frozen:
            raise ParameterError(
                f"{self._owner}.synapses must not be frozen to be read or changed; build another "
                "Simulator, or read them before freeze()"
            )

    # ------------------------------------------------------------------ for the engine

    def freeze(self) -> None:
        """From now on nothing can be read or changed here."""
        self._frozen, self._slots = True, None

    def restore(self) -> None:
        """Back to the values of the build."""
        if self._changed:
            drawn = draw(Bundle(self._network, self._projection, self._layout))
            self._assign(drawn.weights, drawn.steps)
            self._changed = False

    def saved(self) -> dict[str, np.ndarray]:
        """What a saved simulation needs to go on."""
        return {"weight": self.weight, "steps": self.steps}

    def check(self, path: Any, arrays: dict[str, np.ndarray]) -> None:
        """Refuse saved values that do not fit.

        Raises
        ------
        FormatError
        """
        weight, steps = arrays["weight"], arrays["steps"]
        least, greatest = self._limits
        fit = weight.shape == steps.shape == (self._n,) and weight.dtype == self._layout.real
        fit = fit and steps.dtype.kind == "i" and bool(np.isfinite(weight).all())
        if not fit or np.any((steps < least) | (steps > greatest)):
            raise FormatError(f"{path}: weights or delays of {self._owner} do not fit")

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over saved values, which :meth:`check` has seen."""
        self._assign(arrays["weight"], arrays["steps"])

    def _assign(self, weights: np.ndarray, steps: np.ndarray) -> None:
        self._write("set_weights", None, weights)
        self._write("set_delays", None, steps)
        self._note()


def _pre_of(store: LearningStore, ids: np.ndarray) -> np.ndarray:
    return store.sources_of(ids)


def _target_of(store: LearningStore, ids: np.ndarray) -> np.ndarray:
    return store.targets[store.places_of(ids)]


def _weight_of(store: LearningStore, ids: np.ndarray) -> np.ndarray:
    return store.weights[store.places_of(ids)]


def _steps_of(store: LearningStore, ids: np.ndarray) -> np.ndarray:
    return store.steps[store.places_of(ids)]
