"""Do `flow` and `crossing` of LIF and IF give the exact solution, and its first crossing?"""

import math

import numpy as np
import pytest
from exact_moments import (
    CURRENTS,
    DIGITS,
    INF,
    MODELS,
    SYNAPSES,
    Moment,
    exact,
    moments,
    number,
    truth,
)

import neurosim as ns
from neurosim._jit import JIT
from neurosim.models import crossing as march

every_model = pytest.mark.parametrize("which", MODELS, ids="-".join)

# ------------------------------------------------------------------------------- claims


def check_crossings(which, n, seed):
    """No spike missed or invented, and none at a wrong time; returns how many were undecidable."""
    undecidable = 0
    for moment in moments(which, n, seed):
        found = moment.crossing()
        expected = truth(moment, found)
        if expected.margin < 1e-13:
            undecidable += 1
            continue
        assert (found < INF) == (expected.high < INF), (moment, found, expected.margin)
        if found == INF or moment.state["v"] >= moment.params["v_th"]:
            assert found in (INF, moment.state["refractory"])
        elif expected.margin > 1e-10:
            assert expected.fires_after(found - 1e-9), (moment, found, expected.margin)
            assert expected.fires_before(found + 1e-9), (moment, found, expected.margin)
        else:
            error = abs(float(expected.curve(number(float(found)) - expected.wait)))
            assert error <= 1e-12 * moment.scale(), (moment, found, expected.margin)
    return undecidable


@every_model
def test_crossing_is_the_first_one_of_the_50_digit_solution(which):
    n = 300
    assert check_crossings(which, n, 0) < 0.2 * n


@pytest.mark.slow
@every_model
def test_crossing_is_the_first_one_in_many_random_states(which, trials):
    n = trials
    undecidable = check_crossings(which, n, 1)
    print(f"{'-'.join(which)}: {undecidable} of {n} states undecidable")
    assert undecidable < 0.2 * n


@every_model
def test_horizon_decides_only_when_the_search_stops(which):
    rng = np.random.default_rng(2)
    for moment in moments(which, 200, 2):
        found = moment.crossing()
        middle = found if 0.0 < found < INF else 10.0
        for horizon in (0.0, middle * 0.5, middle * (1 - 1e-9), middle, middle * rng.exponential()):
            bound = moment.crossing(horizon)
            if found <= horizon:
                assert bound == found
            else:
                assert horizon < bound <= found


@every_model
def test_crossing_takes_few_steps(which, monkeypatch):
    counts = []

    def counting(*args):
        counts[-1] += 1
        return step(*args)

    step = march.step_below_push
    monkeypatch.setattr(march, "step_below_push", counting)
    for moment in moments(which, 400, 3):
        counts.append(0)
        moment.crossing()
    assert max(counts) <= 50  # a peak at the threshold; the distance halves at each step
    assert np.mean(counts) <= 10


@pytest.mark.parametrize("kind", ["LIF", "IF"])
def test_ordinary_arrivals_are_answered_without_a_search(kind, monkeypatch):
    counts = []

    def counting(*args):
        counts.append(args)
        return step(*args)

    step = march.step_below_push
    monkeypatch.setattr(march, "step_below_push", counting)
    excited = {"i_syn": 0.4 if kind == "LIF" else 0.04}
    moment = Moment((kind, "one"), {"tau_syn": 5.0}, {"v": 0.3, **excited})
    assert moment.crossing(1.0) > 1.0
    assert not counts


def test_state_at_the_threshold_fires_at_once_or_when_it_may():
    for which, model in MODELS.items():
        for v in (1.0, 1.5):
            assert Moment(which, {"v_th": 1.0}, {"v": v}).crossing() == 0.0
            late = Moment(which, {"v_th": 1.0}, {"v": v, "refractory": 2.5})
            assert late.crossing() == 2.5
            assert late.crossing(1.0) > 1.0
        assert model.state["refractory"] == 0.0


def test_bias_that_leads_exactly_to_the_threshold_never_fires():
    for synapse in SYNAPSES:
        for v in (0.0, 0.999, -1e6):
            given = Moment(("LIF", synapse), {"i_ext": 1.0}, {"v": v})
            assert given.crossing() == INF
            inhibited = {"i_syn": -1.0, "i_inh": -1.0}
            state = {"v": v, **{k: x for k, x in inhibited.items() if k in given.state}}
            assert Moment(("LIF", synapse), {"i_ext": 1.0}, state).crossing() == INF


def test_inhibited_neuron_with_strong_bias_fires_on_the_rebound():
    # v' = (1.5 - v - 40 e^{-t/5}) / 20 from 0.9: far down first
    moment = Moment(("LIF", "one"), {"i_ext": 1.5, "tau_syn": 5.0}, {"v": 0.9, "i_syn": -40.0})
    found = moment.crossing()
    assert 40.0 < found < INF
    assert abs(moment.flow(found).state["v"] - 1.0) < 1e-14
    assert moment.flow(10.0).state["v"] < -5.0


@pytest.mark.slow
@pytest.mark.skipif(not JIT, reason="nothing is compiled")
@every_model
def test_compiled_functions_give_the_same_bits(which):
    import numba

    model = MODELS[which]
    compiled = {m: numba.njit(error_model="numpy")(getattr(model, m)) for m in ("flow", "crossing")}
    for moment in moments(which, 200, 7):
        given = {**moment.known, **moment.state, "dt": 1.7, "horizon": INF}
        given = {name: float(value) for name, value in given.items()}
        for member, function in compiled.items():
            values = [given[name] for name in model.arguments(member)]
            assert function(*values) == getattr(model, member)(*values)


# --------------------------------------------------------------------------------- flow

TIMES = [1e-12, 1e-3, 0.3, 2.0, 20.0, 333.0, 1e6]


@every_model
def test_flow_is_the_50_digit_solution_at_any_distance(which):
    for moment in moments(which, 60, 4):
        curve, wait = exact(moment)
        v_th, scale = number(float(moment.params["v_th"])), moment.scale()
        for dt in TIMES:
            after = moment.flow(dt)
            t = number(dt) - wait
            v = curve(t) + v_th if t > 0 else number(float(moment.state["v"]))
            scale_now = max(scale, abs(float(v)))  # a perfect integrator goes any way
            assert abs(float(v - number(float(after.state["v"])))) <= 2e-15 * scale_now
            assert after.state["refractory"] == max(moment.state["refractory"] - dt, 0.0)
            for name, value in currents(moment, dt).items():
                size = abs(moment.state[name]) + 10.0 * abs(moment.state.get("x_syn", 0.0))
                assert abs(after.state[name] - value) <= 1e-14 * abs(value) + 1e-30 * size


def currents(moment, dt):
    """The currents of the reference after ``dt``."""
    p, s, found = moment.params, moment.state, {}
    for name, tau in (("i_syn", "tau_syn"), ("i_exc", "tau_syn_exc"), ("i_inh", "tau_syn_inh")):
        if tau in p:
            t = number(dt)
            left = DIGITS.exp(-t / number(float(p[tau])))
            slope = number(float(s.get("x_syn", 0.0)))
            found[name] = float((number(float(s[name])) + slope * t) * left)
            if "x_syn" in s:
                found["x_syn"] = float(slope * left)
        elif name in s:
            found[name] = s[name]
    return found


@every_model
def test_flow_in_two_parts_is_the_flow_at_once(which):
    rng = np.random.default_rng(5)
    for moment in moments(which, 100, 5):
        a, b = np.exp(rng.uniform(-7.0, 6.0, 2))
        in_parts, at_once = moment.flow(a).flow(b).state, moment.flow(a + b).state
        scale = max(moment.scale(), abs(at_once["v"]))
        for name in ("v", "refractory"):
            assert abs(in_parts[name] - at_once[name]) <= 4e-15 * scale
        for name in set(CURRENTS) & set(at_once):
            size = abs(moment.state[name]) + abs(moment.state.get("x_syn", 0.0)) * (a + b)
            assert abs(in_parts[name] - at_once[name]) <= 1e-13 * size


@every_model
@pytest.mark.parametrize("dt", [0.1, 3.0])
def test_step_of_the_clock_is_the_flow_over_that_time(which, dt):
    for moment in moments(which, 60, 6):
        moment = Moment(which, moment.params, dict(moment.state, refractory=0.0))
        known = {**moment.model.kernel_params(moment.params, dt), **moment.state, "dt": dt}
        names = moment.model.arguments("advance")
        stepped = moment.model.advance(**{name: known[name] for name in names})
        flown = moment.flow(dt).state
        for name, value in zip(flown, stepped, strict=True):
            size = moment.scale() if name == "v" else abs(moment.state[name])
            size += abs(moment.state.get("x_syn", 0.0)) * dt
            assert abs(value - flown[name]) <= 1e-13 * size


# ------------------------------------------------------------------------- alpha and step


@pytest.mark.parametrize("kind", ["LIF", "IF"])
def test_alpha_current_peaks_at_the_weight_after_tau_syn(kind):
    which = (kind, "alpha")
    model = MODELS[which]
    resting = Moment(which, {"tau_syn": 4.0, "v_th": 1e9}, {})
    values = {**resting.known, **resting.state, "weight": 0.7}
    received = model.receive(**{name: values[name] for name in model.arguments("receive")})
    moment = Moment(which, resting.params, dict(zip(model.state, received, strict=True)))
    assert moment.state["i_syn"] == 0.0
    assert moment.flow(4.0).state["i_syn"] == pytest.approx(0.7, rel=1e-14)
    for dt in (3.9, 4.1):
        assert moment.flow(dt).state["i_syn"] < 0.7


def test_step_current_is_a_ramp_of_a_perfect_integrator():
    moment = Moment(("IF", "step"), {"c_m": 2.0, "v_th": 1.0}, {"i_syn": 0.5})
    assert moment.crossing() == 4.0
    assert moment.flow(3.0).state == {"v": 0.75, "i_syn": 0.5, "refractory": 0.0}


def test_clock_engine_runs_alpha_and_step_synapses():
    net = ns.Network()
    net.add(ns.SpikeSource(1, times=[1.0], ids=[0]), "in")
    net.add(ns.LIF(1, tau_syn=5.0, synapse="alpha", tau_m=10.0), "alpha")
    net.add(ns.IF(1, synapse="step", c_m=8.0), "step")
    net.connect("in", "alpha", weight=0.8)
    net.connect("in", "step", weight=2.0)
    record = {"alpha": ["i_syn"], "step": ["spikes"]}
    result = ns.simulate(net, 12.0, dt=0.5, dtype="float64", record=record, progress=False)
    trace = result.traces["alpha"]["i_syn"]
    s = np.maximum(trace.times - 1.0, 0.0) / 5.0
    np.testing.assert_allclose(trace.values[:, 0], 0.8 * math.e * s * np.exp(-s), atol=1e-14)
    assert result.spikes["step"].times.tolist() == [5.0, 9.0]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"synapse": "alpha"}, r"tau_syn must be one time constant .*, got None"),
        ({"synapse": "alpha", "tau_syn": (1.0, 2.0)}, r"tau_syn must be one time constant .* 2"),
        ({"synapse": "step", "tau_syn": 5.0}, r"tau_syn must be None for synapse='step'"),
        ({"synapse": "beta"}, r"synapse must be one of 'exp', 'alpha', 'step', got 'beta'"),
    ],
)
@pytest.mark.parametrize("kind", ["LIF", "IF"])
def test_synapse_without_its_time_constants_is_refused(kind, given, message):
    with pytest.raises(ns.errors.ParameterError, match=rf"{kind}\.{message}"):
        getattr(ns, kind)(1, **given)
