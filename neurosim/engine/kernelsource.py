"""What is the source of a model's kernels? Loops around its scalar functions, as text.

Up to four kernels are made of one model. All get ``at``, the address of a table of addresses
(:class:`Block` lists them), and the number of neurons ``n``:

``block(at, n, lo, hi, moving, t, dt)``
    one step of the neurons lo..hi, over row slices of the state, so that the compiler can
    vectorise it; ``moving`` is 0 only at the first grid point of a simulation, where there
    is nothing to advance. Returns 1 if any neuron fired.
``resting(at, n, lo, hi, moving, t, dt)``
    the same for all neurons, over runs of groups of 64 that arrivals have marked or in which not
    all rest; returns the number of runs in which somebody fired, and lists them.
``doze(at, n, lo, count, step, dt)``
    the same for the first ``count`` neurons of the list of the awake, each from its own last
    step on; who is quiet afterwards falls asleep. Returns how many fired, and above 32
    bits how many stay awake.
``peek(at, n, ids, count, lo, hi, variable, out, step, dt)``
    writes one state variable of those of ``count`` neurons that lie in lo..hi, at a step, and
    wakes nobody.
"""

from enum import IntEnum

import numpy as np

from ..models.base import NeuronModel


class Block(IntEnum):
    """Columns of the address table that the kernels read."""

    STATE = 0  # real [variable, n]
    ROWS = 1  # real [parameter, n]: parameters with one value per neuron
    SCALARS = 2  # real [parameter]: parameters shared by all
    INPUTS = 3  # real [port, n]: summed arrivals, cleared by the kernel
    SPIKED = 4  # uint8 [n]: 1 where the neuron fired
    CELLS = 5  # real [n, width]: of sleepers, the state and its step, modulo 2^32, as uint32
    LISTED = 6  # uint8 [n]: 1 where the neuron is awake
    AWAKE = 7  # int32 [n]: the awake of part lo..hi from place lo on
    FIRED = 8  # int32 [n]: those of them that fired, in the same way
    SENT = 9  # float64 [n]: what the last spike of each carried, where spikes are graded
    BUSY = 10  # uint8 [groups]: 1 where a group of 64 cannot be passed over
    RUNS = 11  # int32 [2 groups]: first and last neuron of runs in which somebody fired


_TOGETHER = 64  # sleepers that are computed side by side
_AHEAD = 12  # neurons between asking for one's lines of the cache and needing them
_DENSE = ("advance", "receive", "fires", "payload", "fire")
_SLEEPING = ("leap", "receive", "fires", "payload", "fire", "quiet")
MEMBERS = {
    "block": _DENSE, "resting": (*_DENSE, "rests"), "doze": _SLEEPING, "peek": ("leap",)
}  # fmt: skip
_SINCE = "steps = (step - int64(anchors[place])) & 0xFFFFFFFF"


def width(variables: int) -> int:
    """Numbers that the state of a sleeper takes with its step: neighbours in one line of cache."""
    return 1 << variables.bit_length()


class Writer:
    """The phrases that the kernels of one model share."""

    def __init__(
        self, model: NeuronModel, rows: tuple, scalars: tuple, real: str, still: tuple = ()
    ) -> None:
        self.model, self.rows, self.scalars, self.real = model, rows, scalars, real
        self.state = list(model.state)
        self.all = ", ".join(f"s_{name}" for name in self.state)
        self.load = [
            f"s_{name} = {real}(0)" if name in still else f"s_{name} = state_{name}[j]"
            for name in self.state
        ]
        self.store = [f"state_{name}[j] = s_{name}" for name in self.state if name not in still]

    def call(self, member: str, **literal: str) -> str:
        """A call with the arguments that the model's function asks for."""
        values = {"t": "t", "dt": "dt", "weight": "weight", "steps": f"{self.real}(steps)"}
        values |= {name: f"s_{name}" for name in self.state}
        values |= {name: f"row_{name}[j]" for name in self.rows}
        values |= {name: f"p_{name}" for name in self.scalars}
        arguments = ", ".join((values | literal)[a] for a in self.model.arguments(member))
        return f"{member}({arguments})"

    def arrays(self, part: str, *, inputs: bool = True) -> list[str]:
        """Names for state, parameters and inputs; ``part`` is a slice such as lo:hi."""
        lines = [f"    addresses = view(at, {len(Block)}, INT64)"]
        tables = (
            ("state", Block.STATE, self.state),
            ("row", Block.ROWS, self.rows),
            ("input", Block.INPUTS, range(len(self.model.ports) if inputs else 0)),
        )
        for what, column, names in tables:
            for k, name in enumerate(names):
                low, high = (f"{k} * n + {end}" for end in part.split(":"))
                lines.append(
                    f"    {what}_{name} = view(addresses[{int(column)}], {len(names)} * n, REAL)"
                    f"[{low} : {high}]"
                )
        if self.scalars:
            lines.append(
                f"    scalars = view(addresses[{int(Block.SCALARS)}], {len(self.scalars)}, REAL)"
            )
            lines += [f"    p_{name} = scalars[{k}]" for k, name in enumerate(self.scalars)]
        return lines

    def numbers(self) -> list[str]:
        """The time in the model's numbers."""
        lines = [f"    dt = {self.real}(dt)"]
        if self.real == "int32":
            lines.append("    t = int64(t)")
        return lines

    def views(self, part: str) -> list[str]:
        """The same, and the time in the model's numbers."""
        return [*self.arrays(part), *self.numbers()]

    def per_neuron(self) -> list[str]:
        """The arrays of its own state and parameters that a neuron reads."""
        return [f"state_{k}" for k in self.state] + [f"row_{k}" for k in self.rows]

    def table(self, name: str, column: Block, kind: str) -> str:
        """A name for an array with one entry per neuron."""
        return f"    {name} = view(addresses[{int(column)}], n, {kind})"

    def cells(self) -> list[str]:
        """Names for the states of sleepers, and for their steps."""
        wide = width(len(self.state))
        ratio = np.dtype(self.real).itemsize // 4
        return [
            f"    cells = view(addresses[{int(Block.CELLS)}], {wide} * n, REAL)",
            f"    anchors = view(addresses[{int(Block.CELLS)}], {wide * ratio} * n, UINT32)",
        ]

    def cell_of(self) -> list[str]:
        """Where the state of sleeper j lies, and its step."""
        wide, ratio = width(len(self.state)), np.dtype(self.real).itemsize // 4
        place = f"place = (cell + uint64({len(self.state)})) * uint64({ratio})"
        return [f"cell = uint64(j) * uint64({wide})", place]

    def load_cell(self) -> list[str]:
        """Read the state of sleeper j."""
        read = [f"s_{name} = cells[cell + uint64({k})]" for k, name in enumerate(self.state)]
        return [*self.cell_of(), *read]

    def store_cell(self) -> list[str]:
        """The opposite."""
        lines = [f"cells[cell + uint64({k})] = s_{name}" for k, name in enumerate(self.state)]
        return [*lines, "anchors[place] = step & 0xFFFFFFFF"]

    def side_by_side(self) -> list[str]:
        """Arrays for some neurons: their state, the steps since, input, who fires, who is quiet."""
        names = [f"c_{name}" for name in self.state] + ["since"]
        names += [f"w_{k}" for k in range(len(self.model.ports))]
        lines = [f"    {name} = room({_TOGETHER}, REAL)" for name in names]
        return [*lines, *(f"    {name} = room({_TOGETHER}, UINT8)" for name in ("fires_", "rest"))]

    def gather(self) -> list[str]:
        """Read the states and the inputs of sleepers, and ask for those of later ones."""
        ports = range(len(self.model.ports))
        lines = [f"ahead = awake[min(begin + k + {_AHEAD}, count - 1)]"]
        lines.append(f"prefetch(cells, {width(len(self.state))} * ahead)")
        arrays = [f"row_{name}" for name in self.rows] + [f"input_{k}" for k in ports]
        lines += [f"prefetch({name}, ahead)" for name in arrays]
        lines += ["j = uint64(awake[begin + k])", *self.load_cell(), _SINCE]
        lines += [f"c_{name}[k] = s_{name}" for name in self.state]
        lines.append(f"since[k] = {self.real}(steps)")
        for port in ports:
            lines += [f"w_{port}[k] = input_{port}[j]", f"input_{port}[j] = 0"]
        return lines

    def compute(self) -> list[str]:
        """Leap to the present and receive; nobody is reset yet."""
        lines = ["j = uint64(awake[begin + k])"] if self.rows else []
        lines += [f"s_{name} = c_{name}[k]" for name in self.state]
        lines += ["steps = since[k]", "if steps > 0:", f"    {self.all} = {self.call('leap')}"]
        for k in range(len(self.model.ports)):
            lines.append(f"{self.all} = {self.call('receive', weight=f'w_{k}[k]', port=str(k))}")
        if self.model.fires is not None:
            lines.append(f"fires_[k] = bool({self.call('fires')})")
        lines.append(f"rest[k] = {self.call('quiet')}")
        return [*lines, *(f"c_{name}[k] = s_{name}" for name in self.state)]

    def put_back(self) -> list[str]:
        """Reset who fires, write the states, and list who stays awake."""
        lines = ["j = uint64(awake[begin + k])", *self.cell_of(), "quiet_now = rest[k] != 0"]
        lines += [f"s_{name} = c_{name}[k]" for name in self.state]
        if self.model.fires is not None:
            lines.append("if fires_[k] != 0:")
            if self.model.payload is not None:
                lines.append(f"    sent[j] = {self.call('payload')}")
            lines += [f"    {self.all} = {self.call('fire')}", "    ids[n_fired] = j"]
            lines += ["    n_fired += 1", f"    quiet_now = {self.call('quiet')}"]
        lines += [*self.store_cell(), "awake[n_awake] = j", "listed[j] = not quiet_now"]
        return [*lines, "n_awake += not quiet_now"]

    def receive(self) -> list[str]:
        """Hand the summed input to the neuron and clear it, port by port."""
        lines = []
        for k in range(len(self.model.ports)):
            lines.append(
                f"{self.all} = {self.call('receive', weight=f'input_{k}[j]', port=str(k))}"
            )
            lines.append(f"input_{k}[j] = 0")
        return lines

    def fire(self, then: list[str]) -> list[str]:
        """Test the threshold, reset, and say so."""
        if self.model.fires is None:
            return []
        lines = [f"fired = {self.call('fires')}", "if fired:"]
        if self.model.payload is not None:
            lines.append(f"    sent[j] = {self.call('payload')}")
        return [*lines, f"    {self.all} = {self.call('fire')}", *then]

    def sent(self, part: str = "") -> list[str]:
        """A name for what graded spikes carry."""
        if self.model.payload is None:
            return []
        return [self.table("sent", Block.SENT, "FLOAT64") + part]


def _indented(lines: list[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def block_source(
    model: NeuronModel, rows: tuple, scalars: tuple, real: str, still: tuple = ()
) -> str:
    """Source of ``block``.

    Parameters
    ----------
    model : NeuronModel
    rows, scalars : tuple of str
        Parameters with one value per neuron, and shared ones.
    real : {"float32", "float64", "int32"}
    still : tuple of str
        State variables that are 0, and stay so.
    """
    w = Writer(model, rows, scalars, real, still)
    lines = ["def block(at, n, lo, hi, moving, t, dt):", *w.views("lo:hi")]
    lines += [w.table("spiked", Block.SPIKED, "UINT8") + "[lo:hi]", *w.sent("[lo:hi]")]
    lines.append("    any_fired = False")
    step = [*w.receive(), *w.fire(["spiked[j] = fired", "any_fired |= fired"]), *w.store]
    advance = [f"{w.all} = {w.call('advance')}"]
    for condition, body in (("if moving:", advance + step), ("else:", step)):
        lines += [f"    {condition}", "        for j in range(hi - lo):"]
        lines += _indented([*w.load, *body], 12)
    return "\n".join([*lines, "    return int64(any_fired)", ""])


def resting_source(
    model: NeuronModel, rows: tuple, scalars: tuple, real: str, still: tuple = ()
) -> str:
    """Source of ``resting``; for the arguments see :func:`block_source`.

    Where somebody in a run is restless, each of its groups is asked by itself: one neuron that
    drifts keeps its own group alone.
    """
    w = Writer(model, rows, scalars, real, still)
    lines = ["def resting(at, n, lo, hi, moving, t, dt):", *w.numbers()]
    lines += [
        f"    addresses = view(at, {len(Block)}, INT64)",
        "    groups = (n + 63) >> 6",
        f"    busy = view(addresses[{int(Block.BUSY)}], groups, UINT8)",
        f"    runs = view(addresses[{int(Block.RUNS)}], 2 * groups, INT32)",
        "    n_runs = g = 0", "    while g < groups:", "        if busy[g] == 0:",
        "            g += 1", "            continue", "        begin = g",
        "        while g < groups and busy[g] != 0:", "            busy[g] = 0",
        "            g += 1", "        lo, hi = begin << 6, min(g << 6, n)",
    ]  # fmt: skip
    inside = [*w.arrays("lo:hi"), w.table("spiked", Block.SPIKED, "UINT8") + "[lo:hi]"]
    inside += [*w.sent("[lo:hi]"), "    any_fired = any_restless = False"]
    lines += _indented(inside, 4)
    step = [*w.receive(), *w.fire(["spiked[j] = fired", "any_fired |= fired"]), *w.store]
    step.append(f"any_restless |= not {w.call('rests')}")
    advance = [f"{w.all} = {w.call('advance')}"]
    for condition, body in (("if moving:", advance + step), ("else:", step)):
        lines += [f"        {condition}", "            for j in range(hi - lo):"]
        lines += _indented([*w.load, *body], 16)
    lines += [
        "        if any_restless:", "            for k in range(begin, g):",
        "                for j in range((k << 6) - lo, min((k + 1) << 6, hi) - lo):",
        *_indented([*w.load, f"if not {w.call('rests')}:", "    busy[k] = 1", "    break"], 20),
        "        if any_fired:", "            runs[2 * n_runs] = lo",
        "            runs[2 * n_runs + 1] = hi", "            n_runs += 1", "    return n_runs", "",
    ]  # fmt: skip
    return "\n".join(lines)


def doze_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``doze``; for the arguments see :func:`block_source`.

    Some neurons at a time are gathered, computed side by side, which the compiler can vectorise,
    and put back.
    """
    w = Writer(model, rows, scalars, real)
    lines = ["def doze(at, n, lo, count, step, dt):", "    t = step * dt", *w.views("0:n")]
    lines += [
        *w.cells(), w.table("listed", Block.LISTED, "UINT8"),
        w.table("awake", Block.AWAKE, "INT32") + "[lo:]",
        w.table("ids", Block.FIRED, "INT32") + "[lo:]", *w.sent(), *w.side_by_side(),
        "    n_fired = n_awake = 0", f"    for begin in range(0, count, {_TOGETHER}):",
        f"        some = min({_TOGETHER}, count - begin)",
    ]  # fmt: skip
    for body in (w.gather(), w.compute(), w.put_back()):
        lines += ["        for k in range(some):", *_indented(body, 12)]
    return "\n".join([*lines, "    return n_fired | (n_awake << 32)", ""])


def peek_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``peek``; for the arguments see :func:`block_source`."""
    w = Writer(model, rows, scalars, real)
    lines = ["def peek(at, n, ids, count, lo, hi, variable, out, step, dt):", "    t = step * dt"]
    lines += [*w.views("0:n"), *w.cells()]
    lines += ["    chosen, values = view(ids, count, INT64), view(out, count, REAL)"]
    lines += ["    for k in range(count):", "        j = chosen[k]"]
    body = ["if not lo <= j < hi:", "    continue", *w.load_cell(), _SINCE]
    body += ["if steps > 0:", f"    {w.all} = {w.call('leap')}"]
    for k, name in enumerate(w.state):
        body += [f"if variable == {k}:", f"    values[k] = s_{name}"]
    return "\n".join([*lines, *_indented(body, 8), "    return 0", ""])


SOURCES = {
    "block": block_source, "resting": resting_source, "doze": doze_source, "peek": peek_source
}  # fmt: skip
