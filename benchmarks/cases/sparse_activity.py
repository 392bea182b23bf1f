"""Sparse activity: 100 000 neurons, in-degree 100, 0.5 Hz.

Each spike is forced by a suprathreshold input spike; the input trains are computed
beforehand, identical for all engines. Usage::

    python benchmarks/cases/sparse_activity.py [--engine neurosim|brian2|nest]
"""

import argparse
import sys

from measure import Clock, main
from ours import measured
from parameters import OPTIONS, SPARSE, sparse_input

import neurosim as ns


def build(args: argparse.Namespace) -> tuple[ns.Network, dict]:
    """The network, and the numbers of its synapses."""
    n = args.neurons
    times, ids = sparse_input(n, args.warmup + args.seconds, args.seed)
    cell = {name: SPARSE[name] for name in ("tau_m", "t_ref", "v_rest", "v_th", "v_reset")}
    net = ns.Network(seed=args.seed)
    trains = net.add(ns.SpikeSource(n, times=times, ids=ids), "trains")
    cells = net.add(ns.LIF(n, **cell), "cells")
    net.connect(trains, cells, ns.OneToOne(), weight=SPARSE["w_input"], delay=SPARSE["delay"])
    rule = ns.FixedInDegree(SPARSE["in_degree"])
    net.connect(cells, cells, rule, weight=SPARSE["w"], delay=SPARSE["delay"])
    return net, {("cells", "cells"): n * SPARSE["in_degree"]}


def run(args: argparse.Namespace) -> dict:
    """Build, run, report."""
    clock = Clock()
    return measured(args, clock, *build(args))


if __name__ == "__main__":
    sys.exit(main("sparse_activity", "neurosim", OPTIONS["sparse_activity"], run, __file__))
