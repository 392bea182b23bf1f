"""The convolutional case in PyTorch: dense steps, the convolutions of all of them at once.

Usage: convolution_torch.py FILE [BATCH] [FRAMEWORK]; prints CPU-seconds per sample and the spikes
of each layer in every sample as JSON. The framework's cells lie between the same convolutions:
torch (plain), sinabs, snntorch, norse, spikingjelly. Norse's cells reset to 0, others by
subtraction.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))
import convolution as case

torch.set_num_threads(1)


def plain(x: torch.Tensor) -> torch.Tensor:
    """Integrate and fire over the first axis, with a reset by subtraction."""
    v, out = torch.zeros_like(x[0]), torch.empty_like(x)
    for t in range(len(x)):
        v = v + x[t]
        s = (v >= 1).to(x.dtype)
        v = v - s
        out[t] = s
    return out


def of_sinabs(x: torch.Tensor) -> torch.Tensor:
    from sinabs.activation import MembraneSubtract, SingleSpike
    from sinabs.layers import IAF

    how = {"spike_fn": SingleSpike, "reset_fn": MembraneSubtract()}
    cells = IAF(spike_threshold=torch.tensor(1.0), **how)
    return cells(x.transpose(0, 1)).transpose(0, 1)


def of_snntorch(x: torch.Tensor) -> torch.Tensor:
    import snntorch

    cells = snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract", reset_delay=False)
    v, out = cells.init_leaky(), torch.empty_like(x)
    for t in range(len(x)):
        out[t], v = cells(x[t], v)
    return out


def of_norse(x: torch.Tensor) -> torch.Tensor:
    from norse.torch.functional.iaf import IAFFeedForwardState, IAFParameters, iaf_feed_forward_step

    p, out = IAFParameters(v_th=torch.tensor(1.0)), torch.empty_like(x)
    state = IAFFeedForwardState(v=torch.zeros_like(x[0]))
    for t in range(len(x)):
        out[t], state = iaf_feed_forward_step(x[t], state, p)
    return out


def of_spikingjelly(x: torch.Tensor) -> torch.Tensor:
    from spikingjelly.activation_based.neuron import IFNode

    return IFNode(v_threshold=1.0, v_reset=None, step_mode="m")(x)


FRAMEWORKS = {
    "torch": plain, "sinabs": of_sinabs, "snntorch": of_snntorch, "norse": of_norse,
    "spikingjelly": of_spikingjelly,
}  # fmt: skip
fire = FRAMEWORKS[sys.argv[3] if len(sys.argv) > 3 else "torch"]


def layers(x: torch.Tensor, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Spikes of each layer, (steps, batch, ...)."""
    steps, batch = x.shape[:2]

    def each(y: torch.Tensor) -> torch.Tensor:
        return y.unflatten(0, (steps, batch))

    one = fire(each(functional.conv2d(x.flatten(0, 1), weights[0])))
    pooled = functional.avg_pool2d(one.flatten(0, 1), 2)
    two = fire(each(functional.conv2d(pooled, weights[1])))
    pooled = functional.avg_pool2d(two.flatten(0, 1), 2).flatten(1)
    return [one, two, fire(each(functional.linear(pooled, weights[2].flatten(1))))]


def main() -> None:
    """Read the samples; run them in batches."""
    data, batch = np.load(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    gains = data["gains"]
    weights = [
        torch.tensor(k * g, dtype=torch.float32) for k, g in zip(case.kernels(), gains, strict=True)
    ]
    frames = []
    for k in range(int(data["n"])):
        x = np.zeros((case.STEPS, case.SIZE * case.SIZE * 2), np.float32)
        np.add.at(x, (data[f"t{k}"].astype(int), data[f"i{k}"]), 1)
        x = x.reshape(case.STEPS, case.SIZE, case.SIZE, 2).transpose(0, 3, 1, 2)
        frames.append(torch.tensor(x.copy()))
    with torch.no_grad():
        layers(torch.stack(frames[:batch], 1), weights)  # warm
        counts, begin = [], time.process_time()
        for k in range(0, len(frames), batch):
            found = layers(torch.stack(frames[k : k + batch], 1), weights)
            counts += np.stack([y.flatten(2).sum((0, 2)).numpy() for y in found], 1).tolist()
        used = (time.process_time() - begin) / len(frames)
    print(json.dumps({"cpu_s": used, "spikes": counts}))


if __name__ == "__main__":
    main()
