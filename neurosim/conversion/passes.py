"""Which graph says the same in a form that spiking layers can take?

Nothing here changes the function. Batch norms and chains of linear operations need no pass:
:mod:`.planning` merges them exactly.
"""

from dataclasses import replace

from .graph import LayerGraph
from .nodes import ChannelAffine, Node, Pad, Rectify
from .pools import MaxPool


def prepared(graph: LayerGraph) -> LayerGraph:
    """Return the graph with what is not needed left out, and rectifiers before max-pooling."""
    return needed(rectify_once(pad_inside(rectify_first(needed(graph)))))


def needed(graph: LayerGraph) -> LayerGraph:
    """Leave out nodes that the output does not depend on; the input stays."""
    wanted = {graph.output, graph.input.name}
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return _graph(graph, [node for node in graph.nodes if node.name in wanted], graph.output)


def rectify_first(graph: LayerGraph) -> LayerGraph:
    """Move max-pooling behind the rectifiers (and growing factors) that follow it.

    For a function f that never falls, f(max(a, b)) = max(f(a), f(b)); and only what neurons
    have rectified can be pooled by spikes. Factors that are negative stay where they are.
    """
    nodes, output = list(graph.nodes), graph.output
    while True:
        at = _movable(nodes, output)
        if at is None:
            return _graph(graph, nodes, output)
        pool_at, behind_at = at
        pool, behind = nodes[pool_at], nodes[behind_at]
        first = replace(behind, inputs=pool.inputs)
        second = replace(pool, inputs=(first.name,))
        nodes[behind_at] = second
        nodes[pool_at] = first
        nodes = [
            node if node is second else _renamed(node, behind.name, pool.name) for node in nodes
        ]
        output = pool.name if output == behind.name else output


def rectify_once(graph: LayerGraph) -> LayerGraph:
    """Let a rectifier take what the plain ReLU before it takes: min(max(max(x, 0), 0), c)."""
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        before = nodes[node.inputs[0]] if node.inputs else None
        plain = isinstance(before, Rectify) and before.kind == "relu" and before.ceiling is None
        clips = isinstance(node, Rectify) and node.ceiling is not None
        if clips and plain:
            nodes[node.name] = replace(node, inputs=before.inputs)
    return _graph(graph, list(nodes.values()), graph.output)


def pad_inside(graph: LayerGraph) -> LayerGraph:
    """Let max-pooling do the padding before it: zeros never win against what is not negative."""
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        before = nodes[node.inputs[0]] if node.inputs else None
        if isinstance(node, MaxPool) and isinstance(before, Pad):
            wider = tuple(
                (a + c, b + d) for (a, b), (c, d) in zip(node.padding, before.padding, strict=True)
            )
            if all(max(pair) < k for pair, k in zip(wider, node.window, strict=True)):
                nodes[node.name] = replace(node, inputs=before.inputs, padding=wider)
    return _graph(graph, list(nodes.values()), graph.output)


def _movable(nodes: list[Node], output: str) -> tuple[int, int] | None:
    """Return the places of a max-pooling and of the growing function that alone follows it."""
    users: dict[str, list[int]] = {}
    for k, node in enumerate(nodes):
        for name in node.inputs:
            users.setdefault(name, []).append(k)
    for k, node in enumerate(nodes):
        if isinstance(node, MaxPool) and node.name != output and len(users[node.name]) == 1:
            (after,) = users[node.name]
            if _grows(nodes[after]) and _rectified_later(nodes, users, after):
                return k, after
    return None


def _grows(node: Node) -> bool:
    return isinstance(node, Rectify) or (
        isinstance(node, ChannelAffine) and bool((node.scale >= 0).all())
    )


def _rectified_later(nodes: list[Node], users: dict[str, list[int]], at: int) -> bool:
    """Whether a rectifier follows, behind growing functions and max-pooling only."""
    while True:
        node = nodes[at]
        if isinstance(node, Rectify):
            return True
        after = users.get(node.name, [])
        if len(after) != 1 or not (_grows(node) or isinstance(node, MaxPool)):
            return False
        at = after[0]


def _renamed(node: Node, old: str, new: str) -> Node:
    """Return the node fed by another name."""
    if old not in node.inputs:
        return node
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))


def _graph(graph: LayerGraph, nodes: list[Node], output: str) -> LayerGraph:
    return LayerGraph(graph.source, tuple(nodes), output, graph.classes)
