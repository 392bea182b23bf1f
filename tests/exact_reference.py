"""What must an event-driven run give? A naive simulator in continuous time: the specification.

Python numbers, lists and heaps; no Numba, no vectors, no windows. It knows the *description*
of a network (``neurosim.Network`` and ``neurosim.expand``) and nothing of the engine but its
random numbers. In float64, or with as many digits as are asked for (mpmath).

The next instant is the least of all times at which an arrival, a spike of a source or a
crossing is due. At an instant t, for every population, zero-delay sources before their targets:

1. every neuron whose v reaches v_th at t, without the arrivals of t, fires and is reset;
2. every neuron receives, once per port and in order of ports, the sum of the weights that
   arrive at t (the least weight first), and fires and is reset if it now has v >= v_th;
   in 1 and 2 it fires again while v >= v_th and it is not refractory;
3. a spike arrives at t + delay, one float64 addition where t is a float64.

Refractory is who fired at s, while t < s + t_ref (again one addition): v stands still, what
arrives at a delta synapse is lost, currents go on. An arrival less than 1e-9 ms before that end
counts as at the end: decimal times differ by roundings. A state recorded at t is the one
after all that happens at t. Spikes at t < duration are found.

Between two of its events v - v_th is a sum of exponentials times polynomials (exact_curve.py).
With float64, time constants should be equal or well apart.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from functools import reduce
from graphlib import TopologicalSorter
from heapq import heapify, heappop, heappush
from operator import add

import numpy as np
from exact_curve import Curve, Digits, Float64
from reference import _own_rate, poisson_times

import neurosim as ns
from neurosim.connectivity.distributions import Distribution
from neurosim.random import exponential, key_of

INF = math.inf
OVER = 1e-9  # ms; less of a refractory period is rounding


class Integrator:
    """What LIF and IF share. State: ``t``, ``v``, one current per port, ``free``: when
    refractoriness ends.
    """

    def __init__(self, neurons, index, v0, numbers, threshold):
        values = {name: _value(value, index) for name, value in neurons.params.items()}
        self.numbers, self.t_ref = numbers, values["t_ref"]
        self.v_th = numbers.number(values["v_th"]) * numbers.number(threshold)
        self.v_reset = numbers.number(values["v_reset"])
        self.subtract = values["soft_reset"] == 1.0
        taus = [
            values[name] for name in ("tau_syn", "tau_syn_exc", "tau_syn_inh") if name in values
        ]
        self.rates = [1 / numbers.number(tau) for tau in taus]
        self.prepare({name: numbers.number(value) for name, value in values.items()})
        self.v, self.i = numbers.number(v0), [numbers.number(0.0)] * len(taus)
        self.t, self.free = 0.0, 0.0

    def state_at(self, t):
        """(v, currents) at t, if nothing happens until then."""
        if t == self.t:
            return self.v, self.i
        start = min(max(self.free, self.t), t)
        v = self.curve(start)(self.numbers.number(t - start)) if t > start else self.v
        return v, self.currents(t)

    def currents(self, t):
        return [
            i * self.numbers.exp(-rate * (t - self.t))
            for i, rate in zip(self.i, self.rates, strict=True)
        ]

    def move_to(self, t):
        self.v, self.i = self.state_at(t)
        self.t = t
        if self.free - OVER <= t:
            self.free = min(self.free, t)

    def next_spike(self, end):
        """When it fires, if nothing arrives; inf: not before ``end``."""
        start = max(self.free, self.t)
        if self.v >= self.v_th:
            return start
        if not start < end or not self.might_fire(self.currents(start)):
            return INF
        curve = self.curve(start)
        distance = Curve(curve.terms | {0: _sum(curve.terms.get(0, []), -self.v_th)}, self.numbers)
        found = distance.sign_changes(self.numbers.number(end - start))
        return start + found[0] if found else INF

    def receive(self, port, weight):
        if self.i:
            self.i = [i + weight if k == port else i for k, i in enumerate(self.i)]
        elif not self.t < self.free:
            self.v += weight

    def fires(self):
        return not self.t < self.free and self.v >= self.v_th

    def fire_all(self, fires):
        """Fire, and again while v is still at the threshold; the number of spikes."""
        n = 0
        while fires:
            self.v = self.v_reset + (self.v - self.v_th) if self.subtract else self.v_reset
            self.free = self.t + self.t_ref
            fires, n = self.fires(), n + 1
        return n


class LIF(Integrator):
    """tau_m dv/dt = v_rest - v + r_m (sum_k i_k + i_ext), tau_k di_k/dt = -i_k."""

    def prepare(self, values):
        self.rate, self.r_m = 1 / values["tau_m"], values["r_m"]
        self.v_inf = values["v_rest"] + self.r_m * values["i_ext"]

    def might_fire(self, currents):
        return self.v_inf + self.r_m * sum(max(i, 0) for i in currents) >= self.v_th

    def curve(self, start):
        """v after ``start``, from the present v: particular solutions, and what is left."""
        terms, left = {0: [self.v_inf]}, self.v - self.v_inf
        for i, rate in zip(self.currents(start), self.rates, strict=True):
            drive = self.r_m * i * self.rate  # dv/dt = -rate v + drive e^{-rate_k t}
            if rate == self.rate:
                terms[rate] = _sum(terms.get(rate, []), 0.0, drive)
            else:
                part = drive / (self.rate - rate)
                terms[rate] = _sum(terms.get(rate, []), part)
                left -= part
        terms[self.rate] = _sum(terms.get(self.rate, []), left)
        return Curve(terms, self.numbers)


class IF(Integrator):
    """c_m dv/dt = sum_k i_k + i_ext, tau_k di_k/dt = -i_k."""

    def prepare(self, values):
        self.c_m, self.slope = values["c_m"], values["i_ext"] / values["c_m"]

    def might_fire(self, currents):
        parts = zip(currents, self.rates, strict=True)
        charge = sum(max(i, 0) / (rate * self.c_m) for i, rate in parts)
        return self.slope > 0 or self.v + charge >= self.v_th

    def curve(self, start):
        """v after ``start``, from the present v."""
        terms, left = {}, self.v
        for i, rate in zip(self.currents(start), self.rates, strict=True):
            part = i / (rate * self.c_m)
            terms[rate] = _sum(terms.get(rate, []), -part)
            left += part
        return Curve(terms | {0: [left, self.slope]}, self.numbers)


MODELS = {"LIF": LIF, "IF": IF}


@dataclass
class Run:
    """What a run gave: spikes as (time, neuron), and the states at the times asked for."""

    spikes: dict[str, list[tuple]]
    v: dict[str, list[list]] = field(default_factory=lambda: defaultdict(list))
    i: dict[str, list[list[list]]] = field(default_factory=lambda: defaultdict(list))
    arrivals: int = 0

    def train(self, name, neuron):
        """Spike times of one neuron."""
        return [float(t) for t, k in self.spikes[name] if k == neuron]


def simulate(net, duration, *, times=(), digits=None, inputs=None, threshold=1.0):
    """Run ``net`` naively over 0 <= t < duration.

    ``times`` (sorted, < duration): when states are wanted. ``digits``: decimal digits, for
    small networks. ``inputs``: further spikes of sources, {name: [(time, id), ...]}. All
    thresholds are multiplied by ``threshold``: what depends on that is not to be trusted.
    """
    numbers = Digits(digits) if digits else Float64
    rows = {p.name: _rows_by_source(net, p) for p in net.projections.values()}
    cells, sources = _initial(net, duration, inputs or {}, numbers, threshold)
    due = {name: [cell.next_spike(duration) for cell in of_one] for name, of_one in cells.items()}
    run, inbox = Run({name: [] for name in net.populations}), {name: [] for name in cells}
    order, wanted = _zero_delay_order(net, rows), list(times)
    while True:
        first = [heap[0][0] for heap in (*inbox.values(), *sources.values()) if heap]
        t = min([*first, *(min(of_one) for of_one in due.values())], default=INF)
        while wanted and wanted[0] < min(t, duration):
            _record(run, cells, wanted.pop(0))
        if not t < duration:
            return run
        for name in order:
            if name in sources:
                fired = [k for (k,) in _pop(sources[name], t)]
            else:
                fired = _visit(cells[name], due[name], _pop(inbox[name], t), t, duration)
            run.spikes[name] += [(t, source) for source in sorted(fired)]
            for projection in net.projections.values():
                for source in fired if projection.pre.name == name else []:
                    for target, port, weight, delay in rows[projection.name][source]:
                        heappush(inbox[projection.post.name], (t + delay, target, port, weight))
                        run.arrivals += 1


def _initial(net, duration, inputs, numbers, threshold):
    """Neurons in their initial state, and the spikes of sources, as heaps."""
    cells, sources = {}, {}
    for name, population in net.populations.items():
        neurons = population.neurons
        if population.is_source:
            sources[name] = _own_spikes(net, population, duration) + inputs.get(name, [])
            heapify(sources[name])
        else:
            v0 = _initial_potentials(net, population)
            model = MODELS[neurons.model.name]
            cells[name] = [model(neurons, k, v, numbers, threshold) for k, v in enumerate(v0)]
    return cells, sources


def _pop(heap, t):
    """What is due at t, in order: so arrivals come by target, port and then weight."""
    found = []
    while heap and heap[0][0] == t:
        found.append(heappop(heap)[1:])
    return found


def _visit(cells, due, arriving, t, duration):
    """Cross, receive, fire: the ids of the cells that fire at t, once per spike."""
    fired, seen = [], {target for target, _, _ in arriving}
    for k in [k for k, moment in enumerate(due) if moment == t or k in seen]:
        cell = cells[k]
        cell.move_to(t)
        fired += [k] * cell.fire_all(due[k] == t)
        for port in range(max(1, len(cell.i))):
            weights = [w for target, of, w in arriving if (target, of) == (k, port)]
            if weights:
                cell.receive(port, reduce(add, weights))  # sum() may compensate
        fired += [k] * cell.fire_all(cell.fires())
        due[k] = cell.next_spike(duration)
    return fired


def _record(run, cells, t):
    for name, of_one in cells.items():
        states = [cell.state_at(t) for cell in of_one]
        run.v[name].append([float(v) for v, _ in states])
        run.i[name].append([[float(x) for x in i] for _, i in states])


def trusted_until(net, duration, run, *, inputs=None, part=1e-10, limit=1e-6):
    """How long ``run`` can be compared with the same in other arithmetic.

    Until, with thresholds a ``part`` higher or lower, a spike comes or goes or moves by more
    than ``limit``: a crossing that grazes, an order of events that hangs on digits, growing
    differences.
    """
    until = duration
    for factor in (1.0 - part, 1.0 + part):
        twin = simulate(net, duration, inputs=inputs, threshold=factor)
        for name, population in net.populations.items():
            for k in range(population.n):
                until = min(until, _parting(run.train(name, k), twin.train(name, k), limit))
    return until


def _parting(train, twin, limit):
    """When two spike trains first differ by more than ``limit``."""
    for a, b in zip(train, twin, strict=False):
        if abs(a - b) > limit:
            return min(a, b)
    n = min(len(train), len(twin))
    return min([*train[n : n + 1], *twin[n : n + 1]], default=INF)


def _initial_potentials(net, population):
    v0 = population.neurons.initial["v"]
    if isinstance(v0, Distribution):  # drawn by the key of the population's name
        v0 = v0.draw(key_of(net.seed, population.name, "initial", "v"), population.n)
    return np.broadcast_to(v0, population.n).tolist()


def _value(value, index):
    return float(value if np.ndim(value) == 0 else value[index])


def _sum(polynomial, *more):
    n = max(len(polynomial), len(more))
    padded = [[*p, *[0.0] * (n - len(p))] for p in (polynomial, more)]
    return [a + b for a, b in zip(*padded, strict=True)]


def _rows_by_source(net, projection):
    """Synapses of every source neuron: (target, port, weight, delay)."""
    synapses = ns.expand(net, projection)
    port = projection.port
    if port is None:
        port = int(any(w < 0 for w in synapses.weight))  # left open: two ports, by sign
    rows = defaultdict(list)
    for k in range(len(synapses)):
        row = (int(synapses.post[k]), port, float(synapses.weight[k]), float(synapses.delay[k]))
        rows[int(synapses.pre[k])].append(row)
    return rows


def _zero_delay_order(net, rows):
    """Populations, each after those that reach it without delay."""
    graph = {name: set() for name in net.populations}
    for projection in net.projections.values():
        if any(delay == 0.0 for row in rows[projection.name].values() for *_, delay in row):
            graph[projection.post.name].add(projection.pre.name)
    return list(TopologicalSorter(graph).static_order())


def _own_spikes(net, population, duration):
    """(time, channel) of a source's spikes before ``duration``."""
    source = population.neurons
    if isinstance(source, ns.SpikeSource):
        pairs = zip(source.times.tolist(), source.ids.tolist(), strict=True)
        return [(t, k) for t, k in pairs if t < duration]
    key, found = key_of(net.seed, population.name, "poisson"), []
    for k in range(source.n):
        if isinstance(source.rate, ns.Schedule):
            times = poisson_times(_own_rate(source.rate, k), key, k, duration)
        else:
            times = _constant_rate(_value(source.rate, k), key, k, duration)
        found += [(t, k) for t in times]
    return found


def _constant_rate(hz, key, k, end):
    times, t = [], 0.0
    while hz > 0.0:
        t += float(exponential(key, k, len(times))) * (1000.0 / hz)
        if t >= end:
            break
        times.append(t)
    return times
