"""The jobs of a discovery on graphs: forests on thirds, asked about graphs as they are numbered and numbered anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.data import Graphs
from isotropy.discovery._node_orders import Ordered
from isotropy.discovery._thirds import FOLDS
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.runs import Run

GRAPHS = "graphs.safetensors"
_RARER = 5.0  # times as likely a renumbered graph as one of the data: beyond it, data are too rare to compare with


@dataclass(frozen=True)
class Plan:
    """Trees of a forest, renumberings of each graph, and orders that a forest without order learns of each."""

    trees: int
    draws: int
    copies: int = 4


FULL, QUICK = Plan(300, 7), Plan(60, 3, 2)


def kept(run: Run, graphs: Graphs, fold: Tensor) -> None:
    """Puts the graphs of a run where its jobs find them."""
    parts = {"x": graphs.x, "edge_index": graphs.edge_index, "y": graphs.y, "sizes": graphs.segments.sizes}
    run.write(GRAPHS, {**{name: part.contiguous() for name, part in parts.items()}, "fold": fold})


def renumbered(run: Run, *, seed: int, fold: int, candidate: str, plan: dict[str, Any]) -> dict[str, Any]:
    """One candidate on one third: what forests of the other thirds say of its graphs, and what insisting costs.

    ``broken`` is half the inner product of both forests' changes, summed over the renumberings of each graph that look
    like graphs of the data; ``energy`` that of their deviations from the mean class; ``lost`` what forests that learned
    every graph in random orders, and average over such, tell wrongly more.
    """
    held, how = run.read(GRAPHS), Plan(**plan)
    ordered = Ordered(Graphs(held["x"], held["edge_index"], held["y"], Segments.from_sizes(held["sizes"])))
    thirds, y = held["fold"], held["y"]
    draw = [ordered.drawn(candidate, spawn(seed, "order", candidate, k)) for k in range(how.draws)]
    plain, *moved = (ordered.table(place) for place in (ordered.place, *draw))
    rows = thirds == fold
    classes = int(y.max()) + 1
    mean = torch.nn.functional.one_hot(y[~rows], classes).double().mean(0)
    chances: list[list[Tensor]] = []
    wrong: list[Tensor] = []
    for other in (one for one in range(FOLDS) if one != fold):
        own = thirds == other
        forest = _forest(plain[own], y[own], how.trees, seed + other)
        chances.append([_chances(forest, table[rows], classes) for table in (plain, *moved)])
        copies = [ordered.table(ordered.drawn(candidate, spawn(seed, "copy", candidate, k))) for k in range(how.copies)]
        free = _forest(torch.cat([table[own] for table in copies]), y[own].repeat(how.copies), how.trees, seed + other)
        said = torch.stack([_chances(free, table[rows], classes) for table in moved]).mean(0)
        wrong.append((said.argmax(1) != y[rows]).double() - (chances[-1][0].argmax(1) != y[rows]).double())
    one, two = ([each - chance[0] for each in chance[1:]] for chance in chances)
    seen = _occurring(plain[~rows], ordered, candidate, ~rows, [table[rows] for table in moved], seed)
    broken = torch.stack([(a * b).sum(1) / 2 for a, b in zip(one, two, strict=True)])
    # The ends of what a forest of so many trees can tell from 0.
    least = 0.5 / how.trees
    losses = [-chance.gather(1, y[rows][:, None]).clamp_min(least).log() for chance in chances[0]]
    right = (chances[0][0].argmax(1) == y[rows]).double()
    return {
        "broken": (broken * seen).sum(0).numpy(),
        "seen": seen.sum(0).numpy(),
        "draws": how.draws,
        "energy": ((chances[0][0] - mean) * (chances[1][0] - mean)).sum(1).numpy(),
        "losses": torch.cat(losses, 1).numpy(),
        "spread": float(1 - mean.square().sum()),
        "lost": torch.stack(wrong).mean(0).numpy(),
        "error": 1 - float(right.mean()),
    }


def _forest(x: Float[Tensor, "n p"], y: Tensor, trees: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    share: Any = 0.4  # of the columns for each cut; the stubs know its names only
    forest = ExtraTreesClassifier(trees, min_samples_leaf=2, max_features=share, random_state=seed)
    return forest.fit(x.numpy(), y.numpy())


def _chances(forest: Any, x: Float[Tensor, "n p"], classes: int) -> Float[Tensor, "n K"]:
    found = torch.zeros(len(x), classes, dtype=torch.float64)
    found[:, torch.from_numpy(forest.classes_)] = torch.from_numpy(forest.predict_proba(x.numpy()))
    return found


def _occurring(
    reference: Float[Tensor, "n p"], ordered: Ordered, candidate: str, rows: Tensor, moved: list[Tensor], seed: int
) -> Bool[Tensor, "K m"]:
    """Which renumbered graphs look like graphs of the data: a classifier between both gives them odds of a fifth or
    more, as ``measure.inputs_seen`` has it for tables."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    away = ordered.table(ordered.drawn(candidate, spawn(seed, "away", candidate)))[rows]
    trees = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, max_bins=64, random_state=0)
    trees.fit(torch.cat([reference, away]).numpy(), np.repeat([0, 1], [len(reference), len(away)]))
    odds = [torch.from_numpy(trees.decision_function(each.numpy())) for each in moved]
    return torch.stack([odd <= math.log(_RARER) for odd in odds])
