"""Every group keeps the contract, and the contract notices a group that does not."""

from __future__ import annotations

import pytest
import torch

from isotropy.groups import SL, SO, Affine, C, Element, GLPlus, Group, LieAlgebra, MatrixGroup, S
from isotropy.testing import check_group

NAMES = """
SO(1); SO(2); SO(3); SO(4); O(1); O(2); O(3); O(4); SE(1); SE(2); SE(3); E(1); E(2); E(3); T(1); T(3); Scale(1)
Scale(3); GL+(1); GL+(2); GL+(3); SL(1); SL(2); SL(3); Lorentz(2); Lorentz(3); Lorentz(4); Inversion(3)
S(1); S(2); S(4); S(10); S(3).on("space"); C(1); C(2); C(4); C(7); D(1); D(2); D(3); D(6); SO(2).on("hue")
O(2)@z; O(2)@x; SO(2)@(1,2,2); SO(2)@(0.3,-0.5,0.11); C(4)@z; D(4)@x; D(3)@(1,2,2); O(1)@y; O(1)@x; O(1)@x@z
SE(2)@z; T(2)@z; SE(2)@(1,2,2); Scale(2)@x; SO(3)@(1,0,2,-1); (SO(2) x Scale(2))@z
SO(3) x Scale(3); SO(3) x Inversion(3); C(2)@z x Inversion(3); SL(2) x Scale(2); SO(3) x S(5); E(3) x S(4)
Similarity(1); Similarity(2); Similarity(3); Similarity(2)@z; Similarity(3) x S(4)
Similarity+(1); Similarity+(2); Similarity+(3)
SO(2) x Scale(2) x C(3).on("hue"); C(4)@z x C(2)@z; SO(2).on("hue")@z
PermutationGroup([[1,2,3,0],[0,3,2,1]]); SO(3) x PermutationGroup([[1,0,2,3,4],[0,1,3,4,2]])
Affine(GL+(2)); Affine(O(2)); Affine(SO(2)@z); Homography(2); Shear(2)@x; Shear(3)@(1,2,2); Affine(SL(2) x Scale(2))
SO(2).conjugate([[1,2],[0,1]]); Lorentz(3).conjugate([[1,0,2],[0,1,0],[0,1,1]]); E(2).conjugate([[1,2],[0,1]])
tangent(SO(3)); tangent(Lorentz(3)); tangent(SO(2)); Diff(96)
E(3)^5; O(2)@z^2; C(3)^2; (SO(2) x Scale(2))^1; O(1).on("hue")^3
""".strip().replace("\n", "; ").split("; ")  # fmt: skip
TWO_SPEEDS = torch.block_diag(torch.tensor([[0.0, -1], [1, 0]]), torch.tensor([[0.0, -2], [2, 0]]))
# Written down by their generators.
OWN = [
    MatrixGroup("SO+(1,1)", algebra=[[[0.0, 1.0], [1.0, 0.0]]]),
    MatrixGroup("O(3) by generators", SO(3).algebra.basis, [[[1, 0, 0], [0, 1, 0], [0, 0, -1]]]),
    MatrixGroup("shears", algebra=[[[0, 1], [0, 0]]]),
    MatrixGroup("quaternions", discrete=[[[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
                                         [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]]),
    MatrixGroup("two speeds", algebra=[TWO_SPEEDS]),
    MatrixGroup("ax + b", algebra=[[[1, 0], [0, 0]], [[0, 1], [0, 0]]]),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_group_keeps_the_contract(name: str) -> None:
    check_group(name)


@pytest.mark.parametrize("group", OWN, ids=lambda group: group.name)
def test_a_users_own_group_keeps_the_contract(group: Group) -> None:
    check_group(group)


def broken(law: str, group: Group) -> None:
    with pytest.raises(AssertionError, match=f"(?m)^{law}:"):
        check_group(group)


class WrongInverse(SL):
    def inverse(self, g: Element) -> Tensor:
        assert isinstance(g, Tensor)
        return g.mT


class OpenAlgebra(SO):
    def _algebra(self) -> LieAlgebra:
        return LieAlgebra.of(super()._algebra().basis[:2])  # type: ignore[index]


class BiasedSampler(SO):
    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        v = torch.randn(count, self.dim, generator=generator, dtype=torch.float64)
        return self.exp(self.algebra.hat(v))


class UncorrectedQR(SO):
    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        q = torch.linalg.qr(torch.randn(count, self.n, self.n, generator=generator, dtype=torch.float64))[0]
        return torch.cat([q[..., :-1], q[..., -1:] * torch.linalg.det(q).sign()[:, None, None]], dim=-1)


class FlatDensity(SL):
    def haar_log_density(self, v: Tensor) -> Tensor:
        return torch.zeros_like(v[..., 0])


class ForgottenDeterminant(Affine):
    def haar_log_density(self, v: Tensor) -> Tensor:
        return self.base.haar_log_density(v[..., : self.base.dim])


class OneHaarMeasure(Affine):
    def log_modulus(self, g: Element) -> Tensor:
        assert isinstance(g, Tensor)
        return torch.zeros_like(g[..., 0, 0])


class WrongFactors(GLPlus):
    def inverse_from_coords(self, v: Tensor) -> Element:
        return self.from_coords(-v)


class WrongSideAdjoint(SO):
    def adjoint(self, g: Element) -> Tensor:
        return super().adjoint(self.inverse(g))


class TransposedLog(SO):
    def log(self, g: Element) -> Tensor:
        return super().log(self.inverse(g))


class OpenDoor(SO):
    def _contains(self, g: Tensor, tol: float) -> Tensor:
        return super()._contains(g, 1.0)


class MissingElement(C):
    def _enumerate(self) -> Tensor:
        return super()._enumerate()[:-1]


class OtherName(SO):
    symbol = "O"


class FixedSeed(SO):
    def _haar(self, count: int, generator: torch.Generator) -> Tensor:
        return super()._haar(1, torch.Generator().manual_seed(7)).expand(count, -1, -1)


class Backwards(S):
    def compose(self, g: Element, h: Element) -> Tensor:
        return super().compose(h, g)


@pytest.mark.parametrize(
    ("law", "mutant"),
    [
        ("inverses", WrongInverse(2)),
        ("algebra", OpenAlgebra(3)),
        ("haar", BiasedSampler(3)),
        ("haar", UncorrectedQR(3)),
        ("haar", FixedSeed(3)),
        ("chart", FlatDensity(2)),
        ("chart", ForgottenDeterminant(GLPlus(2))),
        ("chart", OneHaarMeasure(GLPlus(2))),
        ("chart", WrongFactors(2)),
        ("adjoint", WrongSideAdjoint(3)),
        ("logarithm", TransposedLog(3)),
        ("membership", OpenDoor(3)),
        ("elements", MissingElement(5)),
        ("printing", OtherName(3)),
        ("left action", Backwards(4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Group) else value,
)
def test_a_broken_group_is_caught(law: str, mutant: Group) -> None:
    broken(law, mutant)
