"""The cortical microcircuit in NEST; the network of benchmarks/cases/microcircuit.py."""

import argparse
import sys

from with_nest import main, measured, nest, parameters, start, synapse
from with_nest import microcircuit_model as model


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. The least delay is drawn again below half a step and rounded."""
    clock = start(args)
    circuit = model.microcircuit(args.scale, args.external)
    cell = {
        "tau_m": model.CELL["tau_m"], "C_m": model.CELL["c_m"], "t_ref": model.CELL["t_ref"],
        "tau_syn_ex": model.CELL["tau_syn"], "tau_syn_in": model.CELL["tau_syn"],
        "E_L": model.CELL["v_rest"], "V_th": model.CELL["v_th"],
        "V_reset": model.CELL["v_reset"],
        "V_m": nest.random.normal(model.CELL["v0_mean"], model.CELL["v0_std"]),
    }  # fmt: skip
    groups = [
        nest.Create("iaf_psc_exp", int(n), params={**cell, "I_e": float(current)})
        for n, current in zip(circuit.sizes, circuit.current, strict=True)
    ]
    kind = synapse(args, int(circuit.sizes.sum()))
    for i, j in circuit.pairs():
        rule = {"rule": "fixed_total_number", "N": int(circuit.synapses[i, j])}
        spec = _synapse(kind, circuit.weights[i, j], model.NAMES[j])
        nest.Connect(groups[j], groups[i], rule, spec)
    for post, degree in zip(groups, circuit.external, strict=True):
        if degree > 0:
            noise = nest.Create("poisson_generator", params={"rate": degree * model.EXTERNAL_HZ})
            spec = {"weight": circuit.weight_external, "delay": model.DELAY_EXTERNAL}
            nest.Connect(noise, post, syn_spec=spec)
    cells = dict(zip(model.NAMES, groups, strict=True))
    result = measured(args, clock, cells, circuit.numbers())
    return result | {"published": model.verdict(result)}


def _synapse(kind: str, mean: float, source: str) -> dict:
    weight = nest.random.normal(mean, abs(mean) * model.WEIGHT_REL_STD)
    bounds = {"min": 0.0, "max": float("inf")}
    if mean < 0:
        bounds = {"min": float("-inf"), "max": 0.0}
    delay = nest.random.normal(*model.DELAY[source[-1]])
    return {
        "synapse_model": kind,
        "weight": nest.math.redraw(weight, **bounds),
        "delay": nest.math.redraw(delay, min=model.DELAY_LEAST, max=float("inf")),
    }


if __name__ == "__main__":
    sys.exit(main("microcircuit", "nest", parameters.OPTIONS["microcircuit"], run, __file__))
