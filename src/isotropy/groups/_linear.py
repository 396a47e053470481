"""Groups whose elements are matrices, and the checks that they share."""

import math
import operator
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, LogUndefinedError, ShapeError, counted
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._exponential import eigenvalues, matrix_log
from isotropy.groups._group import Group


@dataclass(frozen=True)
class Turns:
    """The rotations in a chart: ``from_coords(v) = from_coords(v with zeros there) @ rotation``.

    ``group`` is SO(m), ``coordinates`` are those of the rotation, which acts on m rows from ``row`` on, of ``size``.
    """

    group: Any
    coordinates: slice
    row: int
    size: int

    def placed(self, R: Float[Tensor, "... m m"]) -> Float[Tensor, "... n n"]:
        """The rotation as an element of the whole group."""
        after = self.size - self.row - R.shape[-1]
        if not self.row and not after:
            return R
        whole = torch.nn.functional.pad(R, (self.row, after, self.row, after))
        rest = torch.ones(self.size, dtype=R.dtype, device=R.device)
        rest[self.row : self.row + R.shape[-1]] = 0
        return whole + torch.diag(rest)


class LinearGroup(Group):
    """A group of matrices ``(..., m, m)``, with m = degree, or degree + 1 where there are translations."""

    @property
    def orthogonal(self) -> bool:
        """Whether all elements are orthogonal matrices."""
        return False

    @property
    def size(self) -> int:
        """The number of rows of an element."""
        return self.degree + self.affine

    @property
    def component_count(self) -> int:
        return self.order or len(self.components)

    @cached_property
    def components(self) -> Float[Tensor, "c m m"]:
        """One element of each connected component, the identity first."""
        return self._components()

    @property
    def turns(self) -> Turns | None:
        """Where the rotations of the chart are, None for a chart that has no rotation as its last factor."""
        return None

    @property
    def _instead_of_log(self) -> str:
        """What there is for elements without a logarithm: coordinates, where the chart is of the whole group."""
        # Those of rotations in more than three dimensions are logarithms, and other components have no chart.
        whole = self.turns is not None and self.turns.group.n <= 3 and self.component_count == 1
        return "coords(g) are defined for every element" if whole else ""

    def _components(self) -> Tensor:
        if self.finite:
            elements = self.elements()
            assert isinstance(elements, Tensor)
            return elements
        return torch.eye(self.size, dtype=torch.float64)[None]

    def _enumerate(self) -> Tensor:
        """The elements of a group of one or two; larger ones say how they are listed."""
        return torch.cat([torch.eye(self.size, dtype=torch.float64)[None], self._discrete()]) + 0.0

    def _discrete(self) -> Tensor:
        return torch.zeros(0, self.size, self.size, dtype=torch.float64)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.zeros(0, self.size, self.size, dtype=torch.float64))

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        return torch.eye(self.size, dtype=dtype, device=device).expand(*batch, -1, -1).clone()

    def compose(self, g: Element, h: Element) -> Tensor:
        return matrix(g) @ matrix(h)

    def inverse(self, g: Element) -> Tensor:
        return matrix(g).mT if self.orthogonal else torch.linalg.inv(matrix(g))

    def exp(self, A: Element) -> Tensor:
        return torch.linalg.matrix_exp(matrix(A))

    def log(self, g: Element) -> Tensor:
        log, exists = matrix_log(matrix(g))
        A = torch.where(exists[..., None, None], log, 0.0)
        inside = self._on_algebra(A)
        size = A.detach().abs().amax((-2, -1))
        distance = (inside - A).detach().abs().amax((-2, -1))
        check_log(self, exists & (distance <= tolerance(matrix(g)) * (1 + size)), self._instead_of_log)
        return inside.to(matrix(g).dtype)

    def _on_algebra(self, A: Tensor) -> Tensor:
        """The orthogonal projection of matrices on the algebra."""
        algebra = self.algebra
        return matrix(algebra.hat(A.flatten(-2) @ algebra._dual.to(A)))

    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        g = matrix(g)
        moved = g[..., None, :, :] @ matrix(self.algebra.basis).to(g) @ self.inverse(g)[..., None, :, :]
        return self.algebra.vee(moved).mT

    def push(self, g: Element, A: Element) -> Tensor:
        return matrix(g) @ matrix(A) @ self.inverse(g)

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, "..."]:
        g = matrix(g)
        if g.shape[-2:] != (self.size, self.size):
            raise ShapeError(f"elements of shape {tuple(g.shape)}", f"(..., {self.size}, {self.size}) for {self}", "")
        return self._contains(g, tolerance(g, tol)) & g.isfinite().flatten(-2).all(-1)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of left Haar measure in the coordinates v, up to a constant unless the group fixes it.

        It is -inf outside the chart, where an element would be counted a second time: for principal logarithms where
        an eigenvalue turns by more than pi. A group with no chart of all of it is covered by the chart in part.
        """
        density = super().haar_log_density(v)
        A = matrix(self.algebra.hat(v.double()))
        turns = eigenvalues(A).imag.abs().amax(-1) if self.dim else torch.zeros(v.shape[:-1])
        return torch.where((turns > math.pi).to(v.device), -math.inf, density)

    @abstractmethod
    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]: ...

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(self.components), (count,), generator=generator, device=generator.device)
        return self.components.to(generator.device)[which]


@dataclass(frozen=True, repr=False)
class NamedGroup(LinearGroup):
    """A group known by a symbol and a number, as SO(3); its traits hold for every number."""

    n: int
    space: str = "space"
    symbol: ClassVar[str] = ""
    least: ClassVar[int] = 1

    def __init_subclass__(cls, symbol: str = "", **traits: bool) -> None:
        """The symbol of a class of groups, and the traits in which it differs from the class that it is made from."""
        super().__init_subclass__()
        cls.symbol = symbol
        for trait, holds in traits.items():
            setattr(cls, trait, holds)

    def __post_init__(self) -> None:
        check_size(self.symbol, self.n, self.least)

    @property
    def name(self) -> str:
        return f"{self.symbol}({self.n})" + ("" if self.space == "space" else f'.on("{self.space}")')

    @property
    def degree(self) -> int:
        return self.n

    @property
    def order(self) -> int | None:
        return None

    def on(self, space: str) -> Group:
        return replace(self, space=space)


def matrix(g: Element) -> Tensor:
    """The one tensor of an element of a matrix group; raises ShapeError for the tuple of a product."""
    if isinstance(g, tuple):
        raise ShapeError(f"a tuple of {counted(len(g), 'part')}", "one matrix", "this group acts on one space")
    return g


def check_log(group: Group, exists: Bool[Tensor, "..."], hint: str = "") -> None:
    """Raise LogUndefinedError, naming the first element, unless all logarithms exist; ``hint``: what to ask instead."""
    if not bool(exists.all()):
        first = (~exists).flatten().nonzero()[0].item()
        why = "elements outside the identity component, and half turns, have no unique logarithm"
        hint = f"{why}; {hint}" if hint else why
        raise LogUndefinedError(f"element {first} of {group}", "one with a unique principal logarithm", hint)


def check_size(name: str, n: int, least: int = 1) -> None:
    """Raise DomainError unless ``n`` is an integer of at least ``least``."""
    if isinstance(n, bool) or operator.index(n) < least:
        raise DomainError(f"{name}({n})", f"an integer of at least {least}", f"e.g. {name}({max(3, least)})")


def tolerance(g: Tensor, tol: float | None = None) -> float:
    """What entries may be off: ``tol`` where it is given, else 1e-9 in float64 and 1e-4 in float32."""
    return tol if tol is not None else 1e-9 if g.dtype == torch.float64 else 1e-4


def close(A: Tensor, B: Tensor | float, tol: float) -> Bool[Tensor, "..."]:
    """Whether two stacks of matrices agree entrywise to ``tol``."""
    return ((A - B).abs() <= tol).flatten(-2).all(-1)
