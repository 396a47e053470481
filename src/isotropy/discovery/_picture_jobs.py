"""The jobs of a discovery on pictures: networks on thirds, with a constraint and without, asked on the other thirds."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, one_hot

from isotropy.data import Batches, Moved
from isotropy.discovery._motions import Motion, motion_from
from isotropy.discovery._thirds import FOLDS
from isotropy.errors import InfeasibleWarning
from isotropy.groups import Group, T
from isotropy.measure.parts import near_data
from isotropy.random import spawn
from isotropy.reps import Field, Scalar, act
from isotropy.runs import Run
from isotropy.soft import Ascent, GroupTransforms, InvarianceConstraint, suggest_bound
from isotropy.study import cross_entropy, picture_network
from isotropy.train import Cosine, fit

PICTURES = "pictures.safetensors"
_BATCH = 64
_AT_ONCE = 512
SMALL = 8  # elements of a group that are all asked, but the one that moves nothing; of a larger one some are drawn
_COARSE = 16  # pictures are compared at no more than so many pixels a side
_COARSER = 8  # and given to a classifier at no more
_RARER = 5.0  # times as likely a moved picture as one of the data: beyond it, data are too rare to compare with
_DRIVE = 6.0  # what a violation of 1 nat adds to the multiplier over the whole training


@dataclass(frozen=True)
class Plan:
    """How much is done: steps of each training, rows asked, draws for each of them."""

    steps: int
    rows: int
    draws: int
    rate: float = 2e-3


FULL, QUICK = Plan(500, 1200, 4), Plan(150, 500, 3)


@dataclass(frozen=True)
class Asked:
    """The pictures of a run, and the third ``fold (n,)`` that each belongs to."""

    x: UInt8[Tensor, "n C H W"]
    y: Int[Tensor, " n"]
    fold: Int[Tensor, " n"]

    @classmethod
    def of(cls, run: Run) -> Asked:
        held = run.read(PICTURES)
        return cls(held["x"], held["y"], held["fold"])

    @property
    def classes(self) -> int:
        return int(self.y.max()) + 1

    def floats(self, rows: Tensor) -> Float[Tensor, "m C H W"]:
        return self.x[rows].float() / 255

    def some(self, rows: Bool[Tensor, " n"], most: int, *keys: object) -> Int[Tensor, " m"]:
        """At most so many of the rows, always the same ones for the same keys."""
        found = rows.nonzero()[:, 0]
        return found[torch.randperm(len(found), generator=spawn(0, "rows", *keys))[:most]]


def plain(run: Run, *, seed: int, fold: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Trains a network on one third as it is; it stays in the run. Its loss and error on the others."""
    asked, how = Asked.of(run), Plan(**plan)
    network = _trained(asked, fold, how, seed, [])
    run.save(network, _name(fold))
    rows = asked.some(asked.fold != fold, how.rows, fold)
    scores = _scores(network, asked.floats(rows))
    loss = nn.functional.cross_entropy(scores, asked.y[rows])
    return {"loss": float(loss), "error": float((scores.argmax(1) != asked.y[rows]).double().mean())}


def moved(
    run: Run, *, seed: int, fold: int, motion: dict[str, Any], loss: float, plan: dict[str, Any]
) -> dict[str, Any]:
    """One candidate on one third: what the data say, what the task tolerates, what insisting costs."""
    asked, how = Asked.of(run), Plan(**plan)
    candidate = motion_from(motion, asked.x.shape[1])
    return {**_said(run, asked, candidate, fold, how, seed), **_insisted(run, asked, candidate, fold, how, seed, loss)}


def _name(fold: int) -> str:
    return f"network-{fold}.safetensors"


def _kept(run: Run, asked: Asked, fold: int) -> nn.Module:
    network = picture_network(asked.x.shape[1], (asked.x.shape[2], asked.x.shape[3]), asked.classes, 0)
    run.load(network, _name(fold))
    return network.eval()


def _trained(asked: Asked, fold: int, plan: Plan, seed: int, constraints: list[InvarianceConstraint]) -> nn.Module:
    rows = (asked.fold == fold).nonzero()[:, 0]
    network = picture_network(asked.x.shape[1], (asked.x.shape[2], asked.x.shape[3]), asked.classes, seed + fold)
    batches = Batches((asked.x[rows], asked.y[rows]), _BATCH, seed=seed)
    # Bytes become numbers batch by batch: the pictures of a folder may fill a memory four times over.
    floating = Moved(batches, lambda x, y, generator: (x.float() / 255, y), seed)
    fit(
        network, cross_entropy, floating, optimizer=torch.optim.Adam(network.parameters(), lr=plan.rate),
        constraints=constraints, schedule=Cosine(), max_epochs=math.ceil(plan.steps / len(batches)), seed=seed,
        progress=False,
    )  # fmt: skip
    return network.eval()


def _scores(network: nn.Module, x: Float[Tensor, "n C H W"]) -> Float[Tensor, "n K"]:
    with torch.no_grad():
        return torch.cat([network(part) for part in x.split(_AT_ONCE)])


def _insisted(run: Run, asked: Asked, motion: Motion, fold: int, plan: Plan, seed: int, loss: float) -> dict[str, Any]:
    """Errors against strength of a network trained with the constraint and of one without, and what it cost."""
    chance = math.log(asked.classes)
    bound = suggest_bound(min(loss, 0.9 * chance), asked.classes)
    keep = InvarianceConstraint(
        motion.transforms, bound, multiplier=Ascent(lr=_DRIVE / plan.steps), count_selections=True
    )
    with warnings.catch_warnings():
        # What is out of reach is said in the result, as "accumulated violation".
        warnings.simplefilter("ignore", InfeasibleWarning)
        network = _trained(asked, fold, plan, seed, [keep])
    rows = asked.some(asked.fold != fold, plan.rows, fold)
    x, y = asked.floats(rows), asked.y[rows]
    without = _kept(run, asked, fold)
    wrong = torch.stack(
        [
            torch.stack([_scores(net, motion.moved(x, s)).argmax(1) != y for s in motion.strengths])
            for net in (without, network)
        ]
    )
    here = motion.strengths.index(motion.rest)
    return {
        "wrong": wrong.sum(2).numpy(),
        "asked": len(rows),
        "lost": (wrong[1, here].double() - wrong[0, here].double()).numpy(),
        "multiplier": [row["multiplier"][0] for row in keep.history] + [float(keep.multiplier)],
        "hard_loss": [row["penalty"][0] for row in keep.history],
        "acceptance": sum(row["acceptance"] for row in keep.history) / len(keep.history),
        "settled": keep.settled,
        "selected": [
            (motion.read((one.low + one.high) / 2), one.proposed, one.selected, one.loss)
            for one in keep.selections.rows()
            if not math.isnan(one.low)
        ],
        "bound": bound,
    }


def _said(run: Run, asked: Asked, motion: Motion, fold: int, plan: Plan, seed: int) -> dict[str, Any]:
    """What networks that saw neither these pictures nor each other's say of them as they are, and moved.

    ``broken`` is half the inner product of both networks' changes, for each row over its draws that look like
    pictures of the other thirds; ``energy`` that of their deviations from the mean class.
    """
    rows = asked.some(asked.fold == fold, plan.rows, fold, "said")
    reference = asked.some(asked.fold != fold, 2 * plan.rows, fold, "reference")
    x, y = asked.floats(rows), asked.y[rows]
    nets = [_kept(run, asked, other) for other in range(FOLDS) if other != fold]
    group = motion.transforms.group if isinstance(motion.transforms, GroupTransforms) else None
    draws = _draws(motion, group, x, plan.draws, spawn(seed, "draws", motion.name, fold))
    chances = [[_scores(net, each).softmax(1).double() for each in (x, *draws)] for net in nets]
    mean = one_hot(asked.y[reference], asked.classes).double().mean(0)
    energy = ((chances[0][0] - mean) * (chances[1][0] - mean)).sum(1)
    one, two = ([each - chance[0] for each in chance[1:]] for chance in chances)
    broken = torch.stack([(a * b).sum(1) / 2 for a, b in zip(one, two, strict=True)])
    seen = _occurring(asked.floats(reference), motion, draws, seed)
    losses = torch.cat([-chance.gather(1, y[:, None]).clamp_min(1e-12).log() for chance in chances[0]], 1)
    return {
        "broken": (broken * seen).sum(0).numpy(),
        "seen": seen.sum(0).numpy(),
        "draws": len(draws),
        "energy": energy.numpy(),
        "losses": losses.numpy(),
        "spread": float(1 - mean.square().sum()),
        **_contradiction(asked, rows, reference, draws, seen, chances),
    }


def _occurring(
    reference: Float[Tensor, "n C H W"], motion: Motion, draws: list[Tensor], seed: int
) -> Bool[Tensor, "K m"]:
    """Which moved pictures occur: as near to data as data are, and no surer moved ones than five to one.

    The second is asked of a classifier between pictures of the data and the same, moved (``measure.inputs_seen`` does
    so for tables). Pictures that are moved out of the middle may be near to others in every pixel, and yet be none.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    group = motion.transforms.group if isinstance(motion.transforms, GroupTransforms) else None
    away = torch.cat(_draws(motion, group, reference, 1, spawn(seed, "away", motion.name)))
    if group is not None and not group.finite:
        # A warp blurs: without the same blur, trees would tell moved pictures by their being smooth.
        reference = _nudged(reference, spawn(seed, "nudge", motion.name))
    near = near_data(*_halves(_coarse(reference), seed))
    trees = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, max_bins=64, random_state=0)
    label = np.repeat([0, 1], [len(reference), len(away)])
    weight = np.where(label == 0, len(away) / len(reference), 1.0)
    trees.fit(_coarse(torch.cat([reference, away]), _COARSER).numpy(), label, weight)
    odds = [torch.from_numpy(trees.decision_function(_coarse(each, _COARSER).numpy())) for each in draws]
    return torch.stack([near(_coarse(each)) & (odd <= math.log(_RARER)) for each, odd in zip(draws, odds, strict=True)])


def _nudged(x: Float[Tensor, "n C H W"], generator: torch.Generator) -> Float[Tensor, "n C H W"]:
    """Each picture shifted by up to half a pixel in a random direction, by the warp that moves pictures."""
    shift = (torch.rand(len(x), 2, generator=generator) - 0.5) * 2 / max(x.shape[2:])
    return act(Field(x.shape[1] * Scalar), T(2), T(2).from_coords(shift), x).clamp(0, 1)


def _draws(
    motion: Motion, group: Group | None, x: Tensor, count: int, generator: torch.Generator
) -> list[Float[Tensor, "n C H W"]]:
    """The pictures under draws of the law, or under all other elements of a small group."""
    if group is not None and group.finite and len(motion.strengths) <= SMALL:
        return [motion.moved(x, s) for s in motion.strengths[1:]]
    return [motion.transforms.apply(motion.transforms.sample(len(x), generator), x).clamp(0, 1) for _ in range(count)]


def _coarse(x: Float[Tensor, "n C H W"], most: int = _COARSE) -> Float[Tensor, "n p"]:
    sides = (min(x.shape[2], most), min(x.shape[3], most))
    x = avg_pool2d(x, 3, 1, 1)
    return adaptive_avg_pool2d(x, sides).flatten(1).double()


def _halves(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    half = torch.randperm(len(x), generator=spawn(seed, "near")) < len(x) // 2
    return x[half], x[~half]


def _contradiction(
    asked: Asked, rows: Tensor, reference: Tensor, draws: list[Tensor], seen: Tensor, chances: list[list[Tensor]]
) -> dict[str, Any]:
    """The moved picture that looks most like one of another class: it, what it was, and that one.

    Most is: both networks are surest of the label of the picture, and of another label once it is moved.
    """
    y = asked.y[rows]
    sure = [torch.stack([c[k] for c in chances]).amin(0) for k in range(len(draws) + 1)]
    before = sure[0].gather(1, y[:, None])[:, 0]
    after = torch.stack([each.scatter(1, y[:, None], 0.0).amax(1) for each in sure[1:]])
    strength = before * after * seen
    draw, row = divmod(int(strength.argmax()), len(rows))
    found = sure[draw + 1][row].clone()
    found[y[row]] = 0
    other = int(found.argmax())
    candidates = reference[asked.y[reference] == other]
    moved_picture = draws[draw][row : row + 1]
    if not float(strength[draw, row]) > 0 or not len(candidates):
        return {"contradiction": 0.0}
    distance = torch.cdist(_coarse(moved_picture), _coarse(asked.floats(candidates)))[0]
    twin = int(candidates[int(distance.argmin())])
    return {
        "contradiction": float(strength[draw, row]),
        "rows": [int(rows[row]), twin],
        "moved": (moved_picture[0] * 255).round().byte().numpy(),
    }


def strip(x: Float[Tensor, "1 C H W"], motion: Motion) -> list[tuple[float, np.ndarray]]:
    """One picture at five strengths, evenly spread on each side of the rest; by each element of a small group,
    and of a larger one by elements spread over their list, turns and mirrors."""
    strengths = np.asarray(motion.strengths)
    low, high, rest = strengths.min(), strengths.max(), motion.rest
    if motion.unit:
        inside = low < rest < high
        wanted = (low, (low + rest) / 2, rest, (rest + high) / 2, high) if inside else np.linspace(low, high, 5)
        chosen = sorted({int(np.abs(strengths - s).argmin()) for s in wanted})
    else:
        chosen = np.linspace(0, len(strengths) - 1, min(len(strengths), SMALL)).round().astype(int).tolist()
    return [
        (motion.strengths[k], (motion.moved(x, motion.strengths[k])[0] * 255).round().byte().numpy()) for k in chosen
    ]
