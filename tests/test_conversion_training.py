"""Training with the quantised activation: gradients as the formula has them, exact conversion."""

import numpy as np
import pytest

from neurosim.conversion import convert, fine_tune, quantise, set_levels, staged
from neurosim.errors import ParameterError

torch = pytest.importorskip("torch")


def net(seed=0, n_in=6, n_out=3):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(n_in, 24), torch.nn.ReLU(), torch.nn.Linear(24, 24), torch.nn.ReLU(),
        torch.nn.Linear(24, n_out),
    )  # fmt: skip


def blobs(seed=0, n=600):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2.5, (3, 6))
    y = rng.integers(0, 3, n)
    return centres[y] + rng.normal(size=(n, 6)), y


def test_levels_and_gradients_are_those_of_the_formula():
    part = quantise(net(), np.ones((4, 6)), levels=4)[1]
    part.ceiling.data.fill_(2.0)
    z = torch.tensor([-1.0, 0.2, 0.3, 1.1, 1.9, 5.0], requires_grad=True)
    a = part(z)
    np.testing.assert_allclose(a.detach(), [0.0, 0.0, 0.5, 1.0, 2.0, 2.0])
    (z_grad,) = torch.autograd.grad(a.sum(), z, retain_graph=True)
    np.testing.assert_allclose(z_grad, [0.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    each = [torch.autograd.grad(one, part.ceiling, retain_graph=True)[0] for one in a]
    np.testing.assert_allclose(each, [0.0, -0.1, 0.1, -0.05, 0.05, 1.0], atol=1e-6)


def test_a_trained_net_converts_exactly_on_its_first_layer_and_keeps_its_decisions():
    x, y = blobs()
    made = quantise(net(), x, levels=8)
    losses = fine_tune(made, x, y, epochs=8, rate=1e-2, batch=32)
    assert losses[-1] < 0.5 * losses[0]
    snn = convert(made, x[:100], method="qcfs", steps=8)
    assert [layer.levels for layer in snn.plan.spiking] == [8, 8]
    ceilings = [float(made[k].ceiling.detach()) for k in (1, 3)]
    np.testing.assert_allclose(list(snn.thresholds.values()), ceilings, rtol=1e-6)
    first = snn.report.layers[0]
    assert first.unevenness_error == 0.0 and first.total_error < 1e-9
    with torch.no_grad():
        outputs = made(torch.as_tensor(x[:100], dtype=torch.float32)).numpy()
    np.testing.assert_allclose(snn.plan.activations(x[:100])["output"], outputs, atol=1e-4)
    assert snn.report.agreement > 0.97


def test_levels_are_reduced_stage_by_stage_and_the_module_stays():
    x, y = blobs()
    made = quantise(net(), x, levels=8)
    before = {k: v.clone() for k, v in made.state_dict().items()}
    found = staged(made, x, y, levels=(4, 2, 1), epochs=6, rate=1e-2, batch=32)
    assert list(found) == [4, 2, 1]
    assert [found[k][1].levels for k in found] == [4, 2, 1]
    assert all(torch.equal(v, before[k]) for k, v in made.state_dict().items())
    snn = convert(found[1], x[:100], method="qcfs", steps=1)
    outputs = snn.plan.activations(x)["output"]
    assert np.mean(outputs.argmax(1) == y) > 0.9 and snn.report.agreement == 1.0


def test_what_cannot_be_trained_is_refused_with_a_remedy():
    with pytest.raises(ParameterError, match="no torch.nn.ReLU among its modules"):
        quantise(torch.nn.Linear(3, 2), np.ones((2, 3)))
    with pytest.raises(ParameterError, match="falling numbers, got"):
        staged(net(), np.ones((2, 6)), [0, 1], levels=(2, 4))
    with pytest.raises(ParameterError, match="same length"):
        fine_tune(net(), np.ones((2, 6)), [0])
    with pytest.raises(ParameterError, match="levels must be >= 1"):
        set_levels(net(), 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, y: quantise(m, x[:, :2]), "cannot take a sample of shape"),
        (lambda m, x, y: quantise(m, x[:0]), "one sample at least"),
        (lambda m, x, y: quantise("net.pt", x), "must be a torch.nn.Module, got str"),
        (lambda m, x, y: quantise(quantise(m, x), x), r"set_levels\(module, levels\)"),
        (lambda m, x, y: set_levels(m, 2), "must have quantised activations, got none"),
        (lambda m, x, y: staged(m, x, y, levels=4), "falling numbers, got 4"),
        (lambda m, x, y: fine_tune(m, x, np.eye(2)[y]), "one class for each sample"),
        (lambda m, x, y: fine_tune(m, x, y + 5), "fine_tune.y must be >= 0 and <= 2"),
        (lambda m, x, y: fine_tune(m, x, y * 0.5), "numbers of classes from 0, got 0.5"),
        (lambda m, x, y: fine_tune(m, x, y, rate=float("nan")), "rate must be > 0"),
        (lambda m, x, y: fine_tune(m, x, y, seed="one"), "seed must be an integer"),
        (lambda m, x, y: fine_tune(torch.nn.ReLU(), np.abs(x), y * 0), "parameters to train"),
    ],
)
def test_wrong_arguments_are_refused_before_training_and_the_mode_stays(call, message):
    module, x, y = net().eval(), np.ones((4, 6)), np.array([0, 1, 0, 1])
    with pytest.raises(ParameterError, match=message):
        call(module, x, y)
    assert not module.training


def test_training_takes_double_modules_and_one_sample_left_over():
    normed = torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    )
    x, y = blobs()
    losses = fine_tune(quantise(normed.double(), x[:65]), x[:65], y[:65], epochs=2)
    assert np.isfinite(losses).all()
