"""How does a step of a model depend on what was before it? Kernels for the way back, as text.

Any model can be differentiated: its functions are tried a little to both sides (central
differences, exact for linear ones); where a variable counts down to a jump, the side without it
is taken. The kernels get ``at``, the address of a table of addresses (:class:`Back` lists them):

``lean(at, n, moving, t, dt, reach)``
    one step from the state before it, without the reset: the state before the reset, who fired,
    and for those whose potential is within ``reach`` of firing the derivative of
    a spike by the state: a triangle of height 1 / reach takes the place of the jump.
``pull(at, n, moving, t, dt)``
    the gradient by the state after a step becomes that by the state before it, and by the inputs.
"""

from collections.abc import Sequence
from enum import IntEnum

from ..models.base import NeuronModel
from .kernelsource import Writer

STEP = 1e-5  # of numbers up to 1, and in proportion of larger ones
_HALVINGS = 45
_JUMP = 1e3  # times the slope of one side is that of the other: a jump lies between


class Back(IntEnum):
    """Columns of the address table; the first four are those of `kernelsource.Block`."""

    STATE = 0  # real [variable, n]: before the step
    ROWS = 1
    SCALARS = 2
    INPUTS = 3  # real [port, n]: summed arrivals
    REACHED = 4  # real [variable, n]: before the reset
    LEANS = 5  # real [variable, n]: derivative of the spike
    SPIKED = 6  # uint8 [n]
    GRADIENT = 7  # real [variable, n]: by the state after the step, then by that before it
    BY_INPUTS = 8  # real [port, n]
    BY_SPIKE = 9  # real [n]: dL by the spike
    PUSH = 10  # real [n]: added to dL by the potential before the reset


MEMBERS = {
    "lean": ("advance", "receive", "fires", "fire"),
    "pull": ("advance", "receive", "fire"),
}


class _BackWriter(Writer):
    """The phrases of these kernels."""

    def __init__(self, model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> None:
        super().__init__(model, rows, scalars, real)
        self.smooth = [name for name in self.state if model.units.get(name) != "steps"]
        self.ports = range(len(model.ports))

    def begin(self, signature: str) -> list[str]:
        """The kernel's first lines: names for all arrays."""
        lines = [f"def {signature}:", *self.views("0:n")]
        lines[1] = f"    addresses = view(at, {len(Back)}, INT64)"
        for what, column in (
            ("reached", Back.REACHED), ("leans", Back.LEANS), ("gradient", Back.GRADIENT),
        ):  # fmt: skip
            lines += self._each(what, column, self.state)
        lines += self._each("by_input", Back.BY_INPUTS, self.ports)
        for what, column, kind in (
            ("spiked", Back.SPIKED, "UINT8"), ("by_spike", Back.BY_SPIKE, "REAL"),
            ("push", Back.PUSH, "REAL"),
        ):  # fmt: skip
            lines.append(f"    {what} = view(addresses[{int(column)}], n, {kind})")
        return lines

    def _each(self, what: str, column: Back, names: Sequence) -> list[str]:
        return [
            f"    {what}_{name} = view(addresses[{int(column)}], {len(names)} * n, REAL)"
            f"[{k} * n : {k + 1} * n]"
            for k, name in enumerate(names)
        ]

    def shifted(self, name: str, number: int) -> list[str]:
        """Shift a variable to one side, where the probe is one of its two; ``width`` says how."""
        return [
            f"if probe // 2 == {number}:",
            f"    width = {STEP!r} * max(1.0, abs({name}))",
            f"    {name} += width if probe % 2 == 0 else -width",
        ]

    def step(self) -> list[str]:
        """Flow and arrivals; arrivals are numbers ``in_k``."""
        lines = ["if moving:", f"    {self.all} = {self.call('advance')}"]
        return lines + [
            f"{self.all} = {self.call('receive', weight=f'in_{k}', port=str(k))}"
            for k in self.ports
        ]


def _indented(lines: list[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def lean_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``lean``; for the arguments see `kernelsource.block_source`."""
    w = _BackWriter(model, rows, scalars, real)
    v = f"s_{w.state[0]}"
    body = [*w.load, *(f"in_{k} = input_{k}[j]" for k in w.ports), *w.step()]
    body += [f"reached_{name}[j] = s_{name}" for name in w.state]
    body += [f"leans_{name}[j] = 0.0" for name in w.state]
    if model.fires is None:
        body += ["spiked[j] = 0"]
    else:
        asked = [n for n in w.smooth[1:] if n in model.arguments("fires")]
        body += [f"spiked[j] = {w.call('fires')}", f"{v} = reached_{w.state[0]}[j] + reach"]
        body += [f"near = {w.call('fires')}", f"{v} = reached_{w.state[0]}[j] - reach"]
        body += [f"near = near and not {w.call('fires')}", "if not near:", "    continue"]
        body += ["width = 1.0", f"for probe in range({2 * len(asked) + 1}):  # the last: as it is"]
        probe = [f"s_{name} = reached_{name}[j]" for name in w.state]
        for number, name in enumerate(asked):
            probe += w.shifted(f"s_{name}", number)
        probe += ["low, high = -reach, reach", f"for _ in range({_HALVINGS}):"]
        probe += ["    middle = 0.5 * (low + high)"]
        probe += [f"    {v} = reached_{w.state[0]}[j] + middle"]
        probe += [f"    if {w.call('fires')}:", "        high = middle"]
        probe += ["    else:", "        low = middle"]
        for number, name in enumerate(asked):
            probe += [f"if probe // 2 == {number}:"]
            probe += [f"    leans_{name}[j] -= (high if probe % 2 == 0 else -high) / (2.0 * width)"]
        body += _indented(probe, 4)
        body += ["slope = max(0.0, 1.0 - abs(high) / reach) / reach"]
        body += [f"leans_{w.state[0]}[j] = slope"]
        body += [f"leans_{name}[j] *= slope" for name in asked]
    lines = [*w.begin("lean(at, n, moving, t, dt, reach)"), "    for j in range(n):"]
    return "\n".join([*lines, *_indented(body, 8), "    return 0", ""])


def _slopes(w: _BackWriter, begin: list[str], run: list[str], names: list[str],
            outs: list[str]) -> list[str]:  # fmt: skip
    """Add to ``outs`` the derivatives of sum g s, after ``run``, by the variables ``names``.

    Where the two sides differ by far, one of them is across a jump, and the other one counts.
    """
    value = f"value = {_sum(w.smooth, 'g')}"
    lines = [*begin, *run, value, "centre, plus, width = value, 0.0, 1.0"]
    lines += [f"for probe in range({2 * len(names)}):"]
    probe = [*begin]
    for number, name in enumerate(names):
        probe += w.shifted(name, number)
    probe += [*run, value, "if probe % 2 == 0:", "    plus = value", "    continue"]
    probe += ["after, before = (plus - centre) / width, (centre - value) / width"]
    probe += ["slope = 0.5 * (after + before)"]
    probe += [f"if max(abs(after), abs(before)) > {_JUMP!r} * min(abs(after), abs(before)):"]
    probe += ["    slope = after if abs(after) < abs(before) else before"]
    for number, name in enumerate(outs):
        probe += [f"if probe // 2 == {number}:", f"    {name} += slope"]
    return lines + _indented(probe, 4)


def pull_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``pull``; for the arguments see `kernelsource.block_source`."""
    w = _BackWriter(model, rows, scalars, real)
    first = w.state[0]
    body = [f"g_{name} = gradient_{name}[j]" for name in w.smooth]
    if model.fire is not None:
        reached = [f"s_{name} = reached_{name}[j]" for name in w.state]
        fire = [f"{w.all} = {w.call('fire')}"]
        shifted = [f"s_{name}" for name in w.smooth]
        reset = [f"l_{name} = 0.0" for name in w.smooth]
        reset += _slopes(w, reached, fire, shifted, [f"l_{name}" for name in w.smooth])
        reset += [f"g_{name} = l_{name}" for name in w.smooth]
        body += ["if spiked[j]:", *_indented(reset, 4)]
    body += [f"g_{name} += by_spike[j] * leans_{name}[j]" for name in w.smooth]
    body += [f"g_{first} += push[j]"]
    body += [f"gradient_{name}[j] = 0.0" for name in w.state]
    body += [f"by_input_{k}[j] = 0.0" for k in w.ports]
    body += [f"if {' and '.join(f'g_{name} == 0.0' for name in w.smooth)}:", "    continue"]
    before = [*w.load, *(f"in_{k} = input_{k}[j]" for k in w.ports)]
    names = [f"s_{name}" for name in w.smooth] + [f"in_{k}" for k in w.ports]
    outs = [f"gradient_{name}[j]" for name in w.smooth] + [f"by_input_{k}[j]" for k in w.ports]
    body += _slopes(w, before, w.step(), names, outs)
    lines = [*w.begin("pull(at, n, moving, t, dt)"), "    for j in range(n):"]
    return "\n".join([*lines, *_indented(body, 8), "    return 0", ""])


def _sum(names: list[str], by: str) -> str:
    return " + ".join(f"{by}_{name} * s_{name}" for name in names)


SOURCES = {"lean": lean_source, "pull": pull_source}
