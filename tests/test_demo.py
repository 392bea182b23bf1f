"""The demo: accurate, whole, and silent about classes that it cannot know."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import neurosim as ns
from neurosim.events import Events, write_es, write_nmnist

pytest.importorskip("sklearn")

FILES = ["energy.csv", "energy.png", "raster.png", "report.html", "spikes.h5", "summary.json"]


def demo(*arguments):
    from neurosim.cli import cli

    result = CliRunner().invoke(cli, ["demo", "--json", *[str(a) for a in arguments]])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return demo("--out", out, "--seed", 1), out


@pytest.mark.slow
def test_accuracy_is_high_and_near_the_anns_on_the_same_events(digits):
    accuracy = digits[0]["accuracy"]
    assert accuracy["held_out_scans"] >= 300
    assert accuracy["snn"] >= 0.9
    assert abs(accuracy["difference_points"]) <= 2.0


@pytest.mark.slow
def test_the_folder_is_whole_and_its_files_agree(digits):
    summary, out = digits
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert json.loads((out / "summary.json").read_text()) == summary
    spikes = ns.read_spikes(out / "spikes.h5")
    scans = summary["accuracy"]["held_out_scans"]
    for name, mean in summary["spikes_per_inference"].items():
        assert len(spikes[name]) / scans == pytest.approx(mean)
    assert spikes["input"].times.max() < scans * (summary["steps"] + 1)
    page = (out / "report.html").read_text()
    for row in summary["energy_per_inference"]:
        assert row["chip"] in page
        if row["fits"] and row["chip"] != "akida":  # which has no price
            assert row["low_j"] <= row["nominal_j"] <= row["high_j"]
    assert "http" not in page.split("</style>")[1].split("<pre>")[0]


@pytest.mark.slow
def test_any_recording_runs_and_no_class_is_claimed(tmp_path):
    rng = np.random.default_rng(0)
    n = 4000
    shapes = {
        "wide.es": (write_es, (320, 240), 400_000),
        "small.bin": (write_nmnist, (34, 34), 300_000),
    }
    for name, (write, size, length) in shapes.items():
        events = Events(
            x=rng.integers(0, size[0], n),
            y=rng.integers(0, size[1], n),
            t=np.sort(rng.integers(0, length, n)),
            p=rng.integers(0, 2, n),
            sensor_size=size,
        )
        path = write(events, tmp_path / name)
        summary = demo("--events", path, "--out", tmp_path / f"{name}-out")
        assert "accuracy" not in summary
        assert summary["input"]["events"] == n
        inputs = summary["spikes_per_inference"]["input"] * summary["input"]["inferences"]
        assert inputs == pytest.approx(n)
        assert sorted(p.name for p in (tmp_path / f"{name}-out").iterdir()) == FILES


def test_a_bad_recording_is_refused_before_any_work(tmp_path):
    from neurosim.cli import cli

    bad = tmp_path / "bad.es"
    bad.write_bytes(b"Event Stream\x02")
    result = CliRunner().invoke(cli, ["demo", "--events", str(bad), "--out", str(tmp_path / "o")])
    assert result.exit_code == 2 and str(bad) in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.es"]


def test_pooling_keeps_every_event_inside_the_network_and_centred():
    from neurosim.cli.demo_inputs import SIDE, pool_to

    for size in ((320, 240), (34, 34), (3, 1), (14, 14), (1, 1000)):
        corners = Events(
            x=[0, size[0] - 1], y=[0, size[1] - 1], t=[0, 1], p=[0, 1], sensor_size=size
        )
        pooled, pool = pool_to(corners, SIDE)
        assert pooled.sensor_size == (SIDE, SIDE) and len(pooled) == 2
        assert pool == -(-max(size) // SIDE)
        for low, high in (pooled.x, pooled.y):
            assert abs(int(low) - (SIDE - 1 - int(high))) <= 1


def test_windows_cut_a_recording_without_losing_or_moving_an_event():
    from neurosim.cli.demo_inputs import windows
    from neurosim.encoders import EventsToSpikes

    encoder = EventsToSpikes(polarity="merge", start_us=0, duration=10.0)
    t = np.array([5_000, 14_999, 15_000, 60_000])
    events = Events(x=[0, 1, 2, 3], y=[0] * 4, t=t, sensor_size=(4, 1))
    samples, left_out = windows(events, encoder)
    assert left_out == 0
    assert [sample.ids.tolist() for sample in samples] == [[0, 1], [2], [3]]
    assert [sample.times.tolist() for sample in samples] == [[0.0, 9.999], [0.0], [5.0]]
