"""Which part of a group an element belongs to: a connected component, or elements of one kind in a finite group."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.groups import Drawn, Group, LinearGroup, permutation_matrix
from isotropy.groups.parts import in_identity_component

_MOST_KINDS = 8  # more would leave too few rows for each
_LONGEST = 64  # orders of elements that are told apart


def cosets(draws: Drawn) -> tuple[Int[Tensor, "rows n"], list[str]]:
    """The kind of each drawn element as a number, and the names of the kinds; -1 is the identity of a finite group.

    Kinds are connected components; of finite groups the elements of one order and one handedness, since single
    elements of a large group would be met too rarely. Every kind holds the inverses of its elements.

    >>> from isotropy.groups import Draws, parse
    >>> kinds, names = cosets(Draws.of(parse("D(4)"), 32).take(1, torch.Generator()))
    >>> names, kinds[0].bincount(minlength=3).tolist() if kinds.min() >= 0 else (kinds[0] == -1).sum().item()
    (['mirror images', 'turns of order 2', 'turns of order 4'], 1)
    """
    g = draws.g if isinstance(draws.g, tuple) else (draws.g,)
    factors = [factor for space in draws.group.spaces if (factor := draws.group.factor(space)) is not None]
    words = [_words(factor, part) for factor, part in zip(factors, g, strict=True)]
    rows, n = words[0][0].shape
    labels = [" x ".join(w for w in each if w) for each in zip(*(_spelt(*word) for word in words), strict=True)]
    names = sorted({label for label in labels if label})
    if len(names) > _MOST_KINDS:
        labels = [("mirror images" if "mirror" in label or "odd" in label else "others") * bool(label)
                  for label in labels]  # fmt: skip
        names = sorted({label for label in labels if label})
    number = {name: i for i, name in enumerate(names)} | {"": -1}
    return torch.tensor([number[label] for label in labels]).reshape(rows, n), names


def _spelt(kind: Tensor, names: list[str]) -> list[str]:
    return [names[k] for k in kind.flatten().tolist()]


def _words(factor: Group, g: Tensor) -> tuple[Int[Tensor, "rows n"], list[str]]:
    if factor.finite:
        return _by_order(g)
    d = factor.degree
    mirrored = (torch.linalg.det(g[..., :d, :d].double()) < 0).long()
    components = factor.components if isinstance(factor, LinearGroup) else None
    if components is None or len(components) == 1:
        return torch.zeros(g.shape[:2], dtype=torch.int64), ["rotations" if _turns(factor) else "connected part"]
    signs = torch.linalg.det(components[:, :d, :d]) < 0
    if len(components) == 2 and int(signs.sum()) == 1:
        return mirrored, ["rotations" if _turns(factor) else "connected part", "mirror images"]
    inverse = torch.linalg.inv(components)
    inside = torch.stack([in_identity_component(factor.algebra, h @ g.double(), 1e-7) for h in inverse], -1)
    names = [("mirror images" if sign else "component") + f" {k + 1}" for k, sign in enumerate(signs.tolist())]
    return inside.long().argmax(-1), names


def _turns(factor: Group) -> bool:
    return isinstance(factor, LinearGroup) and factor.orthogonal


def _by_order(g: Tensor) -> tuple[Int[Tensor, "rows n"], list[str]]:
    permuting = not g.is_floating_point()
    m = permutation_matrix(g, torch.float64) if permuting else g.double()
    one = torch.eye(m.shape[-1], dtype=torch.float64)
    order, power = torch.zeros(m.shape[:2], dtype=torch.int64), m
    for k in range(1, _LONGEST + 1):
        order = torch.where((order == 0) & ((power - one).abs().amax((-2, -1)) < 1e-6), k, order)
        if bool((order > 0).all()):
            break
        power = power @ m
    odd = (torch.linalg.det(m) < 0).long()
    kinds, number = torch.unique(torch.stack([odd, order], -1).reshape(-1, 2), dim=0, return_inverse=True)
    names: list[str] = []
    for sign, k in kinds.tolist():
        if k == 1:
            names.append("")
        elif permuting:
            names.append(f"{'odd' if sign else 'even'} permutations of order {k}")
        elif sign:
            names.append("mirror images" + (f" of order {k}" if k > 2 else ""))
        else:
            names.append(f"turns of order {k}")
    return number.reshape(g.shape[:2]), names


def number_of(labels: Int[Tensor, "rows n"], kind: int, generator: torch.Generator) -> Int[Tensor, " rows"]:
    """For each row the place of a random element of one kind among its draws, -1 where it has none."""
    chance = torch.rand(labels.shape, generator=generator).masked_fill(labels != kind, -1.0)
    best, at = chance.max(1)
    return torch.where(best >= 0, at, -1)
