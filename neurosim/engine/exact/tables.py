"""Through which tables do the event engine's kernels see a network?"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Desk(IntEnum):
    """Fields of the table that a model's ``attend`` kernel works from: one per population.

    Jobs are neurons with arrivals, or with a crossing that may be due; arrivals lie job by
    job, each sorted by time, port and weight.
    """

    ATTEND = 0  # handle of the kernel; -1 for a source
    AT = 1  # address of its table of addresses
    N = 2  # neurons
    FIRST = 3  # number of the first of them among all neurons
    JOBS = 4  # int32: neurons, counted within the population
    N_JOBS = 5
    NEXT = 6  # the job to go on with
    ENDS = 7  # int64: where the arrivals of each job end
    BEGINS = 8  # int64: and where they begin; moves on as they are received
    ARRIVALS = 9  # float64: time, weight and port of each
    N_ARRIVALS = 10  # room for them
    LAST = 11  # float64: time of each neuron's state
    DUE = 12  # float64: no crossing before it, as far as is known
    OUT_TIMES = 13  # float64: spikes
    OUT_IDS = 14  # int32
    OUT_PAYLOADS = 15  # float64, or 0 where spikes carry nothing
    OUT_STATES = 16  # float64: all state variables just before the reset, or 0
    ROOM = 17
    N_OUT = 18
    COUNTS = 19  # int64: spikes of each neuron; 0 where another part counts
    GIVEN = 20  # of a source: spikes in its lists, of which N_OUT have been emitted
    STAGE = 21
    HERE = 22  # address of this row
    RESTLESS = 23  # may any of the jobs' neurons fire without input?


class Link(IntEnum):
    """Columns of the table of projections, sorted by source population."""

    STAGE = 0  # of the targets
    OFFSETS = 1  # int64: where the synapses of each source neuron begin
    N_OFFSETS = 2
    CODES = 3  # int32: target and port of each synapse
    SIZE = 4
    WEIGHTS = 5  # float64, one or one each
    N_WEIGHTS = 6
    DELAYS = 7  # float64, one or one each
    N_DELAYS = 8
    STAMPED = 9  # 1 where there is a kernel, whose plan takes the place of the codes
    SHIFT = 10  # and then, bits of the port in a code
    PORT = 11


class Control(IntEnum):
    """Where the loop stands; integers."""

    WINDOW = 0  # number of the window that is being worked on, or was last
    OPEN = 1  # is it unfinished?
    STAGE = 2
    PHASE = 3  # of the stage: GATHER, COMPUTE, MEET or ROUTE
    MEMBER = 4  # position among the populations of the stage
    VISITED = 5  # windows so far
    FREE = 6  # first free block
    N_FREE = 7
    N_CHAINS = 8  # chains in the ring
    N_FAR = 9  # records in the heap
    NEED = 10  # what there has to be room for, when there is not
    WHERE = 11  # population with the trouble
    ARRIVALS = 12  # so far
    OFFERED = 13  # has it been told when the next window of this part is?
    MET = 14  # has the part said that it waits for the others?
    PART = 15  # number of this part


GATHER, COMPUTE, MEET, ROUTE = range(4)

# What the loop returns.
DONE, MORE_BLOCKS, MORE_FAR, MORE_SCRATCH, MORE_SPIKES, ENDLESS, WAIT = range(7)

APART = 8  # places between two parts' progress: a line of the cache each

LINE = 64  # bytes of the cache that come together
BLOCK = 32  # records in a block of the ring
RECORD = 3  # numbers of a record: time, weight, code
NEVER = np.inf


class Calendar(NamedTuple):
    """What is to come: a ring of windows, each a chain of blocks, and a heap beyond it.

    A record is a time, a weight and a code: the neuron, and in the lowest ``bits`` the port, or
    all of them 1 for a look at a crossing that may be due.

    Attributes
    ----------
    heads : int32 (stages, slots)       first block of each chain
    fills : int32 (stages, slots)       records in each chain
    chains : int64 (slots,)             chains in each slot
    after : int32 (blocks,)             next block of a chain, or of the free ones
    records : float64 (blocks * BLOCK * RECORD,)
    far : float64 (room, RECORD + 1)    the heap; the stage comes last
    """

    heads: np.ndarray
    fills: np.ndarray
    chains: np.ndarray
    after: np.ndarray
    records: np.ndarray
    far: np.ndarray


class Neurons(NamedTuple):
    """What the loop keeps of each neuron, populations one after the other.

    Attributes
    ----------
    last : float64 (n,)         time of the state
    due : float64 (n,)          no crossing before it, as far as is known
    look : float64 (n,)         when the calendar will have a look at it, or had the last one
    """

    last: np.ndarray
    due: np.ndarray
    look: np.ndarray


class Scratch(NamedTuple):
    """Arrivals of one stage in one window.

    Attributes
    ----------
    arrivals : float64 (room * RECORD,)     time, weight and port of each, by job
    kept : float64 (room, RECORD)           records of a later part of the window
    spare : float64 (room * RECORD,)        of the sorting
    counts : int32 (room,)
    jobs : int32 (n,)                       those of a population from its first neuron's place on
    begins, ends : int64 (n,)               of the arrivals of each job
    waiting : int32 (n,)                    arrivals of each neuron; then, where the next one goes
    marks : uint64 (n / 64,)                a bit for each neuron that has a job
    pages : uint8 (n / 4096,)               1 where any mark of 64 words may be set
    """

    arrivals: np.ndarray
    kept: np.ndarray
    spare: np.ndarray
    counts: np.ndarray
    jobs: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    waiting: np.ndarray
    marks: np.ndarray
    pages: np.ndarray


class Wiring(NamedTuple):
    """Who is computed in which order, and who hears of whom; one for each part.

    Attributes
    ----------
    desks : int64 (populations, Desk)   of this part
    all_desks : int64 (parts, populations, Desk)
    routed : int64 (populations, parts) spikes of each part whose arrivals are in the calendar
    members : int64 (populations,)      in the order of computation
    stages : int64 (stages + 1,)        members of stage k: stages[k]:stages[k+1]
    links : int64 (projections, Link)
    outgoing : int64 (populations + 1,) links of population p: outgoing[p]:outgoing[p+1]
    """

    desks: np.ndarray
    all_desks: np.ndarray
    routed: np.ndarray
    members: np.ndarray
    stages: np.ndarray
    links: np.ndarray
    outgoing: np.ndarray
