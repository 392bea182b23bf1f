"""What happens until a given time? Window by window, stage by stage; silence is jumped.

Inside a window nothing that happens can affect anything else of the same stage: a window is no
longer than the smallest delay of any recurrent connection, and stages follow each other along
shorter ones. So results depend neither on windows nor on how a run is cut into calls.
"""

import numpy as np

from ..._jit import FLOAT64, INT32, INT64, call, kernel, view
from .calendar import bring_near, next_near, window_of
from .gather import gather
from .route import route, watch
from .tables import (
    DONE,
    ENDLESS,
    MORE_BLOCKS,
    MORE_SCRATCH,
    MORE_SPIKES,
    Control,
    Desk,
)

NOW, LIMIT = range(2)  # of the moments


@kernel
def _after(time):
    """The next number, or the next but one."""
    return time + max(time * 2.0**-52, 5e-324)


@kernel
def _next_given(wiring):
    """Time of the next spike of any source."""
    first = np.inf
    for p in range(wiring.desks.shape[0]):
        desk = wiring.desks[p]
        if desk[Desk.ATTEND] == -1 and desk[Desk.N_OUT] < desk[Desk.GIVEN]:
            times = view(desk[Desk.OUT_TIMES], desk[Desk.GIVEN], FLOAT64)
            first = min(first, times[desk[Desk.N_OUT]])
    return first


@kernel
def _open(wiring, calendar, control, moments, per_ms, stop):
    """Find the next window with anything before ``stop``; False: there is none."""
    soon = _next_given(wiring)
    if control[Control.N_FAR] > 0:
        soon = min(soon, calendar.far[0, 0])
    if per_ms == 0.0:
        if control[Control.N_CHAINS] > 0:  # at the beginning
            soon = moments[NOW]
        if soon >= stop:
            return False
        control[Control.WINDOW] += 1
        moments[NOW], moments[LIMIT] = soon, min(_after(soon), stop)
        return True
    window = next_near(calendar, control)
    if soon < stop:
        given = window_of(soon, per_ms)
        window = given if window < 0 else min(window, given)
    if window < 0 or window / per_ms >= stop:
        return False
    control[Control.WINDOW] = window
    moments[NOW], moments[LIMIT] = window / per_ms, min((window + 1) / per_ms, stop)
    return True


@kernel
def _emit(desk, limit):
    """The spikes of a source before ``limit``."""
    times = view(desk[Desk.OUT_TIMES], desk[Desk.GIVEN], FLOAT64)
    ids = view(desk[Desk.OUT_IDS], desk[Desk.GIVEN], INT32)
    counts = view(desk[Desk.COUNTS], desk[Desk.N], INT64)
    k = desk[Desk.N_OUT]
    while k < desk[Desk.GIVEN] and times[k] < limit:
        counts[ids[k]] += 1
        k += 1
    desk[Desk.N_OUT] = k


@kernel
def _compute(wiring, calendar, neurons, control, moments, p, ports, per_ms):
    """One population in one window; a status."""
    desk = wiring.desks[p]
    if desk[Desk.ATTEND] == -1:
        _emit(desk, moments[LIMIT])
    elif desk[Desk.N_JOBS] > 0:
        address = desk[Desk.HERE]
        status = call(desk[Desk.ATTEND], (address, moments[LIMIT]))
        if status != 0:
            control[Control.WHERE] = p
            return MORE_SPIKES if status == 1 else ENDLESS
        status = watch(desk, neurons, calendar, control, ports, moments, per_ms)
        if status != 0:
            return status
    return route(wiring, calendar, control, p, moments[NOW], per_ms)


@kernel
def _stage(wiring, calendar, neurons, scratch, control, moments, ports, per_ms):
    """One stage of the open window; a status."""
    stage = control[Control.STAGE]
    members = wiring.members[wiring.stages[stage] : wiring.stages[stage + 1]]
    if control[Control.GATHERED] == 0:
        slot = control[Control.WINDOW] & (calendar.chains.size - 1)
        fill = calendar.fills[stage, slot]
        if fill > scratch.kept.shape[0]:
            control[Control.NEED] = fill
            return MORE_SCRATCH
        gather(
            calendar, control, stage, slot, moments[LIMIT], wiring.desks, members, neurons, scratch,
            ports,
        )  # fmt: skip
        control[Control.GATHERED], control[Control.MEMBER] = 1, 0
    while control[Control.MEMBER] < members.size:
        p = members[control[Control.MEMBER]]
        status = _compute(wiring, calendar, neurons, control, moments, p, ports, per_ms)
        if status != 0:
            return status
        control[Control.MEMBER] += 1
    control[Control.GATHERED] = 0
    control[Control.STAGE] += 1
    return 0


@kernel
def advance(wiring, calendar, neurons, scratch, control, moments, ports, per_ms, stop):
    """Compute all events before ``stop``.

    Parameters
    ----------
    wiring, calendar, neurons, scratch : see :mod:`neurosim.engine.exact.tables`
    control : int64 (Control,)      where the loop stands
    moments : float64 (2,)          begin and end of the open window
    ports : int                     largest number of ports of a model
    per_ms : float                  windows per ms, a power of two; 0: every instant is a window
    stop : float                    [ms]

    Returns
    -------
    int
        DONE, or what there has to be made room for; then another call goes on.
    """
    stages = wiring.stages.size - 1
    while True:
        if control[Control.OPEN] == 0:
            if not _open(wiring, calendar, control, moments, per_ms, stop):
                return DONE
            control[Control.OPEN], control[Control.STAGE], control[Control.GATHERED] = 1, 0, 0
            control[Control.VISITED] += 1
        if not bring_near(calendar, control, moments[NOW], per_ms):
            control[Control.NEED] = 1
            return MORE_BLOCKS
        while control[Control.STAGE] < stages:
            status = _stage(wiring, calendar, neurons, scratch, control, moments, ports, per_ms)
            if status != 0:
                return status
        control[Control.OPEN] = 0
        if moments[LIMIT] == stop:
            return DONE
