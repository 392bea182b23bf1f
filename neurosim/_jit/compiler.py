"""How do functions become machine code? By Numba, imported when something must be compiled.

Numba makes machine code, a Python wrapper and a cache file of every function, and compiles
its intermediate code again into each caller. Here a function that is called by compiled code
is kept as raw intermediate code (:class:`_HelperCompiler`), and the optimiser sees it once,
inside the function that Python or a table of handles calls. That one has a single entry,
whose arguments lie in a table of eight-byte slots, and becomes an object file.

These classes use inner parts of Numba (its compiler class, documented for extension, and
its code library); `tests/test_jit.py` tells when one of them has changed.
"""

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba
from llvmlite import ir
from numba.core import sigutils, types
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target
from numba.core.targetconfig import ConfigStack
from numba.np.arrayobj import populate_array

from .objectfiles import CACHE, can_resolve, setting

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}


class Unsuitable(Exception):
    """The function needs Numba at run time, so that Numba's own dispatcher must call it."""


class _HashedFlags(Flags):
    """Options whose hash is computed once: Numba looks overloads up by them all the time."""

    __slots__ = ("_hash",)

    def __hash__(self) -> int:
        if not hasattr(self, "_hash"):
            self._hash = super().__hash__()
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Flags) and self._values == other._values


class _HelperLibrary(JITCodeLibrary):
    """Intermediate code to be linked into callers."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Nothing: the caller is optimised with this code in it."""
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Nothing, as above."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _EntryLibrary(_HelperLibrary):
    """Machine code with one entry; everything else is private to it, and may be dropped."""

    entry = ""

    def _optimize_final_module(self) -> None:
        for value in (*self._final_module.functions, *self._final_module.global_variables):
            if not value.is_declaration and value.name != self.entry:
                value.linkage = "internal"
        JITCodeLibrary._optimize_final_module(self)

    def machine_code(self) -> bytes:
        """The object file, unless it needs something that Numba defines in its processes."""
        module = self._final_module
        text = str(module)
        declared = [f.name for f in module.functions if f.is_declaration]
        used = [n for n in declared if len(re.findall(rf'@"?{re.escape(n)}\b', text)) > 1]
        foreign = [n for n in used if not n.startswith("llvm.") and not can_resolve(n)]
        if foreign or self._dynamic_globals:
            raise Unsuitable(", ".join(foreign))
        return self._codegen._tm.emit_object(module)


class _HelperCompiler(Compiler):
    """Numba's compiler, stopped before machine code and wrappers."""

    library = _HelperLibrary

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        flags = self.state.flags = _HashedFlags(self.state.flags)
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True

    def compile_extra(self, function: Callable) -> Any:
        """Compile, and make the result known to callers under its descriptor."""
        state = self.state
        if state.library is None:
            state.library = self.library(state.targetctx.codegen(), function.__qualname__)
        result = super().compile_extra(function)
        state.targetctx.insert_user_function(result.fndesc, result.fndesc, [result.library])
        return result._replace(entry_point=result.fndesc)


class _EntryCompiler(_HelperCompiler):
    library = _EntryLibrary


def helper(function: Callable) -> Any:
    """What compiled code calls in place of ``function``: a dispatcher of Numba's.

    The code counts references to arrays only where the caller does, because it allocates.
    A literal argument makes no code of its own: ``n = 0`` before a loop would compile all
    that the loop calls with ``n`` twice.
    """
    makers = {}
    for counts in (False, True):
        maker = numba.njit(**OPTIONS, _nrt=counts, pipeline_class=_HelperCompiler)(function)
        maker.add_overload = partial(_note, maker)  # Python never calls it
        makers[counts] = maker.get_call_template, maker.get_overload

    def template(args: tuple, kws: dict) -> Any:
        plain = {k: types.unliteral(v) for k, v in kws.items()}
        return of_caller()[0](tuple(map(types.unliteral, args)), plain)

    def of_caller() -> tuple:
        return makers[ConfigStack.top_or_none().nrt]

    maker.get_call_template = template
    maker.get_overload = lambda signature: of_caller()[1](signature)
    return maker


def _note(maker: Any, result: Any) -> None:
    maker.overloads[tuple(result.signature.args)] = result


def dispatcher(function: Callable, *, cache: bool) -> Any:
    """Numba's dispatcher for calls from Python, with its own cache."""
    compiled = numba.njit(**OPTIONS)(function)
    if cache and CACHE:
        try:
            compiled.enable_caching()
            compiled._cache._cache_file._source_stamp = setting()
        except (RuntimeError, OSError):  # no writable cache folder: compile in each process
            pass
    return compiled


# ------------------------------------------------------------------------------- entries


class _Slots:
    """Reads arguments from a table of eight-byte slots, and writes results behind them."""

    def __init__(self, context: Any, builder: Any, table: Any) -> None:
        self.context, self.builder, self.table = context, builder, table
        self.next = 0

    def _pointer(self) -> Any:
        pointer = self.builder.gep(self.table, [ir.IntType(64)(self.next)])
        self.next += 1
        return pointer

    def _integer(self) -> Any:
        return self.builder.load(self._pointer())

    def read(self, kind: Any) -> Any:
        """The next argument, of a Numba type."""
        builder, context = self.builder, self.context
        if isinstance(kind, types.Array):
            return self._array(kind)
        if isinstance(kind, types.BaseTuple):
            return context.make_tuple(builder, kind, [self.read(k) for k in kind])
        native = context.get_value_type(kind)
        if isinstance(kind, types.Float):
            real = builder.bitcast(self._integer(), ir.DoubleType())
            return real if native == ir.DoubleType() else builder.fptrunc(real, native)
        if isinstance(kind, (types.Integer, types.Boolean)):
            whole = self._integer()
            return whole if native.width == 64 else builder.trunc(whole, native)
        raise Unsuitable(f"an argument of type {kind}")

    def _array(self, kind: Any) -> Any:
        builder, context = self.builder, self.context
        made = context.make_array(kind)(context, builder)
        data = builder.inttoptr(self._integer(), made.data.type)
        shape = [self._integer() for _ in range(kind.ndim)]
        size = context.get_constant(types.intp, context.get_abi_sizeof(
            context.get_data_type(kind.dtype)))  # fmt: skip
        if kind.layout == "A":
            strides = [self._integer() for _ in range(kind.ndim)]
        else:
            strides, stride = [], size
            for length in shape if kind.layout == "F" else reversed(shape):
                strides.append(stride)
                stride = builder.mul(stride, length)
            strides = strides if kind.layout == "F" else strides[::-1]
        populate_array(made, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
        return made._getvalue()

    def write(self, kind: Any, value: Any) -> Any:
        """Write a result; returns its format: a letter, a list for a tuple, or None."""
        builder = self.builder
        if isinstance(kind, types.NoneType):
            return None
        if isinstance(kind, types.BaseTuple) and not isinstance(kind, types.BaseNamedTuple):
            parts = [builder.extract_value(value, k) for k in range(len(kind))]
            return [self.write(k, part) for k, part in zip(kind, parts, strict=True)]
        if isinstance(kind, types.Float):
            wide = value if kind.bitwidth == 64 else builder.fpext(value, ir.DoubleType())
            builder.store(builder.bitcast(wide, ir.IntType(64)), self._pointer())
            return "d"
        if isinstance(kind, types.Boolean):
            builder.store(builder.zext(value, ir.IntType(64)), self._pointer())
            return "?7x"
        if not isinstance(kind, types.Integer):
            raise Unsuitable(f"a result of type {kind}")
        if kind.bitwidth < 64:
            value = (builder.sext if kind.signed else builder.zext)(value, ir.IntType(64))
        builder.store(value, self._pointer())
        return "q" if kind.signed else "Q"


def _function(library: Any, shape: Any, symbol: str) -> tuple[Any, Any]:
    """A new module with an empty function, and its builder."""
    module = cpu_target.target_context.create_module(symbol)
    function = ir.Function(module, shape, symbol)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _call(builder: Any, result: Any, values: list) -> tuple[Any, Any]:
    """Call the compiled function; returns its status and its value."""
    context, what = cpu_target.target_context, result.fndesc
    shape = context.call_conv.get_function_type(what.restype, what.argtypes)
    callee = ir.Function(builder.module, shape, what.llvm_func_name)
    return context.call_conv.call_function(builder, callee, what.restype, what.argtypes, values)


def _slot_entry(result: Any, symbol: str) -> Any:
    """``int32 entry(int64 *slots)``: arguments in, results behind them, status back."""
    shape = ir.FunctionType(ir.IntType(32), [ir.IntType(64).as_pointer()])
    function, builder = _function(result.library, shape, symbol)
    slots = _Slots(cpu_target.target_context, builder, function.args[0])
    values = [slots.read(kind) for kind in result.fndesc.argtypes]
    status, value = _call(builder, result, values)
    note = slots.write(result.fndesc.restype, value)
    builder.ret(status.code)
    result.library.add_ir_module(builder.module)
    return note


def _plain_entry(result: Any, symbol: str) -> None:
    """The function as C sees it: scalars in, a scalar back."""
    context, what = cpu_target.target_context, result.fndesc
    arguments = [context.get_value_type(kind) for kind in what.argtypes]
    shape = ir.FunctionType(context.get_value_type(what.restype), arguments)
    function, builder = _function(result.library, shape, symbol)
    _, value = _call(builder, result, list(function.args))
    builder.ret(value)
    result.library.add_ir_module(builder.module)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Compile without garbage collection: it finds nothing, and takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        with global_compiler_lock:
            yield
    finally:
        if enabled:
            gc.enable()


def _compile(function: Callable, arguments: tuple, value: Any, symbol: str, entry: Any) -> tuple:
    made = numba.njit(**OPTIONS, _nrt=False, pipeline_class=_EntryCompiler)(function)
    with _undisturbed():
        result = made._compiler.compile(arguments, value)
        result.library.entry = symbol
        note = entry(result, symbol)
        result.library.finalize()
        return result.library.machine_code(), note


def for_arguments(function: Callable, arguments: tuple, symbol: str) -> tuple[bytes, Any]:
    """Object file for calls from Python, and the format of the result.

    Raises
    ------
    Unsuitable
        The function allocates, or takes or returns more than numbers and arrays.
    """
    try:
        kinds = tuple(numba.typeof(a) for a in arguments)
        return _compile(function, kinds, None, symbol, _slot_entry)
    except (NumbaError, ValueError) as error:  # if it is wrong, the dispatcher says so
        raise Unsuitable(str(error)) from None


def for_signature(function: Callable, signature: Any, symbol: str) -> bytes:
    """Object file for calls through a table."""
    arguments, value = sigutils.normalize_signature(signature)
    try:
        return _compile(function, arguments, value, symbol, _plain_entry)[0]
    except NumbaError as error:  # as above
        raise Unsuitable(str(error)) from None


def c_function(function: Callable, signature: Any) -> CFunc:
    """Numba's C function, for functions that allocate; it is made in each process."""
    made = CFunc(function, sigutils.normalize_signature(signature), {}, OPTIONS)
    made.compile()
    return made
