"""Which links does a message take? Routes over the tiles, and how busy the busiest link is.

A mesh is crossed along x, then along y. On a triangular torus a step may also be diagonal,
and the shorter way around is taken. Where a router copies messages (``multicast = "tree"``)
a link carries a spike once, however many cores lie behind it; else each target core has a
message of its own. The load of the busiest link times the time of a message on a link is a
lower bound on the time of a step, whatever the routers do.
"""

from typing import TYPE_CHECKING

import numpy as np

from neurosim._jit import kernel

from .wiring import distinct

if TYPE_CHECKING:
    from .mapping import Mapping

MESH, TRI_TORUS = 0, 1
WAYS = 6  # links out of a tile: +x, -x, +y, -y and both diagonals


@kernel
def toward(kind, width, height, x, y, to_x, to_y):
    """The next step of a route: (dx, dy, number of the link), (0, 0, -1) at the goal."""
    dx, dy = to_x - x, to_y - y
    if kind == TRI_TORUS:
        if 2 * abs(dx) > width:
            dx -= width if dx > 0 else -width
        if 2 * abs(dy) > height:
            dy -= height if dy > 0 else -height
        if dx * dy > 0:
            return (1, 1, 4) if dx > 0 else (-1, -1, 5)
    if dx != 0:
        return (1, 0, 0) if dx > 0 else (-1, 0, 1)
    if dy != 0:
        return (0, 1, 2) if dy > 0 else (0, -1, 3)
    return 0, 0, -1


@kernel
def walk(grid, start, goal, spikes, mark, now, links, hops):
    """Add ``spikes`` to every link from ``start`` to ``goal`` and to the hops.

    Parameters
    ----------
    grid : (int, int, int, bool)    kind, width, height, True where routers copy messages
    start, goal : (int, int)        tiles
    mark : int                      of the source; a copied message passes a marked link once
    now : int                       loads of another time are taken as zero
    links : int64[3, tiles * WAYS]  mark and time of the last message, load; changed
    hops : int64[3]                 along x (diagonals too), along y; added to; the highest load
    """
    kind, width, height, copies = grid
    x, y = start
    while True:
        dx, dy, way = toward(kind, width, height, x, y, goal[0], goal[1])
        if way < 0:
            return
        link = (y * width + x) * WAYS + way
        if not (copies and links[0, link] == mark):
            links[0, link] = mark
            if links[1, link] != now:
                links[1, link] = now
                links[2, link] = 0
            links[2, link] += spikes
            hops[1 if dx == 0 else 0] += spikes
            hops[2] = max(hops[2], links[2, link])
        x, y = (x + dx) % width, (y + dy) % height


@kernel
def count_messages(emitted, starts, targets, core_of, places, grid, totals, per_core):
    """Count messages and their hops; spikes of sources enter from outside.

    Parameters
    ----------
    emitted : int64[n_total]        spikes of each neuron and source
    starts, targets                 distinct target cores, as rows
    core_of : int32[n]
    places : int64[n_cores, 3]      x, y, chip
    grid                            see :func:`walk`
    totals : int64[7]               messages, external, hops x, hops y, in tile, chips, and the
                                    messages over the busiest link; added to
    per_core : (int64[n_cores], int64[n_cores])     axon events in and out; added to
    """
    axons_in, axons_out = per_core
    copies = grid[3]
    links = np.full((3, grid[1] * grid[2] * WAYS), -1, np.int64)
    hops = np.zeros(3, np.int64)
    for pre in range(emitted.size):
        spikes = emitted[pre]
        if spikes == 0:
            continue
        for k in range(starts[pre], starts[pre + 1]):
            target = targets[k]
            axons_in[target] += spikes
            if pre >= core_of.size:
                totals[1] += spikes
                continue
            core = core_of[pre]
            start = (places[core, 0], places[core, 1])
            goal = (places[target, 0], places[target, 1])
            if not copies or k == starts[pre]:
                axons_out[core] += spikes
            totals[0] += spikes
            walk(grid, start, goal, spikes, pre, 0, links, hops)
            if start == goal:
                totals[4] += spikes
            totals[5] += spikes * abs(places[core, 2] - places[target, 2])
    totals[2] += hops[0]
    totals[3] += hops[1]
    totals[6] += hops[2]


@kernel
def busiest_links(ticks, ids, starts, targets, core_of, places, grid, busiest):
    """The load of the busiest link of each tick: ``busiest``, int64[n_steps], zero before.

    ``ticks`` ascend.
    """
    links = np.full((3, grid[1] * grid[2] * WAYS), -1, np.int64)
    hops = np.zeros(3, np.int64)
    for s in range(ticks.size):
        if s and ticks[s] != ticks[s - 1]:
            hops[2] = 0
        pre = ids[s]
        if pre >= core_of.size:
            continue
        core = core_of[pre]
        start = (places[core, 0], places[core, 1])
        for k in range(starts[pre], starts[pre + 1]):
            goal = (places[targets[k], 0], places[targets[k], 1])
            walk(grid, start, goal, 1, s, ticks[s], links, hops)
        busiest[ticks[s]] = hops[2]


def grid_of(mapping: "Mapping") -> tuple[int, int, int, bool]:
    """(kind, width, height, copies) of the tiles in use; chips stand side by side along x."""
    place = mapping.chip.topology
    width = place.tiles_x * max(1, mapping.n_chips)
    kind = TRI_TORUS if place.kind == "tri_torus" else MESH
    return kind, width, place.tiles_y, place.multicast == "tree"


def has_links(mapping: "Mapping") -> bool:
    """Whether messages between cores can take a link at all."""
    place = mapping.chip.topology
    return place.kind != "none" and mapping.n_cores > place.cores_per_tile


def router_entries(mapping: "Mapping") -> np.ndarray:
    """Routes that end in each tile: one for each core and each source population that reach it.

    Keys of a core's neurons follow each other, so one entry serves them all; what a default
    route passes needs none. Entries that a compressor would join are counted apart.
    """
    wiring, core_of = mapping.wiring, mapping.core_of
    place = mapping.chip.topology
    n_tiles = -(-max(1, mapping.n_cores) // place.cores_per_tile)
    sender = np.empty(wiring.n_total, np.int64)
    sender[: wiring.n_neurons] = core_of
    for k, name in enumerate(wiring.inputs):
        first = wiring.first[name]
        sender[first : first + wiring.sizes[name]] = mapping.n_cores + k
    n_senders = mapping.n_cores + len(wiring.inputs)
    pre = np.repeat(np.arange(wiring.n_total), np.diff(mapping.target_starts))
    pairs = mapping.targets // place.cores_per_tile * np.int64(n_senders) + sender[pre]
    return np.bincount(distinct(pairs) // max(1, n_senders), minlength=n_tiles)
