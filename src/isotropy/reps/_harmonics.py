"""Real spherical harmonics as the polynomials that they are: no angles, so no singular poles."""

import math
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, ShapeError, one_of

Normalization = Literal["integral", "component", "norm"]


def solid_harmonics(degree: int, r: Tensor) -> Float[Tensor, "... k"]:
    """``|r|^l Y_lm(r / |r|)`` for l = 0..degree at points ``r (..., 3)``, k = (degree + 1)^2, packed at l*l + l + m.

    The polar axis is y, phi = atan2(x, z), without the Condon-Shortley phase; Y_lm has unit norm on the sphere. Each
    entry is a homogeneous polynomial of degree l, smooth everywhere, the poles and the origin included. With
    (z + ix)^m = c_m + i s_m the entries are s_m Q_lm, Q_l0, c_m Q_lm, and Q_lm(y, |r|^2) obeys the recurrence of the
    associated Legendre functions divided by sin^m.

    Raises ShapeError for points that are not in three dimensions, DtypeError for integers and complex numbers.

    >>> solid_harmonics(1, torch.tensor([[0.0, 2.0, 0.0]], dtype=torch.float64))
    tensor([[0.2821, 0.0000, 0.9772, 0.0000]], dtype=torch.float64)
    """
    check_points(r, degree)
    x, y, z = r.unsqueeze(-2).unbind(-1)  # (..., 1): broadcasts over the orders m
    square = r.square().sum(-1, keepdim=True)
    c, s = torch.ones_like(y), torch.zeros_like(y)
    cosines, sines = [c], [s]
    before, q = None, torch.full_like(y, 0.5 / math.sqrt(math.pi))
    rows = [q]
    for l in range(1, degree + 1):
        c, s = z * c - x * s, z * s + x * c
        cosines.append(c)
        sines.append(s)
        # Dynamo looks through caches, and says so; in a graph the factors are constants anyway.
        a, b, last = (legendre_factors if torch.compiler.is_compiling() else _recurrence)(l)
        own = y * q if before is None else y * q - torch.nn.functional.pad(square * before * b.to(y), (0, 1))
        before, q = q, torch.cat([own * a.to(y), (q[..., -1:] * last)], dim=-1)
        rows.append(_around(q * math.sqrt(2.0), q[..., :1], torch.cat(sines, -1), torch.cat(cosines, -1)))
    return torch.cat(rows, dim=-1)


def spherical_harmonics(degree: int, r: Tensor, *, normalization: Normalization = "integral") -> Float[Tensor, "... k"]:
    """Real spherical harmonics of the directions of ``r (..., 3)``, l = 0..degree, packed at l*l + l + m.

    ``"integral"`` has unit norm on the sphere, ``"component"`` |Y_l|^2 = 2l + 1, ``"norm"`` |Y_l| = 1. Order, axis and
    signs are those of e3nn: Y_1 is (x, y, z) up to its norm.

    Raises what ``solid_harmonics`` raises, and DomainError for a vector of length zero, which has no direction.

    >>> spherical_harmonics(1, torch.tensor([3.0, 0.0, 4.0]), normalization="norm")
    tensor([1.0000, 0.6000, 0.0000, 0.8000])
    """
    check_points(r, degree)
    found = solid_harmonics(degree, r / lengths(r))
    if normalization == "integral":
        return found
    return found * rescaling(degree, normalization).to(found)


def rescaling(degree: int, normalization: Normalization) -> Float[Tensor, " k"]:
    """What takes harmonics of unit norm to another normalisation, one number for each packed entry, in float64.

    Raises DomainError for a normalisation of another name.

    >>> rescaling(1, "norm") / rescaling(1, "component")
    tensor([1.0000, 0.5774, 0.5774, 0.5774], dtype=torch.float64)
    """
    one_of("normalization", normalization, ("integral", "component", "norm"))
    l = degrees(degree).to(torch.float64)
    if normalization == "integral":
        return torch.ones_like(l)
    return math.sqrt(4 * math.pi) * (torch.ones_like(l) if normalization == "component" else (2 * l + 1).rsqrt())


@lru_cache(maxsize=128)
def degrees(degree: int) -> Tensor:
    """The degree l of each packed entry: 0, 1, 1, 1, 2, ...

    >>> degrees(1)
    tensor([0, 1, 1, 1])
    """
    return torch.repeat_interleave(torch.arange(degree + 1), 2 * torch.arange(degree + 1) + 1)


def lengths(r: Tensor) -> Float[Tensor, "... 1"]:
    """The lengths of vectors ``(..., 3)``; DomainError for one of length zero."""
    length = torch.linalg.vector_norm(r, dim=-1, keepdim=True)
    if not torch.compiler.is_compiling() and bool((length == 0).any()):
        raise DomainError("a vector of length zero", "a direction", "leave out pairs of points that coincide")
    return length


def check_points(r: Tensor, degree: int = 0) -> None:
    """Raise ShapeError or DtypeError for what are no points ``(..., 3)``, or a degree below 0."""
    if degree < 0:
        raise ShapeError(f"degree {degree}", "a degree of 0 or more")
    if r.shape[-1:] != (3,):
        raise ShapeError(f"points of shape {tuple(r.shape)}", "(..., 3)")
    if not r.is_floating_point():
        raise DtypeError(f"points of dtype {r.dtype}", "real floating-point numbers", "write r.to(torch.float64)")


def legendre_factors(l: int) -> tuple[Tensor, Tensor, float]:
    """Factors of Q_lm = a_m (y Q_{l-1,m} - b_m |r|^2 Q_{l-2,m}) for m < l, and of Q_ll = last * Q_{l-1,l-1}."""
    m = torch.arange(l, dtype=torch.float64)
    a = ((4 * l * l - 1) / (l * l - m * m)).sqrt()
    inner = m[: l - 1]
    b = (((l - 1) ** 2 - inner * inner) / (4 * (l - 1) ** 2 - 1)).sqrt()
    return a, b, math.sqrt((2 * l + 1) / (2 * l))


_recurrence = lru_cache(maxsize=128)(legendre_factors)


def _around(q: Tensor, zonal: Tensor, sines: Tensor, cosines: Tensor) -> Tensor:
    """The 2l + 1 entries of one degree: sines from m = -l, the zonal one, cosines to m = l."""
    return torch.cat([(q * sines)[..., 1:].flip(-1), zonal, (q * cosines)[..., 1:]], dim=-1)
