"""Affine maps with a given linear part, and shears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups._affine import T, homogeneous, is_affine, linear, translation, translation_basis
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._built import Built
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, NamedGroup, Turns, check_log, close, matrix
from isotropy.groups._rotations import axis_frame, axis_numbers, axis_text, canonical_axis


@dataclass(frozen=True, repr=False)
class Affine(Built, LinearGroup):
    """The maps ``x -> A x + t`` of R^n with A in a group ``base`` of matrices; coordinates are those of A, then t.

    Left Haar measure is ``|det A|^-1 dt dA``, right Haar measure ``dt dA``, dA that of the base. Raises DomainError
    for a base that has translations already, or permutes.

    >>> from isotropy.groups import parse
    >>> plane = Affine(parse("GL+(2)"))
    >>> plane, plane.dim, plane.unimodular
    (Affine(GL+(2)), 6, False)
    """

    base: LinearGroup

    def __post_init__(self) -> None:
        # The annotation is a promise of the caller, which text and plain Python may break.
        base: object = self.base
        if not isinstance(base, LinearGroup) or base.affine or base.size != base.degree:
            hint = "Affine(GL+(2)); SE(n), E(n) and Similarity(n) are groups with translations already"
            raise DomainError(f"Affine({base})", "a group of linear maps", hint)
        super().__post_init__()

    @property
    def name(self) -> str:
        return f"Affine({self.base})"

    @property
    def order(self) -> int | None:
        return None

    @property
    def compact(self) -> bool:
        return False

    @property
    def affine(self) -> bool:
        return True

    @property
    def unimodular(self) -> bool:
        traces = matrix(self.base.algebra.basis).diagonal(dim1=-2, dim2=-1).sum(-1)
        return self.base.unimodular and bool((traces.abs() < 1e-12).all())

    @property
    def turns(self) -> Turns | None:
        turns = self.base.turns
        return None if turns is None else replace(turns, size=turns.size + 1)

    @property
    def generator_names(self) -> tuple[str, ...]:
        return self.base.generator_names + T(self.degree).generator_names

    def on(self, space: str) -> Group:
        return replace(self, base=self.base.on(space))

    def _algebra(self) -> LieAlgebra:
        linear_part = torch.nn.functional.pad(matrix(self.base.algebra.basis), (0, 1, 0, 1))
        return LieAlgebra.of(torch.cat([linear_part, translation_basis(self.degree)]))

    def _discrete(self) -> Tensor:
        return homogeneous(matrix(self.base.discrete))

    def _components(self) -> Tensor:
        return homogeneous(self.base.components)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_affine(g, tol) & self.base._contains(linear(g), tol)

    def inverse(self, g: Element) -> Tensor:
        return _inverse(matrix(self.base.inverse(linear(matrix(g)))), translation(matrix(g)))

    def log(self, g: Element) -> Tensor:
        check_log(self, self.contains(g), self._instead_of_log)
        # A half turn has to be found on the linear part: as a homogeneous matrix it may look further from one.
        self.base.log(linear(matrix(g)))
        return super().log(g)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        g = matrix(g)
        return torch.cat([self.base.coords(linear(g)), translation(g)], -1)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        return homogeneous(matrix(self.base.from_coords(v[..., : self.base.dim])), v[..., self.base.dim :])

    def inverse_from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        A = matrix(self.base.inverse_from_coords(v[..., : self.base.dim]))
        return _inverse(A, v[..., self.base.dim :])

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of left Haar measure ``|det A|^-1 dt dA``; the determinant is that of the factors of A."""
        w = v[..., : self.base.dim]
        traces = matrix(self.base.algebra.basis).diagonal(dim1=-2, dim2=-1).sum(-1)
        return self.base.haar_log_density(w) - w @ traces.to(w)

    def log_modulus(self, g: Element) -> Float[Tensor, ...]:
        A = linear(matrix(g))
        return torch.linalg.slogdet(A).logabsdet + self.base.log_modulus(A)


def _inverse(A: Float[Tensor, "... d d"], t: Float[Tensor, "... d"]) -> Float[Tensor, "... m m"]:
    """The inverse of ``x -> A^-1 x + t``."""
    return homogeneous(A, -(A @ t[..., None])[..., 0])


@dataclass(frozen=True, repr=False)
class Shear(NamedGroup, symbol="Shear", compact=False):
    """The shears of R^n along an axis a, ``x -> x + (w.x) a`` with w across a: ``Shear(2)@x``, along x unless told.

    Coordinates are those of w across the axis; in the plane 1 is a shear by 45 degrees. The axis lies in the space that
    is sheared, while that of ``O(2)@z`` adds a dimension to it.

    >>> (Shear(2) @ "x").from_coords(torch.tensor([0.5])).tolist()
    [[1.0, 0.5], [0.0, 1.0]]
    >>> Shear(2) @ "y", Shear(2) == Shear(2) @ (1, 0)
    (Shear(2)@y, True)
    """

    axis: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 2:
            raise DomainError(f"Shear({self.n})", "a space of at least 2 dimensions", "e.g. Shear(2)")
        axis = self.axis or (1.0,) + (0.0,) * (self.n - 1)
        if len(axis) != self.n:
            raise ShapeError(
                f"an axis of {counted(len(axis), 'number')} for Shear({self.n})", counted(self.n, "number"), ""
            )
        object.__setattr__(self, "axis", canonical_axis(axis))

    @property
    def name(self) -> str:
        space = "" if self.space == "space" else f'.on("{self.space}")'
        return f"Shear({self.n})@{axis_text(self.axis)}{space}"

    def __matmul__(self, axis: str | Sequence[float] | Tensor) -> Group:
        return replace(self, axis=axis_numbers(axis, self.n, f"Shear({self.n})"))

    @property
    def generator_names(self) -> tuple[str, ...]:
        along = f"shear along {axis_text(self.axis)}"
        return (along,) if self.n == 2 else tuple(f"{along}, {i + 1}" for i in range(self.n - 1))

    def _algebra(self) -> LieAlgebra:
        frame = axis_frame(self.axis)
        across = frame[:, :-1].mT
        if self.n == 2:
            # Positive shears push what lies up (for y: to the right) forwards.
            across = across * across[0][across[0].abs().argmax()].sign()
        return LieAlgebra.of(frame[:, -1][None, :, None] * across[:, None, :])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        size = g.abs().amax((-2, -1)).clamp_min(1.0)[..., None, None]
        return close((g - one - self._on_algebra(g - one)) / size, 0.0, tol)

    def exp(self, A: Element) -> Tensor:
        return matrix(A) + torch.eye(self.n, dtype=matrix(A).dtype, device=matrix(A).device)

    def log(self, g: Element) -> Tensor:
        g = matrix(g)
        check_log(self, self.contains(g))
        return self._on_algebra(g - torch.eye(self.n, dtype=g.dtype, device=g.device))

    def inverse(self, g: Element) -> Tensor:
        g = matrix(g)
        return 2 * torch.eye(self.n, dtype=g.dtype, device=g.device) - g
