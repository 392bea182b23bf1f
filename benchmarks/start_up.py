"""What does starting cost? Import time beside its parts, first run cold and warm.

Prints CPU-seconds of fresh processes, medians of several. Usage::

    python benchmarks/start_up.py [--repeat 7]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

FIRST_RUN = """
import neurosim as ns
net = ns.Network()
noise = net.add(ns.PoissonSource(10, rate=100.0), "noise")
cells = net.add(ns.LIF(10, tau_m=10.0, tau_syn=5.0), "cells")
net.connect(noise, cells, weight=0.2, delay=1.0)
ns.simulate(net, 100.0)
"""


def cost(code: str, **environment: str) -> tuple[float, float]:
    """CPU-seconds and wall seconds of a fresh process that runs ``code``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    base, ours = [], []
    for _ in range(repeat):  # interleaved, so that both see the same machine
        base.append(cost("import numpy, numba")[0])
        ours.append(cost("import neurosim")[0])
    base_s, ours_s = statistics.median(base), statistics.median(ours)
    print(f"import numpy, numba     {base_s:6.3f} CPU-s")
    print(f"import neurosim         {ours_s:6.3f} CPU-s   {ours_s / base_s:.2f} x")
    cold, warm = [], []
    for _ in range(max(1, repeat // 3)):
        with tempfile.TemporaryDirectory() as folder:
            caches = {"NUMBA_CACHE_DIR": folder, "NEUROSIM_CACHE_DIR": folder}
            cold.append(cost(FIRST_RUN, **caches))
            warm.append(cost(FIRST_RUN, **caches))
    for name, runs in (("cold cache", cold), ("warm cache", warm)):
        cpu, wall = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"first run, {name}   {cpu:6.3f} CPU-s   {wall:6.3f} s wall")


if __name__ == "__main__":
    main()
