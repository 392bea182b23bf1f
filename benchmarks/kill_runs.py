"""Does a killed run lose anything? SIGKILL at random moments, resume, compare every spike.

python benchmarks/kill_runs.py [--kills 50] [--seed 0] [--t 3000] [--threads 1] [--engine event]

Starts ``neurosim run --checkpoint-every`` as a real process, kills it, and goes on with
``neurosim resume``, killed in its turn, until the run is over; then with the next
run, until all kills are used. After every kill, whatever the last checkpoint counts as its
own must be on the disk and equal an uninterrupted run up to that moment; after the end all
spikes, traces and counts must. Exit code 1, with the moment, at the first difference.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

NETWORK = """
[network]
seed = 11

[populations.noise]
model = "PoissonSource"
n = 200
rate = 30.0

[populations.exc]
model = "LIF"
n = 400
tau_m = 20.0
tau_syn = 5.0
t_ref = 2.0

[populations.inh]
model = "LIF"
n = 100
tau_m = 10.0
tau_syn = 5.0

[[projections]]
pre = "noise"
post = ["exc", "inh"]
rule = { type = "FixedProbability", p = 0.2 }
weight = 0.14
delay = { type = "Uniform", low = 0.5, high = 30.0 }

[[projections]]
pre = "exc"
post = ["exc", "inh"]
rule = { type = "FixedProbability", p = 0.1 }
weight = { type = "Uniform", low = 0.0, high = 0.03 }
delay = { type = "Uniform", low = 0.5, high = 20.0 }

[[projections]]
pre = "inh"
post = "exc"
rule = { type = "FixedProbability", p = 0.2 }
weight = -0.1
delay = 1.0

[record]
noise = ["spikes"]
exc = ["spikes", "v[:3]"]
inh = ["spikes"]
"""
CODE = "from neurosim.cli import main; main()"
Spikes = dict[str, tuple[np.ndarray, np.ndarray]]


def command(*arguments: object) -> list[str]:
    """The ``neurosim`` command of this Python."""
    return [sys.executable, "-c", CODE, *map(str, arguments)]


def begin(net: Path, out: Path, args: argparse.Namespace) -> list[str]:
    """The command that starts the run in ``out``."""
    options = ("--t", args.t, "--threads", args.threads, "--checkpoint-every", args.every)
    options += ("--engine", args.engine)
    return command("run", net, *options, "--out", out, "--json")


def finish(arguments: list[str]) -> dict:
    """Run a command to its end; return its JSON."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def kill_after(arguments: list[str], state: Path, seconds: float, computing: bool) -> bool:
    """Start a process and kill it; False when it was over before.

    The seconds count from its start, or from when it is seen to compute (a new checkpoint).
    """
    before = state.stat().st_ino if state.exists() else None
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while computing and process.poll() is None:
        if state.exists() and state.stat().st_ino != before:
            break
        time.sleep(0.005)
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {errors.decode()}")
    return False


def read(folder: Path, n_files: int | None = None) -> Spikes:
    """Spikes of the first numbered files, read without neurosim."""
    files = sorted(folder.glob("spikes-*.h5"))[:n_files]
    if n_files is not None and len(files) < n_files:
        raise SystemExit(f"{folder}: {n_files} files belong to the checkpoint, found {len(files)}")
    parts: dict[str, list] = {}
    for path in files:
        with h5py.File(path, "r") as file:
            for name, group in file["spikes"].items():
                parts.setdefault(name, []).append((group["timestamps"][:], group["node_ids"][:]))
    return {name: tuple(map(np.concatenate, zip(*p, strict=True))) for name, p in parts.items()}


def read_traces(folder: Path) -> np.ndarray:
    """The recorded voltages of a finished run."""
    values = []
    for path in sorted(folder.glob("traces-*.h5")):
        with h5py.File(path, "r") as file:
            values.append(file["traces/exc/v/values"][:])
    return np.concatenate(values)


def check(folder: Path, expected: Spikes) -> float:
    """Compare what the checkpoint counts as its own; return its time [ms], -1 if none."""
    if not (folder / "run.json").exists():
        return -1.0
    with h5py.File(folder / "state.h5", "r") as file:
        n_files = int(file["run"].attrs["n_spikes"])
        at = file.attrs
        t = float(at["t"]) if "t" in at else float(at["step"]) * float(at["dt"])
    found = read(folder, n_files)
    for name, (times, ids) in expected.items():
        n = int(np.searchsorted(times, t - 1e-6))
        got = found.get(name, (times[:0], ids[:0]))
        if not (np.array_equal(got[0], times[:n]) and np.array_equal(got[1], ids[:n])):
            raise SystemExit(f"{folder}: spikes of {name!r} before t = {t:g} ms are lost or wrong")
    return t


def compare(folder: Path, reference: Path, summary: dict, expected: dict) -> None:
    """A run that is over must equal the one that was never interrupted."""
    ours, theirs = read(folder), read(reference)
    same = all(np.array_equal(ours[n][k], theirs[n][k]) for n in theirs for k in (0, 1))
    same = same and np.array_equal(read_traces(folder), read_traces(reference))
    keys = ("spikes", "synaptic_events", "duration", "stop_reason")
    if not same or any(summary[key] != expected[key] for key in keys):
        raise SystemExit(f"{folder}: the resumed run differs from the uninterrupted one")
    leftovers = [p.name for p in folder.iterdir() if p.name.endswith(".part")]
    if leftovers:
        raise SystemExit(f"{folder}: {leftovers} were left behind")


def kill_runs(folder: Path, args: argparse.Namespace) -> tuple[list[float], int]:
    """Use up all kills; returns the times of the checkpoints that were met, and the runs."""
    rng = np.random.default_rng(args.seed)
    net, reference = folder / "net.toml", folder / "reference"
    net.write_text(NETWORK)
    finish(begin(net, folder / "first", args))  # compiles
    expected = finish(begin(net, reference, args))
    clock = time.perf_counter()
    finish(command("resume", reference, "--json"))
    start_up, wall = time.perf_counter() - clock, expected["wall_s"]
    spikes, at, runs = read(reference), [], 0
    while len(at) < args.kills:
        out, over = folder / f"run-{runs}", False
        while not over and len(at) < args.kills:
            begun = (out / "run.json").exists()
            arguments = command("resume", out, "--json") if begun else begin(net, out, args)
            computing = bool(rng.random() < 0.8)  # one in five dies while it starts
            seconds = float(rng.uniform(0.0, 0.5 * wall if computing else start_up))
            over = not kill_after(arguments, out / "state.h5", seconds, computing)
            if not over:
                at.append(check(out, spikes))
                print(f"kill {len(at)}: run {runs}, checkpoint at {at[-1]:g} ms", flush=True)
        begun = (out / "run.json").exists()
        arguments = command("resume", out, "--json") if begun else begin(net, out, args)
        compare(out, reference, finish(arguments), expected)
        runs += 1
    return at, runs


def main(argv: list[str] | None = None) -> int:
    """Kill runs until all kills are used; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--t", type=float, default=3000.0, help="duration of a run [ms]")
    parser.add_argument("--every", type=float, default=100.0, help="between checkpoints [ms]")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine", choices=("clock", "event"), default="clock")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        at, runs = kill_runs(Path(name), args)
    never = sum(t < 0 for t in at)
    print(f"{len(at)} kills in {runs} runs of {args.t:g} ms, {never} before a first checkpoint:")
    print("nothing saved was lost, and every resumed run equals the uninterrupted one")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    raise SystemExit(main())
