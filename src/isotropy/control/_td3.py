"""TD3 with a value for each limb: what is trained, and what happens at a step of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.control._replay import turned
from isotropy.errors import DomainError
from isotropy.nn.parts import LimbTree
from isotropy.train import Step, Task


@dataclass(frozen=True)
class Recipe:
    """How a policy is trained by TD3; the defaults are those of the benchmark, but for two cores.

    - ``rate``: of Adam (1e-4 in the benchmark), which falls to 0 by half a cosine where ``anneal`` says so; ``clip``:
      bound of the norm of a gradient; ``batch``: transitions of an update (256).
    - ``gamma``: what a reward is worth a step later; ``tau``: how far targets follow at each update of the actor (the
      benchmark's 0.005 suits its millions of updates: values rise by at most tau / delay of a reward in each); the
      actor is updated at each ``delay``-th update of the critics.
    - ``smoothing``, ``smoothing_clip``: noise on the actions of targets, and its bound; ``exploration``: noise on those
      that are played.
    - ``warmup``: first steps of control, whose actions are uniform; ``every``: steps of control for each update.
    - ``capacity``: transitions that are kept of a body.

    Source: Fujimoto, van Hoof, Meger, *Addressing Function Approximation Error in Actor-Critic Methods* (ICML 2018);
    numbers of Chen et al. (ICML 2023). Raises DomainError for numbers out of their ranges.
    """

    rate: float = 3e-4
    anneal: bool = False
    clip: float = 0.1
    batch: int = 64
    gamma: float = 0.99
    tau: float = 0.02
    delay: int = 2
    smoothing: float = 0.2
    smoothing_clip: float = 0.5
    exploration: float = 0.126
    warmup: int = 1000
    every: int = 2
    capacity: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("batch", "delay", "every", "capacity", "warmup"):
            if not isinstance(vars(self)[name], int):
                raise DomainError(f"{name}={vars(self)[name]}", "a whole number")
        for name in ("rate", "clip", "batch", "delay", "every", "capacity"):
            if not vars(self)[name] > 0 or (name == "rate" and self.rate == math.inf):
                raise DomainError(f"{name}={vars(self)[name]}", "a positive number")
        for name in ("smoothing", "smoothing_clip", "exploration", "warmup"):
            if not 0 <= vars(self)[name] < math.inf:
                raise DomainError(f"{name}={vars(self)[name]}", "0 or more")
        if not (0 <= self.gamma < 1 and 0 < self.tau <= 1):
            raise DomainError(f"gamma={self.gamma}, tau={self.tau}", "0 <= gamma < 1 and 0 < tau <= 1")


class Agent(nn.Module):
    """A policy ``actor(seen, graph) -> (rows, limbs, 3)``, two ``critics(seen, actions, graph) -> (rows, limbs)``, or
    ``(rows, 1)`` for the body as a whole, and slow copies of all three, which targets are computed with."""

    def __init__(self, actor: nn.Module, critics: Sequence[nn.Module]) -> None:
        super().__init__()
        self.actor, self.critics = actor, nn.ModuleList(critics)
        self.slow_actor, self.slow_critics = (copy.deepcopy(part) for part in (self.actor, self.critics))
        for part in (self.slow_actor, self.slow_critics):
            part.requires_grad_(False)

    @torch.no_grad()
    def follow(self, tau: float) -> None:
        """Moves the slow copies by ``tau`` of the way to the networks."""
        for fast, slow in ((self.actor, self.slow_actor), (self.critics, self.slow_critics)):
            for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
                old.lerp_(new, tau)


class TD3(Task):
    """An update of the critics, and at each ``delay``-th one of the actor and the slow copies, on a batch of a body.

    The target of each limb is ``r + gamma (1 - done) min_k Q_k'(s', a')`` with ``a' = pi'(s') + clipped noise``; the
    actor climbs the mean of Q_1 over limbs. ``graphs`` are the trees of the bodies, ``batch["body"]`` says which;
    ``turns`` turns each row about the vertical by an angle of its own (augmentation).

    Source: Fujimoto et al. (ICML 2018), algorithm 1; one value a limb as in Huang et al. (ICML 2020).
    """

    def __init__(self, graphs: Sequence[LimbTree], recipe: Recipe, turns: bool = False) -> None:
        super().__init__()
        self.graphs, self.recipe, self.turns = graphs, recipe, turns

    def step(self, now: Step, batch: dict[str, Any]) -> dict[str, Tensor]:
        agent, recipe, graph = now.model, self.recipe, self.graphs[batch["body"]]
        assert isinstance(agent, Agent)
        seen, action, after = batch["seen"], batch["action"], batch["next"]
        if self.turns:
            angle = 2 * torch.pi * torch.rand(len(seen), generator=now.generator).to(seen)
            seen, after = turned(seen, angle), turned(after, angle)
        target = self._target(agent, after, batch["reward"], batch["done"], graph, now.generator)
        errors = [(critic(seen, action, graph) - target).square().mean(-1) for critic in agent.critics]
        error = torch.stack(errors).sum(0)
        now.descend(error.mean(), "critics")
        told = {"critic": error.detach()}
        if now.number % recipe.delay == 0:
            value = agent.critics[0](seen, agent.actor(seen, graph), graph).mean(-1)
            now.descend(-value.mean(), "actor")
            agent.follow(recipe.tau)
            told["value"] = value.detach()
        return told

    @torch.no_grad()
    def _target(
        self,
        agent: Agent,
        after: Float[Tensor, "rows limbs 41"],
        reward: Float[Tensor, " rows"],
        done: Float[Tensor, " rows"],
        graph: LimbTree,
        generator: torch.Generator,
    ) -> Float[Tensor, "rows values"]:
        action = agent.slow_actor(after, graph)
        noise = self.recipe.smoothing * torch.randn(action.shape, generator=generator).to(action)
        most = self.recipe.smoothing_clip
        action = (action + noise.clamp(-most, most)).clamp(-1, 1)
        worth = torch.stack([critic(after, action, graph) for critic in cast(nn.ModuleList, agent.slow_critics)]).amin(
            0
        )
        return reward[:, None] + self.recipe.gamma * (1 - done[:, None]) * worth
