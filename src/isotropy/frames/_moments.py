"""A frame for pictures: where they are, how large, and how stretched, by the second moments of their intensity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.groups import (
    SL,
    SO,
    Affine,
    C,
    DiscreteMeasure,
    GLPlus,
    Group,
    Scale,
    SimilarityPlus,
    T,
    homogeneous,
    parse,
)
from isotropy.groups.parts import matrix
from isotropy.linalg import Segments, sym_sqrt
from isotropy.reps import Field, Scalar, act, cell_centres

SPREAD = 0.3
"""The standard deviation of a canonical picture, in half sides: a uniform disc has twice that radius."""
# A line of cells has no width; below this share of its length a stretch is that of single cells and not of a shape.
_THINNEST = 1e-6


@dataclass(frozen=True, init=False)
class MomentFrame:
    """The affine map that takes a standard picture to the position, size and stretch of a given one.

    From intensities f >= 0 on an empty background: the centroid c and the covariance S of the place, f being its
    weight. For "GL+(2)" the linear part is ``S^1/2 / spread``, for "SL(2)" that without its scale, for "Scale(2)" and
    "Similarity+(2)" the scale alone, for "T(2)" one; each moves about the centroid, so that ``group`` is the affine
    group with that linear part. Voxels by groups of degree 3. Under an affine map h, S becomes h S h^T and its root
    ``h S^1/2 R`` for a rotation R: what is left open is ``ambiguity``, SO(2), closed by a network that is equivariant
    under it, or by an average over ``angles`` equal turns (up to their number). Once differentiable.

    Call with images ``(B, C, H, W)``, whose channels are added. Raises DegenerateError, naming the image, for one that
    is empty, constant in the sum of its channels, or a line; DomainError for negative or infinite intensities, for
    another group, or angles in space; ShapeError, DtypeError. Clutter and a background that is not empty enter the
    moments, and are not noticed. Source: specification 02 §5.8 and §5.10.

    >>> image = torch.zeros(1, 1, 16, 16)
    >>> image[..., 2:6, 3:13] = 1
    >>> straight, g = MomentFrame("GL+(2)").canonicalise(image)
    >>> float(g[0, 1, 2]), bool(g[0, 0, 0] > 2 * g[0, 1, 1])
    (0.5, True)
    """

    group: Group
    spread: float
    angles: int

    def __init__(self, group: Group | str, *, spread: float = SPREAD, angles: int = 1) -> None:
        given = parse(group)
        moves = Affine(given) if type(given) in (GLPlus, SL, Scale) and given.degree in (2, 3) else given  # type: ignore[arg-type]
        base = type(moves.base) if isinstance(moves, Affine) else type(moves)
        if moves.degree not in (2, 3) or base not in (GLPlus, SL, Scale, SimilarityPlus, T):
            hint = 'MomentFrame("GL+(2)"); frames of rotations need more than second moments'
            raise DomainError(
                f"a frame of moments of {given}", "GL+, SL, Scale, Similarity+ or T of degree 2 or 3", hint
            )
        if not (math.isfinite(spread) and spread > 0):
            raise DomainError(f"spread={spread}", "a positive number of half sides", f"spread={SPREAD}")
        turns = base in (GLPlus, SL, SimilarityPlus)
        if angles < 1 or (angles > 1 and not (turns and moves.degree == 2)):
            raise DomainError(f"angles={angles} for {given}", "1, or more where rotations of the plane are open", "")
        for name, value in (("group", moves), ("spread", spread), ("angles", angles)):
            object.__setattr__(self, name, value)

    @property
    def _kind(self) -> type[Group]:
        return type(self.group.base) if isinstance(self.group, Affine) else type(self.group)

    @property
    def ambiguity(self) -> Group:
        """What the frame leaves open: canonical pictures of ``f`` and ``g.f`` differ by an element of this group."""
        return SO(self.group.degree) if self._kind in (GLPlus, SL, SimilarityPlus) else C(1)

    def __call__(self, x: Tensor, segments: Segments | None = None) -> DiscreteMeasure:
        if segments is not None:
            raise ShapeError("images with segments", "images of one size (B, C, H, W)", "")
        g = self._elements(x)[:, None]
        if self.angles > 1:
            steps = torch.arange(self.angles, dtype=g.dtype, device=g.device) * (2 * math.pi / self.angles)
            g = g @ homogeneous(matrix(SO(2).from_coords(steps[:, None])))
        return DiscreteMeasure(
            g.to(x),
            x.new_full(g.shape[:2], -math.log(self.angles)),
            exact=self.ambiguity.order == 1,
            degenerate=torch.zeros(len(x), dtype=torch.bool, device=x.device),
        )

    def canonicalise(self, x: Tensor, field: Field | None = None) -> tuple[Float[Tensor, ...], Float[Tensor, "B m m"]]:
        """The pictures in standard position ``g^-1.x``, of one warp each, and the maps g that lead back.

        ``field`` says how they are warped, its type being that of one channel each unless it is given.
        """
        g = self._elements(x).to(x)
        return act(field or Field(x.shape[1] * Scalar), self.group, self.group.inverse(g), x), g

    def _elements(self, x: Tensor) -> Float[Tensor, "B m m"]:
        """One affine map for each image, in float64."""
        mass, centre, covariance = moments(x, self.group.degree)
        sizes = torch.linalg.eigvalsh(covariance.detach())
        thin = (mass.detach() <= 0) | (sizes[..., 0] <= _THINNEST * sizes[..., -1].clamp_min(1e-300))
        light = x.detach().double().sum(1).flatten(1)
        most = light.amax(1)
        thin = thin | (most - light.amin(1) <= _THINNEST * most)
        if bool(thin.any()):
            rows = thin.nonzero().flatten()[:5].tolist()
            hint = "leave out pictures that are empty or of one grey, and single points or lines"
            raise DegenerateError(f"images {rows} without a shape", "some intensity, spread in every direction", hint)
        return homogeneous(self._linear(covariance), centre)

    def _linear(self, covariance: Float[Tensor, "B d d"]) -> Float[Tensor, "B d d"]:
        d = self.group.degree
        one = torch.eye(d, dtype=covariance.dtype, device=covariance.device)
        if self._kind is T:
            return one.expand_as(covariance)
        if self._kind in (Scale, SimilarityPlus):
            size = (covariance.diagonal(dim1=-2, dim2=-1).mean(-1)).sqrt()
            return size[:, None, None] / self.spread * one
        root = sym_sqrt(covariance)
        if self._kind is SL:
            return root / torch.linalg.det(root)[:, None, None] ** (1 / d)
        return root / self.spread


def moments(x: Tensor, degree: int = 2) -> tuple[Float[Tensor, " B"], Float[Tensor, "B d"], Float[Tensor, "B d d"]]:
    """Mass, centroid and covariance of images ``(B, C, H, W)`` or voxels, in float64 and in units of half a side.

    Raises ShapeError for another number of axes, DtypeError for whole numbers, DomainError for negative intensities,
    NaN or infinity.

    >>> mass, centre, covariance = moments(torch.ones(1, 1, 2, 2))
    >>> mass.tolist(), centre.tolist(), covariance.tolist()
    ([4.0], [[0.0, 0.0]], [[[0.25, 0.0], [0.0, 0.25]]])
    """
    if x.ndim != degree + 2:
        shape = "(B, C, H, W)" if degree == 2 else "(B, C, D, H, W)"
        raise ShapeError(f"images of shape {tuple(x.shape)}", shape, "x[:, None] is one channel")
    if not x.is_floating_point():
        raise DtypeError(f"images of dtype {x.dtype}", "floating point", "x.float() / 255")
    values = x.detach().flatten(1)
    bad = ~values.isfinite().all(1) | (values < 0).any(1)
    if bool(bad.any()):
        rows: Any = bad.nonzero().flatten()[:5].tolist()
        raise DomainError(f"images {rows} with negative, infinite or missing intensities", "values of at least 0", "")
    weight = x.double().sum(1).flatten(1)
    mass = weight.sum(1)
    share = weight / torch.where(mass > 0, mass, 1.0)[:, None]
    place = cell_centres(tuple(x.shape[2:]), weight).flatten(0, -2)
    centre = share @ place
    apart = place - centre[:, None]
    return mass, centre, torch.einsum("bn,bni,bnj->bij", share, apart, apart)
