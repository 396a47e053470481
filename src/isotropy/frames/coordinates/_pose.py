"""What invariant coordinates leave out: where a cloud was, how it lay and how large it was."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import homogeneous
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Point, Rep, Scalar, Vector

Direction = Vector.weighted(0)
"""A vector without length: turned with the cloud, and not scaled."""


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
