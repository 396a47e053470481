"""Linear maps that commute with a group: the one source of exact layers, soft penalties and operator-level errors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, ShapeError
from isotropy.groups import Group, parse
from isotropy.reps._acting import factor_groups
from isotropy.reps._action import check_harmonic, linear_part, translates
from isotropy.reps._cache import Invariants, cache_key, generators_of, remembered, restored, stored
from isotropy.reps._invariants import METHODS, invariants
from isotropy.reps._layout import blocks, dimension, sizes
from isotropy.reps._rep import Rep, Term
from isotropy.reps._text import parse_rep

_LARGEST_PROJECTOR = 5000
_WORTH_A_FILE, _LARGEST_FILE = 200, 100_000  # unknowns: below, solving is faster; above, files grow large


@dataclass(frozen=True, eq=False)
class BasisBlock:
    """All maps from the copies of one term to the copies of another; each copy pair shares one small basis.

    ``rows (copies_out, d_out)`` and ``columns (copies_in, d_in)`` say where the copies lie in the matrix.
    """

    rows: Int[Tensor, "copies_out d_out"]
    columns: Int[Tensor, "copies_in d_in"]
    invariants: Invariants
    cast: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    @property
    def dim(self) -> int:
        return self.invariants.dim * self.rows.shape[0] * self.columns.shape[0]

    def like(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """The basis in the dtype and on the device of ``W``: (labels, weights) or (matrix, empty)."""
        key = (W.dtype, W.device)
        if key not in self.cast:
            found = self.invariants
            if found.label is not None and found.weight is not None:
                self.cast[key] = (found.label.to(W.device), found.weight.to(W))
            else:
                self.cast[key] = (found.matrix().to(W), torch.empty(0).to(W))
        return self.cast[key]

    def gathered(self, W: Float[Tensor, "... rows columns"]) -> Float[Tensor, "... copies_out copies_in size"]:
        """The block's entries, one row-major small matrix for each pair of copies."""
        (m_out, d_out), (m_in, d_in) = self.rows.shape, self.columns.shape
        pairs = W.reshape(*W.shape[:-2], m_out, d_out, m_in, d_in).transpose(-3, -2)
        return pairs.reshape(*W.shape[:-2], m_out, m_in, d_out * d_in)

    def spread(self, w: Float[Tensor, "... copies_out copies_in size"]) -> Float[Tensor, "... rows columns"]:
        """The inverse of ``gathered``."""
        (m_out, d_out), (m_in, d_in) = self.rows.shape, self.columns.shape
        pairs = w.reshape(*w.shape[:-3], m_out, m_in, d_out, d_in).transpose(-3, -2)
        return pairs.reshape(*w.shape[:-3], m_out * d_out, m_in * d_in)

    def coords(self, w: Float[Tensor, "... size"]) -> Float[Tensor, "... r"]:
        basis, weight = self.like(w)
        if self.invariants.label is None:
            return w @ basis
        zeros = torch.zeros(*w.shape[:-1], self.invariants.dim, dtype=w.dtype, device=w.device)
        return zeros.index_add(-1, basis, w * weight) if self.invariants.dim else zeros

    def expand(self, theta: Float[Tensor, "... r"]) -> Float[Tensor, "... size"]:
        basis, weight = self.like(theta)
        if self.invariants.label is None:
            return theta @ basis.mT
        if not self.invariants.dim:
            return torch.zeros(*theta.shape[:-1], self.invariants.size, dtype=theta.dtype, device=theta.device)
        return theta[..., basis] * weight

    def project(self, w: Float[Tensor, "... size"]) -> Float[Tensor, "... size"]:
        """Q Q^T w; nothing is computed where all maps or none are equivariant."""
        if self.invariants.dim == self.invariants.size:
            return w
        return self.expand(self.coords(w)) if self.invariants.dim else torch.zeros_like(w)


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis (Frobenius) of the maps W with ``rho_out(g) W = W rho_in(g)``, kept block by block.

    ``dim`` is the number r of basis maps, ``gap`` the smallest spectral gap that certifies it (inf where it is exact),
    ``method`` the routes taken. All verbs act on the last two axes of ``W (..., n_out, n_in)``, in its dtype and on
    its device, and are differentiable. ``theta (..., r)`` holds block after block, copies of the output outermost.
    """

    rep_in: Rep
    rep_out: Rep
    group: Group
    n_in: int
    n_out: int
    blocks: tuple[tuple[BasisBlock, ...], ...]  # by term of the output, then of the input

    @cached_property
    def dim(self) -> int:
        return sum(block.dim for line in self.blocks for block in line)

    @cached_property
    def gap(self) -> float:
        return min((block.invariants.gap for line in self.blocks for block in line), default=math.inf)

    @cached_property
    def method(self) -> str:
        return ", ".join(sorted({block.invariants.method for line in self.blocks for block in line}))

    @property
    def maps(self) -> Float[Tensor, "r n_out n_in"]:
        """The basis maps as full matrices, float64; made when asked for."""
        return self.expand(torch.eye(self.dim, dtype=torch.float64))

    @cached_property
    def _orders(self) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """Rows and columns sorted by term, and back; None where they already are."""
        rows = [line[0].rows.flatten() for line in self.blocks]
        columns = [block.columns.flatten() for block in self.blocks[0]] if self.blocks else []
        found: list[Tensor | None] = []
        for pieces in (rows, columns):
            order = torch.cat(pieces) if pieces else torch.arange(0)
            sorted_already = torch.equal(order, torch.arange(len(order)))
            found += [None, None] if sorted_already else [order, order.argsort()]
        return found[0], found[1], found[2], found[3]

    def _pieces(self, W: Float[Tensor, "... n_out n_in"]) -> list[list[Tensor]]:
        """The gathered entries of every block."""
        if W.shape[-2:] != (self.n_out, self.n_in):
            raise ShapeError(f"a matrix of shape {tuple(W.shape)}", f"(..., {self.n_out}, {self.n_in})")
        by_row, _, by_column, _ = self._orders
        ordered = _reordered(W, by_row, by_column)
        lines = ordered.split([line[0].rows.numel() for line in self.blocks], dim=-2) if self.blocks else []
        found: list[list[Tensor]] = []
        for line, strip in zip(self.blocks, lines, strict=True):
            pieces = strip.split([block.columns.numel() for block in line], dim=-1)
            found.append([block.gathered(piece) for block, piece in zip(line, pieces, strict=True)])
        return found

    def _assembled(self, pieces: list[list[Tensor]], like: Tensor, batch: torch.Size) -> Tensor:
        if not pieces or not pieces[0]:
            return like.new_zeros(*batch, self.n_out, self.n_in)
        _, rows_back, _, columns_back = self._orders
        strips = [
            torch.cat([block.spread(piece) for block, piece in zip(line, strip, strict=True)], dim=-1)
            for line, strip in zip(self.blocks, pieces, strict=True)
        ]
        return _reordered(torch.cat(strips, dim=-2), rows_back, columns_back)

    def coords(self, W: Float[Tensor, "... n_out n_in"]) -> Float[Tensor, "... r"]:
        """Coordinates ``(..., r)`` of the equivariant part of ``W``."""
        found = self._pieces(W)
        flat = [
            block.coords(piece).flatten(-3)
            for line, strip in zip(self.blocks, found, strict=True)
            for block, piece in zip(line, strip, strict=True)
        ]
        return torch.cat(flat, dim=-1) if flat else W.new_zeros(*W.shape[:-2], 0)

    def expand(self, theta: Float[Tensor, "... r"]) -> Float[Tensor, "... n_out n_in"]:
        """The equivariant map with coordinates ``theta``."""
        if theta.shape[-1] != self.dim:
            raise ShapeError(f"{theta.shape[-1]} coordinates", f"{self.dim}")
        parts = iter(theta.split([block.dim for line in self.blocks for block in line], dim=-1) if self.blocks else ())
        pieces = [
            [
                block.expand(next(parts).unflatten(-1, (len(block.rows), len(block.columns), block.invariants.dim)))
                for block in line
            ]
            for line in self.blocks
        ]
        return self._assembled(pieces, theta, theta.shape[:-1])

    def project(self, W: Float[Tensor, "... n_out n_in"]) -> Float[Tensor, "... n_out n_in"]:
        """The equivariant map nearest to ``W`` in the Frobenius norm: Q Q^T vec W, block by block."""
        pieces = [
            [block.project(piece) for block, piece in zip(line, strip, strict=True)]
            for line, strip in zip(self.blocks, self._pieces(W), strict=True)
        ]
        return self._assembled(pieces, W, W.shape[:-2])

    def residual(self, W: Float[Tensor, "... n_out n_in"]) -> Float[Tensor, "... n_out n_in"]:
        """What breaks the symmetry: ``W - project(W)``."""
        return W - self.project(W)


def _reordered(
    W: Float[Tensor, "... n_out n_in"], rows: Tensor | None, columns: Tensor | None
) -> Float[Tensor, "... n_out n_in"]:
    chosen = W if rows is None else W.index_select(-2, rows.to(W.device))
    return chosen if columns is None else chosen.index_select(-1, columns.to(W.device))


def equivariant_basis(
    rep_in: Rep | str,
    rep_out: Rep | str,
    G: Group | str,
    *,
    method: str = "auto",
    dims: Mapping[str, int] | None = None,
) -> Basis:
    """All linear maps ``W (n_out, n_in)`` with ``rho_out(g) W = W rho_in(g)`` for every g in ``G``.

    A bias of an equivariant layer is the case ``rep_in = Scalar``. Each distinct pair of terms is solved once, for all
    copies: permutations by orbits, scalings by degrees, SO(n) and O(n) by isotropic tensors, small finite groups by
    the mean over the group, all else by a nullspace with a certified gap. ``dims`` gives the dimensions of spaces on
    which ``G`` does not act. Answers are kept in memory and, where they took time, on disk (see ISOTROPY_CACHE).

    Raises AmbiguousRankError where no gap decides the dimension; DomainError for Points under a group with
    translations, and for a ``method`` that does not apply; InfeasibleError for systems too large to solve.
    Source: Finzi, Welling, Wilson (2021); specification 01 §2.1, §2.6, §2.7.

    >>> from isotropy.groups import O, SO
    >>> from isotropy.reps import Tensor, Vector
    >>> equivariant_basis(Vector, Tensor(2), SO(3)).dim, equivariant_basis(Vector, Tensor(2), O(3)).dim
    (1, 0)
    """
    if method not in METHODS:
        raise DomainError(f"method {method!r}", f"one of {', '.join(METHODS)}")
    known = tuple(sorted((dims or {}).items()))
    return _solved(parse_rep(rep_in).unnamed, parse_rep(rep_out).unnamed, parse(G), method, known)


@lru_cache(maxsize=1024)
def _solved(rep_in: Rep, rep_out: Rep, G: Group, method: str, dims: tuple[tuple[str, int], ...]) -> Basis:
    for rep in (rep_in, rep_out):
        check_harmonic(rep, G)
        for part in rep.copies:
            if part.term.affine and translates(G, part.term.place):
                raise DomainError(
                    f"linear maps of {rep} under {G}",
                    "a linear type",
                    "write Point.linearised (dimension d + 1), or differences of Points as Vectors",
                )
    linear_in, linear_out = linear_part(rep_in).unnamed, linear_part(rep_out).unnamed
    known = sizes(linear_in + linear_out, G, dict(dims))
    rows, columns = blocks(linear_out, known), blocks(linear_in, known)
    pairs = [_pair(out_term, in_term) for out_term in rows for in_term in columns]
    sides = [math.prod(factor.size(known) for factor in pair.factors) for pair in pairs]

    def solved() -> list[Invariants]:
        return [invariants(pair, G, known, method) for pair in pairs]

    words, tensors = generators_of(factor_groups(G))
    if sum(sides) < _WORTH_A_FILE or sum(sides) > _LARGEST_FILE:
        found = solved()
    else:
        key = cache_key([repr(pairs), method, repr(sorted(known.items())), *words], tensors)
        kept = remembered(key, lambda: stored(solved()), lambda kept: [one.size for one in restored(kept)] == sides)
        found = restored(kept)
    each = iter(found)
    lines = tuple(
        tuple(BasisBlock(where_out, where_in, next(each)) for where_in in columns.values())
        for where_out in rows.values()
    )
    return Basis(rep_in, rep_out, G, dimension(linear_in, known), dimension(linear_out, known), lines)


def _pair(out_term: Term, in_term: Term) -> Term:
    """The term out * in.dual, in which vec(W) lives."""
    dual = in_term.dual
    product = Term(out_term.factors + dual.factors, out_term.sign, out_term.scale)
    return product.twisted(dual.sign, dict(dual.scale)) if dual.sign or dual.scale else product


def projector(
    rep_in: Rep | str,
    rep_out: Rep | str,
    G: Group | str,
    *,
    method: str = "auto",
    dims: Mapping[str, int] | None = None,
) -> Float[Tensor, "n n"]:
    """The orthogonal projector ``P = Q Q^T`` on equivariant maps, acting on row-major vec(W), n = n_out * n_in.

    Orthogonal in the Frobenius norm for every group; the Reynolds average only where the representations are
    orthogonal. For large maps use ``Basis.project``. Raises InfeasibleError above n = 5000.

    >>> from isotropy.groups import SO
    >>> from isotropy.reps import Vector
    >>> round(float(projector(Vector, Vector, SO(3)).trace()), 9)
    1.0
    """
    basis = equivariant_basis(rep_in, rep_out, G, method=method, dims=dims)
    n = basis.n_in * basis.n_out
    if n > _LARGEST_PROJECTOR:
        raise InfeasibleError(f"a projector of {n} x {n}", f"at most {_LARGEST_PROJECTOR}", "use Basis.project")
    Q = basis.maps.reshape(basis.dim, n)
    return Q.mT @ Q
