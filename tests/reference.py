"""What must a clock-driven run give? A naive simulator: slow, obvious, the specification.

Python floats, lists and dicts; no Numba, no vectors, no windows. It knows the *description*
of a network (``neurosim.Network`` and ``neurosim.expand``) and nothing of the engine but its
random numbers. Poisson processes, Poisson inputs and noise currents are below their networks.

At every grid point t_n = n dt, for every population, zero-delay sources before their targets:

1. for n > 0, every neuron advances from t_{n-1} to t_n, under the currents of that interval;
2. every neuron receives, once per port, the sum of the weights that arrive at t_n, each times
   what its spike carries and the projection's gain at t_n
   (order of the sum: source population, emission step, spike by source id, projection, position;
   then the Poisson inputs);
3. every neuron that is not refractory and has v >= v_th fires at t_n and is reset; its spike
   arrives at grid point n + to_steps(delay, dt).

What is recorded at t_n is the state after all this.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import groupby

import numpy as np

import neurosim as ns
from neurosim.connectivity.delays import to_steps
from neurosim.random import bits, exponential, key_of, normal, uniform


class Integrator:
    """What LIF and IF share: delta or exponential input, threshold, reset, refractoriness.

    State: ``v``; one current per port in ``i`` (none for delta synapses); ``held``, the number
    of advances for which v will still be held after a spike. A spike carries ``sent``.
    """

    sent = 1.0

    def __init__(self, neurons, index, dt):
        values = {name: _value(value, index) for name, value in neurons.params.items()}
        self.v_th = values["v_th"]
        self.v_reset = values["v_reset"]
        self.subtract = values["soft_reset"] == 1.0
        self.refractory_steps = int(to_steps(values["t_ref"], dt))
        taus = [
            values[name] for name in ("tau_syn", "tau_syn_exc", "tau_syn_inh") if name in values
        ]
        self.decay = [_exp(-dt / tau) for tau in taus]
        self.prepare(values, taus, dt)
        self.v = _value(neurons.initial["v"], index)
        self.i = [0.0] * len(taus)
        self.held = 0

    def advance(self, current=0.0):
        if self.held > 0:
            self.held -= 1
        else:
            self.v = self.flow(current)
        self.i = [i * decay for i, decay in zip(self.i, self.decay, strict=True)]

    def receive(self, port, weight):
        if self.i:
            self.i[port] += weight
        elif self.held == 0:
            self.v += weight

    def fires(self):
        if self.held > 0 or not self.v >= self.v_th:
            return False
        self.v = self.v_reset + (self.v - self.v_th) if self.subtract else self.v_reset
        self.held = self.refractory_steps
        return True


class LIF(Integrator):
    """tau_m dv/dt = v_rest - v + r_m (sum_k i_k + i_ext), tau_k di_k/dt = -i_k, exactly."""

    def prepare(self, values, taus, dt):
        tau_m, r_m = values["tau_m"], values["r_m"]
        self.v_rest, self.r_m, self.i_ext = values["v_rest"], r_m, values["i_ext"]
        self.leak = _exp(-dt / tau_m)
        self.gain = []
        for tau in taus:
            x = dt * (1.0 / tau - 1.0 / tau_m)
            shape = _expm1(x) / x if x != 0.0 else 1.0
            self.gain.append(r_m * (dt / tau_m) * _exp(-dt / tau) * shape)

    def flow(self, current):
        v_inf = self.v_rest + self.r_m * (self.i_ext + current)
        v = v_inf + (self.v - v_inf) * self.leak
        for i, gain in zip(self.i, self.gain, strict=True):
            v += i * gain
        return v


class IF(Integrator):
    """c_m dv/dt = sum_k i_k + i_ext, tau_k di_k/dt = -i_k, exactly."""

    def prepare(self, values, taus, dt):
        self.per_current, self.i_ext = dt / values["c_m"], values["i_ext"]
        self.gain = [-(tau / values["c_m"]) * _expm1(-dt / tau) for tau in taus]

    def flow(self, current):
        v = self.v + self.per_current * (self.i_ext + current)
        for i, gain in zip(self.i, self.gain, strict=True):
            v += i * gain
        return v


class Graded:
    """What neurons with payloads share: they add up what arrives, and may fire in every step."""

    i = ()

    def __init__(self, neurons, index, dt):
        values = {name: _value(value, index) for name, value in neurons.params.items()}
        self.__dict__.update(values, dt=dt)
        self.v = _value(next(iter(neurons.initial.values())), index)
        self.last = 0.0

    def receive(self, port, weight):
        self.v += weight

    def level(self):
        value = self.v + self.bias
        return self.threshold * float(np.rint((max(value, 0.0) if self.relu else value)
                                              / self.threshold))  # fmt: skip


class IntegerLIF(Graded):
    """k = clip(round(v / v_th), ...) spikes at once; v <- v - k v_th."""

    def advance(self, current=0.0):
        self.v = self.v * (_exp(-self.dt / self.tau_m) if self.tau_m else 1.0) + self.bias

    def fires(self):
        k = float(np.floor(self.v / self.v_th + (0.5 if self.nearest else 0.0)))
        self.sent = min(max(k, -self.levels if self.signed else 0.0), self.levels)
        self.v -= self.v_th * self.sent
        return self.sent != 0.0


class SigmaDelta(Graded):
    """It sends what its level has moved on by."""

    def advance(self, current=0.0):
        pass

    def fires(self):
        self.sent, self.last = self.level() - self.last, self.level()
        return self.sent != 0.0


class GradedUnit(Graded):
    """It sends its level, and forgets it."""

    def advance(self, current=0.0):
        self.v = 0.0

    def fires(self):
        self.sent = self.level()
        return self.sent != 0.0


MODELS = {"LIF": LIF, "IF": IF, "IntegerLIF": IntegerLIF, "SigmaDelta": SigmaDelta,
          "GradedUnit": GradedUnit}  # fmt: skip


@dataclass
class Run:
    """What a run gave: spikes as (grid step, neuron), and the state after every grid point."""

    spikes: dict[str, list[tuple[int, int]]]
    synaptic_events: dict[str, int]  # synapses that the spikes reach, per projection
    payloads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    v: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    i: dict[str, list[list[list[float]]]] = field(default_factory=lambda: defaultdict(list))


def simulate(net, duration, dt=0.1, *, emissions=None):
    """Run ``net`` naively over the grid points 0 <= n < to_steps(duration, dt).

    ``emissions`` maps the name of a source population to its spikes, (grid step, neuron)
    pairs; sources that it does not name emit their own ``times`` and ``ids``.
    """
    dt = 1.0 if net.time == "steps" else dt
    rows = [_rows_by_source(net, projection, dt) for projection in net.projections.values()]
    cells, emitted = _initial(net, dt, emissions or {}, int(to_steps(duration, dt)))
    run = Run({name: [] for name in net.populations}, dict.fromkeys(net.projections, 0))
    stimuli = Stimuli(net, dt)
    inbox = defaultdict(list)  # (population, step) -> arrivals
    order = _zero_delay_order(net, rows)
    place = {name: k for k, name in enumerate(net.populations)}
    for n in range(int(to_steps(duration, dt))):
        for name in order:
            if name in emitted:
                fired = emitted[name][n]
            else:
                arriving = sorted(inbox.pop((name, n), []))
                extra = stimuli.arrivals(name, n), stimuli.currents(name, n - 1)
                fired = _step(cells[name], arriving, *extra, first=n == 0)
                _record(run, name, cells[name])
            run.spikes[name] += [(n, source) for source, _ in fired]
            run.payloads[name] += [sent for _, sent in fired]
            for k, projection in enumerate(net.projections.values()):
                for rank, (source, sent) in enumerate(fired if projection.pre.name == name else []):
                    run.synaptic_events[projection.name] += len(rows[k][source])
                    for position, target, port, weight, delay in rows[k][source]:
                        scaled = weight * (sent * _gain(projection, n + delay, dt))
                        arrival = (target, port, place[name], n, rank, k, position, scaled)
                        inbox[projection.post.name, n + delay].append(arrival)
    return run


def _initial(net, dt, emissions, n_steps):
    """Neurons in their initial state, and the spikes of sources by grid step."""
    cells, emitted = {}, {}
    for name, population in net.populations.items():
        if population.is_source:
            own = (
                emissions[name] if name in emissions else _own_spikes(net, population, dt, n_steps)
            )
            emitted[name] = defaultdict(list)
            for step, source, *sent in sorted(own, key=lambda spike: spike[:2]):
                emitted[name][step].append((source, sent[0] if sent else 1.0))
        else:
            model = MODELS[population.neurons.model.name]
            cells[name] = [model(population.neurons, k, dt) for k in range(population.n)]
    return cells, emitted


def _step(cells, arriving, extra, currents, *, first):
    """Advance, receive, fire: (id, what it sends) of the cells that fired at this grid point."""
    if not first:
        for cell, current in zip(cells, currents, strict=True):
            cell.advance(current)
    sums = defaultdict(float)
    for (target, port), contributions in groupby(arriving, key=lambda arrival: arrival[:2]):
        for *_, weight in contributions:
            sums[target, port] += weight
    for place, weight in extra:
        sums[place] += weight
    for (target, port), total in sums.items():
        cells[target].receive(port, total)
    return [(k, cell.sent) for k, cell in enumerate(cells) if cell.fires()]


def _gain(projection, n, dt):
    return 1.0 if projection.gain is None else _at(projection.gain, 0, n * dt)


def _record(run, name, cells):
    run.v[name].append([cell.v for cell in cells])
    run.i[name].append([list(cell.i) for cell in cells])


def _value(value, index):
    return float(value if np.ndim(value) == 0 else value[index])


def _exp(x):
    return float(np.exp(x))


def _expm1(x):
    return float(np.expm1(x))


def _rows_by_source(net, projection, dt):
    """Synapses of every source neuron: (position, target, port, weight, delay in steps)."""
    synapses = ns.expand(net, projection)
    port = projection.port
    if port is None:
        port = int(any(w < 0 for w in synapses.weight))  # left open: two ports, by sign
    delays = to_steps(synapses.delay, dt)
    rows = defaultdict(list)
    for k in range(len(synapses.pre)):
        row = (k, int(synapses.post[k]), port, float(synapses.weight[k]), int(delays[k]))
        rows[int(synapses.pre[k])].append(row)
    return rows


def _zero_delay_order(net, rows):
    """Populations, each after those that reach it without delay."""
    graph = {name: set() for name in net.populations}
    for projection, synapses in zip(net.projections.values(), rows, strict=True):
        if any(delay == 0 for row in synapses.values() for *_, delay in row):
            graph[projection.post.name].add(projection.pre.name)
    return list(TopologicalSorter(graph).static_order())


def _own_spikes(net, population, dt, n_steps):
    source = population.neurons
    if isinstance(source, ns.PoissonSource):
        key = key_of(net.seed, population.name, "poisson")
        start = -0.5 if net.time == "steps" else 0.0  # times round: step 0 gets its full share
        end = (n_steps + 1) * dt
        times = [poisson_times(_own_rate(source.rate, k), key, k, end, start)
                 for k in range(source.n)]  # fmt: skip
        pairs = [(int(to_steps(t, dt)), k) for k, train in enumerate(times) for t in train]
        return [(step, k) for step, k in pairs if step < n_steps]
    steps, *rest = source.arrays
    return list(zip(to_steps(steps, dt).tolist(), *(a.tolist() for a in rest), strict=True))


# ------------------------------------------------------------------------- random input


def _own_rate(rate, k):
    """The rate of process k: [(begin, Hz), ...] and the period, or None."""
    if not isinstance(rate, ns.Schedule):
        return [(0.0, _value(rate, k))], None
    values = rate.values if rate.n is None else rate.values[:, k]
    return list(zip(rate.times.tolist(), values.tolist(), strict=True)), rate.period


def poisson_times(rate, key, k, end, start=0.0):
    """Spike times of Poisson process k: its rate, integrated, grows by exponential numbers."""
    pieces, period = rate
    times, drawn = [], 0
    wait = float(exponential(key, k, drawn))
    for begin, stop, hz in _pieces(pieces, period, start, end):
        t = begin
        while hz > 0.0 and t + wait * 1000.0 / hz < stop:
            t += wait * 1000.0 / hz
            times.append(t)
            drawn += 1
            wait = float(exponential(key, k, drawn))
        wait -= (stop - t) * hz / 1000.0
    return times


def _pieces(pieces, period, start, end):
    """(begin, end, value) of a schedule from ``start`` to ``end``."""
    cycle = start
    while True:
        for k, (begin, value) in enumerate(pieces):
            last = k + 1 == len(pieces)
            stop = (cycle + period if period else end) if last else cycle + pieces[k + 1][0]
            if cycle + begin >= end:
                return
            yield cycle + begin, min(stop, end), value
        if not period:
            return
        cycle += period


def _at(value, k, t):
    """A number, array or schedule of neuron k at time t, in a cycle where there is one."""
    if not isinstance(value, ns.Schedule):
        return _value(value, k)
    values = value.values if value.n is None else value.values[:, k]
    t = t - value.period * int((t + 1e-9) / value.period) if value.period else t
    return float([v for begin, v in zip(value.times, values, strict=True) if begin <= t + 1e-9][-1])


class Stimuli:
    """Poisson inputs and noise currents of a network."""

    def __init__(self, net, dt):
        self.dt, self.net = dt, net
        self.noise = {}  # value x of each noise process, (name, neuron) -> x

    def arrivals(self, population, n):
        """((neuron, port), weight) that arrive at grid point n."""
        for name, stimulus in self.net.stimuli.items():
            if stimulus.population.name != population or not hasattr(stimulus.kind, "weight"):
                continue
            key = key_of(self.net.seed, name, "poisson input")
            for k in range(stimulus.population.n):
                mean = _at(stimulus.kind.rate, k, n * self.dt) * self.dt / 1000.0
                shared = (
                    np.ndim(stimulus.kind.rate) == 0
                    and getattr(stimulus.kind.rate, "n", None) is None
                )
                count = _poisson_count(mean, _quantile(key, n, k, shared))
                yield (k, stimulus.port), stimulus.kind.weight * count

    def currents(self, population, m):
        """Current of each neuron in the interval after grid point m; call it for every m."""
        total = [0.0] * self.net.populations[population].n
        for name, stimulus in self.net.stimuli.items():
            if stimulus.population.name != population or not hasattr(stimulus.kind, "std"):
                continue
            for k in range(len(total) if m >= 0 else 0):
                total[k] += _at(stimulus.kind.mean, k, m * self.dt)
                total[k] += _value(stimulus.kind.std, k) * self._noise(name, stimulus.kind, k, m)
        return total

    def _noise(self, name, kind, k, m):
        interval = kind.interval or (self.dt if kind.tau else 1.0)
        every = int(to_steps(interval, self.dt))
        if m % every == 0:
            key = key_of(self.net.seed, name, "noise current")
            fresh = float(normal(key, m // every, k))
            keep = _exp(-every * self.dt / kind.tau) if kind.tau and m else 0.0
            before = self.noise.get((name, k), 0.0)
            self.noise[name, k] = keep * before + (1.0 - keep * keep) ** 0.5 * fresh
        return self.noise[name, k]


def _quantile(key, n, k, shared):
    """In [0, 1): 16 bits of a word that four neurons share, and 53 further ones."""
    if not shared:
        return float(uniform(key, n, k))
    cell = int(bits(key, n, k // 4)) >> 16 * (k % 4) & 0xFFFF
    return (cell + float(uniform(key, -1 - n, k))) / 65536.0


def _poisson_count(mean, u):
    """The smallest k with P(count <= k) > u."""
    k, p = 0, _exp(-mean)
    total = p
    while u >= total:
        k += 1
        p *= mean / k
        total += p
    return k
