"""Exact null spaces of sparse systems: complete, verified, and indifferent to the primes that find them."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from isotropy.errors import DomainError
from isotropy.linalg import independent_rows, nullspace, rational_nullspace

LARGEST_PRIME = 2**21 - 9  # the first one that is tried

sparse_rows = st.lists(st.dictionaries(st.integers(0, 6), st.integers(-9, 9), max_size=4), max_size=9)


def sympy_nullspace(rows: list[dict[int, int]], n: int) -> list[tuple[Fraction, ...]]:
    dense = [[QQ(row.get(column, 0)) for column in range(n)] for row in rows]
    solutions = DomainMatrix(dense, (len(rows), n), QQ).nullspace().to_list()
    return [tuple(Fraction(int(v.numerator), int(v.denominator)) for v in line) for line in solutions]


@settings(max_examples=40, deadline=None)
@given(rows=sparse_rows)
def test_the_solutions_are_those_of_a_reduction_over_the_rationals(rows: list[dict[int, int]]) -> None:
    n = 7
    assert list(rational_nullspace(rows, n)) == sympy_nullspace(rows, n)
    kept = independent_rows(rows, n)
    assert len(kept) == n - len(rational_nullspace(rows, n))
    assert rational_nullspace([rows[i] for i in kept], n) == rational_nullspace(rows, n)


@pytest.mark.parametrize("p", [LARGEST_PRIME, LARGEST_PRIME**2])
def test_a_prime_that_divides_a_coefficient_changes_nothing(p: int) -> None:
    rows = [{0: p, 1: 1, 2: 1}, {1: p, 2: 2 * p + 1}, {0: p, 2: 1}]
    assert list(rational_nullspace(rows, 3)) == sympy_nullspace(rows, 3)
    # Dependent modulo the prime, and independent all the same: two unknowns, two equations, no solution.
    assert rational_nullspace([{0: 1, 1: 1}, {0: 1, 1: 1 + p}], 2) == ()
    assert independent_rows([{0: 1, 1: 1}, {0: 1, 1: 1 + p}], 2) == (0, 1)


def test_solutions_with_many_digits_are_lifted_whole() -> None:
    draw = random.Random(0)
    n, rank = 24, 20
    rows = [{j: draw.randint(-99, 99) for j in range(n)} for _ in range(rank)]
    rows += [{j: rows[0][j] - 3 * rows[1][j] for j in range(n)}]
    found = rational_nullspace(rows, n)
    assert list(found) == sympy_nullspace(rows, n)
    assert max(value.denominator for solution in found for value in solution) > 10**20


def test_fractions_and_multiples_of_an_equation_are_one_equation() -> None:
    rows = [{0: Fraction(1, 3), 1: Fraction(-1, 2)}, {0: 2_000_000, 1: -3_000_000}, {2: 0}]
    assert rational_nullspace(rows, 3)[0] == (Fraction(3, 2), Fraction(1), Fraction(0))
    assert len(rational_nullspace(rows, 3)) == 2
    assert rational_nullspace([], 2) == ((1, 0), (0, 1))
    assert rational_nullspace([], 0) == ()


def test_a_wide_system_gets_its_spectrum_from_squares() -> None:
    rows = [[1 if j == i else (2 if j == i + 1 else 0) for j in range(140)] for i in range(130)]
    found = nullspace(rows, exact=True)
    assert found.dim == 10
    assert found.spectrum.shape == (140,)
    assert torch.allclose(found.spectrum, nullspace(torch.tensor(rows, dtype=torch.float64)).spectrum, atol=1e-6)


def test_what_is_no_rational_system_is_refused() -> None:
    with pytest.raises(DomainError, match=r"0 \.\.\. 1"):
        rational_nullspace([{2: 1}], 2)
