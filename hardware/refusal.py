"""How does a network fail to fit a chip? The error, with what would fit."""

from dataclasses import dataclass

from neurosim.errors import MappingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change with which the network fits; it was tried before it is offered.

    ``kind`` is ``"size"`` (neurons of population ``owner``), ``"scale"`` (share of every
    population), ``"fan_in"`` (distinct inputs of each neuron), ``"same_inputs"`` (distinct
    inputs of all neurons together), ``"delay"`` (ticks), ``"one_delay"`` (per source),
    ``"tick"`` (ms), ``"channels"`` (of layer ``owner``), ``"layers"`` (the first ones of the
    network), a limit of a layer's shape such as ``"stride"`` (see ``walls.LAYER_LIMITS``; in all
    layers that break it), ``"feed_forward"`` (without the projections that make a cycle),
    ``"one_range"`` (of the largest weights of all projections), ``"splitters"`` (neurons that
    repeat spikes, see :func:`map_network`), or ``"all"`` of its ``parts`` together;
    ``value`` is the largest, for a tick the smallest, that fits.
    """

    kind: str
    owner: str
    value: float
    text: str
    parts: tuple["Remedy", ...] = ()

    def __str__(self) -> str:
        return self.text


def together(parts: list[Remedy]) -> Remedy:
    """One remedy of several that are needed at once."""
    text = " and ".join(part.text for part in parts)
    return Remedy(kind="all", owner="", value=len(parts), text=text, parts=tuple(parts))


class DoesNotFit(MappingError):
    """A network does not fit a chip: which wall, by how much, and what would fit.

    Attributes
    ----------
    chip : str                      name of the chip
    core : int or None              core that breaks the wall, None for the chip as a whole
    resource : str                  "axons_in", "cores", "targets_per_neuron", "delay" ...
    need, limit : int
    where : str                     population and neuron, for people
    remedies : tuple of Remedy      each of them, applied, fits
    hint : str                      what else would do, and was not tried
    """

    def __init__(
        self,
        *,
        chip: str,
        core: int | None,
        resource: str,
        need: int,
        limit: int,
        where: str = "",
        population: str = "",
        remedies: tuple[Remedy, ...] = (),
        hint: str = "",
    ) -> None:
        self.chip, self.core, self.resource = chip, core, resource
        self.need, self.limit, self.where = need, limit, where
        self.population, self.remedies, self.hint = population, tuple(remedies), hint
        super().__init__(f"chip {chip!r} cannot hold the network: {self.reason}")

    @property
    def reason(self) -> str:
        """The sentence without the name of the chip."""
        place = "" if self.core is None else f"core {self.core} "
        where = f" ({self.where})" if self.where else ""
        fits = " or ".join(str(remedy) for remedy in self.remedies)
        remedy = f"; would fit: {fits}" if fits else "; no smaller form of it was found to fit"
        if self.hint:
            remedy = (remedy if fits else "") + f"; not tried: {self.hint}"
        return f"{place}needs {self.need} {self.resource}, limit {self.limit}{where}{remedy}"
