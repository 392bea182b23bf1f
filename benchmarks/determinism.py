"""Does a run depend on threads, cuts or a save? Random networks, spike for spike.

Each network runs whole on one thread. Then on 2 and 4 threads, cut in random pieces, and saved
at a random moment and gone on with in a fresh simulation, on other numbers of threads. One
line per network; exit code 1 if a single spike differs in neuron, time or order. Usage::

    python benchmarks/determinism.py [--networks 100] [--microcircuit 0.1]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import neurosim as ns
from neurosim.engine import threads

sys.path.insert(0, str(Path(__file__).resolve().parent / "cases"))
import microcircuit  # noqa: E402

THREADS = (1, 2, 4)


def random_network(seed: int) -> ns.Network:
    """2 to 4 populations of 40 to 1500 LIF or IF neurons and their inputs, of any kind."""
    rng = np.random.default_rng([seed, 41])
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(int(rng.integers(20, 300)), rate=60.0), "noise")
    cells = []
    for k in range(rng.integers(2, 5)):
        cells.append(net.add(_neurons(rng), f"cells{k}"))
        _drive(rng, net, noise, cells[-1])
    for pre in cells:
        for post in cells:
            if rng.random() < 0.6:
                _connect(rng, net, pre, post)
    return net


def _neurons(rng):
    n = int(rng.integers(40, 1500))
    ports = (None, 4.0, (3.0, 6.0))[rng.integers(3)]
    common = {"tau_syn": ports, "t_ref": float(rng.choice([0.0, 1.0, 2.5]))}
    common["reset"] = str(rng.choice(["value", "subtract"]))
    common["v0"] = ns.Uniform(0.0, 1.0)
    if rng.random() < 0.3:
        return ns.IF(n, v_th=1.0, **common)
    tau_m = rng.uniform(8.0, 30.0, n) if rng.random() < 0.4 else 20.0
    return ns.LIF(n, tau_m=tau_m, i_ext=float(rng.uniform(0.5, 1.05)), **common)


def _drive(rng, net, noise, cells) -> None:
    """Input strong enough to make them fire: drawn at each neuron, or from the source."""
    weight = 0.25 if cells.neurons.params.get("tau_syn") is None else 0.15
    if rng.random() < 0.5:
        net.stimulate(cells, ns.PoissonInput(rate=float(rng.uniform(200, 600)), weight=weight))
        return
    rule = ns.FixedInDegree(int(rng.integers(3, 10)))
    net.connect(noise, cells, rule, weight=weight, delay=_delay(rng, zero=True))


def _connect(rng, net, pre, post) -> None:
    k = int(rng.integers(5, 40))
    rule = (
        ns.FixedInDegree(k, multapses=bool(rng.random() < 0.5)),
        ns.FixedProbability(k / pre.n, autapses=False),
    )[rng.integers(2)]
    scale = float(rng.choice([1.0, 1.0, -1.0])) * 0.6 / k
    weight = (scale, ns.Uniform(*sorted((0.2 * scale, scale))), ns.Normal(scale, abs(scale) / 4))
    kind = rng.integers(3)
    port = int(rng.integers(2)) if kind == 2 and len(post.neurons.model.ports) == 2 else None
    net.connect(pre, post, rule, weight=weight[kind], delay=_delay(rng), port=port)


def _delay(rng, zero: bool = False):
    """One delay, or a distribution; ``zero`` allows none at all."""
    if zero and rng.random() < 0.3:
        return 0.0
    low = float(rng.choice([0.1, 0.5, 1.5]))
    return low if rng.random() < 0.5 else ns.Uniform(low, low + float(rng.uniform(0.5, 6.0)))


def whole_run(net: ns.Network, steps: int, options: dict, pieces: np.ndarray, threads: list[int]):
    """Spikes (times, ids) of each population, of a run cut at ``pieces``.

    On one number of threads it is cut only; on several each piece is saved and the next one
    begins in a fresh simulation that loads it, on the next number of threads.
    """
    parts: dict[str, list] = {name: [] for name in net.populations}
    ends = [*pieces.tolist(), steps]
    sim = ns.Simulator(net, **options, threads=threads[0])
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        for k, end in enumerate(ends):
            if k and len(threads) > 1:
                path = sim.save(Path(folder) / f"{k}.h5")
                sim = ns.Simulator(net, **options, threads=threads[k % len(threads)])
                sim.load(path)
            result = sim.run((end - done) * sim.dt, progress=False)
            done = end
            for name, found in result.spikes.items():
                parts[name].append((found.times, found.ids))
    return {
        name: (np.concatenate([t for t, _ in runs]), np.concatenate([i for _, i in runs]))
        for name, runs in parts.items()
    }


def differences(a: dict, b: dict) -> list[str]:
    """Names of the populations whose spikes are not the same, in order and to the bit."""
    return [
        name
        for name in a
        if not all(np.array_equal(x, y) for x, y in zip(a[name], b[name], strict=True))
    ]


def check(
    net: ns.Network, steps: int, options: dict, seed: int
) -> tuple[dict[str, list[str]], int]:
    """What differs, by way of running; and the number of spikes of neurons."""
    rng = np.random.default_rng([seed, 97])
    whole = whole_run(net, steps, options, np.array([], int), [1])

    def cuts(most: int) -> np.ndarray:
        return np.unique(rng.integers(1, steps, rng.integers(1, most + 1)))

    ways = {f"{n} threads": (np.array([], int), [n]) for n in THREADS[1:]}
    ways |= {f"{n} threads, cut": (cuts(8), [n]) for n in THREADS}
    ways["saved and resumed"] = (cuts(3), rng.permutation(THREADS).tolist())
    found = {
        way: differences(whole, whole_run(net, steps, options, *how)) for way, how in ways.items()
    }
    cells = [name for name, p in net.populations.items() if not p.is_source]
    return {k: v for k, v in found.items() if v}, sum(len(whole[name][0]) for name in cells)


def options_of(seed: int) -> dict:
    """Options of a simulation that may change its spikes, but not between ways to run it."""
    rng = np.random.default_rng([seed, 53])
    return {
        "dtype": str(rng.choice(["float32", "float64"])),
        "sleep": (True, False, "auto")[rng.integers(3)],
        "weights": str(rng.choice(["exact", "packed"])),
    }


def run_check(name: str, net: ns.Network, steps: int, options: dict, seed: int) -> bool:
    """Check one network and print its line."""
    begin = time.perf_counter()
    different, spikes = check(net, steps, options, seed)
    took = time.perf_counter() - begin
    size = f"{net.n_neurons:>6} neurons {len(net.projections):>3} projections "
    size += f"{' '.join(str(v) for v in options.values()):<20}"
    state = "; ".join(f"{k}: {', '.join(v)}" for k, v in different.items())
    state = f"DIFFERENT ({state})" if state else "same" if spikes else "SILENT"
    print(f"{name:<16}{size}{spikes:>9} spikes  {state}  {took:.1f} s", flush=True)
    return not different and spikes > 0


def on_threads(pace: threads.Pace, begin: int, end: int) -> list[tuple[int, int, bool]]:
    """Small networks would run on one thread; here threads work, whether it pays or not."""
    return [(begin, end, True)]


def main() -> int:
    """Check all, print a summary."""
    parser = argparse.ArgumentParser(description="The same spikes in whatever way it runs.")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first network")
    parser.add_argument("--steps", type=int, default=2000, help="of 0.1 ms")
    parser.add_argument("--microcircuit", type=float, help="check it too, at this scale")
    args = parser.parse_args()
    threads.Pace.pieces = on_threads
    good = []
    for seed in range(args.first, args.first + args.networks):
        net, built = random_network(seed), options_of(seed)
        good.append(run_check(f"network {seed}", net, args.steps, built, seed))
    if args.microcircuit:
        options = argparse.Namespace(scale=args.microcircuit, external="poisson", seed=1)
        net, _ = microcircuit.build(options)
        for weights in ("exact", "packed"):
            built = {"dtype": "float32", "sleep": "auto", "weights": weights}
            good.append(run_check("microcircuit", net, args.steps, built, 1))
    print(f"{sum(good)} of {len(good)} networks give the same spikes in every way")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
