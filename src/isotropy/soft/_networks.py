"""Networks of soft layers: a plain one with swish, and one with the gates and products of the largest group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.groups import Group
from isotropy.nn import BilinearBlock, GatedNonlinearity, gated, uniform_rep
from isotropy.nn.parts import centroid_map, centroids, dimensions, moved_points
from isotropy.reps import Rep, parse_rep
from isotropy.soft._linear import Init, SoftLinear, parse_groups

Rule = Literal["exact", "paper"]


def hidden_rep(groups: Sequence[Group], ch: int, rule: Rule = "exact") -> Rep:
    """``uniform_rep`` on the space of the groups; where they act on several spaces, an equal share of ch for each.

    >>> from isotropy.groups import parse
    >>> print(hidden_rep([parse("O(3)")], 32))
    14*Scalar + 3*Vector + Tensor(2)
    """
    dims = dimensions(groups)
    shares = [ch // len(dims) + (number < ch % len(dims)) for number in range(len(dims))]
    parts = [uniform_rep(max(1, share), d, rule, space) for share, (space, d) in zip(shares, dims.items(), strict=True)]
    rep = parts[0]
    for part in parts[1:]:
        rep = rep + part
    return rep


def placement(rep_in: Rep, rep_out: Rep, groups: Sequence[Group]) -> Float[Tensor, "n_out n_in"] | None:
    """The centroid to which predicted Points are added, None where no group moves the Points of ``rep_out``.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Point
    >>> placement(2 * Point, Point, [parse("SO(2)")]) is None
    True
    """
    return centroid_map(rep_in, rep_out, groups) if moved_points(rep_out, groups) else None


class SoftMLP(nn.Module):
    """A plain network of soft layers with swish between them (the "flex" variant of Kim et al.): cheap, never exact.

    x ``(..., n_in)`` -> ``(..., n_out)``; ``depth`` hidden layers of ``ch`` channels. The penalties read its hidden
    features as ``hidden_rep(groups, ch)`` = ``uniform_rep(ch, d)``, about the same width in scalars, vectors, matrices,
    ... of the space that the groups act on. Swish acts on each entry, which no rotation respects on vectors; so a
    small penalty draws the network towards a symmetry without ever reaching it (§2.3).

    Parameters: ``rep_in, rep_out``, types or their text; ``groups``, the largest first; ``ch``, the width of the hidden
    layers or their type; ``depth``, how many; ``rule`` of ``uniform_rep``; ``init`` of each layer; ``generator`` of the
    start, torch's global one by default.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Scalar, Vector
    >>> net = SoftMLP(Scalar + Vector, Vector, ["O(3)", "O(2)@z"], ch=16, generator=spawn(0, "net"))
    >>> net.layers[0].weight.shape, net.layers[1].penalty().shape
    (torch.Size([16, 4]), torch.Size([2]))
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        groups: Sequence[Group | str],
        ch: int | Rep | str = 128,
        depth: int = 3,
        *,
        rule: Rule = "exact",
        init: Init = "orthogonal",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        self.hidden = hidden_rep(self.groups, ch, rule) if isinstance(ch, int) else parse_rep(ch)
        self.place: Tensor | None
        self.register_buffer("place", placement(rep_in, rep_out, self.groups), persistent=False)
        types = [rep_in, *[self.hidden] * depth, rep_out]
        self.layers = nn.ModuleList(
            SoftLinear(before, after, self.groups, init=init, generator=generator) for before, after in pairwise(types)
        )

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = x
        for layer in self.layers[:-1]:
            z = nn.functional.silu(layer(z))
        y = self.layers[-1](z)
        return y if self.place is None else y + centroids(x, self.place)


class SoftBlock(nn.Module):
    """One hidden layer of SoftEMLP: a soft linear map, plus the bilinear block and the gates of the first group.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Scalar, Vector
    >>> SoftBlock(Vector, Scalar + Vector, ["O(3)"], generator=spawn(0, "block")).linear.weight.shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        groups: Sequence[Group | str],
        *,
        init: Init = "near",
        leak: float | None = 1e-3,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        middle = gated(rep_out, self.groups[0])
        self.linear = SoftLinear(rep_in, middle, self.groups, init=init, generator=generator)
        self.bilinear = BilinearBlock(middle, self.groups[0], generator=generator)
        self.gate = GatedNonlinearity(rep_out, self.groups[0], leak=leak)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = self.linear(x)
        return self.gate(z + self.bilinear(z))


class SoftEMLP(nn.Module):
    """EMLP with free weights: gates and bilinear blocks belong to the first, largest group, the weights to nobody.

    x ``(..., n_in)`` -> ``(..., n_out)``; ``depth`` hidden blocks (the paper's ``layers=4`` is depth 3) of type
    ``uniform_rep(ch, d, rule)``. Only weights and biases are penalised; ``leak`` starts the elementwise swish that lets
    the gates leave the group (§2.3), held down by ``GateLeakPenalty``, or None for gates that never do. The default
    ``init`` starts it next to an exact network of that group; from free weights it learns half as much.
    Source: Kim, Lee, Yang, Lee, ICML 2023.

    Parameters: ``rep_in, rep_out``, types or their text; ``groups``, the largest first; ``ch``, the width of the hidden
    layers or their type; ``depth``, how many; ``rule`` of ``uniform_rep``; ``init`` of each layer; ``leak`` of gates;
    ``generator`` of the start, torch's global one by default.

    >>> from isotropy.random import spawn
    >>> from isotropy.reps import Scalar, Vector
    >>> net = SoftEMLP(Scalar + Vector, Vector, ["O(3)", "O(2)@z"], ch=16, depth=1, generator=spawn(0, "net"))
    >>> net.blocks[0].linear.penalty().shape
    torch.Size([2])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        groups: Sequence[Group | str],
        ch: int | Rep | str = 128,
        depth: int = 3,
        *,
        rule: Rule = "exact",
        init: Init = "near",
        leak: float | None = 1e-3,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        self.hidden = hidden_rep(self.groups, ch, rule) if isinstance(ch, int) else parse_rep(ch)
        self.place: Tensor | None
        self.register_buffer("place", placement(rep_in, rep_out, self.groups), persistent=False)
        types = [rep_in, *[self.hidden] * depth]
        self.blocks = nn.ModuleList(
            SoftBlock(before, after, self.groups, init=init, leak=leak, generator=generator)
            for before, after in pairwise(types)
        )
        self.head = SoftLinear(types[-1], rep_out, self.groups, init=init, generator=generator)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = x
        for block in self.blocks:
            z = block(z)
        y = self.head(z)
        return y if self.place is None else y + centroids(x, self.place)
