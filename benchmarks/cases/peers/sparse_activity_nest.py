"""Sparse activity in NEST; the network of benchmarks/cases/sparse_activity.py."""

import argparse
import sys

import numpy as np
from with_nest import main, measured, model_of, nest, parameters, start, synapse

SPARSE = parameters.SPARSE


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. Each neuron with input has a generator of its own. A shorter delay
    than 1.5 ms would make NEST exchange spikes more often."""
    clock = start(args)
    n = args.neurons
    times, ids = parameters.sparse_input(n, args.warmup + args.seconds, args.seed)
    order = np.lexsort((times, ids))
    trains = np.split(times[order], np.cumsum(np.bincount(ids, minlength=n))[:-1])
    cell = {
        "tau_m": SPARSE["tau_m"], "t_ref": SPARSE["t_ref"], "E_L": SPARSE["v_rest"],
        "V_th": SPARSE["v_th"], "V_reset": SPARSE["v_reset"], "V_m": SPARSE["v_rest"],
    }  # fmt: skip
    cells = nest.Create(model_of(args, "iaf_psc_delta"), n, params=cell)
    model = {"synapse_model": synapse(args, n), "weight": SPARSE["w"], "delay": SPARSE["delay"]}
    rule = {"rule": "fixed_indegree", "indegree": SPARSE["in_degree"]}
    nest.Connect(cells, cells, rule, model)
    params = [{"spike_times": np.round(train, 1)} for train in trains]
    sources = nest.Create("spike_generator", n, params=params)
    model = {"weight": SPARSE["w_input"], "delay": SPARSE["delay"]}
    nest.Connect(sources, cells, "one_to_one", model)
    numbers = {("cells", "cells"): n * SPARSE["in_degree"]}
    return measured(args, clock, {"cells": cells}, numbers)


if __name__ == "__main__":
    sys.exit(main("sparse_activity", "nest", parameters.OPTIONS["sparse_activity"], run, __file__))
