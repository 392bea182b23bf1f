"""How is a case run in Brian2? C++ standalone, timed inside the generated program.

The twins import from here what they share with the cases, which lie one folder up.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import brian2 as b2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import microcircuit_model as microcircuit_model  # noqa: E402
import parameters as parameters  # noqa: E402
from measure import Clock, irregularity, peak_rss_mb, report  # noqa: E402
from measure import main as main  # noqa: E402

# Lines of C++ around each run: CPU and wall time, resident memory, appended to a file.
_CLOCKS = """{
    struct timespec cpu, wall; struct rusage used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu); clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &used);
    FILE *f = fopen("clocks.txt", "a");
    fprintf(f, "%.9f %.9f %ld\\n", cpu.tv_sec + 1e-9 * cpu.tv_nsec,
            wall.tv_sec + 1e-9 * wall.tv_nsec, used.ru_maxrss);
    fclose(f);
}"""


def start(args: argparse.Namespace) -> Clock:
    """Choose the standalone device; returns the running clock, which knows the folder."""
    clock = Clock()
    clock.folder = folder = tempfile.mkdtemp(prefix="brian2-case-")
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = args.threads if args.threads > 1 else 0
    b2.prefs.codegen.cpp.headers += ["<ctime>", "<cstdio>", "<sys/resource.h>"]
    if args.dtype == "float32":
        b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
    b2.defaultclock.dt = 0.1 * b2.ms
    b2.seed(args.seed)
    for slot in ("before_network_run", "after_network_run"):
        b2.device.insert_code(slot, _CLOCKS)
    return clock


def measured(args, clock: Clock, network: b2.Network, cells: dict, synapses: dict) -> dict:
    """Compile and run; ``cells`` are the groups to count, by name."""
    keep = args.record == "spikes"
    if args.warmup > 0:
        network.run(args.warmup * b2.second)
    monitors = {name: b2.SpikeMonitor(group, record=keep) for name, group in cells.items()}
    network.add(*monitors.values())
    network.run(args.seconds * b2.second)
    folder = Path(clock.folder)
    try:
        b2.device.build(run=False, directory=str(folder), compile=True)
        compiled = clock.lap()
        b2.device.run()
        total = clock.lap()
        marks = np.loadtxt(_clock_file(folder))
        counts = {name: int(np.sum(m.count[:])) for name, m in monitors.items()}
        found = _costs(marks, compiled, total)
        if keep:
            found |= irregularity({n: (m.t[:] / b2.ms, m.i[:]) for n, m in monitors.items()})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sizes = {name: len(group) for name, group in cells.items()}
    precision = np.dtype(b2.prefs.core.default_float_dtype).name
    return report(
        args, sizes=sizes, spikes_per_population=counts, synapses=synapses,
        version=b2.__version__, precision=precision, **found,
    )  # fmt: skip


def _clock_file(folder: Path) -> Path:
    return next(folder.rglob("clocks.txt"))


def _costs(marks: np.ndarray, compiled: tuple, total: tuple) -> dict:
    """Costs from the marks: two per run; what is no run is building."""
    spans = marks[1::2] - marks[::2]
    run, rest = spans[-1], spans[:-1].sum(axis=0)
    return {
        "build_cpu_s": float(compiled[0] + total[0] - run[0] - rest[0]),
        "build_wall_s": float(compiled[1] + total[1] - run[1] - rest[1]),
        "compile_cpu_s": float(compiled[0]),
        "warmup_cpu_s": float(rest[0]),
        "run_cpu_s": float(run[0]),
        "run_wall_s": float(run[1]),
        "peak_rss_mb": max(float(marks[-1, 2]) / 1000.0, peak_rss_mb()),
    }
