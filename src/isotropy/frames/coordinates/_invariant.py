"""Coordinates of a cloud that no similarity changes, along principal axes with canonical signs; and what they omit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, one_of
from isotropy.frames._padded import DegenerateCloudError, check_cloud, check_numbers
from isotropy.frames._spectrum import TIES, Scaling, each, size_of, total
from isotropy.frames.coordinates._orientation import Oriented, along, oriented, reach
from isotropy.frames.coordinates._scikit import CloudTransformer
from isotropy.groups import homogeneous
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Rep, Scalar, Vector
from isotropy.settings import Settled

Direction = Vector.weighted(0)
"""A vector without length: turned with the cloud, and not scaled."""
Ambiguity = Literal["moment", "frame", "augment", "signnet"]


@dataclass(frozen=True, eq=False)
class Pose:
    """The similarity ``y -> scale * axes y + centre`` that leads S clouds of invariant coordinates back.

    ``axes (S, d, k)`` are unit columns, 0 in directions without extent; ``eigenvalues (S, k)`` those of the scatter
    matrix, in squared units; ``condition (S,)`` is 1 / the least gap of neighbours relative to the largest, by which
    the rounding of points is magnified; ``ambiguous (S,)`` marks clouds whose points, taken one by one, have other
    coordinates in another pose in which they are the same set.
    """

    axes: Float[Tensor, "S d k"]
    centre: Float[Tensor, "S d"]
    scale: Float[Tensor, " S"]
    eigenvalues: Float[Tensor, "S k"]
    condition: Float[Tensor, " S"]
    ambiguous: Bool[Tensor, " S"]
    segments: Segments | None = None

    @property
    def element(self) -> Float[Tensor, "S m m"]:
        """Elements (S, d+1, d+1) of Similarity(d), with some axes where the cloud has no extent."""
        A = self.axes.double()
        d, k = A.shape[-2:]
        A = torch.nn.functional.pad(A, (0, d - k))
        # The null space of A A^T comes last, in as many columns as A has zeros.
        rest = torch.linalg.eigh(A @ A.mT).eigenvectors.flip(-1)
        whole = torch.where(A.any(-2, keepdim=True), A, rest)
        return homogeneous(self.scale.double()[:, None, None] * whole, self.centre.double()).to(self.axes)

    def restore(self, out: Tensor, rep: Rep | Cloud) -> Tensor:
        """``out`` (S, ..., width), flat for a Cloud in a ragged batch, led back to where the clouds were.

        ``rep`` is made of Scalar, Vector, Point and `Direction` (a vector that does not scale). Vectors lose what they
        have across the span of their cloud: nothing there is determined. Raises DomainError for other types,
        ShapeError where rows and clouds differ in number. Source: specification 08 §2.6.
        """
        per_point = isinstance(rep, Cloud)
        type_ = rep.rep if isinstance(rep, Cloud) else rep
        if type_ is None:
            return out
        rows = len(self.segments.label) if per_point and self.segments is not None else len(self.scale)
        if out.ndim < 2 or len(out) != rows:
            raise ShapeError(f"an output of shape {tuple(out.shape)} of type {rep}", f"({rows}, ..., width)")
        d = self.axes.shape[1]
        pieces = [
            self._restored(out[..., where].unflatten(-1, (part.multiplicity, -1)), part.atom, per_point).flatten(-2)
            for part, where in zip(type_.parts(), type_.columns({"space": d}), strict=True)
        ]
        return torch.cat(pieces, -1)

    def _restored(self, copies: Float[Tensor, "R *index copies d"], atom: Rep, per_point: bool) -> Tensor:
        if atom == Scalar:
            return copies
        if atom not in (Vector, Point, Direction):
            raise DomainError(f"the type {atom}", "Scalar, Vector, Point or Vector.weighted(0)", "use FrameAveraged")
        A, s, t = (
            self._beside(part, copies, per_point) for part in (self.axes, self.scale[:, None, None], self.centre)
        )
        turned = copies[..., : A.shape[-1]] @ A.mT
        if atom == Direction:
            return turned
        return s * turned + (t[..., None, :] if atom == Point else 0.0)

    def _beside(self, part: Tensor, copies: Tensor, per_point: bool) -> Tensor:
        if per_point and self.segments is not None:
            part = self.segments.gather(part)
        return part.reshape(part.shape[0], *[1] * (copies.ndim - 3), *part.shape[1:])


def condition_of(values: Float[Tensor, "S k"], null: Bool[Tensor, "S k"], missing: int) -> Float[Tensor, " S"]:
    """1 / the least gap between neighbouring eigenvalues, relative to the largest; 0 gaps give infinity.

    ``missing`` counts the dimensions of space beyond these, in which nothing has an extent.

    >>> condition_of(torch.tensor([[4.0, 3.0, 0.0]]), torch.tensor([[False, False, True]]), 0).tolist()
    [4.0]
    """
    values = torch.where(null, 0.0, values)
    if missing:
        values, null = torch.nn.functional.pad(values, (0, 1)), torch.nn.functional.pad(null, (0, 1), value=True)
    gaps = (values[:, :-1] - values[:, 1:]) / values[:, :1].clamp_min(torch.finfo(values.dtype).tiny)
    return 1 / torch.where(null[:, :-1], torch.inf, gaps).amin(1) if gaps.shape[1] else torch.ones_like(values[:, 0])


class InvariantCoordinates(CloudTransformer, Settled):
    """``(x, segments) -> (y, pose)``: coordinates y of the points that no similarity of x changes, and what they omit.

    The multidimensional scaling of the cloud, without its O(n^3): y = (x - mean) V / size along the principal axes V,
    (B, n, d) or flat (N, d) as x; O(n d^2) time, O(n d) memory, d x d (or n x n, the smaller) problems in float64.
    ``scale`` is the size divided by: "rms", "max", "mean_dist" or "none". ``reflections=False`` tells mirror images of
    clouds apart. ``out_dim`` pads with zeros or keeps the leading columns. ``dim`` refuses other d. Directions without
    extent are exactly 0. Eigenvalues within ``tol`` of the largest (1e-5 in float64, 1e-3 in float32, as in `PCAFrame`)
    count as equal; beyond, coordinates are known to the rounding of x times ``pose.condition``. ``grad="detach"``
    stops derivatives.

    ``ambiguity`` says how the directions of the axes are chosen. "moment" makes the first odd moment positive that
    clearly differs from 0, and where all vanish, or axes are tied, takes the foremost pose of the refined frame: the
    *set* of points (and features) is then invariant, and ``pose.ambiguous`` marks clouds whose single points are not
    told apart.
    "augment" draws signs while training (from ``seed`` and the number of calls), "signnet" leaves them as they come,
    for a `SignInvariant` network; "frame" is "moment" here, and all signs averaged in `TransformationInvariant`.

    Raises DegenerateCloudError for clouds without extent unless scale="none"; ShapeError, DtypeError, DomainError
    (NaN, empty clouds, coordinates beyond 1e140). Source: Zhang et al., arXiv 2112.12345; specification 08 §2.2-2.3.

    >>> coordinates = InvariantCoordinates()
    >>> x = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    >>> y, pose = coordinates(x)
    >>> torch.allclose(coordinates(7 - 3 * x.flip(-1))[0], y), bool(pose.ambiguous)
    (True, False)
    """

    def __init__(
        self,
        dim: int | None = None,
        scale: Scaling = "rms",
        ambiguity: Ambiguity = "moment",
        reflections: bool = True,
        tol: float | None = None,
        out_dim: int | None = None,
        grad: Literal["exact", "detach"] = "exact",
        seed: int = 0,
    ) -> None:
        super().__init__()
        one_of("scale", scale, get_args(Scaling))
        one_of("ambiguity", ambiguity, get_args(Ambiguity))
        one_of("grad", grad, ("exact", "detach"))
        if any(n is not None and n < 1 for n in (dim, out_dim)) or not (tol is None or 0 <= tol < 1):
            raise DomainError(f"dim={dim}, out_dim={out_dim}, tol={tol}", "positive dimensions and 0 <= tol < 1")
        self.dim, self.out_dim, self.tol, self.seed = dim, out_dim, tol, seed
        self.scale: Scaling = scale
        self.ambiguity: Ambiguity = ambiguity
        self.grad: Literal["exact", "detach"] = grad
        self.reflections = reflections
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.draws: Tensor

    def settings(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "ambiguity": self.ambiguity,
            "reflections": self.reflections,
            "dim": self.dim,
            "out_dim": self.out_dim,
        }

    def forward(
        self, x: Tensor, segments: Segments | None = None, features: Tensor | None = None
    ) -> tuple[Float[Tensor, "*points k"], Pose]:
        """Coordinates of clouds (B, n, d), or flat (N, d) with ``segments``; ``features`` (..., c) are invariants."""
        self.check(x, segments)
        d = x.shape[-1]
        if features is not None:
            features = check_numbers("features", features, x, segments)
        narrow = _Narrow.of(x, segments)
        missing = d - narrow.x.shape[-1]
        found = oriented(
            narrow.x,
            segments,
            features,
            proper=not self.reflections and not missing,
            tol=TIES[x.dtype] if self.tol is None else self.tol,
            resolution=narrow.resolution,
            grad=self.grad,
            signs=self.ambiguity != "signnet",
        )
        if self.ambiguity == "augment" and self.training:
            found = self._drawn(found, missing)
        size = self._size(found, segments)
        y = found.coordinates(segments) / each(size[:, None], segments)
        pose = self._pose(found, size, narrow, segments)
        return fitted(y, self.out_dim or d).to(x), _cast(pose, x)

    def check(self, x: Tensor, segments: Segments | None) -> None:
        """Raise ShapeError, DtypeError or DomainError unless ``x`` is a batch of clouds in ``dim`` dimensions."""
        check_cloud(x, segments, self.dim if self.dim is not None else x.shape[-1])

    def restore(self, out: Tensor, pose: Pose, rep: Rep | Cloud) -> Tensor:
        """Outputs of a network on the coordinates, led back: Point, Vector, Scalar or `Direction` (`Pose.restore`)."""
        return pose.restore(out, rep)

    def next_signs(self) -> torch.Generator:
        """From which the signs of the next call while training are drawn; counts calls."""
        generator = spawn(self.seed, "signs", int(self.draws))
        self.draws += 1
        return generator

    def _size(self, found: Oriented, segments: Segments | None) -> Float[Tensor, " S"]:
        if self.scale != "none" and bool(found.null.all(1).any()):
            rows = found.null.all(1).nonzero().flatten()[:5].tolist()
            raise DegenerateCloudError(f"clouds without extent at batch {rows}", "two different points", "scale='none'")
        return size_of(found.found.y, self.scale, segments)

    def _pose(self, found: Oriented, size: Tensor, narrow: _Narrow, segments: Segments | None) -> Pose:
        values = torch.where(found.null, 0.0, found.found.values)
        axes, centre, missing = found.vectors, found.found.centre, 0
        lost = found.null
        if narrow.whole is not None:
            axes, centre = narrow.axes(found, segments), narrow.centre
            missing = axes.shape[1] - axes.shape[2]
        elif not self.reflections:
            # The orientation decides one direction without extent, but no more.
            lost = lost & (lost.sum(1, keepdim=True) > 1)
        axes = torch.where(lost[:, None, :], 0.0, axes)
        condition = condition_of(values.detach(), found.null, missing)
        return Pose(axes, centre, size, values, condition, found.ambiguous, segments)

    def _drawn(self, found: Oriented, missing: int) -> Oriented:
        sign = torch.randint(0, 2, found.null.shape, generator=self.next_signs()).to(found.vectors) * 2 - 1
        if not self.reflections and not missing:
            sign[:, -1] = sign[:, :-1].prod(1)
        return Oriented(found.found, found.vectors * sign[:, None, :], found.null, torch.ones_like(found.ambiguous))


@dataclass(frozen=True, eq=False)
class _Narrow:
    """Clouds of fewer points than dimensions, in coordinates of their span; others as they came.

    ``whole`` are the centred points in all of space, None where nothing was narrowed.
    """

    x: Float[Tensor, "*points k"]
    resolution: Float[Tensor, " S"]
    centre: Float[Tensor, "S d"]
    whole: Float[Tensor, "*points d"] | None = None

    @classmethod
    def of(cls, x: Tensor, segments: Segments | None) -> _Narrow:
        resolution = torch.finfo(x.dtype).eps * reach(x.detach(), segments).amax(-1).double()
        most = x.shape[1] if segments is None else int(segments.sizes.max())
        if most >= x.shape[-1]:
            return cls(x, resolution, resolution.new_zeros(len(resolution), x.shape[-1]))
        x64 = x.double()
        count = total(torch.ones_like(x64[..., :1]), segments)
        centre = total(x64, segments) / count
        whole = x64 - each(centre, segments)
        dense = whole if segments is None else segments.pad(whole)[0]
        # Points do not leave the span to first order in it, so the basis may be held fixed.
        basis = torch.linalg.qr(dense.detach().mT).Q
        return cls(along(whole, basis, segments), resolution, centre, whole)

    def axes(self, found: Oriented, segments: Segments | None) -> Float[Tensor, "S d k"]:
        """The axes in all of space: X^T y / |y|^2, whose derivative knows how the span turns."""
        assert self.whole is not None
        y = found.coordinates(segments)
        parts = [total(self.whole * column[..., None], segments) for column in y.unbind(-1)]
        norm = total(y.square(), segments)
        return torch.stack(parts, -1) / torch.where(found.null, 1.0, norm)[:, None, :]


def fitted(y: Tensor, width: int) -> Tensor:
    """``width`` columns: zeros added, or the trailing ones left out."""
    missing = width - y.shape[-1]
    return torch.nn.functional.pad(y, (0, missing)) if missing > 0 else y[..., :width]


def _cast(pose: Pose, like: Tensor) -> Pose:
    parts: dict[str, Any] = {part.name: getattr(pose, part.name) for part in fields(pose)}
    for name, value in parts.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            parts[name] = value.to(like)
    return Pose(**parts)
