"""A value for each cell of a grid: images and voxels, moved exactly where cells go to cells, else interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.groups import Element, Group
from isotropy.linalg import Segments
from isotropy.reps._acting import cell_order
from isotropy.reps._atoms import Scalar
from isotropy.reps._rep import Rep
from isotropy.reps._warp import backward_matrix, drift, permutes_cells, rate_matrix, warp

FILLS, MODES = ("border", "reflection"), ("bilinear", "bicubic", "nearest")


@dataclass(frozen=True)
class Field:
    """One value of type ``rep`` at each cell of a grid: images ``(..., C, H, W)``, or voxels ``(..., C, D, H, W)``.

    C is the dimension of ``rep``, and (g.f)(u) = rho(g) f(g^-1 u), the induced representation. Coordinates are those of
    `cell_centres`: x right, y up, z with the slices, a square being [-1, 1]^2; positive angles turn counter-clockwise
    as displayed. Groups of degree 2 act on images, of degree 3 on voxels, linear, affine or projective.

    Finite groups that take cells to cells (D(4) and its subgroups on squares, C(2) and O(1)@x on rectangles, signed
    permutation matrices on voxels) permute them exactly. All others interpolate: values between the centres are
    ``mode`` ("bilinear", "bicubic" for images, "nearest") of those around them, values outside of the image ``fill``
    (a number, "border" or "reflection"). Such a warp is a group action up to its interpolation error, which
    ``interpolation_error`` measures, and once differentiable in the image and in g.

    Raises SchemaError for Points, which have no values at cells; DomainError for an unknown fill or mode. Source: CORE
    §3; specification 02 §2.6.

    >>> from isotropy.groups import C
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> Field().act(C(4), quarter, image).tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """

    rep: Rep = Scalar
    fill: float | str = 0.0
    mode: str = "bilinear"

    def __post_init__(self) -> None:
        if any(part.term.affine for part in self.rep.parts()):
            raise SchemaError(f"a field of {self.rep}", "a linear type", "differences of Points are Vectors")
        if isinstance(self.fill, str) and self.fill not in FILLS:
            raise DomainError(f"fill={self.fill!r}", f"a number, {' or '.join(map(repr, FILLS))}", "")
        if not isinstance(self.fill, str) and not math.isfinite(self.fill):
            raise DomainError(f"fill={self.fill}", f"a finite number, {' or '.join(map(repr, FILLS))}", "")
        if self.mode not in MODES:
            raise DomainError(f"mode={self.mode!r}", f"one of {', '.join(map(repr, MODES))}", "")

    def __str__(self) -> str:
        fill = "" if self.fill == 0.0 else f", fill={self.fill}"
        return f"Field({self.rep}{fill}{'' if self.mode == 'bilinear' else f', mode={self.mode}'})"

    def act(
        self, G: Group, g: Element, x: Shaped[Tensor, "*index"], segments: Segments | None = None
    ) -> Shaped[Tensor, "*index"]:
        """``g.x`` with one element per image, ``g (images, *element)``.

        Raises DomainError for a group of another degree, ShapeError for another shape, DtypeError where image and
        element have different dtypes.
        """
        if segments is not None:
            raise SchemaError("fields in a ragged batch", "images of one size", "pass them without segments")
        factor, part = G.factor("space"), G.part(g, "space")
        k = 2 if factor is None else factor.degree
        if x.ndim < k + 1:
            raise ShapeError(
                f"a field of shape {tuple(x.shape)}", f"(..., channels, {'depth, ' * (k > 2)}height, width)"
            )
        if factor is not None and part is not None:
            x = self._moved(factor, part, x, k)
        if self.rep.is_trivial(G):
            return x
        index = x.ndim - k - 1

        def over_cells(part: Tensor) -> Tensor:
            batch = part.ndim - (2 if part.is_floating_point() else 1)
            return part.reshape(*part.shape[:batch], *[1] * (index - batch + k), *part.shape[batch:])

        return self.rep.act(G, tree.tree_map(over_cells, g), x.movedim(index, -1)).movedim(-1, index)

    def rate(self, G: Group, A: Element, x: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        """d/dt ``exp(tA).x`` at t = 0, for a direction A of the algebra and images, one for each row.

        Slopes between cells are central differences: the derivative of the bilinear warp, to both sides alike.

        Raises DomainError for the mode "nearest", which does not move smoothly.

        >>> from isotropy.groups import T
        >>> ramp = torch.arange(5.0).expand(1, 1, 5, 5)  # shifted to the right by half a side it falls by 2.5
        >>> Field(fill="border").rate(T(2), T(2).algebra.basis[0].float(), ramp)[0, 0, 0].tolist()
        [-1.25, -2.5, -2.5, -2.5, -1.25]
        """
        factor, part = G.factor("space"), G.part(A, "space")
        k = 2 if factor is None else factor.degree
        result = torch.zeros_like(x)
        if factor is not None and part is not None and factor.dim:
            if self.mode == "nearest":
                raise DomainError(
                    f"the rate at which {G} moves {self}", "mode='bilinear'", "equivariance_error has none"
                )
            if x.ndim < k + 2:
                raise ShapeError(f"a field of shape {tuple(x.shape)}", "(rows, ..., channels, height, width)")
            images = x.reshape(len(x), -1, *x.shape[-k:])
            result = drift(images, rate_matrix(factor, part).to(x), self.fill).reshape(x.shape)
        if self.rep.is_trivial(G):
            return result
        rho = self.rep.drho(G, tree.tree_map(lambda a: a.to(x), A))
        index = x.ndim - k - 1
        return result + (x.movedim(index, -1) @ rho.mT).movedim(-1, index)

    def interpolation_error(self, G: Group, g: Element, x: Float[Tensor, ...]) -> Float[Tensor, " images"]:
        """How far each image comes back from being warped there and back, ``|g^-1 (g x) - x| / |x|``.

        Nothing about a function of images is known below this floor, unless its images are made anew for every element.

        >>> from isotropy.groups import C, SO
        >>> image = torch.zeros(1, 1, 9, 9)
        >>> image[..., 3:6, 3:6] = 1
        >>> turn = SO(2).from_coords(torch.tensor([[0.3]]))
        >>> float(Field().interpolation_error(SO(2), turn, image)) > 0.1
        True
        >>> float(Field().interpolation_error(C(4), C(4).elements(torch.float32)[1:2], image))
        0.0
        """
        back = self.act(G, G.inverse(g), self.act(G, g, x))
        return (back - x).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)

    def _moved(self, factor: Group, g: Tensor, x: Tensor, k: int) -> Tensor:
        sides = tuple(x.shape[-k:])
        if not g.is_floating_point() or k not in (2, 3):
            hint = "C(2), C(4), D(4), SO(2), Affine(GL+(2)) on images; groups of degree 3 on voxels"
            raise DomainError(f"{factor} of degree {factor.degree} on {self}", "a group of degree 2 or 3", hint)
        if permutes_cells(factor, sides):
            order = cell_order(sides, factor, g, f"a grid of {' x '.join(map(str, sides))}")
            order = order.reshape(*order.shape[:-1], *[1] * (x.ndim - k - order.ndim + 1), -1)
            return torch.take_along_dim(x.flatten(-k), order, -1).unflatten(-1, sides)
        if g.dtype != x.dtype:
            raise DtypeError(f"{g.dtype} elements of {factor} on {x.dtype} images", "one dtype", "pass dtype=x.dtype")
        if k == 3 and self.mode == "bicubic":
            raise DomainError("mode='bicubic' on voxels", "'bilinear' or 'nearest'", "")
        back = backward_matrix(factor, g)
        batch = g.ndim - 2
        lead = torch.broadcast_shapes(g.shape[:-2], x.shape[:batch])
        between = x.shape[batch:-k]
        images = x.expand(*lead, *x.shape[batch:]).reshape(-1, max(between.numel(), 1), *sides)
        matrices = back.expand(*lead, *back.shape[-2:]).reshape(-1, *back.shape[-2:])
        moved = warp(images, matrices, self.fill, self.mode, projective=factor.projective)
        return moved.reshape(*lead, *between, *sides)
