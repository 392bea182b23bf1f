"""A data set through a network: every sample once, whoever runs it and whatever is killed."""

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import batch_work as work
import h5py
import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import FormatError, ParameterError, SimulationError

DURATION = 60.0


def same(a: ns.BatchResult, b: ns.BatchResult) -> bool:
    return (
        len(a) == len(b)
        and a.stop_reasons == b.stop_reasons
        and np.array_equal(a.durations, b.durations)
        and all(np.array_equal(a.spikes[k], b.spikes[k]) for k in a.spikes)
        and all(np.array_equal(a.operations[k], b.operations[k]) for k in a.operations)
        and list(a.values) == list(b.values)
        and all(
            np.array_equal(x, y)
            for k in a.values
            for x, y in zip(a.values[k], b.values[k], strict=True)
        )
    )


def batch(**options) -> ns.Batch:
    return ns.Batch(work.network(), DURATION, measure=work.counts_and_times, **options)


@pytest.fixture(scope="module")
def alone() -> ns.BatchResult:
    """What one thread finds."""
    return batch().run(work.samples(20), progress=False)


def test_a_batch_is_what_runs_of_single_samples_are():
    net = work.network()
    net.stimuli.clear()  # noise differs between samples
    del net.populations["noise"], net.projections[next(k for k in net.projections if "noise" in k)]
    found = ns.Batch(net, DURATION, measure=work.counts_and_times).run(
        work.samples(4), progress=False
    )
    for k, sample in enumerate(work.samples(4)):
        result = ns.simulate(net, DURATION, inputs=sample, progress=False)
        assert np.array_equal(found.values["times"][k], result.spikes["cells"].times)
        assert {n: int(s[k]) for n, s in found.spikes.items()} == {
            n: int(c.sum()) for n, c in result.counts.items()
        }
        assert found.operations["cells"][k] + found.operations["out"][k] == sum(
            result.synaptic_events.values()
        )


def test_samples_have_noise_of_their_own_which_only_seed_and_index_decide(alone):
    again = batch().run([work.samples(1)[0]] * 3, progress=False)
    times = again.values["times"]
    assert not np.array_equal(times[0], times[1]) and not np.array_equal(times[1], times[2])
    assert np.array_equal(times[0], alone.values["times"][0])  # sample 0 of both is the same
    usual = ns.simulate(work.network(), DURATION, inputs=work.samples(1)[0], progress=False)
    assert np.array_equal(times[0], usual.spikes["cells"].times)


@pytest.mark.parametrize("kind", ["noise", "drizzle", "current"])
def test_each_kind_of_noise_draws_anew_and_a_reset_takes_it_back(kind):
    net = ns.Network(seed=2)
    cells = net.add(ns.LIF(20, tau_m=10.0), "cells")
    if kind == "noise":
        net.connect(net.add(ns.PoissonSource(20, rate=200.0), "n"), cells, weight=0.9)
    else:
        stimulus = {
            "drizzle": ns.PoissonInput(rate=400.0, weight=0.4),
            "current": ns.NoiseCurrent(mean=1.0, std=1.0, tau=2.0),
        }
        net.stimulate("cells", stimulus[kind])
    sim = ns.Simulator(net)

    def spikes(sample: int):
        sim.reset()
        sim.loop.resample(sample)
        return sim.run(100.0, progress=False).spikes["cells"].times.tolist()

    usual = sim.run(100.0, progress=False).spikes["cells"].times.tolist()
    assert usual and spikes(0) == usual and spikes(1) != usual and spikes(1) == spikes(1)
    sim.reset()
    assert sim.run(100.0, progress=False).spikes["cells"].times.tolist() == usual


@pytest.mark.parametrize("workers, piece", [(2, 8), (3, 1), (2, 100)])
def test_threads_and_pieces_change_nothing(alone, workers, piece):
    found = batch().run(work.samples(20), workers=workers, piece=piece, progress=False)
    assert same(alone, found)


def test_an_executor_of_ones_own_changes_nothing(alone):
    with ThreadPoolExecutor(2) as pool:
        assert same(alone, batch().run(work.samples(20), on=pool, workers=2, progress=False))


def test_the_event_engine_runs_batches(alone):
    net = work.network()
    net.stimuli.clear()
    one, two = (
        ns.Batch(net, DURATION, engine="event", measure=work.counts_and_times).run(
            work.samples(6), workers=w, piece=2, progress=False
        )
        for w in (1, 2)
    )
    assert same(one, two) and one.spikes["cells"].sum() > 0
    sim = ns.EventSimulator(net)
    direct = sim.batch(DURATION, work.samples(6), progress=False)
    for k, result in enumerate(direct):
        assert np.array_equal(result.spikes["cells"].times, one.values["times"][k])


def test_outcomes_stream_in_order_while_the_data_set_is_read_a_little_ahead():
    read = []

    def reader():
        for k, sample in enumerate(work.samples(100)):
            read.append(k)
            yield sample

    seen = []
    for outcome in batch().stream(reader(), piece=2, progress=False):
        seen.append(outcome.index)
        assert len(read) <= len(seen) + 8  # pieces under way, not the data set
        if len(seen) == 30:
            break
    assert seen == list(range(30)) and len(read) < 40


def test_progress_counts_samples():
    calls = []
    batch().run(work.samples(5), piece=2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 5) for k in range(1, 6)]


def test_a_bar_tells_rate_and_remaining_time(capsys, monkeypatch):
    import tqdm.auto

    class Soon(tqdm.auto.tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **(options | {"delay": 0.0, "mininterval": 0.0}))

    monkeypatch.setattr(tqdm.auto, "tqdm", Soon)
    batch().run(work.samples(5), piece=1, progress=True)
    err = capsys.readouterr().err
    assert "samples" in err and "/s]" in err and "<" in err


def test_a_sample_can_end_early():
    stops = ns.StopAtSpikes("out", 2)
    found = batch(stop=stops, chunk=1.0).run(work.samples(8), progress=False)
    assert (found.durations < DURATION).any() and "spikes of 'out'" in " ".join(found.stop_reasons)
    assert (found.spikes["out"][found.durations < DURATION] >= 2).all()


# ------------------------------------------------------------------ folders and kills


def test_a_folder_lets_a_batch_go_on_where_it_ended(alone, tmp_path):
    stream = batch().stream(work.samples(20), piece=2, out=tmp_path, progress=False)
    first = [next(stream) for _ in range(7)]
    stream.close()
    kept = sum(h5py.File(f)["index"].size for f in tmp_path.glob("part-*.h5"))
    assert kept >= len(first)
    found = batch().run(work.samples(20), out=tmp_path, progress=False)
    assert same(alone, found)
    everything = batch().run(work.samples(20), out=tmp_path, progress=False)  # nothing is left
    assert same(alone, everything)
    indices = np.concatenate([h5py.File(f)["index"][:] for f in tmp_path.glob("part-*.h5")])
    assert sorted(indices) == list(range(20))


def test_the_folder_of_another_batch_is_refused(tmp_path):
    batch().run(work.samples(2), out=tmp_path, progress=False)
    others = [
        ns.Batch(work.network(seed=6), DURATION, measure=work.counts_and_times),
        ns.Batch(work.network(), DURATION + 1, measure=work.counts_and_times),
        ns.Batch(work.network(), DURATION),
        batch(dt=0.2),
    ]
    for other in others:
        with pytest.raises(ParameterError, match="another network, duration, options or functions"):
            other.run(work.samples(2), out=tmp_path, progress=False)


def test_a_damaged_part_is_named(tmp_path):
    batch().run(work.samples(2), out=tmp_path, progress=False)
    part = next(tmp_path.glob("part-*.h5"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(FormatError, match=r"part-000000\.h5: must be a part of a batch"):
        batch().run(work.samples(2), out=tmp_path, progress=False)


def test_two_batches_do_not_share_a_folder(tmp_path):
    pytest.importorskip("fcntl")
    stream = batch().stream(work.samples(20), piece=1, out=tmp_path, progress=False)
    next(stream)
    with pytest.raises(ParameterError, match="a process is at work in it"):
        batch().run(work.samples(2), out=tmp_path, progress=False)
    stream.close()


def test_what_no_file_can_hold_is_refused_by_name(tmp_path):
    words = ns.Batch(work.network(), 5.0, measure=lambda r: {"word": "yes"})
    with pytest.raises(ParameterError, match="'word' of sample 0 has dtype <U3"):
        words.run(work.samples(1), out=tmp_path, progress=False)


@pytest.mark.slow
def test_processes_change_nothing_even_when_one_is_killed(alone, tmp_path):
    job = ns.Batch(
        work.network(), DURATION, measure=work.counts_and_times, encode=work.KilledOnce(tmp_path, 9)
    )
    options = {"workers": 2, "on": "processes", "piece": 2, "progress": False}
    found = job.run(list(enumerate(work.samples(20))), out=tmp_path / "out", **options)
    assert (tmp_path / "killed").exists() and same(alone, found)
    files = (tmp_path / "out").glob("part-*.h5")
    indices = np.concatenate([h5py.File(f)["index"][:] for f in files])
    assert sorted(indices) == list(range(20))


@pytest.mark.slow
def test_processes_that_always_die_end_the_batch():
    job = ns.Batch(work.network(), DURATION, encode=work.AlwaysKilled())
    with pytest.raises(SimulationError, match="worker processes died 3 times"):
        job.run(work.samples(4), on="processes", workers=1, progress=False)


@pytest.mark.slow
def test_a_script_that_is_killed_goes_on_when_it_runs_again(alone, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(work.__file__).parent)!r})
        import batch_work as work
        import neurosim as ns
        from neurosim.batch import flow

        flow._KEEP_S = 0.0
        job = ns.Batch(work.network(), {DURATION}, measure=work.counts_and_times)
        n = 0
        for outcome in job.stream(work.samples(20), piece=1, out={str(tmp_path / "out")!r}):
            n += 1
            if n == 8 and len(sys.argv) > 1:
                os.kill(os.getpid(), signal.SIGKILL)
        """)
    )
    killed = subprocess.run([sys.executable, script, "die"], env=os.environ)
    assert killed.returncode == -9
    files = (tmp_path / "out").glob("part-*.h5")  # a part has all that was done by then
    assert 7 <= sum(len(h5py.File(f)["index"]) for f in files) < 20
    found = batch().run(work.samples(20), out=tmp_path / "out", progress=False)
    assert same(alone, found)


@pytest.mark.slow
def test_a_dask_worker_killed_mid_run_loses_and_repeats_nothing(alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    job = ns.Batch(
        work.network(), DURATION, measure=work.counts_and_times, encode=work.KilledOnce(tmp_path, 9)
    )
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        samples = list(enumerate(work.samples(20)))
        found = job.run(samples, on=client, piece=2, out=tmp_path / "out", progress=False)
    assert (tmp_path / "killed").exists() and same(alone, found)
    files = (tmp_path / "out").glob("part-*.h5")
    indices = np.concatenate([h5py.File(f)["index"][:] for f in files])
    assert sorted(indices) == list(range(20))


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    "options, message",
    [
        ({"engine": "gpu"}, "Batch.engine must be"),
        ({"measure": 3}, "Batch.measure must be a function, got 3"),
        ({"encode": "x"}, "Batch.encode must be a function"),
        ({"inputs": {}}, "Batch: no option 'inputs'; see Batch.run"),
        ({"speed": 2}, "Batch: no option 'speed'"),
        ({"stop": 3}, "stop must be"),
    ],
)
def test_bad_options_are_refused_when_they_are_given(options, message):
    with pytest.raises(ParameterError, match=message):
        ns.Batch(work.network(), DURATION, **options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"on": "cluster"}, "Batch.run: on must be 'threads', 'processes'"),
        ({"workers": 0}, "Batch.run.workers must be"),
        ({"piece": 0}, "Batch.run.piece must be"),
    ],
)
def test_bad_arguments_of_a_run_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        batch().run(work.samples(2), progress=False, **options)


def test_an_error_names_its_sample_and_keeps_its_kind(tmp_path):
    samples = work.samples(9)
    samples[6] = {"in": ([1.0], [77])}
    with pytest.raises(ParameterError, match=r"Batch: sample 6: .*ids must be in 0\.\.19, got 77"):
        batch().run(samples, piece=2, out=tmp_path, progress=False)
    assert list(tmp_path.glob("part-*.h5"))  # what was done stays
    with pytest.raises(SimulationError, match="sample 0: RuntimeError.'no ruler'"):
        ns.Batch(work.network(), 5.0, measure=work.broken).run(work.samples(1), progress=False)


def test_processes_refuse_what_cannot_be_pickled():
    job = ns.Batch(work.network(), DURATION, measure=lambda result: 1)
    with pytest.raises(ParameterError, match="functions of a module, not lambdas"):
        job.run(work.samples(2), on="processes", progress=False)


def test_a_sample_without_a_name_goes_to_the_only_source():
    net = ns.Network()
    source, out = net.add(ns.SpikeSource(2), "s"), net.add(ns.LIF(2, tau_m=10.0), "o")
    net.connect(source, out, ns.OneToOne(), weight=2.0)
    found = ns.Batch(net, 5.0).run([([1.0], [0]), ([1.0, 2.0], [1, 1])], progress=False)
    assert found.values["o"].tolist() == [[1, 0], [0, 2]]
    net.add(ns.SpikeSource(2), "t")
    with pytest.raises(ParameterError, match="sources \\['s', 't'\\], got tuple"):
        ns.Batch(net, 5.0).run([([1.0], [0])], progress=False)


def test_no_samples_give_an_empty_result():
    found = batch().run([], progress=False)
    assert len(found) == 0 and found.values == {} and "0 samples" in repr(found)


# ------------------------------------------------------------------ what was broken once


def small(v0: float = 0.0, times=()) -> ns.Network:
    net = ns.Network(time="steps")
    source = net.add(ns.SpikeSource(1, times=times, ids=[0] * len(times)), "in")
    out = net.add(ns.IF(1, v_th=2.0, v0=v0, tau_syn=None), "out")
    net.connect(source, out)
    return net


def scaled(factor):
    def measure(result):
        return factor * result.counts["in"]

    return measure


class Ruler:
    def __init__(self, unit):
        self.unit = unit

    def __call__(self, result):
        return result.counts["in"] * self.unit

    def read(self, result):
        return self(result)


SAMPLE = [([1], [0])]


def test_slow_samples_and_slow_consumers_are_kept_once(tmp_path, monkeypatch):
    from neurosim.batch import flow

    monkeypatch.setattr(flow, "_KEEP_S", 0.0)  # as if two seconds passed between any two looks
    job = ns.Batch(small(), 5)
    for k, outcome in enumerate(
        job.stream(iter(SAMPLE * 9), out=tmp_path, piece=2, progress=False)
    ):
        assert outcome.index == k
    indices = np.concatenate([h5py.File(f)["index"][:] for f in tmp_path.glob("part-*.h5")])
    assert sorted(indices) == list(range(9))


@pytest.mark.parametrize(
    "one, other",
    [
        ({"net": small()}, {"net": small(v0=1.5)}),
        ({"net": small()}, {"net": small(times=[2])}),
        ({"measure": scaled(1)}, {"measure": scaled(100)}),
        ({"measure": Ruler(1)}, {"measure": Ruler(2)}),
        ({"measure": Ruler(1).read}, {"measure": Ruler(2).read}),
        ({"measure": lambda r, k=1: r.counts["in"]}, {"measure": lambda r, k=2: r.counts["in"]}),
    ],
)
def test_a_folder_tells_apart_what_changes_results(one, other, tmp_path):
    def run(net=None, measure=None):
        job = ns.Batch(net or small(), 5, measure=measure)
        return job.run(SAMPLE, out=tmp_path, progress=False)

    run(**one)
    run(**one)
    with pytest.raises(ParameterError, match="another network, duration, options or functions"):
        run(**other)


def test_a_folder_tells_samples_apart(tmp_path):
    job = ns.Batch(small(), 5)
    job.run([*SAMPLE, ([2], [0])], out=tmp_path, progress=False)
    with pytest.raises(ParameterError, match="sample 1 is another one"):
        job.run([*SAMPLE, ([3], [0])], out=tmp_path, progress=False)


def test_fingerprints_do_not_depend_on_the_order_of_sets():
    code = (
        "import neurosim as ns; from neurosim.batch.folder import fingerprint\n"
        "n = ns.Network(); n.add(ns.SpikeSource(1), 's')\n"
        "f = lambda r: [k in {'a', 'b', 'c', 'd'} for k in r.counts]\n"
        "print(fingerprint(ns.Batch(n, 1.0, measure=f).job))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in (1, 2, 3)
    }  # fmt: skip
    assert len(found) == 1


def test_a_batch_that_cannot_be_built_harms_no_other_on_the_same_threads():
    with ThreadPoolExecutor(1) as pool:
        good = ns.Batch(small(), 5)
        first = good.run(SAMPLE, on=pool, progress=False)
        with pytest.raises(ParameterError):
            ns.Batch(small(), 5, dt=0.3).run(SAMPLE, on=pool, progress=False)
        assert same(first, good.run(SAMPLE, on=pool, progress=False))


def test_a_stream_that_is_given_up_ends_behind_the_present_sample():
    ran = []

    def encode(sample):
        ran.append(sample)
        time.sleep(0.01)
        return [1], [0]

    stream = ns.Batch(small(), 5, encode=encode).stream(
        range(2000), piece=2, workers=1, progress=False
    )
    next(stream)
    before = len(ran)
    stream.close()
    assert len(ran) <= before + 2  # of six that had been handed out


def test_names_of_measures_are_texts_and_the_same_for_all(tmp_path):
    job = ns.Batch(small(), 5, measure=lambda r: {0: r.counts["out"]})
    job.run(SAMPLE, out=tmp_path, progress=False)
    assert list(job.run(SAMPLE * 2, out=tmp_path, progress=False).values) == ["0"]
    odd = ns.Batch(small(), 5, measure=lambda r: {str(r.counts["in"][0]): 1})
    with pytest.raises(ParameterError, match=r"the same names .*, got \['2'\] for sample 1"):
        odd.run([*SAMPLE, ([1, 2], [0, 0])], progress=False)
    with pytest.raises(ParameterError, match="sample 0: measure must return arrays of numbers"):
        ns.Batch(small(), 5, measure=lambda r: None).run(SAMPLE, progress=False)


def test_samples_that_are_none_are_refused():
    with pytest.raises(ParameterError, match="samples must be a sequence or an iterator"):
        ns.Batch(small(), 5).run(5, progress=False)
    with pytest.raises(ParameterError, match="path must be a str or Path"):
        ns.Batch(small(), 5).run(SAMPLE, out=5, progress=False)


def test_spikes_are_counted_over_time_in_the_event_engine_too():
    net = ns.Network()
    source, out = net.add(ns.SpikeSource(1), "in"), net.add(ns.IF(1, tau_syn=None), "out")
    net.connect(source, out, delay=1.0)
    samples = [([1.0, 2.5], [0, 0])]
    grid = ns.RunningOutputs("out", interval=1.0)
    found = ns.Batch(net, 5.0, engine="event", measure=grid).run(samples, progress=False)
    assert found.values["value"].ravel().tolist() == [0, 0, 1, 2, 2]
    with pytest.raises(ParameterError, match="interval must be given for the event engine"):
        ns.Batch(net, 5.0, engine="event", measure=ns.RunningOutputs("out")).run(
            samples, progress=False
        )
