"""What is recorded is what happened, in memory and in files."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import FormatError, MissingExtraError, ParameterError, SimulationError


@pytest.fixture
def net():
    net = ns.Network(seed=5)
    noise = net.add(ns.PoissonSource(20, rate=200.0), "noise")
    cells = net.add(ns.LIF(10, tau_m=10.0, tau_syn=2.0), "cells")
    net.connect(noise, cells, weight=0.3, delay=ns.Uniform(0.1, 2.0))
    return net


def test_counts_are_always_there_and_equal_the_spikes(net):
    result = ns.simulate(net, 300.0)
    for name, spikes in result.spikes.items():
        assert np.array_equal(np.bincount(spikes.ids, minlength=spikes.n), result.counts[name])
    assert result.counts["cells"].sum() > 50
    only = ns.simulate(net, 300.0, record={})
    assert only.spikes == {} and np.array_equal(only.counts["cells"], result.counts["cells"])


def test_synaptic_events_are_source_spikes_times_fan_out(net):
    result = ns.simulate(net, 300.0)
    assert result.synaptic_events["noise->cells"] == 10 * result.counts["noise"].sum()


def test_poisson_sources_have_poisson_statistics():
    net = ns.Network(seed=11)
    net.add(ns.PoissonSource(400, rate=np.linspace(0, 100, 400)), "p")
    counts = ns.simulate(net, 5000.0).counts["p"]
    expected = np.linspace(0, 500, 400)
    assert counts[0] == 0
    z = (counts[1:] - expected[1:]) / np.sqrt(expected[1:])
    assert abs(z.mean()) < 5 / np.sqrt(399) and 0.8 < z.std() < 1.2


def test_poisson_spikes_do_not_depend_on_dt_beyond_rounding():
    net = ns.Network(seed=11)
    net.add(ns.PoissonSource(5, rate=50.0), "p")
    fine, coarse = (ns.simulate(net, 1000.0, dt=dt).counts["p"] for dt in (0.01, 0.1))
    assert np.abs(fine - coarse).max() <= 1


def test_traces_at_an_interval_are_a_subset_of_all_steps(net):
    dense = ns.simulate(net, 50.0, record={"cells": "v"}).traces["cells"]["v"]
    sparse = ns.simulate(net, 50.0, record={"cells": ["v[2:8:3]"]}, interval=0.7)
    trace = sparse.traces["cells"]["v"]
    assert trace.ids.tolist() == [2, 5] and trace.unit == "mV"
    assert np.array_equal(trace.values, dense.values[::7][:, [2, 5]])
    assert np.array_equal(trace.times, dense.times[::7])


@pytest.mark.parametrize(
    "record, message",
    [
        ({"cell": "v"}, r"population must be one of .*got 'cell'"),
        ({"cells": "w"}, r"must be one of 'spikes', 'v', 'i_syn', 'refractory'"),
        ({"noise": "v"}, r"must be one of 'spikes'"),
        ({"cells": "v[20]"}, r"must select some of the 10 neurons"),
        ({"cells": "v[5:2]"}, r"must select some of the 10 neurons"),
        ({"cells": ["v[a]"]}, r"such as 'v\[:5\]'"),
    ],
)
def test_unknown_recordings_are_refused(net, record, message):
    with pytest.raises(ParameterError, match=message):
        ns.simulate(net, 1.0, record=record)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"duration": -1.0}, r"duration must be >= 0"),
        ({"duration": float("nan")}, r"duration must be"),
        ({"duration": 1.0, "dt": 0.0}, r"dt must be > 0 ms, got 0\.0"),
        ({"duration": 1.0, "dtype": "float16"}, r"dtype must be one of"),
        ({"duration": 1.0, "threads": 0}, r"threads must be >= 1"),
        ({"duration": 1.0, "engine": "quantum"}, r"engine must be one of 'auto', 'clock', 'event'"),
        ({"duration": 1.0, "slumber": 3}, r"no option 'slumber'"),
        ({"duration": 1.0, "interval": 0.01}, r"interval must be >= dt"),
        (
            {"duration": 1.0, "inputs": {"noise": ([1.0], [0])}},
            r"inputs must name a SpikeSource",
        ),
    ],
)
def test_bad_run_arguments_are_refused(net, arguments, message):
    with pytest.raises(ParameterError, match=message):
        ns.simulate(net, **arguments)


def test_inputs_count_from_the_present_time_and_reset_forgets_them():
    net = ns.Network()
    net.add(ns.SpikeSource(2, times=[0.5], ids=[1]), "in")
    sim = ns.Simulator(net)
    assert sim.run(1.0, inputs={"in": ([0.2], [0])}).spikes["in"].times.tolist() == [0.2, 0.5]
    assert sim.run(1.0, inputs={"in": ([0.3], [1])}).spikes["in"].times.tolist() == [1.3]
    sim.reset()
    assert sim.t == 0 and sim.run(2.0).spikes["in"].times.tolist() == [0.5]


def test_run_away_activity_and_overflow_stop_with_the_place_and_a_remedy(net):
    with pytest.raises(SimulationError, match=r"'noise'\.rate must be <= max_rate = 50"):
        ns.simulate(net, 200.0, max_rate=50.0)
    net.connect("cells", "cells", weight=3e38, delay=1.0)
    finite = r"'cells'\.\w+ must be finite.*dtype='float64'"
    with pytest.raises(SimulationError, match=finite), np.errstate(all="ignore"):
        ns.simulate(net, 500.0)


def test_a_run_that_broke_off_inside_a_chunk_asks_for_a_reset(net):
    sim = ns.Simulator(net, max_rate=50.0)
    with pytest.raises(SimulationError, match="max_rate"):
        sim.run(200.0)
    with pytest.raises(SimulationError, match=r"broke off .* call reset\(\)"):
        sim.run(1.0)
    sim.reset()
    assert sim.run(0.0).duration == 0


def test_spike_files_follow_the_sonata_layout(net, tmp_path):
    result = ns.simulate(net, 100.0)
    path = ns.write_spikes(tmp_path / "spikes.h5", result)
    with h5py.File(path) as file:
        group = file["spikes/cells"]
        assert group["timestamps"].attrs["units"] == "milliseconds"
        assert group["node_ids"].dtype == np.uint64
        assert h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)["by_time"] == 2
    back = ns.read_spikes(path)
    for name, spikes in result.spikes.items():
        assert np.array_equal(back[name].times, spikes.times)
        assert np.array_equal(back[name].ids, spikes.ids) and back[name].n == spikes.n
    assert [p.name for p in tmp_path.iterdir()] == ["spikes.h5"]


def test_a_long_recording_goes_to_numbered_files_and_comes_back(net, tmp_path, monkeypatch):
    monkeypatch.setattr("neurosim.engine.recording._SPIKES_PER_FILE", 200)
    plain = ns.simulate(net, 500.0)
    result = ns.simulate(net, 500.0, out=tmp_path / "run")
    files = sorted(p.name for p in (tmp_path / "run").glob("*.h5"))
    assert files[0] == "spikes-000000.h5" and len(files) > 2
    for name in plain.spikes:
        assert np.array_equal(result.spikes[name].times, plain.spikes[name].times)
        assert np.array_equal(result.spikes[name].ids, plain.spikes[name].ids)
    with pytest.raises(ParameterError, match="folder without a recording"):
        ns.simulate(net, 5.0, out=tmp_path / "run")


def test_unwritable_targets_and_damaged_files_give_one_clear_error(net, tmp_path):
    result = ns.simulate(net, 10.0)
    with pytest.raises(ParameterError, match="file in a writable folder"):
        ns.write_spikes(tmp_path / "missing" / "spikes.h5", result)
    (tmp_path / "file").write_text("text")
    with pytest.raises(ParameterError, match="out must be a writable folder"):
        ns.simulate(net, 1.0, out=tmp_path / "file" / "run")
    for content in (b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(50)):
        (tmp_path / "bad.h5").write_bytes(content)
        with pytest.raises(FormatError, match="bad.h5"):
            ns.read_spikes(tmp_path / "bad.h5")
    whole = ns.write_spikes(tmp_path / "whole.h5", result).read_bytes()
    (tmp_path / "bad.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="bad.h5"):
        ns.read_spikes(tmp_path / "bad.h5")
    with pytest.raises(FormatError, match="no such spike file"):
        ns.read_spikes(tmp_path / "none.h5")


def test_result_prints_rates_events_and_cost(net):
    text = repr(ns.simulate(net, 100.0))
    for word in ("100 ms", "synaptic events", "Hz", "cells", "noise", "x real time", "rounded"):
        assert word in text


def test_pandas_on_request(net):
    pytest.importorskip("pandas")
    result = ns.simulate(net, 100.0)
    table = result.to_pandas()
    assert list(table.columns) == ["population", "neuron", "time_ms"]
    assert len(table) == sum(len(s) for s in result.spikes.values())
    with pytest.raises(ParameterError, match="population must be one of"):
        result.to_pandas("exc")


def test_without_pandas_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import neurosim as ns\n"
        "net = ns.Network(); net.add(ns.SpikeSource(1), 'a')\n"
        "try:\n    ns.simulate(net, 1.0).to_pandas()\n"
        "except ns.errors.MissingExtraError as e:\n    print(e)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'neurosim[report]'" in run.stdout, run.stderr
    assert issubclass(MissingExtraError, ImportError)


def test_progress_callbacks_see_the_run_advance(net):
    seen = []
    ns.simulate(net, 250.0, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(100.0, 250.0), (200.0, 250.0), (250.0, 250.0)]


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_a_record_that_is_no_mapping_is_refused(engine):
    net = ns.Network()
    net.add(ns.LIF(2), "cells")
    with pytest.raises(ParameterError, match=r"record must be a mapping .*got \['cells'\]"):
        ns.simulate(net, 5.0, record=["cells"], engine=engine)
