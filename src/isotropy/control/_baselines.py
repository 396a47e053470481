"""Policies without a symmetry, which a symmetric one is compared with: of the body as a whole, and limb by limb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.control._observe import WIDTH
from isotropy.errors import DomainError, ShapeError, counted
from isotropy.nn.parts import LimbTree

_ACTION = 3


class WholeNetwork(nn.Module):
    """A perceptron on all ``limbs`` of one body at once: torques ``(rows, limbs, 3)``, or with ``critic`` their value
    ``(rows, 1)``. Raises ShapeError for a body with another number of limbs, or another ``tree`` where one is given:
    its numbers would be read as those of other limbs."""

    def __init__(self, limbs: int, *, critic: bool = False, hidden: int = 256, tree: LimbTree | None = None) -> None:
        super().__init__()
        self.limbs, self.critic, self.hidden, self.tree = limbs, critic, hidden, tree
        each = WIDTH + (_ACTION if critic else 0)
        out = 1 if critic else _ACTION * limbs
        self.network = nn.Sequential(
            nn.Linear(each * limbs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, out)
        )

    def forward(self, *given: Any) -> Tensor:
        x = _told(given, self.critic)
        if x.shape[1] != self.limbs:
            raise ShapeError(
                f"a body of {counted(x.shape[1], 'limb')}", f"{self.limbs}: this network knows one body",
                'policy="shared", "transformer" or "subequivariant" drive any',
            )  # fmt: skip
        graph = given[-1]
        if self.tree is not None and isinstance(graph, LimbTree) and not torch.equal(graph.parents, self.tree.parents):
            raise ShapeError(
                f"a body whose limbs hang on {graph.parents.tolist()}",
                f"{self.tree.parents.tolist()}: this network knows one body",
                'policy="shared", "transformer" or "subequivariant" drive any',
            )
        out = self.network(x.flatten(1))
        return out if self.critic else out.tanh().unflatten(-1, (self.limbs, _ACTION))


class MessageNetwork(nn.Module):
    """One network for every limb, which hears its children, then its parent: torques, or with ``critic`` values, of
    each limb.

    Source: Huang, Mordatch, Pathak, *One Policy to Control Them All: Shared Modular Policies* (ICML 2020); children's
    messages are added, so that a limb may have any number of them.
    """

    def __init__(self, *, critic: bool = False, hidden: int = 128, message: int = 32) -> None:
        super().__init__()
        self.critic, self.hidden, self.message = critic, hidden, message
        each, out = WIDTH + (_ACTION if critic else 0), 1 if critic else _ACTION
        self.up = _perceptron(each + message, hidden, message)
        self.down = _perceptron(each + 2 * message, hidden, out + message)

    def forward(self, *given: Any) -> Tensor:
        x, tree = _told(given, self.critic), tree_of(given[-1])
        none = x.new_zeros(len(x), self.message)
        heard, told = [none] * x.shape[1], [none] * x.shape[1]
        levels = depths(tree)
        for level in reversed(levels):
            said = self.up(torch.cat([x[:, level], torch.stack([heard[i] for i in level], 1)], -1))
            for k, limb in enumerate(level):
                told[limb] = said[:, k]
                parent = int(tree.parents[limb])
                if parent >= 0:
                    heard[parent] = heard[parent] + said[:, k]
        from_parent, out = [none] * x.shape[1], [none] * x.shape[1]
        for level in levels:
            own, above = (torch.stack([one[i] for i in level], 1) for one in (told, from_parent))
            answer, said = self.down(torch.cat([x[:, level], own, above], -1)).tensor_split([-self.message], -1)
            for k, limb in enumerate(level):
                out[limb] = answer[:, k]
                for child in (tree.parents == limb).nonzero().flatten().tolist():
                    from_parent[child] = said[:, k]
        answers = torch.stack(out, 1)
        return answers[..., 0] if self.critic else answers.tanh()


class TransformerNetwork(nn.Module):
    """Attention between limbs, whose vectors are numbers as all others: torques, or with ``critic`` values, of each.

    Places in the tree are embedded, and relations added to the attention, as in the subequivariant policy.
    Source: Kurin et al., *My Body is a Cage* (ICLR 2021); Hong et al., *Structure-Aware Transformer
    Policy* (ICLR 2022).
    """

    def __init__(self, *, critic: bool = False, width: int = 64, layers: int = 2, heads: int = 2) -> None:
        super().__init__()
        self.critic, self.width, self.depth, self.heads = critic, width, layers, heads
        each, out = WIDTH + (_ACTION if critic else 0), 1 if critic else _ACTION
        self.embed = nn.Linear(each, width)
        self.places = nn.Embedding(3 * _PLACES, width)
        self.bias = nn.Linear(3, heads)
        self.layers = nn.ModuleList(_Encoder(width, heads) for _ in range(layers))
        self.out = nn.Linear(each + width, out)

    def forward(self, *given: Any) -> Tensor:
        x, tree = _told(given, self.critic), tree_of(given[-1])
        n = x.shape[1]
        if n > _PLACES:
            raise ShapeError(f"a tree of {counted(n, 'limb')}", f"at most {_PLACES}")
        offset = torch.arange(3) * _PLACES
        h = self.embed(x) + self.places((tree.traversals + offset).to(x.device)).sum(1)
        bias = self.bias(tree.relation.to(x)).movedim(-1, 0)  # (heads, limbs, limbs)
        for layer in self.layers:
            h = layer(h, bias)
        answers = self.out(torch.cat([x, h], -1))
        return answers[..., 0] if self.critic else answers.tanh()


class _Encoder(nn.Module):
    """Attention, then a perceptron, each added and normalised (Vaswani et al. 2017); ``bias`` is added to the logits.

    Our own, since in evaluation ``nn.TransformerEncoderLayer`` takes a fused path that reads any mask as a boolean one.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.brought = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.forward_part = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.norm, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(
        self, h: Float[Tensor, "rows limbs c"], bias: Float[Tensor, "heads limbs limbs"]
    ) -> Float[Tensor, "rows limbs c"]:
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (rows, heads, limbs, part)
        brought = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        h = self.norm(h + self.brought(brought.transpose(1, 2).flatten(2)))
        return self.norm_out(h + self.forward_part(h))


_PLACES = 15  # as many limbs as have places of their own


def tree_of(graph: Any) -> LimbTree:
    """The one tree that a batch belongs to. Raises DomainError for a tree for each row."""
    if not isinstance(graph, LimbTree):
        raise DomainError("a tree for each row", "one tree for all rows", "SubequivariantPolicy takes mixed bodies")
    return graph


def depths(tree: LimbTree) -> list[list[int]]:
    """The limbs by their distance from the torso.

    >>> depths(LimbTree(torch.tensor([-1, 0, 1, 0])))
    [[0], [1, 3], [2]]
    """
    parents, found = tree.parents.tolist(), list[list[int]]()
    level = [limb for limb, parent in enumerate(parents) if parent < 0]
    while level:
        found.append(level)
        level = [limb for limb, parent in enumerate(parents) if parent in level]
    return found


def _told(given: Sequence[Any], critic: bool) -> Float[Tensor, "rows limbs width"]:
    """What a network reads of its arguments: limbs, for a critic with their actions."""
    seen = given[0]
    if seen.shape[-1] != WIDTH:
        raise ShapeError(f"limbs of {counted(seen.shape[-1], 'number')}", f"{WIDTH}")
    return torch.cat([seen, given[1]], -1) if critic else seen


def _perceptron(a: int, hidden: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(a, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, b))
