"""Rates that change: the exact process, the same spikes however it is described, cut or saved."""

import numpy as np
import pytest
import reference
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.engine import noise
from neurosim.errors import ParameterError
from neurosim.random import key_of


def poisson_spikes(rate, n=200, duration=1000.0, time="continuous", seed=1, dt=0.1):
    net = ns.Network(seed=seed, time=time)
    net.add(ns.PoissonSource(n, rate=rate), "in")
    found = ns.simulate(net, duration, dt=None if time == "steps" else dt, progress=False)
    return found.spikes["in"]


def arrivals(rate, n=400, steps=200, dt=0.1, threads=1, pieces=()):
    """Counts of a Poisson input, read from integrators that never fire."""
    net = ns.Network(seed=2)
    net.add(ns.IF(n, v_th=1e9), "cells")
    net.stimulate("cells", ns.PoissonInput(rate=rate, weight=1.0))
    sim = ns.Simulator(net, dt=dt, dtype="float64", threads=threads)
    cuts = np.diff([0, *pieces, steps])
    v = [sim.run(c * dt, record={"cells": "v"}).traces["cells"]["v"].values for c in cuts]
    return np.diff(np.concatenate([np.zeros((1, n)), *v]), axis=0)


def assert_same(a, b):
    assert len(a) > 0
    np.testing.assert_array_equal(a.times, b.times)
    np.testing.assert_array_equal(a.ids, b.ids)


def test_a_schedule_gives_its_value_at_any_time():
    s = ns.Schedule(times=[0, 10, 30], values=[1, 2, 3])
    assert s.at([0, 9.9, 10, 29, 30, 1e9]).tolist() == [1, 1, 2, 2, 3, 3]
    cycle = ns.Schedule(times=[0, 10, 30], values=[[1, 9], [2, 8], [3, 7]], period=40)
    assert cycle.at(85.0).tolist() == [1, 9] and cycle.n == 2
    assert cycle.scaled(time=10, value=2).at(200.0).tolist() == [4, 16]
    assert len(ns.Schedule([0, 1, 2, 3], [5, 5, 6, 6]).merged().times) == 2
    assert ns.Schedule([0, 1], [5, 5], period=3).merged().period is None


def test_a_sinusoid_has_the_exact_mean_of_each_interval():
    s = ns.Schedule.sinusoid(mean=20, amplitude=15, frequency=4, phase=0.3, interval=10)
    assert len(s.times) == 25 and s.period == 250.0
    t = np.linspace(0, 250, 2_000_001)[:-1]
    wave = (20 + 15 * np.sin(2 * np.pi * 4 * t / 1000 + 0.3)).reshape(25, -1).mean(axis=1)
    np.testing.assert_allclose(s.values, wave, rtol=1e-4)
    assert abs(s.values.mean() - 20) < 1e-12


@pytest.mark.parametrize("time", ["continuous", "steps"])
@pytest.mark.parametrize("each", [False, True])
def test_a_schedule_that_changes_nothing_changes_no_spike(time, each):
    rate = np.linspace(0, 120, 200) if each else 60.0
    values = np.array([rate, rate, rate])
    changing = np.array(values)
    if each:
        changing[1, :100] += 40.0  # the others must not feel it
    for schedule in (
        ns.Schedule([0, 100.05, 400], changing),
        ns.Schedule([0, 100.05, 400], changing, period=500),
    ):
        constant, found = poisson_spikes(rate, time=time), poisson_spikes(schedule, time=time)
        kept = [s.ids >= (100 if each else 0) for s in (constant, found)]
        np.testing.assert_array_equal(constant.times[kept[0]], found.times[kept[1]])
        np.testing.assert_array_equal(constant.ids[kept[0]], found.ids[kept[1]])
    if not each:
        a, b = arrivals(5000.0), arrivals(ns.Schedule([0, 3, 7], [5e3, 5e3, 5e3], period=9))
        np.testing.assert_array_equal(a, b)


@given(
    st.lists(st.sampled_from([0.0, 0.01, 40.0, 300.0, 2000.0]), min_size=1, max_size=5),
    st.floats(0.3, 60.0),
    st.booleans(),
    st.integers(0, 99),
)
def test_spikes_are_those_of_the_integrated_rate(values, length, cyclic, seed):
    times = length * np.arange(len(values))
    schedule = ns.Schedule(times, values, length * len(values) if cyclic else None)
    found = poisson_spikes(schedule, n=3, duration=200.0, seed=seed, dt=0.05)
    key = key_of(seed, "in", "poisson")
    expected = []
    for k in range(3):
        rate = list(zip(times, values, strict=True)), schedule.period
        expected += [(t, k) for t in reference.poisson_times(rate, key, k, 200.0)]
    steps = ns.connectivity.delays.to_steps([t for t, _ in expected], 0.05)
    pairs = sorted((s, k) for s, (_, k) in zip(steps.tolist(), expected, strict=True) if s < 4000)
    grid = ns.connectivity.delays.to_steps(found.times, 0.05).tolist()
    assert list(zip(grid, found.ids.tolist(), strict=True)) == pairs


def test_rescaled_by_the_integral_of_the_rate_intervals_are_exponential():
    schedule = ns.Schedule([0, 20, 30, 90], [10.0, 400.0, 0.0, 80.0], period=100)
    spikes = poisson_spikes(schedule, n=300, duration=5000.0, dt=0.001)
    assert not np.any((spikes.times % 100 > 30.001) & (spikes.times % 100 < 89.999))
    lengths = np.diff(schedule.times, append=100)
    edges = np.concatenate(([0], np.cumsum(lengths * schedule.values / 1000)))
    part = np.interp(spikes.times % 100, [*schedule.times, 100], edges)
    rescaled = spikes.times // 100 * edges[-1] + part
    gaps = np.concatenate([np.diff(rescaled[spikes.ids == k]) for k in range(300)])
    assert scipy.stats.kstest(gaps, "expon").pvalue > 1e-3
    counts = np.bincount(spikes.ids, minlength=300)
    assert abs(counts.var() / counts.mean() - 1) < 5 * np.sqrt(2 / 300)


def test_counts_of_an_input_follow_the_schedule_at_each_grid_point():
    schedule = ns.Schedule([0, 5.0, 12.0], [2000.0, 30_000.0, 0.0], period=15.0)
    found = arrivals(schedule, n=3000, steps=300)
    expected = schedule.at(np.arange(300) / 10 + 1e-9) * 1e-4
    np.testing.assert_allclose(found.mean(axis=1), expected, atol=5 * np.sqrt(3.0 / 3000))
    assert (found[120:150] == 0).all() and (found[270:] == 0).all()
    z = found[50:120].ravel().astype(int)
    assert scipy.stats.chisquare(*_binned(z, 3.0)).pvalue > 1e-4


def _binned(counts, mean):
    top = 9
    observed = np.bincount(np.minimum(counts, top), minlength=top + 1)
    expected = np.append(scipy.stats.poisson.pmf(range(top), mean), 0.0)
    expected[top] = 1 - expected.sum()
    return observed, expected * counts.size


def test_own_rates_of_an_input_change_too():
    n = 300
    values = np.array([np.linspace(0, 9000, n), np.linspace(9000, 0, n)])
    found = arrivals(ns.Schedule([0, 10.0], values), n=n, steps=200)
    np.testing.assert_allclose(found[:100].mean(axis=0), values[0] * 1e-4, atol=0.5)
    np.testing.assert_allclose(found[100:].mean(axis=0), values[1] * 1e-4, atol=0.5)
    assert (found[:100, 0] == 0).all() and (found[100:, -1] == 0).all()


def test_rates_beyond_the_number_of_tables_give_the_same_draws(monkeypatch):
    wave = ns.Schedule.sinusoid(mean=8000, amplitude=7000, frequency=50, interval=0.5)
    rates = ns.Schedule(wave.times, wave.values, wave.period)
    whole = arrivals(rates, n=333)
    monkeypatch.setattr(noise, "MOST_TABLES", 3)
    np.testing.assert_array_equal(whole, arrivals(rates, n=333, threads=3, pieces=(7, 60)))


@pytest.mark.parametrize("threads", [1, 2])
def test_changing_rates_are_saved_and_restored(tmp_path, threads):
    def network():
        net = ns.Network(seed=4)
        cycle = ns.Schedule([0, 13.05, 60], [5.0, 90.0, 0.0], period=77.7)
        net.add(ns.PoissonSource(40, rate=cycle), "in")
        net.add(ns.LIF(20, tau_m=10.0), "cells")
        net.connect("in", "cells", weight=0.2, delay=1.0)
        each = ns.Schedule([0, 70], np.outer([2.0, 1.0], np.linspace(0, 800, 20)))
        net.stimulate("cells", ns.PoissonInput(rate=cycle.scaled(value=9), weight=0.2))
        net.stimulate("cells", ns.PoissonInput(rate=each, weight=0.1))
        return net

    whole = ns.Simulator(network())
    whole.run(123.4)
    expected = whole.run(100.0)
    first, second = ns.Simulator(network(), threads=threads), ns.Simulator(network())
    first.run(50.0)
    first.run(73.4)
    second.load(first.save(tmp_path / "state.h5"))
    result = second.run(100.0)
    for name in ("in", "cells"):
        assert_same(expected.spikes[name], result.spikes[name])


def test_silence_stays_silent_and_ends_at_once():
    assert len(poisson_spikes(0.0)) == 0
    assert len(poisson_spikes(ns.Schedule([0, 5], [0, 0], period=10))) == 0
    late = poisson_spikes(ns.Schedule([0, 900.0], [0, 100.0]))
    assert late.times.min() >= 900.0 and len(late) > 1000
    # a mean interval of 1e5 periods is jumped, not walked
    rare = poisson_spikes(ns.Schedule([0, 0.5], [0.02, 0.0], period=1.0), n=2000, duration=5000.0)
    assert abs(len(rare) - 100) < 50
    assert len(poisson_spikes(ns.Schedule([0, 1], [[1e-300, 1], [1e-300, 2]], period=2), n=2)) < 9


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: ns.Schedule([1, 2], [3, 4]),
            r"Schedule\.times must be .* of which the first is 0",
        ),
        (lambda: ns.Schedule([0, 2, 2], [3, 4, 5]), r"Schedule\.times must be .*ascending"),
        (lambda: ns.Schedule([0, 2], [3, 4, 5]), r"values must have one entry .* the 2 times"),
        (lambda: ns.Schedule([0], 3.0), r"values must have one entry .* got shape \(\)"),
        (lambda: ns.Schedule([0, 2], [3, 4], period=2), r"period must be > 2, got 2"),
        (lambda: ns.Schedule([0, 2], [3, np.nan]), r"Schedule\.values must be finite everywhere"),
        (
            lambda: ns.PoissonSource(2, rate=ns.Schedule([0, 1], [1, -1])),
            r"PoissonSource\.rate\.values must be >= 0 Hz everywhere",
        ),
        (
            lambda: ns.PoissonSource(2, rate=ns.Schedule([0], [[1, 2, 3]])),
            r"PoissonSource\.rate must have shape \(2,\), got \(3,\)",
        ),
        (
            lambda: ns.Schedule.sinusoid(mean=1, amplitude=1, frequency=0),
            r"Schedule\.sinusoid\.frequency must be > 0 Hz",
        ),
    ],
)
def test_bad_schedules_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_a_quantized_source_keeps_its_schedule():
    net = ns.Network(seed=1)
    net.add(ns.PoissonSource(50, rate=ns.Schedule([0, 100.0], [0.0, 200.0])), "in")
    net.add(ns.LIF(3, tau_m=20.0, tau_syn=5.0), "cells")
    net.connect("in", "cells", weight=0.1, delay=1.0)
    made = ns.quantize(net, dt=0.5).network
    spikes = ns.simulate(made, 400).spikes["in"]
    assert spikes.times.min() >= 200 and abs(len(spikes) - 1000) < 160
