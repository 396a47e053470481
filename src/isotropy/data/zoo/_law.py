"""A law of physics with known symmetry: inputs from a known law, an exact function, and what breaks each candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._dataset import Dataset
from isotropy.errors import DomainError, SchemaError
from isotropy.groups import Group, Window, parse_list
from isotropy.random import spawn
from isotropy.reps import Rep, Scalar, Schema, equivariant_basis

Function = Callable[[Tensor], Tensor]
Inputs = Callable[[int, torch.Generator], Tensor]
_ROWS_OF_SPREAD = 20_000
_CLEARLY = 2.0  # a share this many times the tolerance is told from it: the ends of its interval are not

HOLDING = ("no breaking detected", "negligible", "none seen")
"""Words that say that a symmetry holds, as far as was seen."""
BROKEN = ("approximate", "absent")
"""Words that say that it does not."""
OPEN = ("undecided", "not identifiable", "no signal")
"""Words that claim nothing: never contradicted by physics."""


@dataclass(frozen=True, eq=False)
class Law:
    """One law: ``y = function(x)`` for ``inputs`` drawn by ``(n, generator)``, its ``types``, ``candidates`` by name.

    ``physics`` states it in a line, under a ``name``. ``breaks`` maps a candidate that does not hold to the share of
    the signal that breaks it, E|f - R f|^2 / E|f - c|^2 with c the best constant invariant under that candidate, one
    number for each part of the target; candidates that are not in it hold exactly. Groups without a uniform law have
    widths in ``windows``, and break by half the mean squared change within, or by as much as a compact candidate
    inside them, whichever is more. ``moved`` names the compact candidates that do not leave the law of the inputs
    alone; those without a uniform law never do.

    >>> from isotropy.data.zoo import LAWS
    >>> LAWS["mirror"].shares("O(3)"), LAWS["mirror"].shares("O(2)@z")
    ((0.8888888888888888,), (0.0,))
    """

    name: str
    physics: str
    types: Schema
    candidates: Mapping[str, Group]
    inputs: Inputs = field(repr=False)
    function: Function = field(repr=False)
    breaks: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    windows: Mapping[str, float] = field(default_factory=dict[str, float])
    moved: tuple[str, ...] = ()

    source: ClassVar[str] = "made by formula (isotropy.data.zoo)"
    licence: ClassVar[str] = "none needed: computed"

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.name.replace("-", " ").capitalize()

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the candidates."""
        return tuple(self.candidates)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts of the target."""
        return tuple(part.name for part in self.types.y.parts())

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each part of the target."""
        return self.types.y.columns(self.types.dims or {})

    def shares(self, group: str) -> tuple[float, ...]:
        """The share of each part of the target that breaks a candidate. Raises SchemaError for another group."""
        if group not in self.groups:
            raise SchemaError(f"{group} for {self.name}", "one of " + ", ".join(self.groups))
        return self.breaks.get(group, (0.0,) * len(self.parts))

    def right(self, group: str, tolerance: float = 0.01, part: str | None = None) -> tuple[str, ...]:
        """The verdicts on a candidate, or on one part of the target, that physics does not contradict.

        Whatever holds exactly is not broken; what breaks by twice the tolerance or more does not hold. Between them
        every word may be right.

        >>> from isotropy.data.zoo import LAWS
        >>> "absent" in LAWS["kepler"].right("O(3)"), "negligible" in LAWS["mirror"].right("O(3)")
        (False, False)
        """
        shares = self.shares(group)
        share = max(shares) if part is None else shares[self.parts.index(part)]
        if share == 0:
            return (*HOLDING, *OPEN)
        return (*BROKEN, *OPEN) if share >= _CLEARLY * tolerance else (*HOLDING, *BROKEN, *OPEN)

    def draw(self, n: int, seed: int = 0) -> Float[Tensor, "n p"]:
        """Rows of inputs."""
        return self.inputs(n, spawn(seed, "zoo", self.name, "inputs"))

    @cached_property
    def spread(self) -> Float[Tensor, " q"]:
        """The standard deviation of each target: one number for all columns of a part, root mean square over them."""
        y = self.function(self.draw(_ROWS_OF_SPREAD))
        variance, spread = (y - y.mean(0)).square().mean(0), torch.empty(y.shape[1], dtype=y.dtype)
        for part in self.columns:
            spread[part] = variance[part].mean().sqrt()
        return spread

    def dataset(self, n: int = 300, noise: float = 0.0, seed: int = 0) -> Dataset:
        """Rows with noise of so many standard deviations of each part of the target, and what is known about them.

        Raises DomainError for fewer rows than one, and noise below 0.
        """
        if n < 1 or noise < 0:
            raise DomainError(f"n = {n}, noise = {noise}", "at least one row, and a share of the spread of at least 0")
        x = self.draw(n, seed)
        y = self.function(x)
        if noise:
            error = torch.randn(y.shape, generator=spawn(seed, "zoo", self.name, "noise"), dtype=torch.float64)
            y = y + noise * self.spread * error
        return Dataset(
            x,
            y,
            self.types,
            groups=tuple(str(group) for group in self.candidates.values()),
            truth={group: max(self.shares(group)) for group in self.groups},
            windows=self.windows,
            name=f"zoo/{self.name}",
            title=self.title,
            story=self.physics,
            source=self.source,
            licence=self.licence,
            settings={"n": n, "noise": noise, "seed": seed},
            function=self.function,
        )

    def measured(self, group: str, n: int = 200_000, seed: int = 0) -> tuple[tuple[float, float], ...]:
        """The breaking share of each part of the target by Monte Carlo over ``n`` rows, with its standard error.

        E|f - R f|^2 is the mean of <f - g.f, f - h.f> over two independent elements for each row; over a window half
        the mean squared change. What compact subgroups of a windowed group break is not in it.
        """
        G, draw = self.candidates[group], spawn(seed, "zoo", self.name, "measured", group)
        x = self.draw(n, seed + 1)
        y = self.function(x)
        first, second = (y - self._pulled_back(group, x, draw) for _ in range(2))
        found: list[tuple[float, float]] = []
        for part, columns in zip(self.types.y.parts(), self.columns, strict=True):
            f = y[:, columns]
            rows = (first * second if G.compact else first.square() / 2)[:, columns].sum(1)
            energy = (f - self._constant(part.multiplicity * part.atom, G, f)).square().sum(1)
            share = float(rows.mean() / energy.mean())
            error = float((rows - share * energy).std() / energy.mean()) / n**0.5
            found.append((share, error))
        return tuple(found)

    def defect(self, group: str, n: int = 1000, seed: int = 0) -> float:
        """The largest difference of g.f and f over rows and one element each, as a share of the spread."""
        x = self.draw(n, seed)
        change = self._pulled_back(group, x, spawn(seed, "zoo", "defect", group)) - self.function(x)
        return float((change.abs() / self.spread).max())

    def _pulled_back(self, group: str, x: Tensor, generator: torch.Generator) -> Tensor:
        """g^-1 f(g x), with an element of its own for each row."""
        G = self.candidates[group]
        within = None if G.compact else Window(G, self.windows[group])
        g = G.sample((len(x),), generator=generator, dtype=torch.float64, within=within)
        dims = self.types.dims
        return self.types.y.act(G, G.inverse(g), self.function(self.types.x.act(G, g, x, dims)), dims)

    def _constant(self, rep: Rep, G: Group, f: Tensor) -> Tensor:
        """The best constant of one part that the group leaves alone."""
        basis = equivariant_basis(Scalar, rep, G, dims=self.types.dims)
        inside = basis.maps.reshape(basis.dim, f.shape[1]).to(f)
        return inside.mT @ (inside @ f.mean(0))


def law(
    *,
    x: str,
    y: str,
    groups: str,
    inputs: Inputs,
    dims: Mapping[str, int] | None = None,
    breaks: Mapping[str, float | tuple[float, ...]] | None = None,
    width: float | None = None,
    moved: str = "",
) -> Callable[[Function], Law]:
    """Makes a law of the function below it, which has its name, and its physics in the docstring.

    ``inputs (n, generator)`` are rows of type ``x``; targets have type ``y``, ``width`` is that of the windows of all
    candidates without a uniform law, and all else is what `Law` says.
    """
    candidates = {group.name: group for group in parse_list(groups)}

    def made(function: Function) -> Law:
        return Law(
            name=function.__name__.replace("_", "-"),
            physics=(function.__doc__ or "").strip(),
            types=Schema(x=x, y=y, dims=dict(dims or {"space": 3})),
            candidates=candidates,
            inputs=inputs,
            function=function,
            breaks={k: v if isinstance(v, tuple) else (v,) for k, v in (breaks or {}).items()},
            windows={} if width is None else {k: width for k, G in candidates.items() if not G.compact},
            moved=tuple(moved.split(",")) if moved else (),
        )

    return made
