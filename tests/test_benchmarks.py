"""The benchmark cases: they build and run at tiny scale, and print JSON. Nothing is timed."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = {
    "cuba": {"neurons": 200},
    "brunel": {"neurons": 100},
    "sparse_activity": {"neurons": 300},
    "microcircuit": {"scale": 0.004},
}


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark file by name; nothing of it stays in sys.modules."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER / "cases"))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        where = getattr(sys.modules[name], "__file__", None) or ""
        if where.startswith(str(FOLDER)):
            del sys.modules[name]


def run_tiny(load, case: str, *more: str) -> dict:
    """Run a case at tiny scale in this process."""
    measure, parameters = load("measure"), load("parameters")
    argv = ["--seconds", "0.2", "--warmup", "0.05", *more]
    for name, value in TINY[case].items():
        argv += [f"--{name}", str(value)]
    args = measure.options(case, "neurosim", argv, parameters.OPTIONS[case])
    return load(case).run(args)


@pytest.mark.parametrize("case", TINY)
def test_a_tiny_case_runs_and_its_result_is_json(load, case):
    result = run_tiny(load, case)
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result))
    wanted = {
        "build_cpu_s", "build_wall_s", "run_cpu_s", "run_wall_s", "peak_rss_mb", "spikes",
        "rates_hz", "synaptic_events", "events_per_cpu_s",
    }  # fmt: skip
    assert wanted <= result.keys()
    assert result["synapses"] > 0
    assert result["peak_rss_mb"] > 1


@pytest.mark.parametrize("case", ["cuba", "brunel"])
def test_the_same_seed_gives_the_same_spikes_with_and_without_recording(load, case):
    assert run_tiny(load, case)["spikes"] == run_tiny(load, case, "--record", "counts")["spikes"]


def test_each_forced_spike_comes_out(load):
    result = run_tiny(load, "sparse_activity")
    times, ids = load("parameters").sparse_input(300, 0.25, seed=1)
    assert np.all(np.diff(times) >= 0) and ids.max() < 300
    arrivals = int(np.sum((times >= 48.49) & (times < 248.49)))
    assert abs(result["spikes"] - arrivals) <= 1  # one may fall into a refractory period


def test_the_numbers_of_synapses_are_those_of_the_built_network(load):
    import neurosim as ns

    measure, parameters = load("measure"), load("parameters")
    argv = ["--neurons", "200"]
    args = measure.options("brunel", "neurosim", argv, parameters.OPTIONS["brunel"])
    net, synapses = load("brunel").build(args)
    for (pre, post), n in synapses.items():
        assert len(ns.expand(net, f"{pre}->{post}")) == n


def test_the_full_microcircuit_has_the_published_size(load):
    full = load("microcircuit_model").microcircuit(1.0)
    assert full.sizes.sum() == 77_169
    assert full.synapses.sum() == pytest.approx(0.299e9, rel=0.002)
    assert np.all(full.current == 0)
    assert full.weights[0, 2] == pytest.approx(2 * 87.8)
    assert full.weights[0, 1] == pytest.approx(-4 * 87.8)


def test_scaling_keeps_the_mean_input_of_the_microcircuit(load):
    """Arrivals and current together carry the same mean charge at any scale."""
    model = load("microcircuit_model")

    def mean_current(circuit):
        recurrent = (circuit.weights * circuit.synapses / circuit.sizes[:, None]) @ model.RATES
        outside = circuit.weight_external * circuit.external * model.EXTERNAL_HZ
        return circuit.current + model.CELL["tau_syn"] * 1e-3 * (recurrent + outside)

    full = mean_current(model.microcircuit(1.0))
    for scale, external in ((0.5, "poisson"), (0.1, "poisson"), (0.1, "dc"), (1.0, "dc")):
        scaled = mean_current(model.microcircuit(scale, external))
        np.testing.assert_allclose(scaled, full, rtol=0.01)


def test_the_cv_of_intervals_is_0_for_a_clock_and_1_for_a_poisson_train(load):
    cv_isi = load("measure").cv_isi
    assert cv_isi(np.arange(0.0, 50.0, 5.0), np.zeros(10, int)) == pytest.approx(0.0)
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1.0, (20, 2000)), axis=1)
    assert cv_isi(times.ravel(), np.repeat(np.arange(20), 2000)) == pytest.approx(1.0, abs=0.02)
    assert cv_isi(np.array([1.0, 2.0]), np.array([0, 0])) is None


def test_the_probe_adds_each_synapse_once(load):
    probe = load("csr_probe")
    indptr, indices = probe.network(50, 7, seed=2)
    buffer = np.zeros(50, np.float32)
    probe.deliver(np.array([3, 3, 40]), indptr, indices, np.float32(0.5), buffer)
    expected = 2 * np.bincount(indices[21:28], minlength=50)
    expected += np.bincount(indices[280:287], minlength=50)
    np.testing.assert_allclose(buffer, 0.5 * expected)


def test_the_comparison_takes_medians_and_ratios(load):
    compare = load("compare")

    def runs(*seconds):
        return [{"run_cpu_s": s, "build_cpu_s": 1.0, "engine": "x"} for s in seconds]

    summed = compare.summary({"cuba": {"neurosim": runs(1, 2, 9), "nest": runs(8, 6, 7)}})
    assert summed["cuba"]["neurosim"]["run_cpu_s"] == 2
    assert summed["cuba"]["nest"]["ratios"] == {"run_cpu_s": 3.5, "build_cpu_s": 1.0}
    assert "3.50" in compare.table(summed)


def test_a_missing_peer_is_named_and_exits_with_2(tmp_path):
    line = [sys.executable, str(FOLDER / "cases" / "cuba.py"), "--engine", "nest"]
    done = subprocess.run([*line, "--peers", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "benchmarks/peers/setup.py" in done.stderr
