"""A network for any group from the types of its data: equivariant layers, bilinear blocks and gates."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.groups import Group, parse
from isotropy.nn._bilinear import BilinearBlock, product_rep, uniform_rep
from isotropy.nn._copies import centroid_map, centroids, copies, dimensions, moved_points
from isotropy.nn._linear import EquivariantLinear
from isotropy.reps import Rep, Scalar, linear_part, parse_rep
from isotropy.settings import Settled


def gated(rep: Rep | str, group: Group | str) -> Rep:
    """``rep`` followed by one scalar gate for each copy on which the group acts (§2.3).

    >>> from isotropy.reps import Vector
    >>> print(gated(4 * Scalar + 2 * Vector, "O(3)"))
    4*Scalar + 2*Vector + 2*Scalar
    """
    rep, acting = parse_rep(rep), parse(group)
    gates = sum(len(places) for atom, places in copies(rep, acting).items() if not atom.is_trivial(acting))
    return rep + gates * Scalar if gates else rep


def hidden_of(group: Group, ch: int, rule: Literal["exact", "paper"] = "exact") -> Rep:
    """The hidden type of about ``ch`` channels: ``uniform_rep``, or ``product_rep`` where the group has more spaces.

    >>> print(hidden_of(parse("O(2)"), 9))
    5*Scalar + 2*Vector
    """
    if len(group.spaces) > 1:
        return product_rep(ch, dimensions(group))
    return uniform_rep(ch, group.degree, rule, group.space)


class GatedNonlinearity(Settled):
    """``v -> sigmoid(gate) v`` for each copy, with its own value as the gate of an invariant entry (swish).

    x ``(..., dim gated(rep))`` -> ``(..., dim rep)``; ``rep_in`` is ``gated(rep)``. With ``leak`` it adds
    ``w swish(v)``, w elementwise and trained from ``leak`` on: that part is *not* equivariant (§2.3), so that exact
    networks leave it out.

    >>> from isotropy.reps import Vector
    >>> gate = GatedNonlinearity(Vector, "O(3)")
    >>> gate(torch.tensor([1.0, 2.0, 3.0, 0.0]))
    tensor([0.5000, 1.0000, 1.5000])
    """

    def __init__(self, rep: Rep | str, group: Group | str, *, leak: float | None = None) -> None:
        super().__init__()
        rep, self.group = parse_rep(rep), parse(group)
        self.rep_in, self.rep_out = gated(rep, self.group), rep
        size = rep.dim(self.group)
        index = torch.arange(size)
        acted = [places for atom, places in copies(rep, self.group).items() if not atom.is_trivial(self.group)]
        ordered = sorted((copy for places in acted for copy in places), key=lambda copy: int(copy[0]))
        for position, copy in enumerate(ordered):
            index[copy] = size + position
        self.index: Tensor
        self.register_buffer("index", index, persistent=False)
        self.leak = None if leak is None else nn.Parameter(torch.full((size,), leak))

    def settings(self) -> dict[str, Any]:
        return {"rep": str(self.rep_out), "group": str(self.group)}

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        values = x[..., : len(self.index)]
        out = torch.sigmoid(x[..., self.index]) * values
        return out if self.leak is None else out + self.leak * nn.functional.silu(values)


class EMLPBlock(nn.Module):
    """One hidden layer: linear to ``gated(rep_out)``, plus its bilinear block, then the gates (§2.3).

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Scalar, Vector
    >>> EMLPBlock(Vector, 2 * Scalar + Vector, "O(3)", generator=spawn(0, "block")).linear.weight.shape
    torch.Size([6, 3])
    """

    def __init__(
        self, rep_in: Rep | str, rep_out: Rep | str, group: Group | str, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.group = parse(group)
        middle = gated(rep_out, self.group)
        self.linear = EquivariantLinear(rep_in, middle, self.group, generator=generator)
        self.bilinear = BilinearBlock(middle, self.group, generator=generator)
        self.gate = GatedNonlinearity(rep_out, self.group)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = self.linear(x)
        return self.gate(z + self.bilinear(z))


class EMLP(Settled):
    """An exactly equivariant network from ``rep_in`` to ``rep_out``: ``depth`` hidden blocks and a linear layer.

    x ``(..., n_in)`` -> ``(..., n_out)``. Points under a group with translations are read relative to their centroid,
    and written to it. Source: Finzi, Welling, Wilson, ICML 2021; §2.3.

    Parameters: ``rep_in, rep_out``, types or their text; ``group``; ``ch``, the width of the hidden layers, filled by
    ``uniform_rep`` under its ``rule`` (under a product of groups on several spaces with tensors over all of them), or
    their type itself; ``depth``, how many; ``generator`` of the start, torch's
    global one by default.

    >>> import torch
    >>> EMLP("5*Scalar + 5*Vector", "Tensor(2)", "O(3)", ch=32)(torch.ones(7, 20)).shape
    torch.Size([7, 9])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        group: Group | str,
        ch: int | Rep | str = 128,
        depth: int = 3,
        *,
        rule: Literal["exact", "paper"] = "exact",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.group = parse(group)
        hidden = hidden_of(self.group, ch, rule) if isinstance(ch, int) else parse_rep(ch)
        moved = [self.group] if moved_points(rep_in + rep_out, [self.group]) else []
        self.centre: Tensor | None
        self.place: Tensor | None
        self.register_buffer("centre", centroid_map(rep_in, rep_in, moved) if moved else None, persistent=False)
        self.register_buffer("place", centroid_map(rep_in, rep_out, moved) if moved else None, persistent=False)
        self.hidden = hidden
        types = [linear_part(rep_in)] + [hidden] * depth
        self.blocks = nn.ModuleList(
            EMLPBlock(before, after, self.group, generator=generator) for before, after in pairwise(types)
        )
        self.head = EquivariantLinear(types[-1], linear_part(rep_out), self.group, generator=generator)

    def settings(self) -> dict[str, Any]:
        return {
            "rep_in": str(self.rep_in),
            "rep_out": str(self.rep_out),
            "group": str(self.group),
            "hidden": str(self.hidden),
            "depth": len(self.blocks),
        }

    def layers_in_order(self) -> list[Callable[..., Any]]:
        """What it consists of: all that it does where nothing is centred (``optics.fit_in_memory`` asks)."""
        return [*self.blocks, self.head]

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        y = x if self.centre is None else x - centroids(x, self.centre)
        for layer in self.layers_in_order():
            y = layer(y)
        return y if self.place is None else y + centroids(x, self.place)
