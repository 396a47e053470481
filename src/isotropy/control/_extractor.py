"""Features for Stable-Baselines3: those of limbs that a turn of the scene leaves alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isotropy.control._observe import WIDTH
from isotropy.errors import MissingExtraError, SchemaError
from isotropy.nn import SubequivariantPolicy
from isotropy.nn.parts import LimbTree

try:
    from stable_baselines3.common.torch_layers import (  # pyright: ignore[reportMissingImports]
        BaseFeaturesExtractor as _Base,
    )
except ImportError:
    _Base: Any = None


class SubequivariantExtractor(_Base or nn.Module):  # pyright: ignore[reportGeneralTypeIssues,reportUntypedBaseClass]
    """Features ``(rows, limbs * (2 channels + 3))``, ``limbs * 67`` of the small size, of observations
    ``{"limbs": (rows, limbs, 41)}``: what the subequivariant layers know of each limb, with the torques that their
    policy would choose.

    Turns about gravity change none of them, so that every policy, critic and algorithm of Stable-Baselines3 behind it
    is invariant: ``TD3("MultiInputPolicy", env, policy_kwargs={"features_extractor_class": SubequivariantExtractor,
    "features_extractor_kwargs": {"graph": env.unwrapped.graph}})``. Torques are scalars, and need no turning back.

    Raises SchemaError for observations without limbs, MissingExtraError without Stable-Baselines3.
    """

    def __init__(self, observation_space: Any, graph: LimbTree, size: str = "small", group: str = "O(2)@z") -> None:
        if _Base is None:
            raise MissingExtraError.of("stable_baselines3", "sb3")
        spaces = getattr(observation_space, "spaces", {})
        shape = getattr(spaces.get("limbs"), "shape", None)
        if shape != (len(graph.parents), WIDTH):
            raise SchemaError(
                f"an observation space {observation_space}", f'a Dict with "limbs" of ({len(graph.parents)}, {WIDTH})'
            )
        policy = SubequivariantPolicy(size, group)
        super().__init__(observation_space, len(graph.parents) * (2 * policy.sizes.channels + 3))
        self.policy, self.graph = policy, graph

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        seen = observations["limbs"]
        A, x, size = self.policy.body(seen, self.graph, None, seen[..., :0])
        torques = self.policy.torques(seen, A, x, size)
        return torch.cat([x, torques], -1).flatten(1)
