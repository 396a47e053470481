"""Measures on a group: what every sampler, quadrature, window and frame has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import Element


@dataclass(frozen=True, eq=False)
class DiscreteMeasure:
    """The measure ``sum_i w_i delta_{g_i}``, of total ``mass``: atoms ``g (..., F, *element)``, weights ``(..., F)``.

    ``exact`` says whether it stands for its continuous measure without error on the functions it was made for;
    ``degenerate (...)`` marks rows where it had to be chosen; atoms used as padding have weight 0 (log_weight -inf).
    Raises ShapeError when atoms and weights differ in number, DomainError when the weights do not sum to the mass.

    >>> pair = DiscreteMeasure(torch.eye(2).expand(3, 2, 2), torch.tensor([.5, .25, .25]).log())
    >>> len(pair), pair.weight
    (3, tensor([0.5000, 0.2500, 0.2500]))
    """

    g: Element
    log_weight: Float[Tensor, "... F"]
    exact: bool = False
    degenerate: Bool[Tensor, ...] | None = None
    mass: float = 1.0

    def __post_init__(self) -> None:
        shape = self.log_weight.shape
        for part in self.g if isinstance(self.g, tuple) else (self.g,):
            if part.shape[: len(shape)] != shape:
                raise ShapeError(f"atoms of shape {tuple(part.shape)}", f"{tuple(shape)} first, as the weights", "")
        total = self.log_weight.double().exp().sum(-1)
        # A weight is rounded to its own dtype; the sum of F of them to F times that.
        tolerance = 8 * torch.finfo(self.log_weight.dtype).eps * max(shape[-1], 4)
        if bool(((total - self.mass).abs() > tolerance * max(self.mass, 1.0)).any()):
            raise DomainError(f"weights that sum to {total.flatten().tolist()[:3]}", f"the mass {self.mass}", "")

    def __len__(self) -> int:
        return self.log_weight.shape[-1]

    @property
    def weight(self) -> Float[Tensor, "... F"]:
        """The weights ``(..., F)``."""
        return self.log_weight.exp()


class Measure(ABC):
    """A measure on a group that can be drawn from or summed over."""

    def discretise(
        self,
        n: int | None = None,
        *,
        generator: torch.Generator | None = None,
        rule: str = "mc",
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
    ) -> DiscreteMeasure:
        """Atoms and weights: ``n`` draws from ``generator``, or the exact rule where the measure is one.

        A rule has no use for ``n``, ``generator`` and ``rule``.
        """
        g, log_weight, exact = self.atoms(n, generator, rule)
        g = cast(g, dtype, device)
        device = (g[0] if isinstance(g, tuple) else g).device
        return DiscreteMeasure(g, log_weight.to(device, dtype), exact=exact)

    @abstractmethod
    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        """Atoms ``(F, *element)`` and their log weights ``(F,)`` in float64, and whether they are exact."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Element:
        """``count`` independent elements in float64, on the generator's device."""

    def __pow__(self, count: int) -> Measure:
        """The measure on the power of its group under which ``count`` parts move independently."""
        from isotropy.groups._power import Independent

        return Independent(self, count)

    def weighted(self, n: int, generator: torch.Generator, rule: str = "mc") -> tuple[Element, Float[Tensor, " n"]]:
        """Draws with the log density of Haar measure relative to this one: zero, unless this is a proposal for it."""
        del rule
        return self.draw(n, generator), torch.zeros(n, dtype=torch.float64, device=generator.device)


def cast(g: Element, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Element:
    """The element with floating parts in ``dtype``; permutations, which are integers, only change device."""
    return tree.tree_map(lambda part: part.to(device, dtype if part.is_floating_point() else part.dtype), g)
