"""How fast does the clock engine converge to the event engine? Error of spike times over dt.

Three networks whose inputs, delays and refractory periods lie on the coarsest grid, so that
what the grid changes is the moment of a threshold crossing alone: a feed-forward network, a
recurrent one with two synaptic ports, and a recurrent one with delta synapses. The k-th spike
of each neuron is compared with the k-th of the event engine, from the beginning until, at any
dt, a spike is missing, new or further off than 1 ms: from there on other spikes are compared.
Prints the errors and their slopes; exit code 1 if a slope is not 1. Usage::

    python benchmarks/convergence.py [--out docs/pictures/convergence.png]
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.plot.figure import COLOURS, save

COARSEST = 3  # dt = 2^-3 ms, and twice as fine each time
GRID = 2.0**-COARSEST
FAR = 1.0  # ms; a spike that is further off is another one


def inputs(n: int, rate: float, duration: float, seed: int) -> ns.SpikeSource:
    """Random spikes [Hz] on the coarsest grid."""
    rng = np.random.default_rng([seed, 271])
    steps = int(duration / GRID)
    found, ids = np.nonzero(rng.random((steps, n)) < rate * GRID / 1000.0)
    return ns.SpikeSource(n, times=GRID * found, ids=ids)


def connect(net: ns.Network, pre: str, post: str, degree: int, weight: float, low: float) -> None:
    """In-degree synapses, weights of one sign, delays on the grid from ``low`` to 4 ms."""
    rng = np.random.default_rng([len(net.projections), 314])
    size = degree * net.populations[post].n
    ends = ns.FromArrays(
        rng.integers(0, net.populations[pre].n, size),
        np.repeat(np.arange(net.populations[post].n), degree),
    )
    delay = GRID * rng.integers(low / GRID, 4.0 / GRID, size)
    net.connect(pre, post, ends, weight=weight * rng.uniform(0.5, 1.5, size), delay=delay)


def feed_forward(duration: float) -> ns.Network:
    """Two layers, one exponential port each."""
    net = ns.Network()
    net.add(inputs(60, 100.0, duration, 1), "in")
    net.add(ns.LIF(80, tau_m=10.0, tau_syn=4.0, t_ref=1.0), "first")
    net.add(ns.LIF(40, tau_m=10.0, tau_syn=2.0, t_ref=1.0), "second")
    connect(net, "in", "first", 20, 0.3, 0.0)
    connect(net, "first", "second", 20, 0.5, 0.0)
    return net


def recurrent(duration: float) -> ns.Network:
    """Excitation and inhibition, two exponential ports."""
    net = ns.Network()
    net.add(inputs(60, 100.0, duration, 2), "in")
    cell = {"tau_m": 10.0, "tau_syn": (3.0, 6.0), "t_ref": 1.0}
    net.add(ns.LIF(80, **cell), "exc")
    net.add(ns.LIF(20, **cell), "inh")
    for post in ("exc", "inh"):
        connect(net, "in", post, 20, 0.5, 0.0)
        connect(net, "exc", post, 10, 0.15, GRID)
        connect(net, "inh", post, 5, -0.25, GRID)
    return net


def delta(duration: float) -> ns.Network:
    """Delta synapses between neurons that a current drives beyond the threshold."""
    net = ns.Network()
    net.add(inputs(60, 20.0, duration, 3), "in")
    v0 = np.random.default_rng(5).random(100)
    net.add(ns.LIF(100, tau_m=20.0, i_ext=1.2, t_ref=1.0, v0=v0), "cells")
    connect(net, "in", "cells", 10, 0.05, 0.0)
    connect(net, "cells", "cells", 10, 0.02, GRID)
    return net


NETWORKS = {
    "feed-forward, exponential": feed_forward,
    "recurrent, two ports": recurrent,
    "recurrent, delta": delta,
}


def trains(result: ns.Result) -> dict[tuple[str, int], np.ndarray]:
    """Spike times of each neuron; of sources none."""
    return {
        (name, k): spikes.times[spikes.ids == k]
        for name, spikes in result.spikes.items()
        if not result.network.populations[name].is_source
        for k in range(spikes.n)
    }


def parting(exact: dict, found: dict) -> float:
    """When spikes of two runs first have no counterpart."""
    until = math.inf
    for neuron, times in exact.items():
        other = found[neuron]
        n = min(times.size, other.size)
        far = np.flatnonzero(np.abs(times[:n] - other[:n]) > FAR)
        first = far[0] if far.size else n
        until = min([until, *times[first : first + 1], *other[first : first + 1]])
    return until


def errors(exact: dict, found: dict, until: float) -> np.ndarray:
    """Distances [ms] between the spikes of two runs, before they part."""
    counts = {neuron: int(np.sum(times < until - FAR)) for neuron, times in exact.items()}
    return np.concatenate([np.abs(exact[k][:n] - found[k][:n]) for k, n in counts.items()])


def measure(net: ns.Network, duration: float, finest: int) -> tuple[list[dict], float]:
    """Errors at each dt, and until when spikes are compared."""
    exact = trains(ns.simulate(net, duration, engine="event", progress=False))
    steps = [2.0**-k for k in range(COARSEST, finest + 1)]
    runs = [
        trains(ns.simulate(net, duration, dt=dt, engine="clock", dtype="float64", progress=False))
        for dt in steps
    ]
    until = min([duration, *(parting(exact, run) for run in runs)])
    rows = []
    for dt, run in zip(steps, runs, strict=True):
        off = errors(exact, run, until)
        rows.append({"dt": dt, "n": off.size, "mean": off.mean(), "largest": off.max()})
    return rows, until


def slope(rows: list[dict], what: str) -> float:
    """Exponent of dt: the least-squares line through the logarithms."""
    return float(np.polyfit(*np.log([[r["dt"], r[what]] for r in rows]).T, 1)[0])


def picture(found: dict[str, list[dict]], path: Path) -> None:
    """Mean (and largest) error over dt."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(6.4, 4.4), layout="constrained").subplots()
    for (name, rows), colour in zip(found.items(), COLOURS, strict=False):
        dt = [r["dt"] for r in rows]
        label = f"{name}: slope {slope(rows, 'mean'):.2f}"
        axes.loglog(dt, [r["mean"] for r in rows], "o-", color=colour, label=label)
        axes.loglog(dt, [r["largest"] for r in rows], ":", color=colour)
    axes.loglog(dt, 0.5 * np.array(dt), "--", color="#666666", label="dt / 2")
    axes.set_xlabel("grid step dt of the clock engine (ms)")
    axes.set_ylabel("distance from the event engine (ms)")
    axes.set_title("Spike times: mean (dots) and largest (dotted) error")
    axes.legend()
    save(axes, path)


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description="Clock engine against event engine.")
    parser.add_argument("--duration", type=float, default=60.0, help="[ms]")
    parser.add_argument("--finest", type=int, default=10, help="k of the finest dt = 2^-k ms")
    parser.add_argument("--out", type=Path, help="picture to write")
    args = parser.parse_args()
    found, good = {}, True
    for name, make in NETWORKS.items():
        found[name], until = measure(make(args.duration), args.duration, args.finest)
        print(f"{name}: {found[name][0]['n']} spikes until {until:.1f} ms")
        for r in found[name]:
            print(f"  dt {r['dt']:<12g} mean {r['mean']:.3e} ms   largest {r['largest']:.3e} ms")
        exponents = [slope(found[name], what) for what in ("mean", "largest")]
        print(f"  slope of the mean {exponents[0]:.3f}, of the largest {exponents[1]:.3f}")
        good &= abs(exponents[0] - 1.0) < 0.1
    if args.out:
        picture(found, args.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
