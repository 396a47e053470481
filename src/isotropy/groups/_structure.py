"""What structure constants say: Killing form, series, radical; exact where the constants are fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.linalg import independent_rows, rational_nullspace

Structure: TypeAlias = Sequence[Sequence[Sequence[int | Fraction]]]
"""Exact structure constants: ``[e_i, e_j] = sum_l structure[i][j][l] e_l``."""

_Vector: TypeAlias = list[Fraction]

_RANK = 1e-9  # constants of matrices come from least squares in float64, with errors near 1e-14


class Levi(NamedTuple):
    """The dimensions of a Levi decomposition: g is a semisimple subalgebra plus its solvable radical."""

    semisimple: int
    radical: int


def killing(structure: Float[Tensor, "k k k"]) -> Float[Tensor, "k k"]:
    return torch.einsum("iab,jba->ij", structure, structure)


def jacobi_residual(structure: Float[Tensor, "k k k"], central: Float[Tensor, "k k"] | None) -> float:
    """The largest violation of antisymmetry, of the Jacobi identity and of the cocycle condition."""
    if not len(structure):
        return 0.0
    worst = [structure + structure.transpose(0, 1)]
    double = torch.einsum("ija,akl->ijkl", structure, structure)
    worst.append(double + double.permute(1, 2, 0, 3) + double.permute(2, 0, 1, 3))
    if central is not None:
        cyclic = torch.einsum("ija,ak->ijk", structure, central.to(structure))
        worst += [central + central.mT, cyclic + cyclic.permute(1, 2, 0) + cyclic.permute(2, 0, 1)]
    return max(float(one.abs().max()) for one in worst)


def derived_dims(constants: Structure | Tensor) -> list[int]:
    """Dimensions of g, [g, g], [[g, g], [g, g]], ... until they stay."""
    return _series(constants, lower=False)


def lower_dims(constants: Structure | Tensor) -> list[int]:
    """Dimensions of g, [g, g], [g, [g, g]], ... until they stay."""
    return _series(constants, lower=True)


def levi(constants: Structure | Tensor) -> Levi:
    """Source: Jacobson, Lie Algebras (1962), III.4: the radical is what the Killing form has orthogonal to [g, g]."""
    k = len(constants)
    if k == 0:
        return Levi(0, 0)
    if isinstance(constants, Tensor):
        derived = _spanned(constants.reshape(k * k, k))
        rows = derived @ killing(constants)
        radical = k - _rank(rows)
    else:
        form = [[_trace(constants, i, j) for j in range(k)] for i in range(k)]
        derived = _span([list(map(Fraction, row)) for rows in constants for row in rows], k)
        rows = [[sum((v[i] * form[i][j] for i in range(k)), Fraction(0)) for j in range(k)] for v in derived]
        radical = len(rational_nullspace([_sparse(row) for row in rows], k))
    return Levi(k - radical, radical)


def _series(constants: Structure | Tensor, *, lower: bool) -> list[int]:
    k = len(constants)
    dims = [k]
    if isinstance(constants, Tensor):
        whole = now = torch.eye(k, dtype=constants.dtype, device=constants.device)
        while dims[-1]:
            brackets = torch.einsum("ai,bj,ijl->abl", whole if lower else now, now, constants)
            now = _spanned(brackets.reshape(-1, k))
            if len(now) == dims[-1]:
                break
            dims.append(len(now))
        return dims
    all_of_it = exact = [[Fraction(int(i == j)) for j in range(k)] for i in range(k)]
    while dims[-1]:
        left = all_of_it if lower else exact
        exact = _span([_bracket(constants, u, v) for u in left for v in exact], k)
        if len(exact) == dims[-1]:
            break
        dims.append(len(exact))
    return dims


def _spanned(rows: Float[Tensor, "n k"]) -> Float[Tensor, "r k"]:
    """An orthonormal basis of the span of rows."""
    _, values, vectors = torch.linalg.svd(rows, full_matrices=False)
    return vectors[: _count(values)]


def _rank(rows: Float[Tensor, "n k"]) -> int:
    return _count(torch.linalg.svdvals(rows))


def _count(values: Float[Tensor, " n"]) -> int:
    return int((values > _RANK * values.max().clamp(min=_RANK)).sum()) if len(values) else 0


def _span(vectors: list[_Vector], k: int) -> list[_Vector]:
    return [vectors[i] for i in independent_rows([_sparse(vector) for vector in vectors], k)]


def _sparse(vector: _Vector) -> dict[int, int | Fraction]:
    return {i: value for i, value in enumerate(vector) if value}


def _bracket(constants: Structure, u: _Vector, v: _Vector) -> _Vector:
    total = [Fraction(0)] * len(u)
    for i, a in _sparse(u).items():
        for j, b in _sparse(v).items():
            for at, value in enumerate(constants[i][j]):
                if value:
                    total[at] += a * b * value
    return total


def _trace(constants: Structure, i: int, j: int) -> Fraction:
    k = len(constants)
    pairs = ((a, b) for a in range(k) for b in range(k) if constants[i][a][b] and constants[j][b][a])
    return sum((Fraction(constants[i][a][b]) * constants[j][b][a] for a, b in pairs), Fraction(0))
