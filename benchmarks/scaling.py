"""What does a synaptic event cost, and how does it grow with the network? JSON and a picture.

Recurrent networks of 1e3 to 1e5 neurons that all fire at one rate, driven by a direct current
from phases spread over the cycle, with synapses too weak to matter: activity, and with it the
work per neuron, is the same at every size, and what changes is where the memory lies. Usage::

    python benchmarks/scaling.py [--out scaling.json] [--picture docs/pictures/time_per_event.png]
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
from csr_probe import probe

import neurosim as ns
from neurosim.estimate import estimate_memory
from neurosim.plot.figure import COLOURS, save

RATE, DELAY = 20.0, 1.5  # Hz, ms
CELL = {"tau_m": 20.0, "t_ref": 2.0, "v_th": 1.0}
WEIGHT = 1e-7  # of the threshold: a thousand arrivals do not move a spike by a step
SIZES = (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
FAMILIES = {  # name: in-degree, has each synapse a weight and delay of its own, their store
    "in-degree 100": (100, False, "exact"),
    "in-degree 1000": (1000, False, "exact"),
    "in-degree 1000, own weights and delays": (1000, True, "exact"),
    "the same, packed": (1000, True, "packed"),
}


def network(neurons: int, degree: int, own: bool) -> ns.Network:
    """The recurrent network; without synapses if the in-degree is 0."""
    period = 1000.0 / RATE - CELL["t_ref"]
    level = 1.0 / (1.0 - math.exp(-period / CELL["tau_m"]))  # where v would settle
    phases = np.random.default_rng(neurons).random(neurons)
    v0 = level * (1.0 - np.exp(-phases * period / CELL["tau_m"]))
    net = ns.Network(seed=1)
    cells = net.add(ns.LIF(neurons, **CELL, i_ext=level, v0=v0), "cells")
    if degree:
        weight = ns.Normal(WEIGHT, 0.1 * WEIGHT, low=0.0) if own else WEIGHT
        delay = ns.Uniform(0.5, 2.5) if own else DELAY
        net.connect(cells, cells, ns.FixedInDegree(degree), weight=weight, delay=delay)
    return net


def cost(neurons: int, degree: int, own: bool, weights: str, args: argparse.Namespace) -> dict:
    """CPU-seconds of one network, per event and per neuron and step; medians.

    Neurons do not sleep here: the direct current keeps them awake anyway.
    """
    events = args.events if degree else 2e4 * RATE
    per_second = neurons * max(degree, 1) * RATE
    seconds = min(5.0, max(0.1, events / per_second))
    net = network(neurons, degree, own)
    begin = time.process_time()
    sim = ns.Simulator(net, weights=weights, sleep=False)
    build = time.process_time() - begin
    sim.run(60.0, record={}, progress=False)  # more than a cycle: all pages touched
    used, arrivals = [], 0
    for _ in range(args.repeat):
        begin = time.process_time()
        result = sim.run(seconds * 1000.0, record={}, progress=False)
        used.append(time.process_time() - begin)
        arrivals = sum(result.synaptic_events.values())
    run = float(np.median(used))
    steps = neurons * seconds * 1e4
    return {
        "neurons": neurons, "degree": degree, "own": own, "seconds": seconds,
        "spikes": int(result.counts["cells"].sum()), "events": int(arrivals),
        "build_cpu_s": round(build, 3), "run_cpu_s": round(run, 5),
        "ns_per_event": round(1e9 * run / arrivals, 4) if arrivals else None,
        "ns_per_neuron_step": round(1e9 * run / steps, 4),
        "synapse_bytes": estimate_memory(net).synapses,
    }  # fmt: skip


def caches() -> dict[str, int]:
    """Bytes of the data caches of the first core, by level; empty where Linux does not say."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = (
                (folder / name).read_text(encoding="utf-8").strip()
                for name in ("level", "type", "size")
            )
        except OSError:
            continue
        if kind != "Instruction":
            factor = {"K": 1024, "M": 1024**2}.get(size[-1], 1)
            sizes[f"L{level}"] = int(size.rstrip("KMG")) * factor
    return sizes


def measure(args: argparse.Namespace) -> dict:
    """All networks of all families, and beside each the CSR probe."""
    found: dict[str, list[dict]] = {name: [] for name in FAMILIES}
    alone = []
    for n in args.sizes:
        alone.append(cost(n, 0, False, "exact", args))
        for name, (degree, own, weights) in FAMILIES.items():
            if n * degree > args.most_synapses or n < degree:
                continue
            row = cost(n, degree, own, weights, args)
            rest = row["ns_per_neuron_step"] - alone[-1]["ns_per_neuron_step"]
            steps_per_event = n * row["seconds"] * 1e4 / row["events"]
            row["delivery_ns_per_event"] = round(rest * steps_per_event, 4)
            if not own:
                limit = probe(n, degree, args.probe_seconds)
                row["probe_ns_per_event"] = round(1e9 / limit["events_per_cpu_s"], 4)
            found[name].append(row)
            print(f"  {n} neurons, {name}: {row['ns_per_event']} ns", file=sys.stderr)
    return {"rate_hz": RATE, "caches": caches(), "families": found, "neurons_alone": alone}


def marks(found: dict) -> list[tuple[float, str]]:
    """(neurons, what fills which cache there), within the range of the picture."""
    sizes = [row["neurons"] for rows in found["families"].values() for row in rows]
    lines = []
    for level, size in found["caches"].items():
        lines.append((size / 4, f"{level}: input buffer"))  # float32
        for name, rows in found["families"].items():
            if rows and not rows[0]["own"]:
                per_neuron = rows[-1]["synapse_bytes"] / rows[-1]["neurons"]
                lines.append((size / per_neuron, f"{level}: synapses, {name}"))
    return [(n, text) for n, text in lines if min(sizes) <= n <= max(sizes)]


def draw(found: dict, path: str) -> None:
    """The picture: the whole time per event, and that of delivery beside the probe's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    whole, delivery = figure.subplots(1, 2, sharey=True)
    for colour, (name, rows) in zip(COLOURS, found["families"].items(), strict=False):
        n = [row["neurons"] for row in rows]
        whole.plot(n, [row["ns_per_event"] for row in rows], "o-", color=colour, label=name)
        delivered = [max(row["delivery_ns_per_event"], 0.01) for row in rows]
        delivery.plot(n, delivered, "o-", color=colour)
        if rows and not rows[0]["own"]:
            limit = [row["probe_ns_per_event"] for row in rows]
            label = "CSR probe" if name == next(iter(found["families"])) else None
            delivery.plot(n, limit, "--", color=colour, linewidth=1.0, label=label)
    for ax in (whole, delivery):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("neurons")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
        ax.tick_params(axis="y", which="minor", labelsize=7)
        ax.legend(frameon=False, fontsize="small")
    for n, text in marks(found):
        delivery.axvline(n, color=COLOURS[7], linestyle=":", linewidth=1.0)
        delivery.annotate(
            text, (n, 0.02), xycoords=("data", "axes fraction"), rotation=90, va="bottom",
            ha="right", fontsize=7, color=COLOURS[7],
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )  # fmt: skip
    whole.set_ylabel("CPU time per synaptic event (ns)")
    whole.set_title("neurons and delivery", fontsize="medium")
    delivery.set_title("delivery alone; dotted: a cache is full", fontsize="medium")
    save(whole, path)


def main() -> int:
    """Measure, or read what was measured; print, write, draw."""
    parser = argparse.ArgumentParser(description="Time per synaptic event over network size.")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--events", type=float, default=1e8, help="synaptic events per run")
    parser.add_argument("--most-synapses", type=float, default=1.1e8)
    parser.add_argument("--probe-seconds", type=float, default=0.3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--read", help="draw the JSON of an earlier measurement instead")
    parser.add_argument("--out", help="write the JSON here")
    parser.add_argument("--picture", help="write the picture here")
    args = parser.parse_args()
    found = json.loads(Path(args.read).read_text(encoding="utf-8")) if args.read else measure(args)
    for name, rows in found["families"].items():
        print(name)
        for row in rows:
            limit = row.get("probe_ns_per_event")
            beside = f", probe {limit:6.2f} ns" if limit else ""
            part = f"{row['ns_per_event']:7.2f} ns per event, {row['delivery_ns_per_event']:6.2f}"
            print(f"  {row['neurons']:>7} neurons {part} of delivery{beside}")
    for row in found["neurons_alone"]:
        print(f"{row['neurons']:>9} neurons alone {row['ns_per_neuron_step']:6.2f} ns per step")
    if args.out:
        Path(args.out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if args.picture:
        draw(found, args.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
