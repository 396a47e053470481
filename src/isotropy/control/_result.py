"""What the meter found: move by move, and the largest group that survives, with its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from isotropy.errors import counted
from isotropy.report import Block, Column, Curve, Curves, Table, Text, Tone, section
from isotropy.study import Answer

_COLUMNS = (
    Column("move"),
    Column("dynamics", "number", unit="m"),
    Column("rounding alone", "number", unit="m"),
    Column("reward", "number"),
    Column("ends apart", "percent"),
    Column("breaks"),
)
_NONE = "none"


@dataclass(frozen=True)
class MoveFinding:
    """A turn or a mirror by ``name``: the largest difference in metres of any body (``dynamics``), of any ``reward``,
    and the share of steps with another ``termination``.

    ``rounding`` is what a change of the start in its last digit becomes; ``dynamics_holds``, ``reward_holds`` and
    ``termination_holds`` say whether nothing goes beyond it in the ``judged`` first steps, after which it is visible;
    ``observation`` has the largest change of each entry; ``curve`` and ``floor`` are metres at each ``every``-th step.
    """

    name: str
    dynamics: float
    rounding: float
    reward: float
    termination: float
    dynamics_holds: bool
    reward_holds: bool
    termination_holds: bool
    judged: int
    observation: tuple[float, ...]
    curve: tuple[float, ...]
    floor: tuple[float, ...]
    every: int

    @property
    def holds(self) -> bool:
        return self.dynamics_holds and self.reward_holds and self.termination_holds

    @property
    def broken(self) -> str:
        """Which parts break, in words."""
        parts = ("dynamics", "reward", "termination")
        return ", ".join(part for part in parts if not getattr(self, f"{part}_holds")) or "nothing"


@dataclass(frozen=True, kw_only=True, repr=False)
class SimulatorSymmetry(Answer[MoveFinding]):
    """Which symmetry the environment ``env`` really has, by ``moves``; ``entries`` name the numbers of its observation.

    ``group`` was asked about, over ``steps`` steps. ``data``, ``notes``, ``settings``, ``seconds``, ``seed``, ``date``
    and ``command`` say how.
    """

    kind: ClassVar[str] = "simulator-symmetry"
    found: ClassVar[str] = "moves"
    env: str
    group: str
    steps: int
    moves: tuple[MoveFinding, ...]
    entries: tuple[str, ...]
    seed: int = 0

    @property
    def dynamics(self) -> float:
        """Metres: the largest difference under a move of the group that was asked about."""
        return max(move.dynamics for move in self.moves)

    @property
    def reward(self) -> float:
        """The largest difference of the reward of one step."""
        return max(move.reward for move in self.moves)

    @property
    def termination(self) -> float:
        """The largest share of steps that end in one of two rollouts alone."""
        return max(move.termination for move in self.moves)

    @property
    def observation(self) -> tuple[float, ...]:
        """The largest change of each entry under turns."""
        turns = [move.observation for move in self.moves if move.name != "mirror"]
        return tuple(map(max, zip(*turns, strict=True)))

    @property
    def changing(self) -> tuple[str, ...]:
        """The entries of the observation that change under turns."""
        return tuple(name for name, size in zip(self.entries, self.observation, strict=True) if size > 0)

    @property
    def verdict(self) -> str:
        """The largest group under which dynamics, reward and termination all hold: "SO(2)@z", ..., or "none"."""
        return self.surviving("dynamics", "reward", "termination")

    def surviving(self, *parts: str) -> str:
        """The largest group under which these parts hold: O(2)@z, SO(2)@z, C(4)@z, C(2)@z, the mirror, or none."""
        held = {move.name: all(getattr(move, f"{part}_holds") for part in parts) for move in self.moves}
        mirror = held.pop("mirror", False)
        if all(held.values()) and any(name.endswith(" rad") for name in held):  # not by quarters alone
            return "O(2)@z" if mirror else "SO(2)@z"
        if held.get("turn by 90°"):
            return "D(4)@z" if mirror else "C(4)@z"
        if held.get("turn by 180°"):
            return "D(2)@z" if mirror else "C(2)@z"
        return "O(1)@y" if mirror else _NONE

    def title(self) -> str:
        return f"The symmetry of {self.env}"

    def headline(self) -> str:
        """The answer in a sentence."""
        kept = {_NONE: "no turn about the vertical", "O(1)@y": "the mirror O(1)@y"}.get(self.verdict, self.verdict)
        said = f"{self.env} keeps {kept} in all that it does"
        parts = {part: self.surviving(part) for part in ("dynamics", "reward", "termination")}
        if len(set(parts.values())) == 1:
            return f"{said}."
        return f"{said}; by itself, {', '.join(f'{part} keeps {alone}' for part, alone in parts.items())}."

    @property
    def _horizon(self) -> list[str]:
        judged = min(move.judged for move in self.moves)
        if judged == self.steps:
            return []
        return [f"Judged over the first {judged} steps: after them rounding alone moves the bodies visibly."]

    @property
    def sentences(self) -> Sequence[str]:
        changing, more = self.changing, [*self._horizon, *self.notes]
        if not changing:
            return [self.headline(), "No entry of the observation changes under turns.", *more]
        shown = ", ".join(changing[:12]) + (f" and {len(changing) - 12} more" if len(changing) > 12 else "")
        of = counted(len(self.entries), "entry", "entries")
        said = f"Under turns {len(changing)} of {of} of the observation change: {shown}."
        return [self.headline(), said, *more]

    def summary(self) -> Table:
        rows = [[m.name, m.dynamics, m.rounding, m.reward, m.termination, m.broken] for m in self.moves]
        return Table(_COLUMNS, rows)

    def blocks(self) -> Sequence[Block]:
        tones: dict[bool, Tone] = {True: "holds", False: "broken"}
        curves = [
            Curve(move.name, _steps(move), [max(value, 1e-17) for value in move.curve], tone=tones[move.dynamics_holds])
            for move in self.moves
        ]
        floor = self.moves[0]
        curves.append(Curve("rounding alone", _steps(floor), [max(value, 1e-17) for value in floor.floor]))
        said = (
            "Metres between a rollout and its moved twin. What grows with the line of rounding is the engine's chaos."
        )
        return [
            Text(self.headline(), style="headline", title="Found"),
            self.summary(),
            Curves(curves, xlabel="step", ylabel="metres apart", ylog=True, title="How far apart", caption=said),
            *section("What is observed", *(Text(sentence) for sentence in self.sentences[1:])),
        ]


def _steps(move: MoveFinding) -> list[int]:
    return [1 + k * move.every for k in range(len(move.curve))]
