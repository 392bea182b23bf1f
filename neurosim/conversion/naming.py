"""What is a spiking layer called? As the layer of the ANN whose weights it has."""

from .graph import LayerGraph
from .nodes import ChannelAffine, Convolve, Linear, Node, Rectify, Reshape, Transpose
from .plan import INPUT, READ_OUT

_BETWEEN = (ChannelAffine, Reshape, Transpose)


class LayerNames:
    """Names of layers, each given once.

    A rectifier that one convolution or matrix alone leads to is called like that, others by
    their own names. Populations may not have a ``/`` in their names: it becomes a dot.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self._nodes = {node.name: node for node in graph.nodes}
        self._users: dict[str, int] = {graph.output: 1}
        for node in graph.nodes:
            for name in node.inputs:
                self._users[name] = self._users.get(name, 0) + 1
        self._taken = {INPUT, READ_OUT}

    def of(self, node: Node) -> str:
        """Return the name of the layer that a node becomes."""
        wanted = readable(self._weighted(node) if isinstance(node, Rectify) else node.name)
        name, k = wanted, 1
        while name in self._taken:
            k += 1
            name = f"{wanted}#{k}"
        self._taken.add(name)
        return name

    def _weighted(self, node: Node) -> str:
        at = node
        while len(at.inputs) == 1 and self._users[at.inputs[0]] == 1:
            at = self._nodes[at.inputs[0]]
            if isinstance(at, (Convolve, Linear)):
                return at.name
            if not isinstance(at, _BETWEEN):
                break
        return node.name


def readable(name: str) -> str:
    """Return a name that a population may have.

    >>> readable("/layer1/conv1/Conv")
    'layer1.conv1.Conv'
    """
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return plain.strip("/").replace("/", ".") or "layer"
