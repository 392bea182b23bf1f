"""PyTorch modules: what is read says what the module says, whichever way it is written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from neurosim.conversion.graph import NothingConverted, UnsupportedOperations  # noqa: E402
from neurosim.conversion.planning import make_plan  # noqa: E402
from neurosim.conversion.pools import AveragePool, MaxPool  # noqa: E402
from neurosim.conversion.readers import read  # noqa: E402
from neurosim.conversion.torch_file import load_weights  # noqa: E402
from neurosim.conversion.torch_module import read_torch  # noqa: E402
from neurosim.errors import FormatError, ParameterError  # noqa: E402


class Block(nn.Module):
    """A residual block as in ResNets, its last ReLU a function."""

    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.short = None
        if stride > 1 or before != after:
            self.short = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.short is None else self.short(x)))


class Residual(nn.Module):
    """A small ResNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 5, 2, 2, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layers = nn.Sequential(Block(4, 4), Block(4, 6, 2))
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(F.relu(self.bn(self.stem(x))))
        x = self.layers(x)
        x = F.adaptive_avg_pool2d(x, 1)
        return self.fc(torch.flatten(x, 1))


def randomised(module, seed=0):
    """The module in training mode with batch norms that are not the identity."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 1.5)
    return module


def outputs(module, x):
    modes = module.training
    with torch.no_grad():
        y = module.eval()(torch.tensor(x, dtype=torch.float32)).double().numpy()
    module.train(modes)
    return y


def read_alike(module, shape, *, seed=0, samples=4, tolerance=2e-5):
    """The graph and its plan say what the module does, up to float32."""
    x = np.random.default_rng(seed).normal(size=(samples, *shape))
    graph = read_torch(module, shape)
    y = outputs(module, x).reshape(samples, -1)
    np.testing.assert_allclose(graph.outputs(x), y, atol=tolerance * max(1, np.abs(y).max()))
    plan = make_plan(graph)
    np.testing.assert_allclose(plan.activations(x)["output"], graph.outputs(x), atol=1e-9)
    return plan


def test_a_residual_network_is_read_with_the_names_of_its_modules():
    module = randomised(Residual())
    plan = read_alike(module, (2, 16, 16))
    assert [layer.name for layer in plan.layers] == [
        "stem",
        "pool",
        *("layers.0.conv1", "layers.0.relu#2", "layers.1.conv1", "layers.1.relu#2"),
        "output",
    ]
    assert module.training and module.layers[0].bn1.training  # left as it was
    assert plan.classes.tolist() == [0, 1, 2, 3, 4]


class Functional(nn.Module):
    """Everything as functions and methods; nothing that is a ReLU module."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding="same")
        self.b = nn.Conv2d(4, 8, 3, groups=2)
        self.c = nn.Linear(8 * 2 * 2, 12)
        self.d = nn.Linear(12, 3)
        self.register_buffer("mean", torch.tensor([0.3]).view(1, 1, 1, 1))

    def forward(self, x):
        x = (x - self.mean) / 0.5
        x = F.max_pool2d(torch.relu(self.a(x)), 2)
        x = F.avg_pool2d(self.b(x).clamp(min=0), 2)
        x = F.dropout(x.view(x.size(0), -1), 0.5, self.training)
        x = self.c(x)
        x = F.relu6(2.0 * x + 1.0)
        x = x + torch.clamp(0.5 - x, 0, 1)
        return F.log_softmax(self.d(x), dim=1)


def test_functions_and_methods_are_seen():
    module = Functional()
    x = np.random.default_rng(1).normal(size=(4, 1, 12, 12))
    graph = read_torch(module, (1, 12, 12))
    y = outputs(module, x)
    found = graph.outputs(x)
    found = found - np.log(np.exp(found).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, y, atol=1e-5)  # the softmax itself is left out
    plan = make_plan(graph)
    assert [layer.ceiling for layer in plan.layers] == [None, None, None, 6.0, 1.0, None]
    assert graph.classes.tolist() == [0, 1, 2]


@given(st.data())
def test_average_pooling_divides_as_pytorch_does(data):
    number = st.integers(1, 4)
    window, stride = data.draw(st.tuples(number, number)), data.draw(st.tuples(number, number))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in window)
    include, ceil = data.draw(st.booleans()), data.draw(st.booleans())
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 6))
    node = AveragePool("a", ("x",), window, stride, tuple((p, p) for p in padding), include, ceil)
    expected = F.avg_pool2d(
        torch.tensor(x), window, stride, padding, ceil_mode=ceil, count_include_pad=include
    ).numpy()
    assert node.shape_of(x.shape[1:]) == expected.shape[1:]
    np.testing.assert_allclose(node(x), expected, atol=1e-12)


@given(st.data())
def test_max_pooling_keeps_the_windows_that_pytorch_keeps(data):
    number = st.integers(1, 4)
    window, stride = data.draw(st.tuples(number, number)), data.draw(st.tuples(number, number))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in window)
    ceil = data.draw(st.booleans())
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 6))
    node = MaxPool("m", ("x",), window, stride, tuple((p, p) for p in padding), ceil)
    expected = F.max_pool2d(torch.tensor(x), window, stride, padding, ceil_mode=ceil).numpy()
    np.testing.assert_array_equal(node(x), expected)


def test_a_module_used_twice_is_two_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.relu, self.last = nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)

        def forward(self, x):
            for _ in range(3):
                x = self.relu(self.cell(x))
            return self.last(x)

    plan = read_alike(Twice(), (6,))
    assert [layer.name for layer in plan.layers] == ["cell", "cell#2", "cell#3", "output"]


def test_in_place_operations_act_on_what_shares_their_memory():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(1, 2, 3), nn.Linear(2 * 6 * 6, 2)

        def forward(self, x):
            y = self.conv(x)
            F.relu(y.flatten(1), inplace=True)
            y += 0.5 * y
            return self.last(y.flatten(1))

    read_alike(InPlace(), (1, 8, 8))


def test_one_axis_of_space_and_branches_joined_by_channels():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv1d(3, 4, 3, padding=1)
            self.b = nn.Conv1d(3, 2, 5, padding=2, dilation=1)
            self.bn = nn.BatchNorm1d(6)
            self.pool = nn.AvgPool1d(2, ceil_mode=True, count_include_pad=False)
            self.last = nn.Linear(6, 4)

        def forward(self, x):
            x = torch.cat([F.relu(self.a(x)), F.relu(self.b(x))], dim=1)
            return self.last(F.relu(self.bn(self.pool(x))).mean(-1))

    read_alike(randomised(Branches()), (3, 9))


def test_channels_that_are_moved_and_matrices_behind_them():
    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4 * 4 * 5, 3)

        def forward(self, x):
            x = F.relu(self.a(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
            return self.last(x.reshape(x.shape[0], -1))

    plan = read_alike(Moved(), (6, 7, 3))
    assert plan.shape == (6, 7, 3)


class Quantised(nn.Module):
    """A quantised rectifier with a straight-through gradient, as QCFS trains it."""

    def __init__(self, ceiling, levels):
        super().__init__()
        self.ceiling, self.levels = nn.Parameter(torch.tensor(ceiling)), levels

    def forward(self, x):
        z = x / self.ceiling * self.levels + 0.5
        z = (torch.floor(z) - z).detach() + z
        return torch.clamp(z / self.levels, 0, 1) * self.ceiling

    def as_rectifier(self):
        return self.ceiling.item(), self.levels


def test_modules_that_say_so_are_quantised_rectifiers():
    first, second = Quantised(2.0, 4), Quantised(1.5, 8)
    module = nn.Sequential(nn.Linear(5, 9), first, nn.Linear(9, 9), second, nn.Linear(9, 2))
    plan = read_alike(module, (5,))
    found = [(layer.activation, layer.ceiling, layer.levels) for layer in plan.spiking]
    assert found == [("quantised", 2.0, 4), ("quantised", 1.5, 8)]


def test_a_sigmoid_at_the_end_decides_between_two_classes():
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    graph = read_torch(module, (3,))
    x = np.random.default_rng(2).normal(size=(20, 3))
    decided = graph.decide(graph.outputs(x))
    np.testing.assert_array_equal(decided, (outputs(module, x)[:, 0] > 0.5).astype(int))
    assert read_torch(module[:-1], (3,)).classes is None


def test_all_operations_that_cannot_be_converted_are_listed_at_once():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.act, self.norm = nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.1), nn.GroupNorm(2, 4)
            self.last = nn.Linear(4 * 6 * 6, 2)

        def forward(self, x):
            x = self.norm(self.act(self.a(x)))
            return self.last(F.gelu(x).flatten(1) * torch.tanh(x).flatten(1))

    with pytest.raises(UnsupportedOperations) as caught:
        read_torch(Many(), (1, 8, 8))
    message = str(caught.value)
    assert "act: leaky_relu" in message and "train with ReLU instead" in message
    found = [operation for _, operation, _ in caught.value.found]
    assert found[:3] == ["leaky_relu", "group_norm", "gelu"] and "tanh" in found


class Calls(nn.Module):
    """Two linear layers, and what a function makes of them."""

    def __init__(self, forward, n_out=3):
        super().__init__()
        self.a, self.b, self.forwards = nn.Linear(8, 6), nn.Linear(6, n_out), (forward,)

    def forward(self, x):
        return self.forwards[0](self, x)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.b(F.relu(m.a(x)).double().float()),
        lambda m, x: m.b(F.relu(m.a(x)).clamp(max=0.5)),
        lambda m, x: m.b(torch.maximum(m.a(x), torch.zeros_like(m.a(x)))),
        lambda m, x: m.b(torch.maximum(torch.zeros(1), m.a(x))),
        lambda m, x: F.linear(F.relu(m.a(x)), F.softmax(m.b.weight, 1)),
        lambda m, x: m.b(F.relu(F.linear(x, m.a.weight * (m.a.weight > 0), m.a.bias))),
        lambda m, x: F.relu(m.a(x)) @ torch.cat([m.b.weight, 2 * m.b.weight]).t(),
        lambda m, x: m.b(F.relu(m.a(x)))[:, :, None].squeeze(-1),
        lambda m, x: m.b(F.relu(torch.addmm(m.a(x), F.relu(m.a(x)), torch.ones(6, 6), beta=2))),
    ],
)
def test_casts_clips_and_computed_weights_are_read(forward):
    read_alike(Calls(forward), (8,))


@pytest.mark.parametrize(
    "last", [lambda y: y.squeeze(-1), lambda y: y.flatten(), lambda y: y[:, 0]]
)
def test_a_single_output_may_lose_its_axis(last):
    read_alike(Calls(lambda m, x: last(m.b(F.relu(m.a(x)))), n_out=1), (8,))


def test_weights_under_a_norm_are_computed_once():
    norm = nn.utils.parametrizations.weight_norm
    read_alike(nn.Sequential(norm(nn.Linear(8, 6)), nn.ReLU(), nn.Linear(6, 3)), (8,))


def test_masks_and_matrices_that_are_computed_of_single_precision_are_read():
    pruned = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    prune.l1_unstructured(pruned[0], "weight", 0.5)
    nn.utils.parametrizations.orthogonal(pruned[2])
    x = np.random.default_rng(0).normal(size=(5, 8))
    expected = pruned(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    plan = make_plan(read_torch(pruned, (8,)))
    np.testing.assert_allclose(plan.activations(x)["output"], expected, atol=1e-5)


def test_sparse_matrices_are_weights():
    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(8, 3)
            self.register_buffer("map", torch.eye(8).flip(0).to_sparse())

        def forward(self, x):
            return self.last(F.relu(x @ self.map.to_dense()))

    graph = read_torch(Sparse(), (8,))
    assert graph.outputs(np.eye(8)).shape == (8, 3)


def test_buffers_that_a_module_counts_in_are_no_outputs():
    class Counts(nn.Sequential):
        def __init__(self, *parts):
            super().__init__(*parts)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    module = Counts(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    read_alike(module, (8,))


def test_seven_places_are_not_taken_for_samples():
    def forward(m, x):
        return m.b(F.relu(x.view(x.shape[1], x.shape[0] * 6)[:, :6]))

    with pytest.raises(UnsupportedOperations, match="keep the samples in the first axis"):
        read_torch(Calls(forward), (7, 6))


class Pools(nn.Module):
    """A convolution, and what a function makes of its six channels of 8 by 4."""

    def __init__(self, forward):
        super().__init__()
        self.a, self.last, self.forwards = nn.Conv2d(2, 6, 3), nn.Linear(6, 3), (forward,)

    def forward(self, x):
        return self.last(self.forwards[0](F.relu(self.a(x))).flatten(1))


@pytest.mark.parametrize(
    "forward",
    [
        lambda y: F.adaptive_max_pool2d(y, 1),
        lambda y: y.amax((2, 3)),
        lambda y: y.mean(3).amax(-1, keepdim=True),
        lambda y: torch.max(y.mean(2), torch.zeros(())).mean(2),
    ],
)
def test_space_is_reduced_axis_by_axis(forward):
    read_alike(Pools(forward), (2, 10, 6))


def test_a_maximum_along_an_axis_is_no_relu():
    with pytest.raises(UnsupportedOperations, match="a maximum with places"):
        read_torch(Pools(lambda y: torch.max(y.flatten(2), 2)[0]), (2, 10, 6))


@pytest.mark.parametrize("classes", [["a", "b", "c"], ("a", "b", "c"), np.array(list("abc"))])
def test_labels_of_outputs_may_be_any_sequence(classes):
    module = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    graph = read_torch(module, (8,), classes=classes)
    assert graph.decide(np.eye(3)).tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("classes", [["a", "b"], [1, 1, 2], "other", 3, [[1, 2, 3]], []])
def test_labels_that_are_not_one_for_each_output_are_refused(classes):
    module = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    with pytest.raises(ParameterError, match=r"convert\.classes must be 3 different labels"):
        read_torch(module, (8,), classes=classes)


def test_what_is_of_pytorch_and_no_module_is_refused():
    with pytest.raises(ParameterError, match=r"must be a torch\.nn\.Module, got Tensor"):
        read(torch.zeros(3), (8,))


def test_a_pooled_place_and_a_flat_branch_are_added():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.Linear(64, 4)
            self.last = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

        def forward(self, x):
            return self.last(F.adaptive_avg_pool2d(self.a(x), 1).flatten(1) + self.b(x.flatten(1)))

    read_alike(Both(), (1, 8, 8))


@pytest.mark.parametrize(
    ("forward", "what"),
    [
        (lambda m, x: m.b(torch.div(F.relu(m.a(x)), 2, rounding_mode="floor")), "rounds"),
        (lambda m, x: m.b(F.relu(m.a(x)).int().float()), "cast of activations to torch.int32"),
        (lambda m, x: F.softmax(m.b(F.relu(m.a(x))), 0), r"softmax over axes \[0\]"),
        (lambda m, x: m.b(F.relu(m.a(x)) - x.mean()), "mean over samples"),
        (lambda m, x: m.b(F.relu(m.a(x)))[:, 1], "one of several values"),
        (lambda m, x: m.b(F.relu(m.a(x) + torch.randn(6))), "draws at random"),
        (lambda m, x: m.b(F.dropout(F.relu(m.a(x)))), "draws at random"),
        (
            lambda m, x: torch.addmm(m.b.bias, m.a(x), F.linear(m.a.weight, x)[:, :3]),
            "two activations",
        ),
        (lambda m, x: F.batch_norm(m.a(x), None, None, training=True), "track_running_stats"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(forward, what):
    with pytest.raises(UnsupportedOperations, match=what):
        read_torch(Calls(forward), (8,))


@pytest.mark.parametrize(
    "reduce",
    [
        lambda x: x.sum((2, 3)) / 50,
        lambda x: F.max_pool2d(x, (9, 12), stride=(2, 1), padding=(1, 0)).flatten(1)[:, :, None],
        lambda x: x.amax((2, 3)),
    ],
)
def test_sums_and_maxima_of_wide_windows_are_read(reduce):
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.LazyLinear(3)

        def forward(self, x):
            return self.b(reduce(F.relu(self.a(x))).flatten(1))

    module = Wide()
    module(torch.zeros(1, 1, 14, 14))
    read_alike(module, (1, 14, 14))


def test_an_output_that_is_constant_is_refused():
    with pytest.raises(ParameterError, match="does not depend on its input"):
        read_torch(Calls(lambda m, x: torch.ones(3)), (8,))


def test_branches_of_a_graph_are_read_on_behind_what_is_refused():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return F.elu(self.a(x)) + F.softplus(self.b(x))

    with pytest.raises(UnsupportedOperations, match=r"(?s)2 operation.*elu.*softplus"):
        read_torch(Two(), (4,))


def test_control_flow_that_depends_on_values_is_refused_with_advice():
    class Branching(nn.Module):
        def forward(self, x):
            return F.relu(x) if x.sum() > 0 else x

    with pytest.raises(ParameterError, match="take the same way for all values"):
        read_torch(Branching(), (4,))


def test_samples_that_do_not_fit_the_module_are_refused():
    with pytest.raises(ParameterError, match=r"cannot be traced with samples of shape \(5,\)"):
        read_torch(nn.Linear(4, 2), (5,))


def test_a_module_without_relu_converts_to_nothing():
    with pytest.raises(NothingConverted):
        make_plan(read_torch(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), (4,)))


def test_max_pooling_before_the_relu_is_moved_behind_it():
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(27, 2)
    )
    plan = read_alike(module, (1, 8, 8))
    assert [layer.activation for layer in plan.layers] == ["relu", "max-pool", "read-out"]


# ------------------------------------------------------------------ files of weights


class Runs:
    """A pickle that would run code when it is opened."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_weights_are_loaded_into_a_module_that_fits(tmp_path):
    torch.manual_seed(1)
    saved, empty = nn.Linear(3, 2), nn.Linear(3, 2)
    for state in (saved.state_dict(), {"epoch": 3, "state_dict": saved.state_dict()}):
        torch.save(state, tmp_path / "weights.pt")
        load_weights(empty, tmp_path / "weights.pt")
        assert torch.equal(empty.weight, saved.weight)
    with pytest.raises(ParameterError, match="does not fit Linear"):
        load_weights(nn.Linear(4, 2), tmp_path / "weights.pt")


def test_a_state_dict_alone_is_refused_with_the_way_out(tmp_path):
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(ParameterError, match=r"2 arrays \(weight, bias\) and not how they"):
        read(tmp_path / "weights.pth")
    with pytest.raises(ParameterError, match="torch.onnx.export"):
        read(tmp_path / "program.pt2")


def test_files_that_would_run_code_are_refused_and_run_none(tmp_path):
    mark = tmp_path / "mark"
    torch.save({"weight": Runs(mark)}, tmp_path / "evil.pt")
    torch.save(nn.Linear(3, 2), tmp_path / "module.pt")
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name, message in (
        ("evil", "without running code"),
        ("module", "without running code"),
        ("old", "saved again"),
    ):
        with pytest.raises(FormatError, match=message):
            read(tmp_path / f"{name}.pt")
    assert not mark.exists()


def test_archives_that_unfold_are_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10_000_000)
    with pytest.raises(FormatError, match="archive of plain parts"):
        read(tmp_path / "bomb.pt")


def test_lists_of_arrays_that_ask_for_memory_are_refused(tmp_path):
    import zipfile

    path = tmp_path / "zeros.pt"
    with zipfile.ZipFile(path, "w") as archive:  # bytearray(2**31 - 1)
        archive.writestr(
            "archive/data.pkl", b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R."
        )
        archive.writestr("archive/version", b"3")
    with pytest.raises(FormatError, match="makes byte arrays"):
        read(path)
