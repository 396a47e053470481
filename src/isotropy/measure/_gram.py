"""Continuous symmetries that nobody listed: near-null directions of the Gram matrix of Lie derivatives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, ShapeError
from isotropy.estimate import Estimate
from isotropy.groups import Group, LieAlgebra, parse
from isotropy.measure._defects import units
from isotropy.measure._lie import lie_fields
from isotropy.measure._sample import Sample
from isotropy.random import spawn
from isotropy.reps import Type, parse_type

_BLOCKS = 1_000  # more independent units than this are pooled at random into this many blocks before resampling


@dataclass(frozen=True)
class Gram:
    """M_ab = E<D_a f_1, D_b f_2> / scale, symmetrised, in the basis of ``group.algebra``.

    ``eigenvalues`` ascend, so symmetric directions come first; column i of ``vectors`` (k, k) is the direction of the
    i-th; ``angles`` (k,) are the ``confidence`` quantiles, in degrees, of how far resampling turns each direction.
    ``replicates`` (B, k, k) are the resampled matrices. No rank is decided here.
    """

    group: Group
    matrix: Float[Tensor, "k k"]
    eigenvalues: tuple[Estimate, ...]
    vectors: Float[Tensor, "k k"]
    angles: tuple[float, ...]
    replicates: Float[Tensor, "B k k"]

    def directions(self, tol: float) -> Float[Tensor, "k r"]:
        """Coordinates of the directions whose eigenvalue is at most ``tol``, as columns."""
        return self.vectors[:, torch.tensor([value.mean <= tol for value in self.eigenvalues])]

    def closure(self, tol: float) -> float:
        """How far these directions are from an algebra: the largest part of a bracket outside their span.

        0 for an algebra. Source: §3.4, max_ij ||(I - N N^T)[N_i, N_j]||.
        """
        N = self.directions(tol)
        if N.shape[1] < 2:
            return 0.0
        brackets = torch.einsum("ai,bj,abl->ijl", N, N, self.group.algebra.structure.to(N))
        outside = brackets - brackets @ N @ N.mT
        return float(torch.linalg.vector_norm(outside, dim=-1).max())

    def algebra(self, tol: float, closed: float = 0.2) -> LieAlgebra:
        """The Lie algebra spanned by the directions whose eigenvalue is at most ``tol``; its dimension may be 0.

        Raises DomainError when the directions do not close to within ``closed``: then they are no symmetry algebra.
        """
        distance = self.closure(tol)
        if distance > closed:
            raise DomainError(
                f"directions whose brackets leave their span by {distance:.2g}",
                f"at most {closed}",
                "the directions found do not form an algebra; name another tol",
            )
        return LieAlgebra.of(self.group.algebra.hat(self.directions(tol).mT))


def lie_gram(
    f: Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]],
    group: Group | str,
    x: Any,
    rep_in: Type | str = None,
    rep_out: Type | str = None,
    *,
    scale: float = 1.0,
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    replicates: int = 1_000,
    seed: int = 0,
    chunk: int = 8_192,
    by_row: bool = False,
) -> Gram:
    """The Gram matrix of Lie derivatives over the rows of ``x`` (rows, ..., features), with resampled eigenvalues.

    Two functions from disjoint training rows give the cross-fitted matrix, unbiased under exact symmetry (and not
    quite positive); one function gives the plain matrix, which has a noise floor. ``scale`` is the energy V that makes
    the eigenvalues dimensionless. Intervals resample rows, or ``cluster``. ``by_row`` says that f maps a table
    (rows, p) to a table (rows, q) and reads each row by itself: then a few outputs are faster in reverse mode.

    Raises DomainError for a group without generators or a scale that is not positive, ShapeError for fewer than two
    independent units. Source: §3.4; Moskalev et al. 2022 (arXiv:2210.04345).

    >>> from isotropy.reps import Scalar, Vector
    >>> x = torch.randn(99, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> gram = lie_gram(lambda v: v[:, 2:] ** 2, "SO(3)", x, Vector, Scalar)
    >>> gram.vectors[:, 0].abs().round(decimals=6).tolist(), gram.algebra(tol=1e-9).dim
    ([0.0, 0.0, 1.0], 1)
    """
    if not scale > 0:
        raise DomainError(f"scale={scale}", "a positive energy", "pass the variance of the target")
    G, sample, out = parse(group), Sample(x, parse_type(rep_in)), parse_type(rep_out)
    first, second = f if isinstance(f, tuple) else (f, f)
    with torch.no_grad():
        one = _flat(lie_fields(first, G, sample, out, chunk, by_row)[0])
        two = one if second is first else _flat(lie_fields(second, G, sample, out, chunk, by_row)[0])
    terms = torch.einsum("arm,brm->rab", one, two)
    terms = (terms + terms.mT) / (2 * scale)
    unit = units(cluster, len(terms)).to(terms.device)
    sums, sizes = _by_unit(terms, unit, seed)
    matrix = terms.mean(0)
    values, vectors = torch.linalg.eigh(matrix)
    drawn = _resampled(sums, sizes, replicates, seed)
    drawn_values, drawn_vectors = torch.linalg.eigh(drawn)
    tail = (1 - confidence) / 2
    ends = torch.quantile(drawn_values, drawn_values.new_tensor([tail, 1 - tail]), dim=0)
    # The i-th with the i-th: where resampling changes the order, the direction was not pinned down.
    overlap = (drawn_vectors * vectors).sum(-2).abs().clamp(max=1)
    angles = torch.quantile(torch.rad2deg(overlap.arccos()), confidence, dim=0)
    # Reflected at the point value: resampling spreads equal eigenvalues apart, and twice over would count it twice.
    estimates = tuple(
        Estimate(value, 2 * value - high, 2 * value - low, n=int(unit.max()) + 1, confidence=confidence)
        for value, low, high in zip(values.tolist(), *ends.tolist(), strict=True)
    )
    return Gram(G, matrix, estimates, vectors, tuple(angles.tolist()), drawn)


def _flat(fields: Any) -> Float[Tensor, "k rows m"]:
    return torch.cat([part.detach().flatten(2).double() for part in tree.tree_leaves(fields)], 2)


def _by_unit(terms: Float[Tensor, "rows k k"], unit: Int[Tensor, " rows"], seed: int) -> tuple[Tensor, Tensor]:
    """Sums and sizes of the independent units, pooled at random into blocks where there are many."""
    count = int(unit.max()) + 1
    if count < 2:
        raise ShapeError("one independent unit", "two or more", "declare finer clusters")
    if count > _BLOCKS:
        order = torch.randperm(count, generator=spawn(seed, "lie_gram", "blocks"))
        unit, count = (order % _BLOCKS).to(unit.device)[unit], _BLOCKS
    sums = terms.new_zeros(count, *terms.shape[1:]).index_add(0, unit, terms)
    return sums, terms.new_zeros(count).index_add(0, unit, torch.ones_like(terms[:, 0, 0]))


def _resampled(sums: Tensor, sizes: Tensor, replicates: int, seed: int) -> Float[Tensor, "B k k"]:
    """Means over units drawn with replacement."""
    count = len(sums)
    drawn = torch.randint(count, (replicates, count), generator=spawn(seed, "lie_gram", "replicates"))
    weight = torch.zeros(replicates, count, dtype=sums.dtype)
    weight.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=sums.dtype))
    weight = weight.to(sums.device)
    return torch.einsum("bu,uij->bij", weight, sums) / (weight @ sizes)[:, None, None]
