"""How do the cells of a population take a step, and its gradient back? Many samples at once."""

import numpy as np

from .._jit import address, call, kernel
from ..connectivity.distributions import Distribution
from ..engine.backsource import Back
from ..engine.codegen import model_kernel, used_members
from ..engine.kernelsource import Block
from ..errors import BuildError
from ..network import Population
from ..random import key_of

REAL = "float64"
_FAR = 1e6  # reaches


@kernel
def _step(handle, at, n, moving, t, dt):
    return call(handle, (at, n, np.int64(0), n, moving, t, dt))


@kernel
def _lean(handle, at, n, moving, t, dt, reach):
    return call(handle, (at, n, moving, t, dt, reach))


@kernel
def _pull(handle, at, n, moving, t, dt):
    return call(handle, (at, n, moving, t, dt))


class GridCells:
    """The cells of one population, side by side for all samples of a batch.

    Parameters
    ----------
    population : Population
    seed : int              of the network: initial states may be drawn
    dt : float              [ms]
    reach : float, optional see `SurrogateGradient`

    Raises
    ------
    BuildError
        The model has no float64 form, fires graded spikes, or says nothing of its threshold.
    """

    def __init__(self, population: Population, seed: int, dt: float, reach: float | None) -> None:
        self.population, self.seed, self.dt = population, seed, dt
        neurons = population.neurons
        self.model, self.n = neurons.model, population.n
        owner = f"Population {population.name!r}"
        if REAL not in self.model.dtypes or self.model.payload is not None:
            raise BuildError(
                f"{owner} must be of a model of real numbers and plain spikes to learn on a grid, "
                f"got {self.model.name}"
            )
        self.reach = reach if reach is not None else self._reach(owner)
        self.initial = np.empty((len(self.model.state), self.n))
        for k, (name, value) in enumerate(neurons.initial.items()):
            if isinstance(value, Distribution):
                value = value.draw(key_of(seed, population.name, "initial", name), self.n)
            self.initial[k] = value
        self._tables: dict[int, dict] = {}
        self._check_fires(owner)
        params = neurons.params
        self.span = self.reach  # what `BumpSilent` counts in
        if {"v_th", "v_reset"} <= set(params):
            self.span = float(np.mean(np.subtract(params["v_th"], params["v_reset"])))

    def _reach(self, owner: str) -> float:
        params = self.population.neurons.params
        if self.model.fires is None:
            return 1.0
        if not {"v_th", "v_reset"} <= set(params):
            raise BuildError(
                f"{owner}: {self.model.name} has no v_th and v_reset; give SurrogateGradient a "
                "reach, how far from firing a potential still learns"
            )
        reach = float(np.mean(np.subtract(params["v_th"], params["v_reset"])))
        if not reach > 0:
            raise BuildError(
                f"{owner}: v_th must be above v_reset, or SurrogateGradient be given a reach, got "
                f"a difference of {reach:g}"
            )
        return reach

    def _check_fires(self, owner: str) -> None:
        """Refuse cells whose spikes have no derivative: all of their weights would learn nothing.

        Raises
        ------
        BuildError
        """
        if self.model.fires is None:
            return
        potential, asked = next(iter(self.model.state)), self.model.arguments("fires")
        params = self.population.neurons.params
        given = self.model.kernel_params(dict(params), self.dt)
        values = {name: np.ravel(value)[0] for name, value in given.items()}
        values |= {**self.model.state, "t": 0.0, "dt": self.dt}
        test = getattr(self.model.fires, "py_func", self.model.fires)
        far = _FAR * max(self.reach, abs(float(values.get("v_th", 0.0))))

        def fires(v: float) -> bool:
            return bool(test(**{k: v if k == potential else values[k] for k in asked}))

        if potential not in asked or fires(-far) or not fires(far):
            raise BuildError(
                f"{owner}: {self.model.name} must fire where its first state variable, "
                f"{potential!r}, crosses a threshold, to be learnt on a grid; its fires() does not "
                f"change between {-far:g} and {far:g}"
            )

    def tables(self, samples: int) -> dict:
        """Parameters of all cells of so many samples, and kernels."""
        if samples not in self._tables:
            given = self.population.neurons.params
            params = self.model.kernel_params(dict(given), self.dt)
            made = {}
            for kind in ("block", "lean", "pull"):
                members = used_members(self.model, kind)
                used = {a for m in members for a in self.model.arguments(m)}
                rows = tuple(k for k, v in params.items() if k in used and np.ndim(v))
                scalars = tuple(k for k, v in params.items() if k in used and not np.ndim(v))
                values = np.array([np.tile(params[k], samples) for k in rows], REAL)
                shared = np.array([params[k] for k in scalars], REAL)
                made[kind] = (*model_kernel(kind, self.model, rows, scalars, REAL), values, shared)
            self._tables[samples] = made
        return self._tables[samples]

    def step(self, step: int, before: np.ndarray, inputs: np.ndarray, fired: np.ndarray,
             samples: int) -> np.ndarray:  # fmt: skip
        """The state after a step, from that before it; who fired goes into ``fired``."""
        handle, _, rows, scalars = self.tables(samples)["block"]
        state, inputs = before.copy(), inputs.copy()
        table = np.zeros(len(Block), np.int64)
        for column, array in zip(Block, (state, rows, scalars, inputs, fired), strict=False):
            table[column] = address(array)
        moving, n = np.int64(step > 0), self.n * samples
        _step(handle, address(table), n, moving, step * self.dt, self.dt)
        return state

    def back(self, step: int, before: np.ndarray, inputs: np.ndarray, fired: np.ndarray,
             samples: int) -> "StepBack":  # fmt: skip
        """One step of the way back."""
        return StepBack(self, step, before, inputs, fired, samples)


class StepBack:
    """One step, the second time: how far from firing, and then the gradient.

    Attributes
    ----------
    reached : float64 (variables, n)    the state before the reset
    leans : float64 (n,)                derivative of the spike by the potential
    """

    def __init__(self, cells: GridCells, step: int, before: np.ndarray, inputs: np.ndarray,
                 fired: np.ndarray, samples: int) -> None:  # fmt: skip
        self.cells, self.step, self.samples = cells, step, samples
        self.reached = np.empty_like(before)
        self._leans = np.empty_like(before)
        self.leans = self._leans[0]
        self._before, self._inputs, self._fired = before, inputs, fired
        self._run("lean", {})

    def _run(self, kind: str, more: dict) -> None:
        handle, _, rows, scalars = self.cells.tables(self.samples)[kind]
        arrays = {
            Back.STATE: self._before, Back.ROWS: rows, Back.SCALARS: scalars,
            Back.INPUTS: self._inputs, Back.REACHED: self.reached, Back.LEANS: self._leans,
            Back.SPIKED: self._fired, **more,
        }  # fmt: skip
        table = np.zeros(len(Back), np.int64)
        for column, array in arrays.items():
            table[column] = address(array)
        moving, n = np.int64(self.step > 0), self.cells.n * self.samples
        t, dt = self.step * self.cells.dt, self.cells.dt
        if kind == "lean":
            _lean(handle, address(table), n, moving, t, dt, self.cells.reach)
        else:
            _pull(handle, address(table), n, moving, t, dt)

    def pull(self, gradient: np.ndarray, by_inputs: np.ndarray, by_spike: np.ndarray,
             push: np.ndarray) -> None:  # fmt: skip
        """Turn the gradient by the state after the step into that before it, in place."""
        self._run("pull", {
            Back.GRADIENT: gradient, Back.BY_INPUTS: by_inputs, Back.BY_SPIKE: by_spike,
            Back.PUSH: push,
        })  # fmt: skip
