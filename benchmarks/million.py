"""A million neurons, a hundred million synapses, almost silent: what does the event engine need?

Each spike is forced by an input spike, and each neuron hears a hundred others. Prints CPU-seconds
of build and run, memory, and the time per arrival. Usage::

    python benchmarks/million.py [--neurons 1000000 --in-degree 100 --rate 0.05 --seconds 10]
"""

import argparse
import resource
import sys
import time

import neurosim as ns


def network(args: argparse.Namespace) -> ns.Network:
    """Poisson sources, one for each neuron; random recurrent synapses with real delays."""
    net = ns.Network(seed=args.seed)
    trains = net.add(ns.PoissonSource(args.neurons, rate=args.rate), "trains")
    cells = net.add(ns.LIF(args.neurons, tau_m=20.0, tau_syn=5.0, v_th=20.0, t_ref=2.0), "cells")
    net.connect(trains, cells, ns.OneToOne(), weight=200.0, delay=1.0)
    rule = ns.FixedInDegree(args.in_degree)
    net.connect(cells, cells, rule, weight=0.1, delay=ns.Uniform(0.5, 10.0))
    return net


def main() -> int:
    """Build, run, print."""
    parser = argparse.ArgumentParser(description="A million almost silent neurons.")
    parser.add_argument("--neurons", type=int, default=1_000_000)
    parser.add_argument("--in-degree", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.05, help="Hz of each input train")
    parser.add_argument("--seconds", type=float, default=10.0, help="biological seconds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    begin = time.process_time()
    sim = ns.EventSimulator(network(args), threads=args.threads)
    built = time.process_time()
    result = sim.run(1000.0 * args.seconds, record={})
    used = time.process_time() - built
    rate = result.rates()["cells"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )
    print(
        f"{args.neurons:,} neurons, {args.neurons * args.in_degree:,} synapses, {rate:.3f} Hz, "
        f"{args.seconds:g} s of biological time\n"
        f"build {built - begin:.1f} CPU-s, run {used:.2f} CPU-s, peak {peak / 1e9:.2f} GB\n"
        f"{sim.n_arrivals:,} arrivals, {1e9 * used / sim.n_arrivals:.0f} ns each, "
        f"{sim.n_windows:,} windows"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
