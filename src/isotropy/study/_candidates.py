"""Candidates: groups with the measure along which each is judged."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.groups import Group, UnsizedGroupError, Window, list_items, parse, same
from isotropy.reps import Cloud, Field, Nodes, Rep, Scalar, Schema, over, rests, suits

# A declared window where nothing says how far to look: stretches by about a third, translations by half the spread.
_STRETCH = 0.3
_SPREAD = 0.5

CandidateLike = str | Group | Window


@dataclass(frozen=True)
class Candidate:
    """A group, and for one without a uniform law the window within which it is judged (width per generator)."""

    name: str
    group: Group
    width: tuple[float, ...] | None = None
    listed: bool = True  # False for the compact part of a candidate, judged on its behalf

    @property
    def measured(self) -> Group | Window:
        """What draws are taken from."""
        return self.group if self.width is None else Window(self.group, self.width)

    def as_json(self) -> dict[str, Any]:
        """A description from which ``from_json`` rebuilds the candidate in another process."""
        return {"group": str(self.group), "width": self.width, "listed": self.listed}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Candidate:
        group, width = parse(described["group"]), described["width"]
        return cls(group.name, group, None if width is None else tuple(width), described["listed"])


def listed(
    groups: str | CandidateLike | Sequence[CandidateLike], types: Schema | None = None, x: Any = None
) -> list[Group | Window]:
    """The groups and windows one by one, names read; ``Scale`` stands for ``Scale(3)`` where space is known to be R^3.

    The dimension of space is what the types declare, or what the other groups act on, or what the columns, images or
    voxels ``x`` then leave. Raises UnsizedGroupError where nothing tells it.
    """
    items = [groups] if isinstance(groups, str | Group | Window) else groups
    texts = [part for item in items for part in (list_items(item) if isinstance(item, str) else [item])]
    found: list[Group | Window | UnsizedGroupError] = []
    for text in texts:
        try:
            found.append(text if isinstance(text, Window) else parse(text))
        except UnsizedGroupError as error:
            found.append(error)
    known = [item if isinstance(item, Group) else item.group for item in found if not isinstance(item, SchemaError)]
    missing = [item for item in found if isinstance(item, UnsizedGroupError)]
    if not missing:
        return [item for item in found if not isinstance(item, UnsizedGroupError)]
    degree = None if types is None else space_of(types, known, x)
    if degree is None:
        raise missing[0]
    both = zip(texts, found, strict=True)
    return [parse(str(text), degree) if isinstance(item, UnsizedGroupError) else item for text, item in both]


def space_of(types: Schema, groups: Sequence[Group], x: Any) -> int | None:
    """The dimension of space that types, groups and values tell; None where they do not."""
    told: list[int] = []

    def tells(type_: Any, part: Any) -> None:
        if isinstance(type_, Field):
            told.append(part.ndim - 2)
        elif isinstance(type_, Cloud) and type_.rep is not None:
            of_points = Schema.of({"x": type_.rep, "y": Scalar})
            told.append(dims_of(of_points, [], part.flatten(0, -2)).get("space", 0))

    dims = dims_of(types, groups, x)
    over(types.x, x, tells)
    return dims.get("space") or next((d for d in told if d), None)


def candidates(
    groups: str | CandidateLike | Sequence[CandidateLike],
    types: Schema,
    x: Any,
    windows: Mapping[str, float] | None = None,
) -> tuple[Candidate, ...]:
    """The candidates, largest group first, duplicates merged.

    Raises SchemaError for unknown names and for a group that acts on no column ("vacuous"), ShapeError where the
    dimension of a group is not that of the types.
    """
    if not (given := listed(groups, types, x)):
        raise SchemaError("no candidate groups", "at least one", 'groups="O(3),O(2)@z"')
    types = types.model_copy(update={"dims": dims_of(types, [_group_of(item) for item in given], x)})
    found: list[Candidate] = []
    for item in given:
        group = _group_of(item)
        _fits(group, types, x)
        twin = next((other for other in found if same(group, other.group)), None)
        if twin is not None:
            warnings.warn(f"{group.name} is the same group as {twin.name} and is judged once", stacklevel=3)
            continue
        width = _width(item, group, types, x, windows or {})
        found.append(Candidate(group.name, group, width))
    return tuple(sorted(found, key=lambda c: -sum(other.group <= c.group for other in found)))


def _group_of(item: Group | Window) -> Group:
    return item.group if isinstance(item, Window) else item


def dims_of(types: Schema, groups: Sequence[Group], x: Any, y: Any = None) -> dict[str, int]:
    """The dimensions of the spaces: declared, or of the groups that act there, or what the columns then leave."""
    dims = dict(types.dims or {})
    for group in groups:
        for space in group.spaces:
            if (factor := group.factor(space)) is not None:
                dims.setdefault(space, factor.degree)
    if not types.tabular:
        return dims
    try:
        return types.model_copy(update={"dims": dims}).known_dims(x.shape[-1], None if y is None else y.shape[-1])
    except SchemaError:
        return dims  # a group of another dimension than the columns have is named where it is looked at


def _fits(group: Group, types: Schema, x: Any) -> None:
    dims = dict(types.dims or {})
    for space in group.spaces:
        factor = group.factor(space)
        if factor is not None and space in dims and factor.degree != dims[space]:
            raise ShapeError(
                f"{group.name}, which acts on {counted(factor.degree, 'dimension')}",
                f"a group of the {dims[space]}-dimensional {space} that the types declare",
                f"{group.name}@z, about the z axis"
                if (group.name in ("O(2)", "SO(2)") and dims[space] == 3)
                else f"e.g. SO({dims[space]})",
            )
    over(types.x, x, lambda type_, part: suits(type_, group, part, "x", dims))
    if rests(types.x, group) and rests(types.y, group):
        raise SchemaError(
            f"{group.name}, which moves no column of {types.x} -> {types.y}",
            "a group that acts on some column",
            "translations act on Point: write Point for a place, Vector for a difference of places"
            if group.affine
            else "it would hold whatever the data: leave it out"
            + (
                _permuted(group, types)
                if set(group.spaces) & Nodes.spaces
                else ", or declare Vectors where there are any"
            ),
        )
    for factor in getattr(group, "factors", ()):
        if rests(types.x, factor) and rests(types.y, factor):
            raise SchemaError(
                f"{group.name}, of which {factor.name} moves no column of {types.x} -> {types.y}",
                "a product in which every factor acts on some column",
                f"leave {factor.name} out" + _permuted(factor, types),
            )


def _permuted(factor: Group, types: Schema) -> str:
    """How to write copies that a permutation group is to move: ``2*Vector`` is two vectors in a fixed order."""
    space = next(iter(factor.spaces), "")
    if space not in Nodes.spaces:
        return f', or declare a type on the space "{space}"'
    n = factor.degree
    copies = next((part for part in types.x.parts() if part.multiplicity == n), None) if types.tabular else None
    atom = str(copies.atom) if copies is not None else "Vector"
    return f", or, for it to permute {n} copies, write Nodes*{atom} for {n}*{atom} with dims={{'nodes': {n}}}"


def _width(
    item: CandidateLike, group: Group, types: Schema, x: Any, windows: Mapping[str, float]
) -> tuple[float, ...] | None:
    if isinstance(item, Window):
        width = item.width
        return (float(width),) * group.dim if isinstance(width, int | float) else tuple(float(w) for w in width)
    if group.compact:
        return None
    if group.name in windows:
        return (float(windows[group.name]),) * group.dim
    spread = _SPREAD * _point_spread(types, x, group)
    return tuple(spread if "translation" in name else _STRETCH for name in group.generator_names)


def _point_spread(types: Schema, x: Any, group: Group) -> float:
    """Root mean square distance of declared Points from their common mean, per coordinate."""
    points: list[Tensor] = []

    def places(type_: Any, values: Any) -> None:
        rep = type_.rep if isinstance(type_, Cloud) else type_
        for part, columns in zip(rep.parts(), rep.columns(dims), strict=True) if isinstance(rep, Rep) else ():
            if part.term.affine:
                points.append(values[..., columns].reshape(-1, dims[part.term.place]))

    factors = {space: group.factor(space) for space in group.spaces}
    dims = {**{space: H.degree for space, H in factors.items() if H is not None}, **dict(types.dims or {})}
    over(types.x, x, places)
    if not points:
        return 1.0
    cloud = torch.cat(points)
    return max(float((cloud - cloud.mean(0)).square().mean().sqrt()), 1e-12)


def subgroups(found: Sequence[Candidate]) -> dict[str, list[str]]:
    """For each candidate the names of the others that are its subgroups."""
    return {
        big.name: [small.name for small in found if small.name != big.name and small.group <= big.group]
        for big in found
    }
