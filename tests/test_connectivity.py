"""Rules, distributions and delays: exact sizes, known statistics, no surprise."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.connectivity.delays import step_of, to_steps, to_times
from neurosim.connectivity.sparse import Links, StoreBuilder
from neurosim.errors import BuildError, ParameterError
from neurosim.random import key_of

KEY = key_of(7, "test")
ALL_RULES = [
    ns.AllToAll(),
    ns.AllToAll(autapses=False),
    ns.OneToOne(),
    ns.FixedProbability(0.3),
    ns.FixedProbability(0.3, autapses=False),
    ns.FixedProbability(1.0),
    ns.FixedProbability(0.0),
    ns.FixedInDegree(4),
    ns.FixedInDegree(4, multapses=False),
    ns.FixedInDegree(4, autapses=False, multapses=False),
    ns.FromArrays([5, 1, 1], [0, 3, 3]),
    ns.FromMatrix(np.eye(9)[:, ::-1]),
]


def pairs(rule, n_pre=9, n_post=9, same=True, key=KEY):
    rule.check("P", n_pre, n_post)
    return rule.pairs("P", n_pre, n_post, key, same)


@pytest.mark.parametrize("rule", ALL_RULES, ids=repr)
def test_rules_give_sorted_int32_pairs_in_range_and_as_many_as_promised(rule):
    pre, post = pairs(rule)
    assert pre.dtype == post.dtype == np.int32
    assert (np.diff(pre) >= 0).all()
    assert pre.size == post.size
    assert not pre.size or (min(pre.min(), post.min()) >= 0 and max(pre.max(), post.max()) < 9)
    size = rule.size(9, 9, True)
    assert size is None or size == pre.size


@pytest.mark.parametrize("rule", ALL_RULES, ids=repr)
def test_rules_are_pure_functions_of_the_key(rule):
    for a, b in zip(pairs(rule), pairs(rule), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("rule", [r for r in ALL_RULES if getattr(r, "autapses", True) is False])
def test_no_autapses_when_they_are_switched_off(rule):
    pre, post = pairs(rule)
    assert (pre != post).all()


def test_fixed_in_degree_gives_every_target_exactly_k_sources():
    for multapses in (True, False):
        pre, post = pairs(ns.FixedInDegree(7, multapses=multapses), 20, 30, same=False)
        assert (np.bincount(post, minlength=30) == 7).all()
        distinct = len(set(zip(pre.tolist(), post.tolist(), strict=True)))
        assert multapses or distinct == pre.size


def test_fixed_in_degree_without_multapses_draws_every_source_equally_often():
    pre, _ = pairs(ns.FixedInDegree(5, multapses=False), 20, 20_000, same=False)
    counts = np.bincount(pre, minlength=20)
    expected = 5 * 20_000 / 20
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_fixed_in_degree_refuses_more_distinct_sources_than_there_are():
    with pytest.raises(BuildError, match=r"k must be <= 8 sources, got 9"):
        pairs(ns.FixedInDegree(9, autapses=False, multapses=False))


def test_fixed_probability_has_binomial_counts_and_uniform_targets():
    pre, post = pairs(ns.FixedProbability(0.1), 2000, 1000, same=False)
    mean, std = 2e6 * 0.1, np.sqrt(2e6 * 0.1 * 0.9)
    assert abs(pre.size - mean) < 5 * std
    per_target = np.bincount(post, minlength=1000)
    assert abs(per_target.var() / (2000 * 0.1 * 0.9) - 1) < 0.25
    distinct = len(set((pre.astype(np.int64) * 1000 + post).tolist()))
    assert distinct == pre.size


def test_fixed_probability_of_one_is_all_to_all():
    for a, b in zip(pairs(ns.FixedProbability(1.0)), pairs(ns.AllToAll()), strict=True):
        assert np.array_equal(a, b)


def test_arrays_and_matrices_keep_weights_with_their_pairs():
    net = ns.Network()
    a, b = net.add(ns.SpikeSource(3), "a"), net.add(ns.LIF(4), "b")
    net.connect(a, b, ns.FromArrays([2, 0, 2], [1, 3, 0]), weight=[1.0, 2.0, 3.0], name="p")
    s = ns.expand(net, "p")
    assert list(zip(s.pre, s.post, s.weight, strict=True)) == [
        (0, 3, 2.0),
        (2, 1, 1.0),
        (2, 0, 3.0),
    ]
    dense = np.array([[0, 1.5, 0, 0], [0, 0, 0, 0], [2.5, 0, 0, -1]])
    for matrix in (dense, scipy.sparse.csc_array(dense), scipy.sparse.coo_matrix(dense)):
        net.connect(a, b, ns.FromMatrix(matrix), name=f"m{type(matrix).__name__}")
        s = ns.expand(net, f"m{type(matrix).__name__}")
        again = np.zeros((3, 4))
        again[s.pre, s.post] = s.weight
        assert np.array_equal(again, dense)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: ns.FixedProbability(1.5),
            r"FixedProbability.p must be >= 0 and <= 1, got 1.5",
        ),
        (lambda: ns.FixedInDegree(-1), r"FixedInDegree.k must be >= 0, got -1"),
        (lambda: ns.FromArrays([0], [1, 2]), r"equal length, got 1 and 2"),
        (lambda: ns.FromArrays([0.5], [1]), r"array of integers"),
        (lambda: ns.FromMatrix([[np.nan]]), r"FromMatrix.matrix must be finite"),
        (lambda: ns.FromMatrix([1.0]), r"two dimensions"),
        (lambda: ns.Uniform(2, 1), r"Uniform.high must be >= 2"),
        (lambda: ns.Normal(0, -1), r"Normal.std must be >= 0"),
        (lambda: ns.Normal(0, 1, low=5, high=6), r"within 3 std"),
        (lambda: ns.LogNormal(0, np.inf), r"LogNormal.sigma"),
    ],
)
def test_bad_rules_and_distributions_are_refused_at_construction(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    "distribution, mean, std",
    [
        (ns.Uniform(1, 3), 2.0, 2 / np.sqrt(12)),
        (ns.Normal(5, 2), 5.0, 2.0),
        (ns.LogNormal(0.5, 0.4), np.exp(0.58), np.exp(0.58) * np.sqrt(np.exp(0.16) - 1)),
    ],
)
def test_distributions_have_their_moments(distribution, mean, std):
    draws = distribution.draw(KEY, 200_000)
    assert abs(draws.mean() - mean) < 5 * std / np.sqrt(200_000)
    assert abs(draws.std() / std - 1) < 0.02


def test_a_longer_draw_starts_with_the_shorter_one():
    for d in (ns.Uniform(0, 1), ns.Normal(0, 1), ns.LogNormal(0, 1)):
        assert np.array_equal(d.draw(KEY, 10), d.draw(KEY, 100)[:10])


def test_clipped_normal_stays_inside_and_keeps_its_shape():
    draws = ns.Normal(1.5, 0.75, low=0.1, high=3.0).draw(KEY, 50_000)
    assert draws.min() >= 0.1 and draws.max() <= 3.0
    import scipy.stats

    a, b = (0.1 - 1.5) / 0.75, (3.0 - 1.5) / 0.75
    p = scipy.stats.kstest(draws, scipy.stats.truncnorm(a, b, 1.5, 0.75).cdf).pvalue
    assert p > 1e-4


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.05, 0.25, 0.125, 1.0, 0.3]))
def test_grid_times_round_to_their_own_step(step, dt):
    assert to_steps(to_times(step, dt), dt) == step
    assert to_steps(step * dt, dt) == step
    assert step_of(step * dt, dt) == step


def test_ties_round_upwards_whatever_the_representation():
    assert to_steps([0.05, 0.15, 0.25, 0.35, 0.45], 0.1).tolist() == [1, 2, 3, 4, 5]


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.floats(0.01, 2))
def test_kernel_and_array_forms_of_the_rounding_rule_agree(times, dt):
    assert to_steps(times, dt).tolist() == [step_of(t, dt) for t in times]


def segments_of(store, n_pre):
    """Rows of (source, delay, place, weight), segment by segment."""
    span = store.d_max - store.d_min + 1
    for source in range(n_pre):
        for d in range(span):
            first, last = store.offsets[source * span + d : source * span + d + 2]
            for k in range(first, last):
                w = store.weights[k if store.weights.size > 1 else 0]
                yield source, store.d_min + d, store.targets[k], w


@given(
    st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.integers(0, 80),
    st.integers(1, 3), st.booleans(),
)  # fmt: skip
def test_stores_hold_each_synapse_once_in_its_segment_in_order(seed, n_pre, n, nnz, parts, each):
    rng = np.random.default_rng(seed)
    owner = np.sort(rng.integers(0, parts, n)).astype(np.uint16)
    given = []
    for size in (nnz // 2, nnz - nnz // 2):
        pre = np.sort(rng.integers(0, n_pre, size)).astype(np.int32)
        target = rng.integers(0, n, size).astype(np.uint32)
        steps = rng.integers(2, 7, size).astype(np.int32)
        weight = rng.integers(-3, 4, size) / 4 if each else np.full(size, 0.5)
        given.append((Links(pre, steps, owner[target]), target, weight))
    low, high = sorted(rng.integers(0, 10, 2))
    builder = StoreBuilder(n_pre, parts, low, high)  # expects other delays than there are
    for links, _, _ in given:
        if links.pre.size:
            builder.count(links, links.steps.min(), links.steps.max())
    builder.allocate(np.full(1, 0.5), None, each=each)
    for links, target, weight in given:
        builder.fill(links, target, weight if each else np.empty(0))
    stores = builder.stores()
    for part, store in enumerate(stores):
        expected = [
            row[:4]
            for links, target, weight in given
            for row in zip(links.pre, links.steps, target, weight, links.part, strict=True)
            if row[4] == part
        ]
        found = list(segments_of(store, n_pre))
        assert found == sorted(expected, key=lambda row: row[:2])  # stable within a segment
        assert not nnz or stores[0].d_max - stores[0].d_min <= 4  # no room for unused delays


def test_a_source_without_synapses_wakes_nobody():
    net = ns.Network()
    net.add(ns.SpikeSource(2, times=[1.0, 2.0], ids=[0, 1]), "in")
    net.add(ns.LIF(3, tau_m=10.0), "cells")
    net.connect("in", "cells", ns.FromArrays([0, 0], [0, 2]), weight=[0.5, 0.6], delay=1.0)
    found = ns.simulate(net, 5.0, sleep=True, record={"cells": ["v"]}, progress=False)
    v = found.traces["cells"]["v"].values
    assert v[-1, 0] > 0.0 and v[-1, 1] == 0.0
