"""One policy for every body: torques of the hinges of a tree of limbs, and what they are worth, limb by limb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from isotropy.errors import ShapeError, counted, one_of
from isotropy.nn.subequivariant._columns import Columns, Combine, Invariants, Mix, Typed, check_words, perceptron
from isotropy.nn.subequivariant._transformer import SIZES, Attention, Sizes
from isotropy.nn.subequivariant._tree import LimbTree
from isotropy.settings import Settled

WIDTH = 41  # numbers of a limb
_SCALARS = 17
_G = 9.81
_TABLE = 15  # limbs that have a place of their own in the tables
_START = 0.1  # bound of the first maps

Graph = LimbTree | Sequence[LimbTree]


class _Limbs(Settled):
    """What policy and critic share: limbs read by type, their places, the layers, and the columns they end with."""

    def __init__(self, size: str, group: str, positions: bool, unit_gravity: bool, extra: int) -> None:
        super().__init__()
        check_words(group)
        one_of("size", size, SIZES)
        self.sizes: Sizes = SIZES[size]
        self._told = {"size": size, "group": group, "positions": positions, "unit_gravity": unit_gravity}
        self.mirrors, self.gravity = group == "O(2)@z", _G if unit_gravity else 1.0
        C, K = self.sizes.channels, self.sizes.gram
        own, channels = ((4, 4), (C // 2, C // 2)) if self.mirrors else ((8, 0), (C, 0))
        self.root = C**0.5
        self.embed = nn.ModuleList([Mix(a, b, _START) for a, b in zip(own, channels, strict=True)])
        self.scalars = nn.Linear(_SCALARS + extra, C)
        nn.init.uniform_(self.scalars.weight, -_START, _START)
        widths = (C // 3, C // 3, C - 2 * (C // 3))
        self.tables = nn.ModuleList([nn.Embedding(_TABLE, w) for w in widths]) if positions else None
        self.bias = nn.Linear(3, self.sizes.heads) if positions else None
        self.layers = nn.ModuleList([Attention(self.sizes, channels, group) for _ in range(self.sizes.layers)])
        self.columns = Columns(own[0] + channels[0], own[1] + channels[1], K, 2, group)
        self.invariants = Invariants(self.columns.sizes, "bounded")
        self.look = perceptron(self.invariants.width, 2 * C, C)
        self.read = perceptron(_SCALARS + extra + C, 2 * C, C)

    def settings(self) -> dict[str, Any]:
        return self._told

    def _place(
        self, tables: nn.ModuleList, places: Int[Tensor, "trees limbs 3"], twins: Int[Tensor, "trees limbs 3"]
    ) -> Float[Tensor, "trees limbs c"]:
        """The embedding of places; where mirrors are kept, a left limb and its right twin share theirs."""
        at = torch.cat([table(places[..., k]) for k, table in enumerate(tables)], -1)
        if not self.mirrors:
            return at
        return (at + torch.cat([table(twins[..., k]) for k, table in enumerate(tables)], -1)) / 2

    def typed(self, obs: Float[Tensor, "rows limbs 41"]) -> tuple[Typed, Float[Tensor, "rows limbs 17"]]:
        """Vectors and scalars of the limbs: place, gravity, target, velocity are arrows; spin and hinges are axes."""
        vectors = obs[..., :24].unflatten(-1, (8, 3))
        scale = vectors.new_ones(8, 1)
        scale[1] = 1 / self.gravity
        vectors = vectors * scale
        Z = Typed(vectors[..., :4, :], vectors[..., 4:, :]) if self.mirrors else Typed(vectors, vectors[..., :0, :])
        return Z, obs[..., 24:]

    def body(
        self, obs: Float[Tensor, "rows limbs width"], graph: Graph, mask: Bool[Tensor, "rows limbs"] | None,
        extra: Float[Tensor, "rows limbs k"],
    ) -> tuple[Typed, Float[Tensor, "rows limbs c"], Float[Tensor, "rows limbs 1"]]:  # fmt: skip
        """The columns of each limb, its features, and the size of its inner products."""
        if obs.shape[-1] != WIDTH:
            raise ShapeError(f"limbs of {counted(obs.shape[-1], 'number')}", f"{WIDTH}")
        Z0, h0 = self.typed(obs)
        h0 = torch.cat([h0, extra], -1)
        V = torch.stack([obs[..., 3:6] / self.gravity, obs[..., 6:9]], -2)
        Z = Typed(*(self.root * one for one in Z0.each(*self.embed)))
        h = self.root * self.scalars(h0)
        bias = None
        if self.tables is not None and self.bias is not None:
            places, twins, relation = placed(graph, obs.shape[1], obs, mask is not None)
            h = h + self._place(self.tables, places, twins)
            bias = self.bias(relation).movedim(-1, 1)
        for k, layer in enumerate(self.layers):
            Z, h = layer(Z, h, V, bias if k == 0 else None, mask)
        both = Typed(torch.cat([Z0.polar, Z.polar], -2), torch.cat([Z0.axial, Z.axial], -2))
        A = self.columns(both, V)
        told, size = self.invariants(A)
        return A, torch.cat([self.look(told), self.read(torch.cat([h0, h], -1))], -1), size


class SubequivariantPolicy(_Limbs):
    """Torques in [-1, 1] of three hinges of each limb, ``(rows, limbs, 3)``, from limbs ``(rows, limbs, 41)``.

    Turning the scene about gravity changes no torque. Under "O(2)@z" neither does mirroring it, left limbs for right
    ones: the torque of a hinge is its axis times an axial vector of the limb, and axes turn in mirrors as axes do.
    ``graph`` is the tree of limbs (``control.LimbGraph``), or one for each row; ``mask (rows, limbs)`` is true for
    limbs that are there, where bodies of a batch differ.

    - ``size``: "small", for a processor, or "paper".
    - ``group``: "O(2)@z" or "SO(2)@z".
    - ``positions``: whether limbs know their place in the tree; under "O(2)@z" a limb and its twin share theirs.
    - ``unit_gravity``: whether gravity is shown as 1 and not as 9.81, which would drown all else.

    Raises DomainError for other words, ShapeError for limbs of another width, for trees of another size.

    Source: Chen et al., Subequivariant Graph Reinforcement Learning in 3D Environments (ICML 2023), section 4.

    >>> policy = SubequivariantPolicy()
    >>> policy(torch.randn(2, 3, 41), LimbTree(torch.tensor([-1, 0, 1]))).shape
    torch.Size([2, 3, 3])
    """

    def __init__(
        self, size: str = "small", group: str = "O(2)@z", positions: bool = True, unit_gravity: bool = True
    ) -> None:
        super().__init__(size, group, positions, unit_gravity, 0)
        C = self.sizes.channels
        self.combine = Combine(self.columns.sizes, (0, 1) if self.mirrors else (1, 0))
        self.coefficients = perceptron(2 * C, 2 * C, self.combine.width)

    def forward(
        self, obs: Float[Tensor, "rows limbs width"], graph: Graph, mask: Bool[Tensor, "rows limbs"] | None = None
    ) -> Float[Tensor, "rows limbs 3"]:
        torques = self.torques(obs, *self.body(obs, graph, mask, obs[..., :0]))
        return torques if mask is None else torques * mask[..., None]

    def torques(
        self, obs: Float[Tensor, "rows limbs width"], A: Typed, x: Float[Tensor, "rows limbs c"],
        size: Float[Tensor, "rows limbs 1"],
    ) -> Float[Tensor, "rows limbs 3"]:  # fmt: skip
        """Each hinge axis times the vector of its limb, of what ``body`` found."""
        u = torch.cat(self.combine(A, self.coefficients(x) / (1 + size)), -2)  # (rows, limbs, 1, 3)
        return torch.tanh((obs[..., 15:24].unflatten(-1, (3, 3)) * u).sum(-1))


class SubequivariantCritic(_Limbs):
    """What the torques ``actions (rows, limbs, 3)`` are worth, one number for each limb: ``(rows, limbs)``.

    Settings and errors are those of SubequivariantPolicy.

    >>> critic = SubequivariantCritic()
    >>> critic(torch.randn(2, 3, 41), torch.zeros(2, 3, 3), LimbTree(torch.tensor([-1, 0, 1]))).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, size: str = "small", group: str = "O(2)@z", positions: bool = True, unit_gravity: bool = True
    ) -> None:
        super().__init__(size, group, positions, unit_gravity, 3)
        self.value = nn.Linear(2 * self.sizes.channels, 1)

    def forward(
        self,
        obs: Float[Tensor, "rows limbs width"],
        actions: Float[Tensor, "rows limbs 3"],
        graph: Graph,
        mask: Bool[Tensor, "rows limbs"] | None = None,
    ) -> Float[Tensor, "rows limbs"]:
        _, x, size = self.body(obs, graph, mask, actions)
        values = (self.value(x) / (1 + size))[..., 0]
        return values if mask is None else values * mask


def placed(
    graph: Graph, limbs: int, like: Tensor, masked: bool
) -> tuple[Int[Tensor, "trees limbs 3"], Int[Tensor, "trees limbs 3"], Float[Tensor, "trees limbs limbs 3"]]:
    """Traversals of the trees, those of the twins of limbs, and relations, padded with zeros to so many limbs.

    Raises ShapeError for trees with more limbs, with fewer and no mask, and for more limbs than there are places.
    """
    one = isinstance(graph, LimbTree)
    trees = [graph] if one else list(graph)
    if not one and len(trees) != len(like):
        raise ShapeError(
            f"{counted(len(trees), 'tree')} for {counted(len(like), 'row')}", "one for all, or one for each"
        )
    if one and limbs == len(trees[0].parents) <= _TABLE:  # the usual case, asked for at each step of control
        (tree,) = trees
        at = tree.traversals
        found = at[None], at[tree.twins][None], tree.relation[None].to(like.dtype)
        return found[0].to(like.device), found[1].to(like.device), found[2].to(like.device)
    places = torch.zeros(len(trees), limbs, 3, dtype=torch.long)
    twins = places.clone()
    relation = torch.zeros(len(trees), limbs, limbs, 3, dtype=torch.float64)
    for k, tree in enumerate(trees):
        n = len(tree.parents)
        if n > limbs or (n < limbs and (one or not masked)):
            raise ShapeError(
                f"a tree of {counted(n, 'limb')} for {limbs}", f"{limbs}, or a tree for each row and a mask"
            )
        if n > _TABLE:
            raise ShapeError(f"a tree of {counted(n, 'limb')}", f"at most {_TABLE}", "positions=False")
        places[k, :n], relation[k, :n, :n] = tree.traversals, tree.relation
        twins[k, :n] = tree.traversals[tree.twins]
    return places.to(like.device), twins.to(like.device), relation.to(like.device, like.dtype)
