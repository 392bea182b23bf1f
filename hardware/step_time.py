"""How long does a run take on a chip? The slowest core and the barrier, the tick, or cycles."""

from collections.abc import Callable

from .chip import Chip, Constant
from .counts import Census

Reader = Callable[[Constant], float]

_PER_STEP = ("synop", "neuron_active", "neuron_idle", "spike_out")


def _barrier_path(census: Census) -> str:
    return "latency.sync" if census.n_chips == 1 else "latency.sync_multichip"


def _read(chip: Chip, path: str, read: Reader) -> float:
    found = chip.price(path)
    return read(found) if isinstance(found, Constant) else 0.0


def _barrier(census: Census, chip: Chip, read: Reader) -> float:
    """Sum over steps of the largest core time, and the barriers."""
    synop, active, idle, spike = (_read(chip, f"latency.{name}", read) for name in _PER_STEP)
    sync = census.n_steps * _read(chip, _barrier_path(census), read)
    if census.n_cores == 0:
        return sync
    neurons = census.cores["neurons"]
    if census.steps is not None:
        s = census.steps
        busy = synop * s.synops + (active - idle) * s.active + spike * s.spikes + idle * neurons
        return float(busy.max(axis=1).sum()) + sync
    c = census.cores
    busy = synop * c["synops"] + active * c["active"] + idle * c["idle"] + spike * c["spikes"]
    return float(busy.max()) + sync


def step_time(census: Census, chip: Chip, read: Reader, synops: int) -> float | None:
    """Seconds of the run, each constant read by ``read``; None where there is no model.

    ``synops`` are the synaptic operations that the chip is charged for.
    """
    if chip.time.mode == "barrier_step":
        return _barrier(census, chip, read)
    if chip.time.mode == "fixed_tick":
        return census.n_steps * float(chip.time.tick_s or 0.0)
    if chip.time.mode == "clocked":
        cycles = synops * _read(chip, "cycles.synop", read)
        cycles += (census.messages + census.external) * _read(chip, "cycles.axon_in", read)
        cycles += census.spikes * _read(chip, "cycles.spike_out", read)
        return cycles / float(chip.time.clock_hz or 1.0)
    return None


def time_costs(census: Census, chip: Chip) -> tuple[list[Constant], list[str]]:
    """The constants that the time depends on, and a line for each that has no number."""
    events = {
        "latency.synop": census.synops,
        "latency.neuron_active": census.active,
        "latency.neuron_idle": census.idle,
        "latency.spike_out": census.spikes,
        _barrier_path(census): census.n_steps,
        "cycles.axon_in": census.messages + census.external,
        "cycles.synop": census.synops,
        "cycles.spike_out": census.spikes,
    }
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
