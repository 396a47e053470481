"""Which form computes a product: the one table of the rule, with its reasons."""

from __future__ import annotations

from typing import Literal

from isotropy.errors import DomainError
from isotropy.nn.gaunt._transform import Route

Method = Literal["grid", "grid_separable", "fourier", "dense"]

DENSE_UP_TO = 0
"""The smaller of L1 and L2: a function times constants is one matrix product. From L1 = L2 = 1 on the grid is faster,
by a third with gradients (``isotropy bench tensor-products --calibrate``), save for brackets of few rows."""

GRID_UP_TO = 24
"""Total degree L1 + L2 + L3: below, one matrix product with all points (O(L^4) in BLAS) beats the many small ones of
the separable form (O(L^3)); on one core they cross at L = 6 to 8 with full output (specification 05 §5b)."""


def chosen(method: Literal["auto"] | Method, L1: int, L2: int, L3: int) -> Method:
    """The form that computes a product of degrees L1 and L2 projected to L3; Fourier only on request.

    Raises DomainError for a form of another name.

    >>> [chosen("auto", L, L, L) for L in (0, 4, 12)]
    ['dense', 'grid', 'grid_separable']
    """
    if method != "auto":
        if method not in ("grid", "grid_separable", "fourier", "dense"):
            raise DomainError(f"method={method!r}", "'auto', 'grid', 'grid_separable', 'fourier' or 'dense'")
        return method
    if min(L1, L2) <= DENSE_UP_TO:
        return "dense"
    return "grid" if L1 + L2 + L3 <= GRID_UP_TO else "grid_separable"


def route(total: int) -> Route:
    """How a transform to a grid for polynomials of degree ``total`` is computed.

    >>> route(24), route(25)
    ('dense', 'separable')
    """
    return "dense" if total <= GRID_UP_TO else "separable"
