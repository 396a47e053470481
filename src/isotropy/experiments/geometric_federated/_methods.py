"""Each method as one call: the rows of the sites in, a classifier out."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from isotropy.experiments.geometric_federated._config import (
    FEDAVG,
    MODES,
    MORE,
    ONCE,
    POOLED,
    POOLED_FILLED,
    POOLED_MORE,
    Schedule,
)
from isotropy.federation import (
    ClassStats,
    GeometryGuidedAugmenter,
    ccvr_head,
    federate,
    lda_head,
    mixture_head,
    ridge_head,
)

Rows = tuple[Tensor, Tensor]


def head_of(method: str, clients: list[Rows], classes: int, plan: Schedule, seed: int) -> nn.Module:
    """The classifier that a method makes of the rows of sites, all of which take part in every round.

    Statistics of every class leave every site here, however few its rows are: what a sum over sites, by secure
    aggregation, would tell.
    """
    clients = [rows for rows in clients if len(rows[0])]
    if method in ONCE:
        if method == "FedPFT":
            return mixture_head(clients, classes, per_class=plan.target, seed=seed)
        stats = _pooled(clients, classes)
        if method == "ridge, one round":
            return ridge_head(stats, alpha=_penalty(stats))
        return lda_head(stats) if method == "LDA, one round" else ccvr_head(stats, plan.target, seed)
    rounds, epochs = (
        (plan.more_rounds, plan.more_epochs) if method in (MORE, POOLED_MORE) else (plan.rounds, plan.epochs)
    )
    augment = None
    if method in (POOLED, POOLED_MORE, POOLED_FILLED):
        if method == POOLED_FILLED:
            # As many rows as "gaussian" makes at all sites: what only its draws do, one place with all rows has too.
            shapes = _pooled(clients, classes).shapes()
            augment = GeometryGuidedAugmenter(shapes, plan.target * len(clients), "gaussian", skip_missing=True)
        # One site with all rows: as many epochs, nothing to average.
        clients = [(torch.cat([x for x, _ in clients]), torch.cat([y for _, y in clients]))]
        rounds, epochs = 1, rounds * epochs
    elif method in MODES:
        augment = GeometryGuidedAugmenter(_pooled(clients, classes).shapes(), plan.target, method, skip_missing=True)
    else:
        assert method in (FEDAVG, MORE)
    return federate(
        clients, classes=classes, rounds=rounds, local_epochs=epochs, lr=float(plan.rate), batch_size=plan.batch,
        optimizer="adam", augment=augment, seed=seed,
    ).head  # fmt: skip


def _pooled(clients: list[Rows], classes: int) -> ClassStats:
    return cast(ClassStats, sum(ClassStats.from_data(x, y, classes=classes) for x, y in clients))


def _penalty(stats: ClassStats) -> float:
    """One per cent of the scatter along a mean axis: nothing is tuned on the rows that test."""
    return 0.01 * float((stats.n[:, None] * stats.cov.diagonal(dim1=1, dim2=2)).sum() / stats.width)
