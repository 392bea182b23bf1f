"""The command line: one JSON object, one sentence per error, exit codes, whole folders."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import neurosim as ns
from neurosim.cli import cli
from neurosim.clouds import PointCloud, write_ply
from neurosim.errors import FormatError
from neurosim.events import Events, write_es
from neurosim.netfile import read_network

NET = """
[network]
seed = 3

[populations.in]
model = "PoissonSource"
n = 20
rate = 50.0

[populations.out]
model = "LIF"
n = 10
tau_m = 10.0

[[projections]]
pre = "in"
post = "out"
rule = { type = "FixedProbability", p = 0.5 }
weight = { type = "Uniform", low = 0.1, high = 0.5 }
delay = 1.0

[record]
out = ["spikes", "v[:2]"]
"""


def call(*arguments):
    """Run the command; return (exit code, stdout, stderr)."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def refused(*arguments):
    """Run a command that must be refused; return its one message."""
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("neurosim: ") and "Traceback" not in err
    return err


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(NET)
    return path


@pytest.fixture
def recording(tmp_path):
    events = Events(x=[3, 1], y=[0, 2], t=[10, 900], p=[1, 0], sensor_size=(4, 3))
    return write_es(events, tmp_path / "any.name")


def test_version_is_the_packages():
    assert call("--version")[:2] == (0, f"neurosim {ns.__version__}\n")


def all_commands(group=cli, path=()):
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from all_commands(command, (*path, name))


@pytest.mark.parametrize("path", list(all_commands()), ids=" ".join)
def test_every_command_explains_itself(path):
    code, out, _ = call(*path, "--help")
    assert code == 0 and len(out.splitlines()) > 4
    command = cli
    for name in path:
        command = command.commands[name]
    if not hasattr(command, "commands"):
        assert "Examples:" in out and "--json" in out


def test_doctor_names_versions_threads_and_cache():
    code, out, _ = call("doctor", "--json")
    found = json.loads(out)
    assert code == 0 and found["problems"] == []
    assert found["packages"]["numba"] and found["cores"] >= 1 and found["cache"]["folder"]
    assert call("doctor")[0] == 0


def test_events_info_counts_events(recording):
    code, out, _ = call("events", "info", recording, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["width"], found["height"], found["events"]) == (4, 3, 2)
    assert (found["on"], found["off"], found["duration_ms"]) == (1, 1, 0.89)
    assert "Event Stream" in call("events", "info", recording)[1]


def test_cloud_info_says_the_extent(tmp_path):
    path = write_ply(PointCloud(xyz=[[1, 2, 3], [-1, 0, 5]]), tmp_path / "cloud")
    code, out, _ = call("cloud", "info", path, "--json")
    found = json.loads(out)
    assert code == 0 and found["points"] == 2
    assert found["x_m"] == [-1, 1] and found["z_m"] == [3, 5]


def test_foreign_files_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(b"hello world, this is no recording")
    for command in (("events", "info"), ("cloud", "info")):
        assert str(path) in refused(*command, path)
        assert "nowhere" in refused(*command, tmp_path / "nowhere")


def test_every_shipped_chip_is_listed_shown_and_valid():
    rows = json.loads(call("chips", "list", "--json")[1])["chips"]
    assert {row["name"] for row in rows} >= {"loihi", "truenorth", "odin"}
    for row in rows:
        code, out, _ = call("chips", "show", row["name"], "--json")
        details = json.loads(out)
        assert code == 0 and details["prices"]
        units = {price["unit"] for price in details["prices"] if price["status"] == "priced"}
        assert units <= {"J", "W", "s", "cycles"}
        text = call("chips", "show", row["name"])[1]
        assert details["title"] in text
        assert all(price["path"] in text for price in details["prices"])


def test_chips_check_passes_a_good_file_and_lists_all_problems_of_a_bad_one(tmp_path):
    from neurosim.hardware import load_chip

    good = load_chip("loihi").path
    assert call("chips", "check", good)[0] == 0
    assert json.loads(call("chips", "check", good, "--json")[1])["valid"] is True
    text = Path(good).read_text().replace("[chip]", "[chip]\ncolour = 'red'\n", 1)
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace("vendor", "vandor", 1))
    message = refused("chips", "check", bad)
    assert "colour" in message and "vandor" in message
    assert "chip must be one of" in refused("chips", "show", "loihy")


def test_run_writes_a_folder_and_one_json_object(net, tmp_path):
    out = tmp_path / "out"
    arguments = ["run", net, "--t", "50", "--dt", "0.5", "--seed", "7", "--out", out, "--json"]
    code, text, _ = call(*arguments)
    summary = json.loads(text)
    assert code == 0 and summary["seed"] == 7 and summary["duration"] == 50
    assert sorted(path.name for path in out.iterdir()) == [
        "raster.png",
        "spikes.h5",
        "summary.json",
    ]
    assert json.loads((out / "summary.json").read_text())["spikes"] == summary["spikes"]
    assert len(ns.read_spikes(out / "spikes.h5")["out"]) == summary["spikes"]["out"]


def test_run_gives_the_same_spikes_as_the_script(net):
    code, text, _ = call("run", net, "--t", "50", "--json")
    result = ns.simulate(read_network(net).network, 50.0, progress=False)
    assert code == 0
    assert json.loads(text)["spikes"]["out"] == int(result.counts["out"].sum())
    assert "10 neurons" in call("run", net, "--t", "50")[1]


def test_run_takes_the_engine_that_is_asked_for(net):
    code, text, _ = call("run", net, "--t", "50", "--engine", "event", "--json")
    summary = json.loads(text)
    assert code == 0
    assert (summary["engine"], summary["engine_reason"]) == ("event", "asked for")
    result = ns.simulate(read_network(net).network, 50.0, engine="event", progress=False)
    assert summary["spikes"]["out"] == int(result.counts["out"].sum())
    message = refused("run", net, "--t", "50", "--engine", "event", "--dt", "0.1")
    assert "simulate.dt must be left out for the event engine" in message


def test_an_unwritable_folder_is_refused_and_nothing_is_left(net, tmp_path):
    before = sorted(tmp_path.iterdir())
    message = refused("run", net, "--t", "10", "--out", net / "out")
    assert "output folder" in message
    assert sorted(tmp_path.iterdir()) == before


def test_a_failed_run_leaves_no_folder(net, tmp_path):
    assert "duration" in refused("run", net, "--t", "-1", "--out", tmp_path / "deep" / "out")
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "x", "--t", "abc"],
        ["nonsense"],
        ["demo", "--threads", "0"],
        ["demo", "--seed", "-1"],
        ["demo", "--seed", "99999999999"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    assert call(*arguments)[0] == 2


# ---------------------------------------------------------------- network files


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[network]", "[network]\nspeed = 1", "network has the unknown key 'speed'"),
        ("[record]", "[recording]", "the file has the unknown key 'recording'"),
        ("tau_m = 10.0", "tau_n = 10.0", r"populations.out \(LIF\) has the unknown key 'tau_n'"),
        ("tau_m = 10.0", "tau_m = -10.0", "populations.out: LIF.tau_m must be > 0"),
        ('model = "LIF"', 'model = "HH"', "populations.out.model must be one of LIF, IF"),
        ('model = "LIF"', "", "populations.out.model must be one of .* got nothing"),
        ("n = 10", "", r"populations.out \(LIF\) needs the key 'n'"),
        ("rate = 50.0", "", r"\(PoissonSource\) needs the key 'rate'"),
        ('pre = "in"', "", r"projections\[0\] needs the key 'pre'"),
        ('post = "out"', 'post = "nobody"', r"projections\[0\]: .*nobody"),
        ('"FixedProbability", p', '"FixedProbability", q', "unknown key 'q'"),
        ("p = 0.5", "p = 1.5", r"projections\[0\].rule: FixedProbability.p must be"),
        ('type = "Uniform"', 'type = "Gamma"', r"weight.type must be one of Uniform"),
        ("delay = 1.0", "delay = -1.0", r"projections\[0\]: .*delay must be >= 0"),
        ('["spikes", "v[:2]"]', '"spikes"', "record.out must be a list of texts"),
        ("[network]", "[network", "is not a TOML file"),
    ],
)
def test_network_files_are_checked_key_by_key(tmp_path, old, new, message):
    assert old in NET
    path = tmp_path / "net.toml"
    path.write_text(NET.replace(old, new, 1))
    with pytest.raises(FormatError, match=message) as error:
        read_network(path)
    assert str(path) in str(error.value)


def test_a_network_file_describes_what_a_script_would(net):
    read = read_network(net)
    assert read.record == {"out": ["spikes", "v[:2]"]}
    assert read.network.seed == 3 and read_network(net, seed=5).network.seed == 5
    script = ns.Network(seed=3)
    inp = script.add(ns.PoissonSource(20, rate=50.0), "in")
    out = script.add(ns.LIF(10, tau_m=10.0), "out")
    rule = ns.FixedProbability(0.5)
    script.connect(inp, out, rule, weight=ns.Uniform(0.1, 0.5), delay=1.0)
    ours, theirs = ns.expand(read.network, "in->out"), ns.expand(script, "in->out")
    assert ours.post.tolist() == theirs.post.tolist()
    assert ours.weight.tolist() == theirs.weight.tolist()
