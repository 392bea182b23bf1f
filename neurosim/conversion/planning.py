"""How does a layer graph become a plan of spiking layers?

Walk through the nodes and keep, of each, the linear map from earlier layers that it stands
for. Where a rectifier comes, the map becomes a layer; everything between two rectifiers, batch
norms among it, is merged exactly.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import ParameterError
from ..maxpool import MaxPool
from . import nodes as n
from . import pools
from .graph import LayerGraph, NothingConverted, UnsupportedOperations
from .merging import behind, beside
from .naming import LayerNames
from .operators import (
    Full,
    Kernel,
    Listed,
    Operator,
    TooLarge,
    affordable,
    factors,
    identity,
    mixing,
    permuted,
)
from .passes import prepared
from .plan import INPUT, READ_OUT, Plan, PlanLayer, Term

_MOST_TERMS = 256


def make_plan(graph: LayerGraph) -> Plan:
    """Plan the spiking layers of an ANN.

    Raises
    ------
    NothingConverted
        There is no rectifier, so no spiking neuron would be made.
    UnsupportedOperations
        Max-pooling of what no neuron has rectified; all such nodes are named.
    TooLarge
        Linear operations that cannot be merged in reasonable memory.

    Examples
    --------
    >>> from neurosim.conversion.nodes import Input, Linear, Rectify
    >>> one = Linear("hidden", ("x",), np.array([[1.0, -1.0]]), np.zeros(1))
    >>> two = Linear("last", ("relu",), np.array([[2.0]]), np.ones(1))
    >>> nodes = (Input("x", (2,)), one, Rectify("relu", ("hidden",)), two)
    >>> plan = make_plan(LayerGraph("lines", nodes, "last", None))
    >>> [layer.name for layer in plan.layers], plan.activations([[3.0, 1.0]])["output"].tolist()
    (['hidden', 'output'], [[5.0]])
    """
    graph = prepared(graph)
    if not any(isinstance(node, n.Rectify) for node in graph.nodes):
        raise NothingConverted(
            f"{graph.source} has no ReLU layer, so no spiking neuron would be made: "
            "a linear model needs no spikes; train with activation='relu' and a hidden layer"
        )
    return _Walk(graph).plan()


@dataclass(frozen=True, slots=True, eq=False)
class _Value:
    """What a node stands for: a sum over earlier layers, plus a bias.

    ``order`` says which number of that sum, in C order, each number of the value is, where the
    value is another arrangement of it: element k of the value, channels last, is number
    ``order[k]``.
    """

    shape: tuple[int, ...]  # as the graph has it, channels first
    inner: tuple[int, ...]  # of the sum, channels last
    terms: tuple[Term, ...]
    bias: np.ndarray
    order: np.ndarray | None = None

    def mapped(self, operator: Operator, shape: tuple[int, ...], bias=0.0) -> "_Value":
        """Return the value behind a linear operator and a bias."""
        terms = tuple(Term(t.source, behind(operator, t.operator)) for t in self.terms)
        through = np.zeros(operator.post)
        if self.bias.any():
            through = operator.apply(self.bias[np.newaxis])[0]
        through += bias
        return _Value(shape, operator.post, terms, through)

    def moved(self, shape: tuple[int, ...], came_from: np.ndarray) -> "_Value":
        """Return the value with element j, channels first, taken from element came_from[j]."""
        order = _first_to_last(self.shape)[came_from[_last_to_first(shape)]]
        return replace(self, shape=shape, order=order if self.order is None else self.order[order])

    def settled(self) -> "_Value":
        """Return the value as a sum in its own arrangement."""
        if self.order is None:
            return self
        post = _last(self.shape)
        if (self.order == np.arange(len(self.order))).all():
            terms = tuple(Term(t.source, _relabelled(t.operator, post)) for t in self.terms)
            return _Value(self.shape, post, terms, self.bias.reshape(post))
        return replace(self, order=None).mapped(permuted(self.inner, post, self.order), self.shape)

    def plain(self) -> str | None:
        """Return the layer that this is, as it is; None where it is a sum or a product."""
        (first, *rest) = self.terms
        same = not rest and first.operator.is_identity() and not self.bias.any()
        return first.source if same and first.source != INPUT else None


@dataclass(slots=True)
class _Walk:
    """The nodes of a graph, one by one."""

    graph: LayerGraph
    values: dict[str, _Value] = field(default_factory=dict)
    layers: dict[str, PlanLayer] = field(default_factory=dict)
    unsupported: list[tuple[str, str, str]] = field(default_factory=list)
    pooled: set[str] = field(init=False)  # what max-pooling takes, in its own arrangement

    def __post_init__(self) -> None:
        found = (node for node in self.graph.nodes if isinstance(node, pools.MaxPool))
        self.pooled = {node.inputs[0] for node in found}

    def plan(self) -> Plan:
        graph = self.graph
        names = LayerNames(graph)
        start, shape, order = _input(graph)
        with np.errstate(over="ignore", invalid="ignore"):
            self._walk(start, shape, names)
        layers = tuple(self.layers.values())
        for layer in layers:
            numbers = [layer.bias, *(term.operator.values for term in layer.terms)]
            if not all(np.isfinite(part).all() for part in numbers):
                raise ParameterError(
                    f"convert: the weights and biases of layer {layer.name!r} of {graph.source} "
                    "must be finite once batch norms and linear operations are merged; train again"
                )
        return Plan(graph.source, graph.input.shape, _last(shape), order, layers, graph.classes)

    def _walk(self, start: set[str], shape: tuple[int, ...], names: LayerNames) -> None:
        graph = self.graph
        for node in graph.nodes:
            if node.name in start:
                self.values[node.name] = _source(INPUT, shape)
            else:
                before = [self.values[name] for name in node.inputs]
                self.values[node.name] = self._value(node, before, names)
        if self.unsupported:
            raise UnsupportedOperations(graph.source, tuple(self.unsupported))
        self._read_out(self.values[graph.output])

    def _value(self, node: n.Node, before: list[_Value], names: LayerNames) -> _Value:
        shape = self.graph.shapes[node.name]
        match node:
            case n.Rectify():
                return self._rectified(node, before[0], names)
            case pools.MaxPool():
                return self._pooled(node, before[0].settled(), shape, names)
            case n.Add():
                return _added(before)
            case n.Concatenate():
                return _joined([value.settled() for value in before], shape)
            case n.Reshape():
                return before[0].moved(shape, np.arange(int(np.prod(shape))))
            case n.Transpose():
                numbers = np.arange(int(np.prod(shape))).reshape(before[0].shape)
                return before[0].moved(shape, numbers.transpose(node.axes).ravel())
            case n.Linear():
                return _linear(node, before[0])
            case n.ChannelAffine():
                return _scaled(node, before[0])
        value = before[0].settled()
        match node:
            case n.Pad():
                kernel = identity(value.inner)
                return value.mapped(replace(kernel, post=_last(shape), padding=node.padding), shape)
            case n.Convolve():
                ones = (1,) * len(node.stride)
                geometry = (node.stride, node.padding, node.dilation, node.groups, ones)
                kernel = Kernel(value.inner, _last(shape), node.weight, *geometry)
                return value.mapped(kernel, shape, node.bias)
            case pools.AveragePool():
                return value.mapped(_averaging(node, value.shape, shape), shape)
        raise ParameterError(f"{node.owner}: no plan is known for this kind of node")

    def _rectified(self, node: n.Rectify, value: _Value, names: LayerNames) -> _Value:
        value = value.settled() if node.name in self.pooled else value
        source = value.plain()
        clips = node.ceiling is not None or node.kind == "quantised"
        if source is not None and not clips:
            return value  # a layer is never negative
        name = names.of(node)
        layer = PlanLayer(
            name, value.inner, value.terms, value.bias, node.kind, node.ceiling, node.levels
        )
        self.layers[name] = layer
        return replace(_source(name, value.shape, value.inner), order=value.order)

    def _pooled(self, node: pools.MaxPool, value: _Value, shape, names: LayerNames) -> _Value:
        source, name = value.plain(), names.of(node)
        if source is None:
            remedy = (
                "spikes can only pool what a ReLU has made positive; put the ReLU right before or "
                "behind it, or take average pooling"
            )
            self.unsupported.append((node.name, "MaxPool of values without a ReLU", remedy))
            return _source(name, shape)
        try:
            padding = node.extended(value.shape[1:])
            pool = MaxPool(node.window, node.stride, padding, by="largest")
        except ParameterError as error:
            self.unsupported.append((node.name, "MaxPool", str(error)))
            return _source(name, shape)
        post = _last(shape)
        self.layers[name] = PlanLayer(
            name, post, value.terms, np.zeros(post), "max-pool", pool=pool
        )
        return _source(name, shape)

    def _read_out(self, value: _Value) -> None:
        size = int(np.prod(value.shape))
        value = value.moved((size,), np.arange(size)).settled()
        layer = PlanLayer(READ_OUT, value.inner, value.terms, value.bias, "read-out")
        self.layers[READ_OUT] = layer


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels first to channels last."""
    return (*shape[1:], shape[0])


def _last_to_first(shape: tuple[int, ...]) -> np.ndarray:
    """Where each number, channels last, is among the numbers channels first."""
    return np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), 0, -1).ravel()


def _first_to_last(shape: tuple[int, ...]) -> np.ndarray:
    return np.argsort(_last_to_first(shape))


def _source(name: str, shape: tuple[int, ...], inner: tuple[int, ...] | None = None) -> _Value:
    """The value of a layer itself."""
    inner = _last(shape) if inner is None else inner
    return _Value(shape, inner, (Term(name, identity(inner)),), np.zeros(inner))


def _input(graph: LayerGraph) -> tuple[set[str], tuple[int, ...], np.ndarray]:
    """Follow a sample through the rearrangements at its start.

    Returns the nodes that are the input population, its shape channels first, and which number
    of a sample each of its units is.
    """
    node, names = graph.input, {graph.input.name}
    numbers = np.arange(graph.n_in).reshape(graph.input.shape)
    while True:
        after = [other for other in graph.nodes if node.name in other.inputs]
        if len(after) != 1 or not isinstance(after[0], (n.Reshape, n.Transpose)):
            return names, numbers.shape, numbers.ravel()[_last_to_first(numbers.shape)]
        node = after[0]
        numbers = node(numbers[np.newaxis])[0]
        names = names | {node.name}


def _linear(node: n.Linear, value: _Value) -> _Value:
    """A matrix takes any arrangement: its columns are put in order instead."""
    weight = node.weight.T
    if value.order is not None:
        weight = np.empty_like(weight)
        weight[value.order] = node.weight.T
    operator = Full(value.inner, (len(node.weight),), weight)
    return replace(value, order=None).mapped(operator, (len(node.weight),), node.bias)


def _scaled(node: n.ChannelAffine, value: _Value) -> _Value:
    """Factors and shifts take any arrangement in which the factors are those of channels."""
    scale = np.broadcast_to(node.scale, (*value.shape[1:], len(node.scale))).ravel()
    shift = np.broadcast_to(node.shift, (*value.shape[1:], len(node.shift))).ravel()
    if value.order is not None:
        back = np.argsort(value.order)
        scale, shift = scale[back], shift[back]
    scale, shift = scale.reshape(value.inner), shift.reshape(value.inner)
    channels = scale.reshape(-1, value.inner[-1])
    if (channels != channels[0]).any():
        settled = value.settled()
        return settled.mapped(factors(settled.inner, node.scale), value.shape, node.shift)
    made = value.mapped(factors(value.inner, channels[0]), value.shape, shift)
    return replace(made, order=value.order)


def _averaging(node: pools.AveragePool, shape, shape_out) -> Operator:
    import scipy.sparse

    channels, space = shape[0], shape[1:]
    divisors = node.divisors(space)
    same = (divisors == divisors.flat[0]).all()
    ones = (1,) * len(node.window)
    kernel = np.full((channels, 1, *node.window), 1.0 / divisors.flat[0] if same else 1.0)
    geometry = (node.stride, node.extended(space), ones, channels, ones)
    operator = Kernel(_last(shape), _last(shape_out), kernel, *geometry)
    if same:
        return operator
    each = np.repeat(1.0 / divisors.ravel(), channels)
    links = (scipy.sparse.diags_array(each) @ operator.matrix()).tocsr()
    return Listed(operator.pre, operator.post, links)


def _added(values: list[_Value]) -> _Value:
    """Add sums; those of one arrangement keep it."""
    first = values[0]
    alike = all(
        value.inner == first.inner
        and (value.order is first.order or np.array_equal(value.order, first.order))
        for value in values
    )
    if not alike:
        values = [value.settled() for value in values]
        first = values[0]
    bias = sum(value.bias for value in values)
    terms = _together([term for value in values for term in value.terms])
    return replace(first, terms=terms, bias=bias)


def _together(terms: list[Term]) -> tuple[Term, ...]:
    """Add up terms of one source where that costs nothing."""
    result: list[Term] = []
    for term in terms:
        for k, other in enumerate(result):
            both = beside(other.operator, term.operator) if other.source == term.source else None
            if both is not None:
                result[k] = Term(term.source, both)
                break
        else:
            result.append(term)
    if len(result) > _MOST_TERMS:
        raise TooLarge(
            f"A layer would be fed by {len(result)} maps of earlier layers, more than "
            f"{_MOST_TERMS}; put ReLUs between the sums"
        )
    return tuple(result)


def _joined(values: list[_Value], shape: tuple[int, ...]) -> _Value:
    """Put channels behind one another: each input becomes a sum over all channels."""
    moved, at = [], 0
    for value in values:
        channels = value.shape[0]
        moved.append(value.mapped(_embedding(value.inner, at, shape[0]), shape))
        at += channels
    return _added(moved)


def _embedding(inner: tuple[int, ...], at: int, channels: int) -> Operator:
    """Return the map that makes the channels of a value some of more."""
    import scipy.sparse

    mine = inner[-1]
    if len(inner) > 1:
        affordable(mine * channels, "The channels of a concatenation")
        selection = np.zeros((channels, mine))
        selection[at : at + mine] = np.eye(mine)
        return mixing(inner, selection)
    entries = (np.ones(mine), (np.arange(at, at + mine), np.arange(mine)))
    links = scipy.sparse.csr_array(entries, shape=(channels, mine))
    return Listed(inner, (channels,), links)


def _relabelled(operator: Operator, post: tuple[int, ...]) -> Operator:
    """Return the operator with the same numbers in another shape."""
    if operator.post == post:
        return operator
    if isinstance(operator, Kernel) and max(operator.space, default=1) > 1:
        return Listed(operator.pre, post, operator.matrix())
    return replace(operator, post=post)
