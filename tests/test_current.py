"""Noise currents: closed forms of mean and variance, draws that depend on nothing else."""

import numpy as np
import pytest
import scipy.stats

import neurosim as ns
from neurosim.errors import BuildError, ParameterError


def potentials(current, duration, *, n=2000, neurons=None, dt=0.1, seed=1, record="v", **options):
    net = ns.Network(seed=seed)
    net.add(neurons or ns.LIF(n, tau_m=10.0, r_m=2.0, v_rest=-3.0, v_th=1e9), "cells")
    for stimulus in current if isinstance(current, list) else [current]:
        net.stimulate("cells", stimulus)
    options = {"dtype": "float64", "progress": False} | options
    result = ns.simulate(net, duration, dt=dt, record={"cells": [record]}, **options)
    return result.traces["cells"][record].values


# ------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("interval, dt", [(1.0, 0.1), (0.5, 0.5), (4.0, 0.25)])
def test_white_noise_gives_the_stationary_mean_and_variance(interval, dt):
    noise = ns.NoiseCurrent(mean=0.5, std=1.5, interval=interval)
    v = potentials(noise, 100.0 + interval, dt=dt)[-1 - round(interval / dt)]
    e = np.exp(-interval / 10.0)  # at the end of an interval, after many
    variance = (2.0 * 1.5) ** 2 * (1 - e) / (1 + e)
    assert abs(v.mean() - (-3.0 + 2.0 * 0.5)) < 5 * np.sqrt(variance / v.size)
    assert abs(v.var() / variance - 1) < 5 * np.sqrt(2 / v.size)
    assert scipy.stats.kstest((v + 2.0) / np.sqrt(variance), "norm").pvalue > 1e-3


def test_std_over_root_interval_is_the_density_of_white_noise():
    # tau dv = (v_rest - v) dt + r_m D dW has the variance (r_m D)^2 / (2 tau)
    density = 0.7
    for interval in (0.1, 0.2):
        noise = ns.NoiseCurrent(std=density / np.sqrt(interval), interval=interval)
        v = potentials(noise, 80.0, n=4000)[-1]
        variance = (2.0 * density) ** 2 / 20.0
        assert abs(v.var() / variance - 1) < 5 * np.sqrt(2 / v.size) + 2 * interval / 10.0


@pytest.mark.parametrize("interval", [None, 0.5])
def test_an_ornstein_uhlenbeck_current_gives_the_closed_covariance(interval):
    # held for h: x' = a x + b N and v' = e v + (1 - e) r x; stationary moments solve 3 equations
    tau, std, r, h = 3.0, 1.2, 2.0, interval or 0.1
    a, e = np.exp(-h / tau), np.exp(-h / 10.0)
    xv = (1 - e) * r * a * std**2 / (1 - a * e)
    variance = ((1 - e) ** 2 * r**2 * std**2 + 2 * e * (1 - e) * r * xv) / (1 - e**2)
    noise = ns.NoiseCurrent(std=std, tau=tau, interval=interval)
    v = potentials(noise, 120.0, n=4000)[-1 - round(h / 0.1)]
    assert abs(v.var() / variance - 1) < 5 * np.sqrt(2 / v.size)
    continuous = (r * std) ** 2 * tau / (tau + 10.0)
    assert abs(variance / continuous - 1) < 0.1 * h


def test_an_integrator_shows_the_current_itself():
    n, tau = 3000, 2.0
    noise = ns.NoiseCurrent(mean=0.1, std=0.5, tau=tau)
    v = potentials(noise, 30.0, neurons=ns.IF(n, v_th=1e9, c_m=2.0))
    x = (np.diff(v, axis=0) * 2.0 / 0.1 - 0.1) / 0.5
    assert np.abs(v[0]).max() == 0.0  # before the first grid point there is nothing to advance
    assert abs(x[0].var() - 1) < 5 * np.sqrt(2 / n)  # begun in the stationary state
    assert abs(x.var() - 1) < 0.05
    for lag in (1, 5, 20):
        found = (x[lag:] * x[:-lag]).mean()
        assert abs(found - np.exp(-lag * 0.1 / tau)) < 0.03


def test_white_noise_is_held_and_does_not_depend_on_the_grid():
    noise = ns.NoiseCurrent(std=0.5, interval=2.0)
    coarse = potentials(noise, 21.0, n=50, neurons=ns.IF(50, v_th=1e9), dt=1.0)
    fine = potentials(noise, 21.0, n=50, neurons=ns.IF(50, v_th=1e9), dt=0.25)
    np.testing.assert_allclose(fine[::4], coarse, atol=1e-12)
    steps = np.diff(fine, axis=0)[:80].reshape(10, 8, 50)
    assert np.ptp(steps, axis=1).max() < 1e-12 and np.ptp(steps[:, 0], axis=0).min() > 0.1


def test_a_mean_without_noise_is_the_constant_current():
    neurons = ns.LIF(5, tau_m=10.0, tau_syn=5.0, t_ref=2.0, i_ext=0.4, r_m=np.arange(1.0, 6.0))
    plain = ns.LIF(5, tau_m=10.0, tau_syn=5.0, t_ref=2.0, i_ext=0.9, r_m=np.arange(1.0, 6.0))
    net = ns.Network()
    net.add(plain, "cells")
    expected = ns.simulate(net, 100.0, dtype="float64", record={"cells": ["v"]})
    v = potentials(ns.NoiseCurrent(mean=0.5), 100.0, neurons=neurons)
    np.testing.assert_allclose(v, expected.traces["cells"]["v"].values, atol=1e-12)
    assert v.max() < 1.0 and v[:, 1:].max() > 0.9  # it fires, and is held while refractory


def test_a_scheduled_mean_is_a_current_step():
    pulse = ns.NoiseCurrent(mean=ns.Schedule([0, 5, 10], [0.0, 2.0, -1.0]))
    v = potentials(pulse, 20.0, neurons=ns.IF(3, v_th=1e9))[:, 0]
    t = np.arange(200) / 10
    expected = np.interp(t, [0, 5, 10, 20], [0, 0, 10, 0])
    np.testing.assert_allclose(v, expected, atol=1e-9)


def test_several_currents_add_up_and_each_neuron_has_its_own_values():
    n = 6
    currents = [
        ns.NoiseCurrent(mean=np.arange(n) / 10),
        ns.NoiseCurrent(mean=0.3, std=np.arange(n) * 1.0, interval=0.1),
    ]
    net = ns.Network(seed=1)
    net.add(ns.IF(n, v_th=1e9), "cells")
    for k, current in enumerate(currents):
        net.stimulate("cells", current, name=f"c{k}")
    both = ns.simulate(net, 10.0, dtype="float64", record={"cells": ["v"]})
    v = both.traces["cells"]["v"].values
    assert v[-1, 0] == pytest.approx(0.3 * 9.9)
    alone = ns.Network(seed=1)
    alone.add(ns.IF(n, v_th=1e9), "cells")
    alone.stimulate("cells", currents[1], name="c1")
    other = ns.simulate(alone, 10.0, dtype="float64", record={"cells": ["v"]})
    rest = v[-1] - other.traces["cells"]["v"].values[-1]
    np.testing.assert_allclose(rest, np.arange(n) / 10 * 9.9, atol=1e-9)


# ------------------------------------------------------------------ draws, cuts, models


def network(n=37):
    net = ns.Network(seed=5)
    net.add(ns.LIF(n, tau_m=10.0, tau_syn=2.0, t_ref=1.0), "cells")
    net.stimulate("cells", ns.NoiseCurrent(mean=0.8, std=0.9, interval=1.3))
    cycle = ns.Schedule([0, 4.0], [0.0, 0.3], period=9.0)
    net.stimulate("cells", ns.NoiseCurrent(mean=cycle, std=0.4, tau=4.0))
    net.connect("cells", "cells", ns.FixedProbability(0.3), weight=0.1, delay=1.5)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_cuts_saves_and_resets_change_no_bit(tmp_path, dtype, threads):
    record = {"cells": ["spikes", "v"]}
    sim = ns.Simulator(network(), dtype=dtype)
    whole = sim.run(60.0, record=record)
    assert len(whole.spikes["cells"]) > 50
    sim.reset()
    again = sim.run(60.0, record=record)
    parts, saved = [], ns.Simulator(network(), dtype=dtype, threads=threads)
    for k, piece in enumerate((0.1, 7.0, 5.9, 20.0, 27.0)):
        parts.append(saved.run(piece, record=record))
        path = saved.save(tmp_path / f"{k}.h5")
        saved = ns.Simulator(network(), dtype=dtype, threads=threads)
        saved.run(3.3)
        saved.load(path)
    for pieces in ([again], parts):
        v = np.concatenate([p.traces["cells"]["v"].values for p in pieces])
        np.testing.assert_array_equal(v, whole.traces["cells"]["v"].values)
        times = np.concatenate([p.spikes["cells"].times for p in pieces])
        np.testing.assert_array_equal(times, whole.spikes["cells"].times)


def test_draws_belong_to_name_and_neuron():
    def currents(n, name, seed=1):
        net = ns.Network(seed=seed)
        net.add(ns.IF(n, v_th=1e9), "cells")
        net.stimulate("cells", ns.NoiseCurrent(std=1.0), name=name)
        return ns.simulate(net, 5.0, record={"cells": ["v"]}).traces["cells"]["v"].values

    base = currents(40, "a")
    np.testing.assert_array_equal(base[:, :10], currents(10, "a"))
    for other in (currents(40, "b"), currents(40, "a", seed=2)):
        assert abs(np.corrcoef(base[-1], other[-1])[0, 1]) < 0.6


def test_a_users_model_with_i_ext_takes_currents_too():
    def advance(v, i_ext, tau, dt):
        return v + (i_ext - v) * dt / tau

    def receive(v, weight):
        return v + weight

    leaky = ns.NeuronModel(
        name="leaky", state={"v": 0.0}, params={"tau": 10.0, "i_ext": 0.25},
        advance=advance, receive=receive,
    )  # fmt: skip
    v = potentials(ns.NoiseCurrent(mean=0.5), 100.0, neurons=leaky.neurons(3))
    np.testing.assert_allclose(v[-1], 0.75, atol=1e-4)


def test_models_that_are_not_linear_in_the_current_are_refused():
    def advance(v, drive):
        return v + drive

    def receive(v, weight):
        return v + weight

    square = ns.NeuronModel(
        name="square", state={"v": 0.0}, params={"i_ext": 0.0}, advance=advance, receive=receive,
        derive=lambda params, dt: {"drive": params["i_ext"] ** 2},
    )  # fmt: skip
    net = ns.Network()
    net.add(square.neurons(2), "cells")
    net.stimulate("cells", ns.NoiseCurrent(mean=0.5))
    with pytest.raises(BuildError, match="'square': drive must be a straight line in i_ext"):
        ns.simulate(net, 1.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda n: ns.NoiseCurrent(std=-1.0), r"NoiseCurrent\.std must be >= 0 nA"),
        (lambda n: ns.NoiseCurrent(std=1.0, tau=0.0), r"NoiseCurrent\.tau must be > 0 ms"),
        (lambda n: ns.NoiseCurrent(interval=-1.0), r"NoiseCurrent\.interval must be > 0 ms"),
        (lambda n: ns.NoiseCurrent(std=ns.Schedule([0], [1])), r"only the mean can follow"),
        (
            lambda n: n.stimulate("cells", ns.NoiseCurrent(std=[1.0, 2.0])),
            r"Stimulus 'current->cells'\.std must have shape \(3,\), got \(2,\)",
        ),
        (
            lambda n: n.stimulate("cells", ns.NoiseCurrent(std=1.0), port=0),
            r"port must be left out for a current, got 0",
        ),
        (
            lambda n: n.stimulate("loihi", ns.NoiseCurrent(std=1.0)),
            r"must have a model with the parameter i_ext, .* got Population\('loihi'",
        ),
    ],
)
def test_bad_currents_are_refused(make, message):
    net = ns.Network()
    net.add(ns.LIF(3), "cells")
    net.add(ns.LoihiLIF(3), "loihi")
    with pytest.raises(ParameterError, match=message):
        make(net)


def test_intervals_off_the_grid_are_refused_with_a_remedy():
    net = ns.Network()
    net.add(ns.LIF(3), "cells")
    net.stimulate("cells", ns.NoiseCurrent(std=1.0))
    with pytest.raises(BuildError, match=r"interval must be a whole number .* set interval=0\.9"):
        ns.simulate(net, 5.0, dt=0.3)


def test_integer_neurons_take_no_noise_current():
    def advance(v, i_ext):
        return v + i_ext

    def receive(v, weight):
        return v + weight

    whole = ns.NeuronModel(
        name="whole", state={"v": 0}, params={"i_ext": 0}, advance=advance, receive=receive,
        dtypes=("int32",),
    )  # fmt: skip
    net = ns.Network(time="steps")
    net.add(whole.neurons(2), "cells")
    net.stimulate("cells", ns.NoiseCurrent(mean=1.0))
    with pytest.raises(BuildError, match="must be a PoissonInput for integer neurons"):
        ns.simulate(net, 5)
