"""neurosim convert: a file through a method into a folder; samples that are no samples."""

import json
import zipfile

import numpy as np
import pytest
from test_cli import call, refused

from neurosim._jit import JIT
from neurosim.cli.convert_command import METHODS
from neurosim.cli.samples import read_samples
from neurosim.conversion.methods import NAMES
from neurosim.errors import FormatError, ParameterError


@pytest.fixture
def digits(tmp_path, test_data):
    """A few digits as the ONNX model of the test data takes them; labels are not all right."""
    from neurosim.datasets import mnist

    data = mnist(test_data / "mnist", "test")
    x = data.images[:40].reshape(-1, 1, 28, 28).astype(np.float32)
    path = tmp_path / "digits.npz"
    np.savez(path, x=x, y=data.labels[:40].astype(np.int64))
    return path


def test_the_command_offers_all_methods():
    assert METHODS == NAMES


@pytest.mark.skipif(not JIT, reason="takes minutes without the compiler")
def test_a_model_is_converted_run_and_written(tmp_path, test_data, digits):
    pytest.importorskip("onnx")
    model, out = test_data / "onnx" / "mnist_cntk.onnx", tmp_path / "out"
    code, text, _ = call(
        "convert", model, "--calibration", digits, "--test", digits, "--samples", 12,
        "--steps", 6, "--method", "calibrated", "-o", out,
    )  # fmt: skip
    assert code == 0 and "unevenness" in text and "on 12 test samples" in text
    files = {"report.txt", "summary.json", "network.h5", "first_sample.h5", "curve.csv"} | {
        "curve.png"
    }
    assert {path.name for path in out.iterdir()} == files
    summary = json.loads((out / "summary.json").read_text())
    assert summary["method"] == "calibrated" and summary["steps"] == 6
    assert [p["steps"] for p in summary["test"]["curve"]] == [1, 2, 3, 4, 5, 6]
    assert summary["test"]["accuracy"] > 0.8
    assert len((out / "curve.csv").read_text().splitlines()) == 7
    assert (out / "report.txt").read_text().strip() in text


def test_what_cannot_be_converted_leaves_nothing(tmp_path, test_data, digits):
    pytest.importorskip("onnx")
    model, out = test_data / "onnx" / "mnist_cntk.onnx", tmp_path / "out"
    error = refused("convert", model, "--calibration", digits, "--method", "qcfs", "-o", out)
    assert "no threshold was trained" in error and not any(tmp_path.glob("*out*"))
    assert "ends in .onnx" in refused("convert", tmp_path / "a.h6", "--calibration", digits)
    refused("convert", model, "--calibration", tmp_path / "none.npz")


def test_samples_of_each_kind_are_read(tmp_path):
    x, y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0])
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "b.npz", x=np.asfortranarray(x))
    np.save(tmp_path / "c.npy", x)
    lines = [",".join(map(str, [*row, label])) for row, label in zip(x, y, strict=True)]
    (tmp_path / "d.csv").write_text("\n".join(["a,b,c,label", *lines]))
    (tmp_path / "e.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    for name in "abcde":
        (path,) = tmp_path.glob(f"{name}.*")
        samples, labels = read_samples(path)
        np.testing.assert_array_equal(samples, x)
        if name in "ad":
            np.testing.assert_array_equal(labels, y)
            assert labels.dtype.kind == "i"
        else:
            assert labels is None


def header(shape, kind="<f8"):
    """The header of an array without its numbers."""
    import io

    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", header((10**9, 10**9)) + b"1234", "at most 4 GiB that is all there"),
        ("x.npy", header((4, 4)) + b"1234", "ends after 4 of 128 bytes"),
        ("x.npy", header((2, 1), "|O") + b"1234" * 9, "must hold numbers"),
        ("x.npy", b"\x93NUMPY nonsense", "no array of numpy's"),
        ("x.npy", b"", "no array of numpy's"),
        ("x.npz", b"PK nonsense", "no .npz file"),
        ("x.csv", b"1,2\n3\n", "every line must have as many cells"),
        ("x.csv", b"a,b\n1,two\n", "must have numbers below"),
        ("x.csv", b"\xff\xfe\x00", "must be text"),
        ("x.csv", b"", "every line must have as many cells, got no lines"),
    ],
)
def test_files_that_are_no_samples_are_refused_before_anything_is_allocated(
    tmp_path, name, content, message
):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_samples(path)


def test_archives_that_claim_too_much_or_have_other_arrays_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header((10**6, 10**6)) + b"\0" * 10**6)
    with pytest.raises(FormatError, match="at most 4 GiB"):
        read_samples(path)
    np.savez(path, pictures=np.ones((2, 3)))
    with pytest.raises(FormatError, match="an array named x, got pictures"):
        read_samples(path)
    np.savez(path, x=np.ones((2, 3)), y=np.ones(3))
    with pytest.raises(FormatError, match="there must be 2 labels"):
        read_samples(path)
    np.savez(path, x=np.ones(3))
    with pytest.raises(FormatError, match=r"shape \(samples, ...\)"):
        read_samples(path)
    with pytest.raises(ParameterError, match="must be in a file that ends in .npz"):
        read_samples(tmp_path / "a.mat")
