"""What did a case cost? Options, clocks and the one JSON object that every case prints.

Standard library and NumPy only: the peers' own environments import this file too.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ENGINES = ("neurosim", "brian2", "nest", "neuron", "arbor")
PEERS_FOLDER = "~/.cache/neurosim-peers"


def options(case: str, engine: str, argv: list[str] | None, extra: dict) -> argparse.Namespace:
    """Parse the options that all cases share, and the ``extra`` ones of this case.

    ``extra`` maps an option's name to its default, which gives the type.
    """
    parser = argparse.ArgumentParser(description=f"Benchmark case {case}, {engine}.")
    parser.add_argument("--engine", choices=ENGINES, default=engine)
    parser.add_argument("--seconds", type=float, default=10.0, help="biological seconds measured")
    parser.add_argument("--warmup", type=float, default=0.1, help="seconds before, not measured")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float64"), help="where the engine has both")
    parser.add_argument("--weights", choices=("exact", "packed"), default="exact", help="neurosim")
    parser.add_argument("--sleep", choices=("auto", "on", "off"), default="auto", help="neurosim")
    parser.add_argument(
        "--times", choices=("grid", "exact"), default="grid",
        help="exact: neurosim's event engine, NEST's precise models",
    )  # fmt: skip
    parser.add_argument("--record", choices=("spikes", "counts"), default="spikes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--peers", default=PEERS_FOLDER, help="folder of the peers' environments")
    for name, default in extra.items():
        if name in ("seconds", "warmup"):
            parser.set_defaults(**{name: default})
        else:
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    args = parser.parse_args(argv)
    args.case = case
    return args


def peer_line(peers: str, engine: str, script: str | Path) -> list[str]:
    """The command that runs a peer's twin of ``script`` in the peer's own environment.

    Raises
    ------
    FileNotFoundError
        The peer has no twin of this case, or its environment has not been made.
    """
    script = Path(script)
    twin = script.parent / "peers" / f"{script.stem}_{engine}.py"
    if not twin.exists():
        raise FileNotFoundError(f"{engine} has no twin of {script.stem}")
    python = Path(peers).expanduser() / f".venv-{engine}" / "bin" / "python"
    if not python.exists():
        message = f"no environment for {engine}: run benchmarks/peers/setup.py {engine}"
        raise FileNotFoundError(message)
    return [str(python), str(twin)]


class Clock:
    """CPU and wall seconds of this process and its finished children."""

    def __init__(self) -> None:
        self.restart()

    @staticmethod
    def _cpu() -> float:
        used = os.times()
        return time.process_time() + used.children_user + used.children_system

    def restart(self) -> None:
        """Count from now."""
        self.cpu, self.wall = self._cpu(), time.perf_counter()

    def lap(self) -> tuple[float, float]:
        """(CPU-seconds, wall seconds) since the last lap."""
        cpu, wall = self._cpu(), time.perf_counter()
        passed = cpu - self.cpu, wall - self.wall
        self.cpu, self.wall = cpu, wall
        return passed


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000.0


def recurrent_events(spikes: dict[str, int], sizes: dict[str, int], synapses: dict) -> int:
    """Synaptic events: spikes of each source times its mean out-degree, input not counted.

    ``synapses`` maps (source, target) to the number of synapses; the same definition for
    all engines, so that the ratios are those of the times.
    """
    total = sum(spikes[pre] / sizes[pre] * n for (pre, _), n in synapses.items())
    return round(total)


def cv_per_neuron(times: np.ndarray, ids: np.ndarray, least: int = 3) -> np.ndarray:
    """std / mean of the inter-spike intervals of each neuron with ``least`` spikes or more.

    The standard deviation is that of a sample (n - 1), which is less biased for few intervals.
    """
    intervals, owner, n = _intervals(times, ids)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(owner, intervals) / n
        spread = np.bincount(owner, (intervals - mean[owner]) ** 2) / (n - 1.0)
        cv = np.sqrt(spread) / mean
    return cv[(n >= least - 1) & (mean > 0)]


def _intervals(times: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(intervals, their neurons, number of them per neuron)."""
    order = np.lexsort((times, ids))
    times, ids = np.asarray(times)[order], np.asarray(ids, dtype=np.int64)[order]
    same = np.diff(ids) == 0
    owner = ids[1:][same]
    return np.diff(times)[same], owner, np.bincount(owner)


def cv_isi(times: np.ndarray, ids: np.ndarray) -> tuple[float, float, int] | None:
    """Irregularity of a population: mean CV of its neurons, the same unbiased, how many.

    In a window of length T a neuron of few spikes shows only intervals shorter than T, so
    its CV comes out too small: Poisson trains of 0.9 Hz give 0.90 after 10 s and 0.98 after
    60 s. The second value is divided by what Poisson trains with the same numbers of spikes
    would give; for trains that are nearly Poisson it is free of that bias to about 1 %.
    None where no neuron has three spikes.
    """
    cv = cv_per_neuron(times, ids)
    if not cv.size:
        return None
    spikes = np.bincount(np.asarray(ids, dtype=np.int64))
    mean = float(cv.mean())
    return mean, mean / cv_of_poisson(spikes[spikes >= 3]), int(cv.size)


def irregularity(trains: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, dict]:
    """Entries of a result, from the (times, ids) of each population."""
    found = {name: cv_isi(*train) for name, train in trains.items()}
    return {
        "cv_isi": {name: round(v[0], 4) if v else None for name, v in found.items()},
        "cv_isi_unbiased": {name: round(v[1], 4) if v else None for name, v in found.items()},
        "cv_neurons": {name: v[2] if v else 0 for name, v in found.items()},
    }


def cv_of_poisson(spikes: np.ndarray, draws: int = 4000) -> float:
    """Mean CV of Poisson trains that have these numbers of spikes in any one window.

    Given their number, a Poisson train's spikes are spread uniformly over the window.
    """
    rng = np.random.default_rng(1)
    numbers, neurons = np.unique(np.minimum(spikes, 400), return_counts=True)
    total = 0.0
    for n, k in zip(numbers.tolist(), neurons.tolist(), strict=True):
        gaps = rng.exponential(1.0, (max(50, draws // n), n + 1))[:, 1:-1]
        total += k * float((gaps.std(axis=1, ddof=1) / gaps.mean(axis=1)).mean())
    return total / float(neurons.sum())


def report(args: argparse.Namespace, **found: Any) -> dict:
    """The JSON object of a case, from what the engine's script found."""
    sizes, spikes = found.pop("sizes"), found.pop("spikes_per_population")
    synapses = found.pop("synapses")
    events = recurrent_events(spikes, sizes, synapses)
    result = {
        "case": args.case, "engine": args.engine, "version": found.pop("version"),
        "neurons": sum(sizes.values()), "synapses": int(sum(synapses.values())),
        "seconds": args.seconds, "warmup": args.warmup, "threads": args.threads,
        "seed": args.seed, "record": args.record,
    }  # fmt: skip
    result |= {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}
    rates = {name: spikes[name] / sizes[name] / args.seconds for name in sizes}
    result |= {
        "peak_rss_mb": round(found.get("peak_rss_mb", peak_rss_mb()), 1),
        "spikes": sum(spikes.values()),
        "rate_hz": round(sum(spikes.values()) / sum(sizes.values()) / args.seconds, 4),
        "rates_hz": {name: round(rate, 4) for name, rate in rates.items()},
        "synaptic_events": events,
        "events_per_cpu_s": round(events / max(found["run_cpu_s"], 1e-9)),
        "cpu_s_per_s": round(found["run_cpu_s"] / args.seconds, 4),
    }
    return result


def show(args: argparse.Namespace, result: dict) -> None:
    """Print a result: one JSON object, or a line per entry."""
    if args.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if name == "published":
            from microcircuit_model import verdict_table

            print(verdict_table(value, args.scale))
        else:
            print(f"{name:<18} {value}")


def main(case: str, engine: str, extra: dict, run: Callable, script: str) -> int:
    """Entry point of a case: parse, run here or hand over to a peer, print."""
    argv = sys.argv[1:]
    args = options(case, engine, argv, extra)
    if args.engine != engine:
        try:
            line = peer_line(args.peers, args.engine, script)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 2
        return subprocess.run([*line, *argv]).returncode
    show(args, run(args))
    return 0
