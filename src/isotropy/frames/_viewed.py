"""What a frame is shown of typed inputs: all that could tell apart what one cloud or graph leaves open."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DegenerateError, SchemaError
from isotropy.frames._frame import Frame, seen_kinds, vectors_of
from isotropy.frames._minimal import MinimalFrame
from isotropy.frames._normalising import HaarFrame
from isotropy.frames._padded import log_of, stacked
from isotropy.frames._stabiliser import averaged_over, degree_of, in_plane, unspanned
from isotropy.groups import SE, SO, DiscreteMeasure, Group, LinearGroup, Lorentz, O, Placed, S, SimilarityPlus
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Pairs, Rep, Type, over

Sees = int | str | tuple[int | str, ...] | None


@dataclass(frozen=True)
class Viewed:
    """``frame`` at typed inputs: of the argument ``sees``, and of all others where that one is symmetric.

    A cloud on which infinitely many elements act alike (two atoms, say) has a measure that stands in for all of them
    by a finite rule, which is exact only while the backbone cannot tell these elements apart. So rows that a frame
    marks ``degenerate`` are looked at again, together with the Vectors of all arguments; what even these leave open
    is averaged by a rule that is exact for ``rep_out``. Vertices of graphs and sets are told apart by all their values.

    Raises DegenerateError where other types (tensors) stand beside a cloud on a line or a point, as no direction can
    be chosen from them; SchemaError for features that the frame does not read.
    """

    frame: Frame
    sees: Sees
    rep_in: Type
    rep_out: Type

    def __call__(self, x: Any, segments: Segments | None = None) -> DiscreteMeasure:
        if isinstance(self.frame.group, LinearGroup):
            return self._cloud(self.frame.group, x, segments)
        if isinstance(self.sees, tuple):
            return self.frame(*(x[name] for name in self.sees))
        if isinstance(self.frame.group, S):
            return self._vertices(x, segments)
        return self._plain(*self._argument(x, self.sees), segments)

    def _argument(self, x: Any, name: Any) -> tuple[Any, Any]:
        return (x, self.rep_in) if name is None else (x[name], cast("Any", self.rep_in)[name])

    def _plain(self, seen: Any, type_: Any, segments: Segments | None) -> DiscreteMeasure:
        """One argument as it is; it has one row for each set, whatever the sets are, unless it is a Cloud."""
        return self.frame(seen, segments) if segments is not None and isinstance(type_, Cloud) else self.frame(seen)

    def _cloud(self, group: LinearGroup, x: Any, segments: Segments | None) -> DiscreteMeasure:
        first, *others = self.sees if isinstance(self.sees, tuple) else (self.sees,)
        seen, type_ = self._argument(x, first)
        unlooked = isinstance(self.frame, HaarFrame) and not group.affine
        if not isinstance(type_, Rep | Cloud) or type_ == Cloud() or unlooked:
            return self._plain(seen, type_, segments)
        cloud, sets = vectors_of(type_, group, seen, segments if isinstance(type_, Cloud) else None)
        features = self._features(group, [self._argument(x, name) for name in others], cloud, sets)
        given = {} if features is None else {"features": features}
        look = cast("Any", self.frame)
        found: DiscreteMeasure = look(cloud, **given) if sets is None else look(cloud, sets, **given)
        base = group.base if isinstance(group, Placed) else group
        metric = isinstance(base, O | SO | SE | SimilarityPlus | Lorentz)
        if found.degenerate is None or not bool(found.degenerate.any()) or not metric:
            return found
        if isinstance(self.frame, torch.nn.Module):
            return found  # a learned frame reads what it was made for
        return self._completed(group, x, segments, seen, cloud, sets, found)

    def _features(
        self, group: Group, others: list[tuple[Any, Any]], cloud: Tensor, sets: Segments | None
    ) -> Tensor | None:
        """The numbers of the points among the arguments that a tuple ``sees`` names after the first."""
        axes, columns = 2 if sets is None else 1, list[Tensor]()
        for value, type_ in others:
            if isinstance(type_, Cloud) and (type_.rep is None or type_.rep.is_trivial(group)):
                flat = value.flatten(axes) if value.ndim > axes else value[..., None]
                each = cloud.shape[axes - 1] // max(flat.shape[axes - 1], 1)
                columns.append(flat.repeat_interleave(each, axes - 1).to(cloud))
            elif not isinstance(type_, Rep | Cloud):
                raise SchemaError(f"features of type {type_}", "Cloud(Scalar) or Cloud(): numbers of the points")
        if columns and not _reads(self.frame, "features"):
            raise SchemaError(f"features for {type(self.frame).__name__}", "a frame that reads them, as PCAFrame")
        return torch.cat(columns, -1) if columns else None

    def _completed(
        self,
        group: LinearGroup,
        x: Any,
        segments: Segments | None,
        seen: Tensor,
        cloud: Tensor,
        sets: Segments | None,
        found: DiscreteMeasure,
    ) -> DiscreteMeasure:
        """The measure, its degenerate rows looked at with all Vectors, and averaged over what stays open."""
        assert found.degenerate is not None
        some = found.degenerate.nonzero().flatten()
        points = _Arrows.of(cloud, sets).only(some)
        centre = points.sets.mean(points.v) if group.affine else torch.zeros_like(points.sets.sum(points.v))
        reach = torch.finfo(cloud.dtype).eps * points.sets.max(points.v.detach().abs().amax(-1))
        points = _Arrows(points.v - points.sets.gather(centre), points.sets)
        arrows, unseen = self._others(group, x, segments, seen, centre, some)
        if arrows:
            if not isinstance(group, Lorentz):
                arrows = _of_one_size(points, arrows, 64 * reach)
            # Both ways, so that an axial vector is one, and the mean stays where it is.
            points = points.joined([_Arrows(sign * part.v, part.sets) for part in arrows for sign in (1, -1)])
            found = _replaced(group, found, some, self.frame(points.v.to(cloud), points.sets), centre)
        free = unspanned(group, points.v, points.sets, centre, cloud.dtype)
        open_ = free.dimension > 1
        degree = degree_of(self.rep_out)
        if not bool(open_.any()):
            return found
        if unseen:
            raise DegenerateError(
                f"inputs of type {', '.join(unseen)} beside clouds on a line or a point, "
                f"at batch {some[open_][:5].tolist()}",
                "Points and Vectors, from which to choose directions",
                "leave such rows out",
            )
        if degree <= 2:
            return found
        if isinstance(group, Lorentz):
            raise DegenerateError(f"outputs of rank {degree} at symmetric rows {some[open_][:5].tolist()}", "rank 2")
        return averaged_over(group, found, some[open_], free.only(open_), degree)

    def _others(
        self, group: LinearGroup, x: Any, segments: Segments | None, seen: Tensor, centre: Tensor, rows: Tensor
    ) -> tuple[list[_Arrows], list[str]]:
        """All vectors that the cloud does not hold, each kind by itself, and the types in which there are none."""
        arrows, unseen = list[_Arrows](), list[str]()
        ordered = isinstance(self.frame, MinimalFrame)

        def leaf(type_: Any, value: Tensor) -> None:
            rep = type_.rep if isinstance(type_, Cloud | Pairs) else type_
            if rep is None:
                return
            if not isinstance(rep, Rep):
                unseen.append("an action of its own")
                return
            sets = segments if isinstance(type_, Cloud) else None
            held = seen_kinds(group) if value is seen else set[Rep]()
            if rep.feature_axes(group, value.shape) == 2:
                value = value.flatten(-2)
            parts = zip(rep.parts(), rep.columns({group.space: group.degree}), strict=True)
            for part, where in parts:
                if part.atom in held or part.atom.is_trivial(group):
                    continue
                kind = _kind(part.term, group)
                if kind == "number":
                    continue
                if kind is None or (kind == "axial" and ordered):
                    unseen.append(str(part.atom))
                    continue
                found = _Arrows.flat(value[..., where].unflatten(-1, (-1, group.degree)), sets).only(rows)
                if kind == "point" and group.affine:
                    found = _Arrows(found.v - found.sets.gather(centre), found.sets)
                arrows.append(found)

        over(self.rep_in, x, leaf)
        return [part for part in arrows if len(part.v)], unseen

    def _vertices(self, x: Any, segments: Segments | None) -> DiscreteMeasure:
        """Of the graph or the set, its vertices coloured by all values that they have."""
        seen, type_ = self._argument(x, cast("Any", self.sees))
        graphs, points = list[Tensor](), list[Tensor]()

        def leaf(kind: Any, value: Any) -> None:
            if isinstance(kind, Pairs):
                graphs.append(value)
            elif isinstance(kind, Cloud):
                points.append(value)

        over(self.rep_in, x, leaf)
        if segments is not None or not isinstance(type_, Pairs | Cloud):
            return self._plain(seen, type_, segments)
        look = cast("Any", self.frame)
        if _reads(self.frame, "X") and graphs:
            A = graphs[0] if len(graphs) == 1 and graphs[0].ndim == 3 else _coloured(graphs)
            return look(A, X=_columns(points, A)) if points else look(A)
        points = [value for value in points if value is not seen]
        if graphs and _reads(self.frame, "features"):
            raise SchemaError(
                f"pairs of points, which {type(self.frame).__name__} does not see", "a frame that does",
                "CanonicalGraphFrame",
            )  # fmt: skip
        if points and _reads(self.frame, "features"):
            return look(seen, features=_columns(points, seen))
        return self.frame(seen)


@dataclass(frozen=True, eq=False)
class _Arrows:
    """Vectors ``v (M, d)`` in float64, and the row of each."""

    v: Float[Tensor, "M d"]
    sets: Segments

    @classmethod
    def of(cls, cloud: Tensor, sets: Segments | None) -> _Arrows:
        """From a cloud, dense (B, m, d) or flat."""
        return cls(cloud.double(), sets) if sets is not None else cls.flat(cloud, None)

    @classmethod
    def flat(cls, v: Tensor, sets: Segments | None) -> _Arrows:
        """From (B, ..., d), or from (N, ..., d) with the sets of the points."""
        each = v.flatten(1, -2) if v.ndim > 2 else v[:, None]
        label = torch.arange(len(v), device=v.device) if sets is None else sets.label
        count = len(v) if sets is None else sets.count
        return cls(each.flatten(0, 1).double(), Segments(label.repeat_interleave(each.shape[1]), count))

    def only(self, rows: Int[Tensor, " R"]) -> _Arrows:
        """Those of some rows, which are then numbered in this order."""
        number = torch.full((self.sets.count,), -1, device=rows.device)
        number[rows] = torch.arange(len(rows), device=rows.device)
        label = number[self.sets.label]
        return _Arrows(self.v[label >= 0], Segments(label[label >= 0], len(rows)))

    def joined(self, others: list[_Arrows]) -> _Arrows:
        """All in one, those of ``others`` after these."""
        every = [self, *others]
        return _Arrows(
            torch.cat([part.v for part in every]),
            Segments(torch.cat([part.sets.label for part in every]), self.sets.count),
        )

    def size(self) -> Float[Tensor, " B"]:
        """The length of the longest of each row; 0 where there is none."""
        square = self.v.square().sum(-1)
        rows = self.v.new_zeros(self.sets.count).scatter_reduce(0, self.sets.label, square, "amax")
        return torch.where(rows > 0, rows, 1.0).sqrt() * (rows > 0)  # a root with a derivative, also where it is 0


def _of_one_size(points: _Arrows, arrows: list[_Arrows], rounding: Float[Tensor, " B"]) -> list[_Arrows]:
    """Vectors as long as the points are far, whatever their units: rows without extent take the first as measure."""
    reference, found = points.size(), list[_Arrows]()
    reference = torch.where(reference > rounding, reference, 0.0)
    for part in arrows:
        size = part.size()
        factor = torch.where((size > 0) & (reference > 0), reference / torch.where(size > 0, size, 1.0), 1.0)
        reference = torch.where(reference > 0, reference, size)
        found.append(_Arrows(part.v * part.sets.gather(factor)[:, None], part.sets))
    return found


def _replaced(
    group: LinearGroup, found: DiscreteMeasure, rows: Tensor, again: DiscreteMeasure, centre: Tensor
) -> DiscreteMeasure:
    """The measure with other atoms in some rows, about ``centre`` where the group translates."""
    assert isinstance(found.g, Tensor)
    assert isinstance(again.g, Tensor)
    g = again.g.double()
    if group.affine:
        shift = torch.zeros_like(g[:, :1])
        shift[..., :-1, -1] = in_plane(group, centre)[:, None]
        g = g + shift
    other = torch.ones(len(found.weight), dtype=torch.bool, device=rows.device)
    other[rows] = False
    parts = [(found.g[other], found.weight[other]), (g.to(found.g), again.weight)]
    atoms, weight = stacked(parts, torch.cat([other.nonzero().flatten(), rows]))
    return DiscreteMeasure(atoms, log_of(weight), found.exact and again.exact, found.degenerate)


def _kind(term: Any, group: LinearGroup) -> str | None:
    """What a frame can make of a value: "point", "vector", "axial", a "number" that changes sign at most, or None."""
    if term.tail is not None or (term.scale and isinstance(group, SimilarityPlus)):
        return None
    if not term.factors:
        return "number"
    factor = term.factors[0]
    if len(term.factors) > 1 or factor.kind not in ("Point", "Vector") or factor.space != group.space:
        return None
    if factor.dual and isinstance(group, SimilarityPlus | Lorentz):
        return None
    return "point" if factor.kind == "Point" else "axial" if term.sign else "vector"


def _columns(points: list[Tensor], like: Tensor) -> Float[Tensor, "B n c"]:
    return torch.cat([(part.flatten(2) if part.ndim > 2 else part[..., None]).to(like) for part in points], -1)


def _coloured(graphs: list[Tensor]) -> Float[Tensor, "B n n"]:
    """One number for each pair of vertices: the rank of all its values among those of its graph."""
    values = torch.cat([(part.flatten(3) if part.ndim > 3 else part[..., None]).double() for part in graphs], -1)
    ranks = [torch.unique(row.flatten(0, 1), dim=0, return_inverse=True)[1] for row in values]
    return torch.stack(ranks).view(values.shape[:3]).double() if ranks else values[..., 0]


def _reads(frame: Any, name: str) -> bool:
    """Whether a frame takes an argument of that name."""
    call = frame.forward if isinstance(frame, torch.nn.Module) else type(frame).__call__
    return name in inspect.signature(call).parameters
