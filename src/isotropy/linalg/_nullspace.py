"""Every linear "which symmetries?" is a nullspace; the spectral gap that decides its rank comes with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import AmbiguousRankError, DomainError, DtypeError, ShapeError, counted
from isotropy.linalg._rational import rational_nullspace

Rows = Sequence[Sequence[int | Fraction]]

_GRAM_CERTIFIES = 1e8  # squaring the singular values costs half of the digits
_SVD_COLUMNS = 128  # below this the singular value decomposition is as fast as the Gram matrix, and sharper


@dataclass(frozen=True)
class Nullspace:
    """The solutions of A v = 0 with the evidence for their number.

    ``basis`` (n, r) has orthonormal columns; ``spectrum`` (n,) holds the singular values of the row-normalised
    system, descending; ``gap`` is the smallest non-null over the largest null one. ``rational`` holds the same
    solutions as exact fractions, one tuple of length n each, where the exact route was taken.
    """

    basis: Float[Tensor, "n r"]
    spectrum: Float[Tensor, " n"]
    gap: float
    rational: tuple[tuple[Fraction, ...], ...] | None = None

    @property
    def dim(self) -> int:
        return self.basis.shape[1]


def nullspace(A: Tensor | Sequence[Tensor] | Rows, *, min_gap: float = 1e6, exact: bool = False) -> Nullspace:
    """The nullspace of ``A`` (m, n), or of blocks (m_i, n) of rows, with a rank that the spectrum certifies.

    Rows are scaled to unit length first, so the units of an equation do not matter; a row below the rounding error of
    the largest row of its block says nothing and is dropped. ``exact=True`` works over the rationals
    (``rational_nullspace``), takes integers, fractions and floats, and reads each float as the binary fraction it is.

    Raises AmbiguousRankError when no cut of the spectrum, or more than one, is as wide as ``min_gap``; DomainError
    for NaN or infinity; DtypeError for integer or complex tensors; ShapeError for blocks of different widths.
    Source: specification 01 §2.7; Gram route S = sum C_k^T C_k, checked against the rows themselves.

    >>> found = nullspace(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 5.0]]))
    >>> found.dim, found.gap > 1e6, nullspace([[1, 2], [2, 4]], exact=True).rational
    (1, True, ((Fraction(-2, 1), Fraction(1, 1)),))
    """
    if exact:
        return _exact(A)
    blocks = _blocks(A)
    dtype, device = blocks[0].dtype, blocks[0].device
    where = torch.device("cpu") if device.type == "mps" else device
    rows = [_unit_rows(block, where) for block in blocks]
    n, eps = rows[0].shape[1], torch.finfo(dtype).eps
    gram = n > _SVD_COLUMNS and min_gap <= _GRAM_CERTIFIES
    values, vectors = _gram(rows, n) if gram else _svd(torch.cat(rows), n)
    found = _cut(values, vectors, rows, eps, min_gap)
    if found is None and gram:
        values, vectors = _svd(torch.cat(rows), n)
        found = _cut(values, vectors, rows, eps, min_gap)
    if found is None:
        tail = ", ".join(f"{value:.2g}" for value in values[-8:].tolist())
        raise AmbiguousRankError(
            f"a spectrum that ends in {tail}", f"one gap of at least {min_gap:.0e}", "solve exactly or lower min_gap"
        )
    basis, gap = found
    return Nullspace(basis.to(device, dtype), values.to(device), gap)


def _blocks(A: Tensor | Sequence[Tensor] | Rows) -> list[Tensor]:
    blocks: list[Tensor] = []
    for block in [A] if isinstance(A, Tensor) else A:
        if not isinstance(block, Tensor):
            raise DtypeError("rows of Python numbers", "a tensor, or tensors", "pass exact=True to stay rational")
        if not block.is_floating_point():
            raise DtypeError(f"dtype {block.dtype}", "float32 or float64", "cast, or pass exact=True for integers")
        if block.ndim != 2:
            raise ShapeError(f"a block of shape {tuple(block.shape)}", "(m, n)")
        if not bool(torch.isfinite(block).all()):
            raise DomainError("NaN or infinite coefficients", "finite ones")
        blocks.append(block)
    if not blocks:
        raise ShapeError("no blocks", "at least one (m, n)", "a system without equations is torch.zeros(0, n)")
    if len({(block.shape[1], block.dtype, block.device) for block in blocks}) > 1:
        raise ShapeError(f"blocks {[tuple(block.shape) for block in blocks]}", "one width, dtype and device")
    return blocks


def _unit_rows(block: Tensor, where: torch.device) -> Tensor:
    rows = block.detach().to(where, torch.float64)
    norms = torch.linalg.vector_norm(rows, dim=1)
    if norms.numel() == 0:
        return rows
    noise = rows.shape[1] * torch.finfo(block.dtype).eps * norms.amax()
    kept = norms > noise
    return rows[kept] / norms[kept, None]


def _svd(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    if rows.shape[0] > n:  # the triangular factor has the same singular values and right vectors
        rows = torch.linalg.qr(rows, mode="r").R
    _, values, vectors = torch.linalg.svd(rows, full_matrices=True)
    return torch.cat([values, values.new_zeros(n - values.shape[0])]), vectors.mT


def _gram(rows: list[Tensor], n: int) -> tuple[Tensor, Tensor]:
    gram = rows[0].new_zeros(n, n)
    for block in rows:
        gram += block.mT @ block
    values, vectors = torch.linalg.eigh(gram)
    return values.clamp(min=0).sqrt().flip(0), vectors.flip(1)


def _cut(
    values: Tensor, vectors: Tensor, rows: list[Tensor], eps: float, min_gap: float
) -> tuple[Tensor, float] | None:
    """Null vectors and gap, or None where the spectrum does not say how many null vectors there are."""
    if not any(block.shape[0] for block in rows):
        return torch.eye(len(values), dtype=values.dtype, device=values.device), math.inf
    # One unit row makes the largest value at least 1; `eps` closes the list, so a full rank is a cut like any other.
    closed = torch.cat([values, values.new_zeros(1)]).clamp(min=eps)
    steep = closed[:-1] / closed[1:]
    rank = int(torch.argmax(steep)) + 1
    basis = _signed(vectors[:, rank:])
    # The rows judge the null vectors: values of the Gram route carry the square root of the rounding error.
    gram = basis.new_zeros(basis.shape[1], basis.shape[1])
    for block in rows:
        image = block @ basis
        gram += image.mT @ image
    largest = max(math.sqrt(float(torch.linalg.matrix_norm(gram, 2))) if basis.shape[1] else 0.0, eps)
    gap = float(values[rank - 1]) / largest
    others = torch.cat([steep[: rank - 1], steep[rank:]])
    rivals = others.numel() > 0 and float(others.max()) >= min_gap
    return None if gap < min_gap or rivals else (basis, gap)


def _signed(basis: Tensor) -> Tensor:
    """Make the largest entry of each column positive, so that equal spans print alike."""
    if basis.numel() == 0:
        return basis
    peak = basis.gather(0, basis.abs().argmax(dim=0, keepdim=True))
    return basis * torch.where(peak < 0, -1.0, 1.0)


def _exact(A: Tensor | Sequence[Tensor] | Rows) -> Nullspace:
    rows: list[list[Fraction]] = []
    for block in [A] if isinstance(A, Tensor) else A:
        lines = block.reshape(-1, block.shape[-1]).tolist() if isinstance(block, Tensor) else [block]
        rows += [[Fraction(value) for value in line] for line in lines]
    if not rows or len({len(row) for row in rows}) != 1:
        raise ShapeError(
            f"{counted(len(rows), 'row')} of widths {sorted({len(row) for row in rows})}", "rows of one width"
        )
    n = len(rows[0])
    rational = rational_nullspace([{i: value for i, value in enumerate(row) if value} for row in rows], n)
    floats = torch.tensor([[float(v) for v in row] for row in rational], dtype=torch.float64).reshape(-1, n)
    basis = _signed(torch.linalg.qr(floats.mT).Q) if rational else floats.mT
    unit = _unit_rows(torch.tensor([[float(v) for v in row] for row in rows], dtype=torch.float64), torch.device("cpu"))
    # Shown, not judged: the number of solutions is exact, so the squares of the Gram matrix are sharp enough.
    spectrum = _gram([unit], n)[0] if n > _SVD_COLUMNS else _svd(unit, n)[0]
    return Nullspace(basis, spectrum, math.inf, rational)
