"""Encoders of images, events and clouds: closed forms, brute force, statistics."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim import encoders
from neurosim.clouds import PointCloud
from neurosim.connectivity.delays import to_steps
from neurosim.encoders import (
    Encoded,
    EventsToSpikes,
    LatencyEncoder,
    RangeEncoder,
    RateEncoder,
    Saccades,
    VoxelEncoder,
)
from neurosim.errors import ParameterError
from neurosim.events import Events

ALL_ENCODERS = [
    RateEncoder(seed=3),
    RateEncoder(mode="regular"),
    LatencyEncoder(curve="log", threshold=0.1),
    EventsToSpikes(pool=2),
    VoxelEncoder(low=(0, 0, 0), high=(1, 1, 1), shape=(2, 2, 2)),
    RangeEncoder(),
    Saccades(),
    encoders.CameraModel(mismatch=0.1),
]


@pytest.mark.parametrize("encoder", ALL_ENCODERS, ids=lambda e: type(e).__name__)
def test_every_encoder_is_a_frozen_value_that_survives_pickling(encoder):
    back = pickle.loads(pickle.dumps(encoder))
    assert back == encoder
    assert hash(back) == hash(encoder)
    with pytest.raises(AttributeError):
        setattr(encoder, dataclasses.fields(encoder)[0].name, 1)


# -------------------------------------------------------------------------- Encoded


@given(st.lists(st.tuples(st.floats(0, 10, exclude_max=True), st.integers(0, 5)), max_size=30))
def test_spikes_are_sorted_stably_and_counted(spikes):
    e = Encoded(
        times=[t for t, _ in spikes],
        ids=np.array([i for _, i in spikes], int),
        shape=(2, 3),
        duration=10.0,
    )
    assert list(zip(e.times, e.ids, strict=True)) == sorted(spikes, key=lambda s: s[0])
    assert e.counts().sum() == len(e) == len(spikes)
    assert (e.n, e.counts().shape, e.ids.dtype) == (6, (2, 3), np.int32)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"times": [-1.0]}, r"Encoded\.times must be >= 0 ms everywhere, got -1\.0"),
        ({"times": [5.0]}, r"Encoded\.times must be >= 0 and < duration = 5 ms, got 5\.0"),
        ({"times": np.array([1j])}, r"Encoded\.times must be real numbers, got complex128"),
        ({"shape": 4}, r"Encoded\.shape must be one or more numbers of neurons"),
        ({"shape": (2**40, 2**40)}, r"Encoded\.shape must be .* below 2\*\*31 in all"),
        ({"ids": [4]}, r"Encoded\.ids must be integers in 0\.\.3"),
        ({"ids": [0.0]}, r"Encoded\.ids must be integers"),
        ({"ids": [0, 1]}, r"Encoded\.ids must have shape \(1,\)"),
        ({"shape": (0,)}, r"Encoded\.shape must be >= 1"),
    ],
)
def test_impossible_spikes_are_refused(change, match):
    good = {"times": [1.0], "ids": [0], "shape": (2, 2), "duration": 5.0}
    with pytest.raises(ParameterError, match=match):
        Encoded(**(good | change))


# ----------------------------------------------------------------------------- rate


def test_poisson_counts_have_the_mean_and_variance_of_their_rate():
    values = np.repeat([0.0, 0.5, 1.0], 3000)
    e = RateEncoder(rate_max=80.0, rate_min=20.0, duration=200.0, seed=5)(values)
    counts = e.counts().reshape(3, 3000)
    for row, rate in zip(counts, (20.0, 50.0, 80.0), strict=True):
        mean = rate * 0.2
        assert abs(row.mean() - mean) < 4 * math.sqrt(mean / 3000)
        assert abs(row.var() / mean - 1) < 0.12
    assert abs(e.times.mean() - 100.0) < 4 * 200 / math.sqrt(12 * len(e))


def test_the_seed_fixes_the_poisson_spikes():
    image = np.linspace(0, 1, 20).reshape(4, 5)
    one, other = RateEncoder(seed=1), RateEncoder(seed=2)
    assert np.array_equal(one(image).times, one(image).times)
    assert not np.array_equal(one(image).times, other(image).times)
    assert np.array_equal(one(image, seed=2).times, other(image).times)


@given(st.floats(0, 1), st.floats(1, 300), st.floats(1, 100))
def test_regular_spikes_are_evenly_spaced_and_fill_the_presentation(value, rate_max, duration):
    e = RateEncoder(rate_max=rate_max, duration=duration, mode="regular")([value])
    rate = value * rate_max
    assert abs(len(e) - rate * duration / 1000) <= 0.5 + 1e-9
    np.testing.assert_allclose(e.times, (np.arange(len(e)) + 0.5) * 1000 / (rate or 1.0))


# -------------------------------------------------------------------------- latency


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_linear_latency_is_one_minus_the_value(values):
    e = LatencyEncoder(t_max=50.0)(values)
    order = {int(i): t for i, t in zip(e.ids, e.times, strict=True)}
    expected = {k: (1 - v) * 50.0 for k, v in enumerate(values) if v > 0}
    assert order == {k: pytest.approx(t) for k, t in expected.items() if t < 50.0}


def test_log_latency_is_the_charging_time_of_a_leaky_membrane():
    threshold, tau = 0.3, 10.0
    e = LatencyEncoder(t_max=100.0, curve="log", threshold=threshold, tau=tau)([0.3, 0.4, 0.9])
    for i, t in zip(e.ids, e.times, strict=True):
        v = (0.3, 0.4, 0.9)[i]
        assert v * (1 - math.exp(-t / tau)) == pytest.approx(threshold)
    assert e.ids.tolist() == [2, 1]


def test_a_presentation_is_half_open_as_is_a_run():
    faint = LatencyEncoder(t_max=10.0)([1e-20, 0.5])  # 1 - 1e-20 is 1 in floating point
    assert (faint.times.tolist(), faint.ids.tolist()) == ([5.0], [1])
    on_the_edge = PointCloud(xyz=[[10.0, 0, 0], [0, 5.0, 0]])
    assert RangeEncoder(range_max=10.0, t_max=20.0)(on_the_edge).times.tolist() == [10.0]
    voxels = VoxelEncoder(low=(0, 0, 0), high=(1, 1, 1), shape=(1, 1, 1), saturation=2**31)
    assert voxels(PointCloud(xyz=[[0.5, 0.5, 0.5]])).times[0] < voxels.t_max


@given(st.floats(1e-3, 1e4), st.floats(1e-3, 50))
def test_no_regular_spike_falls_on_the_end(rate_max, duration):
    e = RateEncoder(rate_max=rate_max, duration=duration, mode="regular")([1.0])
    assert np.all(e.times < duration)


@pytest.mark.parametrize(
    "encoder",
    [
        RateEncoder(rate_max=1e15, duration=1e6),
        RateEncoder(rate_max=1e9, duration=1e6, mode="regular"),
        RateEncoder(rate_max=1e308, duration=1e308),
    ],
)
def test_more_spikes_than_fit_into_memory_are_refused_before_they_are_drawn(encoder):
    with pytest.raises(ParameterError, match=r"at most 67,108,864 spikes .* lower one of them"):
        encoder([1.0, 1.0])


def test_what_would_fire_after_the_presentation_stays_silent():
    assert len(LatencyEncoder(t_max=1.0, curve="log", threshold=0.5, tau=20.0)([0.51])) == 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: RateEncoder(rate_max=-1), r"RateEncoder\.rate_max must be >= 0 Hz"),
        (lambda: RateEncoder(duration=0), r"RateEncoder\.duration must be > 0 ms"),
        (lambda: RateEncoder(mode="burst"), r"RateEncoder\.mode must be one of 'poisson'"),
        (lambda: RateEncoder()([1.5]), r"RateEncoder\.values must be >= 0 and <= 1"),
        (
            lambda: RateEncoder()(np.full((2, 2), 255, np.uint8)),
            r"values must be >= 0 and <= 1 everywhere, got 255\.0 at \(0, 0\); divide by 255",
        ),
        (
            lambda: RateEncoder()(np.array([1j])),
            r"RateEncoder\.values must be real numbers, got complex128; take the real part",
        ),
        (lambda: Saccades()(np.ones((2, 2), complex)), r"Saccades\.image must be real numbers"),
        (lambda: Saccades(canvas=5), r"Saccades\.canvas must be \(W, H\), got 5"),
        (
            lambda: Saccades(canvas=(65536, 65536)),
            r"Saccades\.canvas must give at most 268,435,456 pixels .* 61 images of 65536x65536",
        ),
        (
            lambda: Saccades(saccade_us=10**12, frame_us=1),
            r"Saccades\.canvas must give at most .* raise frame_us",
        ),
        (
            lambda: VoxelEncoder(low=(0, 0, 0), high=(1, 1, 1), shape=5),
            r"VoxelEncoder\.shape must be \(nx, ny, nz\), got 5",
        ),
        (lambda: RangeEncoder(shape=5), r"RangeEncoder\.shape must be \(rows, columns\), got 5"),
        (lambda: EventsToSpikes(start_us=2**70), r"EventsToSpikes\.start_us must be >= .* <="),
        (lambda: RateEncoder()([]), r"RateEncoder\.values must hold at least one value"),
        (lambda: LatencyEncoder(curve="log"), r"LatencyEncoder\.threshold must be < 1, and > 0"),
        (lambda: LatencyEncoder(threshold=1), r"LatencyEncoder\.threshold must be < 1"),
        (lambda: LatencyEncoder()([np.nan]), r"LatencyEncoder\.values must be"),
        (lambda: EventsToSpikes(pool=0), r"EventsToSpikes\.pool must be >= 1"),
        (lambda: EventsToSpikes(polarity="both"), r"EventsToSpikes\.polarity must be one of"),
        (lambda: Saccades(frame_us=3000), r"Saccades\.frame_us must divide saccade_us=100000"),
        (lambda: Saccades(path=((0, 0),)), r"Saccades\.path must be two or more"),
        (lambda: Saccades()(np.ones(3)), r"Saccades\.image must have shape \(h, w\)"),
        (
            lambda: VoxelEncoder(low=(0, 0, 0), high=(1, 0, 1), shape=(1, 1, 1)),
            r"VoxelEncoder\.high must be > low",
        ),
        (
            lambda: VoxelEncoder(low=(0, 0, 0), high=(1, 1, 1), shape=(9**9, 9**9, 1)),
            r"VoxelEncoder\.shape must be",
        ),
        (lambda: RangeEncoder(range_min=5, range_max=5), r"RangeEncoder\.range_max must be > 5"),
        (lambda: RangeEncoder(elevation=(0, 91)), r"RangeEncoder\.elevation must be"),
        (lambda: RangeEncoder(azimuth=(9, 3)), r"RangeEncoder\.azimuth must have low < high"),
    ],
)
def test_a_broken_rule_names_attribute_rule_and_value(call, match):
    with pytest.raises(ParameterError, match=match):
        call()


# ------------------------------------------------------------------ events -> spikes


@given(st.integers(0, 1000), st.integers(1, 5), st.sampled_from(["split", "merge"]))
def test_each_event_is_one_spike_of_its_pooled_pixel_and_polarity(seed, pool, polarity):
    rng = np.random.default_rng(seed)
    n, width, height = 30, 7, 5
    e = Events(
        x=rng.integers(0, width, n),
        y=rng.integers(0, height, n),
        t=np.sort(rng.integers(-500, 5000, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(width, height),
    )
    spikes = EventsToSpikes(pool=pool, polarity=polarity, start_us=0, duration=4.0)(e)
    channels = 2 if polarity == "split" else 1
    shape = (channels, -(-height // pool), -(-width // pool))
    assert (spikes.shape, spikes.duration) == (shape, 4.0)
    expected = [
        (t / 1000, np.ravel_multi_index((p % channels, y // pool, x // pool), shape))
        for x, y, t, p in e.to_array().tolist()
        if 0 <= t < 4000
    ]
    assert list(zip(spikes.times, spikes.ids, strict=True)) == expected


def test_without_a_start_the_first_event_is_time_zero():
    spikes = EventsToSpikes()(Events(x=[0, 0], y=[0, 0], t=[10**15, 10**15 + 250], p=[0, 1]))
    assert spikes.times.tolist() == [0.0, 0.25]
    assert spikes.duration == 1.0
    nothing = EventsToSpikes()(Events(x=[], y=[], t=[], p=[]))
    assert (len(nothing), nothing.duration) == (0, 0.0)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=20), st.sampled_from([1, 2, 10, 64]))
def test_a_run_of_the_whole_duration_plays_every_event(stamps, steps_per_ms):
    events = Events(x=np.zeros(len(stamps), int), y=np.zeros(len(stamps), int), t=sorted(stamps))
    spikes = EventsToSpikes(start_us=0)(events)
    dt = 1.0 / steps_per_ms
    assert np.all(to_steps(spikes.times, dt) < to_steps(spikes.duration, dt))
    assert spikes.times[-1] + 0.5 < spikes.duration <= spikes.times[-1] + 1.5


def test_a_simulation_plays_the_last_event_too():
    events = Events(x=[0, 4, 4], y=[0, 2, 2], t=[0, 500, 1000], p=[1, 1, 1], sensor_size=(5, 3))
    spikes = EventsToSpikes()(events)
    net = ns.Network()
    net.add(ns.SpikeSource(spikes.n, times=spikes.times, ids=spikes.ids), "in")
    result = ns.simulate(net, spikes.duration, dt=0.1, progress=False)
    assert len(result.spikes["in"]) == len(spikes) == 3


def test_the_farthest_stamps_become_times_without_wrapping_around():
    far = Events(x=[0], y=[0], t=[2**61])
    spikes = EventsToSpikes(start_us=-(2**61))(far)
    assert spikes.times.tolist() == [2**62 / 1000]


# --------------------------------------------------------------------------- motion


def test_offsets_run_along_the_path_at_constant_speed():
    move = Saccades(path=((0, 0), (2, 0), (2, 4)), saccade_us=4000, frame_us=1000)
    expected = [(0, 0), (0.5, 0), (1, 0), (1.5, 0), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4)]
    assert move.offsets().tolist() == [list(o) for o in expected]
    assert move.duration_us == 8000


def test_a_moved_image_equals_bilinear_interpolation_by_scipy():
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(0)
    image, scale = rng.random((6, 8)), 1.7
    path = ((-2.3, 0.4), (1.9, -1.1))
    move = Saccades(canvas=(15, 11), scale=scale, path=path, saccade_us=3000, frame_us=1000)
    frames, times = move(image)
    rows, columns = np.mgrid[:11, :15].astype(float)
    for frame, (dx, dy) in zip(frames, move.offsets(), strict=True):
        y = (rows - 5 - dy) / scale + 2.5
        x = (columns - 7 - dx) / scale + 3.5
        # grid-constant: black beyond the edge, blended over one pixel, as in Saccades
        expected = map_coordinates(image, [y, x], order=1, mode="grid-constant", cval=0.0)
        np.testing.assert_allclose(frame, expected, atol=1e-12)
    assert times.tolist() == [0, 1000, 2000, 3000]


def test_the_background_surrounds_the_image():
    frames, _ = Saccades(canvas=(9, 9), scale=1.0, background=0.25, path=((0, 0), (1, 0)))(
        np.full((3, 3), 0.25)
    )
    assert np.all(frames == 0.25)


# --------------------------------------------------------------------------- clouds


@given(st.integers(0, 1000), st.integers(1, 4))
def test_voxels_fire_once_earlier_when_fuller(seed, saturation):
    rng = np.random.default_rng(seed)
    cloud = PointCloud(xyz=rng.uniform(-1, 2, (80, 3)))
    low, high, shape = (-0.5, 0.0, -1.0), (1.0, 1.5, 1.0), (3, 2, 4)
    spikes = VoxelEncoder(low=low, high=high, shape=shape, t_max=8.0, saturation=saturation)(cloud)
    counts, _ = np.histogramdd(
        cloud.xyz.astype(float), bins=shape, range=list(zip(low, high, strict=True))
    )
    expected = {
        int(i): 8.0 * (1 - min(counts.flat[i], saturation) / saturation)
        for i in np.flatnonzero(counts)
    }
    assert dict(zip(spikes.ids.tolist(), spikes.times.tolist(), strict=True)) == expected
    assert spikes.shape == shape


@given(st.integers(0, 1000))
def test_each_direction_fires_at_the_range_of_its_nearest_point(seed):
    rng = np.random.default_rng(seed)
    cloud = PointCloud(xyz=rng.normal(0, 4, (60, 3)))
    encode = RangeEncoder(
        shape=(3, 5),
        range_min=1.0,
        range_max=9.0,
        t_max=16.0,
        azimuth=(-90, 160),
        elevation=(-30, 60),
    )
    nearest = {}
    for x, y, z in cloud.xyz.astype(float):
        r = math.sqrt(x * x + y * y + z * z)
        azimuth, elevation = math.degrees(math.atan2(y, x)), math.degrees(math.asin(z / r))
        if 1 <= r <= 9 and -90 <= azimuth <= 160 and -30 <= elevation <= 60:
            i = int((elevation + 30) / 30) * 5 + int((azimuth + 90) / 50)
            nearest[i] = min(nearest.get(i, r), r)
    spikes = encode(cloud)
    expected = {i: pytest.approx(2.0 * (r - 1.0)) for i, r in nearest.items()}
    assert dict(zip(spikes.ids.tolist(), spikes.times.tolist(), strict=True)) == expected


def test_an_empty_cloud_is_silence():
    empty = PointCloud(xyz=np.empty((0, 3)))
    assert len(RangeEncoder()(empty)) == 0
    assert len(VoxelEncoder(low=(0, 0, 0), high=(1, 1, 1), shape=(2, 2, 2))(empty)) == 0
