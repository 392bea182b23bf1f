"""What is a chip, to the mapper and the pricer? Frozen descriptions, all numbers in SI.

They are made by :func:`neurosim.hardware.load_chip` from a TOML file, whose schema
(:mod:`neurosim.hardware.schema`) validates them; nothing here computes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SCOPES = ("incremental", "all_in")
# From the best evidence to none; the worst one used is printed with every estimate.
BASES = ("measured", "fitted", "derived", "simulated", "vendor", "assumed", "unpublished")
READS = ("primary", "secondary", "memory")


def frozen(table: Mapping) -> Mapping:
    """A read-only view, so that a frozen dataclass is one all the way down."""
    return MappingProxyType(dict(table))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a number was published: reference, place in it, and what to know about it."""

    ref: str
    at: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.ref}, {self.at}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One priced constant: a nominal value with its band, and what backs it.

    ``value``, ``low`` and ``high`` are in SI base units; ``text`` is the value as the
    file writes it. Constants of one ``group`` are wrong together, so they move together
    in the band of an estimate.
    """

    path: str
    value: float
    low: float
    high: float
    text: str
    dimension: str
    scope: str
    basis: str
    group: str
    source: Source
    read: str
    conditions: Mapping[str, str] = field(default_factory=dict)

    status = "priced"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPrice:
    """A cost without a number of its own, and why.

    ``status`` is ``"unpublished"`` (it exists, nobody printed it), ``"included"``
    (the constant ``within`` already contains it) or ``"absent"`` (the chip has no such thing).
    """

    path: str
    status: str
    reason: str
    within: str = ""


Price = Constant | NoPrice


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the objects of a network use up one resource of a core (see ``rules.py``)."""

    name: str
    params: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreKind:
    """A kind of core: how many a chip has, and the capacities of one.

    A resource that is not named is not limited. ``layers`` are the kinds of layer, "conv" or
    "dense", that such a core computes, where cores hold layers; empty for all, each as a
    convolution.
    """

    count: int
    roles: tuple[str, ...]
    resources: Mapping[str, int]
    cost_rules: Mapping[str, Rule]
    source: Source
    read: str
    layers: tuple[str, ...] = ()

    def computes(self, kind: str) -> bool:
        """Whether such a core holds layers of this kind."""
        return not self.layers or kind in self.layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How the chip keeps time. ``mode`` is one of ``schema.TIME_MODES``.

    ``speed_up`` is how many times faster than the network's own time a ``continuous`` chip
    runs; ``cycles`` names the model of a ``clocked`` chip's cycles.
    """

    mode: str
    tick_s: float | None = None
    clock_hz: float | None = None
    speed_up: float = 1.0
    cycles: str = "events"
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Where the cores sit. Tiles form a ``tiles_x`` by ``tiles_y`` grid, filled row by row.

    ``unit`` is what a core holds: single neurons, or whole layers.
    """

    kind: str
    tiles_x: int = 1
    tiles_y: int = 1
    cores_per_tile: int = 1
    max_chips: int = 1
    multicast: str = "per_target_core"
    unit: str = "neuron"
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class SynapseKind:
    """What a synapse may be, and how its operations are charged.

    ``charged`` is ``"mapped"`` (an operation per arrival at a non-zero synapse),
    ``"full_row"`` (every column of the crossbar, connected or not, per event) or
    ``"dense"`` (every synapse once per inference: an ANN). Delays above ``delay_free`` ticks
    take room from neurons. A projection is stored in the format named for its kind, "conv",
    "dense" or "sparse", or else in the first of the ``formats``.
    """

    weight_bits: int | None = None
    weight_values_per_neuron: int | None = None
    weight_values_per_core: int | None = None
    sign: str = "per_synapse"
    delay_min: int = 0
    delay_max: int | None = None
    delay_free: int | None = None
    formats: tuple[str, ...] = ("default",)
    charged: str = "mapped"
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuronKind:
    """Which neuron models the chip computes, and what they can beyond integrate and reset.

    ``features`` is None where the file does not say (see ``assumptions.FEATURES``).
    """

    models: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """How a dense or sparse accelerator does the work of the network's ANN twin.

    Of each multiply-accumulate it does the share ``weight_density``, in ``bit_steps`` passes
    of which the share ``bit_density`` is not skipped (0 steps: as many as the bits of the
    network's spike counts); a weight that is kept has ``weight_bits`` and ``index_bits``, and a
    word of memory has ``word_bits`` and serves ``reuse`` operations once it is read.
    ``utilisation`` is the share of its units that are busy, which costs time alone.
    """

    weight_density: float = 1.0
    bit_steps: int = 1
    bit_density: float = 1.0
    weight_bits: int = 32
    index_bits: int = 0
    activation_bits: int = 32
    word_bits: int = 64
    reuse: int = 1
    utilisation: float = 1.0
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantise:
    """Which numbers a chip computes with; see ``quantised.py``.

    ``decay`` is ``"mantissa"`` (``decay_bits`` of a factor), ``"shift"`` (v -= v >> k) or
    ``"analog"``; ``state_bits`` and ``threshold_bits`` are None where they do not bind;
    ``negative`` says whether potentials below 0 exist.
    """

    state_bits: int | None = None
    decay: str = "mantissa"
    decay_bits: int = 12
    threshold_bits: int | None = None
    rounding: str = "nearest"
    negative: bool = True
    source: Source | None = None
    read: str = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A published number that must not be used as a price, and why (shown by ``explain``)."""

    what: str
    value: str
    scope: str
    why: str
    source: Source
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was fitted to which workload, and what the fit leaves over."""

    workload: str
    fitted: str
    residual: str
    source: Source
    read: str

    def __str__(self) -> str:
        what = f"calibrated: {self.fitted}, on {self.workload}"
        return f"{what}; residual {self.residual}; {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A published measurement that ``validate`` reproduces or predicts."""

    id: str
    workload: str
    parameters: Mapping[str, float]
    quantity: str
    measured: float
    tolerance: float
    label: str
    source: Source
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip, or a baseline, as read from its file."""

    name: str
    title: str
    vendor: str
    year: int
    kind: str
    tier: str
    evidence: str
    node: str
    licence: str
    aliases: tuple[str, ...]
    time: Timing
    topology: Topology
    cores: tuple[CoreKind, ...]
    neuron: NeuronKind
    synapse: SynapseKind
    prices: Mapping[str, Price]
    limits: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    twin: Twin | None = None
    quantise: Quantise | None = None
    figures: tuple[Figure, ...]
    calibrations: tuple[Calibration, ...]
    validations: tuple[Validation, ...]
    path: str

    @property
    def core(self) -> CoreKind:
        """The kind of core that holds neurons; the first, where there are several."""
        return next(core for core in self.cores if "neurons" in core.roles)

    @property
    def kinds(self) -> tuple[CoreKind, ...]:
        """The kinds of core that hold neurons, in the order of the file."""
        return tuple(core for core in self.cores if "neurons" in core.roles)

    @property
    def n_cores(self) -> int:
        """Cores of a chip that hold neurons."""
        return sum(core.count for core in self.kinds)

    def capacity(self, resource: str) -> int:
        """The most that a core of any kind has of a resource."""
        return max(core.resources.get(resource, 0) for core in self.kinds)

    def price(self, path: str) -> Price:
        """The entry for a cost such as ``"energy.hop.x"``; unpublished if the file has none."""
        entry = self.prices.get(path)
        if entry is None and path.startswith(("energy.hop.", "energy.synop.")):
            entry = self.prices.get(path.rpartition(".")[0])
        if entry is None:
            entry = NoPrice(path=path, status="unpublished", reason="the file does not give it")
        return entry

    @property
    def all_in(self) -> bool:
        """True when one all-in price stands for the whole chip."""
        return any(
            isinstance(price, Constant) and price.scope == "all_in"
            for price in self.prices.values()
        )
