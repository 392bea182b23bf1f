"""Recordings from a shell: info, convert, view; sentences for what is wrong."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from neurosim import events as ev
from neurosim.cli import cli


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    n = 4000
    e = ev.Events(
        x=rng.integers(0, 64, n),
        y=rng.integers(0, 48, n),
        t=1000 + np.cumsum(rng.integers(0, 60, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(64, 48),
    )
    return ev.write(e, tmp_path / "a.raw", "evt3")


def run(*words, code=0):
    result = CliRunner().invoke(cli, ["events", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_info_tells_what_was_found_and_dropped(path):
    path.write_bytes(path.read_bytes() + b"\1")
    found = json.loads(run("info", path, "--json").stdout)
    facts = ev.open(path).facts()
    assert (found["format"], found["events"]) == ("Prophesee EVT 3.0", 4000)
    assert (found["width"], found["height"]) == (64, 48)
    assert found["longest_gap_ms"] == facts.longest_gap / 1e3
    assert found["notes"] == ["truncated: 1 bytes at the end dropped"]
    assert "longest_gap_ms" in run("info", path).stdout
    refused = run("info", path, "--strict", code=2)
    assert "must be complete, but the file ends" in refused.stderr


def test_convert_cuts_filters_and_writes_what_the_operations_give(path, tmp_path):
    words = ["--from", "10ms", "--to", "60ms", "--crop", "8,4,32,40", "--refractory", "2ms"]
    target = tmp_path / "b.h5"
    found = json.loads(run("convert", path, target, *words, "--zero", "--json").stdout)
    whole = ev.open(path).events
    first = int(whole.t[0])
    expected = whole.crop(x=(8, 40), y=(4, 44), t=(first + 10_000, first + 60_000))
    expected = ev.RefractoryPeriod(2000)(expected)
    back = ev.open(target).events
    assert (found["to"], found["events"], back.sensor_size) == ("HDF5", len(expected), (32, 40))
    np.testing.assert_array_equal(back.t, expected.t - expected.t[0])
    np.testing.assert_array_equal(back.x, expected.x)


@pytest.mark.parametrize("kind", ["frame", "scatter", "surface", "pixels", "film"])
def test_view_draws_a_picture(path, tmp_path, kind):
    out = tmp_path / ("a.gif" if kind == "film" else "a.png")
    run("view", path, "--kind", kind, "--to", "70ms", "--out", out)
    assert out.read_bytes()[:4] in (b"\x89PNG", b"GIF8")
    other = run("view", path, "--kind", kind, "--out", tmp_path / "a.jpg", code=2)
    assert f"--out must end with {out.suffix} for a {kind}" in other.stderr
    assert not (tmp_path / "a.jpg").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "now"], "--from must be a time such as 1.5s"),
        (["--crop", "1,2,3"], "--crop must be X,Y,WIDTH,HEIGHT"),
        (["--crop", "0,0,65,1"], "crop.x[1] must be <= 64"),
        (["--topic", "/a"], "events.open.topic must be an option of the format"),
        (["--form", "avi"], "write.form must be one of"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(path, tmp_path, words, message):
    result = run("convert", path, tmp_path / "b.csv", *words, code=2)
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.raw"]
