"""Files appear whole or not at all; foreign and huge ones are refused before they are read."""

import os
import stat
import tracemalloc

import numpy as np
import pytest

from neurosim import clouds, files
from neurosim import events as ev
from neurosim.clouds import PointCloud
from neurosim.clouds.open import _FORMATS as CLOUD_FORMATS
from neurosim.errors import FormatError, ParameterError
from neurosim.events import Events
from neurosim.files import checked_path, write_whole
from neurosim.report import Section, write_report

# --------------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("ä\r\n", "ä\r\n".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (lambda beside: beside.write_bytes(b"called"), b"called"),
    ],
)
def test_text_bytes_and_callbacks_replace_a_file_whole(tmp_path, content, expected):
    path = tmp_path / "a"
    path.write_text("old")
    assert write_whole(str(path), content) == path
    assert path.read_bytes() == expected
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_callback_writes_beside_and_the_file_is_synced_before_it_is_renamed(
    tmp_path, monkeypatch
):
    path, order = tmp_path / "a", []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("sync"), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), rename(a, b)))

    def write(beside):
        assert beside.parent == tmp_path
        assert beside.name.startswith(".a.")
        assert not path.exists()
        beside.write_text("new")

    write_whole(path, write)
    assert order == ["sync", "rename"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_when_the_callback_fails_the_old_file_stays_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")

    def write(beside):
        beside.write_text("half")
        raise error

    with pytest.raises(error):
        write_whole(path, write)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path):
    path = tmp_path / ("n" * 240)
    assert write_whole(path, "x").read_text() == "x"


def test_an_error_names_who_wrote_and_where(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (tmp_path / "none" / "a", folder):
        with pytest.raises(ParameterError, match=r"save: path .*cannot be written .*give a path"):
            write_whole(path, "x", owner="save")
    with pytest.raises(ParameterError, match="write_report: path .*cannot be written"):
        write_report(tmp_path / "none" / "a.html", "t", [Section("s")])
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("path", [None, 3, 1.5, "a\0b", "", "\ud800"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ParameterError, match="save: path must be a str or Path of a file, got"):
        checked_path("save", path)
    with pytest.raises(ParameterError, match="save: path must be a str or Path of a file, got"):
        write_whole(path, "x", owner="save")


# --------------------------------------------------------------------------- reading


def recording(n):
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 34, (2, n))
    return Events(x=x, y=y, t=np.arange(n) * 20, p=rng.integers(0, 2, n), sensor_size=(34, 34))


def cloud(n):
    return PointCloud(xyz=np.random.default_rng(2).normal(0, 9, (n, 3)))


def sparse(path, head, size):
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def traced(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


OPENERS = [(ev.open, "must be an Event Stream"), (clouds.open, "must be a PLY file")]


@pytest.mark.parametrize(("open_file", "match"), OPENERS)
def test_of_a_foreign_file_only_the_head_is_read(tmp_path, open_file, match):
    path = sparse(tmp_path / "zeros", b"", 32 << 20)

    def refuse():
        with pytest.raises(FormatError, match=rf"{match}.* got 33,554,432 bytes"):
            open_file(path)

    assert traced(refuse) < 8 << 20


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 8 << 20)
    path = sparse(tmp_path / "large", b"ply\n", 9 << 20)

    def refuse():
        with pytest.raises(FormatError, match="at most 8,388,608 bytes, got 9,437,184; cut it"):
            clouds.open(path)

    assert traced(refuse) < 1 << 20


def test_a_recording_of_more_than_the_free_memory_is_read_in_pieces_only(tmp_path, monkeypatch):
    path = sparse(tmp_path / "a", b"Event Stream\x02\x00\x00\x01\x10\x00\x10\x00", 32 << 20)
    monkeypatch.setattr(files, "free_memory", lambda: 70 << 20)

    def refuse():
        with pytest.raises(FormatError, match=r"takes up to 83 MiB, got 70 MiB free; iterate over"):
            _ = ev.open(path).events

    assert traced(refuse) < 1 << 20
    pieces = sum(len(piece) for piece in ev.open(path).pieces())
    monkeypatch.setattr(files, "free_memory", lambda: None)  # a system that does not tell
    assert len(ev.open(path).events) == pieces > 1_000_000


def test_running_out_of_memory_on_the_way_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    path = ev.write_es(recording(10), tmp_path / "a")
    with monkeypatch.context() as patched, pytest.raises(FormatError, match="iterate over pieces"):
        patched.setattr("neurosim.events.formats.source.Columns.room", fail)
        _ = ev.open(path).events
    clouds.write_ply(cloud(10), path)
    with monkeypatch.context() as patched, pytest.raises(FormatError, match="close other programs"):
        patched.setattr(np, "fromfile", fail_after_the_head(np.fromfile))
        clouds.open(path)
    monkeypatch.setattr("neurosim.clouds.ply.PointCloud", fail)
    with pytest.raises(FormatError, match="must fit into memory.* cut it into parts"):
        clouds.open(path)


def fail_after_the_head(read):
    calls = []

    def fromfile(*args):
        calls.append(args)
        if len(calls) > 1:
            raise MemoryError
        return read(*args)

    return fromfile


def test_free_memory_is_told_or_unknown():
    free = files.free_memory()
    assert free is None or 1 << 20 < free < 1 << 50


def _generic():
    return b"Event Stream\x02\x00\x00\x00" + b"\x01\x00" * 200_000


def _contents(folder):
    c = cloud(60_000)
    for which, form in enumerate(("binary_big_endian", "ascii")):
        yield which, CLOUD_FORMATS, clouds.write_ply(c, folder / "ply", form).read_bytes()
    short = clouds.write_ply(PointCloud(xyz=np.ones((200_000, 3))), folder / "s", "ascii")
    yield 1, CLOUD_FORMATS, short.read_bytes()
    scan = np.random.default_rng(0).uniform(0.1, 0.9, (60_000, 4)).astype("<f4")
    yield 2, CLOUD_FORMATS, scan.tobytes()


def test_reading_takes_no_more_memory_than_is_announced(tmp_path):
    path = tmp_path / "file"
    for which, formats, content in _contents(tmp_path):
        path.write_bytes(content)
        formats.open(path, strict=True)  # compile before memory is watched
        peak = traced(lambda: formats.open(path, strict=True))  # noqa: B023
        assert peak <= formats.kinds[which].memory * len(content) + (8 << 20), content[:40]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    for open_file, _ in OPENERS:
        with pytest.raises(FormatError, match="not a regular file"):
            open_file(tmp_path / "pipe")


def test_decoding_leaves_the_callers_array_as_it_is():
    data = np.zeros(100, np.uint8)
    with pytest.raises(FormatError, match="must be an Event Stream"):
        ev.decode(data)
    assert data.flags.writeable
    strided = np.frombuffer(_generic(), np.uint8).repeat(2)[::2]
    assert len(ev.decode(strided)) == len(ev.decode(bytearray(_generic()))) == 200_000
