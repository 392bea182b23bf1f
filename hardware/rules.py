"""How do neurons and synapses use up a core? The closed vocabulary of cost rules.

A chip file names a rule and its parameters for each resource. A new rule takes a name and
parameters in :data:`RULES`, its resource in :data:`RESOURCES`, and the counting: of axons in
``limits.axon_keys``, of memory in ``limits.memory`` and ``fill._list_words``, of what a
neuron takes by itself in ``limits.sizes``, of what neurons share in ``profiles.py``, of whole
layers in ``layer_needs.py``.

===================  =========================================================
``linear``           ``units`` per neuron, axon or synapse, whichever the resource holds
``loihi_synlist``    words of the lists of synapses of one axon, packed into blocks
``crossbar``         one row per distinct ``axon``: ``source``, or ``source_delay``
                     where a row has one delay
``pooled_bytes``     one memory for all: ``neuron``, ``axon`` and ``synapse`` bytes
``joined_circuits``  a neuron takes as many circuits as ``fan_in`` axons go into one
``cam``              entries of one neuron: ``units`` for each of its synapses
``distinct``         settings that the neurons of a core share: each different one takes one
``pow2_conv``        words of a layer's kernel or state, sizes rounded up to powers of two
``layer_tiles``      bytes of a layer, which is cut into as many cores as it takes
===================  =========================================================

What a chip has once and not per core stands in ``[limits]``, see ``walls.py``. Budgets are
no walls: software that may miss its tick is mapped, and ``step_time.py`` counts the ticks.
"""

from neurosim._jit import kernel

AXONS = ("source", "source_delay")

# rule: parameter -> default (None: required); a tuple lists the words allowed.
RULES: dict[str, dict[str, int | tuple[str, ...] | None]] = {
    "linear": {"units": 1},
    "loihi_synlist": {
        "word_bits": 64,
        "header_bits": 10,
        "block": 64,
        "weight_bits": 8,
        "delay_bits": 6,
        "tag_bits": 0,
        "index_bits": 10,
    },
    "crossbar": {"axon": AXONS},
    "pooled_bytes": {"neuron_bytes": None, "axon_bytes": None, "synapse_bytes": None},
    "joined_circuits": {"fan_in": None},
    "cam": {"units": 1},
    "distinct": {},
    "pow2_conv": {},
    "layer_tiles": {"bits": None},
}
# Which rules make sense for which resource.
RESOURCES: dict[str, tuple[str, ...]] = {
    "neurons": ("linear", "joined_circuits"),
    "axons_in": ("linear", "crossbar"),
    "axons_out": ("linear",),
    "synapse_words": ("linear", "loihi_synlist"),
    "bytes": ("pooled_bytes",),
    "cam_entries": ("cam",),
    "compartment_profiles": ("distinct",),
    "threshold_profiles": ("distinct",),
    "synapse_profiles": ("distinct",),
    "kernel_words": ("pow2_conv",),
    "state_words": ("pow2_conv",),
    "weight_bytes": ("layer_tiles",),
    "input_bytes": ("layer_tiles",),
}
# What whole layers take, on chips whose cores hold layers.
LAYER_RULES = ("pow2_conv", "layer_tiles")


@kernel
def synlist_words(entries, entry_bits, header_bits, block, word_bits):
    """Words of synaptic memory that one list of synapses takes on Loihi.

    The list is cut into blocks of ``block`` entries; a block costs its header and its
    entries, rounded up to whole words::

        words = full * ceil((header + block * entry) / word)
                + ceil((header + rest * entry) / word)

    Parameters
    ----------
    entries : int                  synapses in the list
    entry_bits : int               weight + delay + tag + index bits of one entry
    header_bits, block, word_bits : int

    Returns
    -------
    int                            0 for an empty list
    """
    full = entries // block
    rest = entries - full * block
    words = full * ((header_bits + block * entry_bits + word_bits - 1) // word_bits)
    if rest > 0:
        words += (header_bits + rest * entry_bits + word_bits - 1) // word_bits
    return words
