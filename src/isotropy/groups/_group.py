"""What every group can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._exponential import eigenvalues
from isotropy.groups._measure import Measure, cast

MOST_ELEMENTS = 100_000
"""The largest finite group whose elements are listed."""


class Group(ABC):
    """A group and its action on the vectors of a space; frozen, hashable, and ``parse(str(G)) == G``.

    Elements are tensors: matrices ``(..., d, d)``, homogeneous ``(..., d+1, d+1)`` for groups with translations,
    permutations ``(..., n)`` int64, tuples of these for a product over several spaces; of infinite dimension: sampled
    functions ``(..., N)``. Verbs broadcast over batch axes.
    """

    space: str
    """What the group acts on: "space" for matrices, "nodes" for permutations, or a name given by ``.on``."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The group as mathematicians write it."""

    @property
    @abstractmethod
    def degree(self) -> int:
        """The dimension of the defining vectors, or the number of nodes."""

    @property
    @abstractmethod
    def order(self) -> int | None:
        """The number of elements, None for an infinite group."""

    @property
    def compact(self) -> bool:
        """Whether Haar measure is a probability."""
        return True

    @property
    def locally_compact(self) -> bool:
        """Whether there is a Haar measure: in infinite dimension there is none, and ``algebra`` is a part."""
        return True

    @property
    def written(self) -> bool:
        """Whether the name can be read again by `parse`."""
        return True

    @property
    def tolerance(self) -> float:
        """To what accuracy laws hold in float64; 0, that of rounding, unless elements are sampled functions."""
        return 0.0

    @property
    def affine(self) -> bool:
        """Whether elements are homogeneous matrices, which translate Points; a product over spaces asks its factors."""
        return False

    @property
    def projective(self) -> bool:
        """Whether elements act by homogeneous matrices and a division, as homographies do."""
        return False

    @property
    def unimodular(self) -> bool:
        """Whether left and right Haar measure agree."""
        return True

    @cached_property
    def algebra(self) -> LieAlgebra:
        """The Lie algebra, in float64 on the CPU."""
        return _algebra_of(self)

    @cached_property
    def discrete(self) -> Element:
        """Generators ``(m, *element)`` outside the identity component, in float64 on the CPU."""
        return self._discrete()

    @abstractmethod
    def _algebra(self) -> LieAlgebra: ...

    @abstractmethod
    def _discrete(self) -> Element: ...

    @property
    def generators(self) -> tuple[Element, Element]:
        """``(algebra.basis, discrete)``: together they generate the group."""
        return self.algebra.basis, self.discrete

    @property
    def generator_names(self) -> tuple[str, ...]:
        """What each generator of the algebra does, in words."""
        return tuple(f"generator {i + 1}" for i in range(self.dim))

    @property
    def dim(self) -> int:
        """The dimension of the group as a manifold."""
        return self.algebra.dim

    @property
    def component_count(self) -> int:
        """The number of connected components."""
        return self.order or 1

    @property
    def finite(self) -> bool:
        return self.order is not None

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces acted on, one for each part of an element."""
        return (self.space,)

    def factor(self, space: str) -> Group | None:
        """The part of the group that acts on ``space``, None where it acts trivially."""
        return self if space == self.space else None

    def part(self, g: Element, space: str) -> Tensor | None:
        """The part of the element ``g`` that acts on ``space``, None where it acts trivially."""
        if space not in self.spaces:
            return None
        return g[self.spaces.index(space)] if isinstance(g, tuple) else g

    # What elements do.
    @abstractmethod
    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Element:
        """The neutral element, ``(*batch, *element)``."""

    @abstractmethod
    def compose(self, g: Element, h: Element) -> Element:
        """The product gh: first h acts, then g."""

    @abstractmethod
    def inverse(self, g: Element) -> Element:
        """The inverse."""

    @abstractmethod
    def exp(self, A: Element) -> Element:
        """The exponential of an element of the algebra."""

    @abstractmethod
    def log(self, g: Element) -> Element:
        """The principal logarithm, an element of the algebra; raises LogUndefinedError where there is none."""

    @abstractmethod
    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, ...]:
        """Whether ``g`` is an element, to ``tol`` (1e-9 in float64, 1e-4 in float32)."""

    @abstractmethod
    def adjoint(self, g: Element) -> Float[Tensor, "... k k"]:
        """The matrix of ``A -> g A g^-1`` in the coordinates of the algebra."""

    def push(self, g: Element, A: Element) -> Element:
        """The element ``Ad_g A`` of the algebra, g A g^-1 for matrices."""
        v = self.algebra.vee(A)
        return self.algebra.hat((self.adjoint(g).to(v) @ v[..., None])[..., 0])

    # A chart of the identity component, and the Haar density in it.
    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        """Coordinates of elements of the identity component: the principal logarithm unless the group has others."""
        return self.algebra.vee(self.log(g))

    def from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        """The element with these coordinates."""
        return self.exp(self.algebra.hat(v))

    def inverse_from_coords(self, v: Float[Tensor, "... k"]) -> Element:
        """The inverse of ``from_coords(v)``, from its factors where the chart has any."""
        return self.inverse(self.from_coords(v))

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of left Haar measure in the coordinates v, up to a constant unless the group fixes it.

        In exponential coordinates it is ``det((1 - e^-ad)/ad)`` (Helgason, Groups and Geometric Analysis, I.1.14).
        """
        roots = eigenvalues(self.algebra.ad(v.double()))
        small = roots.abs() < 1e-6
        safe = torch.where(small, torch.ones_like(roots), roots)
        ratio = torch.where(small, (1 - roots / 2).abs(), ((1 - (-safe).exp()) / safe).abs())
        return ratio.log().sum(-1).to(v.dtype)

    def log_modulus(self, g: Element) -> Float[Tensor, ...]:
        """``log |det Ad_g|``, the log density of right Haar measure relative to left; 0 where they agree."""
        return torch.linalg.slogdet(self.adjoint(g)).logabsdet

    # Chance.
    def sample(
        self,
        shape: int | Sequence[int] = (),
        *,
        generator: torch.Generator,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        within: Measure | float | Sequence[float] | None = None,
    ) -> Element:
        """Random elements ``(*shape, *element)``: Haar on a compact group, else from the window ``within``.

        ``within`` is a measure on the group, or a width: Gaussian coordinates of that width, times a uniformly random
        component. Equal generators give equal draws whatever the dtype. Raises DomainError for a group that is not
        compact when ``within`` is left out: there is no uniform distribution on it.
        """
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if isinstance(within, Measure):
            if getattr(within, "group", self) != self:
                raise DomainError(f"a measure on {getattr(within, 'group', None)}", f"one on {self}", "")
            g = within.draw(math.prod(sizes), generator)
        elif within is not None:
            from isotropy.groups._window import Window

            width = float(within) if isinstance(within, (int, float)) else tuple(float(w) for w in within)
            g = Window(self, width).draw(math.prod(sizes), generator)
        elif not self.compact:
            hint = f"pass within=0.5, or within=Window({self}, width)"
            raise DomainError(f"no window on {self}", "a window: the group is not compact", hint)
        else:
            g = self._haar(math.prod(sizes), generator)
        whole = tree.tree_map(lambda part: part.unflatten(0, sizes) if sizes else part[0], g)
        return cast(whole, dtype or torch.get_default_dtype(), device)

    def _haar(self, count: int, generator: torch.Generator) -> Element:
        """Haar draws ``(count, *element)`` of a compact group in float64: of a finite one, random components."""
        return self._random_component(count, generator)

    @abstractmethod
    def _random_component(self, count: int, generator: torch.Generator) -> Element:
        """Representatives ``(count, *element)`` of uniformly random components."""

    def elements(self, dtype: torch.dtype = torch.float64, device: torch.device | str | None = None) -> Element:
        """All elements ``(order, *element)`` of a finite group, the identity first.

        Raises DomainError for an infinite group, and for one with more than 100 000 elements.
        """
        if self.order is None:
            raise DomainError(f"the infinite group {self}", "a finite group", "sample it, or use a Cubature")
        if self.order > MOST_ELEMENTS:
            raise DomainError(f"{self}, of order {self.order}", f"at most {MOST_ELEMENTS} elements", "sample it")
        return cast(self._elements, dtype, device)

    @cached_property
    def _elements(self) -> Element:
        return self._enumerate()

    def _enumerate(self) -> Element:
        raise DomainError(f"{self}", "a group whose elements can be listed", "sample it")

    # The algebra of groups.
    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return str(self)

    def __mul__(self, other: Group) -> Group:
        """The direct product; on one space the factors must commute and multiply as matrices."""
        from isotropy.groups._product import product

        return product(self, other)

    def __pow__(self, count: int) -> Group:
        """One copy for each of ``count`` parts, which ``isotropy.reps.Piecewise`` moves each by its own element."""
        from isotropy.groups._power import power

        return power(self, count)

    def __matmul__(self, axis: str | Sequence[float] | Tensor) -> Group:
        """The group acting on the orthogonal complement of ``axis`` in R^(degree + 1), and trivially on the axis."""
        from isotropy.groups._placed import place

        return place(self, axis)

    def conjugate(self, h: Tensor | Sequence[Sequence[float]]) -> Group:
        """The group ``h G h^-1`` for an invertible matrix h."""
        from isotropy.groups._placed import conjugate

        return conjugate(self, h)

    def stabilizer(self, *vectors: Tensor | Sequence[float] | int) -> Group:
        """The subgroup that fixes each of the defining vectors, or each of these nodes."""
        from isotropy.groups._subgroups import stabilizer

        return stabilizer(self, *vectors)

    @abstractmethod
    def on(self, space: str) -> Group:
        """The same group acting on another space, e.g. ``SO(2).on("hue")``."""

    def __le__(self, other: Group) -> bool:
        """Whether this is a subgroup of ``other``, decided by generators."""
        from isotropy.groups._subgroups import is_subgroup

        return is_subgroup(self, other)

    def __ge__(self, other: Group) -> bool:
        from isotropy.groups._subgroups import is_subgroup

        return is_subgroup(other, self)


# Charts name their factors anew, SO(n) among them, each time that they are asked: equal groups share one algebra.
@lru_cache(maxsize=256)
def _algebra_of(group: Group) -> LieAlgebra:
    return group._algebra()
