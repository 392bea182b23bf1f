"""What does a neuron cost per step? The block kernels alone, without input or spikes.

A vectorised kernel stays near or below a nanosecond. Usage::

    python benchmarks/block_kernels.py [--neurons 4000] [--repeat 5]
"""

import argparse
import time

import numpy as np

import neurosim as ns
from neurosim._jit import call, kernel
from neurosim.engine.build import BuiltPopulation
from neurosim.engine.clock import ADDRESSES, BLOCK, N
from neurosim.network import Population

CASES = {
    "LIF, delta": lambda n: ns.LIF(n, tau_m=20.0, t_ref=2.0),
    "LIF, one exponential port": lambda n: ns.LIF(n, tau_m=20.0, tau_syn=5.0, t_ref=2.0),
    "LIF, two exponential ports": lambda n: ns.LIF(n, tau_m=20.0, tau_syn=(5.0, 10.0), t_ref=2.0),
    "LIF, delta, tau_m per neuron": lambda n: ns.LIF(n, tau_m=np.linspace(10, 20, n)),
    "IF, delta": lambda n: ns.IF(n, i_ext=1e-9),
}


@kernel
def many_steps(handle, addresses, n, steps, dt):
    """Call a block kernel ``steps`` times."""
    fired = 0
    for step in range(steps):
        fired += call(handle, (addresses, n, 0, n, 1, step * dt, dt))
    return fired


def built(neurons, real: str) -> tuple[tuple, tuple]:
    """(arguments of :func:`many_steps` before the number of steps, what must stay alive)."""
    population = BuiltPopulation(Population("cells", neurons), real)
    inputs = np.zeros(2 * neurons.n, real)
    row = population.row(0, 0.1, inputs, np.zeros(0, np.uint8), 0, ())
    return (row[BLOCK], row[ADDRESSES], row[N]), (population, inputs, row)


def nanoseconds(neurons, real: str, repeat: int) -> float:
    """Best time per neuron and step."""
    arguments, _alive = built(neurons, real)
    steps = max(1, 40_000_000 // neurons.n)
    many_steps(*arguments, 1, 0.1)
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        many_steps(*arguments, steps, 0.1)
        times.append(time.process_time() - begin)
    return 1e9 * min(times) / steps / neurons.n


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    print(f"CPU-ns per neuron and step, {arguments.neurons} neurons   float32  float64")
    for name, make in CASES.items():
        costs = [
            nanoseconds(make(arguments.neurons), real, arguments.repeat)
            for real in ("float32", "float64")
        ]
        print(f"{name:<48} {costs[0]:7.2f}  {costs[1]:7.2f}")


if __name__ == "__main__":
    main()
