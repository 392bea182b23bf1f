"""A small chip file for tests, whose lines can be replaced one by one."""

TEXT = """
[chip]
name = "small"
title = "Small"
vendor = "tests"
year = 2026
tier = "C"
evidence = "made up for tests"
schema_version = 1

[time]
mode = "barrier_step"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[topology]
kind = "mesh"
tiles_x = 2
tiles_y = 2
cores_per_tile = 2
max_chips = 2
multicast = "per_target_core"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[[core]]
count = 8
resources = { neurons = 4, axons_in = 12, axons_out = 16, synapse_words = 24 }
cost_rules = { synapse_words = { rule = "loihi_synlist" } }
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[neuron]
models = ["LIF", "IF"]
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[synapse]
weight_bits = 8
delay_max = 15
formats = ["dense"]
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[energy.synop.dense]
value = "20 pJ"
low = "10 pJ"
high = "40 pJ"
scope = "incremental"
basis = "measured"
group = "table"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[energy.neuron_active]
value = "80 pJ"
low = "70 pJ"
high = "90 pJ"
scope = "incremental"
basis = "simulated"
group = "table"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[energy.neuron_idle]
basis = "unpublished"

[energy.hop]
value = "3 pJ"
low = "3 pJ"
high = "3 pJ"
scope = "incremental"
basis = "measured"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[energy.intra_tile]
absent = "not in this test"

[energy.axon_in]
included_in = "energy.synop.dense"

[power.chip_static]
value = "10 mW"
low = "5 mW"
high = "20 mW"
scope = "incremental"
basis = "vendor"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[latency.synop]
value = "2 ns"
low = "1 ns"
high = "4 ns"
scope = "incremental"
basis = "measured"
group = "times"
source = { ref = "Tests", at = "Table 1" }
read = "primary"

[latency.sync]
value = "100 ns"
low = "50 ns"
high = "200 ns"
scope = "incremental"
basis = "measured"
group = "times"
source = { ref = "Tests", at = "Table 1" }
read = "primary"
"""


def chip_text(*replacements: tuple[str, str]) -> str:
    """The file with pieces replaced; each must occur."""
    text = TEXT
    for old, new in replacements:
        if old not in text:
            raise KeyError(old)
        text = text.replace(old, new, 1)
    return text


def write_chip(folder, *replacements: tuple[str, str], name: str = "small.toml"):
    """Write the file; return its path."""
    path = folder / name
    path.write_text(chip_text(*replacements), encoding="utf-8")
    return path
