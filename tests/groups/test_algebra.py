"""What structure constants say of an algebra, from matrices and from fractions alike."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import LieAlgebra, parse


def constants(algebra: LieAlgebra) -> list[list[list[Fraction]]]:
    return [[[Fraction(v).limit_denominator(8) for v in row] for row in rows] for rows in algebra.structure.tolist()]


# Dimension, semisimple part, radical, solvable, nilpotent.
KNOWN = {
    "SO(3)": (3, 3, 0, False, False),
    "SO(2)": (1, 0, 1, True, True),
    "SE(2)": (3, 0, 3, True, False),
    "SE(3)": (6, 3, 3, False, False),
    "Lorentz(4)": (6, 6, 0, False, False),
    "SL(3)": (8, 8, 0, False, False),
    "T(3)": (3, 0, 3, True, True),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("exact", [False, True], ids=["floating", "exact"])
def test_flags_and_levi_dimensions_of_known_algebras(name: str, exact: bool) -> None:
    algebra = parse(name).algebra
    if name == "SL(3)":  # an orthonormal basis has square roots in its constants, matrices of zeros and ones have none
        units = torch.eye(9, dtype=torch.float64).reshape(9, 3, 3)
        algebra = LieAlgebra.of(torch.stack([*units[[1, 2, 3, 5, 6, 7]], units[0] - units[4], units[4] - units[8]]))
    if exact:
        algebra = LieAlgebra.abstract(constants(algebra))
    found = (algebra.dim, *algebra.levi, algebra.solvable, algebra.nilpotent)
    assert found == KNOWN[name]
    assert algebra.semisimple == (KNOWN[name][2] == 0)
    assert algebra.is_closed()


def test_the_algebra_without_generators_is_closed() -> None:
    assert LieAlgebra.abstract([]).is_closed()
    assert LieAlgebra.abstract([]).dim == 0


def test_the_adjoint_basis_represents_the_bracket() -> None:
    algebra = LieAlgebra.abstract(constants(parse("SL(2)").algebra))
    u, v = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], dtype=torch.float64)
    left, right, both = (algebra.hat(w) for w in (u, v, algebra.bracket(u, v)))
    assert isinstance(left, torch.Tensor)
    assert isinstance(right, torch.Tensor)
    assert isinstance(both, torch.Tensor)
    assert torch.allclose(left @ right - right @ left, both, atol=1e-12)
    assert torch.allclose(algebra.vee(left), u, atol=1e-12)
    assert torch.equal(algebra.killing, algebra.killing.mT)


def test_a_centre_is_invisible_to_the_adjoint_matrices_and_said_so() -> None:
    abelian = LieAlgebra.abstract([[[0]]])
    assert (abelian.nilpotent, abelian.semisimple, LieAlgebra.abstract([]).semisimple) == (True, False, False)
    with pytest.raises(DomainError, match="centre"):
        abelian.vee(torch.zeros(1, 1))


def test_a_wrong_constant_and_a_wrong_cocycle_are_refused() -> None:
    so3 = constants(parse("SO(3)").algebra)
    LieAlgebra.abstract(so3)
    so3[0][1][2] *= Fraction(101, 100)
    with pytest.raises(DomainError, match="Jacobi"):
        LieAlgebra.abstract(so3)
    so3[1][0][2] *= Fraction(101, 100)  # antisymmetric again, and so(3) again in other units
    LieAlgebra.abstract(so3)
    plane: list[list[list[int]]] = [[[0, 0], [0, 0]], [[0, 0], [0, 0]]]
    cocycle = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    assert LieAlgebra.abstract(plane, central=cocycle).central is cocycle
    with pytest.raises(DomainError, match="Jacobi"):
        LieAlgebra.abstract(plane, central=cocycle.abs())
    with pytest.raises(ShapeError):
        LieAlgebra.abstract([[[0, 0]]])
