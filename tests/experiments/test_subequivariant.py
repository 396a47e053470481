"""The experiment on subequivariance: each method has its lines, claims fail on bad numbers, the science is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from isotropy.control import LimbGraph
from isotropy.control.parts import turned
from isotropy.data import ParticleScene
from isotropy.experiments import REGISTRY
from isotropy.experiments.subequivariant import (
    FULL,
    Config,
    PhysicsPlan,
    PuckPlan,
    SectorPlan,
    Subequivariant,
    WalkPlan,
    claims,
    trials,
)
from isotropy.experiments.subequivariant._config import EXACT_METHODS, LEARNERS, PHYSICS_METHODS
from isotropy.experiments.subequivariant._invariance import mirrored, states_of
from isotropy.experiments.subequivariant._physics import Motions, scenes
from isotropy.experiments.subequivariant._sector import Equivariant, Velocities, played
from isotropy.runs import Run
from isotropy.train import Step

TINY = Config(
    sector=SectorPlan(transitions=60, test=30, steps=3, batch=16),
    puck=PuckPlan(steps=505, bearings=2, episodes=1),
    walk=WalkPlan(steps=12, warmup=8, batch=4, every=2, bearings=2),
    physics=PhysicsPlan(scenes=1, test=1, particles=4, frames=10, steps=2, horizon=4),
    walkers=("heading",),
    states=2,
    seeds=1,
    engine="serial",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Subequivariant:
    with Run(tmp_path_factory.mktemp("run") / "run") as run:
        result = REGISTRY["subequivariant"].run(TINY, run)
    assert isinstance(result, Subequivariant)
    return result


def test_every_method_has_its_lines_and_the_page_its_tables(found: Subequivariant, tmp_path: Path) -> None:
    for task, methods in (("E2", EXACT_METHODS), ("E3", LEARNERS), ("E5", LEARNERS), ("E6", PHYSICS_METHODS)):
        assert {line.method for line in found.scores if line.task == task} == set(methods)
    assert found.score("E1", "hopper_3_shin, worst / best bearing", "heading").mean > 1 - 1e-6
    fallen = {trace.name: trace.columns for trace in found.traces if trace.figure == "E6"}
    assert set(fallen) == {f"{who}, {ahead}" for who in ("simulated", *PHYSICS_METHODS) for ahead in (2, 4)}
    assert len(fallen["simulated, 4"]["height"]) == 3 * TINY.physics.particles
    named = {trace.name for trace in found.traces} - set(fallen)
    assert named == {f"{line}, hopper_3_shin, seed 0" for line in ("heading", "random actions", "no torque")}
    page = found.report(tmp_path / "report.html").read_text()
    assert "plain, turned, 4 frames ahead" in page
    assert all(f"Learning by {x}" in page for x in ("transitions", "updates", "s of the processor"))
    assert all(
        word in page for word in ("E2: exact", "E3: a sector", "E5: a sector", "E1, E4: bodies", "E6: what falls")
    )


def test_what_is_exact_holds_before_anything_is_learned(found: Subequivariant) -> None:
    verdicts = {
        verdict.text: verdict.held for verdict in (claim.judge(found) for claim in claims(TINY) if _exact(claim))
    }
    assert len(verdicts) == 9
    assert all(verdicts.values()), verdicts


def test_claims_fail_on_numbers_that_are_bad(found: Subequivariant) -> None:
    """Each fails where all is next to nothing, or very large, or negative."""
    ours = tuple(replace(line, method="subequivariant") for line in found.scores if line.task == "E1")

    def held(value: float) -> dict[str, bool]:
        lines = tuple(replace(line, values=(value,) * len(line.values)) for line in (*found.scores, *ours))
        bad = replace(found, scores=lines)
        return {claim.text: claim.judge(bad).held for claim in claims(replace(TINY, walkers=("subequivariant",)))}

    one, two, three = held(1e-15), held(200.0), held(-1.0)
    assert len(one) == 23
    assert not [text for text in one if one[text] and two[text] and three[text]]
    margin = next(text for text in one if "twice that of random" in text)
    assert two[margin]
    assert not three[margin]


def _exact(claim: object) -> bool:
    return str(getattr(claim, "text", "")).startswith("E2")


def test_the_full_plan_has_every_family_and_both_unions() -> None:
    tasks = {trial.task for trial in trials(FULL)}
    assert tasks == {"E1", "E2", "E3", "E5", "E6"}
    assert len(FULL.tasks) == 6
    assert any("heading" in walker for walker in FULL.walkers)  # the strongest simple way is never hidden


def test_a_mirror_is_its_own_inverse_and_commutes_with_turns_as_mirrors_do() -> None:
    graph, seen = LimbGraph.from_mjcf("walker_7_full"), states_of(3, 0)
    assert torch.allclose(mirrored(mirrored(seen, graph), graph), seen, atol=1e-12)
    angle = torch.tensor([0.4, 1.0, 2.0], dtype=torch.float64)
    assert torch.allclose(
        mirrored(turned(seen, angle), graph), turned(mirrored(seen, graph), -angle), atol=1e-12
    )  # fmt: skip


def test_what_is_learned_from_looks_east_and_its_network_is_equivariant() -> None:
    seen, action, change = played(SectorPlan(degrees=15), 250, 0)
    target = torch.atan2(seen[:, 0, 7], seen[:, 0, 6])
    assert float(target.abs().max()) <= np.radians(15) + 1e-5
    assert float(target.std()) > 0.05
    torch.manual_seed(0)
    network = Equivariant(seen.shape[1]).double()
    x, u, angle = seen.double(), action.double(), torch.rand(250, dtype=torch.float64)
    with torch.no_grad():
        one, two = network(x, u), network(turned(x, angle), u)
    padded = torch.cat([one, one.new_zeros(*one.shape[:-1], 38)], -1)
    assert float((turned(padded, angle)[..., :3] - two).abs().max() / one.abs().max()) < 1e-11
    assert change.shape == (250, seen.shape[1], 3)


def test_what_falls_is_rigid_falls_and_stays_above_the_ground() -> None:
    (scene,) = scenes(PhysicsPlan(particles=6, frames=30), 1, 1.0, 3)
    assert scene.x.shape == (30, 18, 3)
    apart = torch.cdist(scene.x[:, :6], scene.x[:, :6])
    assert torch.allclose(apart, apart[:1].expand_as(apart), atol=1e-4)
    assert float(scene.x[..., 2].min()) > -0.02
    early = scene.x[:4].mean(1)[:, 2]
    fall = float(early[2] - 2 * early[1] + early[0]) * 60**2
    assert fall == pytest.approx(float(scene.gravity[2]), rel=0.05)  # no contact yet


def test_bodies_do_not_begin_inside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = mujoco
    step, begun = engine.mj_step, list[int]()

    def watched(model: Any, data: Any, steps: int) -> None:
        if data.time == 0:
            engine.mj_forward(model, data)
            begun.append(data.ncon)
        step(model, data, steps)

    monkeypatch.setattr(engine, "mj_step", watched)
    scenes(PhysicsPlan(particles=1, frames=1), 40, 1.0, 0)
    assert begun == [0] * 40


@pytest.mark.parametrize("kind", [Velocities, Motions])
def test_angles_of_turned_scenes_are_drawn_from_the_stream_that_a_checkpoint_keeps(kind: type) -> None:
    drawn = list[torch.Tensor]()

    class Told(torch.nn.Module):
        def forward(self, x: torch.Tensor, *_: Any) -> torch.Tensor:
            drawn.append(x.clone())
            return x[..., :3]

    class Watched(Step):
        def __init__(self) -> None:
            self.model, self.generator = Told(), torch.Generator().manual_seed(5)

        def mixed(self, batch: Any) -> Any:
            return batch

        def penalised(self, objective: torch.Tensor, batch: Any) -> torch.Tensor:
            return objective

        def descend(self, objective: torch.Tensor, optimizer: str | None = None) -> None:
            pass

    limbs = torch.randn(4, 2, 41, generator=torch.Generator().manual_seed(1))
    velocities = kind is Velocities
    scene = ParticleScene(torch.randn(4, 3, 3), torch.zeros(3, dtype=torch.long), torch.tensor([0.0, 0.0, -9.8]))
    task = kind(turns=True) if velocities else kind([scene], turns=True)
    batch = (limbs, limbs[..., :3], limbs[..., :3]) if velocities else (0, 1)
    now = Watched()
    for step in (Watched(), now, now):
        task.step(step, batch)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.allclose(drawn[1], drawn[2])
