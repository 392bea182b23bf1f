"""Recordings as sources of both engines, labelled folders, windows, splits, the cache."""

import json
import pickle
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import neurosim as ns
from neurosim import events as ev
from neurosim.datasets import Cached, EventFolder, EventWindows, collate, split
from neurosim.encoders import EventsToSpikes, read_movie
from neurosim.errors import FormatError, ParameterError


def recording(n=5000, seed=0, size=(8, 6)):
    rng = np.random.default_rng(seed)
    return ev.Events(
        x=rng.integers(0, size[0], n),
        y=rng.integers(0, size[1], n),
        t=3_000 + np.cumsum(rng.integers(0, 90, n)),
        p=rng.integers(0, 2, n),
        sensor_size=size,
    )


def same(a, b):
    return all(np.array_equal(getattr(a, c), getattr(b, c)) for c in "xytp")


# ----------------------------------------------------------------------- engines


@pytest.mark.parametrize("form", ["evt3", "es", "hdf5", "csv"])
@pytest.mark.parametrize("engine", ["clock", "event"])
def test_a_recording_of_any_form_plays_into_both_engines(tmp_path, engine, form):
    e = recording()
    lazy = ev.open(ev.write(e, tmp_path / "a", form))
    lazy.piece = 2000
    encode = EventsToSpikes()
    whole = encode(e)
    net = ns.Network()
    camera = net.add(ns.SpikeSource(whole.n), "camera")
    cells = net.add(ns.LIF(4, tau_m=20.0, tau_syn=5.0, v_rest=0.0, v_th=1.0, v_reset=0.0), "cells")
    net.connect(camera, cells, ns.AllToAll(), weight=0.02, delay=1.0)
    stream = encode.stream(lazy)
    for _ in range(2):  # it can be played again
        found = ns.simulate(net, whole.duration, engine=engine, inputs={"camera": stream})
        expected = ns.simulate(net, whole.duration, engine=engine, inputs={"camera": whole})
        np.testing.assert_array_equal(found.counts["camera"], np.bincount(whole.ids, minlength=96))
        np.testing.assert_array_equal(found.counts["cells"], expected.counts["cells"])


def test_windows_of_a_live_camera_play_as_they_come():
    e = recording()
    encode = EventsToSpikes(start_us=3_000)

    def camera():
        for start in range(0, len(e), 700):
            yield e.keep(slice(start, start + 700))

    net = ns.Network()
    net.add(ns.SpikeSource(96), "camera")
    duration = encode(e).duration
    live = encode.stream(ev.windows(camera(), time_window=10_000, include_incomplete=True))
    found = ns.simulate(net, duration, inputs={"camera": live})
    np.testing.assert_array_equal(found.counts["camera"], np.bincount(encode(e).ids, minlength=96))
    with pytest.raises(ParameterError, match=r"duration must be None for a stream"):
        EventsToSpikes(duration=5.0).stream(e)


def test_stamps_that_reach_back_behind_a_piece_are_moved_to_its_end():
    early, late = recording(100), recording(100, seed=1)
    pieces = [early, late.shift_time(int(early.t[-1] - late.t[0]) - 500)]
    encoded = list(EventsToSpikes().stream(pieces))
    assert encoded[1].times[0] == encoded[0].times[-1]
    assert sum(len(part.times) for part in encoded) == 200


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for n in (100_000, 400_000):
        path = ev.write(recording(n), tmp_path / f"{n}.raw", "evt3")
        lazy = ev.open(path)
        lazy.piece = 1 << 16
        sum(len(piece) for piece in lazy.pieces())  # compiled
        tracemalloc.start()
        total = sum(len(piece) for piece in lazy.then(ev.RefractoryPeriod(10)).pieces())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total > n // 2
    assert peaks[1] < 1.1 * peaks[0]


# ---------------------------------------------------------------------- data sets


@pytest.fixture
def folder(tmp_path):
    for name, form in (("cat/a.raw", "evt3"), ("cat/b.es", "es"), ("dog/c.dat", "dat")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ev.write(recording(200, seed=len(name)), path, form)
    return tmp_path / "data"


def test_a_labelled_folder_holds_recordings_of_any_form(folder):
    data = EventFolder(root=folder, pattern="**/*.*", transform=ev.ToFrame(n_time_bins=4))
    assert (data.classes, data.targets, len(data)) == (("cat", "dog"), (0, 0, 1), 3)
    frames, target = data[-1]
    assert frames.shape[0] == 4 and target == 1
    drawn = EventFolder(root=folder, pattern="**/*.*", transform=ev.DropEvent(0.5, seed=1))
    assert same(drawn[0][0], drawn[0][0]) and same(drawn[-3][0], drawn[0][0])
    kept = [len(drawn[k][0]) for k in range(3)]
    assert len(set(kept)) > 1
    assert len(pickle.loads(pickle.dumps(drawn))) == 3


def test_a_damaged_recording_of_a_folder_is_an_error(folder):
    path = folder / "cat" / "b.es"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(FormatError, match=r"b\.es: the event at byte"):
        EventFolder(root=folder, pattern="**/*.es")[0]


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_what_is_no_stream_of_one_sensor_is_refused(tmp_path, engine):
    e = ev.Events(x=[0, 3], y=[0, 1], t=[0, 900], p=[0, 1], sensor_size=(4, 2))
    other = ev.Events(x=[0], y=[0], t=[1500], p=[1], sensor_size=(3, 2))
    net = ns.Network()
    net.add(ns.SpikeSource(16), "camera")
    encode = ns.encoders.EventsToSpikes(start_us=0)
    counts = ns.simulate(net, 3.0, engine=engine, inputs={"camera": encode.stream(e)}).counts
    assert counts["camera"].sum() == 2
    empty = ev.Events(x=[], y=[], t=[])  # of a window in which nothing was seen
    wrong = (
        ([e, empty, other], r"must have the first one's \(W, H, P\) \(4, 2, 2\)"),
        ([e, (1, 2)], "every piece of source must be Events, got tuple"),
    )
    for pieces, match in wrong:
        with pytest.raises(ParameterError, match=match):
            ns.simulate(net, 3.0, engine=engine, inputs={"camera": encode.stream(pieces)})
    with pytest.raises(ParameterError, match=r"inputs\['camera'\] must be a pair"):
        recording = ev.open(ev.write(e, tmp_path / "a.es"))
        ns.simulate(net, 3.0, engine=engine, inputs={"camera": recording})
    with pytest.raises(
        ParameterError, match="must be a Recording or an iterable of Events, got str"
    ):
        encode.stream("a.es")


@pytest.mark.parametrize("targets", [np.eye(3), [None, 1], [(0, 1), (1, 0)]], ids=str)
def test_a_split_needs_one_class_per_sample(targets):
    with pytest.raises(ParameterError, match=r"targets must be one number or word per sample"):
        split(SimpleNamespace(targets=targets), (0.5, 0.5))
    with pytest.raises(ParameterError, match=r"split\.shares must be a sequence"):
        split(SimpleNamespace(targets=[0, 1]), 0.5)


def test_splits_are_disjoint_and_share_every_class():
    class Data:
        targets = tuple([0] * 30 + [1] * 70)

        def __len__(self):
            return 100

        def __getitem__(self, index):
            return index, self.targets[index]

    train, validation, test = split(Data(), (0.6, 0.2, 0.2), seed=3)
    seen = [*train.indices, *validation.indices, *test.indices]
    assert sorted(seen) == list(range(100))
    assert [sum(part.targets) for part in (train, validation, test)] == [42, 14, 14]
    assert train[0] == (train.indices[0], train.targets[0])
    assert split(Data(), (0.6, 0.2, 0.2), seed=3)[0].indices == train.indices
    with pytest.raises(ParameterError, match=r"split\.shares must be <= 1 together"):
        split(Data(), (0.9, 0.2))
    with pytest.raises(IndexError, match="Subset has 60 samples"):
        train[60]


def test_windows_of_recordings_hold_every_event_once():
    recordings = [recording(2000), recording(3000, seed=1)]
    data = EventWindows(recordings=recordings, targets_of=[3, 7], time_window=10_000, blocks=4)
    total = 0
    for k in range(len(data)):
        events, target = data[k]
        assert target == data.targets[k] and 0 <= events.t[0] <= events.t[-1] < 10_000
        total += len(events)
    whole = [np.count_nonzero(e.t < e.t[0] + e.duration_us // 10_000 * 10_000) for e in recordings]
    assert total == sum(whole)
    assert set(data.block) == {0, 1, 2, 3}
    test = data.where(lambda block: block == 3)
    train = data.where(lambda block: block < 3)
    assert len(test) + len(train) == len(data) and set(test.targets) == {3, 7}
    with pytest.raises(ParameterError, match=r"one class per recording \(2\), got 1"):
        EventWindows(recordings=recordings, targets_of=[3], time_window=10)


class Counting:
    """A data set that says how often it was asked."""

    targets = (0, 1, 2)

    def __init__(self, make):
        self.make, self.asked = make, 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.asked += 1
        return self.make(index), np.int64(index)


@pytest.mark.parametrize("kind", ["events", "array"])
def test_the_cache_gives_back_what_it_was_given(tmp_path, kind):
    def make(index):
        e = recording(50, seed=index).merge_polarity()
        return e if kind == "events" else ev.ToFrame(n_time_bins=3)(e)

    data = Counting(make)
    cached = Cached(data, tmp_path / "cache", key="v1")
    first = [cached[k] for k in range(3)]
    second = [Cached(data, tmp_path / "cache", key="v1")[k] for k in range(3)]
    assert data.asked == 3
    for (a, s), (b, t), k in zip(first, second, range(3), strict=True):
        assert s == t == k
        if kind == "events":
            assert same(a, b) and (b.sensor_size, b.n_polarities) == (a.sensor_size, 1)
        else:
            np.testing.assert_array_equal(a, b)
    path = tmp_path / "cache" / "00000001.sample"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)  # damaged: computed again, and kept whole
    cached[1]
    assert data.asked == 4
    cached[1]
    assert data.asked == 4
    with pytest.raises(ParameterError, match=r"Cached\.folder must be of the data set 'v2'"):
        Cached(data, tmp_path / "cache", key="v2")
    assert json.loads((tmp_path / "cache" / "cache.json").read_text()) == {"key": "v1"}


def test_the_cache_of_a_folder_knows_its_files_and_its_places(tmp_path):
    for k in range(3):
        ev.write(recording(50 + k, seed=k), tmp_path / f"{k}_label{k}.raw")
    how = {"root": tmp_path, "pattern": "*.raw", "label": r"_label([0-9])"}
    cached = Cached(EventFolder(**how), tmp_path / "cache", key="v1")
    expected = [len(cached[k][0]) for k in range(3)]
    places = [tmp_path / "cache" / f"{k:08d}.sample" for k in range(3)]
    places[2].write_bytes(places[0].read_bytes())  # a sample in another one's place
    assert [len(cached[k][0]) for k in range(3)] == expected
    Cached(EventFolder(**how), tmp_path / "cache", key="v1")
    part = Cached(split(EventFolder(**how), (1.0,))[0], tmp_path / "part", key="v1")
    assert len(part[1][0]) == expected[1]
    ev.write(recording(9), tmp_path / "1a_label0.raw")
    for data, folder in (
        (EventFolder(**how), "cache"),
        (split(EventFolder(**how), (1,))[0], "part"),
    ):
        with pytest.raises(
            ParameterError, match=r"Cached\.folder must be of the data set 'v1; files"
        ):
            Cached(data, tmp_path / folder, key="v1")
    (tmp_path / "cache" / "cache.json").write_text("{")
    with pytest.raises(ParameterError, match=r"Cached\.folder must be of .* or empty it"):
        Cached(EventFolder(**how), tmp_path / "cache", key="v1")


def test_the_cache_refuses_what_it_cannot_keep(tmp_path):
    with pytest.raises(ParameterError, match="must give Events or arrays of numbers, got str"):
        Cached(Counting(lambda index: "text"), tmp_path, key="a")[0]
    with pytest.raises(ParameterError, match=r"must give \(sample, target\), got tuple at 0"):
        data = Single((recording(5), 1, 2))
        Cached(data, tmp_path, key="a")[0]
    with pytest.raises(ParameterError, match=r"Cached\.key must say what the samples are"):
        Cached(Single(None), tmp_path / "b")


class Single:
    """One sample, and a repr with an address."""

    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.sample


@pytest.mark.parametrize(
    "target", [(1, 2), np.array([3, 4]), np.int64(5), {"box": (1, 2)}], ids=str
)
def test_a_sample_is_the_same_when_computed_and_when_read(tmp_path, target):
    e = ev.Events(x=[0, 1], y=[0, 0], t=[5, 1])  # out of order
    cached = Cached(Single((e, target)), tmp_path, key="a")
    computed, read = cached[0], cached[0]
    assert repr(computed) == repr(read) and read[0].n_unsorted == 1
    assert type(computed[1]) is type(read[1])


def test_samples_of_different_lengths_become_a_batch():
    parts = [recording(n, seed=n) for n in (3, 0, 5)]
    batch, targets = collate([(part, k) for k, part in enumerate(parts)])
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(batch.t[batch.offsets[k] : batch.offsets[k + 1]], part.t)
    assert targets.tolist() == [0, 1, 2]
    frames, _ = collate([(np.ones((2, 3)), 0), (np.ones((4, 3)), 1)])
    assert frames.shape == (2, 4, 3) and frames[0].sum() == 6
    with pytest.raises(ParameterError, match="differ in their first side only"):
        collate([(np.ones((2, 3)), 0), (np.ones((4, 2)), 1)])


# --------------------------------------------------------------------------- films


def test_a_film_becomes_linear_light_and_then_events(tmp_path):
    image = pytest.importorskip("PIL.Image")
    greys = [0, 64, 128, 255]
    pictures = [image.new("L", (6, 4), grey) for grey in greys]
    pictures[0].save(tmp_path / "a.tif", save_all=True, append_images=pictures[1:])
    frames, times = read_movie(tmp_path / "a.tif", frames_per_s=50)
    assert frames.shape == (4, 4, 6) and times.tolist() == [0.0, 20_000.0, 40_000.0, 60_000.0]
    light = [((g / 255 + 0.055) / 1.055) ** 2.4 if g > 10 else g / 255 / 12.92 for g in greys]
    np.testing.assert_allclose(frames[:, 0, 0], light)
    linear, _ = read_movie(tmp_path / "a.tif", frames_per_s=50, linear=True)
    np.testing.assert_allclose(linear[:, 0, 0], np.array(greys) / 255)
    events = ns.encoders.CameraModel()(frames, times)
    assert events.n_on == len(events) > 0
    (tmp_path / "f").mkdir()
    for k in (0, 1, 2, 10):
        image.new("L", (2, 2), 20 * k).save(tmp_path / "f" / f"frame{k}.png")
    assert np.all(np.diff(read_movie(tmp_path / "f", frames_per_s=1)[0][:, 0, 0]) > 0)
    with pytest.raises(FormatError, match="must be a picture that Pillow reads"):
        (tmp_path / "b.png").write_bytes(b"no picture")
        read_movie(tmp_path / "b.png", frames_per_s=1)
