"""CUBA in NEST; the network of benchmarks/cases/cuba.py."""

import argparse
import sys

from with_nest import main, measured, model_of, nest, parameters, start, synapse

CUBA = parameters.CUBA


def run(args: argparse.Namespace) -> dict:
    """Build, run, report. With C_m = tau_m in numbers, a current of 1 pA moves v by 1 mV."""
    clock = start(args)
    taus = parameters.cuba_taus(args.ports)
    n_exc, n_inh, p = parameters.cuba_sizes(args.neurons)
    cell = {
        "tau_m": CUBA["tau_m"], "C_m": CUBA["tau_m"], "t_ref": CUBA["t_ref"],
        "tau_syn_ex": taus[0], "tau_syn_in": taus[1],
        "E_L": CUBA["v_rest"], "V_th": CUBA["v_th"], "V_reset": CUBA["v_reset"],
        "V_m": nest.random.uniform(CUBA["v_reset"], CUBA["v_th"]),
    }  # fmt: skip
    cells = nest.Create(model_of(args, "iaf_psc_exp"), n_exc + n_inh, params=cell)
    groups = {"exc": cells[:n_exc], "inh": cells[n_exc:]}
    rule = {"rule": "pairwise_bernoulli", "p": p}
    kind = synapse(args, args.neurons)
    delay = args.delay
    if args.spread:
        delay = nest.random.uniform(args.delay - args.spread, args.delay + args.spread)
    for name, weight in (("exc", CUBA["w_exc"]), ("inh", CUBA["w_inh"])):
        model = {"synapse_model": kind, "weight": weight, "delay": delay}
        nest.Connect(groups[name], cells, rule, model)
    sizes = {"exc": n_exc, "inh": n_inh}
    numbers = {(a, b): round(p * sizes[a] * sizes[b]) for a in sizes for b in sizes}
    return measured(args, clock, groups, numbers)


if __name__ == "__main__":
    sys.exit(main("cuba", "nest", parameters.OPTIONS["cuba"], run, __file__))
