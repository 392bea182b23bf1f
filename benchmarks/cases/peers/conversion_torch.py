"""A trained net through the converters of SpikingJelly and sinabs: accuracy by steps, and time.

Usage: conversion_torch.py NET.pt FOLDER SAMPLES STEPS...; prints JSON. A method of SpikingJelly is
named with its options; all samples are run as one batch of 100, and one by one for the time of a
sample.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import conversion as case

torch.set_num_threads(1)
ALONE = 20  # samples that are run one by one


def of_spikingjelly(net, calibration, **options):
    """One step at a time; the mean of the outputs is the answer."""
    from spikingjelly.activation_based import ann2snn, functional

    batches = [(part, torch.zeros(len(part))) for part in calibration.split(100)]
    made = ann2snn.Converter(ann2snn.RateCodingRecipe(batches, **options)).convert(net).eval()

    def outputs(x, steps):
        functional.reset_net(made)
        total, found = 0.0, []
        for _ in range(steps):
            total = total + made(x)
            found.append(total.clone())
        return found

    return outputs


def of_sinabs(net, calibration, **options):
    """All steps at once; sinabs' cells fire several times in a step, by default."""
    from sinabs.from_torch import from_model

    made = from_model(net, batch_size=1, **options).spiking_model.eval()

    def outputs(x, steps):
        for part in made.modules():
            if hasattr(part, "reset_states"):
                part.reset_states()
            if hasattr(part, "batch_size"):
                part.batch_size = len(x)
        repeated = x.repeat_interleave(steps, dim=0)  # sample after sample
        found = made(repeated).reshape(len(x), steps, -1)
        return list(torch.cumsum(found, dim=1).unbind(1))

    return outputs


METHODS = {
    "SpikingJelly, max": (of_spikingjelly, {"mode": "max"}),
    "SpikingJelly, 99.9 %": (of_spikingjelly, {"mode": "99.9%"}),
    "SpikingJelly, 99.9 % per channel, v0 = 1/2": (
        of_spikingjelly,
        {"mode": "99.9%", "channel_wise": True, "half_threshold": True},
    ),
    "sinabs": (of_sinabs, {}),
}


def main(path: Path, folder: Path, samples: int, steps: list[int]) -> dict:
    """All methods on the first samples of the test set."""
    calibration = torch.as_tensor(case.images(folder, "train", 256)[0])
    x, y = case.images(folder, "test", samples)
    x, found = torch.as_tensor(x), {}
    with torch.no_grad():
        for name, (make, options) in METHODS.items():
            outputs = make(case.load(path), calibration, **options)
            right = np.zeros(max(steps))
            for part, label in zip(x.split(100), torch.as_tensor(y).split(100), strict=True):
                for t, output in enumerate(outputs(part, max(steps))):
                    right[t] += int((output.argmax(1) == label).sum())
            entry = {"accuracy": {t: right[t - 1] / samples for t in steps}, "ms": {}}
            for t in steps:
                outputs(x[:1], t)
                begin = time.process_time()
                for k in range(ALONE):
                    outputs(x[k : k + 1], t)
                entry["ms"][t] = 1e3 * (time.process_time() - begin) / ALONE
            found[name] = entry
    return found


if __name__ == "__main__":
    net, data, n, *counts = sys.argv[1:]
    print(json.dumps(main(Path(net), Path(data), int(n), [int(t) for t in counts])))
