"""Frames of one atom for groups without a uniform law: where a cloud is, and how large."""

from dataclasses import dataclass

import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.frames._padded import DegenerateCloudError, check_cloud
from isotropy.frames._spectrum import size_of
from isotropy.groups import DiscreteMeasure, Group, Scale, T, homogeneous, parse
from isotropy.linalg import Segments


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
        if points not in ("raise", "limit"):
            raise DomainError(f"points={points!r}", "'raise' or 'limit'")
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
