"""Sets of vectors in a canonical order: sorted along directions, each order weighing as much as its directions."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, SchemaError, ShapeError
from isotropy.frames._padded import TOLERANCE, check_finite, check_numbers, log_of, stacked
from isotropy.groups import DiscreteMeasure, Group, S
from isotropy.linalg import Segments
from isotropy.random import spawn

MOST_SWAPS = 120
"""The largest number of orders of equal points that are all averaged over."""


@dataclass(frozen=True)
class RandomProjectionFrame:
    """Orders of the points of ``x (B, n, d)`` along directions a: the permutation whose inverse sorts ``x a``.

    ``n_dirs`` random directions of ``seed``, the same for all clouds and calls, each of weight 1/n_dirs, equal orders
    merged: an unbiased estimate (``exact=False``) of the continuous measure in which an order weighs as much as the
    directions that give it. ``n_dirs=None`` is that measure itself, for d = 1 (sorting, one atom) and d = 2 (the angles
    between consecutive ties, with derivatives; up to n (n-1) atoms). Equal points, marked ``degenerate``, can be
    exchanged: all their orders are averaged over up to 120 of them, cyclic ones above, which is exact for outputs with
    one value for each point; ``features (B, n, c)`` tell equal points apart. ``n`` says on which S(n) the frame is:
    needed for ``.group`` only.

    Raises DomainError for n_dirs < 1, None with d > 2, or coordinates that are not finite; SchemaError for segments;
    ShapeError and DtypeError for wrong input; DegenerateError for equal points in groups of too many sizes. Source:
    Dym, Lawrence and Siegel, ICML 2024; specification 03 §2.7.

    >>> RandomProjectionFrame(None)(torch.tensor([[[3.0], [1.0], [2.0]]])).g.tolist()
    [[[1, 2, 0]]]
    """

    n_dirs: int | None = 100
    seed: int = 0
    n: int | None = None

    def __post_init__(self) -> None:
        if self.n_dirs is not None and self.n_dirs < 1:
            raise DomainError(f"n_dirs={self.n_dirs}", "at least one direction, or None for all")

    @property
    def group(self) -> Group:
        """S(n). Raises DomainError where the frame was not told n."""
        if self.n is None:
            raise DomainError("a frame for sets of any size", "the size", f"RandomProjectionFrame({self.n_dirs}, n=5)")
        return S(self.n)

    def __call__(
        self, x: Shaped[Tensor, "*index d"], segments: Segments | None = None, features: Tensor | None = None
    ) -> DiscreteMeasure:
        if segments is not None:
            raise SchemaError("segments", "dense sets (B, n, d): permutations act on whole axes", "segments.pad(x)")
        if x.ndim != 3 or 0 in x.shape[1:] or (self.n is not None and x.shape[1] != self.n):
            raise ShapeError(f"x of shape {tuple(x.shape)}", f"(B, {self.n or 'n'}, d)")
        if self.n_dirs is None and x.shape[2] > 2:
            hint = "n_dirs=100 draws directions"
            raise DomainError(f"all directions of R^{x.shape[2]}", "d = 1 or 2", hint)
        if x.dtype not in TOLERANCE:
            raise DtypeError(f"coordinates of dtype {x.dtype}", "float32 or float64", "x.double()")
        check_finite("coordinates", x, None)
        numbers = x.detach().double()
        if features is None:
            order, weight = self._orders(x.double())
        else:
            numbers = torch.cat([numbers, check_numbers("features", features, x, None).detach().double()], -1)
            # Orders are stable: points that project alike stay as their features have them.
            first = _sorted_by(numbers[..., x.shape[2] :])
            order, weight = self._orders(x.double().take_along_dim(first[..., None], 1))
            order = first[:, None].expand(-1, order.shape[1], -1).gather(-1, order)
        order, weight, tied = _swapped(numbers, *merged(order, weight))
        return DiscreteMeasure(order, log_of(weight).to(x), exact=self.n_dirs is None, degenerate=tied)

    def _orders(self, y: Tensor) -> tuple[Tensor, Tensor]:
        d = y.shape[2]
        if d == 1:
            return y.mT.argsort(dim=-1, stable=True), y.new_ones(len(y), 1)
        if self.n_dirs is None:
            return planar_orders(y)
        noise = spawn(self.seed, "directions")
        a = torch.randn(self.n_dirs, d, generator=noise, dtype=torch.float64).to(y.device)
        return (a @ y.mT).argsort(dim=-1, stable=True), y.new_full((len(y), len(a)), 1 / len(a))


def _sorted_by(features: Float[Tensor, "B n c"]) -> Int[Tensor, "B n"]:
    """The points in the order of their features, the first column first."""
    order = torch.arange(features.shape[1], device=features.device).expand(features.shape[:2])
    for column in reversed(features.unbind(-1)):
        order = order.gather(1, column.gather(1, order).argsort(dim=-1, stable=True))
    return order


def planar_orders(y: Float[Tensor, "B n 2"]) -> tuple[Int[Tensor, "B F n"], Float[Tensor, "B F"]]:
    """The orders along all directions of the plane, each with the share of the circle that gives it.

    >>> order, weight = planar_orders(torch.tensor([[[0.0, 0.0], [1.0, 0.0]]]))
    >>> order.tolist(), weight
    ([[[1, 0], [0, 1]]], tensor([[0.5000, 0.5000]]))
    """
    batch, n, _ = y.shape
    if n == 1:
        return torch.zeros(batch, 1, 1, dtype=torch.int64, device=y.device), y.new_ones(batch, 1)
    i, j = torch.triu_indices(n, n, 1, device=y.device)
    apart = y[:, j] - y[:, i]
    none = (apart == 0).all(-1)
    # Equal points tie in every direction: they cut nowhere.
    dx, dy = torch.where(none, 1.0, apart[..., 0]), torch.where(none, 0.0, apart[..., 1])
    turn = (torch.atan2(dy, dx) + math.pi / 2).remainder(math.pi)
    cuts = torch.cat([turn, turn + math.pi], -1).sort(-1).values
    arcs = torch.cat([cuts[:, 1:], cuts[:, :1] + 2 * math.pi], -1) - cuts
    middle = (cuts + arcs / 2).detach()
    directions = torch.stack([middle.cos(), middle.sin()], -1)
    return (directions @ y.mT).argsort(dim=-1, stable=True), arcs / (2 * math.pi)


def merged(order: Int[Tensor, "B F n"], weight: Float[Tensor, "B F"]) -> tuple[Tensor, Tensor]:
    """Equal orders once, with the sum of their weights; as many atoms as the row with most of them needs.

    >>> merged(torch.tensor([[[0, 1], [1, 0], [0, 1]]]), torch.tensor([[0.25, 0.5, 0.25]]))
    (tensor([[[0, 1],
             [1, 0]]]), tensor([[0.5000, 0.5000]]))
    """
    batch, count, n = order.shape
    if batch == 0:
        return order[:, :1], weight[:, :1]
    rows = torch.arange(batch, device=order.device).repeat_interleave(count)
    keys = torch.cat([rows[:, None], order.flatten(0, 1)], 1)
    found, label = torch.unique(keys, dim=0, return_inverse=True)
    total = weight.new_zeros(len(found)).index_add(0, label, weight.flatten())
    kept = (total.detach() > 0).nonzero().flatten()
    found, total = found[kept], total[kept]
    sets = Segments(found[:, 0], batch)
    (orders, mask), (weights, _) = sets.pad(found[:, 1:]), sets.pad(total)
    one = torch.arange(n, device=order.device)
    return torch.where(mask[..., None], orders, one), weights


def _swapped(y: Tensor, order: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Each order followed by all exchanges of equal points, and which rows have any.

    Equal to the last bit: permutations round nothing.
    """
    # Equal points have equal first coordinates, which chance gives to few sets.
    tied = (y[..., 0].sort(-1).values.diff(dim=-1) == 0).any(-1)
    swaps = {row: _exchanges(y[row]) for row in tied.nonzero().flatten().tolist()}
    tied = torch.tensor(
        [row in swaps and len(swaps[row]) > 1 for row in range(len(y))], dtype=torch.bool, device=y.device
    )
    if not bool(tied.any()):
        return order, weight, tied
    none = torch.arange(y.shape[1])[None]
    parts: list[tuple[Tensor, Tensor]] = []
    for row in range(len(y)):
        moves = swaps.get(row, none).to(order.device)
        each = (weight[row] / len(moves)).expand(len(moves), -1).flatten()
        parts.append((moves[:, order[row]].flatten(0, 1)[None], each[None]))
    order, weight = stacked(parts, torch.arange(len(parts), device=order.device))
    return *merged(order, weight), tied


def _exchanges(y: Float[Tensor, "n d"]) -> Int[Tensor, "m n"]:
    """Permutations of the points among their equals: all of them, or cyclic ones where there are many."""
    _, label, count = torch.unique(y, dim=0, return_inverse=True, return_counts=True)
    groups = [(label == i).nonzero().flatten().tolist() for i in (count > 1).nonzero().flatten().tolist()]
    swaps: list[Tensor] = []
    for moves in _moves(groups):
        p = torch.arange(len(y))
        for group, move in zip(groups, moves, strict=True):
            p[group] = torch.tensor(move)
        swaps.append(p)
    return torch.stack(swaps)


def _moves(groups: list[list[int]]) -> Iterator[tuple[tuple[int, ...], ...]]:
    if math.prod(math.factorial(min(len(group), 20)) for group in groups) <= MOST_SWAPS:
        return itertools.product(*(itertools.permutations(group) for group in groups))
    turns = math.lcm(*(len(group) for group in groups))
    if turns > MOST_SWAPS:
        sizes = [len(group) for group in groups]
        raise DegenerateError(
            f"groups of {sizes} equal points", f"sizes of lcm at most {MOST_SWAPS}", "merge equal points"
        )
    return iter([tuple(tuple(g[s % len(g) :] + g[: s % len(g)]) for g in groups) for s in range(turns)])
