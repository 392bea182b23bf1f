"""Do the readers survive damaged files? Mutants of every format, in bounded memory.

python benchmarks/fuzz_readers.py [--files 200000] [--seed 0] [--data FOLDER]

Every mutant must give a recording, a cloud or a FormatError; anything else is printed
with its seed and ends the run with exit code 1. ``--data`` adds real files as seeds.
"""

import argparse
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from neurosim import clouds, events
from neurosim.errors import FormatError

BYTES_PER_BYTE = 150  # most memory per byte of a file: text is split into Python objects
LARGEST_SEED = 20_000  # bytes; longer real files are cut, so that runs stay short


def seeds(folder: Path, data: Path | None) -> list[tuple[str, bytes]]:
    """Small valid files of every format, and real ones where there are some."""
    rng = np.random.default_rng(0)
    n = 200
    recording = events.Events(
        x=rng.integers(0, 34, n),
        y=rng.integers(0, 34, n),
        t=np.cumsum(rng.integers(0, 400, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(34, 34),
    )
    points = rng.uniform([-80, -80, -3, 0], [80, 80, 3, 1], (60, 4)).astype("<f4")
    cloud = clouds.PointCloud(xyz=points[:, :3], intensity=points[:, 3])
    dvs = events.write_es(recording, folder / "dvs").read_bytes()
    generic = dvs[:15] + b"\0" + b"".join(bytes([k, 6]) + b"abc" for k in range(200))
    found = [
        ("es dvs", dvs),
        ("es generic", generic),
        ("es atis", dvs[:15] + b"\2" + dvs[16:]),
        ("n-mnist", events.write_nmnist(recording, folder / "bin").read_bytes()),
        ("kitti", points.tobytes()),
    ]
    found += [
        (f"ply {form}", clouds.write_ply(cloud, folder / "ply", form).read_bytes())
        for form in ("ascii", "binary_little_endian", "binary_big_endian")
    ]
    if data is not None:
        files = [p for end in ("es", "bin", "ply") for p in sorted(data.rglob(f"*.{end}"))]
        found += [(p.name, p.read_bytes()[:LARGEST_SEED]) for p in files]
    return found


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, insert, delete, overwrite or repeat; half of the places are in the header."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 8))):
        reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
        a = int(rng.integers(reach + 1))
        b = min(a + int(rng.integers(1, 30)), len(data))
        match int(rng.integers(6)):
            case 0:
                del data[a:]
            case 1:
                del data[a:b]
            case 2:
                data[a:a] = rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8).tobytes()
            case 3:
                data[a:a] = data[a:b] * int(rng.integers(1, 20))
            case 4:
                data[a:b] = [b"9" * 12, b"-1", b"nan", b"\xff" * 8][int(rng.integers(4))]
            case _:
                data[a:b] = bytes([int(rng.choice([0, 0x7F, 0xFE, 0xFF]))]) * (b - a)
    return bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder with real recordings and clouds")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    outcomes = {"opened": 0, "refused": 0, "failed": 0}
    slowest, largest = 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        pool = seeds(Path(folder), options.data)
    for _, content in pool:  # compile before time and memory are watched
        for decode in (events.decode, clouds.decode):
            attempt(decode, content, strict=False)
    started = time.perf_counter()
    tracemalloc.start()
    for k in range(options.files):
        name, content = pool[k % len(pool)]
        mutant = mutate(content, rng)
        for decode in (events.decode, clouds.decode):
            tracemalloc.reset_peak()
            before, clock = tracemalloc.get_traced_memory()[0], time.perf_counter()
            outcome = attempt(decode, mutant, strict=rng.random() < 0.5)
            slowest = max(slowest, time.perf_counter() - clock)
            used = tracemalloc.get_traced_memory()[1] - before
            largest = max(largest, (used - 50_000) / max(len(mutant), 1))
            if outcome not in outcomes:
                print(f"{name}, mutant {k}: {outcome}")
                outcome = "failed"
            outcomes[outcome] += 1
    print(f"{options.files:,} mutants of {len(pool)} seeds, seed {options.seed}: {outcomes}")
    print(f"slowest {slowest * 1e3:.1f} ms; most memory {largest:.1f} bytes per byte of file")
    print(f"{time.perf_counter() - started:.1f} s")
    return int(outcomes["failed"] > 0 or largest > BYTES_PER_BYTE)


def attempt(decode, content: bytes, *, strict: bool) -> str:
    try:
        decode(content, strict=strict)
    except FormatError:
        return "refused"
    except Exception as error:  # what this script is looking for
        return f"{type(error).__name__}: {error}"
    return "opened"


if __name__ == "__main__":
    sys.exit(main())
