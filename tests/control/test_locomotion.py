"""The environments against an independent reading of the model, and the rules of their families."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from isotropy.control import bodies, make_locomotion
from isotropy.errors import DomainError, ShapeError

FAMILIES = ("hopper_5_full", "walker_7_full", "humanoid_9_full", "cheetah_14_full")


def random_state(env: gymnasium.Env, draw: np.random.Generator, speed: float = 1.0) -> None:
    model = env.unwrapped.model
    q, v = model.qpos0.copy(), speed * draw.standard_normal(model.nv)
    q[3:7] = draw.standard_normal(4)
    q[3:7] /= np.linalg.norm(q[3:7])
    q[7:] += draw.uniform(-0.3, 0.3, model.nq - 7)
    env.unwrapped.set_state(q, v, draw.uniform(-5, 5, 2))


def read_slowly(env: gymnasium.Env) -> NDArray[np.float64]:
    """The 41 numbers by the engine's own functions and the words of the specification, limb by limb."""
    e = env.unwrapped
    model, state = e.model, mujoco.MjData(e.model)
    state.qpos[:], state.qvel[:] = e.data.qpos, e.data.qvel
    mujoco.mj_forward(model, state)
    rows = []
    for b in range(1, model.nbody):
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(model, state, mujoco.mjtObj.mjOBJ_XBODY, b, velocity, 0)
        spin, v = velocity[:3], velocity[3:]
        v = v * min(1.0, 10 / np.linalg.norm(v))
        goal = np.append(e.target - state.qpos[:2], 0.0)
        row = [*(state.xpos[b] - state.xpos[1]), 0, 0, -9.81, *(goal / np.linalg.norm(goal)), *v, *spin]
        axes, angles, ranges = np.zeros((3, 3)), np.zeros(3), np.full((3, 3), 0.5)
        start = model.body_jntadr[b]
        for k in range(model.body_jntnum[b] if b > 1 else 0):
            j = start + k
            low, high = np.degrees(model.jnt_range[j])
            angle = state.qpos[model.jnt_qposadr[j]]
            axes[k], angles[k] = state.xaxis[j], angle
            ranges[k] = (np.degrees(angle) - low) / (high - low), (180 + low) / 360, (180 + high) / 360
        name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_BODY, b)
        kinds = [float(kind in name) for kind in ("torso", "thigh", "shin", "foot")]
        rows.append([*row, *axes.ravel(), *angles, *ranges.ravel(), *kinds, state.xpos[b, 2]])
    return np.array(rows)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_number_of_every_limb(name: str) -> None:
    env, draw = make_locomotion(name), np.random.default_rng(1)
    env.reset(seed=0)
    for speed in (1.0, 8.0):  # the second beyond the clip
        random_state(env, draw, speed)
        np.testing.assert_allclose(env.unwrapped.observe()["limbs"], read_slowly(env), atol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_next_state_and_reward_are_the_engines(name: str) -> None:
    env, draw = make_locomotion(name), np.random.default_rng(2)
    env.reset(seed=0)
    e = env.unwrapped
    random_state(env, draw, 0.3)
    twin = mujoco.MjData(e.model)
    twin.qpos[:], twin.qvel[:] = e.data.qpos, e.data.qvel
    action = draw.uniform(-1, 1, env.action_space.shape)
    for limb, motors in enumerate(e.graph.motors.tolist()):
        for k, motor in enumerate(motors):
            if motor >= 0:
                twin.ctrl[motor] = action[limb, k]
    place = twin.qpos[:2].copy()
    for _ in range(4):
        mujoco.mj_step(e.model, twin)
    *_, reward, _, _, _ = env.step(action)
    np.testing.assert_array_equal(e.data.qpos, twin.qpos)
    dt = 4 * e.model.opt.timestep
    paid = (np.hypot(*(e.target - place)) - np.hypot(*(e.target - twin.qpos[:2]))) / dt - 1e-3 * (twin.ctrl**2).sum()
    mujoco.mj_kinematics(e.model, twin)
    heading = twin.xmat[1].reshape(3, 3)[:2, 0]
    paid += 0 if "hopper" in name else (twin.qpos[:2] - place) @ heading / np.linalg.norm(heading) / dt
    paid += 0 if "cheetah" in name else 1
    assert reward == pytest.approx(paid, abs=1e-9)


def test_a_centimetre_in_one_step_is_worth_2_25_to_a_hopper() -> None:
    env = make_locomotion("hopper_3_shin")
    env.reset(seed=0)
    e = env.unwrapped
    e.model.opt.gravity[:] = 0.0
    q, v = e.model.qpos0.copy(), np.zeros(e.model.nv)
    q[2], v[0] = 5.0, 0.01 / e.dt  # high above the floor, drifting
    e.set_state(q, v, np.array([1e4, 0.0]))
    _, reward, *_ = env.step(np.zeros((3, 3)))
    assert reward == pytest.approx(2.25, abs=1e-6)  # the thigh hangs at the end of its range and moves a little


@pytest.mark.parametrize("name", FAMILIES[:3])
def test_yaw_never_ends_an_episode_and_a_roll_does(name: str) -> None:
    env = make_locomotion(name)
    env.reset(seed=0)
    e = env.unwrapped
    for angle, axis, ends in ((np.pi / 2, 2, False), (np.pi / 3, 0, True)):
        q = e.model.qpos0.copy()
        q[3:7] = np.cos(angle / 2), 0, 0, 0
        q[4 + axis] = np.sin(angle / 2)
        e.set_state(q, np.zeros(e.model.nv))
        assert e.family.fallen(e.data, e.graph.names) is ends


LOWEST = {
    "hopper_3_shin": 0.45, "hopper_4_lower_shin": 0.6, "hopper_5_full": 0.95, "walker_2_right_leg_left_knee": 0.54,
    "walker_3_left_knee_right_knee": 0.54, "walker_3_left_leg_right_foot": 0.664, "walker_5_left_knee": 0.664,
    "walker_4_right_knee_left_foot": 0.664, "walker_5_foot": 0.8, "walker_7_full": 0.8, "humanoid_7_left_arm": 0.834625,
}  # fmt: skip


@pytest.mark.parametrize("name", LOWEST)
def test_heights_at_which_bodies_have_fallen_are_those_of_the_released_code(name: str) -> None:
    e = make_locomotion(name).unwrapped
    for above, ends in ((1e-6, False), (-1e-6, True)):
        q = e.model.qpos0.copy()
        q[2] = LOWEST[name] + above
        e.set_state(q, np.zeros(e.model.nv))
        assert e.family.fallen(e.data, e.graph.names) is ends


@pytest.mark.parametrize("name", bodies())
def test_no_body_has_fallen_before_it_touches_the_floor(name: str) -> None:
    env, touched, ended = make_locomotion(name), False, False
    env.reset(seed=0)
    while not (touched or ended):
        _, _, ended, _, _ = env.step(np.zeros(env.action_space.shape))
        touched = env.unwrapped.data.ncon > 0
    assert touched


def test_a_cheetah_that_rests_has_ended() -> None:
    env = make_locomotion("cheetah_14_full")
    env.reset(seed=0)
    e = env.unwrapped
    for speed, ends in ((0.0, True), (0.3, False)):
        e.set_state(e.model.qpos0, np.full(e.model.nv, speed))
        assert e.family.fallen(e.data, e.graph.names) is ends


def test_time_limits_cut_off_and_do_not_end() -> None:
    env = gymnasium.make("isotropy/cheetah_13_tail-v0", max_episode_steps=3)
    env.reset(seed=0)
    env.unwrapped.family = type(env.unwrapped.family)(False, 0.0, lambda state, names: False, env.unwrapped.family.rest)
    ends = [env.step(np.zeros((13, 3)))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


@pytest.mark.filterwarnings("ignore::UserWarning")  # that spaces are unbounded
def test_gymnasium_finds_nothing_to_say() -> None:
    for name in ("hopper_4_lower_shin", "walker_2_right_leg_left_knee"):
        check_env(gymnasium.make(f"isotropy/{name}-v0").unwrapped, skip_render_check=True)
    assert f"isotropy/{bodies('humanoid')[0]}-v0" in gymnasium.registry


def test_the_same_seed_gives_the_same_episode() -> None:
    runs = []
    for _ in range(2):
        env = make_locomotion("walker_5_foot", target="point")
        seen, _ = env.reset(seed=3)
        runs.append([seen["limbs"], *(env.step(np.full((5, 3), 0.1))[0]["limbs"] for _ in range(4))])
    np.testing.assert_array_equal(*map(np.array, runs))


def test_a_point_that_is_reached_moves() -> None:
    env = make_locomotion("hopper_3_shin", target="point")
    env.reset(seed=0)
    e = env.unwrapped
    e.target = e.data.qpos[:2] + 0.5
    env.step(np.zeros((3, 3)))
    assert 10 <= np.hypot(*(e.target - e.data.qpos[:2])) <= 20


def test_a_target_on_the_torso_keeps_the_last_direction_and_warns_once() -> None:
    env = make_locomotion("hopper_3_shin")
    seen, _ = env.reset(seed=0)
    e = env.unwrapped
    e.target = e.data.qpos[:2].copy()
    with pytest.warns(UserWarning, match="last direction"):
        again = e.observe()
    np.testing.assert_array_equal(again["limbs"][:, 6:9], seen["limbs"][:, 6:9])
    e.observe()  # and says nothing more


def test_actions_flat_or_by_limb_and_others_refused() -> None:
    env = make_locomotion("hopper_3_shin")
    env.reset(seed=0)
    controls = env.unwrapped.controls
    u = np.random.default_rng(0).uniform(-1, 1, (3, 3))
    np.testing.assert_array_equal(controls(u), controls(u.ravel()))
    told = env.unwrapped.action_motors
    np.testing.assert_array_equal(controls(u)[told[told >= 0]], u.ravel()[told >= 0])
    with pytest.raises(ShapeError, match=r"\(4, 3\); expected \(3, 3\)"):
        controls(np.zeros((4, 3)))
    with pytest.raises(DomainError, match="1 numbers that"):
        controls(np.array([np.nan] + [0.0] * 8))


def test_a_simulation_that_blows_up_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the engine writes its log
    env = make_locomotion("hopper_3_shin")
    env.reset(seed=0)
    env.unwrapped.data.qvel[0] = np.inf
    _, _, ended, cut, told = env.step(np.zeros((3, 3)))
    assert (ended, cut, told) == (True, False, {"finite": False})


@pytest.mark.parametrize("word", [{"target": "line"}, {"cone": "round"}, {"clip": "none"}])
def test_unknown_words_list_the_known(word: dict[str, str]) -> None:
    with pytest.raises(DomainError, match=next(iter(word))):
        make_locomotion("hopper_3_shin", **word)
