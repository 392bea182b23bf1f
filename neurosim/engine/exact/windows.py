"""What happens until a given time? Window by window, stage by stage; silence is jumped.

Inside a window nothing that happens can affect anything else of the same stage: a window is no
longer than the smallest delay of any recurrent connection, and stages follow each other along
shorter ones. So results depend neither on windows nor on how a run is cut into calls.
"""

import numpy as np

from ..._jit import (
    FLOAT64,
    INT32,
    INT64,
    call,
    kernel,
    read_progress,
    view,
    write_progress,
)
from .calendar import bring_near, next_near, window_of
from .gather import gather
from .route import route, watch
from .tables import (
    APART,
    COMPUTE,
    DONE,
    ENDLESS,
    GATHER,
    MEET,
    MORE_BLOCKS,
    MORE_SCRATCH,
    MORE_SPIKES,
    ROUTE,
    WAIT,
    Control,
    Desk,
)

NOW, LIMIT = range(2)  # of the moments
OPENED = -1
_PATIENCE = 20_000  # looks at another's progress before Python may let somebody else run


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
def _next(wiring, calendar, control, moments, per_ms, stop):
    """Number of this part's next window, or, of instants, its time; inf: none before ``stop``."""
    soon = _next_given(wiring)
    if control[Control.N_FAR] > 0:
        soon = min(soon, calendar.far[0, 0])
    if per_ms == 0.0:
        if control[Control.N_CHAINS] > 0:  # at the beginning
            soon = moments[NOW]
        return soon if soon < stop else np.inf
    window = next_near(calendar, control)
    if soon < stop:
        given = window_of(soon, per_ms)
        window = given if window < 0 else min(window, given)
    return np.float64(window) if window >= 0 and window / per_ms < stop else np.inf


@kernel
def _meet(control, progress, part):
    """Have all parts come this far? Waits for a while."""
    parts = progress.size // APART
    if parts == 1:
        return True
    if control[Control.MET] == 0:
        write_progress(progress, part * APART, progress[part * APART] + 1)
        control[Control.MET] = 1
    for other in range(parts):
        tries = 0
        while read_progress(progress, other * APART) < progress[part * APART]:
            tries += 1
            if tries == _PATIENCE:
                return False
    control[Control.MET] = 0
    return True


@kernel
def _open(wiring, calendar, control, moments, progress, offers, part, per_ms, stop):
    """Open the next window that any part has something in; a status, DONE where there is none."""
    if control[Control.OFFERED] == 0:
        offers[part] = _next(wiring, calendar, control, moments, per_ms, stop)
        control[Control.OFFERED] = 1
    if not _meet(control, progress, part):
        return WAIT
    control[Control.OFFERED] = 0
    window = np.inf
    for offer in offers:
        window = min(window, offer)
    if window == np.inf:
        return DONE
    control[Control.OPEN], control[Control.STAGE], control[Control.PHASE] = 1, 0, GATHER
    control[Control.VISITED] += 1
    if per_ms == 0.0:
        control[Control.WINDOW] += 1
        moments[NOW], moments[LIMIT] = window, min(_after(window), stop)
    else:
        control[Control.WINDOW] = np.int64(window)
        moments[NOW], moments[LIMIT] = window / per_ms, min((window + 1) / per_ms, stop)
    return OPENED


@kernel
def _emit(desk, limit):
    """The spikes of a source before ``limit``."""
    times = view(desk[Desk.OUT_TIMES], desk[Desk.GIVEN], FLOAT64)
    ids = view(desk[Desk.OUT_IDS], desk[Desk.GIVEN], INT32)
    counts = view(desk[Desk.COUNTS], desk[Desk.N] if desk[Desk.COUNTS] != 0 else 0, INT64)
    k = desk[Desk.N_OUT]
    while k < desk[Desk.GIVEN] and times[k] < limit:
        if counts.size:
            counts[ids[k]] += 1
        k += 1
    desk[Desk.N_OUT] = k


@kernel
def _compute(wiring, calendar, neurons, control, moments, p, bits, per_ms):
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
        if desk[Desk.RESTLESS] != 0:
            return watch(desk, neurons, calendar, control, bits, moments, per_ms)
    return 0


@kernel
def _all_are_sources(wiring, members):
    n = 0
    for p in members:
        n += wiring.desks[p, Desk.ATTEND] != -1
    return n == 0


@kernel
def _stage(wiring, calendar, neurons, scratch, control, moments, progress, part, bits, per_ms):
    """One stage of the open window; a status, to go on with afterwards."""
    stage, phase, member = Control.STAGE, Control.PHASE, Control.MEMBER
    members = wiring.members[wiring.stages[control[stage]] : wiring.stages[control[stage] + 1]]
    if control[phase] == GATHER:
        slot = control[Control.WINDOW] & (calendar.chains.size - 1)
        fill = calendar.fills[control[stage], slot]
        if fill > scratch.kept.shape[0]:
            control[Control.NEED] = fill
            return MORE_SCRATCH
        gather(
            calendar, control, control[stage], slot, moments[LIMIT], wiring.desks, members, scratch,
            bits,
        )  # fmt: skip
        control[phase], control[member] = COMPUTE, 0
    while control[phase] == COMPUTE and control[member] < members.size:
        p = members[control[member]]
        status = _compute(wiring, calendar, neurons, control, moments, p, bits, per_ms)
        if status != 0:
            return status
        control[member] += 1
    if control[phase] == COMPUTE:
        control[phase] = MEET
    if control[phase] == MEET:
        if not _all_are_sources(wiring, members) and not _meet(control, progress, part):
            return WAIT
        control[phase], control[member] = ROUTE, 0
    while control[member] < members.size:
        p = members[control[member]]
        status = route(wiring, calendar, control, p, moments[NOW], per_ms)
        if status != 0:
            return status
        control[member] += 1
    control[phase] = GATHER
    control[stage] += 1
    return 0


@kernel
def advance(
    wiring, calendar, neurons, scratch, control, moments, progress, offers, bits, per_ms, stop
):  # fmt: skip
    """Compute all events of one part before ``stop``.

    Parameters
    ----------
    wiring, calendar, neurons, scratch : see :mod:`neurosim.engine.exact.tables`
    control : int64 (Control,)      where the loop stands
    moments : float64 (2,)          begin and end of the open window
    progress : int64 (parts * APART,)   how often each part has met the others
    offers : float64 (parts,)       the next window of each part
    bits : int                      of a record's code that name the port
    per_ms : float                  windows per ms, a power of two; 0: every instant is a window
    stop : float                    [ms]

    Returns
    -------
    int
        DONE, or what there has to be made room for; then another call goes on.
    """
    stages, part = wiring.stages.size - 1, control[Control.PART]
    while True:
        if control[Control.OPEN] == 0:
            status = _open(wiring, calendar, control, moments, progress, offers, part, per_ms, stop)
            if status != OPENED:
                return status
        if not bring_near(calendar, control, moments[NOW], per_ms):
            control[Control.NEED] = 1
            return MORE_BLOCKS
        while control[Control.STAGE] < stages:
            status = _stage(
                wiring, calendar, neurons, scratch, control, moments, progress, part, bits, per_ms
            )
            if status != 0:
                return status
        control[Control.OPEN] = 0
        if moments[LIMIT] == stop:
            return DONE
