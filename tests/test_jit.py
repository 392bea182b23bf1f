"""Compiled code: kernels, handles, the files of machine code, denormal numbers."""

import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from neurosim import _jit
from neurosim._jit import (
    address,
    call,
    callback,
    flush_denormals,
    inlined,
    kernel,
    objectfiles,
    restore_rounding_mode,
    view,
)

compiled_only = pytest.mark.skipif(not _jit.JIT, reason="needs the compiler")
TINY = np.finfo(np.float32).tiny  # the smallest normal number
FLOAT32 = np.empty(0, np.float32)


# ------------------------------------------------------------------ arguments and results


class Pair(NamedTuple):
    """Two arrays."""

    left: np.ndarray
    right: np.ndarray


@kernel
def inner(x):
    """A function that `outer` calls."""
    return x * x + 1


@kernel
def outer(x):
    """Calls `inner`."""
    return inner(x) + 1


@kernel
def several(a, b):
    """Results of several kinds."""
    return a + b, a < b, np.uint64(a), (np.float32(a), b)


@kernel
def nothing(out):
    """No result."""
    out[0] = 1


@kernel
def weighted(pair, scale, flags):
    """Sum of products, over named arrays."""
    total = 0.0
    for k in range(pair.left.size):
        if flags[k]:
            total += pair.left[k] * pair.right[k] * scale
    return total


@kernel
def corner(matrix):
    """Two sizes and an element, for the layout of a matrix."""
    return matrix.shape[0], matrix.shape[1], matrix[1, 2], matrix[-1, 0]


@kernel
def set_corner(matrix, value):
    """Write one element."""
    matrix[1, 2] = value


@kernel
def allocates(n):
    """Returns an array, so that Numba's own dispatcher has to call it."""
    return np.arange(n) * 2


@kernel
def uses_allocating(n):
    """Calls it."""
    return allocates(n).sum()


def test_a_function_called_by_kernels_can_be_called_from_python_too():
    assert outer(2) == 6
    assert outer(3.0) == 11.0
    assert inner(2) == 5
    assert inner(2.5) == 7.25


def test_results_are_numbers_truths_tuples_or_none():
    total, less, unsigned, (single, b) = several(3, 4.5)
    assert (total, less, unsigned, single, b) == (7.5, True, 3, 3.0, 4.5)
    assert isinstance(less, (bool, np.bool_))
    out = np.zeros(1)
    assert nothing(out) is None
    assert out[0] == 1


def test_arguments_keep_their_values_at_the_ends_of_their_ranges():
    identity = kernel(lambda x: x)
    for value in (0, -1, 2**63 - 1, -(2**63), 1e300, -0.0, True, False):
        assert identity(value) == value
    for value in (np.uint64(2**64 - 1), np.int32(-5), np.uint8(255), np.float32(0.1)):
        assert identity(value) == value
    assert np.isnan(identity(np.nan))


def test_named_tuples_of_arrays_arrive():
    pair = Pair(np.array([1.0, 2.0, 3.0]), np.array([4, 5, 6], np.int32))
    assert weighted(pair, 0.5, np.array([True, False, True])) == 0.5 * (4 + 18)


@pytest.mark.parametrize("layout", ["C", "F", "strided", "transposed", "read-only", "reversed"])
def test_matrices_of_any_layout_arrive(layout):
    plain = np.arange(12.0).reshape(3, 4)
    matrix = {
        "C": plain,
        "F": np.asfortranarray(plain),
        "strided": np.repeat(np.repeat(plain, 2, 0), 3, 1)[::2, ::3],
        "transposed": np.ascontiguousarray(plain.T).T,
        "read-only": plain.copy(),
        "reversed": np.ascontiguousarray(plain[::-1, ::-1])[::-1, ::-1],
    }[layout]
    matrix.flags.writeable = layout != "read-only"
    assert corner(matrix) == (3, 4, 6.0, 8.0)
    if layout != "read-only":
        set_corner(matrix, -1.0)
        assert matrix[1, 2] == -1.0


def test_one_function_serves_changing_kinds_of_arguments():
    @kernel
    def summed(x):
        total = 0.0
        for value in x:
            total += value
        return total

    arrays = [np.arange(4.0), np.arange(4, dtype=np.int32), np.arange(8.0)[::2]]
    for _ in range(2):
        assert [summed(x) for x in arrays] == [6.0, 6.0, 12.0]


def test_memory_maps_and_other_subclasses_arrive_as_arrays(tmp_path):
    file = tmp_path / "matrix"
    np.arange(12.0).tofile(file)
    matrix = np.memmap(file, np.float64, "r+", shape=(3, 4))
    set_corner(matrix, -1.0)
    assert corner(matrix) == (3, 4, -1.0, 8.0)
    assert matrix[1, 2] == -1.0


def test_kernels_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(outer)) is outer


def test_many_threads_may_call_a_kernel_first():
    @kernel
    def added(x, n):
        for _ in range(n):
            x += 1
        return x

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(added, range(50), [100] * 50)) == [k + 100 for k in range(50)]


def test_keywords_and_defaults_are_bound():
    @kernel
    def scaled(x, factor=3):
        return x * factor

    assert (scaled(2), scaled(2, 4), scaled(x=2, factor=5)) == (6, 8, 10)


def test_functions_that_allocate_work_and_may_be_called_by_others():
    assert allocates(4).tolist() == [0, 2, 4, 6]
    assert uses_allocating(4) == 12


def test_closures_of_one_function_are_told_apart():
    def times(factor):
        @kernel
        def multiply(x):
            return x * factor

        return multiply

    assert [times(k)(10) for k in (2, 3, 2)] == [20, 30, 20]


def test_division_by_zero_is_that_of_ieee():
    @kernel
    def divide(a, b):
        return a / b

    with np.errstate(divide="ignore"):
        assert divide(np.float64(1.0), np.float64(0.0)) == np.inf


@compiled_only
def test_an_error_in_the_source_is_told_by_the_compiler():
    from numba.core.errors import TypingError

    @kernel
    def wrong(x):
        return x.nothing_like_that

    with pytest.raises(TypingError, match="nothing_like_that"):
        wrong(1.0)


@compiled_only
def test_python_numbers_and_those_of_numpy_share_machine_code():
    @kernel
    def same(x, y, z):
        return x, y, z

    assert same(1, 2.0, True) == same(np.int64(1), np.float64(2.0), np.True_)
    assert len(same._variants) == 1


@compiled_only
def test_rows_and_matrices_share_machine_code():
    @kernel
    def first(matrix):
        return matrix.shape[0]

    assert [first(np.zeros(shape)) for shape in ((1, 4), (3, 4), (0, 4), (4, 1))] == [1, 3, 0, 4]
    assert len(first._variants) == 1


@compiled_only
def test_numbas_own_functions_can_call_kernels():
    import numba

    @numba.njit
    def user(x):
        return outer(x) + 1

    assert user(2) == 7


@compiled_only
def test_options_are_equal_when_their_values_are():
    from neurosim._jit.compiler import _HashedFlags

    one, other = _HashedFlags(), _HashedFlags()
    assert one == other
    assert hash(one) == hash(other)
    other.nrt = True
    assert one != other


# --------------------------------------------------------------------------------- handles


@callback("int64(int64, float64)")
def above(n, x):
    """A C function."""
    return np.int64(x > n)


@kernel
def call_it(handle, n, x):
    """Call a C function by its handle."""
    return call(handle, (n, x))


def test_a_kernel_calls_what_a_handle_says():
    assert call_it(above[0], 3, 3.5) == 1
    assert call_it(above[0], 3, 2.5) == 0


@compiled_only
def test_a_function_that_does_not_compile_has_no_handle():
    with pytest.raises(_jit.CompileError, match="nothing_like_that"):
        callback("int64(int64)")(lambda x: x.nothing_like_that)


@kernel
def doubled(at, n, like):
    """Double numbers in place, by address."""
    numbers = view(at, n, like)
    for k in range(n):
        numbers[k] *= 2


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "uint64"])
def test_a_view_reads_and_writes_the_memory_of_an_array(dtype):
    numbers = np.arange(5, dtype=dtype)
    doubled(address(numbers), 4, np.empty(0, dtype))
    assert numbers.tolist() == [0, 2, 4, 6, 4]


# ------------------------------------------------------------------- files of machine code

PROGRAM = """
import sys
from neurosim._jit import inlined, kernel
@inlined
def step(x):
    return x + {step}
@kernel
def run(x):
    return step(step(x))
print(run(1), "numba" in sys.modules)
"""


def run_program(tmp_path, text, **environment):
    """Run a program in a process with a cache of its own."""
    script = tmp_path / "program.py"
    text = textwrap.dedent(text)
    if not script.exists() or script.read_text() != text:  # its time counts, too
        script.write_text(text)
    caches = {"NEUROSIM_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": str(tmp_path)}
    caches["NUMBA_BOUNDSCHECK"] = "0"
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True,
        env={**os.environ, **caches, **environment},
    )  # fmt: skip
    return run.stdout.strip()


@pytest.mark.slow
@compiled_only
def test_the_second_process_does_without_the_compiler_and_an_edit_brings_it_back(tmp_path):
    one, two = PROGRAM.format(step=1), PROGRAM.format(step=20)
    assert run_program(tmp_path, one) == "3 True"
    assert run_program(tmp_path, one) == "3 False"
    assert run_program(tmp_path, one, NEUROSIM_CACHE="0") == "3 True"
    assert run_program(tmp_path, two) == "41 True"


@pytest.mark.slow
@compiled_only
def test_a_damaged_file_of_machine_code_is_not_loaded(tmp_path):
    program = PROGRAM.format(step=1)
    assert run_program(tmp_path, program) == "3 True"
    for file in (tmp_path / "cache").glob("*.o"):
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)
    assert run_program(tmp_path, program) == "3 True"
    assert run_program(tmp_path, program) == "3 False"


@pytest.mark.slow
@compiled_only
def test_a_first_run_in_a_second_process_does_without_the_compiler(tmp_path):
    program = """
        import sys
        import neurosim as ns
        net = ns.Network()
        noise = net.add(ns.PoissonSource(10, rate=100.0), "noise")
        cells = net.add(ns.LIF(10, tau_m=10.0, tau_syn=5.0), "cells")
        net.connect(noise, cells, weight=0.2, delay=1.0)
        result = ns.simulate(net, 100.0)
        print(result.counts["cells"].sum(), "numba" in sys.modules)
        """
    first, second = run_program(tmp_path, program), run_program(tmp_path, program)
    assert first.split()[0] == second.split()[0]
    assert second.split()[1] == "False"


@compiled_only
def test_files_are_read_only_with_the_right_stamp(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path))
    file = objectfiles.ObjectFile(inner.py_func, "(int)")
    assert file.read() is None
    file.write(b"code", ["q", "d"])
    assert file.read() == (b"code", ["q", "d"])
    assert objectfiles.ObjectFile(inner.py_func, "(float)").read() is None
    monkeypatch.setattr(objectfiles, "setting", lambda: "another processor")
    assert objectfiles.ObjectFile(inner.py_func, "(int)").read() is None


def test_functions_whose_surroundings_cannot_be_told_are_not_kept():
    hidden = object()
    assert objectfiles._cells(lambda: hidden) is None
    factor = 3
    assert objectfiles._cells(lambda x: x * factor) == ["3"]


@compiled_only
def test_inlined_functions_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path))
    assert inlined(lambda x: x + 1)(1) == 2
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------ denormal numbers


@callback("int64(int64, int64)")
def scale(at, n):
    """x[0] *= x[1], over pairs."""
    x = view(at, 2 * n, FLOAT32)
    for i in range(n):
        x[2 * i] *= x[2 * i + 1]
    return 0


@kernel
def scaled(handle, at, n, flush):
    """Call `scale`, with denormals flushed or not."""
    if flush:
        mode = flush_denormals()
        call(handle, (at, n))
        restore_rounding_mode(mode)
    else:
        call(handle, (at, n))


def product(a: float, b: float, *, flush: bool) -> float:
    """a * b of float32, computed in a kernel."""
    x = np.array([a, b], np.float32)
    scaled(scale[0], address(x), 1, flush)
    return float(x[0])


@kernel
def mode_before_and_after():
    """The mode outside and inside a bracket."""
    outside = flush_denormals()
    inside = flush_denormals()
    restore_rounding_mode(outside)
    after = flush_denormals()
    restore_rounding_mode(after)
    return outside, inside, after


def bits_of_the_mode() -> int:
    """The bits that are switched; none on unknown processors."""
    from neurosim._jit import intrinsics

    return intrinsics._FLUSH


@compiled_only
def test_denormal_results_and_operands_are_zero_where_the_processor_can():
    flushed = bits_of_the_mode() != 0
    assert product(TINY, 0.5, flush=True) == (0.0 if flushed else TINY / 2)
    assert product(TINY / 2, 1024.0, flush=True) == (0.0 if flushed else TINY * 512)


def test_normal_numbers_are_not_touched_by_the_mode():
    for a, b in ((1.0, 3.0), (TINY, 1.5), (-TINY, 1.0)):
        assert product(a, b, flush=True) == product(a, b, flush=False)


def test_the_mode_is_restored_afterwards():
    product(TINY, 0.5, flush=True)
    assert product(TINY, 0.5, flush=False) == TINY / 2
    assert TINY / np.float32(2) > 0


@compiled_only
def test_the_mode_before_is_what_is_returned():
    outside, inside, after = mode_before_and_after()
    assert inside == outside | bits_of_the_mode()
    assert after == outside
    assert outside & bits_of_the_mode() == 0


@pytest.mark.slow
@compiled_only
def test_the_benchmark_lists_each_kernel_with_its_time(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM.format(step=1)))
    script = Path(__file__).parent.parent / "benchmarks" / "compile_time.py"
    run = subprocess.run(
        [sys.executable, str(script), "--repeat", "1", "--program", str(program)],
        capture_output=True, text=True, check=True, env={**os.environ, "NUMBA_BOUNDSCHECK": "0"},
    )  # fmt: skip
    rows = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()}
    compiled, loaded = (float(x) for x in rows["__main__.run"])
    assert compiled > loaded > 0
    assert "without Numba" in run.stdout
