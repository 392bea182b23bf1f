"""Data sets: lengths, splits, seeds, labels; no download."""

import importlib.util
import pickle
import sys

import h5py
import numpy as np
import pytest

from neurosim.datasets import (
    EventFolder,
    MovingDigits,
    MovingShapes,
    SharedMotifs,
    SpokenSpikes,
    moving_shape,
    split,
)
from neurosim.encoders import CameraModel, Saccades
from neurosim.errors import FormatError, MissingExtraError, ParameterError
from neurosim.events import Events, write_es, write_nmnist

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed"
)


def stream(sample):
    events, target = sample
    return events.to_array().tolist(), target


# --------------------------------------------------------------------------- digits


@needs_sklearn
def test_train_and_test_share_no_scan_and_every_class_is_in_proportion():
    train, test = MovingDigits(split="train"), MovingDigits(split="test")
    assert (len(train), len(test), len(MovingDigits(split="all"))) == (1437, 360, 1797)
    assert not set(train.scans) & set(test.scans)
    share = np.bincount(test.targets) / np.bincount(np.r_[train.targets, test.targets])
    assert np.all(np.abs(share - 0.2) < 0.01)
    other = MovingDigits(split="test", seed=1)
    assert set(other.scans) != set(test.scans)


@needs_sklearn
def test_a_sample_depends_on_seed_and_scan_alone():
    test, everything = MovingDigits(split="test"), MovingDigits(split="all")
    scan = int(test.scans[7])
    assert (
        stream(test[7]) == stream(everything[scan]) == stream(pickle.loads(pickle.dumps(test))[7])
    )
    assert stream(test[7]) != stream(MovingDigits(split="all", seed=1)[scan])
    assert stream(test[-1]) == stream(test[359])


@needs_sklearn
def test_samples_have_events_of_both_polarities_within_the_movement():
    digits = MovingDigits(split="test")
    events, target = digits[0]
    assert 300 < len(events) < 6000
    assert 0.2 < events.n_on / len(events) < 0.8
    assert 0 <= events.t[0] <= events.t[-1] <= digits.duration_us
    assert (events.sensor_size, type(target)) == (digits.sensor_size, int)


@needs_sklearn
def test_indices_out_of_range_end_an_iteration():
    still = Saccades(canvas=(2, 2), path=((0, 0), (1, 0)), saccade_us=1000, frame_us=1000)
    digits = MovingDigits(split="test", motion=still)
    with pytest.raises(IndexError, match="MovingDigits has 360 samples, got index 360"):
        digits[360]
    assert sum(1 for _ in digits) == 360


@needs_sklearn
@pytest.mark.slow
def test_event_counts_alone_tell_the_digits():
    from sklearn.linear_model import RidgeClassifier

    def counts(digits):
        return np.array([digits[i][0].counts().ravel() for i in range(len(digits))]) / 16.0

    train, test = MovingDigits(split="train"), MovingDigits(split="test")
    model = RidgeClassifier().fit(counts(train), train.targets)
    assert model.score(counts(test), test.targets) >= 0.95


def test_a_missing_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"needs scikit-learn: pip install .*\[convert\]"):
        MovingDigits()


def test_a_word_that_is_no_split_is_refused():
    with pytest.raises(ParameterError, match=r"MovingDigits\.split must be one of 'train'"):
        MovingDigits(split="validation")


# --------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("shape", ["bar", "square", "disc"])
def test_a_shape_keeps_its_light_and_moves_at_its_speed(shape):
    frames, times = moving_shape(
        shape=shape, sensor_size=(40, 30), width=6, start=10, speed=100.0, contrast=3.0
    )
    light = (frames - 1.0).sum(axis=(1, 2)) / 2.0
    area = {"bar": 6 * 30, "square": 36, "disc": np.pi * 9}[shape]
    inside = times <= 200_000
    np.testing.assert_allclose(light[inside], area, rtol=0.03)
    centre = ((frames - 1.0).sum(axis=1) * (np.arange(40) + 0.5)).sum(axis=1) / (2 * light)
    np.testing.assert_allclose(centre[inside], 10 + 1e-4 * times[inside], atol=0.05)


def test_directions_are_turns_and_mirrors_of_each_other():
    def at(direction):
        return moving_shape(shape="disc", direction=direction, sensor_size=(20, 20))[0]

    assert np.array_equal(at("left"), at("right")[:, :, ::-1])
    assert np.array_equal(at("down"), at("right").transpose(0, 2, 1))
    assert np.array_equal(at("up"), at("down")[:, ::-1])


def test_a_bright_bar_brings_on_events_in_front_and_off_events_behind():
    frames, times = moving_shape(sensor_size=(20, 4), width=4, speed=150.0)
    e = CameraModel()(frames, times)
    for x in range(4, 12):
        here = e.x == x
        assert e.t[here & (e.p == 1)].max() < e.t[here & (e.p == 0)].min()


def test_moving_shapes_draw_each_sample_from_its_own_seed():
    a, b = (MovingShapes(n=n, sensor_size=(10, 8), seed=1) for n in (8, 20))
    assert stream(a[5]) == stream(b[5])
    assert stream(a[5]) != stream(MovingShapes(n=8, sensor_size=(10, 8), seed=2)[5])
    assert [a[i][1] for i in range(8)] == [0, 1, 2, 3] * 2
    with pytest.raises(IndexError, match="MovingShapes has 8 samples"):
        a[8]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: moving_shape(sensor_size=5), r"moving_shape\.sensor_size must be \(W, H\), got 5"),
        (
            lambda: moving_shape(sensor_size=(65536, 65536)),
            r"moving_shape\.sensor_size must give at most .* raise frame_us",
        ),
        (lambda: MovingShapes(sensor_size=5), r"MovingShapes\.sensor_size must be \(W, H\), got 5"),
    ],
)
def test_sizes_that_are_none_or_too_large_are_refused(call, match):
    with pytest.raises(ParameterError, match=match):
        call()


# --------------------------------------------------------------------------- folder


def test_a_folder_takes_classes_from_folders_or_from_names(tmp_path):
    e = Events(x=[1], y=[2], t=[3], p=[1])
    for name in ("cat/1_label9.bin", "cat/2_label8.bin", "dog/3_label9.es"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (write_es if name.endswith("es") else write_nmnist)(e, tmp_path / name)
    by_folder = EventFolder(root=tmp_path, pattern="*/*")
    assert (by_folder.classes, by_folder.targets) == (("cat", "dog"), (0, 0, 1))
    by_name = EventFolder(root=tmp_path, pattern="**/*.*", label=r"_label(\d)")
    assert (by_name.classes, by_name.targets) == (("8", "9"), (1, 0, 1))
    events, target = pickle.loads(pickle.dumps(by_name))[2]
    assert (len(events), target) == (1, 1)


def test_a_pattern_or_label_that_is_none_is_refused(tmp_path):
    for wrong in ({"label": "("}, {"pattern": "/x"}):
        with pytest.raises(ParameterError, match=r"EventFolder\.pattern and label must be"):
            EventFolder(root=tmp_path, **wrong)
    with pytest.raises(ParameterError, match=r"split\.dataset must have targets"):
        split([1, 2], (0.5,))


def test_a_folder_without_recordings_or_labels_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"EventFolder\.pattern must match a file below"):
        EventFolder(root=tmp_path)
    (tmp_path / "a.bin").write_bytes(b"")
    with pytest.raises(ParameterError, match=r"EventFolder\.label must be a regular .* a.bin"):
        EventFolder(root=tmp_path, label="label([0-9])")


def test_shared_motifs_use_the_same_channels_once_each_and_differ_in_time_only():
    data = SharedMotifs(8, background=0.0, jitter=0.0, seed=3)
    for k in range(8):
        (times, ids), label = data[k]
        np.testing.assert_array_equal(np.sort(ids), data.addresses)
        assert label == k % 4
        expected = data.onsets[k] + np.sort(data.motifs[label])
        np.testing.assert_allclose(times, expected)
        assert times[-1] < data.duration
    (times, _), _ = SharedMotifs(1, background=10.0)[0]
    assert 60 < times.size < 160  # 12, and about 100 of noise
    with pytest.raises(ParameterError, match="spikes must be <= channels and span <= duration"):
        SharedMotifs(2, channels=4)


def write_shd(folder, n=3):
    """Files such as tonic finds them."""
    place = folder / "SHD"
    place.mkdir()
    (place / "shd_train.h5.zip").write_bytes(b"")
    rng = np.random.default_rng(0)
    with h5py.File(place / "shd_train.h5", "w") as file:
        for name, dtype in (("times", np.float16), ("units", np.uint16)):
            made = file.create_dataset(f"spikes/{name}", (n,), h5py.vlen_dtype(dtype))
            for k in range(n):
                made[k] = rng.integers(0, 700, 20) / (1.0 if name == "units" else 1000.0)
        file["labels"] = np.arange(n, dtype=np.uint16)
        file["extra/keys"] = [b"zero", b"one", b"two"]
        file["extra/speaker"] = np.zeros(n, np.uint16)


def test_spoken_digits_are_read_by_tonic_from_local_files(tmp_path):
    pytest.importorskip("tonic", reason="tonic is not installed")
    write_shd(tmp_path)
    data = SpokenSpikes(tmp_path, merge=7, until=500.0)
    assert (len(data), data.channels, data.classes) == (3, 100, ["zero", "one", "two"])
    with h5py.File(tmp_path / "SHD" / "shd_train.h5") as file:
        seconds, units = file["spikes/times"][2].astype(float), file["spikes/units"][2]
    order = np.argsort(seconds, kind="stable")
    inside = order[seconds[order] < 0.5]
    (times, ids), label = data[2]
    np.testing.assert_allclose(times, 1e3 * seconds[inside], atol=1e-3)
    np.testing.assert_array_equal(ids, units[inside] // 7)
    assert label == 2 and times.size < 20


def test_spoken_digits_say_where_their_files_come_from_and_fetch_nothing(tmp_path):
    with pytest.raises(FormatError, match=r"shd_test\.h5: must be a file; SHD is at https"):
        SpokenSpikes(tmp_path, split="test")
    with pytest.raises(ParameterError, match="split must be"):
        SpokenSpikes(tmp_path, split="valid")
    assert not list(tmp_path.iterdir())
