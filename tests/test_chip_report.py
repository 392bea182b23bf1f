"""Claims about what is printed: twins and break-even rates, the page, the commands."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from small_chip import TEXT, write_chip

import neurosim as ns
import neurosim.hardware as hw
from neurosim.cli import cli
from neurosim.errors import ParameterError
from neurosim.hardware.break_even import bit_density, spike_rate, step_break_even
from neurosim.hardware.twins import bits_of_counts
from neurosim.report import write_comparison

NET = """
[network]
time = "steps"
seed = 1

[populations.in]
model = "PoissonSource"
n = 20
rate = 50.0

[populations.out]
model = "IF"
n = 10

[[projections]]
pre = "in"
post = "out"
weight = 0.3
"""


def network(steps=40, rate=100.0):
    net = ns.Network(time="steps", seed=1)
    net.add(ns.PoissonSource(30, rate=rate), "in")
    net.add(ns.IF(20, v_th=1.0), "a")
    net.add(ns.IF(5, v_th=1.0), "b")
    net.connect("in", "a", weight=0.2)
    net.connect("a", "b", weight=0.2)
    return ns.simulate(net, steps, progress=False)


@pytest.fixture(scope="module")
def table():
    return ns.compare(network(), n_inferences=8)


# ------------------------------------------------------------------ twins, by hand


def test_twins_are_operations_and_words_by_hand(table):
    macs, neurons, passes = 30 * 20 + 20 * 5, 25, 8
    row = table.row("ann-int8")
    expected = macs * 0.3e-12 + (2 * macs * 8 / 64 / 16 + neurons * 8 / 64) * 20e-12
    assert row.per_inference_j.nominal == pytest.approx(expected, rel=1e-9)
    sparse = table.row("ann-sparse-2of4")
    words = macs / 2 * (8 + 2) / 64 / 16 + macs * 8 / 64 / 16 + neurons * 8 / 64
    expected = macs / 2 * 0.3e-12 + words * 20e-12
    assert sparse.per_inference_j.nominal == pytest.approx(expected, rel=1e-9)
    # Five steps of an inference: counts of 0 .. 5, three bits, half of them set.
    serial = table.row("ann-bitserial")
    expected = macs * 3 * 0.5 * 0.9e-12 + (2 * macs + neurons) * 3.12e-12
    assert serial.per_inference_j.nominal == pytest.approx(expected, rel=1e-9)
    assert table.censuses["ann-int8"].passes == passes


def test_step_and_lemaire_models_pay_for_every_membrane_in_every_step(table):
    counts = table.censuses["snn-step"]
    assert counts.active + counts.idle == 25 * 40
    read = counts.messages + counts.external
    memory = (counts.synops + 2 * 25 * 40 + read + counts.spikes) * 3.12e-12
    found = table.estimates["snn-step"].breakdown
    assert found["memory"] == pytest.approx(memory, rel=1e-12)
    assert found["synapse"] == pytest.approx(counts.synops * 0.9e-12, rel=1e-12)
    lemaire = table.estimates["snn-lemaire"].breakdown["memory"]
    expected = counts.synops * 100 + 2 * 25 * 40 * 20 + (read + counts.spikes) * 10
    assert lemaire == pytest.approx(expected * 1e-12, rel=1e-12)


def test_counts_up_to_t_have_ceil_log2_of_t_plus_one_bits():
    for steps in range(1, 40):
        assert bits_of_counts(steps) == int(np.ceil(np.log2(steps + 1)))


# ------------------------------------------------------------------ break-even


def test_at_the_break_even_rate_the_run_costs_what_its_twin_costs(table):
    for name in ("snn-45nm-ac", "loihi", "snn-step"):
        row, found = table.row(name), table.estimates[name]
        spikes = [t for t in found.terms if t.category != "static" and t.path not in (
            "energy.neuron_idle", "energy.neuron_active", "energy.state_access")]  # fmt: skip
        prices = {t.path: t.constant.value for t in found.terms}
        more = prices.get("energy.neuron_active", 0) - prices.get("energy.neuron_idle", 0)
        follows = sum(t.energy_j for t in spikes) + more * table.censuses[name].active
        scale = row.break_even.rate / row.break_even.measured
        scaled = found.energy_j.nominal + (scale - 1) * follows
        assert scaled == pytest.approx(table.estimates["ann-int8"].energy_j.nominal, rel=1e-9)
        assert row.break_even.measured == spike_rate(table.censuses[name])
    # An idle Loihi costs more than all of the twin.
    assert table.row("loihi").break_even.rate < 0
    assert "dearer than ann-int8 at any rate" in str(table)


@pytest.mark.parametrize(("fan_in", "density"), [(1152, 0.11), (2304, 0.1), (4608, 0.1)])
def test_the_step_style_break_even_of_five_steps_is_near_the_literatures(fan_in, density):
    # 5.7 to 6.4 % (arXiv 2409.08290), for a tenth of the bits set, as in sparse activations.
    assert 0.0565 < step_break_even(5, fan_in, bit_density=density) < 0.0645


def test_chips_show_prints_limits_and_kinds_of_layers():
    shown = CliRunner().invoke(cli, ["chips", "show", "akida"])
    assert shown.exit_code == 0
    assert "22 x core (neurons, conv layers, dense layers)" in shown.output
    assert "kernel_side 1/3/5/7, strided_kernel_side 3, stride 1/2" in shown.output


@pytest.mark.parametrize("rate", [0.057, 0.064])
def test_the_published_range_is_a_tenth_of_set_bits_and_nothing_else(rate):
    # Additions alone, and with membranes of layers of 64 to 4608 inputs: R_b = T R_s / B + ...
    for fan_in in (64, 576, 4608, np.inf):
        density = (5 * rate * 0.9 + 2 * 5 * 3.12 / fan_in) / (3 * 0.9)
        assert step_break_even(5, fan_in, bit_density=density) == pytest.approx(rate)
    assert density == pytest.approx(5 * rate / 3)
    # Half of the bits, as numbers at random have, are far from it; so is a weight read each time.
    assert step_break_even(5, 1152, bit_density=0.5) > 4 * rate
    assert step_break_even(5, 1152, bit_density=1e-9, operands=True) > 2 * rate


@given(steps=st.integers(1, 40), rate=st.floats(0.0, 1.0), seed=st.integers(0, 99))
def test_a_bit_serial_twin_of_the_same_counts_never_does_more_additions(steps, rate, seed):
    counts = np.random.default_rng(seed).binomial(steps, rate, 200)
    density = bit_density(counts, steps)
    spikes = counts.mean()
    assert density * bits_of_counts(steps) <= spikes + 1e-12
    if density:
        even = step_break_even(steps, 100, bit_density=density, memory=False)
        assert even <= spikes / steps + 1e-12


def test_bit_density_wants_counts_of_the_steps():
    assert bit_density(np.array([7, 7]), 7) == 1.0
    for wrong in ([6], [-1], [0.5], []):
        with pytest.raises(ParameterError, match="bit_density.counts"):
            bit_density(np.array(wrong), 5)


def test_the_closed_form_of_break_even_is_the_crossing_of_the_two_models():
    steps, fan_in, density, n = 5, 64, 0.4, 1000
    rate = step_break_even(steps, fan_in, bit_density=density, operands=True)
    ops = fan_in * n
    snn = steps * rate * ops * (0.9e-12 + 3.12e-12) + steps * n * 2 * 3.12e-12
    ann = ops * 3 * density * 0.9e-12 + ops * 3.12e-12
    assert snn == pytest.approx(ann, rel=1e-12)


def test_silence_and_baselines_have_no_break_even_rate():
    silent = ns.compare(network(rate=0.0), chips=["loihi"])
    assert silent.row("loihi").break_even is None
    assert silent.row("ann-int8").break_even is None


# ------------------------------------------------------------------ clear outcomes


def test_a_chip_without_prices_says_so_in_every_form(tmp_path):
    path = tmp_path / "bare.toml"
    bare = TEXT[: TEXT.index("[energy.synop.dense]")].replace("neurons = 4", "neurons = 400")
    bare = bare.replace("axons_in = 12, axons_out = 16, synapse_words = 24", "axons_in = 1000")
    bare = bare.replace('cost_rules = { synapse_words = { rule = "loihi_synlist" } }', "")
    path.write_text(bare + '[energy.synop.dense]\nbasis = "unpublished"\n')
    table = ns.compare(network(), chips=[path])
    line = next(line for line in str(table).splitlines() if line.startswith("small "))
    assert "no price" in line
    assert table.row("small").power_w is None
    page = write_comparison(tmp_path / "page.html", table).read_text()
    assert "no price" in page


def test_a_network_that_fits_nowhere_has_a_row_for_each_reason():
    net = ns.Network(time="steps")
    net.add(ns.SpikeSource(2), "in")
    net.add(ns.IF(2), "a")
    net.connect("in", "a", weight=1.0, delay=5000.0)
    table = ns.compare(ns.simulate(net, 3, progress=False))
    chips = [row for row in table.rows if row.kind == "chip"]
    assert len(chips) >= 14
    assert not any(row.fits for row in chips)
    assert all("5000 delay ticks" in row.reason and row.remedies for row in chips)
    assert all(row.fits for row in table.rows if row.kind == "baseline")


def test_power_is_not_given_where_static_power_has_no_price(table):
    for name in ("darwin3", "tianjic", "dynapse2", "spinnaker2"):
        assert table.row(name).power_w is None
    assert table.row("loihi").power_w > 0


def test_a_raster_from_elsewhere_costs_what_the_run_costs():
    result = network()
    recording = hw.Recording(result.network, result.spikes, result.duration)
    a, b = (ns.compare(r, chips=["loihi"]).row("loihi") for r in (result, recording))
    assert a == b


# ------------------------------------------------------------------ the page


class Page(HTMLParser):
    """Collects what a page would load from elsewhere, and its text."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.tags, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [
            value for name, value in attrs
            if name in ("src", "href") and not value.startswith(("data:", "#"))
        ]  # fmt: skip

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_has_every_constant_and_loads_nothing(table, tmp_path):
    path = write_comparison(tmp_path / "energy.html", table, validation=hw.validate("odin"))
    page = Page(path.read_text(encoding="utf-8"))
    assert page.loads == []
    assert "script" not in page.tags
    text = " ".join(page.text)
    for name, estimate in table.estimates.items():
        assert table.chips[name].title in text
        for term in estimate.terms:
            assert term.path in text
            assert term.constant.source.ref in text
    assert "V2 37.5 MSOP/s" in text
    with pytest.raises(ParameterError, match="must be a Comparison with rows"):
        write_comparison(tmp_path / "none.html", None)


# ------------------------------------------------------------------ commands


def call(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(NET)
    return path


def test_compare_prints_a_table_and_fills_a_folder(net, tmp_path):
    code, out, _ = call("compare", net, "--t", 20, "--chip", "loihi", "--out", tmp_path / "out")
    assert code == 0
    assert "loihi" in out
    assert "ann-int8" in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"energy.csv", "energy.json", "energy.png", "energy.html"}


def test_compare_in_json_is_one_object_and_takes_spikes_from_a_file(net, tmp_path):
    call("run", net, "--t", 20, "--out", tmp_path / "run")
    arguments = ("compare", net, "--t", 20, "--chip", "odin", "--json")
    code, out, _ = call(*arguments)
    again = call(*arguments, "--spikes", tmp_path / "run" / "spikes.h5")
    assert code == again[0] == 0
    rows = json.loads(out)["rows"]
    assert rows == json.loads(again[1])["rows"]
    assert {row["chip"] for row in rows} >= {"odin", "ann-int8"}


def test_estimate_explains_one_chip(net):
    code, out, _ = call("estimate", net, "--t", 20, "--chip", "loihi")
    assert code == 0
    assert "Davies 2018, Table 2" in out
    code, out, _ = call("estimate", net, "--t", 20, "--chip", "loihi", "--part", "in->out")
    assert code == 0
    assert "energy.synop.dense" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("estimate", "NET", "--t", 5), "--chip must be given once, got 0"),
        (("estimate", "NET", "--t", 5, "--chip", "loihy"), "did you mean 'loihi'"),
        (("compare", "NET", "--t", 5, "--chip", "no.toml"), "cannot be read"),
        (("compare", "NET", "--t", 5, "--spikes", "none.h5"), "no such spike file"),
    ],
)
def test_faults_are_one_sentence_and_exit_code_two(net, arguments, says):
    code, out, err = call(*(net if a == "NET" else a for a in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("neurosim: ")
    assert says in err
    assert "Traceback" not in err


def test_a_users_chip_with_a_wrong_unit_is_refused_by_compare(net, tmp_path):
    path = write_chip(tmp_path, ('value = "20 pJ"', 'value = "20 mW"'))
    code, _, err = call("compare", net, "--t", 5, "--chip", path)
    assert code == 2
    assert "dimension energy, not power" in err
