"""How long does a run take on a chip? The slowest core, the tick, cycles, or a pipeline.

==================  ==========================================================
``barrier_step``    the slowest core, the busiest link and the barrier of every step
``fixed_tick``      the tick; where software must be done in it, late ticks are counted
``clocked``         cycles over the clock: events one by one, or the chip's own model
``asynchronous``    a pipeline of the cores in use and the slowest of them
``continuous``      the network's own time, over the speed-up of the circuits
==================  ==========================================================

A time is linear in the constants, once it is known which core and which link are the slowest
of a step: :class:`RunTime` keeps the coefficients, so that a band can be drawn from them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .chip import Chip, Constant
from .counts import Census
from .xylo import cycles_of_run

Reader = Callable[[Constant], float]

_PER_CORE = ("synop", "neuron_active", "neuron_idle", "spike_out")
_CYCLES = ("cycles.axon_in", "cycles.synop", "cycles.spike_out")
# A step is over the tick if it is longer by more than rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class RunTime:
    """Seconds of a run, and how many of its steps are longer than the tick they are held to.

    ``seconds`` is ``fixed`` and each of ``parts`` (path -> count) times its constant;
    ``worst`` is the longest step, and ``core`` the one that is busiest in it.
    """

    seconds: float
    overruns: int = 0
    fixed: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    worst: float = 0.0
    core: int = -1


def _read(chip: Chip, path: str, read: Reader) -> float:
    found = chip.price(path)
    return read(found) if isinstance(found, Constant) else 0.0


def tiles(n_cores: int, chip: Chip) -> int:
    """Tiles of one chip that hold these cores, at most all of them."""
    place = chip.topology
    return max(1, min(-(-n_cores // place.cores_per_tile), place.tiles_x * place.tiles_y))


def _barrier(census: Census, chip: Chip) -> dict[str, float]:
    """One barrier: between the one of a tile and the one of all tiles, linearly."""
    if census.n_chips > 1:
        return {"latency.sync_multichip": 1.0}
    most = chip.topology.tiles_x * chip.topology.tiles_y
    if most == 1 or not isinstance(chip.price("latency.sync_one_tile"), Constant):
        return {"latency.sync": 1.0}
    share = (tiles(census.n_cores, chip) - 1) / (most - 1)
    return {"latency.sync": share, "latency.sync_one_tile": 1.0 - share}


def _busy(census: Census) -> np.ndarray:
    """Counts of the core costs: float[n_steps or 1, n_cores, 4], in the order of _PER_CORE."""
    c = census.cores
    if census.n_cores == 0:  # sources alone: nothing is placed, the barrier still closes
        return np.zeros((1 if census.steps is None else census.n_steps, 1, 4))
    if census.steps is None:
        each = [c[name] for name in ("synops", "active", "idle", "spikes")]
        return np.stack(each, axis=-1)[None].astype(float) / max(1, census.n_steps)
    s = census.steps
    idle = c["neurons"] - s.active
    return np.stack([s.synops, s.active, idle, s.spikes], axis=-1).astype(float)


# What each step takes: path -> float[n_steps or 1]; and the busiest core of each, if known.
Steps = tuple[dict[str, np.ndarray], np.ndarray]


def _of_cores(census: Census, chip: Chip, read: Reader) -> Steps:
    """The slowest core of each step, by the constants as they are read."""
    paths = [f"latency.{name}" for name in _PER_CORE]
    counts = _busy(census)
    seconds = counts @ np.array([_read(chip, path, read) for path in paths])
    slowest = seconds.argmax(axis=1)
    chosen = counts[np.arange(counts.shape[0]), slowest]
    return dict(zip(paths, chosen.T, strict=True)), slowest


def _links(census: Census) -> np.ndarray:
    if census.steps is not None:
        return census.steps.links.astype(float)
    return np.array([census.busiest_link / max(1, census.n_steps)])


def _of_barriers(census: Census, chip: Chip, read: Reader) -> Steps:
    found, slowest = _of_cores(census, chip, read)
    found["latency.hop"] = _links(census)
    one = np.ones(found["latency.synop"].size)
    return found | {path: n * one for path, n in _barrier(census, chip).items()}, slowest


def _of_pipeline(census: Census, chip: Chip, read: Reader) -> Steps:
    """An event passes the cores in use, one behind the other; the slowest sets the pace."""
    found, slowest = _of_cores(census, chip, read)
    some = found["latency.synop"] + found["latency.spike_out"] > 0
    return found | {"latency.pipeline": census.n_cores * some.astype(float)}, slowest


def _of_cycles(census: Census, chip: Chip, synops: int) -> Steps:
    clock = float(chip.time.clock_hz or 1.0)
    none = np.empty(0, np.int64)
    if chip.time.cycles != "events":
        total = cycles_of_run(census, chip.time.cycles)
        each = {path: np.array([n / max(1, census.n_steps)]) for path, n in total.items()}
        return {path: n / clock for path, n in each.items()}, none
    if census.steps is None:
        counts = (census.events, synops, census.spikes)
        each = [np.array([n / max(1, census.n_steps)]) for n in counts]
    else:
        s = census.steps
        operations = s.synops.sum(axis=1)
        if chip.synapse.charged == "full_row":
            operations = s.events * (synops / max(1, census.events))
        each = [s.events, operations, s.spikes.sum(axis=1)]
    return {path: n / clock for path, n in zip(_CYCLES, each, strict=True)}, none


def _held(census: Census, chip: Chip, read: Reader, steps: Steps, tick: float) -> RunTime:
    """The run whose steps take what they take, and no less than ``tick``."""
    counts, slowest = steps
    seconds = sum(n * _read(chip, path, read) for path, n in counts.items())
    seconds = np.atleast_1d(np.asarray(seconds, float))
    # One number stands for all steps.
    each = census.n_steps if seconds.size != census.n_steps else 1
    free = seconds > tick * (1 + _ROUNDING) if tick else np.ones(seconds.size, bool)
    worst = int(seconds.argmax()) if seconds.size else 0
    return RunTime(
        seconds=float(np.maximum(seconds, tick).sum()) * each,
        overruns=int(np.count_nonzero(free)) * each if tick else 0,
        fixed=float(np.count_nonzero(~free)) * tick * each,
        parts={path: float(n[free].sum()) * each for path, n in counts.items()},
        worst=float(seconds[worst]) if seconds.size else 0.0,
        core=int(slowest[worst]) if worst < slowest.size else -1,
    )


def _ticked(census: Census, chip: Chip, read: Reader, tick: float) -> RunTime:
    """Every tick takes its time; software that is not done by then is late."""
    own = float(chip.time.tick_s or 0.0)
    seconds = census.n_steps * max(own, tick)
    needed = _held(census, chip, read, _of_cores(census, chip, read), own)
    overruns = needed.overruns
    if tick and own > tick * (1 + _ROUNDING):
        overruns = census.n_steps
    return RunTime(seconds, overruns, fixed=seconds, worst=needed.worst, core=needed.core)


def step_time(
    census: Census, chip: Chip, read: Reader, synops: int, tick: float = 0.0
) -> RunTime | None:
    """Time of the run, each constant read by ``read``; None where there is no model.

    A step that is done before ``tick`` [s] waits for it. ``synops`` are the synaptic
    operations that the chip is charged for.
    """
    mode = chip.time.mode
    if mode == "fixed_tick":
        return _ticked(census, chip, read, tick)
    if mode == "continuous":
        own = float(chip.time.tick_s or 0.0) if census.tick_s is None else census.tick_s
        seconds = census.n_steps * own / chip.time.speed_up
        return RunTime(seconds, fixed=seconds)
    if mode == "barrier_step":
        return _held(census, chip, read, _of_barriers(census, chip, read), tick)
    if mode == "asynchronous":
        return _held(census, chip, read, _of_pipeline(census, chip, read), tick)
    if mode == "clocked":
        return _held(census, chip, read, _of_cycles(census, chip, synops), tick)
    return None


def _events(census: Census, chip: Chip) -> dict[str, float]:
    """What happened, by the path of the time that it takes."""
    if chip.time.mode == "clocked" and chip.time.cycles != "events":
        return cycles_of_run(census, chip.time.cycles)
    single = census.n_chips == 1
    events = {
        "latency.synop": census.synops,
        "latency.neuron_active": census.active,
        "latency.neuron_idle": census.idle,
        "latency.spike_out": census.spikes,
        "latency.sync" if single else "latency.sync_multichip": census.n_steps,
        "latency.hop": census.busiest_link,
        "latency.pipeline": census.spikes + census.synops,
        "cycles.axon_in": census.events,
        "cycles.synop": census.synops or census.events,
        "cycles.spike_out": census.spikes,
    }
    if single and isinstance(chip.price("latency.sync_one_tile"), Constant):
        events["latency.sync_one_tile"] = census.n_steps
    return events


_USED = {
    "barrier_step": (*(f"latency.{name}" for name in _PER_CORE), "latency.sync", "latency.hop"),
    "asynchronous": (*(f"latency.{name}" for name in _PER_CORE), "latency.pipeline"),
    "fixed_tick": tuple(f"latency.{name}" for name in _PER_CORE),
    "clocked": ("cycles.",),
}


def time_costs(census: Census, chip: Chip) -> tuple[list[Constant], list[str]]:
    """The constants that the time depends on, and a line for each that has no number."""
    used, missing = [], []
    table = _USED.get(chip.time.mode, ())
    for path, count in _events(census, chip).items():
        if not count or not path.startswith(table or ("-",)):
            continue
        found = chip.price(path)
        if isinstance(found, Constant):
            used.append(found)
        elif found.status == "unpublished" and (
            chip.time.mode != "fixed_tick" or path in chip.prices
        ):
            missing.append(f"{path} (time of {count:,})")
    return used, missing
