"""Brunel's network in NEST; the network of benchmarks/cases/brunel.py."""

import argparse
import sys

from with_nest import main, measured, nest, parameters, start, synapse

BRUNEL = parameters.BRUNEL


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. One Poisson generator draws a train for each neuron."""
    clock = start(args)
    n_exc, n_inh, k_exc, k_inh = parameters.brunel_sizes(args.neurons)
    cell = {
        "tau_m": BRUNEL["tau_m"], "t_ref": BRUNEL["t_ref"], "E_L": BRUNEL["v_rest"],
        "V_th": BRUNEL["v_th"], "V_reset": BRUNEL["v_reset"], "V_m": BRUNEL["v_rest"],
    }  # fmt: skip
    cells = nest.Create("iaf_psc_delta", n_exc + n_inh, params=cell)
    groups = {"exc": cells[:n_exc], "inh": cells[n_exc:]}
    weight = BRUNEL["w"]
    kind = synapse(args, args.neurons)
    for name, k, w in (("exc", k_exc, weight), ("inh", k_inh, -BRUNEL["g"] * weight)):
        model = {
            "synapse_model": kind,
            "weight": w,
            "delay": BRUNEL["delay"],
        }
        nest.Connect(groups[name], cells, {"rule": "fixed_indegree", "indegree": k}, model)
    noise = nest.Create("poisson_generator", params={"rate": BRUNEL["external_hz"]})
    nest.Connect(noise, cells, syn_spec={"weight": weight, "delay": BRUNEL["delay"]})
    sizes, degrees = {"exc": n_exc, "inh": n_inh}, {"exc": k_exc, "inh": k_inh}
    numbers = {(a, b): degrees[a] * sizes[b] for a in sizes for b in sizes}
    return measured(args, clock, groups, numbers)


if __name__ == "__main__":
    sys.exit(main("brunel", "nest", parameters.OPTIONS["brunel"], run, __file__))
