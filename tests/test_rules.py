"""Random and structured rules: exact counts, known statistics, nothing that was switched off."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from neurosim._jit import JIT
from neurosim.connectivity import (
    BlockButterfly,
    ConstantFanIn,
    DistanceDependent,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    GroupToGroup,
    LogNormal,
    NtoM,
    SmallWorld,
)
from neurosim.errors import BuildError, ParameterError
from neurosim.random import key_of

KEY = key_of(7, "test")
LESS = 1 if JIT else 10  # fewer draws in plain Python


def pairs(rule, n_pre, n_post, same=False, key=KEY):
    shapes = ((n_pre,), (n_post,))
    rule = rule.placed(*shapes)
    rule.check("P", n_pre, n_post)
    return rule.pairs("P", n_pre, n_post, key, same)


def distinct(pre, post):
    return len(set(zip(pre.tolist(), post.tolist(), strict=True)))


@st.composite
def cases(draw):
    """A rule, the sizes of two populations that it fits, and whether they are one."""
    same, off = draw(st.booleans()), draw(st.booleans())
    n_pre = draw(st.integers(4, 24))
    n_post = n_pre if same else draw(st.integers(4, 24))
    few = draw(st.integers(0, 3))
    rules = [
        FixedOutDegree(few, autapses=off, multapses=off),
        FixedTotalNumber(10 * few, autapses=off, multapses=10 * few > n_pre),
        FixedInDegree(few, autapses=off, multapses=off),
        ConstantFanIn(few, autapses=off),
        GroupToGroup(few + 1, draw(st.sampled_from([0.0, 0.4, 1.0])), autapses=off),
        DistanceDependent(
            profile=draw(st.sampled_from(["gaussian", "exponential", "disc"])),
            scale=draw(st.sampled_from([0.3, 1.0, 4.0, 100.0])),
            p_max=draw(st.sampled_from([0.0, 0.5, 1.0])),
            periodic=draw(st.booleans()),
            autapses=off,
        ),
    ]
    if n_pre % 4 == 0:
        rules.append(NtoM(few, 4, autapses=off))
    if n_pre == n_post:
        rules.append(SmallWorld(2 * (few // 2), draw(st.floats(0, 1))))
    if n_pre == n_post and n_pre & (n_pre - 1) == 0:
        rules.append(BlockButterfly(2, autapses=off))
    return draw(st.sampled_from(rules)), n_pre, n_post, same


@given(cases(), st.integers(0, 2**32))
def test_rules_give_sorted_int32_pairs_in_range_purely_and_as_promised(case, seed):
    rule, n_pre, n_post, same = case
    key = key_of(seed, "p")
    pre, post = pairs(rule, n_pre, n_post, same, key)
    assert pre.dtype == post.dtype == np.int32
    assert pre.shape == post.shape
    assert (np.diff(pre) >= 0).all()
    if pre.size:
        assert pre.min() >= 0 and pre.max() < n_pre
        assert post.min() >= 0 and post.max() < n_post
    size = rule.placed((n_pre,), (n_post,)).size(n_pre, n_post, same)
    assert size is None or size == pre.size
    if same and not getattr(rule, "autapses", False):
        assert (pre != post).all()
    if not getattr(rule, "multapses", False):
        assert distinct(pre, post) == pre.size
    again = pairs(rule, n_pre, n_post, same, key)
    assert np.array_equal(pre, again[0]) and np.array_equal(post, again[1])


# ------------------------------------------------------------------- degrees and totals


@pytest.mark.parametrize("multapses", [True, False])
def test_fixed_out_degree_gives_every_source_exactly_k_targets(multapses):
    pre, post = pairs(FixedOutDegree(7, multapses=multapses), 20, 30)
    assert (np.bincount(pre, minlength=20) == 7).all()
    counts = np.bincount(pairs(FixedOutDegree(7, multapses=multapses), 3000, 30)[1])
    assert np.abs(counts - 700).max() < 5 * math.sqrt(700)


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("autapses", [True, False])
def test_fixed_total_number_makes_all_pairs_equally_likely(multapses, autapses):
    n, total, trials = 5, 12, 3000 // LESS
    rule = FixedTotalNumber(total, autapses=autapses, multapses=multapses)
    table = np.zeros((n, n))
    for trial in range(trials):
        np.add.at(table, pairs(rule, n, n, True, key_of(trial, "k")), 1)
    allowed = np.ones((n, n), bool) if autapses else ~np.eye(n, dtype=bool)
    expected = trials * total / allowed.sum()
    assert not table[~allowed].any()
    assert table.sum() == trials * total
    assert np.abs(table[allowed] - expected).max() < 5 * math.sqrt(expected)


def test_fixed_total_number_has_multinomial_degrees():
    n_pre, n_post = 2000 // LESS, 1000 // LESS
    pre, post = pairs(FixedTotalNumber(200 * n_pre), n_pre, n_post)
    for counts, mean in ((np.bincount(pre), 200), (np.bincount(post), 400)):
        # variance of the sample variance of nearly Poisson counts
        assert abs(counts.var() / mean - 1) < 5 * math.sqrt(2 / counts.size)


def test_fixed_total_number_of_all_pairs_is_all_to_all():
    pre, post = pairs(FixedTotalNumber(12 * 11, autapses=False, multapses=False), 12, 12, True)
    assert distinct(pre, post) == 12 * 11


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 40))
def test_constant_fan_in_uses_every_source_equally_often(n_pre, n_post, k):
    assume(k <= n_pre)
    pre, post = pairs(ConstantFanIn(k), n_pre, n_post)
    assert (np.bincount(post, minlength=n_post) == k).all()
    assert np.ptp(np.bincount(pre, minlength=n_pre)) <= 1


@given(st.integers(2, 30), st.integers(0, 29), st.integers(0, 1000))
def test_constant_fan_in_without_autapses_stays_balanced(n, k, seed):
    assume(k < n)
    pre, post = pairs(ConstantFanIn(k, autapses=False), n, n, True, key_of(seed, "x"))
    assert (pre != post).all() and distinct(pre, post) == n * k
    assert np.ptp(np.bincount(pre, minlength=n)) <= 2


def test_constant_fan_in_draws_all_pairs_equally_often():
    table = np.zeros((6, 8))
    for trial in range(2000 // LESS):
        table[pairs(ConstantFanIn(3), 6, 8, key=key_of(trial, "k"))] += 1
    assert np.abs(table - 1000 / LESS).max() < 5 * math.sqrt(500 / LESS)


# -------------------------------------------------------------------------- structured


def test_n_to_m_keeps_exactly_n_of_each_block_all_equally_often():
    n = 3000 // LESS
    pre, post = pairs(NtoM(2, 8), 64, n)
    table = np.zeros((n, 8), int)
    np.add.at(table, (post, pre // 8), 1)
    assert (table == 2).all()
    counts = np.bincount(pre, minlength=64)
    assert np.abs(counts - n / 4).max() < 5 * math.sqrt(n / 4 * 0.75)


def test_stages_of_a_butterfly_together_join_every_pair_once():
    product = np.eye(32, dtype=int)
    for stage in range(4):
        factor = np.zeros((32, 32), int)
        factor[pairs(BlockButterfly(2, stage), 32, 32)] = 1
        assert (factor.sum(axis=0) == 4).all() and (factor.sum(axis=1) == 4).all()
        product = product @ factor
    assert (product == 2**3).all()  # one path of blocks, two neurons wide at three borders


def test_flat_butterfly_is_the_union_of_its_stages():
    flat = set(zip(*map(np.ndarray.tolist, pairs(BlockButterfly(4), 32, 64)), strict=True))
    union = set()
    for stage in range(3):
        made = pairs(BlockButterfly(4, stage), 32, 64)
        union |= set(zip(*map(np.ndarray.tolist, made), strict=True))
    assert flat == union


def test_groups_have_their_own_probabilities():
    p = np.array([[0.0, 0.3, 1.0], [0.05, 0.5, 0.1], [0.9, 0.0, 0.2]])
    rule = GroupToGroup(3, p)
    pre, post = pairs(rule, 301, 200)
    starts = rule.starts(301), rule.starts(200)
    sizes = np.outer(np.diff(starts[0]), np.diff(starts[1]))
    found = np.zeros((3, 3))
    group = [np.searchsorted(s, x, side="right") - 1 for s, x in zip(starts, (pre, post))]  # noqa: B905
    np.add.at(found, tuple(group), 1)
    assert (np.abs(found - sizes * p) <= 5 * np.sqrt(sizes * p * (1 - p))).all()
    assert abs(pre.size - rule.expected_size(301, 200, False)) < 5 * math.sqrt(sizes.sum() / 4)


def test_small_world_goes_from_a_lattice_to_a_random_graph():
    n, k = 400, 10
    ring = (np.arange(n)[:, None] + [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]) % n
    for p in (0.0, 0.2, 1.0):
        pre, post = pairs(SmallWorld(k, p), n, n, True)
        assert (np.bincount(pre) == k).all()
        far = ~(ring[pre] == post[:, None]).any(axis=1)
        kept = (1 - p) + p * p * k / n  # some rewired ones fall back on the ring
        assert abs(far.mean() - (1 - kept)) < 5 * 0.5 / math.sqrt(n * k) + p * k / n
    assert SmallWorld(k, 0.0).size(n, n, True) == n * k


# -------------------------------------------------------------------------- distance

PROFILES = {
    "gaussian": lambda d, s: np.exp(-(d**2) / (2 * s**2)),
    "exponential": lambda d, s: np.exp(-d / s),
    "disc": lambda d, s: (d <= s).astype(float),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_distance_dependent_pairs_have_the_probability_of_their_distance(profile, periodic, axes):
    rng = np.random.default_rng(axes)
    x_pre, x_post = rng.uniform(-1, 11, (60, axes)), rng.uniform(0, 10, (80, axes))
    rule = DistanceDependent(
        profile=profile, scale=2.5, p_max=0.7, periodic=periodic, extent=(10.0,) * axes,
        pre_positions=x_pre, post_positions=x_post,
    )  # fmt: skip
    d = np.abs(x_pre[:, None] - x_post)
    if periodic:
        d = d % 10.0
        d = np.minimum(d, 10.0 - d)
    p = 0.7 * PROFILES[profile](np.sqrt((d**2).sum(axis=2)), 2.5)
    trials, found = (40 if JIT else 4), np.zeros((60, 80))
    for trial in range(trials):
        pre, post = pairs(rule, 60, 80, key=key_of(trial, "d"))
        assert distinct(pre, post) == pre.size
        found[pre, post] += 1
    assert not found[p == 0].any()
    bins = np.digitize(p, np.linspace(0, 0.7, 8))
    for b in np.unique(bins):
        chosen = bins == b
        expected = trials * p[chosen].sum()
        spread = math.sqrt(trials * (p * (1 - p))[chosen].sum()) + 1e-9
        assert abs(found[chosen].sum() - expected) < 5 * spread + 1
    expected, spread = trials * p, np.sqrt(trials * p * (1 - p))
    assert (np.abs(found - expected) <= 6 * spread + 2).all()
    assert rule.expected_size(60, 80, False) == pytest.approx(p.sum(), rel=1e-6)


def test_a_certain_disc_is_exactly_the_neighbourhood_on_the_torus():
    rule = DistanceDependent(profile="disc", scale=2.0, periodic=True).placed((12, 9), (12, 9))
    pre, post = rule.pairs("P", 108, 108, KEY, True)
    assert (np.bincount(pre) == 13).all()  # lattice points within radius 2
    assert (np.bincount(post) == 13).all()


def test_grids_of_different_size_cover_the_same_sheet():
    rule = DistanceDependent(profile="disc", scale=0.9).placed((4, 4), (2, 2))
    pre, post = rule.pairs("P", 16, 4, KEY, False)
    assert pre.tolist() == list(range(16))
    assert post.reshape(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2


# -------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FixedOutDegree(-1), r"FixedOutDegree.k must be >= 0, got -1"),
        (lambda: FixedTotalNumber(1.5), r"FixedTotalNumber.n must be an integer, got 1.5"),
        (lambda: ConstantFanIn(-2), r"ConstantFanIn.k must be >= 0, got -2"),
        (lambda: NtoM(5, 4), r"NtoM.n must be >= 0 and <= 4, got 5"),
        (lambda: pairs(NtoM(1, 4), 10, 4), r"NtoM.m must divide the number of sources, 10"),
        (lambda: BlockButterfly(0), r"BlockButterfly.block must be >= 1, got 0"),
        (lambda: pairs(BlockButterfly(3), 18, 18), r"power of two of blocks, got 3"),
        (lambda: pairs(BlockButterfly(2), 8, 9), r"9 targets must be a multiple of the 4 blocks"),
        (lambda: pairs(BlockButterfly(2, 2), 8, 8), r"stage must be < log2 of 4 blocks, got 2"),
        (lambda: GroupToGroup(0), r"GroupToGroup.n_groups must be >= 1, got 0"),
        (lambda: GroupToGroup(2, 1.5), r"GroupToGroup.p must be >= 0 and <= 1, got 1.5"),
        (lambda: GroupToGroup(2, [[1]]), r"GroupToGroup.p must have shape \(2, 2\)"),
        (lambda: pairs(GroupToGroup(5), 4, 9), r"n_groups must be <= 4"),
        (lambda: SmallWorld(3, 0.1), r"SmallWorld.k must be even"),
        (lambda: SmallWorld(2, 2), r"SmallWorld.p must be >= 0 and <= 1"),
        (lambda: pairs(SmallWorld(4, 0.1), 4, 4), r"SmallWorld.k must be <= 3"),
        (lambda: pairs(SmallWorld(2, 0.1), 4, 5), r"equal size, got 4 and 5"),
        (lambda: DistanceDependent(scale=0), r"DistanceDependent.scale must be > 0"),
        (lambda: DistanceDependent(profile="x", scale=1), r"profile must be one of 'gaussian'"),
        (
            lambda: DistanceDependent(scale=1, pre_positions=np.zeros((3, 4))),
            r"pre_positions must have shape \(n, 1\), \(n, 2\) or \(n, 3\), got \(3, 4\)",
        ),
        (
            lambda: DistanceDependent(scale=1, pre_positions=np.zeros((3, 2)), extent=(1.0,)),
            r"same number of axes, got \[1, 2\]",
        ),
        (
            lambda: DistanceDependent(scale=1, pre_positions=[0.0], periodic=True),
            r"extent must be given with periodic=True",
        ),
        (
            lambda: DistanceDependent(scale=1).placed((3, 3), (9,)),
            r"as many axes as the sheet, 2",
        ),
        (
            lambda: pairs(DistanceDependent(scale=1, pre_positions=[0.0]), 2, 1),
            r"pre_positions must hold 2 positions, got 1",
        ),
        (lambda: LogNormal(0, 1, low=2, high=1), r"low must be < high"),
        (lambda: LogNormal(0, 0.1, low=5), r"within 3 std"),
        (lambda: LogNormal(0, 1, low=-1), r"LogNormal.low must be >= 0"),
    ],
)
def test_bad_rules_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    "rule, message",
    [
        (FixedOutDegree(9, multapses=False), r"FixedOutDegree.k must be <= 8 targets, got 9"),
        (FixedTotalNumber(73, multapses=False), r"FixedTotalNumber.n must be <= 72 pairs, got 73"),
        (ConstantFanIn(10), r"ConstantFanIn.k must be <= 9 sources, got 10"),
    ],
)
def test_rules_refuse_more_distinct_pairs_than_there_are(rule, message):
    with pytest.raises(BuildError, match=message):
        pairs(rule, 9, 8)


def test_without_autapses_a_lone_neuron_cannot_be_connected_to_itself():
    for rule in (FixedTotalNumber(1, autapses=False), FixedOutDegree(1, autapses=False)):
        with pytest.raises(BuildError, match=r"must be <= 0"):
            pairs(rule, 1, 1, same=True)
    with pytest.raises(BuildError, match=r"NtoM.n must be <= 3 with autapses=False"):
        pairs(NtoM(4, 4, autapses=False), 8, 8, same=True)


def test_clipped_lognormal_stays_inside_and_keeps_its_shape():
    import scipy.stats

    draws = LogNormal(0.2, 0.5, low=0.5, high=2.0).draw(KEY, 50_000 // LESS)
    assert draws.min() >= 0.5 and draws.max() <= 2.0
    a, b = ((math.log(x) - 0.2) / 0.5 for x in (0.5, 2.0))
    p = scipy.stats.kstest(np.log(draws), scipy.stats.truncnorm(a, b, 0.2, 0.5).cdf).pvalue
    assert p > 1e-4
