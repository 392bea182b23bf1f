"""Event files: written by hand from the specifications, real ones, damaged ones."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import events as ev
from neurosim.errors import FormatError, ParameterError
from neurosim.events import Events
from neurosim.events.formats.nmnist import decode_nmnist

HEAD = b"Event Stream\x02\x00\x00"


def test_data():
    """Path of the test data, or skip."""
    root = os.environ.get("NEUROSIM_TEST_DATA")
    if not root:
        pytest.skip("NEUROSIM_TEST_DATA is not set: no real recordings")
    return Path(root)


test_data.__test__ = False


def saved(folder, content, name="recording"):
    path = folder / name
    path.write_bytes(content)
    return path


def rows(e):
    return [(int(t), int(x), int(y), int(p)) for x, y, t, p in e.to_array().tolist()]


def nmnist(*records):
    """Five bytes per (x, y, t, p), assembled bit by bit."""
    out = bytearray()
    for x, y, t, p in records:
        word = (x << 32) | (y << 24) | (p << 23) | t
        out += word.to_bytes(5, "big")
    return bytes(out)


# ------------------------------------------------------------- from the specifications


def test_dvs_stream_of_the_specification(tmp_path):
    content = HEAD + bytes(
        [
            1,  # DVS
            *(0x40, 0x01),  # 320, low byte first
            *(0xF0, 0x00),  # 240
            *(5 << 1 | 1, 0x3F, 0x01, 0xEF, 0x00),  # t = 5, on, x = 319, y = 239
            *(0 << 1 | 0, 0x02, 0x00, 0x01, 0x00),  # same time, off, x = 2, y = 1
            *(0xFF, 0xFF),  # 2 x 127 us pass
            *(126 << 1 | 1, 0x00, 0x00, 0x00, 0x00),  # t = 5 + 254 + 126
            *(0xFE,) * 5,  # a reset while idle changes nothing
            *(3 << 1 | 0, 0xFE, 0x00, 0x0A, 0x00),  # 0xFE inside an event is a coordinate
        ]
    )
    e = ev.open(saved(tmp_path, content))
    assert rows(e) == [(5, 319, 239, 1), (5, 2, 1, 0), (385, 0, 0, 1), (388, 254, 10, 0)]
    assert e.sensor_size == (320, 240)
    assert e.source == "Event Stream 2.0.0 DVS"


def test_generic_stream_of_the_specification(tmp_path):
    long = bytes(range(200))
    content = HEAD + bytes([0])
    content += bytes([10, 3 << 1 | 0]) + b"abc"
    content += bytes([0xFF, 0xFF, 4, 0])  # 2 x 254 us, then an empty payload
    content += bytes([7, (200 & 127) << 1 | 1, (200 >> 7) << 1]) + long  # two size bytes
    content += bytes([0xFE, 1, 1 << 1 | 1, 0 << 1 | 1, 0]) + b"z"  # padded with zero bits
    e = ev.open(saved(tmp_path, content))
    assert e.t.tolist() == [10, 522, 529, 530]
    assert e.x.tolist() == [ord("a"), 0, 0, ord("z")]
    assert (e.sensor_size, e.n_polarities) == ((256, 1), 1)
    assert "201 bytes of payloads behind the first" in e.notes[0]


def test_atis_stream_of_the_specification(tmp_path):
    content = HEAD + bytes([2, 10, 0, 5, 0])
    content += bytes([2 << 2 | 1 << 1 | 0, 9, 0, 4, 0])  # t = 2, a change, brighter
    content += bytes([0xFC, 0xFD, 0xFF])  # reset; 1 and 3 overflows of 63 us
    content += bytes([1 << 2 | 1 << 1 | 1, 3, 0, 3, 0])  # t = 255, an exposure measurement
    content += bytes([62 << 2 | 0 << 1 | 0, 1, 0, 2, 0])  # t = 317, darker
    e = ev.open(saved(tmp_path, content))
    assert rows(e) == [(2, 9, 4, 1), (317, 1, 2, 0)]
    assert e.notes == ("1 exposure measurements skipped",)


def test_nmnist_records_of_the_specification(tmp_path):
    content = nmnist((33, 0, 0, 1), (0, 33, 65_537, 0), (7, 8, 0x7FFFFF, 1))
    assert content[:5] == bytes([33, 0, 0x80, 0, 0])
    e = ev.open(saved(tmp_path, content, "noname.dat"))
    assert rows(e) == [(0, 33, 0, 1), (65_537, 0, 33, 0), (8_388_607, 7, 8, 1)]
    assert (e.sensor_size, e.source) == ((34, 34), "N-MNIST .bin")


def test_nmnist_overflow_records_add_8192_us_to_all_that_follow(tmp_path):
    content = nmnist((1, 1, 8000, 1), (0, 240, 10, 0), (2, 2, 20, 0), (0, 240, 0, 0), (3, 3, 5, 1))
    e = decode_nmnist(np.frombuffer(content * 1, np.uint8), "file")
    assert rows(e) == [(8000, 1, 1, 1), (8212, 2, 2, 0), (16389, 3, 3, 1)]


def test_the_larger_sensor_is_told_by_its_pixels(tmp_path):
    content = nmnist(*((3 * k, 2 * k, 100 * k, k % 2) for k in range(70)))
    e = ev.open(saved(tmp_path, content))
    assert (e.sensor_size, e.source) == ((240, 180), "N-Caltech101 .bin")


# -------------------------------------------------------------------- round trips


@st.composite
def recordings(draw):
    n = draw(st.integers(1, 60))
    gaps = draw(st.lists(st.integers(0, 1000), min_size=n, max_size=n))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return Events(
        x=rng.integers(0, 34, n),
        y=rng.integers(0, 34, n),
        t=np.cumsum(gaps),
        p=rng.integers(0, 2, n),
        sensor_size=(34, 34),
    )


@given(recordings())
def test_what_is_written_is_read_back(tmp_path_factory, e):
    folder = tmp_path_factory.mktemp("events")
    back = ev.open(ev.write_es(e, folder / "a.bin"))  # the name misleads on purpose
    assert (rows(back), back.sensor_size) == (rows(e), e.sensor_size)
    back = decode_nmnist(np.fromfile(ev.write_nmnist(e, folder / "a.es"), np.uint8), "a.es")
    assert rows(back) == rows(e)
    assert sorted(p.name for p in folder.iterdir()) == ["a.bin", "a.es"]


def test_writers_refuse_what_their_format_cannot_hold(tmp_path):
    late = Events(x=[0], y=[0], t=[1 << 40], p=[1])
    with pytest.raises(ParameterError, match="write_es: events.t must leave pauses below"):
        ev.write_es(late, tmp_path / "a")
    with pytest.raises(ParameterError, match="write_nmnist: events.t must be in 0"):
        ev.write_nmnist(late, tmp_path / "a")
    with pytest.raises(ParameterError, match="write_es: events.t must start at >= 0"):
        ev.write_es(late.shift_time(-(1 << 41)), tmp_path / "a")
    wide = Events(x=[300], y=[0], t=[0], p=[1])
    with pytest.raises(ParameterError, match="write_nmnist: events.sensor_size must be"):
        ev.write_nmnist(wide, tmp_path / "a")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ damaged, foreign


def test_a_truncated_stream_says_where_and_can_be_opened_leniently(tmp_path):
    whole = HEAD + bytes([1, 4, 0, 4, 0]) + bytes([2, 1, 0, 1, 0]) * 3
    path = saved(tmp_path, whole[:-2])
    with pytest.raises(FormatError, match=r"recording: the event at byte 30 .* ends at byte 33"):
        ev.open(path, strict=True)
    e = ev.open(path, strict=False)
    assert len(e) == 2
    assert e.notes == ("truncated: 3 bytes at the end dropped",)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_truncated_generic_event_is_noticed_at_every_byte(cut):
    whole = HEAD + bytes([0]) + bytes([1, 0]) + bytes([1, 5 << 1 | 1, 0]) + b"12345"
    data = np.frombuffer(whole[:-cut], np.uint8)
    with pytest.raises(FormatError, match="the event at byte 18 must be complete"):
        ev.decode(data, "file", strict=True)
    assert len(ev.decode(data, "file", strict=False)) == 1


def test_an_absurd_payload_length_neither_overflows_nor_allocates():
    for sizes in (bytes([0xFF]) * 40 + bytes([0xFE]), bytes([0x01]) * 30 + bytes([0xFE])):
        data = np.frombuffer(HEAD + bytes([0, 1]) + sizes + b"xy", np.uint8)
        with pytest.raises(FormatError, match="the event at byte 16 must be complete"):
            ev.decode(data, "file", strict=True)


def test_a_pixel_off_the_sensor_is_an_error_or_dropped_and_counted():
    content = HEAD + bytes([1, 4, 0, 4, 0]) + bytes([2, 1, 0, 1, 0, 2, 4, 0, 1, 0, 2, 1, 0, 1, 0])
    data = np.frombuffer(content, np.uint8)
    with pytest.raises(FormatError, match="event at byte 25 must lie on the 4x4 sensor"):
        ev.decode(data, "file", strict=True)
    e = ev.decode(data, "file", strict=False)
    assert rows(e) == [(1, 1, 1, 1 - 1), (3, 1, 1, 0)]
    assert e.notes == ("1 events off the sensor dropped",)
    good = nmnist(*((k % 30, 3, 10 * k, 1) for k in range(300)))
    data = np.frombuffer(good[:500] + bytes([99]) + good[501:], np.uint8)
    with pytest.raises(FormatError, match="event at byte 500 must lie on the 34x34 sensor"):
        ev.decode(data, "file", strict=True)
    assert len(ev.decode(data, "file", strict=False)) == 299


def test_a_truncated_nmnist_file_says_where(tmp_path):
    path = saved(tmp_path, nmnist(*((k, k, 10 * k, 1) for k in range(20)))[:-3])
    with pytest.raises(FormatError, match=r"event at byte 95 must have 5 bytes.*at byte 97"):
        ev.open(path, strict=True)
    assert len(ev.open(path, strict=False)) == 19


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "got 0 bytes"),
        (b"Event Strea", "must be an Event Stream"),
        (HEAD, "header must have 16 bytes, the file ends at byte 15"),
        (
            b"Event Stream\x01\x00\x00\x00",
            "byte 12, the Event Stream version, must be 2, got 1.0",
        ),
        (HEAD + bytes([3]) + bytes(30), r"must be 0 \(generic\), 1 \(DVS\) .* got 3 \(modular"),
        (HEAD + bytes([4]) + bytes(30), r"got 4 \(colour\)"),
        (HEAD + bytes([9]) + bytes(30), r"got 9 \(unknown\)"),
        (HEAD + bytes([1, 4, 0, 0, 0]), "must be two numbers >= 1, got 4x0"),
        (HEAD + bytes([1, 4, 0]), "must be two numbers >= 1"),
        (bytes(1000), "must be an Event Stream"),
        (b"\n".join(b"%04d" % k for k in range(500)) + b"\n", "must be an Event Stream"),
        (b"a,b,c,d\n" + b"1.5,2,3.5,0\n" * 400, "lines of text must have columns of which one"),
    ],
)
def test_foreign_and_broken_headers_are_refused_in_one_sentence(tmp_path, content, match):
    with pytest.raises(FormatError, match=match) as caught:
        ev.open(saved(tmp_path, content))
    assert "recording" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_random_bytes_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    for size in (40, 100, 1000, 10_000):
        for _ in range(20):
            path = saved(tmp_path, rng.integers(0, 256, size, np.uint8).tobytes())
            with pytest.raises(FormatError, match="must be an Event Stream"):
                ev.open(path)


def test_a_lidar_scan_is_not_a_recording_and_the_other_way_round(tmp_path):
    from neurosim import clouds

    rng = np.random.default_rng(1)
    scan = rng.uniform([-80, -80, -3, 0], [80, 80, 3, 1], (400, 4)).astype("<f4")
    with pytest.raises(FormatError, match="must be an Event Stream"):
        ev.open(saved(tmp_path, scan.tobytes()))
    content = nmnist(*((k % 34, k % 31, 90 * k, k % 2) for k in range(1600)))
    assert len(content) % 16 == 0
    with pytest.raises(FormatError, match="must be a PLY file"):
        clouds.open(saved(tmp_path, content))


def test_writers_name_themselves_when_a_path_cannot_be_written(tmp_path):
    e = Events(x=[0], y=[0], t=[0], p=[1])
    for write in (ev.write_es, ev.write_nmnist):
        with pytest.raises(ParameterError, match=rf"{write.__name__}: path .* cannot be written"):
            write(e, tmp_path / "none" / "x.es")
        with pytest.raises(ParameterError, match=rf"{write.__name__}: path must be a str or Path"):
            write(e, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [None, 3, "a\0b", ""])
def test_what_is_no_path_is_refused_by_name(path):
    with pytest.raises(ParameterError, match=r"events\.open: path must be a str or Path"):
        ev.open(path)


@pytest.mark.parametrize("content", ["text", np.ones(8), np.ones((2, 5), np.uint8), None])
def test_what_is_no_content_of_a_file_is_refused_by_name(content):
    with pytest.raises(ParameterError, match=r"content must be bytes or a one-dimensional uint8"):
        ev.decode(content)


def test_damage_at_the_head_of_a_long_recording_is_told_from_another_format(tmp_path):
    records = [(k % 30, 3, 10 * k, 1) for k in range(100_000)]
    for k in range(500):  # 3.8 % of the first 64 KiB, 0.5 % of all
        records[20 * k] = (99, 3, 200 * k, 1)
    e = ev.open(saved(tmp_path, nmnist(*records)), strict=False)
    assert len(e) == 99_500


def test_unreadable_paths_are_one_sentence(tmp_path):
    with pytest.raises(FormatError, match="none.es: must be a readable file.*check the path"):
        ev.open(tmp_path / "none.es")
    with pytest.raises(FormatError, match="not a regular file"):
        ev.open(tmp_path)


# ------------------------------------------------------------------------- mutation


def _mutants(content, rng, n):
    for _ in range(n):
        data = bytearray(content)
        for _ in range(int(rng.integers(1, 6))):
            kind, at = rng.integers(4), int(rng.integers(len(data) + 1))
            if kind == 0:
                data = data[:at]
            elif kind == 1:
                data[at:at] = rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8).tobytes()
            elif kind == 2:
                del data[at : at + int(rng.integers(1, 20))]
            elif at < len(data):
                data[at] = int(rng.choice([0, 1, 0x7F, 0xFE, 0xFF, rng.integers(256)]))
            if not data:
                break
        yield bytes(data)


def _seeds(folder):
    rng = np.random.default_rng(3)
    n = 40
    e = Events(
        x=rng.integers(0, 34, n),
        y=rng.integers(0, 34, n),
        t=np.cumsum(rng.integers(0, 400, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(34, 34),
    )
    dvs = ev.write_es(e, folder / "dvs").read_bytes()
    generic = HEAD + bytes([0]) + b"".join(bytes([k, 3 << 1]) + b"abc" for k in range(40))
    atis = HEAD + bytes([2]) + dvs[16:]
    return dvs, ev.write_nmnist(e, folder / "bin").read_bytes(), generic, atis


def test_mutated_files_give_events_or_format_errors_in_bounded_memory(tmp_path):
    rng = np.random.default_rng(7)
    opened, refused = 0, 0
    seeds = _seeds(tmp_path)
    for content in seeds:  # compile before memory is watched
        ev.decode(content)
    tracemalloc.start()
    for content in seeds:
        for mutant in _mutants(content, rng, 500):
            try:
                e = ev.decode(mutant, strict=rng.random() < 0.5)
            except FormatError:
                refused += 1
                continue
            opened += 1
            assert len(e) <= len(mutant)
            assert np.all(np.diff(e.t) >= 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # seeds are below 500 bytes
    assert opened > 500
    assert refused > 500


# ------------------------------------------------------------------- real recordings


def test_dvs_es_equals_the_published_checksums():
    e = ev.open(test_data() / "event-formats" / "dvs.es")
    published = {
        "t": ("<u8", "6f3f9af2e99d83707fd74fef3486abdd9f2f81680d3c4fcc306b1965"),
        "x": ("<u2", "976eab4dc499e350481c3f568f71b2713e3ffa944bc1866f31448460"),
        "y": ("<u2", "6aa82f1dfddd6948a7359816ad62f7fb2c59d00f803e4128868db87b"),
        "p": ("?", "6f3c58f949e7c11c55707d11f739d98669882d551403c79482ab81f9"),
    }
    for name, (dtype, digest) in published.items():
        column = getattr(e, name).astype(dtype).tobytes()
        assert hashlib.sha3_224(column).hexdigest() == digest, name
    assert (len(e), e.n_on, e.sensor_size) == (473_225, 270_001, (320, 240))


@pytest.mark.parametrize(
    ("name", "n", "first", "last", "size"),
    [
        ("event-formats/dvs.es", 473_225, 0, 999_000, (320, 240)),
        ("event-formats/generic.es", 70, 0, 1_207_922, (256, 1)),
        ("event-formats/pokerdvs_trcl0.es", 2_628, 0, 14_727, (30, 32)),
        ("nmnist-small/plain/00001_label5.bin", 4_681, 893, 305_924, (34, 34)),
    ],
)
def test_real_recordings_have_the_counts_and_spans_of_independent_readers(
    name, n, first, last, size
):
    e = ev.open(test_data() / name)
    assert (len(e), e.t[0], e.t[-1], e.sensor_size) == (n, first, last, size)
    assert e.n_unsorted == 0


def test_every_nmnist_file_opens_and_every_lidar_scan_is_refused():
    root = test_data()
    files = sorted((root / "nmnist-small" / "plain").glob("*.bin"))
    assert len(files) == 11
    for path in files:
        e = ev.open(path)
        assert len(e) == path.stat().st_size // 5
        assert e.source == "N-MNIST .bin"
    with pytest.raises(FormatError, match="must be an Event Stream"):
        ev.open(root / "point-clouds" / "kitti_000008.bin")
