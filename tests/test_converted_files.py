"""Converted networks in files: read back they run bit for bit; damage and strangers are refused."""

import json
import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
from conversion_nets import chain, residual

from neurosim._jit import JIT
from neurosim.conversion import Converted, convert
from neurosim.errors import FormatError, ParameterError

NEEDS_COMPILER = pytest.mark.skipif(not JIT, reason="takes minutes without the compiler")


def small(**options):
    rng = np.random.default_rng(0)
    plan = chain(rng, (4, 6, 3))
    return convert(plan, rng.uniform(0, 1, (20, 4)), steps=5, **options)


@NEEDS_COMPILER
@pytest.mark.parametrize(
    ("pool", "options"),
    [
        ("max", {"method": "signed", "steps": 6}),
        pytest.param(
            "average",
            {"method": "calibrated", "steps": 4, "per_channel": True, "input": "rate"},
            marks=pytest.mark.slow,
        ),
        pytest.param("max", {"method": "first-spike"}, marks=pytest.mark.slow),
    ],
)
def test_a_network_that_is_read_back_runs_bit_for_bit(tmp_path, pool, options):
    rng = np.random.default_rng(1)
    plan = residual(rng, pool=pool)
    x = rng.normal(0.3, 0.6, (20, *plan.input_shape))
    made = convert(plan, x, **options)
    read = Converted.load(made.save(tmp_path / "network.h5"))
    assert str(read.report) == str(made.report) and read.duration == made.duration
    for one, other in zip(made.runs(x[:2]), read.runs(x[:2]), strict=True):
        for name, spikes in one.spikes.items():
            np.testing.assert_array_equal(spikes.times, other.spikes[name].times)
            np.testing.assert_array_equal(spikes.ids, other.spikes[name].ids)
        np.testing.assert_array_equal(made.outputs(one), read.outputs(other))
    np.testing.assert_array_equal(made.plan.classes, read.plan.classes)


def test_files_that_are_cut_or_changed_anywhere_are_refused_or_the_same(tmp_path):
    path = small().save(tmp_path / "network.h5")
    whole, rng = path.read_bytes(), np.random.default_rng(2)
    expected = str(Converted.load(path).report)
    refused = 0
    for trial in range(120):
        content = bytearray(whole)
        if trial % 4 == 0:
            del content[rng.integers(len(content)) :]
        else:
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        try:
            assert str(Converted.load(path).report) == expected
        except FormatError:
            refused += 1
    assert refused > 30


def _negate(names):
    for name in names:
        names[name] = -1.0


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("a class", lambda told: told["code"].update({"class": "Popen"})),
        ("steps", lambda told: told["code"]["fields"].update(steps=10**12)),
        ("a threshold", lambda told: _negate(told["thresholds"]["names"])),
        ("a layer", lambda told: told["plan"]["fields"]["layers"].pop(0)),
        ("a shape", lambda told: told["plan"]["fields"].update(shape=[10**15])),
        ("an array", lambda told: told["plan"]["fields"].update(order={"array": 99})),
        ("a part", lambda told: told.pop("biases")),
    ],
)
def test_what_a_stranger_writes_is_refused(tmp_path, monkeypatch, part, change):
    monkeypatch.setattr("neurosim.conversion.stored._digest", lambda *_: "forged")
    path = small().save(tmp_path / "network.h5")
    with h5py.File(path, "r+") as file:
        told = json.loads(file["converted"][()].tobytes())
        change(told)
        del file["converted"]
        file["converted"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with pytest.raises(FormatError, match=r"network\.h5"):
        Converted.load(path)


def _change(told, part, **changed):
    told[part]["fields"].update(changed)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("a reset", lambda told: _change(told, "code", reset="backwards")),
        ("v0", lambda told: _change(told, "code", v0=1e300)),
        ("hold", lambda told: _change(told, "code", hold=2.0)),
        ("classes", lambda told: _change(told, "plan", classes={"labels": ["a"]})),
        ("long labels", lambda told: _change(told, "plan", classes={"labels": ["a" * 9**6] * 99})),
        ("a report", lambda told: told.update(report="fine")),
        ("report layers", lambda told: _change(told, "report", layers=[1])),
        ("an input", lambda told: told["input"].update({"class": "RateCode"})),
        (
            "a unit",
            lambda told: told.update(
                input={"class": "RateInput", "fields": {"steps": 5, "unit": 0.0, "signed": True}}
            ),
        ),
        (
            "an endless run",
            lambda told: told.update(code={"class": "FirstSpikeCode", "fields": {"depth": 10**9}}),
        ),
        ("a window", lambda told: told.update(report=_window(10**9))),
    ],
)
def test_what_would_fail_later_is_refused_at_once(tmp_path, monkeypatch, part, change):
    test_what_a_stranger_writes_is_refused(tmp_path, monkeypatch, part, change)


def _window(size):
    fields = {"window": [size, size], "stride": None, "padding": 0, "by": "largest"}
    return {"class": "MaxPool", "fields": fields}


def _soft(file, _):
    file["0"] = h5py.SoftLink("/1")


def _outside(file, folder):
    os.mkfifo(folder / "pipe")  # would never end
    file["0"] = h5py.ExternalLink(str(folder / "pipe"), "x")


def _stored_outside(file, _):
    file.create_dataset("0", (9,), "u1", external=[("/dev/zero", 0, 9)])


def _virtual(file, _):
    file.create_virtual_dataset("0", h5py.VirtualLayout((9,), "f8"))


def _many_names(file, _):
    file["0"] = np.zeros(10_000)
    for k in range(len(file) - 1, 200):
        file[str(k)] = file["0"]


def _long_text(file, _):
    file["0"] = np.zeros(3)
    del file["converted"]
    file["converted"] = np.full(2**22 + 1, ord("["), np.uint8)


@pytest.mark.parametrize(
    "change", [_soft, _outside, _stored_outside, _virtual, _many_names, _long_text]
)
def test_arrays_that_lie_elsewhere_or_twice_are_refused(tmp_path, change):
    path = small().save(tmp_path / "network.h5")
    with h5py.File(path, "r+") as file:
        del file["0"]
        change(file, tmp_path)
    with pytest.raises(FormatError, match=r"dataset '|datasets up to"):
        Converted.load(path)


def test_labels_come_back_in_their_own_type_or_are_refused(tmp_path):
    plan, x = chain(np.random.default_rng(0), (4, 6, 3)), np.full((5, 4), 0.3)
    for labels in (["é", "b", "long"], np.array(["a", "b", "c"], object), np.array([4, 5, 6])):
        made = convert(replace(plan, classes=np.asarray(labels)), x, steps=2)
        read = Converted.load(made.save(tmp_path / "network.h5")).plan.classes
        assert read.dtype == made.plan.classes.dtype and read.tolist() == list(labels)
    days = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "M8[D]")
    with pytest.raises(ParameterError, match="labels must be numbers or text"):
        convert(replace(plan, classes=days), x, steps=2).save(tmp_path / "days.h5")


def test_arrays_larger_than_their_file_are_refused(tmp_path):
    path = small().save(tmp_path / "network.h5")
    with h5py.File(path, "r+") as file:
        del file["0"]
        file.create_dataset("0", (10**10,), "f8", compression="gzip")
    with pytest.raises(FormatError, match="not compressed"):
        Converted.load(path)


def test_other_files_and_places_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        Converted.load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(FormatError, match="whole converted network"):
        Converted.load(tmp_path / "text.h5")
    with pytest.raises(ParameterError, match="writable folder"):
        small().save(tmp_path / "missing" / "network.h5")
