"""Where does machine code wait for the next process? In object files, loaded without Numba.

Numba's own cache needs Numba, its type system and its tables of overloads, which take longer
to import than a small run takes. An object file needs LLVM's linker only.

The files lie in the cache folder (``NEUROSIM_CACHE_DIR``, default the user's cache), one for
each function and kind of arguments. Each carries a stamp of everything that its code depends
on, and is replaced when that has changed.
"""

import atexit
import ctypes
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

CACHE: bool = os.environ.get("NEUROSIM_CACHE", "1") != "0"
_ROOT = Path(__file__).resolve().parent.parent


def _sources() -> list[tuple[str, int, int]]:
    """Name, time and size of all sources of the package."""
    folders = [str(_ROOT)]
    if (_ROOT.parent / "pyproject.toml").is_file():
        folders += [str(_ROOT.parent / name) for name in ("encoders", "hardware", "datasets")]
    found = []
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.name.endswith(".py"):
                found.append((entry.path, entry.stat().st_mtime_ns, entry.stat().st_size))
    return sorted(found)


def _package_stamp() -> str:
    """Fingerprint of all sources, and of the compiler.

    Numba stamps the file of one function only, and an edit of an inlined function in another
    file would leave the old machine code in use.
    """
    tools = [sys.version]
    for name in ("numba", "llvmlite", "numpy"):
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec and spec.origin else ""
        tools.append((origin, os.stat(origin).st_mtime_ns if origin else 0))
    return hashlib.sha256(repr((_sources(), tools)).encode()).hexdigest()


STAMP = _package_stamp()


@lru_cache(maxsize=1)
def setting() -> str:
    """What machine code depends on beside the sources: the processor, and Numba's options."""
    import llvmlite.binding as llvm

    options = sorted(
        (k, v)
        for k, v in os.environ.items()
        if k.startswith("NUMBA_") and k not in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")
    )
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM does not know them on every platform
        features = ""
    return repr((STAMP, llvm.get_host_cpu_name(), features, options))


def cache_folder() -> Path:
    """Folder of machine code; the temporary one where the user's is not writable."""
    chosen, shared = os.environ.get("NEUROSIM_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(chosen) if chosen else Path(shared or Path.home() / ".cache") / "neurosim"
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except (OSError, RuntimeError):  # not writable, or a user without a home
        pass
    return _own_folder()


@lru_cache(maxsize=1)
def _own_folder() -> Path:
    """A folder that only this process knows: a shared one could hold someone else's code."""
    folder = tempfile.mkdtemp(prefix="neurosim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


# ---------------------------------------------------------------------------- object files


@lru_cache(maxsize=1)
def _engine() -> Any:
    """LLVM's linker for object files, one for the process."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def place(code: bytes, symbol: str) -> int:
    """Load an object file into this process; return the address of one of its functions."""
    if symbol not in _placed:
        import llvmlite.binding as llvm

        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        _placed[symbol] = engine.get_function_address(symbol)
    return _placed[symbol]


_placed: dict[str, int] = {}


def can_resolve(symbol: str) -> bool:
    """Does every process have this function (of the C library, or of Python)?"""
    try:
        return hasattr(_process(), symbol)
    except (OSError, TypeError):  # Windows has no table of the whole process
        return False


@lru_cache(maxsize=1)
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


class ObjectFile:
    """The machine code of one function for one kind of arguments, on disk.

    Parameters
    ----------
    function : function
    kind : str        the kinds of its arguments; anything that tells two compilations apart
    cache : bool      False: nothing is read or written

    Attributes
    ----------
    symbol : str      name of the entry; another one when the code would be another
    """

    def __init__(self, function: Any, kind: str, *, cache: bool = True) -> None:
        name = f"{function.__module__}.{function.__qualname__}"
        short = "".join(c if c.isalnum() or c in "._" else "_" for c in name)[-60:]
        code, cells = function.__code__, _cells(function)
        self.name = f"{short}-{_digest(str(_ROOT), name, kind, cells)[:16]}.o"
        self._stamp = _digest(setting(), name, kind, _file_stamp(code), _content(code), cells)
        self._cache = CACHE and cache and cells is not None
        self.symbol = f"neurosim_{self._stamp if self._cache else os.urandom(16).hex()}"

    def read(self) -> tuple[bytes, Any] | None:
        """Machine code and the note beside it, or None where there is none that is right."""
        if not self._cache:
            return None
        try:
            head, _, code = (cache_folder() / self.name).read_bytes().partition(b"\n")
            found = json.loads(head)
            right = found["stamp"] == self._stamp and found["sha256"] == _sum(code)
            return (code, found["note"]) if right else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, code: bytes, note: Any) -> None:
        """Keep machine code: beside, then renamed, as other processes may write too."""
        if not self._cache:
            return
        head = {"stamp": self._stamp, "sha256": _sum(code), "note": note}
        try:
            handle, temporary = tempfile.mkstemp(dir=cache_folder(), suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + code)
            os.replace(temporary, cache_folder() / self.name)
        except OSError:  # a full disk: compile in each process
            return


def _sum(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _file_stamp(code: Any) -> tuple[int, int] | None:
    """Time and size of the function's file: it may lie outside the package."""
    try:
        stat = os.stat(code.co_filename)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _content(code: Any) -> tuple:
    """Instructions and constants, those of nested functions too."""
    constants = [_content(c) if hasattr(c, "co_code") else repr(c) for c in code.co_consts]
    return code.co_code, code.co_names, constants


def _cells(function: Any) -> list | None:
    """What a closure captured, and the defaults; None where it cannot be told."""
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    told = [_told(v) for v in (*values, *(function.__defaults__ or ()))]
    return None if None in told else told


def _told(value: Any) -> str | None:
    if isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    if hasattr(value, "dtype"):
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "py_func") else None
