"""What axes leave open, in finite tables: signs, bases of a space without extent, and elements completed by them."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups.parts import circle_rule
from isotropy.random import spawn

_LISTED = 14
"""Sign vectors of at most this many axes are listed; of more, some are drawn."""


# Tables are kept for later calls, which may need derivatives: no inference tensors.
@lru_cache(maxsize=64)
@torch.inference_mode(False)
def sign_table(d: int) -> Float[Tensor, "F d"]:
    """All sign vectors of length d, (2^d, d), beginning with ones.

    >>> sign_table(2).tolist()
    [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    """
    bits = torch.arange(2**d)[:, None] >> torch.arange(d - 1, -1, -1)
    return 1.0 - 2.0 * (bits & 1).double()


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def rotation_design(m: int) -> Float[Tensor, "F m m"]:
    """Rotations of R^m whose mean over tensors of rank 0, 1 and 2 is that of all SO(m).

    The cyclic group of order 3 for m = 2; else the signed cyclic permutations of determinant 1, for m = 3 the rotations
    of the tetrahedron: E g_ij = 0 and E g_ij g_kl = delta_ik delta_jl / m. Source: specification 03 §2.3, null space.

    >>> [len(rotation_design(m)) for m in (1, 2, 3, 4)]
    [1, 3, 12, 32]
    """
    if m == 1:
        return torch.ones(1, 1, 1, dtype=torch.float64)
    if m == 2:
        return circle_rule(2)[0]
    cycles = torch.stack([torch.eye(m, dtype=torch.float64).roll(k, 0) for k in range(m)])
    signed = (sign_table(m)[:, None, :, None] * cycles).flatten(0, 1)
    return signed[torch.linalg.det(signed) > 0]


def stabilizer_rule(m: int, special: bool = False) -> tuple[Float[Tensor, "K m m"], Float[Tensor, " K"]]:
    """A finite rule on O(m), or SO(m), exact for polynomials of degree at most 2 times 1 or the determinant.

    >>> [len(stabilizer_rule(m, True)[0]) for m in (1, 2, 3, 4)]
    [1, 3, 12, 32]
    """
    rule = rotation_design(m)
    if not special:
        rule = torch.cat([rule, torch.cat([rule[..., :-1], -rule[..., -1:]], -1)])
    return rule, torch.full((len(rule),), 1 / len(rule), dtype=torch.float64)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def ambiguity(d: int, null: int, proper: bool, most: int, seed: int) -> tuple[Float[Tensor, "F d d"], int]:
    """What can stand to the right of axes V whose last ``null`` have no extent: at most ``most`` of them, and how many.

    Signs of the other axes times a design on the null space, which is exact for outputs of degree 2 there; with
    ``proper`` only determinant 1. Where there are more than ``most``, a sample without replacement drawn from ``seed``.

    >>> table, count = ambiguity(3, 0, True, 120, 0)
    >>> count, table.sum(0).diagonal().tolist()
    (4, [0.0, 0.0, 0.0])
    """
    null = max(null, 1)
    simple = d - null
    turns, _ = stabilizer_rule(null)
    count = 2**simple * len(turns) // (2 if proper else 1)
    generator = spawn(seed, "ambiguity", d, null, proper)
    signs = sign_table(simple) if simple <= _LISTED else _some_signs(simple, most, generator)
    sign, turn = signs.repeat_interleave(len(turns), 0), turns.repeat(len(signs), 1, 1)
    table = torch.zeros(len(sign), d, d, dtype=torch.float64)
    table[:, :simple, :simple] = torch.diag_embed(sign)
    table[:, simple:, simple:] = turn
    if proper:
        table = table[sign.prod(1) * torch.linalg.det(turn) > 0]
    if len(table) > most:
        table = table[torch.randperm(len(table), generator=generator)[:most]]
    return table, count


def _some_signs(d: int, count: int, generator: torch.Generator) -> Float[Tensor, "F d"]:
    """``count`` different sign vectors, drawn uniformly, where there are too many to list."""
    found = torch.zeros(0, d, dtype=torch.int64)
    while len(found) < min(count, 2**d):
        drawn = torch.randint(0, 2, (count, d), generator=generator)
        found = torch.unique(torch.cat([found, drawn]), dim=0)
    return 1.0 - 2.0 * found[torch.randperm(len(found), generator=generator)[:count]].double()


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
