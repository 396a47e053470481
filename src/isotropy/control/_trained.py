"""What a training or an evaluation of a policy found, and its page."""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isotropy.control._replay import WIDTH
from isotropy.errors import ShapeError, counted
from isotropy.estimate import Estimate
from isotropy.nn.parts import LimbTree
from isotropy.report import (
    Block,
    Column,
    Curve,
    Curves,
    Images,
    Interval,
    Picture,
    Points,
    Scatter,
    Table,
    Text,
    section,
)
from isotropy.study import Answer

_COLUMNS = (
    Column("body"),
    Column("limbs", "number"),
    Column("return", "number", explain="the last evaluations, without noise"),
    Column("random", "number", explain="mean return of uniformly random actions"),
    Column("still", "number", explain="mean return without any torque"),
    Column("worst / best bearing", "number"),
)
_POLICY = {
    "subequivariant": "the subequivariant policy",
    "mlp": "the perceptron",
    "augmented": "the perceptron on turned scenes",
    "heading": "the perceptron behind the heading frame",
    "shared": "the shared modular policy",
    "transformer": "the transformer",
    "heading-transformer": "the transformer behind the heading frame",
}


@dataclass(frozen=True)
class Bearings:
    """A body by ``name``, with so many ``limbs``: what its policy gains (``gained``), what ``random`` actions do and no
    torque at all (``still``), and the ``returns`` of the same starts with the target at each of ``bearings`` (degrees
    from east).

    Those are of the first ``steps`` of an episode, in which random actions gain ``random_by_bearing``; ``gained``,
    ``random`` and ``still`` are of whole ones.

    ``gained`` has the bootstrap interval of the mean over episodes of the last evaluations. ``world`` says which
    symmetry the environment itself was measured to have ("" where it was not).
    """

    name: str
    limbs: int
    gained: Estimate
    random: float
    bearings: tuple[float, ...] = ()
    returns: tuple[float, ...] = ()
    world: str = ""
    steps: int = 0
    random_by_bearing: float = 0.0
    still: float = 0.0

    @property
    def flatness(self) -> float:
        """The worst bearing over the best where all gain something; in general 1 less the spread, best less worst, over
        the largest return, gained or lost. NaN without bearings, and where a return is none."""
        most = max(map(abs, self.returns), default=math.nan)
        if not math.isfinite(sum(self.returns)) or math.isnan(most):
            return math.nan
        return 1 - (max(self.returns) - min(self.returns)) / most if most else 1.0

    @property
    def margin(self) -> float:
        """By how much the lower end of the interval is above twice the random return; above 0, where that is lost."""
        return self.gained.low - (self.random + abs(self.random))

    @property
    def learned(self) -> bool:
        """Whether it is above: clearly better than random actions."""
        return self.margin > 0

    @property
    def above_rest(self) -> bool:
        """Whether the lower end is above the return of no torque, which a body that stands by itself is paid for."""
        return self.gained.low > self.still

    @property
    def verdict(self) -> str:
        """Both in words."""
        if not self.learned:
            return "not clearly above random actions"
        return f"clearly above random actions, {'and above' if self.above_rest else 'but not above'} no torque"


@dataclass(frozen=True, kw_only=True, repr=False)
class Trained(Answer[Bearings]):
    """A ``policy`` that was trained on ``bodies``, ``result["hopper_3_shin"]``, and acts: ``result.act(observation)``.

    ``size`` is that of the network, ``group`` that of a subequivariant one. ``curve`` has the columns updates,
    transitions, cpu_s, return (of training, with noise) and evaluated (without), of so many ``transitions``,
    ``updates`` and ``cpu_seconds`` in all. ``where`` it is kept; ``environments`` as ``isotropy control train`` made
    them. The ``actor``, the ``graphs`` of the bodies, ``frames`` of an episode and those of its ``twins`` (turned,
    mirrored) are there where it was trained or loaded.
    ``data``, ``notes``, ``settings``, ``seed``, ``seconds``, ``date`` and ``command`` say how it was asked.
    """

    kind: ClassVar[str] = "trained-policy"
    found: ClassVar[str] = "bodies"
    bodies: tuple[Bearings, ...]
    policy: str
    size: str = "small"
    group: str = ""
    curve: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict[str, tuple[float | None, ...]])
    transitions: int = 0
    updates: int = 0
    cpu_seconds: float = 0.0
    environments: tuple[Mapping[str, str], ...] = ()
    where: str = ""
    seed: int = 0
    actor: Any = field(default=None, compare=False, repr=False, metadata={"json": False})
    graphs: tuple[LimbTree, ...] = field(default=(), compare=False, repr=False, metadata={"json": False})
    frames: tuple[Picture, ...] = field(default=(), compare=False, repr=False, metadata={"json": False})
    twins: Mapping[str, tuple[Picture, ...]] = field(
        default_factory=dict[str, tuple[Picture, ...]], compare=False, repr=False, metadata={"json": False}
    )

    def act(self, observation: Any, graph: LimbTree | None = None) -> NDArray[np.float64]:
        """The torques ``(limbs, 3)`` for an observation ``{"limbs": (limbs, 41)}``, or ``(limbs, 41)``.

        ``graph`` is the tree of limbs, by default that of the trained body of so many limbs. Raises ShapeError for
        limbs of another width, where no body that was trained has so many, and where several of different trees do.
        """
        limbs = observation["limbs"] if isinstance(observation, Mapping) else observation
        seen = torch.as_tensor(limbs, dtype=torch.float32)
        if seen.dim() != 2 or seen.shape[-1] != WIDTH:
            raise ShapeError(f"an observation of shape {tuple(seen.shape)}", f"(limbs, {WIDTH})")
        fitting = [one for one in self.graphs if len(one.parents) == len(seen)] if graph is None else [graph]
        if not fitting:
            known = ", ".join(str(len(one.parents)) for one in self.graphs)
            raise ShapeError(f"a body of {counted(len(seen), 'limb')}", f"{known} limbs", "give graph=LimbGraph...")
        if not all(_alike(fitting[0], one) for one in fitting[1:]):
            raise ShapeError(
                f"a body of {counted(len(seen), 'limb')}, as trained bodies of different trees have",
                "its tree",
                "give graph=env.unwrapped.graph",
            )
        network: nn.Module = self.actor
        with torch.no_grad():
            return network(seen[None].to(next(network.parameters())), fitting[0])[0].double().cpu().numpy()

    def title(self) -> str:
        return (
            f"{_POLICY[self.policy][0].upper()}{_POLICY[self.policy][1:]} on {', '.join(b.name for b in self.bodies)}"
        )

    def headline(self) -> str:
        """The answer in a sentence."""
        told = [
            f"{body.name}: {body.gained.mean:.4g} [{body.gained.low:.4g}, {body.gained.high:.4g}] against "
            f"{body.random:.4g} of random actions and {body.still:.4g} of none, {body.verdict}"
            for body in self.bodies
        ]
        return f"{'; '.join(told)}."

    @property
    def sentences(self) -> Sequence[str]:
        spent = (
            f"{counted(self.transitions, 'transition')}, {counted(self.updates, 'update')}, "
            f"{self.cpu_seconds:.0f} s of the processor."
        )
        flat = [
            f"{body.name}: over {counted(len(body.returns), 'bearing')} of the target returns lie between "
            f"{min(body.returns):.4g} and {max(body.returns):.4g}, worst / best {body.flatness:.4g}."
            for body in self.bodies
            if body.returns
        ]
        return [self.headline(), *([spent] if self.updates else []), *flat, *self.notes]

    @property
    def next_steps(self) -> Sequence[str]:
        if not (self.where and self.updates and self.environments):  # others only Python can make again
            return ()
        return (shlex.join(["isotropy", "control", "evaluate", self.where, "--bearings", "12"]),)

    def summary(self) -> Table:
        rows = [
            [
                b.name,
                b.limbs,
                Interval(b.gained.mean, b.gained.low, b.gained.high),
                b.random,
                b.still,
                b.flatness if b.returns else None,
            ]
            for b in self.bodies
        ]
        return Table(_COLUMNS, rows)

    def blocks(self) -> Sequence[Block]:
        return [
            Text(self.headline(), style="headline", title="Found"),
            self.summary(),
            *self._learning(),
            *section("Every direction", *(rose(body) for body in self.bodies if body.returns)),
            *section("At work", *self._films()),
            *section("The world", self._card(), *(Text(sentence) for sentence in self.sentences[1:])),
        ]

    def _learning(self) -> Sequence[Block]:
        curves = list[Curves]()
        for column, called in (("transitions", "transitions"), ("updates", "updates"), ("cpu_s", "s of the processor")):
            lines = list[Curve]()
            for name, label in (("evaluated", "without noise"), ("return", "while training")):
                pairs = [
                    (x, y)
                    for x, y in zip(self.curve.get(column, ()), self.curve.get(name, ()), strict=True)
                    if x is not None and y is not None
                ]
                if pairs:
                    lines.append(Curve(label, [x for x, _ in pairs], [y for _, y in pairs]))
            levels = [
                ("random", statistics.fmean(body.random for body in self.bodies)),
                ("no torque", statistics.fmean(body.still for body in self.bodies)),
            ]
            if lines:
                curves.append(
                    Curves(lines, xlabel=called, ylabel="return", levels=levels, title=f"By {called}", half=True)
                )
        return section("Learning", *curves)

    def _films(self) -> Sequence[Block]:
        if not self.frames:
            return []
        twins = [Images(pictures, title=title) for title, pictures in self.twins.items()]
        return [Images(self.frames, title="One episode", caption=_SEEN), *twins]

    def _card(self) -> Table:
        rows = [[body.name, body.limbs, body.world or "not measured"] for body in self.bodies]
        return Table((Column("body"), Column("limbs", "number"), Column("symmetry of the environment")), rows)


def _alike(one: LimbTree, other: LimbTree) -> bool:
    """Whether limbs have the same places in both, and the same ones on their other sides."""
    return torch.equal(one.parents, other.parents) and torch.equal(one.twins, other.twins)


_SEEN = "From the side, the target to the right, the torso in the middle; no noise."


def rose(body: Bearings) -> Block:
    """The returns around a circle: the direction is that of the target, the distance from the middle the return; a
    table where one is below 0, which no distance is."""
    title = f"{body.name}: return by bearing"
    steps = f"the first {body.steps} steps" if body.steps else "whole episodes"
    random = body.random_by_bearing if body.steps else body.random
    if not min(body.returns) >= 0:
        columns = Column("bearing"), Column("return", "number", explain=f"of {steps}, the same starts turned")
        rows = [[f"{at:.0f} degrees", gained] for at, gained in zip(body.bearings, body.returns, strict=True)]
        return Table(columns, [*rows, ["random actions", random]], title=title)

    def ring(radius: float, angles: Any) -> tuple[list[float], list[float]]:
        return [float(radius * math.cos(a)) for a in angles], [float(radius * math.sin(a)) for a in angles]

    round_ = np.linspace(0, 2 * math.pi, 361)
    best = max(body.returns)
    at = [math.radians(b) for b in body.bearings]
    x = [r * math.cos(a) for r, a in zip(body.returns, at, strict=True)]
    y = [r * math.sin(a) for r, a in zip(body.returns, at, strict=True)]
    arrows = [(x[k], y[k], x[(k + 1) % len(x)], y[(k + 1) % len(y)]) for k in range(len(x))]
    clouds = [
        Points(f"best, {best:.4g}", *ring(best, round_)),
        Points(f"random, {random:.4g}", *ring(max(random, 0.0), round_)),
        Points("policy", x, y),
    ]
    said = (
        f"The target at {counted(len(x), 'bearing')}, the same starts turned; distance from the middle is the return "
        f"of {steps}, that of random actions too."
    )
    return Scatter(clouds, plane=True, arrows=arrows, title=title, caption=said, half=True)
