"""Random networks for the tests of learning, and central differences through the whole engine."""

from dataclasses import replace

import numpy as np

import neurosim as ns
from neurosim.learning.forward import given_spikes
from neurosim.learning.gradient import ExactGradient

STEP = 1e-6
DURATION = 25.0
N_IN, N_HIDDEN = 5, 6


def recurrent_network(seed, *, model="LIF", ports=1, t_ref=1.5):
    """Five inputs, six recurrent cells of parameters of their own, three more that answer them."""
    rng = np.random.default_rng(seed)
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(N_IN), "in")
    tau_syn = [rng.uniform(3, 6, N_HIDDEN) for _ in range(ports)]
    shared = {"tau_syn": tau_syn[0] if ports == 1 else tuple(tau_syn), "t_ref": t_ref}
    v0, low = rng.uniform(0, 0.2, N_HIDDEN), rng.uniform(0.3, 0.5, N_HIDDEN)
    if model == "LIF":
        own = {"tau_m": rng.uniform(8, 12, N_HIDDEN), "i_ext": rng.uniform(0, 0.1, N_HIDDEN)}
        cells = ns.LIF(N_HIDDEN, v_th=low, v0=v0, **own, **shared)
    else:
        own = {"i_ext": rng.uniform(0, 0.05, N_HIDDEN), "reset": "value"}
        cells = ns.IF(N_HIDDEN, v_th=1.0 + 2 * low, v0=v0, **own, **shared)
    hidden = net.add(cells, "hidden")
    out = net.add(ns.LIF(3, tau_m=10.0, tau_syn=4.0, v_th=0.4), "out")
    some = ns.FixedProbability(0.8)
    spread = ns.Uniform(0.1, 4.0)
    port = {} if ports == 1 else {"port": "exc"}
    net.connect(inp, hidden, some, weight=ns.Uniform(0.1, 0.6), delay=spread, **port)
    if ports == 1:
        net.connect(hidden, hidden, some, weight=ns.Normal(0.0, 0.15), delay=spread)
    else:
        net.connect(hidden, hidden, some, weight=ns.Uniform(-0.2, 0.0), delay=spread, port="inh")
    net.connect(hidden, out, weight=ns.Uniform(0.0, 0.3), delay=ns.Uniform(0.0, 3.0))
    net.connect(out, hidden, some, weight=ns.Uniform(0.0, 0.1), delay=spread, **port)
    return net


def random_input(seed, n=14, populations=3):
    """Spikes of the inputs in one sample."""
    rng = np.random.default_rng([seed, 1])
    times, ids = np.sort(rng.uniform(0, 15, n)), rng.integers(0, N_IN, n).astype(np.int32)
    return given_spikes(populations, [{0: (times, ids)}])


def loss(machine, given):
    """(a loss of all spike times, dL/dt of each, the record)."""
    (record,) = machine.forward(given, np.arange(1))
    pull = np.sin(0.7 * (1 + np.arange(record.times.size)))
    pull[: record.starts[1]] = 0.0  # those of the input
    return float(pull @ record.times), pull, record


def changed_network(net, name, parameter, k, by):
    """The network with one parameter (or "v0") of one neuron moved."""
    neurons = net.populations[name].neurons
    params, initial = dict(neurons.params), dict(neurons.initial)
    target, key = (initial, "v") if parameter == "v0" else (params, parameter)
    values = np.array(np.broadcast_to(target[key], neurons.n), float)
    values[k] += by
    target[key] = values
    made = net.copy()
    made.populations[name] = replace(
        net.populations[name], neurons=replace(neurons, params=params, initial=initial)
    )
    for key, p in net.projections.items():
        pre, post = made.populations[p.pre.name], made.populations[p.post.name]
        made.projections[key] = replace(p, pre=pre, post=post)
    return made


class Differences:
    """Analytic derivatives beside central differences; entries that change the spikes are left out.

    Attributes
    ----------
    worst : dict of parameter class to the largest difference, over the largest derivative
    skipped, total : int
    """

    def __init__(self, net, given):
        self.net, self.given = net, given
        self.machine = ExactGradient(net, DURATION, chunks=1, least_slope=0.0)
        _, pull, self.record = loss(self.machine, given)
        self.drive = pull.copy()
        self.totals = self.machine.backward([self.record], [self.drive])
        self.worst, self.skipped, self.total = {}, 0, 0

    def compare(self, name, analytic, evaluate):
        """``evaluate(k, by)`` computes (loss, pull, record) with entry k moved."""
        pairs = []
        for k, exact in enumerate(analytic):
            self.total += 1
            plus, minus = evaluate(k, STEP), evaluate(k, -STEP)
            if any(not np.array_equal(r.ids, self.record.ids) for _, _, r in (plus, minus)):
                self.skipped += 1
                continue
            pairs.append((exact, (plus[0] - minus[0]) / (2 * STEP)))
        exact, numeric = np.array(pairs).T
        self.worst[name] = float(np.abs(exact - numeric).max() / np.abs(numeric).max())

    def of_array(self, name, array, analytic):
        """Move the entries of an array that the machine uses."""

        def evaluate(k, by):
            before = array[k]
            array[k] = before + by
            self.machine.changed()
            found = loss(self.machine, self.given)
            array[k] = before
            self.machine.changed()
            return found

        self.compare(name, analytic, evaluate)

    def of_cells(self, population, parameter, analytic):
        """Move a parameter of a population, neuron by neuron."""

        def evaluate(k, by):
            net = changed_network(self.net, population, parameter, k, by)
            return loss(ExactGradient(net, DURATION, chunks=1), self.given)

        self.compare(parameter, analytic, evaluate)

    def all_classes(self):
        """Every parameter class of the network."""
        totals, machine = self.totals, self.machine
        self.of_array("weight", machine.graph.weights, totals.weights)
        self.of_array("delay", machine.graph.delays, totals.delays)
        self.of_array("input times", self.given.times, self.drive[: self.record.starts[1]])
        params = self.net.populations["hidden"].neurons.params
        own = slice(N_IN, N_IN + N_HIDDEN)
        self.of_cells("hidden", "v_th", totals.v_th[own])
        self.of_cells("hidden", "v0", totals.v0[own])
        names = [name for name in params if name.startswith("tau_syn")]
        for port, name in enumerate(names):
            by_rate = totals.rate[own, port]
            self.of_cells("hidden", name, -by_rate / np.asarray(params[name]) ** 2)
        if "tau_m" in params:
            tau, r_m = np.asarray(params["tau_m"]), params["r_m"]
            by_tau = -(totals.rate_m[own] + r_m * totals.lift[own]) / tau**2
            self.of_cells("hidden", "tau_m", by_tau)
            self.of_cells("hidden", "i_ext", r_m * totals.v_inf[own])
        else:
            self.of_cells("hidden", "i_ext", totals.drift[own] / params["c_m"])
        return self
