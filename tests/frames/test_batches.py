"""A batch of B rows is B single rows, for every frame; and a batch of none is empty."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from frames.zoo import zoo
from isotropy.frames import (
    CanonicalGraph,
    CanonicalGraphFrame,
    CanonicalizerFrame,
    CentreFrame,
    FrameAveraged,
    HaarFrame,
    LaplacianFrame,
    MinimalFrame,
    PCAFrame,
    ProbabilisticFrame,
    ProbabilisticOrderFrame,
    RandomProjectionFrame,
    ScaleFrame,
    WeightedTupleFrame,
)
from isotropy.frames.learned._orders import DeepScores
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Pairs, Point, Scalar, Vector

CLOUDS: dict[str, Any] = {
    "PCA": PCAFrame("E(3)"),
    "PCA, proper": PCAFrame("SO(3)"),
    "PCA, drawn": PCAFrame("E(3)", "haar"),
    "minimal": MinimalFrame("E(3)"),
    "Lorentz": MinimalFrame("Lorentz(3)"),
    "GL": MinimalFrame("GL+(3)"),
    "weighted": WeightedTupleFrame("E(3)"),
    "weighted, drawn": WeightedTupleFrame("SE(3)", num_samples=5),
    "Haar": HaarFrame("O(3)", 4),
    "Haar, centred": HaarFrame("E(3)", 4),
    "cubature": HaarFrame("SE(3)", degree=3),
    "centre": CentreFrame("T(3)"),
    "scale": ScaleFrame("Scale(3)"),
    "canonicalizer": CanonicalizerFrame("E(3)").double(),
    "probabilistic": ProbabilisticFrame("E(3)", 3).double().eval(),
}
SETS: dict[str, Any] = {
    "projections": RandomProjectionFrame(5, n=6),
    "orders": ProbabilisticOrderFrame(6, DeepScores(4).double(), 3).eval(),
}
GRAPHS: dict[str, Any] = {
    "canonical": CanonicalGraphFrame(6),
    "all automorphisms": CanonicalGraphFrame(6, outputs="equivariant"),
    "Laplacian": LaplacianFrame(n=6),
    "Laplacian, drawn": LaplacianFrame(2, exact="key", n=6),
}


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=spawn(0, *shape), dtype=torch.float64)


def model(frame: Any, chunk: int | None = None) -> FrameAveraged:
    type_ = Cloud(Point if getattr(frame.group, "affine", False) else Vector)
    if frame in SETS.values():
        type_ = Cloud()
    weight = draw(6, 3)
    return FrameAveraged(lambda x: torch.tanh(x + weight), frame, type_, type_, chunk=chunk)


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("name", [*CLOUDS, *SETS])
def test_no_clouds(name: str, chunk: int | None) -> None:
    frame = (CLOUDS | SETS)[name]
    x = torch.zeros(0, 6, 3, dtype=torch.float64)
    assert model(frame, chunk)(x).shape == (0, 6, 3)
    assert frame(x).weight.shape[0] == 0
    if name in CLOUDS:
        sets = Segments(torch.zeros(0, dtype=torch.int64), 0)
        assert frame(x.flatten(0, 1), sets).weight.shape[0] == 0


@pytest.mark.parametrize("name", GRAPHS)
def test_no_graphs(name: str) -> None:
    A = torch.zeros(0, 6, 6, dtype=torch.float64)
    f = FrameAveraged(lambda A: A.sum((1, 2))[:, None], GRAPHS[name], Pairs(), Scalar)
    assert f(A).shape == (0, 1)
    shapes = {"graph": (0,), "node": (0, 6, 6), "pair": (0, 6, 6, 1)}
    for output, shape in shapes.items():
        inside = {"graph": lambda A: A.sum((1, 2)), "node": lambda A: A, "pair": lambda A: A[..., None]}[output]
        assert CanonicalGraph(inside, output)(A).shape == shape  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*CLOUDS, *SETS])
def test_rows_are_what_they_are_alone(name: str) -> None:
    """CORE §0: B rows equal B single rows, in evaluation, on tied clouds too."""
    frame = (CLOUDS | SETS)[name]
    x = draw(5, 6, 3)
    if name.startswith("PCA"):
        x[:3, :4] = zoo()["tetrahedron"]
        x[:3, 4:] = 0
    if name == "Lorentz":
        x[..., 0] = 3 + x[..., 0].abs()
    whole = model(frame)(x)
    alone = torch.cat([model(frame)(row[None]) for row in x])
    assert torch.allclose(whole, alone, atol=1e-9)


def test_points_of_ragged_rows_draw_by_their_place() -> None:
    frame = CLOUDS["probabilistic"]
    x, sizes = draw(14, 3), [3, 7, 4]
    whole = frame(x, Segments.from_sizes(torch.tensor(sizes))).g
    alone = torch.cat([frame(part[None]).g for part in x.split(sizes)])
    assert torch.allclose(whole, alone, atol=1e-9)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_what_they_are_alone(name: str) -> None:
    edges = (draw(6, 6, 6) > 0.4).double()
    A = ((edges + edges.mT) > 0).double() * (1 - torch.eye(6, dtype=torch.float64))
    A[3:5] = 0
    A[3, 0, 1] = A[3, 1, 0] = 1
    if name == "all automorphisms":
        A = A[:3]
    frame, weight = GRAPHS[name], draw(6, 6)
    f = FrameAveraged(lambda A: torch.tanh((A * weight).sum((1, 2)))[:, None], frame, Pairs(), Scalar)
    assert torch.allclose(f(A), torch.cat([f(row[None]) for row in A]), atol=1e-12)
