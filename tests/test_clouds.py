"""Point clouds: container, PLY and KITTI files, damaged ones."""

import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import clouds
from neurosim.clouds import PointCloud, plyrows
from neurosim.errors import FormatError, ParameterError

XYZ = np.array([[1.5, -2.25, 3.0], [0.0, 0.125, -1e-3], [1e6, 2.0, 3.0]], np.float32)
GLOW = np.array([0.0, 0.5, 1.0], np.float32)


def test_data():
    """Path of the test data, or skip."""
    root = os.environ.get("NEUROSIM_TEST_DATA")
    if not root:
        pytest.skip("NEUROSIM_TEST_DATA is not set: no real point clouds")
    return Path(root) / "point-clouds"


test_data.__test__ = False


def saved(folder, content):
    path = folder / "scan"
    path.write_bytes(content)
    return path


def ply(form, body, *lines):
    head = ["ply", f"format {form} 1.0", "comment by hand", *lines, "end_header", ""]
    return "\n".join(head).encode() + body


# ------------------------------------------------------------------------- container


@given(st.integers(0, 60), st.floats(0.05, 5.0), st.integers(0, 100))
def test_voxel_downsampling_is_the_mean_per_cell(n, size, seed):
    rng = np.random.default_rng(seed)
    cloud = PointCloud(xyz=rng.normal(0, 3, (n, 3)), intensity=rng.random(n))
    cells = {}
    for k in range(n):
        key = tuple(int(np.floor(float(v) / size)) for v in cloud.xyz[k])
        cells.setdefault(key, []).append((*cloud.xyz[k].tolist(), float(cloud.intensity[k])))
    expected = [np.mean(cells[key], axis=0) for key in sorted(cells)]
    out = cloud.downsample(size)
    assert len(out) == len(cells)
    if n:
        np.testing.assert_allclose(out.xyz, np.array(expected)[:, :3], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(out.intensity, np.array(expected)[:, 3], rtol=1e-5)


def test_crop_is_half_open_and_keeps_intensity_with_its_point():
    cloud = PointCloud(xyz=XYZ, intensity=GLOW)
    out = cloud.crop(x=(0.0, 1.5), z=(-1.0, 3.0))
    assert out.xyz.tolist() == XYZ[[1]].tolist()
    assert out.intensity.tolist() == [0.5]
    assert len(cloud.crop(y=(0, 2))) == 1


def test_ranges_are_distances_from_the_origin():
    assert PointCloud(xyz=[[3, 4, 0], [0, 0, -2]]).ranges.tolist() == [5.0, 2.0]


def test_a_cloud_survives_pickling():
    back = pickle.loads(pickle.dumps(PointCloud(xyz=XYZ, intensity=GLOW, source="s")))
    assert np.array_equal(back.xyz, XYZ)
    assert back.source == "s"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: PointCloud(xyz=[[1, 2]]), r"PointCloud\.xyz must have shape \(n, 3\)"),
        (lambda: PointCloud(xyz=[[1, 2, np.nan]]), r"PointCloud\.xyz must be .* everywhere"),
        (lambda: PointCloud(xyz=[[1, 2, 1e300]]), r"PointCloud\.xyz must be .* <= 3.4"),
        (lambda: PointCloud(xyz=XYZ + 1j), r"PointCloud\.xyz must be real numbers, got complex64"),
        (lambda: PointCloud(xyz=XYZ, intensity=[1]), r"PointCloud\.intensity must have shape"),
        (lambda: PointCloud(xyz=XYZ).crop(x=(1, 1)), r"crop\.x must have low < high"),
        (lambda: PointCloud(xyz=XYZ).downsample(0), r"downsample\.size must be > 0 m"),
        (lambda: PointCloud(xyz=XYZ).downsample(1e-300), r"downsample\.size must be >="),
    ],
)
def test_a_broken_rule_names_attribute_rule_and_value(call, match):
    with pytest.raises(ParameterError, match=match):
        call()


# ------------------------------------------------------------------------------- PLY


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("intensity", [None, GLOW])
def test_what_is_written_is_read_back_bit_by_bit(tmp_path, form, intensity):
    path = clouds.write_ply(PointCloud(xyz=XYZ, intensity=intensity), tmp_path / "a", form)
    cloud = clouds.open(path)
    assert np.array_equal(cloud.xyz, XYZ)
    assert (cloud.intensity is None) == (intensity is None)
    assert cloud.source == f"PLY {form}"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("form", "order"), [("little", "<"), ("big", ">")])
def test_any_scalar_types_lists_and_other_elements_are_passed_over(tmp_path, form, order):
    lines = (
        "element camera 2",
        "property uchar kind",
        "property list uchar short weights",
        "element vertex 2",
        "property uchar red",
        "property double z",
        "property list int float extra",
        "property float Y",
        "property short x",
        "property float intensity",
        "element face 1",
        "property list uchar int vertex_indices",
    )
    body = struct.pack(order + "BBhh", 7, 2, 1, 2) + struct.pack(order + "BB", 7, 0)
    body += struct.pack(order + "Bdiffhf", 255, 1.5, 1, 9.0, 2.5, -3, 0.25)
    body += struct.pack(order + "Bdifh", 255, -1.5, 0, 4.0, 8) + struct.pack(order + "f", 0.75)
    body += struct.pack(order + "Biii", 3, 0, 1, 0)
    cloud = clouds.open(saved(tmp_path, ply(f"binary_{form}_endian", body, *lines)))
    assert cloud.xyz.tolist() == [[-3.0, 2.5, 1.5], [8.0, 4.0, -1.5]]
    assert cloud.intensity.tolist() == [0.25, 0.75]


def test_ascii_files_with_lists_windows_line_ends_and_points_at_infinity(tmp_path):
    content = ply(
        "ascii",
        b"3 0 1 2\n0\n1 2 3 0.5\nnan 0 0 0\n4 5 6 0.25\n3 0 1 2\n",
        "obj_info made here",
        "element strip 2",
        "property list uchar int k",
        "element vertex 3",
        *(f"property float {c}" for c in "xyz"),
        "property float reflectance",
        "element face 1",
        "property list uchar int k",
    )
    cloud = clouds.open(saved(tmp_path, content.replace(b"\n", b"\r\n")))
    assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert cloud.intensity.tolist() == [0.5, 0.25]
    assert cloud.notes == ("1 points that are not finite dropped",)


VERTEX = [f"property float {c}" for c in "xyz"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"ply\nformat ascii 1.0\n", "must end with 'end_header'"),
        (b"ply\n" + b"comment x\n" * 10_000, "within its first 65536 bytes"),
        (ply("utf8", b"", "element vertex 0"), "header line 'format utf8 1.0' must be"),
        (b"ply\nelement vertex 0\nend_header\n", "must have a format line"),
        (ply("ascii", b"", "element face 0"), "must have element vertex"),
        (ply("ascii", b"", "property float x"), "header line 'property float x' must be"),
        (ply("ascii", b"", "element vertex -1"), "header line 'element vertex -1' must be"),
        (ply("ascii", b"", "element vertex 1", "property half x"), "'property half x' must be"),
        (
            ply("ascii", b"", "element vertex 1", "property list float int x"),
            "'property list float int x' must be",
        ),
        (ply("ascii", b"1 2", "element vertex 1", *VERTEX[:2]), "must have scalar properties"),
        (ply("ascii", b"1 2", "element vertex 1", *VERTEX), "vertex must have 1 rows"),
        *(
            (
                ply(form, b"1 2 3 4" + bytes(16), "element vertex 1", *VERTEX, again),
                "element vertex must have property x once, got 2 of them; remove",
            )
            for form in ("ascii", "binary_little_endian")
            for again in ("property float x", "property uchar X", "property list int int x")
        ),
        (ply("ascii", b"1 " + b"9" * 600_000, "element vertex 1", *VERTEX), "a word of more than"),
        (ply("ascii", b"1 2 z", "element vertex 1", *VERTEX), "must have numbers in its rows"),
        (
            ply("binary_little_endian", b"\0" * 35, "element vertex 3", *VERTEX),
            r"vertex must have 3 rows \(36 bytes or more\), but the file ends at byte",
        ),
        (
            ply("binary_little_endian", b"\0" * 35, "element vertex 9" + "9" * 40, *VERTEX),
            "but the file ends at byte",
        ),
        (ply("ascii", b"1 2 3", "element vertex 9" + "9" * 40, *VERTEX), "file ends at byte"),
        (
            ply(
                "binary_little_endian",
                b"\xff\xff\xff\x7f" + b"\0" * 40,
                *("element face 1", "property list uint double k", "element vertex 1", *VERTEX),
            ),
            "face must have 1 rows",
        ),
        (
            ply("ascii", b"-3 0 0 0", "element f 1", "property list int int k", "element vertex 0"),
            "must have numbers in its rows, got a list of -3 values",
        ),
        (
            ply("ascii", b"9 0 0 0", "element f 1", "property list int int k", "element vertex 0"),
            r"f must have 1 rows \(lists included\)",
        ),
    ],
)
def test_damaged_ply_files_are_refused_in_one_sentence(tmp_path, content, match):
    with pytest.raises(FormatError, match=match) as caught:
        clouds.open(saved(tmp_path, content))
    assert "scan" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_elements_without_properties_hold_nothing(tmp_path):
    body = np.array([1, 2, 3], "<f4").tobytes()
    lines = ("element odd 999999999999", "element vertex 1", *VERTEX)
    cloud = clouds.open(saved(tmp_path, ply("binary_little_endian", body, *lines)))
    assert cloud.xyz.tolist() == [[1, 2, 3]]


def test_text_is_read_in_blocks_that_may_cut_a_number_anywhere(tmp_path, monkeypatch):
    xyz = np.random.default_rng(5).normal(0, 9, (40, 3)).astype(np.float32)
    content = clouds.write_ply(PointCloud(xyz=xyz), tmp_path / "a", "ascii").read_bytes()
    faces = b"element face 2\nproperty list uchar int k\nelement vertex"
    listed = content.replace(b"element vertex", faces, 1)
    listed = listed.replace(b"end_header\n", b"end_header\n3 0 1 2\n0\n", 1)
    for block in (1, 2, 3, 7, 64):
        monkeypatch.setattr(plyrows, "_BLOCK", block)
        assert np.array_equal(clouds.decode(content).xyz, xyz)
        assert np.array_equal(clouds.decode(listed).xyz, xyz)


def test_a_path_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(ParameterError, match="write_ply: path .* cannot be written"):
        clouds.write_ply(PointCloud(xyz=XYZ), tmp_path / "none" / "a.ply")


def test_what_is_no_path_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"clouds\.open: path must be a str or Path"):
        clouds.open(None)


# ----------------------------------------------------------------------------- KITTI


def scan(n=50, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform([-80, -80, -3, 0], [80, 80, 3, 1], (n, 4)).astype("<f4")


def test_kitti_records_are_x_y_z_and_reflectance(tmp_path):
    content = struct.pack("<8f", 1.0, 2.0, 3.0, 0.5, -4.0, 5.0, 0.0, 0.0)
    cloud = clouds.open(saved(tmp_path, content))
    assert cloud.xyz.tolist() == [[1, 2, 3], [-4, 5, 0]]
    assert cloud.intensity.tolist() == [0.5, 0.0]
    assert cloud.source == "KITTI .bin"


def test_a_truncated_kitti_scan_says_where_and_can_be_opened_leniently(tmp_path):
    path = saved(tmp_path, scan().tobytes()[:-5])
    with pytest.raises(FormatError, match=r"point at byte 784 must have 16 bytes.*byte 795"):
        clouds.open(path)
    cloud = clouds.open(path, strict=False)
    assert len(cloud) == 49
    assert cloud.notes == ("truncated: 11 bytes at the end dropped",)


@pytest.mark.parametrize("value", [np.nan, np.inf, 300.0, -300.0, 1e-20])
def test_numbers_that_are_no_measurements_are_no_kitti_scan(tmp_path, value):
    points = scan()
    points[20, 1] = value
    with pytest.raises(FormatError, match="must be a PLY file"):
        clouds.open(saved(tmp_path, points.tobytes()))


def test_zeros_constants_text_and_noise_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    contents = [b"", bytes(1600), scan(1).tobytes() * 20, b"0 1 2 3\n" * 100]
    contents += [rng.integers(0, 256, size, np.uint8).tobytes() for size in (64, 640, 6400)]
    for content in contents:
        with pytest.raises(FormatError, match="must be a PLY file"):
            clouds.open(saved(tmp_path, content))


def test_unreadable_paths_are_one_sentence(tmp_path):
    with pytest.raises(FormatError, match="none.ply: must be a readable file"):
        clouds.open(tmp_path / "none.ply")
    with pytest.raises(FormatError, match="not a regular file"):
        clouds.open(tmp_path)


# -------------------------------------------------------------------------- mutation


def test_mutated_ply_files_give_clouds_or_format_errors_in_bounded_memory(tmp_path):
    rng = np.random.default_rng(11)
    points = scan(12)
    cloud = PointCloud(xyz=points[:, :3], intensity=points[:, 3])
    seeds = [
        clouds.write_ply(cloud, tmp_path / "seed", form).read_bytes()
        for form in ("ascii", "binary_little_endian", "binary_big_endian")
    ]
    faces = b"element face 2\nproperty list uchar int k\nelement vertex"
    listed = seeds[1].replace(b"element vertex", faces, 1)
    at = listed.index(b"end_header\n") + 11
    seeds.append(listed[:at] + struct.pack("<BiiBi", 2, 0, 1, 1, 0) + listed[at:])
    assert len(clouds.decode(seeds[3])) == 12
    opened, refused = 0, 0
    tracemalloc.start()
    for content in seeds:
        for _ in range(500):
            data = bytearray(content)
            for _ in range(int(rng.integers(1, 5))):
                reach = len(data) if rng.random() < 0.5 else 160  # often in the header
                a = int(rng.integers(min(reach, len(data)) + 1))
                b = a + int(rng.integers(0, 8))
                data[a:b] = rng.choice([b"", b"9", b"99999999", b"\xff\xff", b"nan ", b"-1"])
            try:
                assert len(clouds.decode(bytes(data))) <= len(data)
                opened += 1
            except FormatError:
                refused += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # seeds are below 1000 bytes
    assert opened > 100
    assert refused > 500


# ---------------------------------------------------------------------- real clouds


def test_real_clouds_have_the_published_number_of_points():
    sphere = clouds.open(test_data() / "sphere.ply")
    assert (len(sphere), sphere.source) == (2_929, "PLY binary_little_endian")
    assert sphere.intensity is None
    kitti = clouds.open(test_data() / "kitti_000008.bin")
    assert (len(kitti), kitti.source) == (17_238, "KITTI .bin")
    raw = np.fromfile(test_data() / "kitti_000008.bin", "<f4").reshape(-1, 4)
    assert np.array_equal(kitti.xyz, raw[:, :3])
    assert np.array_equal(kitti.intensity, raw[:, 3])


def test_a_recording_of_events_is_no_cloud():
    for name in ("00001_label5.bin", "00002_label0.bin", "tonic_sample_nmnist.bin"):
        with pytest.raises(FormatError, match="must be a PLY file"):
            clouds.open(test_data().parent / "nmnist-small" / "plain" / name)
