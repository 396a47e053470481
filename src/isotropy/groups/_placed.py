"""A group placed in space: acting about an axis (``O(2)@z``), or conjugated by a matrix."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups._affine import homogeneous
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._built import Built
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, close, matrix
from isotropy.groups._rotations import AXES, SO, O, axis_frame, axis_numbers, axis_text, canonical_axis

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, repr=False)
class MovedGroup(Built, LinearGroup):
    """A group ``h (base + identity on the rest) h^-1``: what `Placed` and `Conjugate` have in common."""

    base: LinearGroup

    @cached_property
    def frame(self) -> Float[Tensor, "m m"]:
        """The matrix h; the coordinates that the base acts on are its first columns."""
        return self._frame()

    @abstractmethod
    def _frame(self) -> Tensor: ...

    @cached_property
    def _frame_inverse(self) -> Tensor:
        return torch.linalg.inv(self.frame)

    def _push(self, g: Tensor, rest: float = 1.0) -> Tensor:
        """From the base: a group element (rest = 1) or an element of the algebra (rest = 0)."""
        extra = self.size - self.base.size
        if extra:
            g = torch.nn.functional.pad(g, (0, extra, 0, extra))
            g = g + rest * torch.diag(torch.tensor([0.0] * self.base.size + [1.0] * extra)).to(g)
        return self.frame.to(g) @ g @ self._frame_inverse.to(g)

    def _pull(self, g: Tensor) -> Tensor:
        inner = self._frame_inverse.to(g) @ g @ self.frame.to(g)
        return inner[..., : self.base.size, : self.base.size]

    @property
    def affine(self) -> bool:
        return self.base.affine

    def on(self, space: str) -> LinearGroup:
        base = self.base.on(space)
        assert isinstance(base, LinearGroup)
        return replace(self, base=base)

    def _algebra(self) -> LieAlgebra:
        basis = self._push(matrix(self.base.algebra.basis), rest=0.0)
        return LieAlgebra(torch.where(basis.abs() < 1e-15, 0.0, basis), self.base.algebra.structure)

    def _discrete(self) -> Tensor:
        return self._push(matrix(self.base.discrete))

    def _components(self) -> Tensor:
        return self._push(self.base.components)

    def _enumerate(self) -> Tensor:
        return self._push(matrix(self.base.elements()))

    def inverse(self, g: Element) -> Tensor:
        return matrix(g).mT if self.orthogonal else self._push(self.base.inverse(self._pull(matrix(g))))

    def exp(self, A: Element) -> Tensor:
        return self._push(self.base.exp(self._pull(matrix(A))))

    def log(self, g: Element) -> Tensor:
        return self._push(self.base.log(self._pull(matrix(g))), rest=0.0)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        return self.base.coords(self._pull(matrix(g)))

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        return self._push(matrix(self.base.from_coords(v)))

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        return self.base.haar_log_density(v)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        inner = self._pull(g)
        size = g.abs().amax((-2, -1), keepdim=True).clamp_min(1.0)
        return close((self._push(inner) - g) / size, 0.0, tol * self._looseness) & self.base.contains(
            inner, tol * self._looseness
        )

    @property
    def _looseness(self) -> float:
        return 1.0

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return self._push(matrix(self.base._haar(count, generator)))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return self._push(self.base._random_component(count, generator))


@dataclass(frozen=True, repr=False)
class Placed(MovedGroup):
    """A group of degree k acting on the orthogonal complement of ``axis`` in R^(k+1); written ``O(2)@z``.

    The complement of a coordinate axis has the other axes, in cyclic order, for its basis; that of another axis has
    the basis of the last coordinate axis turned the short way. So SO(2)@z turns x towards y.
    """

    axis: tuple[float, ...]

    @property
    def name(self) -> str:
        base = f"({self.base.name})" if " " in self.base.name else self.base.name
        return f"{base}@{axis_text(self.axis)}"

    @property
    def degree(self) -> int:
        return self.base.degree + 1

    @property
    def orthogonal(self) -> bool:
        return self.base.orthogonal

    @property
    def generator_names(self) -> tuple[str, ...]:
        names, d = self.base.generator_names, self.degree
        if self.base == SO(2) or self.base == O(2):
            return (f"rotation about {axis_text(self.axis)}",)
        if d <= 3 and sorted(self.axis) == [0.0] * (d - 1) + [1.0]:
            at = self.axis.index(1.0)
            turned = {AXES[i]: AXES[(at + 1 + i) % d] for i in range(d - 1)}
            words = [" ".join(turned.get(word, word) for word in name.split()) for name in names]
            return tuple("rotation about " + AXES[at] if w == "rotation" else w for w in words)
        return tuple(f"{name}, about {axis_text(self.axis)}" for name in names)

    def _frame(self) -> Tensor:
        basis = axis_frame(self.axis)
        if not self.affine:
            return basis
        # Rows: the coordinates of space, then the homogeneous 1. Columns: the complement, the 1, the axis.
        d = self.degree
        return homogeneous(basis)[:, [*range(d - 1), d, d - 1]]


@dataclass(frozen=True, repr=False)
class Conjugate(MovedGroup):
    """The group ``h G h^-1``, written ``G.conjugate(h)``."""

    by: Matrix

    @property
    def name(self) -> str:
        base = f"({self.base.name})" if " " in self.base.name else self.base.name
        return f"{base}.conjugate({[list(row) for row in self.by]})"

    @property
    def orthogonal(self) -> bool:
        return self.base.orthogonal and is_similarity(self.frame)

    @property
    def generator_names(self) -> tuple[str, ...]:
        return tuple(f"{name}, conjugated" for name in self.base.generator_names)

    def _frame(self) -> Tensor:
        return torch.tensor(self.by, dtype=torch.float64)

    @property
    def _looseness(self) -> float:
        # Going to the coordinates of the base may magnify rounding by the condition of h.
        return float(torch.linalg.cond(self.frame))


def place(group: Group, axis: str | Sequence[float] | Tensor) -> LinearGroup:
    """``group @ axis``; raises DomainError for permutations and zero axes, ShapeError for an axis of the wrong length.

    >>> place(O(2), (0, 0, -2)) == O(2) @ "z"
    True
    """
    if not isinstance(group, LinearGroup):
        raise DomainError(f"{group}", "a group of matrices", f'write {group}.on("space") for permutation matrices')
    d = group.degree + 1
    numbers = axis_numbers(axis, d, str(group), f"{group} acts about an axis of R^{d}")
    if len(numbers) != d:
        raise ShapeError(
            f"an axis of {counted(len(numbers), 'number')} for {group}", counted(d, "number"), "degree + 1 of them"
        )
    return Placed(group, canonical_axis(numbers))


def conjugate(group: Group, h: Tensor | Sequence[Sequence[float]]) -> LinearGroup:
    """``h G h^-1`` in its simplest form: G itself where h normalises it, G@(h axis) for a turned axis.

    Raises DomainError for permutations and singular matrices, ShapeError for a matrix of another size.

    >>> conjugate(O(2) @ "z", [[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    O(2)@x
    """
    if not isinstance(group, LinearGroup):
        raise DomainError(f"{group}", "a group of matrices", f'write {group}.on("space") for permutation matrices')
    H = torch.as_tensor(h, dtype=torch.float64).detach().cpu()
    # A linear map may be given for a group with translations.
    H = homogeneous(H) if group.affine and H.shape == (group.degree, group.degree) else H
    if H.shape != (group.size, group.size):
        raise ShapeError(f"h of shape {tuple(H.shape)}", f"({group.size}, {group.size})", "")
    if not bool(H.isfinite().all()) or not float(torch.linalg.cond(H)) <= 1e10:
        raise DomainError("a matrix h that is singular, or almost", "an invertible matrix", "")
    if isinstance(group, Conjugate):
        return conjugate(group.base, H @ group.frame)
    if normalises(H, group):
        return group
    if isinstance(group, Placed) and not group.affine and is_similarity(H):
        Q = H / H.det().abs() ** (1 / len(H))
        turned = Placed(group.base, canonical_axis(tuple((Q @ group.frame[:, -1]).tolist())))
        inner = turned.frame.mT @ Q @ group.frame
        if normalises(inner[:-1, :-1], group.base):
            return turned
    return Conjugate(group, tuple(tuple(row) for row in H.tolist()))


def normalises(h: Float[Tensor, "m m"], group: LinearGroup) -> bool:
    """Whether ``h G h^-1 = G``, decided on generators."""
    inverse = torch.linalg.inv(h)
    tol = 1e-10 * float(torch.linalg.cond(h))
    basis = h @ matrix(group.algebra.basis) @ inverse
    if group.dim and not bool(close(group._on_algebra(basis) - basis, 0.0, tol).all()):
        return False
    return bool(group.contains(h @ matrix(group.discrete) @ inverse, tol).all())


def is_similarity(h: Tensor) -> bool:
    """Whether h is a multiple of an orthogonal matrix."""
    gram = h.mT @ h
    scale = gram.diagonal().mean()
    return bool(((gram / scale - torch.eye(len(h), dtype=h.dtype)).abs() <= 1e-12).all())
