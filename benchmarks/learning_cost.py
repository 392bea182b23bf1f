"""What does a sample cost, forward and back? Over the largest delay, and over density.

Usage::

    python benchmarks/learning_cost.py [--out pictures] [--samples 20]

140 inputs at 20 Hz for 250 ms, 256 and 256 cells, 20 leaky integrators; milliseconds of CPU time
per sample, and the peak memory of what is made on the way, by tracemalloc.
"""

import argparse
import time
import tracemalloc
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.learning.batch import Batch
from neurosim.learning.forward import given_spikes

LENGTH, N_IN, N_HIDDEN, N_OUT = 250.0, 140, 256, 20
LOSS = ns.IntegralCrossEntropy(scale=0.1)


def network(longest: float, density: float) -> ns.Network:
    """Weights that keep the cells at some 10 Hz, whatever the density."""
    net = ns.Network(seed=1)
    cell = {"tau_m": 10.0, "tau_syn": 5.0, "t_ref": 2.0}
    inp = net.add(ns.SpikeSource(N_IN), "in")
    layers = [net.add(ns.LIF(N_HIDDEN, **cell), name) for name in ("one", "two")]
    out = net.add(ns.LI(N_OUT, tau_m=20.0, tau_syn=5.0), "out")
    rule = ns.AllToAll() if density == 1.0 else ns.FixedProbability(density)
    delay = ns.Uniform(0.0, longest)
    for pre, post, fan_in in ((inp, layers[0], N_IN), (layers[0], layers[1], N_HIDDEN)):
        n = fan_in * density
        net.connect(pre, post, rule, weight=ns.Normal(3.0 / n, 3.0 / np.sqrt(n)), delay=delay)
    net.connect(layers[1], out, weight=ns.Normal(0.0, 0.1), delay=0.0)
    return net


def samples(n: int) -> list[dict]:
    """Poisson spikes at 20 Hz."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        k = rng.poisson(N_IN * LENGTH * 0.02)
        times = np.sort(rng.uniform(0.0, LENGTH, k))
        found.append({0: (times, rng.integers(0, N_IN, k).astype(np.int32))})
    return found


def measure(longest: float, density: float, n: int) -> dict[str, float]:
    """Milliseconds, arrivals and spikes per sample; peak MB beyond the network."""
    machine = ns.ExactGradient(network(longest, density), LENGTH + longest, chunks=1)
    machine.of_cells = False
    given, labels = given_spikes(4, samples(n)), np.arange(n) % N_OUT

    def once() -> Batch:
        batch = Batch(machine, machine.forward(given, np.arange(n)))
        LOSS.score(batch, labels, True)
        machine.backward(batch.records, batch.drives, batch.pushes, batch.pulls)
        return batch

    once()
    begin = time.process_time()
    batch = once()
    spent = time.process_time() - begin
    tracemalloc.start()
    once()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (record,) = batch.records
    degrees = np.diff(machine.graph.starts)
    arrivals = 0
    for j, pre in enumerate(machine.graph.pre):
        for k in range(n):
            own = slice(record.starts[4 * k + pre], record.starts[4 * k + pre + 1])
            arrivals += int(degrees[machine.graph.rows[j] + record.ids[own]].sum())
    return {
        "ms": 1e3 * spent / n, "arrivals": arrivals / n, "ns_per_arrival": 1e9 * spent / arrivals,
        "spikes": record.times.size / n, "peak_mb": peak / 1e6,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--out", type=Path, help="folder for a picture")
    args = parser.parse_args()
    print("| density | largest delay ms | ms per sample | arrivals | ns per arrival | peak MB |")
    print("|---:|---:|---:|---:|---:|---:|")
    found: dict[float, list] = {}
    for density in (1.0, 0.1):
        for longest in (1.0, 10.0, 50.0, 250.0, 1000.0):
            m = measure(longest, density, args.samples)
            found.setdefault(density, []).append((longest, m))
            print(
                f"| {density:g} | {longest:g} | {m['ms']:.2f} | {m['arrivals']:.0f} | "
                f"{m['ns_per_arrival']:.0f} | {m['peak_mb']:.1f} |",
                flush=True,
            )
    if args.out:
        draw(found, args.out)


def draw(found: dict[float, list], out: Path) -> None:
    """Time per arrival and memory over the largest delay."""
    from matplotlib.figure import Figure

    out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots(1, 2)
    for density, rows in found.items():
        longest = [row[0] for row in rows]
        for ax, name in zip(axes, ("ns_per_arrival", "peak_mb"), strict=True):
            ax.semilogx(longest, [row[1][name] for row in rows], "o-", label=f"density {density:g}")
    for ax, label in zip(axes, ("ns per arrival, there and back", "peak memory [MB]"), strict=True):
        ax.set(xlabel="largest delay [ms]", ylabel=label)
        ax.set_ylim(bottom=0)
        ax.legend(frameon=False)
    figure.savefig(out / "learning_cost.png", dpi=120)


if __name__ == "__main__":
    main()
