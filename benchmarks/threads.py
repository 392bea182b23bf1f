"""Do two threads pay? One against two, interleaved, on a quiet machine and beside a busy core.

Prints medians of wall and CPU seconds, and what the engine chose, where it says so. Usage::

    python benchmarks/threads.py [--cases brunel microcircuit_10] [--threads 1 2] [--repeat 3]
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from compare import CASES, HERE, QUICK_SECONDS, busy, machine, one_run


def command(name: str, threads: int, args: argparse.Namespace) -> list[str]:
    """One run of neurosim."""
    case = CASES[name]
    seconds = args.seconds or (QUICK_SECONDS if args.quick else case.seconds)
    line = [sys.executable, str(HERE / "cases" / f"{case.script}.py"), "--json"]
    line += ["--seconds", str(seconds), "--threads", str(threads), "--weights", args.weights]
    return line + list(case.quick if args.quick else case.options)


def measure(args: argparse.Namespace) -> list[dict]:
    """A row for each case, number of busy cores and number of threads."""
    rows = []
    for name in args.cases:
        for idle in args.busy:
            found: dict[int, list[dict]] = {n: [] for n in args.threads}
            with busy(idle):
                for k in range(args.repeat):
                    turn = k % len(args.threads)
                    for n in args.threads[turn:] + args.threads[:turn]:
                        result = one_run(command(name, n, args), args.limit)
                        if result is not None:
                            found[n].append(result)
            rows += [row(name, idle, n, runs) for n, runs in found.items() if runs]
            print(f"  {name}, {idle} busy: measured", file=sys.stderr)
    return rows


def row(name: str, idle: int, threads: int, runs: list[dict]) -> dict:
    """Medians of one setting, and whether the spikes were the same in all runs."""
    middle = {k: statistics.median(run[k] for run in runs) for k in ("run_wall_s", "run_cpu_s")}
    return {
        "case": name, "busy": idle, "threads": threads, **middle,
        "real_time_factor": middle["run_wall_s"] / runs[0]["seconds"],
        "chose": runs[-1].get("threads_chosen"), "spikes": sorted({r["spikes"] for r in runs}),
    }  # fmt: skip


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="One thread against several, quiet and not.")
    cases = ["brunel", "microcircuit_10", "cuba_40000"]
    parser.add_argument("--cases", nargs="+", choices=CASES, default=cases)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1], help="cores kept busy")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--weights", choices=("exact", "packed"), default="exact")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--limit", type=float, default=900.0)
    parser.add_argument("--out")
    args = parser.parse_args()
    rows = measure(args)
    print("| case | busy cores | threads | wall s | CPU s | real-time factor | engine chose |")
    print("|---|---:|---:|---:|---:|---:|---|")
    for r in rows:
        times = f"{r['run_wall_s']:.2f} | {r['run_cpu_s']:.2f} | {r['real_time_factor']:.2f}"
        chose = "" if r["chose"] is None else r["chose"]
        print(f"| `{r['case']}` | {r['busy']} | {r['threads']} | {times} | {chose} |")
    if args.out:
        whole = {"machine": machine(), "rows": rows}
        Path(args.out).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    counts: dict[str, set] = {}
    for r in rows:
        counts.setdefault(r["case"], set()).update(r["spikes"])
    different = sorted(name for name, found in counts.items() if len(found) > 1)
    if different:
        print(f"numbers of spikes differ between runs of {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
