"""Gates: the pointwise nonlinearity that every representation allows."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.groups import Group, parse
from isotropy.nn._copies import copies
from isotropy.reps import Rep, Scalar, parse_rep


def gated(rep: Rep | str, group: Group | str) -> Rep:
    """``rep`` followed by one scalar gate for each copy on which the group acts (§2.3).

    >>> from isotropy.reps import Vector
    >>> print(gated(4 * Scalar + 2 * Vector, "O(3)"))
    4*Scalar + 2*Vector + 2*Scalar
    """
    rep, acting = parse_rep(rep), parse(group)
    gates = sum(len(places) for atom, places in copies(rep, acting).items() if not atom.is_trivial(acting))
    return rep + gates * Scalar if gates else rep


class GatedNonlinearity(nn.Module):
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

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        values = x[..., : len(self.index)]
        out = torch.sigmoid(x[..., self.index]) * values
        return out if self.leak is None else out + self.leak * nn.functional.silu(values)
