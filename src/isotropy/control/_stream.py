"""Batches that grow while they are trained on: each is drawn after some more steps of control were lived through."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from isotropy.control._engine import gymnasium
from isotropy.control._replay import Replay
from isotropy.control._td3 import Recipe
from isotropy.errors import SchemaError, ShapeError, counted
from isotropy.nn.parts import LimbTree
from isotropy.random import derive, spawn

Seen = Mapping[str, Any]


class ReplayStream:
    """Transitions for ``fit``: bodies take turns; each acts for ``every`` steps, then a batch of its own is drawn.

    The first ``warmup`` steps, over all bodies, have uniform actions and no batch; then ``actor`` acts, with noise. An
    epoch has ``per_epoch`` batches. It knows where it is: environments that have ``state_dict`` go on from the step at
    which a training was interrupted, others from a new episode.
    """

    def __init__(
        self, envs: Sequence[Any], actor: nn.Module, recipe: Recipe, *, seed: int = 0, per_epoch: int = 500
    ) -> None:  # fmt: skip
        self.lives = [Life(env, recipe.capacity, derive(seed, "environment", k)) for k, env in enumerate(envs)]
        self.actor, self.recipe, self.per_epoch = actor, recipe, per_epoch
        self.generator = spawn(seed, "replay")
        self.updates = self.epoch = self.within = 0
        self._spent, self._began = (0.0, 0.0), _clocks()

    @property
    def transitions(self) -> int:
        """Steps of control so far, of all bodies."""
        return sum(life.replay.count for life in self.lives)

    @property
    def seconds(self) -> tuple[float, float]:
        """Those of the processor and those of the clock, those before an interruption too."""
        cpu, wall = (past + now - began for past, now, began in zip(self._spent, _clocks(), self._began, strict=True))
        return cpu, wall

    def set_epoch(self, epoch: int) -> None:
        self.epoch, self.within = epoch, 0
        for life in self.lives:
            life.returns.clear()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        first = -(-self.recipe.warmup // len(self.lives))
        while self.within < self.per_epoch:
            body = self.updates % len(self.lives)
            life = self.lives[body]
            while life.replay.count < first:
                life.live(2 * torch.rand(life.shape, generator=self.generator) - 1)
            for _ in range(self.recipe.every):
                life.live(self._chosen(life))
            batch: dict[str, Any] = life.replay.sample(self.recipe.batch, self.generator)
            # Counted before it is handed out: a checkpoint is written after the step on it.
            self.updates, self.within = self.updates + 1, self.within + 1
            yield {**batch, "body": body}

    def columns(self) -> dict[str, float | None]:
        """What the row of an epoch tells of it: both counters, and the mean return of episodes that ended in it."""
        returns = [value for life in self.lives for value in life.returns]
        return {
            "transitions": self.transitions,
            "updates": self.updates,
            "cpu_s": self.seconds[0],
            "return": sum(returns) / len(returns) if returns else None,
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "lives": [life.state_dict() for life in self.lives],
            "counts": {name: getattr(self, name) for name in ("updates", "epoch", "within")},
            "seconds": list(self.seconds),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if len(state["lives"]) != len(self.lives):
            raise SchemaError(counted(len(self.lives), "environment"), f"{len(state['lives'])}, as the checkpoint has")
        for life, kept in zip(self.lives, state["lives"], strict=True):
            life.load_state_dict(kept)
        counts = state["counts"]
        self.updates = int(counts["updates"])
        # A checkpoint at the end of an epoch is continued by the next one, from its beginning.
        self.within = int(counts["within"]) if counts["epoch"] == self.epoch else 0
        if counts["epoch"] != self.epoch:
            self.set_epoch(self.epoch)
        self._spent, self._began = tuple(state["seconds"]), _clocks()
        self.generator.set_state(state["generator"])

    @torch.no_grad()
    def _chosen(self, life: Life) -> Tensor:
        action = played(self.actor, life.seen, life.graph)
        noise = self.recipe.exploration * torch.randn(action.shape, generator=self.generator)
        return (action + noise).clamp(-1, 1)


def _clocks() -> tuple[float, float]:
    return time.process_time(), time.monotonic()


class Life:
    """One environment as it is lived in: what is seen now, the episode so far, and the transitions that are kept."""

    def __init__(self, env: Any, capacity: int, seed: int) -> None:
        self.env, self.graph = env, limbs_of(env)
        self.shape = (len(self.graph.parents), 3)
        self.replay = Replay(self.shape[0], capacity)
        self.seen: Tensor = limbs_seen(env.reset(seed=seed % 2**31)[0])
        self.gained, self.returns = 0.0, list[float]()

    def live(self, action: Tensor) -> None:
        """One step of control; where an episode is over, the next begins."""
        observation, reward, ended, cut, _ = self.env.step(action.double().numpy().reshape(self.env.action_space.shape))
        after = limbs_seen(observation)
        self.replay.add(self.seen, action, float(reward), after, bool(ended))
        self.gained += float(reward)
        if ended or cut:
            self.returns.append(self.gained)
            self.gained, after = 0.0, limbs_seen(self.env.reset()[0])
        self.seen = after

    def state_dict(self) -> dict[str, Any]:
        inner = self.env.unwrapped
        world = inner.state_dict() if hasattr(inner, "state_dict") else None
        return {
            "replay": self.replay.state_dict(), "world": world, "elapsed": [one._elapsed_steps for one in self._limits],
            "seen": self.seen, "gained": self.gained, "returns": list(self.returns),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.replay.load_state_dict(state["replay"])
        if state["world"] is None:
            return
        self.env.unwrapped.load_state_dict(state["world"])
        for limit, elapsed in zip(self._limits, state["elapsed"], strict=True):
            limit._elapsed_steps = elapsed
        self.seen, self.gained, self.returns = state["seen"], state["gained"], list(state["returns"])

    @property
    def _limits(self) -> list[Any]:
        """The wrappers that cut episodes off, which count steps."""
        found, env = list[Any](), self.env
        while isinstance(env, gymnasium.Wrapper):
            if isinstance(env, gymnasium.wrappers.TimeLimit):
                found.append(env)
            env = cast(Any, env).env
        return found


def limbs_of(env: Any) -> LimbTree:
    """The tree of limbs of an environment; raises SchemaError where there is none, ShapeError for other actions."""
    graph = getattr(getattr(env, "unwrapped", None), "graph", None)
    if not isinstance(graph, LimbTree):
        raise SchemaError(
            f"the environment {env}, without a tree of limbs", "one of make_locomotion (env.unwrapped.graph)",
            "for others: Stable-Baselines3, with SubequivariantExtractor where observations are limbs",
        )  # fmt: skip
    n = len(graph.parents)
    size = 1
    for length in env.action_space.shape:
        size *= int(length)
    if size != 3 * n:
        raise ShapeError(f"actions of shape {env.action_space.shape} for {n} limbs", f"({n}, 3) or ({3 * n},)")
    return graph


def limbs_seen(observation: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """``(limbs, 41)`` of an observation, which is ``{"limbs": ...}``. Raises SchemaError for another."""
    if not isinstance(observation, Mapping) or "limbs" not in observation:
        raise SchemaError(f"an observation of type {type(observation).__name__}", 'a dictionary with "limbs"')
    return torch.as_tensor(cast(Seen, observation)["limbs"], dtype=dtype)


@torch.no_grad()
def played(actor: nn.Module, seen: Tensor, graph: LimbTree) -> Tensor:
    """The torques ``(limbs, 3)`` that a policy chooses, wherever it lies."""
    weight = next(actor.parameters())
    return actor(seen[None].to(weight), graph)[0].float().cpu()
