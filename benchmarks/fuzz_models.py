"""Do the readers of models survive damaged files? Mutants, in bounded time and memory.

python benchmarks/fuzz_models.py [--files 50000] [--seed 0] [--data FOLDER] [--only K]

Every mutant must give a layer graph whose plan says the same, or an error of neurosim; anything
else is printed with its number and ends the run with exit code 1. ``--only`` runs one mutant
again, and shows the error. Half of the mutants are changed byte by byte, half in their parts:
nodes, attributes, sizes and names of an ONNX graph, the list of arrays in a file of weights.

How the bounds are enforced: mutants run in a child process whose address space may grow by
``MEMORY`` (RLIMIT_AS, so that C++ code counts too), and which dies of a file that takes more than
``SECONDS`` of CPU time (ITIMER_PROF), or ten times as long on the clock. A child that dies, of
whatever it may be, is a failure.
"""

import argparse
import importlib.util
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

from neurosim.conversion.graph import LayerGraph
from neurosim.conversion.onnx_file import read_onnx
from neurosim.conversion.planning import make_plan
from neurosim.conversion.torch_file import read_state
from neurosim.errors import NeurosimError

MEMORY = 2 * 2**30  # bytes of address space above those of the child at its start
SECONDS = 10.0
SMALL = 200_000  # values of a graph that is also evaluated
ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ("read", "refused", "failed")


def seeds(data: Path | None = None) -> list[tuple[str, bytes]]:
    """Real files: of several writers, kept with the tests, and of a folder."""
    sys.path.insert(0, str(ROOT / "tests"))
    import onnx_models

    rng = np.random.default_rng(0)
    found = [
        (f"{name}.onnx", write(rng).SerializeToString())
        for name, write in onnx_models.WRITERS.items()
    ]
    kept = [
        p for end in ("onnx", "pt") for p in sorted((ROOT / "tests/model_files").glob(f"*.{end}"))
    ]
    files = kept + sorted(data.rglob("*.onnx") if data else [])
    found += [(p.name, p.read_bytes()) for p in files]
    weights = importlib.util.find_spec("torch") is not None
    return [(name, content) for name, content in found if weights or name.endswith(".onnx")]


def mutant(pool: list[tuple[str, bytes]], seed: int, k: int) -> tuple[str, bytes]:
    """The k-th mutant: the same for the same seed, whatever ran before."""
    rng = np.random.default_rng([seed, k])
    name, content = pool[k % len(pool)]
    if rng.random() < 0.5:
        return name, shuffled(content, rng)
    return name, changed_graph(content, rng) if name.endswith(".onnx") else changed_list(
        content, rng
    )


def shuffled(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, insert, delete, overwrite or repeat bytes."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        a = int(rng.integers(len(data) + 1))
        b = min(a + int(rng.integers(1, 30)), len(data))
        match int(rng.integers(12)):
            case 0:
                del data[a:]
            case 1:
                del data[a:b]
            case 2:
                data[a:a] = rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8).tobytes()
            case 3:
                data[a:a] = data[a:b] * int(rng.integers(1, 200))
            case 4:
                data[a:b] = bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * (b - a)
            case 5:
                data[a : a + 1] = b"\xff" * 9 + b"\x01"  # the largest number of variable length
            case 6:
                data[a:b] = data[a:b][::-1]
            case _ if data:
                data[a % len(data)] ^= 1 << int(rng.integers(8))
    return bytes(data)


_ODD = (-1, 0, 1, 2, 3, 7, 64, 2**16, 2**31, 2**40, 2**62, -(2**63))


def changed_graph(content: bytes, rng: np.random.Generator) -> bytes:
    """Change parts of an ONNX graph that stays well formed as a message."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(int(rng.integers(1, 4))):
        if not graph.node or not graph.initializer:
            break
        node = graph.node[int(rng.integers(len(graph.node)))]
        tensor = graph.initializer[int(rng.integers(len(graph.initializer)))]
        odd = int(rng.choice(np.array(_ODD, object)))
        match int(rng.integers(16)):
            case 0 if tensor.dims:
                tensor.dims[int(rng.integers(len(tensor.dims)))] = odd
            case 1:
                tensor.dims[:] = [*tensor.dims, 1] if rng.random() < 0.5 else tensor.dims[::-1]
            case 2 | 11 if node.input:
                node.input[int(rng.integers(len(node.input)))] = str(rng.choice(names))
            case 3 | 12 | 13 | 14 if node.attribute:
                _attribute(node.attribute[int(rng.integers(len(node.attribute)))], odd, rng)
            case 4 | 15:
                other = graph.node[int(rng.integers(len(graph.node)))]
                node.op_type = other.op_type
            case 5:
                graph.node.remove(node)
            case 6:
                graph.node.add().CopyFrom(node)
            case 7 if rng.random() < 0.3:
                tensor.data_type = int(rng.integers(0, 20))
            case 8:
                dims = graph.input[0].type.tensor_type.shape.dim
                if dims:
                    dims[int(rng.integers(len(dims)))].dim_value = odd
            case 9:
                numbers = np.frombuffer(tensor.raw_data, np.uint8).copy()
                if numbers.size:
                    at = int(rng.integers(numbers.size))
                    numbers[at : at + 8] = int(rng.choice([0, 0x7F, 0xFF]))
                    tensor.raw_data = numbers.tobytes()
            case _:
                model.opset_import[0].version = int(rng.integers(0, 25))
    return model.SerializeToString()


def _attribute(entry, odd: int, rng: np.random.Generator) -> None:
    match entry.type:
        case 2:
            entry.i = odd
        case 7 if entry.ints:
            entry.ints[int(rng.integers(len(entry.ints)))] = odd
        case 7:
            entry.ints.append(odd)
        case 1:
            entry.f = float(rng.choice([0.0, -1.0, np.inf, np.nan, 1e38]))
        case _:
            entry.type = int(rng.integers(0, 12))


def changed_list(content: bytes, rng: np.random.Generator) -> bytes:
    """Change the list of arrays in a file of weights, in an archive that stays whole."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename.endswith(".pkl") or rng.random() < 0.2:
                data = shuffled(data, rng)
            if rng.random() < 0.95:
                new.writestr(part.filename, data)
    return made.getvalue()


def attempt(name: str, content: bytes, folder: Path) -> str:
    """Read a mutant and plan it; return what came of it."""
    try:
        if name.endswith(".pt"):
            path = folder / "mutant.pt"
            path.write_bytes(content)
            read_state(path)
        else:
            graph = read_onnx(content)
            with np.errstate(all="ignore"):
                _agree(graph, make_plan(graph))
    except NeurosimError:
        return "refused"
    except Exception as error:  # what this script is looking for
        return f"{type(error).__name__}: {error}"
    return "read"


def _agree(graph: LayerGraph, plan) -> None:
    """A graph that was read must be the same network as its plan."""
    if sum(np.prod(shape) for shape in graph.shapes.values()) > SMALL:
        return
    x = np.random.default_rng(0).normal(size=(1, *graph.input.shape))
    values = graph.values(x)
    largest = max(float(np.abs(value).max()) for value in values.values())
    if not largest < 1e6:  # too large for sums in another order
        return
    found = plan.activations(x)["output"]
    if not np.allclose(found, graph.outputs(x), atol=1e-6 * max(largest, 1.0)):
        raise AssertionError("the plan is another network than the graph")


# ------------------------------------------------------------------ children under limits


def in_child(pool, seed: int, first: int, last: int, board: mmap.mmap) -> None:
    """Run mutants in this process, which is a child; the board says how far it is."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    counts = dict.fromkeys(OUTCOMES, 0)
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for k in range(first, last):
            started = time.process_time()
            board[:16] = struct.pack("qd", k, time.monotonic())
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            outcome = attempt(*mutant(pool, seed, k), Path(folder))
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            slowest = max(slowest, time.process_time() - started)
            if outcome not in counts:
                print(f"mutant {k} of {pool[k % len(pool)][0]}: {outcome}", flush=True)
                outcome = "failed"
            counts[outcome] += 1
            board[16:48] = struct.pack("qqqd", *counts.values(), slowest)


def run(pool, seed: int, files: int) -> tuple[dict[str, int], float]:
    """Run all mutants in children; return counts and the longest time of one."""
    counts, slowest, first = dict.fromkeys(OUTCOMES, 0), 0.0, 0
    while first < files:
        last = min(first + 2000, files)
        board = mmap.mmap(-1, 48)
        board[:16] = struct.pack("qd", first, time.monotonic())
        child = os.fork()
        if child == 0:
            in_child(pool, seed, first, last, board)
            sys.stdout.flush()
            os._exit(0)
        reason = _watch(child, board)
        at = struct.unpack("qd", board[:16])[0]
        found = struct.unpack("qqqd", board[16:48])
        for outcome, count in zip(OUTCOMES, found, strict=False):
            counts[outcome] += count
        slowest = max(slowest, found[3])
        first = last
        if reason:
            print(f"mutant {at} of {pool[at % len(pool)][0]}: {reason}", flush=True)
            counts["failed"] += 1
            first = at + 1
    return counts, slowest


def _watch(child: int, board: mmap.mmap) -> str:
    """Wait for a child; say why it did not come to its end."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return f"the reader died of signal {os.WTERMSIG(status)}" if status else ""
        if time.monotonic() - struct.unpack("qd", board[:16])[1] > 10 * SECONDS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"took more than {10 * SECONDS:g} s"
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder with real models")
    parser.add_argument("--only", type=int, help="run this mutant alone, and show what it raises")
    options = parser.parse_args()
    pool = seeds(options.data)
    if options.only is not None:
        name, content = mutant(pool, options.seed, options.only)
        Path(tempfile.gettempdir(), f"mutant-{options.only}-{name}").write_bytes(content)
        graph = read_onnx(content) if name.endswith(".onnx") else None
        print(make_plan(graph) if graph is not None else "a file of weights")
        return 0
    with tempfile.TemporaryDirectory() as folder:  # load what is loaded lazily, before the limits
        for name, content in pool:
            if (outcome := attempt(name, content, Path(folder))) != "read":
                raise SystemExit(f"{name} itself is not read: {outcome}")
    counts, slowest = run(pool, options.seed, options.files)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{options.files:,} mutants of {len(pool)} files, seed {options.seed}: {counts}")
    seconds = used.ru_utime + used.ru_stime
    print(
        f"slowest {slowest:.2f} s of CPU time; {seconds:.0f} s in all; most memory of a child "
        f"{used.ru_maxrss / 1024:.0f} MiB, bound {MEMORY / 2**20:.0f} MiB above its start"
    )
    return int(counts["failed"] > 0 or sum(counts.values()) != options.files)


if __name__ == "__main__":
    sys.exit(main())
