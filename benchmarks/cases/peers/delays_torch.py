"""Delay learning by dilated convolutions with learnable spacings, in plain PyTorch.

Each synapse is one weight at one learnable place of a kernel over time, spread by a Gaussian, and
the kernel is convolved with all steps (Hammouamri, Khalfaoui-Hassani and Masquelier 2024,
arXiv 2306.17670); spikes by a surrogate gradient through all steps. ``--by fourier`` convolves
through a Fourier transform, which the published code does not.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))
import delays as case

torch.set_num_threads(1)


class Spike(torch.autograd.Function):
    """A step, with the slope of an arctangent (alpha 5)."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v >= 0).float()

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        return grad * 2.5 / (1 + (2.5 * torch.pi * v) ** 2)


class Delayed(nn.Module):
    """Synapses with delays, of which a fixed share exists."""

    def __init__(self, n_in: int, n_out: int, args) -> None:
        super().__init__()
        mean, spread = case.weights(n_in, args.density)
        self.weight = nn.Parameter(mean + spread * torch.randn(n_out, n_in))
        self.delay = nn.Parameter(args.longest * torch.rand(n_out, n_in))
        self.register_buffer("mask", (torch.rand(n_out, n_in) < args.density).float())
        self.longest, self.by = args.longest, args.by

    def forward(self, x):
        """(batch, n_in, steps) to (batch, n_out, steps)."""
        taps = torch.arange(self.longest + 1.0)
        spread = torch.exp(-0.5 * ((taps - self.delay[..., None]) / 0.5) ** 2)
        spread = spread / (spread.sum(-1, keepdim=True) + 1e-7)
        kernel = (self.weight * self.mask)[..., None] * spread
        if self.by == "direct":
            return functional.conv1d(functional.pad(x, (self.longest, 0)), kernel.flip(-1))
        n = x.shape[-1] + self.longest
        product = torch.einsum("bif,oif->bof", torch.fft.rfft(x, n), torch.fft.rfft(kernel, n))
        return torch.fft.irfft(product, n)[..., : x.shape[-1]]


def integrate(current, tau_m: float, fires: bool):
    """Spikes (or the summed potential) of cells with exponential synapses, step by step."""
    keep_i, keep = np.exp(-1 / case.TAU_SYN), np.exp(-1 / tau_m)
    i = v = torch.zeros_like(current[..., 0])
    out = []
    for step in range(current.shape[-1]):
        i = i * keep_i + current[..., step]
        v = v * keep + i * (1 - keep)
        out.append(Spike.apply(v - 1) if fires else v)
        if fires:
            v = v * (1 - out[-1].detach())
    return torch.stack(out, -1) if fires else torch.stack(out, -1).sum(-1)


class Net(nn.Module):
    """Two layers with delays, and a read-out."""

    def __init__(self, args) -> None:
        super().__init__()
        self.one = Delayed(case.N_IN, case.N_HIDDEN, args)
        self.two = Delayed(case.N_HIDDEN, case.N_HIDDEN, args)
        self.out = nn.Parameter(0.1 * torch.randn(case.N_OUT, case.N_HIDDEN))

    def forward(self, x):
        """Integrals of the read-outs, and the number of spikes."""
        first = integrate(self.one(x), case.TAU_M, True)
        second = integrate(self.two(first), case.TAU_M, True)
        shown = integrate(torch.einsum("bis,oi->bos", second, self.out), case.TAU_OUT, False)
        return shown, float(first.detach().sum() + second.detach().sum())


def main() -> None:
    """One epoch to warm up, one measured."""
    args = case.options()
    torch.manual_seed(1)
    made: dict = {}

    def prepare() -> None:
        net = made["net"] = Net(args)
        slow = [p for name, p in net.named_parameters() if "delay" not in name]
        made["adam"] = torch.optim.Adam([
            {"params": slow, "lr": case.RATES["weight"]},
            {"params": [net.one.delay, net.two.delay], "lr": case.RATES["delay"]},
        ])  # fmt: skip
        made["given"] = case.spikes(args.samples)

    def epoch() -> float:
        net, adam, total = made["net"], made["adam"], 0.0
        for begin in range(0, args.samples, args.batch):
            given = made["given"][begin : begin + args.batch]
            x = torch.zeros(len(given), case.N_IN, case.LENGTH + args.longest)
            for k, (times, ids) in enumerate(given):
                x[k, ids, times.astype(int)] = 1.0
            labels = torch.arange(begin, begin + len(given)) % case.N_OUT
            adam.zero_grad()
            shown, n_spikes = net(x)
            functional.cross_entropy(case.SCALE * shown, labels).backward()
            adam.step()
            with torch.no_grad():
                for layer in (net.one, net.two):
                    layer.delay.clamp_(0, args.longest)
            total += n_spikes + float(x.sum())
        return total / args.samples

    case.report(prepare, epoch)


if __name__ == "__main__":
    main()
