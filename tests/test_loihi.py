"""Does the integer engine compute what Loihi computes, bit for bit?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import BuildError, ParameterError
from neurosim.models import LoihiLIF

STEPS = 40
WORD = 2**24


def truncated(x, keep):
    """trunc(x * keep / 4096) in Python's unlimited integers."""
    return x * keep // 4096 if x >= 0 else -(-x * keep // 4096)


def plain(cell, arrivals, steps):
    """One neuron in plain Python: (spike steps, u, v) from the summed weights of each step."""
    u, v, wait = 0, cell["v0"], 0
    spikes, us, vs = [], [], []
    for n in range(steps):
        if n > 0:
            u, v = truncated(u, 4096 - cell["decay_u"]), truncated(v, 4096 - cell["decay_v"])
            wait = max(wait - 1, 0)
        u += arrivals.get(n, 0) * 2 ** (6 + cell["weight_exp"])
        u = (u + WORD // 2) % WORD - WORD // 2
        if wait == 0:
            v += u + cell["bias_mant"] * 2 ** cell["bias_exp"]
            v = max(-(2**23) + 1, min(2**23 - 1, v))
            if v > 64 * cell["v_th_mant"]:
                spikes.append(n)
                v, wait = 0, cell["t_ref"]
        us.append(u)
        vs.append(v)
    return spikes, us, vs


cells = st.fixed_dictionaries(
    {
        "v_th_mant": st.one_of(st.integers(0, 400), st.integers(0, 2**17 - 1)),
        "decay_u": st.integers(0, 4096),
        "decay_v": st.integers(0, 4096),
        "bias_mant": st.integers(-4095, 4095),
        "bias_exp": st.integers(0, 7),
        "weight_exp": st.integers(-6, 7),
        "t_ref": st.integers(1, 4),
        "v0": st.integers(-(2**20), 2**20),
    }
)
inputs = st.lists(st.tuples(st.integers(0, STEPS - 1), st.integers(0, 3)), max_size=60)


@given(
    population=st.lists(cells, min_size=1, max_size=4),
    spikes=inputs,
    seed=st.integers(0, 2**32 - 1),
    threads=st.sampled_from([1, 2]),
)
def test_random_layers_agree_with_plain_integers_bit_for_bit(population, spikes, seed, threads):
    rng = np.random.default_rng(seed)
    n = len(population)
    weight, delay = rng.integers(-256, 256, (4, n)), rng.integers(0, 4, (4, n))
    net = ns.Network(time="steps")
    times, ids = [t for t, _ in spikes], [i for _, i in spikes]
    net.add(ns.SpikeSource(4, times=times, ids=ids), "in")
    values = {k: [cell[k] for cell in population] for k in population[0]}
    net.add(LoihiLIF(n, **values), "cells")
    net.connect("in", "cells", weight=weight, delay=delay)
    record = {"cells": ["spikes", "u", "v"]}
    result = ns.simulate(net, STEPS, record=record, threads=threads, progress=False)
    assert result.dtype == "int32"
    for k, cell in enumerate(population):
        arrivals: dict[int, int] = {}
        for t, i in spikes:
            step = t + int(delay[i, k])
            arrivals[step] = arrivals.get(step, 0) + int(weight[i, k])
        fired, u, v = plain(cell, arrivals, STEPS)
        found = result.spikes["cells"]
        assert found.times[found.ids == k].tolist() == fired
        traces = result.traces["cells"]
        assert traces["u"].values.dtype == traces["v"].values.dtype == np.int32
        assert traces["u"].values[:, k].tolist() == u
        assert traces["v"].values[:, k].tolist() == v


@given(seed=st.integers(0, 2**32 - 1))
def test_random_recurrent_networks_agree_with_plain_integers(seed):
    rng = np.random.default_rng(seed)
    n = 6
    drive = rng.integers(0, 40, n)
    cell = {"v_th_mant": 30, "decay_u": 900, "decay_v": 200, "t_ref": 2}
    cell |= {"bias_exp": 2, "weight_exp": -2, "v0": 0}
    weight, delay = rng.integers(-120, 121, (n, n)), rng.integers(1, 5, (n, n))
    net = ns.Network(time="steps")
    net.add(LoihiLIF(n, bias_mant=drive, **cell), "cells")
    net.connect("cells", "cells", weight=weight, delay=delay)
    simulator = ns.Simulator(net)
    pieces = [simulator.run(k, progress=False).spikes["cells"] for k in (17, 43)]
    got = {(int(t), int(i)) for p in pieces for t, i in zip(p.times, p.ids, strict=True)}

    arrivals: list[dict[int, int]] = [{} for _ in range(n)]
    expected = set()
    for step in range(60):  # naive: each neuron from the start, with what is known so far
        fired = [
            i for i in range(n)
            if step in plain({**cell, "bias_mant": int(drive[i])}, arrivals[i], step + 1)[0]
        ]  # fmt: skip
        for i in fired:
            expected.add((step, i))
            for j in range(n):
                due = step + int(delay[i, j])
                arrivals[j][due] = arrivals[j].get(due, 0) + int(weight[i, j])
    assert got == expected


def test_spikes_and_voltages_measured_on_a_chip_are_reproduced(test_data):
    folder = test_data / "loihi-traces"
    measured = folder / "LoihiData"

    def spikes(name):
        return np.loadtxt(measured / f"loihi{name}Spikes.txt", dtype=int, ndmin=2)

    def weights(name):
        learned = np.loadtxt(folder / "snnData" / f"{name}learned.txt", ndmin=2)
        return (np.round(learned * 2) * 2).reshape(-1, n_pre[name]).T

    n_pre = {"w1": 250, "w2": 25}
    inputs, hidden, output = spikes("Input"), spikes("Hidden"), spikes("Output")
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(250, times=inputs[:, 1] - 1.0, ids=inputs[:, 0]), "in")
    net.add(LoihiLIF(25, v_th_mant=80, decay_u=1024, decay_v=128), "hidden")
    net.add(LoihiLIF(1, v_th_mant=80, decay_u=1024, decay_v=128), "output")
    net.connect("in", "hidden", weight=weights("w1"))
    net.connect("hidden", "output", weight=weights("w2"), delay=1)
    record = {"hidden": ["spikes", "v"], "output": ["spikes", "v"]}
    result = ns.simulate(net, 499, record=record)

    for name, listed, count in (("hidden", hidden, 639), ("output", output, 2)):
        found = result.spikes[name]
        order = np.lexsort((found.times, found.ids))
        assert len(found) == count  # the chip's clock reads one more than the step's index
        assert found.ids[order].tolist() == listed[:, 0].tolist()
        assert (found.times[order] + 1).tolist() == listed[:, 1].tolist()
    for name, neuron, file in (
        ("hidden", 23, "HiddenVoltage23"), ("hidden", 24, "HiddenVoltage24"),
        ("output", 0, "OutputVoltage"),
    ):  # fmt: skip
        register = np.loadtxt(measured / f"loihi{file}.txt")[:499]
        v = result.traces[name]["v"].values[:, neuron]
        fired = result.spikes[name].times[result.spikes[name].ids == neuron].astype(int)
        assert (register[fired] == 128).all()  # the register counts the refractory step
        register[fired] = 0
        assert np.array_equal(register, v)


def one_cell(weight=1, **params):
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(1, times=[0], ids=[0]), "in")
    net.add(LoihiLIF(1, **params), "cell")
    net.connect("in", "cell", weight=weight)
    return net


@pytest.mark.parametrize("weight, rest", [(1, [64, 63, 62]), (-1, [-64, -63, -62])])
def test_decay_truncates_towards_zero_for_both_signs(weight, rest):
    net = one_cell(weight, decay_u=4096, decay_v=1, v_th_mant=99)
    values = ns.simulate(net, 3, record={"cell": "v"}).traces["cell"]["v"].values
    assert values[:, 0].tolist() == rest


def test_no_two_spikes_are_closer_than_t_ref_and_equality_does_not_fire():
    for t_ref in (1, 2, 5):
        net = one_cell(0, v_th_mant=0, bias_mant=1, t_ref=t_ref)
        assert ns.simulate(net, 20).spikes["cell"].times.tolist() == list(range(0, 20, t_ref))
    at_threshold = one_cell(2, v_th_mant=2, decay_u=4096)
    assert ns.simulate(at_threshold, 5).counts["cell"].sum() == 0


def test_a_saved_integer_simulation_goes_on_bit_for_bit(tmp_path):
    net = one_cell(100, bias_mant=700)
    first, second = ns.Simulator(net), ns.Simulator(net)
    first.run(13, progress=False)
    second.load(first.save(tmp_path / "state.h5"))
    record = {"cell": ["u", "v"]}
    a, b = (s.run(30, record=record, progress=False).traces["cell"] for s in (first, second))
    assert all(np.array_equal(a[k].values, b[k].values) for k in ("u", "v"))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"v_th_mant": 80.5}, r"LoihiLIF\.v_th_mant must be an integer, got 80\.5"),
        ({"v_th_mant": 2**17}, r"LoihiLIF\.v_th_mant must be >= 0 and <= 131071"),
        ({"decay_u": 4097}, r"LoihiLIF\.decay_u must be >= 0 and <= 4096"),
        ({"bias_mant": -4096}, r"LoihiLIF\.bias_mant must be >= -4095"),
        ({"weight_exp": -7}, r"LoihiLIF\.weight_exp must be >= -6"),
        ({"t_ref": 0}, r"LoihiLIF\.t_ref must be >= 1"),
    ],
)
def test_registers_that_the_chip_lacks_are_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        LoihiLIF(2, **params)


def test_weights_and_states_that_are_no_integers_are_refused_by_name():
    with pytest.raises(BuildError, match=r"'in->cell'\.weight must be integers .* got 1\.5"):
        ns.Simulator(one_cell(1.5))
    with pytest.raises(BuildError, match=r"'in->cell'\.weight must be integers of 32 bits"):
        ns.Simulator(one_cell(2.0**31))
    net = one_cell()
    net.stimulate("cell", ns.PoissonInput(rate=100.0, weight=0.5))
    with pytest.raises(BuildError, match=r"Stimulus .*\.weight must be integers .* got 0\.5"):
        ns.Simulator(net)
    with pytest.raises(BuildError, match=r"Population 'cell'\.v must be integers"):
        ns.Simulator(one_cell(v0=0.25))


def test_dtypes_that_do_not_fit_the_models_are_refused_with_the_alternatives():
    with pytest.raises(ParameterError, match=r"dtype must be one of int32 .*'cell'.*LoihiLIF"):
        ns.Simulator(one_cell(), dtype="float32")
    net = one_cell()
    net.add(ns.LIF(1), "float cell")
    with pytest.raises(BuildError, match=r"'cell' \(LoihiLIF\) in int32; 'float cell' \(LIF\)"):
        ns.Simulator(net)
    floats = ns.Network()
    floats.add(ns.LIF(1), "cell")
    assert ns.Simulator(floats).dtype == "float32"
    with pytest.raises(ParameterError, match=r"one of float32, float64 for population 'cell'"):
        ns.Simulator(floats, dtype="int32")
    continuous = ns.Network()
    continuous.add(LoihiLIF(1), "cell")
    with pytest.raises(BuildError, match=r"time must be 'steps' for integer neurons"):
        ns.Simulator(continuous)


def counter(**change):
    options = {
        "name": "counter", "state": {"v": 0}, "params": {"top": 3}, "dtypes": ("int32",),
        "advance": lambda v, t: v + t, "receive": lambda v, weight: v + weight,
        "fires": lambda v, top: v >= top, "fire": lambda v, top: v - top,
    }  # fmt: skip
    return ns.NeuronModel(**{**options, **change})


def test_users_may_write_integer_models_and_time_is_an_integer_too():
    net = ns.Network(time="steps")
    net.add(counter().neurons(2, top=[100, 4]), "cells")
    result = ns.simulate(net, 5, record={"cells": "v"})
    assert result.traces["cells"]["v"].values.tolist() == [[0, 0], [1, 1], [3, 3], [6, 2], [10, 2]]


def test_integer_models_with_fractions_are_refused_by_name():
    with pytest.raises(ParameterError, match=r"'counter'\.advance must use whole .* 0\.5"):
        counter(advance=lambda v: v * 0.5)
    with pytest.raises(ParameterError, match=r"'counter'\.dtypes must be some of"):
        counter(dtypes=("int8",))
    net = ns.Network(time="steps")
    net.add(counter().neurons(1, top=2.5), "cells")
    with pytest.raises(BuildError, match=r"Population 'cells'\.top must be integers"):
        ns.Simulator(net)


def test_a_model_of_both_kinds_runs_as_float32_unless_asked():
    model = counter(advance=lambda v: v + 1, dtypes=("float32", "float64", "int32"))
    net = ns.Network(time="steps")
    net.add(model.neurons(1), "cells")
    runs = {d: ns.simulate(net, 9, dtype=d) for d in (None, "int32", "float64")}
    assert [r.dtype for r in runs.values()] == ["float32", "int32", "float64"]
    assert {r.counts["cells"].item() for r in runs.values()} == {2}
