"""Which core holds which neuron, and does the network fit? Mapping under walls."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurosim import checks
from neurosim.errors import ParameterError

from .assumptions import notes, quantisation
from .chip import Chip
from .fill import USED_NEURONS, count_targets, list_targets
from .filling import check_targets, columns, fill_chip, no_slots
from .layer_map import place_layers
from .limits import UNLIMITED, cap, signed_rows, units
from .load import load_chip
from .profiles import profiles_used
from .refusal import DoesNotFit
from .routes import router_entries
from .splitters import split
from .tiles import orders
from .walls import check_cam, check_limits
from .wiring import Wiring, wire

if TYPE_CHECKING:
    from neurosim.network import Network

STRATEGIES = ("sequential", "layers")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapping:
    """A network placed on a chip.

    Attributes
    ----------
    chip : Chip
    wiring : Wiring                 the synapses that were placed, delays in ticks
    core_of : int32[n_neurons]      core of each placed neuron, by global id
    n_cores, n_chips : int
    usage : dict                    resource -> int64[n_cores], what each core uses
    targets, target_starts          target cores of each neuron and source, as rows: distinct,
                                    but twice where a source needs two axons, one per sign
    notes : tuple of str            what the mapping assumes
    needs_quantisation : bool       the chip cannot hold the weights as they are
    """

    chip: Chip
    wiring: Wiring
    core_of: np.ndarray
    n_cores: int
    n_chips: int
    usage: dict[str, np.ndarray]
    targets: np.ndarray
    target_starts: np.ndarray
    notes: tuple[str, ...]
    needs_quantisation: bool = False

    def cores(self, population: str) -> np.ndarray:
        """Core of each neuron of a population (int32); sources are on no core."""
        first = self.wiring.first[population]
        if first >= self.wiring.n_neurons:
            return np.full(self.wiring.sizes[population], -1, np.int32)
        return self.core_of[first : first + self.wiring.sizes[population]]

    def positions(self) -> np.ndarray:
        """Tile of each core on the mesh: int64[n_cores, 3] of x, y and chip.

        Cores fill tiles, tiles fill rows, and chips stand side by side along x.
        """
        place = self.chip.topology
        core = np.arange(self.n_cores)
        if place.kind == "none":
            core = np.zeros_like(core)
        chip = core // self.chip.n_cores
        tile = core % self.chip.n_cores // place.cores_per_tile
        x, y = tile % place.tiles_x + chip * place.tiles_x, tile // place.tiles_x
        return np.stack([x, y, chip], axis=1)

    def __repr__(self) -> str:
        peaks = []
        for name, used in self.usage.items():
            limit = self.chip.capacity(name)
            peaks.append(f"{name} up to {int(used.max(initial=0))} of {limit}")
        chips = "" if self.n_chips == 1 else f" on {self.n_chips} chips"
        tail = f"; {', '.join(peaks)}" if peaks else ""
        cores = "1 core" if self.n_cores == 1 else f"{self.n_cores} cores"
        return f"Mapping({self.chip.name!r}, {cores}{chips}{tail})"


def _check_delays(wiring: Wiring, chip: Chip) -> None:
    most = chip.synapse.delay_max
    longest = int(wiring.delay.max(initial=0))
    if most is None or longest <= most:
        return
    worst = int(np.argmax(wiring.delay))
    name = wiring.projections[int(wiring.projection[worst])]
    raise DoesNotFit(
        chip=chip.name,
        core=None,
        resource="delay ticks",
        need=longest,
        limit=most,
        where=f"projection {name!r}",
    )


def _starts_of_populations(wiring: Wiring) -> np.ndarray:
    order = np.arange(wiring.n_neurons)
    first = wiring.first
    for name in wiring.placed:
        if wiring.sizes[name]:
            order[first[name]] = ~first[name]
    return order


def _place(wiring: Wiring, chip: Chip, taken: np.ndarray, splitters: bool = False) -> Mapping:
    most, limit, no_room = UNLIMITED, cap(chip, "axons_out"), None
    rows = signed_rows(wiring, chip)
    while True:
        try:
            core_of, usage = fill_chip(wiring, chip, taken, most)
        except DoesNotFit as error:
            # Where smaller cores were tried for their output axons, those are the wall.
            raise (no_room or error) from None
        n_cores = int(usage.shape[0])
        counts = count_targets(wiring.indptr, wiring.post, rows, core_of, n_cores)
        out = np.bincount(core_of, weights=counts[: wiring.n_neurons], minlength=n_cores)
        if out.max(initial=0) <= limit:
            break
        # Fewer neurons per core need fewer output axons per core, though more in all.
        no_room = no_room or no_slots(wiring, chip, core_of, counts, out)
        if int(usage[:, USED_NEURONS].max()) == 1:
            raise no_room
        most = max(1, int(usage[:, USED_NEURONS].max()) * 3 // 4)
    late = ""
    try:
        check_targets(wiring, chip, core_of, n_cores)
    except DoesNotFit:
        made = split(wiring, chip, core_of, n_cores) if splitters else None
        if made is None:
            raise
        wiring, core_of, n_cores, late = made.wiring, made.core_of, made.n_cores, str(made)
        usage = np.concatenate([usage, made.usage[usage.shape[0] :]])
        out = np.bincount(core_of, minlength=n_cores)
    used = {"axons_out": out.astype(np.int64)}
    used |= {name: usage[:, column] for name, column in columns(chip).items()}
    if "cam_entries" in chip.core.resources:
        per_neuron = np.bincount(wiring.post, minlength=wiring.n_neurons)
        used["cam_entries"] = np.zeros(n_cores, np.int64)
        np.maximum.at(used["cam_entries"], core_of, per_neuron)
    used |= profiles_used(wiring, chip, core_of, n_cores)
    usage_of = {name: used[name] * units(chip, name) for name in chip.core.resources}
    found = _mapping(wiring, chip, core_of, n_cores, usage_of)
    return replace(found, notes=(*found.notes, late)) if late else found


def _mapping(
    wiring: Wiring, chip: Chip, core_of: np.ndarray, n_cores: int, usage: dict[str, np.ndarray]
) -> Mapping:
    """The mapping that follows from the core of each neuron."""
    rows = signed_rows(wiring, chip)
    counts = count_targets(wiring.indptr, wiring.post, rows, core_of, n_cores)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    targets = np.empty(int(starts[-1]), np.int32)
    list_targets(wiring.indptr, wiring.post, rows, core_of, n_cores, starts, targets)
    fullest = int(np.bincount(core_of, minlength=1).max()) if core_of.size else 0
    return Mapping(
        chip=chip,
        wiring=wiring,
        core_of=core_of,
        n_cores=n_cores,
        n_chips=max(1, -(-n_cores // chip.n_cores)),
        usage=usage,
        targets=targets,
        target_starts=starts,
        notes=notes(wiring, chip, fullest),
        needs_quantisation=bool(quantisation(wiring, chip)),
    )


def place(wiring: Wiring, chip: Chip, by: str = "sequential", splitters: bool = False) -> Mapping:
    """Map flat synapses; see :func:`map_network`. Raises DoesNotFit without remedies."""
    _check_delays(wiring, chip)
    check_limits(wiring, chip)
    check_cam(wiring, chip)
    if chip.topology.unit == "layer":
        return _mapping(wiring, chip, *place_layers(wiring, chip))
    way = _in_order if by == "sequential" else _by_layers
    try:
        found = way(wiring, chip, False)
    except DoesNotFit as error:
        if not splitters or not error.resource.startswith("targets_per_neuron"):
            raise
        found = way(wiring, chip, True)
    _check_routers(found)
    return found


def _check_routers(mapping: Mapping) -> None:
    limit = mapping.chip.limits.get("router_entries")
    if limit is None:
        return
    entries = router_entries(mapping)
    worst = int(np.argmax(entries)) if entries.size else 0
    if entries.max(initial=0) > limit:
        raise DoesNotFit(
            chip=mapping.chip.name,
            core=None,
            resource="router_entries",
            need=int(entries[worst]),
            limit=limit,
            where=f"tile {worst}, an entry for each core or source population that reaches it",
        )


def _by_layers(wiring: Wiring, chip: Chip, splitters: bool) -> Mapping:
    """The mapping with the fewest cores, then target cores, of several tilings; else in order."""
    best = None
    for order in orders(wiring):
        try:
            found = _place(wiring, chip, order, splitters)
        except DoesNotFit:
            continue
        cost = (found.n_cores, found.targets.size)
        if best is None or cost < (best.n_cores, best.targets.size):
            best = found
    # Where cores of their own are too many, populations that share cores may fit yet.
    return best or _in_order(wiring, chip, splitters)


def _in_order(wiring: Wiring, chip: Chip, splitters: bool) -> Mapping:
    if splitters:
        return _place(wiring, chip, _starts_of_populations(wiring), True)
    try:
        return _place(wiring, chip, np.arange(wiring.n_neurons))
    except DoesNotFit as error:
        if not error.resource.startswith("targets_per_neuron"):
            raise
        # A population that starts on a fresh core is more often reached by one address.
        try:
            return _place(wiring, chip, _starts_of_populations(wiring))
        except DoesNotFit:
            raise error from None


def map_network(
    network: "Network",
    chip: Chip | str,
    *,
    tick: float | None = None,
    by: str = "sequential",
    splitters: bool = False,
) -> Mapping:
    """Place a network on a chip, neuron by neuron in order, under all walls of the chip.

    Parameters
    ----------
    network : Network
    chip : Chip or str              a chip, its name, or the path of its file
    tick : float, optional          tick of the chip [ms], default 1 ms; one step for networks
                                    in steps
    by : {"sequential", "layers"}   in the order of the populations; or each population on cores
                                    of its own, those with places in tiles of neighbours, whichever
                                    tiles take the fewest cores; as in the order of the
                                    populations where that is too much. Chips whose cores hold
                                    whole layers match layers and cores either way.
    splitters : bool                where a neuron addresses one row of one core (TrueNorth,
                                    Tianjic), insert neurons that repeat the spikes of those that
                                    reach several, on cores of their own and a tick later; they are
                                    counted in a census as the population "splitter neurons"

    Returns
    -------
    Mapping

    Raises
    ------
    DoesNotFit
        A :class:`~neurosim.errors.MappingError` that says which resource of which core, the
        need and the limit, and remedies that were tried and fit.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network()
    >>> a, b = net.add(ns.SpikeSource(100), "a"), net.add(ns.LIF(50), "b")
    >>> _ = net.connect(a, b, weight=1.0)
    >>> map_network(net, "odin")
    Mapping('odin', 1 core; neurons up to 50 of 256, axons_in up to 100 of 256)
    """
    from .remedies import place_or_advise  # the search for remedies places again

    checks.choice("map_network", "by", by, STRATEGIES)
    if not isinstance(splitters, bool):
        raise ParameterError(f"map_network.splitters must be True or False, got {splitters!r}")
    return place_or_advise(wire(network, tick), load_chip(chip), by, splitters)
