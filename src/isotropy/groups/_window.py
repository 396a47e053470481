"""Haar measure and windows: where on the group we look."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups._algebra import Element
from isotropy.groups._group import Group
from isotropy.groups._measure import Measure


@dataclass(frozen=True)
class Haar(Measure):
    """The Haar probability of a compact group. Raises DomainError when the group is not compact.

    >>> from isotropy.groups import parse
    >>> measure = Haar(parse("SO(3)")).discretise(4, generator=torch.Generator().manual_seed(0))
    >>> measure.weight.tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    group: Group
    side: str = "left"

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise DomainError(f"side={self.side!r}", "'left' or 'right'", "they agree on compact groups")
        if not self.group.compact:
            hint = f"Window({self.group}, width) is a declared range"
            raise DomainError(f"Haar({self.group})", "a compact group: the others have no uniform distribution", hint)

    def draw(self, count: int, generator: torch.Generator) -> Element:
        return self.group._haar(count, generator)

    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        if rule != "mc":
            raise DomainError(f"rule={rule!r}", "'mc'", "exact rules are Cubature(G, degree)")
        count, generator = needed(n, generator)
        return self.draw(count, generator), even(count), False


@dataclass(frozen=True)
class Window(Measure):
    """Random coordinates in the chart of the group, times a uniformly random component: a declared range.

    ``width`` is the standard deviation ("normal") or the half-width ("uniform") of every coordinate, or one for each;
    its unit is that of the coordinate: radians, lengths, log scale, rapidity. Raises DomainError unless it is positive
    and finite and the shape is known, ShapeError for a wrong number of widths.

    >>> from isotropy.groups import parse
    >>> Window(parse("Scale(3)"), 0.5).draw(2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 3])
    """

    group: Group
    width: float | tuple[float, ...]
    shape: str = "normal"

    def __post_init__(self) -> None:
        widths = self.width if isinstance(self.width, tuple) else (self.width,)
        if not all(math.isfinite(w) and w > 0 for w in widths):
            raise DomainError(f"width={self.width}", "positive finite widths", "")
        if isinstance(self.width, tuple) and len(widths) != self.group.dim:
            raise ShapeError(f"{len(widths)} widths", f"{self.group.dim}, one for each coordinate of {self.group}", "")
        if self.shape not in ("normal", "uniform"):
            raise DomainError(f"shape={self.shape!r}", "'normal' or 'uniform'", "")

    def draw(self, count: int, generator: torch.Generator) -> Element:
        return self._place(self._coordinates(count, generator, "mc"), generator)

    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        count, generator = needed(n, generator)
        return self._place(self._coordinates(count, generator, rule), generator), even(count), False

    def weighted(self, n: int, generator: torch.Generator, rule: str = "mc") -> tuple[Element, Float[Tensor, " n"]]:
        """Draws with the log density of Haar measure relative to the window: importance weights for Haar integrals."""
        v = self._coordinates(n, generator, rule)
        return self._place(v, generator), self.group.haar_log_density(v) - self._log_density(v)

    def _widths(self) -> Float[Tensor, " k"]:
        return torch.as_tensor(self.width, dtype=torch.float64).expand(self.group.dim)

    def _coordinates(self, count: int, generator: torch.Generator, rule: str) -> Float[Tensor, "n k"]:
        k, device = self.group.dim, generator.device
        if rule not in ("mc", "sobol"):
            raise DomainError(f"rule={rule!r}", "'mc' or 'sobol'", "")
        if rule == "sobol" and k:
            seed = int(torch.randint(2**31, (), generator=generator, device=device))
            engine = torch.quasirandom.SobolEngine(k, scramble=True, seed=seed)
            u = engine.draw(count, dtype=torch.float64).to(device).clamp(1e-12, 1 - 1e-12)
            v = torch.special.ndtri(u) if self.shape == "normal" else 2 * u - 1
        elif self.shape == "normal":
            v = torch.randn(count, k, generator=generator, dtype=torch.float64, device=device)
        else:
            v = 2 * torch.rand(count, k, generator=generator, dtype=torch.float64, device=device) - 1
        return v * self._widths().to(v)

    def _place(self, v: Float[Tensor, "n k"], generator: torch.Generator) -> Element:
        component = self.group._random_component(len(v), generator)
        return self.group.compose(component, self.group.from_coords(v))

    def _log_density(self, v: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """The log density of the window in coordinates; a component is one of c, so each has density / c."""
        w = self._widths().to(v)
        if self.shape == "normal":
            density = (-(v / w).square() / 2 - w.log() - math.log(2 * math.pi) / 2).sum(-1)
        else:
            density = (-(2 * w).log()).sum().expand(len(v))
        return density - math.log(self.group.component_count)


def needed(n: int | None, generator: torch.Generator | None) -> tuple[int, torch.Generator]:
    """The number of draws and their generator, both of which random atoms need."""
    if n is None or n < 1 or generator is None:
        raise DomainError(f"n={n}, generator={generator}", "a positive number of draws and a generator", "")
    return n, generator


def even(n: int) -> Float[Tensor, " n"]:
    """The log weights of the uniform measure on n atoms."""
    return torch.full((n,), -math.log(n), dtype=torch.float64)
