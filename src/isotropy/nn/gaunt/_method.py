"""Which form computes a product: the one table of the rule, with its reasons."""

import math
from bisect import bisect_left
from itertools import pairwise
from typing import Literal

from isotropy.errors import DomainError
from isotropy.nn.gaunt._transform import Route

Method = Literal["grid", "grid_separable", "fourier", "dense"]

DENSE_UP_TO = 0
"""The smaller of L1 and L2: a function times constants is one matrix product. From L1 = L2 = 1 on the grid is faster,
by a third with gradients (``isotropy bench tensor-products --calibrate``), save for brackets of few rows."""

GRID_UP_TO = 24
"""Total degree L1 + L2 + L3 where rows are unknown: below, one matrix product with all points (O(L^4) in BLAS) beats
the many small ones of the separable form (O(L^3))."""

CROSSINGS = ((32, 29.0), (512, 19.0), (4096, 15.0))
"""Rows, and the total degree up to which the grid wins for so many: overheads weigh less, the more there are. Measured
on one thread (``isotropy bench tensor-products``); with gradients the crossings lie higher by ``WITH_GRADIENTS``."""

WITH_GRADIENTS = 1.22


def chosen(
    method: Literal["auto"] | Method, L1: int, L2: int, L3: int, rows: int | None = None, gradients: bool = False
) -> Method:
    """The form that computes ``rows`` products of degrees L1 and L2 projected to L3; Fourier only on request.

    Raises DomainError for a form of another name.

    >>> [chosen("auto", L, L, L) for L in (0, 4, 12)]
    ['dense', 'grid', 'grid_separable']
    >>> [chosen("auto", 6, 6, 6, rows) for rows in (32, 4096)]
    ['grid', 'grid_separable']
    """
    if method != "auto":
        if method not in ("grid", "grid_separable", "fourier", "dense"):
            raise DomainError(f"method={method!r}", "'auto', 'grid', 'grid_separable', 'fourier' or 'dense'")
        return method
    if min(L1, L2) <= DENSE_UP_TO:
        return "dense"
    most = GRID_UP_TO if rows is None else grid_up_to(rows) * (WITH_GRADIENTS if gradients else 1.0)
    return "grid" if most >= L1 + L2 + L3 else "grid_separable"


def candidates(method: Literal["auto"] | Method, L1: int, L2: int, L3: int) -> tuple[Method, ...]:
    """All forms that may be chosen for some number of rows, the one for an unknown number first.

    >>> candidates("auto", 4, 4, 4), candidates("auto", 6, 6, 6), candidates("auto", 12, 12, 24)
    (('grid',), ('grid', 'grid_separable'), ('grid_separable',))
    """
    first = chosen(method, L1, L2, L3)
    few, many = chosen(method, L1, L2, L3, 1, gradients=True), chosen(method, L1, L2, L3, 1 << 40)
    return tuple(dict.fromkeys((first, few, many)))


def rows_up_to(L1: int, L2: int, L3: int, gradients: bool) -> int:
    """How many rows at most ``auto`` multiplies on the grid by whole matrices.

    >>> rows_up_to(6, 6, 6, False) < 1000 < rows_up_to(6, 6, 6, True)
    True
    """
    counts = range(1, (1 << 40) + 1)
    return bisect_left(counts, True, key=lambda rows: chosen("auto", L1, L2, L3, rows, gradients) != "grid")


def grid_up_to(rows: int) -> float:
    """The crossing for a number of rows, on straight lines between those of ``CROSSINGS`` in the logarithm of rows.

    >>> grid_up_to(1), grid_up_to(512), round(grid_up_to(1500), 1)
    (29.0, 19.0, 16.9)
    """
    for (few, one), (many, other) in pairwise(CROSSINGS):
        if rows <= many:
            return one + (other - one) * math.log(max(rows, few) / few) / math.log(many / few)
    return CROSSINGS[-1][1]


def route(total: int) -> Route:
    """How a transform to a grid for polynomials of degree ``total`` is computed.

    >>> route(24), route(25)
    ('dense', 'separable')
    """
    return "dense" if total <= GRID_UP_TO else "separable"
