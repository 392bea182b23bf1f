"""What is the source of a model's event kernels? Loops around its exact functions, as text.

``attend(desk, limit)``
    computes the jobs of a population (see :class:`~neurosim.engine.exact.tables.Desk`) up to a
    time: between arrivals it asks ``crossing``, at arrivals and spikes it commits the state.
    Returns 0, or 1 where there is no room for another spike, or 2 where a neuron fires without
    end at one instant; what has been done is done, and another call goes on.
``look(desk, ids, count, variable, out, time)``
    writes one state variable of ``count`` neurons at a time that no later event precedes;
    nothing is committed.
"""

from ...models.base import NeuronModel
from ..kernelsource import Writer
from .tables import RECORD, Desk

ENDLESS_SPIKES = 100_000  # at one instant
_AHEAD = 8  # neurons between asking for one's lines of the cache and needing them

MEMBERS = {
    "attend": ("flow", "crossing", "receive", "fire", "payload"),
    "look": ("flow",),
}


def _indented(lines: list[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def _views(w: Writer) -> list[str]:
    lines = [f"    desk = view(desk, {len(Desk)}, INT64)", f"    n = desk[{int(Desk.N)}]"]
    lines += [f"    at = desk[{int(Desk.AT)}]", f"    first = desk[{int(Desk.FIRST)}]"]
    return lines + w.arrays("0:n", inputs=False)


def _array(name: str, field: Desk, size: str, kind: str) -> str:
    return f"    {name} = view(desk[{int(field)}], {size}, {kind})"


def _fire_source(w: Writer) -> list[str]:
    """Source of the search for the next spike before ``t``, and of the spike."""
    model = w.model
    if model.fire is None:
        return ["            due = 1e999  # never"]
    lines = [
        "            if due <= t and due < limit:",
        f"                wait = {w.call('crossing', horizon='t - last')}",
        "                if wait > t - last:  # a bound: not above it, whatever its rounding",
        f"                    due = (last + wait) * {1 - 1e-15!r}",
        "                else:",
        "                    due = min(last + wait, t)",
        "                if wait <= t - last and due < limit:",
        f"                    if n_out == room or at_once > {ENDLESS_SPIKES}:",
        "                        status = 1 if n_out == room else 2",
        "                        break",
        "                    at_once = at_once + 1 if due == last else 0",
        "                    t = due",
        "                    if t > last:",
        f"                        {w.all} = {w.call('flow', dt='t - last')}",
    ]
    if model.payload is not None:
        lines.append(f"                    out_payloads[n_out] = {w.call('payload')}")
    lines.append("                    if keeps:")
    lines += [
        f"                        out_states[{len(w.state)} * n_out + {k}] = s_{name}"
        for k, name in enumerate(w.state)
    ]
    return [
        *lines,
        f"                    {w.all} = {w.call('fire', dt='0.0')}",
        "                    out_times[n_out], out_ids[n_out] = t, j",
        "                    counts[j] += 1",
        "                    n_out += 1",
        "                    last = t",
        "                    continue",
    ]


def attend_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``attend``.

    Parameters
    ----------
    model : NeuronModel
    rows, scalars : tuple of str
        Parameters with one value per neuron, and shared ones.
    real : "float64"
    """
    w = Writer(model, rows, scalars, real)
    last, due = "first + n", "first + n"
    lines = ["def attend(desk, limit):", *_views(w)]
    lines += [
        _array("last_of", Desk.LAST, last, "FLOAT64") + "[first:]",
        _array("due_of", Desk.DUE, due, "FLOAT64") + "[first:]",
        f"    n_jobs, room = desk[{int(Desk.N_JOBS)}], desk[{int(Desk.ROOM)}]",
        _array("jobs", Desk.JOBS, "n_jobs", "UINT32"),
        _array("begins", Desk.BEGINS, "n_jobs", "UINT64"),
        _array("ends", Desk.ENDS, "n_jobs", "UINT64"),
        f"    size = desk[{int(Desk.N_ARRIVALS)}]",
        _array("arrivals", Desk.ARRIVALS, f"{RECORD} * size", "FLOAT64"),
        f"    record, one, two = uint64({RECORD}), uint64(1), uint64(2)",
        _array("out_times", Desk.OUT_TIMES, "room", "FLOAT64"),
        _array("out_ids", Desk.OUT_IDS, "room", "INT32"),
        _array("counts", Desk.COUNTS, "n", "INT64"),
        f"    keeps = desk[{int(Desk.OUT_STATES)}] != 0",
        _array("out_states", Desk.OUT_STATES, f"{len(w.state)} * room if keeps else 0", "FLOAT64"),
    ]
    if model.payload is not None:
        lines.append(_array("out_payloads", Desk.OUT_PAYLOADS, "room", "FLOAT64"))
    lines += [
        f"    n_out = desk[{int(Desk.N_OUT)}]",
        "    status = 0",
        f"    restless = desk[{int(Desk.RESTLESS)}] if desk[{int(Desk.NEXT)}] > 0 else 0",
        f"    for q in range(desk[{int(Desk.NEXT)}], n_jobs):",
        f"        ahead = int64(jobs[uint64(min(q + {_AHEAD}, n_jobs - 1))])",
        *(f"        prefetch({name}, ahead)" for name in (*w.per_neuron(), "last_of", "due_of")),
        "        job = uint64(q)",
        "        j, k, end = uint64(jobs[job]), record * begins[job], record * ends[job]",
        "        last, due, at_once = last_of[j], due_of[j], 0",
        *_indented(w.load, 8),
        "        while True:",
        "            t = arrivals[k] if k < end else limit",
        *_fire_source(w),
        "            if k == end:",
        "                break",
        "            if t > last:",
        f"                {w.all} = {w.call('flow', dt='t - last')}",
        "            last = due = t",
        "            while k < end and arrivals[k] == t:",
        "                port, weight = int64(arrivals[k + two]), 0.0",
        "                while k < end and arrivals[k] == t and arrivals[k + two] == port:",
        "                    weight += arrivals[k + one]",
        "                    k += record",
        f"                {w.all} = {w.call('receive', dt='0.0', port='port')}",
        *_indented(w.store, 8),
        "        last_of[j], due_of[j] = last, due",
        "        restless |= int64(due < 1e300)",
        "        if status != 0:",
        "            begins[job] = k // record",
        f"            desk[{int(Desk.NEXT)}], desk[{int(Desk.N_OUT)}] = q, n_out",
        f"            desk[{int(Desk.RESTLESS)}] = restless",
        "            return status",
        f"    desk[{int(Desk.NEXT)}], desk[{int(Desk.N_OUT)}] = n_jobs, n_out",
        f"    desk[{int(Desk.RESTLESS)}] = restless",
        "    return 0",
        "",
    ]
    return "\n".join(lines)


def look_source(model: NeuronModel, rows: tuple, scalars: tuple, real: str) -> str:
    """Source of ``look``; for the arguments see :func:`attend_source`."""
    w = Writer(model, rows, scalars, real)
    lines = ["def look(desk, ids, count, variable, out, time):", *_views(w)]
    lines += [_array("last_of", Desk.LAST, "first + n", "FLOAT64") + "[first:]"]
    lines += ["    chosen, values = view(ids, count, INT64), view(out, count, FLOAT64)"]
    lines += ["    for k in range(count):", "        j = chosen[k]", *_indented(w.load, 8)]
    lines += ["        if time > last_of[j]:"]
    lines += [f"            {w.all} = {w.call('flow', dt='time - last_of[j]')}"]
    for k, name in enumerate(w.state):
        lines += [f"        if variable == {k}:", f"            values[k] = s_{name}"]
    return "\n".join([*lines, "    return 0", ""])


SOURCES = {"attend": attend_source, "look": look_source}
