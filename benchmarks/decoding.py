"""How fast are recordings decoded, beside the libraries that are installed?

python benchmarks/decoding.py [--megabytes 60] [--data FOLDER] [--repeat 5] [--json FILE]

Each recording is decoded into arrays in memory, files warm. A short real recording of each
word format (``--data``) and a long synthetic one, written by the package and in order of
time: a moving edge and noise, so that words come as they do from a camera. Reported is the
shortest of the repeats, in CPU time of the process and in wall time; libraries that take
no part of a format are left out. Counts of events must agree, or the script says so.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from neurosim import events

FORMS = ("evt2", "evt3", "dat", "es", "aedat2")
REAL = {
    "evt2": "evt2_sample.raw",
    "evt3": "evt3_sample.raw",
    "dat": "sample_ncars.dat",
    "es": "dvs.es",
    "aedat4": "sample.aedat4",
}
ENDINGS = {"evt2": ".raw", "evt3": ".raw", "dat": ".dat", "es": ".es", "aedat2": ".aedat"}


def scene(n: int, seed: int = 0) -> events.Events:
    """An edge that sweeps over a 640 x 480 sensor, 1 in 8 events noise; 20 Mev/s."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) // 20
    y = rng.integers(0, 480, n)
    x = (t // 50 + rng.integers(0, 4, n)) % 640
    noise = rng.random(n) < 0.125
    x[noise] = rng.integers(0, 640, int(noise.sum()))
    p = rng.integers(0, 2, n)
    return events.Events(x=x, y=y, t=t, p=p, sensor_size=(640, 480))


def readers(form: str) -> dict:
    """Functions of a path that give the number of events, of what is installed."""
    found = {"neurosim": lambda path: len(events.open(path).events)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form in ("evt2", "evt3", "dat"):
            try:
                from expelliarmus import Wizard

                found["expelliarmus"] = lambda path: len(Wizard(encoding=form).read(path))
            except ImportError:
                pass
        if form in ("evt2", "evt3"):
            try:
                import evlib

                found["evlib"] = lambda path: len(evlib.load_events(str(path)).collect())
            except ImportError:
                pass
        if form == "es":
            try:
                import event_stream

                found["event_stream"] = lambda path: sum(map(len, event_stream.Decoder(str(path))))
            except ImportError:
                pass
        if form == "aedat4":
            try:
                import aedat

                found["aedat"] = lambda path: sum(
                    len(p["events"]) for p in aedat.Decoder(str(path)) if "events" in p
                )
            except ImportError:
                pass
    return found


def measure(read: dict, path: Path, repeat: int) -> dict[str, tuple[int, float, float]]:
    """Events of each reader, and its shortest CPU and wall time [s].

    The readers take turns, so that a busy machine is as busy for all; short files are read
    more often.
    """
    found = {name: (one(path), [], []) for name, one in read.items()}
    for _ in range(max(repeat, min(40 * repeat, 10_000_000 // path.stat().st_size))):
        for name, one in read.items():
            started = time.process_time(), time.perf_counter()
            one(path)
            found[name][1].append(time.process_time() - started[0])
            found[name][2].append(time.perf_counter() - started[1])
    return {name: (n, min(cpu), min(wall)) for name, (n, cpu, wall) in found.items()}


def files(folder: Path, data: Path | None, megabytes: int):
    """Form, name and path of each recording."""
    for form, name in REAL.items():
        if data is not None and (data / name).is_file():
            yield form, name, data / name
    for form in FORMS:
        size = {"evt2": 4, "evt3": 4.2, "dat": 8, "es": 5, "aedat2": 8}[form]
        path = folder / f"synthetic{ENDINGS[form]}"
        yield (
            form,
            f"synthetic {form}",
            events.write(scene(int(megabytes * 1e6 / size)), path, form),
        )
        path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--data", type=Path, help="folder with real recordings")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, differ = [], False
    with tempfile.TemporaryDirectory() as folder:
        for form, name, path in files(Path(folder), options.data, options.megabytes):
            counts = set()
            measured = measure(readers(form), path, options.repeat)
            for reader, (n, cpu, wall) in measured.items():
                counts.add(n)
                rows.append(
                    {"file": name, "reader": reader, "events": n, "cpu_s": cpu, "wall_s": wall}
                )
                speed = f"{n / cpu / 1e6:9.1f} Mev/CPU-s {n / wall / 1e6:9.1f} Mev/s"
                print(f"{name:24s} {reader:14s} {n:>12,} events {speed}", flush=True)
            if len(counts) > 1:
                print(f"{name}: the readers differ in their number of events")
                differ = True
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
