"""Layers that are free, and know how far they stand from equivariance under each of several groups; networks of them.

One is plain with swish, one has the gates and products of the largest group.
"""

import functools
import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import Group, parse
from isotropy.nn import BilinearBlock, GatedNonlinearity, gated, uniform_rep
from isotropy.nn.parts import balanced, centroid_map, centroids, dimensions, moved_points, orthogonal, size
from isotropy.reps import Rep, parse_rep
from isotropy.settings import Settled
from isotropy.soft._complement import Complement, TypedLayer

Init = Literal["orthogonal", "rpp", "halfsoft", "near"]
Rule = Literal["exact", "paper"]


class SoftLinear(nn.Module):
    """``y = W x + b`` with free W ``(n_out, n_in)``; x ``(..., n_in)`` -> ``(..., n_out)``.

    W starts orthogonal, b uniform on [0, 1) / sqrt(n_out) (§2.3). ``groups`` are J candidates; the first, the largest,
    is the one that the other starts lean to: ``"rpp"`` (``P_0 W + 1e-3 W``), ``"halfsoft"`` (``(P_0 W + W) / 2``), and
    ``"near"``, the first with ``P_0 W`` brought to the size of W (``nn.balanced``): else little of any matrix is left.
    Source: Kim, Lee, Yang, Lee, ICML 2023.

    Parameters: ``rep_in, rep_out``, types or their text; ``groups``, the largest first; ``bias``; ``init``, the start;
    ``generator`` of the start, by default torch's global one.

    >>> layer = SoftLinear("2*Vector", "Vector", ["O(3)", "O(2)@z"])
    >>> residual = layer.residual(1)
    >>> layer.penalty().shape, torch.allclose(layer.project(1) + residual, layer.weight)
    (torch.Size([2]), True)
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        groups: Sequence[Group | str],
        bias: bool = True,
        *,
        init: Init = "orthogonal",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        n_in, n_out = size(rep_in, self.groups), size(rep_out, self.groups)
        self.weight = nn.Parameter(orthogonal(n_out, n_in, generator))
        self.bias = nn.Parameter(torch.rand(n_out, generator=generator) / math.sqrt(n_out)) if bias else None
        if init != "orthogonal":
            inside, rest = {"rpp": (1.0, 1e-3), "halfsoft": (0.5, 0.5), "near": (1.0, 1e-3)}[init]
            with torch.no_grad():
                exact = self.project(0)
                exact = balanced(exact, rep_out, self.groups[:1]) if init == "near" else exact
                self.weight.copy_(inside * exact + rest * self.weight)

    @functools.cached_property
    def complement(self) -> Complement:
        """The complements of the equivariant weights and biases, one for each group."""
        return Complement([TypedLayer(self.rep_in, self.rep_out, self.bias is not None)], self.groups)

    @functools.cached_property
    def _weight_complement(self) -> Complement:
        return Complement([TypedLayer(self.rep_in, self.rep_out, bias=False)], self.groups)

    def penalty(self, normalised: bool = True) -> Float[Tensor, " J"]:
        """Distances from the equivariant weights and biases, one for each group.

        ``|W - P_j W|^2`` over the dimension of the complement; unnormalised the paper's ``1/2 |W - P_j W|^2`` (§2.2).
        """
        weights = [self.weight] if self.bias is None else [self.weight, self.bias]
        squares = self.complement.squares(weights)
        return squares / self.complement.dims.clamp(min=1).to(squares) if normalised else squares / 2

    def residual(self, j: int) -> Float[Tensor, "n_out n_in"]:
        """``W - P_j W``, the part of the weight that group j forbids."""
        amounts = torch.zeros(len(self.groups))
        amounts[j] = 1.0
        return self._weight_complement.residuals([self.weight], amounts)[0]

    def project(self, j: int) -> Float[Tensor, "n_out n_in"]:
        """``P_j W``, the equivariant weight of group j that is closest to W."""
        return self.weight - self.residual(j)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        return nn.functional.linear(x, self.weight, self.bias)


def parse_groups(groups: Sequence[Group | str]) -> tuple[Group, ...]:
    """Groups from objects or printed names; raises ``DomainError`` when there are none.

    >>> [str(group) for group in parse_groups(["O(3)", "O(2)@z"])]
    ['O(3)', 'O(2)@z']
    """
    if isinstance(groups, str) or not groups:
        raise DomainError(f"groups = {groups!r}", "a sequence of one or more groups", 'write ["O(3)", "O(2)@z"]')
    return tuple(parse(group) for group in groups)


def hidden_rep(groups: Sequence[Group], ch: int, rule: Rule = "exact") -> Rep:
    """``uniform_rep`` on the space of the groups; where they act on several spaces, an equal share of ch for each.

    >>> from isotropy.groups import parse
    >>> print(hidden_rep([parse("O(3)")], 32))
    14*Scalar + 3*Vector + Tensor(2)
    """
    dims = dimensions(groups)
    shares = [ch // len(dims) + (number < ch % len(dims)) for number in range(len(dims))]
    parts = [uniform_rep(max(1, share), d, rule, space) for share, (space, d) in zip(shares, dims.items(), strict=True)]
    return functools.reduce(operator.add, parts)


class SoftNetwork(Settled):
    """What networks of soft layers share: their types, the type of their hidden features, and where Points are put.

    Predicted Points are added to the centroid of the input, where some group moves the Points of ``rep_out``.
    """

    def __init__(
        self, rep_in: Rep | str, rep_out: Rep | str, groups: Sequence[Group | str], ch: int | Rep | str, rule: Rule
    ) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out = parse_rep(rep_in), parse_rep(rep_out)
        self.groups = parse_groups(groups)
        self.hidden = hidden_rep(self.groups, ch, rule) if isinstance(ch, int) else parse_rep(ch)
        self.place: Tensor | None
        moved = moved_points(rep_out, self.groups)
        self.register_buffer("place", centroid_map(rep_in, rep_out, self.groups) if moved else None, persistent=False)

    def settings(self) -> dict[str, Any]:
        return {
            "rep_in": str(self.rep_in),
            "rep_out": str(self.rep_out),
            "groups": [str(group) for group in self.groups],
            "hidden": str(self.hidden),
        }

    def _placed(self, y: Float[Tensor, "... n_out"], x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        return y if self.place is None else y + centroids(x, self.place)


class SoftMLP(SoftNetwork):
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
        super().__init__(rep_in, rep_out, groups, ch, rule)
        types = [self.rep_in, *[self.hidden] * depth, self.rep_out]
        self.layers = nn.ModuleList(
            SoftLinear(before, after, self.groups, init=init, generator=generator) for before, after in pairwise(types)
        )

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = x
        for layer in self.layers[:-1]:
            z = nn.functional.silu(layer(z))
        return self._placed(self.layers[-1](z), x)


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


class SoftEMLP(SoftNetwork):
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
        super().__init__(rep_in, rep_out, groups, ch, rule)
        types = [self.rep_in, *[self.hidden] * depth]
        self.blocks = nn.ModuleList(
            SoftBlock(before, after, self.groups, init=init, leak=leak, generator=generator)
            for before, after in pairwise(types)
        )
        self.head = SoftLinear(types[-1], self.rep_out, self.groups, init=init, generator=generator)

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        z = x
        for block in self.blocks:
            z = block(z)
        return self._placed(self.head(z), x)
