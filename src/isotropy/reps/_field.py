"""Images and voxels: values on a grid, which a group moves together with their places."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import Element, Group
from isotropy.linalg import Segments
from isotropy.reps._atoms import Scalar
from isotropy.reps._pixels import cell_order
from isotropy.reps._rep import Rep


@dataclass(frozen=True)
class Field:
    """One value of type ``rep`` at each cell of a grid: images ``(..., C, H, W)``, or voxels ``(..., C, D, H, W)``.

    C is the dimension of ``rep``, and (g.f)(u) = rho(g) f(g^-1 u), the induced representation. Coordinates are in
    [-1, 1]^k: x points right, y up, z with the slices, and positive angles turn counter-clockwise as displayed. Groups
    of degree 2 act on images, of degree 3 on voxels, exactly: finite ones that permute the centres of the cells, as
    D(4) on squares, C(2) and O(1)@x on rectangles, and signed permutation matrices on voxels do.

    Raises SchemaError for Points, which have no values at cells. Source: CORE §3.

    >>> from isotropy.groups import C
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> Field().act(C(4), quarter, image).tolist()
    [[[[2.0, 4.0], [1.0, 3.0]]]]
    """

    rep: Rep = Scalar

    def __post_init__(self) -> None:
        if any(part.term.affine for part in self.rep.parts()):
            raise SchemaError(f"a field of {self.rep}", "a linear type", "differences of Points are Vectors")

    def __str__(self) -> str:
        return f"Field({self.rep})"

    def act(
        self, G: Group, g: Element, x: Shaped[Tensor, "*index"], segments: Segments | None = None
    ) -> Shaped[Tensor, "*index"]:
        """``g.x`` with one element per image, ``g (images, *element)``.

        Raises DomainError for a group that is not finite or does not keep the grid, ShapeError for another shape.
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
            self._refuse(factor)
            sides = tuple(x.shape[-k:])
            order = cell_order(sides, factor, part, f"a grid of {' x '.join(map(str, sides))}")
            order = order.reshape(*order.shape[:-1], *[1] * (x.ndim - k - order.ndim + 1), -1)
            x = torch.take_along_dim(x.flatten(-k), order, -1).unflatten(-1, sides)
        if self.rep.is_trivial(G):
            return x
        index = x.ndim - k - 1

        def spread(part: Tensor) -> Tensor:
            batch = part.ndim - (2 if part.is_floating_point() else 1)
            return part.reshape(*part.shape[:batch], *[1] * (index - batch + k), *part.shape[batch:])

        return self.rep.act(G, tree.tree_map(spread, g), x.movedim(index, -1)).movedim(-1, index)

    def _refuse(self, factor: Group) -> None:
        """Between the cells there is nothing: turning an image by any angle would be an interpolation."""
        if not factor.finite:
            raise DomainError(
                f"{factor} on {self}, whose cells it does not permute",
                "a finite group such as C(4) or D(4) on images",
                "its finite subgroups act exactly; fields that are interpolated are not built yet",
            )
