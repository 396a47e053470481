"""The classical matrix groups: SO, O, SL, GL+, Lorentz, Scale and Inversion."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._decompositions import cartan
from isotropy.groups._exponential import angle2, rotation2, rotation3, rotation_vector
from isotropy.groups._group import LinearGroup, check_log, check_size, close, matrix

AXES = "xyz"


@dataclass(frozen=True, repr=False)
class NamedGroup(LinearGroup):
    """A group known by a symbol and a number, as SO(3)."""

    n: int
    space: str = "space"
    symbol: ClassVar[str]
    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_size(self.symbol, self.n, self.least)

    @property
    def name(self) -> str:
        return f"{self.symbol}({self.n})" + ("" if self.space == "space" else f'.on("{self.space}")')

    @property
    def degree(self) -> int:
        return self.n

    @property
    def order(self) -> int | None:
        return None

    def on(self, space: str) -> NamedGroup:
        return replace(self, space=space)


class SO(NamedGroup):
    """Rotations of R^n; coordinates are true radians, for n = 3 the rotation vector.

    >>> SO(3).exp(SO(3).algebra.hat(torch.tensor([0., 0., torch.pi / 2]))).round().int().tolist()
    [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    """

    symbol = "SO"

    @property
    def orthogonal(self) -> bool:
        return True

    @property
    def order(self) -> int | None:
        return 1 if self.n == 1 else None

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(rotation_basis(self.n))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_orthogonal(g, tol) & (torch.linalg.det(g) > 0)

    def exp(self, A: Element) -> Tensor:
        if self.n in (2, 3):
            v = self.algebra.vee(A)
            return rotation2(v[..., 0]) if self.n == 2 else rotation3(v)
        return super().exp(A)

    def log(self, g: Element) -> Tensor:
        if self.n not in (2, 3):
            return super().log(g)
        v = self.coords(g)
        angle = torch.linalg.vector_norm(v.detach(), dim=-1)
        check_log(self, self.contains(g) & (math.pi - angle > 16 * torch.finfo(v.dtype).eps))
        return matrix(self.algebra.hat(v))

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        if self.n not in (2, 3):
            return super().coords(g)
        v = angle2(matrix(g).double())[..., None] if self.n == 2 else rotation_vector(matrix(g).double())
        return v.to(matrix(g).dtype)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of the Haar probability in the rotation vector: for SO(3) ``(1 - cos a) / (4 pi^2 a^2)``."""
        return super().haar_log_density(v) - rotation_log_volume(self.n)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        q = haar_orthogonal(self.n, count, generator)
        flip = torch.where(torch.linalg.det(q) < 0, -1.0, 1.0)
        return torch.cat([q[..., :-1], q[..., -1:] * flip[:, None, None]], dim=-1)

    def _enumerate(self) -> Tensor:
        return torch.ones(1, 1, 1, dtype=torch.float64)


class O(NamedGroup):  # noqa: E742
    """Rotations and reflections of R^n; O(1) = {1, -1}.

    >>> O(2).discrete[0].tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """

    symbol = "O"

    @property
    def orthogonal(self) -> bool:
        return True

    @property
    def order(self) -> int | None:
        return 2 if self.n == 1 else None

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(rotation_basis(self.n))

    def _discrete(self) -> Tensor:
        return reflection(self.n)[None]

    def _components(self) -> Tensor:
        return torch.stack([torch.eye(self.n, dtype=torch.float64), reflection(self.n)])

    def _enumerate(self) -> Tensor:
        return self._components()

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return is_orthogonal(g, tol)

    def exp(self, A: Element) -> Tensor:
        return SO(self.n).exp(A)

    def log(self, g: Element) -> Tensor:
        return SO(self.n).log(g)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        check_log(self, torch.linalg.det(matrix(g).double()) > 0)
        return SO(self.n).coords(g)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        return SO(self.n).haar_log_density(v) - math.log(2)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return haar_orthogonal(self.n, count, generator)


class GLPlus(NamedGroup):
    """Linear maps of positive determinant, with coordinates (X, Y), g = exp(X) exp(Y), X symmetric and Y skew.

    >>> GLPlus(2).dim, GLPlus(2)
    (4, GL+(2))
    """

    symbol = "GL+"

    @property
    def compact(self) -> bool:
        return False

    @property
    def generator_names(self) -> tuple[str, ...]:
        return stretch_names(self.n, self.dim) + rotation_names(self.n)

    def _algebra(self) -> LieAlgebra:
        diagonal = torch.diag_embed(torch.eye(self.n, dtype=torch.float64))
        return LieAlgebra.of(torch.cat([diagonal, shear_basis(self.n), rotation_basis(self.n)]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return torch.linalg.det(g) > 0

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        """The Cartan coordinates: those of a stretch X, then of a rotation Y; defined for every element."""
        g = matrix(g)
        if not bool(self.contains(g).all()):
            raise DomainError("a matrix that is not an element", f"elements of {self}", "")
        X, R = cartan(g.double())
        Y = matrix(SO(self.n).algebra.hat(SO(self.n).coords(R)))
        return self.algebra.vee(X + Y).to(g.dtype)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        X, Y = self._split(v)
        return torch.linalg.matrix_exp(X) @ SO(self.n).exp(Y)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of Haar measure, ``|det g|^-n`` times Lebesgue on GL+; on SL the rotations have mass 1."""
        X, Y = self._split(v.double())
        density = log_sinhc_gaps(X) + SO(self.n).haar_log_density(SO(self.n).algebra.vee(Y))
        return (density + self._log_constant()).to(v.dtype)

    def _log_constant(self) -> float:
        # int_GL+ f |det A|^-n dA = C_n int_Pos int_SO f, C_n = pi^(n^2/2) / (2 Gamma_n(n/2)), Pos in X = log S with
        # Lebesgue measure on the entries i <= j, here in orthonormal coordinates of X/2.
        n = self.n
        gamma = n * (n - 1) / 4 * math.log(math.pi) + sum(math.lgamma(n / 2 - j / 2) for j in range(n))
        constant = n * n / 2 * math.log(math.pi) - math.log(2) - gamma
        return constant + n * (n + 1) / 2 * math.log(2) - n * (n - 1) / 4 * math.log(2)

    def _split(self, v: Tensor) -> tuple[Tensor, Tensor]:
        A = matrix(self.algebra.hat(v))
        return (A + A.mT) / 2, (A - A.mT) / 2


class SL(GLPlus):
    """Linear maps of determinant 1, with the Cartan coordinates of GL+.

    >>> g = SL(2).from_coords(torch.tensor([0.3, -0.2, 3.0]))
    >>> bool(g.trace() < -2), SL(2).coords(g).allclose(torch.tensor([0.3, -0.2, 3.0]), atol=1e-5)
    (True, True)
    """

    symbol = "SL"

    @property
    def compact(self) -> bool:
        return self.n == 1

    @property
    def order(self) -> int | None:
        return 1 if self.n == 1 else None

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.cat([traceless_basis(self.n), shear_basis(self.n), rotation_basis(self.n)]))

    def _enumerate(self) -> Tensor:
        return torch.ones(1, 1, 1, dtype=torch.float64)

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        return (torch.linalg.det(g) - 1).abs() <= tol * g.abs().amax((-2, -1)).clamp_min(1.0) ** self.n

    def _log_constant(self) -> float:
        return 0.0


class Scale(NamedGroup):
    """Multiplications of R^n by a positive number.

    >>> Scale(3).coords(torch.eye(3))
    tensor([0.])
    """

    symbol = "Scale"

    @property
    def compact(self) -> bool:
        return False

    @property
    def generator_names(self) -> tuple[str, ...]:
        return ("scale",)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(torch.eye(self.n, dtype=torch.float64)[None])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        s = g[..., :1, :1]
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return close((g - s * one) / s.abs().clamp_min(1.0), 0.0, tol) & (s > 0)[..., 0, 0]

    def exp(self, A: Element) -> Tensor:
        one = torch.eye(self.n, dtype=matrix(A).dtype, device=matrix(A).device)
        return self.algebra.vee(A).exp()[..., None] * one

    def log(self, g: Element) -> Tensor:
        check_log(self, self.contains(g))
        return matrix(self.algebra.hat(matrix(g)[..., 0, :1].log()))


class Inversion(NamedGroup):
    """The group {1, -1} of R^n.

    >>> Inversion(2).elements().tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, -1.0]]]
    """

    symbol = "Inversion"

    @property
    def orthogonal(self) -> bool:
        return True

    @property
    def order(self) -> int:
        return 2

    def _discrete(self) -> Tensor:
        return -torch.eye(self.n, dtype=torch.float64)[None]

    def _enumerate(self) -> Tensor:
        one = torch.eye(self.n, dtype=torch.float64)
        return torch.stack([one, 0.0 - one])

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        one = torch.eye(self.n, dtype=g.dtype, device=g.device)
        return close(g, one, tol) | close(g, -one, tol)


class Lorentz(NamedGroup):
    """SO+(1, n-1): linear maps that keep ``t^2 - |x|^2`` and the directions of time and space; time comes first.

    Coordinates are those of ``g = boost(w) rotation(r)``: rapidity w, then rotation r.

    >>> Lorentz(2).exp(Lorentz(2).algebra.hat(torch.tensor([0.5])))
    tensor([[1.1276, 0.5211],
            [0.5211, 1.1276]])
    """

    symbol = "Lorentz"
    least = 2

    @property
    def compact(self) -> bool:
        return False

    @property
    def metric(self) -> Float[Tensor, "n n"]:
        """The invariant form diag(1, -1, ..., -1)."""
        return torch.diag(torch.tensor([1.0] + [-1.0] * (self.n - 1), dtype=torch.float64))

    @property
    def generator_names(self) -> tuple[str, ...]:
        m = self.n - 1
        return tuple(f"boost along {axis_name(i, m)}" for i in range(m)) + rotation_names(m)

    def _algebra(self) -> LieAlgebra:
        boosts = torch.zeros(self.n - 1, self.n, self.n, dtype=torch.float64)
        for i in range(self.n - 1):
            boosts[i, 0, i + 1] = boosts[i, i + 1, 0] = 1.0
        return LieAlgebra.of(torch.cat([boosts, torch.nn.functional.pad(rotation_basis(self.n - 1), (1, 0, 1, 0))]))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, ...]:
        eta = self.metric.to(g)
        size = g.square().sum((-2, -1), keepdim=True).clamp_min(1.0)
        return close((g.mT @ eta @ g - eta) / size, 0.0, tol) & (g[..., 0, 0] > 0) & (torch.linalg.det(g) > 0)

    def inverse(self, g: Element) -> Tensor:
        eta = self.metric.to(matrix(g))
        return eta @ matrix(g).mT @ eta

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        G = matrix(g).double()
        s = G[..., 1:, 0]
        length = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
        w = torch.where(length < 1e-8, s, length.asinh() / length.clamp_min(1e-8) * s)
        rotation = (self._boost(-w) @ G)[..., 1:, 1:]
        return torch.cat([w, SO(self.n - 1).coords(rotation)], dim=-1).to(matrix(g).dtype)

    def from_coords(self, v: Float[Tensor, "... k"]) -> Tensor:
        R = SO(self.n - 1).from_coords(v[..., self.n - 1 :])
        corner = torch.nn.functional.pad(matrix(R), (1, 0, 1, 0))
        corner = corner + torch.diag(torch.tensor([1.0] + [0.0] * (self.n - 1))).to(corner)
        return self._boost(v[..., : self.n - 1]) @ corner

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The log density of Haar measure: hyperbolic volume of the rapidities, the rotations having mass 1."""
        r = torch.linalg.vector_norm(v[..., : self.n - 1].double(), dim=-1)
        rotations = SO(self.n - 1).haar_log_density(v[..., self.n - 1 :].double())
        return ((self.n - 2) * log_sinhc(r) + rotations).to(v.dtype)

    def _boost(self, w: Tensor) -> Tensor:
        padding = torch.zeros(*w.shape[:-1], self.dim - self.n + 1, dtype=w.dtype, device=w.device)
        return torch.linalg.matrix_exp(matrix(self.algebra.hat(torch.cat([w, padding], dim=-1))))


def axis_name(i: int, n: int) -> str:
    """The name of coordinate i of R^n: x, y, z, or x1, x2, ... above three dimensions."""
    return AXES[i] if n <= 3 else f"x{i + 1}"


def rotation_planes(n: int) -> list[tuple[int, int]]:
    """The planes (i, j) of the generators, turning i towards j; for n = 3 in the order of their axes x, y, z."""
    return [(1, 2), (2, 0), (0, 1)] if n == 3 else [(i, j) for i in range(n) for j in range(i + 1, n)]


def rotation_basis(n: int) -> Float[Tensor, "k n n"]:
    """The generators of SO(n), each of unit angular speed."""
    planes = rotation_planes(n)
    basis = torch.zeros(len(planes), n, n, dtype=torch.float64)
    for k, (i, j) in enumerate(planes):
        basis[k, j, i], basis[k, i, j] = 1.0, -1.0
    return basis


def rotation_names(n: int) -> tuple[str, ...]:
    if n == 2:
        return ("rotation",)
    if n == 3:
        return tuple(f"rotation about {axis}" for axis in AXES)
    return tuple(f"rotation of {axis_name(i, n)} towards {axis_name(j, n)}" for i, j in rotation_planes(n))


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


def rotation_log_volume(n: int) -> float:
    """The log volume of SO(n) in coordinates of unit angular speed: the product of the spheres S^1 ... S^(n-1)."""
    return sum(math.log(2) + k / 2 * math.log(math.pi) - math.lgamma(k / 2) for k in range(2, n + 1))


def reflection(n: int) -> Float[Tensor, "n n"]:
    """The reflection of the last coordinate."""
    return torch.diag(torch.tensor([1.0] * (n - 1) + [-1.0], dtype=torch.float64))


def is_orthogonal(g: Tensor, tol: float) -> Bool[Tensor, ...]:
    return close(g.mT @ g, torch.eye(g.shape[-1], dtype=g.dtype, device=g.device), tol)


def haar_orthogonal(n: int, count: int, generator: torch.Generator) -> Float[Tensor, "count n n"]:
    """Haar draws from O(n): QR of a Gaussian with the signs of R made positive (Mezzadri 2007)."""
    z = torch.randn(count, n, n, generator=generator, dtype=torch.float64, device=generator.device)
    q, r = torch.linalg.qr(z)
    return q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]


def log_sinhc(t: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """``log(sinh(t)/t)``, without overflow and smooth at 0."""
    t = t.abs()
    small = t < 1e-3
    safe = torch.where(small, 1.0, t)
    return torch.where(small, t.square() / 6, safe - math.log(2) + torch.log1p(-(-2 * safe).exp()) - safe.log())


def log_sinhc_gaps(X: Float[Tensor, "... n n"]) -> Float[Tensor, ...]:
    """``sum over i < j of log sinhc(x_i - x_j)`` over the eigenvalues of X: the density of SPD matrices e^2X."""
    x = torch.linalg.eigvalsh(X)
    gaps = x[..., :, None] - x[..., None, :]
    return log_sinhc(gaps).sum((-2, -1)) / 2
