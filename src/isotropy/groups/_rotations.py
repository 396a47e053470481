"""Rotations and reflections, SO and O; and axes: their simplest form, their name, the frame that goes with one."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups._algebra import Element, LieAlgebra
from isotropy.groups._exponential import angle2, quaternion_matrix, rotation2, rotation3, rotation_vector
from isotropy.groups._linear import NamedGroup, Turns, check_log, close, matrix

AXES = "xyz"


class SO(NamedGroup, symbol="SO", orthogonal=True):
    """Rotations of R^n; coordinates are true radians, for n = 3 the rotation vector.

    >>> SO(3).exp(SO(3).algebra.hat(torch.tensor([0., 0., torch.pi / 2]))).round().int().tolist()
    [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    """

    @property
    def order(self) -> int | None:
        return 1 if self.n == 1 else None

    @property
    def generator_names(self) -> tuple[str, ...]:
        return rotation_names(self.n)

    @property
    def turns(self) -> Turns:
        return Turns(SO(self.n), slice(0, self.dim), 0, self.n)

    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(rotation_basis(self.n))

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return is_orthogonal(g, tol) & (torch.linalg.det(g) > 0)

    def exp(self, A: Element) -> Tensor:
        if self.n in (2, 3):
            v = self.algebra.vee(A)
            return rotation2(v[..., 0]) if self.n == 2 else rotation3(v)
        return super().exp(A)

    def log(self, g: Element) -> Tensor:
        if self.n not in (2, 3):
            return _polished(matrix(super().log(g)), matrix(g))
        v = self.coords(g)
        angle = torch.linalg.vector_norm(v.detach(), dim=-1)
        check_log(self, self.contains(g) & (math.pi - angle > 16 * torch.finfo(v.dtype).eps), self._instead_of_log)
        return matrix(self.algebra.hat(v))

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        if self.n not in (2, 3):
            return super().coords(g)
        v = angle2(matrix(g).double())[..., None] if self.n == 2 else rotation_vector(matrix(g).double())
        return v.to(matrix(g).dtype)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        """The log density of the Haar probability in the rotation vector: for SO(3) ``(1 - cos a) / (4 pi^2 a^2)``."""
        turns, roots = self._roots(v.double())
        density = torch.sinc(roots / (2 * math.pi)).abs().log().sum(-1) - rotation_log_volume(self.n)
        return torch.where(turns.abs().amax(-1) > math.pi, -math.inf, density).to(v.dtype)

    def _roots(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """The angles of the rotation and of its adjoint; |(1 - e^-ir) / ir| = |sin(r/2) / (r/2)| for the roots r."""
        if self.n in (2, 3):
            angle = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
            return angle, angle[..., : 0 if self.n == 2 else 1].repeat_interleave(2, -1)
        # Skew matrices: i A is Hermitian.
        turns = torch.linalg.eigvalsh(1j * matrix(self.algebra.hat(v)))
        return turns, torch.linalg.eigvalsh(1j * self.algebra.ad(v)) if self.dim else turns

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return reflect_last(haar_orthogonal(self.n, count, generator))


class Mirrored(NamedGroup):
    """Two components: a group, and its product with the reflection of the last coordinate."""

    def _discrete(self) -> Tensor:
        return self._components()[1:]

    def _components(self) -> Tensor:
        components = torch.eye(self.size, dtype=torch.float64).repeat(2, 1, 1)
        components[1, self.n - 1, self.n - 1] = -1.0
        return components


class O(Mirrored, SO, symbol="O"):  # noqa: E742
    """Rotations and reflections of R^n; O(1) = {1, -1}.

    >>> O(2).discrete[0].tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """

    @property
    def order(self) -> int | None:
        return 2 if self.n == 1 else None

    def _contains(self, g: Tensor, tol: float) -> Bool[Tensor, "..."]:
        return is_orthogonal(g, tol)

    def coords(self, g: Element) -> Float[Tensor, "... k"]:
        check_log(self, torch.linalg.det(matrix(g).double()) > 0)
        return super().coords(g)

    def haar_log_density(self, v: Float[Tensor, "... k"]) -> Float[Tensor, "..."]:
        return super().haar_log_density(v) - math.log(2)

    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return haar_orthogonal(self.n, count, generator)


def _polished(L: Float[Tensor, "... n n"], g: Float[Tensor, "... n n"]) -> Float[Tensor, "... n n"]:
    """A logarithm after one Newton step, which brings back the digits that square roots lose close to half turns.

    With ``exp(L + d) = exp(L) (1 + r)`` and L = V diag(i t) V^H, ``d_jk = x / (1 - exp(-x)) r_jk``, x = i (t_j - t_k).
    """
    with torch.no_grad():
        A = (L.double() - L.double().mT) / 2
        t, V = torch.linalg.eigh(-1j * A)
        back = (V * torch.exp(1j * t)[..., None, :]) @ V.mH
        rest = back.mH @ g.to(back.dtype)
        x = 1j * (t[..., :, None] - t[..., None, :])
        near = (x.abs() < 1e-8) | (((-x).exp() - 1).abs() < 1e-8)
        factor = torch.where(near, 1.0, x / (1 - torch.where(near, 1.0, -x).exp()))
        step = V @ (factor * (V.mH @ ((rest - rest.mH) / 2) @ V)) @ V.mH
    return L + (A + step.real - L.double()).to(L)


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


def rotation_log_volume(n: int) -> float:
    """The log volume of SO(n) in coordinates of unit angular speed: the product of the spheres S^1 ... S^(n-1)."""
    return sum(math.log(2) + k / 2 * math.log(math.pi) - math.lgamma(k / 2) for k in range(2, n + 1))


def reflection(n: int) -> Float[Tensor, "n n"]:
    """The reflection of the last coordinate."""
    return torch.diag(torch.tensor([1.0] * (n - 1) + [-1.0], dtype=torch.float64))


def is_orthogonal(g: Tensor, tol: float) -> Bool[Tensor, "..."]:
    return close(g.mT @ g, torch.eye(g.shape[-1], dtype=g.dtype, device=g.device), tol)


def haar_orthogonal(n: int, count: int, generator: torch.Generator) -> Float[Tensor, "count n n"]:
    """Haar draws from O(n): QR of a Gaussian with the signs of R made positive (Mezzadri 2007)."""
    return orthogonal_of(torch.randn(count, n, n, generator=generator, dtype=torch.float64, device=generator.device))


def orthogonal_of(z: Float[Tensor, "count n n"]) -> Float[Tensor, "count n n"]:
    """The orthogonal factor of QR with a positive diagonal: uniform for a Gaussian z."""
    q, r = torch.linalg.qr(z)
    return q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]


def reflect_last(q: Float[Tensor, "... n n"]) -> Float[Tensor, "... n n"]:
    """Matrices with their last column turned round where the determinant is negative; the others as they are.

    >>> reflect_last(torch.tensor([[-1.0]])).tolist()
    [[1.0]]
    """
    flip = torch.where(torch.linalg.det(q.detach()) < 0, -1.0, 1.0).to(q)
    return torch.cat([q[..., :-1], q[..., -1:] * flip[..., None, None]], dim=-1)


def even_rotations(n: int, u: Float[Tensor, "count r"], offset: float) -> Float[Tensor, "count n n"]:
    """Rotations as even as the points ``u`` of the unit cube are, r = `even_coordinates`.

    In the plane ``count`` equal angles from ``offset`` (a share of one turn), the end point excluded; in space unit
    quaternions (Shoemake 1992); above that, Gaussian matrices made orthogonal.
    """
    count = len(u)
    if n == 1:
        return u.new_ones(count, 1, 1)
    if n == 2:
        place = torch.arange(count, dtype=torch.float64, device=u.device) + offset
        return rotation2(2 * math.pi / count * place)
    if n == 3:
        first, second = 2 * math.pi * u[:, 1], 2 * math.pi * u[:, 2]
        a, b = (1 - u[:, 0]).sqrt(), u[:, 0].sqrt()
        return quaternion_matrix(
            torch.stack([b * second.cos(), a * first.sin(), a * first.cos(), b * second.sin()], -1)
        )
    return reflect_last(orthogonal_of(torch.special.ndtri(u).unflatten(-1, (n, n))))


def even_coordinates(n: int) -> int:
    """How many coordinates of the unit cube `even_rotations` needs."""
    return {1: 0, 2: 0, 3: 3}.get(n, n * n)


def canonical_axis(axis: tuple[float, ...]) -> tuple[float, ...]:
    """The same line in its simplest form: whole numbers without a common divisor, or else a unit vector.

    The last entry that is not 0 is positive. Raises DomainError for the zero vector and for NaN.

    >>> canonical_axis((0.6, 0.0, -0.8)), canonical_axis((2, 4, 4))
    ((-3.0, 0.0, 4.0), (1.0, 2.0, 2.0))
    """
    largest = max(abs(a) for a in axis)
    if not all(math.isfinite(a) for a in axis) or largest == 0:
        raise DomainError(f"the axis {axis}", "a vector that is finite and not zero", "")
    last = next(a for a in reversed(axis) if abs(a) > 1e-13 * largest)
    sign = math.copysign(1.0, last)
    ratios = [Fraction(sign * a / largest).limit_denominator(1000) for a in axis]
    if all(abs(float(r) - sign * a / largest) < 1e-13 for r, a in zip(ratios, axis, strict=True)):
        common = math.lcm(*(r.denominator for r in ratios))
        whole = [int(r * common) for r in ratios]
        divisor = reduce(math.gcd, whole)
        return tuple(float(w // divisor) for w in whole)
    norm = math.hypot(*axis)
    # A unit vector stays as it is to the last digit, so that a printed axis is read back unchanged.
    norm = 1.0 if abs(norm - 1) < 1e-14 else norm
    return tuple(sign * a / norm + 0.0 for a in axis)


def axis_numbers(axis: str | Sequence[float] | Tensor, d: int, given: str, hint: str = "") -> tuple[float, ...]:
    """The numbers of an axis of R^d, which may be a letter up to three dimensions; raises ShapeError for another."""
    if isinstance(axis, str):
        if axis not in tuple(AXES[:d]) or d > 3:
            known = " or ".join(AXES[:d]) if d <= 3 else counted(d, "number")
            raise ShapeError(f"{given}@{axis}", f"an axis of R^{d}: {known}", hint)
        axis = [float(i == AXES.index(axis)) for i in range(d)]
    return tuple(float(a) for a in axis)


def axis_text(axis: tuple[float, ...]) -> str:
    """The axis as it is written: x, y, z, (1,2,2) or (0.6,0.3,...)."""
    if len(axis) <= 3 and sorted(axis) == [0.0] * (len(axis) - 1) + [1.0]:
        return AXES[axis.index(1.0)]
    return "(" + ",".join(str(int(a)) if a.is_integer() else repr(a) for a in axis) + ")"


def axis_name(i: int, n: int) -> str:
    """The name of coordinate i of R^n: x, y, z, or x1, x2, ... above three dimensions."""
    return AXES[i] if n <= 3 else f"x{i + 1}"


def axis_frame(axis: tuple[float, ...]) -> Float[Tensor, "d d"]:
    """An orthonormal, positively oriented basis in columns, the axis last."""
    d = len(axis)
    one = torch.eye(d, dtype=torch.float64)
    if sorted(axis) == [0.0] * (d - 1) + [1.0]:
        at = axis.index(1.0)
        order = [(at + 1 + i) % d for i in range(d)]
        frame = one[:, order]
        # Cyclic orders are even in odd dimensions only; elsewhere one sign makes the frame a rotation.
        return frame * torch.tensor([float(torch.linalg.det(frame).sign())] + [1.0] * (d - 1), dtype=torch.float64)
    u = torch.tensor(axis, dtype=torch.float64)
    u = u / torch.linalg.vector_norm(u)
    turn = torch.outer(u, one[-1]) - torch.outer(one[-1], u)
    return one + turn + turn @ turn / (1 + u[-1])
