"""What would fit? Remedies for a network that does not, each tried before it is offered."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurosim.connectivity.procedural import Procedural
from neurosim.errors import BuildError

from .chip import Chip
from .fewer import limit_fan_in, select, share_inputs, spread
from .layer_remedies import of_layers
from .limits import axon_keys, units
from .mapping import Mapping, place
from .profiles import SYNAPSE
from .refusal import DoesNotFit, Remedy, together
from .walls import cyclic
from .wiring import Wiring, is_matrix, wire

# Each step of a search maps the network once more: coarse steps for large networks.
_LARGE = 2_000_000
_FINE, _COARSE = 64, 4
_SMALL = 4096
_SHARES = 2**16
# Where neurons of their own (splitters) would do, a population cut to less is no remedy.
_USELESS = 0.25
# Walls that a population meets by what it reaches, and by how many neurons it has.
_FAN_IN = ("axons_in", "cam_entries")
_BY_TARGET = ("axons_out", "fan_out")
_BY_ITSELF = ("inputs", "hidden", "outputs", "sources", "input_targets", "output_sources")
_BY_ITSELF += ("recurrent_synapses", "kernel_words", "state_words", "cores")


def _fits(wiring: Wiring, chip: Chip) -> bool:
    try:
        place(wiring, chip)
    except DoesNotFit:
        return False
    return True


def _largest(most: int, fits: Callable[[int], bool], steps: int) -> int:
    """The largest value below ``most`` that was tried and fits; 0 for none.

    Halved until it fits, so that most trials are small; then up to ``steps`` bisections.
    """
    bad, good = most, most // 2
    while good and not fits(good):
        bad, good = good, good // 2
    for _ in range(steps if bad > _SMALL else _FINE):
        if good == 0 or bad - good <= 1:
            break
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good


def _steps(wiring: Wiring) -> int:
    return _COARSE if wiring.nnz > _LARGE else _FINE


def _resized_fits(wiring: Wiring, chip: Chip, sizes: dict[str, int], adjust: bool) -> bool:
    """True if the network with these sizes, its random synapses drawn again, fits.

    With ``adjust``, its delays are changed to what the chip has.
    """
    tick = None if wiring.time == "steps" else wiring.tick
    changed = {name for name, n in sizes.items() if n != wiring.sizes[name]}
    for projection in wiring.network.projections.values():
        # A kernel says what shape its ends have: a layer of it is narrowed, not cut.
        touched = {projection.pre.name, projection.post.name} & changed
        if touched and isinstance(projection.rule, Procedural) and not is_matrix(projection.rule):
            return False
    try:
        smaller = wire(wiring.network, tick, sizes)
    except BuildError:
        return False
    return _fits(_adjusted(smaller, chip)[0] if adjust else smaller, chip)


def _size(wiring: Wiring, chip: Chip, name: str, least: int, adjust: bool) -> Remedy | None:
    most = wiring.sizes[name]
    fits = lambda n: _resized_fits(wiring, chip, wiring.sizes | {name: n}, adjust)  # noqa: E731
    value = _largest(most, fits, _steps(wiring))
    if value <= least:
        return None
    text = f"at most {value} neurons in {name!r} (now {most})"
    return Remedy(kind="size", owner=name, value=value, text=text)


def _scaled(sizes: dict[str, int], share: float) -> dict[str, int]:
    return {name: max(1, math.floor(n * share)) if n else 0 for name, n in sizes.items()}


def _scale(wiring: Wiring, chip: Chip, adjust: bool) -> Remedy | None:
    def fits(k: float) -> bool:
        return _resized_fits(wiring, chip, _scaled(wiring.sizes, k / _SHARES), adjust)

    value = _largest(_SHARES, fits, _steps(wiring)) / _SHARES
    if value == 0:
        return None
    value = math.floor(value * 1e5) / 1e5
    if value == 0 or not fits(value * _SHARES):
        return None
    text = f"every population scaled by {value:g} or less"
    return Remedy(kind="scale", owner="", value=value, text=text)


def _fan_in(wiring: Wiring, chip: Chip, error: DoesNotFit) -> Remedy | None:
    """Fewer inputs per neuron: whichever they are, or, failing that, the same for all.

    Tried with the first inputs of each neuron and with two random choices for each: neurons
    of a core share the axons of the former, hardly those of the latter.
    """
    axons, _ = axon_keys(wiring, chip)
    most = error.limit // max(1, units(chip, error.resource))
    orders = [axons, *(spread(axons, wiring.post, seed) for seed in (1, 2))]
    if all(_fits(limit_fan_in(wiring, order, most), chip) for order in orders):
        text = f"at most {most} distinct inputs per neuron"
        return Remedy(kind="fan_in", owner="", value=most, text=text)
    if not _fits(share_inputs(wiring, axons, most), chip):
        return None
    text = f"the same {most} inputs for all neurons"
    return Remedy(kind="same_inputs", owner="", value=most, text=text)


def _tick(wiring: Wiring, chip: Chip, error: DoesNotFit) -> Remedy | None:
    """A coarser tick shortens delays in ticks. Tried on the ticks already rounded."""
    if wiring.time == "steps" or error.limit == 0:
        return None
    # One tick more than needed covers the rounding of the longest delay, and the tick itself
    # is rounded up to three digits.
    tick = wiring.tick * (error.need + 1) / error.limit
    digits = 2 - math.floor(math.log10(tick))
    tick = math.ceil(tick * 10**digits) / 10**digits
    coarse = np.floor(wiring.delay * (wiring.tick / tick) + 0.5).astype(np.int32)
    if not _fits(replace(wiring, delay=coarse, tick=tick), chip):
        return None
    return Remedy(kind="tick", owner="", value=tick, text=f"a tick of {tick:g} ms or more")


def _candidates(wiring: Wiring, error: DoesNotFit) -> list[str]:
    """Populations whose size may be the trouble, the largest first."""
    if error.resource.startswith("targets_per_neuron") or error.resource in _BY_TARGET:
        names = {post for pre, post in wiring.ends.values() if pre == error.population}
    elif error.resource in _BY_ITSELF and error.population:
        names = {error.population}
    elif error.population:
        names = {pre for pre, post in wiring.ends.values() if post == error.population}
    else:
        names = set(wiring.sizes if error.resource in ("axons_in", "sources") else wiring.placed)
    ordered = sorted(names, key=lambda name: (-wiring.sizes[name], name))
    return [name for name in ordered if wiring.sizes[name] > 1][:3]


def _adjusted(wiring: Wiring, chip: Chip) -> tuple[Wiring, list[Remedy]]:
    """The network with delays that the chip has, and what was changed for that."""
    parts: list[Remedy] = []
    most, delay = chip.synapse.delay_max, wiring.delay
    if most is not None and delay.max(initial=0) > most:
        delay = np.minimum(delay, most)
        text = f"delays cut to {most} {'tick' if most == 1 else 'ticks'} or less"
        parts.append(Remedy(kind="delay", owner="", value=most, text=text))
    if chip.topology.multicast == "single_target" and delay.size:
        least = np.full(wiring.n_total, delay.max(), delay.dtype)
        np.minimum.at(least, wiring.pre, delay)
        if (least[wiring.pre] != delay).any():
            delay = least[wiring.pre]
            text = "one delay per source neuron"
            parts.append(Remedy(kind="one_delay", owner="", value=1, text=text))
    return replace(wiring, delay=delay), parts


def _by_size(wiring: Wiring, chip: Chip, error: DoesNotFit, adjust: bool) -> list[Remedy]:
    """Smaller populations, or all of them scaled where no single one helps."""
    share = _USELESS if error.hint else 0.0
    found = [
        _size(wiring, chip, name, int(share * wiring.sizes[name]), adjust)
        for name in _candidates(wiring, error)
    ]
    remedies = [remedy for remedy in found if remedy is not None]
    if not remedies and not error.hint and (scale := _scale(wiring, chip, adjust)) is not None:
        remedies.append(scale)
    return remedies


def _acyclic(wiring: Wiring, chip: Chip) -> list[Remedy]:
    """The network without the projections that make it recurrent."""
    names = cyclic(wiring)
    kept = ~np.isin(wiring.projection, [wiring.projections.index(name) for name in names])
    ends = {name: ends for name, ends in wiring.ends.items() if name not in names}
    if not _fits(replace(select(wiring, kept), ends=ends), chip):
        return []
    text = f"the network without {', '.join(repr(name) for name in names)}"
    return [Remedy(kind="feed_forward", owner=names[0], value=0, text=text)]


def _one_range(wiring: Wiring, chip: Chip) -> list[Remedy]:
    """All weights of one magnitude, so that one format of synapses serves every projection."""
    if not _fits(replace(wiring, weight=np.sign(wiring.weight)), chip):
        return []
    text = "largest weights of all projections of one power of two"
    return [Remedy(kind="one_range", owner="", value=1, text=text)]


def _splitters(wiring: Wiring, chip: Chip, by: str) -> list[Remedy]:
    """Neurons that repeat spikes for other cores."""
    try:
        found = place(wiring, chip, by, splitters=True)
    except DoesNotFit:
        return []
    text, m = f"splitters=True: {found.notes[-1]}", found.wiring.repeats.size
    return [Remedy(kind="splitters", owner="", value=m, text=text)]


def _search(error: DoesNotFit, wiring: Wiring, chip: Chip, by: str) -> list[Remedy]:
    if error.resource.startswith("targets_per_neuron"):
        return _others(error, wiring, chip) + _splitters(wiring, chip, by)
    return _others(error, wiring, chip)


def _of_wall(error: DoesNotFit, wiring: Wiring, chip: Chip) -> list[Remedy]:
    """Remedies for walls that are met whatever the number of neurons."""
    if error.resource == "recurrent_projections":
        return _acyclic(wiring, chip)
    if error.resource == SYNAPSE:
        return _one_range(wiring, chip)
    if chip.topology.unit == "layer" and error.population:
        return of_layers(error, wiring, chip, _largest)
    return []


def _others(error: DoesNotFit, wiring: Wiring, chip: Chip) -> list[Remedy]:
    by_wall = _of_wall(error, wiring, chip)
    if by_wall or error.resource in ("recurrent_projections", SYNAPSE):
        return by_wall
    adjusted, parts = _adjusted(wiring, chip)
    if parts and _fits(adjusted, chip):
        remedies = [parts[0] if len(parts) == 1 else together(parts)]
        tick = _tick(wiring, chip, error) if error.resource == "delay ticks" else None
        return remedies + ([] if tick is None else [tick])
    found: list[Remedy] = []
    if error.resource in _FAN_IN and (few := _fan_in(wiring, chip, error)) is not None:
        found.append(few)
    if not parts:
        return found + _by_size(wiring, chip, error, adjust=False)
    # Other delays alone are not enough: with them, what else does it take?
    try:
        place(adjusted, chip)
    except DoesNotFit as other:
        smaller = _of_wall(other, adjusted, chip) or _by_size(adjusted, chip, other, adjust=True)
        return found + [together([*parts, more]) for more in smaller]
    return found


def with_remedies(error: DoesNotFit, wiring: Wiring, chip: Chip, by: str) -> DoesNotFit:
    """The same error with the remedies found for it."""
    remedies = _search(error, wiring, chip, by)
    tried = any(remedy.kind == "splitters" for remedy in remedies)
    return DoesNotFit(
        chip=error.chip,
        core=error.core,
        resource=error.resource,
        need=error.need,
        limit=error.limit,
        where=error.where,
        population=error.population,
        remedies=tuple(remedies),
        hint="" if tried else error.hint,
    )


def place_or_advise(
    wiring: Wiring, chip: Chip, by: str = "sequential", splitters: bool = False
) -> Mapping:
    """Place the network, or raise DoesNotFit with remedies that were tried."""
    try:
        return place(wiring, chip, by, splitters)
    except DoesNotFit as error:
        raise with_remedies(error, wiring, chip, by) from None
