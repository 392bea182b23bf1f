"""Claims about units: exact values, right dimensions, clear refusals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ParameterError
from neurosim.units import UNITS, format_quantity, parse_quantity, quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("23.6 pJ", "energy", 23.6e-12),
        ("0.9 fJ", "energy", 0.9e-15),
        ("104 mW", "power", 0.104),
        ("27.3 uW", "power", 27.3e-6),
        ("27.3 µW", "power", 27.3e-6),
        ("3.5 ns", "time", 3.5e-9),
        ("465ns", "time", 465e-9),
        ("75 MHz", "frequency", 75e6),
        ("0.8 V", "voltage", 0.8),
        ("14 nm", "length", 14e-9),
        ("60 mm2", "area", 60e-6),
        ("128 KiB", "information", 1048576.0),
        ("512 cycles", "count", 512.0),
        ("1.78 uW/MHz", "energy", 1.78e-12),
        ("72 fJ/bit", "energy per bit", 72e-15),
        ("-1e3 mV", "voltage", -1.0),
    ],
)
def test_known_quantities_have_their_exact_si_value(text, dimension, value):
    assert quantity(text, dimension) == value


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("5", "has no unit in '5'"),
        ("pJ", "number and a unit"),
        ("5 parsec", "unknown unit 'parsec'"),
        ("nan J", "number and a unit"),
        ("inf J", "number and a unit"),
        ("1e999 J", "unknown unit"),
        ("5 J/s/s", "unknown unit"),
        ("9" * 10_000 + " J", "number and a unit"),
        ("5 " + "J" * 10_000, "number and a unit"),
        (5.0, "must be text with a unit"),
        (None, "must be text with a unit"),
        (["5 J"], "must be text with a unit"),
    ],
)
def test_text_that_is_no_quantity_is_refused_in_one_line(text, match):
    with pytest.raises(ParameterError, match=match) as caught:
        parse_quantity(text, owner="energy.synop", name="value")
    assert "energy.synop.value" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_wrong_dimension_names_both():
    with pytest.raises(ParameterError, match="dimension energy, got '5 mW'.*dimension power"):
        quantity("5 mW", "energy")


@given(st.sampled_from(sorted(UNITS)), st.integers(-(10**6), 10**6))
def test_every_unit_scales_linearly(unit, number):
    one = parse_quantity(f"1 {unit}")
    many = parse_quantity(f"{number} {unit}")
    assert many.dimension == one.dimension
    assert math.isclose(many.value, number * one.value, rel_tol=1e-15, abs_tol=0.0)


@given(st.floats(1e-14, 1e11), st.sampled_from(["J", "W", "s", "Hz"]))
def test_formatting_and_reading_agree_to_the_digits_printed(value, unit):
    text = format_quantity(value, unit, digits=6)
    assert math.isclose(parse_quantity(text).value, value, rel_tol=1e-5)


def test_rounding_up_to_a_thousand_takes_the_next_prefix():
    assert format_quantity(999.96e-12, "J") == "1 nJ"
    assert format_quantity(0.0, "J") == "0 J"
