"""Which core holds which layer? Matching on chips that put whole layers on their cores.

Where a layer must fit one core (``pow2_conv``), layers and cores are matched, so that a
layer that fits many cores leaves room for one that fits few. Where a layer may be cut
(``layer_tiles``), it takes as many cores as its weights, times its input, fill; kinds of
layer that fewer cores compute choose first.
"""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from .chip import Chip, CoreKind
from .layer_needs import SPACE_AXES, Layer, kinds_of_cores, layers_of, needs, shapes
from .refusal import DoesNotFit
from .wiring import Wiring


def nearest_allowed(limit: int | tuple[int, ...], need: int) -> int | None:
    """The limit that a number breaks, the nearest below it of several; None where it may be.

    >>> nearest_allowed(16, 17), nearest_allowed((1, 2, 4), 3), nearest_allowed((1, 2, 4), 4)
    (16, 2, None)
    """
    if isinstance(limit, int):
        return limit if need > limit else None
    if need in limit:
        return None
    return max((one for one in limit if one < need), default=min(limit))


def check_shapes(layers: list[Layer], chip: Chip) -> None:
    """Refuse layers whose shape the chip does not have; no such chip has three axes of space."""
    for layer in layers:
        axes = max((way.space_axes for way in layer.ways), default=0)
        if axes > SPACE_AXES:
            where = f"layer {layer.name!r}"
            raise _refusal(chip, "space_axes", axes, SPACE_AXES, where, layer.name)
        for name, found in shapes(layer, dense_kernels=not chip.core.layers).items():
            limit = chip.limits.get(name)
            if limit is None:
                continue
            broken = [need for need in found if nearest_allowed(limit, need) is not None]
            if broken:
                need = max(broken)
                where = f"layer {layer.name!r}"
                if not isinstance(limit, int):
                    where += f", allowed are {', '.join(map(str, limit))}"
                bound = nearest_allowed(limit, need) or 0
                raise _refusal(chip, name, need, bound, where, layer.name)


def _refusal(
    chip: Chip, resource: str, need: int, limit: int, where: str, name: str = ""
) -> DoesNotFit:
    return DoesNotFit(
        chip=chip.name,
        core=None,
        resource=resource,
        need=need,
        limit=limit,
        where=where,
        population=name,
    )


def assign(layers: list[Layer], chip: Chip) -> list[list[int]]:
    """The cores of each layer.

    Raises
    ------
    DoesNotFit
        A layer that fits no core, or more layers than cores for them.
    """
    check_shapes(layers, chip)
    tiled = any(rule.name == "layer_tiles" for rule in chip.core.cost_rules.values())
    return _tiled(layers, chip) if tiled else _matched(layers, chip)


def pieces(layer: Layer, kind: CoreKind) -> int:
    """Cores that a layer takes: its weights, times its input, over what a core holds of them."""
    found = 1
    for resource, need in needs(layer, kind).items():
        found *= max(1, -(-need // kind.resources[resource]))
    return found


def _tiled(layers: list[Layer], chip: Chip) -> list[list[int]]:
    kinds = kinds_of_cores(chip) * chip.topology.max_chips
    free = {kind: [k for k, core in enumerate(kinds) if core.computes(kind)]
            for kind in ("conv", "dense")}  # fmt: skip
    held: dict[str, list[int]] = {}
    # Layers with fewer cores to choose from choose first, and so take none that others need.
    for kind in sorted(free, key=lambda kind: len(free[kind])):
        some = [layer for layer in layers if layer.kind == kind]
        taken = {core for cores in held.values() for core in cores}
        room = [core for core in free[kind] if core not in taken]
        need = {layer.name: pieces(layer, chip.core) for layer in some}
        if sum(need.values()) > len(room):
            widest = max(some, key=lambda layer: need[layer.name])
            what = f"{kind} layers, of which" if chip.core.layers else "layers, of which"
            where = f"for {what} {widest.name!r} alone takes {need[widest.name]}"
            raise _refusal(chip, "cores", sum(need.values()), len(room), where, widest.name)
        for layer in some:
            held[layer.name] = room[: need[layer.name]]
            room = room[need[layer.name] :]
    return [held[layer.name] for layer in layers]


def _matched(layers: list[Layer], chip: Chip) -> list[list[int]]:
    kinds = kinds_of_cores(chip)
    fits = np.zeros((len(layers), len(kinds)), bool)
    for i, layer in enumerate(layers):
        for k, kind in enumerate(kinds):
            taken = needs(layer, kind).items()
            fits[i, k] = all(need <= kind.resources[resource] for resource, need in taken)
        if not fits[i].any():
            raise _too_large(layer, chip)
    if not layers:
        return []
    found = maximum_bipartite_matching(csr_matrix(fits), perm_type="column")
    if (found >= 0).all():
        return [[int(core)] for core in found]
    # Who competes: from a layer left over, along cores that fit and the layers on them.
    rivals, reached = {int(np.flatnonzero(found < 0)[0])}, set()
    while True:
        more = {int(core) for i in rivals for core in np.flatnonzero(fits[i])} - reached
        if not more:
            break
        reached |= more
        rivals |= {int(np.flatnonzero(found == core)[0]) for core in more if core in found}
    names = ", ".join(repr(layers[i].name) for i in sorted(rivals))
    widest = max((layers[i] for i in rivals), key=lambda one: (one.n_weights, one.channels))
    where = f"layers {names} fit no other cores"
    raise _refusal(chip, "cores", len(rivals), len(reached), where, widest.name)


def _too_large(layer: Layer, chip: Chip) -> DoesNotFit:
    """The wall of the layer, at the core that comes closest to holding it."""
    best: tuple[float, str, int, int] | None = None
    for kind in chip.kinds:
        worst = max(
            (
                (need / kind.resources[resource], resource, need, kind.resources[resource])
                for resource, need in needs(layer, kind).items()
            ),
        )
        best = worst if best is None or worst < best else best
    _, resource, need, limit = best or (0.0, "cores", 1, 0)
    where = f"layer {layer.name!r}, in the core that comes closest"
    return _refusal(chip, resource, need, limit, where, layer.name)


def place_layers(wiring: Wiring, chip: Chip) -> tuple[np.ndarray, int, dict[str, np.ndarray]]:
    """Core of each neuron, how many cores, and what each of them uses."""
    layers = layers_of(wiring)
    cores = assign(layers, chip)
    n_cores = max((core for one in cores for core in one), default=-1) + 1
    core_of = np.zeros(wiring.n_neurons, np.int32)
    usage = {name: np.zeros(n_cores, np.int64) for name in chip.core.resources}
    kinds = kinds_of_cores(chip)
    for layer, held in zip(layers, cores, strict=True):
        first, n = wiring.first[layer.name], wiring.sizes[layer.name]
        # A layer that is cut lies on its cores in equal pieces.
        piece = np.arange(n) * len(held) // max(1, n)
        core_of[first : first + n] = np.asarray(held)[piece]
        for resource, need in needs(layer, kinds[held[0] % len(kinds)]).items():
            usage[resource][held] = -(-need // len(held))
    return core_of, n_cores, usage
