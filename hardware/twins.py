"""What would the network's ANN twin cost? Dense, bit by bit, sparse: operations and memory.

The twin passes every synapse once per inference (once per tick, where the network is
recurrent). An accelerator does the share ``weight_density`` of that; a bit-serial one does
``bit_steps`` accumulates for each, of which the share ``bit_density`` is not skipped. With
``bit_steps = 0`` as many bits as the network's spike counts have: T steps of a rate code are
the integers 0 .. T, so ceil(log2(T + 1)).
"""

from .chip import Chip, Twin
from .counts import Census

Row = tuple[str, str, float, str]  # path, category, count, what is counted


def twin_of(chip: Chip) -> Twin:
    """How the chip does the twin's work; a plain dense one where the file does not say."""
    return chip.twin or Twin()


def bits_of_counts(steps: int) -> int:
    """Bits of a spike count of up to ``steps``: ceil(log2(steps + 1)).

    >>> [bits_of_counts(steps) for steps in (1, 3, 5, 8)]
    [1, 2, 3, 4]
    """
    return max(1, int(steps).bit_length())


def bit_steps(census: Census, twin: Twin) -> int:
    """Accumulates that a multiply-accumulate is cut into, skipped ones included."""
    if twin.bit_steps:
        return twin.bit_steps
    return bits_of_counts(-(-census.n_steps // max(1, census.passes)))


def twin_operations(census: Census, chip: Chip) -> tuple[float, str]:
    """Operations of the twin on this chip, and what they are."""
    twin = twin_of(chip)
    steps = bit_steps(census, twin)
    count = census.dense_macs * twin.weight_density * steps * twin.bit_density
    if steps > 1 or twin.bit_density < 1:
        return count, f"accumulates of the twin, {steps} bits, {twin.bit_density:.0%} of them set"
    if twin.weight_density < 1:
        return count, f"multiply-accumulates of the twin, {twin.weight_density:.1%} of them kept"
    return census.dense_macs, "multiply-accumulates of the dense twin"


def twin_rows(census: Census, chip: Chip) -> list[Row]:
    """Activations and memory of the twin; a memory access is of one word."""
    twin = twin_of(chip)
    kept = census.dense_macs * twin.weight_density / twin.reuse
    neurons = int(census.cores["neurons"].sum()) * census.passes
    weights = kept * (twin.weight_bits + twin.index_bits) / twin.word_bits
    # Sparse weights do not spare the reading of activations.
    inputs = census.dense_macs / twin.reuse * twin.activation_bits / twin.word_bits
    results = neurons * twin.activation_bits / twin.word_bits
    return [
        ("energy.neuron_active", "neuron", neurons, "activations"),
        ("energy.weight_read", "memory", weights, "words of weights read"),
        ("energy.activation_read", "memory", inputs, "words of activations read"),
        ("energy.result_write", "memory", results, "words of results written"),
    ]


def twin_notes(census: Census, chip: Chip) -> list[str]:
    """What the twin on this chip assumes."""
    twin, found = twin_of(chip), []
    if twin.weight_density < 1:
        found.append(
            f"weights pruned to {twin.weight_density:.1%}: what that costs in accuracy is not "
            "simulated"
        )
    if not twin.bit_steps:
        found.append(f"activations of {bit_steps(census, twin)} bits, as the spike counts have")
    if twin.utilisation < 1:
        found.append(f"units busy {twin.utilisation:.0%} of the time, which costs time alone")
    return found
