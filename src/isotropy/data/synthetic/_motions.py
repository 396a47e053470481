"""Motions with known laws: where something was and how fast, moment by moment, and what it conserves.

Rows are moments, clusters are tracks; the schema names position, velocity and time (``dynamics``).
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.data._dataset import Dataset, Recipe, motions
from isotropy.errors import DomainError
from isotropy.random import spawn

_SUBSTEP = 0.01  # of Runge-Kutta's fourth order: errors of 1e-8 of an orbit of size 1


@dataclass(frozen=True, kw_only=True)
class Motion(Recipe):
    """Base of motions in the plane: ``tracks`` of ``steps`` moments over a ``span`` of time.

    ``noise`` is the standard deviation of what is added to every column of positions, velocities and accelerations.
    """

    tracks: int = 40
    steps: int = 40
    span: float = 5.0
    noise: float = 0.0
    seed: int = 0

    source = "integrated from its equation of motion (isotropy.data.synthetic)"
    licence = "none needed: computed"
    groups: ClassVar[tuple[str, ...]] = ("O(2)", "SO(2)", "Scale(2)")
    types = motions(2)

    def __post_init__(self) -> None:
        if self.tracks < 1 or self.steps < 2 or not self.span > 0:
            given = f"tracks={self.tracks}, steps={self.steps}, span={self.span}"
            raise DomainError(given, "1 track or more, 2 steps or more, a positive span")
        if self.noise < 0:
            raise DomainError(f"noise = {self.noise}", "a standard deviation of at least 0")

    @abstractmethod
    def start(self, generator: torch.Generator) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n 2"]]:
        """Positions and velocities at time 0."""

    @abstractmethod
    def acceleration(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        """The law of motion."""

    @abstractmethod
    def quantities(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Mapping[str, Float[Tensor, "..."]]:
        """Energy and angular momentum, whether this motion conserves them or not."""

    @property
    @abstractmethod
    def conserved(self) -> tuple[str, ...]:
        """The names of the ``quantities`` that are conserved."""

    def dataset(self) -> Dataset:
        """The moments, track by track.

        >>> data = Kepler(tracks=3, steps=4).dataset()
        >>> data.rows, data.units, data.time[:4].round(decimals=2).tolist()
        (12, 3, [0.0, 1.67, 3.33, 5.0])
        """
        q, v = self.start(spawn(self.seed, self.name, "start"))
        t = torch.linspace(0, self.span, self.steps, dtype=torch.float64)
        states = integrated(self.acceleration, q, v, t)
        position, velocity = (part.flatten(0, 1) for part in states)
        columns = torch.cat([position, velocity, self.acceleration(position, velocity)], 1)
        if self.noise:
            drawn = spawn(self.seed, self.name, "noise")
            columns = columns + self.noise * torch.randn(columns.shape, generator=drawn, dtype=torch.float64)
        track = torch.arange(self.tracks).repeat_interleave(self.steps)
        return self.made(
            columns[:, :4], columns[:, 4:], cluster=track, time=t.repeat(self.tracks), noise=self.noise,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kepler(Motion):
    """q'' = -S u / |u|^3 - friction q', u = S^-1 q: planets of one sun, seen in coordinates that a shear S hides.

    S = [[1, shear], [0, 1]]. The conserved quantities are E = |S^-1 v|^2 / 2 - 1 / |S^-1 q| and the angular momentum
    S^-1 q x S^-1 v. Scaling (q by s, t by s^(3/2)) is a symmetry of the equations and not of the action.

    >>> problem = Kepler(tracks=2, steps=30)
    >>> data = problem.dataset()
    >>> E = problem.quantities(*data.x.split(2, 1))["energy"].unflatten(0, (2, 30))
    >>> bool((E - E[:, :1]).abs().max() < 1e-8), problem.conserved, Kepler(friction=0.1).conserved
    (True, ('energy', 'angular momentum'), ())
    """

    shear: float = 0.0
    friction: float = 0.0

    name = "kepler"
    title = "Planets of one sun, in the plane"
    story = (
        "Orbits about a centre that attracts by the inverse square. A shear can hide the rotations in coordinates that "
        "no list of groups names; with friction the rotations still are a symmetry of the equations, and nothing is "
        "conserved."
    )

    def start(self, generator: torch.Generator) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n 2"]]:
        """Distances of 0.8 to 1.4, speeds across of 0.85 to 1.15 of the circular one, either way round."""
        u = torch.rand(4, self.tracks, generator=generator, dtype=torch.float64)
        angle, r = 2 * math.pi * u[0], 0.8 + 0.6 * u[1]
        speed = (0.85 + 0.3 * u[2]) / r.sqrt() * torch.where(u[3] < 0.5, -1.0, 1.0)
        away = torch.stack([angle.cos(), angle.sin()], 1)
        across = torch.stack([-angle.sin(), angle.cos()], 1)
        S = self._shear().mT
        return r[:, None] * away @ S, speed[:, None] * across @ S

    def acceleration(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        u = q @ torch.linalg.inv(self._shear()).mT
        return -q / torch.linalg.vector_norm(u, dim=-1, keepdim=True) ** 3 - self.friction * v

    def quantities(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Mapping[str, Float[Tensor, "..."]]:
        back = torch.linalg.inv(self._shear()).mT
        u, w = q @ back, v @ back
        energy = w.square().sum(-1) / 2 - 1 / torch.linalg.vector_norm(u, dim=-1)
        return {"energy": energy, "angular momentum": u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]}

    @property
    def conserved(self) -> tuple[str, ...]:
        return () if self.friction else ("energy", "angular momentum")

    def _shear(self) -> Float[Tensor, "2 2"]:
        return torch.tensor([[1.0, self.shear], [0.0, 1.0]], dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Oscillator(Motion):
    """q_i'' = -w_i^2 q_i in the plane; of two frequencies, energy is conserved and angular momentum is not.

    Dilation is a symmetry of the equations, which are linear, and not of the action.

    >>> Oscillator().conserved, Oscillator(second=1.0).conserved
    (('energy',), ('energy', 'angular momentum'))
    """

    first: float = 1.0
    second: float = 1.6

    name = "oscillator"
    title = "A weight between springs, in the plane"
    story = (
        "Two springs of different strength across each other. The energy is conserved; the angular momentum is not, "
        "because the two directions differ; twice the swing takes as long, which conserves nothing."
    )

    def start(self, generator: torch.Generator) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n 2"]]:
        q, v = torch.randn(2, self.tracks, 2, generator=generator, dtype=torch.float64)
        return q, v

    def acceleration(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        return -q * self._squares()

    def quantities(self, q: Float[Tensor, "... 2"], v: Float[Tensor, "... 2"]) -> Mapping[str, Float[Tensor, "..."]]:
        energy = (v.square() + self._squares() * q.square()).sum(-1) / 2
        return {"energy": energy, "angular momentum": q[..., 0] * v[..., 1] - q[..., 1] * v[..., 0]}

    @property
    def conserved(self) -> tuple[str, ...]:
        return ("energy", "angular momentum") if self.first == self.second else ("energy",)

    def _squares(self) -> Float[Tensor, " 2"]:
        return torch.tensor([self.first, self.second], dtype=torch.float64).square()


def integrated(
    acceleration: Callable[[Tensor, Tensor], Tensor],
    q: Float[Tensor, "n d"],
    v: Float[Tensor, "n d"],
    t: Float[Tensor, " T"],
) -> tuple[Float[Tensor, "n T d"], Float[Tensor, "n T d"]]:
    """Positions and velocities at times ``t``, of which the first is that of the start; classical Runge-Kutta."""
    found = [(q, v)]
    for begin, end in zip(t.tolist()[:-1], t.tolist()[1:], strict=True):
        count = max(1, math.ceil((end - begin) / _SUBSTEP))
        h = (end - begin) / count
        for _ in range(count):
            q, v = _step(acceleration, q, v, h)
        found.append((q, v))
    positions, velocities = zip(*found, strict=True)
    return torch.stack(positions, 1), torch.stack(velocities, 1)


def _step(acceleration: Callable[[Tensor, Tensor], Tensor], q: Tensor, v: Tensor, h: float) -> tuple[Tensor, Tensor]:
    a1 = acceleration(q, v)
    v2 = v + h / 2 * a1
    a2 = acceleration(q + h / 2 * v, v2)
    v3 = v + h / 2 * a2
    a3 = acceleration(q + h / 2 * v2, v3)
    v4 = v + h * a3
    a4 = acceleration(q + h * v3, v4)
    return q + h / 6 * (v + 2 * v2 + 2 * v3 + v4), v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
