"""Haar measure and windows: where on the group we look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted, one_of
from isotropy.groups._algebra import Element
from isotropy.groups._exponential import rotation2
from isotropy.groups._group import Group
from isotropy.groups._linear import LinearGroup, Turns, matrix
from isotropy.groups._measure import Measure
from isotropy.groups._rotations import even_coordinates, even_rotations

_LEAST = 1e-12  # quantiles of unbounded laws are taken no nearer to the ends of the unit interval


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

    ``width`` is the standard deviation ("normal"), the half-width ("uniform") or the scale ("logistic", whose tails are
    exponential) of every coordinate, or one for each; its unit is that of the coordinate: radians, lengths, log scale,
    rapidity. With ``compact="haar"`` the rotations of the chart are uniform and have no width. Raises DomainError
    unless it is positive and finite, shape and compact are known, and for "haar" the chart has rotations; ShapeError
    for a wrong number of widths.

    >>> from isotropy.groups import parse
    >>> Window(parse("Scale(3)"), 0.5).draw(2, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 3])
    >>> Window(parse("SL(2)"), 0.6, "logistic", compact="haar").free
    2
    """

    group: Group
    width: float | tuple[float, ...]
    shape: str = "normal"
    compact: str = "window"

    def __post_init__(self) -> None:
        widths = self.width if isinstance(self.width, tuple) else (self.width,)
        if not all(math.isfinite(w) and w > 0 for w in widths):
            raise DomainError(f"width={self.width}", "positive finite widths", "")
        one_of("shape", self.shape, ("normal", "uniform", "logistic"))
        one_of("compact", self.compact, ("window", "haar"))
        if self.compact == "haar" and self._turns is None:
            hint = (
                "GL+, SL, SE, E, Similarity, Lorentz and Affine(H) of these have; Haar(G) is uniform on a compact group"
            )
            raise DomainError(f"compact='haar' on {self.group}", "a chart with rotations", hint)
        if isinstance(self.width, tuple) and len(widths) != self.free:
            what = "coordinate" if self.compact == "window" else "coordinate that is no rotation"
            raise ShapeError(counted(len(widths), "width"), f"{self.free}, one for each {what} of {self.group}", "")

    @property
    def _turns(self) -> Turns | None:
        return self.group.turns if isinstance(self.group, LinearGroup) else None

    @property
    def _uniform(self) -> Turns | None:
        """The rotations that are drawn uniformly."""
        return self._turns if self.compact == "haar" else None

    @property
    def free(self) -> int:
        """The number of coordinates that have a width."""
        return self.group.dim - (self._uniform.group.dim if self._uniform else 0)

    def draw(self, count: int, generator: torch.Generator) -> Element:
        return self._drawn(count, generator, "mc").element(self.group)

    def atoms(self, n: int | None, generator: torch.Generator | None, rule: str) -> tuple[Element, Tensor, bool]:
        count, generator = needed(n, generator)
        return self._drawn(count, generator, rule).element(self.group), even(count), False

    def weighted(self, n: int, generator: torch.Generator, rule: str = "mc") -> tuple[Element, Float[Tensor, " n"]]:
        """Draws with the log density of Haar measure relative to the window: importance weights for Haar integrals.

        Raises DomainError for weights that are NaN or infinite; a weight of zero (-inf) leaves a draw out.
        """
        drawn = self._drawn(n, generator, rule)
        return drawn.element(self.group), self.log_weight(drawn.v)

    def pairs(
        self, n: int, *, generator: torch.Generator, rule: str = "mc"
    ) -> tuple[Element, Element, Float[Tensor, " n"]]:
        """Elements, their inverses from the factors of the chart (no matrix is inverted), and the weights.

        >>> from isotropy.groups import parse
        >>> g, inverse, _ = Window(parse("GL+(3)"), 0.5).pairs(8, generator=torch.Generator().manual_seed(0))
        >>> bool(torch.dist(g @ inverse, torch.eye(3).expand(8, 3, 3).double()) < 1e-12)
        True
        """
        drawn = self._drawn(n, generator, rule)
        return drawn.element(self.group), drawn.inverse(self.group), self.log_weight(drawn.v)

    def _drawn(self, count: int, generator: torch.Generator, rule: str) -> _Drawn:
        one_of("rule", rule, ("mc", "sobol"))
        turns, rotation = self._uniform, None
        if rule == "sobol":
            u = _sobol(self.free + (even_coordinates(turns.group.n) if turns else 0), count, generator)
            v = self._quantile(u[:, : self.free])
            if turns is not None:
                offset = float(torch.rand((), generator=generator, dtype=torch.float64, device=generator.device))
                rotation = even_rotations(turns.group.n, u[:, self.free :], offset)
        else:
            v = self._random(count, generator)
            rotation = None if turns is None else _rotations(turns.group, count, generator)
        v = v * self._widths().to(v)
        if turns is not None and rotation is not None:
            still = v.new_zeros(count, turns.group.dim)
            at = turns.coordinates.start
            v, rotation = torch.cat([v[:, :at], still, v[:, at:]], 1), turns.placed(rotation)
        component = self.group._random_component(count, generator)
        return _Drawn(v, rotation, component if self.group.component_count > 1 else None)

    def _random(self, count: int, generator: torch.Generator) -> Float[Tensor, "n k"]:
        how: dict[str, Any] = {"generator": generator, "dtype": torch.float64, "device": generator.device}
        if self.shape == "normal":
            return torch.randn(count, self.free, **how)
        u = torch.rand(count, self.free, **how)
        return self._quantile(u if self.shape == "uniform" else u.clamp(_LEAST, 1 - _LEAST))

    def _quantile(self, u: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        if self.shape == "normal":
            return torch.special.ndtri(u)
        return 2 * u - 1 if self.shape == "uniform" else torch.logit(u)

    def _widths(self) -> Float[Tensor, " k"]:
        return torch.as_tensor(self.width, dtype=torch.float64).expand(self.free)

    def log_weight(self, v: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """The log density of Haar measure relative to the window at coordinates v, those of uniform rotations aside."""
        weight = self.group.haar_log_density(v)
        turns, rest = self._uniform, v
        if turns is not None:
            # The rotations are drawn from their own Haar measure: what is left is the density of the other factor.
            weight = weight - turns.group.haar_log_density(v.new_zeros(turns.group.dim))
            rest = torch.cat([v[:, : turns.coordinates.start], v[:, turns.coordinates.stop :]], 1)
        weight = weight - self._log_density(rest)
        if bool((weight.isnan() | (weight == math.inf)).any()):
            raise DomainError("weights that are not finite", "finite ones", "the window reaches where exp overflows")
        return weight

    def _log_density(self, v: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """The log density of the window in coordinates; a component is one of c, so each has density / c."""
        w = self._widths().to(v)
        if self.shape == "normal":
            density = (-(v / w).square() / 2 - w.log() - math.log(2 * math.pi) / 2).sum(-1)
        elif self.shape == "logistic":
            z = (v / w).abs()
            density = (-z - 2 * torch.log1p((-z).exp()) - w.log()).sum(-1)
        else:
            density = (-(2 * w).log()).sum().expand(len(v))
        return density - math.log(self.group.component_count)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Elements ``component @ from_coords(v) @ rotation``, by their factors."""

    v: Float[Tensor, "n k"]
    rotation: Tensor | None
    component: Element | None

    def element(self, group: Group) -> Element:
        g = group.from_coords(self.v)
        g = g if self.rotation is None else matrix(g) @ self.rotation
        return g if self.component is None else group.compose(self.component, g)

    def inverse(self, group: Group) -> Element:
        g = group.inverse_from_coords(self.v)
        g = g if self.rotation is None else self.rotation.mT @ matrix(g)
        return g if self.component is None else group.compose(g, group.inverse(self.component))


def _rotations(group: Group, count: int, generator: torch.Generator) -> Tensor:
    """Uniform rotations, in the plane by their angle."""
    if group.degree != 2:
        return matrix(group._haar(count, generator))
    return rotation2(2 * math.pi * torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device))


def _sobol(k: int, count: int, generator: torch.Generator) -> Float[Tensor, "n k"]:
    """Scrambled Sobol points inside the unit cube."""
    device = generator.device
    if not k:
        return torch.zeros(count, 0, dtype=torch.float64, device=device)
    seed = int(torch.randint(2**31, (), generator=generator, device=device))
    engine = torch.quasirandom.SobolEngine(k, scramble=True, seed=seed)
    return engine.draw(count, dtype=torch.float64).to(device).clamp(_LEAST, 1 - _LEAST)


def needed(n: int | None, generator: torch.Generator | None) -> tuple[int, torch.Generator]:
    """The number of draws and their generator, both of which random atoms need."""
    if n is None or n < 1 or generator is None:
        raise DomainError(f"n={n}, generator={generator}", "a positive number of draws and a generator", "")
    return n, generator


def even(n: int) -> Float[Tensor, " n"]:
    """The log weights of the uniform measure on n atoms."""
    return torch.full((n,), -math.log(n), dtype=torch.float64)
