"""The event-camera pixel model: closed forms, a naive twin, statistics, symmetries."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim import random
from neurosim.encoders import CameraModel, camera
from neurosim.errors import ParameterError

TINY = 1e-12


def ramp(contrast, duration=1_000_000, pixels=(1, 1)):
    """Two images between which ln intensity rises by ``contrast``."""
    first = np.ones(pixels)
    return np.stack([first, first * math.exp(contrast)]), [0, duration]


# ------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("theta", [0.1, 0.25, 0.3, 0.7])
@pytest.mark.parametrize("contrast", [0.05, 0.6, 1.0, 2.1])
def test_a_ramp_gives_floor_of_contrast_over_threshold_events_at_known_times(theta, contrast):
    model = CameraModel(threshold_on=theta, threshold_off=theta, floor=TINY)
    n = math.floor(contrast / theta + 1e-9)
    expected = np.round(np.arange(1, n + 1) * theta / contrast * 1e6)
    for sign, polarity in ((1, 1), (-1, 0)):
        e = model(*ramp(sign * contrast))
        assert e.p.tolist() == [polarity] * n
        np.testing.assert_allclose(e.t, expected, atol=1)


def test_on_and_off_thresholds_are_told_apart():
    model = CameraModel(threshold_on=0.5, threshold_off=0.2, floor=TINY)
    assert len(model(*ramp(1.01))) == 2
    assert len(model(*ramp(-1.01))) == 5


def test_dead_time_is_added_to_every_interval_of_a_ramp():
    model = CameraModel(threshold_on=0.1, refractory_us=7000, floor=TINY)
    t = model(*ramp(1.0)).t  # 0.1 per 100 ms
    np.testing.assert_array_equal(t, 100_000 + 107_000 * np.arange(9))


def test_change_during_the_dead_time_is_not_seen():
    model = CameraModel(threshold_on=0.5, threshold_off=0.5, refractory_us=1000, floor=TINY)
    frames = np.exp([0.0, 0.6, 5.0, 5.0])[:, None, None]  # jumps while the pixel is blind
    assert len(model(frames, [0, 100, 200, 10_000])) == 1


def test_a_leaking_pixel_fires_at_its_rate_in_a_static_scene():
    model = CameraModel(leak_rate=4.0, mismatch=0.2)
    e = model(np.full((2, 3, 3), 0.5), [0, 2_000_100])
    assert e.p.all()
    assert set(np.unique(e.t)) == {250_000 * k for k in range(1, 9)}
    assert np.all(e.counts()[1] == 8)


def test_nothing_happens_in_a_static_scene_without_leak_and_noise():
    assert len(CameraModel()(np.full((5, 4, 4), 0.3), np.arange(5) * 1e6)) == 0


def test_stamps_since_an_epoch_keep_their_precision():
    model = CameraModel(threshold_on=0.3, floor=TINY)
    frames, times = ramp(3.0, duration=1000)
    epoch = 1_700_000_000_000_000
    late = model(frames, np.array(times) + epoch)
    assert np.array_equal(late.t - epoch, model(frames, times).t)


# ------------------------------------------------------------------ the naive twin


def naive_pixel(log, times, on, off, leak, dead, noise):
    """Events of one pixel; noise is a list of (time, polarity). Search, no recurrence."""
    events, start, level = [], times[0], log[0]
    while start <= times[-1]:
        best = (math.inf, None)
        for k in range(len(times) - 1):
            a, b = max(start, times[k]), times[k + 1]
            if b < a:
                continue
            slope = (log[k + 1] - log[k]) / (times[k + 1] - times[k])
            d = [log[k] + slope * (t - times[k]) - level + leak * (t - start) for t in (a, b)]
            if d[1] >= on * (1 - 1e-9):
                best = (a + (b - a) * max(on - d[0], 0) / max(d[1] - d[0], 1e-300), 1)
                break
            if d[1] <= -off * (1 - 1e-9):
                best = (a + (b - a) * max(off + d[0], 0) / max(d[0] - d[1], 1e-300), 0)
                break
        pending = [s for s in noise if s[0] >= start and s[0] <= times[-1]]
        if pending and pending[0][0] < best[0]:
            best = pending[0]
        if best[1] is None:
            break
        events.append(best)
        noise = [s for s in noise if s[0] > best[0]]
        start = best[0] + dead
        if start <= times[-1]:
            level = float(np.interp(start, times, log))
    return events


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 300.0, 5000.0]),
    st.sampled_from([0.0, 30.0]),
    st.sampled_from([0.0, 400.0]),
)
def test_camera_and_naive_twin_agree_event_for_event(seed, dead, leak, noise):
    rng = np.random.default_rng(seed)
    count, height, width = int(rng.integers(2, 7)), 2, 3
    frames = rng.uniform(0, 1, (count, height, width)) ** 2
    times = np.cumsum(rng.integers(500, 5000, count)).astype(float)
    model = CameraModel(
        threshold_on=0.31,
        threshold_off=0.23,
        mismatch=0.2,
        refractory_us=dead,
        leak_rate=leak,
        noise_rate=noise,
        floor=0.05,
        seed=seed,
    )
    e = model(frames, times, seed=seed + 1)
    theta = model.thresholds((width, height))
    key = random.key_of(seed + 1, "CameraModel", "noise")
    for i in range(height * width):
        y, x = divmod(i, width)
        shots, now, k = [], times[0], 0
        while noise and now <= times[-1]:
            now += random.exponential(key, i, 2 * k) * 1e6 / noise
            shots.append((now, int(random.uniform(key, i, 2 * k + 1) < 0.5)))
            k += 1
        on, off = theta[:, y, x]
        log = np.log(frames[:, y, x] + 0.05)
        expected = naive_pixel(log, times, on, off, leak * on / 1e6, dead, shots)
        here = (e.x == x) & (e.y == y)
        assert e.p[here].tolist() == [p for _, p in expected]
        np.testing.assert_allclose(e.t[here], [t for t, _ in expected], atol=1)


# ---------------------------------------------------------------------- statistics


def test_noise_is_a_poisson_process_of_both_polarities():
    model = CameraModel(noise_rate=50.0)
    e = model(np.full((2, 40, 40), 0.5), [0, 1_000_000], seed=3)
    counts = e.counts().sum(axis=0)
    expected = 50.0
    assert abs(counts.mean() - expected) < 4 * math.sqrt(expected / counts.size)
    assert abs(counts.var() / expected - 1) < 0.15
    assert abs(e.n_on / len(e) - 0.5) < 4 * 0.5 / math.sqrt(len(e))
    gaps = np.diff(np.sort(e.t[(e.x == 0)]))
    assert abs(gaps.std() / gaps.mean() - 1) < 0.1  # exponential


def test_thresholds_spread_as_told_and_are_never_near_zero():
    theta = CameraModel(threshold_on=0.2, threshold_off=0.4, mismatch=0.1).thresholds((60, 50))
    assert theta.shape == (2, 50, 60)
    np.testing.assert_allclose(theta.mean(axis=(1, 2)), [0.2, 0.4], rtol=0.01)
    np.testing.assert_allclose(theta.std(axis=(1, 2)), [0.02, 0.04], rtol=0.05)
    assert abs(np.corrcoef(theta[0].ravel(), theta[1].ravel())[0, 1]) < 0.06
    assert CameraModel(mismatch=1.0).thresholds((60, 50)).min() == pytest.approx(0.02)


# ---------------------------------------------------------------------- symmetries


def movie(seed=0, count=9, height=6, width=5):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 1, (count, height, width)), np.arange(count) * 3000


def test_only_relative_brightness_counts():
    frames, times = movie()
    a = CameraModel(floor=0.02)(frames, times)
    b = CameraModel(floor=0.02 * 8)(frames * 8, times)
    assert np.array_equal(a.to_array(), b.to_array())


def test_pixels_do_not_see_each_other():
    frames, times = movie()
    model = CameraModel()
    whole = model(frames, times)
    part = model(frames[:, 2:5, 1:4], times)
    cropped = whole.crop(x=(1, 4), y=(2, 5))
    assert np.array_equal(part.to_array(), cropped.to_array())


def test_an_image_that_interpolates_its_neighbours_adds_no_event():
    frames, times = movie(count=2)
    model = CameraModel(floor=TINY)
    middle = np.sqrt(frames[0] * frames[1])
    a = model(frames, times)
    b = model(np.stack([frames[0], middle, frames[1]]), [0, 1500, 3000])
    assert len(a) == len(b) > 10
    assert np.array_equal(a.counts(), b.counts())
    np.testing.assert_allclose(a.t, b.t, atol=1)


def test_the_seed_fixes_every_event_and_camera_and_noise_have_their_own():
    frames, times = movie()
    model = CameraModel(mismatch=0.1, noise_rate=100.0, seed=1)

    def stream(m, **kw):
        return m(frames, times, **kw).to_array().tolist()

    assert stream(model, seed=5) == stream(pickle.loads(pickle.dumps(model)), seed=5)
    assert stream(model, seed=5) != stream(model, seed=6)
    other = CameraModel(mismatch=0.1, noise_rate=100.0, seed=2)
    assert stream(model, seed=5) != stream(other, seed=5)
    quiet = CameraModel(mismatch=0.1, seed=1)
    assert stream(quiet, seed=5) == stream(quiet, seed=6)


def test_events_come_in_order_of_exact_time_then_pixel():
    frames = np.ones((2, 2, 2))
    frames[1] = np.e
    e = CameraModel(threshold_on=0.5, floor=TINY)(frames, [0, 10])
    assert e.t.tolist() == [5] * 4 + [10] * 4
    assert (e.y * 2 + e.x).tolist() == [0, 1, 2, 3] * 2
    assert e.n_unsorted == 0


# ------------------------------------------------------------------------- bandwidth


def test_a_step_of_light_arrives_with_the_time_constant_of_the_photoreceptor():
    """y = h (1 - exp(-t / tau)): crossings of k theta at -tau ln(1 - k theta / h)."""
    cutoff, theta = 20.0, 0.1
    tau = 1e6 / (2 * math.pi * cutoff)
    height = 0.97
    frames = np.exp([0.0, height, height])[:, None, None]
    model = CameraModel(threshold_on=theta, floor=TINY, bandwidth=cutoff)
    e = model(frames, [0, 1, 400_000])  # the light rises within 1 us
    expected = -tau * np.log(1 - theta * np.arange(1, 10) / height)
    np.testing.assert_allclose(e.t, expected, rtol=0.01, atol=2)


def test_a_filtered_camera_equals_a_brute_force_integration():
    rng = np.random.default_rng(3)
    frames = np.exp(np.cumsum(rng.normal(0, 0.5, (12, 3)), axis=0))[:, :, None]
    times = np.arange(12) * 5000.0
    cutoff, theta, step = 40.0, 0.15, 2.0
    tau = 1e6 / (2 * math.pi * cutoff)
    e = CameraModel(threshold_on=theta, threshold_off=theta, floor=TINY, bandwidth=cutoff)(
        frames, times
    )
    for row in range(3):
        log = np.log(frames[:, row, 0])
        y = reference = log[0]
        found = []
        for t in np.arange(step, times[-1] + step, step):
            y += (np.interp(t, times, log) - y) * step / tau
            while abs(y - reference) >= theta:
                reference += math.copysign(theta, y - reference)
                found.append((t, y > reference - theta / 2))
        mine = e.y == row
        assert abs(np.count_nonzero(mine) - len(found)) <= 1
        n = min(np.count_nonzero(mine), len(found))
        np.testing.assert_allclose(e.t[mine][:n], [t for t, _ in found][:n], atol=60)


def test_a_wide_band_changes_nothing_and_a_narrow_one_hides_flicker():
    t = np.arange(400) * 1000.0
    flicker = 0.5 + 0.4 * np.sin(2 * np.pi * 100e-6 * t)[:, None, None]  # 100 Hz
    plain = CameraModel()(flicker, t)
    wide = CameraModel(bandwidth=1e5)(flicker, t)
    np.testing.assert_allclose(len(wide), len(plain), rtol=0.01)
    assert len(CameraModel(bandwidth=5.0)(flicker, t)) < 0.2 * len(plain)


# --------------------------------------------------------------------------- limits


def test_room_for_events_grows_as_needed():
    e = CameraModel(threshold_on=0.001, floor=TINY)(*ramp(20.0))
    assert len(e) == 20_000


def test_too_many_events_are_an_error_not_an_exhausted_memory(monkeypatch):
    monkeypatch.setattr(camera, "MAX_SPIKES", 1000)
    with pytest.raises(ParameterError, match="must give at most 1,000 events in a call"):
        CameraModel(threshold_on=0.001, floor=TINY)(*ramp(20.0))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: CameraModel(threshold_on=0), r"CameraModel\.threshold_on must be >= 0\.001"),
        (lambda: CameraModel(threshold_off=-1), r"CameraModel\.threshold_off must be"),
        (lambda: CameraModel(mismatch=2), r"CameraModel\.mismatch must be"),
        (lambda: CameraModel(refractory_us=-1), r"CameraModel\.refractory_us must be >= 0 us"),
        (lambda: CameraModel(leak_rate=np.nan), r"CameraModel\.leak_rate must be"),
        (lambda: CameraModel(noise_rate=1e9), r"CameraModel\.noise_rate must be"),
        (lambda: CameraModel(floor=0), r"CameraModel\.floor must be > 0"),
        (lambda: CameraModel(bandwidth=0), r"CameraModel\.bandwidth must be >= 0\.01"),
        (lambda: CameraModel(seed=0.5), r"CameraModel\.seed must be an integer"),
        (lambda: CameraModel()(-np.ones((2, 1, 1)), [0, 1]), r"CameraModel\.frames must be >= 0"),
        (lambda: CameraModel()(np.ones((2, 1)), [0, 1]), r"frames must have shape \(T >= 2"),
        (lambda: CameraModel()(np.ones((1, 1, 1)), [0]), r"frames must have shape \(T >= 2"),
        (lambda: CameraModel()(np.ones((2, 1, 1)), [0]), r"times must have shape \(2,\)"),
        (lambda: CameraModel()(np.ones((2, 1, 1)), [5, 5]), r"times must ascend .* 5 then 5"),
        (lambda: CameraModel()(np.ones((2, 1, 1)), [0, 1e19]), r"times must be .* got 1e\+19"),
        (
            lambda: CameraModel()(np.ones((2, 1, 1), complex), [0, 1]),
            r"CameraModel\.frames must be real numbers, got complex128",
        ),
        (lambda: CameraModel().thresholds(5), r"CameraModel\.sensor_size must be \(W, H\)"),
    ],
)
def test_a_broken_rule_names_attribute_rule_and_value(call, match):
    with pytest.raises(ParameterError, match=match):
        call()
