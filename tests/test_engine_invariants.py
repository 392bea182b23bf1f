"""What must not change the spikes of a run, and what must?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FEW, cases

import neurosim as ns


def run(case, net, *, extra_steps=0, dtype="float32"):
    duration = (case.steps + extra_steps) * case.dt
    return ns.simulate(net, duration, dt=case.dt, dtype=dtype, progress=False)


def assert_equal_spikes(a, b, names, *, shift=0.0):
    for name in names:
        np.testing.assert_allclose(
            a.spikes[name].times + shift, b.spikes[name].times, rtol=1e-12, err_msg=name
        )
        np.testing.assert_array_equal(a.spikes[name].ids, b.spikes[name].ids, err_msg=name)


@given(cases(exact=False, bias=False, poisson=False), st.integers(1, 40))
@settings(max_examples=FEW)
def test_inputs_shifted_by_k_steps_shift_every_spike_by_k_steps(case, k):
    early = run(case, case.network())
    late = run(case, case.network(shift=k), extra_steps=k)
    assert_equal_spikes(early, late, case.populations, shift=k * case.dt)


@given(cases(exact=False))
@settings(max_examples=FEW)
def test_an_unconnected_population_changes_nothing(case):
    alone = run(case, case.network())
    bystander = ns.LIF(5, i_ext=3.0, tau_m=7.0)
    together = run(case, case.network(bystander=bystander))
    assert_equal_spikes(alone, together, case.populations)


@given(cases(exact=False), st.randoms(use_true_random=False))
def test_populations_added_in_another_order_spike_the_same(case, random):
    order = list(case.populations)
    random.shuffle(order)
    assert_equal_spikes(
        run(case, case.network()), run(case, case.network(order=order)), case.populations
    )


@given(cases(exact=False))
def test_same_seed_gives_the_same_spikes(case):
    assert_equal_spikes(run(case, case.network()), run(case, case.network()), case.populations)


@given(cases(exact=False))
def test_reset_of_a_simulator_starts_the_same_run_again(case):
    simulator = ns.Simulator(case.network(), dt=case.dt)
    first = simulator.run(case.duration)
    simulator.reset()
    assert_equal_spikes(first, simulator.run(case.duration), case.populations)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_another_seed_gives_other_poisson_spikes_of_the_same_rate(dt):
    results = []
    for seed in (1, 2):
        net = ns.Network(seed=seed)
        net.add(ns.PoissonSource(100, rate=50.0), "in")
        results.append(ns.simulate(net, 1000.0, dt=dt, progress=False))
    counts = [result.counts["in"] for result in results]
    assert not np.array_equal(*counts)
    for count in counts:  # 5000 expected, standard deviation 71
        assert abs(count.sum() - 5000) < 5 * np.sqrt(5000)


@given(cases(exact=False))
def test_recording_nothing_or_states_changes_no_count(case):
    everything = run(case, case.network())
    nothing = ns.simulate(case.network(), case.duration, dt=case.dt, record={}, progress=False)
    for name in case.populations:
        np.testing.assert_array_equal(everything.counts[name], nothing.counts[name])


@given(cases(exact=False), st.integers(0, 19))
def test_the_beginning_of_a_longer_run_is_the_shorter_run(case, steps):
    longer = run(case, case.network())
    shorter = ns.simulate(case.network(), (steps + 1) * case.dt, dt=case.dt, progress=False)
    stop = (steps + 0.5) * case.dt
    for name in case.populations:
        early = longer.spikes[name].times < stop
        np.testing.assert_array_equal(shorter.spikes[name].ids, longer.spikes[name].ids[early])


def test_threads_that_pay_and_those_that_do_not_give_the_same_bits(monkeypatch):
    """One way and the other, and the measured choice."""
    net = ns.Network(seed=5)
    noise = net.add(ns.PoissonSource(50, rate=60.0), "noise")
    cells = net.add(ns.LIF(500, tau_m=20.0, tau_syn=5.0, t_ref=2.0), "cells")
    net.connect(noise, cells, ns.FixedProbability(0.2), weight=0.5, delay=0.1)
    net.connect(cells, cells, ns.FixedProbability(0.1), weight=-0.1, delay=ns.Uniform(0.1, 2.0))
    found = [ns.simulate(net, 250.0, threads=3)]
    for together in (False, True):
        monkeypatch.setattr(
            "neurosim.engine.threads.Pace.pieces",
            lambda pace, begin, end, together=together: [(begin, end, together)],
        )
        found.append(ns.simulate(net, 250.0, threads=3))
    assert found[0].counts["cells"].sum() > 500
    for other in found[1:]:
        for name in ("noise", "cells"):
            assert (found[0].spikes[name].times == other.spikes[name].times).all()
            assert (found[0].spikes[name].ids == other.spikes[name].ids).all()


def test_an_error_in_one_thread_ends_the_others():
    from neurosim.engine.threads import Crew, let_others_run

    def work(part, broken):
        if part == 1:
            raise ValueError("part 1 broke")
        while not broken():
            let_others_run()

    with pytest.raises(ValueError, match="part 1 broke"):
        Crew(3).run(work)


def test_after_ctrl_c_or_a_thread_that_does_not_start_nobody_works_on(monkeypatch):
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from neurosim.engine.threads import Crew, let_others_run

    submit, ended = ThreadPoolExecutor.submit, threading.Event()

    def failing(pool, function, *args):
        if args[1] == 2:
            raise RuntimeError("can't start new thread")
        return submit(pool, function, *args)

    def work(part, broken):
        while not broken():
            let_others_run()
        ended.set()

    crew = Crew(3)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", failing)
    with pytest.raises(RuntimeError, match="start new thread"):
        crew.run(work)
    assert ended.is_set()
    monkeypatch.undo()
    done = []
    crew.run(lambda part, broken: done.append(part))
    assert sorted(done) == [0, 1, 2]


def test_short_chunks_are_measured_too():
    from neurosim.engine.threads import Pace

    pace, seen = Pace(), []
    for begin in range(0, 300, 20):
        for first, last, together in pace.pieces(begin, begin + 20):
            seen.append(together)
            pace.note(together, last - first, 1e-3 if together else 1e-2)
    assert seen[:2] == [False, True]
    assert sum(seen) > 10


def test_threads_that_were_lucky_once_are_dropped_after_the_next_piece():
    from neurosim.engine.threads import Pace

    pace, chose = Pace(), []
    for chunk in range(3):
        for first, last, together in pace.pieces(1000 * chunk, 1000 * (chunk + 1)):
            chose.append((together, last - first))
            lucky = 1e-7 if len(chose) == 2 else 1e-4  # seconds per step together; 1e-5 alone
            pace.note(together, last - first, (lucky if together else 1e-5) * (last - first))
    assert chose[:3] == [(False, 50), (True, 50), (True, 900)]
    assert sum(steps for together, steps in chose[3:] if together) <= 50


def test_max_rate_does_not_depend_on_cuts():
    net = ns.Network(seed=1)
    net.add(ns.PoissonSource(100, rate=100.0), "noise")
    for chunk in (None, 10.0, 70.0):
        with pytest.raises(ns.errors.SimulationError, match="max_rate = 20"):
            ns.Simulator(net, max_rate=20.0).run(1000.0, chunk=chunk)
        ns.Simulator(net, max_rate=130.0).run(1000.0, chunk=chunk)
