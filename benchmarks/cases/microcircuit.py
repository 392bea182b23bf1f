"""Cortical microcircuit (Potjans and Diesmann 2014), at a scale; 1 is 77 169 neurons.

Rates and CVs of inter-spike intervals are printed beside the published ones. Usage::

    python benchmarks/cases/microcircuit.py [--scale 0.1] [--external poisson|dc]
"""

import argparse
import sys

import microcircuit_model as model
from measure import Clock, main
from ours import measured
from parameters import OPTIONS

import neurosim as ns
from neurosim.connectivity import FixedTotalNumber

NA = 1e-3  # pA in nA


def build(args: argparse.Namespace) -> tuple[ns.Network, dict]:
    """The network, and the numbers of its synapses."""
    circuit = model.microcircuit(args.scale, args.external)
    cell = {name: model.CELL[name] for name in ("tau_m", "tau_syn", "t_ref")}
    cell |= {name: model.CELL[name] for name in ("v_rest", "v_th", "v_reset")}
    cell |= {"r_m": model.CELL["tau_m"] / model.CELL["c_m"] * 1e3}  # MOhm
    cell |= {"v0": ns.Normal(model.CELL["v0_mean"], model.CELL["v0_std"])}
    net = ns.Network(seed=args.seed)
    groups = []
    for name, n, current in zip(model.NAMES, circuit.sizes, circuit.current, strict=True):
        groups.append(net.add(ns.LIF(int(n), **cell, i_ext=float(current) * NA), name))
    for i, j in circuit.pairs():
        mean = float(circuit.weights[i, j]) * NA
        std = abs(mean) * model.WEIGHT_REL_STD
        delay = model.DELAY[model.NAMES[j][-1]]
        net.connect(
            groups[j], groups[i], FixedTotalNumber(int(circuit.synapses[i, j])),
            weight=ns.Normal(mean, std, **model.clip(mean)),
            delay=ns.Normal(*delay, low=model.DELAY_LEAST),
        )  # fmt: skip
    weight = circuit.weight_external * NA
    for post, degree in zip(groups, circuit.external, strict=True):
        if degree > 0:
            rate = float(degree) * model.EXTERNAL_HZ
            net.stimulate(post, ns.PoissonInput(rate=rate, weight=weight))
    return net, circuit.numbers()


def run(args: argparse.Namespace) -> dict:
    """Build, run, report, with the published values beside ours."""
    clock = Clock()
    result = measured(args, clock, *build(args))
    return result | {"published": model.verdict(result)}


if __name__ == "__main__":
    sys.exit(main("microcircuit", "neurosim", OPTIONS["microcircuit"], run, __file__))
