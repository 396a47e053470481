"""What policies promise: invariance where they have it, a sector that holds, a frame that is one, training whole."""

from __future__ import annotations

import copy
import io
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.control import (
    Bearings,
    HeadingFrame,
    PointMass,
    Recipe,
    Sector,
    Trained,
    Trainings,
    compare_trained,
    evaluate_trained,
    load_trained,
    make_locomotion,
    train,
    train_bodies,
)
from isotropy.control._agents import POLICIES, agent_of
from isotropy.control._episodes import aimless, by_bearing, faced
from isotropy.control._film import capsules, drawn, film, films
from isotropy.control._replay import turned
from isotropy.control._trained import rose
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.estimate import Estimate
from isotropy.frames import Frame, FrameAveraged
from isotropy.report import Scatter, Table

INVARIANT = {"subequivariant", "heading", "heading-transformer"}


@pytest.mark.parametrize("policy", POLICIES)
def test_turns_change_nothing_where_a_policy_is_invariant_and_something_elsewhere(policy: str) -> None:
    env = make_locomotion("walker_7_full")
    graph = env.unwrapped.graph
    agent = agent_of(policy, [graph], size="small", group="O(2)@z", seed=0).double()
    draw = torch.Generator().manual_seed(0)
    seen = torch.from_numpy(env.reset(seed=1)[0]["limbs"])[None] + 0
    seen[..., 9:15] += torch.randn(1, 7, 6, generator=draw, dtype=torch.float64)
    action = torch.rand(1, 7, 3, generator=draw, dtype=torch.float64)
    other = turned(seen, torch.tensor([0.9], dtype=torch.float64))
    with torch.no_grad():
        for ask in (lambda x: agent.actor(x, graph), lambda x: agent.critics[0](x, action, graph)):
            one, two = ask(seen), ask(other)
            apart = float((one - two).abs().max() / one.abs().max())
            assert apart < 1e-11 if policy in INVARIANT else apart > 1e-4, apart


@pytest.mark.parametrize("policy", POLICIES)
def test_an_actor_is_the_same_in_training_and_in_evaluation(policy: str) -> None:
    graph = make_locomotion("walker_7_full").unwrapped.graph
    actor = agent_of(policy, [graph], size="small", group="O(2)@z", seed=0).actor
    seen = torch.randn(3, 7, 41, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        one, two = actor.train()(seen, graph), actor.eval()(seen, graph)
    assert two.isfinite().all()
    assert torch.allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_trained_and_acts(policy: str) -> None:
    env = make_locomotion("hopper_3_shin")
    found = train(env, policy=policy, steps=12, recipe=Recipe(warmup=4, batch=4), bearings=0, evaluations=1)
    assert np.isfinite(found.act(env.reset(seed=0)[0])).all()


def test_the_transformer_reads_relations_as_numbers() -> None:
    """Half as much again of the bias moves torques a little; as a mask of yes and no it would move nothing, or all."""
    graph = make_locomotion("walker_7_full").unwrapped.graph
    actor = agent_of("transformer", [graph], size="small", group="O(2)@z", seed=0).actor.eval()
    seen = torch.randn(2, 7, 41, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = actor(seen, graph)
        actor.get_submodule("bias").weight.mul_(1.5)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        assert 1e-6 < float((actor(seen, graph) - before).abs().max()) < 1


def test_returns_are_flat_until_chaos_where_a_policy_is_invariant() -> None:
    env = make_locomotion("walker_7_full")
    actor = agent_of("heading", [env.unwrapped.graph], size="small", group="O(2)@z", seed=0).actor
    returns = by_bearing(env, actor, 5, steps=200, seed=0)
    assert np.ptp(returns) < 1e-8 * np.abs(returns).max()
    assert next(actor.parameters()).dtype == torch.float32  # a copy was asked


def test_networks_that_drive_any_body_do_not_care_for_the_order_of_limbs() -> None:
    """Left and right legs of a walker told in the other order: the shared network gives the same torques to each."""
    graph = make_locomotion("walker_7_full").unwrapped.graph
    agent = agent_of("shared", [graph], size="small", group="O(2)@z", seed=0).double()
    seen = torch.randn(2, 7, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = [0, 4, 5, 6, 1, 2, 3]  # the same tree, with its legs exchanged
    with torch.no_grad():
        assert torch.allclose(agent.actor(seen, graph)[:, order], agent.actor(seen[:, order], graph), atol=1e-12)


def test_the_heading_frame_is_a_frame() -> None:
    frame, seen = HeadingFrame(), torch.randn(4, 3, 41, generator=torch.Generator().manual_seed(0))
    seen[..., 8] = 0
    assert isinstance(frame, Frame)
    angle = torch.tensor([0.3, 1.0, 2.0, 3.0])
    before, after = frame(seen).g[:, 0], frame(turned(seen, angle)).g[:, 0]
    R = turned(torch.eye(3).repeat(4, 1, 14)[..., :41], angle)[..., :3].mT  # the turn, by its columns
    assert torch.allclose(after, R @ before, atol=1e-6)
    assert torch.allclose(frame.along(seen), frame.along(turned(seen, angle)), atol=1e-5)
    assert torch.allclose(frame.along(seen)[:, 0, 7], torch.zeros(4), atol=1e-6)
    with pytest.raises(DomainError, match="without a direction"):
        frame(torch.zeros(1, 3, 41))


def test_the_heading_frame_serves_where_all_frames_do() -> None:
    """FrameAveraged, around a network of flat numbers with types, gives what Headed gives."""
    torch.manual_seed(0)
    backbone = torch.nn.Sequential(torch.nn.Linear(123, 9), torch.nn.Tanh()).double()
    seen, _ = make_locomotion("hopper_3_shin").reset(seed=2)
    flat = torch.from_numpy(seen["limbs"]).reshape(1, -1)
    framed = FrameAveraged(backbone, HeadingFrame(), " + ".join(["8*Vector + 17*Scalar"] * 3), "9*Scalar")
    other = turned(flat.reshape(1, 3, 41), torch.tensor([2.2], dtype=torch.float64)).reshape(1, -1)
    expected = backbone(HeadingFrame().along(flat.reshape(1, 3, 41)).flatten(1))
    assert torch.allclose(framed(flat), expected, atol=1e-12)
    assert torch.allclose(framed(other), expected, atol=1e-12)


def test_targets_stay_in_their_sector() -> None:
    env = Sector(make_locomotion("hopper_3_shin"), 0.4)
    bearings = [env.reset(seed=k)[0] and env.unwrapped.bearing for k in range(20)]
    assert max(map(abs, bearings)) <= 0.2
    assert np.ptp(bearings) > 0.2
    yaws = {round(float(env.reset(seed=k)[0]["limbs"][1, 15]), 3) for k in range(5)}
    assert len(yaws) == 5  # bodies look everywhere
    with pytest.raises(DomainError, match="width=0"):
        Sector(PointMass(), 0)


def test_the_optimum_of_the_point_mass_is_its_best_and_the_same_all_round() -> None:
    env = PointMass(steps=20)
    for bearing in (0.0, 2.0):
        env.reset(seed=3)
        env.rotate(bearing)
        best, gained = env.best, 0.0
        signs = np.sign(env.thrusters @ env.toward)
        for _ in range(20):
            gained += env.step(signs)[1]
        assert math.isclose(gained, best, rel_tol=1e-12)
    draw = np.random.default_rng(0)
    for _ in range(20):  # nothing else is worth more
        env.reset(seed=3)
        assert sum(env.step(draw.uniform(-1, 1, 3))[1] for _ in range(20)) < best


def test_training_in_a_folder_is_read_back_evaluated_and_resumed(tmp_path: Path) -> None:
    args = ["control", "train", "hopper_3_shin", "--policy", "heading", "--steps", "60", "--set", "warmup=20", "--set",
            "batch=8", "--bearings", "3", "--out", str(tmp_path / "run")]  # fmt: skip
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    assert "60 transitions, 20 updates" in done.output
    page = (tmp_path / "run" / "report.html").read_text()
    for words in (
        "return by bearing",
        "One episode",
        "By transitions",
        "By updates",
        "By s of the processor",
        "O(2)@z",
    ):
        assert words in page
    found = load_trained(tmp_path / "run")
    assert found["hopper_3_shin"].flatness > 1 - 1e-6  # turned starts are worth the same
    seen, _ = make_locomotion("hopper_3_shin").reset(seed=4)
    action = found.act(seen)
    assert action.shape == (3, 3)
    assert np.abs(action).max() <= 1
    shown = CliRunner().invoke(app, ["control", "show", str(tmp_path / "run")])
    assert shown.exit_code == 0
    assert "hopper_3_shin" in shown.output
    assert (tmp_path / "run" / "episode.gif").stat().st_size > 1000
    both = CliRunner().invoke(app, ["control", "show", *[str(tmp_path / "run")] * 2, "--out", str(tmp_path / "both")])
    assert both.exit_code == 0, both.output
    beside = Trainings.from_json(tmp_path / "both")
    assert beside["heading, seed 0"].curve["evaluated"] == tuple(v for v in found.curve["evaluated"] if v is not None)
    assert "Return by bearing" in (tmp_path / "both" / "report.html").read_text()
    again = CliRunner().invoke(app, [*args, "--resume"])
    assert again.exit_code == 0, again.output
    assert Trained.from_json(tmp_path / "run").curve["evaluated"] == found.curve["evaluated"]
    round_ = CliRunner().invoke(app, ["control", "evaluate", str(tmp_path / "run"), "--bearings", "2"])
    assert round_.exit_code == 0, round_.output
    assert "2 bearings" in round_.output
    with pytest.raises(ShapeError, match="knows one body"):
        evaluate_trained(tmp_path / "run", bodies=["hopper_5_full"], bearings=1)


def test_only_trainings_on_one_body_stand_beside_each_other(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="no trainings"):
        compare_trained([])
    one = Trained(bodies=(body_of(1.0),), policy="mlp")
    one.to_json(tmp_path / "a.json")
    other = replace(one, bodies=(replace(one.bodies[0], name="c"),))
    other.to_json(tmp_path / "b.json")
    with pytest.raises(DomainError, match=r"b\.json, trained on c.*one body.*b"):
        compare_trained([tmp_path / "a.json", tmp_path / "b.json"])
    assert compare_trained([tmp_path / "a.json"]).blocks()  # without a curve, and at one bearing


def test_sizes_are_those_of_networks_that_have_them() -> None:
    graph = make_locomotion("hopper_3_shin").unwrapped.graph
    for policy in ("subequivariant", "transformer", "heading-transformer"):
        small, paper = (
            sum(p.numel() for p in agent_of(policy, [graph], size=size, group="O(2)@z", seed=0).actor.parameters())
            for size in ("small", "paper")
        )
        assert paper > 4 * small
    for policy in ("mlp", "augmented", "heading", "shared"):
        with pytest.raises(DomainError, match="size='paper' of policy"):
            agent_of(policy, [graph], size="paper", group="O(2)@z", seed=0)


def test_an_evaluation_on_another_body_acts_on_that_body(tmp_path: Path) -> None:
    quick = Recipe(warmup=4, batch=4)
    train_bodies(["hopper_3_shin"], policy="shared", steps=8, recipe=quick, bearings=0, out=tmp_path / "run")
    other = evaluate_trained(tmp_path / "run", bodies=["hopper_4_lower_shin"], bearings=1)
    assert other.act(make_locomotion("hopper_4_lower_shin").reset(seed=0)[0]).shape == (4, 3)


def test_bodies_of_as_many_limbs_and_other_trees_are_told_apart() -> None:
    worlds = [make_locomotion(body) for body in ("walker_5_foot", "walker_5_left_knee")]
    graphs = [env.unwrapped.graph for env in worlds]
    found = Trained(bodies=(), policy="shared", graphs=tuple(graphs),
                    actor=agent_of("shared", graphs, size="small", group="O(2)@z", seed=0).actor)  # fmt: skip
    seen = worlds[0].reset(seed=0)[0]
    with pytest.raises(ShapeError, match="give graph="):
        found.act(seen)
    assert not np.allclose(found.act(seen, graphs[0]), found.act(seen, graphs[1]))
    with pytest.raises(DomainError, match="not all in one tree"):
        agent_of("mlp", graphs, size="small", group="O(2)@z", seed=0)
    one = agent_of("heading", graphs[:1], size="small", group="O(2)@z", seed=0).actor
    with pytest.raises(ShapeError, match="limbs hang on"):
        one(torch.as_tensor(seen["limbs"]).float()[None], graphs[1])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["hopper_3_shn", "--out", "x"], "write hopper_3_shin"),
        (["hopper", "--policy", "mlp", "--out", "x"], "one body"),
        (["hopper_3_shin", "--steps", "10", "--out", "x"], "warm-up"),
        (["hopper_3_shin", "--steps", "10", "--minutes", "1", "--out", "x"], "one of the two"),
        (["hopper_3_shin", "--set", "gama=1", "--out", "x"], "gamma"),
        (["hopper_3_shin", "--group", "O(3)", "--out", "x"], "O(2)@z"),
        (["hopper_3_shin", "--minutes", "-1", "--out", "x"], "minutes"),
        (["hopper_3_shin", "--minutes", "1", "--set", "anneal=true", "--out", "x"], "falls to 0"),
    ],
)
def test_what_cannot_be_trained_is_said(args: list[str], said: str, tmp_path: Path) -> None:
    args[args.index("x")] = str(tmp_path / "run")
    done = CliRunner().invoke(app, ["control", "train", *args])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "run").exists() or not any(f.name != ".run" for f in (tmp_path / "run").iterdir())


def test_what_python_trains_and_what_it_refuses() -> None:
    quick = Recipe(warmup=10, batch=4)
    found = train([make_locomotion("hopper_3_shin"), make_locomotion("hopper_4_lower_shin")], policy="shared", steps=30,
                  recipe=quick, bearings=0, evaluations=2)  # fmt: skip
    assert [body.name for body in found] == ["hopper_3_shin", "hopper_4_lower_shin"]
    assert (found.updates, found.transitions, len(found.curve["updates"])) == (10, 30, 2)
    with pytest.raises(ShapeError, match="3, 4 limbs"):
        found.act(np.zeros((5, 41)))
    with pytest.raises(ShapeError, match=r"\(limbs, 41\)"):
        found.act(np.zeros((3, 40)))
    with pytest.raises(DomainError, match="one of them"):
        train(PointMass(), steps=10, minutes=1)
    with pytest.raises(DomainError, match="no environments"):
        train([], steps=10)
    with pytest.raises(SchemaError, match="without a tree of limbs"):
        train(gymnasium.make("Ant-v5"), steps=2000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"evaluations": 0}, "evaluations=0"),
        ({"bearings": -1}, "bearings=-1"),
        ({"group": "O(2)@z", "policy": "subequivariant"}, 'group="SO'),
        ({"device": "cuda:99"}, "a device of this machine"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_lived_through(given: dict[str, Any], said: str) -> None:
    class Untouched(PointMass):
        def reset(self, **_: Any) -> Any:
            raise AssertionError("it was lived in")

    usual: dict[str, Any] = {"policy": "heading", "recipe": Recipe(warmup=4, batch=4), "steps": 8}
    with pytest.raises((DomainError, SchemaError), match=re.escape(said)):
        train(Untouched(), **(usual | given))


@pytest.mark.parametrize("given", [{"every": 0}, {"rate": math.inf}, {"clip": math.nan}, {"warmup": -1}])
def test_recipes_that_cannot_be_followed_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DomainError, match=next(iter(given))):
        Recipe(**given)


def test_worlds_may_be_told_one_after_another_and_a_body_by_its_name(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"steps": 8, "recipe": Recipe(warmup=4, batch=4), "policy": "heading", "bearings": 0}
    assert train((PointMass() for _ in range(1)), evaluations=1, **quick).transitions == 8
    with pytest.raises(SchemaError, match="hopper_3_shin, without a tree"):
        train("hopper_3_shin", **quick)
    assert [body.name for body in train_bodies("hopper_3_shin", out=tmp_path / "run", **quick)] == ["hopper_3_shin"]


def body_of(*returns: float, **more: Any) -> Bearings:
    at = tuple(90.0 * k for k in range(len(returns)))
    return Bearings("b", 3, Estimate(1.0, 0.5, 1.5, n=3), 0.25, at, returns, **more)


def test_losses_are_told_as_they_are() -> None:
    assert body_of(3.0, 4.0).flatness == 0.75
    assert math.isclose(body_of(-3.0, -4.0).flatness, 0.75)
    assert body_of(-1.0, 1.0).flatness == -1
    assert body_of(0.0, 0.0).flatness == 1
    assert math.isnan(body_of().flatness)
    assert math.isnan(body_of(1.0, math.nan).flatness)
    assert math.isnan(body_of(math.nan, 1.0).flatness)
    told = rose(body_of(-3.0, -4.0))
    assert isinstance(told, Table)
    assert [row[1] for row in told.rows] == [-3.0, -4.0, 0.25]


def test_clearly_above_is_said_of_random_actions_and_of_no_torque_apart() -> None:
    told = [
        replace(body_of(), random=random, still=still).verdict for random, still in ((0.3, 0), (0.2, 9), (0.2, 0.4))
    ]
    assert told == [
        "not clearly above random actions",
        "clearly above random actions, but not above no torque",
        "clearly above random actions, and above no torque",
    ]


def test_random_actions_are_given_as_long_as_the_policy_is() -> None:
    told = rose(body_of(1.0, 2.0, steps=200, random_by_bearing=0.125))
    assert isinstance(told, Scatter)
    assert "random, 0.125" in [points.label for points in told.clouds]
    assert "200 steps" in str(told.caption)
    env = PointMass(steps=9)
    whole, begun = aimless(env, 1), aimless(env, 1, steps=4)
    assert whole != begun
    assert begun == aimless(PointMass(steps=4), 1)


def test_next_steps_are_those_that_can_be_taken() -> None:
    kept = Trained(bodies=(body_of(1.0),), policy="mlp", updates=3, where="my run")
    assert kept.next_steps == ()  # of an environment that only Python knows
    known = replace(kept, environments=({"body": "hopper_3_shin"},))
    assert known.next_steps == ("isotropy control evaluate 'my run' --bearings 12",)


def test_turned_scenes_are_seen_through_wrappers() -> None:
    class Dimmed(gymnasium.ObservationWrapper):  # type: ignore[type-arg]
        def observation(self, observation: Any) -> Any:
            return {"limbs": 0.5 * observation["limbs"]}

    env = Dimmed(Sector(PointMass()))
    env.reset(seed=0)
    seen = faced(env, 1.0)["limbs"]
    np.testing.assert_array_equal(seen, 0.5 * env.unwrapped.observe()["limbs"])  # type: ignore[attr-defined]


def test_films_show_where_limbs_are() -> None:
    env = make_locomotion("walker_7_full")
    env.reset(seed=0)
    shapes = capsules(env.unwrapped)
    env.unwrapped.rotate(1.3)
    np.testing.assert_allclose(capsules(env.unwrapped), shapes, atol=1e-9)  # the target is always to the right
    assert len(shapes) >= 7
    picture = drawn(shapes)
    assert picture.shape == (200, 180, 3)
    assert (picture[:188] < 200).any()
    still = agent_of("heading", [env.unwrapped.graph], size="small", group="O(2)@z", seed=0).actor
    frames = film(env, still, frames=3, steps=4)
    assert [frame.label for frame in frames] == ["0.00 s", "0.02 s", "0.03 s"]
    inner = env.unwrapped

    class Bursting(gymnasium.Wrapper):  # type: ignore[type-arg]
        def step(self, action: Any) -> Any:
            told = super().step(action)
            if self.env.unwrapped.data.time > 2.5 * inner.dt:  # type: ignore[attr-defined]
                self.env.unwrapped.data.qpos[:] = np.nan  # type: ignore[attr-defined]
                return told[0], 0.0, True, False, {}
            return told

    assert [frame.label for frame in film(Bursting(env), still, frames=9)] == ["0.00 s", "0.01 s", "0.02 s"]
    assert film(PointMass(), agent_of("heading", [PointMass().graph], size="small", group="O(2)@z", seed=0).actor) == []


def test_twins_of_an_episode_are_as_alike_as_the_policy_is_symmetric() -> None:
    env = make_locomotion("walker_7_full")
    graph = env.unwrapped.graph
    told = {}
    for policy in ("subequivariant", "mlp"):
        actor = agent_of(policy, [graph], size="small", group="O(2)@z", seed=0).actor
        shown = films(env, actor, seed=3)
        turned, behind, mirrored = shown.twins.values()
        pairs = [*zip(shown.frames, turned, strict=False), *zip(behind, mirrored, strict=False)]
        flips = [1] * (len(pairs) - len(behind)) + [-1] * len(behind)  # from behind the left leg is on the left
        off = [
            float(np.abs(a.pixels.astype(int) - b.pixels[:, ::flip]).mean())
            for (a, b), flip in zip(pairs, flips[: len(pairs)], strict=True)
        ]
        told[policy] = max(off)
        with Image.open(io.BytesIO(shown.gif)) as gif:
            assert gif.size == (360, 200)
            assert getattr(gif, "n_frames", 1) > 5
    assert told["subequivariant"] < 1 < 4 < told["mlp"]  # of 255; edges of a flipped drawing are a pixel off
    assert len(films(make_locomotion("hopper_3_shin"), _still(make_locomotion("hopper_3_shin"))).twins) == 1  # no image
    assert not films(PointMass(), _still(PointMass())).gif


def _still(env: Any) -> Any:
    return agent_of("heading", [env.unwrapped.graph], size="small", group="O(2)@z", seed=0).actor


@pytest.mark.slow
def test_a_point_mass_is_driven_nearly_as_well_as_can_be_in_every_direction() -> None:
    """Targets in 60 degrees while training, all round in the test; the optimum is known."""
    recipe = Recipe(rate=1e-3, anneal=True, gamma=0.9, tau=0.02, clip=10.0, warmup=500, every=1)
    test = PointMass()
    best = np.array([test.reset(seed=100 + k) and test.best for k in range(10)])
    for seed in range(3):
        found = train(PointMass(sector=math.pi / 3), group="SO(2)@z", steps=2400, recipe=recipe, seed=seed, bearings=0,
                      evaluations=2, progress=False)  # fmt: skip
        assert found.cpu_seconds < 180
        share = (by_bearing(copy.deepcopy(test), found.actor, 12, episodes=10, seed=100) / best).mean(1)
        assert share.mean() > 0.9, (seed, share)
        assert share.min() >= 0.95 * share.max()
