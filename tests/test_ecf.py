"""Prophesee's HDF5 codec: chunks put together by hand after its published layout."""

import struct
import tracemalloc

import h5py
import numpy as np
import pytest

from neurosim import events as ev
from neurosim.events.formats.ecf import FILTER, unpack_ecf
from neurosim.events.formats.source import Columns

CHUNK = 256


def runs(column):
    edges = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    return zip(column[edges].tolist(), np.diff(np.append(edges, len(column))).tolist(), strict=True)


def counted(head, count, bits, code):
    """A symbol and its count; the largest count says that it stands in the next two bytes."""
    most = (1 << bits) - 1
    if count < most:
        return struct.pack(code, head << bits | count)
    return struct.pack(code + "H", head << bits | most, count)


def groups(values, bits, code):
    """Four numbers of 12 or 24 bits in three words."""
    out, word = b"", bits // 3 * 4
    low = (1 << word) - 1
    for i in range(0, len(values), 4):
        a, b, c, d = [*values[i : i + 4].tolist(), 0, 0, 0][:4]
        third = bits // 3
        words = (
            a << third | b & ((1 << third) - 1),
            b >> third << 2 * third | c & ((1 << 2 * third) - 1),
            c >> 2 * third << 3 * third | d,
        )
        out += struct.pack(code, *(one & low for one in words))
    return out


def packed(e, style):
    """One chunk; ``style`` says how x, y and p are written."""
    x, y, p = (column.astype(int) for column in (e.x, e.y, e.p))
    out = struct.pack("<IQ", len(e) << 2 | {"all": 2, "x": 1, "mask": 0}[style], int(e.t[0]))
    now = int(e.t[0])
    for t, count in runs(e.t):
        step = t - now
        while step >= 15:
            digits, step = step, 0
            while digits:
                out += bytes([0xF0 | digits & 15])
                digits >>= 4
        out += counted(step, count, 4, "<B")
        now = t
    if style == "all":
        return out + groups(y << 12 | x << 1 | p, 24, "<III")
    out += b"".join(counted(row, count, 5, "<H") for row, count in runs(y))
    if style == "x":
        return out + groups(x << 1 | p, 12, "<HHH")
    i = 0
    while i < len(x):
        first, mask = x[i], 0
        i += 1
        for j in range(5):
            if i < len(x) and x[i] == first + j + 1:
                mask |= 1 << (4 - j)
                i += 1
        out += struct.pack("<H", first << 5 | mask)
    return out + b"".join(counted(sign, count, 7, "<B") for sign, count in runs(p))


def write(path, e, content):
    """A file as OpenEB lays it out, of chunks that are there already."""
    with h5py.File(path, "w") as file:
        file.attrs["geometry"] = "{}x{}".format(*e.sensor_size)
        table = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((CHUNK,))
        settings.set_filter(FILTER, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((len(e),), (h5py.h5s.UNLIMITED,))
        kind = h5py.h5t.py_create(table)
        data = h5py.h5d.create(file.create_group("CD").id, b"events", kind, space, settings)
        for k, one in enumerate(content):
            data.write_direct_chunk((k * CHUNK,), one)
    return path


@pytest.fixture
def scene():
    """Noise, then an edge: rows of neighbours, equal times, long pauses, long runs."""
    rng = np.random.default_rng(0)
    n = 3 * CHUNK - 40
    x, y = rng.integers(0, 1280, n), rng.integers(0, 720, n)
    t = 10**10 + np.cumsum(rng.choice([0, 0, 0, 1, 14, 15, 16, 300, 10**7], n))
    p = rng.integers(0, 2, n)
    x[300:] = np.arange(n - 300) % 11 * 3 % 100
    x[500:] = np.arange(n - 500) % 1280
    y[300:], p[400:], t[350:420] = 37, 1, t[350]
    return ev.Events(x=x, y=y, t=t, p=p, sensor_size=(1280, 720))


@pytest.fixture
def chunks(scene):
    parts = [scene.keep(slice(i, i + CHUNK)) for i in range(0, len(scene), CHUNK)]
    return [packed(part, style) for part, style in zip(parts, ("all", "x", "mask"), strict=True)]


def same(found, e):
    for column in "xytp":
        np.testing.assert_array_equal(getattr(found, column), getattr(e, column), err_msg=column)


def test_bytes_of_the_codecs_own_tests_are_their_events():
    one = bytes([6, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0x20, 0, *bytes(8)])
    room = Columns.room(4)
    assert unpack_ecf(np.frombuffer(one, np.uint8), *room) == 1
    assert [int(column[0]) for column in room] == [1, 2, 4, 0]


@pytest.mark.parametrize("style", ["all", "x", "mask"])
def test_every_style_gives_its_events(scene, style):
    data = np.frombuffer(packed(scene, style), np.uint8)
    room = Columns.room(len(scene))
    assert unpack_ecf(data, *room) == len(scene)
    same(room, scene)


def test_a_file_is_read_by_pieces_and_evlib_agrees(scene, chunks, tmp_path):
    recording = ev.open(write(tmp_path / "a.h5", scene, chunks), strict=True)
    same(recording.events, scene)
    assert (recording.sensor_size, recording.notes) == ((1280, 720), ())
    evlib = pytest.importorskip("evlib", exc_type=ImportError)
    theirs = evlib.load_events(str(tmp_path / "a.h5")).collect()
    np.testing.assert_array_equal(theirs["x"].to_numpy(), scene.x)
    np.testing.assert_array_equal(theirs["y"].to_numpy(), scene.y)
    np.testing.assert_array_equal(theirs["t"].dt.total_microseconds().to_numpy(), scene.t)
    np.testing.assert_array_equal(theirs["polarity"].to_numpy() > 0, scene.p > 0)


def test_a_chunk_that_is_cut_gives_its_whole_events_and_counts_the_others(scene, chunks, tmp_path):
    for size in (1, 3, 11, 40, 200, len(chunks[1]) - 1):
        path = write(tmp_path / "a.h5", scene, [chunks[0], chunks[1][:size], chunks[2]])
        found = ev.open(path).events
        lost = len(scene) - len(found)
        assert 0 < lost <= CHUNK
        kept = np.r_[: 2 * CHUNK - lost, 2 * CHUNK : len(scene)]
        same(found, scene.keep(kept))
        assert found.notes == (f"{lost} events with impossible numbers dropped",)


def test_mutants_of_a_chunk_end_within_it(chunks):
    rng = np.random.default_rng(0)
    for k in range(600):
        data = np.frombuffer(chunks[k % 3], np.uint8).copy()
        data[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
        room = Columns.room(CHUNK)
        assert 0 <= unpack_ecf(data[: rng.integers(len(data) + 1)], *room) <= CHUNK


def test_a_chunk_that_says_it_is_larger_than_the_file_takes_no_room(scene, chunks, tmp_path):
    path = write(tmp_path / "a.h5", scene, chunks)
    content = path.read_bytes()
    size = struct.pack("<I", len(chunks[1]))
    assert content.count(size) == 1  # in the index of the chunks
    path.write_bytes(content.replace(size, struct.pack("<I", 2**31)))
    tracemalloc.start()
    try:
        found = ev.open(path).events
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == len(scene) - CHUNK and most < 50e6
