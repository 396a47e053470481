"""E6: boxes and balls that fall, made of particles: what moves them, learned with and without the symmetry."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isotropy.data import ParticleScene
from isotropy.experiments.subequivariant._config import OURS, PHYSICS, PLAIN_TURNED, SIMULATED, PhysicsPlan
from isotropy.linalg import Segments, neighbours
from isotropy.nn import SubequivariantDynamics
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import Trace, job, part, size, train
from isotropy.train import Step, Task

_BODIES, _DT, _RADIUS = 3, 1 / 60, 0.15
_engine: Any = mujoco


@job
def physics_job(run: Run, *, seed: int, method: str, plan: PhysicsPlan) -> dict[str, Any]:
    """Mean squared errors (cm^2) of rollouts: of other scenes, of those turned, and of others dropped from higher."""
    learned = scenes(plan, plan.scenes, 1.0, derive(seed, "scenes"))
    test = scenes(plan, plan.test, 1.0, derive(seed, "test"))
    high = scenes(plan, plan.test, float(plan.higher), derive(seed, "high"))
    torch.manual_seed(derive(seed, "weights"))
    model = SubequivariantDynamics(hidden=32, radius=_RADIUS, dt=_DT) if method == OURS else PlainDynamics()
    order = spawn(seed, "order")
    pairs = [
        (
            int(torch.randint(len(learned), (), generator=order)),
            int(torch.randint(1, plan.frames - 1, (), generator=order)),
        )
        for _ in range(plan.steps)
    ]
    train(
        model,
        Motions(learned, turns=method == PLAIN_TURNED),
        pairs,
        plan,
        part(run, plan, method, seed),
        seed,
        max_steps=plan.steps,
    )
    turns = [2 * np.pi * k / max(plan.test, 1) + 0.7 for k in range(plan.test)]
    sets = {
        "other": test,
        "turned": [scene.turned(angle) for scene, angle in zip(test, turns, strict=True)],
        "higher": high,
    }
    told = {name: float(np.mean([rolled(model, scene, plan.horizon) for scene in some])) for name, some in sets.items()}
    seen = falls(model, test[0], plan.horizon, method)
    return {**told, "ratio": told["turned"] / told["other"], "parameters": size(model), "traces": seen}


class Motions(Task):
    """Velocities a frame later, squared errors of the particles at a pair (scene, frame); with ``turns`` of scenes
    turned at random, by angles that a checkpoint keeps."""

    def __init__(self, scenes: list[ParticleScene], turns: bool) -> None:
        super().__init__(_error)
        self.scenes, self.turns = scenes, turns

    def step(self, now: Step, batch: tuple[int, int]) -> Any:
        scene, t = self.scenes[batch[0]], batch[1]
        if self.turns:
            scene = scene.turned(float(2 * torch.pi * torch.rand((), generator=now.generator)))
        return super().step(now, (scene, t))


def _error(network: nn.Module, batch: tuple[ParticleScene, int]) -> Tensor:
    scene, t = batch
    x, v, after = scene.at(t)
    return (network(x, v, scene.objects, scene.gravity) - after).square().sum(-1)


def rolled(model: nn.Module, scene: ParticleScene, horizon: int) -> float:
    """The mean squared error of the places of particles after so many frames, cm^2."""
    return 1e4 * float((path(model, scene, horizon)[-1] - scene.x[1 + horizon]).square().sum(-1).mean())


def path(model: nn.Module, scene: ParticleScene, horizon: int) -> Tensor:
    """Where the particles are said to be in each of so many frames ``(horizon, n, 3)``."""
    x, v, _ = scene.at(1)
    places = list[Tensor]()
    with torch.no_grad():
        for _ in range(horizon):
            v = model(x, v, scene.objects, scene.gravity)
            x = x + _DT * v
            places.append(x)
    return torch.stack(places)


def falls(model: nn.Module, scene: ParticleScene, horizon: int, method: str) -> list[Trace]:
    """A scene from the side, as it was simulated and as it was predicted, half way and at the end."""
    told = path(model, scene, horizon)
    return [
        Trace(PHYSICS, f"{who}, {ahead}", {"metres": x[:, 0].tolist(), "height": x[:, 2].tolist()})
        for ahead in dict.fromkeys((max(horizon // 2, 1), horizon))
        for who, x in ((SIMULATED, scene.x[1 + ahead]), (method, told[ahead - 1]))
    ]


class PlainDynamics(nn.Module):
    """Messages between neighbouring particles whose vectors are numbers as all others: no symmetry but of places."""

    def __init__(self, hidden: int = 64, radius: float = _RADIUS) -> None:
        super().__init__()
        self.radius = radius
        self.node = nn.Sequential(nn.Linear(13, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.message = nn.Sequential(nn.Linear(2 * hidden + 4, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.update = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.out = nn.Linear(hidden, 3)

    def forward(self, x: Tensor, v: Tensor, objects: Tensor, gravity: Tensor) -> Tensor:
        of = Segments(objects, int(objects.max()) + 1)
        centre, pace = of.mean(x)[objects], of.mean(v)[objects]
        h = self.node(torch.cat([x - centre, v, pace, x[:, 2:], gravity.expand(len(x), 3)], -1))
        edge = neighbours(x.detach(), radius=self.radius, segments=Segments(torch.zeros_like(objects), 1))
        j, i = edge
        same = (objects[i] == objects[j]).to(x)[:, None]
        at = Segments(i, len(x))
        for _ in range(2):
            m = at.sum(self.message(torch.cat([h[i], h[j], x[i] - x[j], same], -1)))
            h = h + self.update(torch.cat([h, m / at.sizes.clamp(min=1)[:, None]], -1))
        return v + _DT * gravity + self.out(h)


def scenes(plan: PhysicsPlan, count: int, higher: float, seed: int) -> list[ParticleScene]:
    """So many scenes of MuJoCo; gravity is 5 to 15 m/s^2, another in each."""
    draw = np.random.default_rng(seed)
    return [_scene(plan, higher, draw) for _ in range(count)]


def _scene(plan: PhysicsPlan, higher: float, draw: np.random.Generator) -> ParticleScene:
    kinds = draw.choice(["box", "sphere"], _BODIES)
    sizes = draw.uniform(0.08, 0.14, (_BODIES, 3))
    starts = np.stack([draw.uniform(-0.15, 0.15, _BODIES), draw.uniform(-0.15, 0.15, _BODIES),
                       higher * (0.3 + 0.35 * np.arange(_BODIES))], 1)  # fmt: skip
    bodies = "".join(
        f'<body pos="{" ".join(map(str, p))}"><freejoint/><geom type="{k}" '
        f'size="{" ".join(map(str, s if k == "box" else s[:1]))}" density="500"/></body>'
        for k, s, p in zip(kinds, sizes, starts, strict=True)
    )
    g = float(draw.uniform(5, 15))
    model = _engine.MjModel.from_xml_string(
        f'<mujoco><option gravity="0 0 {-g}" timestep="{_DT / 8}" cone="elliptic"/><worldbody>'
        f'<geom type="plane" size="5 5 .1"/>{bodies}</worldbody></mujoco>'
    )
    data = _engine.MjData(model)
    for b in range(_BODIES):
        q = draw.standard_normal(4)
        data.qpos[7 * b + 3 : 7 * b + 7] = q / np.linalg.norm(q)
        data.qvel[6 * b : 6 * b + 2] = draw.uniform(-0.5, 0.5, 2)
        data.qvel[6 * b + 3 : 6 * b + 6] = draw.uniform(-2, 2, 3)
    _engine.mj_forward(model, data)
    if data.ncon:  # bodies that begin inside each other are thrown apart: drawn again
        return _scene(plan, higher, draw)
    own = [_surface(kinds[b], sizes[b], plan.particles, draw) for b in range(_BODIES)]
    frames = list[NDArray[np.float64]]()
    for _ in range(plan.frames):
        _engine.mj_kinematics(model, data)
        frames.append(
            np.concatenate([p @ data.xmat[b + 1].reshape(3, 3).T + data.xpos[b + 1] for b, p in enumerate(own)])
        )
        _engine.mj_step(model, data, 8)
    objects = torch.arange(_BODIES).repeat_interleave(plan.particles)
    return ParticleScene(torch.tensor(np.stack(frames)).float(), objects, torch.tensor([0.0, 0.0, -g]), _DT)


def _surface(kind: str, half: NDArray[np.float64], count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Points on a box or a ball."""
    u = draw.standard_normal((count, 3))
    if kind == "sphere":
        return half[0] * u / np.linalg.norm(u, axis=1, keepdims=True)
    return half * u / np.abs(u).max(1, keepdims=True)
