"""How is a case run in neurosim? Build, warm up, run, count."""

import argparse

from measure import Clock, irregularity, report

import neurosim as ns

SLEEP = {"auto": "auto", "on": True, "off": False}


def simulator(args: argparse.Namespace, net: ns.Network) -> tuple:
    """The engine that is asked for, and its precision."""
    if args.times == "exact":
        return ns.EventSimulator(net, threads=args.threads), "float64"
    dtype = args.dtype or "float32"
    options = {"weights": args.weights, "sleep": SLEEP[args.sleep], "threads": args.threads}
    return ns.Simulator(net, dt=0.1, dtype=dtype, **options), dtype


def measured(args: argparse.Namespace, clock: Clock, net: ns.Network, synapses: dict) -> dict:
    """Build and run ``net``; the populations of neurons are those that are counted."""
    cells = [p.name for p in net.populations.values() if not p.is_source]
    record = {name: ["spikes"] for name in cells} if args.record == "spikes" else {}
    sim, dtype = simulator(args, net)
    build = clock.lap()
    if args.warmup > 0:
        sim.run(args.warmup * 1000.0, record={}, progress=False)
    warmup = clock.lap()
    result = sim.run(args.seconds * 1000.0, record=record, progress=False)
    run = clock.lap()
    found = {
        "version": ns.__version__, "precision": dtype, "weights": args.weights, "sleep": args.sleep,
        "build_cpu_s": build[0], "build_wall_s": build[1], "warmup_cpu_s": warmup[0],
        "run_cpu_s": run[0], "run_wall_s": run[1],
        "threads_chosen": f"together on {100 * result.threads_share:.0f} % of the steps",
    }  # fmt: skip
    if args.record == "spikes":
        trains = {name: (result.spikes[name].times, result.spikes[name].ids) for name in cells}
        found |= irregularity(trains)
    return report(
        args,
        sizes={name: net.populations[name].n for name in cells},
        spikes_per_population={name: int(result.counts[name].sum()) for name in cells},
        synapses=synapses,
        **found,
    )
