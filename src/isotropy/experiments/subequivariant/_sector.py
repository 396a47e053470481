"""E3: what the limbs of a body do next, learned with all looking east, asked where it looks anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isotropy.control import HeadingFrame, make_locomotion
from isotropy.control.parts import turned
from isotropy.experiments.subequivariant._config import AUGMENTED, HEADING, OURS, SectorPlan
from isotropy.nn import SubequivariantLinear
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import job, part, size, train
from isotropy.train import Batches, Step, Task

_V = slice(9, 12)  # where velocities stand


@job
def sector_job(run: Run, *, seed: int, method: str, plan: SectorPlan) -> dict[str, Any]:
    """Mean squared errors of changes of velocity, over their variance: in the sector, and the same scenes turned."""
    seen, action, change = played(plan, plan.transitions + plan.test, seed)
    scale = change[: plan.transitions].std()
    change = change / scale
    torch.manual_seed(derive(seed, "weights"))
    model = learner(method, seen.shape[1])
    cut = plan.transitions

    batches = Batches(seen[:cut], action[:cut], change[:cut], batch_size=plan.batch, seed=derive(seed, "batches"))
    train(
        model,
        Velocities(turns=method == AUGMENTED),
        batches,
        plan,
        part(run, plan, method, seed),
        seed,
        max_steps=plan.steps,
    )
    x, u, y = seen[cut:], action[cut:], change[cut:]
    angle = 2 * torch.pi * torch.rand(len(x), generator=spawn(seed, "test"))
    variance = (y - y.mean(0)).square().mean()
    with torch.no_grad():
        inside = float((model(x, u) - y).square().mean() / variance)
        outside = float((model(turned(x, angle), u) - _turned_vectors(y, angle)).square().mean() / variance)
    return {"inside": inside, "outside": outside, "ratio": outside / inside, "parameters": size(model)}


class Velocities(Task):
    """Changes of velocity, mean squared; with ``turns``, of scenes turned by random angles that a checkpoint keeps."""

    def __init__(self, turns: bool) -> None:
        super().__init__(_error)
        self.turns = turns

    def step(self, now: Step, batch: tuple[Tensor, Tensor, Tensor]) -> Any:
        x, u, y = batch
        if self.turns:
            angle = 2 * torch.pi * torch.rand(len(x), generator=now.generator)
            x, y = turned(x, angle), _turned_vectors(y, angle)
        return super().step(now, (x, u, y))


def _error(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    x, u, y = batch
    return (network(x, u) - y).square().mean((-1, -2))


def played(plan: SectorPlan, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Limbs ``(n, limbs, 41)``, random torques ``(n, limbs, 3)``, and how velocities change in a step of control.

    Body and target look east, within the plan's degrees: the scene is turned to the one, and its target to the other.
    """
    env = make_locomotion(plan.body)
    world: Any = env.unwrapped
    draw = np.random.default_rng(derive(seed, "torques"))
    half = np.radians(float(plan.degrees))

    def begun() -> Any:
        env.reset(seed=int(draw.integers(2**31)))
        yaw, bearing = draw.uniform(-half, half, 2)
        w, _, _, z = world.data.qpos[3:7]
        world.rotate(yaw - 2 * np.arctan2(z, w))
        far = 1e4 * np.array([np.cos(bearing), np.sin(bearing)])
        world.set_state(world.data.qpos.copy(), world.data.qvel.copy(), world.data.qpos[:2] + far)
        return world.observe()["limbs"]

    seen, rows = begun(), list[tuple[Tensor, Tensor, Tensor]]()
    while len(rows) < count:
        u = draw.uniform(-1, 1, env.action_space.shape)
        after, _, ended, cut, _ = env.step(u)
        rows.append(tuple(torch.from_numpy(v) for v in (seen, u, after["limbs"][:, _V] - seen[:, _V])))  # type: ignore[arg-type]
        seen = begun() if ended or cut else after["limbs"]
    one, two, three = (torch.stack(column).float() for column in zip(*rows, strict=True))
    return one, two, three


def learner(method: str, limbs: int) -> nn.Module:
    """A network from limbs and torques to the changes of velocity ``(rows, limbs, 3)``."""
    if method == OURS:
        return Equivariant(limbs)
    whole = Whole(limbs)
    return Looking(whole) if method == HEADING else whole


class Equivariant(nn.Module):
    """Two subequivariant layers on all vectors of the body, the torque-scaled hinge axes among them."""

    def __init__(self, limbs: int) -> None:
        super().__init__()
        words: dict[str, Any] = {"group": "SO(2)@z", "fixed": 1}
        self.first = SubequivariantLinear(11 * limbs, 20 * limbs, 32, 64, gram_width=12, **words)
        self.second = SubequivariantLinear(32 + 11 * limbs, 64 + 20 * limbs, limbs, 0, gram_width=12, **words)

    def forward(self, seen: Tensor, action: Tensor) -> Tensor:
        vectors = seen[..., :24].unflatten(-1, (8, 3))
        pushed = vectors[..., 5:8, :] * action[..., None]
        Z = torch.cat([vectors, pushed], -2).flatten(1, 2)
        h = torch.cat([seen[..., 24:], action], -1).flatten(1)
        g = seen[:, :1, 3:6] / 9.81
        more, told = self.first(Z, h, g)
        return self.second(torch.cat([more, Z], -2), torch.cat([told, h], -1), g)[0]


class Whole(nn.Module):
    """A perceptron on all numbers."""

    def __init__(self, limbs: int) -> None:
        super().__init__()
        self.limbs = limbs
        self.network = nn.Sequential(
            nn.Linear(44 * limbs, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 3 * limbs)
        )

    def forward(self, seen: Tensor, action: Tensor) -> Tensor:
        return self.network(torch.cat([seen, action], -1).flatten(1)).unflatten(-1, (self.limbs, 3))


class Looking(nn.Module):
    """A network in the frame of the target, whose answers are turned back."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.frame = network, HeadingFrame()

    def forward(self, seen: Tensor, action: Tensor) -> Tensor:
        return self.network(self.frame.along(seen), action) @ self.frame.turn(seen).mT


def _turned_vectors(y: Tensor, angle: Tensor) -> Tensor:
    """Vectors ``(rows, limbs, 3)`` turned as a scene is."""
    limbs = torch.cat([y, y.new_zeros(*y.shape[:-1], 38)], -1)
    return turned(limbs, angle)[..., :3]
