"""``isotropy control``: policies for bodies of limbs, trained, shown, and looked at in every direction."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from isotropy.cli._app import commands
from isotropy.cli._options import Device, ReportOut, Resume, Seed, Settings, examples, settings_of, tell
from isotropy.errors import SchemaError

control = commands("control", "Train a policy for bodies of limbs, and look at it all round.")

_BODY = "hopper_3_shin, walker_7_full, ...; a family (hopper, walker, humanoid, cheetah); or an MJCF file."


class Policy(StrEnum):
    """Which network drives the body."""

    subequivariant = "subequivariant"
    mlp = "mlp"
    augmented = "augmented"
    heading = "heading"
    shared = "shared"
    transformer = "transformer"
    heading_transformer = "heading-transformer"


@control.command(
    "train",
    short_help="A policy for a body, or for many.",
    epilog=examples(
        "isotropy control train hopper_3_shin --minutes 30 --out runs/hopper",
        "isotropy control train hopper_3_shin --policy heading --steps 50000 --out runs/heading",
        "isotropy control train walker humanoid --steps 2500000 --size paper --device cuda --out runs/both",
        "isotropy control train hopper_3_shin --minutes 30 --out runs/hopper --resume",
    ),
)
def train(
    bodies: Annotated[list[str], typer.Argument(metavar="BODY...", help=_BODY)],
    out: Annotated[Path, typer.Option("--out", help="The directory of this run: policy, report, checkpoints.")],
    policy: Annotated[Policy, typer.Option("--policy", help="The network; mlp to heading know one body.")] = (
        Policy.subequivariant
    ),
    minutes: Annotated[float | None, typer.Option("--minutes", help="Training time (30).")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Or: steps of control.")] = None,
    target: Annotated[str, typer.Option("--target", help="direction or point.")] = "direction",
    cone: Annotated[str, typer.Option("--cone", help="Friction: elliptic, or pyramidal (no turns).")] = "elliptic",
    group: Annotated[str, typer.Option("--group", help="Of the subequivariant policy: O(2)@z or SO(2)@z.")] = "O(2)@z",
    size: Annotated[str, typer.Option("--size", help="small; of subequivariant and transformers: or paper.")] = "small",
    bearings: Annotated[int, typer.Option("--bearings", min=1, help="Directions that it is looked at in.")] = 12,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """A policy for bodies by TD3: result.json, report.html, policy.safetensors and a checkpoint for --resume.

    The small subequivariant policy takes some 60 ms of one core for an update. --set changes the recipe (rate, batch,
    gamma, warmup, every, exploration, ...).
    """
    from isotropy.control import Recipe, train_bodies
    from isotropy.fields import from_text

    if steps is not None and minutes is not None:
        raise SchemaError("--steps and --minutes", "one of the two")
    found = train_bodies(
        bodies, out=out, target=target, cone=cone, policy=policy.value, size=size, group=group, steps=steps,
        minutes=30.0 if steps is None and minutes is None else minutes, seed=seed, resume=resume, bearings=bearings,
        recipe=from_text(Recipe, settings_of(setting), of="the recipe"), device=device,
    )  # fmt: skip
    tell(found, out, found.sentences[1:], found.next_steps)


@control.command(
    "show",
    short_help="What a training found, or several beside each other.",
    epilog=examples(
        "isotropy control show runs/hopper",
        "isotropy control show runs/hopper-0 runs/hopper-1 runs/heading-0 --out runs/beside",
    ),
)
def shown(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The directories of trainings.")],
    out: Annotated[Path | None, typer.Option("--out", help="Of several: the directory of their report.")] = None,
) -> None:
    """The table of a training or an evaluation that was written; of several, their curves in the same axes."""
    from isotropy.control import Trained, compare_trained

    if len(runs) == 1 and out is None:
        found = Trained.from_json(runs[0])
        tell(found, runs[0], found.sentences[1:], found.next_steps)
        return
    beside = compare_trained(runs, out=out)
    tell(beside, out, beside.sentences[1:])


@control.command(
    short_help="A trained policy, looked at in every direction, or on other bodies.",
    epilog=examples(
        "isotropy control evaluate runs/hopper --bearings 12 --out runs/round",
        "isotropy control evaluate runs/walker --body walker_6_right_foot --out runs/zero-shot",
    ),
)
def evaluate(
    run: Annotated[Path, typer.Argument(help="The directory of a training.")],
    bearings: Annotated[int, typer.Option("--bearings", min=1, help="Directions of the target.")] = 12,
    body: Annotated[list[str], typer.Option("--body", help="Another body than those it was trained on.")] = [],  # noqa: B006
    out: ReportOut = None,
    seed: Seed = 1,
) -> None:
    """The returns of a policy without noise, and with the target at so many bearings: the same starts, turned."""
    from isotropy.control import evaluate_trained

    found = evaluate_trained(run, bearings=bearings, bodies=body, out=out, seed=seed)
    tell(found, out, found.sentences[1:])
