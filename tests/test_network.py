"""The description: validated at construction, with messages that teach."""

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.components import components
from neurosim.errors import BuildError, ParameterError


@pytest.fixture
def net():
    net = ns.Network(seed=1)
    net.add(ns.SpikeSource(3), "in")
    net.add(ns.LIF(4, tau_syn=5.0), "a")
    net.add(ns.LIF(4, tau_syn=(2.0, 8.0)), "two")
    return net


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ns.LIF(10, tau_m=-5.0), r"LIF\.tau_m must be > 0 ms, got -5\.0"),
        (lambda: ns.LIF(10, tau_syn=0.0), r"LIF\.tau_syn must be > 0 ms, got 0\.0"),
        (lambda: ns.LIF(10, tau_syn=(1, -2)), r"LIF\.tau_syn_inh must be > 0 ms, got -2\.0"),
        (lambda: ns.LIF(10, tau_syn=(1, 2, 3)), r"one or two time constants, got 3"),
        (lambda: ns.LIF(10, t_ref=-1), r"LIF\.t_ref must be >= 0 ms, got -1\.0"),
        (lambda: ns.LIF(10, v_th=np.nan), r"LIF\.v_th must be a finite number, got nan"),
        (lambda: ns.LIF(10, v_reset=1.0), r"LIF\.v_reset must be < v_th"),
        (
            lambda: ns.LIF(10, tau_m=[1.0, 2.0]),
            r"LIF\.tau_m must have shape \(10,\), got \(2,\)",
        ),
        (lambda: ns.LIF(10, tau_m="fast"), r"LIF\.tau_m must be a number"),
        (lambda: ns.LIF(0), r"LIF\.n must be >= 1, got 0"),
        (lambda: ns.LIF(2.5), r"LIF\.n must be an integer, got 2\.5"),
        (
            lambda: ns.LIF(3, reset="soft"),
            r"LIF\.reset must be 'value' or 'subtract', got 'soft'",
        ),
        (lambda: ns.IF(3, c_m=0), r"IF\.c_m must be > 0 nF, got 0\.0"),
        (
            lambda: ns.PoissonSource(3, rate=-1),
            r"PoissonSource\.rate must be >= 0 Hz, got -1\.0",
        ),
        (lambda: ns.SpikeSource(2, times=[1.0], ids=[2]), r"ids must be in 0\.\.1, got 2"),
        (lambda: ns.SpikeSource(2, times=[-1.0], ids=[0]), r"times must be >= 0 ms"),
        (lambda: ns.SpikeSource(2, times=[1.0, 2.0], ids=[0]), r"one per time"),
        (lambda: ns.Network(time="ticks"), r"Network\.time must be one of"),
        (lambda: ns.Network(seed=-1), r"Network\.seed must be >= 0, got -1"),
    ],
)
def test_bad_descriptions_are_refused_with_owner_rule_and_value(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"weight": np.nan}, r"Projection 'in->a'\.weight must be a finite number, got nan"),
        ({"weight": [[1.0, 2.0]]}, r"weight must have shape \(12,\) or \(n_pre, n_post\)"),
        ({"weight": np.full((3, 4), np.inf)}, r"weight must be finite everywhere, got inf"),
        ({"delay": -1.0}, r"Projection 'in->a'\.delay must be >= 0, got -1\.0"),
        ({"delay": ns.Normal(1.0, 0.5)}, r"delay must be >= 0, but Normal.* can draw less"),
        ({"rule": ns.OneToOne()}, r"populations of equal size, got 3 and 4"),
        ({"rule": "all"}, r"rule must be a connection rule such as AllToAll\(\)"),
        ({"rule": ns.FixedProbability(0.5), "weight": [1.0]}, r"use FromArrays for arrays"),
        ({"rule": ns.FromMatrix(np.eye(3))}, r"must have shape \(n_pre, n_post\) = \(3, 4\)"),
        ({"rule": ns.FromMatrix(np.ones((3, 4))), "weight": 2.0}, r"weight must be left out"),
        ({"rule": ns.FromArrays([0], [4])}, r"FromArrays\.post must be in 0\.\.3, got 4"),
        ({"port": "inh"}, r"port must be one of \('syn',\), got 'inh'"),
        ({"port": 1}, r"port must be >= 0 and <= 0, got 1"),
        ({"post": "in"}, r"post must be neurons, got the source 'in'"),
        ({"post": "b"}, r"no population 'b'; there are 'in', 'a', 'two'"),
        ({"name": ""}, r"name must be a text"),
    ],
)
def test_bad_projections_are_refused_and_leave_nothing_behind(net, arguments, message):
    with pytest.raises(ParameterError, match=message):
        net.connect(**{"pre": "in", "post": "a", **arguments})
    assert net.projections == {}


def test_a_population_of_another_network_is_refused(net):
    other = ns.Network().add(ns.LIF(3), "a")
    with pytest.raises(ParameterError, match="belongs to another network"):
        net.connect("in", other)


def test_names_are_unique_and_defaults_are_numbered(net):
    with pytest.raises(ParameterError, match="name 'a' is taken"):
        net.add(ns.LIF(3), "a")
    first, second = net.connect("in", "a"), net.connect("in", "a")
    assert (first.name, second.name) == ("in->a", "in->a#2")


def test_lists_connect_every_pair(net):
    made = net.connect(["in", "a"], ["a", "two"], weight=1.0, delay=1.0)
    assert [p.name for p in made] == ["in->a", "in->two", "a->a", "a->two"]


def test_the_sign_of_weights_chooses_the_port(net):
    net.connect("in", "two", ns.OneToOne() if False else ns.AllToAll(), weight=-1.0)
    net.connect("in", "two", weight=1.0)
    r = ns.Simulator(net, dtype="float64").run(
        2.0, record={"two": ["i_exc", "i_inh"]}, inputs={"in": ([1.0], [0])}
    )
    assert r.traces["two"]["i_exc"].values[10, 0] == 1.0
    assert r.traces["two"]["i_inh"].values[10, 0] == -1.0


def test_mixed_signs_on_two_ports_ask_for_the_port(net):
    net.connect("in", "two", weight=ns.Uniform(-1, 1))
    with pytest.raises(BuildError, match="pass port='exc' or port='inh'"):
        ns.simulate(net, 1.0)


def test_a_delay_below_the_grid_is_refused_or_rounded_when_asked(net):
    net.connect("in", "a", weight=1.0, delay=0.06)
    with pytest.raises(BuildError, match=r"'in->a'\.delay must be 0 or >= dt = 0\.1, got 0\.06"):
        ns.simulate(net, 1.0, engine="clock")
    assert ns.simulate(net, 1.0).engine == "event"  # which takes any delay
    result = ns.simulate(net, 1.0, round_delays=True)
    (change,) = result.rounded_delays
    assert (change.projection, change.n_changed) == ("in->a", 12)
    assert change.max_error == pytest.approx(0.04)


def test_a_cycle_of_zero_delays_is_named():
    net = ns.Network()
    a, b = net.add(ns.LIF(2), "left"), net.add(ns.LIF(2), "right")
    net.connect(a, b, delay=0.0)
    net.connect(b, a, delay=0.0)
    with pytest.raises(BuildError, match="zero delays: 'left' -> 'right' -> 'left'|'right' -> "):
        ns.simulate(net, 1.0)


def test_a_zero_delay_inside_a_component_is_legal_outside_a_zero_cycle():
    edges = [(0, 1, 3), (1, 2, 0), (2, 0, 1), (2, 3, 0)]
    first, second = components(4, edges, list("abcd"))
    assert (sorted(first.members), first.window) == ([0, 1, 2], 0)
    assert first.members.index(1) < first.members.index(2)
    assert (second.members, second.window) == ([3], -1)


def test_components_come_in_topological_order():
    edges = [(3, 1, 0), (1, 0, 2), (0, 1, 4), (3, 2, 1), (2, 0, 0)]
    order = components(4, edges, list("abcd"))
    place = {m: k for k, c in enumerate(order) for m in c.members}
    assert place[3] < place[2] < place[0] == place[1]
    assert order[place[0]].window == 2


def test_summary_and_repr_name_what_is_there(net):
    net.connect("in", "a", ns.FixedInDegree(2))
    assert "3 populations, 11 neurons, 1 projection" in repr(net)
    assert "in->a" in net.summary() and "8 synapses" in net.summary()
