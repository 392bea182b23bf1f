"""What does a PyTorch module compute? Traced with ``torch.export``, so that every call is seen.

The module is run once on made-up samples, without its values; calls of functions count as much
as those of modules. Its own modes and values are left as they were.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from ..errors import MissingExtraError, ParameterError
from .building import UNKNOWN, GraphBuilder, Refusal, Tensor, Unknown, unsupported, used
from .graph import LayerGraph
from .torch_ops import OPERATIONS

# A number of samples that no layer is likely to have as a size, so that axes are told apart.
SAMPLES = 37


def read_torch(
    module: Any, shape: Sequence[int], *, classes: np.ndarray | str | None = "auto"
) -> LayerGraph:
    """Read a trained ``torch.nn.Module``.

    Parameters
    ----------
    module : torch.nn.Module
        takes (samples, *shape) and returns one array; read as in ``module.eval()``.
    shape : tuple of int
        of one sample.
    classes : array, None or "auto"
        labels by output; ``"auto"``: numbers from 0 where there are several outputs.

    Raises
    ------
    UnsupportedOperations
        Operations that cannot become spikes, all of them.
    ParameterError
        A module that cannot be traced: control flow that depends on values, several inputs.
    MissingExtraError

    Notes
    -----
    A submodule with a method ``as_rectifier() -> (ceiling, levels)`` is read as a quantised
    rectifier, whatever it computes in its forward method.
    """
    name = type(module).__name__
    program = _export(module, tuple(shape), name)
    builder = GraphBuilder(name, shape)
    walk = _Walk(module, program, builder)
    return builder.finish(walk.run(), classes)


def _export(module: Any, shape: tuple[int, ...], name: str) -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError.of(
            "torch", extra="torch", purpose="convert(torch module)"
        ) from None
    if not isinstance(module, torch.nn.Module):
        raise ParameterError(
            f"convert: model must be a torch.nn.Module, got {name}; give the module that it was "
            "made of or belongs to"
        )
    first = next((p for p in module.parameters() if p.is_floating_point()), None)
    kind = {} if first is None else {"dtype": first.dtype, "device": first.device}
    example = torch.zeros((SAMPLES, *shape), **kind)
    modes = {part: part.training for part in module.modules()}
    try:
        with warnings.catch_warnings(), torch.no_grad(), _quiet():
            warnings.simplefilter("ignore")
            module.eval()
            return torch.export.export(module, (example,)).run_decompositions({})
    except Exception as error:  # whatever the user's code, or the tracer, raises
        raise ParameterError(
            f"convert: {name} cannot be traced with samples of shape {shape}: "
            f"{type(error).__name__}: {_first_line(error)}; forward must take one array and take "
            "the same way for all values (no `if` on them, no .item(), no numpy); otherwise "
            "export the part that does to ONNX, or convert that part"
        ) from error
    finally:
        for part, training in modes.items():
            part.training = training


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the screen what the tracer logs and prints of what it could not follow."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


class _Walk:
    """The traced operations, one by one."""

    def __init__(self, module: Any, program: Any, builder: GraphBuilder) -> None:
        self.module, self.program, self.builder = module, program, builder
        self.values: dict[Any, Any] = {}
        self.rectifiers: dict[tuple, tuple] = {}

    def run(self) -> Any:
        self._constants()
        for node in self.program.graph.nodes:
            if node.op == "call_function":
                self.values[node] = self._call(node)
            elif node.op == "output":
                return self._output(node)
        raise ParameterError(f"convert: {self.builder.source} returns nothing")

    def _constants(self) -> None:
        """Give parameters, buffers and the input their values."""
        signature = self.program.graph_signature
        named = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        held = {**self.program.constants, **self.program.state_dict}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            if node.name in named:
                self.values[node] = _array(held[named[node.name]])
            else:
                self.values[node] = self.builder.start

    def _output(self, node: Any) -> Any:
        user = set(self.program.graph_signature.user_outputs)  # buffers that changed are others
        outputs = [one for one in node.args[0] if getattr(one, "name", one) in user]
        if len(outputs) != 1:
            raise ParameterError(
                f"convert: {self.builder.source} must return one array, got {len(outputs)}; "
                "wrap it in a module that returns the one you want"
            )
        value = self._value(outputs[0])
        if not isinstance(value, (Tensor, Unknown)):
            raise ParameterError(
                f"convert: the output of {self.builder.source} does not depend on its input"
            )
        return value

    def _call(self, node: Any) -> Any:
        name = self._name(node)
        leaf = self._rectifier(node)
        if leaf is not None:
            return self._rectified(leaf, node)
        operation = _operation(node)
        args = [self._value(arg) for arg in node.args]
        options = {key: self._value(arg) for key, arg in node.kwargs.items()}
        values = _flat([*args, *options.values()])
        try:
            if operation in _CHECKS:
                return None
            if not any(isinstance(value, (Tensor, Unknown)) for value in values):
                return _computed(node.target, args, options)
            found = OPERATIONS.get(operation)
            if found is None:
                raise unsupported(operation)
            if any(value is UNKNOWN for value in values):
                return UNKNOWN
            for value in values:
                if operation not in _HARMLESS:
                    used(value)
            return found(Call(self.builder, name, node), *args, **options)
        except Refusal as refusal:
            return self.builder.refuse(name, refusal)
        except (ParameterError, TypeError, ValueError, IndexError, RuntimeError) as error:
            return self.builder.refuse(name, Refusal(f"{operation} in this form", str(error)))

    def _name(self, node: Any) -> str:
        """Return the path of PyTorch's own module that makes a call, or a name for the call."""
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path, kind = stack[-1] if stack else ("", "")
        if path and str(kind).startswith("torch.nn."):
            return path
        operation = _operation(node).strip("_")
        return f"{path}.{operation}" if path else operation

    def _value(self, arg: Any) -> Any:
        if isinstance(arg, (list, tuple)):
            return [self._value(one) for one in arg]
        return self.values[arg] if hasattr(arg, "op") and arg in self.values else arg

    def _rectifier(self, node: Any) -> str | None:
        """Return the path of the module around a call that says what rectifier it is."""
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            part = self.module.get_submodule(path) if path else self.module
            if hasattr(part, "as_rectifier"):
                return path
        return None

    def _rectified(self, path: str, node: Any) -> Any:
        """Take all calls inside such a module for one; the first brings what goes in."""
        key = tuple(node.meta["nn_module_stack"])
        given, made = self.rectifiers.get(key, (None, UNKNOWN))
        for value in (self._value(arg) for arg in node.args):
            if isinstance(value, Tensor) and value not in (given, made):
                used(value)
                part = self.module.get_submodule(path) if path else self.module
                ceiling, levels = part.as_rectifier()
                kind = "relu" if levels is None else "quantised"
                made = self.builder.rectify(path or "rectifier", value, kind, ceiling, levels)
                self.rectifiers[key] = value, made
        return made


class Call:
    """One traced call, for the function that translates it."""

    def __init__(self, builder: GraphBuilder, name: str, node: Any) -> None:
        self.builder, self.name = builder, name
        value = node.meta.get("val")
        self.shape = tuple(value.shape) if hasattr(value, "shape") else None

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of the result for one sample; refuse one that mixes samples."""
        if not self.shape or self.shape[0] != SAMPLES:
            raise Refusal(
                f"a value of shape {self.shape} from {SAMPLES} samples",
                "keep the samples in the first axis, one value for each",
            )
        return self.shape[1:] or (1,)


# What may follow a softmax.
_HARMLESS = frozenset(
    ["view", "reshape", "_unsafe_view", "flatten", "squeeze", "clone", "alias", "detach", "select"]
    + ["dropout", "softmax", "log_softmax", "_softmax", "_log_softmax", "getitem", "contiguous"]
    + ["to", "_to_copy"]
)
# What looks at a value and makes none.
_CHECKS = frozenset(["_assert_tensor_metadata", "_assert_async"])


def _operation(node: Any) -> str:
    """``aten.conv2d.default`` -> ``conv2d``."""
    target = node.target
    name = getattr(target, "__name__", str(target))
    return str(target).split(".")[1] if str(target).startswith("aten.") else name


def _array(value: Any) -> Any:
    """A constant for the functions that translate: floats in double precision."""
    import torch

    if isinstance(value, (list, tuple)):
        return [_array(one) for one in value]
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu().to_dense()
    return (value.double() if value.is_floating_point() else value).numpy().copy()


def _computed(target: Any, args: list[Any], options: dict[str, Any]) -> Any:
    """What PyTorch computes from constants alone: masked weights, weight norm."""
    import torch

    def given(value: Any) -> Any:
        if isinstance(value, list):
            return [given(one) for one in value]
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()):
        raise unsupported("rand")
    with torch.no_grad():
        value = target(*map(given, args), **{key: given(v) for key, v in options.items()})
    return _array(value)


def _flat(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [one for value in values for one in _flat(value)]
    return [values]
