"""The meter: which turns and mirrors does a simulator really have, in its dynamics, its reward and its end?"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isotropy.control._mirror import mirror_of
from isotropy.control._moves import Move, Root
from isotropy.control._result import MoveFinding, SimulatorSymmetry
from isotropy.control._rollouts import Rollout, Stage, named_entries
from isotropy.errors import one_of
from isotropy.study import answering

GROUPS = ("SO(2)@z", "O(2)@z", "C(4)@z")
_ABOVE = 1e3  # times what rounding becomes in the same engine: more than that is no rounding
_FLOOR = 1e-10  # of the size of the body, of the largest reward and of an entry: less is not looked at
_VISIBLE = 1e-6  # of the size of the body: once rounding has grown to that, nothing is told from it
# Times what the bodies' difference is worth, as rounding shows it: a steady push is worth ten times more than shaking,
# and ten times for the scatter of that; less of a reward's difference comes from theirs.
_EXPLAINED = 100.0
_POINTS = 100  # of a curve in the report


def measure_symmetry(
    env: Any,
    group: str = "SO(2)@z",
    *,
    steps: int = 200,
    angles: tuple[float, ...] = (0.7, math.pi / 2),
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
) -> SimulatorSymmetry:
    """Plays ``steps`` of random controls, and again from the start turned by each of ``angles`` (radians).

    Any environment of gymnasium over MuJoCo with one floating body is taken, as it is wrapped: what ``env.step`` does
    is what is compared. Dynamics is where the bodies are (metres), reward the largest difference of one step,
    termination the share of steps that end in one rollout alone; each entry of the observation is compared too.
    "O(2)@z" also mirrors the body, left limbs for right ones, where it has a mirror image. A difference counts where
    it grows a thousand times beyond what a change of the start by rounding does: bodies in contact are chaotic.

    Raises DomainError for another group, SchemaError for an environment without a model of MuJoCo,
    MorphologyError for one without a free joint.

    Source: Chen et al. (ICML 2023), section 3; pyramidal cones of friction: the documentation of MuJoCo, "Computation".

    >>> from isotropy.control import make_locomotion
    >>> found = measure_symmetry(make_locomotion("hopper_3_shin"), steps=20)
    >>> found.verdict, found.dynamics < 1e-12
    ('SO(2)@z', True)
    """
    one_of("group", group, GROUPS)
    began = time.monotonic()
    name = _name(env)
    asked = {"env": name, "group": group, "steps": steps, "angles": list(angles), "seed": seed}
    stage = Stage(env, steps, seed)
    Root.of(stage.model)
    with answering(out, resume, asked, began=began) as answer:
        moves, notes = _moves(stage.model, group, angles)
        base = stage.play(Move(0.0))
        shaken = stage.play(Move(0.0), stage.shaken())
        size = float(np.ptp(base.x[0], 0).max())
        findings = [_finding(label, move, base, shaken, stage.play(move), size) for label, move in moves.items()]
        found = SimulatorSymmetry(
            env=name, group=group, steps=steps, moves=tuple(findings),
            entries=tuple(named_entries(env.observation_space)),
            data={"name": name}, notes=tuple(notes), seed=seed, **answer.stamp(),
        )  # fmt: skip
        return answer.write(found)


def _moves(model: Any, group: str, angles: tuple[float, ...]) -> tuple[dict[str, Move], list[str]]:
    turns = [a for a in angles if group != "C(4)@z" or math.isclose(a % (math.pi / 2), 0, abs_tol=1e-9)]
    quarters = [math.pi / 2, math.pi]
    every = sorted({*turns, *quarters})
    moves = {f"turn by {_told(a)}": Move(a) for a in every}
    if group != "O(2)@z":
        return moves, []
    mirror = mirror_of(model)
    if isinstance(mirror, str):
        return moves, [f"{mirror} has no mirror image on the other side: mirrors were not tried."]
    flipped = int((mirror.signs < 0).sum())
    said = f"Under the mirror {flipped} hinges turn the other way; all others keep their angles and torques."
    return {**moves, "mirror": Move(0.0, mirror)}, [said]


def _told(angle: float) -> str:
    quarters = angle / (math.pi / 2)
    return f"{90 * round(quarters)}°" if math.isclose(quarters, round(quarters), abs_tol=1e-9) else f"{angle:.6g} rad"


def _finding(label: str, move: Move, base: Rollout, shaken: Rollout, moved: Rollout, size: float) -> MoveFinding:
    apart = _largest(moved.x - np.stack([move.bodies(x) for x in base.x]))
    own = _largest(shaken.x - base.x)
    rounding = np.maximum.accumulate(own)
    seen = slice(0, int((rounding < _VISIBLE * size).sum()))
    reward, paid = np.abs(moved.reward - base.reward), np.abs(shaken.reward - base.reward)
    # What a metre of the bodies is worth, as rounding shows it: a reward follows them, and is no more broken than they.
    worth = float((paid / np.maximum(own, np.finfo(np.float64).tiny))[own > 0].max(initial=0.0))
    scale = max(float(np.abs(base.reward).max()), 1.0)
    allowed = _ABOVE * np.maximum.accumulate(paid) + _EXPLAINED * worth * apart + _FLOOR * scale
    differ = moved.ended != base.ended
    together = np.maximum.accumulate(np.maximum(apart, rounding)) < _FLOOR * size * _ABOVE
    every = max(1, len(apart) // _POINTS)
    return MoveFinding(
        name=label,
        dynamics=float(apart.max()),
        rounding=float(rounding[-1]),
        reward=float(reward.max()),
        termination=float(differ.mean()),
        dynamics_holds=bool((apart <= _ABOVE * rounding + _FLOOR * size)[seen].all()),
        reward_holds=bool((reward <= allowed)[seen].all()),
        termination_holds=not bool((differ & together).any()),
        judged=seen.stop,
        observation=_entries(base, shaken, moved, max(1, int(together.sum()))),
        curve=tuple(apart[::every].tolist()),
        floor=tuple(rounding[::every].tolist()),
        every=every,
    )


def _entries(base: Rollout, shaken: Rollout, moved: Rollout, steps: int) -> tuple[float, ...]:
    """The largest change of each entry while the bodies are together; 0 where rounding explains it."""
    change = np.abs(moved.seen - base.seen)[:steps].max(0)
    rounding = np.abs(shaken.seen - base.seen)[:steps].max(0)
    told = change > _ABOVE * (rounding + _FLOOR * np.abs(base.seen[:steps]).max(0))
    return tuple(np.where(told, change, 0.0).tolist())


def _largest(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(difference).reshape(len(difference), -1).max(1)


def _name(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return str(spec.id) if spec is not None else str(getattr(env.unwrapped, "name", type(env.unwrapped).__name__))
