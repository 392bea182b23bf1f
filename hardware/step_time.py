"""How long does a run take on a chip? The slowest core and the barrier, the tick, or cycles."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .chip import Chip, Constant
from .counts import Census

Reader = Callable[[Constant], float]

_PER_STEP = ("synop", "neuron_active", "neuron_idle", "spike_out")
_CYCLES = ("cycles.axon_in", "cycles.synop", "cycles.spike_out")
# A step is over the tick if it is longer by more than rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class RunTime:
    """Seconds of a run, and how many of its steps are longer than the tick they are held to."""

    seconds: float
    overruns: int


def _read(chip: Chip, path: str, read: Reader) -> float:
    found = chip.price(path)
    return read(found) if isinstance(found, Constant) else 0.0


def tiles(n_cores: int, chip: Chip) -> int:
    """Tiles of one chip that hold these cores, at most all of them."""
    place = chip.topology
    return max(1, min(-(-n_cores // place.cores_per_tile), place.tiles_x * place.tiles_y))


def _barrier(census: Census, chip: Chip, read: Reader) -> float:
    """Seconds of one barrier: between the one of a tile and the one of all tiles, linearly."""
    if census.n_chips > 1:
        return _read(chip, "latency.sync_multichip", read)
    whole = _read(chip, "latency.sync", read)
    most = chip.topology.tiles_x * chip.topology.tiles_y
    if most == 1 or not isinstance(chip.price("latency.sync_one_tile"), Constant):
        return whole
    one = _read(chip, "latency.sync_one_tile", read)
    return one + (whole - one) * (tiles(census.n_cores, chip) - 1) / (most - 1)


def _of_cores(census: Census, chip: Chip, read: Reader) -> np.ndarray:
    """Seconds of the slowest core: float[n_steps], or the mean step of the busiest core."""
    synop, active, idle, spike = (_read(chip, f"latency.{name}", read) for name in _PER_STEP)
    if census.n_cores == 0:
        return np.zeros(1)
    if census.steps is not None:
        s, neurons = census.steps, census.cores["neurons"]
        busy = synop * s.synops + (active - idle) * s.active + spike * s.spikes + idle * neurons
        return busy.max(axis=1)
    c = census.cores
    busy = synop * c["synops"] + active * c["active"] + idle * c["idle"] + spike * c["spikes"]
    return np.array([float(busy.max()) / max(1, census.n_steps)])


def _of_cycles(census: Census, chip: Chip, read: Reader, synops: int) -> np.ndarray:
    """Seconds of the chip's cycles: float[n_steps], or those of the mean step."""
    event, synop, spike = (_read(chip, path, read) for path in _CYCLES)
    clock = float(chip.time.clock_hz or 1.0)
    if census.steps is None:
        cycles = event * census.events + synop * synops + spike * census.spikes
        return np.array([cycles / max(1, census.n_steps) / clock])
    s = census.steps
    if chip.synapse.charged == "full_row":
        operations = s.events * (synops / max(1, census.events))
    else:
        operations = s.synops.sum(axis=1)
    return (event * s.events + synop * operations + spike * s.spikes.sum(axis=1)) / clock


def step_time(
    census: Census, chip: Chip, read: Reader, synops: int, tick: float = 0.0
) -> RunTime | None:
    """Time of the run, each constant read by ``read``; None where there is no model.

    A step that is done before ``tick`` [s] waits for it. ``synops`` are the synaptic
    operations that the chip is charged for.
    """
    if chip.time.mode == "barrier_step":
        steps = _of_cores(census, chip, read) + _barrier(census, chip, read)
    elif chip.time.mode == "fixed_tick":
        steps = np.array([float(chip.time.tick_s or 0.0)])
    elif chip.time.mode == "clocked":
        steps = _of_cycles(census, chip, read, synops)
    else:
        return None
    # One number stands for all steps.
    each = census.n_steps if steps.size != census.n_steps else 1
    late = np.count_nonzero(steps > tick * (1 + _ROUNDING)) if tick else 0
    return RunTime(float(np.maximum(steps, tick).sum()) * each, int(late) * each)


def time_costs(census: Census, chip: Chip) -> tuple[list[Constant], list[str]]:
    """The constants that the time depends on, and a line for each that has no number."""
    single = census.n_chips == 1
    events = {
        "latency.synop": census.synops,
        "latency.neuron_active": census.active,
        "latency.neuron_idle": census.idle,
        "latency.spike_out": census.spikes,
        "latency.sync" if single else "latency.sync_multichip": census.n_steps,
        "cycles.axon_in": census.events,
        "cycles.synop": census.synops or census.events,
        "cycles.spike_out": census.spikes,
    }
    if single and isinstance(chip.price("latency.sync_one_tile"), Constant):
        events["latency.sync_one_tile"] = census.n_steps
    table = {"barrier_step": "latency.", "clocked": "cycles."}.get(chip.time.mode)
    used, missing = [], []
    for path, count in events.items():
        if table is None or not path.startswith(table) or not count:
            continue
        found = chip.price(path)
        if isinstance(found, Constant):
            used.append(found)
        elif found.status == "unpublished":
            missing.append(f"{path} (time of {count:,})")
    return used, missing
