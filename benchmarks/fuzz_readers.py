"""Do the readers survive damaged files? Mutants and prefixes of every format, in bounded memory.

python benchmarks/fuzz_readers.py [--files 200000] [--seed 0] [--data FOLDER]

Every mutant must give a recording, a cloud or a FormatError; anything else is printed
with its seed and ends the run with exit code 1. A mutant that is only cut must give the
whole's events up to there, and count what is lost. ``--data`` adds real files as seeds.
"""

import argparse
import io
import sqlite3
import struct
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurosim import clouds, events
from neurosim.errors import FormatError
from neurosim.events.formats.tally import Tally

BYTES_PER_BYTE = 150  # most memory per byte of a file: text is split into Python objects
ALWAYS = 1_500_000  # bytes that a reader takes for any file: buffers, a decoder's room
LONGEST_S = 2.0  # of the processor: a reader that takes more over 20 kB hangs
LARGEST_SEED = 20_000  # bytes; longer real files are cut, so that runs stay short


def seeds(folder: Path, data: Path | None) -> list[tuple[str, bytes]]:
    """Small valid files of every format, and real ones where there are some."""
    rng = np.random.default_rng(0)
    n = 200
    recording = events.Events(
        x=rng.integers(0, 34, n),
        y=rng.integers(0, 34, n),
        t=np.cumsum(rng.integers(0, 400, n)),
        p=rng.integers(0, 2, n),
        sensor_size=(34, 34),
    )
    points = rng.uniform([-80, -80, -3, 0], [80, 80, 3, 1], (60, 4)).astype("<f4")
    cloud = clouds.PointCloud(xyz=points[:, :3], intensity=points[:, 3])
    dvs = events.write_es(recording, folder / "dvs").read_bytes()
    generic = dvs[:15] + b"\0" + b"".join(bytes([k, 6]) + b"abc" for k in range(200))
    found = [
        ("es dvs", dvs),
        ("es generic", generic),
        ("es atis", dvs[:15] + b"\2" + dvs[16:]),
        ("n-mnist", events.write_nmnist(recording, folder / "bin").read_bytes()),
        ("kitti", points.tobytes()),
    ]
    found += [
        (f"ply {form}", clouds.write_ply(cloud, folder / "ply", form).read_bytes())
        for form in ("ascii", "binary_little_endian", "binary_big_endian")
    ]
    found += [
        (form, events.write(recording, folder / form, form).read_bytes())
        for form in ("evt2", "evt3", "dat", "aedat2", "hdf5", "npz", "npy", "csv", "txt")
    ]
    found += by_hand(recording, folder)
    if data is not None:
        ends = ("es", "bin", "ply", "aedat", "aedat4", "raw", "dat", "bag", "csv", "txt")
        files = [p for end in ends for p in sorted(data.rglob(f"*.{end}"))]
        cut = [(p.name, p.read_bytes()[:LARGEST_SEED]) for p in files]
        whole = (in_order, clouds.decode)
        found += [one for one in cut if any(attempt(d, one[1], strict=False)[1] for d in whole)]
    return found


def by_hand(recording: events.Events, folder: Path) -> list[tuple[str, bytes]]:
    """Formats that the package does not write, assembled from their specifications."""
    from scipy.io import savemat

    rows = recording.to_array()
    stamped = [(int(x), int(y), int(t), int(p)) for x, y, t, p in rows.tolist()]
    aedat1 = b"".join(struct.pack(">HI", x << 1 | y << 8 | p, t) for x, y, t, p in stamped)
    polarity = b"".join(
        struct.pack("<Ii", x << 17 | y << 2 | p << 1 | 1, t) for x, y, t, p in stamped
    )
    n = len(stamped)
    packet = struct.pack("<HHiiiiii", 1, 1, 8, 4, 0, n, n, n) + polarity
    evt21 = b"".join(
        struct.pack(
            "<QQ", 8 << 60 | (t >> 6) << 32, p << 60 | (t & 63) << 54 | x << 43 | y << 32 | 5
        )
        for x, y, t, p in stamped
    )
    table = events.EVENT_DTYPE
    mat = io.BytesIO()
    savemat(mat, {"TD": {name: rows[name] for name in table.names}}, do_compression=True)
    found = [
        ("aedat 1", b"#!AER-DAT1.0\r\n" + aedat1),
        ("aedat 3.1", b"#!AER-DAT3.1\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n" + packet * 2),
        ("evt 2.1", b"% format EVT21;height=64;width=64\n% end\n" + evt21),
        ("matlab", mat.getvalue()),
        ("aedat 4", aedat4(stamped)),
    ]
    message = dvs_message(stamped[:50])
    found += [
        ("ros 1 bag", bag(message)),
        ("mcap", mcap(cdr(stamped[:50]))),
        ("db3", db3(cdr(stamped[:50]))),
        ("hdf5 ecf", ecf(stamped, folder / "ecf")),
    ]
    return found


def ecf(stamped: list, path: Path) -> bytes:
    """An HDF5 file as Prophesee's, of chunks in its codec (`events.formats.ecf`)."""
    import h5py

    table = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    with h5py.File(path, "w") as file:
        file.attrs["geometry"] = "34x34"
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((64,))
        settings.set_filter(0x8ECF, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((len(stamped),), (h5py.h5s.UNLIMITED,))
        place = file.create_group("CD").id, b"events", h5py.h5t.py_create(table)
        data = h5py.h5d.create(*place, space, settings)
        for k in range(0, len(stamped), 64):
            data.write_direct_chunk((k,), _chunk(stamped[k : k + 64], k // 64 % 2 == 0))
    return path.read_bytes()


def _chunk(stamped: list, together: bool) -> bytes:
    """Events of one chunk: all bits of an event together, or rows before columns."""
    out, now = struct.pack("<IQ", len(stamped) << 2 | (2 if together else 0), stamped[0][2]), None
    for _, _, t, _ in stamped:
        step = t - (stamped[0][2] if now is None else now)
        out += bytes(0xF0 | step >> 4 * k & 15 for k in range(3)) + b"\1"
        now = t
    if together:
        bits = [y << 12 | x << 1 | p for x, y, _, p in stamped] + [0] * (-len(stamped) % 4)
        for a, b, c, d in zip(*(bits[k::4] for k in range(4)), strict=True):
            words = a << 8 | b & 0xFF, (b >> 8) << 16 | c & 0xFFFF, (c >> 16) << 24 | d
            out += struct.pack("<III", *words)
        return out
    out += b"".join(struct.pack("<H", y << 5 | 1) for _, y, _, _ in stamped)
    out += b"".join(struct.pack("<H", x << 5) for x, _, _, _ in stamped)
    return out + bytes(p << 7 | 1 for _, _, _, p in stamped)


def aedat4(stamped: list) -> bytes:
    """A header and two packets, not compressed; the flatbuffers by hand."""
    info = b'<dv><node path="/o/outInfo/0/"><attr key="typeIdentifier" type="string">EVTS</attr>'
    info += b'<node path="/o/outInfo/0/info/"><attr key="sizeX" type="int">34</attr>'
    info += b'<attr key="sizeY" type="int">34</attr></node></node></dv>'
    vtable = struct.pack("<HHHHH", 10, 20, 4, 8, 16) + b"\0\0"
    table = struct.pack("<iiqI", 12, 0, -1, 4)
    body = struct.pack("<I4s", 8 + 12, b"IOHE") + vtable + table
    body += struct.pack("<I", len(info)) + info + bytes(1)
    out = b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(body)) + body
    rows = b"".join(struct.pack("<qhhB3x", t, x, y, p) for x, y, t, p in stamped)
    packet = struct.pack("<I4s", 8 + 8, b"EVTS") + struct.pack("<HHHH", 6, 8, 4, 0)
    packet += struct.pack("<iI", 8, 4) + struct.pack("<I", len(stamped)) + rows
    packet = struct.pack("<I", len(packet)) + packet
    return out + (struct.pack("<ii", 0, len(packet)) + packet) * 2


def dvs_message(stamped: list) -> bytes:
    """dvs_msgs/EventArray of ROS 1."""
    body = struct.pack("<IIII", 0, 1, 2, 3) + b"cam" + struct.pack("<III", 34, 34, len(stamped))
    return body + b"".join(struct.pack("<HHIIB", x, y, 0, 1000 * t, p) for x, y, t, p in stamped)


def cdr(stamped: list) -> bytes:
    """dvs_msgs/EventArray of ROS 2."""
    body = struct.pack("<iII", 1, 2, 4) + b"cam\0" + struct.pack("<III", 34, 34, len(stamped))
    for x, y, t, p in stamped:
        body += bytes(-len(body) % 2) + struct.pack("<HH", x, y)
        body += bytes(-len(body) % 4) + struct.pack("<iIB", 0, 1000 * t, p)
    return b"\0\1\0\0" + body


def bag(message: bytes) -> bytes:
    """A ROS 1 bag of one chunk."""

    def record(data: bytes, **fields: bytes) -> bytes:
        parts = [name.encode() + b"=" + value for name, value in fields.items()]
        head = b"".join(struct.pack("<I", len(part)) + part for part in parts)
        return struct.pack("<I", len(head)) + head + struct.pack("<I", len(data)) + data

    kind = b"type=dvs_msgs/EventArray"
    about = struct.pack("<I", len(kind)) + kind
    zero = struct.pack("<I", 0)
    inner = record(about, op=b"\7", conn=zero, topic=b"/dvs/events")
    inner += record(message, op=b"\2", conn=zero, time=bytes(8)) * 3
    chunk = record(inner, op=b"\5", compression=b"none", size=struct.pack("<I", len(inner)))
    return b"#ROSBAG V2.0\n" + record(bytes(100), op=b"\3") + chunk


def mcap(message: bytes) -> bytes:
    """An MCAP file with one channel."""

    def text(value: bytes) -> bytes:
        return struct.pack("<I", len(value)) + value

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<BQ", kind, len(data)) + data

    schema = struct.pack("<H", 1) + text(b"dvs_msgs/msg/EventArray") + text(b"ros2msg") + text(b"")
    channel = struct.pack("<HH", 0, 1) + text(b"/dvs") + text(b"cdr") + text(b"")
    one = record(5, struct.pack("<HIQQ", 0, 0, 0, 0) + message)
    inner = record(3, schema) + record(4, channel) + one
    chunk = struct.pack("<QQQI", 0, 0, len(inner), 0) + text(b"") + struct.pack("<Q", len(inner))
    magic = b"\x89MCAP0\r\n"
    body = record(1, text(b"") + text(b"")) + record(6, chunk + inner) + one
    return magic + body + record(15, bytes(4)) + magic


def db3(message: bytes) -> bytes:
    """A ROS 2 bag in SQLite."""
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE topics (id INTEGER, name TEXT, type TEXT)")
    base.execute(
        "CREATE TABLE messages (id INTEGER, topic_id INTEGER, timestamp INTEGER, data BLOB)"
    )
    base.execute("INSERT INTO topics VALUES (1, '/dvs', 'dvs_msgs/msg/EventArray')")
    for k in range(3):
        base.execute("INSERT INTO messages VALUES (?, 1, ?, ?)", (k, k, message))
    base.commit()
    content = base.serialize()
    base.close()
    return content


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, insert, delete, overwrite or repeat; half of the places are in the header."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 8))):
        reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
        a = int(rng.integers(reach + 1))
        b = min(a + int(rng.integers(1, 30)), len(data))
        match int(rng.integers(6)):
            case 0:
                del data[a:]
            case 1:
                del data[a:b]
            case 2:
                data[a:a] = rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8).tobytes()
            case 3:
                data[a:a] = data[a:b] * int(rng.integers(1, 20))
            case 4:
                data[a:b] = [b"9" * 12, b"-1", b"nan", b"\xff" * 8][int(rng.integers(4))]
            case _:
                data[a:b] = bytes([int(rng.choice([0, 0x7F, 0xFE, 0xFF]))]) * (b - a)
    return bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder with real recordings and clouds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pool = seeds(Path(folder), options.data)
    started = time.perf_counter()
    report = fuzz(pool, options.files, options.seed)
    print(f"{options.files:,} mutants of {len(pool)} seeds, seed {options.seed}: {report.outcomes}")
    print(
        f"slowest {report.slowest * 1e3:.1f} ms ({report.slow}); most memory {report.largest:.1f} "
        f"bytes per byte of file beyond {ALWAYS:,} ({report.large})"
    )
    print(f"{time.perf_counter() - started:.1f} s")
    return int(report.failed)


@dataclass
class Report:
    """What came of the mutants."""

    outcomes: dict[str, int] = field(
        default_factory=lambda: {"opened": 0, "refused": 0, "failed": 0, "prefixes": 0}
    )
    slowest: float = 0.0
    slow: str = ""
    largest: float = 0.0
    large: str = ""

    @property
    def failed(self) -> bool:
        """Whether any mutant crashed, hung, or took too much memory."""
        bad = self.outcomes["failed"] > 0 or self.largest > BYTES_PER_BYTE
        return bad or self.slowest > LONGEST_S


def fuzz(pool: list[tuple[str, bytes]], files: int, seed: int) -> Report:
    """Decode ``files`` mutants of the seeds in ``pool``."""
    rng = np.random.default_rng(seed)
    report, wholes = Report(), {}
    for name, content in pool:  # compile before time and memory are watched
        outcomes = [attempt(one, content, strict=False) for one in (in_order, clouds.decode)]
        if "opened" not in [outcome for outcome, _ in outcomes]:
            print(f"{name}: no seed: {outcomes}")
            report.outcomes["failed"] += 1
        wholes[name] = outcomes[0][1]
    tracemalloc.start()
    for k in range(files):
        name, content = pool[k % len(pool)]
        cut = int(rng.integers(len(content) + 1)) if rng.random() < 0.15 else None
        mutant = mutate(content, rng) if cut is None else content[:cut]
        for decode in (in_order, clouds.decode):
            tracemalloc.reset_peak()
            before, clock = tracemalloc.get_traced_memory()[0], time.thread_time()
            outcome, found = attempt(decode, mutant, strict=cut is None and rng.random() < 0.5)
            spent = time.thread_time() - clock
            if spent > report.slowest:
                report.slowest, report.slow = spent, f"{name}, mutant {k}"
            used = tracemalloc.get_traced_memory()[1] - before
            per_byte = (used - ALWAYS) / max(len(mutant), 1)
            if per_byte > report.largest:
                report.largest, report.large = per_byte, f"{name}, mutant {k}"
            if cut is not None and decode is in_order and outcome == "opened":
                outcome = prefix(found, wholes[name], cut == len(content))
            if outcome not in report.outcomes:
                print(f"{name}, mutant {k}: {outcome}")
                outcome = "failed"
            report.outcomes[outcome] += 1
    tracemalloc.stop()
    return report


def in_order(content: bytes, *, strict: bool):
    """The columns of a recording, in the order of the file, and what was counted."""
    tally = Tally()
    source = events.decode(content, strict=strict).origin
    return source.whole(tally, strict=strict), tally, source.title


def prefix(found, whole, complete: bool) -> str:
    """Whether a file that was cut gave the whole's events up to there, and said so."""
    columns, tally, title = found
    if whole is None or title != whole[2] or title.startswith("ROS 2 bag"):
        return "opened"  # so short that it is something else, or a database, which has no order
    for ours, theirs in zip(columns, whole[0], strict=True):
        if title in ("text", "N-MNIST .bin"):  # a last number that is cut is another number
            ours = ours[:-1]
        if not np.array_equal(ours, theirs[: len(ours)]):
            return "a prefix that is none"
    lost = len(whole[0].t) - len(columns.t)
    if lost and not complete and not tally.notes() and not _between_words(title):
        return "a loss that is not counted"
    return "prefixes"


def _between_words(title: str) -> bool:
    """Formats of which a prefix may be a whole file: it can end between two words."""
    return not title.startswith(("NumPy", "HDF5", "MATLAB"))


def attempt(decode, content: bytes, *, strict: bool):
    """What came of it, in a word or the name of an error, and the result."""
    try:
        found = decode(content, strict=strict)
    except FormatError:
        return "refused", None
    except Exception as error:  # what this script is looking for
        return f"{type(error).__name__}: {error}", None
    return "opened", found


if __name__ == "__main__":
    sys.exit(main())
