"""Which way to generate a class: what does best on rows that the sites themselves held out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.federation._checks import checked
from isotropy.federation._generators import GeometryGuidedAugmenter, Mode
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
) -> Choice:
    """Decides ``mode="auto"`` of an augmenter, class by class, and tells how.

    Each site fills up one half of its rows in each of the ways; a ridge classifier of all sites' filled-up rows, one
    round of communication, is asked about the other halves, of which only counts leave a site. Shapes are those of the
    augmenter, of all training rows; ``names`` are those of the clients among its prototypes. Classes without rows in
    the held-out halves take "matched".

    >>> from isotropy.federation import ClassStats
    >>> x, y = torch.randn(80, 2, generator=spawn(0, "x")), torch.arange(80) % 2
    >>> shapes = ClassStats.from_data(x + 3 * y[:, None], y, classes=2).shapes()
    >>> augment = GeometryGuidedAugmenter(shapes, target=60, mode="auto")
    >>> choice = choose_modes(augment, [(x[:40] + 3 * y[:40, None], y[:40]), (x[40:] + 3 * y[40:, None], y[40:])])
    >>> sorted(choice.chosen), sorted(choice.scores[0])
    ([0, 1], ['gaussian', 'ggeur', 'matched'])
    """
    classes = augment.shapes.classes
    halves = [_halves(*checked(x, y, classes, f"client {k}"), seed, k) for k, (x, y) in enumerate(clients)]
    called = [f"client {k}" for k in range(len(clients))] if names is None else list(names)
    scores = {mode: _score(augment, mode, halves, seed, called) for mode in MODES}
    told = {c: {mode: float(scores[mode][c]) for mode in MODES} for c in augment.shapes}
    augment.chosen = {c: max(MODES, key=lambda mode, c=c: told[c][mode]) for c in told}
    return Choice(dict(augment.chosen), told)


Halves = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


def _score(
    augment: GeometryGuidedAugmenter, mode: Mode, halves: Sequence[Halves], seed: int, called: Sequence[str]
) -> Float[Tensor, " C"]:
    """F1 of each class on the halves held out."""
    one = copy.copy(augment)
    one.mode = mode
    classes = augment.shapes.classes
    stats: list[ClassStats] = []
    for k, ((x, y), _) in enumerate(halves):
        more, labels, _ = one.augment(x, y, client=k, seed=seed, domain=augment.domain_of(called[k], called))
        stats.append(ClassStats.from_data(more, labels, classes=classes))
    # One per cent of the mean variance: enough to be well posed, too little to matter beside any of the data.
    pooled = cast(ClassStats, sum(stats))
    scale = float(pooled.cov.diagonal(dim1=1, dim2=2).mean() * pooled.n.sum())
    head = ridge_head(pooled, alpha=0.01 * scale + torch.finfo(torch.float32).tiny)
    right, said, true = (torch.zeros(classes, dtype=torch.float64) for _ in range(3))
    for _, (x, y) in halves:
        guess = head(x.to(head.weight.dtype)).argmax(1)
        right += torch.bincount(y[guess == y], minlength=classes)
        said += torch.bincount(guess, minlength=classes)
        true += torch.bincount(y, minlength=classes)
    return 2 * right / (said + true).clamp_min(1.0)


def _halves(x: Tensor, y: Tensor, seed: int, client: int) -> Halves:
    """Every second row of each class, in a drawn order; of a class with one row the first half has it."""
    order = torch.randperm(len(x), generator=spawn(seed, "halves", client))
    place = torch.zeros(len(x), dtype=torch.int64)
    for c in y.unique():
        rows = order[y[order] == c]
        place[rows] = torch.arange(len(rows)) % 2
    fitted, held = place == 0, place == 1
    return (x[fitted], y[fitted]), (x[held], y[held])
