"""Where does a sound come from? Delay lines and exact coincidences, in microseconds.

python examples/06_exact_delays.py --out pictures
"""

import argparse
from pathlib import Path

import numpy as np

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
out = parser.parse_args().out

# Both ears hear the same clicks, the right one a little later (ms), and not quite regularly so.
difference = 0.137
clicks = 5.0 * np.arange(1, 41)
later = clicks + difference + np.random.default_rng(1).normal(0.0, 0.03, clicks.size)

# Each detector hears both ears through delays of its own; it fires if two clicks meet within
# 30 microseconds, as its potential decays with tau_m = 60 microseconds.
lags = np.linspace(-0.4, 0.4, 81)
net = ns.Network(seed=1)
left = net.add(ns.SpikeSource(1, times=clicks, ids=[0] * clicks.size), "left")
right = net.add(ns.SpikeSource(1, times=later, ids=[0] * clicks.size), "right")
cells = net.add(ns.LIF(lags.size, tau_m=0.06, v_th=1.6), "detectors")
net.connect(left, cells, weight=1.0, delay=0.5 + lags / 2)
net.connect(right, cells, weight=1.0, delay=0.5 - lags / 2)

fired = ns.simulate(net, 210.0, engine="event").counts["detectors"]
grid = ns.simulate(net, 210.0, engine="clock", dt=0.1).counts["detectors"]  # delays are rounded
heard = [float(np.average(lags, weights=counts)) for counts in (fired, grid)]
print(
    f"interaural time difference {1000 * difference:.0f} us, heard {1000 * heard[0]:.0f} us, "
    f"on a grid of 0.1 ms {1000 * heard[1]:.0f} us"
)
if out:
    from matplotlib.figure import Figure

    out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.step(1000 * lags, grid, where="mid", color="0.7", label="clock engine, dt = 0.1 ms")
    axes.step(1000 * lags, fired, where="mid", color="C0", label="event engine")
    axes.axvline(1000 * difference, color="C3", linestyle="--", label="the true difference")
    axes.set(xlabel="lag of the detector [µs]", ylabel="spikes in 40 clicks")
    axes.legend(frameon=False)
    figure.savefig(out / "exact_delays.png", dpi=120)
    print(f"pictures in {out}")
