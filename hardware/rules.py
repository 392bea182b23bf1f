"""How do neurons and synapses use up a core? The closed vocabulary of cost rules.

A chip file names a rule and its parameters for each resource. A new rule takes a name and
parameters in :data:`RULES`, its resource in :data:`RESOURCES`, and the counting: of axons in
``limits.axon_keys``, of memory in ``limits.memory`` and ``fill._list_words``. Room is left
for the rules of other chips: convolution kernels charged in powers of two, content
addressable memories, pooled bytes, software deadlines.

==================  ==========================================================
``linear``          ``units`` per neuron, axon or synapse, whichever the resource holds
``loihi_synlist``   words of the lists of synapses of one axon, packed into blocks
``crossbar``        one row per distinct ``axon``: ``source``, or ``source_delay``
                    where a row has one delay
==================  ==========================================================
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
}
# Which rules make sense for which resource.
RESOURCES: dict[str, tuple[str, ...]] = {
    "neurons": ("linear",),
    "axons_in": ("linear", "crossbar"),
    "axons_out": ("linear",),
    "synapse_words": ("linear", "loihi_synlist"),
}


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
