"""Claims about chip files: the shipped ones are complete, broken ones are refused in full."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_chip import TEXT, chip_text, write_chip

import neurosim.hardware as hw
from neurosim.errors import FormatError, ParameterError
from neurosim.hardware.chip import Constant, NoPrice
from neurosim.hardware.load import MAX_BYTES

ALL_CHIPS = hw.list_chips()


def problems_of(path) -> str:
    found = hw.check_chip(path)
    assert isinstance(found, list), f"{path} should have been refused"
    return "\n".join(str(problem) for problem in found)


def test_the_chips_of_the_first_release_are_there():
    assert {"loihi", "truenorth", "odin", "snn-45nm-ac", "ann-45nm-mac"} <= set(ALL_CHIPS)
    assert hw.load_chip("loihi1") is hw.load_chip("loihi")


@pytest.mark.parametrize("name", ALL_CHIPS)
def test_every_shipped_constant_has_a_source_a_mark_and_a_band(name):
    chip = hw.load_chip(name)
    assert chip.name == name
    assert chip.tier in "ABC"
    constants = [price for price in chip.prices.values() if isinstance(price, Constant)]
    # Akida has capacities and no prices, and says so.
    assert constants or (chip.tier == "C" and name == "akida")
    for constant in constants:
        assert constant.source.ref
        assert constant.source.at
        assert constant.read in ("primary", "secondary", "memory")
        assert 0 < constant.low <= constant.value <= constant.high
    for price in chip.prices.values():
        assert isinstance(price, Constant) or price.reason


@pytest.mark.parametrize(
    ("chip", "path", "value"),
    [
        ("loihi", "energy.synop.dense", 23.6e-12),
        ("loihi", "energy.neuron_active", 81e-12),
        ("loihi", "energy.neuron_idle", 52e-12),
        ("loihi", "energy.hop.y", 4e-12),
        ("loihi", "power.chip_static", 0.104),
        ("loihi", "latency.synop", 3.5e-9),
        ("truenorth", "energy.synop.crossbar", 2.297e-12),
        ("truenorth", "power.chip_static", 64.43e-3),
        ("odin", "energy.synop.crossbar", 8.43e-12),
        ("odin", "power.clock_per_hz", 1.78e-12),
        ("odin", "power.chip_static", 27.3e-6),
        ("odin", "cycles.synop", 2.0),
        ("snn-45nm-ac", "energy.synop.fp32", 0.9e-12),
        ("ann-45nm-mac", "energy.synop.fp32", 4.6e-12),
    ],
)
def test_published_numbers_arrive_in_si_units(chip, path, value):
    assert hw.load_chip(chip).price(path).value == value


def test_truenorths_prices_are_the_line_through_the_sweeps_end_points():
    # Akopyan 2015, Fig. 17: 1 048 576 neurons of 128 synapses, 68 mW and 94 mW.
    events = [1_048_576 * 128 * rate for rate in (11.58, 95.93)]
    slope = (94e-3 - 68e-3) / (events[1] - events[0])
    chip = hw.load_chip("truenorth")
    assert chip.price("energy.synop.crossbar").value == pytest.approx(slope, rel=5e-4)
    static = chip.price("power.chip_static").value
    assert static == pytest.approx(68e-3 - slope * events[0], rel=1e-4)


def test_truenorth_shows_its_all_in_figure_but_does_not_price_with_it():
    chip = hw.load_chip("truenorth")
    assert any(f.value == "26 pJ" and f.scope == "all_in" for f in chip.figures)
    assert not chip.all_in


def test_the_test_chip_is_right_and_a_missing_price_is_unpublished(tmp_path):
    chip = hw.load_chip(write_chip(tmp_path))
    missing = chip.price("energy.chip_link")
    assert isinstance(missing, NoPrice)
    assert missing.status == "unpublished"
    assert chip.price("energy.hop.x").value == chip.price("energy.hop.y").value == 3e-12
    assert chip.price("energy.axon_in").status == "included"
    assert chip.price("energy.intra_tile").status == "absent"


SYNOP = '[energy.synop.dense]\nvalue = "20 pJ"\nlow = "10 pJ"'
NO_SOURCE = 'group = "table"\nsource = { ref = "Tests", at = "Table 1" }\n'
BROKEN = {
    "unknown key": (
        ('title = "Small"', 'title = "Small"\ncolour = "red"'),
        r"\[chip\] colour is an unknown key; known keys: name",
    ),
    "unknown table": (("[chip]", "[chips]"), r"\[top level\] chips is an unknown table"),
    "missing unit": (('value = "20 pJ"', 'value = "20"'), r"\] value has no unit in '20'"),
    "bare number": (('value = "20 pJ"', "value = 20"), "value must be text with a unit"),
    "wrong dimension": (('value = "20 pJ"', 'value = "20 mW"'), "dimension energy, not power"),
    "unknown unit": (('value = "20 pJ"', 'value = "20 eV"'), "unknown unit 'eV'"),
    "negative": (('low = "10 pJ"', 'low = "-1 pJ"'), "must not be negative, got '-1 pJ'"),
    "no source": ((NO_SOURCE, 'group = "table"\n'), r"\[energy.synop.dense\] source is missing"),
    "no place in source": (('", at = "Table 1" }', '" }'), r"\[time.source\] at is missing"),
    "low above value": ((SYNOP, SYNOP.replace("10 pJ", "21 pJ")), "breaks low <= value <= high"),
    "no low": ((SYNOP, SYNOP.replace('\nlow = "10 pJ"', "")), r"\] low is missing"),
    "zero without reason": (
        (SYNOP, SYNOP.replace("20 pJ", "0 pJ").replace("10 pJ", "0 pJ")),
        "is zero without a reason",
    ),
    "number and excuse": (
        (
            '[energy.neuron_idle]\nbasis = "unpublished"',
            '[energy.neuron_idle]\nbasis = "unpublished"\nvalue = "1 pJ"',
        ),
        "stands beside basis = 'unpublished'",
    ),
    "unknown cost": (("[energy.neuron_idle]", "[energy.neuron_sleep]"), "neuron_sleep is an unkn"),
    "unknown word": (('scope = "incremental"', 'scope = "total"'), "use incremental, all_in"),
    "all-in price in the wrong place": (
        ('scope = "incremental"', 'scope = "all_in"'),
        r"is only allowed in \[energy.all_in\]",
    ),
    "all-in beside others": (
        (
            "[energy.neuron_idle]",
            '[energy.all_in]\nvalue = "26 pJ"\nlow = "26 pJ"\nhigh = "26 pJ"\n'
            'scope = "all_in"\nbasis = "measured"\nread = "primary"\n'
            'source = { ref = "Tests", at = "Table 1" }\n[energy.neuron_idle]',
        ),
        "would be counted twice beside the all-in price",
    ),
    "wrong rule": (('rule = "loihi_synlist"', 'rule = "cam"'), "use linear, loihi_synlist"),
    "rule without resource": (
        (", synapse_words = 24", ""),
        "synapse_words is not a resource of this core",
    ),
    "unknown resource": (("axons_out = 16", "antennas = 16"), "antennas is an unknown key"),
    "negative count": (("count = 8", "count = -8"), "count must be an integer from 1"),
    "boolean count": (("count = 8", "count = true"), "count must be an integer from 1"),
    "no core": (("[[core]]", "[[published]]"), r"\[core\] is missing"),
    "tick missing": (('mode = "barrier_step"', 'mode = "fixed_tick"'), "tick is missing for mode"),
    "latency of a clocked chip": (
        ('mode = "barrier_step"', 'mode = "clocked"\nclock = "1 MHz"'),
        "clocked chips have",
    ),
    "future schema": (("schema_version = 1", "schema_version = 9"), "from 1 to 1, got 9"),
    "element of the wrong kind": (
        ('formats = ["dense"]', "formats = [1]"),
        "formats must be a name",
    ),
    "control character": (
        ('title = "Small"', 'title = "Sm\\u001b[31mall"'),
        "title must be text of 1 to 80 printable characters",
    ),
    "key that moves the cursor": (
        ('title = "Small"', 'title = "Small"\n"\\u001b[2J" = 1'),
        r"\[chip\] '\\x1b\[2J' is an unknown key",
    ),
    "name that is a formula": (
        ('name = "small"', 'name = "=cmd|x"'),
        "name must be a name of 1 to",
    ),
    "name that is a path": (('name = "small"', 'name = "../../x"'), "name must be a name of 1 to"),
    "mesh without room": (("tiles_x = 2", "tiles_x = 1"), "has room for 4 cores, fewer than the 8"),
    "included in nothing": (
        ('included_in = "energy.synop.dense"', 'included_in = "energy.banana"'),
        "included_in is not an entry with a number, got 'energy.banana'",
    ),
    "included in what has no price": (
        ('included_in = "energy.synop.dense"', 'included_in = "energy.neuron_idle"'),
        "included_in is not an entry with a number",
    ),
    "full rows of unknown width": (
        (
            'delay_max = 15\nformats = ["dense"]',
            'delay_max = 15\nformats = ["dense"]\ncharged = "full_row"',
        ),
        "needs the number of columns",
    ),
    "a format without a price": (
        ('formats = ["dense"]', 'formats = ["dense", "sparse"]'),
        r"has no entry in \[energy.synop\] for sparse",
    ),
    "units above the resource": (
        (
            "cost_rules = {",
            'cost_rules = { neurons = { rule = "linear", units = 5 },',
        ),
        "units is above the neurons = 4 of a core",
    ),
    "unknown feature": (
        ('models = ["LIF", "IF"]', 'models = ["LIF"]\nfeatures = ["magic"]'),
        "features is not one of the words allowed, got 'magic'",
    ),
    "a rule without its parameter": (
        ("axons_out = 16, synapse_words = 24", "bytes = 100"),
        r"\[core.cost_rules.bytes\] neuron_bytes is missing; rule 'pooled_bytes' needs it",
    ),
    "an unknown limit": (
        (
            "[neuron]",
            '[limits]\nwishes = 3\nsource = { ref = "T", at = "1" }\nread = "primary"\n[neuron]',
        ),
        r"\[limits\] wishes is an unknown key",
    ),
    "circuits without a tick": (
        ('mode = "barrier_step"', 'mode = "continuous"'),
        "tick is missing for mode 'continuous'",
    ),
    "a twin that keeps no weight": (
        (
            "[neuron]",
            '[twin]\nweight_density = 0\nsource = { ref = "T", at = "1" }\n'
            'read = "primary"\n[neuron]',
        ),
        "weight_density must be a number above 0 and up to 1",
    ),
    "layers on cores of unknown size": (
        ('multicast = "per_target_core"', 'multicast = "per_target_core"\nunit = "layer"'),
        "holds layers, which none of its resources counts",
    ),
    "table for a word": (('tier = "C"', "tier = {}"), "tier is not one of the words allowed"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_table_key_and_rule(case, tmp_path):
    replacement, expected = BROKEN[case]
    also = [("neurons = 4, ", "")] if case == "full rows of unknown width" else []
    if case == "a rule without its parameter":
        also = [('cost_rules = { synapse_words = { rule = "loihi_synlist" } }\n', "")]
    path = write_chip(tmp_path, replacement, *also)
    with pytest.raises(FormatError, match=expected) as caught:
        hw.load_chip(path)
    assert str(path) in str(caught.value)


def test_all_problems_of_a_file_are_reported_at_once(tmp_path):
    path = write_chip(
        tmp_path,
        ('title = "Small"', 'colour = "red"'),
        ('value = "20 pJ"', 'value = "20"'),
        ("count = 8", "count = 0"),
        ('[energy.neuron_idle]\nbasis = "unpublished"', '[energy.neuron_idle]\nbasis = "magic"'),
    )
    text = problems_of(path)
    for part in ("colour", "title is missing", "'20'", "count", "energy.neuron_idle"):
        assert part in text
    with pytest.raises(FormatError, match=r"has \d+ problems"):
        hw.load_chip(path)


def test_an_all_in_price_alone_is_a_legal_chip(tmp_path):
    text = chip_text()
    head = text[: text.index("[energy.synop.dense]")]
    path = tmp_path / "all.toml"
    path.write_text(
        head + '[energy.all_in]\nvalue = "26 pJ"\nlow = "20 pJ"\nhigh = "30 pJ"\n'
        'scope = "all_in"\nbasis = "measured"\nread = "primary"\n'
        'source = { ref = "Tests", at = "Table 1" }\n'
    )
    assert hw.load_chip(path).all_in


def test_a_file_without_energies_says_what_to_write(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(TEXT[: TEXT.index("[energy.synop.dense]")])
    assert "[energy] is missing; add one; where nobody printed a price" in problems_of(path)


def test_one_price_for_all_formats_is_used_for_each(tmp_path):
    path = write_chip(
        tmp_path,
        ("[energy.synop.dense]", "[energy.synop]"),
        ('included_in = "energy.synop.dense"', 'included_in = "energy.synop"'),
    )
    assert hw.load_chip(path).price("energy.synop.dense").value == 20e-12


@pytest.mark.parametrize("name", [5, None, b"loihi", 1.5, {}])
def test_what_is_no_name_and_no_path_is_refused_by_its_type(name):
    with pytest.raises(ParameterError, match=f"chip must be a name.*got {type(name).__name__}"):
        hw.load_chip(name)


def _deep(n: int) -> str:
    return "x = " + "[" * n + "]" * n


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe" * 100,
        b"not toml at all {",
        _deep(20_000).encode(),
        ("a." * 5_000 + "b = 1").encode(),
        ("[" + "a." * 20_000 + "b]\n").encode(),
        ("x = " + "9" * 20_000).encode(),
        b"[chip]\nname = " + b"9" * 20_000,
        b'[chip]\nname = "' + b"n" * 60_000 + b'"',
        b"[[core]]\n" * 7_000,
        b"[energy.synop]\ndense.value.value.value = 1\n[energy]\nhop = 3\npower = []\n",
        b"energy = 1\npower = []\nlatency = 'x'\ncore = 3\nvalidation = {}\nchip = []\ntime = 1",
        TEXT.encode() + b"#" * MAX_BYTES,
    ],
)
def test_hostile_files_end_in_bounded_time_with_a_bounded_message(content, tmp_path):
    path = tmp_path / "foreign.toml"
    path.write_bytes(content)
    start = time.perf_counter()
    text = problems_of(path)
    assert time.perf_counter() - start < 60  # it ends at all
    assert text
    assert max(map(len, text.splitlines())) < 1200


def test_a_folder_a_missing_file_and_a_pipe_are_refused_without_waiting(tmp_path):
    assert "not a regular file" in problems_of(tmp_path)
    assert "cannot be read" in problems_of(tmp_path / "none.toml")
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    assert "not a regular file" in problems_of(pipe)
    assert "cannot be read" in problems_of("nul\0byte.toml")


def test_an_unknown_name_lists_the_known_ones_and_a_guess():
    with pytest.raises(ParameterError, match="got 'loihj'; did you mean 'loihi'"):
        hw.load_chip("loihj")


ODD = st.sampled_from(
    ["1", "-1", "0.5", "nan", "true", '""', '"x"', '"5 pJ"', "[]", "[1]", "{}", "{ a = 1 }"]
    + ['["a", 1]', "1979-05-27", '"0 pJ"', "[{}]", "{ ref = 1, at = [] }"]
)


@given(
    line=st.integers(0, TEXT.count("\n")),
    value=ODD,
    drop=st.integers(0, 3),
    key=st.sampled_from([None, "basis", "included_in", "absent", "hop", "rule", "x", "y"]),
)
def test_any_value_on_any_line_ends_in_a_chip_or_in_problems(
    line, value, drop, key, tmp_path_factory
):
    lines = TEXT.splitlines()
    if " = " in lines[line % len(lines)]:
        name = key or lines[line % len(lines)].split(" = ")[0]
        lines[line % len(lines)] = f"{name} = {value}"
    del lines[(line * 7) % len(lines) : (line * 7) % len(lines) + drop]
    path = tmp_path_factory.mktemp("fuzz") / "chip.toml"
    path.write_text("\n".join(lines))
    found = hw.check_chip(path)
    assert isinstance(found, hw.Chip) or all(str(problem) for problem in found)
