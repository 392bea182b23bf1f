"""What must a clock-driven run give? A naive simulator: slow, obvious, the specification.

Python floats, lists and dicts; no Numba, no vectors, no windows. It knows the *description*
of a network (``neurosim.Network`` and ``neurosim.expand``) and nothing of the engine.

At every grid point t_n = n dt, for every population, zero-delay sources before their targets:

1. for n > 0, every neuron advances from t_{n-1} to t_n;
2. every neuron receives, once per port, the sum of the weights that arrive at t_n
   (order of the sum: source population, emission step, spike by source id, projection, position);
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


class Integrator:
    """What LIF and IF share: delta or exponential input, threshold, reset, refractoriness.

    State: ``v``; one current per port in ``i`` (none for delta synapses); ``held``, the number
    of advances for which v will still be held after a spike.
    """

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

    def advance(self):
        if self.held > 0:
            self.held -= 1
        else:
            self.v = self.flow()
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
        self.v_inf = values["v_rest"] + r_m * values["i_ext"]
        self.leak = _exp(-dt / tau_m)
        self.gain = []
        for tau in taus:
            x = dt * (1.0 / tau - 1.0 / tau_m)
            shape = _expm1(x) / x if x != 0.0 else 1.0
            self.gain.append(r_m * (dt / tau_m) * _exp(-dt / tau) * shape)

    def flow(self):
        v = self.v_inf + (self.v - self.v_inf) * self.leak
        for i, gain in zip(self.i, self.gain, strict=True):
            v += i * gain
        return v


class IF(Integrator):
    """c_m dv/dt = sum_k i_k + i_ext, tau_k di_k/dt = -i_k, exactly."""

    def prepare(self, values, taus, dt):
        self.drift = dt / values["c_m"] * values["i_ext"]
        self.gain = [-(tau / values["c_m"]) * _expm1(-dt / tau) for tau in taus]

    def flow(self):
        v = self.v + self.drift
        for i, gain in zip(self.i, self.gain, strict=True):
            v += i * gain
        return v


MODELS = {"LIF": LIF, "IF": IF}


@dataclass
class Run:
    """What a run gave: spikes as (grid step, neuron), and the state after every grid point."""

    spikes: dict[str, list[tuple[int, int]]]
    synaptic_events: dict[str, int]  # synapses that the spikes reach, per projection
    v: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    i: dict[str, list[list[list[float]]]] = field(default_factory=lambda: defaultdict(list))


def simulate(net, duration, dt=0.1, *, emissions=None):
    """Run ``net`` naively over the grid points 0 <= n < to_steps(duration, dt).

    ``emissions`` maps the name of a source population to its spikes, (grid step, neuron)
    pairs; sources that it does not name emit their own ``times`` and ``ids``.
    """
    dt = 1.0 if net.time == "steps" else dt
    rows = [_rows_by_source(net, projection, dt) for projection in net.projections.values()]
    cells, emitted = _initial(net, dt, emissions or {})
    run = Run({name: [] for name in net.populations}, dict.fromkeys(net.projections, 0))
    inbox = defaultdict(list)  # (population, step) -> arrivals
    order = _zero_delay_order(net, rows)
    place = {name: k for k, name in enumerate(net.populations)}
    for n in range(int(to_steps(duration, dt))):
        for name in order:
            if name in emitted:
                fired = emitted[name][n]
            else:
                arriving = sorted(inbox.pop((name, n), []))
                fired = _step(cells[name], arriving, first=n == 0)
                _record(run, name, cells[name])
            run.spikes[name] += [(n, source) for source in fired]
            for k, projection in enumerate(net.projections.values()):
                for rank, source in enumerate(fired if projection.pre.name == name else []):
                    run.synaptic_events[projection.name] += len(rows[k][source])
                    for position, target, port, weight, delay in rows[k][source]:
                        arrival = (target, port, place[name], n, rank, k, position, weight)
                        inbox[projection.post.name, n + delay].append(arrival)
    return run


def _initial(net, dt, emissions):
    """Neurons in their initial state, and the spikes of sources by grid step."""
    cells, emitted = {}, {}
    for name, population in net.populations.items():
        if population.is_source:
            own = emissions[name] if name in emissions else _own_spikes(population, dt)
            emitted[name] = defaultdict(list)
            for step, source in sorted(own):
                emitted[name][step].append(source)
        else:
            model = MODELS[population.neurons.model.name]
            cells[name] = [model(population.neurons, k, dt) for k in range(population.n)]
    return cells, emitted


def _step(cells, arriving, *, first):
    """Advance, receive, fire: the ids of the cells that fired at this grid point."""
    if not first:
        for cell in cells:
            cell.advance()
    for (target, port), contributions in groupby(arriving, key=lambda arrival: arrival[:2]):
        total = 0.0
        for *_, weight in contributions:
            total += weight
        cells[target].receive(port, total)
    return [k for k, cell in enumerate(cells) if cell.fires()]


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


def _own_spikes(population, dt):
    source = population.neurons
    return list(zip(to_steps(source.times, dt).tolist(), source.ids.tolist(), strict=True))
