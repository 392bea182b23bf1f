"""Training: what is learnt, what is kept, what is refused."""

import gzip

import numpy as np
import pytest

import neurosim as ns
from neurosim.datasets import PairedMotifs, YinYang, mnist, read_idx, yin_yang_class
from neurosim.errors import FormatError, ParameterError, SimulationError
from neurosim.learning import Loss, Scored


def small_network(seed=1, *, hidden=8, delay=None):
    net = ns.Network(seed=seed)
    inp = net.add(ns.SpikeSource(5), "in")
    mid = net.add(ns.LIF(hidden, tau_m=10.0, tau_syn=10.0), "hidden")
    out = net.add(ns.LIF(3, tau_m=10.0, tau_syn=10.0), "out")
    delay = ns.Uniform(0.0, 2.0) if delay is None else delay
    net.connect(inp, mid, weight=ns.Normal(0.8, 0.8), delay=delay)
    net.connect(mid, out, weight=ns.Normal(0.5, 0.3), delay=delay)
    return net


LEARN = {"weight": 0.02, "delay": 0.03}


def trained(net=None, data=None, **changed):
    options = {
        "loss": ns.FirstSpikeCrossEntropy(),
        "duration": 30.0,
        "learn": LEARN,
        "epochs": 2,
        "batch": 30,
        "seed": 3,
    }
    return ns.fit(
        net or small_network(),
        YinYang(120, seed=5) if data is None else data,
        **(options | changed),
    )


def values(net):
    return [
        (p.weight.copy(), p.delay.copy())
        for p in net.projections.values()
    ]  # fmt: skip


def same(a, b):
    return all(
        np.array_equal(x, y)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_training_lowers_the_loss_and_leaves_the_description_alone():
    net = small_network()
    history = trained(net, YinYang(300, seed=5), epochs=6)
    loss = history.column("loss")
    assert loss[-1] < 0.9 * loss[0]
    assert isinstance(net.projections["in->hidden"].weight, ns.Normal)
    assert [row["epoch"] for row in history.rows] == list(range(1, 7))


def test_threads_change_nothing():
    assert same(values(trained(threads=1).network), values(trained(threads=2).network))


def test_seeds_change_the_order_and_so_the_weights():
    assert not same(values(trained(seed=1).network), values(trained(seed=2).network))


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    "optimizer", [ns.Adam(), ns.SGD(momentum=0.9)], ids=lambda o: type(o).__name__
)
def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path, optimizer):
    options = {"epochs": 4, "optimizer": optimizer, "validation": YinYang(30, seed=6)}
    whole = trained(**options)

    def kill(done, total):
        if done > 2.4 * 120:
            raise KilledError

    with pytest.raises(KilledError):
        trained(checkpoint=tmp_path / "run.h5", progress=kill, **options)
    resumed = trained(checkpoint=tmp_path / "run.h5", **options)
    assert resumed.rows == whole.rows
    assert same(values(resumed.network), values(whole.network))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    trained(checkpoint=tmp_path / "run.h5", epochs=1)
    with pytest.raises(FormatError, match="must belong to a training with these arguments"):
        trained(checkpoint=tmp_path / "run.h5", seed=9)
    (tmp_path / "bad.h5").write_bytes(b"nothing of the kind")
    with pytest.raises(FormatError, match="must be a whole checkpoint"):
        trained(checkpoint=tmp_path / "bad.h5")


def test_what_was_learnt_runs_in_both_engines():
    net = trained().network
    (times, ids), _ = YinYang(1, seed=8)[0]
    exact = ns.simulate(net, 30.0, engine="event", inputs={"in": (times, ids)}).spikes["out"]
    grid = ns.simulate(
        net, 30.0, engine="clock", dt=0.001, inputs={"in": (times, ids)}, round_delays=True
    ).spikes["out"]
    assert exact.times.size == grid.times.size > 0
    assert np.abs(np.sort(exact.times) - np.sort(grid.times)).max() < 0.05


@pytest.mark.parametrize("share, size", [("axon", 5), ("dendrite", 8), ("projection", 1)])
def test_shared_delays_stay_shared(share, size):
    learn = {"delay": ns.Learnable(what="delay", rate=0.05, share=share, of="in->hidden")}
    delay = trained(learn=learn).network.projections["in->hidden"].delay.reshape(5, 8)
    assert np.unique(delay).size == size
    if share == "axon":
        assert (delay == delay[:, :1]).all()
    if share == "dendrite":
        assert (delay == delay[:1]).all()


@pytest.mark.parametrize("form", ["clip", "sigmoid", "softplus"])
def test_delays_stay_inside_their_bounds(form):
    spec = ns.Learnable(what="delay", rate=1.0, low=0.5, high=1.5, form=form)
    net = trained(learn=[spec], epochs=1).network
    for p in net.projections.values():
        assert p.delay.min() >= 0.5
        assert form == "softplus" or p.delay.max() <= 1.5


def test_weights_of_the_two_ports_keep_their_signs():
    net = ns.Network(seed=1)
    inp = net.add(ns.SpikeSource(5), "in")
    out = net.add(ns.LIF(3, tau_m=10.0, tau_syn=(10.0, 5.0)), "out")
    net.connect(inp, out, weight=ns.Uniform(0.5, 1.5), port="exc", name="up")
    net.connect(inp, out, weight=ns.Uniform(-0.5, -0.1), port="inh", name="down")
    net = trained(net, learn={"weight": 0.3}).network
    assert net.projections["up"].weight.min() >= 0
    assert net.projections["down"].weight.max() <= 0


def test_thresholds_and_time_constants_learn():
    net = trained(learn={"v_th": 0.01, "tau_m": 0.1, "tau_syn": 0.1}).network
    params = net.populations["hidden"].neurons.params
    assert {name for name in ("v_th", "tau_m", "tau_syn") if params[name] not in (1.0, 10.0)} == {
        "v_th", "tau_m", "tau_syn",
    }  # fmt: skip
    assert np.ndim(params["tau_m"]) == 0


def test_silent_neurons_are_woken_and_need_not_be():
    net = small_network()
    net.projections.clear()
    net.connect("in", "hidden", weight=0.05, delay=1.0)
    net.connect("hidden", "out", weight=0.05, delay=1.0)
    asleep = trained(net, silent=ns.BumpSilent(step=0.0), epochs=1)
    assert asleep.rows[-1]["spikes"] == 5
    assert (asleep.network.projections["in->hidden"].weight == 0.05).all()
    awake = trained(net, silent=ns.BumpSilent(step=0.01), epochs=4)
    assert awake.rows[-1]["spikes"] > 5


def test_rate_targets_hold_the_number_of_spikes_down():
    target = ns.RateTarget(population="hidden", high=0.5, strength=0.5)
    free, held = trained(epochs=4), trained(epochs=4, rate_targets=[target])
    assert held.rows[-1]["spikes"] < free.rows[-1]["spikes"]


@pytest.mark.parametrize(
    "loss",
    [
        ns.FirstSpikeMSE(margin=2.0),
        ns.CountCrossEntropy(),
        ns.PeakCrossEntropy(scale=5.0),
        ns.IntegralCrossEntropy(decay=20.0, scale=0.3),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_loss_can_be_learnt_from(loss):
    net = small_network()
    if "Peak" in type(loss).__name__ or "Integral" in type(loss).__name__:
        net = ns.Network(seed=1)
        net.add(ns.SpikeSource(5), "in")
        net.add(ns.LIF(8, tau_m=10.0, tau_syn=10.0), "hidden")
        net.add(ns.LI(3, tau_m=10.0, tau_syn=10.0), "out")
        net.connect("in", "hidden", weight=ns.Normal(0.8, 0.8), delay=1.0)
        net.connect("hidden", "out", weight=ns.Normal(0.0, 0.3), delay=1.0)
    history = trained(net, YinYang(300, seed=5), loss=loss, epochs=6)
    assert history.rows[-1]["loss"] < history.rows[0]["loss"]
    assert history.rows[-1]["accuracy"] > 0.35


def test_a_loss_of_ones_own_works():
    class Early(Loss):
        def score(self, batch, labels, gradient):
            times = batch.first_spikes("out")
            there = np.isfinite(times)
            if gradient:
                batch.pull_first_spikes(1.0 * there / len(batch))
            total = np.where(there, times, batch.duration).sum(axis=1)
            return Scored(total, np.zeros(len(batch), int))

    history = trained(loss=Early(), epochs=3)
    assert history.rows[-1]["loss"] < history.rows[0]["loss"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.StepDecay(every=0),
        lambda: ns.CosineDecay(0),
        lambda: ns.Learnable(what="delay", rate=0.1, low="a"),
        lambda: ns.Learnable(what="delay", rate=0.1, high=None),
        lambda: ns.Learnable(what="delay", rate=0.1, low=3.0, high=2.0),
        lambda: ns.Learnable(what="weight", rate=0.1, schedule=3),
        lambda: ns.Learnable(what="weight", rate=0.1, form="sigmoid"),
        lambda: ns.RateTarget(population="x", low=2.0, high=1.0),
        lambda: ns.IntegralCrossEntropy(decay="a"),
        lambda: PairedMotifs(10, classes=3),
        lambda: PairedMotifs(10, jitter=float("nan")),
        lambda: YinYang(10, bias=float("nan")),
        lambda: YinYang(points=(np.zeros((4, 3)), np.zeros(4))),
    ],
)
def test_descriptions_are_checked_when_they_are_made(make):
    with pytest.raises(ParameterError):
        make()


def test_spike_losses_refuse_leaky_integrators():
    net = ns.Network()
    inp, out = net.add(ns.SpikeSource(5), "in"), net.add(ns.LI(3), "out")
    net.connect(inp, out)
    with pytest.raises(ParameterError, match="must be cells that fire, got 'out' of LI"):
        trained(net)


def test_a_training_that_breaks_down_returns_what_there_is():
    def wild(epoch):
        return float("nan") if epoch else 1.0

    learn = [ns.Learnable(what="weight", rate=0.01, schedule=wild)]
    with pytest.warns(RuntimeWarning, match="stopped in epoch 2"):
        history = trained(learn=learn, epochs=5)
    assert len(history.rows) == 1
    assert "lower its rate" in history.stop_reason
    assert np.isfinite(history.network.projections["in->hidden"].weight).all()
    with pytest.raises(SimulationError, match=r"Learnable\('weight'\) of 'in->hidden' must stay"):
        trained(learn=[ns.Learnable(what="weight", rate=1e12)], epochs=5)


def test_delays_in_loops_do_not_shrink_to_nothing():
    net = small_network()
    net.connect("hidden", "hidden", weight=0.05, delay=0.3)
    net = trained(net, learn={"delay": 0.5}, epochs=2).network
    assert net.projections["hidden->hidden"].delay.min() >= 0.1
    assert net.projections["in->hidden"].delay.min() == 0.0


def test_thresholds_stay_above_the_reset():
    net = trained(learn={"v_th": 1.0}, epochs=3).network
    assert net.populations["hidden"].neurons.params["v_th"] >= 0.05


def test_samples_without_input_do_not_raise_weights():
    empty = [(([], []), 0)] * 10
    net = trained(data=empty, epochs=3).network
    assert same(values(net), values(trained(data=empty, epochs=1, silent=False).network))


def test_sources_with_spikes_of_their_own_fire_in_every_sample():
    net = small_network()
    clock = net.add(ns.SpikeSource(1, times=[2.0, 99.0], ids=[0, 0]), "clock")
    net.connect(clock, "hidden", weight=0.1)
    data = [
        ({"in": spikes}, label) for spikes, label in (YinYang(20, seed=1)[k] for k in range(20))
    ]
    with_clock = ns.score(
        net, data, loss=ns.FirstSpikeCrossEntropy(population="out"), duration=30.0
    )
    one = ns.simulate(net, 30.0, engine="event", inputs={"in": data[0][0]["in"]})
    assert one.counts["clock"][0] == 1
    assert with_clock.spikes >= 6


def test_a_checkpoint_of_another_network_or_other_data_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    trained(checkpoint=path, epochs=1)
    others = [{"net": small_network(2)}, {"data": YinYang(120, seed=6)}, {"validation": YinYang(9)}]
    for other in others:
        with pytest.raises(FormatError, match="must belong to a training with these arguments"):
            trained(checkpoint=path, **other)


def test_early_stopping_returns_the_best_network():
    history = trained(
        validation=YinYang(60, seed=6), epochs=30, patience=2,
        learn={"weight": 0.5},
    )  # fmt: skip
    best = max(row["val_accuracy"] for row in history.rows)
    assert history.rows[history.best_epoch - 1]["val_accuracy"] == best
    assert len(history.rows) <= 30
    assert history.stop_reason in ("no better for 2 epochs", "all epochs")


def test_augmented_data_are_asked_for_anew():
    class Counting(YinYang):
        asked = 0

        def __getitem__(self, k):
            self.asked += 1
            return super().__getitem__(k)

    once, anew = Counting(60, seed=1), Counting(60, seed=1)
    trained(data=once, epochs=3)
    trained(data=anew, epochs=3, keep=False)
    assert (once.asked, anew.asked) == (60, 180)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"learn": {}}, "learn must be a mapping"),
        ({"learn": {"weigth": 0.1}}, "what must be one of"),
        ({"learn": {"tau_syn_exc": 0.1}}, "the network has nothing of the kind"),
        ({"learn": ns.Learnable(what="weight", rate=0.1, of="x")}, "must name some of"),
        ({"data": [1, 2]}, r"data\[0\] must be a pair"),
        ({"data": [(([50.0], [0]), 0)]}, "must have spikes before duration = 30 ms"),
        ({"data": [(([5.0], [7]), 0)]}, "must be in 0..4|must lie in"),
        ({"data": [(([5.0], [1]), 3)]}, r"labels must lie in 0..2"),
        ({"data": []}, "must have at least one sample"),
        ({"loss": "ttfs"}, "loss must be a Loss"),
        ({"loss": ns.PeakCrossEntropy()}, "must be leaky integrators"),
        ({"patience": 3}, "patience must come with validation"),
        ({"loss": ns.FirstSpikeMSE(population="in")}, "population must name neurons"),
        ({"learn": {"weight": ns.Learnable(what="delay", rate=0.1)}}, r"learn\['weight'\] must be"),
        ({"learn": [ns.Learnable(what="weight", rate=0.1)] * 2}, "must name 'weight' of .* once"),
        ({"largest_gradient": -1.0}, "largest_gradient must be a number > 0"),
        ({"silent": 3}, "silent must be a BumpSilent"),
        ({"rate_targets": [ns.RateTarget(population="x")]}, "must be RateTarget of populations"),
        ({"optimizer": "adam"}, r"optimizer must be Adam\(\) or SGD\(\)"),
        ({"checkpoint": "/nowhere/run.h5"}, "path must be a file in a writable folder"),
    ],
)
def test_wrong_arguments_are_named(changed, message):
    with pytest.raises(ParameterError, match=message):
        trained(**changed)


def test_yin_yang_is_drawn_as_the_published_files_were(test_data):
    for name, n, seed in (("train", 5000, 42), ("validation", 1000, 41)):
        data = YinYang(n, seed=seed)
        points = np.load(test_data / "yin-yang" / f"{name}_samples.npy")
        labels = np.load(test_data / "yin-yang" / f"{name}_labels.npy")
        np.testing.assert_array_equal(data.points, points[:, :2])
        np.testing.assert_array_equal(data.labels, labels)
        given = YinYang(points=(points, labels))
        np.testing.assert_array_equal(given.times, data.times)


def test_yin_yang_is_antisymmetric_but_for_the_dots():
    rng = np.random.default_rng(0)
    radius, angle = 0.5 * np.sqrt(rng.random(2000)), 2 * np.pi * rng.random(2000)
    x, y = 0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)
    one, other = yin_yang_class(x, y), yin_yang_class(1 - x, 1 - y)
    assert (np.where(one == 2, 2, 1 - one) == other).mean() > 0.999


# ------------------------------------------------------------------- what becomes of the result


def test_a_score_is_that_of_the_last_epoch():
    held_out = YinYang(60, seed=6)
    history = trained(validation=held_out, epochs=1)
    found = ns.score(history.network, held_out, loss=ns.FirstSpikeCrossEntropy(), duration=30.0)
    assert found.accuracy == history.rows[-1]["val_accuracy"]
    assert found.loss == pytest.approx(history.rows[-1]["val_loss"], rel=1e-12)
    assert found.predicted.shape == (60,)


def test_rounded_delays_are_those_that_the_clock_engine_takes():
    net = trained().network
    rounded = ns.round_delays(net, 0.1)
    for name in net.projections:
        before, after = ns.expand(net, name), ns.expand(rounded, name)
        assert np.abs(before.delay - after.delay).max() <= 0.05 + 1e-9
        np.testing.assert_array_equal(before.weight, after.weight)
    inputs = {"in": YinYang(1, seed=8)[0][0]}
    options = {"engine": "clock", "dt": 0.1, "inputs": inputs, "round_delays": True}
    one, two = (ns.simulate(n, 30.0, **options).spikes["out"].times for n in (net, rounded))
    np.testing.assert_array_equal(one, two)


def test_pruning_takes_the_weakest_or_the_slowest_synapses():
    net = small_network()
    for by, rank in (("weight", lambda s: -np.abs(s.weight)), ("delay", lambda s: s.delay)):
        pruned = ns.prune(net, 0.25, by=by, of="in->hidden")
        whole, left = ns.expand(net, "in->hidden"), ns.expand(pruned, "in->hidden")
        assert len(left) == 30
        assert len(ns.expand(pruned, "hidden->out")) == 24
        assert rank(left).max() <= np.sort(rank(whole))[29]


def test_history_and_delays_can_be_drawn():
    history = trained(validation=YinYang(30, seed=6))
    left, right = history.plot()
    assert len(left.lines) == len(right.lines) == 2
    assert ns.plot.delays(history.network, "in->hidden").get_xlabel() == "delay [ms]"
    assert "2 epochs" in repr(history)


def test_paired_motifs_have_equal_counts_and_intervals():
    data = PairedMotifs(40, jitter=0.0)
    for k in range(0, 20, 2):
        (one, ids_one), (two, ids_two) = data[k][0], data[k + 1][0]
        np.testing.assert_array_equal(np.bincount(ids_one), np.bincount(ids_two))
        np.testing.assert_allclose(np.sort(np.diff(one)), np.sort(np.diff(two)), atol=1e-9)


def test_idx_files_are_read_and_strange_ones_refused(tmp_path):
    header = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + bytes([0, 255, 51, 0]))
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3])
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    data = mnist(tmp_path)
    spikes, label = data[1]
    assert (len(data), label, spikes.times.tolist(), spikes.ids.tolist()) == (2, 3, [16.0], [0])
    with pytest.raises(ParameterError, match="folder must hold t10k-images.*get it from"):
        mnist(tmp_path, "test")
    for bad in (b"", b"\x00\x00\x08", header + bytes(3), b"\x1f\x8bnothing", b"\x00\x00\x0d\x01"):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(FormatError):
            read_idx(tmp_path / "bad")


def test_mnist_is_read_from_its_files(test_data):
    data = mnist(test_data / "mnist", "test")
    assert (len(data), data.labels[:4].tolist()) == (10_000, [7, 2, 1, 0])
    assert data.images.shape == (10_000, 28, 28)


def test_a_loss_that_returns_something_else_is_refused_by_name():
    class Wrong(Loss):
        def score(self, batch, labels, gradient):
            return np.zeros(len(batch))

    options = {"loss": Wrong(), "duration": 30.0}
    with pytest.raises(ParameterError, match=r"Wrong\.score must return Scored\(losses, predict"):
        ns.score(small_network(), YinYang(5), **options)


def test_messages_about_data_name_the_function_that_was_called():
    with pytest.raises(ParameterError, match=r"score: data\[0\] must be a pair"):
        ns.score(small_network(), [1, 2], loss=ns.FirstSpikeMSE(), duration=30.0)
