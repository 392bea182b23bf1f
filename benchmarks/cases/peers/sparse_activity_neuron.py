"""Sparse activity in NEURON; the network of benchmarks/cases/sparse_activity.py."""

import argparse
import sys

import numpy as np
from with_neuron import h, main, measured, parameters, start

SPARSE = parameters.SPARSE


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. IntFire1 counts its potential in units of the threshold."""
    clock = start(args)
    n, degree = args.neurons, SPARSE["in_degree"]
    pc = h.ParallelContext()
    cells = [h.IntFire1() for _ in range(n)]
    for gid, cell in enumerate(cells):
        cell.tau, cell.refrac = SPARSE["tau_m"], SPARSE["t_ref"]
        pc.set_gid2node(gid, 0)
        pc.cell(gid, h.NetCon(cell, None))
    span = SPARSE["v_th"] - SPARSE["v_rest"]
    weight, input_weight, delay = SPARSE["w"] / span, SPARSE["w_input"] / span, SPARSE["delay"]
    rng = np.random.default_rng(args.seed)
    kept = []  # connections live as long as their objects
    for gid, cell in enumerate(cells):
        for source in rng.integers(0, n, degree).tolist():
            connection = pc.gid_connect(source, cell)
            connection.weight[0], connection.delay = weight, delay
            kept.append(connection)
        connection = pc.gid_connect(n + gid, cell)  # from outside: PatternStim plays these gids
        connection.weight[0], connection.delay = input_weight, delay
        kept.append(connection)
    times, ids = parameters.sparse_input(n, args.warmup + args.seconds, args.seed)
    played = h.Vector(times), h.Vector(ids + n)
    stimulus = h.PatternStim()
    stimulus.play(*played)
    return measured(args, clock, n, {("cells", "cells"): n * degree})


if __name__ == "__main__":
    case = "sparse_activity"
    sys.exit(main(case, "neuron", parameters.OPTIONS[case], run, __file__))
