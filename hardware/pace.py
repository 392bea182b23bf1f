"""How fast does a run go on a chip, and is it late? The sentences beside an estimate."""

import math

from .chip import Chip, Constant
from .counts import Census
from .step_time import RunTime
from .twins import twin_notes


def _late(census: Census, chip: Chip, run: RunTime) -> str:
    """The steps that are late, the core that is the latest, its need and its limit."""
    tick = float(census.tick_s or 0.0)
    if chip.time.mode == "fixed_tick" and run.worst:
        tick = float(chip.time.tick_s or 0.0)
    fewer = ""
    if chip.time.mode == "fixed_tick" and run.worst and 0 <= run.core < census.n_cores:
        # The work of a core follows the number of its neurons.
        most = int(census.cores["neurons"][run.core] * tick / run.worst)
        fewer = f"; with at most {most} neurons on a core it would be done" if most else ""
    who = f"core {run.core}" if run.core >= 0 else "the chip"
    need = f"; {who} needs {run.worst:.3g} s of a tick of {tick:.3g} s" if run.worst else ""
    return (
        f"OVERRUN: {run.overruns:,} of {census.n_steps:,} steps take longer than the tick of "
        f"the network, so the chip does not keep real time{need}{fewer}"
    )


def _pace(census: Census, chip: Chip, run: RunTime | None, realtime: bool) -> list[str]:
    """How fast the run goes, held to the tick of the network or not, and what is late."""
    mode, notes = chip.time.mode, []
    fast = {
        "barrier_step": "steps run as fast as the barrier closes",
        "clocked": "events run one after the other, as fast as the clock goes",
        "asynchronous": "events pass as fast as the cores take them",
    }
    if mode in fast:
        notes.append(fast[mode] if not realtime else "steps are held to the tick of the network")
    if run is not None and run.seconds == 0:
        hold = "" if census.tick_s is None else "; realtime=True holds it for the network's time"
        notes.append(f"nothing happens that takes time, so nothing leaks{hold}")
    if mode == "fixed_tick":
        tick = float(chip.time.tick_s or 0.0)
        deadline = isinstance(chip.price("latency.synop"), Constant)
        enough = "" if deadline else ", assumed to suffice for its events"
        notes.append(f"a tick of {tick * 1e3:g} ms each step{enough}")
        if census.tick_s is not None and not math.isclose(tick, census.tick_s, rel_tol=1e-9):
            pace = census.tick_s / tick
            speed = f"{pace:.3g} times faster" if pace > 1 else f"{1 / pace:.3g} times slower"
            notes.append(
                f"the network's tick is {census.tick_s * 1e3:g} ms: {speed} than real time"
            )
    if mode == "continuous":
        speed = chip.time.speed_up
        pace = "in the network's own time" if speed == 1 else f"{speed:g} times faster than it"
        notes.append(f"circuits run {pace} and cannot wait")
        if census.tick_s is None:
            notes.append(f"a step is taken for {float(chip.time.tick_s or 0) * 1e3:g} ms of it")
    if run is not None and run.overruns:
        notes.append(_late(census, chip, run))
    if mode in fast and census.steps is None:
        notes.append("step time from mean loads, a lower bound")
    return notes


def notes(census: Census, chip: Chip, run: RunTime | None, realtime: bool) -> tuple[str, ...]:
    """What an estimate assumes; with ``realtime`` steps wait for their tick."""
    found = []
    if chip.all_in:
        found.append("one all-in price: valid only near the rate and voltage it was taken at")
    found += _pace(census, chip, run, realtime)
    host = chip.prices.get("power.host")
    if isinstance(host, Constant):
        found.append(f"host processors of {host.text} per chip are not in the total")
    if chip.synapse.charged == "dense":
        passes = "tick" if census.recurrent else "inference"
        found.append(f"dense twin: every synapse once per {passes}, zero weights too")
        found += twin_notes(census, chip)
    return tuple(found)
