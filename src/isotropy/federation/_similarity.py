"""Whether classes have the same shape in all domains: a test, with a null, before the idea is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from isotropy.errors import DomainError, counted
from isotropy.federation._shapes import GeometricShape
from isotropy.federation._statistics import ClassStats
from isotropy.measure import holm
from isotropy.random import spawn

_DISTANCES = ("affine", "bures")


@dataclass(frozen=True)
class ShapeSimilarity:
    """Mean similarity of the ``same`` class in two domains and of ``different`` ones, and how surprising that is.

    Over the leading ``q`` axes. ``classes`` are those compared, ``same_classes`` and ``different_classes`` the
    similarities of each; ``p_value`` is of all together, ``p_classes`` of each (Holm); ``null`` are the differences
    when classes are matched at random. The kinds "bures" and "affine" are distances: the same class has less, and
    differences are different minus same.
    """

    same: float
    different: float
    p_value: float
    classes: tuple[int, ...]
    same_classes: tuple[float, ...]
    different_classes: tuple[float, ...]
    p_classes: tuple[float, ...]
    null: tuple[float, ...]
    q: int

    def table(self) -> list[dict[str, float]]:
        """A row for each class: its similarity to itself and to other classes in other domains, and its p-value."""
        rows = zip(self.classes, self.same_classes, self.different_classes, self.p_classes, strict=True)
        return [{"class": c, "same": s, "different": d, "p_value": p} for c, s, d, p in rows]


def shape_similarity_test(
    x: Float[Tensor, "N p"],
    y: Tensor,
    domain: Tensor,
    q: int = 5,
    permutations: int = 999,
    seed: int = 0,
    kind: str = "subspace",
) -> ShapeSimilarity:
    """Are the clouds of a class shaped alike in all domains, more than those of different classes are?

    Rows ``x (N, p)``, labels ``y (N,)``, and the ``domain (N,)`` of each. Under the null a class of one domain is no
    more like itself in another than like any class: which class is which is then permuted within the domains. A class
    counts in the domains that have more than ``q`` rows of it, two at least. Raises DomainError for fewer than two
    domains or classes. Source: the premise of Ma et al., CVPR 2025; the test is ours.

    >>> from isotropy.random import spawn
    >>> draw, axes = spawn(0, "doctest"), torch.linspace(3, 0.1, 8)
    >>> turns = [torch.linalg.qr(torch.randn(8, 8, generator=draw)).Q for _ in range(4)]
    >>> clouds = [torch.randn(60, 8, generator=draw) * axes @ turns[c].T + c + 9 * d for d in (0, 1) for c in range(4)]
    >>> x = torch.cat(clouds)
    >>> y, domain = torch.arange(4).repeat_interleave(60).repeat(2), torch.arange(2).repeat_interleave(240)
    >>> found = shape_similarity_test(x, y, domain, q=2)
    >>> found.same > found.different, found.p_value < 0.05
    (True, True)
    """
    domains = domain.unique().tolist()
    labels = int(y.max()) + 1
    stats = [ClassStats.from_data(x[domain == d], y[domain == d], classes=labels) for d in domains]
    return similarity_of_stats(stats, q, permutations, seed, kind)


def similarity_of_stats(
    stats: Sequence[ClassStats], q: int = 5, permutations: int = 999, seed: int = 0, kind: str = "subspace"
) -> ShapeSimilarity:
    """The same test from the statistics of each domain, which is all that it needs of them."""
    q = min(q, stats[0].width - 1) if stats else q
    here = torch.stack([s.n > q for s in stats]) if stats else torch.zeros(0, 0, dtype=torch.bool)
    classes = (here.sum(0) >= 2).nonzero().flatten().tolist()
    if len(stats) < 2 or len(classes) < 2:
        raise DomainError(
            f"{counted(len(stats), 'domain')} and {counted(len(classes), 'class', 'classes')} with rows enough in two",
            f"at least two of both, with more than {q} rows of a class",
        )
    found = [s.shapes() for s in stats]
    shapes = [[of[c] if bool(at[c]) else None for c in classes] for of, at in zip(found, here, strict=True)]
    alike = _matrices(shapes, kind, q)
    sign = -1.0 if kind in _DISTANCES else 1.0
    own, other = _per_class(alike, [torch.arange(len(classes))] * len(stats))
    draw = spawn(seed, "shape similarity")
    nulls: list[Tensor] = []
    for _ in range(permutations):
        # Only how classes of different domains are matched counts: those of the first keep their names.
        order = [torch.arange(len(classes)), *(_shuffled(of, draw) for of in shapes[1:])]
        a, b = _per_class(alike, order)
        nulls.append(sign * (a - b))
    null, seen = torch.stack(nulls), sign * (own - other)
    ties = 1e-12  # equal differences differ by rounding: such ties count against rejection
    each = [(1 + int((null[:, c] >= seen[c] - ties).sum())) / (1 + permutations) for c in range(len(classes))]
    whole = (1 + int((null.nanmean(1) >= seen.mean() - ties).sum())) / (1 + permutations)
    return ShapeSimilarity(
        float(own.mean()), float(other.mean()), whole, tuple(classes), tuple(own.tolist()), tuple(other.tolist()),
        tuple(holm(each)), tuple(null.nanmean(1).tolist()), q,
    )  # fmt: skip


def _shuffled(shapes: Sequence[GeometricShape | None], draw: Generator) -> Tensor:
    """Another class for each that a domain has."""
    present = torch.tensor([k for k, shape in enumerate(shapes) if shape is not None], dtype=torch.int64)
    order = torch.arange(len(shapes))
    order[present] = present[torch.randperm(len(present), generator=draw)]
    return order


def _matrices(shapes: Sequence[Sequence[GeometricShape | None]], kind: str, q: int) -> dict[tuple[int, int], Tensor]:
    """Similarity of every class of one domain with every class of another; NaN where one of them is missing."""

    def alike(s: GeometricShape | None, t: GeometricShape | None) -> float:
        return float("nan") if s is None or t is None else s.similarity(t, kind, q)

    return {
        (a, b): torch.tensor([[alike(s, t) for t in shapes[b]] for s in shapes[a]], dtype=torch.float64)
        for a, b in combinations(range(len(shapes)), 2)
    }


def _per_class(alike: dict[tuple[int, int], Tensor], order: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Similarity of each class with itself and with the others, matched by ``order``, over pairs that have it."""
    same: list[Tensor] = []
    different: list[Tensor] = []
    for (a, b), S in alike.items():
        matched = S[order[a]][:, order[b]]
        own = matched.diagonal()
        others = matched.clone().fill_diagonal_(float("nan"))
        same.append(own)
        rest = torch.cat([others, others.mT], 1).nanmean(1)
        different.append(torch.where(own.isnan(), own, rest))
    return torch.stack(same).nanmean(0), torch.stack(different).nanmean(0)
