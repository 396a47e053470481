"""The Lie algebra of a group: a basis of matrices, its structure constants, and vectors for matrices and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._structure import Levi, Structure, derived_dims, jacobi_residual, killing, levi, lower_dims

Element: TypeAlias = Tensor | tuple[Tensor, ...]
"""A group element, or a batch of them: one tensor, or for a product over several spaces one tensor for each space."""


@dataclass(frozen=True, eq=False)
class LieAlgebra:
    """A Lie algebra spanned by ``basis (k, m, m)``, with ``[e_i, e_j] = sum_l structure[i, j, l] e_l``.

    For a product of groups on different spaces ``basis`` is a tuple of such tensors, one for each space, all with the
    same leading k; for a power it is ``(k, K, m, m)``. ``gap`` is the spectral gap that certifies the dimension where
    it was computed.

    An algebra that comes from equations is known by its structure: ``rational`` holds its constants as fractions,
    ``realisation`` its vector fields, ``basis`` is then the adjoint representation. ``central (k, k)`` is a cocycle:
    the bracket has ``central[i, j]`` times a central element besides. ``complete`` is False where a larger ansatz holds
    more, None where it may, and ``note`` says so in words. Elements that are no ``matrices`` (pairs, sampled functions)
    have a bracket by ``structure`` alone.

    >>> so3 = LieAlgebra.of([[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
    ...                      [[0, -1, 0], [1, 0, 0], [0, 0, 0]]])
    >>> so3.bracket(torch.tensor([1., 0, 0]), torch.tensor([0, 1., 0]))
    tensor([0., 0., 1.])
    >>> so3.is_closed()
    True
    """

    basis: Element
    structure: Float[Tensor, "k k k"]
    gap: float = math.inf
    central: Float[Tensor, "k k"] | None = None
    realisation: Sequence[Any] | None = None
    rational: Structure | None = None
    complete: bool | None = True
    note: str = ""
    matrices: bool = True

    @classmethod
    def abstract(
        cls,
        structure: Structure,
        *,
        central: Float[Tensor, "k k"] | None = None,
        realisation: Sequence[Any] | None = None,
        gap: float = math.inf,
        complete: bool | None = True,
        note: str = "",
    ) -> LieAlgebra:
        """The algebra with exact constants ``structure[i][j][l]``, its basis the adjoint matrices ``ad(e_i)``.

        Raises ShapeError unless the constants are k x k x k, DomainError unless they are antisymmetric, satisfy the
        Jacobi identity and, with ``central``, the cocycle condition.

        >>> heisenberg = [[[0, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, -1], [0, 0, 0], [0, 0, 0]], [[0, 0, 0]] * 3]
        >>> algebra = LieAlgebra.abstract(heisenberg)
        >>> algebra.nilpotent, algebra.semisimple, algebra.levi.radical
        (True, False, 3)
        """
        k = len(structure)
        if any(len(rows) != k or any(len(row) != k for row in rows) for rows in structure):
            raise ShapeError("structure constants of other sizes", f"({k}, {k}, {k})")
        exact = tuple(tuple(tuple(Fraction(value) for value in row) for row in rows) for rows in structure)
        floats = torch.tensor([[[float(v) for v in row] for row in rows] for rows in exact], dtype=torch.float64)
        floats = floats.reshape(k, k, k)
        worst = jacobi_residual(floats, central)
        if worst > 1e-9 * (1 + float(floats.abs().amax()) ** 2 if k else 1.0):  # rounding of products of two constants
            broken = f"structure constants that break a law by {worst:.2g}"
            raise DomainError(broken, "antisymmetric ones that satisfy the Jacobi identity")
        return cls(floats.mT, floats, gap, central, realisation, exact, complete, note)

    @classmethod
    def of(cls, basis: Element | Sequence[object], gap: float = math.inf) -> LieAlgebra:
        """The algebra with this basis (float64), its structure constants found by least squares.

        Raises ShapeError unless the basis is a stack of square matrices, DomainError when it is linearly dependent.
        """
        if not isinstance(basis, Tensor) and not (isinstance(basis, tuple) and isinstance(basis[0], Tensor)):
            basis = torch.as_tensor(basis, dtype=torch.float64)
        blocks = tuple(b.double() for b in _blocks(basis))  # type: ignore[arg-type]
        for block in blocks:
            if block.ndim not in (3, 4) or block.shape[-2] != block.shape[-1]:
                raise ShapeError(f"a basis of shape {tuple(block.shape)}", "(k, m, m)", "stack the generators")
        flat = torch.cat([b.flatten(1) for b in blocks], dim=1)
        k = len(flat)
        if k and int(torch.linalg.matrix_rank(flat, rtol=1e-10)) < k:
            raise DomainError("a linearly dependent basis", "independent generators", "leave the superfluous ones out")
        brackets = torch.cat([_brackets(b).flatten(2) for b in blocks], dim=2)
        structure = brackets @ torch.linalg.pinv(flat) if k else flat.new_zeros(0, 0, 0)
        whole = blocks[0] if len(blocks) == 1 else blocks
        return cls(whole, torch.where(structure.abs() < 1e-14, 0.0, structure), gap)

    @property
    def dim(self) -> int:
        """The number of generators."""
        return len(self._parts[0])

    @cached_property
    def _parts(self) -> tuple[Tensor, ...]:
        return _blocks(self.basis)

    @cached_property
    def _flat(self) -> Tensor:
        return torch.cat([b.flatten(1) for b in self._parts], dim=1)

    @cached_property
    def _dual(self) -> Tensor:
        return torch.linalg.pinv(self._flat) if self.dim else self._flat.mT

    def hat(self, v: Float[Tensor, "... k"]) -> Element:
        """The algebra element with coordinates ``v (..., k)``, a matrix ``(..., m, m)`` (a tuple for a product).

        >>> LieAlgebra.of([[[0., -1], [1, 0]]]).hat(torch.tensor([2.]))
        tensor([[ 0., -2.],
                [ 2.,  0.]])
        """
        parts = tuple(torch.tensordot(v, b.to(v), dims=1) for b in self._parts)
        return parts[0] if len(parts) == 1 else parts

    def vee(self, A: Element, tol: float | None = None) -> Float[Tensor, "... k"]:
        """The coordinates ``(..., k)`` of algebra elements ``(..., m, m)``; the inverse of ``hat``.

        Raises DomainError when an element lies outside the span by more than ``tol`` of its size (1e-6 in float64, 1e-4
        in float32), and for an algebra whose adjoint representation forgets its centre.
        """
        if self.rational is not None and not self._faithful:
            raise DomainError("adjoint matrices of an algebra with a centre", "a matrix algebra", "use coordinates")
        each = zip(_blocks(A), self._parts, strict=True)
        flat = torch.cat([a.flatten(1 - basis.ndim) for a, basis in each], dim=-1)
        tol = tol if tol is not None else (1e-6 if flat.dtype == torch.float64 else 1e-4)
        v = flat @ self._dual.to(flat)
        distance = torch.linalg.vector_norm((v @ self._flat.to(flat) - flat).detach(), dim=-1)
        size = torch.linalg.vector_norm(flat.detach(), dim=-1)
        if bool((distance > tol * (1 + size)).any()):
            worst = float(distance.max())
            raise DomainError(f"a matrix at distance {worst:.2g} from the algebra", "an element of the algebra", "")
        return v

    @cached_property
    def _faithful(self) -> bool:
        return int(torch.linalg.matrix_rank(self._flat, rtol=1e-10)) == self.dim

    @cached_property
    def _constants(self) -> Structure | Tensor:
        if not bool(torch.isfinite(self.structure).all()):
            raise DomainError("fields whose brackets leave their span", "an algebra", "ask for a larger ansatz")
        return self.structure if self.rational is None else self.rational

    @property
    def killing(self) -> Float[Tensor, "k k"]:
        """The Killing form, tr(ad e_i ad e_j).

        >>> LieAlgebra.of([[[0., -1], [1, 0]]]).killing.tolist()
        [[0.0]]
        """
        return killing(self.structure)

    @cached_property
    def solvable(self) -> bool:
        """Whether the derived series ends in 0; exact where the constants are."""
        return derived_dims(self._constants)[-1] == 0

    @cached_property
    def nilpotent(self) -> bool:
        """Whether the lower central series ends in 0; exact where the constants are."""
        return lower_dims(self._constants)[-1] == 0

    @property
    def semisimple(self) -> bool:
        """Whether there is no solvable ideal but 0 (Cartan's criterion), and something else."""
        return self.dim > 0 and self.levi.radical == 0

    @cached_property
    def levi(self) -> Levi:
        """The dimensions of the Levi decomposition: of a semisimple subalgebra, and of the radical beside it."""
        return levi(self._constants)

    def bracket(self, u: Float[Tensor, "... k"], v: Float[Tensor, "... k"]) -> Float[Tensor, "... k"]:
        """The coordinates of ``[hat(u), hat(v)]``."""
        return torch.einsum("...i,...j,ijl->...l", u, v, self.structure.to(u))

    def ad(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "... k k"]:
        """The matrix of ``u -> [v, u]`` in coordinates."""
        return torch.einsum("...i,ijl->...lj", v, self.structure.to(v))

    def is_closed(self, tol: float = 1e-9) -> bool:
        """Whether every bracket of two generators lies in the span, to ``tol`` of the size of the generators."""
        if not self.dim:
            return True
        if self.rational is not None or not self.matrices:
            if self.complete is False and not self.matrices:
                return False
            return jacobi_residual(self.structure, None) <= tol * (1 + float(self.structure.abs().amax()) ** 2)
        brackets = torch.cat([_brackets(b).flatten(2) for b in self._parts], dim=2)
        distance = torch.linalg.vector_norm(brackets - self.structure @ self._flat, dim=-1).max()
        return bool(distance <= tol * (1 + self._flat.square().sum(-1).max()))


def _blocks(x: Element) -> tuple[Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def _brackets(b: Float[Tensor, "k *parts m m"]) -> Float[Tensor, "k k *parts m m"]:
    products = b[:, None] @ b[None, :]
    return products - products.transpose(0, 1)
