"""Which random small networks do the property tests run? One generator, two sources of chance.

``random_network(dice)`` draws every choice from a :class:`Dice`: seeded (``seeded_case(7)``,
for a fixed number of networks of known activity) or hypothesis (``cases()``, for shrinking).
With ``exact=True`` weights are multiples of 1/64, so that sums of arrivals are exact in any
order and a float64 run must agree with the reference spike for spike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import neurosim as ns

WEIGHT_UNIT = 1.0 / 64.0
FEW = max(4, settings.default.max_examples // 3)  # examples, each with kernels to compile


class Dice:
    """Random choices, from a seed or from a hypothesis ``draw``."""

    def __init__(self, rng=None, draw=None):
        self.rng = rng
        self.draw = draw

    def integer(self, low, high):
        """Uniform integer, both ends included."""
        if self.draw is not None:
            return self.draw(st.integers(low, high))
        return int(self.rng.integers(low, high + 1))

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]

    def integers(self, low, high, size):
        if self.draw is not None:
            return self.draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
        return self.rng.integers(low, high + 1, size).tolist()

    def chance(self, percent):
        """True in ``percent`` % of the cases; shrinks to False."""
        return self.integer(0, 99) >= 100 - percent


@dataclass(frozen=True, kw_only=True)
class Case:
    """What to build a network from, and how long to run it at which step."""

    time: str
    seed: int
    steps: int
    dt: float
    populations: dict[str, Any]
    connections: tuple[dict[str, Any], ...]
    stimuli: tuple[dict[str, Any], ...] = ()

    @property
    def duration(self):
        return self.steps * self.dt

    def network(self, *, order=None, shift=0, bystander=None, seed=None):
        """The network; populations in another order, inputs later, one population more."""
        net = ns.Network(time=self.time, seed=self.seed if seed is None else seed)
        if bystander is not None:
            net.add(bystander, "a bystander")
        for name in order or self.populations:
            neurons = self.populations[name]
            if shift and isinstance(neurons, ns.SpikeSource):
                times = np.asarray(neurons.times) + shift * self.dt
                neurons = ns.SpikeSource(neurons.n, times=times, ids=neurons.ids)
            net.add(neurons, name)
        for connection in self.connections:
            net.connect(**connection)
        for stimulus in self.stimuli:
            net.stimulate(**stimulus)
        return net


def seeded_case(seed, **options):
    return random_network(Dice(rng=np.random.default_rng(seed)), **options)


@st.composite
def cases(draw, **options):
    return random_network(Dice(draw=draw), **options)


def random_network(dice, *, exact=True, bias=True, poisson=True, max_steps=160):
    """A network of 1-4 populations of 1-8 LIF or IF neurons and 1-2 sources.

    Delta and exponential synapses with one and two ports, both resets, refractoriness, bias,
    all connection rules, delays from zero (feed-forward only) to many steps, recurrence,
    autapses and multapses, both kinds of time.
    """
    time = dice.choice(["continuous", "steps"])
    dt = 1.0 if time == "steps" else dice.choice([0.1, 0.25, 0.5, 1.0])
    steps = dice.integer(20, max_steps)
    names = [f"pop{k}" for k in range(dice.integer(1, 4))]
    inputs = [f"in{k}" for k in range(dice.integer(1, 2))]
    populations = {}
    for name in _shuffled(dice, names + inputs):
        source = name in inputs
        populations[name] = (
            _source(dice, dt, steps, poisson) if source else _neurons(dice, dt, exact, bias)
        )
    connections = tuple(
        _connection(dice, populations, pre, post, forward, dt, exact)
        for pre, post, forward in _pairs(dice, inputs, names)
    )
    return Case(
        time=time,
        seed=dice.integer(0, 1000),
        steps=steps,
        dt=dt,
        populations=populations,
        connections=connections,
        stimuli=_stimuli(dice, populations, names, dt, steps, exact) if poisson else (),
    )


def _shuffled(dice, names):
    left, order = list(names), []
    while left:
        order.append(left.pop(dice.integer(0, len(left) - 1)))
    return order


def _pairs(dice, inputs, names):
    """(pre, post, forward): every input drives somebody; zero delays only go forward."""
    pairs = []
    for k, source in enumerate(inputs):
        targets = [names[k % len(names)]] + [n for n in names if dice.chance(40)]
        pairs += [(source, target, True) for target in dict.fromkeys(targets)]
    for a, pre in enumerate(names):
        for b, post in enumerate(names):
            if dice.chance(60 if b == a + 1 else 30):
                pairs += [(pre, post, b > a)] * (2 if dice.chance(15) else 1)
    return pairs


def _neurons(dice, dt, exact, bias):
    """LIF or IF neurons whose parameters are all shared, or all given per neuron.

    (The engine compiles one kernel per model and choice of shared parameters; mixtures would
    cost compile time and test nothing new.)
    """
    n = dice.integer(1, 8)
    each = dice.chance(40)

    def values(options):
        if not each:
            return dice.choice(options)
        return np.array([options[k] for k in dice.integers(0, len(options) - 1, n)], dtype=float)

    def multiples(low, high):
        return [quantity * k for k in range(low, high + 1)]

    quantity = WEIGHT_UNIT if exact else 0.0173
    biased = bias and dice.chance(40)
    ports = dice.choice([0, 1, 2])
    taus = tuple(values([8.0 * dt, 10.0 * dt, 20.0 * dt]) for _ in range(ports))
    common = {
        "v_th": values([1.0, 1.0, *multiples(50, 80)]),
        "v_reset": values([0.0] * 16 + multiples(-16, 16)),
        "t_ref": values([0.0, 0.0, dt, 2 * dt, 5 * dt]),
        "reset": dice.choice(["value", "subtract"]),
        "tau_syn": taus if ports == 2 else taus[0] if ports else None,
    }
    if biased and dice.chance(50):
        common["v0"] = quantity * np.array(dice.integers(-16, 80, n))
    if dice.choice(["LIF", "IF"]) == "LIF":
        common["i_ext"] = values([0.0] * 40 + multiples(20, 100)) if biased else values([0.0])
        common["v_rest"] = values([0.0] * 16 + multiples(-16, 16)) if biased else values([0.0])
        r_m = values([1.0, 2.0, 10.0]) if ports else values([1.0])
        return ns.LIF(n, tau_m=values([10.0 * dt, 20.0 * dt, 50.0 * dt]), r_m=r_m, **common)
    i_ext = values([0.0] * 4 + multiples(0, 8)) if biased else values([0.0])
    c_m = dt * values([1.0, 2.0, 4.0]) if ports else values([1.0])
    return ns.IF(n, c_m=c_m, i_ext=i_ext / dt, **common)


def _source(dice, dt, steps, poisson):
    n = dice.integer(1, 6)
    if poisson and dice.chance(40):
        rate = 1000.0 / dt * 0.01 * dice.integer(2, 20)
        return ns.PoissonSource(n, rate=_scheduled(dice, rate, n, dt, steps))
    count = dice.integer(1, 2 * n + steps // 4) if dice.draw else n * steps // 8
    grid = np.array(dice.integers(0, steps - 1, count), dtype=float)
    ids = np.array(dice.integers(0, n - 1, count), dtype=np.int64)
    if dice.chance(50):  # off the grid, and never on a tie
        grid += np.array(dice.integers(-4, 4, count)) / 10.0
        grid = np.clip(grid, 0.0, steps - 1)
    order = np.argsort(grid, kind="stable")
    return ns.SpikeSource(n, times=grid[order] * dt, ids=ids[order])


def _connection(dice, populations, pre, post, forward, dt, exact):
    """Arguments of `Network.connect`."""
    n_pre, n_post = populations[pre].n, populations[post].n
    kinds = ["all", "probability", "indegree", "arrays", "matrix"]
    kind = dice.choice(kinds + (["one"] if n_pre == n_post else []))
    sign, port = _sign_and_port(dice, populations[post].model.ports)
    from_source = pre.startswith("in")
    sign = 1 if from_source else sign
    rule, size = _rule(dice, kind, n_pre, n_post)
    unit = (WEIGHT_UNIT if exact else 0.0157) * (3 if from_source else 1)
    weight = _weight(dice, size, sign, unit)
    if kind == "matrix":
        rule, size, weight = (
            ns.FromMatrix(np.full(size, weight).reshape(n_pre, n_post)),
            None,
            1.0,
        )
    delay = _delay(dice, size, forward, dt)
    connection = {"pre": pre, "post": post, "rule": rule, "delay": delay, "port": port}
    return connection if kind == "matrix" else connection | {"weight": weight}


def _weight(dice, size, sign, unit):
    """One weight or one per synapse; sign 0 mixes both, zeros included, where it can."""
    if size is None or not dice.chance(60):
        return (sign or 1) * unit * dice.integer(4, 24)
    low, high = (-16, 24) if sign == 0 else (2, 28)
    return (sign or 1) * unit * np.array(dice.integers(low, high, size), dtype=float)


def _sign_and_port(dice, ports):
    """Sign of the weights (0: mixed) and the port; mixed signs on two ports need a port."""
    if len(ports) == 1:
        return dice.choice([1, 1, -1, 0]), None
    if dice.chance(25):
        return dice.choice([1, 0]), dice.choice([0, 1])
    return dice.choice([1, 1, -1]), None


def _rule(dice, kind, n_pre, n_post):
    """A rule, and its number of synapses where weights can be given one by one."""
    if kind == "all" or kind == "matrix":
        return ns.AllToAll(), n_pre * n_post
    if kind == "one":
        return ns.OneToOne(), n_pre
    if kind == "probability":
        return ns.FixedProbability(dice.choice([0.3, 0.5, 0.8])), None
    if kind == "indegree":
        return ns.FixedInDegree(dice.integer(1, n_pre)), None
    size = dice.integer(1, 2 * n_pre * n_post)
    pre = np.array(dice.integers(0, n_pre - 1, size))
    post = np.array(dice.integers(0, n_post - 1, size))
    return ns.FromArrays(pre, post), size


def _delay(dice, size, forward, dt):
    """One delay, one per synapse or a distribution; zero only where no cycle can close."""
    low = 0 if forward else 1
    if size is not None and dice.chance(40):
        return dt * np.array(dice.integers(low, 12, size), dtype=float)
    if dice.chance(30):
        return ns.Uniform(1.0 * dt, dt * dice.integer(2, 15))
    return dt * dice.choice([low, low, 1, 3, 10])


def _scheduled(dice, value, n, dt, steps):
    """The value as it is, for each neuron, or on a schedule, with and without a period."""
    kind = dice.choice(["number", "number", "array", "schedule", "period"])
    if kind == "number":
        return value
    if kind == "array":
        return value * np.array(dice.integers(0, 4, n)) / 2.0
    k = dice.integer(1, 4)
    times = np.unique([0, *dice.integers(1, steps, k - 1)]) * dt
    if dice.chance(30):
        times[1:] += 0.3 * dt  # off the grid
    shape = (len(times), n) if dice.chance(40) else (len(times),)
    factors = np.reshape(dice.integers(0, 4, int(np.prod(shape))), shape) / 2.0
    period = times[-1] + dt * dice.integer(1, steps) if kind == "period" else None
    return ns.Schedule(times, value * factors, period)


def _stimuli(dice, populations, names, dt, steps, exact):
    """Poisson inputs and noise currents on some of the populations."""
    unit = WEIGHT_UNIT if exact else 0.0157
    made = []
    for name in names:
        n = populations[name].n
        if dice.chance(20):
            rate = 1000.0 / dt * dice.choice([0.02, 0.1, 1.3])
            kind = ns.PoissonInput(
                rate=_scheduled(dice, rate, n, dt, steps), weight=unit * dice.integer(-4, 8)
            )
            made.append({"population": name, "stimulus": kind})
        # rows of parameters there are anyway: no further kernels to compile
        if np.ndim(populations[name].params["i_ext"]) and dice.chance(50):
            mean = dice.choice([0.0, 0.02]) / dt
            kind = ns.NoiseCurrent(
                mean=_scheduled(dice, mean, n, dt, steps),
                std=0.1 / dt * np.array(dice.integers(0, 2, n)),
                tau=dice.choice([None, 5.0 * dt]),
                interval=dt * dice.integer(1, 4),
            )
            made.append({"population": name, "stimulus": kind})
    return tuple(made)
