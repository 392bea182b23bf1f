"""What can kernels do that Python cannot? Calls and arrays by address, hints, modes."""

import math
import platform
from functools import lru_cache
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import RequireLiteralValue
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

# ------------------------------------------------- the processor's mode for denormal numbers

# x86: register MXCSR, bits "flush to zero" and "denormals are zero"; ARM: FPCR, bit "FZ".
_MACHINE = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}.get(
    platform.machine().lower()
)
_FLUSH = {"x86": 1 << 15 | 1 << 6, "arm": 1 << 24}.get(_MACHINE, 0)


def _assembly(builder: Any, code: str, result: Any, constraint: str, arguments: list) -> Any:
    """Insert one instruction that accesses to memory do not pass."""
    llvmlite.binding.initialize_native_asmparser()
    shape = ir.FunctionType(result, [a.type for a in arguments])
    return builder.asm(shape, code, f"{constraint},~{{memory}}", arguments, side_effect=True)


def _read_mode(builder: Any) -> Any:
    """The mode as an integer of the register's width; 0 on unknown processors."""
    if _MACHINE == "arm":
        return _assembly(builder, "mrs $0, fpcr", ir.IntType(64), "=r", [])
    if _MACHINE != "x86":
        return ir.IntType(64)(0)
    place = cgutils.alloca_once(builder, ir.IntType(32))
    _assembly(builder, "stmxcsr ($0)", ir.VoidType(), "r", [place])
    return builder.load(place)


def _write_mode(builder: Any, mode: Any) -> None:
    """Set the mode; nothing on unknown processors."""
    if _MACHINE == "arm":
        _assembly(builder, "msr fpcr, $0", ir.VoidType(), "r", [mode])
    elif _MACHINE == "x86":
        place = cgutils.alloca_once(builder, ir.IntType(32))
        narrow = builder.trunc(mode, ir.IntType(32)) if mode.type.width > 32 else mode
        builder.store(narrow, place)
        _assembly(builder, "ldmxcsr ($0)", ir.VoidType(), "r", [place])


# ---------------------------------------------------------------------------- intrinsics


@intrinsic
def call(typingctx, handle, arguments):  # pragma: no cover - compiled
    """Call the C function at ``handle`` with a tuple of scalars; it returns int64."""
    kinds = list(arguments.types)
    signature = types.int64(types.int64, arguments)

    def codegen(context, builder, _, args):
        pointer, packed = args
        values = [builder.extract_value(packed, k) for k in range(len(kinds))]
        shape = ir.FunctionType(
            context.get_value_type(types.int64), [context.get_value_type(t) for t in kinds]
        )
        return builder.call(builder.inttoptr(pointer, shape.as_pointer()), values)

    return signature, codegen


@intrinsic
def view(typingctx, address, n, like):  # pragma: no cover - compiled
    """The ``n`` numbers at ``address``, of the same type as the array ``like``."""
    kind = types.Array(like.dtype, 1, "C")

    def codegen(context, builder, signature, args):
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        item = context.get_constant(types.intp, size)
        made = context.make_array(kind)(context, builder)
        populate_array(
            made,
            data=builder.inttoptr(args[0], made.data.type),
            shape=[args[1]],
            strides=[item],
            itemsize=item,
            meminfo=None,
        )
        return made._getvalue()

    return kind(types.int64, types.int64, like), codegen


@intrinsic
def address_of(typingctx, array):  # pragma: no cover - compiled
    """Where the array lies in memory."""

    def codegen(context, builder, signature, args):
        made = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.ptrtoint(made.data, ir.IntType(64))

    return types.int64(array), codegen


@intrinsic
def add_lanes(typingctx, target, addend, factor, like, lanes):  # pragma: no cover - compiled
    """``target[k] += addend[k] * factor`` for neighbours, at once; both are addresses."""
    if not isinstance(lanes, types.IntegerLiteral):
        raise RequireLiteralValue("add_lanes: the number of lanes must be a constant")
    width, kind = lanes.literal_value, like.dtype

    def codegen(context, builder, signature, args):
        number = context.get_data_type(kind)
        together = ir.VectorType(number, width)
        real = isinstance(kind, types.Float)
        add, multiply = (builder.fadd, builder.fmul) if real else (builder.add, builder.mul)
        aligned = context.get_abi_sizeof(number)
        place, source = (builder.inttoptr(a, together.as_pointer()) for a in args[:2])
        factors = together(ir.Undefined)
        for lane in range(width):
            factors = builder.insert_element(factors, args[2], ir.IntType(32)(lane))
        added = multiply(builder.load(source, align=aligned), factors)
        builder.store(add(builder.load(place, align=aligned), added), place, align=aligned)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, kind, like, lanes), codegen


@intrinsic
def prefetch(typingctx, array, index):  # pragma: no cover - compiled
    """Ask for the line of the cache that holds ``array[index]``, and go on."""

    def codegen(context, builder, signature, args):
        made = context.make_array(signature.args[0])(context, builder, args[0])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], shape)
        place = builder.bitcast(builder.gep(made.data, [args[1]]), byte)
        builder.call(ask, [place, word(0), word(3), word(1)])  # to read; keep; data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def lowest_bit(typingctx, word):  # pragma: no cover - compiled
    """Number of the lowest bit that is set in a uint64 other than 0."""

    def codegen(context, builder, _, args):
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.uint64), codegen


@intrinsic
def take_flags(typingctx, address):  # pragma: no cover - compiled
    """Which of the 64 bytes there are set, as the bits of a uint64; they are cleared."""

    def codegen(context, builder, _, args):
        flags = ir.VectorType(ir.IntType(8), 64)
        place = builder.inttoptr(args[0], flags.as_pointer())
        found = builder.icmp_unsigned("!=", builder.load(place, align=1), flags(None))
        bits = builder.bitcast(found, ir.IntType(64))
        with builder.if_then(builder.icmp_unsigned("!=", bits, ir.IntType(64)(0)), likely=False):
            builder.store(flags(None), place, align=1)
        return bits

    return types.uint64(types.int64), codegen


# For each width of numbers: ln 2 in two parts (the first of few digits, so that a small whole
# number times it is exact), digits of the mantissa, bias of the exponent, terms of the series,
# and the exponent below which e^x is no normal number.
_EXPONENTIAL = {
    32: (0.693359375, -2.12194440e-4, 23, 127, 7, -87.3),
    64: (0.693145751953125, 1.42860682030941723212e-6, 52, 1023, 13, -708.3),
}


@intrinsic
def exponential(typingctx, x):  # pragma: no cover - compiled
    """e^x for x <= 0, of arithmetic only, so that loops with it are vectorised.

    e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln(2) / 2, and a power series; about one
    unit in the last place, and 0 where it would be no normal number. The constant that rounds
    leaves n in the last bits (Cody and Waite 1980, Software manual for the elementary functions).
    """

    def codegen(context, builder, signature, args):
        number, word = args[0].type, ir.IntType(signature.args[0].bitwidth)
        high, low, digits, bias, terms, least = _EXPONENTIAL[word.width]
        rounding = number(1.5 * 2.0**digits)
        shifted = builder.fadd(builder.fmul(args[0], number(1.0 / math.log(2.0))), rounding)
        n = builder.fsub(shifted, rounding)
        r = builder.fsub(args[0], builder.fmul(n, number(high)))
        r = builder.fsub(r, builder.fmul(n, number(low)))
        series = number(1.0 / math.factorial(terms))
        for k in range(terms - 1, -1, -1):
            series = builder.fadd(builder.fmul(series, r), number(1.0 / math.factorial(k)))
        exponent = builder.shl(builder.bitcast(shifted, word), word(digits))
        power = builder.bitcast(builder.add(exponent, word(bias << digits)), number)
        tiny = builder.fcmp_ordered("<", args[0], number(least))
        return builder.select(tiny, number(0.0), builder.fmul(series, power))

    return x(x), codegen


@intrinsic
def room(typingctx, n, like):  # pragma: no cover - compiled
    """Memory for ``n`` numbers, a constant, for as long as the function runs."""
    if not isinstance(n, types.IntegerLiteral):
        raise RequireLiteralValue("room: how many numbers must be a constant")
    kind, size = types.Array(like.dtype, 1, "C"), n.literal_value

    def codegen(context, builder, signature, args):
        made = context.make_array(kind)(context, builder)
        number = context.get_data_type(kind.dtype)
        item = context.get_constant(types.intp, context.get_abi_sizeof(number))
        populate_array(
            made,
            data=cgutils.alloca_once(builder, number, size=size),
            shape=[context.get_constant(types.intp, size)],
            strides=[item],
            itemsize=item,
            meminfo=None,
        )
        return made._getvalue()

    return kind(n, like), codegen


@intrinsic
def read_progress(typingctx, array, index):  # pragma: no cover - compiled
    """``array[index]``, int64, and with it all that its writer had written before."""

    def codegen(context, builder, signature, args):
        made = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.load_atomic(builder.gep(made.data, [args[1]]), "acquire", 8)

    return types.int64(array, types.int64), codegen


@intrinsic
def write_progress(typingctx, array, index, value):  # pragma: no cover - compiled
    """Set ``array[index]``, int64, after all that was written before."""

    def codegen(context, builder, signature, args):
        made = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(made.data, [args[1]])
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic
def flush_denormals(typingctx):  # pragma: no cover - compiled
    """Take denormal numbers for zero in this thread; return the mode before, to restore.

    Only arithmetic behind a call is sure to see the mode: the compiler may move an
    operation on registers, but no access to memory, past the switch.
    """

    def codegen(context, builder, _, args):
        kept = _read_mode(builder)
        _write_mode(builder, builder.or_(kept, kept.type(_FLUSH)))
        return builder.zext(kept, ir.IntType(64)) if kept.type.width < 64 else kept

    return types.int64(), codegen


@intrinsic
def restore_rounding_mode(typingctx, mode):  # pragma: no cover - compiled
    """Back to the mode that :func:`flush_denormals` returned."""

    def codegen(context, builder, _, args):
        _write_mode(builder, args[0])
        return context.get_dummy_value()

    return types.none(types.int64), codegen


@lru_cache
def type_of(name: str) -> Any:
    """Numba's type of an intrinsic."""
    cpu_target.typing_context.refresh()  # this module may be younger than the last look
    return cpu_target.typing_context.resolve_value_type(globals()[name])
