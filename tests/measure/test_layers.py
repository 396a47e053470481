"""Where a network breaks: contributions add up to the whole and land on the layer that was broken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.groups import parse
from isotropy.measure import layer_errors, lie_error
from isotropy.measure._layers import _Fields
from isotropy.reps import Rep, Scalar, Vector


class Typed(nn.Module):
    """A layer that says how its output transforms."""

    def __init__(self, f, rep_in: Rep, rep_out: Rep) -> None:
        super().__init__()
        self.f, self.rep_in, self.rep_out = f, rep_in, rep_out

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def rows(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gate(x: Tensor) -> Tensor:
    """Equivariant: two vectors, each scaled by a function of its norm."""
    v = x.unflatten(-1, (2, 3))
    return (v * torch.sigmoid(v.norm(dim=-1, keepdim=True))).flatten(-2)


def mix(x: Tensor) -> Tensor:
    v = x.unflatten(-1, (2, 3))
    return torch.stack([v[..., 0, :] + 0.5 * v[..., 1, :], v[..., 1, :] - v[..., 0, :]], -2).flatten(-2)


def crooked(x: Tensor) -> Tensor:
    return x * torch.linspace(1, 2, 6, dtype=x.dtype)


TWO = 2 * Vector


def test_the_broken_layer_is_blamed_and_no_other() -> None:
    for place in range(3):
        parts = [gate, mix, gate]
        parts[place] = lambda x, f=parts[place]: crooked(f(x))
        model = nn.Sequential(*[Typed(f, TWO, TWO) for f in parts])
        found = layer_errors(model, "SO(3)", rows(50, 6), TWO, TWO)
        assert [layer.name for layer in found.layers] == ["0", "1", "2"]
        assert found.worst().name == str(place)
        assert found.worst().share == pytest.approx(1, abs=1e-12)
        assert found.worst().error == pytest.approx(found.total.total.mean, rel=1e-9)
        assert found.total.total == lie_error(model, "SO(3)", rows(50, 6), TWO, TWO).total


def mlp(width: int = 24) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = nn.Linear(6, width), nn.SiLU(), nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, 3)
        return nn.Sequential(*layers).double()


def test_what_is_added_sums_to_the_whole() -> None:
    """The telescoping sum is exact whatever hidden actions were fitted."""
    model, x = mlp(), rows(300, 6)
    with torch.no_grad():
        fields = _Fields(model, parse("SO(3)"), x, TWO, Vector)
        broken, added = fields.start, torch.zeros_like(fields.start)
        for module in model:
            found = fields.after(module)
            assert found is not None
            added, broken = added + (broken - found[0]), found[0]
    assert torch.allclose(added, fields.start, atol=1e-10)
    assert float(broken.abs().max()) == 0
    shares = [layer.share for layer in layer_errors(model, "SO(3)", x, TWO, Vector).layers]
    assert sum(shares) == pytest.approx(1, abs=1e-9)


def test_a_linear_layer_on_inputs_that_transform_linearly_is_not_to_blame() -> None:
    # Wide enough to be injective: a linear action on the features follows exactly.
    found = layer_errors(mlp(), "SO(3)", rows(400, 6), TWO, Vector)
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["0"].share < 1e-3
    assert not by_name["0"].typed
    assert found.worst().name != "0"


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6).double()
        self.branch = nn.Sequential(nn.Linear(6, 6).double(), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(self.inner(x))


def test_branches_are_counted_with_the_module_that_joins_them() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(Residual(), nn.Linear(6, 3).double())
    found = layer_errors(model, "SO(3)", rows(200, 6), TWO, Vector)
    assert [layer.name for layer in found.layers] == ["0", "1"]


class Tail(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Typed(mix, TWO, TWO)

    def forward(self, x: Tensor) -> Tensor:
        return crooked(self.body(x))


def test_what_breaks_outside_of_layers_is_said() -> None:
    found = layer_errors(Tail(), "SO(3)", rows(30, 6), TWO, TWO)
    assert [(layer.name, round(layer.share, 9)) for layer in found.layers] == [
        ("body", 0.0),
        ("(after the last layer)", 1.0),
    ]


def test_an_exact_model_breaks_nowhere_and_hooks_are_gone() -> None:
    model = nn.Sequential(*[Typed(f, TWO, TWO) for f in (mix, gate)])
    found = layer_errors(model, "SO(3)", rows(30, 6), TWO, TWO)
    assert max(layer.error for layer in found.layers) < 1e-13
    assert all(not module._forward_hooks for module in model.modules())


def test_float32_models_and_shared_layers() -> None:
    model = mlp().float()
    found = layer_errors(model, "SO(3)", rows(300, 6).float(), TWO, Vector)
    assert sum(layer.share for layer in found.layers) == pytest.approx(1, abs=1e-6)
    # A module that runs twice is no single place.
    shared = nn.SiLU()
    twice = nn.Sequential(model[0], shared, model[2], shared, model[4])
    names = [layer.name for layer in layer_errors(twice, "SO(3)", rows(300, 6).float(), TWO, Vector).layers]
    assert names == ["0", "2", "4"]


def test_scalars_out() -> None:
    head = nn.Sequential(Typed(gate, TWO, TWO), Typed(lambda x: x[..., :1] ** 2, TWO, Scalar))
    assert layer_errors(head, "SO(3)", rows(40, 6), TWO, Scalar).worst().name == "1"
