"""Which way to generate a class: what does best on rows that the sites themselves held out."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.federation._checks import checked
from isotropy.federation._generators import Domain, GeometryGuidedAugmenter, Mode
from isotropy.federation._heads import ridge_head
from isotropy.federation._statistics import ClassStats
from isotropy.random import spawn

# In the order in which a tie is decided.
MODES: tuple[Mode, ...] = ("matched", "gaussian", "ggeur")


@dataclass(frozen=True)
class Choice:
    """The mode ``chosen`` for each class, and the F1 score of each mode on rows held out, ``{class: {mode: F1}}``."""

    chosen: dict[int, Mode]
    scores: dict[int, dict[str, float]]


def choose_modes(
    augment: GeometryGuidedAugmenter,
    clients: Sequence[tuple[Tensor, Tensor]],
    *,
    seed: int = 0,
    names: Sequence[str] | None = None,
    min_count: int = 1,
) -> Choice:
    """Decides ``mode="auto"`` of an augmenter, class by class, and tells how.

    Each site fills up one half of its rows in each of the ways; a ridge classifier of all sites' filled-up rows, one
    round of communication, is asked about the other halves, of which only counts leave a site. Shapes are those of the
    augmenter, of all training rows; ``names`` are those of the clients among its prototypes. Statistics of classes of
    which a half has rows, but fewer than ``min_count``, stay at the site. Classes without rows in the held-out halves
    take "matched".

    >>> from isotropy.federation import ClassStats
    >>> x, y = torch.randn(80, 2, generator=spawn(0, "x")), torch.arange(80) % 2
    >>> shapes = ClassStats.from_data(x + 3 * y[:, None], y, classes=2).shapes()
    >>> augment = GeometryGuidedAugmenter(shapes, target=60, mode="auto")
    >>> choice = choose_modes(augment, [(x[:40] + 3 * y[:40, None], y[:40]), (x[40:] + 3 * y[40:, None], y[40:])])
    >>> sorted(choice.chosen), sorted(choice.scores[0])
    ([0, 1], ['gaussian', 'ggeur', 'matched'])
    """
    called = [f"client {k}" for k in range(len(clients))] if names is None else list(names)
    halves = [
        halves_of(*checked(x, y, augment.shapes.classes, f"client {k}"), seed, k) for k, (x, y) in enumerate(clients)
    ]
    told = [
        filled_stats(augment, half, k, seed=seed, domain=augment.domain_of(called[k], called), min_count=min_count)
        for k, (half, _) in enumerate(halves)
    ]
    heads = heads_of(told)
    return decide(augment, [told_right(heads, held, augment.shapes.classes) for _, held in halves])


Rows = tuple[Tensor, Tensor]
Told = dict[Mode, ClassStats]


def halves_of(x: Tensor, y: Tensor, seed: int, client: int) -> tuple[Rows, Rows]:
    """Every second row of each class, in a drawn order; of a class with one row the first half has it."""
    order = torch.randperm(len(x), generator=spawn(seed, "halves", client))
    place = torch.zeros(len(x), dtype=torch.int64)
    for c in y.unique():
        rows = order[y[order] == c]
        place[rows] = torch.arange(len(rows)) % 2
    fitted, held = place == 0, place == 1
    return (x[fitted], y[fitted]), (x[held], y[held])


def filled_stats(
    augment: GeometryGuidedAugmenter, half: Rows, client: int, *, seed: int, domain: Domain, min_count: int = 1
) -> Told:
    """What a site sends first: statistics of one half of its rows, filled up in each of the ways.

    Of a class with fewer than ``min_count`` rows in the half nothing is told: whoever draws the synthetic rows again
    could take them off.
    """
    classes = augment.shapes.classes
    own = torch.bincount(half[1], minlength=classes)
    few = (own > 0) & (own < min_count)
    found: Told = {}
    for mode in MODES:
        one = copy.copy(augment)
        one.mode = mode
        x, y, _ = one.augment(*half, client=client, seed=seed, domain=domain)
        found[mode] = ClassStats.from_data(x[~few[y]], y[~few[y]], classes=classes)
    return found


def heads_of(told: Sequence[Told]) -> dict[Mode, nn.Linear]:
    """What the server sends back: for each way a ridge classifier of all sites' filled-up halves, if any told."""
    found: dict[Mode, nn.Linear] = {}
    for mode in MODES:
        pooled = cast(ClassStats, sum(one[mode] for one in told))
        if not bool(pooled.n.any()):  # every class of every half stayed at its site
            continue
        # One per cent of the mean variance: enough to be well posed, too little to matter beside any of the data.
        scale = float(pooled.cov.diagonal(dim1=1, dim2=2).mean() * pooled.n.sum())
        found[mode] = ridge_head(pooled, alpha=0.01 * scale + torch.finfo(torch.float32).tiny)
    return found


def told_right(heads: Mapping[Mode, nn.Linear], held: Rows, classes: int) -> Float[Tensor, "modes 3 C"]:
    """What a site sends then: of its other half, rows of each class told right, taken for it, and of it."""
    x, y = held
    found = torch.zeros(len(MODES), 3, classes, dtype=torch.float64)
    for counts, mode in zip(found, MODES, strict=True):
        if mode not in heads:
            continue
        guess = heads[mode](x.to(heads[mode].weight.dtype)).argmax(1)
        for row, some in zip(counts, (y[guess == y], guess, y), strict=True):
            row += torch.bincount(some, minlength=classes)
    return found


def decide(augment: GeometryGuidedAugmenter, counts: Sequence[Float[Tensor, "modes 3 C"]]) -> Choice:
    """The mode of each class with the largest F1 over the halves of all sites, which the augmenter takes."""
    right, said, true = torch.stack(list(counts)).sum(0).unbind(1)
    scores = 2 * right / (said + true).clamp_min(1.0)
    told = {c: {mode: float(scores[k, c]) for k, mode in enumerate(MODES)} for c in augment.shapes}
    augment.chosen = {c: max(MODES, key=lambda mode, c=c: told[c][mode]) for c in told}
    return Choice(dict(augment.chosen), told)
