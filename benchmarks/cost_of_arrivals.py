"""Does the cost of the event engine follow the arrivals? One network, three decades of activity.

Each spike is forced by an input spike and reaches a hundred neurons. Usage::

    python benchmarks/cost_of_arrivals.py [--neurons 10000] [--out picture.png]
"""

import argparse
import sys
import time

from million import network

import neurosim as ns

RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # Hz
ARRIVALS = 2e6  # about so many are measured at each rate


def measure(args: argparse.Namespace, rate: float) -> dict:
    """CPU-seconds and arrivals per second of biological time."""
    args.rate = rate
    sim = ns.EventSimulator(network(args))
    sim.run(100.0, record={})
    seconds = min(100.0, max(0.5, ARRIVALS / (rate * args.neurons * args.in_degree)))
    before, windows, begin = sim.n_arrivals, sim.n_windows, time.process_time()
    sim.run(1000.0 * seconds, record={}, chunk=1000.0)
    used = time.process_time() - begin
    return {
        "rate": rate, "arrivals": (sim.n_arrivals - before) / seconds, "cpu": used / seconds,
        "windows": (sim.n_windows - windows) / seconds,
    }  # fmt: skip


def draw(rows: list[dict], path: str) -> None:
    """CPU time over arrivals, on log axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    arrivals = [row["arrivals"] for row in rows]
    axes.loglog(arrivals, [row["cpu"] for row in rows], "o-", label="event engine")
    axes.loglog(arrivals, [1e-7 * a for a in arrivals], "--", color="0.6", label="100 ns each")
    axes.set(
        xlabel="arrivals per second of biological time",
        ylabel="CPU-seconds per second of biological time",
    )
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> int:
    """Print a line for each rate; draw."""
    parser = argparse.ArgumentParser(description="Cost of the event engine over activity.")
    parser.add_argument("--neurons", type=int, default=10_000)
    parser.add_argument("--in-degree", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", help="picture")
    args = parser.parse_args()
    rows = [measure(args, rate) for rate in RATES]
    print("| Hz | arrivals per s | CPU-s per s | ns per arrival | windows per s |")
    print("|---:|---:|---:|---:|---:|")
    for row in rows:
        each = 1e9 * row["cpu"] / row["arrivals"]
        print(
            f"| {row['rate']:g} | {row['arrivals']:.3g} | {row['cpu']:.3g} | {each:.0f} | "
            f"{row['windows']:.0f} |"
        )
    if args.out:
        draw(rows, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
