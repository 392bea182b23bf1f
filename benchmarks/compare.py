"""How does neurosim compare? Cases of all engines, interleaved, as a table of ratios.

Usage::

    python benchmarks/compare.py [--cases cuba brunel] [--engines neurosim nest] [--repeat 3]
    python benchmarks/compare.py --quick        # tiny networks: does every engine run every case?
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cases.measure import ENGINES, PEERS_FOLDER, peer_line
from cases.microcircuit_model import verdict_table
from tables import markdown, summary, text

HERE = Path(__file__).resolve().parent
CLOCK_DRIVEN = ("neurosim", "brian2", "nest")
QUICK_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network: its script and options, by default and for a mere trial."""

    script: str
    options: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    seconds: float = 10.0  # such that the slowest engine takes about a minute
    engines: tuple[str, ...] = CLOCK_DRIVEN
    probe: bool = False  # deliver the same number of synapses with the CSR probe, too


EXACT_CUBA = ("--times", "exact", "--ports", "1", "--delay", "1.5", "--spread", "1.0")

CASES = {
    "cuba": Case(script="cuba", quick=("--neurons", "400")),
    "cuba_40000": Case(
        script="cuba", options=("--neurons", "40000"), quick=("--neurons", "800"), seconds=3.0
    ),
    "brunel": Case(script="brunel", quick=("--neurons", "500"), seconds=2.0, probe=True),
    "sparse_activity": Case(script="sparse_activity", quick=("--neurons", "2000"), seconds=5.0),
    "sparse_activity_10000": Case(
        script="sparse_activity", options=("--neurons", "10000"), quick=("--neurons", "1000"),
        seconds=5.0, engines=ENGINES,
    ),
    "exact_cuba": Case(
        script="cuba", options=EXACT_CUBA, quick=("--neurons", "400", *EXACT_CUBA),
        engines=("neurosim", "nest"), seconds=5.0,
    ),
    "exact_cuba_2_ports": Case(
        script="cuba", options=(*EXACT_CUBA, "--ports", "2"),
        quick=("--neurons", "400", *EXACT_CUBA, "--ports", "2"),
        engines=("neurosim", "nest"), seconds=5.0,
    ),
    "exact_cuba_40000": Case(
        script="cuba", options=("--neurons", "40000", *EXACT_CUBA),
        quick=("--neurons", "800", *EXACT_CUBA), engines=("neurosim", "nest"), seconds=1.0,
    ),
    "exact_sparse": Case(
        script="sparse_activity", options=("--neurons", "10000", "--times", "exact"),
        quick=("--neurons", "1000", "--times", "exact"), seconds=5.0,
        engines=("neurosim", "nest", "neuron", "arbor"),
    ),
    "microcircuit_10": Case(
        script="microcircuit", options=("--scale", "0.1"), quick=("--scale", "0.01")
    ),
    "microcircuit": Case(
        script="microcircuit", options=("--scale", "1.0"), quick=("--scale", "0.02"),
        engines=("neurosim",),
    ),
}  # fmt: skip
DEFAULT_CASES = [name for name in CASES if name != "microcircuit"]


def command(name: str, engine: str, args: argparse.Namespace) -> list[str]:
    """The command line of one run; FileNotFoundError where the peer has no twin or home."""
    case = CASES[name]
    if engine == "probe":
        line = [sys.executable, str(HERE / "csr_probe.py"), "--json"]
        return line + (["--seconds", "0.1"] if args.quick else [])
    path = HERE / "cases" / f"{case.script}.py"
    ours = engine == "neurosim"
    line = [sys.executable, str(path)] if ours else peer_line(args.peers, engine, path)
    seconds = args.seconds or (QUICK_SECONDS if args.quick else case.seconds)
    line += ["--json", "--seconds", str(seconds), "--threads", str(args.threads)]
    line += ["--record", args.record]
    if ours:
        line += ["--weights", args.weights, "--sleep", args.sleep]
    return line + list(case.quick if args.quick else case.options)


def one_run(line: list[str], limit: float) -> dict | None:
    """The JSON object that a run prints, with the load before it; None where it failed."""
    load = os.getloadavg()[0]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"  stopped after {limit:.0f} s: {' '.join(line[1:])}", file=sys.stderr)
        return None
    if done.returncode:
        print(f"  failed: {' '.join(line[1:])}\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1]) | {"load": round(load, 2)}


def plan(args: argparse.Namespace) -> dict[str, dict[str, list[str]]]:
    """Case to engine to command line; what cannot be run is named and left out."""
    lines: dict[str, dict[str, list[str]]] = {}
    for name in args.cases:
        case = CASES[name]
        engines = [e for e in ENGINES if e in (args.engines or case.engines)]
        if case.probe and "neurosim" in engines:
            engines.append("probe")
        lines[name] = {}
        for engine in engines:
            try:
                lines[name][engine] = command(name, engine, args)
            except FileNotFoundError as error:
                print(f"{name}: skipped, {error}", file=sys.stderr)
    return lines


def measure(lines: dict, repeat: int, limit: float) -> dict[str, dict[str, list[dict]]]:
    """Case to engine to results; the engines take turns, in turning order."""
    found: dict[str, dict[str, list[dict]]] = {}
    for name, engines in lines.items():
        found[name] = {engine: [] for engine in engines}
        order = list(engines)
        for k in range(repeat):
            turn = k % max(1, len(order))
            for engine in order[turn:] + order[:turn]:
                begin = time.perf_counter()
                result = one_run(engines[engine], limit)
                passed = time.perf_counter() - begin
                print(f"  {name} {engine} {k + 1}/{repeat}: {passed:.0f} s", file=sys.stderr)
                if result is not None:
                    found[name][engine].append(result)
    return found


@contextmanager
def busy(cores: int):
    """Keep as many cores busy with processes that do nothing but count."""
    idle = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in idle:
            process.kill()
            process.wait()


def machine() -> dict:
    """What it ran on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return {"processor": name, "cores": os.cpu_count(), "python": platform.python_version()}


def show(found: dict, summed: dict, args: argparse.Namespace) -> None:
    """Print the tables, what is published, and how quiet the machine was."""
    print(markdown(summed) if args.markdown else text(summed))
    for name, engines in found.items():
        for engine, runs in engines.items():
            if runs and "published" in runs[-1] and not args.quick:
                print(f"\n{name}, {engine}, beside the published values:")
                scale = float(CASES[name].options[1])
                print(verdict_table(runs[-1]["published"], scale))
    loads = [run["load"] for e in found.values() for runs in e.values() for run in runs]
    if loads:
        print(f"\nload average before the runs: {min(loads)} to {max(loads)}, {machine()}")
    if args.quick:
        print("A trial run: that it ran is the result, the numbers mean nothing.")


def parsed(argv: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="neurosim beside its peers, interleaved.")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=DEFAULT_CASES)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: as suits a case")
    parser.add_argument("--repeat", type=int, help="runs of each, default 3")
    parser.add_argument("--seconds", type=float, help="biological seconds; default: by case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--busy", type=int, default=0, help="cores to keep busy meanwhile")
    parser.add_argument("--record", choices=("spikes", "counts"), default="spikes")
    parser.add_argument("--weights", choices=("exact", "packed"), default="exact", help="neurosim")
    parser.add_argument("--sleep", choices=("auto", "on", "off"), default="auto", help="neurosim")
    parser.add_argument("--quick", action="store_true", help="tiny networks, one run")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that a run may take")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--peers", default=PEERS_FOLDER)
    parser.add_argument("--out", help="write all runs and the summary as JSON")
    args = parser.parse_args(argv)
    args.repeat = args.repeat or (1 if args.quick else 3)
    return args


def main() -> int:
    """Measure, print, write."""
    args = parsed()
    lines = plan(args)
    with busy(args.busy):
        found = measure(lines, args.repeat, args.limit)
    summed = summary(found)
    show(found, summed, args)
    if args.out:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        whole = {"machine": machine(), "finished": stamp, "options": vars(args)}
        whole |= {"runs": found, "summary": summed}
        Path(args.out).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    complete = all(len(runs) == args.repeat for e in found.values() for runs in e.values())
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
