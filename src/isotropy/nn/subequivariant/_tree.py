"""A rooted tree of limbs, and what a network may know of the place of a limb in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import ShapeError

_DAMPING = 0.9  # of the walk whose PageRank is taken


@dataclass(frozen=True)
class LimbTree:
    """A tree by the ``parents (limbs,)`` of its limbs, -1 for the one root.

    Raises ShapeError for parents that make no tree with one root.

    >>> tree = LimbTree(torch.tensor([-1, 0, 1, 0]))
    >>> tree.traversals.tolist()
    [[0, 3, 3], [1, 1, 2], [2, 0, 0], [3, 2, 1]]
    """

    parents: Int[Tensor, " limbs"]

    def __post_init__(self) -> None:
        n = len(self.parents)
        at = torch.arange(n)
        inside = bool((self.parents < n).all()) and int((self.parents < 0).sum()) == 1
        for _ in range(n if inside else 0):  # n steps towards the root end there, unless there is a circle
            at = torch.where(at >= 0, self.parents[at.clamp(min=0)], at)
        if not inside or bool((at >= 0).any()):
            raise ShapeError(f"parents {self.parents.tolist()}", "a tree: one root (-1), and no circle")

    @property
    def twins(self) -> Int[Tensor, " limbs"]:
        """The limb on the other side of each; itself, where nobody knows of sides."""
        return torch.arange(len(self.parents))

    @cached_property
    @torch.inference_mode(False)  # kept for trainings too, whoever asks first
    def traversals(self) -> Int[Tensor, "limbs 3"]:
        """Positions of each limb in pre-, in- and post-order of the binary tree (first child, next sibling)."""
        children: list[list[int]] = [[] for _ in self.parents]
        for limb, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                children[parent].append(limb)
        orders: tuple[list[int], list[int], list[int]] = ([], [], [])

        def visit(family: list[int]) -> None:
            if family:
                first, *rest = family
                orders[0].append(first)
                visit(children[first])
                orders[1].append(first)
                visit(rest)
                orders[2].append(first)

        visit([self.parents.tolist().index(-1)])
        return torch.stack([torch.tensor(order).argsort() for order in orders], -1)

    @cached_property
    @torch.inference_mode(False)
    def relation(self) -> Float[Tensor, "limbs limbs 3"]:
        """PageRank of walks from each limb, the symmetric normalised Laplacian, and hops over the number of limbs."""
        n = len(self.parents)
        child = torch.arange(n)[self.parents >= 0]
        A = torch.zeros(n, n, dtype=torch.float64)
        A[child, self.parents[child]] = A[self.parents[child], child] = 1
        one = torch.eye(n, dtype=torch.float64)
        walk = (A + one) / (A + one).sum(1, keepdim=True)
        rank = (1 - _DAMPING) * torch.linalg.inv(one - _DAMPING * walk)
        root = A.sum(1).clamp(min=1).rsqrt()
        laplacian = one * (A.sum(1) > 0) - root[:, None] * A * root
        hops, reach = torch.zeros_like(A), one.bool()
        for k in range(1, n):
            further = (reach.double() @ (A + one)) > 0
            hops[further & ~reach] = k
            reach = further
        return torch.stack([rank, laplacian, hops / n], -1)
