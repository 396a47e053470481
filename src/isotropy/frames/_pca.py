"""Frames from principal axes, finite and exact also where the axes are not determined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, FrameSizeError, counted, one_of
from isotropy.frames._padded import check_cloud, check_numbers, check_weights, log_of, stacked
from isotropy.frames._refine import AxisBlock, Partial, Rule, TiedCloud, merged, pair_invariants, tied_frame
from isotropy.frames._signs import ambiguity
from isotropy.frames._spectrum import TIES, Spectrum, largest, spectrum
from isotropy.groups import SE, SO, Cubature, DiscreteMeasure, E, Group, O, Placed, homogeneous, parse
from isotropy.groups.parts import axis_frame, haar_orthogonal, matrix, reflect_last
from isotropy.linalg import Segments, eigh
from isotropy.random import spawn

Degenerate = Literal["refine", "haar", "quadrature", "raise"]


class DegenerateFrameError(DegenerateError):
    """A cloud whose principal axes are not determined, where no rule for that was asked for."""


@dataclass(frozen=True, init=False)
class PCAFrame:
    """The frame of a cloud's principal axes, for O(d), SO(d), E(d), SE(d), and these about an axis, as O(2)@z.

    ``frame(x, segments, features, weights)`` takes clouds (B, n, d), or flat (N, d) with ``segments``; invariant
    numbers of the points, (..., c), and weights with which they count, (...). It gives one measure for each cloud:
    atoms V diag(+-1), 2^d of them for O(d) and half as many for SO(d), V the axes of the second moments by descending
    eigenvalue; for E and SE beside the mean as translation.

    - ``group``: one of these; about an axis, heights along it count as features.
    - ``degenerate``: what to do with a block of axes left open. "refine" parts it by higher moments and features, then
      by the directions of its extreme points, finite and exact; "haar" draws one basis, "quadrature" averages over
      Cubature(O(m), degree), both without ``exact``; "raise" refuses. Directions in which the cloud has no extent take
      a finite set that is exact for outputs of tensor rank 2.
    - ``tol``: eigenvalues closer than this times the largest, and those that the rounding of the coordinates cannot
      tell apart, leave a block open. Axes a relative gap apart are known to rounding / gap: the default, 1e-5 in
      float64 and 1e-3 in float32, keeps that far below what counts as equal.
    - ``max_frames``: of more atoms that many are drawn, or with ``exact`` none.
    - ``grad``: "exact" derivatives hold the discrete choices of "refine" fixed; "detach" stops all.
    - ``degree`` of "quadrature"; ``seed`` of draws.

    Raises DegenerateFrameError; FrameSizeError for too many atoms if ``exact``; DomainError for other groups and for
    coordinates that are not finite; ShapeError, DtypeError. Source: Puny et al., ICLR 2022; specification 03 §2.2-2.4.

    >>> frame = PCAFrame("O(2)")
    >>> found = frame(torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]))
    >>> found.g.shape, found.degenerate, found.exact
    (torch.Size([2, 4, 2, 2]), tensor([False,  True]), True)
    """

    group: Group
    degenerate: Degenerate
    tol: float | None
    max_frames: int
    grad: Literal["exact", "detach"]
    exact: bool
    degree: int
    seed: int

    def __init__(
        self,
        group: Group | str,
        degenerate: Degenerate = "refine",
        tol: float | None = None,
        max_frames: int = 120,
        grad: Literal["exact", "detach"] = "exact",
        *,
        exact: bool = False,
        degree: int = 4,
        seed: int = 0,
    ) -> None:
        acting = parse(group)
        base = acting.base if isinstance(acting, Placed) else acting
        if type(base) not in (O, SO, E, SE):
            raise DomainError(f"PCAFrame({acting})", "O(d), SO(d), E(d), SE(d), or one of these about an axis")
        one_of("degenerate", degenerate, get_args(Degenerate))
        one_of("grad", grad, ("exact", "detach"))
        if max_frames < 1 or not (tol is None or 0 <= tol < 1):
            raise DomainError(f"max_frames={max_frames}, tol={tol}", "max_frames >= 1 and 0 <= tol < 1")
        settings = (acting, degenerate, tol, max_frames, grad, exact, degree, seed)
        for name, value in zip(self.__dataclass_fields__, settings, strict=True):
            object.__setattr__(self, name, value)

    def __call__(
        self, x: Tensor, segments: Segments | None = None, features: Tensor | None = None, weights: Tensor | None = None
    ) -> DiscreteMeasure:
        clouds, found = self._seen(x, segments, features, weights)
        if self.degenerate == "raise":
            _refuse(found)
        g, log_weight, sampled = self._atoms(clouds, found)
        if self._base.affine:
            g = homogeneous(g, found.centre[:, None])
        if isinstance(self.group, Placed):
            g = self.group._push(g)
        open_ = (found.tied | (found.null > 0)).to(x.device)
        exact = not sampled and (self.degenerate == "refine" or not bool(found.tied.any()))
        return DiscreteMeasure(g.to(x), log_weight.to(x), exact, open_)

    def spectrum(self, x: Tensor, segments: Segments | None = None, weights: Tensor | None = None) -> Spectrum:
        """The principal axes as the frame tells them apart; about an axis, those of the plane across it.

        >>> PCAFrame("O(2)").spectrum(torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])).cluster.tolist()
        [[0, 1]]
        """
        return self._seen(x, segments, None, weights)[1]

    def _seen(
        self, x: Tensor, segments: Segments | None, features: Tensor | None, weights: Tensor | None
    ) -> tuple[_Clouds, Spectrum]:
        check_cloud(x, segments, self.group.degree)
        given = None if weights is None else check_weights(weights, x, segments)
        invariants = x[..., :0] if features is None else check_numbers("features", features, x, segments)
        clouds = _Clouds.of(self.group, self.grad, x, segments, invariants, given)
        found = spectrum(
            clouds.x,
            segments,
            weights=clouds.weights,
            centred=self._base.affine,
            tol=TIES[x.dtype] if self.tol is None else self.tol,
            resolution=torch.finfo(x.dtype).eps * clouds.reach,
        )
        return clouds, found

    @property
    def _base(self) -> O | SO | E | SE:
        return cast("O | SO | E | SE", self.group.base if isinstance(self.group, Placed) else self.group)

    @property
    def _proper(self) -> bool:
        return type(self._base) in (SO, SE)

    def _atoms(self, clouds: _Clouds, found: Spectrum) -> tuple[Tensor, Tensor, bool]:
        """Axes (S, F, d, d), log weights (S, F), and whether some were left out."""
        pieces: list[tuple[Tensor, Tensor, Tensor]] = []
        sampled = False
        V, d = found.vectors, found.vectors.shape[-1]
        if self._proper:
            V = reflect_last(V)
        nulls = found.null[~found.tied].unique().tolist() if len(V) else [0]
        for null in nulls:
            rows = ((found.null == null) & ~found.tied).nonzero().flatten()
            table, count = ambiguity(d, null, self._proper, self.max_frames, self.seed)
            self._refuse_many(count, rows)
            sampled |= len(table) < count
            g = (V[rows] @ table.to(V).transpose(0, 1).flatten(1)).unflatten(-1, (len(table), d)).transpose(1, 2)
            pieces.append((rows, g, -torch.full(g.shape[:2], len(table)).to(V).log()))
        for row in found.tied.nonzero().flatten():
            frame, left_out = self._tied(clouds, found, row)
            sampled |= left_out
            pieces.append((row[None], frame.axes[None], frame.weight.log()[None]))
        if len(pieces) == 1:
            return *pieces[0][1:], sampled
        g, weight = stacked([(g, log_weight.exp()) for _, g, log_weight in pieces], torch.cat([p[0] for p in pieces]))
        return g, log_of(weight), sampled

    def _tied(self, clouds: _Clouds, found: Spectrum, row: Tensor) -> tuple[Partial, bool]:
        """The frame of one cloud with tied axes, and whether it is a sample of it."""
        generator = spawn(self.seed, "frame")
        cloud = clouds.tied(found, int(row))
        frame = tied_frame(cloud, self._rule(generator), generator)
        sampled = frame.sampled
        if self._proper:
            frame = merged(Partial(reflect_last(frame.axes), frame.weight), max(map(cloud.rounding, cloud.blocks)))
        count = len(frame.weight)
        self._refuse_many(self.max_frames + 1 if sampled else count, row[None])
        if count <= self.max_frames:
            return frame, sampled
        few = torch.randperm(count, generator=generator)[: self.max_frames].to(row.device)
        return Partial(frame.axes[few], frame.weight[few] / frame.weight[few].sum()), True

    def _rule(self, generator: torch.Generator) -> Rule | None:
        if self.degenerate == "haar":
            return lambda m: (haar_orthogonal(m, 1, generator), torch.ones(1, dtype=torch.float64))
        if self.degenerate == "quadrature":

            def cubature(m: int) -> tuple[Tensor, Tensor]:
                rule = Cubature(O(m), self.degree).discretise()
                return matrix(rule.g), rule.weight

            return cubature
        return None

    def _refuse_many(self, count: int, rows: Int[Tensor, " R"]) -> None:
        if self.exact and count > self.max_frames:
            raise FrameSizeError(
                f"a frame of {counted(count, 'element')} or more at batch {int(rows[0])}",
                f"at most max_frames={self.max_frames}",
                "raise max_frames, or leave out exact=True to sample",
            )


@dataclass(frozen=True, eq=False)
class _Clouds:
    """A batch in float64, in the coordinates that the group turns, and the numbers of points that it leaves alone."""

    x: Float[Tensor, "*points d"]
    segments: Segments | None
    features: Float[Tensor, "*points c"]
    heights: Float[Tensor, "*points h"]
    weights: Float[Tensor, "*points"] | None
    reach: Float[Tensor, " S"]
    """The largest distance of a point from the origin."""

    @classmethod
    def of(
        cls, group: Group, grad: str, x: Tensor, segments: Segments | None, features: Tensor, weights: Tensor | None
    ) -> _Clouds:
        def solved(z: Tensor) -> Tensor:
            z = z.to("cpu") if z.device.type == "mps" else z
            return z.to(torch.float64) if grad == "exact" else z.detach().to(torch.float64)

        x, features = solved(x), solved(features)
        reach = largest(torch.linalg.vector_norm(x.detach(), dim=-1), segments)
        if weights is not None:
            weights = solved(weights)
            features = torch.cat([features, weights[..., None]], -1)
        heights = x[..., :0]
        if isinstance(group, Placed):
            turned = x @ axis_frame(group.axis).to(x)
            x, heights = turned[..., :-1], turned[..., -1:]
        return cls(x, segments, features, heights, weights, reach)

    def tied(self, found: Spectrum, row: int) -> TiedCloud:
        """One cloud by itself, of size 1, its axes in clusters and its invariants at most 1."""
        at = row if self.segments is None else self.segments.take(torch.tensor([row]))[0].to(self.x.device)
        y, features, heights = found.y[at] / found.size[row], self.features[at], self.heights[at]
        weight = torch.ones_like(y[:, 0]) if self.weights is None else self.weights[at]
        counts = weight > 0
        y, features, heights, weight = (z[counts] for z in (y, features, heights, weight))
        largest_of = features.detach().abs().amax(0)
        invariants = [features / torch.where(largest_of > 0, largest_of, 1.0), heights / self.reach[row]]
        invariants.append(pair_invariants(y, weight))
        axes = eigh(y.mT @ (weight[:, None] * y), tol=float(found.tol[row]))
        noise, thin = found.noise[row] / found.size[row], found.thin[row] / found.size[row]
        places = [axes.cluster == c for c in axes.cluster.unique()]
        return TiedCloud(
            y,
            weight,
            torch.cat(invariants, -1),
            tuple(AxisBlock(axes.vectors[:, at], float(noise[at].max()), float(thin[at].max())) for at in places),
            float(found.tol[row]),
        )


def _refuse(found: Spectrum) -> None:
    open_: Bool[Tensor, " S"] = found.tied | (found.null > 0)
    if bool(open_.any()):
        row = int(open_.nonzero()[0])
        values, cluster = found.values[row].tolist(), found.cluster[row].tolist()
        raise DegenerateFrameError(
            f"equal eigenvalues at batch {row}: {values} in clusters {cluster}",
            "eigenvalues that differ",
            'degenerate="refine" chooses axes exactly',
        )
