"""CUBA: 4000 (or more) neurons with exponential synapses, in-degree 80, self-sustained.

Brette et al. (2007), benchmark 2; about 5.5 Hz, with one port about 12.5 Hz. Usage::

    python benchmarks/cases/cuba.py [--engine neurosim|brian2|nest] [--neurons 4000]
"""

import argparse
import sys

from measure import Clock, main
from ours import measured
from parameters import CUBA, OPTIONS, cuba_sizes, cuba_taus

import neurosim as ns


def build(args: argparse.Namespace) -> tuple[ns.Network, dict]:
    """The network, and the expected numbers of its synapses."""
    n_exc, n_inh, p = cuba_sizes(args.neurons)
    cell = {name: CUBA[name] for name in ("tau_m", "t_ref", "v_rest", "v_th", "v_reset")}
    taus = cuba_taus(args.ports)
    cell |= {"tau_syn": taus if args.ports == 2 else taus[0]}
    cell |= {"v0": ns.Uniform(CUBA["v_reset"], CUBA["v_th"])}
    net = ns.Network(seed=args.seed)
    exc, inh = net.add(ns.LIF(n_exc, **cell), "exc"), net.add(ns.LIF(n_inh, **cell), "inh")
    delay = args.delay
    if args.spread:
        delay = ns.Uniform(args.delay - args.spread, args.delay + args.spread)
    for pre, weight in ((exc, CUBA["w_exc"]), (inh, CUBA["w_inh"])):
        net.connect(pre, [exc, inh], ns.FixedProbability(p), weight=weight, delay=delay)
    sizes = {"exc": n_exc, "inh": n_inh}
    return net, {(a, b): round(p * sizes[a] * sizes[b]) for a in sizes for b in sizes}


def run(args: argparse.Namespace) -> dict:
    """Build, run, report."""
    clock = Clock()
    return measured(args, clock, *build(args))


if __name__ == "__main__":
    sys.exit(main("cuba", "neurosim", OPTIONS["cuba"], run, __file__))
