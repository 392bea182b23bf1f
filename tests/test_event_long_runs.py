"""Long runs of the event engine: files as they go, and nothing is lost when they are killed."""

import json

import h5py
import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.exact.longrun import LongRun
from neurosim.errors import FormatError, ParameterError

RECORD = {"cells": ["spikes", "v[:3]"], "noise": ["spikes"]}


def network(seed=3):
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(30, rate=60.0), "noise")
    given = net.add(ns.SpikeSource(2, times=[1.0, 300.0], ids=[0, 1]), "given")
    cells = net.add(ns.LIF(40, tau_m=10.0, tau_syn=3.0, t_ref=2.0), "cells")
    net.connect(noise, cells, ns.FixedProbability(0.3), weight=1.2, delay=ns.Uniform(0.5, 3.0))
    net.connect(
        cells, cells, ns.FixedProbability(0.2), weight=ns.Normal(0.0, 0.4),
        delay=ns.Uniform(0.5, 30.0),
    )  # fmt: skip
    net.connect(given, cells, weight=0.5, delay=1.0)
    return net


SWITCHES = [ns.Switch("cells", 200.0, {"i_ext": 0.3})]
OPTIONS = {"engine": "event", "record": RECORD, "switches": SWITCHES, "interval": 0.7}


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_after(folder, n_saves, **options):
    """Run until the process ends just before checkpoint number ``n_saves`` (0 is the first)."""
    save, saves = LongRun.save, []

    def dying(self, run, reason):
        if len(saves) == n_saves:
            self.write(run, at_once=True)  # newer files are there, their checkpoint is not
            raise Killed
        saves.append(run.loop.t)
        save(self, run, reason)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LongRun, "save", dying)
        options = OPTIONS | {"checkpoint_every": 70.0} | options
        ns.simulate(network(), 400.0, out=folder, **options)
    return saves


def assert_same(a, b):
    assert list(a.spikes) == list(b.spikes)
    for name in a.spikes:
        np.testing.assert_array_equal(a.spikes[name].times, b.spikes[name].times)
        np.testing.assert_array_equal(a.spikes[name].ids, b.spikes[name].ids)
        np.testing.assert_array_equal(a.counts[name], b.counts[name])
    for name in a.traces:
        for variable, trace in a.traces[name].items():
            np.testing.assert_array_equal(trace.times, b.traces[name][variable].times)
            np.testing.assert_array_equal(trace.values, b.traces[name][variable].values)
    assert a.synaptic_events == b.synaptic_events
    assert (a.t_start, a.t_stop, a.stop_reason) == (b.t_start, b.t_stop, b.stop_reason)


@pytest.mark.parametrize("n_saves, threads", [(1, (1, 1)), (2, (1, 2)), (5, (2, 1))])
def test_a_resumed_run_equals_one_that_was_never_interrupted(tmp_path, n_saves, threads):
    whole = ns.simulate(network(), 400.0, **OPTIONS)
    saves = killed_after(tmp_path / "run", n_saves, threads=threads[0])
    assert saves == [0.0, 70.0, 140.0, 210.0, 280.0][:n_saves]
    resumed = ns.resume(network(), tmp_path / "run", threads=threads[1])
    assert len(whole.spikes["cells"]) > 500
    assert_same(whole, resumed)
    assert_same(whole, ns.resume(network(), tmp_path / "run"))  # it is over: only read


def test_files_without_checkpoints_hold_what_memory_would(tmp_path, monkeypatch):
    monkeypatch.setattr("neurosim.engine.exact.longrun._ENOUGH", 300)
    whole = ns.simulate(network(), 400.0, **OPTIONS)
    filed = ns.simulate(network(), 400.0, out=tmp_path / "run", **OPTIONS)
    assert_same(whole, filed)
    assert len(list((tmp_path / "run").glob("spikes-*.h5"))) > 3
    with pytest.raises(FormatError, match="has no checkpoints"):
        ns.resume(network(), tmp_path / "run")


def test_conditions_that_stopped_a_run_may_be_lifted(tmp_path):
    stop = ns.engine.StopAtSpikes("cells", 300)
    cut = ns.simulate(
        network(), 400.0, out=tmp_path / "run", checkpoint_every=50.0, stop=stop, chunk=10.0,
        **OPTIONS,
    )  # fmt: skip
    assert cut.t_stop < 400.0 and "spikes" in cut.stop_reason
    assert ns.resume(network(), tmp_path / "run").t_stop == cut.t_stop
    assert_same(ns.simulate(network(), 400.0, **OPTIONS), ns.resume(
        network(), tmp_path / "run", stop=[]
    ))  # fmt: skip


def test_a_later_piece_with_inputs_is_resumed(tmp_path):
    inputs = {"given": (np.array([5.0, 150.0]), np.array([1, 0]))}
    sim = ns.EventSimulator(network())
    sim.run(100.0)
    whole = sim.run(200.0, record=RECORD, inputs=inputs)
    sim.reset()
    sim.run(100.0)
    save = LongRun.save

    def dying(self, run, reason):
        if run.loop.t > 150.0:
            raise Killed
        save(self, run, reason)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LongRun, "save", dying)
        sim.run(200.0, record=RECORD, inputs=inputs, out=tmp_path / "a", checkpoint_every=30.0)
    assert_same(whole, ns.resume(network(), tmp_path / "a", inputs=inputs))  # are in it already


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_every": 10.0}, "checkpoint_every must come with out="),
        ({"out": "x", "checkpoint_every": 0.0}, r"checkpoint_every must be > 0"),
        ({"out": "x", "at_spikes": {"cells": ["v"]}}, "at_spikes must be left out with out="),
        ({"out": "x", "inputs": {"given": iter([])}}, "must be .times, ids. with out=, got a str"),
        ({"out": "x", "record": ["cells"]}, "record must be a mapping"),
    ],
)
def test_what_files_cannot_hold_is_refused_and_leaves_no_folder(tmp_path, options, message):
    options = dict(options)
    if "out" in options:
        options["out"] = tmp_path / "x"
    with pytest.raises(ParameterError, match=message):
        ns.EventSimulator(network()).run(20.0, **options)
    assert not list(tmp_path.iterdir())


def test_foreign_and_damaged_folders_give_one_clear_error(tmp_path):
    out = tmp_path / "run"
    killed_after(out, 3)
    with pytest.raises(FormatError, match="its seed is 3"):
        ns.resume(network(seed=4), out)
    other = network()
    other.connect("given", "cells", weight=0.1, delay=2.0, name="more")
    with pytest.raises(FormatError, match="must belong to the same network"):
        ns.resume(other, out)
    with pytest.raises(ParameterError, match=r"resume\.dt must be left out"):
        ns.resume(network(), out, dt=0.1)
    with h5py.File(out / "state.h5", "r+") as file:
        file["run"].attrs["n_done"] = 10**6
    with pytest.raises(FormatError, match="must be a checkpoint of a run"):
        ns.resume(network(), out)
    settings = json.loads((out / "run.json").read_text())
    for key, value, message in (
        ("switches", [{"at": 1.0}], "switches must be those of a run"),
        ("scheduler", "magic", "scheduler must be 'windows' or 'heap'"),
    ):
        (out / "run.json").write_text(json.dumps(settings | {key: value}))
        with pytest.raises(FormatError, match=message):
            ns.resume(network(), out)
