"""The elements used for given rows, by one rule: all of a small finite group, else draws for each row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError
from isotropy.groups._algebra import Element
from isotropy.groups._cubature import Cubature
from isotropy.groups._group import Group
from isotropy.groups._measure import DiscreteMeasure, Measure, cast
from isotropy.groups._window import Haar, Window, even
from isotropy.random import spawn


@dataclass(frozen=True, eq=False)
class Drawn:
    """Elements ``g (rows, n, *element)``, or ``(1, n, *element)`` shared by all rows, and their ``log_weight``.

    ``complete`` says that they are all of a finite group, the identity first; ``probability`` that they stand for its
    uniform one, and not for a window.
    """

    group: Group
    g: Element
    log_weight: Float[Tensor, "rows n"]
    complete: bool
    probability: bool

    def __len__(self) -> int:
        """How many elements each row has."""
        return self.log_weight.shape[1]

    def rows(self, unit: Int[Tensor, " m"]) -> Element:
        """The elements of each row, ``(m or 1, n, *element)``, where rows of one unit move together."""
        if len(self.log_weight) == 1:
            return self.g
        return tree.tree_map(lambda part: part[unit], self.g)


@dataclass(frozen=True, eq=False)
class Draws:
    """Which elements are used for rows of data, made by ``Draws.of``; ``weight (n,)`` are those of the elements.

    >>> from isotropy.groups import parse
    >>> quarter_turns, turns = Draws.of(parse("C(4)"), 32), Draws.of(parse("SO(2)"), 32)
    >>> [len(each.take(5, torch.Generator()).g) for each in (quarter_turns, turns)], len(quarter_turns.weight)
    ([1, 5], 4)
    """

    group: Group
    source: Measure | DiscreteMeasure
    weight: Float[Tensor, " n"]
    complete: bool = False

    @classmethod
    def of(cls, source: Group | Measure | DiscreteMeasure, n: int, group: Group | None = None) -> Draws:
        """All elements of a finite group (or of a Window on one) that has at most ``n``; the atoms of a DiscreteMeasure
        or Cubature; else ``n`` draws for each row, uniform ones of a group or Haar, or those of a Window.

        ``group`` is needed for a DiscreteMeasure, which does not know its own. Raises DomainError for a measure on
        another group, and for a group without a uniform probability, which needs a Window.
        """
        own = source if isinstance(source, Group) else getattr(source, "group", group)
        if own is None or (group is not None and own != group):
            raise DomainError(f"a measure on {own or 'no known group'}", f"one on {group or 'a group'}", "pass group=G")
        if isinstance(source, Group | Window) and own.finite and own.order is not None and own.order <= n:
            atoms = DiscreteMeasure(own.elements(dtype=torch.float64), even(own.order), exact=True)
            return cls(own, atoms, _equal(own.order), complete=True)
        if isinstance(source, Group):
            if not own.compact:
                hint = f"pass Window({own}, width=...)"
                raise DomainError(f"{own}, which has no uniform probability", "a declared window", hint)
            source = Haar(own)
        if isinstance(source, Cubature):
            source = source.discretise()
        if isinstance(source, DiscreteMeasure):
            return cls(own, source, source.log_weight.double().softmax(0))
        return cls(own, source, _equal(n))

    def take(
        self,
        rows: int,
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
        haar: bool = False,
    ) -> Drawn:
        """The elements of the next ``rows`` rows, from ``generator`` where they are drawn.

        With ``haar`` the weights of draws from a window or another proposal are those of the Haar integral, the log
        density of Haar measure relative to the proposal, less log n.
        """
        n, equal = len(self.weight), self.weight.log()[None]
        if isinstance(self.source, DiscreteMeasure):
            return self._drawn(tree.tree_map(lambda part: part[None], self.source.g), equal, dtype, device)
        if haar:
            g, weight = self.source.weighted(rows * n, generator)
            log_weight = weight.reshape(rows, n).to(equal.device) + equal
        else:
            g, log_weight = self.source.discretise(rows * n, generator=generator).g, equal.expand(rows, n)
        return self._drawn(tree.tree_map(lambda part: part.unflatten(0, (rows, n)), g), log_weight, dtype, device)

    def each(self, ids: Iterable[int], seed: int, *keys: object, **options: Any) -> Drawn:
        """The elements of rows known by ``ids``, whatever stands beside them: a batch equals its single rows.

        Options are those of ``take``. Source: CORE §0, randomness by counter.
        """
        one = [self.take(1, spawn(seed, *keys, int(row)), **options) for row in ids]
        g = tree.tree_map(lambda *parts: torch.cat(parts), *[each.g for each in one])
        return replace(one[0], g=g, log_weight=torch.cat([each.log_weight for each in one]))

    def _drawn(self, g: Element, weight: Tensor, dtype: torch.dtype, device: torch.device | str | None) -> Drawn:
        return Drawn(self.group, cast(g, dtype, device), weight, self.complete, not isinstance(self.source, Window))


def _equal(n: int) -> Float[Tensor, " n"]:
    return torch.full((n,), 1 / n, dtype=torch.float64)
