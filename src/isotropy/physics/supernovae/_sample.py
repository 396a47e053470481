"""A sample of supernovae: redshifts, magnitudes, their errors and the covariance between rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError

SYMMETRIC = 1e-8
"""Beyond this, in mag^2, two mirrored entries of a covariance are different numbers, not rounded ones."""


class SampleWarning(UserWarning):
    """Data that can be used, and that do not say all that they should."""


@dataclass(frozen=True, eq=False)
class SNSample:
    """``z_cmb z_hel mb err`` (N,) in float64, ``cov`` (N, N) beside the squares of ``err``, or None; ``ids`` of rows.

    Magnitudes may have any constant added. Raises ShapeError, DtypeError and DomainError with the row for sizes, types,
    NaN, z <= 0, errors < 0, a supernova that is there twice, a covariance that is not symmetric (its worst entry).
    Warns (SampleWarning) where z_hel is None and z_cmb stands in.

    >>> z = torch.tensor([0.1, 0.5], dtype=torch.float64)
    >>> SNSample(z, z, 20 + z, 0.1 * z).take(torch.tensor([1])).mb
    tensor([20.5000], dtype=torch.float64)
    """

    z_cmb: Tensor
    z_hel: Tensor | None
    mb: Tensor
    err: Tensor
    cov: Tensor | None = None
    name: str = "supernovae"
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.z_hel is None:
            warnings.warn(f"{self.name} has no z_hel: z_cmb stands in for it", SampleWarning, stacklevel=3)
            object.__setattr__(self, "z_hel", self.z_cmb)
        columns = {"z_cmb": self.z_cmb, "z_hel": self.hel, "mb": self.mb, "err": self.err}
        n = len(self.z_cmb)
        for name, column in columns.items():
            if column.dtype != torch.float64:
                raise DtypeError(f"{name} of dtype {column.dtype}", "float64")
            if column.shape != (n,) or not n:
                raise ShapeError(f"{name} of shape {tuple(column.shape)}", f"({n},), at least one row")
            self._refuse(~column.isfinite(), name, column, "a finite number")
        self._refuse(self.z_cmb <= 0, "z_cmb", self.z_cmb, "a redshift above 0")
        self._refuse(self.hel <= -1, "z_hel", self.hel, "a redshift above -1")
        self._refuse(self.err < 0, "err", self.err, "an error >= 0")
        self._refuse_twice()
        if self.cov is not None:
            _refuse_asymmetric(self.cov, n)

    def __len__(self) -> int:
        return len(self.z_cmb)

    @property
    def hel(self) -> Float[Tensor, " N"]:
        """Heliocentric redshifts; those of the CMB frame where there are none."""
        return self.z_cmb if self.z_hel is None else self.z_hel

    def take(self, rows: Tensor) -> SNSample:
        """The sample of these rows (a mask, or positions) and of their block of the covariance."""
        at = rows.nonzero().flatten() if rows.dtype == torch.bool else rows
        cov = None if self.cov is None else self.cov[at][:, at]
        ids = tuple(self.ids[i] for i in at.tolist()) if self.ids else ()
        return SNSample(self.z_cmb[at], self.hel[at], self.mb[at], self.err[at], cov, self.name, ids)

    def _refuse(self, bad: Tensor, name: str, column: Tensor, expected: str) -> None:
        if bool(bad.any()):
            row = int(bad.nonzero()[0])
            raise DomainError(f"{name} = {float(column[row])} in row {self._called(row)} of {self.name}", expected)

    def _called(self, row: int) -> str:
        return f"{row} ({self.ids[row]})" if self.ids else str(row)

    def _refuse_twice(self) -> None:
        rows = zip(
            self.ids or [""] * len(self), self.z_cmb.tolist(), self.hel.tolist(), self.mb.tolist(), self.err.tolist(),
            strict=True,
        )  # fmt: skip
        seen: dict[tuple[object, ...], int] = {}
        for number, row in enumerate(rows):
            first = seen.setdefault(row, number)
            if first != number:
                given = f"row {self._called(number)} of {self.name}, which repeats row {first}"
                raise DomainError(given, "each supernova once", "the same star twice counts as two: leave one out")


def _refuse_asymmetric(cov: Tensor, n: int) -> None:
    if cov.shape != (n, n):
        raise ShapeError(f"a covariance of {cov.shape[0]} rows for {n} supernovae", f"({n}, {n}), in the same order")
    if cov.dtype != torch.float64:
        raise DtypeError(f"a covariance of dtype {cov.dtype}", "float64")
    if not bool(cov.isfinite().all()):
        raise DomainError("a covariance with NaN or infinity", "finite entries")
    apart = (cov - cov.mT).abs()
    worst = float(apart.max())
    if worst > SYMMETRIC:
        i, j = divmod(int(apart.argmax()), n)
        given = f"a covariance with {float(cov[i, j]):g} at ({i}, {j}) and {float(cov[j, i]):g} at ({j}, {i})"
        raise DomainError(given, f"a symmetric one (to {SYMMETRIC:g})", "it may have been saved in another order")
