"""The layer that keeps what fixed vectors leave of a symmetry: vectors combined by functions of inner products."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import ShapeError, counted
from isotropy.nn.subequivariant._columns import Columns, Combine, Invariants, Typed, check_words, perceptron
from isotropy.settings import Settled

_HIDDEN = 64


class SubequivariantLinear(Settled):
    """Vectors and scalars to vectors and scalars, equivariant under whatever leaves the fixed vectors alone.

    ``Z (..., in_vec, 3)``, ``h (..., in_scalar)``, ``V (..., fixed, 3)`` go to ``(..., out_vec, 3)`` and ``(...,
    out_scalar)``: A = [Z W, V], S = A^T A, Z' = A M(S, h), h' = m(S, h). It commutes with every rotation that V is
    turned with; where V stays, as gravity does, with those about it. ``fixed=0`` gives all of O(3).

    - ``fixed``: how many vectors V are handed in; of the first, g, columns g x a are made.
    - ``gram_width``: mixtures of the vectors whose inner products are looked at.
    - ``group``: "O(2)@z", with mirrors, or "SO(2)@z", turns alone, which tells left from right.
    - ``norm`` of S: "bounded" (S / (1 + |S|), log(1 + |S|) beside it), "l2" (S / |S|: the layer then has a scale
      symmetry that physics has not), "none".
    - ``axial``: how many of the last channels of Z are pseudovectors (axes, angular velocities); None says that nobody
      told, and warns under "O(2)@z". ``out_axial``: how many of the last channels given are.

    Raises DomainError for other words, ShapeError for other sizes.

    Source: Han et al., Learning Physical Dynamics with Subequivariant Graph Neural Networks (NeurIPS 2022), equation 4.

    >>> layer = SubequivariantLinear(2, 1, 3, 4, axial=0)
    >>> Z, h = layer(torch.randn(5, 2, 3), torch.randn(5, 1), torch.tensor([[0.0, 0.0, -1.0]]).expand(5, 1, 3))
    >>> Z.shape, h.shape
    (torch.Size([5, 3, 3]), torch.Size([5, 4]))
    """

    def __init__(
        self,
        in_vec: int,
        in_scalar: int,
        out_vec: int,
        out_scalar: int,
        *,
        fixed: int = 1,
        gram_width: int = 8,
        group: str = "O(2)@z",
        norm: str = "bounded",
        axial: int | None = None,
        out_axial: int = 0,
    ) -> None:
        super().__init__()
        check_words(group, norm)
        mirrors = group == "O(2)@z"
        if mirrors and axial is None:
            warnings.warn(
                f"all {counted(in_vec, 'vector')} are taken as polar: if axes or angular velocities are among them, "
                "mirrors hold of the function and not of the physics; say axial=",
                stacklevel=2,
            )
        self._settings: dict[str, Any] = {
            "in_vec": in_vec, "in_scalar": in_scalar, "out_vec": out_vec, "out_scalar": out_scalar, "fixed": fixed,
            "gram_width": gram_width, "group": group, "norm": norm, "axial": axial, "out_axial": out_axial,
        }  # fmt: skip
        self.in_vec, self.in_scalar, self.fixed = in_vec, in_scalar, fixed
        self.axial = (axial or 0) if mirrors else 0
        out = (out_vec - out_axial, out_axial) if mirrors else (out_vec, 0)
        self.columns = Columns(in_vec - self.axial, self.axial, gram_width, fixed, group)
        self.invariants = Invariants(self.columns.sizes, norm)
        self.combine = Combine(self.columns.sizes, out)
        self.coefficients = perceptron(
            self.invariants.width + in_scalar, _HIDDEN, _HIDDEN, self.combine.width + out_scalar, act=nn.SiLU
        )

    def settings(self) -> dict[str, Any]:
        return self._settings

    def forward(
        self, Z: Float[Tensor, "*rows in 3"], h: Float[Tensor, "*rows scalars"], V: Float[Tensor, "*rows fixed 3"]
    ) -> tuple[Float[Tensor, "*rows out 3"], Float[Tensor, "*rows told"]]:
        for name, value, expected in (("Z", Z.shape[-2], self.in_vec), ("V", V.shape[-2], self.fixed)):
            if value != expected:
                raise ShapeError(f"{name} with {counted(value, 'vector')}", f"{expected}")
        if h.shape[-1] != self.in_scalar:
            raise ShapeError(f"h with {counted(h.shape[-1], 'number')}", f"{self.in_scalar}")
        cut = self.in_vec - self.axial
        A = self.columns(Typed(Z[..., :cut, :], Z[..., cut:, :]), V)
        told, _ = self.invariants(A)
        out = self.coefficients(torch.cat([told, h], -1))
        moved = self.combine(A, out[..., : self.combine.width])
        return torch.cat(moved, -2), out[..., self.combine.width :]
