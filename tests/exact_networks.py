"""Which random networks hold the event engine to its word? Recurrent ones, from a seed.

1 to 4 populations of LIF and IF neurons with delta synapses, one or two ports, and 1 to 2
sources; parameters shared or per neuron, subthreshold and suprathreshold bias; inputs on a
coarse grid (simultaneous arrivals) and off it; real delays from zero (forward only) and 1 us
to 20 ms; weights of either sign; autapses and multapses.

Activity cannot run away: what excitation a neuron gets from others is, summed over its
synapses, at most half of what takes it from reset to threshold, so that a spike leads to less
than one in the next generation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import neurosim as ns

GRID = 0.5  # ms; of the inputs that arrive together
DELAYS = (0.001, 0.1, 1.5, 20.0)
RECURRENT_GAIN = 0.5


@dataclass(frozen=True, kw_only=True)
class ExactCase:
    """What to build a network from, and how long to run it."""

    seed: int
    duration: float
    populations: dict[str, Any]
    connections: tuple[dict[str, Any], ...]

    def network(self, *, bystander=None, silent=False):
        """The network; with one population more, or without the spikes of its SpikeSources."""
        net = ns.Network(seed=self.seed)
        if bystander is not None:
            net.add(bystander, "a bystander")
        for name, neurons in self.populations.items():
            given = isinstance(neurons, ns.SpikeSource)
            net.add(ns.SpikeSource(neurons.n) if silent and given else neurons, name)
        for connection in self.connections:
            net.connect(**connection)
        return net

    def listed(self, rng=None):
        """The same network, every synapse given one by one; in random order with ``rng``."""
        drawn, net = self.network(), ns.Network(seed=self.seed)
        for name, neurons in self.populations.items():
            net.add(neurons, name)
        for p in drawn.projections.values():
            s = ns.expand(drawn, p)
            order = np.arange(len(s)) if rng is None else rng.permutation(len(s))
            net.connect(
                p.pre.name, p.post.name, ns.FromArrays(s.pre[order], s.post[order]),
                weight=s.weight[order], delay=s.delay[order], name=p.name,
                port=int(np.any(s.weight < 0)) if p.port is None else p.port,
            )  # fmt: skip
        return net

    def given(self):
        """Spikes of the SpikeSources: {name: (times, ids)}."""
        sources = {k: p for k, p in self.populations.items() if isinstance(p, ns.SpikeSource)}
        return {name: (p.times, p.ids) for name, p in sources.items()}


def exact_case(seed, *, largest=40, durations=(50.0, 200.0)):
    """A random network whose populations have 1 to ``largest`` neurons."""
    rng = np.random.default_rng([seed, 8128])
    duration = float(np.round(rng.uniform(*durations), 3))
    names = [f"pop{k}" for k in range(rng.integers(1, 5))]
    inputs = [f"in{k}" for k in range(rng.integers(1, 3))]
    neurons = {name: _neurons(rng, int(rng.integers(1, largest + 1))) for name in names}
    sources = {name: _source(rng, duration) for name in inputs}
    connections = []
    for k, name in enumerate(inputs):
        targets = dict.fromkeys([names[k % len(names)], *[n for n in names if rng.random() < 0.5]])
        connections += [_drive(rng, name, sources[name], n, neurons[n]) for n in targets]
    pairs = [(a, b) for a in range(len(names)) for b in range(len(names)) if _joined(rng, a, b)]
    for a, b in pairs:
        share = RECURRENT_GAIN / sum(to == b for _, to in pairs)
        ends = (names[a], neurons[names[a]].n, names[b], neurons[names[b]])
        connections.append(_recurrent(rng, *ends, share, forward=a < b))
    populations = dict(_in_any_order(rng, {**sources, **neurons}))
    return ExactCase(
        seed=seed, duration=duration, populations=populations, connections=tuple(connections)
    )


def driven(neurons, times, weight, *, delay=0.0, port=None):
    """One source neuron onto every neuron of one population."""
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=times, ids=[0] * len(times)), "in")
    net.add(neurons, "pop")
    net.connect("in", "pop", ns.AllToAll(), weight=weight, delay=delay, port=port)
    return net


def _joined(rng, a, b):
    return rng.random() < (0.8 if b == a + 1 else 0.5)


def _in_any_order(rng, mapping):
    items = list(mapping.items())
    return [items[k] for k in rng.permutation(len(items))]


def _neurons(rng, n):
    """LIF or IF neurons, parameters all shared or all per neuron (fewer kernels to compile)."""
    each = rng.random() < 0.3

    def values(low, high, usual=None):
        if usual is not None and not each and rng.random() < 0.6:
            return usual
        return rng.uniform(low, high, n) if each else float(np.round(rng.uniform(low, high), 4))

    ports = int(rng.integers(3))
    taus = tuple(values(1.5, 12.0) for _ in range(ports))
    tau_m = values(8.0, 30.0, 10.0)
    if ports and not each and rng.random() < 0.15:
        taus = (tau_m, *taus[1:])  # equal time constants
    common = {
        "v_th": values(0.8, 1.2, 1.0),
        "v_reset": values(-0.3, 0.3, 0.0),
        # on no sum of grid times and delays, so that who is refractory is no matter of digits
        "t_ref": values(0.9173, 5.2931, 0.0),
        "reset": str(rng.choice(["value", "subtract"])),
        "tau_syn": taus if ports == 2 else taus[0] if ports else None,
        "v0": rng.uniform(-0.2, 1.3 if rng.random() < 0.3 else 0.7, n),
    }
    bias = rng.choice([0.0, 0.0, 0.5, 1.0])  # none, below the threshold, above
    if rng.random() < 0.6:
        r_m = values(0.5, 3.0, 1.0)
        i_ext = (values(1.25, 1.8) if bias == 1.0 else values(0.3, 0.7)) / r_m
        i_ext = i_ext if bias else i_ext * 0.0
        return ns.LIF(n, tau_m=tau_m, r_m=r_m, v_rest=values(-0.2, 0.2, 0.0), i_ext=i_ext, **common)
    c_m = values(0.5, 3.0, 1.0)
    i_ext = values(0.005, 0.06) * c_m * (bias > 0.0)
    return ns.IF(n, c_m=c_m, i_ext=i_ext, **common)


def _source(rng, duration):
    n, rate = int(rng.integers(2, 9)), float(rng.uniform(0.02, 0.15))  # spikes per ms and channel
    if rng.random() < 0.4:
        return ns.PoissonSource(n, rate=1000.0 * rate)
    count = max(3, int(n * duration * rate))
    times = rng.uniform(0.0, duration, count)
    on_grid = rng.random(count) < rng.choice([0.0, 0.5, 1.0])
    times[on_grid] = GRID * np.floor(times[on_grid] / GRID)
    return ns.SpikeSource(n, times=times, ids=rng.integers(0, n, count))


def _rate(source, duration):
    if isinstance(source, ns.PoissonSource):
        return source.rate / 1000.0
    return len(source.times) / source.n / duration


def _charge(neurons, port):
    """Largest part of the way from reset to threshold that a unit weight takes a neuron."""
    p = neurons.params
    names = [name for name in ("tau_syn", "tau_syn_exc", "tau_syn_inh") if name in p]
    way = p["v_th"] - p["v_reset"]
    if not names:
        return float(np.max(1.0 / way))
    tau = p[names[min(port, len(names) - 1)]]
    per_current = p["r_m"] / p["tau_m"] if "r_m" in p else 1.0 / p["c_m"]
    return float(np.max(tau * per_current / way))


def _rule(rng, n_pre, n_post):
    """A rule, its number of synapses where it is known, and its mean in-degree."""
    kind = rng.choice(["all", "probability", "indegree", "arrays", "arrays", "one"])
    if kind == "one" and n_pre == n_post:
        return ns.OneToOne(), n_pre, 1.0
    if kind == "probability":
        p = float(rng.uniform(0.3, 0.8))
        return ns.FixedProbability(p), None, p * n_pre
    if kind == "indegree":
        k = int(rng.integers(1, 9))
        return ns.FixedInDegree(k), None, float(k)  # multapses allowed
    if kind == "arrays":
        size = n_post * int(rng.integers(1, 9))
        pre, post = rng.integers(0, n_pre, size), rng.integers(0, n_post, size)
        again = rng.integers(0, size, size // 3)  # multapses
        rule = ns.FromArrays(np.append(pre, pre[again]), np.append(post, post[again]))
        return rule, rule.size(n_pre, n_post, False), rule.size(n_pre, n_post, False) / n_post
    return ns.AllToAll(), n_pre * n_post, float(n_pre)


def _weight(rng, scale, size):
    """One weight, drawn ones or one for each synapse, of mean ``scale``."""
    kind = rng.integers(3)
    if kind == 0:
        return scale
    if kind == 1 or size is None:
        return ns.Uniform(*sorted((0.4 * scale, 1.6 * scale)))
    return scale * rng.uniform(0.3, 1.7, size)


def _delay(rng, size, forward):
    """One delay, drawn ones, or one for each synapse; zero only where no cycle can close."""
    known = ((0.0,) if forward else ()) + DELAYS
    kind = rng.integers(5)
    if kind == 0:
        return ns.Uniform(0.2, 5.0)
    if kind == 1:
        return ns.LogNormal(0.3, 0.6, low=0.05, high=15.0)
    if kind == 2 and size is not None:
        return rng.choice([*known, 0.25, 3.75], size)
    if kind == 3 and size is not None:
        return rng.uniform(0.0 if forward else 0.01, 6.0, size)
    return float(rng.choice(known))


def _drive(rng, pre, source, post, neurons):
    """Input that takes the neurons to the threshold some tens of times per second."""
    rule, size, indegree = _rule(rng, source.n, neurons.n)
    p = neurons.params
    drive = rng.uniform(0.6, 1.6) / np.min(p["tau_m"]) if "tau_m" in p else rng.uniform(0.03, 0.1)
    scale = drive / (indegree * _rate(source, 100.0) * _charge(neurons, 0))
    # no single arrival is worth much more than a spike
    scale = min(scale, 1.5 / _charge(neurons, 0)) * (-1.0 if rng.random() < 0.05 else 1.0)
    values = {"weight": _weight(rng, scale, size), "delay": _delay(rng, size, forward=True)}
    return {"pre": pre, "post": post, "rule": rule, "port": None, **values}


def _recurrent(rng, pre, n_pre, post, neurons, share, forward):
    rule, size, indegree = _rule(rng, n_pre, neurons.n)
    two = len(neurons.model.ports) == 2
    kind = rng.choice(["exc", "exc", "inh", "both"])
    port = int(rng.integers(2)) if two and (kind == "both" or rng.random() < 0.2) else None
    charge = max(_charge(neurons, 0), _charge(neurons, 1))
    scale = share / (indegree * charge) * (rng.uniform(-3.0, -0.5) if kind == "inh" else 1.0)
    weight = _weight(rng, scale, size)
    if kind == "both":
        weight = ns.Uniform(-scale, scale)
    delay = _delay(rng, size, forward)
    return {
        "pre": pre, "post": post, "rule": rule, "port": port, "weight": weight, "delay": delay
    }  # fmt: skip
