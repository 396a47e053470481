"""Policies in their folders: trained by the names of bodies, read back, and looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isotropy.control._agents import agent_of
from isotropy.control._bodies import HELD_OUT, bodies
from isotropy.control._episodes import play
from isotropy.control._film import films
from isotropy.control._locomotion import make_locomotion
from isotropy.control._stream import limbs_of
from isotropy.control._td3 import Recipe
from isotropy.control._train import GIF, POLICY, found_of, train
from isotropy.control._trained import Trained
from isotropy.errors import DomainError, SchemaError
from isotropy.runs import Run
from isotropy.study import answering

_FAMILIES = ("hopper", "walker", "humanoid", "cheetah")
_EPISODES = 12


def train_bodies(
    named: str | Sequence[str],
    *,
    out: str | Path,
    target: str = "direction",
    cone: str = "elliptic",
    policy: str = "subequivariant",
    size: str = "small",
    group: str = "O(2)@z",
    steps: int | None = None,
    minutes: float | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    resume: bool = False,
    bearings: int = 12,
    device: str = "cpu",
) -> Trained:
    """``train`` for bodies by name, by the path of an MJCF file, or by family (all of it but those held out).

    Raises what ``make_locomotion`` and ``train`` raise.
    """
    names = [named] if isinstance(named, str) else named
    known = [{"body": body, "target": target, "cone": cone} for name in names for body in members(name)]
    worlds = [made(one, seed) for one in known]
    return train(
        worlds, policy=policy, size=size, group=group, steps=steps, minutes=minutes, recipe=recipe, seed=seed, run=out,
        resume=resume, bearings=bearings, device=device, environments=known,
    )  # fmt: skip


def members(name: str) -> tuple[str, ...]:
    """The bodies that a name stands for.

    >>> members("hopper"), members("walker_7_full")
    (('hopper_3_shin', 'hopper_4_lower_shin', 'hopper_5_full'), ('walker_7_full',))
    """
    if name in _FAMILIES:
        return tuple(body for body in bodies(name) if body not in HELD_OUT)
    return (name,)


def made(one: Mapping[str, str], seed: int) -> Any:
    """The environment that was written down."""
    return make_locomotion(one["body"], target=one["target"], cone=one["cone"], seed=seed)


def load_trained(run: str | Path) -> Trained:
    """The policy of a folder that ``train_bodies``, or ``isotropy control train``, left; it acts again.

    Raises SchemaError for a folder without one, and for environments that were not written down.
    """
    found = Trained.from_json(Path(run))
    if not found.environments:
        raise SchemaError(
            f"{run}, trained in environments that only Python knows", "a run of isotropy control train",
            "load policy.safetensors into result.actor",
        )  # fmt: skip
    kept = Run.attach(run)
    if not kept.has(POLICY):
        raise SchemaError(f"{run} without {POLICY}", "the folder of a whole training")
    graphs = tuple(limbs_of(made(one, found.seed)) for one in found.environments)
    actor = agent_of(found.policy, graphs, size=found.size, group=found.group, seed=found.seed).actor
    kept.load(actor, POLICY)
    return replace(found, actor=actor.eval(), graphs=graphs)


def evaluate_trained(
    run: str | Path,
    *,
    bearings: int = 12,
    bodies: str | Sequence[str] = (),
    out: str | Path | None = None,
    seed: int = 1,
) -> Trained:
    """A policy that was trained, looked at again with the target all round; on other ``bodies``, zero-shot.

    Raises what ``load_trained`` raises, DomainError for no bearing, and ShapeError for a body that the policy cannot
    drive.
    """
    if bearings < 1:
        raise DomainError(f"bearings={bearings}", "1 or more")
    found = load_trained(run)
    usual = {key: found.environments[0][key] for key in ("target", "cone")}
    names = [bodies] if isinstance(bodies, str) else bodies
    known = [{**usual, "body": b} for name in names for b in members(name)] or [dict(e) for e in found.environments]
    settings = {"run": str(run), "bearings": bearings, "bodies": ", ".join(one["body"] for one in known), "seed": seed}
    with answering(out, False, settings) as answer:
        worlds = [made(one, seed) for one in known]
        gained = [[one.gained for one in play(env, found.actor, range(seed, seed + _EPISODES))[0]] for env in worlds]
        shown = films(worlds[0], found.actor, seed=seed)
        if shown.gif:
            answer.run.write(GIF, shown.gif)
        result = replace(
            found,
            bodies=tuple(
                found_of(env, found.actor, bearings, returns, found.group, seed)
                for env, returns in zip(worlds, gained, strict=True)
            ),
            environments=tuple(known), graphs=tuple(map(limbs_of, worlds)),
            curve={}, updates=0, transitions=0, seed=seed, where="",
            frames=shown.frames, twins=shown.twins,
        )  # fmt: skip
        return answer.write(replace(result, **answer.stamp()))
