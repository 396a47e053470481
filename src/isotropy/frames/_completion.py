"""From some orthonormal axes to group elements: the last axes are all choices that the stabiliser allows."""

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.frames._signs import stabilizer_rule


def complete(axes: Float[Tensor, "... l d"], special: bool) -> tuple[Float[Tensor, "... K d d"], Float[Tensor, " K"]]:
    """Elements ``(..., K, d, d)`` whose first columns are the orthonormal ``axes``, and the weights ``(K,)``.

    The others fill the complement: by the Haar measure of its O(m), or SO(m) where ``special``, as a finite rule that
    is exact for outputs of degree at most 2 in the element. Derivatives are those of the axes; a turn within the
    complement has none, as no average depends on it.

    >>> g, weight = complete(torch.tensor([[0.0, 0.0, 2.0]]) / 2, special=True)
    >>> g.shape, bool((g[..., 0] == torch.tensor([0.0, 0.0, 1.0])).all())
    (torch.Size([3, 3, 3]), True)
    """
    d = axes.shape[-1]
    m = d - axes.shape[-2]
    if m == 0:
        return axes.mT[..., None, :, :], axes.new_ones(1)
    rest = complement(axes)
    turns, weight = (part.to(axes) for part in stabilizer_rule(m, special))
    first = axes.mT[..., None, :, :].expand(*axes.shape[:-2], len(turns), d, d - m)
    return torch.cat([first, rest[..., None, :, :] @ turns], -1), weight


def complement(axes: Float[Tensor, "... l d"]) -> Float[Tensor, "... d m"]:
    """Orthonormal columns that complete the orthonormal rows ``axes`` to a right-handed basis.

    >>> complement(torch.eye(3)[:2]).flatten().tolist()
    [0.0, 0.0, 1.0]
    """
    count, d = axes.shape[-2:]
    if (count, d) == (1, 2):
        return torch.stack([-axes[..., 0, 1], axes[..., 0, 0]], -1)[..., None]
    if (count, d) == (2, 3):
        return torch.linalg.cross(axes[..., 0, :], axes[..., 1, :])[..., None]
    with torch.no_grad():
        start = torch.linalg.qr(axes.mT, mode="complete").Q[..., count:]
    # Projecting constant columns has the derivative of the complement; projecting twice keeps its digits.
    columns: list[Tensor] = []
    for i in range(d - count):
        known = torch.cat([axes, *(column[..., None, :] for column in columns)], -2)
        v = start[..., i]
        for _ in range(2):
            v = v - ((known @ v[..., None]).mT @ known)[..., 0, :]
        columns.append(v / torch.linalg.vector_norm(v, dim=-1, keepdim=True))
    rest = torch.stack(columns, -1)
    handed = torch.linalg.det(torch.cat([axes.mT, rest], -1).detach()).sign()
    return torch.cat([rest[..., :-1], rest[..., -1:] * handed[..., None, None]], -1)
