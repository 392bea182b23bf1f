"""What is written is read back: by our readers, by naive decoders, by other libraries."""

import naive_events as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim import events as ev
from neurosim.errors import ParameterError
from neurosim.events import Events

EVERY = sorted(set(ev.FORMS) - {"nmnist", "aedat2"})
DECODERS = {"evt2": naive.evt2, "evt3": naive.evt3, "dat": naive.dat}


def recording(n=3000, size=(320, 240), gap=300, seed=0, start=7):
    rng = np.random.default_rng(seed)
    return Events(
        x=rng.integers(0, size[0], n),
        y=rng.integers(0, size[1], n),
        t=start + np.cumsum(rng.integers(0, gap, n)),
        p=rng.integers(0, 2, n),
        sensor_size=size,
    )


def assert_same(a, b, *, sensor=True):
    assert not sensor or a.sensor_size == b.sensor_size
    for column in "xytp":
        np.testing.assert_array_equal(getattr(a, column), getattr(b, column))


@pytest.mark.parametrize("form", EVERY)
@settings(max_examples=10)  # files are written
@given(n=st.integers(20, 200), gap=st.sampled_from([2, 60, 9000]), seed=st.integers(0, 99))
def test_every_form_is_read_back(tmp_path_factory, form, n, gap, seed):
    e = recording(n, gap=gap, seed=seed)
    path = ev.write(e, tmp_path_factory.mktemp("w") / "recording", form)
    # An .npy has no room for the sensor's size.
    assert_same(ev.open(path, strict=True).events, e, sensor=form != "npy")


def test_empty_and_single_events_are_read_back(tmp_path):
    for form in sorted(set(EVERY) - {"npy"}):
        for n in (0, 1):
            e = recording(n)
            assert_same(ev.open(ev.write(e, tmp_path / f"{form}{n}", form)).events, e)


@pytest.mark.parametrize("size", [(128, 128), (240, 180), (346, 260), (640, 480)])
def test_aedat2_is_read_back_as_the_camera_that_its_sensor_is(tmp_path, size):
    e = recording(size=size)
    back = ev.open(ev.write(e, tmp_path / "a.aedat"), strict=True)
    assert back.source == "AEDAT 2"
    assert_same(back.events, e)


@pytest.mark.parametrize("form", sorted(DECODERS))
def test_words_are_those_of_the_specification(tmp_path, form):
    e = recording(gap=9000)
    content = ev.write(e, tmp_path / "a", form).read_bytes()
    start = ev.decode(content).origin.start
    rows = np.array(DECODERS[form](content[start:]))
    np.testing.assert_array_equal(rows, np.stack([e.t, e.x, e.y, e.p], 1))


@pytest.mark.parametrize("form", ["evt2", "evt3", "dat"])
def test_other_libraries_read_what_is_written(tmp_path, form):
    expelliarmus = pytest.importorskip("expelliarmus")
    e = recording(gap=20)
    path = ev.write(e, tmp_path / ("a.dat" if form == "dat" else "a.raw"), form)
    theirs = expelliarmus.Wizard(encoding=form).read(path)
    for column in "xytp" if form != "evt3" else "xyp":
        np.testing.assert_array_equal(theirs[column], getattr(e, column))


@pytest.mark.parametrize("form", ["evt2", "evt3", "dat", "aedat2", "hdf5", "csv", "txt"])
def test_a_recording_is_written_piece_by_piece_as_at_once(tmp_path, form):
    e = recording(size=(128, 128))
    lazy = ev.open(ev.write(e, tmp_path / "a.es"))
    lazy.piece = 1000
    assert len(list(lazy.pieces())) > 5
    assert_same(ev.open(ev.write(lazy, tmp_path / "b", form)).events, e)
    if form != "hdf5":
        at_once = ev.write(e, tmp_path / "c", form).read_bytes()
        assert (tmp_path / "b").read_bytes() == at_once


def test_evt3_survives_pauses_longer_than_its_counter(tmp_path):
    t = [5, 2**24 + 9, 2**24 + 9, 3 * 2**24, 2**30, 2**36 + 1]
    e = Events(x=range(6), y=[1, 1, 2, 2, 3, 3], t=t, p=[0, 1] * 3, sensor_size=(9, 9))
    back = ev.open(ev.write(e, tmp_path / "a.raw"))
    assert_same(back.events, e)
    assert "wrap-arounds of the time stamp undone" in back.notes[0]


@pytest.mark.parametrize(
    ("form", "change", "match"),
    [
        ("evt2", {"sensor_size": (3000, 9)}, r"sensor_size must be <= \(2048, 2048\)"),
        ("dat", {"t": [0, 1 << 32]}, r"events\.t must be in 0\.\.4294967295 us"),
        ("dat", {"t": [-1, 5]}, r"events\.t must be in 0"),
        ("evt3", {"t": [1 << 24, 1 << 25]}, r"must start below 2\*\*24 us"),
        ("evt3", {"t": [0, 1 << 53]}, r"must leave pauses below a year"),
        ("hdf5", {"t": [0, 1 << 60]}, r"events\.t must be > -2\*\*60"),
        ("npy", {"t": [-(1 << 61), 0]}, r"events\.t must be > -2\*\*60"),
        ("csv", {"t": [0, 10**17]}, r"events\.t must be in 0\.\.9{17} us"),
        ("aedat2", {"sensor_size": (700, 9)}, r"sensor_size must be <= \(640, 480\)"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_left(tmp_path, form, change, match):
    columns = {"x": [1, 2], "y": [3, 4], "t": [5, 6], "p": [0, 1], "sensor_size": (9, 9)} | change
    with pytest.raises(ParameterError, match=match):
        ev.write(Events(**columns), tmp_path / "a", form)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("t", [[0], [0, 0, 0], [1_000_000], [3_000_000, 5_000_000]])
def test_whole_seconds_of_text_stay_seconds(tmp_path, t):
    e = Events(x=range(len(t)), y=[0] * len(t), t=t, p=[1] * len(t), sensor_size=(9, 9))
    back = ev.open(ev.write(e, tmp_path / "a.txt")).events
    np.testing.assert_array_equal(back.to_array(), e.to_array())


def test_the_form_is_told_by_the_ending_or_asked_for(tmp_path):
    with pytest.raises(ParameterError, match=r"write: path must end with one of \.es, .*got 'a'"):
        ev.write(recording(3), tmp_path / "a")
    with pytest.raises(ParameterError, match=r"write\.form must be one of 'es'"):
        ev.write(recording(3), tmp_path / "a.es", "avi")


def test_a_bin_file_that_nobody_could_recognise_is_not_written(tmp_path):
    twice = Events(x=[1] * 200, y=[1] * 200, t=np.arange(200) // 2, p=[1] * 200)
    for e in (recording(0, size=(34, 34)), twice):
        with pytest.raises(ParameterError, match="must be recognisable by their statistics"):
            ev.write(e, tmp_path / "a.bin")
    assert not list(tmp_path.iterdir())
