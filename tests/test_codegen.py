"""Models written by users run like built-in ones, and never from stale code."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import neurosim as ns
from neurosim import _jit
from neurosim.engine.codegen import fingerprint, in_precision
from neurosim.errors import ParameterError

GAIN = 2.0


def own_advance(v, tau_m, dt):
    return v * np.exp(-dt / tau_m)


def own_receive(v, weight):
    return v + GAIN * weight


def own_fires(v, v_th):
    return v >= v_th


def own_fire(v):
    return v * 0.0


@pytest.fixture
def own():
    return ns.NeuronModel(
        name="own", state={"v": 0.0}, params={"tau_m": 10.0, "v_th": 1.0},
        advance=own_advance, receive=own_receive, fires=own_fires, fire=own_fire,
    )  # fmt: skip


def spikes_of(neurons, dtype="float64"):
    net = ns.Network(seed=2)
    noise = net.add(ns.PoissonSource(30, rate=40.0), "noise")
    cells = net.add(neurons, "cells")
    net.connect(noise, cells, weight=0.125)
    return ns.simulate(net, 500.0, dtype=dtype, record={"cells": ["spikes", "v"]})


@pytest.mark.parametrize("tau_m", [10.0, np.linspace(5, 20, 7)], ids=["shared", "per neuron"])
def test_a_users_lif_equals_the_built_in_one_spike_for_spike(own, tau_m):
    mine = spikes_of(own.neurons(7, tau_m=tau_m))
    theirs = spikes_of(ns.LIF(7, tau_m=tau_m, v_th=0.5))  # GAIN doubles each input
    assert len(mine.spikes["cells"]) > 100
    assert np.array_equal(mine.spikes["cells"].times, theirs.spikes["cells"].times)
    assert np.array_equal(mine.spikes["cells"].ids, theirs.spikes["cells"].ids)


def test_a_model_without_threshold_integrates_and_never_fires():
    model = ns.NeuronModel(
        name="sum", state={"v": 0.0, "n": 0.0}, units={"v": "mV"},
        advance=lambda v, n: (v, n + 1.0), receive=lambda v, n, weight: (v + weight, n),
    )  # fmt: skip
    result = spikes_of(model.neurons(2))
    assert result.counts["cells"].sum() == 0
    assert result.traces["cells"]["v"].values[-1, 0] == 0.125 * result.counts["noise"].sum()


def test_closures_and_two_models_of_one_name_do_not_share_code():
    def scaled(by):
        return ns.NeuronModel(
            name="same", state={"v": 0.0},
            advance=lambda v: v, receive=lambda v, weight: v + by * weight,
        )  # fmt: skip

    last = [
        spikes_of(scaled(by).neurons(1)).traces["cells"]["v"].values[-1, 0] for by in (1.0, 3.0)
    ]
    assert last[1] == pytest.approx(3 * last[0])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"advance": lambda v, speed: v}, r"'own'\.advance must take .* got \['speed'\]"),
        ({"receive": lambda v, w: v}, r"'own'\.receive must take .* got \['w'\]"),
        ({"fire": None}, r"both fires and fire, or neither"),
        ({"params": {"v": 1.0, "tau_m": 1.0, "v_th": 1.0}}, r"state or parameter, not both"),
        ({"state": {}}, r"at least one state variable"),
    ],
)
def test_incomplete_models_are_refused_by_name(change, message):
    good = {
        "name": "own", "state": {"v": 0.0}, "params": {"tau_m": 10.0, "v_th": 1.0},
        "advance": own_advance, "receive": own_receive, "fires": own_fires, "fire": own_fire,
    }  # fmt: skip
    with pytest.raises(ParameterError, match=message):
        ns.NeuronModel(**{**good, **change})


def test_unknown_parameters_and_states_are_refused(own):
    with pytest.raises(ParameterError, match=r"own has no parameter 'tau'; it has tau_m, v_th"):
        own.neurons(3, tau=1.0)
    with pytest.raises(ParameterError, match=r"own has no state variable 'u'; it has v"):
        own.neurons(3, initial={"u": 1.0})


def test_initial_states_may_be_drawn_and_do_not_depend_on_the_size(own):
    def start(n):
        net = ns.Network(seed=4)
        net.add(own.neurons(n, initial={"v": ns.Uniform(0.1, 0.9)}), "cells")
        r = ns.simulate(net, 0.1, record={"cells": "v"}, dtype="float64")
        return r.traces["cells"]["v"].values[0]

    assert np.array_equal(start(5), start(9)[:5])
    assert np.unique(start(9)).size == 9


def test_the_fingerprint_sees_constants_globals_and_called_functions(monkeypatch):
    before = fingerprint(own_receive)
    assert before == fingerprint(own_receive)
    monkeypatch.setitem(own_receive.__globals__, "GAIN", 3.0)
    assert fingerprint(own_receive) != before


@pytest.mark.skipif(not _jit.JIT, reason="needs the compiler")
def test_float_literals_do_not_pull_float32_into_double_precision():
    tenth = in_precision(lambda v: 0.1 * v, "float32")
    assert tenth(np.float32(3.0)) == np.float32(0.1) * np.float32(3.0)
    assert tenth(np.float32(3.0)) != 0.1 * 3.0


@pytest.mark.slow
@pytest.mark.skipif(not _jit.JIT, reason="needs the compiler")
def test_an_edited_model_file_is_not_run_from_the_cache(tmp_path):
    script = tmp_path / "own.py"
    text = textwrap.dedent(
        """
        import neurosim as ns
        def advance(v): return v + {step}
        def receive(v, weight): return v + weight
        model = ns.NeuronModel(name="m", state={{"v": 0.0}}, advance=advance, receive=receive)
        net = ns.Network()
        net.add(model.neurons(1), "m")
        r = ns.simulate(net, 1.0, record={{"m": "v"}})
        print(r.traces["m"]["v"].values[-1, 0])
        """
    )
    seen = []
    for step in (1.0, 1.0, 2.0):
        script.write_text(text.format(step=step))
        run = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, check=True
        )
        seen.append(float(run.stdout))
    assert seen == [9.0, 9.0, 18.0]
