"""What is the network to convert? Operations on arrays, each fed by earlier ones.

Readers make a :class:`LayerGraph` of whatever wrote the network, in the conventions of PyTorch
and ONNX: channels first, one sample without its batch axis. Evaluating it here is slow and
obvious, in float64; everything that a conversion does is held against it.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import BuildError, ParameterError
from .nodes import Input, Node
from .windows import affordable_values


class NothingConverted(BuildError):
    """A model was read, and no part of it would have become spiking neurons."""


class UnsupportedOperations(BuildError):
    """A model has operations that cannot become spikes; the message lists them all.

    Attributes
    ----------
    found : tuple of (str, str, str)
        of each: the node, the operation, and what to do instead.
    """

    def __init__(self, source: str, found: tuple[tuple[str, str, str], ...]) -> None:
        lines = [f"{source} has {len(found)} operation(s) that cannot be converted:"]
        lines += [f"  {node}: {operation}: {remedy}" for node, operation, remedy in found]
        super().__init__("\n".join(lines))
        self.found = tuple(found)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LayerGraph:
    """A network of operations without cycles, one input and one output.

    Parameters
    ----------
    source : str
        what was read, for messages: ``"MLPClassifier"``, ``"model.onnx"``.
    nodes : tuple of Node
        each behind those that it is fed by; exactly one :class:`~.nodes.Input`.
    output : str
        the node whose value is the network's output, without a softmax.
    classes : sequence or None
        labels by output unit, kept as an array, two labels for a single output unit (the second
        one where the output is positive); None for regression.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        of the value of each node, for one sample.

    Raises
    ------
    ParameterError
        Names that are taken or unknown, shapes that do not fit.

    Examples
    --------
    >>> from neurosim.conversion.nodes import Linear, Rectify
    >>> hidden = Linear("hidden", ("x",), np.array([[1.0, -1.0]]), np.zeros(1))
    >>> graph = LayerGraph("two lines", (Input("x", (2,)), hidden, Rectify("relu", ("hidden",))),
    ...                    "relu", None)
    >>> graph.values([[3.0, 1.0], [1.0, 3.0]])["relu"].tolist()
    [[2.0], [0.0]]
    """

    source: str
    nodes: tuple[Node, ...]
    output: str
    classes: np.ndarray | None
    shapes: dict[str, tuple[int, ...]] = field(init=False)

    def __post_init__(self) -> None:
        shapes: dict[str, tuple[int, ...]] = {}
        values = 0
        for node in self.nodes:
            if node.name in shapes:
                raise ParameterError(
                    f"LayerGraph: names must be unique, got {node.name!r} twice in {self.source}"
                )
            missing = [name for name in node.inputs if name not in shapes]
            if missing:
                raise ParameterError(
                    f"LayerGraph: node {node.name!r} is fed by {missing[0]!r}, which is not before "
                    f"it in {self.source}"
                )
            shape = node.shape_of(*(shapes[name] for name in node.inputs))
            values += math.prod(shape)
            affordable_values(f"{self.source} up to {node.owner}", values)
            shapes[node.name] = shape
        inputs = sum(isinstance(node, Input) for node in self.nodes)
        if inputs != 1 or self.output not in shapes:
            raise ParameterError(
                f"LayerGraph: {self.source} must have one input and an output among its nodes, got "
                f"{inputs} input(s) and the output {self.output!r}"
            )
        object.__setattr__(self, "shapes", shapes)
        if self.classes is not None:
            object.__setattr__(self, "classes", self._labels(self.classes))

    def _labels(self, classes: Any) -> np.ndarray:
        """Return labels as an array, one for each output."""
        wanted = max(self.n_out, 2)
        labels = np.asarray(list(classes) if np.iterable(classes) else classes)
        if labels.shape != (wanted,) or len(set(labels.tolist())) < wanted:
            raise ParameterError(
                f"convert.classes must be {wanted} different labels for the {self.n_out} output(s) "
                f"of {self.source}, got {classes!r}; None: the outputs are values"
            )
        return labels

    @property
    def input(self) -> Input:
        """The node that stands for a sample."""
        return next(node for node in self.nodes if isinstance(node, Input))

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(np.prod(self.input.shape))

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(np.prod(self.shapes[self.output]))

    def values(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return the value of every node, float64[samples, *shape], for inputs of that shape."""
        result: dict[str, np.ndarray] = {}
        for node in self.nodes:
            if isinstance(node, Input):
                result[node.name] = node.checked(x)
            else:
                result[node.name] = node(*(result[name] for name in node.inputs))
        return result

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return what the network says, float64[samples, n_out]."""
        return self.values(x)[self.output].reshape(len(x), -1)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs float64[samples, n_out] into labels, or values for regression."""
        return decide(self.classes, outputs)

    def __repr__(self) -> str:
        return f"LayerGraph({self.source}, {len(self.nodes)} nodes, {self.n_in} -> {self.n_out})"


def decide(classes: np.ndarray | None, outputs: np.ndarray) -> np.ndarray:
    """Turn outputs (samples, n_out) into labels, or values where there are no classes.

    >>> decide(np.array(["no", "yes"]), np.array([[0.3], [-2.0]])).tolist()
    ['yes', 'no']
    """
    single = outputs.shape[1] == 1
    if classes is None:
        return outputs[:, 0] if single else outputs
    if single:
        return classes[(outputs[:, 0] > 0).astype(int)]
    return classes[np.argmax(outputs, axis=1)]
