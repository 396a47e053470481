"""Policies by name: what drives a body, and what judges it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import nn

from isotropy.control._baselines import MessageNetwork, TransformerNetwork, WholeNetwork
from isotropy.control._heading import Headed
from isotropy.control._td3 import Agent
from isotropy.errors import DomainError, one_of
from isotropy.nn import SubequivariantCritic, SubequivariantPolicy
from isotropy.nn.parts import LimbTree
from isotropy.random import derive

Policy = Literal["subequivariant", "mlp", "augmented", "heading", "shared", "transformer", "heading-transformer"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
WHOLE = ("mlp", "augmented", "heading")  # which know one body
SIZED = ("subequivariant", "transformer", "heading-transformer")  # which are there in the paper's size too
# Of a transformer: channels, layers and heads of the subequivariant one.
_PAPER = {"width": 128, "layers": 3, "heads": 2}


def agent_of(policy: str, graphs: Sequence[LimbTree], *, size: str, group: str, seed: int) -> Agent:
    """A new agent for bodies of these trees; the weights are those of the seed.

    Raises DomainError for a policy or a size that is none, for a size that a policy has
    not, and for several trees of limbs where a network knows one.
    """
    one_of("policy", policy, POLICIES)
    one_of("size", size, ("small", "paper"))
    if size != "small" and policy not in SIZED:
        raise DomainError(f"size={size!r} of policy={policy!r}", "'small'", f"{', '.join(SIZED)} have another")
    first, *others = graphs
    if policy in WHOLE and not all(torch.equal(first.parents, other.parents) for other in others):
        limbs = sorted({len(graph.parents) for graph in graphs})
        several = f"{', '.join(map(str, limbs))} limbs" + (", not all in one tree" if len(limbs) == 1 else "")
        raise DomainError(
            f"policy={policy!r} for bodies of {several}", "one body",
            'policy="subequivariant", "shared" or "transformer" drive any',
        )  # fmt: skip
    make = _makers(policy, first, size, group)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return Agent(make(False), [make(True), make(True)])


def _makers(policy: str, tree: LimbTree, size: str, group: str) -> Callable[[bool], nn.Module]:
    def subequivariant(critic: bool) -> nn.Module:
        return (SubequivariantCritic if critic else SubequivariantPolicy)(size, group)

    def whole(critic: bool) -> nn.Module:
        return WholeNetwork(len(tree.parents), critic=critic, tree=tree)

    def transformer(critic: bool) -> nn.Module:
        return TransformerNetwork(critic=critic, **(_PAPER if size == "paper" else {}))

    makers: dict[str, Callable[[bool], nn.Module]] = {
        "subequivariant": subequivariant,
        "mlp": whole,
        "augmented": whole,
        "heading": lambda critic: Headed(whole(critic)),
        "shared": lambda critic: MessageNetwork(critic=critic),
        "transformer": transformer,
        "heading-transformer": lambda critic: Headed(transformer(critic)),
    }
    return makers[policy]
