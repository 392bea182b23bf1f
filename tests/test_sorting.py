"""The order in which arrivals count: by time, then port, then weight, whatever came first."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.engine.exact.sorting import RECORD, sort_records

TIMES = {
    "distinct": lambda rng, n: rng.random(n),
    "few": lambda rng, n: rng.integers(0, 4, n) / 4,
    "one": lambda rng, n: np.full(n, 0.25),
    "clustered": lambda rng, n: np.append(1.0, 1e-12 * rng.random(n - 1)),
    "sorted": lambda rng, n: np.sort(rng.random(n)),
    "denormal": lambda rng, n: 1e-312 * rng.integers(0, 9, n),
    "huge": lambda rng, n: 1.7e308 * rng.choice([-1.0, 0.5, 1.0], n),
}


@given(
    n=st.integers(1, 300), kind=st.sampled_from(sorted(TIMES)),
    weights=st.sampled_from(sorted(TIMES)), seed=st.integers(0, 2**32 - 1),
    before=st.integers(0, 5),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_records_are_sorted_by_time_then_port_then_weight_and_others_stay(
    n, kind, weights, seed, before
):
    rng = np.random.default_rng(seed)
    total = n + before + 3
    a = rng.random((total, RECORD))
    own = slice(before, before + n)
    a[own, 0] = TIMES[kind](rng, n)
    a[own, 1] = TIMES[weights](rng, n) - 0.5
    a[own, 2] = rng.integers(0, 2, n)
    found = a.copy().ravel()
    sort_records(found, before, before + n, np.zeros(RECORD * n), np.zeros(n, np.int32))
    expected = a.copy()
    expected[own] = a[own][np.lexsort((a[own, 1], a[own, 2], a[own, 0]))]
    np.testing.assert_array_equal(found.reshape(-1, RECORD), expected)
