"""The frame that does not look: draws from Haar measure, or a rule for it, whatever the input."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.frames._padded import no_rows, padded
from isotropy.groups import SE, SO, Cubature, DiscreteMeasure, Draws, E, Element, Group, Haar, O, homogeneous, parse
from isotropy.linalg import Segments
from isotropy.random import spawn


@dataclass(frozen=True, init=False)
class HaarFrame:
    """``k`` uniformly random elements of a compact group, or its cubature of a degree: group averaging.

    For E(d), SE(d) the translation is the mean, the rest uniform. Without ``k`` and ``degree`` all elements of a finite
    group. Draws are those of ``seed``, the same for all rows and calls, and equivariant in distribution only; the rule
    of ``degree`` is equivariant for functions that are polynomials of at most that degree in the element, and close to
    it for smooth ones. Only all elements are ``exact``.

    Call with ``x (B, ...)``, or flat clouds with segments. Raises DomainError for a group that is not compact, or when
    both or neither of ``k`` and ``degree`` are given. Source: specification 03 §2.1, group averaging.

    >>> HaarFrame("O(3)", 5)(torch.ones(2, 4, 3)).g.shape, len(HaarFrame("D(4)")(torch.ones(1, 1, 2)))
    (torch.Size([2, 5, 3, 3]), 8)
    """

    group: Group
    k: int | None
    seed: int
    degree: int | None

    def __init__(self, group: Group | str, k: int | None = None, seed: int = 0, *, degree: int | None = None) -> None:
        group = parse(group)
        if (k is None) == (degree is None) and not (group.finite and k is None):
            raise DomainError(f"k={k} and degree={degree}", "one of them", "k draws, or a cubature of that degree")
        if k is not None and k < 1:
            raise DomainError(f"k={k}", "at least one draw")
        for name, value in (("group", group), ("k", k), ("seed", seed), ("degree", degree)):
            object.__setattr__(self, name, value)
        _ = self._measure

    @property
    def _measure(self) -> Haar | Cubature:
        group = self.group
        if isinstance(group, SE):
            group = O(group.n) if isinstance(group, E) else SO(group.n)
        return Haar(group) if self.k is not None else Cubature(group, self.degree or 0)

    def __call__(self, x: Any, segments: Segments | None = None) -> DiscreteMeasure:
        like: Tensor = tree.tree_leaves(x)[0]
        rows = len(like) if segments is None else segments.count
        drawn = Draws.of(self._measure, self.k or 1).take(1, spawn(self.seed, "haar frame"))
        g = tree.tree_map(lambda part: part.expand(rows, *part.shape[1:]), drawn.g)
        return DiscreteMeasure(
            self._moved(g, like, segments),
            drawn.log_weight.expand(rows, -1).to(like),
            exact=self.k is None and self.group.finite,
            degenerate=torch.zeros(rows, dtype=torch.bool, device=like.device),
        )

    def _moved(self, g: Element, x: Tensor, segments: Segments | None) -> Element:
        """The elements in the dtype of x, about the mean where the group translates."""
        if isinstance(self.group, SE) and no_rows(x, segments):
            assert isinstance(g, Tensor)
            g = torch.zeros(*g.shape[:2], *(self.group.degree + 1,) * 2)
        elif isinstance(self.group, SE):
            assert isinstance(g, Tensor)
            t = padded(self.group, x, segments, centred=True).centre
            g = homogeneous(g.to(t), t[:, None].expand(g.shape[:-1]))
        return tree.tree_map(lambda part: part.to(x) if part.is_floating_point() else part.to(x.device), g)
