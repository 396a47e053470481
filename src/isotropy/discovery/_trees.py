"""Boosted trees, for rough and additive targets that no kernel learns; equivariant in law.

A tree splits along the axes it is given, which no rotation keeps. So each of a few ensembles sees the data turned by a
random element of a group that contains the candidates, and its predictions are turned back: the law of the learner,
over its own randomness, favours no axis, and so its errors do not look like a broken symmetry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import IsotropyError
from isotropy.groups import Drawn, Draws, Group, parse
from isotropy.random import derive, spawn
from isotropy.study import Problem

_ENSEMBLES = 6  # times outputs, at most: one output is learned by three turned ensembles, nine by one
_MOST = 3
_TREES, _DEPTH, _RATE = 120, 3, 0.1
_LEAF = 5  # rows in a leaf, at least
_SHARE = 0.6  # of the rows that each tree sees (stochastic gradient boosting)
_ROWS = 4000  # more rows cost time, and say little more about which learner does better
_PIECE = 1 << 22  # rows x trees held at once
MOST_OUTPUTS = 3  # each output is boosted by itself, and read at every element of every orbit


@dataclass(frozen=True)
class TreesLearner:
    """Gradient-boosted regression trees (Friedman 2001, 2002) on turned copies of the data, averaged."""

    def learn(
        self, problem: Problem, z: Tensor, t: Tensor, unit: Tensor, seed: int, like: Mapping[str, Any] | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        from sklearn.ensemble import GradientBoostingRegressor

        if len(z) > _ROWS:
            kept = torch.randperm(len(z), generator=spawn(seed, "rows"))[:_ROWS]
            z, t = z[kept], t[kept]
        outputs = t.shape[1]
        drawn = _turns(problem, max(1, min(_MOST, _ENSEMBLES // outputs)), seed)
        parts: dict[str, list[np.ndarray]] = {"feature": [], "threshold": [], "leaf": []}
        for m, (zm, tm) in enumerate(_turned(problem, drawn, z, t)):
            for q in range(outputs):
                boosted = GradientBoostingRegressor(
                    n_estimators=_TREES, max_depth=_DEPTH, learning_rate=_RATE, subsample=_SHARE,
                    min_samples_leaf=_LEAF, init="zero", random_state=derive(seed, "trees", m, q) % 2**32,
                ).fit(zm.numpy(), tm[:, q].numpy())  # fmt: skip
                complete = [_complete(stage[0].tree_) for stage in boosted.estimators_]
                for name, arrays in zip(parts, zip(*complete, strict=True), strict=True):
                    parts[name].append(np.stack(arrays))
        return {name: np.stack(arrays) for name, arrays in parts.items()} | {"outputs": outputs, "seed": seed}, {}

    def revive(self, problem: Problem, state: Mapping[str, Any]) -> Trees:
        q, seed = int(state["outputs"]), int(state["seed"])
        tables = {
            name: torch.from_numpy(state[name]).unflatten(0, (-1, q)) for name in ("feature", "threshold", "leaf")
        }
        return Trees(problem, _turns(problem, len(tables["leaf"]), seed), **tables)


@dataclass(frozen=True, eq=False)
class Trees:
    """``f(z)``: the mean over ensembles of what their trees add up to, turned back."""

    problem: Problem
    drawn: Drawn
    feature: Int[Tensor, "M q T inner"]
    threshold: Float[Tensor, "M q T inner"]
    leaf: Float[Tensor, "M q T leaves"]

    def __call__(self, z: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        flat = z.reshape(-1, z.shape[-1])
        step = max(1, _PIECE // (self.leaf.shape[1] * self.leaf.shape[2]))
        values = torch.cat([self._rows(piece) for piece in flat.split(step)])
        return values.reshape(*z.shape[:-1], values.shape[-1])

    def _rows(self, z: Float[Tensor, "n p"]) -> Float[Tensor, "n q"]:
        group, problem = self.drawn.group, self.problem
        total = z.new_zeros(len(z), self.leaf.shape[1])
        for m in range(len(self.leaf)):
            g = self.drawn.rows(torch.zeros(len(z), dtype=torch.int64))
            g = _one(g, m)
            values = self._ensemble(problem.rep_in.act(group, g, z), m)
            total += problem.rep_out.act(group, group.inverse(g), values)
        return total / len(self.leaf)

    def _ensemble(self, z: Float[Tensor, "n p"], m: int) -> Float[Tensor, "n q"]:
        feature, threshold = self.feature[m].flatten(0, 1), self.threshold[m].flatten(0, 1)
        trees = torch.arange(len(feature))
        node = torch.zeros(len(z), len(feature), dtype=torch.int64)
        for _ in range(_DEPTH):
            right = z.gather(1, feature[trees, node]) > threshold[trees, node]
            node = 2 * node + 1 + right
        leaves = self.leaf[m].flatten(0, 1)[trees, node - (2**_DEPTH - 1)]
        return leaves.unflatten(1, self.leaf.shape[1:3]).sum(-1)


def _complete(tree: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, thresholds and leaves of a tree filled up to a complete one: a leaf above the last level goes on."""
    inner, leaves = 2**_DEPTH - 1, 2**_DEPTH
    feature, threshold = np.zeros(inner, dtype=np.int64), np.zeros(inner)
    leaf, stack = np.zeros(leaves), [(0, 0)]
    while stack:
        own, place = stack.pop()
        last = tree.children_left[own] < 0
        if place >= inner:
            leaf[place - inner] = _RATE * tree.value[own, 0, 0]
            continue
        if not last:
            # scikit-learn compares in float32: z <= threshold goes left.
            feature[place], threshold[place] = tree.feature[own], tree.threshold[own]
        left, right = (own, own) if last else (tree.children_left[own], tree.children_right[own])
        stack += [(left, 2 * place + 1), (right, 2 * place + 2)]
    return feature, threshold, leaf


def _turns(problem: Problem, count: int, seed: int) -> Drawn:
    """One element of the surrounding group for each ensemble, the same whenever the state is revived."""
    return Draws.of(_surrounding(problem), count).take(1, spawn(seed, "turns"), dtype=problem.x.dtype)


def _surrounding(problem: Problem) -> Group:
    """On each space the largest compact group that acts there, which contains all compact candidates."""
    groups: list[Group] = []
    for space in sorted(problem.rep_in.spaces | problem.rep_out.spaces):
        d = problem.dims.get(space, 1)
        group = parse(f"S({d})" if space == "nodes" else f"O({d})") if d > 1 else parse("Inversion(1)")
        if _acts(problem, group):
            groups.append(group)
    compact = [candidate.group for candidate in problem.candidates if candidate.group.compact]
    if not groups:
        return max(compact, key=lambda G: sum(H <= G for H in compact)) if compact else parse("C(1)")
    return parse(" x ".join(str(group) for group in groups))


def _acts(problem: Problem, group: Group) -> bool:
    """Whether the group has an action on the inputs: rotations have none on pixels."""
    one = Draws.of(group, 1).take(1, spawn(0, "probe")).rows(torch.zeros(1, dtype=torch.int64))
    try:
        problem.rep_in.act(group, one, problem.x[:1, None])
    except IsotropyError:
        return False
    return True


def _turned(problem: Problem, drawn: Drawn, z: Tensor, t: Tensor) -> list[tuple[Tensor, Tensor]]:
    group = drawn.group
    at = drawn.rows(torch.zeros(len(z), dtype=torch.int64))
    moves = [_one(at, m) for m in range(len(drawn))]
    return [(problem.rep_in.act(group, g, z), problem.rep_out.act(group, g, t)) for g in moves]


def _one(g: Any, m: int) -> Any:
    """The m-th element of each row."""
    from torch.utils import _pytree as tree

    return tree.tree_map(lambda part: part[:, m], g)
