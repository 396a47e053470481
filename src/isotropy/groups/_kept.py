"""What an algebra of matrices keeps: linear functions w.x and quadratic forms x.Qx, and who keeps these."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

CLOSE = 0.2  # a map of size 1 that changes something by less than this keeps it, to what data can tell
EXACT = 1e-6


def kept_by(z: Tensor, close: float = CLOSE) -> tuple[Tensor, Tensor]:
    """The linear functions that maps keep, and the forms beyond their products."""
    w = linear_functions(z, close)
    return w, beyond(quadratic_forms(z, close), w)


def blunt(forms: Tensor) -> Tensor:
    """Forms with their small eigenvalues put to 0: they are known to a few degrees only."""
    values, vectors = torch.linalg.eigh(forms)
    values = torch.where(values.abs() < CLOSE * values.abs().amax(-1, keepdim=True), 0.0, values)
    return vectors @ (values[..., None] * vectors.mT)


def linear_functions(A: Float[Tensor, "k d d"], close: float = CLOSE) -> Float[Tensor, "a d"]:
    """An orthonormal basis of the w with w.(Ax) = 0 for all A and x."""
    return null(A.mT.flatten(0, 1), close)


def quadratic_forms(A: Float[Tensor, "k d d"], close: float = CLOSE) -> Float[Tensor, "b d d"]:
    """An orthonormal basis of the symmetric Q with A^T Q + Q A = 0 for all A.

    >>> turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> (quadratic_forms(turn)[0].abs() * 2**0.5).round(decimals=4).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    sym = _symmetric(A.shape[-1], A)
    moved = A.mT[:, None] @ sym + sym @ A[:, None]
    found = null(moved.flatten(2).mT.flatten(0, 1), close)
    return torch.einsum("bs,sij->bij", found, sym)


def keeping(w: Float[Tensor, "a d"], forms: Float[Tensor, "b d d"]) -> Float[Tensor, "k d d"]:
    """All matrices that keep these linear functions and quadratic forms, an orthonormal basis.

    >>> len(keeping(torch.zeros(0, 4), torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0]))[None]))
    6
    """
    d = w.shape[-1]
    units = torch.eye(d * d, dtype=w.dtype).unflatten(1, (d, d))
    rows = [torch.einsum("ai,sij->saj", w, units).flatten(1)]
    rows += [(units.mT @ Q + Q @ units).flatten(1) / max(float(Q.abs().max()), 1e-300) for Q in forms]
    return null(torch.cat(rows, 1).mT, EXACT).unflatten(-1, (d, d))


def null(rows: Float[Tensor, "m n"], close: float) -> Float[Tensor, "r n"]:
    """Unit vectors that ``rows`` take to ``close`` at most."""
    _, s, Vh = torch.linalg.svd(rows, full_matrices=True)
    s = torch.cat([s, s.new_zeros(len(Vh) - len(s))])
    return Vh[s <= close]


def reached(rows: Float[Tensor, "n m"]) -> Float[Tensor, "n p"]:
    U, s, _ = torch.linalg.svd(rows, full_matrices=False)
    return U[:, s > EXACT * s[0]]


def orthonormal(A: Tensor) -> Tensor:
    return torch.linalg.qr(A.flatten(1).mT)[0].mT.unflatten(-1, A.shape[1:])


def leading(A: Tensor, k: int) -> Tensor:
    return torch.linalg.svd(A.flatten(1), full_matrices=False)[2][:k].unflatten(-1, A.shape[1:])


def beyond(forms: Tensor, w: Tensor) -> Tensor:
    """Forms that are not made of products of the linear functions w."""
    if not len(w) or not len(forms):
        return forms
    known = orthonormal(pair_products(w)).flatten(1)
    rest = forms.flatten(1) - forms.flatten(1) @ known.mT @ known
    _, s, Vh = torch.linalg.svd(rest, full_matrices=False)
    return Vh[s > 0.5].unflatten(-1, forms.shape[1:])


def pair_products(w: Tensor) -> Float[Tensor, "s d d"]:
    """The forms (a.x)(b.x) of pairs of linear functions."""
    pairs = list(itertools.combinations_with_replacement(w, 2))
    return (
        torch.stack([torch.outer(a, b) + torch.outer(b, a) for a, b in pairs])
        if pairs
        else w.new_zeros(0, w.shape[-1], w.shape[-1])
    )


def _symmetric(d: int, like: Tensor) -> Float[Tensor, "s d d"]:
    pairs = list(itertools.combinations_with_replacement(range(d), 2))
    basis = like.new_zeros(len(pairs), d, d)
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j] = basis[k, j, i] = 1.0 if i == j else math.sqrt(0.5)
    return basis


def echelon(A: Tensor) -> Tensor:
    """The basis whose members have the largest independent entries to themselves, each with largest entry 1."""
    return echelon_rows(A.flatten(1)).unflatten(-1, A.shape[1:])


def echelon_rows(rows: Float[Tensor, "k n"]) -> Float[Tensor, "k n"]:
    rows = rows.clone()
    taken: list[tuple[int, int]] = []
    for i in range(len(rows)):
        # The largest entry of the rows that are left, the first of nearly equal ones.
        left = torch.linalg.qr(rows[i:].mT)[0].mT.abs().amax(0) if len(rows[i:]) else rows[i:]
        column = int((left > left.max() - 1e-3).nonzero()[0])
        row = i + int(rows[i:, column].abs().argmax())
        rows[[i, row]] = rows[[row, i]]
        rows[i] = rows[i] / rows[i, column]
        for other in range(len(rows)):
            if other != i:
                rows[other] = rows[other] - rows[other, column] * rows[i]
        taken.append((column, i))
    ordered = rows[[i for _, i in sorted(taken)]]
    scale = ordered.abs().amax(1, keepdim=True)
    return torch.where(ordered.abs() < 1e-9 * scale, 0.0, ordered) / scale
