"""Which graph says the same in a form that spiking layers can take?

Nothing here changes the function. Batch norms and chains of linear operations need no pass:
:mod:`.planning` merges them exactly.
"""

from dataclasses import replace

from .graph import LayerGraph
from .nodes import Add, ChannelAffine, Concatenate, Node, Pad, Rectify, Reshape, Transpose
from .pools import AveragePool, MaxPool

_KEEP_SIGNS = (Add, ChannelAffine, Concatenate, Pad, Reshape, Transpose, AveragePool, MaxPool)


def prepared(graph: LayerGraph) -> LayerGraph:
    """Return the graph without what is not needed, and max-pooling right behind rectifiers."""
    return needed(rectify_once(pad_inside(pool_sooner(rectify_first(needed(graph))))))


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


def pool_sooner(graph: LayerGraph) -> LayerGraph:
    """Move max-pooling before concatenations and growing factors, to the rectifiers before them.

    Other values that cannot be negative, sums and means of rectified ones, get neurons of their
    own before they are pooled: a rectifier that changes nothing.
    """
    seen: dict[str, Node] = {}
    positive: set[str] = set()
    for node in graph.nodes:
        made = _sooner(node, seen, positive) if isinstance(node, MaxPool) else [node]
        for one in made:
            seen[one.name] = one
            if _never_negative(one, positive):
                positive.add(one.name)
    return _graph(graph, list(seen.values()), graph.output)


def _sooner(pool: MaxPool, seen: dict[str, Node], positive: set[str]) -> list[Node]:
    """Return nodes that say what a max-pooling says; the last one has its name."""
    before = seen[pool.inputs[0]]
    if isinstance(before, Concatenate) and before.name in positive:
        parts = [
            replace(pool, name=f"{pool.name}.{k}", inputs=(name,))
            for k, name in enumerate(before.inputs)
        ]
        first = [one for part in parts for one in _sooner(part, seen, positive)]
        return [*first, Concatenate(pool.name, tuple(part.name for part in parts))]
    if isinstance(before, ChannelAffine) and _grows(before) and before.inputs[0] in positive:
        largest = replace(pool, name=f"{pool.name}.max", inputs=before.inputs)
        after = replace(before, name=pool.name, inputs=(largest.name,))
        return [*_sooner(largest, seen, positive), after]
    if before.name in positive and not isinstance(before, (Rectify, MaxPool, Pad)):
        relay = Rectify(f"{pool.name}.relu", (before.name,))
        return [relay, replace(pool, inputs=(relay.name,))]
    return [pool]


def _never_negative(node: Node, positive: set[str]) -> bool:
    """Whether values cannot be below 0, given which earlier ones cannot."""
    if isinstance(node, ChannelAffine) and not ((node.scale >= 0) & (node.shift >= 0)).all():
        return False
    kept = isinstance(node, _KEEP_SIGNS) and positive.issuperset(node.inputs)
    return kept or isinstance(node, Rectify)


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
