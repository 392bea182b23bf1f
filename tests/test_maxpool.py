"""Spiking max-pooling: by counts and by steps, beside the obvious loops."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import ParameterError


def naive(spikes: np.ndarray, window, stride, padding, by: str) -> np.ndarray:
    """Pool (steps, height, width, channels) of 0 and 1, window by window."""
    padded = np.pad(spikes, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n = [(padded.shape[k + 1] - window[k]) // stride[k] + 1 for k in (0, 1)]
    out = np.zeros((len(spikes), *n, spikes.shape[3]), int)
    for y in range(n[0]):
        for x in range(n[1]):
            part = padded[
                :, y * stride[0] : y * stride[0] + window[0],
                x * stride[1] : x * stride[1] + window[1],
            ].reshape(len(spikes), -1, spikes.shape[3])  # fmt: skip
            if by == "any":
                out[:, y, x] = part.max(axis=1)
                continue
            if by == "largest":
                most = np.cumsum(part, axis=0).max(axis=1)
                out[:, y, x] = np.diff(most, axis=0, prepend=0)
                continue
            best = np.cumsum(part, axis=0).argmax(axis=1)  # the first of several
            out[:, y, x] = np.take_along_axis(part, best[:, None], axis=1)[:, 0]
    return out


def pooled(spikes: np.ndarray, pool: ns.MaxPool, **options) -> np.ndarray:
    steps, ids = np.nonzero(spikes.reshape(len(spikes), -1))
    net = ns.Sequential(ns.SpikeSource(spikes.shape[1:]))
    layer = net.add(pool, name="pool")
    result = ns.simulate(
        net.network, len(spikes), inputs={"input": (steps, ids)}, progress=False, **options
    )
    out = np.zeros((len(spikes), layer.n), int)
    out[result.spikes["pool"].times.astype(int), result.spikes["pool"].ids] = 1
    return out.reshape(len(spikes), *layer.shape)


@given(
    st.sampled_from([(1, 2), (2, 2), (3, 2)]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 1),
    st.sampled_from(["count", "largest", "any"]),
    st.integers(0, 1000),
)
def test_pooling_equals_the_obvious_loops(window, stride, padding, by, seed):
    rng = np.random.default_rng(seed)
    padding = min(padding, min(window) - 1)
    spikes = (rng.random((12, 5, 6, 2)) < 0.3).astype(int)
    found = pooled(spikes, ns.MaxPool(window, stride, padding, by))
    assert np.array_equal(found, naive(spikes, window, stride, padding, by))


def test_behind_graded_spikes_the_largest_sum_is_sent_and_may_be_taken_back():
    net = ns.Sequential(ns.SpikeSource((2, 1, 1), graded=True))
    net.add(ns.MaxPool((2, 1), by="largest"), name="pool")
    given = ([0, 1, 1, 2, 3, 4], [0, 0, 1, 0, 1, 1], [2.0, 1.0, 2.5, -2.0, -1.5, 1.0])
    result = ns.simulate(net.network, 6, inputs={"input": given}, progress=False)
    found = result.spikes["pool"]  # sums 2, 3 and 2.5, 1 and 2.5, 1 and 1, 1 and 2
    assert found.times.tolist() == [0, 1, 2, 3, 4]
    assert found.payload.tolist() == [2.0, 1.0, -0.5, -1.5, 1.0]


def test_threads_change_nothing_and_other_processes_can_read_it():
    rng = np.random.default_rng(1)
    spikes = (rng.random((20, 8, 8, 3)) < 0.2).astype(int)
    for by in ("count", "largest"):
        pool = ns.MaxPool((2, 2), by=by)
        assert np.array_equal(pooled(spikes, pool), pooled(spikes, pool, threads=3))
        net = ns.Sequential(ns.SpikeSource((4, 4, 1), times=[1], ids=[5]))
        net.add(pool, name="pool")
        again = pickle.loads(pickle.dumps(net.network))
        assert ns.simulate(again, 3, progress=False).counts["pool"].tolist() == [1, 0, 0, 0]


def test_synapses_are_as_many_as_places():
    net = ns.Sequential(ns.SpikeSource((6, 6, 2)))
    net.add(ns.MaxPool((3, 3), stride=1), name="pool")
    made = [ns.expand(net.network, p) for p in net.network.projections.values()]
    assert len(made) == 9 and sum(map(len, made)) == 4 * 4 * 2 * 9
    assert "pool" in net.summary()


def test_bad_pooling_is_refused_by_name():
    with pytest.raises(ParameterError, match="MaxPool.by must be"):
        ns.MaxPool((2, 2), by="rate")
    with pytest.raises(ParameterError, match="at most 64 places"):
        ns.MaxPool((9, 9))
    net = ns.Sequential(ns.SpikeSource((4, 4, 1)))
    with pytest.raises(ParameterError, match="MaxPool has neurons of its own"):
        net.add(ns.MaxPool((2, 2)), ns.IF, name="pool")
    with pytest.raises(ParameterError, match="neurons must make neurons"):
        net.add(ns.SumPool((2, 2)), name="pool")
    with pytest.raises(ParameterError, match="must fit into its input"):
        net.add(ns.MaxPool((5, 5)), name="pool")
    assert list(net.network.populations) == ["input"] and not net.network.projections
