"""The leading eigenpairs of a doubly centred matrix of squared distances: in full, by Lanczos, and randomised."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from isotropy.errors import ConvergenceWarning, DomainError, counted
from isotropy.random import spawn

Array = NDArray[np.float64]
SETTLED = 1e-10
"""Relative change of the Ritz values at which the randomised iteration has converged."""


@dataclass(frozen=True, eq=False)
class Centred:
    """``B = -1/2 J D2 J`` as an operator, J = 1 - 11^T/n: a product costs one with D2, and no matrix is formed.

    >>> B = Centred(np.array([[0.0, 4.0], [4.0, 0.0]]))
    >>> (B @ np.eye(2)).tolist(), B.trace
    ([[1.0, -1.0], [-1.0, 1.0]], 2.0)
    """

    D2: Array

    def __len__(self) -> int:
        return len(self.D2)

    def __matmul__(self, V: Array) -> Array:
        W = self.D2 @ (V - V.mean(0))
        return -0.5 * (W - W.mean(0))

    def dense(self) -> Array:
        """The matrix itself (n, n)."""
        B = self.D2 - self.D2.mean(0)
        B -= B.mean(1, keepdims=True)
        B *= -0.5
        return B

    @property
    def trace(self) -> float:
        """The sum of all eigenvalues, for distances that are zero on the diagonal."""
        return float(self.D2.sum()) / (2 * len(self.D2))


@dataclass(frozen=True, eq=False)
class TopSpectrum:
    """Eigenvalues in descending order with their vectors (n, k), and the share of negative mass.

    The share is exact where all eigenvalues are known, else the least that the trace allows.
    """

    values: Array
    vectors: Array
    negative_mass: float


def in_full(B: Centred) -> TopSpectrum:
    """All n eigenpairs, O(n^3)."""
    values, vectors = np.linalg.eigh(B.dense())
    mass = np.abs(values).sum()
    return TopSpectrum(values[::-1], vectors[:, ::-1], float(-values[values < 0].sum() / mass) if mass else 0.0)


def lanczos(B: Centred, k: int, generator: torch.Generator | None = None) -> TopSpectrum:
    """The k largest eigenpairs to rounding, O(n^2) a step (ARPACK); the start is fixed unless a generator is given.

    Raises DomainError unless k < n. Warns (ConvergenceWarning) where the iteration stops early.
    """
    _refuse_all(B, k, "lanczos")
    values, vectors = _arpack(B, k, "LA", generator)
    order = values.argsort()[::-1]
    return _part(B, values[order], vectors[:, order])


def least(B: Centred) -> float:
    """The smallest eigenvalue."""
    return float(_arpack(B, 1, "SA", None)[0][0])


def _arpack(B: Centred, k: int, which: Literal["LA", "SA"], generator: torch.Generator | None) -> tuple[Array, Array]:
    n = len(B)
    start = _gaussian(n, 1, spawn(0, "lanczos") if generator is None else generator)[:, 0]
    operator: Any = scipy.sparse.linalg.LinearOperator((n, n), matvec=lambda v: B @ v.reshape(-1), dtype=np.float64)  # type: ignore[call-arg]
    try:
        values, vectors = scipy.sparse.linalg.eigsh(
            operator, k=k, which=which, v0=start, ncv=min(n, max(2 * k + 10, 20))
        )
    except scipy.sparse.linalg.ArpackNoConvergence as stopped:
        raise DomainError(
            f"{k} eigenvalues, of which Lanczos found {len(stopped.eigenvalues)}", "fewer", ""
        ) from stopped
    return np.asarray(values), np.asarray(vectors)


def randomized(
    B: Centred, k: int, generator: torch.Generator, *, oversampling: int = 10, most: int = 100
) -> TopSpectrum:
    """The k largest eigenpairs by subspace iteration from a random start, QR each time, O(n^2 (k + p)) a step.

    At least two power iterations are made, and more until the values settle; ConvergenceWarning after ``most``.
    Exact for distances between points in fewer than k + ``oversampling`` dimensions. Source: Halko, Martinsson, Tropp
    2011, algorithm 4.4; specification 08 §2.5 (p = 10, q = 2).
    """
    _refuse_all(B, k, "randomized")
    Q = np.linalg.qr(B @ _gaussian(len(B), min(len(B), k + oversampling), generator))[0]
    leading, change = np.full(k, np.inf), np.inf
    turn = np.eye(Q.shape[1])
    for step in range(most + 1):
        image = B @ Q
        values, turn = np.linalg.eigh(Q.T @ image)
        # The k largest in sign, of a subspace that holds those largest in size.
        before, leading = leading, values[::-1][:k]
        change = float(np.abs(leading - before).max()) / max(float(np.abs(values).max()), np.finfo(float).tiny)
        if (step >= 2 and change <= SETTLED) or step == most:
            break
        Q = np.linalg.qr(image)[0]
    if change > SETTLED:
        text = f"eigenvalues still changed by {change:.1e} after {most} iterations: use method='lanczos'"
        warnings.warn(text, ConvergenceWarning, stacklevel=3)
    return _part(B, leading, Q @ turn[:, ::-1][:, :k])


def _refuse_all(B: Centred, k: int, method: str) -> None:
    if not 1 <= k < len(B):
        raise DomainError(
            f"k={k} with method={method!r} on {counted(len(B), 'point')}", f"1 to {len(B) - 1}", "method='eigh'"
        )


def _part(B: Centred, values: Array, vectors: Array) -> TopSpectrum:
    positive, trace = float(values[values > 0].sum()), B.trace
    negative = max(positive - trace, 0.0)
    # Rounding of the sums is no negative mass.
    negative = 0.0 if negative <= 1e-12 * len(B) * positive else negative
    return TopSpectrum(values, vectors, negative / (positive + negative) if positive else 0.0)


def _gaussian(n: int, width: int, generator: torch.Generator) -> Array:
    return torch.randn(n, width, generator=generator, dtype=torch.float64).numpy()
