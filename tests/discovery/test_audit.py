"""The audit of a model: right figures, right culprit, a result that survives JSON, and a report."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from isotropy.data import load
from isotropy.discovery import Audit, audit
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import Window, parse
from isotropy.measure import equivariance_error
from isotropy.reps import Rep, Vector

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
    assert found.layers.name == "SO(3)"
    worst = found.layers.worst()
    assert worst is not None
    assert (worst.name, worst.typed) == ("2", True)
    assert worst.share == pytest.approx(1, abs=1e-9)
    # A finite group has no generators, and so no layers.
    assert found["D(4)@z"].lie is None


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
