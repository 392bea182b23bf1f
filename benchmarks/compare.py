"""How does neurosim compare? Cases of all engines, interleaved, as a table of ratios.

Usage::

    python benchmarks/compare.py --cases cuba brunel --engines neurosim brian2 nest --repeat 3
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from cases.measure import peer_line

HERE = Path(__file__).resolve().parent
ENGINES = ("neurosim", "brian2", "nest")
CASES = {  # name: script and its options
    "cuba": ("cuba", []),
    "cuba_40000": ("cuba", ["--neurons", "40000"]),
    "brunel": ("brunel", []),
    "sparse_activity": ("sparse_activity", []),
    "microcircuit_10": ("microcircuit", ["--scale", "0.1"]),
    "microcircuit": ("microcircuit", ["--scale", "1.0"]),
}
COLUMNS = {  # entry of a case's JSON object: heading, and its format
    "run_cpu_s": ("run CPU-s", "10.3f"),
    "run_wall_s": ("run wall", "10.3f"),
    "build_cpu_s": ("build CPU-s", "12.2f"),
    "build_wall_s": ("build wall", "11.2f"),
    "peak_rss_mb": ("peak MB", "9.0f"),
    "rate_hz": ("Hz", "7.2f"),
    "events_per_cpu_s": ("events/CPU-s", "13.3e"),
}
RATIOS = ("run_cpu_s", "run_wall_s", "build_cpu_s", "build_wall_s", "peak_rss_mb")


def command(case: str, engine: str, args: argparse.Namespace) -> list[str]:
    """The command line of one run."""
    script, options = CASES[case]
    path = HERE / "cases" / f"{script}.py"
    ours = engine == "neurosim"
    line = [sys.executable, str(path)] if ours else peer_line(args.peers, engine, path)
    line += ["--json"]
    line += ["--seconds", str(args.seconds), "--threads", str(args.threads)]
    line += ["--record", args.record, *options]
    return line


def one_run(line: list[str]) -> dict | None:
    """The JSON object that a run prints, with the load before it; None where it failed."""
    load = os.getloadavg()[0]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        print(f"failed: {' '.join(line[1:])}\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1]) | {"load": round(load, 2)}


def measure(args: argparse.Namespace) -> dict[str, dict[str, list[dict]]]:
    """Case to engine to results; the engines take turns, in turning order."""
    found: dict[str, dict[str, list[dict]]] = {}
    for case in args.cases:
        engines = [*args.engines]
        if case == "brunel" and "neurosim" in engines:
            engines.append("probe")
        found[case] = {engine: [] for engine in engines}
        for k in range(args.repeat):
            turn = k % len(engines)
            for engine in engines[turn:] + engines[:turn]:
                if engine == "probe":
                    line = [sys.executable, str(HERE / "csr_probe.py"), "--json"]
                else:
                    line = command(case, engine, args)
                result = one_run(line)
                if result is not None:
                    found[case][engine].append(result)
                    print(f"  {case} {engine} {k + 1}/{args.repeat}", file=sys.stderr)
    return found


def medians(runs: list[dict]) -> dict[str, float]:
    """Median of each number that all runs have."""
    common = set.intersection(*(set(run) for run in runs))
    numbers = {k for k in common if all(isinstance(run[k], (int, float)) for run in runs)}
    return {k: statistics.median(run[k] for run in runs) for k in sorted(numbers)}


def summary(found: dict, base: str = "neurosim") -> dict:
    """Per case and engine: medians, and ratios to ``base`` (above 1: ``base`` needs less)."""
    result: dict[str, dict[str, dict]] = {}
    for case, engines in found.items():
        middle = {name: medians(runs) for name, runs in engines.items() if runs}
        for entry in middle.values():
            if base in middle:
                shared = [k for k in RATIOS if k in entry and middle[base].get(k)]
                ratios = {k: round(entry[k] / middle[base][k], 3) for k in shared}
                entry["ratios"] = ratios
        result[case] = middle
    return result


def table(summed: dict) -> str:
    """The summary as text."""
    widths = {k: max(int(form.split(".")[0]), len(head)) for k, (head, form) in COLUMNS.items()}
    lines = []
    for case, engines in summed.items():
        head = [f"{head:>{widths[k]}}" for k, (head, _) in COLUMNS.items()]
        lines += [f"{case:<26}" + "".join(f"  {h}" for h in head)]
        for engine, entry in engines.items():
            lines.append(f"  {engine:<24}" + _cells(entry, widths))
            ratios = entry.get("ratios", {})
            if engine not in ("neurosim", "probe") and ratios:
                lines.append(f"  {'  x neurosim':<24}" + _cells(ratios, widths, "10.2f"))
        if {"neurosim", "probe"} <= engines.keys():
            share = engines["neurosim"]["events_per_cpu_s"] / engines["probe"]["events_per_cpu_s"]
            lines.append(f"  neurosim delivers {100 * share:.0f} % of the probe's rate")
    return "\n".join(lines)


def _cells(entry: dict, widths: dict, form: str | None = None) -> str:
    cells = ""
    for key, (_, own) in COLUMNS.items():
        digits = (form or own).lstrip("0123456789")
        text = f"{entry[key]:{digits}}" if key in entry else ""
        cells += f"  {text:>{widths[key]}}"
    return cells


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="neurosim beside its peers, interleaved.")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["cuba", "brunel"])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", choices=("spikes", "counts"), default="spikes")
    parser.add_argument("--peers", default="~/.cache/neurosim-peers")
    parser.add_argument("--out", help="write all runs and the summary as JSON")
    args = parser.parse_args()
    try:
        for engine in set(args.engines) - {"neurosim"}:
            peer_line(args.peers, engine, HERE)
    except FileNotFoundError as error:
        parser.error(str(error))
    found = measure(args)
    summed = summary(found)
    print(table(summed))
    if args.out:
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        whole = {"machine": machine, "finished": stamp, "runs": found, "summary": summed}
        Path(args.out).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
