"""How is an ONNX graph walked through? Node by node, constants worked out, the rest translated."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, ParameterError
from .building import FURTHER, UNKNOWN, GraphBuilder, Refusal, Tensor, unsupported, used
from .graph import LayerGraph
from .onnx_constants import CONSTANTS, FLOATS
from .onnx_ops import OPERATIONS
from .onnx_tensors import array_of

MOST_NODES = 20_000
MOST_NUMBERS = 2**27  # of all constants and weights together: 1 GiB in float64
_HARMLESS = frozenset(["Identity", "Reshape", "Flatten", "Squeeze", "Dropout", "Cast", "Shape"])
_EITHER = frozenset(["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "MatMul", "Concat"])
_OWN = ("", "ai.onnx")  # the standard operators


class Call:
    """One node, for the function that translates it."""

    def __init__(self, walk: "Walk", node: Any, name: str) -> None:
        self.walk, self.name, self.operation = walk, name, node.op_type
        self.builder = walk.builder
        self.opset = walk.opset
        self.samples = walk.samples
        self.attributes = walk.attributes(node)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of a value as ONNX has it, samples first."""
        return (self.samples, *self.builder.shape(x))

    def per_sample(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return a shape without its first axis, which must be that of samples."""
        shape = tuple(int(size) for size in shape)
        if not shape or shape[0] != self.samples or len(shape) < 2:
            raise Refusal(
                f"a value of shape {shape} from {self.samples} sample(s)",
                "keep the samples in the first axis, one value for each",
            )
        return shape[1:]

    def axis(self, axis: int, axes: int) -> int:
        """Return which axis of a sample one of a value with ``axes`` axes is."""
        if not -axes <= axis < axes or axis % axes == 0:
            raise Refusal(f"an operation along axis {axis}", "keep the samples in the first axis")
        return axis % axes - 1


class Walk:
    """The nodes of a parsed model.

    Parameters
    ----------
    model : onnx.ModelProto
    source : str                for messages
    folder : Path or None       where weights may lie that the file leaves outside
    shape : tuple of int or None
    """

    def __init__(self, model: Any, source: str, folder: Path | None, shape: Any) -> None:
        self.source, self.folder, self.proto = source, folder, model.graph
        if len(model.functions) or len(model.training_info) or len(self.proto.sparse_initializer):
            raise FormatError(
                f"{source}: functions, training and sparse tensors are not supported; export the "
                "network alone, for inference"
            )
        if len(self.proto.node) > MOST_NODES:
            raise FormatError(f"{source}: more than {MOST_NODES:,} nodes")
        _check_names(self.proto, source)
        versions = [entry.version for entry in model.opset_import if entry.domain in _OWN]
        self.opset = versions[0] if versions else 1
        self._left = MOST_NUMBERS
        self.values: dict[str, Any] = {"": None}
        for tensor in self.proto.initializer:
            self._set(tensor.name, self.charged(array_of(tensor, source, folder)))
        self._start(shape)

    def graph(self, classes: np.ndarray | str | None) -> LayerGraph:
        """Return the layer graph, or list everything that cannot be converted."""
        for k, node in enumerate(self.proto.node):
            self._node(k, node)
        if len(self.proto.output) != 1:
            raise FormatError(
                f"{self.source}: must have one output, got {len(self.proto.output)}; export the "
                "one that decides"
            )
        name = self.proto.output[0].name
        output = self.values.get(name)
        if isinstance(output, np.ndarray) or output is None:
            raise FormatError(f"{self.source}: the output {name!r} does not depend on the input")
        return self.builder.finish(output, classes)

    def charged(self, value: np.ndarray) -> np.ndarray:
        """Count numbers that are kept; refuse more than a machine should hold."""
        self._left -= value.size
        if self._left < 0:
            raise FormatError(f"{self.source}: more than {MOST_NUMBERS:,} numbers in all")
        return value

    def attributes(self, node: Any) -> dict[str, Any]:
        """Return the attributes of a node as Python values; subgraphs as None."""
        found: dict[str, Any] = {}
        for entry in node.attribute:
            match entry.type:
                case 1:
                    value = entry.f
                case 2:
                    value = entry.i
                case 3:
                    value = entry.s.decode("utf-8", "replace")
                case 4:
                    value = self.charged(array_of(entry.t, self.source, self.folder))
                case 6:
                    value = list(entry.floats)
                case 7:
                    value = list(entry.ints)
                case _:
                    value = None
            found[entry.name] = value
        return found

    # ------------------------------------------------------------------ the input

    def _start(self, shape: Any) -> None:
        """Make the input node, in the shape that the user's samples have."""
        given = [entry for entry in self.proto.input if entry.name not in self.values]
        if len(given) != 1:
            raise FormatError(f"{self.source}: must have one input, got {len(given)}")
        kind = given[0].type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
        if kind.elem_type not in FLOATS or min(dims, default=0) < 0:
            raise FormatError(
                f"{self.source}: input {given[0].name!r} must be an array of floats, got kind "
                f"{kind.elem_type} of shape {dims}"
            )
        self.samples = dims[0] if dims and dims[0] else 1
        wanted = tuple(dims[1:])
        shape = self._fitted(wanted, None if shape is None else tuple(shape), bool(dims))
        self.builder = GraphBuilder(self.source, shape, given[0].name or "input")
        inside = shape if not dims or 0 in wanted else wanted
        start = self.builder.start
        start = self.builder.reshape(f"{start.name}.shape", start, inside)
        self._set(given[0].name, start)

    def _fitted(self, wanted: tuple[int, ...], shape: Any, known: bool) -> tuple[int, ...]:
        """Return the shape of the user's samples, if the file takes them."""
        if shape is None:
            if not known or not wanted or 0 in wanted:
                raise ParameterError(
                    f"convert: {self.source} leaves the shape of its samples open, {wanted}; give "
                    "shape, or calibration data"
                )
            return wanted
        same = len(shape) == len(wanted) and all(
            w in (0, s) for w, s in zip(wanted, shape, strict=True)
        )
        plain = tuple(s for s in shape if s != 1) == tuple(w for w in wanted if w != 1)
        flat = len(shape) == 1 and 0 not in wanted and shape[0] == math.prod(wanted)
        if known and not (same or plain or flat):
            raise ParameterError(
                f"convert: samples for {self.source} must have shape {wanted} (0: any), got {shape}"
            )
        return shape

    # ------------------------------------------------------------------ the nodes

    def _set(self, name: str, value: Any) -> None:
        if name in self.values and name:
            raise FormatError(f"{self.source}: the name {name!r} is given twice")
        self.values[name] = value

    def _node(self, k: int, node: Any) -> None:
        name = node.name or (node.output[0] if len(node.output) else "") or f"{node.op_type}_{k}"
        missing = [other for other in node.input if other not in self.values]
        if missing:
            raise FormatError(
                f"{self.source}: node {name!r} is fed by {missing[0]!r}, which nothing before it "
                "makes: a cycle, or a part is missing"
            )
        result = self._translated(node, name, [self.values[other] for other in node.input])
        for position, output in enumerate(node.output):
            if output:
                self._set(output, result if position == 0 else FURTHER)

    def _translated(self, node: Any, name: str, inputs: list[Any]) -> Any:
        call = Call(self, node, name)
        operation = node.op_type if node.domain in _OWN else f"{node.domain}.{node.op_type}"
        known = OPERATIONS.get(operation)
        constant = all(not isinstance(value, Tensor) for value in inputs) or operation == "Shape"
        try:
            if any(value is FURTHER for value in inputs):
                raise Refusal("an operation on a further output of a node", "use its first one")
            if any(value is UNKNOWN for value in inputs):
                if known is None and operation not in CONSTANTS:
                    raise unsupported(operation)
                return UNKNOWN
            for value in inputs if operation not in _HARMLESS else []:
                used(value)
            if constant and operation in CONSTANTS:
                return CONSTANTS[operation](call, *inputs)
            if known is None or constant:
                raise unsupported(operation)
            if operation not in _EITHER and not isinstance(inputs[0], Tensor):
                raise Refusal(f"{operation} of a constant by values that depend on the sample")
            return known(call, *inputs)
        except Refusal as refusal:
            return self.builder.refuse(name, refusal)
        except (TypeError, AttributeError, KeyError, StopIteration):
            raise FormatError(
                f"{self.source}: node {name!r} ({operation}) has inputs or attributes that it "
                f"cannot have: {len(inputs)} inputs, attributes {list(call.attributes)}"
            ) from None
        except (ParameterError, ValueError, IndexError, ArithmeticError) as error:
            raise FormatError(f"{self.source}: node {name!r} ({operation}): {error}") from None


def _check_names(graph: Any, source: str) -> None:
    """Refuse names that are no text: the parser hands them over as bytes."""
    names = [entry.name for entry in (*graph.initializer, *graph.input, *graph.output)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [entry.name for entry in node.attribute]
    for name in names:
        if not isinstance(name, str):
            raise FormatError(f"{source}: the name {name!r} is no text")
