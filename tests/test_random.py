"""Random numbers by counter: the distributions they claim, whatever the counters."""

import math

import numpy as np
import pytest
import scipy.stats

from neurosim._jit import JIT, kernel
from neurosim.random import key_of, normal

M = 2_000_000 if JIT else 20_000


@kernel
def normals(key, i, j, out):
    for k in range(out.size):
        out[k] = normal(key, i * k, j + (1 - i) * k)


@pytest.fixture(scope="module", params=[(1, 0), (1, 3), (0, 0)], ids=["i", "i at j=3", "j"])
def draws(request):
    out = np.empty(M)
    normals(key_of(1, "normal"), *request.param, out)
    return out


def test_normal_numbers_have_a_normal_distribution(draws):
    assert scipy.stats.kstest(draws, "norm").pvalue > 1e-4


def test_normal_numbers_have_the_moments_of_the_bell(draws):
    # E x^k and the variance of its estimate: the even moments are 1, 3, 15, 105, 945
    double = [math.prod(range(1, k, 2)) for k in range(0, 26, 2)]
    for k in range(1, 7):
        mean = 0 if k % 2 else double[k // 2]
        assert abs((draws**k).mean() - mean) < 5 * math.sqrt((double[k] - mean**2) / M)


@pytest.mark.parametrize("x", [0.02, 0.2, 0.5, 1.0, 2.0, 3.0, 3.654152885361009, 4.0, 4.5])
def test_normal_numbers_fill_edges_and_tails_as_often_as_they_should(draws, x):
    for found in ((draws > x).sum(), (draws < -x).sum()):
        p = scipy.stats.norm.sf(x)
        assert abs(found - M * p) < 5 * math.sqrt(M * p) + 1


def test_normal_numbers_of_neighbouring_counters_are_uncorrelated(draws):
    for lag in (1, 2, 64):
        r = np.corrcoef(draws[:-lag], draws[lag:])[0, 1]
        assert abs(r) < 5 / math.sqrt(M)
    signs = draws[: M // 2 * 2].reshape(-1, 2) > 0
    assert scipy.stats.chisquare(np.bincount(signs @ [1, 2], minlength=4)).pvalue > 1e-4


def test_a_fine_histogram_of_normal_numbers_is_flat_in_probability(draws):
    counts = np.bincount((scipy.stats.norm.cdf(draws) * 1000).astype(int), minlength=1000)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
