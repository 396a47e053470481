"""Where a symmetry breaks: regions of input space that carry more of the breaking than their share of the rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isotropy.groups.parts import axis_name
from isotropy.measure import BreakingTerms
from isotropy.measure.parts import split_halves
from isotropy.random import derive
from isotropy.study import Problem

_LEAVES = (2, 3, 4)  # a region is one condition or two, three at most: longer ones nobody reads
_WORTH = 1.5  # the factor on the explained variance for which more leaves are grown
_SMALLEST = 0.05  # of the rows, in a leaf
_LEVEL = 0.05  # of the chance that any region of homogeneous breaking is claimed
_RESAMPLED = 400
_VECTORS = 6  # among more vectors, products of pairs are too many to be told apart

Array = NDArray[np.float64]
Units = NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """A region ``text`` with ``rows`` rows that carries a ``share`` of all that breaks a symmetry in one ``part`` of y.

    ``low`` and ``high`` are the ends of an interval of 95 %, over all regions of one tree, from rows that did not
    choose the region.
    """

    text: str
    part: str
    rows: int
    share: float
    low: float
    high: float


def regions(
    problem: Problem, terms: Sequence[BreakingTerms], rows: Tensor, *, part: int = 0, seed: int = 0
) -> list[Region]:
    """Where one part of the target breaks a candidate, from the ``terms`` of all splits, each in the order of ``rows``.

    A shallow tree on sizes, components and inner products (and numbers) is grown on half of the units; its leaves are
    weighed on the other half. A leaf is a region where even the lower end of its share of the breaking is above its
    share of the rows; there are none where nothing breaks, or breaks everywhere alike.
    """
    columns = readings(problem, problem.x[rows])
    table = np.stack([values.numpy() for values in columns.values()], 1)
    seen = torch.stack([each.plug_in[part] for each in terms]).mean(0).numpy()
    carried = torch.stack([each.cross[part] for each in terms]).mean(0).numpy()
    unit = torch.unique(problem.unit[rows], return_inverse=True)[1]
    half = split_halves(unit, derive(seed, "regions"), 0).numpy()
    grow, weigh = half == 0, half == 1
    leaves = _leaves(table[grow], seen[grow], unit.numpy()[grow], list(columns), seed)
    if len(leaves) < 2:
        return []
    unit, carried = unit.numpy()[weigh], carried[weigh]

    def weighed(leaves: Sequence[_Leaf]) -> list[tuple[_Leaf, Region]]:
        members = np.stack([leaf.holds(columns) for leaf in leaves], 1)
        inside = members[weigh]
        drawn, total = _resampled(carried, inside, unit, seed)
        shares = drawn / total[:, None]
        low, high = (np.quantile(shares, q, axis=0) for q in (tail, 1 - tail))
        point = inside.T @ carried / carried.sum()
        return [
            (
                leaf,
                Region(
                    leaf.text, problem.parts[part].name, int(members[:, i].sum()), *_ends(point[i], low[i], high[i])
                ),
            )
            for i, leaf in enumerate(leaves)
            if low[i] > inside[:, i].mean()
        ]

    tail = _LEVEL / len(leaves) / 2
    # Where all of it is not above zero there is nothing to divide among regions.
    everything = np.ones((len(carried), 1), dtype=bool)
    if np.quantile(_resampled(carried, everything, unit, seed)[1], _LEVEL / 2) <= 0:
        return []
    claimed = weighed(leaves)
    if not claimed:
        return []
    found = [region for _, region in weighed(_joined([leaf for leaf, _ in claimed]))]
    return sorted(found, key=lambda region: -region.share)


def _ends(*values: float) -> tuple[float, ...]:
    return tuple(float(np.clip(value, 0, 1)) for value in values)


def readings(problem: Problem, x: Tensor) -> dict[str, Tensor]:
    """Numbers by which a person would tell rows apart, with their names: sizes |v|, components, products, columns."""
    named = dict(problem.types.names or problem.types.columns or {}).get("x")
    found: dict[str, Tensor] = {}
    vectors: dict[str, tuple[str, Tensor]] = {}  # name: (space, values)
    for part, where in zip(problem.rep_in.parts(), problem.rep_in.columns(problem.dims), strict=True):
        # Of a vector or a place for each node all are vectors, or places.
        factors = [f for f in part.term.factors if not (part.term.affine and f.space != part.term.place)]
        count = part.multiplicity
        if part.term.affine:
            count = (where.stop - where.start) // problem.dims[part.term.place]
        values = x[:, where].unflatten(1, (count, -1))
        vector = len(factors) == 1 and factors[0].kind in ("Vector", "Point")
        word = part.name or (factors[0].kind.lower() if vector else "number" if not factors else "tensor")
        for i in range(count):
            name = word if count == 1 else f"{word}{i + 1}"
            name = name if name not in found and name not in vectors else f"{name}'"
            start = where.start + i * values.shape[2]
            given = None if named is None else named[start : start + values.shape[2]]
            if values.shape[2] > 1 and not part.term.affine:
                found[f"|{name}|"] = values[:, i].norm(dim=1)
            if vector:
                vectors[name] = (f"{factors[0].space} {part.term.affine}", values[:, i])
            for j in range(values.shape[2] if vector or values.shape[2] == 1 else 0):
                axis = f"{name}_{axis_name(j, values.shape[2])}" if vector else name
                found[axis if given is None else given[j]] = values[:, i, j]
    for (a, (kind, v)), (b, (other, w)) in itertools.combinations(list(vectors.items())[:_VECTORS], 2):
        if kind == other:
            points = kind.endswith("True")
            found[f"|{a} - {b}|" if points else f"{a}.{b}"] = (v - w).norm(dim=1) if points else (v * w).sum(1)
    return found


@dataclass(frozen=True)
class _Leaf:
    """Conditions ``lowest < column <= highest``, with thresholds as they are printed."""

    bounds: Mapping[str, tuple[float, float]]

    @property
    def text(self) -> str:
        said: list[str] = []
        for name, (low, high) in self.bounds.items():
            both = np.isfinite(low) and np.isfinite(high)
            one = f"{name} > {low:g}" if np.isfinite(low) else f"{name} <= {high:g}"
            said.append(f"{low:g} < {name} <= {high:g}" if both else one)
        return " and ".join(said)

    def holds(self, columns: Mapping[str, Tensor]) -> NDArray[np.bool_]:
        inside = [(columns[name] > low) & (columns[name] <= high) for name, (low, high) in self.bounds.items()]
        return torch.stack(inside).all(0).numpy()


def _leaves(table: Array, target: Array, unit: Units, names: list[str], seed: int) -> list[_Leaf]:
    """The leaves of the smallest tree that explains nearly as much on units it has not seen as the best."""
    from sklearn.tree import DecisionTreeRegressor

    # A few rows at the rim can hold most of the squares; the tree is to see where there is breaking, not how much.
    target = np.sqrt(np.clip(target, 0, None))

    def grown(rows: NDArray[np.bool_], leaves: int) -> DecisionTreeRegressor:
        smallest = max(5, int(_SMALLEST * rows.sum()))
        tree = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=smallest, random_state=seed)
        return tree.fit(table[rows], target[rows])

    fold = split_halves(torch.unique(torch.from_numpy(unit), return_inverse=True)[1], derive(seed, "leaves"), 0).numpy()
    scores = [
        sum(float(grown(fold != k, leaves).score(table[fold == k], target[fold == k])) for k in (0, 1))
        for leaves in _LEAVES
    ]
    if max(scores) <= 0:
        return []
    best = next(n for n, score in zip(_LEAVES, scores, strict=True) if score * _WORTH >= max(scores))
    return _read(grown(np.ones(len(target), dtype=bool), best).tree_, names)


def _read(tree: Any, names: list[str]) -> list[_Leaf]:
    found: list[_Leaf] = []

    def walk(node: int, bounds: dict[str, tuple[float, float]]) -> None:
        if tree.children_left[node] < 0:
            found.append(_Leaf(bounds))
            return
        name, at = names[tree.feature[node]], float(f"{tree.threshold[node]:.2g}")
        low, high = bounds.get(name, (-np.inf, np.inf))
        walk(int(tree.children_left[node]), {**bounds, name: (low, min(at, high))})
        walk(int(tree.children_right[node]), {**bounds, name: (max(low, at), high)})

    walk(0, {})
    return found


def _joined(leaves: list[_Leaf]) -> list[_Leaf]:
    """Neighbours on two sides of one threshold as one."""
    for a, b in itertools.permutations(leaves, 2):
        differing = [name for name in {**a.bounds, **b.bounds} if a.bounds.get(name) != b.bounds.get(name)]
        if len(differing) == 1 and all(differing[0] in leaf.bounds for leaf in (a, b)):
            (name,) = differing
            if a.bounds[name][1] == b.bounds[name][0]:
                whole = {**a.bounds, name: (a.bounds[name][0], b.bounds[name][1])}
                kept = {name: ends for name, ends in whole.items() if np.isfinite(ends).any()}
                return _joined([*(leaf for leaf in leaves if leaf not in (a, b)), _Leaf(kept)])
    return leaves


def _resampled(carried: Array, members: NDArray[np.bool_], unit: Units, seed: int) -> tuple[Array, Array]:
    """What each region, and all rows, carry when units are redrawn: ``(draws, regions)``, ``(draws,)``."""
    _, each = np.unique(unit, return_inverse=True)
    sums = np.zeros((int(each.max()) + 1, members.shape[1] + 1))
    np.add.at(sums, each, np.c_[members, np.ones(len(members))] * carried[:, None])
    generator = np.random.default_rng(derive(seed, "regions", "resampled"))
    weights = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_RESAMPLED)
    drawn = weights @ sums
    return drawn[:, :-1], drawn[:, -1]
