"""E5, a puck trained in a sector whose optimum is known; E1 and E4, bodies that are trained to walk."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from isotropy.control import HELD_OUT, PointMass, Recipe, Trained, evaluate_trained, train, train_bodies
from isotropy.control.parts import SIZED, by_bearing
from isotropy.experiments.subequivariant._config import RETURNS, PuckPlan, WalkPlan
from isotropy.runs import Run
from isotropy.study import Trace, job, part, size

_FIRST = 1000  # seed of the first start that is looked at


@job
def puck_job(run: Run, *, seed: int, method: str, plan: PuckPlan) -> dict[str, Any]:
    """The share of the known optimum, on average and at the worst bearing over the best."""
    recipe = Recipe(
        rate=float(plan.rate), gamma=float(plan.gamma), tau=float(plan.tau), clip=10.0, warmup=500, every=1,
        anneal=True,
    )  # fmt: skip
    env, whole, best = PointMass(sector=np.radians(float(plan.degrees))), PointMass(), list[float]()
    for k in range(plan.episodes):
        whole.reset(seed=_FIRST + k)
        best.append(whole.best)
    found = train(
        env, policy=method, group="SO(2)@z", steps=plan.steps, recipe=recipe, seed=seed, bearings=0, evaluations=4,
        run=part(run, plan, method, seed).path, resume=True, progress=False,
    )  # fmt: skip
    gained = by_bearing(whole, found.actor, plan.bearings, episodes=plan.episodes, seed=_FIRST)
    share = (gained / np.array(best)).mean(1)
    return {
        "share": float(share.mean()), "trained": float(share[0]), "flatness": float(share.min() / share.max()),
        "updates": found.updates, "cpu_s": found.cpu_seconds, "parameters": size(found.actor),
    }  # fmt: skip


def curves(found: Trained, where: str, method: str) -> list[Trace]:
    """The looks without noise over transitions, updates and seconds of the processor; random actions and none."""
    looked = [k for k, gained in enumerate(found.curve["evaluated"]) if gained is not None]
    columns = {
        said: [float(found.curve[name][k] or 0) for k in looked]  # counters, which begin at 0
        for name, said in (("transitions", "transitions"), ("updates", "updates"), ("cpu_s", "s of the processor"))
    }
    aimless = {
        "random actions": statistics.fmean(body.random for body in found),
        "no torque": statistics.fmean(body.still for body in found),
    }
    returns = [float(value) for value in found.curve["evaluated"] if value is not None]
    return [
        Trace(RETURNS, f"{method}, {where}", {**columns, "return": returns}),
        *(
            Trace(RETURNS, f"{name}, {where}", {**columns, "return": [gained] * len(looked)})
            for name, gained in aimless.items()
        ),
    ]


@job
def walk_job(run: Run, *, seed: int, method: str, task: str, plan: WalkPlan) -> dict[str, Any]:
    """Returns of the last evaluations, those of random actions and of none (``still``), by how much the lower end of
    the first is above twice the second (``margin``) and above the third (``above``), of the body where that is least,
    the worst bearing over the best, and, where bodies of the families are held out, the same for those, never seen."""
    recipe = Recipe(
        rate=float(plan.rate), batch=plan.batch, every=plan.every, warmup=plan.warmup, tau=float(plan.tau)
    )  # fmt: skip
    names, place = task.split("+"), part(run, plan, method, task, seed).path
    large = plan.size if method in SIZED else "small"
    found = train_bodies(
        names, out=place, policy=method, size=large, steps=plan.steps, recipe=recipe, seed=seed, resume=True,
        bearings=plan.bearings, device=plan.device,
    )  # fmt: skip
    told = {
        "return": statistics.fmean(body.gained.mean for body in found),
        "low": statistics.fmean(body.gained.low for body in found),
        "random": statistics.fmean(body.random for body in found),
        "still": statistics.fmean(body.still for body in found),
        "margin": float(np.min([body.margin for body in found])),
        "above": float(np.min([body.gained.low - body.still for body in found])),
        "flatness": float(np.min([body.flatness for body in found])),  # NaN where one is
        "updates": found.updates, "transitions": found.transitions, "cpu_s": found.cpu_seconds,
        "parameters": size(found.actor),
        "traces": curves(found, f"{task}, seed {seed}", method),
    }  # fmt: skip
    unseen = [name for name in HELD_OUT if name.split("_")[0] in names]
    if unseen:
        other = evaluate_trained(place, bodies=unseen, bearings=plan.bearings)
        told["unseen"] = statistics.fmean(body.gained.mean for body in other)
        told["unseen_random"] = statistics.fmean(body.random for body in other)
    return told
