"""Through which tables do the kernels see a network? Addresses, sizes, handles, by column."""

from typing import NamedTuple

import numpy as np

# Columns of the table of populations.
N, BLOCK, ADDRESSES, SPIKED, COUNTS, STATE, N_STATE, SENT, RUNS = range(9)
POPULATION_COLUMNS = 9

# Columns of the table of groups: populations whose arrivals are collected together.
NUMBER, FIRST_MEMBER, LAST_MEMBER = range(3)

# Columns of the table of sleepers: one row per population. The first four are handles, 0 while
# the population is awake; WAKE and STEP are the same functions for all.
WAKE, STEP, DOZE, PEEK, TABLE, COUNT, FIRST, PLACES, LISTED, AWAKE, TALLIES, FIRED = range(12)
SLEEPER_COLUMNS = 12

# Columns of the table of probes.
_, P_VARIABLE, P_IDS, P_N, P_OUT, P_ROWS, P_EVERY = range(7)  # the first is the population
PROBE_COLUMNS = 7


class Tables(NamedTuple):
    """What the kernels see.

    Attributes
    ----------
    populations : int64 (p, POPULATION_COLUMNS)
    stores : int64 (parts, s, COLUMNS)      stores onto each part, group by group
    incoming : int64 (g + 1,)               stores of group k: incoming[k]:incoming[k+1]
    histories : int64 (p, parts, HISTORY_COLUMNS)
    probes : int64 (q, PROBE_COLUMNS)       sorted by population
    probe_starts : int64 (p + 1,)           probes of population k: starts[k]:starts[k+1]
    inputs : real (i,)                      input buffers of all populations, end to end
    stimuli : int64 (s, noise.COLUMNS)
    sleepers : int64 (p, SLEEPER_COLUMNS)
    marks : uint8 (i + i / 64,)             1 where this step has touched the inputs; behind them,
                                            1 where a group of 64 cannot be passed over; or empty
    touched : uint32 (parts, t)             room for the touched places
    """

    populations: np.ndarray
    stores: np.ndarray
    incoming: np.ndarray
    histories: np.ndarray
    probes: np.ndarray
    probe_starts: np.ndarray
    inputs: np.ndarray
    stimuli: np.ndarray
    sleepers: np.ndarray
    marks: np.ndarray
    touched: np.ndarray


class Span(NamedTuple):
    """Which steps, of which parts, and where they lie in the histories."""

    first_part: int
    last_part: int
    parts: int
    base: int  # step at position 0 of the histories
    length: int  # length of `starts` in each history
    first: int  # first step of the chunk, where probes count from
    begin: int
    end: int
    window: int  # steps that parts may be apart; 0 where nobody else is at work
