"""Convolutions as connectivity: the synapses of a kernel, in both engines."""

import numpy as np
import pytest
from convolution_reference import convolution, summed, transposed
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import FEW

import neurosim as ns
from neurosim.errors import BuildError, FormatError, ParameterError


def matrix_of(rule, shape):
    """The weights (n_pre, n_post) of a rule, and the shape of its targets."""
    net = ns.Network()
    out = rule.output_shape(shape)
    net.add(ns.SpikeSource(shape), "pre")
    net.add(ns.IF(out), "post")
    net.connect("pre", "post", rule, name="p")
    made = ns.expand(net, "p")
    n_pre, n_post = int(np.prod(shape)), int(np.prod(out))
    matrix = np.zeros((n_pre, n_post))
    np.add.at(matrix, (made.pre, made.post), made.weight)
    pairs = made.pre.astype(np.int64) * n_post + made.post
    assert np.unique(pairs).size == len(made), "a source reaches a target at most once"
    return matrix, out


def fits(rule, shape):
    """Does the kernel make anything of this shape?"""
    try:
        rule.output_shape(shape)
    except ParameterError:
        return False
    return True


@st.composite
def kernels(draw, transpose=False):
    """A rule with all its options, the shape of its input, and the reference's answer."""
    n = draw(st.integers(1, 3))
    axis = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    groups = draw(st.integers(1, 3))
    c_in, c_out = (groups * draw(st.integers(1, 3)) for _ in range(2))
    taps, stride, dilation = axis(1, 3), axis(1, 3), axis(1, 3)
    padding = tuple(zip(axis(0, 2), axis(0, 2), strict=True))
    shape = (*axis(2, 8 if n < 3 else 5), c_in)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.normal(size=shape)
    if transpose:
        kernel = rng.normal(size=(c_in, c_out // groups, *taps))
        extra = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
        rule = ns.TransposedConvolution(
            kernel, stride=stride, padding=padding, output_padding=extra, dilation=dilation,
            groups=groups,
        )  # fmt: skip
        assume(fits(rule, shape))
        return rule, x, transposed(x, kernel, stride, padding, extra, dilation, groups)
    kernel = rng.normal(size=(c_out, c_in // groups, *taps))
    pool = axis(1, 2)
    rule = ns.Convolution(
        kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, pool=pool
    )
    assume(fits(rule, shape))
    return rule, x, convolution(summed(x, pool), kernel, stride, padding, dilation, groups)


@given(case=st.one_of(kernels(), kernels(transpose=True)))
def test_expanded_synapses_are_those_of_the_definition(case):
    rule, x, expected = case
    matrix, out = matrix_of(rule, x.shape)
    assert out == expected.shape
    np.testing.assert_allclose((x.reshape(-1) @ matrix).reshape(out), expected, atol=1e-12)


@pytest.mark.parametrize("stride", [None, 1, 2, (3, 1)])
@pytest.mark.parametrize("padding", [0, 1])
def test_pooling_is_a_convolution_of_each_channel_with_itself(stride, padding):
    x = np.random.default_rng(3).normal(size=(7, 9, 4))
    rule = ns.SumPool((3, 2), stride=stride, padding=padding)
    matrix, out = matrix_of(rule, x.shape)
    strides = (3, 2) if stride is None else (stride, stride) if np.ndim(stride) == 0 else stride
    pairs = ((padding, padding),) * 2
    expected = convolution(x, np.ones((4, 1, 3, 2)), strides, pairs, (1, 1), 4)
    np.testing.assert_allclose((x.reshape(-1) @ matrix).reshape(out), expected, atol=1e-12)
    mean, _ = matrix_of(ns.AveragePool((3, 2), stride=stride, padding=padding), x.shape)
    np.testing.assert_allclose(mean, matrix / 6, atol=1e-15)


def test_dense_is_its_matrix():
    kernel = np.random.default_rng(0).normal(size=(6, 4))
    np.testing.assert_array_equal(matrix_of(ns.Dense(kernel), (6,))[0], kernel)


def networks(case, seed, *, loop, continuous):
    """A source, cells behind the kernel, perhaps a loop: with kernels, and with listed synapses."""
    rule, x, expected = case
    rng = np.random.default_rng(seed)
    n_pre, shape = x.size, expected.shape
    n = 60
    times = np.sort(rng.integers(0, 40, n)).astype(float)
    if continuous:
        times = np.sort(times + rng.random(n))
    ids = rng.integers(0, n_pre, n)
    space = len(shape) - 1
    per_tap = rng.integers(1, 6, rule.kernel.shape[2:]).astype(float)
    kernel = np.round(64 * rule.kernel) / 64  # sums of arrivals are exact in any order
    rule = type(rule)(
        **{
            name: kernel if name == "kernel" else getattr(rule, name)
            for name in rule.__dataclass_fields__
            if name != "taps"
        }
    )
    back = np.round(32 * rng.normal(size=(shape[-1], shape[-1], *(3,) * space))) / 64
    made = []
    for listed in (False, True):
        net = ns.Network(time="continuous" if continuous else "steps")
        net.add(ns.SpikeSource(x.shape, times=times, ids=ids), "in")
        cells = ns.LIF(shape, tau_m=8.0, v_th=0.7) if continuous else ns.IF(shape, v_th=1.0)
        net.add(cells, "cells")
        parts = [("in", rule, per_tap if seed % 2 else 1.5 if continuous else 1.0)]
        if loop:
            parts.append(("cells", ns.Convolution(back, padding="same"), 2.0))
        for pre, how, delay in parts:
            if not listed:
                net.connect(pre, "cells", how, delay=delay)
                continue
            twin = ns.Network()
            twin.add(ns.SpikeSource(net.populations[pre].shape), "a")
            twin.add(ns.IF(shape), "b")
            twin.connect("a", "b", how, delay=delay, name="p")
            s = ns.expand(twin, "p")
            pairs = ns.FromArrays(s.pre, s.post)
            net.connect(pre, "cells", pairs, weight=s.weight, delay=s.delay)
        made.append(net)
    return made


def same_spikes(a, b):
    for name in ("cells",):
        np.testing.assert_array_equal(a.counts[name], b.counts[name])
        for what in ("times", "ids"):
            one, other = (getattr(r.spikes[name], what) for r in (a, b))
            np.testing.assert_array_equal(one, other)


@settings(max_examples=FEW)
@given(
    case=st.one_of(kernels(), kernels(transpose=True)),
    seed=st.integers(0, 2**16),
    loop=st.booleans(),
    threads=st.integers(1, 3),
    sleep=st.booleans(),
)
def test_clock_engine_walks_through_kernels_as_through_synapses(case, seed, loop, threads, sleep):
    plain, listed = networks(case, seed, loop=loop, continuous=False)
    options = {"dtype": "float64", "sleep": sleep}
    record = {"cells": ["spikes"]}
    expected = ns.Simulator(listed, **options).run(60, record=record, progress=False)
    found = ns.Simulator(plain, threads=threads, **options).run(60, record=record, progress=False)
    same_spikes(found, expected)


@settings(max_examples=FEW)
@given(
    case=st.one_of(kernels(), kernels(transpose=True)),
    seed=st.integers(0, 2**16),
    loop=st.booleans(),
    threads=st.integers(1, 2),
)
def test_event_engine_walks_through_kernels_as_through_synapses(case, seed, loop, threads):
    plain, listed = networks(case, seed, loop=loop, continuous=True)
    record = {"cells": ["spikes"]}
    expected = ns.EventSimulator(listed).run(60.0, record=record, progress=False)
    found = ns.EventSimulator(plain, threads=threads).run(60.0, record=record, progress=False)
    same_spikes(found, expected)
    assert found.synaptic_events == expected.synaptic_events


@pytest.mark.parametrize("case", [3, 4])
def test_kernels_agree_with_another_implementation_in_its_precision(test_data, case):
    truth = np.load(test_data / "lava-conv" / f"gt_conv_paris_{case}.npz")
    x, kernel = truth["input"].astype(float), truth["weights"].astype(float)
    options = {name: truth[name].tolist() for name in ("stride", "padding", "dilation")}
    kernel = np.moveaxis(kernel, -1, 1)[:, :, ::-1, ::-1]  # lava convolves, others correlate
    rule = ns.Convolution(kernel, groups=int(truth["groups"]), **options)
    matrix, out = matrix_of(rule, x.shape)
    assert out == truth["out_gt"].shape
    found = (x.reshape(-1) @ matrix).reshape(out)
    scale = np.abs(truth["out_gt"]).max()
    np.testing.assert_allclose(found, truth["out_gt"], atol=1e-6 * scale)  # which is float32


def connected(rule, pre=(6, 6, 2), post=(4, 4, 3), **options):
    net = ns.Network()
    net.add(ns.SpikeSource(pre), "a")
    net.add(ns.IF(post), "b")
    return net, net.connect("a", "b", rule, **options)


KERNEL = np.ones((3, 2, 3, 3))


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: connected(ns.Convolution(KERNEL), post=(5, 4, 3)), r"\(4, 4, 3\)"),
        (lambda: connected(ns.Convolution(KERNEL), pre=(6, 6, 4)), "2 channels"),
        (lambda: connected(ns.Convolution(KERNEL), pre=(72,)), "2 spatial axes"),
        (lambda: connected(ns.Convolution(KERNEL), pre=(2, 2, 2)), "smaller kernel"),
        (lambda: connected(ns.Convolution(KERNEL), weight=1.0), "left out"),
        (lambda: connected(ns.Convolution(KERNEL), delay=ns.Uniform(1, 2)), r"\(3, 3\)"),
        (lambda: connected(ns.Convolution(KERNEL), delay=np.ones(3)), r"\(3, 3\)"),
        (lambda: connected(ns.Convolution(KERNEL), delay=-np.ones((3, 3))), "delay"),
        (lambda: ns.Convolution(KERNEL, stride=0), "stride"),
        (lambda: ns.Convolution(KERNEL, stride=(1, 1, 1)), "stride"),
        (lambda: ns.Convolution(KERNEL, padding=-1), "padding"),
        (lambda: ns.Convolution(KERNEL, padding="full"), "padding"),
        (lambda: ns.Convolution(KERNEL, padding="same", stride=2), "padding"),
        (lambda: ns.Convolution(np.full((1, 1, 3), np.nan)), "kernel"),
        (lambda: ns.Convolution(np.ones((1, 1, 1, 1, 1, 1))), "kernel"),
        (lambda: ns.Convolution(np.ones(3)), "kernel"),
        (lambda: ns.Convolution(KERNEL, groups=0), "groups"),
        (lambda: connected(ns.Convolution(KERNEL, groups=2), pre=(6, 6, 4)), "groups"),
        (lambda: ns.TransposedConvolution(KERNEL, output_padding=1), "output_padding"),
        (lambda: ns.SumPool(()), "window"),
        (lambda: ns.SumPool((2, 0)), "window"),
        (lambda: connected(ns.SumPool((2, 2))), r"\(3, 3, 2\)"),
        (lambda: connected(ns.Dense(np.ones((72, 47)))), r"\(72, 48\)"),
        (lambda: ns.Dense(np.ones(3)), "kernel"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(make, says):
    with pytest.raises(ParameterError, match=says):
        make()


def test_short_delays_of_a_kernel_are_refused_and_rounded_on_demand():
    net, _ = connected(ns.Convolution(KERNEL), delay=0.04)
    with pytest.raises(BuildError, match="round_delays"):
        ns.Simulator(net, dt=0.1)
    ns.Simulator(net, dt=0.1, round_delays=True)


def test_the_sign_of_a_kernel_chooses_the_port_and_both_signs_need_one():
    for kernel, ok in (
        (KERNEL, True),
        (np.where(np.arange(54).reshape(3, 2, 3, 3) > 9, 1.0, -1.0), False),
    ):
        net = ns.Network()
        net.add(ns.SpikeSource((6, 6, 2)), "a")
        net.add(ns.LIF((4, 4, 3), tau_syn=(5.0, 10.0)), "b")
        net.connect("a", "b", ns.Convolution(kernel))
        for engine in (ns.Simulator, ns.EventSimulator):
            if ok:
                engine(net)
                continue
            with pytest.raises(BuildError, match="port"):
                engine(net)


def test_synapses_of_a_kernel_cannot_be_changed_one_by_one_in_the_event_engine():
    net, _ = connected(ns.Convolution(KERNEL), delay=1.0)
    with pytest.raises(ParameterError, match="FromArrays"):
        ns.EventSimulator(net).synapses("a->b")


def test_synapses_of_a_kernel_that_change_one_by_one_are_listed():
    net, _ = connected(ns.Convolution(KERNEL), delay=1.0)
    sim = ns.Simulator(net, learning=["a->b"])
    assert len(sim.synapses("a->b")) == 16 * 9 * 2 * 3


def test_a_saved_run_with_kernels_goes_on_bit_for_bit(tmp_path):
    rng = np.random.default_rng(5)
    case = (
        ns.Convolution(rng.normal(0.2, 0.3, (4, 2, 3, 3)), padding=1),
        rng.normal(size=(6, 6, 2)),
        None,
    )
    case = (*case[:2], np.zeros((6, 6, 4)))
    net, _ = networks(case, 1, loop=True, continuous=False)
    record = {"cells": ["spikes"]}
    whole = ns.Simulator(net).run(60, record=record, progress=False)
    first = ns.Simulator(net)
    first.run(23, progress=False)
    path = first.save(tmp_path / "state.h5")
    second = ns.Simulator(net)
    second.load(path)
    rest = second.run(37, record=record, progress=False)
    late = whole.spikes["cells"].times >= 23
    np.testing.assert_array_equal(whole.spikes["cells"].ids[late], rest.spikes["cells"].ids)
    assert rest.spikes["cells"].ids.size


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_of_a_kernel_is_estimated_as_it_is(threads):
    net, p = connected(ns.Convolution(KERNEL), delay=1.0)
    estimate = ns.estimate_memory(net, threads=threads)
    stores = ns.Simulator(net, threads=threads).built.synapses.stores
    weights = {id(s.weights): s.weights.nbytes for s in stores}
    rest = sum(s.nbytes - s.weights.nbytes for s in stores)
    assert estimate.n_synapses == len(ns.expand(net, p))
    assert estimate.projections[p.name][1] == pytest.approx(sum(weights.values()) + rest, abs=8)


def test_a_network_file_may_have_kernels_but_not_their_base(tmp_path):
    from neurosim.netfile import read_network

    text = """
        [populations.a]
        model = "SpikeSource"
        n = [4, 4, 1]
        [populations.b]
        model = "IF"
        n = [3, 3, 2]
        [[projections]]
        pre = "a"
        post = "b"
        rule = { type = "Convolution", kernel = [[[[1.0, 2.0], [3.0, 4.0]]], [[[5, 6], [7, 8]]]] }
    """
    path = tmp_path / "net.toml"
    path.write_text(text)
    net = read_network(path).network
    assert len(ns.expand(net, "a->b")) == 9 * 4 * 2
    path.write_text(text.replace('"Convolution"', '"Procedural"'))
    with pytest.raises(FormatError, match="must be one of"):
        read_network(path)
