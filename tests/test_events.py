"""The event container: names, order, validation and chainable operations."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurosim.errors import ParameterError
from neurosim.events import EVENT_DTYPE, Events

W, H = 12, 7


@st.composite
def recordings(draw):
    n = draw(st.integers(0, 40))

    def column(dtype, low, high):
        return draw(hnp.arrays(dtype, n, elements=st.integers(low, high)))

    return Events(
        x=column(np.int64, 0, W - 1),
        y=column(np.int64, 0, H - 1),
        t=column(np.int64, -500, 500),
        p=column(np.uint8, 0, 1),
        sensor_size=(W, H),
    )


def same(a, b):
    return a.sensor_size == b.sensor_size and np.array_equal(a.to_array(), b.to_array())


def test_columns_have_the_canonical_dtypes():
    e = Events(x=[1, 2], y=[3.0, 4.0], t=[5, 6], p=[-1, 1])
    assert [e.x.dtype, e.y.dtype, e.t.dtype, e.p.dtype] == ["u2", "u2", "i8", "u1"]
    assert e.to_array().dtype == EVENT_DTYPE
    assert e.sensor_size == (3, 5)


@pytest.mark.parametrize("p", [[0, 1, 1], [-1, 1, 1], [False, True, True], [0.0, 1.0, 1.0]])
def test_every_kind_of_polarity_is_one_for_brighter(p):
    assert Events(x=[0, 0, 0], y=[0, 0, 0], t=[0, 1, 2], p=p).p.tolist() == [0, 1, 1]


@given(st.lists(st.integers(0, 5), max_size=30))
def test_backward_stamps_are_counted_and_sorted_stably(stamps):
    n = len(stamps)
    e = Events(x=np.arange(n), y=np.zeros(n, int), t=np.array(stamps, int), p=np.ones(n, int))
    expected = sorted(range(n), key=lambda k: (stamps[k], k))
    assert e.x.tolist() == expected
    assert e.n_unsorted == sum(b < a for a, b in zip(stamps, stamps[1:], strict=False))


def test_fields_are_found_by_name_in_any_order_and_under_their_aliases():
    a = np.array(
        [(True, 9, 2, 1)], dtype=[("polarity", "?"), ("ts", "<u8"), ("y", "i2"), ("x", "i4")]
    )
    e = Events.from_array(a, sensor_size=(4, 4))
    assert (e.x[0], e.y[0], e.t[0], e.p[0]) == (1, 2, 9, 1)
    columns = {"on": [0], "timestamp": [3], "x": [1], "y": [0], "other": ["ignored"]}
    assert Events.from_array(columns).to_array().tolist() == [(1, 0, 3, 0)]


def test_a_recording_without_polarity_has_one_channel():
    e = Events(x=[1], y=[0], t=[0])
    assert e.n_polarities == 1
    assert e.counts().shape == (1, 1, 2)
    assert "on" not in repr(e)


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"x": [1, 2]}, r"Events\.x must have one value per time stamp \(1\), got 2"),
        ({"x": [-1]}, r"Events\.x must be in 0\.\.4 .* got -1"),
        ({"x": [5]}, r"Events\.x must be in 0\.\.4 .* got 5"),
        ({"y": [3]}, r"Events\.y must be in 0\.\.2 .* got 3"),
        ({"t": [0.5]}, r"Events\.t must be whole numbers"),
        ({"t": [np.nan]}, r"Events\.t must be whole numbers"),
        ({"t": ["now"]}, r"Events\.t must be a one-dimensional array of integers"),
        ({"t": np.array([2**63], np.uint64)}, r"Events\.t must be > -2\*\*62 and < 2\*\*62"),
        ({"t": [2**62]}, r"Events\.t must be .* < 2\*\*62, got 4611686018427387904; subtract"),
        ({"t": [-(2**62)]}, r"Events\.t must be > -2\*\*62 and .* got -4611686018427387904"),
        ({"t": [1e19]}, r"Events\.t must be .* got 10000000000000000000"),
        ({"t": np.array([1e30], np.float32)}, r"Events\.t must be > -2\*\*62 and < 2\*\*62"),
        ({"x": [1e300]}, r"Events\.x must be > -2\*\*62 and < 2\*\*62"),
        ({"t": [2**70]}, r"Events\.t must be a one-dimensional array of integers"),
        ({"t": [[1], [2, 3]]}, r"Events\.t must be .* got a list of uneven or foreign parts"),
        ({"n_unsorted": "one"}, r"Events\.n_unsorted must be an integer, got 'one'"),
        ({"x": [[1]]}, r"Events\.x must be a one-dimensional array"),
        ({"p": [2]}, r"Events\.p must hold .* got values \[2\]"),
        ({"p": [-1, 0, 1], "x": [0] * 3, "y": [0] * 3, "t": [0] * 3}, r"\[-1, 0, 1\]"),
        ({"sensor_size": 5}, r"Events\.sensor_size must be \(W, H\), got 5"),
        ({"sensor_size": (0, 3)}, r"Events\.sensor_size\[0\] must be >= 1"),
        ({"n_polarities": 3}, r"Events\.n_polarities must be"),
    ],
)
def test_a_broken_rule_names_attribute_rule_and_value(columns, match):
    good = {"x": [0], "y": [0], "t": [0], "p": [0], "sensor_size": (5, 3)}
    with pytest.raises(ParameterError, match=match):
        Events(**(good | columns))


def test_positions_are_never_guessed():
    with pytest.raises(ParameterError, match="columns named x, y, t and p"):
        Events.from_array(np.zeros((3, 4)))
    with pytest.raises(ParameterError, match="must have a column t or ts"):
        Events.from_array({"x": [0], "y": [0]})


@given(recordings())
def test_structured_array_round_trip(e):
    assert same(Events.from_array(e.to_array(), e.sensor_size), e)


@given(recordings())
def test_pickle_round_trip(e):
    assert same(pickle.loads(pickle.dumps(e)), e)


@given(recordings(), st.integers(0, W - 2), st.integers(0, H - 2), st.integers(-500, 499))
def test_crop_keeps_exactly_the_events_of_the_box(e, x0, y0, t0):
    out = e.crop(x=(x0, W - 1), y=(y0, H), t=(t0, 500))
    expected = [
        (x - x0, y - y0, t, p)
        for x, y, t, p in e.to_array().tolist()
        if x0 <= x < W - 1 and y0 <= y < H and t0 <= t < 500
    ]
    assert out.to_array().tolist() == expected
    assert out.sensor_size == (W - 1 - x0, H - y0)


@given(recordings(), st.integers(-600, 600), st.integers(1, 300))
def test_time_slice_is_a_crop_in_time(e, start, length):
    assert same(e.time_slice(start, start + length), e.crop(t=(start, start + length)))


@given(recordings(), st.integers(1, 15))
def test_downsampling_keeps_every_event_and_sums_the_counts(e, factor):
    out = e.downsample(factor)
    assert len(out) == len(e)
    width, height = out.sensor_size
    assert (width, height) == (-(-W // factor), -(-H // factor))
    counts = np.zeros((2, height * factor, width * factor), int)
    counts[:, :H, :W] = e.counts()
    pooled = counts.reshape(2, height, factor, width, factor).sum(axis=(2, 4))
    assert np.array_equal(out.counts(), pooled)


@given(recordings(), st.integers(1, 5))
def test_merged_polarity_survives_other_operations(e, factor):
    merged = e.merge_polarity().downsample(factor).time_slice(-500, 501).crop(x=(0, 1))
    assert merged.n_polarities == 1
    assert not merged.p.any()
    assert np.array_equal(e.merge_polarity().counts()[0], e.counts().sum(axis=0))


@given(recordings(), st.integers(-(10**12), 10**12))
def test_shifting_time_there_and_back_changes_nothing(e, offset):
    assert same(e.shift_time(offset).shift_time(-offset), e)


def test_the_longest_recording_has_a_duration_and_no_stamp_wraps_around():
    limit = 2**62
    e = Events(x=[0, 0], y=[0, 0], t=[1 - limit, limit - 1])
    assert e.duration_us == 2 * limit - 2
    assert e.rate > 0
    assert e.time_slice(-(2**70), 2**70).t.tolist() == e.crop(t=(-(2**70), 2**70)).t.tolist()
    assert len(e.time_slice(-(2**70), 2**70)) == 2
    with pytest.raises(ParameterError, match=r"shift_time\.offset must keep .* got 1, which"):
        e.shift_time(1)
    small = Events(x=[0, 0], y=[0, 0], t=[0, 1])
    for offset in (2**63 - 1, 2**70, -(2**70)):
        with pytest.raises(ParameterError, match=r"shift_time\.offset must keep every stamp"):
            small.shift_time(offset)
    assert small.shift_time(limit - 2).shift_time(2 - limit).t.tolist() == [0, 1]


def test_counts_of_a_sensor_too_large_for_memory_are_refused():
    e = Events(x=[0], y=[0], t=[0], p=[1], sensor_size=(65536, 65536))
    with pytest.raises(ParameterError, match=r"counts must have at most .* crop or downsample"):
        e.counts()
    assert e.downsample(64).counts().sum() == 1


def test_operations_keep_what_is_known_about_the_recording():
    e = Events(x=[0, 0], y=[0, 0], t=[2, 1], source="camera", notes=("a note",))
    out = e.downsample(1).time_slice(0, 5)
    assert (out.n_unsorted, out.source, out.notes) == (1, "camera", ("a note",))


@pytest.mark.parametrize(
    ("ranges", "match"),
    [
        ({"x": (3, 3)}, r"crop\.x must have low < high"),
        ({"x": (0, 13)}, r"crop\.x\[1\] must be <= 12, got 13"),
        ({"y": (-1, 3)}, r"crop\.y\[0\] must be >= 0, got -1"),
        ({"t": 5}, r"crop\.t must be \(low, high\), got 5"),
    ],
)
def test_impossible_crops_are_refused(ranges, match):
    e = Events(x=[0], y=[0], t=[0], sensor_size=(W, H))
    with pytest.raises(ParameterError, match=match):
        e.crop(**ranges)


def test_an_empty_recording_is_a_recording():
    e = Events(x=[], y=[], t=[], p=[], sensor_size=(3, 2))
    assert (len(e), e.duration_us, e.rate, e.n_on) == (0, 0, 0.0, 0)
    assert repr(e) == "Events(3x2, 0 events (0 on, 0 off))"
    assert e.downsample(2).counts().shape == (2, 1, 2)


@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(0, 80))
def test_few_steps_back_are_sorted_as_all_would_be(seed, n, steps):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 200, n))
    for place in rng.integers(0, n, steps):
        t[place:] -= rng.integers(0, 30)
    columns = {c: rng.integers(0, 9, n).astype("u2") for c in "xy"}
    p = rng.integers(0, 2, n).astype("u1")
    order = np.argsort(t, kind="stable")
    e = Events.trusted(
        columns["x"].copy(), columns["y"].copy(), t.copy(), p.copy(),
        n_unsorted=int(np.count_nonzero(np.diff(t) < 0)), sensor_size=(9, 9),
    )  # fmt: skip
    for name, column in {**columns, "t": t, "p": p}.items():
        np.testing.assert_array_equal(getattr(e, name), column[order])
