"""Rotated harmonics: Wigner matrices without angles, of a group on its types, and rotations that bring to the pole."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.groups import Group
from isotropy.reps._factor import Factor
from isotropy.reps._harmonics import check_points, lengths

_EXACT = 1e-10
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def wigner_D(l: int, R: Tensor) -> Float[Tensor, "... k k"]:
    """The matrix D^l(R), k = 2l + 1, with ``Y_l(R r) = D^l(R) Y_l(r)`` for rotations and reflections ``R (..., 3, 3)``.

    Basis and parity are those of ``spherical_harmonics``: D^1(R) = R, and an inversion gives (-1)^l. The entries are
    polynomials in those of R: there are no angles, hence no rotation at which they or their derivatives fail. R is
    taken to be orthogonal (use ``O(3).contains`` where it may not be).

    Raises ShapeError for a negative degree or other shapes, DtypeError for integers and complex numbers.
    Source: the recursion over degrees of Ivanic and Ruedenberg (1996), in the basis of specification 05 §2.1.

    >>> wigner_D(1, torch.diag(torch.tensor([1.0, -1.0, -1.0]))).diagonal()
    tensor([ 1., -1., -1.])
    """
    return wigner_blocks(l, R)[-1]


def wigner_blocks(degree: int, R: Tensor, couplings: Sequence[Tensor] | None = None) -> tuple[Tensor, ...]:
    """D^l(R) for all l = 0..degree, each ``(..., 2l + 1, 2l + 1)``: the blocks that rotate packed coefficients.

    D^l is the part of highest degree in D^{l-1} (x) D^1: ``D^l = C_l (D^{l-1} (x) R) C_l^T`` with the isometry C_l.
    Products are in the dtype of R (half precision: in single, rounded last), the C_l exact in float64, cast last.
    A module that is compiled keeps the C_l as constants of its own, ``couplings=wigner_couplings(degree)`` in the dtype
    and on the device of R.

    Raises what ``wigner_D`` raises.

    >>> [tuple(block.shape) for block in wigner_blocks(2, torch.eye(3).expand(5, 3, 3))]
    [(5, 1, 1), (5, 3, 3), (5, 5, 5)]
    """
    if degree < 0:
        raise ShapeError(f"degree {degree}", "a degree of 0 or more")
    if R.shape[-2:] != (3, 3):
        raise ShapeError(f"rotations of shape {tuple(R.shape)}", "(..., 3, 3)")
    if not R.is_floating_point():
        raise DtypeError(f"rotations of dtype {R.dtype}", "real floating-point numbers", "write R.to(torch.float64)")
    exact = R if R.dtype in (torch.float32, torch.float64) else R.float()
    blocks = [torch.ones_like(exact[..., :1, :1]), exact]
    found, turn = exact, exact
    with torch.autocast(R.device.type, enabled=False):  # half precision would cost the orthogonality
        for l in range(2, degree + 1):
            # Each step leaves the transpose, which a further step on the transposed rotation turns back.
            coupling = _coupling(l, exact.dtype, exact.device) if couplings is None else couplings[l - 2]
            found, turn = _raised(found, turn, coupling), turn.mT
            blocks.append(found if l % 2 else found.mT)
    return tuple(block.to(R.dtype) for block in blocks[: degree + 1])


def wigner_couplings(degree: int) -> tuple[Tensor, ...]:
    """The isometries C_l ``(2l + 1, 2l - 1, 3)`` of ``wigner_blocks`` for l = 2..degree, in float64.

    >>> [tuple(C.shape) for C in wigner_couplings(3)]
    [(5, 3, 3), (7, 5, 3)]
    """
    return tuple(_isometry(l, torch.float64, torch.device("cpu")) for l in range(2, degree + 1))


def wigner_rates(degree: int, A: Float[Tensor, "... 3 3"]) -> tuple[Tensor, ...]:
    """The derivatives of D^l(exp tA) at t = 0 for l = 0..degree: ``C_l (dD^{l-1} (x) 1 + 1 (x) A) C_l^T``.

    ``A`` is antisymmetric plus a multiple c of 1, which enters as l c exactly.
    """
    c = A.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    turn, one = A - c * torch.eye(3, dtype=A.dtype, device=A.device), torch.eye(3, dtype=A.dtype, device=A.device)
    rates, found = [torch.zeros_like(c), turn], turn
    for l in range(2, degree + 1):
        coupling = _coupling(l, A.dtype, A.device)
        still = torch.eye(2 * l - 1, dtype=A.dtype, device=A.device)
        found = (_raised(found, one, coupling) + _raised(still, turn, coupling)).mT
        rates.append(found)
    return tuple(
        rate + l * c * torch.eye(2 * l + 1, dtype=A.dtype, device=A.device)
        for l, rate in enumerate(rates[: degree + 1])
    )


def _raised(
    D: Float[Tensor, "... n n"], R: Float[Tensor, "... 3 3"], coupling: Float[Tensor, "k n 3"]
) -> Float[Tensor, "... k k"]:
    """The transpose of C (D (x) R) C^T: one factor after the other, each a product with all rows at once."""
    n, k = D.shape[-1], D.shape[-1] + 2
    right = D @ coupling.movedim(0, 1).flatten(1)  # (..., i, b v)
    turned = right.unflatten(-1, (k, 3)).flatten(-3, -2) @ R.mT  # (..., i b, u)
    ordered = turned.unflatten(-2, (n, k)).transpose(-3, -2).flatten(-2)  # (..., b, i u)
    return ordered @ coupling.flatten(1).mT


def _coupling(l: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _isometry(l, dtype, device)


# The mark of ``torch.compiler.assume_constant_result``, which imports the whole compiler (two seconds) to set it.
vars(_coupling)["_dynamo_marked_constant"] = True


@lru_cache(maxsize=256)
def _isometry(l: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``C_l[m, m', u]`` from (l - 1) (x) 1 onto l: what r_u Y_{l-1,m'} has of Y_lm, orthonormal in its rows.

    With T_m the functions of phi, y Pbar_{l-1,m} has sqrt(l^2 - m^2) of Pbar_lm, and sin(theta) Pbar_{l-1,m-1} and
    sin(theta) Pbar_{l-1,m+1} have sqrt((l+m)(l+m-1)) and -sqrt((l-m)(l-m-1)) of it, all over sqrt(4l^2 - 1).
    """
    found = np.zeros((2 * l + 1, 2 * l - 1, 3))
    x, y, z = range(3)
    for m in range(-l, l + 1):
        order, side = abs(m), 1 if m >= 0 else -1
        below, above = math.sqrt((l + order) * (l + order - 1)) / 2, -math.sqrt((l - order) * (l - order - 1)) / 2
        if order < l:
            found[l + m, l - 1 + m, y] = math.sqrt(l * l - m * m)
        if order < l - 1:  # from order + 1: cosines by z and x to cosines, sines to sines
            norm = math.sqrt(2) if m == 0 else 1.0
            found[l + m, l - 1 + side * (order + 1), z] = norm * above
            found[l + m, l - 1 - side * (order + 1), x] = norm * above * side
        if order > 1:
            found[l + m, l - 1 + side * (order - 1), z] = below
            found[l + m, l - 1 - side * (order - 1), x] = -below * side
        elif order == 1:  # from order 0, which has no sine
            found[l + m, l - 1, z if m > 0 else x] = math.sqrt(2) * below
    found /= math.sqrt(l * (2 * l - 1))
    # Kept for later calls, so it must not belong to the inference mode or the transform of this one.
    with torch.inference_mode(False):
        kept = torch.from_numpy(found.astype(_NUMPY[dtype]))
        return kept if device.type == "cpu" else kept.to(device)


def align(r: Tensor) -> Float[Tensor, "... 3 3"]:
    """A rotation that takes the direction of ``r (..., 3)`` to the polar axis: ``align(r) @ r = (0, |r|, 0)``.

    The shortest turn to +y where y >= 0; elsewhere a half-turn about x first, so that no denominator is below one and
    all derivatives are finite, at the poles too. The rotation jumps at y = 0, as every choice must somewhere: the first
    row is a unit tangent field of the sphere, and none is continuous (hairy ball). What is computed in the aligned
    frame and rotated back must therefore commute with turns about y; then the jump is not seen.

    Raises DomainError for a vector of length zero, ShapeError and DtypeError for what is no point in space.

    >>> r = torch.tensor([0.0, -2.0, 0.0])
    >>> align(r) @ r
    tensor([0., 2., 0.])
    """
    check_points(r)
    length = lengths(r)
    south = r[..., 1:2] < 0
    half_turn = torch.where(south, r.new_tensor([1.0, -1.0, -1.0]), r.new_ones(3))
    x, y, z = (r / length * half_turn).unbind(-1)
    share = 1 / (1 + y)
    rows = (1 - x * x * share, -x, -x * z * share, x, y, z, -x * z * share, -z, 1 - z * z * share)
    return torch.stack(rows, -1).unflatten(-1, (3, 3)) * half_turn[..., None, :]


def degree_matrices(factor: Factor, G: Group, g: Float[Tensor, "... 3 3"]) -> tuple[Tensor, ...]:
    """D^l(g) for each degree of an Irrep or a Sphere, of its dual where it is one.

    D^l is homogeneous of degree l in g, so that a stretch by s acts as s^l: an irrep is the traceless symmetric part of
    Tensor(l), of which it takes the weight. Raises DomainError for groups of other matrices.
    """
    check_turns(G)
    return wigner_blocks(factor.degrees.stop - 1, torch.linalg.inv(g).mT if factor.dual else g)[factor.degrees.start :]


def degree_rates(factor: Factor, G: Group, A: Float[Tensor, "... 3 3"]) -> tuple[Tensor, ...]:
    """The derivative of D^l(exp tA) at t = 0 for each degree of an Irrep or a Sphere, without the dual."""
    check_turns(G)
    return wigner_rates(factor.degrees.stop - 1, A)[factor.degrees.start :]


@lru_cache(maxsize=256)
def check_turns(G: Group) -> None:
    """Raise DomainError unless ``G`` is made of rotations, reflections and stretches of three dimensions."""
    basis, discrete = G.algebra.basis, G.discrete
    # Only groups on several spaces have tuples, and each of their factors comes here by itself.
    if G.degree == 3 and isinstance(basis, Tensor) and isinstance(discrete, Tensor) and _keeps_angles(basis, discrete):
        return
    raise DomainError(
        f"spherical harmonics under {G}",
        "rotations, reflections and stretches of three dimensions",
        "use O(3), its subgroups or E(3); for other matrices use Vector and Tensor(k)",
    )


def _keeps_angles(algebra: Tensor, discrete: Tensor) -> bool:
    rates, turns = algebra[..., :3, :3], discrete[..., :3, :3]
    squares = [rates + rates.mT]
    if discrete.is_floating_point():  # permutations of the axes always keep them
        squares.append(turns.mT @ turns)
    one = torch.eye(3, dtype=torch.float64)
    return all(bool((square - square[..., :1, :1] * one).abs().max() < _EXACT) for square in squares if len(square))
