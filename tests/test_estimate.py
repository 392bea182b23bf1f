"""The estimate of memory agrees with what building allocates, and refuses in time."""

import tracemalloc

import numpy as np
import pytest

import neurosim as ns
from neurosim import connectivity as rules
from neurosim._jit import JIT
from neurosim.errors import BuildError, ParameterError
from neurosim.estimate import (
    MemoryEstimate,
    available_memory,
    check_memory,
    estimate_memory,
    readable,
)

N = 1000 if JIT else 100  # neurons; fewer in plain Python


def recurrent(n, rule, **synapses):
    net = ns.Network(seed=3)
    exc = net.add(ns.LIF(n, tau_m=20.0, tau_syn=5.0), "exc")
    inh = net.add(ns.LIF(n // 4, tau_m=20.0, tau_syn=5.0), "inh")
    for pre in (exc, inh):
        net.connect(pre, [exc, inh], rule, **synapses)
    return net


def layered():
    net = ns.Network(seed=3)
    source = net.add(ns.PoissonSource(N // 2, rate=5.0), "source")
    hidden = net.add(ns.LIF(400, tau_m=20.0), "hidden")
    weight = np.random.default_rng(0).random((N // 2, 400))
    net.connect(source, hidden, weight=weight, delay=ns.Uniform(1.0, 3.0))
    net.connect(hidden, hidden, rules.ConstantFanIn(40), weight=0.1, delay=1.0)
    return net


NETWORKS = {
    "constant": lambda: recurrent(N, ns.FixedProbability(0.1), weight=0.1, delay=1.5),
    "drawn": lambda: recurrent(
        N,
        rules.FixedTotalNumber(100 * N),
        weight=ns.Normal(0.1, 0.01),
        delay=ns.Normal(1.5, 0.75, low=0.1),
    ),
    "in-degree": lambda: recurrent(
        N, ns.FixedInDegree(80), weight=ns.LogNormal(0.1, 0.2), delay=ns.LogNormal(0.0, 0.5)
    ),
    "groups": lambda: recurrent(
        N, rules.GroupToGroup(5, 0.5), weight=ns.Uniform(0.1, 0.2), delay=1.0
    ),
    "layered": layered,
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_estimate_is_within_a_quarter_of_the_built_stores(name, dtype, threads):
    net = NETWORKS[name]()
    built = ns.Simulator(net, dtype=dtype, threads=threads, round_delays=True).built
    estimate = estimate_memory(net, dtype=dtype, threads=threads)
    assert estimate.synapses == pytest.approx(built.nbytes, rel=0.25)
    found = sum(store.targets.size for store in built.synapses.stores)
    assert estimate.n_synapses == pytest.approx(found, rel=0.02 if JIT else 0.1)


@pytest.mark.skipif(not JIT, reason="in plain Python the interpreter's own objects are counted")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_building_is_estimated_within_a_factor_of_one_and_a_half(name, threads):
    net = NETWORKS[name]()
    ns.Simulator(net, threads=threads, round_delays=True)  # compile first
    tracemalloc.start()
    simulator = ns.Simulator(net, threads=threads, round_delays=True)
    total, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    estimate = estimate_memory(net, threads=threads)
    assert simulator.built.nbytes < total
    assert 1 / 1.5 < estimate.peak / peak < 1.5
    assert estimate.total == pytest.approx(total, rel=0.25)


def test_a_finer_grid_needs_more_offsets_and_nothing_else():
    net = NETWORKS["drawn"]()
    coarse, fine = (estimate_memory(net, dt=dt) for dt in (0.1, 0.05))
    assert coarse.stores == fine.stores
    assert fine.offsets == pytest.approx(2 * coarse.offsets, rel=0.1)


def test_a_network_without_synapses_still_has_neurons():
    net = ns.Network()
    net.add(ns.LIF(10, tau_m=10.0), "a")
    estimate = estimate_memory(net)
    assert estimate.synapses == 0 and estimate.neurons > 0 and estimate.n_neurons == 10
    assert estimate.peak == estimate.total


def test_the_estimate_prints_a_line_per_kind_of_memory():
    text = str(estimate_memory(NETWORKS["layered"]()))
    assert [line.split()[0] for line in text.splitlines()] == [
        "neurons", "synapses", "offsets", "spike", "total", "peak",
    ]  # fmt: skip
    assert f"{N // 2 * 400 + 400 * 40:,}" in text


def test_a_network_that_does_not_fit_is_refused_with_need_and_remedies():
    estimate = estimate_memory(NETWORKS["layered"]())
    check_memory(estimate, None)
    check_memory(estimate, estimate.peak)
    with pytest.raises(BuildError, match=r"needs about .* but 1\.00 kB are available") as error:
        check_memory(estimate, 1000)
    message = str(error.value)
    assert readable(estimate.peak) in message and readable(estimate.total) in message
    assert f"'source->hidden' with {N // 2 * 400:,} synapses" in message
    assert all(word in message for word in ("fewer synapses", "float32", "max_memory="))


def test_a_refusal_without_projections_names_none():
    estimate = MemoryEstimate(
        n_neurons=1, n_synapses=0, neurons=10, stores=0, offsets=0, histories=0, peak=10
    )
    with pytest.raises(BuildError, match=r"5 B are available; use"):
        check_memory(estimate, 5)


def test_available_memory_is_unknown_or_plausible():
    available = available_memory()
    assert available is None or 2**20 < available < 2**50


def test_bad_arguments_are_refused():
    with pytest.raises(ParameterError, match=r"estimate_memory.dtype must be one of"):
        estimate_memory(ns.Network(), dtype="float16")
    with pytest.raises(ParameterError, match=r"estimate_memory.threads must be >= 1"):
        estimate_memory(ns.Network(), threads=0)
    with pytest.raises(ParameterError, match=r"estimate_memory.dt must be > 0"):
        estimate_memory(ns.Network(), dt=0)
