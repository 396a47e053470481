"""E2: how far torques change under turns, mirrors and tilts, relative to their size, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isotropy.control import Headed, LimbGraph, make_locomotion
from isotropy.control.parts import MessageNetwork, TransformerNetwork, WholeNetwork, turned
from isotropy.experiments.subequivariant._config import BLIND, HEADING, MLP, OURS, SHARED, TURNS_ALONE
from isotropy.nn import SubequivariantPolicy
from isotropy.random import derive
from isotropy.runs import Run
from isotropy.study import job, size

_BODY = "walker_7_full"
_TILT = np.pi / 6
_TORQUES = 0.3  # of which outputs are made, so that tanh bends a little


@job
def exact_job(run: Run, *, seed: int, method: str, states: int) -> dict[str, Any]:
    """The largest relative change over states, each under a random turn, the mirror, and a tilt of 30 degrees with
    gravity where it was."""
    graph = LimbGraph.from_mjcf(_BODY)
    torch.manual_seed(derive(seed, "weights"))
    policy = network(method, len(graph.names)).double()
    seen = states_of(states, seed)
    found: dict[str, Any] = {"parameters": size(policy)}
    with torch.no_grad():
        before = _scaled(policy, seen, graph)
        angle = 2 * torch.pi * torch.rand(states, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        twins = graph.left_right_permutation()
        assert twins is not None
        moved = {
            "turn": (turned(seen, angle), before),
            "mirror": (mirrored(seen, graph), before[:, twins]),
            "tilt": (tilted(seen), before),
        }
        for name, (other, expected) in moved.items():
            found[name] = float((policy(other, graph) - expected).abs().max() / before.abs().max())
    return found


def network(method: str, limbs: int) -> nn.Module:
    """The policy of a method, with weights as they are drawn."""
    if method in (OURS, TURNS_ALONE):
        return SubequivariantPolicy(group="O(2)@z" if method == OURS else "SO(2)@z")
    if method == BLIND:
        return Blind(SubequivariantPolicy(group="O(2)@z"))
    if method == HEADING:
        return Headed(WholeNetwork(limbs))
    return {MLP: lambda: WholeNetwork(limbs), SHARED: MessageNetwork}.get(method, TransformerNetwork)()


class Blind(nn.Module):
    """A policy that is shown no gravity: nothing tells it what is up, but for the height, which is a number."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, seen: Tensor, graph: Any) -> Tensor:
        seen = seen.clone()
        seen[..., 3:6] = 0.0
        return self.policy(seen, graph)


def states_of(count: int, seed: int) -> Tensor:
    """Limbs ``(states, 7, 41)`` of a walker that moves, in random poses."""
    env, draw = make_locomotion(_BODY), np.random.default_rng(derive(seed, "states"))
    env.reset(seed=0)
    world: Any = env.unwrapped
    found = list[Tensor]()
    for _ in range(count):
        q, v = world.model.qpos0.copy(), draw.standard_normal(world.model.nv)
        q[3:7] = draw.standard_normal(4)
        q[7:] += draw.uniform(-0.3, 0.3, len(q) - 7)
        world.set_state(q, v, draw.uniform(-5, 5, 2))
        found.append(torch.from_numpy(world.observe()["limbs"]))
    return torch.stack(found)


def mirrored(seen: Tensor, graph: LimbGraph) -> Tensor:
    """The states in a mirror (y to -y): arrows as arrows, axes as axes, right limbs for left ones."""
    twins = graph.left_right_permutation()
    assert twins is not None
    M = torch.tensor([1.0, -1.0, 1.0], dtype=seen.dtype)
    vectors = seen[..., :24].unflatten(-1, (8, 3))
    vectors = torch.cat([vectors[..., :4, :] * M, -vectors[..., 4:, :] * M], -2)
    return torch.cat([vectors.flatten(-2), seen[..., 24:]], -1)[:, twins]


def tilted(seen: Tensor) -> Tensor:
    """Everything turned about x by 30 degrees, but for gravity."""
    c, s = np.cos(_TILT), np.sin(_TILT)
    R = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=seen.dtype)
    vectors = seen[..., :24].unflatten(-1, (8, 3))
    turned_ = vectors @ R.mT
    turned_[..., 1, :] = vectors[..., 1, :]
    return torch.cat([turned_.flatten(-2), seen[..., 24:]], -1)


def _scaled(policy: nn.Module, seen: Tensor, graph: LimbGraph) -> Tensor:
    """Torques, after the last map was scaled so that they are tenths: errors of torques of nothing say nothing."""
    inner = policy.policy if isinstance(policy, Blind) else policy
    if isinstance(inner, SubequivariantPolicy):
        for _ in range(4):
            typical = float(policy(seen, graph).abs().mean())
            for weight in inner.coefficients[-1].parameters():
                weight.mul_(_TORQUES / typical)
    return policy(seen, graph)
