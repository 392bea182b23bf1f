"""Formats without a real sample: assembled by hand from their specifications, or by others.

Also what goes wrong in each: wrap-arounds, unknown words, stamps that run backwards, ends
that are cut off.
"""

import io
import pickle
import sqlite3
import struct

import naive_events as naive
import numpy as np
import pytest

from neurosim import events as ev
from neurosim.errors import FormatError, ParameterError

RAW2 = b"% evt 2.0\n% geometry 640x480\n% end\n"
RAW21 = b"% format EVT21;height=480;width=640\n% end\n"
RAW3 = b"% evt 3.0\n% geometry 1280x720\n"


def rows(recording):
    e = recording.events
    return [tuple(map(int, row)) for row in zip(e.t, e.x, e.y, e.p, strict=True)]


# ------------------------------------------------------------------- Prophesee words


def word2(kind, t=0, x=0, y=0):
    return struct.pack("<I", kind << 28 | t << 22 | x << 11 | y)


def high2(t):
    return struct.pack("<I", 8 << 28 | t >> 6)


def test_evt2_words_of_the_specification_odd_ones_counted():
    content = RAW2 + word2(1, 5, 1, 1)  # before any time
    content += high2(640) + word2(1, 3, 600, 400) + word2(0, 63, 0, 0) + word2(1, 1, 7, 7)
    content += word2(10) + word2(14) + word2(15)  # trigger, others, continued
    content += word2(7) + word2(2)  # not in the specification
    content += word2(1, 0, 640, 1)  # off the sensor
    content += high2(2**34 - 64) + word2(1, 63, 2, 2) + high2(0) + word2(0, 0, 3, 3) + b"\1\2\3"
    recording = ev.decode(content)
    far = 2**34
    assert rows(recording) == [
        *((641, 7, 7, 1), (643, 600, 400, 1), (703, 0, 0, 0)),
        *((far - 1, 2, 2, 1), (far, 3, 3, 0)),
    ]
    assert recording.n_unsorted == 1
    assert recording.notes == (
        "1 wrap-arounds of the time stamp undone",
        "2 unknown words skipped",
        "1 events off the sensor dropped",
        "1 events before the first time stamp dropped",
        "3 trigger and extension words skipped",
        "truncated: 3 bytes at the end dropped",
    )
    with pytest.raises(FormatError, match="event at byte 75 must lie on the 640x480 sensor"):
        ev.decode(content, strict=True)


def evt21(*words):
    return b"".join(struct.pack("<Q", word) for word in words)


EVT21 = evt21(
    8 << 60 | (4096 >> 6) << 32,
    1 << 60 | 5 << 54 | 100 << 43 | 20 << 32 | 0b1011,
    0 << 60 | 9 << 54 | 608 << 43 | 479 << 32 | 1 << 31 | 1,
    10 << 60,
    3 << 60,
    8 << 60 | (8192 >> 6) << 32,
    1 << 60 | 0 << 54 | 0 << 43 | 0 << 32 | 0xFFFFFFFF,
)


@pytest.mark.parametrize("swapped", [False, True])
def test_evt21_words_of_the_specification_in_both_orders_of_halves(swapped):
    data = EVT21
    if swapped:
        data = np.frombuffer(data, "<u4").reshape(-1, 2)[:, ::-1].tobytes()
    recording = ev.decode(RAW21 + data)
    assert rows(recording) == naive.evt21(EVT21)
    assert rows(recording)[:5] == [
        *((4101, 100, 20, 1), (4101, 101, 20, 1), (4101, 103, 20, 1)),
        *((4105, 608, 479, 0), (4105, 639, 479, 0)),
    ]
    assert len(recording) == 37 and recording.source == "Prophesee EVT 2.1"
    assert ("the halves of each word are swapped" in recording.notes) == swapped


def test_evt3_words_of_the_specification_odd_ones_counted():
    def w(kind, value):
        return struct.pack("<H", kind << 12 | value)

    content = RAW3 + w(2, 5)  # before any time
    content += w(8, 4095) + w(6, 4090) + w(0, 100) + w(2, 1 << 11 | 5)
    content += w(3, 1 << 11 | 30) + w(4, 0b100000000001) + w(5, 0b10000001) + w(4, 1)
    content += w(8, 0) + w(6, 3) + w(2, 6)  # the time wraps around
    content += w(6, 2) + w(2, 7)  # ... and runs backwards
    content += w(1, 0) + w(9, 0) + w(7, 0) + w(10, 0)
    content += w(0, 720) + w(2, 1) + w(0, 5) + w(2, 1300) + b"\0"
    recording = ev.decode(content)
    t, base = (4095 << 12) + 4090, 1 << 24
    assert rows(recording) == [
        *((t, 5, 100, 1), (t, 30, 100, 1), (t, 41, 100, 1), (t, 42, 100, 1)),
        *((t, 49, 100, 1), (t, 50, 100, 1), (base + 2, 7, 100, 0), (base + 3, 6, 100, 0)),
    ]
    assert recording.notes == (
        "1 wrap-arounds of the time stamp undone",
        "2 unknown words skipped",
        "2 events off the sensor dropped",
        "1 events before the first time stamp dropped",
        "2 trigger and extension words skipped",
        "truncated: 1 bytes at the end dropped",
    )
    assert recording.n_unsorted == 1


@pytest.mark.parametrize("version", ["EVT2", "EVT21", "EVT3"])
def test_random_words_equal_the_naive_decoder_for_any_size_of_piece(version):
    rng = np.random.default_rng(4)
    kinds = {"EVT2": (32, 28, [0, 1, 8]), "EVT21": (64, 60, [0, 1, 8]), "EVT3": (16, 12, range(9))}
    bits, shift, likely = kinds[version]
    n = 3000
    words = rng.integers(0, 1 << (shift - 1), n).astype(np.uint64) << np.uint64(1)
    kind = rng.choice([*likely, 0, 2, 4, 10], n).astype(np.uint64)
    words |= kind << np.uint64(shift)
    data = words.astype(f"<u{bits // 8}").tobytes()
    content = f"% format {version};width=2048;height=2048\n% end\n".encode() + data
    decode = {"EVT2": naive.evt2, "EVT21": naive.evt21, "EVT3": naive.evt3}[version]
    expected = decode(data)
    if version != "EVT3":  # the naive one undoes no wrap-arounds
        half = 1 << 33
        highs = [row[0] for row in expected]
        if any(b < a - half for a, b in zip(highs, highs[1:], strict=False)):
            period, loops, before, undone = 1 << 34, 0, None, []
            for t, *rest in expected:
                loops += before is not None and t < before - half
                before = t
                undone.append((t + loops * period, *rest))
            expected = undone
    expected = [row for row in expected if row[1] < 2048]
    recording = ev.decode(content)
    whole = sorted(rows(recording))
    if version == "EVT3":
        assert whole == sorted(expected)
    else:
        assert len(whole) == len(expected)
    for piece in (8, 24, 1000):
        recording.piece = piece
        parts = [row for part in recording.pieces() for row in part.to_array().tolist()]
        assert sorted((t, x, y, p) for x, y, t, p in parts) == whole


def test_dat_wraps_around_and_keeps_going(tmp_path):
    pairs = [(2**32 - 2, 1 | 2 << 14 | 1 << 28), (1, 3 | 4 << 14), (0, 5 | 6 << 14)]
    body = b"".join(struct.pack("<II", *pair) for pair in pairs)
    content = b"% Data file\n% Version 2\n% Width 8\n% Height 8\n" + b"\x0c\x08" + body
    recording = ev.decode(content + b"\1")
    assert rows(recording) == [(2**32 - 2, 1, 2, 1), (2**32, 5, 6, 0), (2**32 + 1, 3, 4, 0)]
    assert (recording.sensor_size, recording.n_unsorted) == ((8, 8), 1)
    assert recording.notes == (
        "1 wrap-arounds of the time stamp undone",
        "truncated: 1 bytes at the end dropped",
    )


def test_encodings_of_frames_and_unknown_ones_are_refused():
    for name in (b"HISTO3D", b"DIFF3D", b"EVT9"):
        with pytest.raises(FormatError, match="must be EVT2, EVT21 or EVT3, got"):
            ev.decode(b"% format " + name + b";width=1\n% end\n" + bytes(64))


# ------------------------------------------------------------------------- AEDAT


def test_aedat1_records_of_the_specification():
    body = struct.pack(">HI", 3 << 1 | 4 << 8 | 1, 2**31 + 5) + struct.pack(">HI", 0x8000, 0)
    body += struct.pack(">HI", 127 << 1 | 127 << 8, 9)
    recording = ev.decode(b"#!AER-DAT1.0\r\n# a comment\r\n" + body + b"\0\0")
    assert rows(recording) == [(2**31 + 5, 3, 4, 1), (2**32 + 9, 127, 127, 0)]
    assert recording.sensor_size == (128, 128)
    assert "1 frame, IMU and trigger words skipped" in recording.notes
    assert "truncated: 2 bytes at the end dropped" in recording.notes


def packet3(kind, events, *, overflow=0, size=8):
    n = len(events)
    return struct.pack("<HHiiiiii", kind, 1, size, 4, overflow, n, n, n) + b"".join(events)


def event3(x, y, p, t, valid=1):
    return struct.pack("<Ii", x << 17 | y << 2 | p << 1 | valid, t)


def test_aedat31_packets_of_the_specification():
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DAVIS240C\r\n#!END-HEADER\r\n"
    content += packet3(1, [event3(239, 179, 1, 10), event3(1, 2, 0, 20, valid=0)])
    content += packet3(3, [bytes(36)] * 4, size=36)  # IMU samples
    content += packet3(0, [bytes(8)])  # a special event
    content += packet3(1, [event3(5, 6, 0, 7), event3(240, 0, 0, 8)], overflow=1)
    whole = content + packet3(1, [event3(1, 1, 1, 9)], overflow=1)
    recording = ev.decode(whole[:-3])
    assert rows(recording) == [(10, 239, 179, 1), (2**31 + 7, 5, 6, 0)]
    assert recording.sensor_size == (240, 180)
    assert recording.notes == (
        "1 wrap-arounds of the time stamp undone",
        "1 events off the sensor dropped",
        "6 events of other kinds (frames, IMU, triggers) skipped",
        "truncated: 5 bytes at the end dropped",
    )
    damaged = ev.decode(content + bytes(100))  # no packet: an event has 0 bytes
    assert len(damaged) == 2 and "truncated: 100 bytes at the end dropped" in damaged.notes


def test_an_aedat4_file_loses_only_its_damaged_packet(test_data):
    content = bytearray((test_data / "event-formats" / "sample.aedat4").read_bytes())
    whole = len(ev.decode(bytes(content)))
    middle = len(content) // 2
    content[middle : middle + 4] = b"\xff\xff\xff\xff"
    broken = ev.decode(bytes(content))
    assert 0 < len(broken) < whole
    assert any("damaged" in note or "truncated" in note for note in broken.notes)
    for cut in (middle, 30_000):
        prefix = ev.decode(bytes(content[:cut])).events
        np.testing.assert_array_equal(prefix.t, broken.events.t[: len(prefix)])
    with pytest.raises(FormatError, match="header of an AEDAT 4 file must be"):
        ev.decode(b"#!AER-DAT4.0\r\n" + b"\xff" * 40)


# --------------------------------------------------------------------------- bags

STAMPS = [(100, 5_000), (100, 7_999), (101, 0)]
EXPECTED = [(100_000_005, 3, 4, 1), (100_000_007, 5, 6, 0), (101_000_000, 7, 8, 1)]
DVS = """std_msgs/Header header
uint32 height
uint32 width
dvs_msgs/Event[] events
"""
EVENT = "uint16 x\nuint16 y\nbuiltin_interfaces/Time ts\nbool polarity\n"
PACKET = """std_msgs/Header header
uint32 height
uint32 width
uint64 seq
uint64 time_base
string encoding
bool is_bigendian
uint8[] events
"""


def store_of(stores, version):
    from rosbags.typesys import get_types_from_msg, get_typestore

    store = get_typestore(stores[version])
    types = get_types_from_msg(DVS, "dvs_msgs/msg/EventArray")
    types |= get_types_from_msg(EVENT, "dvs_msgs/msg/Event")
    types |= get_types_from_msg(PACKET, "event_camera_msgs/msg/EventPacket")
    store.register(types)
    return store


def array_message(store, ros2):
    types = store.types
    time = types["builtin_interfaces/msg/Time"]
    stamp = time(sec=1, nanosec=2)
    seq = {} if ros2 else {"seq": 0}
    header = types["std_msgs/msg/Header"](**seq, stamp=stamp, frame_id="cam")
    kind = types["dvs_msgs/msg/Event"]
    events = [
        kind(x=x, y=y, ts=time(sec=s, nanosec=ns), polarity=bool(p))
        for (s, ns), (_, x, y, p) in zip(STAMPS, EXPECTED, strict=True)
    ]
    return types["dvs_msgs/msg/EventArray"](header=header, height=20, width=30, events=events)


@pytest.fixture
def rosbags():
    return pytest.importorskip("rosbags")


@pytest.mark.parametrize("compression", [None, "BZ2", "LZ4"])
def test_ros1_event_arrays_written_by_rosbags(rosbags, tmp_path, compression):
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores

    store = store_of({1: Stores.ROS1_NOETIC}, 1)
    with_packing = Writer(tmp_path / "a.bag")
    if compression:
        with_packing.set_compression(Writer.CompressionFormat[compression])
    with with_packing as writer:
        kind = "dvs_msgs/msg/EventArray"
        connection = writer.add_connection("/dvs/events", kind, typestore=store)
        other = writer.add_connection("/text", "std_msgs/msg/String", typestore=store)
        text = store.types["std_msgs/msg/String"](data="hello")
        writer.write(other, 5, store.serialize_ros1(text, "std_msgs/msg/String"))
        raw = store.serialize_ros1(array_message(store, False), kind)
        writer.write(connection, 10, raw)
        writer.write(connection, 11, raw)
    recording = ev.open(tmp_path / "a.bag")
    assert rows(recording) == sorted(EXPECTED * 2)
    assert recording.sensor_size == (30, 20) and recording.n_unsorted == 1
    assert "1 messages of other topics skipped" in recording.notes
    with pytest.raises(FormatError, match=r"topic of event arrays or packets '/none', got"):
        ev.open(tmp_path / "a.bag", topic="/none")
    with pytest.raises(ParameterError, match=r"events\.open\.stream must be an option"):
        ev.open(tmp_path / "a.bag", stream=3)


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
@pytest.mark.parametrize("n", [1, 3])
def test_ros2_event_arrays_written_by_rosbags(rosbags, tmp_path, storage, n):
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores

    store = store_of({2: Stores.ROS2_HUMBLE}, 2)
    kind = "dvs_msgs/msg/EventArray"
    message = array_message(store, True)
    message.events[n:] = []
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin[storage]) as writer:
        connection = writer.add_connection("/dvs/events", kind, typestore=store)
        writer.write(connection, 10, store.serialize_cdr(message, kind))
    assert rows(ev.open(tmp_path / "bag")) == EXPECTED[:n]
    (file,) = [p for p in (tmp_path / "bag").iterdir() if p.suffix in (".db3", ".mcap")]
    assert rows(ev.open(file)) == EXPECTED[:n]
    assert rows(ev.decode(file.read_bytes())) == EXPECTED[:n]


def test_mcap_packets_written_by_mcap(tmp_path):
    mcap_writer = pytest.importorskip("mcap.writer")
    payload = b"".join(struct.pack("<H", w) for w in (0x8001, 0x6005, 0x0007, 0x2803))
    with open(tmp_path / "a.mcap", "wb") as file:
        writer = mcap_writer.Writer(file)
        writer.start()
        schema = writer.register_schema("event_camera_msgs/msg/EventPacket", "ros2msg", b"")
        channel = writer.register_channel("/cam", "cdr", schema)
        for k in range(3):
            body = b"\0\1\0\0" + struct.pack("<iII", 1, 2, 4) + b"cam\0"
            body += struct.pack("<II", 480, 640)
            body += bytes(-(len(body) - 4) % 8) + struct.pack("<QQI", k, 0, 5) + b"evt3\0\0"
            body += bytes(-(len(body) - 4) % 4) + struct.pack("<I", len(payload)) + payload
            writer.add_message(channel, log_time=k, data=body, publish_time=k)
        writer.finish()
    recording = ev.open(tmp_path / "a.mcap")
    assert rows(recording) == [(4101, 3, 7, 1)] * 3
    assert recording.sensor_size == (640, 480)
    content = (tmp_path / "a.mcap").read_bytes()
    assert not any("truncated" in note for note in recording.notes)
    with pytest.raises(FormatError, match="a bag must have a topic of event arrays"):
        ev.decode(content[:40])


def test_a_view_that_computes_without_end_is_no_bag(tmp_path):
    base = sqlite3.connect(tmp_path / "a.db3")
    base.execute("CREATE TABLE topics (id, name, type)")
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
    base.execute(f"CREATE VIEW messages AS {endless} SELECT n AS topic_id, n AS data FROM r")
    base.commit()
    base.close()
    with pytest.raises(FormatError, match="must be a ROS 2 bag with the tables"):
        ev.open(tmp_path / "a.db3")


# ----------------------------------------------------------- HDF5, NumPy, MATLAB, text

TABLE = np.array(
    [(3, 4, 1000, 1), (5, 6, 1500, 0), (319, 239, 2_000_000, 1)],
    dtype=[("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("p", "u1")],
)
SAME = [(1000, 3, 4, 1), (1500, 5, 6, 0), (2_000_000, 319, 239, 1)]


def _dsec(file):
    for name in "xyp":
        file[f"events/{name}"] = TABLE[name]
    file["events/t"] = (TABLE["t"] - 900).astype("u4")
    file["t_offset"] = np.int64(900)
    file["ms_to_idx"] = np.arange(3)


def _e2vid(file):
    for name in "xyp":
        file[f"events/{name}s"] = TABLE[name]
    file["events/ts"] = TABLE["t"] / 1e6
    file.attrs["sensor_resolution"] = (240, 320)


def _m3ed(file):
    for name in "xytp":
        file[f"prophesee/left/{name}"] = TABLE[name]
        file[f"prophesee/right/{name}"] = TABLE[name]


def _prophesee(file):
    table = np.empty(3, [("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    for name in "xytp":
        table[name] = TABLE[name]
    file["CD/events"] = table
    file.attrs["geometry"] = "320x240"


def _mvsec(file):
    table = np.stack([TABLE["x"], TABLE["y"], TABLE["t"] / 1e6, 2.0 * TABLE["p"] - 1], 1)
    file["davis/left/events"] = table


@pytest.mark.parametrize("fill", [_dsec, _e2vid, _m3ed, _prophesee, _mvsec])
def test_hdf5_in_the_common_layouts(tmp_path, fill):
    import h5py

    path = tmp_path / "a.dat"
    with h5py.File(path, "w") as file:
        fill(file)
    recording = ev.open(path)
    assert rows(recording) == SAME and recording.sensor_size == (320, 240)
    assert rows(ev.decode(path.read_bytes())) == SAME
    if fill is _m3ed:
        assert "others with dataset=: /prophesee/right" in recording.notes[0]
        assert rows(ev.open(path, dataset="prophesee/right")) == SAME
        with pytest.raises(FormatError, match="must have a group or table /none"):
            ev.open(path, dataset="none")


def test_hdf5_that_points_to_other_files_is_not_followed(tmp_path):
    import h5py

    (tmp_path / "secret").write_bytes(bytes(range(256)))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "xyt":
            file.create_dataset(
                f"events/{name}", (100,), "u1", external=[(tmp_path / "secret", 0, 100)]
            )
        file["linked/x"] = h5py.ExternalLink("b.h5", "/events/x")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        _dsec(file)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name in "ytp":
            file[f"linked/{name}"] = h5py.ExternalLink("b.h5", f"/events/{name}")
    with pytest.raises(FormatError, match="must have a group or table"):
        ev.open(tmp_path / "a.h5")


@pytest.mark.parametrize("written", [0, 1])
def test_hdf5_rows_that_are_announced_but_not_stored_are_no_events(tmp_path, written):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "xytp":
            column = file.create_dataset(f"events/{name}", (10**15,), "<i8", chunks=(64,))
            column[: 64 * written] = 1
    recording = ev.open(tmp_path / "a.h5")
    assert len(recording.events) == len(recording) == 64 * written
    assert recording.notes == (f"{10**15 - 64 * written:,} rows announced, but not stored",)


def test_large_hdf5_chunks_are_unpacked_once(tmp_path):
    import h5py

    n = 600_000
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "xytp":
            column = file.create_dataset(f"events/{name}", (n,), "<i8", chunks=(n // 2,))
            column[:] = np.arange(n) if name == "t" else 1
    recording = ev.open(tmp_path / "a.h5")
    parts = [len(part) for part in recording.pieces()]
    assert parts == [n // 2, n // 2]
    assert recording.facts().t_last == n - 1


def test_strictly_an_event_off_the_sensor_is_an_error_without_words_too(tmp_path):
    table = np.zeros(3, ev.EVENT_DTYPE)
    table["x"] = 1, 40, 2
    np.savez(tmp_path / "a.npz", **{c: table[c] for c in "xytp"}, sensor_size=(34, 34))
    assert ev.open(tmp_path / "a.npz").notes == ("1 events off the sensor dropped",)
    with pytest.raises(FormatError, match="must lie on the sensor, at a possible time, got 1"):
        ev.open(tmp_path / "a.npz", strict=True)


@pytest.mark.parametrize("kind", ["npy", "npz columns", "npz table", "rows", "transposed"])
def test_numpy_files(tmp_path, kind):
    path = tmp_path / "file"
    plain = np.stack([TABLE["t"], TABLE["x"], TABLE["y"], TABLE["p"]], 1).astype(np.int64)
    with open(path, "wb") as file:
        match kind:
            case "npy":
                np.save(file, TABLE)
            case "npz columns":
                names = {"ts": TABLE["t"], "x": TABLE["x"], "y": TABLE["y"], "pol": TABLE["p"]}
                np.savez(file, **names)
            case "npz table":
                np.savez_compressed(file, events=TABLE)
            case "rows":
                np.save(file, plain)
            case _:
                np.save(file, plain.T)
    recording = ev.open(path)
    assert rows(recording) == SAME
    assert rows(ev.decode(path.read_bytes())) == SAME
    assert rows(pickle.loads(pickle.dumps(recording))) == SAME


def test_numpy_files_execute_nothing(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="must hold whole arrays of numbers"):
        ev.decode(buffer.getvalue())


@pytest.mark.parametrize("layout", ["variables", "struct", "nested"])
def test_matlab_structs(tmp_path, layout):
    from scipy.io import savemat

    columns = {"x": TABLE["x"], "y": TABLE["y"], "ts": TABLE["t"], "p": TABLE["p"]}
    nested = {"aedat": {"data": {"polarity": columns}, "info": "text"}}
    savemat(
        tmp_path / "a", {"variables": columns, "struct": {"TD": columns}, "nested": nested}[layout],
        appendmat=False,
    )  # fmt: skip
    assert rows(ev.open(tmp_path / "a")) == SAME


@pytest.mark.parametrize(
    "text",
    [
        "t,x,y,p\n1000,3,4,1\n1500,5,6,0\n2000000,319,239,1",
        "# events\nx y p t[s]\n3 4 1 0.001\n5 6 -1 1.5e-3\n319 239 1 2\n",
        "320 240\n0.001 3 4 1\n0.0015 5 6 0\n2.0000000000000000 319 239 1\n",
        "x;y;polarity;timestamp\r\n3;4;1;1000\r\n5;6;0;1500\r\n319;239;1;2000000\r\n",
        "% sensor 320x240\n3\t4\t1000\t1\n5\t6\t1500\t0\n319\t239\t2000000\t1\n",
        "1.000000000000000021e-03 3.0 4.0 1.0\n0.0015 5 6 0\n2e0 319 239 1e0\n",
    ],
)
def test_text_in_many_ways(text):
    recording = ev.decode(text.encode())
    assert rows(recording) == SAME
    assert recording.sensor_size == (320, 240)


def test_lines_that_are_no_events_are_counted():
    text = "t,x,y,p\n1,2,3,1\n# a comment\n\nnonsense\n5,6\n7,-1,3,0\n9,8,7,0,extra\n1e99,1,1,1\n"
    recording = ev.decode(text.encode())
    assert rows(recording) == [(1, 2, 3, 1), (9, 8, 7, 0)]
    assert "4 unknown words skipped" in recording.notes
    assert "1 comment lines skipped" in recording.notes


def test_an_order_that_cannot_be_told_is_asked_for():
    text = b"5 5 5 5\n6 6 6 6\n"
    with pytest.raises(FormatError, match="say columns='txyp', or as it is"):
        ev.decode(text)
    assert rows(ev.decode(text, columns="xytp", time_unit="ms")) == [
        (5000, 5, 5, 1),
        (6000, 6, 6, 1),
    ]
    with pytest.raises(FormatError, match=r"columns must hold the letters x, y, t once"):
        ev.decode(text, columns="xyzt")


@pytest.mark.parametrize("length", [4096 - 10, 4096, 4096 + 10, 30_000])
def test_headers_of_any_length_end_where_they_do(length):
    head = b"% evt 2.0\n% geometry 64x48\n"
    head += b"% note " + b"x" * (length - len(head) - 8) + b"\n"
    assert len(head) == length
    for end in (b"", b"% end\n"):
        recording = ev.decode(head + end + high2(64) + word2(1, 3, 5, 6))
        assert rows(recording) == [(67, 5, 6, 1)]


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_arrays_that_announce_more_than_there_is_take_no_memory(compressed):
    import tracemalloc
    import zlib

    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {"TD": {name: TABLE[name] for name in "xytp"}})
    content = bytearray(buffer.getvalue())
    at = content.index(struct.pack("<IIii", 5, 8, 1, 1))  # the struct's dimensions
    content[at + 8 : at + 16] = struct.pack("<ii", 1 << 14, 1 << 14)
    if compressed:
        packed = zlib.compress(bytes(content[128:]))
        content = content[:128] + struct.pack("<II", 15, len(packed)) + packed
    tracemalloc.start()
    with pytest.raises(FormatError, match="every element of a MATLAB file must lie within"):
        ev.decode(bytes(content))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
