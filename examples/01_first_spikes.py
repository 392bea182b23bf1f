"""Script a simulation: a small network of excitatory and inhibitory neurons.

python examples/01_first_spikes.py --out pictures
"""

import argparse
from pathlib import Path

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
out = parser.parse_args().out

# 1. Describe. Times are in ms, potentials in mV, rates in Hz.
net = ns.Network(seed=1)
inp = net.add(ns.PoissonSource(200, rate=20.0), "in")
exc = net.add(ns.LIF(320, tau_m=20.0, tau_syn=5.0, v_th=10.0, t_ref=2.0), "exc")
inh = net.add(ns.LIF(80, tau_m=20.0, tau_syn=5.0, v_th=10.0, t_ref=2.0), "inh")
net.connect(inp, [exc, inh], ns.FixedProbability(0.1), weight=5.0, delay=1.0)
net.connect(exc, [exc, inh], ns.FixedInDegree(32), weight=1.2, delay=ns.Uniform(0.5, 3.0))
net.connect(inh, [exc, inh], ns.FixedInDegree(8), weight=-8.0, delay=0.8)
print(net.summary())

# 2. Run: all spikes, and the membrane potential of three neurons.
record = {"in": ["spikes"], "exc": ["spikes", "v[:3]"], "inh": ["spikes"]}
result = ns.simulate(net, 500.0, dt=0.1, record=record)
print(result)
for name, rate in result.rates().items():
    print(f"{name}: {rate:.1f} Hz")

# 3. Look.
if out:
    out.mkdir(parents=True, exist_ok=True)
    ns.plot.save(ns.plot.raster(result, ["exc", "inh"]), out / "raster.png")
    ns.plot.save(ns.plot.traces(result, "exc", "v"), out / "potentials.png")
    ns.plot.save(ns.plot.rates(result), out / "rates.png")
    print(f"pictures in {out}")
