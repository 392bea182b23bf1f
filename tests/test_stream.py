"""Streams of spikes: read while time goes on, in bounded memory, refused where they are wrong."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.encoders import EventsToSpikes
from neurosim.engine import StopAtWall
from neurosim.errors import FormatError, ParameterError, SimulationError
from neurosim.netfile import read_network

N = 12


def network(seed=3):
    net = ns.Network(seed=seed)
    net.add(ns.SpikeSource(N), "in")
    net.add(ns.LIF(8, tau_m=10.0, tau_syn=2.0), "cells")
    net.connect("in", "cells", ns.FixedProbability(0.5), weight=0.3, delay=1.3)
    return net


def recording(k=3000, duration=500.0, seed=1, n=N):
    rng = np.random.default_rng(seed)
    times = np.sort(np.round(rng.uniform(0, duration, k), 2))
    return times, rng.integers(0, n, k)


def pieces(times, ids, size):
    for begin in range(0, len(times), size):
        yield times[begin : begin + size], ids[begin : begin + size]


def assert_same(a, b):
    for name in ("in", "cells"):
        spikes = [
            [np.concatenate([getattr(r.spikes[name], key) for r in results]) for results in (a, b)]
            for key in ("times", "ids")
        ]
        for one, other in spikes:
            assert len(one) > 20
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [1, 7, 400, 5000])
def test_a_stream_gives_the_spikes_of_the_same_arrays(size):
    given = recording()
    whole = ns.simulate(network(), 500.0, inputs={"in": given})
    for stream in (pieces(*given, size), list(pieces(*given, size)).__iter__()):
        assert_same([whole], [ns.simulate(network(), 500.0, inputs={"in": stream})])


@given(
    st.lists(st.integers(1, 5000), max_size=5),
    st.integers(1, 500),
    st.sampled_from([0.1, 0.25, 1.0]),
    st.integers(0, 99),
)
def test_runs_cut_in_pieces_read_on_where_they_stopped(cuts, size, dt, seed):
    net = ns.Network()
    net.add(ns.SpikeSource(N), "in")
    times, ids = recording(k=400, duration=600.0, seed=seed)
    sim = ns.Simulator(net, dt=dt)
    sim.run(10.0)
    ends = np.unique([0, *(np.array(cuts, int) // 10), 600])
    found, inputs = [], {"in": pieces(times, ids, size)}
    for length in np.diff(ends):
        found.append(sim.run(float(length), inputs=inputs).spikes["in"])
        inputs = None
    steps = ns.connectivity.delays.to_steps(times, dt) + round(10.0 / dt)
    n_steps = ns.connectivity.delays.to_steps(sim.t, dt)
    pairs = zip(steps.tolist(), ids.tolist(), strict=True)
    expected = sorted((s, i) for s, i in pairs if s < n_steps)
    grid = ns.connectivity.delays.to_steps(np.concatenate([r.times for r in found]), dt).tolist()
    channel = np.concatenate([r.ids for r in found]).tolist()
    assert list(zip(grid, channel, strict=True)) == expected


def test_no_chunk_is_read_before_its_time():
    read = []

    def stream():
        for k in range(100):
            read.append(k)
            yield [10.0 * k], [0]

    sim = ns.Simulator(network())
    assert sim.run(50.0, inputs={"in": stream()}).counts["in"].sum() == 5
    assert len(read) == 6  # one more tells that the last one was complete
    sim.run(10.0)
    assert len(read) == 7


def test_a_stream_that_ends_early_just_ends_and_another_may_follow():
    sim = ns.Simulator(network())
    assert sim.run(300.0, inputs={"in": iter([([5.0, 6.0], [0, 1])])}).counts["in"].sum() == 2
    later = sim.run(100.0, inputs={"in": iter([([1.0], [2])])})
    assert later.spikes["in"].times.tolist() == [301.0]
    assert sim.run(10.0, inputs={"in": iter([])}).counts["in"].sum() == 0


def test_spikes_given_as_arrays_join_those_of_the_stream():
    sim = ns.Simulator(network())
    sim.run(100.0, inputs={"in": iter([([5.0, 150.0], [0, 1]), ([170.0], [3])])})
    result = sim.run(100.0, inputs={"in": ([50.0, 70.0], [2, 2])})
    assert result.spikes["in"].times.tolist() == [150.0, 150.0, 170.0, 170.0]
    assert result.spikes["in"].ids.tolist() == [1, 2, 2, 3]


def test_two_streams_at_once_are_refused():
    sim = ns.Simulator(network())
    sim.run(10.0, inputs={"in": iter([([5.0], [0]), ([50.0], [0]), ([90.0], [1])])})
    with pytest.raises(ParameterError, match=r"inputs\['in'\] must wait for the end of the stream"):
        sim.run(10.0, inputs={"in": iter([([1.0], [0])])})
    assert sim.run(80.1).spikes["in"].times.tolist() == [50.0, 90.0]
    sim.reset()
    assert sim.run(100.0).counts["in"].sum() == 0


@pytest.mark.parametrize(
    "bad, message",
    [
        (([30.0, 40.0, 39.0], [0, 0, 0]), r"inputs\['in'\]: times .* backwards, got 39 after 40"),
        (([14.0], [0]), r"inputs\['in'\]: times .* must not run backwards, got 14 after 15"),
        (([30.0], [N]), r"inputs\['in'\]: ids must be in 0\.\.11, got 12"),
        (([30.0], [-1]), r"inputs\['in'\]: ids must be in 0\.\.11, got -1"),
        (([30.0], [0, 1]), r"ids of a chunk must be integers, one per time, got shape \(2,\)"),
        (([30.0], [0.5]), r"ids of a chunk must be integers, one per time"),
        (([np.nan], [0]), r"inputs\['in'\]\.times must be >= 0 everywhere, got nan"),
        (5.0, r"each chunk of a stream must be a pair \(times, ids\).* got 5\.0"),
        (([1.0], [2], [3]), r"a plain source must come without payloads"),
        (([1.0], [2], [3], [4]), r"must be a pair .* got 'a tuple of 4'"),
    ],
)
def test_a_bad_chunk_is_refused_where_it_is_met_and_nothing_moves(bad, message):
    chunks = [([10.0, 15.0], [1, 2]), bad, ([90.0], [0])]
    sim = ns.Simulator(network())
    assert sim.run(12.0, inputs={"in": iter(chunks)}).counts["in"].sum() == 1
    with pytest.raises(ParameterError, match=message):
        sim.run(50.0)
    assert sim.t == 12.0
    with pytest.raises(SimulationError, match=r"broke off with an error after 2 spikes"):
        sim.run(50.0)
    rest = sim.run(50.0, inputs={"in": iter([([20.0], [3])])})  # the state is whole
    assert rest.spikes["in"].times.tolist() == [15.0, 32.0]


def test_errors_inside_a_stream_come_through():
    def stream():
        yield [1.0], [0]
        raise OSError("the camera was unplugged")

    sim = ns.Simulator(network())
    with pytest.raises(OSError, match="unplugged"):
        sim.run(50.0, inputs={"in": stream()})
    assert sim.t == 0.0
    with pytest.raises(ParameterError, match=r"inputs\['in'\] must be a pair .* or a stream"):
        sim.run(50.0, inputs={"in": 5.0})
    with pytest.raises(ParameterError, match=r"inputs must name a SpikeSource, one of \['in'\]"):
        sim.run(50.0, inputs={"cells": iter([])})


@pytest.mark.parametrize("first, second", [(50, 50), (700, 3), (3, 700)])
def test_a_saved_simulation_goes_on_in_the_stream_given_again(tmp_path, first, second):
    given = recording()
    whole = ns.Simulator(network())
    whole.run(123.4, inputs={"in": given})
    expected = [whole.run(100.0), whole.run(200.0)]
    sim = ns.Simulator(network())
    sim.run(23.4, inputs={"in": pieces(*given, first)})
    sim.run(100.0)
    path = sim.save(tmp_path / "state.h5")
    other = ns.Simulator(network(), threads=2)
    for inputs in (None, {}):
        with pytest.raises(ParameterError, match=r"must have the stream of source 'in'"):
            other.load(path, inputs=inputs)
    other.load(path, inputs={"in": pieces(*given, second)})
    assert_same(expected, [other.run(100.0), other.run(200.0)])
    other.load(path, inputs={"in": None})
    assert 0 <= other.run(300.0).counts["in"].sum() <= first


def test_another_stream_is_not_taken_for_the_saved_one(tmp_path):
    times, ids = recording()
    sim = ns.Simulator(network())
    sim.run(100.0, inputs={"in": pieces(times, ids, 100)})
    path = sim.save(tmp_path / "state.h5")
    for wrong in (pieces(times + 1.0, ids, 100), pieces(times[:50], ids[:50], 7)):
        with pytest.raises(ParameterError, match="must be the stream that the saved simulation"):
            ns.Simulator(network()).load(path, inputs={"in": wrong})
    ended = ns.Simulator(network())
    ended.run(100.0, inputs={"in": iter([([1.0], [0])])})
    ns.Simulator(network()).load(ended.save(path))  # it is over: nothing to give


def test_a_long_run_is_resumed_with_its_stream(tmp_path):
    given = recording(duration=900.0)
    whole = ns.simulate(network(), 900.0, inputs={"in": given})
    options = {"out": tmp_path / "run", "checkpoint_every": 100.0}
    cut = ns.simulate(
        network(), 900.0, inputs={"in": pieces(*given, 61)}, stop=StopAtWall(0.0), **options
    )
    assert cut.t_stop == 100.0
    with pytest.raises(ParameterError, match="must have the stream of source 'in'"):
        ns.resume(network(), tmp_path / "run", stop=[])
    result = ns.resume(network(), tmp_path / "run", stop=[], inputs={"in": pieces(*given, 500)})
    assert_same([whole], [result])
    ns.resume(network(), tmp_path / "run")  # it is over and only read


def test_given_inputs_are_in_the_checkpoint_of_the_first_moment(tmp_path):
    given = recording(duration=90.0)
    options = {"out": tmp_path / "run", "checkpoint_every": 50.0}

    def killed(view):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ns.simulate(network(), 90.0, inputs={"in": given}, stop=killed, **options)
    result = ns.resume(network(), tmp_path / "run", stop=[])
    assert_same([ns.simulate(network(), 90.0, inputs={"in": given})], [result])


# ------------------------------------------------------------------------ recordings


def test_a_stream_of_ten_times_the_memory_runs_in_bounded_memory():
    bound, per_chunk = 4_000_000, 20_000
    chunks = 10 * bound // (per_chunk * 16)  # a spike has 16 bytes as (float64, int64)
    net = ns.Network()
    net.add(ns.SpikeSource(1000), "in")
    sim = ns.Simulator(net, dt=1.0)
    sim.run(5.0)

    def stream():
        rng = np.random.default_rng(0)
        for k in range(chunks):
            times = np.sort(rng.uniform(100.0 * k, 100.0 * (k + 1), per_chunk))
            yield times, rng.integers(0, 1000, per_chunk)

    tracemalloc.start()
    result = sim.run(100.0 * chunks + 1.0, record={}, inputs={"in": stream()}, chunk=100.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.counts["in"].sum() == chunks * per_chunk
    assert peak < bound


def test_files_of_spikes_are_streamed_in_pieces(tmp_path):
    given = recording()
    first = ns.simulate(network(), 500.0, inputs={"in": given}, out=tmp_path / "run")
    file = ns.write_spikes(tmp_path / "spikes.h5", first)
    for path in (tmp_path / "run", file):
        stream = ns.stream_spikes(path, "in", piece=100)
        parts = list(stream)
        assert max(map(len, parts)) <= 100 and sum(map(len, parts)) == 3000
        assert list(stream)[0].times.tolist() == parts[0].times.tolist()  # from the beginning
        result = ns.simulate(network(), 500.0, inputs={"in": stream})
        assert_same([first], [result])
    assert_same([first], [ns.simulate(network(), 500.0, inputs={"in": first.spikes["in"]})])
    with pytest.raises(FormatError, match="/spikes/nobody/timestamps"):
        next(iter(ns.stream_spikes(file, "nobody")))
    with pytest.raises(FormatError, match="no such spike file"):
        next(iter(ns.stream_spikes(tmp_path / "none.h5", "in")))


def long_recording(k=40_000):
    rng = np.random.default_rng(2)
    t = np.cumsum(rng.integers(0, 300, k))
    x, y = rng.integers(0, 8, (2, k))
    return ns.events.Events(x=x, y=y, t=t, p=rng.integers(0, 2, k), sensor_size=(8, 8))


@pytest.mark.parametrize("piece", [8, 1000, 65536])
def test_an_event_stream_is_read_in_pieces_of_any_size(tmp_path, piece):
    events = long_recording(2000 if piece == 8 else 40_000)
    path = ns.events.write_es(events, tmp_path / "long.es")
    parts = list(ns.events.stream(path, piece=piece))
    assert len(parts) > 1
    for column in "xytp":
        joined = np.concatenate([getattr(part, column) for part in parts])
        np.testing.assert_array_equal(joined, getattr(events, column))
    assert {part.sensor_size for part in parts} == {(8, 8)}


def test_a_camera_recording_feeds_a_run_in_bounded_memory(tmp_path):
    events = long_recording()
    path = ns.events.write_es(events, tmp_path / "long.es")
    encode = EventsToSpikes(start_us=0)
    whole = encode(events)
    net = ns.Network()
    net.add(ns.SpikeSource(whole.n), "camera")
    duration = whole.duration
    sim = ns.Simulator(net, dt=0.5)
    sim.run(1.0)
    next(iter(ns.events.stream(path)))  # compiled
    stream = (encode(part) for part in ns.events.stream(path, piece=2048))
    tracemalloc.start()
    result = sim.run(duration, inputs={"camera": stream}, record={})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result.counts["camera"], np.bincount(whole.ids, minlength=128))
    assert peak < 40_000 * 13  # less than the events would take


@pytest.mark.parametrize("cut", [1, 3])
def test_a_truncated_event_stream_is_an_error_where_it_ends(tmp_path, cut):
    path = ns.events.write_es(long_recording(1000), tmp_path / "long.es")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    found, stream = 0, iter(ns.events.stream(path, piece=512))
    with pytest.raises(FormatError, match=rf"event at byte {len(whole) - 5} must be complete"):
        for part in stream:
            found += len(part)
    assert found == 999
    path.write_bytes(b"no events at all")
    with pytest.raises(FormatError, match="must be an Event Stream"):
        list(ns.events.stream(path))
    with pytest.raises(FormatError, match="must be a readable file"):
        list(ns.events.stream(tmp_path / "none.es"))


def test_a_pixel_off_the_sensor_is_an_error_that_names_its_byte(tmp_path):
    path = ns.events.write_es(long_recording(1000), tmp_path / "long.es")
    content = bytearray(path.read_bytes())
    content[-4] = 200  # x of the last event
    path.write_bytes(content)
    with pytest.raises(FormatError, match=rf"event at byte {len(content) - 5} must lie on the 8x8"):
        list(ns.events.stream(path, piece=512))


# ------------------------------------------------------------------------- network files

TEXT = """
[populations.in]
model = "SpikeSource"
n = 12
[populations.drive]
model = "PoissonSource"
n = 5
rate = { type = "Sinusoid", mean = 20.0, amplitude = 10.0, frequency = 8.0 }
[populations.cells]
model = "LIF"
n = 3
[[projections]]
pre = "in"
post = "cells"
[[stimuli]]
population = "cells"
type = "PoissonInput"
rate = { type = "Schedule", times = [0.0, 10.0], values = [500.0, 100.0], period = 20.0 }
weight = 0.2
name = "background"
[[stimuli]]
population = ["cells"]
type = "NoiseCurrent"
std = 0.3
tau = 5.0
[inputs.in]
file = "FILE"
population = "exc"
"""


def test_a_network_file_has_schedules_stimuli_and_streams(tmp_path):
    times, ids = recording(k=200, duration=50.0)
    spikes = ns.Spikes(times, ids, N)
    file = ns.write_spikes(tmp_path / "spikes.h5", {"exc": spikes})
    path = tmp_path / "net.toml"
    path.write_text(TEXT.replace("FILE", file.as_posix()))
    described = read_network(path)
    assert list(described.network.stimuli) == ["background", "current->cells"]
    assert described.network.stimuli["background"].kind.rate.period == 20.0
    assert len(described.network.populations["drive"].neurons.rate.times) == 125
    result = ns.simulate(described.network, 60.0, inputs=described.inputs)
    assert result.counts["in"].sum() == 200


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("std = 0.3", "sdt = 0.3", r"stimuli\[1\] \(NoiseCurrent\) has the unknown key 'sdt'"),
        ('type = "NoiseCurrent"', 'type = "Noise"', r"stimuli\[1\]\.type must be one of Poisson"),
        ('population = ["cells"]', "", r"stimuli\[1\] needs the key 'population'"),
        ('file = "FILE"', "file = 3", r"inputs\.in\.file must be a text, got 3"),
        ("[inputs.in]", "[inputs.in]\nfrom = 1", r"inputs\.in has the unknown key 'from'"),
        ("[0.0, 10.0]", "[1.0, 10.0]", r"stimuli\[0\]\.rate: Schedule\.times must be"),
    ],
)
def test_mistakes_in_a_network_file_are_named(tmp_path, old, new, message):
    path = tmp_path / "net.toml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(FormatError, match=message):
        read_network(path)
