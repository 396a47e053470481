"""Directions that nobody listed: the Gram matrix of Lie derivatives against closed forms, and its intervals."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.measure import lie_gram
from isotropy.reps import Scalar, Vector
from isotropy.reps import Tensor as TensorRep

Function = Callable[[Tensor], Tensor]
C_INERTIA = 98.0408  # E|J e|^2, specification 01 §5.2
IN, OUT = 5 * Scalar + 5 * Vector, TensorRep(2)


def rows(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masses(n: int, seed: int = 0) -> Tensor:
    x = rows(n, 20, seed)
    x[:, :5] = torch.nn.functional.softplus(x[:, :5])
    return x


def tilted(nu: float, axis: Tensor) -> Function:
    """J (I + nu u u^T): O(2) about u, embedded, is the symmetry."""
    D = torch.outer(axis, axis) / axis.dot(axis)

    def f(x: Tensor) -> Tensor:
        m, r = x[..., :5], x[..., 5:].unflatten(-1, (5, 3))
        J = torch.einsum("...i,...ik,...ik->...", m, r, r)[..., None, None] * torch.eye(3, dtype=x.dtype)
        J = J - torch.einsum("...i,...ij,...ik->...jk", m, r, r)
        return (J @ (torch.eye(3, dtype=x.dtype) + nu * D)).flatten(-2)

    return f


def noise(seed: int, size: float) -> Function:
    """A smooth function without symmetry: the error of a fit."""
    draw = torch.Generator().manual_seed(seed)
    W = torch.randn(20, 30, generator=draw, dtype=torch.float64) / 3
    V = torch.randn(30, 9, generator=draw, dtype=torch.float64) * size
    return lambda x: torch.tanh(x @ W) @ V


@pytest.mark.parametrize("nu", [-1.0, 0.3])
def test_eigenvalues_and_axis_of_the_tilted_inertia(nu: float) -> None:
    """Specification 01 §5.2: 0, 2 nu^2 c, 2 nu^2 c with the axis u as the null vector."""
    u = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    gram = lie_gram(tilted(nu, u), "SO(3)", masses(4000), IN, OUT, scale=C_INERTIA, confidence=0.999)
    expected = (0.0, 2 * nu**2, 2 * nu**2)
    assert gram.eigenvalues[0].mean == pytest.approx(0, abs=1e-12)
    for value, truth in zip(gram.eigenvalues[1:], expected[1:], strict=True):
        assert truth in value
    cosine = abs(float(gram.vectors[:, 0] @ u)) / 3
    assert math.degrees(math.acos(min(cosine, 1.0))) < 1e-4
    assert gram.algebra(tol=1e-6).dim == 1
    assert gram.closure(tol=1e-6) < 1e-9


def perturbed(f: Function, seed: int, size: float) -> Function:
    error = noise(seed, size)
    return lambda x: f(x) + error(x)


def test_cross_fitting_removes_the_noise_floor() -> None:
    # Fits with independent errors of a function that is exactly symmetric: over fits, the floor averages out.
    exact, x = tilted(0.0, torch.ones(3, dtype=torch.float64)), masses(200)
    naive = crossed = 0.0
    for seed in range(20):
        pair = perturbed(exact, 2 * seed, 1.0), perturbed(exact, 2 * seed + 1, 1.0)
        naive += float(lie_gram(pair[0], "SO(3)", x, IN, OUT, replicates=2).matrix.trace())
        gram = lie_gram(pair, "SO(3)", x, IN, OUT, replicates=2)
        crossed += float(gram.matrix.trace())
        assert torch.equal(gram.matrix, gram.matrix.mT)
    assert naive > 0
    assert abs(crossed) < 0.1 * naive


def test_the_algebra_must_close() -> None:
    # Invariant under turning about x and about y, and so about z: the directions close only all together.
    x = rows(500, 3)
    full = lie_gram(lambda v: v.norm(dim=1, keepdim=True), "SO(3)", x, Vector, Scalar)
    assert full.algebra(tol=1e-9).dim == 3
    some = lie_gram(lambda v: v[:, 2:] ** 2, "SO(3)", x, Vector, Scalar)
    assert some.algebra(tol=1e-9).dim == 1
    # Stretching two of the eigenvalues below the tolerance takes directions that are no algebra.
    with pytest.raises(DomainError, match="do not form an algebra"):
        some.algebra(tol=(some.eigenvalues[1].mean + some.eigenvalues[2].mean) / 2)
    assert some.algebra(tol=-1.0).dim == 0


def test_intervals_cover_the_eigenvalues() -> None:
    u, truth, trials = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64) / 3, 2 * 0.09, 50
    grams = [
        lie_gram(tilted(0.3, u), "SO(3)", masses(150, seed), IN, OUT, scale=C_INERTIA, replicates=300)
        for seed in range(trials)
    ]
    # Two equal eigenvalues: the plain percentiles of the larger one would be too high, of the smaller too low.
    for i in (1, 2):
        assert sum(truth in gram.eigenvalues[i] for gram in grams) >= 0.85 * trials


@pytest.mark.slow
def test_the_angle_is_the_scale_of_the_error_of_the_axis() -> None:
    u, trials, inside = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64) / 3, 60, 0
    for seed in range(trials):
        # The same fits for all, and other rows: what resampling rows can see.
        pair = perturbed(tilted(0.3, u), 1, 0.3), perturbed(tilted(0.3, u), 2, 0.3)
        gram = lie_gram(pair, "SO(3)", masses(300, seed), IN, OUT, replicates=300)
        if seed == 0:
            centre = lie_gram(pair, "SO(3)", masses(20_000, 999), IN, OUT, replicates=2).vectors[:, 0]
        off = math.degrees(math.acos(min(abs(float(gram.vectors[:, 0] @ centre)), 1.0)))
        inside += off <= gram.angles[0]
    assert inside >= 0.85 * trials


def test_clusters_seeds_and_blocks() -> None:
    u = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    x = masses(60).repeat_interleave(10, 0)
    alone = lie_gram(tilted(0.3, u), "SO(3)", x, IN, OUT)
    grouped = lie_gram(tilted(0.3, u), "SO(3)", x, IN, OUT, cluster=torch.arange(60).repeat_interleave(10))
    assert alone.eigenvalues[2].n == 600
    assert grouped.eigenvalues[2].n == 60
    width = [gram.eigenvalues[2].high - gram.eigenvalues[2].low for gram in (alone, grouped)]
    assert width[1] > 2 * width[0]
    again = lie_gram(tilted(0.3, u), "SO(3)", x, IN, OUT)
    assert torch.equal(again.replicates, alone.replicates)
    # More rows than blocks: pooling them leaves the width as it was.
    many = lie_gram(tilted(0.3, u), "SO(3)", masses(2500), IN, OUT)
    few = lie_gram(tilted(0.3, u), "SO(3)", masses(900), IN, OUT)
    ratio = [(g.eigenvalues[2].high - g.eigenvalues[2].low) for g in (many, few)]
    assert ratio[0] / ratio[1] == pytest.approx(math.sqrt(900 / 2500), rel=0.35)
    assert many.eigenvalues[0].n == 2500


def test_refusals() -> None:
    f, x = tilted(0.3, torch.ones(3, dtype=torch.float64)), masses(10)
    with pytest.raises(DomainError, match="positive energy"):
        lie_gram(f, "SO(3)", x, IN, OUT, scale=0.0)
    with pytest.raises(ShapeError, match="one independent unit"):
        lie_gram(f, "SO(3)", x, IN, OUT, cluster=[1] * 10)
    with pytest.raises(DomainError, match="no generators"):
        lie_gram(f, "D(2)@z", x, IN, OUT)
