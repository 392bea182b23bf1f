"""Brunel: random balanced network, 12 500 neurons, in-degree 1250, delay 1.5 ms, 37 Hz.

Brunel (2000), delta synapses, external Poisson input of 20 kHz per neuron. Usage::

    python benchmarks/cases/brunel.py [--engine neurosim|brian2|nest] [--seconds 10]
"""

import argparse
import sys

from measure import Clock, main
from ours import measured
from parameters import BRUNEL, OPTIONS, brunel_sizes

import neurosim as ns


def build(args: argparse.Namespace) -> tuple[ns.Network, dict]:
    """The network, and the numbers of its synapses."""
    n_exc, n_inh, k_exc, k_inh = brunel_sizes(args.neurons)
    cell = {name: BRUNEL[name] for name in ("tau_m", "t_ref", "v_rest", "v_th", "v_reset")}
    net = ns.Network(seed=args.seed)
    exc, inh = net.add(ns.LIF(n_exc, **cell), "exc"), net.add(ns.LIF(n_inh, **cell), "inh")
    weight, delay = BRUNEL["w"], BRUNEL["delay"]
    for pre, k, w in ((exc, k_exc, weight), (inh, k_inh, -BRUNEL["g"] * weight)):
        net.connect(pre, [exc, inh], ns.FixedInDegree(k), weight=w, delay=delay)
    for post in (exc, inh):
        net.stimulate(post, ns.PoissonInput(rate=BRUNEL["external_hz"], weight=weight))
    sizes, degrees = {"exc": n_exc, "inh": n_inh}, {"exc": k_exc, "inh": k_inh}
    return net, {(a, b): degrees[a] * sizes[b] for a in sizes for b in sizes}


def run(args: argparse.Namespace) -> dict:
    """Build, run, report."""
    clock = Clock()
    return measured(args, clock, *build(args))


if __name__ == "__main__":
    sys.exit(main("brunel", "neurosim", OPTIONS["brunel"], run, __file__))
