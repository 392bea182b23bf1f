"""Compare energy on chips: one simulation, counted once, priced on each of them.

python examples/03_energy_on_chips.py --out pictures
"""

import argparse
from pathlib import Path

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
out = parser.parse_args().out

# 1. A network of 150 neurons driven by 100 sources, for one second.
net = ns.Network(seed=1)
drive = net.add(ns.PoissonSource(100, rate=30.0), "drive")
cells = net.add(ns.LIF(150, tau_m=20.0, v_th=10.0, t_ref=2.0), "cells")
net.connect(drive, cells, ns.FixedProbability(0.3), weight=0.7, delay=1.0)
net.connect(cells, cells, ns.FixedInDegree(20, autapses=False), weight=0.2, delay=2.0)
result = ns.simulate(net, 1000.0, dt=1.0)
print(result)

# 2. Estimates by model, low .. nominal .. high, with what has no published price. ODIN has
#    no delays: its row says which limit is broken, by how much, and what would fit.
table = ns.compare(result, chips=["loihi", "truenorth", "odin"])
print(table)

# 3. Where does a number come from?
print(table.explain("loihi", "drive->cells"))
if out:
    out.mkdir(parents=True, exist_ok=True)
    ns.plot.save(ns.plot.energy(table), out / "energy.png")
    table.to_csv(out / "energy.csv")
    print(f"picture and table in {out}")
