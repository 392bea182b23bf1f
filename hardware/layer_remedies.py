"""What would fit of a layered network? Narrower layers, smaller kernels; each tried."""

from collections.abc import Callable
from dataclasses import replace

from neurosim.connectivity.procedural import Procedural

from .chip import Chip
from .layer_map import assign
from .layer_needs import Layer, layers_of, narrowed
from .refusal import DoesNotFit, Remedy
from .wiring import Wiring

_STEPS = 64
_WORDS = {
    "kernel_side": "kernels of at most {} a side",
    "input_side": "inputs of at most {} places a side",
    "output_side": "layers of at most {} places a side",
    "destinations": "at most {} projections out of a layer",
    "channels": "layers of at most {} channels",
}


def _fits(layers: list[Layer], chip: Chip) -> bool:
    try:
        assign(layers, chip)
    except DoesNotFit:
        return False
    return True


def _clipped(layers: list[Layer], limits: dict[str, int]) -> list[Layer]:
    """The layers with shapes cut down to what the chip has."""
    side, wide = limits.get("kernel_side", 2**30), limits.get("input_side", 2**30)
    most = limits.get("output_side", 2**30)
    made = []
    for layer in layers:
        ways = tuple(
            replace(
                way,
                kernel=(min(way.kernel[0], side), min(way.kernel[1], side)),
                input=(min(way.input[0], wide), min(way.input[1], wide)),
            )
            for way in layer.ways
        )
        made.append(
            replace(
                layer,
                ways=ways,
                size=(min(layer.size[0], most), min(layer.size[1], most)),
                n_targets=min(layer.n_targets, limits.get("destinations", 2**30)),
            )
        )
    return made


def of_layers(
    error: DoesNotFit,
    wiring: Wiring,
    chip: Chip,
    largest: Callable[[int, Callable[[int], bool], int], int],
) -> list[Remedy]:
    """Remedies for the layer that the error names; none where smaller populations would do."""
    layers, name = layers_of(wiring), error.population
    if error.resource in _WORDS and error.resource != "channels":
        if not _fits(_clipped(layers, {error.resource: error.limit}), chip):
            return []
        text = _WORDS[error.resource].format(error.limit)
        return [Remedy(kind=error.resource, owner=name, value=error.limit, text=text)]
    rules = [p.rule for p in wiring.network.projections.values() if p.post.name == name]
    if not any(isinstance(rule, Procedural) for rule in rules):
        return []
    most = next(layer.channels for layer in layers if layer.name == name)
    value = largest(most, lambda n: _fits(narrowed(layers, wiring.network, name, n), chip), _STEPS)
    if value == 0:
        return []
    text = f"at most {value} channels in {name!r} (now {most})"
    return [Remedy(kind="channels", owner=name, value=value, text=text)]
