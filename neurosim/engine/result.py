"""What came out of a run? Flat arrays of spikes, counts, traces, and what the run cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingExtraError, ParameterError
from ..network import Network

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, eq=False)
class Spikes:
    """Spikes of one population, sorted by time and then neuron.

    Attributes
    ----------
    times : float64 (k,)        [ms], or [steps]
    ids : int32 (k,)            neuron of each spike
    n : int                     size of the population
    payload : array (k,) or None    values of graded spikes
    """

    times: np.ndarray
    ids: np.ndarray
    n: int
    payload: np.ndarray | None = None

    def __len__(self) -> int:
        return self.times.size

    def __repr__(self) -> str:
        return f"Spikes({len(self)} of {self.n} neurons)"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A state variable over time.

    Attributes
    ----------
    times : float64 (t,)        [ms], or [steps]
    ids : int64 (k,)            recorded neurons
    values : real (t, k)        state after arrivals and resets of that instant
    unit : str
    """

    times: np.ndarray
    ids: np.ndarray
    values: np.ndarray
    unit: str

    def __repr__(self) -> str:
        return f"Trace({self.values.shape[0]} times x {self.ids.size} neurons, {self.unit!r})"


@dataclass(eq=False, repr=False)
class Result:
    """Everything that a run recorded.

    Attributes
    ----------
    spikes : mapping of population name to :class:`Spikes`
    counts : dict of population name to int64 (n,)      spikes per neuron, always there
    traces : dict of population name to dict of variable to :class:`Trace`
    synaptic_events : dict of projection name to int    synapses that this run's spikes reach
    at_spikes : dict of population name to dict of variable to float64 (k,)
        state just before each spike's reset, where it was asked for
    t_start, t_stop, duration, dt : float               [ms], or [steps]; dt 0: exact times
    stop_reason : str                                   why the run ended
    wall_s, cpu_s, build_s : float                      cost of the run and of the build [s]
    rounded_delays : list                               what rounding to the grid changed
    rounded_weights : list                              what packing the weights changed
    engine, engine_reason : str                         which engine ran, and why
    sleep, weights : bool or str                        as the simulator was told
    threads_share : float                               share of steps on several threads at once
    asleep : list of str                                populations that slept at the end
    """

    network: Network
    t_start: float
    t_stop: float
    dt: float
    engine: str
    dtype: str
    threads: int
    spikes: Mapping[str, Spikes]
    counts: dict[str, np.ndarray]
    traces: dict[str, dict[str, Trace]]
    synaptic_events: dict[str, int]
    stop_reason: str = "duration reached"
    wall_s: float = 0.0
    cpu_s: float = 0.0
    build_s: float = 0.0
    rounded_delays: list[Any] = field(default_factory=list)
    rounded_weights: list[Any] = field(default_factory=list)
    sleep: bool | str = False
    asleep: list[str] = field(default_factory=list)
    weights: str = "exact"
    threads_share: float = 0.0
    engine_reason: str = "asked for"
    at_spikes: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Simulated time [ms], or [steps]."""
        return self.t_stop - self.t_start

    @property
    def time(self) -> str:
        """ "continuous" (ms) or "steps"."""
        return self.network.time

    @property
    def seed(self) -> int:
        """Seed of the network."""
        return self.network.seed

    def rates(self) -> dict[str, float]:
        """Mean rate of each population [Hz], or spikes per neuron and step."""
        scale = 1000.0 if self.time == "continuous" else 1.0
        span = max(self.duration, 1e-300)
        return {k: scale * float(c.mean()) / span for k, c in self.counts.items()}

    def to_pandas(self, population: str | None = None) -> "pandas.DataFrame":
        """Spikes as a DataFrame with columns population, neuron, time.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        ParameterError
            The population has no recorded spikes.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtraError.of(
                "pandas", extra="report", purpose="Result.to_pandas"
            ) from None
        names = list(self.spikes) if population is None else [population]
        for name in names:
            if name not in self.spikes:
                raise ParameterError(
                    f"Result.to_pandas: population must be one of {list(self.spikes)}, got {name!r}"
                )
        unit = "ms" if self.time == "continuous" else "step"
        frames = [
            pandas.DataFrame({"population": name, "neuron": s.ids, f"time_{unit}": s.times})
            for name, s in ((name, self.spikes[name]) for name in names)
        ]
        return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()

    def _threads_said(self) -> str:
        if self.threads == 1:
            return ""
        return f"s (together on {100 * self.threads_share:.0f} % of the steps)"

    def _grid_said(self) -> str:
        return "exact times" if self.engine == "event" else f"dt = {self.dt:g}"

    def __repr__(self) -> str:
        continuous = self.time == "continuous"
        unit, rate_unit = ("ms", "Hz") if continuous else ("steps", "per step")
        total = sum(int(c.sum()) for c in self.counts.values())
        events = sum(self.synaptic_events.values())
        lines = [
            f"Result: {self.duration:g} {unit} ({self._grid_said()}), {total:,} spikes, "
            f"{events:,} synaptic events",
            f"  engine {self.engine}, {self.dtype}, {self.threads} thread"
            f"{self._threads_said()}; build {self.build_s:.2f} s, run {self.wall_s:.2f} s"
            + (
                f", {1000 * self.wall_s / self.duration:.2f} x real time"
                if continuous and self.duration > 0
                else ""
            ),
        ]
        if self.stop_reason != "duration reached":
            lines.append(f"  stopped early: {self.stop_reason}")
        width = max((len(name) for name in self.counts), default=0)
        for name, rate in self.rates().items():
            counts = self.counts[name]
            lines.append(
                f"  {name:<{width}}  {counts.size:>8,} neurons  {int(counts.sum()):>12,} spikes"
                f"  {rate:10.3f} {rate_unit}"
            )
        if self.rounded_delays:
            n = sum(r.n_changed for r in self.rounded_delays)
            worst = max(r.max_error for r in self.rounded_delays)
            lines.append(f"  {n:,} delays were rounded to the grid, by at most {worst:.3g} {unit}")
        return "\n".join(lines)
