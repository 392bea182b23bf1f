"""Sparse activity in Brian2; the network of benchmarks/cases/sparse_activity.py."""

import argparse
import sys

from with_brian2 import b2, main, measured, parameters, start

SPARSE = parameters.SPARSE


def run(args: argparse.Namespace) -> dict:
    """Build, run, report."""
    clock = start(args)
    n = args.neurons
    times, ids = parameters.sparse_input(n, args.warmup + args.seconds, args.seed)
    values = {"tau_m": SPARSE["tau_m"] * b2.ms}
    values |= {k: SPARSE[k] * b2.mV for k in ("v_rest", "v_th", "v_reset", "w", "w_input")}
    cells = b2.NeuronGroup(
        n, "dv/dt = (v_rest - v) / tau_m : volt (unless refractory)", threshold="v > v_th",
        reset="v = v_reset", refractory=SPARSE["t_ref"] * b2.ms, method="exact",
        namespace=values,
    )  # fmt: skip
    inner = b2.Synapses(
        cells, cells, on_pre="v += w", delay=SPARSE["delay"] * b2.ms, namespace=values
    )
    inner.connect(i=f"k for k in sample(N_pre, size={SPARSE['in_degree']})")
    trains = b2.SpikeGeneratorGroup(n, ids, times * b2.ms)
    outer = b2.Synapses(
        trains, cells, on_pre="v += w_input", delay=SPARSE["delay"] * b2.ms, namespace=values
    )
    outer.connect(j="i")
    network = b2.Network(cells, inner, trains, outer)
    numbers = {("cells", "cells"): n * SPARSE["in_degree"]}
    return measured(args, clock, network, {"cells": cells}, numbers)


if __name__ == "__main__":
    sys.exit(
        main("sparse_activity", "brian2", parameters.OPTIONS["sparse_activity"], run, __file__)
    )
