"""All linear maps of a space as directions of change: the Gram matrix of Lie derivatives over gl(d), and aff(d).

Directions are measured where the data are: in coordinates in which the vectors of the space have unit covariance, a
map A counts by |A|^2 / 2 there, which is the mean square by which it displaces them. A rotation of round data by one
radian has size 1, so that eigenvalues are shares of the signal as those of ``lie_gram`` are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import jvp

from isotropy.groups import GLPlus
from isotropy.measure._slopes import slopes
from isotropy.random import spawn
from isotropy.reps import Rep, linear_part

Function = Callable[[Tensor], Tensor]

_FLAT = 1e-6  # a share of the largest variance below which the data do not extend in a direction
_LEARNT = 0.05  # a part of the target of which two fits share less than this is not known well enough to be read
_BLOCKS = 200  # more independent units than this are pooled at random before they are resampled
_REACH = 8  # gl(8) has 64 directions; beyond it the smallest of so many eigenvalues says little
# What a matrix can act on: harmonics know rotations alone, the Adjoint waits for a group, images jump.
_VECTORS = frozenset({"Vector", "Point"})
_KINDS = _VECTORS | {"Linearised"}
_INNER = 0.75
_PASSES = 3  # in reverse mode that cost as much as one in forward mode by way of torch.func


@dataclass(frozen=True)
class Frame:
    """Whitened coordinates of a space: a vector is ``to @ z`` (a Point ``origin + to @ z``), ``z = back @ v``.

    ``to`` is (d, r) with r < d where the data lie in a subspace; only maps of that subspace are looked at.
    """

    space: str
    affine: bool
    origin: Float[Tensor, " d"]
    to: Float[Tensor, "d r"]
    back: Float[Tensor, "r d"]

    @property
    def degree(self) -> int:
        return len(self.origin)

    @property
    def name(self) -> str:
        """The group of all maps considered, ``gl(3)`` or ``aff(3)``."""
        return f"{'aff' if self.affine else 'gl'}({self.degree})"

    @property
    def count(self) -> int:
        r = self.to.shape[1]
        return r * (r + self.affine)

    def maps(self, v: Float[Tensor, "... D"]) -> Float[Tensor, "... m m"]:
        """The matrices, homogeneous where there are Points, with these coordinates; unit vectors displace by 1."""
        r = self.to.shape[1]
        inner = v[..., : r * r].unflatten(-1, (r, r))
        A = math.sqrt(2) * self.to @ inner @ self.back
        if not self.affine:
            return A
        b = math.sqrt(2) * v[..., r * r :] @ self.to.mT - A @ self.origin
        return torch.nn.functional.pad(torch.cat([A, b[..., None]], -1), (0, 0, 0, 1))

    def coordinates(self, A: Float[Tensor, "... m m"]) -> Float[Tensor, "... D"]:
        """The inverse of ``maps``, for maps of the subspace in which the data lie."""
        d = self.degree
        inner = (self.back @ A[..., :d, :d] @ self.to).flatten(-2)
        if self.affine:
            shift = (A[..., :d, :d] @ self.origin + A[..., :d, d]) @ self.back.mT
            inner = torch.cat([inner, shift], -1)
        return inner / math.sqrt(2)


@dataclass(frozen=True)
class Directions:
    """The cross-fitted Gram matrix over all directions of a ``frame``, with resampled ``replicates`` (B, D, D)."""

    frame: Frame
    matrix: Float[Tensor, "D D"]
    replicates: Float[Tensor, "B D D"]

    @cached_property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues, smallest first, and the directions as columns."""
        values, vectors = torch.linalg.eigh(self.matrix)
        return values, vectors

    @property
    def noise(self) -> float:
        """How far the smallest eigenvalue lies below zero, where the true matrix has none: what chance does here."""
        return max(-float(self.spectrum[0][0]), 0.0)

    def ends(self, span: Float[Tensor, "D k"]) -> tuple[float, float, float]:
        """The share of the signal that the most broken of some directions changes: its value, and a 90 % interval.

        The upper end is raised by the noise of the spectrum: directions are chosen because they are small.
        """
        basis = torch.linalg.qr(span)[0]
        worst = basis @ torch.linalg.eigh(basis.mT @ self.matrix @ basis)[1][:, -1]
        drawn = torch.einsum("i,bij,j->b", worst, self.replicates, worst)
        low, high = (float(torch.quantile(drawn, q)) for q in (0.05, 0.95))
        value = float(worst @ self.matrix @ worst)
        return value, min(low, value), max(high, value) + self.noise


def frame_of(rep_in: Rep, rep_out: Rep, x: Float[Tensor, "n p"], space: str, dims: Mapping[str, int]) -> Frame | None:
    """Whitened coordinates of a space from all its vectors and Points in the inputs; None where gl(d) has no reading.

    Each part counts alike, whatever its unit. There is none for a space without vectors among the inputs, with types
    that know rotations alone, or beyond 8 dimensions.
    """
    acted = [factor for rep in (rep_in, rep_out) for factor in _factors(rep) if factor.space == space]
    vectors = _vectors(rep_in, x, space, dims)
    if not vectors or dims[space] > _REACH or any(factor.kind not in _KINDS for factor in acted):
        return None
    points = [v.flatten(0, 1) for v, affine, _ in vectors if affine]
    origin = torch.cat(points).mean(0) if points else x.new_zeros(dims[space])
    moments: list[Tensor] = []
    for v, affine, dual in vectors:
        stretch = v.flatten(0, 1) - (origin if affine else 0)
        second = stretch.mT @ stretch / len(stretch)
        second = torch.linalg.pinv(second) if dual else second
        if float(second.trace()) > 0:
            moments.append(second / second.trace())
    if not moments:
        return None
    e, U = torch.linalg.eigh(torch.stack(moments).mean(0))
    kept = e > _FLAT * e[-1]
    # The size of the whole is that of the Points, by which translations are measured; without them it is free.
    size = float((torch.cat(points) - origin).square().sum(-1).mean()) if points else 1.0
    root = (e[kept] * size).sqrt()
    return Frame(space, bool(points), origin, U[:, kept] * root, (U[:, kept] / root).mT)


def inner_rows(frame: Frame, rep_in: Rep, x: Float[Tensor, "n p"], dims: Mapping[str, int]) -> Int[Tensor, " m"]:
    """The three quarters of the rows whose vectors lie innermost; slopes of a fit at the rim are little but noise."""
    radius = x.new_zeros(len(x))
    for v, affine, dual in _vectors(rep_in, x, frame.space, dims):
        z = (v - (frame.origin if affine else 0)) @ (frame.to if dual else frame.back.mT)
        square = z.square().sum((-2, -1))
        radius += square / square.mean().clamp_min(1e-300)
    return radius.argsort()[: max(2, int(_INNER * len(x)))].sort().values


def _vectors(rep: Rep, x: Tensor, space: str, dims: Mapping[str, int]) -> list[tuple[Tensor, bool, bool]]:
    """The parts that are vectors or Points of a space, ``(n, copies, d)``; whether they are Points, whether duals."""
    found: list[tuple[Tensor, bool, bool]] = []
    for part, where in zip(rep.parts(), rep.columns(dims), strict=True):
        factors = part.term.factors
        at = [i for i, factor in enumerate(factors) if factor.space == space]
        if len(at) == 1 and factors[at[0]].kind in _VECTORS and not part.term.tail:
            # Of a vector for each node, say, all are vectors of the space.
            sizes = [part.multiplicity, *(factor.size(dims) for factor in factors)]
            v = x[:, where].unflatten(1, sizes).movedim(at[0] + 2, -1).flatten(1, -2)
            found.append((v, part.term.affine, factors[at[0]].dual))
    return found


def _factors(rep: Rep) -> list[Any]:
    found: list[Any] = []
    for part in rep.parts():
        found += [*part.term.factors, *(_factors(part.term.tail) if part.term.tail else [])]
    return found


def directions(
    models: Sequence[tuple[Function, Function]],
    frame: Frame,
    x: Float[Tensor, "n p"],
    rep_in: Rep,
    rep_out: Rep,
    dims: Mapping[str, int],
    *,
    unit: Int[Tensor, " n"],
    seed: int = 0,
) -> Directions | None:
    """The Gram matrix over all maps of a frame, from pairs of models fitted on disjoint halves (one pair per split).

    Every part of the target counts by its own signal (what both models of a pair agree on); None where no part was
    learnt. Rows are resampled by ``unit`` within each split. Read on ``inner_rows``.
    """
    rows = inner_rows(frame, rep_in, x, dims)
    x, unit = x[rows], unit[rows]
    A = frame.maps(torch.eye(frame.count, dtype=x.dtype))
    matrix_in, shift_in = _moving(rep_in, A, frame, dims)
    rates = x @ matrix_in.mT + shift_in[:, None]
    moving = _moving(rep_out, A, frame, dims)
    return directions_along(models, frame, x, rates, moving, rep_out.columns(dims), unit=unit, seed=seed)


def directions_along(
    models: Sequence[tuple[Function, Function]],
    frame: Frame,
    x: Float[Tensor, "n p"],
    rates: Float[Tensor, "D n p"],
    moving: tuple[Float[Tensor, "D q q"], Float[Tensor, "D q"]],
    parts: Sequence[slice],
    *,
    unit: Int[Tensor, " n"],
    replicates: int = 200,
    seed: int = 0,
) -> Directions | None:
    """The same for rows whose change along each map of the frame is known, as that of pictures is.

    ``moving`` are the matrices and shifts by which targets change, ``parts`` the columns of each part of the target.
    """
    values = [tuple(f(x) for f in pair) for pair in models]
    weight = _weights(values, parts)
    if not bool(weight.any()):
        return None
    block = _blocks(unit, seed)
    matrices: list[Tensor] = []
    drawn: list[Tensor] = []
    for split, (pair, at) in enumerate(zip(models, values, strict=True)):
        one, two = (_fields(f, x, y, rates, *moving) * weight for f, y in zip(pair, at, strict=True))
        sums = torch.stack([_gram(one[:, block == b], two[:, block == b]) for b in range(int(block.max()) + 1)])
        sizes = torch.bincount(block).to(x.dtype)
        matrices.append(sums.sum(0) / len(x))
        drawn.append(_resampled(sums, sizes, replicates // len(models), seed, split))
    return Directions(frame, torch.stack(matrices).mean(0), torch.cat(drawn))


def _moving(rep: Rep, A: Tensor, frame: Frame, dims: Mapping[str, int]) -> tuple[Tensor, Tensor]:
    """What each map does to columns: matrices ``(D, n, n)`` and, on Points, shifts ``(D, n)``."""
    d = frame.degree
    if frame.space not in rep.spaces:
        n = rep.size(dims)
        return A.new_zeros(len(A), n, n), A.new_zeros(len(A), n)
    matrix = linear_part(rep).drho(GLPlus(d, frame.space), A[:, :d, :d], dims)
    shift = A.new_zeros(len(A), matrix.shape[-1])
    if frame.affine:
        for part, where in zip(rep.parts(), rep.columns(dims), strict=True):
            if part.term.affine and part.term.place == frame.space:
                shift[:, where] = A[:, :d, d].repeat(1, (where.stop - where.start) // d)
    return matrix, shift


def _weights(values: Sequence[tuple[Tensor, ...]], parts: Sequence[slice]) -> Float[Tensor, " q"]:
    """One over the root of each part's signal, the energy that two fits share; 0 for a part that was not learnt."""
    weight = torch.zeros_like(values[0][0][0])
    for where in parts:
        centred = [tuple(y[:, where] - y[:, where].mean(0) for y in pair) for pair in values]
        signal = torch.stack([(a * b).sum(-1).mean() for a, b in centred]).mean()
        energy = torch.stack([y.square().sum(-1).mean() for pair in centred for y in pair]).mean()
        if float(signal) > _LEARNT * float(energy):
            weight[where] = signal.rsqrt()
    return weight


def _fields(f: Function, x: Tensor, y: Tensor, rates: Tensor, matrix: Tensor, shift: Tensor) -> Float[Tensor, "D n q"]:
    """The Lie derivatives of f: by slopes where outputs are few, along each direction where they are many."""
    if y.shape[1] <= _PASSES * len(rates):
        change = torch.einsum("dnp,nqp->dnq", rates, slopes(f, x))
    else:
        change = torch.stack([jvp(f, (x,), (rate,))[1] for rate in rates])
    return change - y @ matrix.mT - shift[:, None]


def _gram(one: Tensor, two: Tensor) -> Tensor:
    product = one.flatten(1) @ two.flatten(1).mT
    return (product + product.mT) / 2


def _blocks(unit: Tensor, seed: int) -> Tensor:
    unit = torch.unique(unit, return_inverse=True)[1]
    count = int(unit.max()) + 1
    order = torch.randperm(count, generator=spawn(seed, "directions", "blocks"))
    return (order % _BLOCKS)[unit]


def _resampled(sums: Tensor, sizes: Tensor, replicates: int, seed: int, split: int) -> Float[Tensor, "B D D"]:
    count = len(sums)
    drawn = torch.randint(count, (replicates, count), generator=spawn(seed, "directions", "replicates", split))
    weight = torch.zeros(replicates, count, dtype=sums.dtype)
    weight.scatter_add_(1, drawn, torch.ones(replicates, count, dtype=sums.dtype))
    return (weight @ sums.flatten(1)).unflatten(1, sums.shape[1:]) / (weight @ sizes)[:, None, None]
