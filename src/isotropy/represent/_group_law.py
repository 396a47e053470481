"""Whether the matrices of a latent simulator compose as the rotations do that they stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from isotropy.data.render import latents
from isotropy.groups import SO
from isotropy.groups.parts import matrix
from isotropy.random import spawn


class GroupLaw(NamedTuple):
    """Mean errors, Frobenius norms over sqrt(D): 0 is exact, and W = 0 has 1 of the first, second and last."""

    identity: float
    inverse: float
    composition: float
    orthogonality: float


def group_law_report(
    predictor: Any, n: int = 16, seed: int = 0, *, turns: tuple[Tensor, Tensor] | None = None
) -> GroupLaw:
    """How far a predictor's matrices are from a group's, as mean Frobenius norms over sqrt(D): 0 is exact.

    ``predictor`` has ``matrix``, ``group_input``, ``pose``, ``colour`` and ``dim``. Over ``n`` pairs of Haar rotations
    that leave hues as they are, in the dtype of its weights: the identity, W(g^-1) W(g), the composition in the order
    of ``pose``, and W^T W, each less what it has to be. ``turns`` are two rotations ``(m, 3, 3)`` each to ask about,
    n of them, instead of Haar's: a simulator that was fitted to turns about one axis knows no others.

    Raises SchemaError for kinds that are no matrices.

    >>> from isotropy.represent import HyperPredictor
    >>> exact = HyperPredictor(9, kind="homomorphism").double()
    >>> max(group_law_report(exact)) < 1e-12
    True
    """
    dtype = next((p.dtype for p in predictor.parameters()), torch.float64)
    draw = spawn(seed, "group law")
    if turns is None:
        first, second = (matrix(SO(3).sample((n,), generator=draw, dtype=torch.float64)) for _ in range(2))
    else:
        some = torch.randperm(len(turns[0]), generator=draw)[:n]
        first, second = (R[some].double() for R in turns)
    one = torch.eye(predictor.dim, dtype=dtype)
    both = first @ second if predictor.pose == "object" else second @ first

    def W(R: Tensor) -> Tensor:
        return predictor.matrix(latents.encode(R, predictor.group_input, predictor.colour).to(dtype))

    def size(x: Tensor) -> float:
        return float(torch.linalg.matrix_norm(x).mean()) / predictor.dim**0.5

    with torch.no_grad():
        W1, W2 = W(first), W(second)
        return GroupLaw(
            size(W(torch.eye(3, dtype=torch.float64)[None]) - one),
            size(W(first.mT) @ W1 - one),
            size(W2 @ W1 - W(both)),
            size(W1.mT @ W1 - one),
        )
