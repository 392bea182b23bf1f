"""When must a run stop? State that is no number any more, and run-away activity."""

import numpy as np

from ..connectivity.delays import to_times
from ..errors import SimulationError
from .build import Built, BuiltPopulation

Found = list[tuple[np.ndarray, ...]]  # (steps, ids), and payloads, of each population
WINDOW = 1000  # steps over which a rate is judged, on an absolute grid: cuts do not matter


class Guards:
    """What is looked at after each piece of a run.

    Parameters
    ----------
    built : Built
    max_rate : float or None        [Hz], or [spikes per step]
    """

    def __init__(self, built: Built, max_rate: float | None) -> None:
        self.built, self.max_rate = built, max_rate
        self.unit = "ms" if built.network.time == "continuous" else "steps"
        self.reset()

    def reset(self) -> None:
        """Forget the spikes of the present window."""
        self._counts = np.zeros(len(self.built.populations), np.int64)

    def see(self, begin: int, end: int, found: Found) -> None:
        """Judge the steps ``begin <= s < end``.

        Raises
        ------
        SimulationError
        """
        where = f"before t = {to_times(end, self.built.dt):g} {self.unit}"
        for built in self.built.populations:
            self._check_finite(built, where)
        while begin < end and self.max_rate is not None:
            stop = min(end, begin // WINDOW * WINDOW + WINDOW)
            for k, (steps, *_) in enumerate(found):
                first, last = np.searchsorted(steps, (begin, stop))
                self._counts[k] += last - first
                self._check_rate(self.built.populations[k], int(self._counts[k]), where)
            if stop % WINDOW == 0:
                self.reset()
            begin = stop

    def _check_finite(self, built: BuiltPopulation, where: str) -> None:
        finite = np.isfinite(built.state)
        if finite.all():
            return
        k, i = np.argwhere(~finite)[0]
        variable = list(built.population.neurons.model.state)[k]
        raise SimulationError(
            f"Population {built.population.name!r}.{variable} must be finite, got "
            f"{built.state[k, i]} in neuron {i} {where}; "
            "check weights and time constants, or use dtype='float64'"
        )

    def _check_rate(self, built: BuiltPopulation, n_spikes: int, where: str) -> None:
        span = WINDOW * self.built.dt / (1000.0 if self.unit == "ms" else 1.0)
        rate = n_spikes / built.population.n / span
        if rate > self.max_rate:
            raise SimulationError(
                f"Population {built.population.name!r}.rate must be <= max_rate = "
                f"{self.max_rate:g}, got {rate:g} {where}; weaken excitation, or raise max_rate"
            )
