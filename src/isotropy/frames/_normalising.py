"""Frames without axes: draws from Haar measure, where a cloud is, and how large."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, one_of
from isotropy.frames._padded import DegenerateCloudError, check_cloud, no_rows, padded
from isotropy.frames._spectrum import size_of
from isotropy.groups import SE, SO, Cubature, DiscreteMeasure, Draws, E, Group, Haar, O, Scale, T, homogeneous, parse
from isotropy.linalg import Segments
from isotropy.random import spawn


@dataclass(frozen=True, init=False)
class HaarFrame:
    """``k`` uniformly random elements of a compact group, or its cubature of a degree: group averaging.

    For E(d), SE(d) the translation is the mean, the rest uniform. Without ``k`` and ``degree`` all elements of a finite
    group. Draws are those of ``seed``, the same for all rows and calls, and equivariant in distribution only; the rule
    of ``degree`` is equivariant for functions that are polynomials of at most that degree in the element, and close to
    it for smooth ones. Only all elements are ``exact``.

    Call with ``x (B, ...)``, or flat clouds with segments. Raises DomainError for a group that is not compact, or when
    both or neither of ``k`` and ``degree`` are given. Source: specification 03 §2.1, group averaging.

    >>> HaarFrame("O(3)", 5)(torch.ones(2, 4, 3)).g.shape, len(HaarFrame("D(4)")(torch.ones(1, 1, 2)))
    (torch.Size([2, 5, 3, 3]), 8)
    """

    group: Group
    k: int | None
    seed: int
    degree: int | None

    def __init__(self, group: Group | str, k: int | None = None, seed: int = 0, *, degree: int | None = None) -> None:
        group = parse(group)
        if (k is None) == (degree is None) and not (group.finite and k is None):
            raise DomainError(f"k={k} and degree={degree}", "one of them", "k draws, or a cubature of that degree")
        if k is not None and k < 1:
            raise DomainError(f"k={k}", "at least one draw")
        for name, value in (("group", group), ("k", k), ("seed", seed), ("degree", degree)):
            object.__setattr__(self, name, value)
        _ = self._measure

    @property
    def _measure(self) -> Haar | Cubature:
        group = self.group
        if isinstance(group, SE):
            group = O(group.n) if isinstance(group, E) else SO(group.n)
        return Haar(group) if self.k is not None else Cubature(group, self.degree or 0)

    def __call__(self, x: Any, segments: Segments | None = None) -> DiscreteMeasure:
        like: Tensor = tree.tree_leaves(x)[0]
        rows = len(like) if segments is None else segments.count
        drawn = Draws.of(self._measure, self.k or 1).take(1, spawn(self.seed, "haar frame"))
        g = tree.tree_map(lambda part: part.expand(rows, *part.shape[1:]), drawn.g)
        return DiscreteMeasure(
            self._moved(g, like, segments),
            drawn.log_weight.expand(rows, -1).to(like),
            exact=self.k is None and self.group.finite,
            degenerate=torch.zeros(rows, dtype=torch.bool, device=like.device),
        )

    def _moved(self, g: Any, x: Tensor, segments: Segments | None) -> Any:
        """The elements in the dtype of x, about the mean where the group translates."""
        if isinstance(self.group, SE) and no_rows(x, segments):
            g = torch.zeros(*g.shape[:2], *(self.group.degree + 1,) * 2)
        elif isinstance(self.group, SE):
            t = padded(self.group, x, segments, centred=True).centre
            g = homogeneous(g.to(t), t[:, None].expand(g.shape[:-1]))
        return tree.tree_map(lambda part: part.to(x) if part.is_floating_point() else part.to(x.device), g)


@dataclass(frozen=True, init=False)
class CentreFrame:
    """The frame of T(d): one atom, the translation to the centroid of the cloud.

    Call with clouds ``(B, n, d)``, or flat ``(N, d)`` with segments. Raises DomainError for another group and for
    coordinates that are not finite; ShapeError, DtypeError. Source: specification 03 §2.2.

    >>> CentreFrame("T(2)")(torch.tensor([[[0.0, 2.0], [4.0, 4.0]]])).g[0, 0, :, 2].tolist()
    [2.0, 3.0, 1.0]
    """

    group: Group

    def __init__(self, group: Group | str) -> None:
        object.__setattr__(self, "group", _of_kind(group, T, "T(d)"))

    def __call__(self, x: Tensor, segments: Segments | None = None) -> DiscreteMeasure:
        check_cloud(x, segments, self.group.degree)
        y = x.double()
        centre = y.mean(1) if segments is None else segments.mean(y)
        axes = torch.eye(self.group.degree, dtype=y.dtype, device=y.device)
        return _one_atom(homogeneous(axes.expand(len(centre), -1, -1), centre), x)


@dataclass(frozen=True, init=False)
class ScaleFrame:
    """The frame of Scale(d): one atom, the root mean square distance of the points from the origin.

    Call with clouds ``(B, n, d)``, or flat ``(N, d)`` with segments. A cloud with all its points at the origin is left
    alone by every scale: ``points="raise"`` refuses it with DegenerateCloudError, "limit" takes a size of nearly zero,
    at which Vectors come out as zero, as they must, and marks the row ``degenerate``. Raises DomainError for another
    group and for coordinates that are not finite; ShapeError, DtypeError. Source: specification 08 §2.2.

    >>> ScaleFrame("Scale(2)")(torch.tensor([[[3.0, 0.0], [0.0, 3.0]]])).g[0, 0].tolist()
    [[3.0, 0.0], [0.0, 3.0]]
    """

    group: Group
    points: str

    def __init__(self, group: Group | str, points: str = "raise") -> None:
        one_of("points", points, ("raise", "limit"))
        object.__setattr__(self, "group", _of_kind(group, Scale, "Scale(d)"))
        object.__setattr__(self, "points", points)

    def __call__(self, x: Tensor, segments: Segments | None = None) -> DiscreteMeasure:
        check_cloud(x, segments, self.group.degree)
        size = size_of(x.double(), "rms", segments)
        point = size == 0
        if self.points == "raise" and bool(point.any()):
            rows = point.nonzero().flatten()[:5].tolist()
            raise DegenerateCloudError(f"clouds in the origin at batch {rows}", "a size above zero", 'points="limit"')
        size = torch.where(point, _NEARLY_ZERO, size)
        axes = torch.eye(self.group.degree, dtype=size.dtype, device=size.device)
        return _one_atom(size[:, None, None] * axes, x, point)


_NEARLY_ZERO = 1e-30  # and its inverse is finite in single precision, too


def _of_kind(group: Group | str, kind: type[Group], expected: str) -> Group:
    found = parse(group)
    if type(found) is not kind:
        raise DomainError(f"a frame of {found} that normalises", expected, "PCAFrame for rotations")
    return found


def _one_atom(g: Tensor, like: Tensor, degenerate: Tensor | None = None) -> DiscreteMeasure:
    none = torch.zeros(len(g), dtype=torch.bool, device=like.device)
    return DiscreteMeasure(
        g[:, None].to(like), like.new_zeros(len(g), 1), True, none if degenerate is None else degenerate
    )
