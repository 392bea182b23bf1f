"""Operations on events: equal to tonic's, to naive ones, and the same in pieces of any size."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import events as ev
from neurosim.datasets import EventWindows
from neurosim.errors import ParameterError
from neurosim.events import Events

SIZE = (20, 12)


def recording(n=600, seed=0, gap=40, size=SIZE):
    rng = np.random.default_rng(seed)
    return Events(
        x=rng.integers(0, size[0], n),
        y=rng.integers(0, size[1], n),
        t=20_000 + np.cumsum(rng.integers(0, gap, n)),
        p=rng.integers(0, 2, n),
        sensor_size=size,
    )


def plain(e):
    return np.stack([e.x, e.y, e.t, e.p], 1).astype(np.int64)


FILTERS = [
    ev.RefractoryPeriod(delta=900),
    ev.Denoise(filter_time=600),
    ev.Decimation(n=3),
    ev.RateControl(max_rate=20_000, time_window=500),
    ev.DropPixel(coordinates=[(3, 4), (19, 11), (99, 0)]),
    ev.CropTime(min=22_000, max=26_000),
    ev.CenterCrop(size=(8, 6)),
    ev.FlipLR(),
    ev.FlipUD(),
    ev.MergePolarities(),
    ev.TimeAlignment(),
    ev.Downsample(time_factor=0.5, spatial_factor=(0.5, 0.25)),
    ev.Undistort(camera_matrix=(15, 15, 10, 6), distortion=(-0.3, 0.1, 0.001, 0.002)),
    ev.RandomFlipLR(p=0.5, seed=1),
    ev.RandomFlipUD(p=0.5, seed=0),
    ev.RandomFlipPolarity(seed=1),
    ev.DropEvent(p=0.3, seed=1),
    ev.SpatialJitter(seed=1),
    ev.TimeJitter(std=200, seed=1),
    ev.UniformNoise(n=90, seed=1),
    ev.DropPixel(hot_pixel_frequency=300.0),
    ev.Compose([ev.TimeAlignment(), ev.UniformNoise(n=90, seed=2), ev.DropPixel(None, 400.0)]),
    ev.Compose([ev.RefractoryPeriod(delta=500), ev.Denoise(filter_time=900), ev.FlipLR()]),
]
NAMES = [type(one).__name__ for one in FILTERS]


@pytest.mark.parametrize("operation", FILTERS, ids=NAMES)
def test_pieces_give_what_the_whole_gives(operation, tmp_path):
    e = recording()
    lazy = ev.open(ev.write(e, tmp_path / "a.es"))
    lazy.piece = 100
    assert len(list(lazy.pieces())) > 10
    found = operation(lazy)
    whole = operation(e)
    np.testing.assert_array_equal(plain(found), plain(whole))
    np.testing.assert_array_equal(plain(lazy.then(operation)), plain(whole))
    assert (found.sensor_size, found.n_polarities) == (whole.sensor_size, whole.n_polarities)
    assert len(whole) > 0 and len(found) == len(whole)
    again = pickle.loads(pickle.dumps(operation))
    np.testing.assert_array_equal(plain(again(e)), plain(whole))
    np.testing.assert_array_equal(plain(pickle.loads(pickle.dumps(found))), plain(whole))


@pytest.mark.parametrize("operation", FILTERS, ids=NAMES)
def test_a_structured_array_keeps_its_fields(operation):
    e = recording()
    dtype = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
    array = np.empty(len(e), dtype)
    for name in dtype.names:
        array[name] = getattr(e, name)
    sized = Events(x=e.x, y=e.y, t=e.t, p=e.p)  # the size of a bare array is the smallest
    found = operation(array)
    assert found.dtype == dtype
    expected = operation(sized)
    for name in dtype.names:
        np.testing.assert_array_equal(found[name], getattr(expected, name))


# ------------------------------------------------------------------- beside tonic


@pytest.fixture
def tonic():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("tonic")


PAIRS = [
    ("RefractoryPeriod", {"delta": 900}),
    ("Denoise", {"filter_time": 600}),
    ("Decimation", {"n": 3}),
    ("CropTime", {"min": 22_000, "max": 26_000}),
    ("CenterCrop", {"sensor_size": (*SIZE, 2), "size": (8, 6)}),
    ("Downsample", {"spatial_factor": 0.5}),
    ("Downsample", {"time_factor": 0.1}),
    ("Downsample", {"sensor_size": (*SIZE, 2), "target_size": (10, 3)}),
    ("DropPixel", {"coordinates": [(3, 4), (5, 6)]}),
    ("DropPixel", {"hot_pixel_frequency": 300.0}),
    ("TimeAlignment", {}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "time_window": 1000}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "time_window": 1000, "overlap": 300}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "time_window": 1700, "include_incomplete": True}),
    (
        "ToFrame",
        {"sensor_size": (*SIZE, 2), "time_window": 900, "start_time": 0, "end_time": 30_000},
    ),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "event_count": 70}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "event_count": 70, "overlap": 20}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "event_count": 70, "include_incomplete": True}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "n_time_bins": 7}),
    ("ToFrame", {"sensor_size": (*SIZE, 2), "n_event_bins": 7}),
    ("ToImage", {"sensor_size": (*SIZE, 2)}),
    ("ToVoxelGrid", {"sensor_size": (*SIZE, 2), "n_time_bins": 5}),
    ("ToTimesurface", {"sensor_size": (*SIZE, 2), "dt": 2000, "tau": 3000.0}),
]


@pytest.mark.parametrize(("name", "keywords"), PAIRS, ids=[f"{n}-{list(k)}" for n, k in PAIRS])
def test_names_keywords_and_results_are_tonics(tonic, name, keywords):
    e = recording()
    array = e.to_array().astype([("x", "<i8"), ("y", "<i8"), ("t", "<i8"), ("p", "<i8")])
    theirs = getattr(tonic.transforms, name)(**keywords)(array.copy())
    ours = getattr(ev, name)(**keywords)(e)
    if isinstance(ours, np.ndarray):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
        return
    for column in "xytp":
        np.testing.assert_array_equal(getattr(ours, column), theirs[column], err_msg=column)


def test_every_keyword_of_tonics_is_taken_in_its_place(tonic):
    import inspect

    shared = [name for name in ev.operations.__dict__ if hasattr(tonic.transforms, name)]
    shared = [name for name in shared if isinstance(getattr(ev, name, None), type)]
    assert len(shared) > 18
    for name in shared:
        theirs = list(inspect.signature(getattr(tonic.transforms, name)).parameters)
        ours = list(inspect.signature(getattr(ev, name)).parameters)
        assert ours[: len(theirs)] == theirs, name


def test_both_go_into_each_others_compose(tonic):
    e = recording()
    array = e.to_array()
    theirs = tonic.transforms.Compose(
        [ev.RefractoryPeriod(delta=900), tonic.transforms.Denoise(filter_time=900), ev.FlipLR()]
    )
    ours = ev.Compose(
        [ev.RefractoryPeriod(delta=900), ev.FromTonic(tonic.transforms.Denoise(filter_time=900))]
    )
    sized = Events(x=e.x, y=e.y, t=e.t, p=e.p)
    expected = ev.FlipLR()(ev.Denoise(filter_time=900)(ev.RefractoryPeriod(delta=900)(sized)))
    found = theirs(array)
    np.testing.assert_array_equal(found["t"], expected.t)
    np.testing.assert_array_equal(ours(e).t, expected.t)
    # A transform of tonic is recognised where an operation is expected.
    through = ev.Compose([tonic.transforms.Denoise(filter_time=900)])(e)
    np.testing.assert_array_equal(plain(through), plain(ev.Denoise(filter_time=900)(e)))


class Catalogue:
    """What tonic's data sets look like: structured arrays in an order of their own."""

    sensor_size = (*SIZE, 2)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        e = recording(seed=index)
        out = np.empty(len(e), [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i2")])
        for name in "txy":
            out[name] = getattr(e, name)
        out["p"] = 2 * e.p.astype(int) - 1
        return out, index * 10


def test_a_data_set_of_tonic_gives_events_and_its_own_draws():
    jitter = ev.SpatialJitter(seed=5)
    dataset = ev.TonicDataset(Catalogue(), transform=jitter)
    assert len(dataset) == 3
    events, target = dataset[2]
    assert target == 20 and events.sensor_size == SIZE
    np.testing.assert_array_equal(plain(dataset[2][0]), plain(events))
    np.testing.assert_array_equal(plain(jitter.seeded(2)(recording(seed=2))), plain(events))
    bare = ev.TonicDataset(Catalogue())
    np.testing.assert_array_equal(plain(bare[1][0]), plain(recording(seed=1)))
    assert len(pickle.loads(pickle.dumps(dataset))) == 3


def test_the_catalogue_of_tonic_opens_from_a_folder_and_never_downloads(tonic, tmp_path):
    root = tmp_path / "POKERDVS" / "pips_test"
    expected = []
    for k in range(20):
        e = recording(30, seed=k)
        suit = root / ("cl", "di", "he", "sp")[k // 5]
        suit.mkdir(parents=True, exist_ok=True)
        np.save(suit / f"{k:02d}.npy", np.stack([e.t, e.x, e.y, e.p], 1))
        expected.append(e)
    (tmp_path / "POKERDVS" / "pips_test.tar.gz").write_bytes(b"there")
    data = ev.tonic_dataset("POKERDVS", tmp_path, train=False, transform=ev.FlipLR())
    found = {bytes(data[k][0].t.tobytes()): data[k] for k in range(len(data))}
    assert len(found) == 20
    events, target = found[expected[7].t.tobytes()]
    np.testing.assert_array_equal(events.x, 34 - expected[7].x)
    assert target == 2  # diamonds
    assert len(pickle.loads(pickle.dumps(data))) == 20
    with pytest.raises(ParameterError, match="path must hold the files of NMNIST.*download=True"):
        ev.tonic_dataset("NMNIST", tmp_path)
    with pytest.raises(ParameterError, match=r"tonic_dataset\.name must be one of .*NMNIST"):
        ev.tonic_dataset("ImageNet", tmp_path)


# ----------------------------------------------------------------------- invariants


@given(seed=st.integers(0, 30), delta=st.integers(0, 3000))
def test_no_pixel_fires_within_its_refractory_period(seed, delta):
    e = ev.RefractoryPeriod(delta=delta)(recording(seed=seed))
    place = e.y.astype(int) * SIZE[0] + e.x
    for pixel in np.unique(place)[:20]:
        assert np.all(np.diff(e.t[place == pixel]) > delta)


@given(seed=st.integers(0, 30), rate=st.sampled_from([500.0, 5e3, 3e4]))
def test_no_window_holds_more_than_the_rate_allows(seed, rate):
    window = 2000
    e = ev.RateControl(max_rate=rate, time_window=window)(recording(seed=seed))
    most = max(rate * window / 1e6, 1)
    for start in range(20_000, 30_000, 500):
        count = np.count_nonzero((e.t >= start) & (e.t < start + window))
        assert count <= most + rate * window / 1e6 + 1


def test_augmentations_draw_by_seed_index_or_afresh():
    e = recording()
    for make in (ev.SpatialJitter, ev.UniformNoise, ev.DropEvent, ev.TimeJitter,
                 ev.RandomFlipPolarity):  # fmt: skip
        keywords = {
            ev.UniformNoise: {"n": 50}, ev.DropEvent: {"p": 0.4}, ev.TimeJitter: {"std": 50.0},
        }.get(make, {})  # fmt: skip
        fixed = make(**keywords, seed=3)
        once = plain(fixed(e))
        np.testing.assert_array_equal(plain(fixed(e)), once)
        assert not np.array_equal(plain(fixed.seeded(1)(e)), once)
        fresh = make(**keywords)
        assert not np.array_equal(plain(fresh(e)), plain(fresh(e)))
        assert np.all(np.diff(fixed(e).t) >= 0)
    assert len(ev.UniformNoise(n=50, seed=0)(e)) == len(e) + 50
    share = len(ev.DropEvent(p=0.25, seed=0)(recording(20_000))) / 20_000
    assert abs(share - 0.75) < 4 * np.sqrt(0.25 * 0.75 / 20_000)


def test_undistort_inverts_the_lens():
    lens = ev.Undistort([[300, 0, 160], [0, 310, 120], [0, 0, 1]], (-0.28, 0.08, 1e-3, -5e-4, 0.01))
    fx, fy, cx, cy = lens.camera_matrix
    u, v = np.meshgrid(np.linspace(-0.4, 0.4, 9), np.linspace(-0.3, 0.3, 9))
    du, dv = lens.distorted(u, v)
    x, y = lens.ideal(du * fx + cx, dv * fy + cy)
    np.testing.assert_allclose(x, u * fx + cx, atol=0.02)
    np.testing.assert_allclose(y, v * fy + cy, atol=0.02)
    none = ev.Undistort((300, 310, 160, 120), (0, 0, 0, 0))
    e = recording(size=(320, 240))
    np.testing.assert_array_equal(plain(none(e)), plain(e))


def test_frames_count_every_event_once():
    e = recording()
    frames = ev.ToFrame(event_count=100)(e)
    assert frames.shape == (6, 2, SIZE[1], SIZE[0])
    np.testing.assert_array_equal(frames.sum(axis=0), e.counts())


@pytest.mark.parametrize("piece", [60, 500, 100_000])
@pytest.mark.parametrize(
    "slicing",
    [
        {"time_window": 1000},
        {"time_window": 1000, "overlap": 400},
        {"time_window": 1700, "include_incomplete": True},
        {"time_window": 10**9},
        {"time_window": 900, "start_time": 19_000},
        {"event_count": 70},
        {"event_count": 70, "overlap": 20},
        {"event_count": 70, "include_incomplete": True},
        {"event_count": 10**6},
        {"time_window": 700, "end_time": 9_000},
        {"time_window": 700, "overlap": 100, "end_time": 9_000, "include_incomplete": True},
        {"time_window": 700, "start_time": 500, "end_time": 10**6},
    ],
    ids=str,
)
def test_windows_of_a_stream_are_those_of_the_whole(tmp_path, slicing, piece):
    from neurosim.events.slicing import bounds, checked_slicing

    e = recording()
    lazy = ev.open(ev.write(e, tmp_path / "a.es"))
    lazy.piece = piece
    found = list(lazy.windows(**slicing))
    expected = [e.t[a:b] for a, b in bounds(e.t, checked_slicing("test", slicing))]
    if slicing.get("event_count") == 70 and slicing.get("include_incomplete"):
        expected = [part for part in expected if len(part)]
    assert [w.t.tolist() for w in found] == [part.tolist() for part in expected]
    assert {w.sensor_size for w in found} == {SIZE}


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ev.ToFrame()(recording()), "exactly one of time_window, event_count"),
        (lambda: ev.ToFrame(time_window=5, event_count=3)(recording()), "got time_window and"),
        (lambda: ev.ToFrame(time_window=5, overlap=5)(recording()), r"overlap must be < 5"),
        (lambda: list(ev.windows(recording(), n_time_bins=5)), "needs the whole recording"),
        (lambda: ev.Denoise(-1), r"Denoise\.filter_time must be >= 0"),
        (lambda: ev.DropPixel(), "one of coordinates and hot_pixel_frequency"),
        (lambda: ev.CenterCrop(size=50)(recording()), r"CenterCrop\.size must be"),
        (lambda: ev.RateControl(max_rate=0), r"RateControl\.max_rate must be > 0"),
        (lambda: ev.Undistort((1, 2), (0, 0, 0, 0)), r"Undistort\.camera_matrix must be"),
        (lambda: ev.FlipLR()(np.zeros(3)), "must be Events, a Recording or a structured array"),
        (lambda: ev.DropEvent(p=2), r"DropEvent\.p must be"),
        (lambda: ev.RandomFlipPolarity(p=3), r"RandomFlipPolarity\.p must be"),
        (
            lambda: ev.SpatialJitter(clip_outliers=False),
            r"SpatialJitter\.clip_outliers must be True",
        ),
        (lambda: ev.TimeJitter(3, sort_timestamps=False), r"TimeJitter\.sort_timestamps must be"),
        (lambda: ev.UniformNoise(n=3, span=(5, 1)), r"UniformNoise\.span must be \(first, last\)"),
        (lambda: ev.DropPixel([(1, 2, 3)]), r"DropPixel\.coordinates must be pairs"),
        (lambda: ev.CenterCrop(size="a")(recording()), r"CenterCrop\.size must be an integer"),
        (lambda: ev.Decimation(n=2**70), r"Decimation\.n must be"),
        (lambda: ev.Downsample(target_size=5)(recording()), r"target_size \(W, H\), got 1 and 5"),
        (lambda: ev.CropTime(min="a"), r"CropTime\.min must be"),
        (lambda: ev.DropEvent(0.5, seed=-1)(recording()), "seed must be None, or integers >= 0"),
        (lambda: ev.Compose(None), r"Compose\.transforms must be a list"),
        (lambda: ev.TimeJitter(-3), r"TimeJitter\.std must be >= 0"),
        (lambda: ev.SpatialJitter(var_x=-3), r"SpatialJitter\.var_x must be >= 0"),
        (lambda: ev.SpatialJitter(sigma_xy=2), r"SpatialJitter\.sigma_xy must be"),
    ],
)
def test_wrong_arguments_are_named(make, match):
    with pytest.raises(ParameterError, match=match):
        make()


def test_a_frame_ends_a_pipeline_over_a_lazy_recording_but_is_no_piece(tmp_path):
    e = recording()
    lazy = ev.open(ev.write(e, tmp_path / "a.es"))
    pipeline = ev.Compose([ev.Denoise(600), ev.ToFrame(n_time_bins=3), np.asarray])
    np.testing.assert_array_equal(pipeline(lazy), pipeline(e))
    for wrong in (ev.ToFrame(n_time_bins=3), pipeline):
        with pytest.raises(ParameterError, match="ToFrame makes an array of all of them"):
            lazy.then(wrong)
    with pytest.raises(ParameterError, match=r"must give Events, got ndarray"):
        len(lazy.then(lambda events: events.t))


def test_counts_that_int16_cannot_hold_are_int32():
    n = 40_000
    e = Events(x=np.zeros(n), y=np.zeros(n), t=np.arange(n), p=np.ones(n), sensor_size=(2, 1))
    for found in (ev.ToFrame(n_event_bins=1)(e)[0], ev.ToImage()(e)):
        assert found[1, 0, 0] == n and found.dtype == np.int32
    assert ev.ToFrame(event_count=20_000)(e).dtype == np.int16


def test_a_lazy_recording_draws_once_and_every_pass_is_the_same(tmp_path):
    lazy = ev.open(ev.write(recording(), tmp_path / "a.es"))
    for operation in (ev.DropEvent(0.5), ev.Compose([ev.DropEvent(0.5), ev.UniformNoise(n=9)])):
        drawn = lazy.then(operation)
        assert len(drawn) == len(drawn.events) == drawn.counts().sum() > 0
        assert not np.array_equal(drawn.t, lazy.then(operation).t)


def test_stamps_that_jump_make_no_endless_list_of_frames():
    e = Events(x=[0, 0], y=[0, 0], t=[0, 1 << 61])
    for make in (ev.ToFrame(time_window=1000), ev.ToTimesurface(dt=1000)):
        with pytest.raises(ParameterError, match="must make at most 16,777,216 slices"):
            make(e)
    with pytest.raises(ParameterError, match="must make at most 16,777,216 windows"):
        EventWindows(recordings=[e], targets_of=[0], time_window=10)
    with pytest.raises(ParameterError, match=r"time_factor must keep every stamp"):
        ev.Downsample(time_factor=1e6)(e)


def test_no_events_make_as_many_frames_as_were_asked_for():
    empty = Events(x=[], y=[], t=[], p=[], sensor_size=SIZE)
    for keyword in ("n_time_bins", "n_event_bins"):
        frames = ev.ToFrame(**{keyword: 3})(empty)
        assert frames.shape == (3, 2, SIZE[1], SIZE[0]) and not frames.any()


def test_signed_polarities_stay_signed_and_a_single_one_stays_single():
    e = recording()
    array = e.to_array().astype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "<i2")])
    array["p"] = 2 * array["p"] - 1
    np.testing.assert_array_equal(ev.TimeAlignment()(array)["p"], array["p"])
    merged = ev.RandomFlipPolarity(p=1)(e.merge_polarity())
    assert merged.counts().shape == (1, SIZE[1], SIZE[0]) and not merged.p.any()


def test_the_sensor_that_an_operation_is_told_of_is_that_of_events_and_pieces(tmp_path):
    e = Events(x=[0, 3], y=[0, 1], t=[0, 10], p=[0, 1])
    lazy = ev.open(ev.write(e, tmp_path / "a.npy"))  # names no sensor
    for value in (e, lazy, e.to_array()):
        assert ev.ToFrame(sensor_size=(34, 30, 2), n_time_bins=3)(value).shape == (3, 2, 30, 34)
        assert ev.ToImage(sensor_size=(34, 30, 1))(value).shape == (1, 30, 34)
    for value in (e, lazy):
        flipped = ev.FlipLR(sensor_size=(34, 30))(value)
        assert flipped.sensor_size == (34, 30) and flipped.x.tolist() == [33, 30]
    with pytest.raises(ParameterError, match=r"ToImage\.sensor_size must hold every event, got W"):
        ev.ToImage(sensor_size=(2, 30))(e)
    with pytest.raises(ParameterError, match=r"ToImage\.sensor_size must be \(W, H\) or"):
        ev.ToImage(sensor_size=34)(e)


def test_structured_arrays_are_mirrored_on_the_sensor_that_is_said():
    array = np.array([(1, 0, 5, 1)], ev.EVENT_DTYPE)
    assert ev.FlipLR(sensor_size=SIZE)(array)["x"] == SIZE[0] - 2
    assert ev.FlipUD(sensor_size=SIZE)(array)["y"] == SIZE[1] - 1
