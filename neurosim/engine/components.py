"""In what order can populations be computed? Strongly connected parts of the network.

Inside a component spikes come back, so it advances in windows no longer than its
smallest delay. Between components they do not: a whole chunk of spikes passes at once, in
topological order, and a delay of zero is no difficulty.
"""

import heapq
from dataclasses import dataclass

from ..cycles import strong_components
from ..errors import BuildError

Edge = tuple[int, int, int]  # (source, target, smallest delay in steps)


@dataclass(frozen=True, slots=True)
class Component:
    """Populations that are computed together.

    Attributes
    ----------
    members : list of int       populations, in an order that zero delays can follow
    window : int                smallest delay inside, in steps; 0 with a zero delay inside,
                                -1 when no projection is inside
    """

    members: list[int]
    window: int


def _zero_delay_order(members: list[int], edges: list[Edge], names: list[str]) -> list[int]:
    """Order the members so that zero delays point forwards (Kahn), or name the cycle."""
    after: dict[int, list[int]] = {m: [] for m in members}
    waiting = dict.fromkeys(members, 0)
    zero = {(a, b) for a, b, delay in edges if delay == 0}
    for a, b in zero:
        after[a].append(b)
        waiting[b] += 1
    free = [m for m in members if not waiting[m]]
    heapq.heapify(free)
    order = []
    while free:
        order.append(heapq.heappop(free))
        for b in after[order[-1]]:
            waiting[b] -= 1
            if not waiting[b]:
                heapq.heappush(free, b)
    if len(order) < len(members):
        rest = [m for m in members if waiting[m]]
        cycle = _cycle(rest, sorted(zero))
        path = " -> ".join(repr(names[m]) for m in [*cycle, cycle[0]])
        raise BuildError(
            f"Network has a cycle of zero delays: {path}; a delay in a cycle must be >= dt, "
            "so give one of these projections a delay"
        )
    return order


def _cycle(rest: list[int], zero: list[tuple[int, int]]) -> list[int]:
    """Walk backwards along zero delays until a population comes again."""
    path = [rest[0]]
    while True:
        before = next(a for a, b in zero if b == path[-1] and a in rest)
        if before in path:
            return path[path.index(before) :][::-1]
        path.append(before)


def components(n: int, edges: list[Edge], names: list[str]) -> list[Component]:
    """Components in topological order.

    Raises
    ------
    BuildError
        Zero delays form a cycle; the message names it.
    """
    result = []
    strong = strong_components(n, ((a, b) for a, b, _ in edges))
    owner = {m: k for k, members in enumerate(strong) for m in members}
    inside: list[list[Edge]] = [[] for _ in strong]
    for edge in edges:
        if owner[edge[0]] == owner[edge[1]]:
            inside[owner[edge[0]]].append(edge)
    for members, mine in zip(reversed(strong), reversed(inside), strict=True):
        order = _zero_delay_order(members, mine, names) if mine else members
        window = min((delay for _, _, delay in mine), default=-1)
        result.append(Component(order, window))
    return result
