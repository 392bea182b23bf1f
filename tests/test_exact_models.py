"""Do QIF, adaptive and sigma-delta neurons follow 50-digit solutions of their equations?"""

import math
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import neurosim as ns
from neurosim.engine.codegen import in_precision
from neurosim.errors import ParameterError
from neurosim.models.adaptive import ADAPTIVE_DELTA, ADAPTIVE_EXP, AdaptiveLIF
from neurosim.models.qif import OSCILLATORY_QIF, QIF, QIF_EXP, OscillatoryQIF
from neurosim.models.sigma_delta import SIGMA_DELTA, SigmaDelta

mp.mp.dps = 60  # ten of them for the differences of nearly equal exponentials
EPS = 2.0**-52


class Cell:
    """One neuron of a model: its functions, called by name as the engines do."""

    def __init__(self, model, dt=None, **params):
        params = {**model.params, **params}
        self.model, self.dt = model, dt
        self.given = params
        self.params = model.event_params(params) if dt is None else model.kernel_params(params, dt)

    def __getattr__(self, member):
        function, names = getattr(self.model, member), self.model.arguments(member)

        def ask(state, **reserved):
            values = {**self.params, **state, "dt": self.dt, **reserved}
            result = function(**{name: values[name] for name in names})
            if member in ("crossing", "fires", "payload"):
                return result
            result = result if isinstance(result, tuple) else (result,)
            return dict(zip(state, result, strict=True))

        setattr(self, member, ask)
        return ask


# ------------------------------------------------------------------------- 50-digit references


def root(f, slope, low, high):
    """The only zero in (low, high), by Newton kept inside a shrinking bracket."""
    rises, x = f(high) > 0, (low + high) / 2
    while high - low > mp.mpf(10) ** -28 * high:
        low, high = (low, x) if (f(x) > 0) == rises else (x, high)
        d = slope(x)
        new = x - f(x) / d if d else low
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - x) < mp.mpf(10) ** -28 * x:
            return new
        x = new
    return x


def zeros(terms, end):
    """All crossings of zero of sum c exp(-l t) in (0, end): between those of a derivative."""
    terms = [(c, rate) for c, rate in terms if c]
    if len(terms) < 2:
        return []
    base = min(rate for _, rate in terms)
    rest = [(-(rate - base) * c, rate - base) for c, rate in terms if rate != base]

    def value(t):
        return mp.fsum(c * mp.exp(-(rate - base) * t) for c, rate in terms)

    def slope(t):
        return mp.fsum(c * mp.exp(-rate * t) for c, rate in rest)

    cuts = [mp.mpf(0), *zeros(rest, end), mp.mpf(end)]
    pairs = zip(cuts, cuts[1:], strict=False)
    return [root(value, slope, a, b) for a, b in pairs if value(a) * value(b) < 0]


class ExactQIF:
    """(v, i) with the solution of the paper: r e tan(atan(v / r) + r (1 - e)), r complex."""

    def __init__(self, tau_m):
        self.tau = mp.mpf(tau_m)

    def flow(self, state, dt):
        v, i = state["v"], state["i_syn"]
        left = mp.exp(-dt / self.tau)
        r = mp.sqrt(mp.mpc(i))
        later = v * left / (1 - v * (1 - left)) if i == 0 else None
        if later is None:
            later = mp.re(r * left * mp.tan(mp.atan(v / r) + r * (1 - left)))
        return {"v": later, "i_syn": i * left**2}

    def crossing(self, state):
        v, i = state["v"], state["i_syn"]
        r = mp.sqrt(abs(i))
        gone = mp.inf
        if i > 0:
            gone = mp.atan2(r, v) / r
        elif v > max(r, 1):
            gone = mp.atanh(r / v) / r if i else 1 / v
        return -self.tau * mp.log1p(-gone) if gone < 1 else mp.inf

    def receive(self, state, weight):
        return {**state, "i_syn": state["i_syn"] + weight}

    def fire(self, state):
        return {**state, "v": mp.mpf(-(10**40))}


class ExactOscillator:
    """The phase, moved through the potential: Phi(V(phase) + weight)."""

    def __init__(self, tau_m, i_ext):
        self.g = mp.sqrt(mp.mpf(i_ext) - mp.mpf(1) / 4)
        self.tau, self.period = mp.mpf(tau_m), mp.pi * mp.mpf(tau_m) / self.g

    def flow(self, state, dt):
        return {"phase": state["phase"] + dt}

    def crossing(self, state):
        return self.period - state["phase"]

    def receive(self, state, weight):
        if state["phase"] == 0:
            return state
        v = mp.mpf(1) / 2 + self.g * mp.tan(state["phase"] * self.g / self.tau - mp.pi / 2)
        angle = mp.atan((v + weight - mp.mpf(1) / 2) / self.g) + mp.pi / 2
        return {"phase": self.tau / self.g * angle}

    def fire(self, state):
        return {"phase": mp.mpf(0)}


class ExactAdaptive:
    """Threshold minus potential as a sum of exponentials, whose zeros are all isolated."""

    def __init__(self, **params):
        self.p = p = SimpleNamespace(**{k: mp.mpf(float(v)) for k, v in params.items()})
        if "tau_syn" not in params:
            p.tau_syn = p.tau_m / 3
        p.tau_syn *= 1 + mp.mpf(10) ** -20 * (p.tau_syn == p.tau_m)  # no double exponents
        self.v_inf = p.v_rest + p.r_m * p.i_ext
        self.end = 60 * max(p.tau_m, p.tau_syn, p.tau_adapt)

    def parts(self, state):
        """(constant, membrane, current) of v, each with its own exponential."""
        p = self.p
        slow = p.r_m * state.get("i_syn", mp.mpf(0)) * p.tau_syn / (p.tau_syn - p.tau_m)
        return self.v_inf, state["v"] - self.v_inf - slow, slow

    def flow(self, state, dt):
        held = min(state["refractory"], dt)
        later = {**state, "refractory": state["refractory"] - held}
        for part, moving in ((held, False), (dt - held, True)):
            if moving:
                const, fast, slow = self.parts(later)
                fast, slow = fast * mp.exp(-part / self.p.tau_m), slow * self.decay("syn", part)
                later["v"] = const + fast + slow
            later["adapt"] *= self.decay("adapt", part)
            if "i_syn" in later:
                later["i_syn"] *= self.decay("syn", part)
        return later

    def decay(self, which, t):
        return mp.exp(-t / getattr(self.p, f"tau_{which}"))

    def terms(self, state):
        const, fast, slow = self.parts(state)
        p = self.p
        return [(const - p.v_th, 0), (fast, 1 / p.tau_m), (slow, 1 / p.tau_syn),
                (-state["adapt"], 1 / p.tau_adapt)]  # fmt: skip

    def crossing(self, state):
        wait = state["refractory"]
        terms = self.terms(self.flow(state, wait))
        if mp.fsum(c for c, _ in terms) >= 0:
            return wait
        return wait + next(iter(zeros(terms, self.end)), mp.inf)

    def receive(self, state, weight):
        if "i_syn" in state:
            return {**state, "i_syn": state["i_syn"] + weight}
        return {**state, "v": state["v"] + weight * (state["refractory"] <= 0)}

    def fire(self, state):
        adapt, t_ref = state["adapt"] + self.p.adapt_step, self.p.t_ref
        return {**state, "v": self.p.v_reset, "adapt": adapt, "refractory": t_ref}


# ------------------------------------------------------------------------------ random neurons


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def qif(rng):
    tau_m = log_uniform(rng, 2.0, 50.0)
    i = float(rng.normal() * log_uniform(rng, 1e-3, 30.0)) * float(rng.random() > 0.1)
    v = float(rng.choice([rng.normal(), rng.normal() * 10.0, -1e30]))
    return QIF_EXP, {"tau_m": tau_m}, {"v": v, "i_syn": i}, ExactQIF(tau_m)


def oscillator(rng):
    params = {"tau_m": log_uniform(rng, 2, 50), "i_ext": 0.25 + log_uniform(rng, 1e-4, 100.0)}
    exact = ExactOscillator(**params)
    phase = float(rng.random() ** rng.choice([1, 8]) * float(exact.period))
    return OSCILLATORY_QIF, params, {"phase": phase}, exact


def adaptive(rng, synapses=True):
    model = ADAPTIVE_EXP if synapses else ADAPTIVE_DELTA
    params = {
        **model.params, "tau_m": log_uniform(rng, 1, 100), "tau_adapt": log_uniform(rng, 1, 1000),
        "i_ext": float(rng.choice([0.0, 0.5, 0.99, 1.01, 1.5, 3.0])), "v_reset": -0.5,
        "adapt_step": log_uniform(rng, 0.01, 3.0), "t_ref": float(rng.choice([0.0, 1.5])),
    }  # fmt: skip
    state = {"v": rng.uniform(-2, 3), "adapt": float(rng.choice([1, 1, -1])) * rng.random() * 2}
    if synapses:
        nearly = 1.0 + 10.0 ** rng.uniform(-16, -2)
        others = [log_uniform(rng, 0.1, 100), params["tau_m"], params["tau_m"] * nearly]
        params["tau_syn"] = others[rng.choice(3, p=[0.7, 0.15, 0.15])]
        state = {"v": state["v"], "i_syn": float(rng.normal() * log_uniform(rng, 0.1, 30)), **state}
    state["refractory"] = float(rng.choice([0.0, 0.0, 1.0]))
    return model, params, state, ExactAdaptive(**params)


def adaptive_delta(rng):
    return adaptive(rng, synapses=False)


DRAWS = (qif, oscillator, adaptive, adaptive_delta)
every_model = pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)


def exactly(state):
    return {name: mp.mpf(value) for name, value in state.items()}


def distance(found, exact):
    """Largest deviation; of a potential that diverges, on the circle v = tan(angle / 2)."""
    return max(
        float(abs(mp.atan(mp.mpf(found[k])) - mp.atan(exact[k])))
        if k == "v" and abs(exact[k]) > 1
        else float(abs(found[k] - exact[k]) / (1 + abs(exact[k])))
        for k in found
    )


def sensitivity(model, params, time):
    """How many times its last digit's worth of tau_m a spike time may move: see QIF's notes."""
    return math.exp(time / params["tau_m"]) if model is QIF_EXP else 1.0


# --------------------------------------------------------------------------------------- flow


@pytest.mark.parametrize("v, i", [(0.3, 2.0), (-5.0, 0.7), (-0.4, -3.0), (4.0, -20.0), (0.9, 0.0)])
def test_qif_flow_solves_the_differential_equation(v, i):
    # v = -tau y'/y makes it linear: tau^2 y'' + tau y' + i y = 0, here with tau = 10
    def slope(t, y):
        return y[1], -y[1] / 10 - i * math.exp(-t / 5) * y[0] / 100

    cell, state = Cell(QIF_EXP, tau_m=10.0), {"v": v, "i_syn": i}
    spike = cell.crossing(state)
    times = np.linspace(0.0, min(0.95 * spike, 20.0), 5)[1:]
    path = solve_ivp(
        slope, (0, 21), (1.0, -v / 10), method="DOP853", rtol=1e-13, atol=1e-15, dense_output=True
    ).sol
    for t in times:
        later = cell.flow(state, dt=t)
        assert later["v"] == pytest.approx(-10 * path(t)[1] / path(t)[0], rel=1e-9)
        assert later["i_syn"] == pytest.approx(i * math.exp(-t / 5), rel=1e-14)
    if spike < 20.0:
        assert path(spike * (1 - 1e-8))[0] > 0 > path(spike * (1 + 1e-8))[0]


@every_model
def test_flow_is_the_solution(draw):
    rng = np.random.default_rng(1)
    for _ in range(300):
        model, params, state, exact = draw(rng)
        dt = log_uniform(rng, 1e-3, 100.0)
        if model in (QIF_EXP, OSCILLATORY_QIF):
            dt = min(dt, 0.999 * float(exact.crossing(exactly(state))), 5 * params["tau_m"])
        found = Cell(model, **params).flow(state, dt=dt)
        limit = 1e-14 * sensitivity(model, params, 2 * dt)
        assert distance(found, exact.flow(exactly(state), mp.mpf(dt))) < max(limit, 1e-13), state


@every_model
def test_two_flows_are_one(draw):
    rng = np.random.default_rng(2)
    for _ in range(300):
        model, params, state, exact = draw(rng)
        cell = Cell(model, **params)
        dt = log_uniform(rng, 0.01, 50.0)
        if model in (QIF_EXP, OSCILLATORY_QIF):
            dt = min(dt, 0.99 * float(exact.crossing(exactly(state))), 3 * params["tau_m"])
        part = dt * rng.random()
        twice = cell.flow(cell.flow(state, dt=part), dt=dt - part)
        assert distance(twice, exactly(cell.flow(state, dt=dt))) < 1e-11
        assert cell.flow(state, dt=0.0) == pytest.approx(state, rel=1e-15)


@every_model
@pytest.mark.parametrize("dt", [1e-300, 1e-9, 1e5, 1e300])
def test_no_time_is_too_short_or_too_long(draw, dt):
    rng = np.random.default_rng(3)
    for _ in range(50):
        model, params, state, _ = draw(rng)
        for scale in (1e-200, 1.0, 1e6):
            big = {k: x * scale if k in ("v", "i_syn", "adapt") else x for k, x in state.items()}
            cell = Cell(model, **params)
            assert all(math.isfinite(x) for x in cell.flow(big, dt=dt).values())
            assert 0.0 <= cell.crossing(big, horizon=math.inf) <= math.inf


# ------------------------------------------------------------------------------------ crossing


def check_crossings(draw, n):
    """Time of the crossing within 1e-9 ms; no spike missed, none invented."""
    rng = np.random.default_rng(n)
    spikes = 0
    for _ in range(n):
        model, params, state, exact = draw(rng)
        found = Cell(model, **params).crossing(state, horizon=math.inf)
        expected = exact.crossing(exactly(state))
        assert (found == math.inf) == (expected == mp.inf), (params, state)
        if found < math.inf:
            spikes += 1
            limit = 2 * EPS * (found + params["tau_m"] * sensitivity(model, params, found))
            assert abs(found - expected) <= max(limit, 1e-11), (params, state)
    assert spikes > 0.2 * n


@every_model
def test_crossing_is_that_of_the_50_digit_solution(draw):
    check_crossings(draw, 200)


@pytest.mark.slow
@every_model
def test_crossing_is_that_of_the_50_digit_solution_many_times(draw, trials):
    check_crossings(draw, trials)


@every_model
def test_crossing_does_not_depend_on_the_horizon_and_bounds_are_true(draw):
    rng = np.random.default_rng(4)
    for _ in range(500):
        model, params, state, _ = draw(rng)
        cell = Cell(model, **params)
        time = cell.crossing(state, horizon=math.inf)
        for horizon in (0.0, 1e-3, 1.0, 10.0, 1e3, min(time, 1e9), min(time, 1e9) * (1 - 1e-12)):
            found = cell.crossing(state, horizon=horizon)
            if time <= horizon:
                assert found == time
            else:
                assert horizon < found <= time * (1 + 4 * EPS)


@pytest.mark.parametrize("synapses", [True, False])
@pytest.mark.parametrize("margin", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_threshold_that_just_grazes_the_potential(synapses, margin):
    rng = np.random.default_rng(5)
    seen = 0
    while seen < 12:
        model, params, state, exact = adaptive(rng, synapses)
        state["refractory"] = 0.0
        terms = exact.terms(exactly(state))
        turns = zeros([(-rate * c, rate) for c, rate in terms], exact.end)
        tops = [mp.fsum(c * mp.exp(-rate * t) for c, rate in terms) for t in turns]
        level = max([*tops, terms[0][0]])  # highest that v - adapt gets, above v_th
        if not tops or level != max(tops) or mp.fsum(c for c, _ in terms) > level - 0.01:
            continue
        seen += 1
        for sign in (-1, 1):
            v_th = float(mp.mpf(params["v_th"]) + level + sign * margin)
            exact.p.v_th = mp.mpf(v_th)
            found = Cell(model, **{**params, "v_th": v_th}).crossing(state, horizon=math.inf)
            expected = exact.crossing(exactly(state))
            assert (found < math.inf) == (expected < mp.inf) == (sign < 0)
            if sign < 0:
                high = exact.flow(exactly(state), mp.mpf(found))
                assert abs(high["v"] - high["adapt"] - exact.p.v_th) < 1e-14  # backward error
                assert abs(found - expected) < max(1e-9, 1e-14 / margin)


def test_a_threshold_at_the_steady_state_is_decided_by_the_slowest_exponential():
    cell = Cell(ADAPTIVE_DELTA, i_ext=1.0, tau_m=20.0, tau_adapt=30.0)
    assert cell.crossing({"v": 0.5, "adapt": 0.5, "refractory": 0.0}, horizon=1e9) == math.inf
    assert cell.crossing({"v": 0.0, "adapt": -0.5, "refractory": 0.0}, horizon=1e9) < 50.0
    cell = Cell(ADAPTIVE_EXP, i_ext=1.0, tau_m=20.0, tau_adapt=30.0, tau_syn=29.0)
    state = {"v": 0.5, "i_syn": 0.1, "adapt": 1.0, "refractory": 0.0}
    assert cell.crossing(state, horizon=1e9) == math.inf


def test_a_neuron_above_its_threshold_fires_now_or_when_it_is_no_longer_refractory():
    cell = Cell(ADAPTIVE_EXP)
    state = {"v": 1.5, "i_syn": -9.0, "adapt": 0.4, "refractory": 0.0}
    assert cell.crossing(state, horizon=0.0) == 0.0
    assert cell.crossing({**state, "refractory": 2.0}, horizon=5.0) == 2.0
    assert cell.fires(state) and not cell.fires({**state, "refractory": 2.0})


def test_a_spike_raises_the_threshold_and_a_reset_by_subtraction_keeps_the_overshoot():
    state = {"v": 1.75, "i_syn": 2.0, "adapt": 0.5, "refractory": 0.0}
    cell = Cell(ADAPTIVE_EXP, v_reset=-1.0, adapt_step=0.25, t_ref=3.0)
    assert cell.fire(state) == {"v": -1.0, "i_syn": 2.0, "adapt": 0.75, "refractory": 3.0}
    assert Cell(ADAPTIVE_EXP, v_reset=-1.0, soft_reset=1.0).fire(state)["v"] == -0.75


# -------------------------------------------------------------------------------- spike trains


def spike_train(neuron, state, arrivals, end, number=float):
    """Spike times of one neuron; arrivals before spikes at the same time."""
    now, spikes = number(0), []
    for time, weight in [*arrivals, (end, None)]:
        while True:
            left = number(time) - now
            wait = neuron.crossing(state)
            if not wait < left:
                break
            state, now = neuron.fire(neuron.flow(state, wait)), now + wait
            spikes.append(now)
        state, now = neuron.flow(state, left), number(time)
        if weight is not None:
            state = neuron.receive(state, number(weight))
    return spikes, state


class Asked:
    """A `Cell` under the names that the references have."""

    def __init__(self, cell):
        self.flow = lambda state, dt: cell.flow(state, dt=dt)
        self.crossing = lambda state: cell.crossing(state, horizon=math.inf)
        self.receive = lambda state, weight: cell.receive(state, weight=weight)
        self.fire = cell.fire


TRAINS = {
    "qif": (QIF_EXP, {}, {"v": 0.2, "i_syn": 0.0}, lambda tau_m: ExactQIF(tau_m), 4.0),
    "oscillator": (OSCILLATORY_QIF, {}, {"phase": 0.0}, ExactOscillator, 2.0),
    "adaptive": (
        ADAPTIVE_EXP, {"tau_adapt": 40.0, "tau_syn": 5.0, "t_ref": 1.5},
        {"v": 0.0, "i_syn": 0.0, "adapt": 0.0, "refractory": 0.0}, ExactAdaptive, 3.0,
    ),
    "adaptive, equal time constants": (
        ADAPTIVE_EXP, {"tau_adapt": 10.0, "tau_syn": 10.0, "i_ext": 1.1},
        {"v": 0.0, "i_syn": 0.0, "adapt": 0.0, "refractory": 0.0}, ExactAdaptive, 2.0,
    ),
    "adaptive_delta": (
        ADAPTIVE_DELTA, {"tau_adapt": 30.0, "t_ref": 2.0, "i_ext": 0.9},
        {"v": 0.0, "adapt": 0.0, "refractory": 0.0}, ExactAdaptive, 0.6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINS)
@pytest.mark.parametrize("seed", range(2))
def test_trains_of_spikes_are_those_of_the_50_digit_solution(name, seed):
    model, params, state, reference, size = TRAINS[name]
    params = {**model.params, "tau_m": 10.0, **params}
    rng = np.random.default_rng(seed)
    times = np.sort(np.r_[rng.uniform(0, 100, 56), [30.0] * 4])  # some at once
    arrivals = list(zip(times, rng.normal(0.3, 1.0, 60) * size, strict=True))
    exact = reference(**params)
    found, last = spike_train(Asked(Cell(model, **params)), state, arrivals, 100.0)
    expected, end = spike_train(exact, exactly(state), arrivals, 100.0, mp.mpf)
    assert len(found) == len(expected) >= 3
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) < 1e-9
    assert distance(last, end) < 1e-9


def test_the_period_of_an_oscillator_is_the_analytic_one():
    cell = Cell(OSCILLATORY_QIF, tau_m=10.0, i_ext=1.25)
    spikes, _ = spike_train(Asked(cell), {"phase": 0.0}, [], 1000.0)
    np.testing.assert_allclose(np.diff(spikes), 10.0 * np.pi, rtol=1e-13)


# --------------------------------------------------------------------------------- clock engine


def on_the_grid(model, params, state, dt, n_steps):
    """Grid points of the spikes without input, in the order of the clock engine."""
    cell, spikes = Cell(model, dt, **params), []
    for step in range(1, n_steps + 1):
        state = cell.receive(cell.advance(state), weight=0.0)
        if cell.fires(state):
            spikes.append(step)
            state = cell.fire(state)
    return spikes, state


@every_model
def test_on_a_grid_the_first_spike_comes_at_the_next_point(draw):
    rng = np.random.default_rng(6)
    seen = 0
    while seen < 20:
        model, params, state, exact = draw(rng)
        state |= {"refractory": 0.0} if "refractory" in state else {}
        time = float(exact.crossing(exactly(state)))
        dt = 0.1
        if 0.2 < time < 20.0 and abs(time / dt - round(time / dt)) > 1e-6:
            seen += 1
            at = math.ceil(time / dt)
            assert on_the_grid(model, params, state, dt, at)[0] == [at], (params, state)


def test_an_oscillator_loses_no_time_on_a_grid():
    spikes, _ = on_the_grid(OSCILLATORY_QIF, {"tau_m": 10.0}, {"phase": 0.0}, 0.1, 20_000)
    exact = 10.0 * np.pi * np.arange(1, len(spikes) + 1)
    assert spikes == np.ceil(exact / 0.1).astype(int).tolist()


@pytest.mark.slow
def test_the_functions_compile_and_the_clock_engine_runs_them():
    groups = {
        "qif": QIF(3, v0=[1.5, 3.0, 0.5]),
        "oscillator": OscillatoryQIF(3, phase0=[0.0, 3.0, 31.0]),
        "adaptive": AdaptiveLIF(3, tau_syn=5.0, i_ext=[1.5, 2.0, 3.0]),
        "adaptive_delta": AdaptiveLIF(3, i_ext=[1.5, 2.0, 3.0]),
    }
    for name, neurons in groups.items():
        net = ns.Network()
        net.add(neurons, name)
        spikes = ns.simulate(net, 100.0, dt=0.1, dtype="float64", progress=False).spikes[name]
        for k in range(3):
            params = {key: np.ravel(v)[k % np.size(v)] for key, v in neurons.params.items()}
            state = {key: np.ravel(v)[k % np.size(v)] for key, v in neurons.initial.items()}
            steps, _ = on_the_grid(neurons.model, params, state, 0.1, 1000)
            found = np.rint(spikes.times[spikes.ids == k] / 0.1)
            np.testing.assert_array_equal(found, steps)


@pytest.mark.slow
@every_model
def test_compiled_and_plain_functions_agree(draw):
    rng = np.random.default_rng(7)
    model, *_ = draw(rng)
    compiled = {m: in_precision(getattr(model, m), "float64") for m in ("flow", "crossing")}
    for _ in range(100):
        _, params, state, exact = draw(rng)
        values = {**model.event_params(params), **state, "dt": 0.5, "horizon": 1e6}
        for member, function in compiled.items():
            given = [float(values[name]) for name in model.arguments(member)]
            plain = np.array(getattr(model, member)(*given))
            np.testing.assert_allclose(np.array(function(*given)), plain, rtol=1e-12, atol=1e-13)


# ---------------------------------------------------------------------------------- sigma-delta


def settle(cells, weights, inputs):
    """Send inputs (target, amount) into a chain of layers; the states, payloads and counts."""
    states = [[{"x": 0.0, "sent": 0.0} for _ in range(len(w))] for w in weights]
    states.append([{"x": 0.0, "sent": 0.0} for _ in range(len(weights[-1][0]))])
    payloads = [np.zeros(len(layer)) for layer in states]
    events = [0] * len(states)
    starts = [(k, j, 0.0) for k, layer in enumerate(states) for j in range(len(layer))]
    for start in [*starts, *((0, j, amount) for j, amount in inputs)]:
        pending = [start]
        while pending:
            k, j, amount = pending.pop(0)
            state = states[k][j] = cells[k].receive(states[k][j], weight=amount)
            if cells[k].crossing(state) == 0.0:
                payload = cells[k].payload(state)
                assert payload != 0.0
                states[k][j] = cells[k].fire(state)
                assert cells[k].crossing(states[k][j]) == math.inf  # once per change
                payloads[k][j] += payload
                events[k] += 1
                if k < len(weights):
                    pending += [(k + 1, i, w * payload) for i, w in enumerate(weights[k][j])]
    return states, payloads, events


@given(st.integers(0, 10_000))
def test_after_its_last_event_a_delta_network_is_the_quantised_network(seed):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(4, 6)), rng.normal(size=(6, 3))]
    thresholds, biases = (0.25, 0.125, 0.5), (0.0, 0.3, -0.2)
    cells = [
        Cell(SIGMA_DELTA, threshold=q, bias=b, relu=float(k > 0))
        for k, (q, b) in enumerate(zip(thresholds, biases, strict=True))
    ]
    inputs = [(int(rng.integers(4)), float(rng.normal())) for _ in range(15)]
    states, payloads, _ = settle(cells, weights, inputs)
    value = np.zeros(4)
    for j, amount in inputs:
        value[j] += amount
    for k, (q, b) in enumerate(zip(thresholds, biases, strict=True)):
        x = np.array([state["x"] for state in states[k]])
        np.testing.assert_allclose(x, value, atol=1e-12)  # W q(x) of the layer before
        active = np.maximum(x + b, 0.0) if k else x + b
        sent = np.array([state["sent"] for state in states[k]])
        np.testing.assert_array_equal(sent, q * np.round(active / q))
        np.testing.assert_allclose(payloads[k], sent, atol=1e-12)
        assert np.abs(sent - active).max() <= q / 2
        value = sent @ weights[k] if k < 2 else None


def test_slow_changes_send_less_than_frames():
    frames = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (200, 4)), axis=0)
    steps = np.diff(frames, axis=0, prepend=0.0)
    inputs = [(j, float(x)) for row in steps for j, x in enumerate(row)]
    _, payloads, events = settle([Cell(SIGMA_DELTA, threshold=0.25)] * 2, [np.eye(4)], inputs)
    assert events[0] < frames.size / 10
    assert np.abs(payloads[0] - frames[-1]).max() <= 0.125


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e3), st.booleans())
def test_a_sigma_delta_neuron_never_fires_twice_for_one_arrival(x, threshold, relu):
    cell = Cell(SIGMA_DELTA, threshold=threshold, relu=float(relu))
    for tie in (x, (round(x) + 0.5) * threshold):
        state = cell.fire({"x": tie, "sent": 0.0})
        assert not cell.fires(state) and cell.crossing(state) == math.inf
        assert cell.payload(state) == 0.0 and cell.flow(state, dt=5.0) == state


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("make, message", [
    (lambda: QIF(2, tau_m=10.0, tau_syn=4.0), r"QIF.tau_syn must be tau_m / 2.*got 4.0"),
    (lambda: QIF(2, tau_m=10.0, tau_syn=[5.0, 5.0]), "QIF.tau_syn must be tau_m / 2"),
    (lambda: QIF(2, tau_m=0.0), "QIF.tau_m must be > 0 ms"),
    (lambda: OscillatoryQIF(2, i_ext=0.25), "OscillatoryQIF.i_ext must be > 0.25"),
    (lambda: OscillatoryQIF(2, phase0=[0.0, 40.0]), r"phase0 .* period of 31.4159 ms, got 40 "),
    (lambda: OscillatoryQIF(1, phase0=-1.0), "phase0 must be >= 0"),
    (lambda: AdaptiveLIF(2, adapt_step=-0.1), "AdaptiveLIF.adapt_step must be >= 0 mV"),
    (lambda: AdaptiveLIF(2, tau_syn=(2.0, 5.0)), "AdaptiveLIF.tau_syn must be None"),
    (lambda: AdaptiveLIF(2, v_reset=1.0), "AdaptiveLIF.v_reset must be < v_th"),
    (lambda: AdaptiveLIF(2, reset="soft"), "AdaptiveLIF.reset must be 'value' or 'subtract'"),
    (lambda: SigmaDelta(2, threshold=0.0), "SigmaDelta.threshold must be > 0"),
    (lambda: SigmaDelta(2, threshold=1.0, relu=2), "SigmaDelta.relu must be True or False"),
])  # fmt: skip
def test_parameters_that_cannot_be_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_parameters_may_be_given_per_neuron():
    assert QIF((2, 2), tau_m=[[1.0, 2.0], [3.0, 4.0]], tau_syn=[[0.5, 1.0], [1.5, 2.0]]).n == 4
    exact = (cells := OscillatoryQIF(2, i_ext=[1.25, 4.25])).model.event_params(dict(cells.params))
    np.testing.assert_allclose(exact["period"], [10 * np.pi, 5 * np.pi])
    cells = AdaptiveLIF(2, tau_m=[10.0, 5.0], tau_syn=5.0, reset="subtract")
    exact = cells.model.event_params(dict(cells.params))
    np.testing.assert_allclose(exact["gap_syn"], [0.1, 0.0])
    assert OscillatoryQIF(3, phase0=ns.Uniform(0.0, 30.0)).n == 3
