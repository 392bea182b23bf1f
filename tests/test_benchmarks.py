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
    assert cv_isi(np.arange(0.0, 50.0, 5.0), np.zeros(10, int)) == pytest.approx((0, 0, 1))
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1.0, (20, 2000)), axis=1)
    found = cv_isi(times.ravel(), np.repeat(np.arange(20), 2000))
    assert found == pytest.approx((1.0, 1.0, 20), abs=0.02)
    assert cv_isi(np.array([1.0, 2.0]), np.array([0, 0])) is None
    assert cv_isi(np.array([]), np.array([])) is None


def test_the_unbiased_cv_does_not_depend_on_the_length_of_the_run(load):
    """Poisson trains of 0.9 Hz in windows of 10 s and of 60 s: plain 0.9, unbiased 1."""
    cv_isi, rng = load("measure").cv_isi, np.random.default_rng(5)
    for seconds, plain in ((10.0, 0.90), (60.0, 0.98)):
        n = rng.poisson(0.9 * seconds, 3000)
        found = cv_isi(rng.uniform(0.0, seconds, n.sum()), np.repeat(np.arange(3000), n))
        assert found[0] == pytest.approx(plain, abs=0.015)
        assert found[1] == pytest.approx(1.0, abs=0.01)


def test_the_verdict_allows_10_percent_or_a_quarter_hertz(load):
    model = load("microcircuit_model")
    published = model.PUBLISHED
    rates = dict(zip(model.NAMES, published["rates_hz"], strict=True))
    cvs = dict(zip(model.NAMES, published["cv_isi"], strict=True))
    run = {"rates_hz": rates, "cv_isi": cvs, "cv_isi_unbiased": cvs}
    assert model.verdict(run)["agrees"]
    for name, factor, agrees in (
        ("L23E", 0.75, True), ("L23E", 0.70, False), ("L5I", 1.09, True), ("L5I", 1.11, False),
    ):  # fmt: skip
        off = model.verdict(run | {"rates_hz": rates | {name: rates[name] * factor}})
        assert off["agrees"] is off["populations"][name]["rate_agrees"] is agrees
        off = model.verdict(run | {"cv_isi_unbiased": cvs | {name: cvs[name] * factor}})
        assert off["agrees"] is (0.9 <= factor <= 1.1)
    assert not model.verdict(run | {"cv_isi_unbiased": cvs | {"L6E": None}})["agrees"]
    assert "differs from" in model.verdict_table(off, 1.0)


def test_the_probe_adds_each_synapse_once(load):
    probe = load("csr_probe")
    indptr, indices = probe.network(50, 7, seed=2)
    buffer = np.zeros(50, np.float32)
    probe.deliver(np.array([3, 3, 40]), indptr, indices, np.float32(0.5), buffer)
    expected = 2 * np.bincount(indices[21:28], minlength=50)
    expected += np.bincount(indices[280:287], minlength=50)
    np.testing.assert_allclose(buffer, 0.5 * expected)


def test_the_comparison_takes_medians_and_ratios(load):
    tables = load("tables")

    def runs(*seconds):
        return [{"run_cpu_s": s, "build_cpu_s": 1.0, "engine": "x"} for s in seconds]

    summed = tables.summary({"cuba": {"neurosim": runs(1, 2, 9), "nest": runs(8, 6, 7)}})
    assert summed["cuba"]["neurosim"]["run_cpu_s"] == 2
    assert summed["cuba"]["nest"]["ratios"] == {"run_cpu_s": 3.5, "build_cpu_s": 1.0}
    assert "3.50" in tables.text(summed)
    assert "| `cuba` | nest | 7.000 (3.5 ×) |" in tables.markdown(summed)


def test_the_share_of_the_probe_stands_below_the_table(load):
    tables = load("tables")
    rates = {"neurosim": 2e8, "probe": 4e8}
    found = {"brunel": {k: [{"events_per_cpu_s": v}] for k, v in rates.items()}}
    for show in (tables.text, tables.markdown):
        assert "50 % of the probe's rate" in show(tables.summary(found))


def test_peers_without_a_twin_or_an_environment_are_skipped_by_name(load, tmp_path, capsys):
    compare = load("compare")
    options = ["--cases", "cuba", "sparse_activity", "--engines", "neurosim", "arbor", "--quick"]
    lines = compare.plan(compare.parsed([*options, "--peers", str(tmp_path)]))
    assert {name: list(engines) for name, engines in lines.items()} == {
        "cuba": ["neurosim"], "sparse_activity": ["neurosim"],
    }  # fmt: skip
    said = capsys.readouterr().err
    assert "cuba: skipped, arbor has no twin of cuba" in said
    assert "no environment for arbor: run benchmarks/peers/setup.py arbor" in said


def test_every_engine_of_a_case_has_its_twin(load):
    compare = load("compare")
    for case in compare.CASES.values():
        for engine in set(case.engines) - {"neurosim"}:
            assert (FOLDER / "cases" / "peers" / f"{case.script}_{engine}.py").is_file()
        options = load("parameters").OPTIONS[case.script]
        given = {o.removeprefix("--") for o in case.options[::2] + case.quick[::2]}
        assert given <= {*options, "times"}


def test_one_command_measures_and_writes_what_it_found(load, tmp_path):
    out = tmp_path / "found.json"
    line = [sys.executable, str(FOLDER / "compare.py"), "--quick", "--cases", "cuba"]
    line += ["--engines", "neurosim", "--peers", str(tmp_path), "--out", str(out)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "numbers mean nothing" in done.stdout
    assert json.loads(out.read_text())["summary"]["cuba"]["neurosim"]["spikes"] > 0


def test_the_networks_of_the_scaling_picture_fire_at_its_rate(load, tmp_path):
    import neurosim as ns

    scaling = load("scaling")
    for own in (False, True):
        result = ns.simulate(scaling.network(300, 50, own), 1000.0, progress=False)
        assert result.rates()["cells"] == pytest.approx(scaling.RATE, rel=0.02)
        arrivals = sum(result.synaptic_events.values())
        assert arrivals == pytest.approx(50 * len(result.spikes["cells"]), rel=0.1)


def test_the_scaling_picture_is_drawn_with_the_caches_that_fill(load, tmp_path):
    scaling = load("scaling")
    row = {"own": False, "ns_per_event": 3.0, "delivery_ns_per_event": 2.0}
    rows = [
        row | {"neurons": n, "synapse_bytes": 400 * n, "probe_ns_per_event": 1.0}
        for n in (1000, 10_000)
    ]
    found = {"caches": {"L1": 32_768, "L2": 1 << 20, "L3": 1 << 28}, "families": {"a": rows}}
    assert scaling.marks(found) == [
        (8192.0, "L1: input buffer"),
        (pytest.approx((1 << 20) / 400), "L2: synapses, a"),
    ]
    scaling.draw(found, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_random_networks_spike_the_same_in_every_way_they_are_run(load, monkeypatch, seed):
    determinism = load("determinism")
    monkeypatch.setattr("neurosim.engine.threads.Pace.pieces", determinism.on_threads)
    net, options = determinism.random_network(seed), determinism.options_of(seed)
    different, spikes = determinism.check(net, 300, options, seed)
    assert different == {}
    assert spikes > 300


def test_a_difference_of_one_spike_is_seen(load):
    times, ids = np.array([1.0, 2.0]), np.array([0, 1])
    a = {"x": (times, ids), "y": (times, ids)}
    differences = load("determinism").differences
    assert differences(a, a) == []
    assert differences(a, a | {"y": (times, ids[::-1])}) == ["y"]
    assert differences(a, a | {"y": (times[:1], ids[:1])}) == ["y"]


def test_block_kernels_can_be_timed_alone(load):
    import neurosim as ns

    block_kernels = load("block_kernels")
    arguments, alive = block_kernels.built(ns.LIF(50, tau_m=20.0, i_ext=2.0), "float32")
    assert block_kernels.many_steps(*arguments, 1000, 0.1) == 7  # each after 13.9 ms
    assert alive


def test_a_missing_peer_is_named_and_exits_with_2(tmp_path):
    line = [sys.executable, str(FOLDER / "cases" / "cuba.py"), "--engine", "nest"]
    done = subprocess.run([*line, "--peers", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "benchmarks/peers/setup.py" in done.stderr
