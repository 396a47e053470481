"""Kernel sums: the fast ways are those of the matrix."""

import pytest
import torch

from isotropy.discovery._kernel import KERNELS, _monomials, _orders
from isotropy.random import spawn


@pytest.mark.parametrize("name", KERNELS)
def test_sums_of_kernels_need_no_matrix(name: str) -> None:
    for p in (1, 3, 20):  # monomials are fewer than the landmarks for few columns only
        z, at, w = (
            torch.randn(*shape, generator=spawn(0, name, *shape), dtype=torch.float64)
            for shape in ((70, p), (90, p), (90, 2))
        )
        torch.testing.assert_close(KERNELS[name].weighted(z, at, w), KERNELS[name](z, at) @ w)


def test_monomials_are_those_of_combinations() -> None:
    z = torch.randn(4, 5, generator=spawn(0, "z"), dtype=torch.float64)
    some = torch.combinations(torch.arange(4), 3, with_replacement=True)
    torch.testing.assert_close(_monomials(z, 3), z[some].prod(1))
    assert int(_orders(4, 3).sum()) == 4**3
