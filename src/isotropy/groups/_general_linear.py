"""GL+ and SL: invertible linear maps, by way of a stretch and a rotation."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._decompositions import (
    anticonformal,
    cartan_factors,
    check_positive,
    check_square,
    determinant,
    length,
    mirrored,
)
from isotropy.groups._exponential import angle2
from isotropy.groups._linear import NamedGroup, Turns, matrix
from isotropy.groups._rotations import SO, axis_name, rotation_basis, rotation_names
from isotropy.groups._stretches import log_sinhc


class GLPlus(NamedGroup, symbol="GL+", compact=False):
    """Linear maps of positive determinant, with coordinates (X, Y), g = exp(X) exp(Y), X symmetric and Y skew.

    >>> GLPlus(2).dim, GLPlus(2)
    (4, GL+(2))
    """

    @property
    def generator_names(self) -> tuple[str, ...]:
        return stretch_names(self.n, self.dim) + rotation_names(self.n)

    def _algebra(self) -> LieAlgebra:
        diagonal = torch.diag_embed(torch.eye(self.n, dtype=torch.float64))
        return LieAlgebra.of(torch.cat([diagonal, shear_basis(self.n), rotation_basis(self.n)]))

    @property
    def turns(self) -> Turns:
        return Turns(SO(self.n), slice(self.dim - SO(self.n).dim, self.dim), 0, self.n)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return determinant(g) > 0

    def inverse(self, g: Element) -> Tensor:
        """The inverse, in the plane by minors; `inverse_from_coords` needs none in any dimension."""
        A = matrix(g)
        if self.n != 2:
            return super().inverse(A)
        a, b, c, d = A.flatten(-2).unbind(-1)
        return torch.stack([d, -b, -c, a], -1).unflatten(-1, (2, 2)) / determinant(A)[..., None, None]

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        """The Cartan coordinates: those of a stretch X, then of a rotation Y; defined for every element.

        Once differentiable, also where stretches agree. Raises DomainError, naming the element and its determinant,
        for one that is not in the group, and as `polar` for one that is singular to its digits.
        """
        A = matrix(g)
        check_square(A)
        self._refuse(A)
        X, R = cartan_factors(A)
        rotation = angle2(R)[..., None] if self.n == 2 else SO(self.n).coords(R)
        stretch = self.dim - rotation.shape[-1]
        v = X.flatten(-2) @ self.algebra._dual[:, :stretch].to(X)
        return torch.cat([v, rotation], -1).to(A.dtype)

    def _refuse(self, g: Tensor) -> None:
        check_positive(g.double(), f"an element of {self}")

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        X, rotation = self._split(v)
        return exp_symmetric(X) @ matrix(SO(self.n).from_coords(rotation))

    def inverse_from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        X, rotation = self._split(v)
        return matrix(SO(self.n).from_coords(rotation)).mT @ exp_symmetric(-X)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of Haar measure, ``|det g|^-n`` times Lebesgue on GL+; on SL the rotations have mass 1."""
        X, rotation = self._split(v.double())
        density = log_sinhc_gaps(X) + SO(self.n).haar_log_density(rotation)
        return (density + self._log_constant()).to(v.dtype)

    def _log_constant(self) -> float:
        # int_GL+ f |det A|^-n dA = C_n int_Pos int_SO f, C_n = pi^(n^2/2) / (2 Gamma_n(n/2)), Pos in X = log S with
        # Lebesgue measure on the entries i <= j, here in orthonormal coordinates of X/2.
        n = self.n
        gamma = n * (n - 1) / 4 * math.log(math.pi) + sum(math.lgamma(n / 2 - j / 2) for j in range(n))
        constant = n * n / 2 * math.log(math.pi) - math.log(2) - gamma
        return constant + n * (n + 1) / 2 * math.log(2) - n * (n - 1) / 4 * math.log(2)

    def _split(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The stretch X and the coordinates of the rotation."""
        stretch = self.dim - SO(self.n).dim
        X = torch.tensordot(v[..., :stretch], matrix(self.algebra.basis)[:stretch].to(v), dims=1)
        return X, v[..., stretch:]


class SL(GLPlus, symbol="SL"):
    """Linear maps of determinant 1, with the Cartan coordinates of GL+.

    >>> g = SL(2).from_coords(torch.tensor([0.3, -0.2, 3.0]))
    >>> bool(g.trace() < -2), SL(2).coords(g).allclose(torch.tensor([0.3, -0.2, 3.0]), atol=1e-5)
    (True, True)
    """

    @property
    def compact(self) -> bool:
        return self.n == 1

    @property
    def order(self) -> int | None:
        return 1 if self.n == 1 else None

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.cat([traceless_basis(self.n), shear_basis(self.n), rotation_basis(self.n)]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return (determinant(g) - 1).abs() <= tol * g.abs().amax((-2, -1)).clamp_min(1.0) ** self.n

    def _refuse(self, g: Tensor) -> None:
        outside = ~self.contains(g)
        if bool(outside.any()):
            first = int(outside.flatten().nonzero()[0])
            det = float(determinant(g.double()).flatten()[first])
            hint = "GL+ has the other determinants; divide by det^(1/n) to forget it"
            raise DomainError(f"matrix {first} of determinant {det:.6g}", f"an element of {self}, determinant 1", hint)

    def _log_constant(self) -> float:
        return 0.0


def shear_basis(n: int) -> Float[Tensor, "k n n"]:
    """Orthonormal symmetric matrices with zero diagonal."""
    planes = [(i, j) for i in range(n) for j in range(i + 1, n)]
    basis = torch.zeros(len(planes), n, n, dtype=torch.float64)
    for k, (i, j) in enumerate(planes):
        basis[k, i, j] = basis[k, j, i] = math.sqrt(0.5)
    return basis


def traceless_basis(n: int) -> Float[Tensor, "k n n"]:
    """Orthonormal diagonal matrices of trace zero."""
    diagonals = torch.zeros(n - 1, n, dtype=torch.float64)
    for k in range(n - 1):
        diagonals[k, : k + 1] = 1 / math.sqrt((k + 1) * (k + 2))
        diagonals[k, k + 1] = -(k + 1) / math.sqrt((k + 1) * (k + 2))
    return torch.diag_embed(diagonals)


def stretch_names(n: int, dim: int) -> tuple[str, ...]:
    shears = [f"stretch of {axis_name(i, n)} with {axis_name(j, n)}" for i in range(n) for j in range(i + 1, n)]
    count = dim - len(shears) - n * (n - 1) // 2
    diagonal = (
        [f"stretch along {axis_name(i, n)}" for i in range(n)]
        if count == n
        else [f"stretch {i + 1}" for i in range(count)]
    )
    return (*diagonal, *shears)


def exp_symmetric(X: Float[Tensor, "... n n"]) -> Float[Tensor, "... n n"]:
    """The exponential of symmetric matrices; in the plane ``e^t (cosh r + sinh(r)/r D)`` for X = t + D, |D| = r."""
    if X.shape[-1] != 2:
        return torch.linalg.matrix_exp(X)
    d = anticonformal(X)
    square = d.square().sum(-1)
    small = square < 1e-3
    r = torch.where(small, 1.0, square).sqrt()
    # Three terms after the first: the next is below 1e-16.
    cosh = torch.where(small, 1 + square / 2 * (1 + square / 12 * (1 + square / 30)), r.cosh())
    sinhc = torch.where(small, 1 + square / 6 * (1 + square / 20 * (1 + square / 42)), r.sinh() / r)
    one = torch.eye(2, dtype=X.dtype, device=X.device)
    scale = (X.diagonal(dim1=-2, dim2=-1).sum(-1) / 2).exp()
    return scale[..., None, None] * (cosh[..., None, None] * one + mirrored(d * sinhc[..., None]))


def log_sinhc_gaps(X: Float[Tensor, "... n n"]) -> Float[Tensor, "..."]:
    """``sum over i < j of log sinhc(x_i - x_j)`` over the eigenvalues of X: the density of SPD matrices e^2X."""
    if X.shape[-1] == 2:
        return log_sinhc(2 * length(anticonformal(X)))
    x = torch.linalg.eigvalsh(X)
    gaps = x[..., :, None] - x[..., None, :]
    return log_sinhc(gaps).sum((-2, -1)) / 2
