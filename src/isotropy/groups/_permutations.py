"""What every group of permutations can do: elements are whole numbers ``(..., n)``, the image of each node."""

from abc import abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._group import Group
from isotropy.groups._linear import check_log, matrix


def permutation_matrix(p: Int[Tensor, "... n"], dtype: torch.dtype = torch.float64) -> Float[Tensor, "... n n"]:
    """The matrix P with ``(P x)[p[i]] = x[i]``.

    >>> permutation_matrix(torch.tensor([1, 2, 0])) @ torch.tensor([10., 20., 30.], dtype=torch.float64)
    tensor([30., 10., 20.], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(p, p.shape[-1]).mT.to(dtype)


def swap_and_cycle(n: int, first: int = 0) -> Int[Tensor, "2 n"]:
    """Two generators of all permutations of the nodes ``first``, ..., n - 1; those before stay.

    >>> swap_and_cycle(4, 1).tolist()
    [[0, 2, 1, 3], [0, 2, 3, 1]]
    """
    swap, cycle = torch.arange(n), torch.arange(n)
    swap[first : first + 2] = swap[first : first + 2].flip(0)
    cycle[first:] = cycle[first:].roll(-1)
    return torch.stack([swap, cycle])


class Permutations(Group):
    """A group of permutations of nodes: ``(p.x)[p[i]] = x[i]`` and ``compose(p, q)[i] = p[q[i]]``."""

    @property
    @abstractmethod
    def order(self) -> int: ...

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.zeros(0, self.degree, self.degree, dtype=torch.float64))

    def identity(
        self, *batch: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        return torch.arange(self.degree, device=device).expand(*batch, -1).clone()

    def compose(self, g: Element, h: Element) -> Tensor:
        p, q = torch.broadcast_tensors(matrix(g), matrix(h))
        return p.gather(-1, q)

    def inverse(self, g: Element) -> Tensor:
        return matrix(g).argsort(-1)

    def exp(self, A: Element) -> Tensor:
        return self.identity(*matrix(A).shape[:-2], device=matrix(A).device)

    def log(self, g: Element) -> Tensor:
        g = matrix(g)
        check_log(self, (g == self.identity(device=g.device)).all(-1))
        return torch.zeros(*g.shape, self.degree, device=g.device)

    def adjoint(self, g: Element) -> Float[Tensor, "... 0 0"]:
        return torch.zeros(*matrix(g).shape[:-1], 0, 0, device=matrix(g).device)

    def contains(self, g: Element, tol: float | None = None) -> Bool[Tensor, "..."]:
        g = matrix(g)
        if g.is_floating_point() or g.shape[-1:] != (self.degree,):
            raise ShapeError(f"{g.dtype} elements of shape {tuple(g.shape)}", f"int64 (..., {self.degree}) for {self}")
        return (g.sort(-1).values == self.identity(device=g.device)).all(-1)
