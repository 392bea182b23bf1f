"""What does a whole layer take, on chips whose cores hold layers? Shapes, and their needs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from neurosim.connectivity.convolution import Convolution
from neurosim.connectivity.pooling import SumPool
from neurosim.connectivity.procedural import paddings, per_axis
from neurosim.network import Projection

from .chip import Chip, CoreKind
from .wiring import Wiring

SPACE_AXES = 2  # axes of a layer on such chips


@dataclass(frozen=True, slots=True)
class Way:
    """One way into a layer: its kernel, as the chip stores it, and the input it reads.

    ``input`` is what is left of the source's places once they are pooled; ``padding`` is in
    front and behind, of the first axis and then of the second. A dilated kernel has the sides
    that it spans, since cores store its gaps; ``space_axes`` is how many axes of space it has.
    """

    c_in: int
    kernel: tuple[int, int]
    input: tuple[int, int]
    pre: str = ""
    dense: bool = False
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pool: tuple[int, int] = (1, 1)
    space_axes: int = 0

    @property
    def strided(self) -> bool:
        """Whether some places of the input are passed over."""
        return max(self.stride) > 1

    @property
    def output(self) -> tuple[int, int]:
        """Places that the kernel is laid on, along both axes."""
        if self.dense:
            return 1, 1
        found = (
            (self.input[k] + sum(self.padding[2 * k : 2 * k + 2]) - self.kernel[k])
            // self.stride[k]
            + 1
            for k in range(SPACE_AXES)
        )
        rows, columns = (max(1, n) for n in found)
        return rows, columns

    @property
    def input_size(self) -> int:
        """Neurons that the layer reads."""
        return self.c_in * self.input[0] * self.input[1]


@dataclass(frozen=True, slots=True)
class Layer:
    """A population as a layer: channels by places, and the ways into it."""

    name: str
    channels: int
    size: tuple[int, int]
    ways: tuple[Way, ...]
    n_targets: int

    @property
    def kind(self) -> str:
        """``"conv"``, or ``"dense"`` where some way reads every neuron of its source."""
        return "dense" if any(way.dense for way in self.ways) else "conv"

    @property
    def n_weights(self) -> int:
        """Weights of all its kernels."""
        taps = (way.c_in * way.kernel[0] * way.kernel[1] for way in self.ways)
        return self.channels * sum(taps)


def log2_up(n: int) -> int:
    """The exponent of the smallest power of two that is at least n.

    >>> log2_up(1), log2_up(9), log2_up(16)
    (0, 4, 4)
    """
    return max(0, int(n) - 1).bit_length()


def kernel_words(layer: Layer) -> int:
    """Words of kernel memory: c_in 2^(ceil(log2 taps) + ceil(log2 c_out)) of each way."""
    return sum(
        way.c_in * 2 ** (log2_up(way.kernel[0] * way.kernel[1]) + log2_up(layer.channels))
        for way in layer.ways
    )


def state_words(layer: Layer) -> int:
    """Words of state: c_out 2^(ceil(log2 height) + ceil(log2 width))."""
    return int(layer.channels * 2 ** (log2_up(layer.size[0]) + log2_up(layer.size[1])))


def bytes_of(n: int, bits: int) -> int:
    """Whole bytes that hold ``n`` numbers of ``bits`` bits."""
    return -(-n * bits // 8)


def needs(layer: Layer, core: CoreKind) -> dict[str, int]:
    """Resource -> what the layer takes of it, of those that the kind of core has."""
    found = {}
    for resource, rule in core.cost_rules.items():
        if resource == "kernel_words":
            found[resource] = kernel_words(layer)
        elif resource == "state_words":
            found[resource] = state_words(layer)
        elif resource == "weight_bytes":
            found[resource] = bytes_of(layer.n_weights, int(rule.params["bits"]))
        elif resource == "input_bytes":
            read = sum(way.input_size for way in layer.ways)
            found[resource] = bytes_of(read, int(rule.params["bits"]))
    return found


def shapes(layer: Layer, dense_kernels: bool) -> dict[str, tuple[int, ...]]:
    """The numbers of one layer that ``[limits]`` may limit.

    With ``dense_kernels`` a dense layer is a convolution, whose kernel covers its input.
    """
    ways = [way for way in layer.ways if dense_kernels or not way.dense]
    return {
        "kernel_side": tuple(side for way in ways for side in way.kernel),
        "kernel_asymmetry": tuple(abs(way.kernel[0] - way.kernel[1]) for way in ways),
        "strided_kernel_side": tuple(n for way in ways if way.strided for n in way.kernel),
        "stride": tuple(n for way in ways for n in way.stride),
        "padding": tuple(n for way in ways for n in way.padding),
        "pool": tuple(n for way in ways for n in way.pool),
        "channels": (layer.channels,),
        "input_side": tuple(side for way in ways for side in way.input),
        "output_side": layer.size,
        "destinations": (layer.n_targets,),
        "dense_inputs": tuple(way.input_size for way in layer.ways if way.dense),
    }


def _place_and_channels(shape: tuple[int, ...]) -> tuple[tuple[int, int], int]:
    """(height, width) and channels of a shape with channels last; a vector has one place."""
    if len(shape) == 1:
        return (1, 1), shape[0]
    space = (*shape[:-1], 1)[:SPACE_AXES]
    return (space[0], space[1]), shape[-1]


def _axes(numbers: tuple[int, ...]) -> tuple[int, int]:
    """The numbers of two axes; 1 for those that are missing."""
    first, second = (*numbers, 1, 1)[:SPACE_AXES]
    return int(first), int(second)


def _convolution(rule: Convolution, way: Way, size: tuple[int, int]) -> Way:
    n, name = rule.space, "Convolution"
    stride, dilation, pool = (
        per_axis(name, what, getattr(rule, what), n, 1) for what in ("stride", "dilation", "pool")
    )
    spans = tuple(d * (k - 1) for d, k in zip(dilation, rule.kernel.shape[2:], strict=True))
    pads = tuple(pad for pair in paddings(name, rule.padding, spans) for pad in pair)
    pooled = _axes(pool)
    before, behind, left, right = (*pads, 0, 0, 0, 0)[: 2 * SPACE_AXES]
    return replace(
        way,
        kernel=_axes(tuple(span + 1 for span in spans)),
        stride=_axes(stride),
        padding=(before, behind, left, right),
        pool=pooled,
        input=(size[0] // pooled[0], size[1] // pooled[1]),
    )


def _way(wiring: Wiring, projection: Projection) -> Way:
    rule, pre = projection.rule, projection.pre
    size, c_in = _place_and_channels(pre.shape)
    if isinstance(rule, (Convolution, SumPool)):
        way = Way(c_in, _axes(rule.kernel.shape[2:]), size, pre.name, space_axes=rule.space)
        if isinstance(rule, Convolution):
            return _convolution(rule, way, size)
        stride = rule.window if rule.stride is None else rule.stride
        n = len(rule.window)
        return replace(way, stride=_axes(per_axis("SumPool", "stride", stride, n, 1)))
    if wiring.sizes[pre.name] != pre.n:
        return Way(wiring.sizes[pre.name], (1, 1), (1, 1), pre.name, dense=True)
    # A dense layer is a convolution whose kernel covers its whole input.
    return Way(c_in, size, size, pre.name, dense=True)


def layers_of(wiring: Wiring) -> list[Layer]:
    """The placed populations as layers, in order."""
    network, found = wiring.network, []
    for name in wiring.placed:
        population = network.populations[name]
        into = [p for p in network.projections.values() if p.post is population]
        spatial = any(isinstance(p.rule, (Convolution, SumPool)) for p in into)
        size, channels = _place_and_channels(population.shape)
        if not spatial:
            size, channels = (1, 1), wiring.sizes[name]
        targets = {p.post.name for p in network.projections.values() if p.pre is population}
        ways = tuple(_way(wiring, p) for p in into)
        found.append(Layer(name, channels, size, ways, len(targets)))
    return found


def narrowed(layers: Iterable[Layer], network: object, name: str, channels: int) -> list[Layer]:
    """The layers with fewer channels in one of them, and so fewer inputs of those behind it."""
    made = []
    layers = list(layers)
    old = next(layer.channels for layer in layers if layer.name == name)
    for layer in layers:
        into = [p for p in network.projections.values() if p.post.name == layer.name]  # type: ignore[attr-defined]
        ways = tuple(
            replace(way, c_in=way.c_in * channels // old) if p.pre.name == name else way
            for way, p in zip(layer.ways, into, strict=True)
        )
        width = channels if layer.name == name else layer.channels
        made.append(replace(layer, channels=width, ways=ways))
    return made


def laid_out(layers: Iterable[Layer]) -> list[Layer]:
    """The layers with sizes and inputs that follow, layer by layer, from strides and pools."""
    made: dict[str, Layer] = {}
    for layer in layers:
        ways = []
        for way in layer.ways:
            if way.pre in made:
                rows, columns = made[way.pre].size
                read = (max(1, rows // way.pool[0]), max(1, columns // way.pool[1]))
                way = replace(way, input=read, kernel=read if way.dense else way.kernel)
            ways.append(way)
        convolved = [way.output for way in ways if not way.dense]
        size = convolved[0] if convolved and layer.kind == "conv" else layer.size
        made[layer.name] = replace(layer, ways=tuple(ways), size=size)
    return list(made.values())


def kinds_of_cores(chip: Chip) -> list[CoreKind]:
    """The kind of each core of a chip, core by core."""
    return [kind for kind in chip.kinds for _ in range(kind.count)]
