"""A lazy recording: what it reads and when, what it remembers, what it says."""

import pickle

import numpy as np
import pytest

from neurosim import events as ev
from neurosim.errors import FormatError, ParameterError


@pytest.fixture
def scene():
    rng = np.random.default_rng(1)
    n = 5000
    return ev.Events(
        x=rng.integers(0, 30, n),
        y=rng.integers(0, 20, n),
        t=500 + np.cumsum(rng.integers(0, 50, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(30, 20),
    )


@pytest.fixture
def path(scene, tmp_path):
    return ev.write(scene, tmp_path / "a.raw", "evt2")


def test_it_has_what_events_have(scene, path):
    recording = ev.open(path)
    for name in ("sensor_size", "n_polarities", "n_on", "n_unsorted", "duration_us", "rate"):
        assert getattr(recording, name) == getattr(scene, name), name
    assert len(recording) == len(scene)
    np.testing.assert_array_equal(recording.counts(), scene.counts())
    np.testing.assert_array_equal(recording.to_array(), scene.to_array())
    assert recording.facts().longest_gap == int(np.diff(scene.t).max())
    assert recording.events is recording.events  # read once


def test_operations_are_those_of_events(scene, path):
    recording = ev.open(path)
    lazy = recording.crop(x=(3, 20), t=(9_000, 90_000)).downsample(3).merge_polarity()
    whole = scene.crop(x=(3, 20), t=(9_000, 90_000)).downsample(3).merge_polarity()
    shifted, expected = lazy.shift_time(-9_000), whole.shift_time(-9_000)
    for column in "xytp":
        np.testing.assert_array_equal(getattr(shifted, column), getattr(expected, column))
    assert (shifted.sensor_size, shifted.n_polarities) == (whole.sensor_size, 1)
    assert len(recording) == len(scene)  # the first one is as it was


def test_what_lies_behind_a_crop_is_not_read(scene, path):
    path.write_bytes(path.read_bytes() + b"\1\2\3")
    recording = ev.open(path)
    recording.piece = 1000
    assert recording.facts().notes == ("truncated: 3 bytes at the end dropped",)
    early = recording.time_slice(0, 20_000)
    assert early.facts().notes == ()  # its end was never seen
    np.testing.assert_array_equal(early.t, scene.t[scene.t < 20_000])
    late = recording.shift_time(-500).time_slice(0, 20_000)  # a step that hides the stamps
    np.testing.assert_array_equal(late.t, scene.t[scene.t < 20_500] - 500)


def test_a_sensor_without_a_size_is_the_smallest_in_every_piece(scene, tmp_path):
    recording = ev.open(ev.write(scene, tmp_path / "a.npy"))
    assert {piece.sensor_size for piece in recording.pieces()} == {recording.sensor_size}
    assert recording.sensor_size == (int(scene.x.max()) + 1, int(scene.y.max()) + 1)


def test_it_is_pickled_by_its_path_and_steps(scene, path):
    recording = ev.open(path).downsample(2)
    again = pickle.loads(pickle.dumps(recording))
    np.testing.assert_array_equal(again.x, recording.x)
    with pytest.raises(ParameterError, match="must be of a file to be pickled"):
        pickle.dumps(ev.decode(path.read_bytes()))


def test_wrong_arguments_are_refused_before_anything_is_read(path):
    recording = ev.open(path)
    with pytest.raises(ParameterError, match=r"crop\.x\[1\] must be <= 30"):
        recording.crop(x=(0, 31))
    with pytest.raises(ParameterError, match=r"downsample\.factor must be >= 1"):
        recording.downsample(0)
    with pytest.raises(ParameterError, match="an operation must be callable with Events, got int"):
        recording.then(3)


def test_a_large_file_is_not_counted_unasked(path, monkeypatch):
    monkeypatch.setattr("neurosim.events.recording._SMALL", 10)
    recording = ev.open(path)
    assert "not counted: see facts()" in repr(recording)
    recording.facts()
    assert "5,000 events" in repr(recording) and "longest gap" in repr(recording)


def test_every_prefix_gives_the_events_up_to_there_and_counts_what_is_lost(scene, path):
    content = path.read_bytes()
    start = ev.open(path).origin.start
    for cut in (*range(start, start + 40), len(content) - 1, len(content) - 5):
        part = ev.decode(content[:cut])
        np.testing.assert_array_equal(part.t, scene.t[: len(part)])
        lost = (cut - start) % 4
        assert part.notes == ((f"truncated: {lost} bytes at the end dropped",) if lost else ())
        if lost:
            with pytest.raises(FormatError, match="must be complete"):
                ev.decode(content[:cut], strict=True)


@pytest.mark.parametrize("name", ["a.raw", "a.h5", "a.csv", "a.npy"])
def test_progress_goes_up_to_the_size_of_the_file_and_is_silent_in_a_pipe(
    scene, tmp_path, capfd, name
):
    told = []
    written = ev.write(scene, tmp_path / name)
    size = written.stat().st_size / 1e6
    recording = ev.open(written, progress=lambda done, total: told.append((done, total)))
    recording.piece = 1000
    for work in (recording.facts, lambda: recording.events, recording.counts):
        told.clear()
        work()
        done = [d for d, _ in told]
        assert done == sorted(done) and done[-1] == pytest.approx(size, 0.1)
        assert {total for _, total in told} == {size}
    ev.open(written).facts()
    assert "".join(capfd.readouterr()) == ""


def test_a_sensor_without_a_size_is_looked_for_once(scene, tmp_path):
    passes = []
    np.savetxt(tmp_path / "a.txt", np.stack([scene.t, scene.x, scene.y, scene.p], 1), "%d")
    recording = ev.open(
        tmp_path / "a.txt", progress=lambda done, total: passes.append(done == total)
    )
    cropped = recording.crop(t=(0, 10**9)).downsample(2)
    assert cropped.sensor_size == cropped.merge_polarity().sensor_size
    assert (cropped.n_polarities, sum(passes)) == (2, 1)
