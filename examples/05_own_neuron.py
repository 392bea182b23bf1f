"""Write your own neuron model: Izhikevich's, from its two equations.

python examples/05_own_neuron.py --out pictures
"""

import argparse
from pathlib import Path

import neurosim as ns

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, help="folder for pictures")
out = parser.parse_args().out


# Arguments are found by name: state variables, parameters, t, dt, weight, port.
# Each function that changes the state returns all of it, in the declared order.
def advance(v, u, a, b, i_ext, dt):
    """dv/dt = 0.04 v^2 + 5 v + 140 - u + i,  du/dt = a (b v - u); explicit Euler."""
    dv = 0.04 * v * v + 5.0 * v + 140.0 - u + i_ext
    du = a * (b * v - u)
    return v + dt * dv, u + dt * du


def receive(v, u, weight):
    """An arrival moves the potential."""
    return v + weight, u


def fires(v):
    """The peak of the spike, in mV."""
    return v >= 30.0


def fire(v, u, c, d):
    """Reset after a spike."""
    return c, u + d


izhikevich = ns.NeuronModel(
    name="izhikevich",
    state={"v": -65.0, "u": -13.0},
    params={"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "i_ext": 10.0},
    units={"v": "mV", "u": "mV/ms"},
    advance=advance, receive=receive, fires=fires, fire=fire,
)  # fmt: skip

# Two kinds of cell, by their parameters; a source pushes both.
net = ns.Network(seed=2)
noise = net.add(ns.PoissonSource(50, rate=40.0), "noise")
net.add(izhikevich.neurons(20), "regular")
net.add(izhikevich.neurons(20, c=-50.0, d=2.0), "chattering")
net.connect(noise, ["regular", "chattering"], ns.FixedProbability(0.2), weight=1.0, delay=1.0)
record = {"regular": ["spikes", "v[:1]"], "chattering": ["spikes", "v[:1]"]}
result = ns.simulate(net, 500.0, dt=0.1, record=record)
for name, rate in result.rates().items():
    print(f"{name}: {rate:.1f} Hz")
if out:
    out.mkdir(parents=True, exist_ok=True)
    ns.plot.save(ns.plot.raster(result), out / "cells.png")
    ns.plot.save(ns.plot.traces(result, "chattering", "v"), out / "potential.png")
    print(f"pictures in {out}")
