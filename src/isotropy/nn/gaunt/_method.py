"""Which form computes a product: what may be asked for, and what is taken where nothing but degrees is known."""

from typing import Literal

from isotropy.errors import DomainError
from isotropy.nn.gaunt._transform import Route

Method = Literal["grid", "grid_separable", "fourier", "dense"]

DENSE_UP_TO = 0
"""The smaller of L1 and L2: a function times constants is one matrix product, and nothing else can be as fast."""

GRID_UP_TO = 24
"""Total degree L1 + L2 + L3 where rows are unknown: below, one matrix product with all points (O(L^4) in BLAS) beats
the many small ones of the separable form (O(L^3))."""


def without_rows(method: Literal["auto"] | Method, L1: int, L2: int, L3: int) -> Method:
    """The form for any number of rows, the same on every machine; Fourier only on request.

    Raises DomainError for a form of another name.

    >>> [without_rows("auto", L, L, L) for L in (0, 4, 12)]
    ['dense', 'grid', 'grid_separable']
    """
    if method != "auto":
        if method not in ("grid", "grid_separable", "fourier", "dense"):
            raise DomainError(f"method={method!r}", "'auto', 'grid', 'grid_separable', 'fourier' or 'dense'")
        return method
    if min(L1, L2) <= DENSE_UP_TO:
        return "dense"
    return "grid" if route(L1 + L2 + L3) == "dense" else "grid_separable"


def route(total: int) -> Route:
    """How a transform to a grid for polynomials of degree ``total`` is computed.

    >>> route(24), route(25)
    ('dense', 'separable')
    """
    return "dense" if total <= GRID_UP_TO else "separable"
