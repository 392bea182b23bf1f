"""Where does a first run spend its time? Every kernel, with the time to compile and to load it.

The same 10-neuron run in two fresh processes: with an empty cache, and with the cache that the
first one filled. Prints CPU-seconds. Usage::

    python benchmarks/compile_time.py [--repeat 3] [--program FILE]

``--program`` takes another program than the 10-neuron run, to see what else is compiled there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from start_up import FIRST_RUN

Row = dict[str, float]  # by kernel


def watch(program: str) -> None:
    """Run a program in this process; print what was compiled and loaded, as JSON."""
    begin = time.process_time()
    from neurosim._jit import callbacks, kernels, objectfiles

    imported = time.process_time()
    compiled: Row = {}
    loaded: Row = {}
    since: Row = {}
    read, write, place = objectfiles.ObjectFile.read, objectfiles.ObjectFile.write, kernels.place
    names: dict[str, str] = {}

    def timed_read(self):
        start = time.process_time()
        found = read(self)
        names[self.symbol] = self.name
        since[self.name] = time.process_time()
        if found is not None:
            loaded[self.name] = since[self.name] - start
        return found

    def timed_write(self, code, note):
        compiled[self.name] = time.process_time() - since[self.name]
        write(self, code, note)

    def timed_place(code, symbol):
        start = time.process_time()
        found = place(code, symbol)
        if names[symbol] in loaded:
            loaded[names[symbol]] += time.process_time() - start
        return found

    objectfiles.ObjectFile.read, objectfiles.ObjectFile.write = timed_read, timed_write
    kernels.place = callbacks.place = timed_place
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    end = time.process_time()
    totals = {"import": imported - begin, "run": end - imported, "numba": "numba" in sys.modules}
    print("\n" + json.dumps({"compiled": compiled, "loaded": loaded, "totals": totals}))


def one_process(file: str, folder: str) -> dict:
    """What a fresh process tells that runs a program with its cache in a folder."""
    caches = {"NUMBA_CACHE_DIR": folder, "NEUROSIM_CACHE_DIR": folder}
    run = subprocess.run(
        [sys.executable, __file__, "--watch", file], env={**os.environ, **caches},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


def median(values: list[dict], *keys: str) -> float:
    """Median of one entry of several results."""
    found = []
    for value in values:
        for key in keys:
            value = value[key]
        found.append(value)
    return statistics.median(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        watch(arguments.watch.read_text(encoding="utf-8"))
        return
    cold, warm = [], []
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            program = arguments.program or Path(folder, "first_run.py")
            if not arguments.program:
                program.write_text(FIRST_RUN, encoding="utf-8")
            cold.append(one_process(str(program), folder))
            warm.append(one_process(str(program), folder))
    print(f"{'kernel':<60} {'compile':>9} {'load':>9}   CPU-s")
    names = sorted(cold[0]["compiled"], key=lambda name: -cold[0]["compiled"][name])
    for name in names:
        loads = median(warm, "loaded", name) if name in warm[0]["loaded"] else float("nan")
        short = name.rsplit("-", 1)[0].removeprefix("neurosim.")
        print(f"{short:<60} {median(cold, 'compiled', name):9.3f} {loads:9.4f}")
    for what in ("import", "run"):
        cost = median(cold, "totals", what), median(warm, "totals", what)
        print(f"{'whole ' + what:<60} {cost[0]:9.3f} {cost[1]:9.4f}")
    without = "without" if not warm[0]["totals"]["numba"] else "with"
    print(f"the second process ran {without} Numba")


if __name__ == "__main__":
    main()
