"""A long run that was cut off anywhere goes on from its last checkpoint to the same result."""

import importlib.util
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import neurosim as ns
from neurosim.cli import cli
from neurosim.engine import StopAtRate, StopAtSpikes, StopAtWall, read_traces, resume
from neurosim.engine.longrun import Run
from neurosim.errors import FormatError, ParameterError

ROOT = Path(__file__).resolve().parent.parent
RECORD = {"noise": "spikes", "exc": ["spikes", "v[:3]", "i_syn", "v[7]"], "inh": "spikes"}


def network(seed=3, rate=150.0):
    net = ns.Network(seed=seed)
    noise = net.add(ns.PoissonSource(20, rate=rate), "noise")
    given = net.add(ns.SpikeSource(4, times=[5.0, 160.0, 320.0], ids=[0, 1, 2]), "given")
    exc = net.add(ns.LIF(30, tau_m=10.0, tau_syn=3.0, t_ref=2.0), "exc")
    inh = net.add(ns.LIF(9, tau_m=10.0, tau_syn=3.0), "inh")
    net.connect([noise, given], [exc, inh], ns.FixedProbability(0.4), weight=0.31, delay=1.2)
    net.connect(exc, [exc, inh], ns.FixedInDegree(6), weight=0.07, delay=ns.Uniform(0.3, 20.0))
    net.connect(inh, [exc, inh], ns.FixedInDegree(3), weight=-0.23, delay=0.7)
    return net


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_after(folder, n_saves, duration=500.0, **options):
    """Run until the process ends just before checkpoint number ``n_saves`` (0 is the first)."""
    saves = []
    save = Run._save

    def dying(self, reason):
        if len(saves) == n_saves:
            self.spikes.flush()  # the newer files are there, their checkpoint is not
            self.probes.flush()
            raise Killed
        saves.append(self.sim.t)
        save(self, reason)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Run, "_save", dying)
        options = {"record": RECORD, "checkpoint_every": 50.0} | options
        ns.simulate(network(), duration, out=folder, **options)
    return saves


def assert_same(a, b):
    assert list(a.spikes) == list(b.spikes)
    for name in a.spikes:
        assert np.array_equal(a.spikes[name].times, b.spikes[name].times), name
        assert np.array_equal(a.spikes[name].ids, b.spikes[name].ids), name
    assert {k: list(v) for k, v in a.traces.items()} == {k: list(v) for k, v in b.traces.items()}
    for name in a.traces:
        for variable, trace in a.traces[name].items():
            other = b.traces[name][variable]
            assert np.array_equal(trace.values, other.values), (name, variable)
            assert np.array_equal(trace.times, other.times) and trace.unit == other.unit
            assert np.array_equal(trace.ids, other.ids)
    for name in a.counts:
        assert np.array_equal(a.counts[name], b.counts[name])
    for key in ("synaptic_events", "t_start", "t_stop", "stop_reason"):
        assert getattr(a, key) == getattr(b, key), key


@pytest.mark.parametrize("n_saves", [1, 2, 6, 10])
@pytest.mark.parametrize("dtype, threads", [("float32", (1, 1)), ("float64", (2, 1))])
def test_a_resumed_run_equals_one_that_was_never_interrupted(tmp_path, n_saves, dtype, threads):
    whole = ns.simulate(network(), 500.0, record=RECORD, dtype=dtype)
    out = tmp_path / "run"
    saves = killed_after(out, n_saves, dtype=dtype, threads=threads[0])
    assert saves == [50.0 * k for k in range(n_saves)]
    result = resume(network(), out, threads=threads[1])
    assert len(result.spikes["exc"]) > 200
    assert_same(whole, result)
    assert_same(whole, resume(network(), out))  # it is over: only read


def test_spikes_and_traces_of_a_folder_equal_those_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("neurosim.engine.recording._SPIKES_PER_FILE", 300)
    monkeypatch.setattr("neurosim.engine.recording._VALUES_PER_FILE", 20_000)
    whole = ns.simulate(network(), 500.0, record=RECORD, interval=0.3)
    result = ns.simulate(network(), 500.0, record=RECORD, interval=0.3, out=tmp_path / "run")
    assert_same(whole, result)
    assert len(list((tmp_path / "run").glob("traces-*.h5"))) > 2
    assert whole.traces["exc"]["v"].ids.tolist() == [0, 1, 2, 7]
    parts = list(result.spikes.parts("exc"))
    assert len(parts) > 2 and sum(map(len, parts)) == len(whole.spikes["exc"])
    assert sum(len(p["v"].times) for p in result.traces.parts("exc")) == 1667
    assert "TraceFolder" in repr(result.traces) and "SpikeFolder" in repr(result.spikes)
    for folder in (result.spikes, result.traces):
        with pytest.raises(KeyError):
            folder["nobody"]
    with pytest.raises(FormatError, match="no such file of traces"):
        read_traces(tmp_path / "none.h5")
    with pytest.raises(FormatError, match="folder must hold files traces-000000"):
        read_traces(tmp_path)
    with pytest.raises(FormatError, match="must be an HDF5 file with /traces"):
        read_traces(next((tmp_path / "run").glob("spikes-*.h5")))


def test_a_run_is_resumed_as_often_as_it_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("neurosim.engine.recording._SPIKES_PER_FILE", 200)  # between checkpoints
    whole = ns.simulate(network(), 500.0, record=RECORD)
    killed_after(tmp_path / "run", 2)
    save = Run._save
    for _ in range(4):
        saves = []

        def dying(self, reason, saves=saves):
            if len(saves) == 2:
                raise Killed
            saves.append(save(self, reason))

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Run, "_save", dying)
            resume(network(), tmp_path / "run")
    assert_same(whole, resume(network(), tmp_path / "run"))


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    out = tmp_path / "run"
    killed_after(out, 3)
    (out / ".spikes-000003.h5.99999.part").write_bytes(b"half")
    (out / "notes.txt").write_text("mine")
    with h5py.File(out / "state.h5") as file:
        n = int(file["run"].attrs["n_spikes"])
        assert json.loads(file["run"].attrs["record"])["exc"] == RECORD["exc"]
        assert int(file["run"].attrs["end"]) == 5000 and int(file.attrs["step"]) == 1000
    assert len(list(out.glob("spikes-*.h5"))) == n + 1
    resume(network(), out)
    assert not list(out.glob(".*")) and (out / "notes.txt").exists()


def test_a_later_piece_of_a_simulation_with_given_inputs_is_resumed(tmp_path):
    inputs = {"given": ([3.0, 120.0], [3, 3])}
    first = ns.Simulator(network())
    first.run(77.7)
    whole = first.run(300.0, record=RECORD | {"given": "spikes"}, inputs=inputs)
    second = ns.Simulator(network())
    second.run(77.7)
    out = tmp_path / "run"
    options = {"record": RECORD | {"given": "spikes"}, "out": out, "checkpoint_every": 40.0}
    second.run(300.0, inputs=inputs, stop=StopAtWall(0.0), **options)
    third = ns.Simulator(network())
    result = third.resume(out, stop=[])
    assert_same(whole, result)
    assert third.t == 377.7 and 197.7 in result.spikes["given"].times
    more = third.run(50.0)
    assert np.array_equal(more.spikes["exc"].times, first.run(50.0).spikes["exc"].times)


def test_conditions_are_kept_with_their_windows(tmp_path):
    stop = [StopAtRate("late", above=200.0, window=170.0), StopAtSpikes("late", 10**6)]

    def late():
        net = network()
        net.add(ns.SpikeSource(1, times=np.arange(230.0, 999.0), ids=np.zeros(769, int)), "late")
        return net

    whole = ns.simulate(late(), 900.0, stop=stop, chunk=30.0)
    assert 230 < whole.t_stop < 400 and "above 200" in whole.stop_reason
    options = {"out": tmp_path / "run", "checkpoint_every": 60.0, "chunk": 30.0}
    cut = ns.simulate(late(), 900.0, stop=[*stop, StopAtWall(0.0)], **options)
    assert cut.t_stop == 30.0
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        save, saves = Run._save, []

        def dying(self, reason):
            if len(saves) == 4:
                raise Killed
            saves.append(save(self, reason))

        patch.setattr(Run, "_save", dying)
        resume(late(), tmp_path / "run", stop=stop)
    result = resume(late(), tmp_path / "run", stop=stop)
    assert (result.t_stop, result.stop_reason) == (whole.t_stop, whole.stop_reason)
    again = resume(late(), tmp_path / "run")
    assert (again.t_stop, again.stop_reason) == (whole.t_stop, whole.stop_reason)
    assert resume(late(), tmp_path / "run", stop=[]).t_stop == 900.0


def test_functions_must_be_given_again(tmp_path):
    out = tmp_path / "run"
    ns.simulate(network(), 300.0, out=out, checkpoint_every=50.0, stop=lambda view: view.t >= 100.0)
    with pytest.raises(ParameterError, match=r"stop was a function, .*lambda.*give it again, or"):
        resume(network(), out)
    assert resume(network(), out, stop=lambda view: view.t >= 200.0).t_stop == 200.0
    assert resume(network(), out, stop=[]).t_stop == 300.0


def test_checkpoints_fall_on_the_chunk_after_their_time(tmp_path):
    saves = killed_after(tmp_path / "run", 4, checkpoint_every=25.0, chunk=10.0)
    assert saves == [0.0, 30.0, 50.0, 80.0]
    whole = ns.simulate(network(), 500.0, record=RECORD)
    assert_same(whole, resume(network(), tmp_path / "run"))


def test_foreign_and_damaged_folders_give_one_clear_error(tmp_path):
    out = tmp_path / "run"
    killed_after(out, 3)
    settings = (out / "run.json").read_text()
    for other in (network(seed=4), network(rate=151.0)):
        with pytest.raises(FormatError, match="must belong to this network"):
            resume(other, out)
    for text in ("", "{", "[]", "{}", settings.replace('"neurosim_run": 1', '"neurosim_run": 9'),
                 settings.replace('"seed": 3', '"seed": "3"'),
                 settings.replace('"stop": []', '"stop": [{"type": "StopAtLunch"}]')):  # fmt: skip
        (out / "run.json").write_text(text)
        with pytest.raises(FormatError, match=r"run\b"):
            resume(network(), out)
    (out / "run.json").write_text(settings)
    state = (out / "state.h5").read_bytes()
    rng = np.random.default_rng(1)
    for k in range(10):
        (out / "state.h5").write_bytes(state[: int(rng.integers(len(state)))] if k else b"")
        with pytest.raises(FormatError, match="state.h5"):
            resume(network(), out)
    for key, value in (("end", -5), ("chunk", 0), ("n_spikes", -1), ("record", "{")):
        (out / "state.h5").write_bytes(state)
        with h5py.File(out / "state.h5", "r+") as file:
            file["run"].attrs[key] = value
        with pytest.raises(FormatError, match="state.h5"):
            resume(network(), out)
    (out / "state.h5").write_bytes(state)
    moved = shutil.move(out / "spikes-000000.h5", tmp_path / "spikes")
    with pytest.raises(FormatError, match="must hold spikes-000000.h5, which is missing"):
        resume(network(), out)
    shutil.move(moved, out / "spikes-000000.h5")
    with pytest.raises(FormatError, match="must be the folder of a run, but has no run.json"):
        resume(network(), tmp_path)
    with pytest.raises(ParameterError, match="has run.json; resume it, or name a new folder"):
        ns.simulate(network(), 5.0, out=out)
    assert resume(network(), out).t_stop == 500.0


def test_a_run_without_checkpoints_says_so(tmp_path):
    ns.simulate(network(), 50.0, out=tmp_path / "run")
    with pytest.raises(FormatError, match="has no checkpoints; run with checkpoint_every="):
        resume(network(), tmp_path / "run")


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    out = tmp_path / "run"

    def intrude(view):
        with pytest.raises(ParameterError, match="a process is at work in it"):
            resume(network(), out, stop=[])
        return True

    result = ns.simulate(network(), 300.0, out=out, checkpoint_every=50.0, stop=intrude)
    assert result.t_stop == 50.0
    assert resume(network(), out, stop=[]).t_stop == 300.0


# ---------------------------------------------------------------- command line

NET = """
[network]
seed = 3

[populations.noise]
model = "PoissonSource"
n = 20
rate = 150.0

[populations.exc]
model = "LIF"
n = 30
tau_m = 10.0
tau_syn = 3.0

[[projections]]
pre = "noise"
post = "exc"
weight = 0.2
delay = { type = "Uniform", low = 0.5, high = 20.0 }
"""


def call(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(NET)
    return path


def test_the_command_resumes_its_own_runs(net, tmp_path, monkeypatch):
    plain = json.loads(call("run", net, "--t", "400", "--seed", "8", "--json")[1])
    out = tmp_path / "deep" / "out"
    arguments = ["run", net, "--t", "400", "--seed", "8", "--out", out, "--checkpoint-every", "100"]
    save, saves = Run._save, []

    def dying(self, reason):
        if len(saves) == 3:
            raise Killed
        saves.append(save(self, reason))

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Run, "_save", dying)
        CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    net.unlink()  # the folder has its own copy
    code, text, err = call("resume", out, "--json")
    summary = json.loads(text)
    assert (code, err) == (0, "")
    for key in ("spikes", "synaptic_events", "duration", "seed", "stop_reason"):
        assert summary[key] == plain[key], key
    names = {path.name for path in out.iterdir()}
    assert {"net.toml", "run.json", "state.h5", "summary.json", "raster.png"} < names
    assert json.loads((out / "summary.json").read_text())["spikes"] == summary["spikes"]
    assert len(ns.read_spikes(out)["exc"]) == summary["spikes"]["exc"]
    assert "30 neurons" in call("resume", out, "--threads", "2")[1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--t", 10, "--checkpoint-every", 5), "must come with --out"),
        (("--t", -1, "--out", "deep/out", "--checkpoint-every", 5), "duration must be >= 0"),
        (("--t", 9, "--out", "deep/out", "--checkpoint-every", 0), "checkpoint_every must be >="),
        (("--t", 9, "--out", "net.toml/out", "--checkpoint-every", 5), "writable folder"),
    ],
)
def test_bad_long_runs_are_refused_in_one_sentence_and_leave_nothing(
    net, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("run", net, *arguments)
    assert (code, out) == (2, "") and err.startswith("neurosim: ") and message in err
    assert [path.name for path in tmp_path.iterdir()] == ["net.toml"]


def test_folders_that_cannot_be_resumed_are_refused_in_one_sentence(net, tmp_path):
    for folder in (tmp_path / "none", tmp_path):
        code, out, err = call("resume", folder)
        assert (code, out) == (2, "") and "no run.json" in err
    ns.simulate(network(), 20.0, out=tmp_path / "python", checkpoint_every=10.0)
    code, out, err = call("resume", tmp_path / "python")
    assert (code, out) == (2, "") and "neurosim.resume" in err
    taken = call("run", net, "--t", 9, "--out", tmp_path / "python", "--checkpoint-every", 5)
    assert taken[0] == 2 and "resume it, or name a new folder" in taken[2]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["clock", "event"])
def test_real_processes_killed_at_random_moments_lose_nothing(capfd, engine):
    path = ROOT / "benchmarks" / "kill_runs.py"
    spec = importlib.util.spec_from_file_location("kill_runs", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    options = ["--t", "1500", "--every", "50", "--engine", engine]
    assert script.main(["--kills", "6", "--seed", "2", *options]) == 0
    out = capfd.readouterr().out
    assert "6 kills" in out and "every resumed run equals the uninterrupted one" in out
