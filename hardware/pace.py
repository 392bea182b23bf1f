"""How fast does a run go on a chip, and is it late? The sentences beside an estimate."""

import math

from .chip import Chip, Constant
from .counts import Census
from .step_time import RunTime


def _pace(census: Census, chip: Chip, held: RunTime | None) -> list[str]:
    """How fast the run goes, ``held`` to the tick of the network or not, and what is late."""
    mode, notes = chip.time.mode, []
    fast = {
        "barrier_step": "steps run as fast as the barrier closes",
        "clocked": "events run one after the other, as fast as the clock goes",
    }
    if mode in fast:
        notes.append(fast[mode] if held is None else "steps are held to the tick of the network")
    if mode == "fixed_tick":
        tick = float(chip.time.tick_s or 0.0)
        notes.append(f"a tick of {tick * 1e3:g} ms each step, assumed to suffice for its events")
        if census.tick_s is not None and not math.isclose(tick, census.tick_s, rel_tol=1e-9):
            pace = census.tick_s / tick
            speed = f"{pace:.3g} times faster" if pace > 1 else f"{1 / pace:.3g} times slower"
            notes.append(
                f"the network's tick is {census.tick_s * 1e3:g} ms: {speed} than real time"
            )
    if held is not None and held.overruns:
        notes.append(
            f"OVERRUN: {held.overruns:,} of {census.n_steps:,} steps take longer than the tick of "
            "the network, so the chip does not keep real time"
        )
    if mode in fast and census.steps is None:
        notes.append("step time from mean loads, a lower bound")
    return notes


def notes(census: Census, chip: Chip, held: RunTime | None) -> tuple[str, ...]:
    """What an estimate assumes; ``held`` is the run time where steps wait for their tick."""
    found = []
    if chip.all_in:
        found.append("one all-in price: valid only near the rate and voltage it was taken at")
    found += _pace(census, chip, held)
    host = chip.prices.get("power.host")
    if isinstance(host, Constant):
        found.append(f"host processors of {host.text} per chip are not in the total")
    if chip.synapse.charged == "dense":
        passes = "tick" if census.recurrent else "inference"
        found.append(f"dense twin: every synapse once per {passes}, zero weights too")
    return tuple(found)
