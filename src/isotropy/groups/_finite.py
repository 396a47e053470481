"""Finite groups: rotations and reflections of a polygon, permutations."""

import itertools
import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.groups._exponential import rotation2
from isotropy.groups._group import Group
from isotropy.groups._linear import NamedGroup, check_size, close, matrix
from isotropy.groups._permutations import Permutations, permutation_matrix, swap_and_cycle
from isotropy.groups._rotations import reflection


def turns(k: Int[Tensor, "..."], n: int) -> Float[Tensor, "... 2 2"]:
    """Rotations of the plane by ``2 pi k / n``, with entries 0, +-1/2 and +-1 exact.

    >>> turns(torch.tensor(1), 4).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    g = rotation2(2 * math.pi * k.double() / n)
    exact = (2 * g).round() / 2
    return torch.where((g - exact).abs() < 1e-15, exact + 0.0, g)


class C(NamedGroup, symbol="C", orthogonal=True):
    """The n rotations of a regular polygon, on R^2.

    >>> C(4).order, C(4).elements()[1].tolist()
    (4, [[0.0, -1.0], [1.0, 0.0]])
    """

    @property
    def degree(self) -> int:
        return 2

    @property
    def order(self) -> int:
        return self.n

    def _discrete(self) -> Tensor:
        return turns(torch.tensor(1), self.n)[None]

    def _enumerate(self) -> Tensor:
        return turns(torch.arange(self.n), self.n)

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return turns(torch.randint(self.n, (count,), generator=generator, device=generator.device), self.n)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return close(g, self._nearest(g), tol)

    def _nearest(self, g: Tensor) -> Tensor:
        angle = torch.atan2(g[..., 1, 0], g[..., 0, 0]).nan_to_num()
        return turns((angle * self.n / (2 * math.pi)).round().long(), self.n).to(g)


class D(C, symbol="D"):
    """The n rotations and n reflections of a regular polygon, on R^2; one of the reflections is y -> -y.

    >>> D(4).order, D(1).elements().tolist()
    (8, [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]]])
    """

    @property
    def order(self) -> int:
        return 2 * self.n

    def _discrete(self) -> Tensor:
        return torch.stack([turns(torch.tensor(1), self.n), reflection(2)])

    def _enumerate(self) -> Tensor:
        rotations = turns(torch.arange(self.n), self.n)
        return torch.cat([rotations, rotations @ reflection(2) + 0.0])

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        rotations = super()._random_component(count, generator)
        flip = torch.randint(2, (count, 1, 1), generator=generator, device=generator.device) == 1
        return torch.where(flip, rotations @ reflection(2).to(rotations), rotations)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        flipped = g @ reflection(2).to(g)
        return close(g, self._nearest(g), tol) | close(flipped, self._nearest(flipped), tol)


@dataclass(frozen=True, repr=False)
class S(Permutations):
    """Permutations ``(..., n)`` int64 of n nodes: ``(p.x)[p[i]] = x[i]`` and ``compose(p, q)[i] = p[q[i]]``.

    ``S(n).on("space")`` is the same group as permutation matrices.

    >>> S(3).compose(torch.tensor([1, 0, 2]), torch.tensor([0, 2, 1])).tolist()
    [1, 2, 0]
    """

    n: int
    space: str = "nodes"

    def __post_init__(self) -> None:
        check_size("S", self.n)

    @property
    def name(self) -> str:
        return f"S({self.n})" + ("" if self.space == "nodes" else f'.on("{self.space}")')

    @property
    def degree(self) -> int:
        return self.n

    @property
    def order(self) -> int:
        return math.factorial(self.n)

    def on(self, space: str) -> Group:
        return PermutationMatrices(self.n) if space == "space" else replace(self, space=space)

    def _discrete(self) -> Tensor:
        return swap_and_cycle(self.n)

    def _enumerate(self) -> Tensor:
        return torch.tensor(list(itertools.permutations(range(self.n))))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return _shuffles(self.n, count, generator)


class PermutationMatrices(NamedGroup, symbol="S", orthogonal=True):
    """S(n) as matrices that permute the coordinates of R^n; written ``S(n).on("space")``.

    >>> S(3).on("space").discrete[0].int().tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    """

    @property
    def name(self) -> str:
        return f'S({self.n}).on("space")' + ("" if self.space == "space" else f'.on("{self.space}")')

    @property
    def order(self) -> int:
        return math.factorial(self.n)

    def on(self, space: str) -> Group:
        return S(self.n) if space == "nodes" else replace(self, space=space)

    def _discrete(self) -> Tensor:
        return permutation_matrix(S(self.n)._discrete())

    def _enumerate(self) -> Tensor:
        return permutation_matrix(matrix(S(self.n).elements()))

    def _random_component(self, count: int, generator: torch.Generator) -> Tensor:
        return permutation_matrix(_shuffles(self.n, count, generator))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        nearest = permutation_matrix(g.nan_to_num().argmax(-2), g.dtype)
        return close(g, nearest, tol) & (nearest.sum(-1) == 1).all(-1)


def _shuffles(n: int, count: int, generator: torch.Generator) -> Int[Tensor, "count n"]:
    # Ties have probability about n^2 2^-53: sorting uniform draws is unbiased for all purposes.
    return torch.rand(count, n, generator=generator, dtype=torch.float64, device=generator.device).argsort(-1)
