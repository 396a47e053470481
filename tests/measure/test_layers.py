"""Where a network breaks: contributions add up to the whole and land on the layer that was broken."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.groups import parse
from isotropy.linalg import Segments
from isotropy.measure import layer_errors, lie_error
from isotropy.measure._layers import _Elements, _Fields, _Rates
from isotropy.measure._sample import Sample
from isotropy.reps import Cloud, Field, Rep, Scalar, Vector


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


@pytest.mark.parametrize(("group", "motion"), [("SO(3)", _Rates), ("D(4)@z", _Elements), ("O(3)", _Elements)])
def test_what_is_added_sums_to_the_whole(group: str, motion: type[_Rates | _Elements]) -> None:
    """The telescoping sum is exact whatever hidden actions were fitted."""
    model, x = mlp(), rows(300, 6)
    with torch.no_grad():
        sample = Sample(x, TWO)
        fields = _Fields(model, motion(parse(group), sample), sample, Vector)
        broken, added = fields.start, torch.zeros_like(fields.start)
        for module in model:
            found = fields.after(module)
            assert found is not None
            added, broken = added + (broken - found[0]), found[0]
    assert torch.allclose(added, fields.start, atol=1e-10)
    assert float(broken.abs().max()) == 0
    found = layer_errors(model, group, x, TWO, Vector, discrete=motion is _Elements)
    shares = [layer.share for layer in found.layers]
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


# Finite groups, sets and images.
class PerPoint(nn.Module):
    """Equivariant maps of channels of vectors at each point, (..., C, d); ``bad`` adds a fixed direction."""

    def __init__(self, inner: int, outer: int, bad: float = 0.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(inner)
        self.w = nn.Parameter(torch.randn(outer, inner, generator=generator) / inner**0.5)
        self.register_buffer("b", bad * torch.tensor([0.3, -0.7, 0.5]) * torch.randn(outer, 1, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("oi,...id->...od", self.w, x) + self.b


class PerGate(nn.Module):
    """A function of the length of each vector; ``bad`` is added to each component by itself."""

    def __init__(self, bad: float = 0.0) -> None:
        super().__init__()
        self.bad = bad

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x.square().sum(-1, keepdim=True)) + self.bad * x.abs()


class Vectors(nn.Module):
    """Vectors in, one vector out, by modules that declare no type."""

    def __init__(self, gate: float, last: float, *, clouds: bool = False) -> None:
        super().__init__()
        self.first, self.gate, self.last = PerPoint(1 if clouds else 5, 8), PerGate(gate), PerPoint(8, 1, last)
        self.clouds = clouds

    def forward(self, x: Tensor, segments: Segments | None = None) -> Tensor:
        y = self.last(self.gate(self.first(x[..., None, :] if self.clouds else x.unflatten(1, (-1, 3)))))
        return y[..., 0, :] if self.clouds else y.flatten(1)


@pytest.mark.parametrize("group", ["SO(3)", "C(4)@z", "D(4)@x"])
@pytest.mark.parametrize("culprit", ["gate", "last"])
@pytest.mark.parametrize("clouds", ["no", "dense", "ragged"])
def test_the_layer_that_knows_directions_is_blamed(group: str, culprit: str, clouds: str) -> None:
    """Also where the model gives the last layer's output another shape."""
    model = Vectors(float(culprit == "gate"), float(culprit == "last"), clouds=clouds != "no")
    x = {"no": rows(400, 15), "dense": rows(80, 15).unflatten(1, (5, 3)), "ragged": rows(400, 3)}[clouds].float()
    types = (5 * Vector, Vector) if clouds == "no" else (Cloud(Vector), Cloud(Vector))
    segments = Segments.from_sizes(torch.tensor([4, 6] * 40)) if clouds == "ragged" else None
    if culprit == "gate":  # else many features of one vector may move in a linear way that nearly follows it
        model.first.rep_out = model.gate.rep_out = 8 * Vector if clouds == "no" else Cloud(8 * Vector)
    found = layer_errors(model, group, x, *types, segments=segments)
    assert found.worst().name == culprit
    assert found.worst().share > (0.9 if culprit == "last" else 1 - 1e-6)


class Shift(nn.Module):
    """A convolution with a symmetric or a lopsided kernel, circular."""

    def __init__(self, inner: int, outer: int, lopsided: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(outer)
        kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 3.0, 2.0], [1.0, 2.0, 1.0]]) / 9
        tilt = torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]) / 3
        mix = torch.randn(outer, inner, 1, 1, generator=generator)
        self.register_buffer("weight", mix * (kernel + lopsided * tilt))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), self.weight)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("culprit", "group"), [("0", "D(4)"), ("2", "D(4)"), ("2", "C(4)"), ("4", "C(2)")])
def test_the_lopsided_convolution_is_blamed(culprit: str, group: str, declared: bool) -> None:
    bad = [1.0 * (culprit == name) for name in "024"]
    model = nn.Sequential(Shift(1, 4, bad[0]), nn.Tanh(), Shift(4, 4, bad[1]), nn.Tanh(), Shift(4, 2, bad[2])).double()
    if declared:
        for module in list(model)[:-1]:
            module.rep_out = Field(4 * Scalar)
    x = torch.randn(60, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = layer_errors(model, group, x, Field(), Field(2 * Scalar))
    assert isinstance(found.total, Estimate)
    assert found.total.mean > 0.1
    assert found.worst().name == culprit
    # Hidden features of no declared type may move in any linear way; what is not followed there enters later.
    assert found.worst().share > (1 - 1e-9 if declared else 0.5)


class Mirror(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a, b = x[:, :3], x[:, 3:]
        return torch.cat([torch.linalg.cross(a, b), b], 1)  # turns as vectors do, and mirrors as one axial one does


def test_a_reflection_is_followed_by_itself() -> None:
    class Tail(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :3] * x[:, 3:].square().sum(1, keepdim=True) + x[:, 3:]

    found = layer_errors(nn.Sequential(Mirror(), Tail()), "O(3)", rows(300, 6), TWO, Vector, discrete=True)
    assert isinstance(found.total, Estimate)
    assert found.total.mean > 0.1
    with pytest.raises(DomainError, match="connected"):
        layer_errors(nn.Sequential(Mirror(), Tail()), "SO(3)", rows(300, 6), TWO, Vector, discrete=True)
