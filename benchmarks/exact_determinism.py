"""Does an event-driven run depend on scheduler, threads, cuts or a save? To the last bit.

Random recurrent networks (tests/exact_networks.py) run whole, by windows on one thread. Then by
the heap; on 2 threads; cut in random pieces, some of them ending on a spike or on the grid of
the inputs; and saved at each cut and gone on with in a fresh simulation, under another
scheduler and number of threads. Spikes are compared, and states at random times. One line per
network with a difference, a summary; exit code 1 if a single bit differs. Usage::

    python benchmarks/exact_determinism.py [--networks 500] [--largest 40]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import neurosim as ns

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from exact_networks import ExactCase, exact_case  # noqa: E402

Found = dict[str, list[np.ndarray]]


def whole_run(case: ExactCase, ways: list[dict], ends: list[float], samples: np.ndarray) -> Found:
    """Spike times, ids and sampled states of each population, of a run in pieces.

    ``ways`` are options of the simulator. With one, the run is cut only; with several each
    piece is saved, and the next begins in a fresh simulation with the next options.
    """
    net = case.network()
    parts: dict[str, list] = {name: [] for name in net.populations}
    sim = ns.EventSimulator(net, **ways[0])
    with tempfile.TemporaryDirectory() as folder:
        for k, end in enumerate([*ends, case.duration]):
            if k and len(ways) > 1:
                path = sim.save(Path(folder) / f"{k}.h5")
                sim = ns.EventSimulator(net, **ways[k % len(ways)])
                sim.load(path)
            found = _piece(sim, end, samples)
            for name, arrays in found.items():
                parts[name].append(arrays)
    return {
        name: [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]
        for name, pieces in parts.items()
    }


def _piece(sim: ns.EventSimulator, end: float, samples: np.ndarray) -> Found:
    """Run on to about ``end``: spikes, and states at the samples until then."""
    stop = sim.t + (end - sim.t)  # where the simulator will be
    times = samples[(samples >= sim.t) & (samples < stop)]
    populations = sim.network.populations.values()
    record = {p.name: ["spikes"] if p.is_source else ["spikes", "v"] for p in populations}
    result = sim.run(end - sim.t, record=record, times=times, progress=False)
    found = {}
    for p in populations:
        spikes = result.spikes[p.name]
        v = [] if p.is_source else [result.traces[p.name]["v"].values]
        found[p.name] = [spikes.times, spikes.ids, *v]
    return found


def pieces_of(case: ExactCase, whole: Found, rng: np.random.Generator) -> list[float]:
    """Ends of pieces: anywhere, on the grid of the inputs, at the time of a spike."""
    spikes = np.concatenate([times for times, *_ in whole.values()])
    cuts = [
        *rng.uniform(0.0, case.duration, rng.integers(1, 5)),
        *(0.5 * rng.integers(1, 2.0 * case.duration, 2)),
        *(rng.choice(spikes, 2) if spikes.size else []),
    ]
    return np.unique([float(c) for c in cuts if 0.0 < c < case.duration]).tolist()


def differences(a: Found, b: Found) -> list[str]:
    """Names of the populations where a bit differs."""
    return [
        name
        for name in a
        if not all(np.array_equal(x, y) for x, y in zip(a[name], b[name], strict=True))
    ]


def check(case: ExactCase) -> tuple[dict[str, list[str]], int]:
    """What differs, by way of running; and the number of spikes of neurons."""
    rng = np.random.default_rng([case.seed, 97])
    samples = np.sort(rng.uniform(0.0, case.duration, 8))
    windows, heap = {"scheduler": "windows"}, {"scheduler": "heap"}
    two = windows | {"threads": 2}
    whole = whole_run(case, [windows], [], samples)
    pieces = pieces_of(case, whole, rng)
    ways = {
        "heap": ([heap], []),
        "2 threads": ([two], []),
        "windows, cut": ([windows], pieces),
        "heap, cut": ([heap], pieces),
        "2 threads, cut": ([two], pieces),
        "saved and resumed": ([windows, heap, two], pieces[: 1 + case.seed % 3]),
    }
    found = {
        way: differences(whole, whole_run(case, *how, samples=samples)) for way, how in ways.items()
    }
    spikes = sum(len(whole[name][0]) for name, p in case.populations.items() if not p.is_source)
    return {way: names for way, names in found.items() if names}, spikes


def main() -> int:
    """Check all, print what differs and a summary."""
    parser = argparse.ArgumentParser(description="The same bits in whatever way it runs.")
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first network")
    parser.add_argument("--largest", type=int, default=40, help="neurons of a population")
    args = parser.parse_args()
    begin, same, silent, total = time.perf_counter(), 0, 0, 0
    for seed in range(args.first, args.first + args.networks):
        different, spikes = check(exact_case(seed, largest=args.largest))
        same, silent, total = same + (not different), silent + (spikes == 0), total + spikes
        if different:
            said = "; ".join(f"{way}: {', '.join(names)}" for way, names in different.items())
            print(f"network {seed} DIFFERENT ({said})", flush=True)
        done = seed + 1 - args.first
        if done % 100 == 0:
            print(f"{same} of {done} so far", file=sys.stderr, flush=True)
    took = time.perf_counter() - begin
    print(
        f"{same} of {args.networks} networks give the same bits by windows and heap, on 1 and 2 "
        f"threads, cut and uncut, saved and resumed ({total:,} spikes, {silent} networks silent, "
        f"{took:.0f} s)"
    )
    return 0 if same == args.networks and silent < 0.1 * args.networks else 1


if __name__ == "__main__":
    sys.exit(main())
