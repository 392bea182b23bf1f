"""What would fit of a layered network? Narrower layers, other shapes, fewer layers; each tried."""

from collections.abc import Callable
from dataclasses import replace

from neurosim.connectivity.procedural import Procedural

from .chip import Chip
from .layer_map import assign, nearest_allowed
from .layer_needs import Layer, Way, laid_out, layers_of, narrowed
from .refusal import DoesNotFit, Remedy, together
from .wiring import Wiring

_STEPS = 64
_WORDS = {
    "kernel_side": "kernels of {} a side",
    "kernel_asymmetry": "square kernels",
    "strided_kernel_side": "kernels of {} a side where the stride is above 1",
    "stride": "a stride of {}",
    "padding": "a padding of {}",
    "pool": "pools of {}",
    "input_side": "inputs of at most {} places a side",
    "output_side": "layers of at most {} places a side",
    "destinations": "at most {} projections out of a layer",
}


def _fits(layers: list[Layer], chip: Chip) -> bool:
    try:
        assign(layers, chip)
    except DoesNotFit:
        return False
    return True


def _reshaped_way(way: Way, what: str, limit: int | tuple[int, ...], value: int) -> Way:
    """The way with ``value`` in place of the numbers that break the limit."""

    def allowed(n: int) -> int:
        return n if nearest_allowed(limit, n) is None else value

    first, second = way.kernel
    if what == "kernel_side" or (what == "strided_kernel_side" and way.strided):
        return replace(way, kernel=(allowed(first), allowed(second)))
    if what == "kernel_asymmetry":
        return replace(way, kernel=(min(way.kernel),) * 2)
    if what == "stride":
        return replace(way, stride=(allowed(way.stride[0]), allowed(way.stride[1])))
    if what == "padding":
        before, behind, left, right = map(allowed, way.padding)
        return replace(way, padding=(before, behind, left, right))
    if what == "pool":
        pool = allowed(way.pool[0]), allowed(way.pool[1])
        read = tuple(
            max(1, n * old // new) for n, old, new in zip(way.input, way.pool, pool, strict=True)
        )
        return replace(way, pool=pool, input=(read[0], read[1]))
    if what == "input_side":
        return replace(way, input=(min(way.input[0], value), min(way.input[1], value)))
    return way


def _reshaped(
    layers: list[Layer], what: str, limit: int | tuple[int, ...], value: int
) -> list[Layer]:
    """The layers with shapes that the chip has, and the sizes that follow from them."""
    made = []
    for layer in layers:
        ways = tuple(_reshaped_way(way, what, limit, value) for way in layer.ways)
        layer = replace(layer, ways=ways)
        if what == "output_side":
            layer = replace(layer, size=(min(layer.size[0], value), min(layer.size[1], value)))
        if what == "destinations":
            layer = replace(layer, n_targets=min(layer.n_targets, value))
        made.append(layer)
    return laid_out(made) if what in ("stride", "pool", "padding") else made


def _of_shape(error: DoesNotFit, layers: list[Layer], chip: Chip) -> list[Remedy]:
    """The nearest number that is allowed below, and the one above; what else breaks then too."""
    found = []
    for value in _values(error, chip):
        parts: list[Remedy] = []
        other, mended = error, layers
        while other.resource in _WORDS and len(parts) < len(_WORDS):
            what = other.resource
            bound = value if not parts else other.limit
            text = f"{_WORDS[what].format(bound)} in {other.population!r}"
            parts.append(Remedy(kind=what, owner=other.population, value=bound, text=text))
            mended = _reshaped(mended, what, chip.limits[what], bound)
            try:
                assign(mended, chip)
            except DoesNotFit as next_one:
                other = next_one
            else:
                found.append(parts[0] if len(parts) == 1 else together(parts))
                break
    return found


def _values(error: DoesNotFit, chip: Chip) -> list[int]:
    limit = chip.limits[error.resource]
    above = [] if isinstance(limit, int) else [n for n in limit if n > error.need][:1]
    return [error.limit, *above]


def _fewer(layers: list[Layer], chip: Chip) -> list[Remedy]:
    """The network without its last layers."""
    most = next((n for n in range(len(layers) - 1, 0, -1) if _fits(layers[:n], chip)), 0)
    if most == 0:
        return []
    text = f"at most the first {most} layers (now {len(layers)})"
    return [Remedy(kind="layers", owner=layers[most - 1].name, value=most, text=text)]


def of_layers(
    error: DoesNotFit,
    wiring: Wiring,
    chip: Chip,
    largest: Callable[[int, Callable[[int], bool], int], int],
) -> list[Remedy]:
    """Remedies for the layer that the error names; none where smaller populations would do."""
    layers, name = layers_of(wiring), error.population
    if error.resource in _WORDS:
        return _of_shape(error, layers, chip)
    found: list[Remedy] = []
    rules = [p.rule for p in wiring.network.projections.values() if p.post.name == name]
    if any(isinstance(rule, Procedural) for rule in rules):
        most = next(layer.channels for layer in layers if layer.name == name)
        fits = lambda n: _fits(narrowed(layers, wiring.network, name, n), chip)  # noqa: E731
        if value := largest(most, fits, _STEPS):
            text = f"at most {value} channels in {name!r} (now {most})"
            found.append(Remedy(kind="channels", owner=name, value=value, text=text))
    if error.resource == "cores" and not found:
        found += _fewer(layers, chip)
    return found
