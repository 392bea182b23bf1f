"""How are spikes brought into the engine's order, by step and then by neuron? By counting."""

import numpy as np

from .._jit import kernel


@kernel
def _count_out(steps, ids, first, n_steps, place, sorted_steps, sorted_ids):
    for k in range(steps.size):
        place[steps[k] - first + 1] += 1
    for s in range(n_steps):
        place[s + 1] += place[s]
    for k in range(steps.size):
        s = steps[k] - first
        sorted_steps[place[s]] = steps[k]
        sorted_ids[place[s]] = ids[k]
        place[s] += 1


def by_step(
    steps: np.ndarray, ids: np.ndarray, first: int, n_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes sorted stably by step, for steps within ``first .. first + n_steps``."""
    place = np.zeros(n_steps + 1, np.int64)
    out = np.empty_like(steps), np.empty_like(ids)
    _count_out(steps, ids, first, n_steps, place, *out)
    return out


@kernel
def in_order(steps, ids):
    """Are the spikes sorted by step, and by neuron within a step?"""
    for k in range(1, steps.size):
        if steps[k] < steps[k - 1] or (steps[k] == steps[k - 1] and ids[k] < ids[k - 1]):
            return False
    return True


def sort_spikes(steps: np.ndarray, ids: np.ndarray, *payloads: np.ndarray) -> tuple:
    """Spikes (int64, int32) by step, and by neuron within a step; most are so already."""
    if in_order(steps, ids):
        return steps, ids, *payloads
    if payloads:
        order = np.lexsort((ids, steps))
        return tuple(a[order] for a in (steps, ids, *payloads))
    first, n_steps = int(steps.min()), int(steps.max() - steps.min()) + 1
    if n_steps + int(ids.max()) > 4 * steps.size + 1_000_000:  # few spikes, far apart
        order = np.lexsort((ids, steps))
        return steps[order], ids[order]
    by_id = by_step(ids, steps, 0, int(ids.max()) + 1)
    return by_step(by_id[1], by_id[0], first, n_steps)
