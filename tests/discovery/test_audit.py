"""The audit of a model: right figures, right culprit, a result that survives JSON, and a report."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isotropy
from isotropy.data import load
from isotropy.discovery import Audit, audit
from isotropy.discovery._audit_pictures import in_words, predicted
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import SO, Window, parse
from isotropy.linalg import Segments
from isotropy.measure import equivariance_error, interpolation_floor, layer_errors, lie_error
from isotropy.reps import Bumps, Cloud, Field, Pairs, Point, Rep, Scalar, Vector

TYPES = {"x": "2*Vector", "y": "Vector"}


def rows(n: int = 300, width: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Gate(nn.Module):
    rep_out: Rep = 2 * Vector

    def forward(self, x: Tensor) -> Tensor:
        v = x.unflatten(-1, (2, 3))
        return (v * torch.sigmoid(v.norm(dim=-1, keepdim=True))).flatten(-2)


class Head(nn.Module):
    """Turns about z only: the third component counts more."""

    rep_out: Rep = Vector

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.cross(x[:, :3], x[:, 3:]) * torch.tensor([1.0, 1.0, 1.4], dtype=x.dtype)


def model() -> nn.Module:
    return nn.Sequential(Gate(), nn.Dropout(0.5), Head())


def test_figures_culprit_and_order() -> None:
    net = model().train()
    found = audit(net, rows(), TYPES, groups=["SO(2)@z", "SO(3)", "D(4)@z"], seed=1)
    assert net.training
    assert found.groups[0].name == "SO(3)"
    assert found["SO(2)@z"].error.mean < 1e-12
    expected = equivariance_error(net.eval(), "SO(3)", rows(2000, seed=5), 2 * Vector, Vector, n=64)
    assert found["SO(3)"].error.low < expected.mean < found["SO(3)"].error.high
    assert found["SO(3)"].error.max is not None
    names = [each.name for each in found["SO(3)"].generators]
    sizes = [each.error.mean for each in found["SO(3)"].generators]
    assert names == list(parse("SO(3)").generator_names)
    assert sizes[2] < 1e-12 < min(sizes[:2])
    # A finite group has no generators; its layers are found by its elements. This one turns the third axis over.
    assert found["D(4)@z"].lie is None
    assert found.layers.name == "D(4)@z"
    for name in ("SO(3)", "D(4)@z"):
        worst = found[name].worst()
        assert worst is not None
        assert (worst.name, worst.typed) == ("2", True)
        assert worst.share == pytest.approx(1, abs=1e-9)


def test_json_table_and_report(tmp_path: Path) -> None:
    found = audit(model(), rows(), TYPES, groups=["SO(3)", "SO(2)@z"], name="my <model>")
    again = Audit.from_json(found.to_json())
    assert again == found
    assert "SO(2)@z" in found.table()
    assert {"group", "error", "low", "high", "max"} <= set(found.rows()[0])
    page = found.report(tmp_path / "report.html").read_text()
    assert "my &lt;model&gt;" in page
    assert "rotation about z" in page
    assert "How to read" in page


def test_same_seed_same_figures() -> None:
    one, two, other = (audit(model(), rows(), TYPES, groups="SO(3)", seed=seed).rows() for seed in (3, 3, 4))
    assert one == two != other


def test_clusters_widen_the_interval() -> None:
    x = rows(30).repeat_interleave(10, 0)
    alone, grouped = (
        audit(model(), x, TYPES, groups="SO(3)", cluster=cluster)["SO(3)"].error
        for cluster in (None, torch.arange(30).repeat_interleave(10))
    )
    assert (alone.n, grouped.n) == (300, 30)
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_datasets_windows_and_weights_in_float32() -> None:
    data = load("inertia", nu=0.0, n=200)
    found = audit(nn.Sequential(nn.Linear(20, 16), nn.SiLU(), nn.Linear(16, 9)), data, groups="O(3),O(2)@z")
    assert found["O(3)"].error.mean > 0.5
    assert found.data["rows"] == 200
    width = audit(lambda v: v[:, :3] + v[:, 3:], rows(), TYPES, groups=[Window(parse("Scale(3)"), 0.4)])
    assert width["Scale(3)"].error.mean < 1e-12
    assert width["Scale(3)"].width == (0.4,)


def test_a_model_whose_derivative_cannot_be_seen_keeps_its_sampled_error() -> None:
    hidden = lambda v: torch.from_numpy(v.numpy()[:, :3] ** 2)  # noqa: E731
    found = audit(hidden, rows(), TYPES, groups="SO(3)")
    assert found["SO(3)"].error.mean > 0.1
    assert found["SO(3)"].lie is None
    assert len(found.notes) == 1
    assert found.notes[0].startswith("No Lie errors")
    with pytest.raises(DomainError, match="without layers"):
        found.layers
    with pytest.raises(KeyError, match="not among"):
        found["O(3)"]


def test_refusals() -> None:
    with pytest.raises(SchemaError, match="no types"):
        audit(model(), rows(), groups="SO(3)")
    with pytest.raises(SchemaError, match="moves no column"):
        audit(model(), rows(), {"x": "6*Scalar", "y": "3*Scalar"}, groups="SO(3)")
    with pytest.raises((ShapeError, SchemaError)):
        audit(model(), rows(), {"x": "3*Vector", "y": "Vector"}, groups="SO(3)")
    with pytest.raises((ShapeError, SchemaError)):
        audit(model(), rows(), {"x": "2*Vector", "y": "2*Vector"}, groups="SO(3)")


# Clouds, graphs and images.
class PointNet(nn.Module):
    """A vector for each cloud, from places; the head counts the third axis more."""

    def __init__(self, lean: float = 0.4) -> None:
        super().__init__()
        self.weigh, self.head = Weigh(), Lean(lean)

    def forward(self, x: Tensor, segments: Segments | None = None) -> Tensor:
        if segments is None:
            return self.head(self.weigh(x - x.mean(1, keepdim=True))).mean(1)
        return segments.mean(self.head(self.weigh(x - segments.gather(segments.mean(x)))))


class Weigh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.square().sum(-1, keepdim=True)


class Lean(nn.Module):
    def __init__(self, lean: float) -> None:
        super().__init__()
        self.lean = lean

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.lean * torch.tensor([0.0, 0.0, 1.0], dtype=x.dtype))


def test_clouds_dense_and_ragged(tmp_path: Path) -> None:
    clouds = rows(60, 15).unflatten(1, (5, 3))
    types = {"x": Cloud(Point), "y": Vector}
    found = audit(PointNet(), clouds, types, groups=["SE(3)", "O(3)", "D(4)@x", "SO(2)@z"])
    assert found["SO(2)@z"].error.mean < 1e-12 < 0.05 < found["SE(3)"].error.mean
    assert {name: found[name].worst().name for name in ("SE(3)", "O(3)", "D(4)@x")} == dict.fromkeys(
        ("SE(3)", "O(3)", "D(4)@x"), "head"
    )
    assert found["SE(3)"].worst().share > 0.95
    assert [each.error.mean < 1e-12 for each in found["SE(3)"].generators] == [False, False, True, True, True, True]
    label = torch.arange(60).repeat_interleave(5)
    ragged = audit(PointNet(), clouds.flatten(0, 1), types, groups=["O(3)", "SO(2)@z"], segments=label)
    assert ragged["O(3)"].error.mean == pytest.approx(found["O(3)"].error.mean, rel=1e-9)
    assert ragged["O(3)"].worst().name == "head"
    assert Audit.from_json(found.to_json()) == found
    # The same from a file, and what cannot be.
    np.savez(tmp_path / "clouds.npz", x=clouds.flatten(0, 1).numpy(), y=np.zeros((60, 3)), segments=label.numpy())
    (tmp_path / "schema.yaml").write_text("x: Cloud(Point)\ny: Vector\n")
    data = load(tmp_path / "clouds.npz", schema=tmp_path / "schema.yaml")
    assert audit(PointNet(), data, groups="O(3)")["O(3)"].error == ragged["O(3)"].error
    with pytest.raises(ShapeError, match="each value of Cloud"):
        audit(PointNet(), clouds, types, groups="SO(2)")
    with pytest.raises(SchemaError, match="it would hold whatever the data"):
        audit(PointNet(), clouds, {"x": Cloud(3 * Scalar), "y": Scalar}, groups="SO(3)")
    with pytest.raises(ShapeError, match="at least 8"):
        audit(PointNet(), clouds[:5], types, groups="SO(3)")


class Messages(nn.Module):
    """A number for each graph; ``first`` favours the first node."""

    def __init__(self, first: float) -> None:
        super().__init__()
        self.first, self.norm = first, nn.Softplus()

    def forward(self, x: Tensor, edge: Tensor) -> Tensor:
        seen = self.norm(edge.to(x) @ x)
        weight = 1 + self.first * (torch.arange(x.shape[1]) == 0).to(x)
        return (seen.square().sum(-1) * weight).mean(1, keepdim=True)


def test_graphs() -> None:
    edge = (torch.rand(40, 5, 5, generator=torch.Generator().manual_seed(0)) > 0.5).long()
    x, types = (rows(40, 10).unflatten(1, (5, 2)), edge), {"x": (Cloud(2 * Scalar), Pairs()), "y": Scalar}
    assert audit(Messages(0.0), x, types, groups="S(5)")["S(5)"].error.mean < 1e-12
    assert audit(Messages(3.0), x, types, groups="S(5)")["S(5)"].error.mean > 0.05
    with pytest.raises(SchemaError, match="it would hold whatever the data"):
        audit(Messages(0.0), x, types, groups="SO(3)")


def test_pixels() -> None:
    images = rows(40, 64).reshape(40, 1, 8, 8)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1)).double()
    types = {"x": "Field(Scalar)", "y": "Field(Scalar)"}
    found = audit(net, images, types, groups=["D(4)", "C(4)", "C(2)"])
    assert all(each.error.mean > 0.05 and len(each.layers) >= 2 and each.lie is None for each in found.groups)
    assert not found.notes
    turned = audit(net, images, types, groups="SO(2)")
    assert any("SO(2) warps images" in note for note in turned.notes)


def reader(lopsided: float) -> nn.Sequential:
    """Three classes by convolutions that know no direction, but for what the second is given, and a mean."""
    torch.manual_seed(0)
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
    layers: list[nn.Module] = []
    for inner, odd in ((1, 0.0), (4, lopsided)):
        layer = nn.Conv2d(inner, 4, 3, padding=1)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(4, inner, 1, 1) * kernel + odd * torch.randn(4, inner, 3, 3))
        layers += [layer, nn.Tanh()]
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    return nn.Sequential(*layers, *ends).double()


@pytest.fixture(scope="module")
def blots() -> torch.Tensor:
    """Smooth pictures of three bumps, long in one direction."""
    draw = torch.Generator().manual_seed(0)
    height = 0.5 + torch.rand(24, 3, generator=draw, dtype=torch.float64)
    centre = 0.4 * (2 * torch.rand(24, 3, 2, generator=draw, dtype=torch.float64) - 1)
    spread = torch.diag(torch.tensor([0.03, 0.015], dtype=torch.float64)).expand(24, 3, 2, 2)
    return Bumps(2).render(Bumps(2).of(height, centre, spread), (16, 16))


def test_classifiers_of_pictures_are_asked_between_cells_too(blots: torch.Tensor, tmp_path: Path) -> None:
    types = {"x": "Field(Scalar)", "y": "3*Scalar"}
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 3)).double()
    found = audit(model, blots, types, groups=["SO(2)", "D(4)"], progress=False)
    turned, exact = found["SO(2)"], found["D(4)"]
    assert turned.floor is not None
    assert exact.floor is None
    assert 0.01 < turned.floor.mean < turned.error.low
    assert turned.lie is not None
    assert turned.layers
    assert not turned.blame.where
    assert exact.blame.where
    # The worst picture is one of those given, and what stands beside it is the same under the element in words.
    worst = found.worst["SO(2)"]
    assert any(np.array_equal(worst.picture, one) for one in blots.numpy())
    assert re.fullmatch(r"turned by -?\d+ degrees", worst.moved)
    angle = math.radians(float(worst.moved.split()[2]))
    again = Field().act(SO(2), SO(2).from_coords(torch.tensor([[angle]], dtype=torch.float64)),
                        torch.as_tensor(worst.picture)[None])  # fmt: skip
    assert torch.allclose(again[0], torch.as_tensor(worst.there), atol=0.03)  # words round to a degree
    assert worst.before.startswith("class ")
    assert 0.01 < worst.floor < 0.2
    assert found.worst["D(4)"].floor == 0
    page = found.report(tmp_path / "report.html").read_text()
    assert "Warped there and back this picture is" in page
    assert "nothing is interpolated" in page
    assert f"as it is: {worst.before}" in page
    assert {"floor", "floor_low", "floor_high"} <= set(found.rows()[0])
    assert Audit.from_json(found.to_json()) == found
    # What is proposed runs, and does it as far as turns between cells can be undone.
    build = found.next_steps[0]
    assert build.startswith('isotropy.symmetrize(model, "SO(2)", rep_in="Field(Scalar)"')
    made = eval(build, {"isotropy": isotropy, "model": model})
    assert equivariance_error(made, "SO(2)", blots, Field(), 3 * Scalar, n=8).mean < 0.3 * turned.error.mean


def test_errors_that_are_no_more_than_interpolation_charge_no_layer(blots: torch.Tensor) -> None:
    types = {"x": "Field(Scalar)", "y": "3*Scalar"}
    found = audit(reader(0.0), blots, types, groups=["SO(2)", "C(4)"], progress=False)
    assert found["C(4)"].verdict == "exact to rounding"
    assert found["SO(2)"].verdict.startswith("no more than interpolation")
    assert not found["SO(2)"].layers
    assert not found.worst.keys() & {"C(4)"}
    # The derivative knows less of interpolation: it is nearly zero, and far from it where a layer knows a direction.
    still, planted = (lie_error(reader(odd), "SO(2)", blots, Field(), 3 * Scalar).total.mean for odd in (0.0, 1.0))
    assert still < 0.3 * planted
    layers = layer_errors(reader(1.0), "SO(2)", blots, Field(), 3 * Scalar)
    assert layers.worst().name == "2"


def test_outputs_that_see_little_of_interpolation_are_not_acquitted_by_it(blots: torch.Tensor) -> None:
    """Means over halves of a picture of noise, one counted more: warps change cells by far more than what is read."""
    noise = blots + torch.rand(blots.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight = torch.ones(16, 16, dtype=torch.float64)
    weight[:, 8:] += 0.3

    def mean(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(weight * x).mean((1, 2, 3)), x.mean((1, 2, 3))], 1)

    found = audit(mean, noise, {"x": "Field(Scalar)", "y": "2*Scalar"}, groups=["SO(2)", "C(4)"], progress=False)
    assert found["C(4)"].error.mean > 1e-4
    assert found["C(4)"].floor is None
    assert found["SO(2)"].verdict.startswith("approximately")
    assert any("C(4), broken without" in note for note in found.notes)
    alone = audit(mean, noise, {"x": "Field(Scalar)", "y": "2*Scalar"}, groups=["SO(2)"], progress=False)["SO(2)"]
    assert alone.floor is not None
    assert alone.floor.mean < interpolation_floor("SO(2)", noise, Field()).mean


def test_outputs_that_turn_are_no_classes(blots: torch.Tensor) -> None:
    found = audit(lambda x: x[:, 0, :2, 0], blots, {"x": "Field(Scalar)", "y": "Vector"}, groups="C(4)", progress=False)
    assert found.worst["C(4)"].before.startswith("2 numbers of norm")


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], "not moved"),
        ([[-1.0, 0.0], [0.0, 1.0]], "mirrored"),
        ([[1.0, 0.0], [0.0, -1.0]], "mirrored top to bottom"),
        ([[0.0, 1.0], [1.0, 0.0]], "mirrored, turned by -90 degrees"),
        ([[0.0, -1.0, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], "turned by 90 degrees, shifted by (0.5, 0)"),
        ([[2.0, 0.0], [0.0, 0.5]], "stretched by 0.5 and 2"),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.0, 1.0]], "seen from elsewhere"),
    ],
)
def test_what_a_matrix_does_in_words(matrix: list[list[float]], words: str) -> None:
    assert in_words(torch.tensor(matrix, dtype=torch.float64)) == words


def test_predictions_in_words() -> None:
    assert predicted(torch.tensor([0.1, 0.9])) == "class 1 (90 %)"
    assert predicted(torch.tensor([0.0, 0.0, 9.0])) == "class 2 (100 %)"
    names = "cat", "dog"
    assert predicted(torch.tensor([0.1, 0.9]), names=names) == "dog (90 %)"
    assert predicted(torch.tensor([0.0, 0.0, 9.0]), names=names) == "class 2 (100 %)"
    assert predicted(torch.ones(2000)) == "2,000 numbers of norm 44.7"


def test_learners_take_clouds_as_rows_and_say_what_they_cannot() -> None:
    clouds = rows(60, 6).unflatten(1, (2, 3))
    y = torch.linalg.cross(clouds[:, 0], clouds[:, 1])
    found = isotropy.discover(clouds, y, {"x": Cloud(Vector), "y": Vector}, groups="SO(3)", quick=True)
    table = isotropy.discover(clouds.flatten(1), y, TYPES, groups="SO(3)", quick=True)
    assert found.rows() == table.rows()
    with pytest.raises(SchemaError, match=r"x of type Field.*rows of n \* Point.*audit"):
        isotropy.discover(rows(60, 64).reshape(60, 1, 8, 8), y, {"x": "Field(Scalar)", "y": Vector}, groups="C(4)")
