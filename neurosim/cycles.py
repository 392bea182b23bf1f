"""Which populations lie on a common cycle? Strongly connected parts of a graph."""

from collections.abc import Iterable


def strong_components(n: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Tarjan's algorithm (1972), iterative; components come out sinks first.

    Parameters
    ----------
    n : int                                 nodes 0 .. n - 1
    edges : iterable of (source, target)    may repeat

    Examples
    --------
    >>> strong_components(4, [(0, 1), (1, 2), (2, 1), (2, 3)])
    [[3], [1, 2], [0]]
    """
    successors: list[list[int]] = [[] for _ in range(n)]
    for source, target in dict.fromkeys(edges):
        successors[source].append(target)
    number, low = [-1] * n, [0] * n
    stack: list[int] = []
    on_stack = [False] * n
    found: list[list[int]] = []
    counter = 0
    for root in range(n):
        if number[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, k = work.pop()
            if k == 0:
                number[node] = low[node] = counter
                counter += 1
                stack.append(node)
                on_stack[node] = True
            if k < len(successors[node]):
                work.append((node, k + 1))
                child = successors[node][k]
                if number[child] < 0:
                    work.append((child, 0))
                elif on_stack[child]:
                    low[node] = min(low[node], number[child])
                continue
            if low[node] == number[node]:
                members = []
                while not members or members[-1] != node:
                    members.append(stack.pop())
                    on_stack[members[-1]] = False
                found.append(sorted(members))
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
    return found
