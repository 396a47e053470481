"""Bodies of limbs: the 29 of the benchmark, their trees, left and right, and what is refused."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from isotropy.control import HELD_OUT, LimbGraph, bodies, make_locomotion
from isotropy.control._mirror import mirror_of
from isotropy.control._moves import Move
from isotropy.errors import DomainError, MorphologyError, ShapeError
from isotropy.nn.parts import LimbTree

LEG = '<body name="leg"><joint name="knee" axis="0 1 0"/><geom size=".1" fromto="0 0 0 0 0 -.5" type="capsule"/></body>'


def body(
    torso: str = '<joint type="free"/>', limb: str = LEG, motor: str = '<motor joint="knee"/>', more: str = ""
) -> str:
    return (
        f'<mujoco>{more}<worldbody><geom type="plane" size="5 5 .1"/><body name="trunk" pos="0 0 1">{torso}'
        f'<geom size=".1"/>{limb}</body></worldbody><actuator>{motor}</actuator></mujoco>'
    )


def test_counts_and_masses_are_those_of_the_benchmark() -> None:
    assert len(bodies()) == 29
    assert set(HELD_OUT) < set(bodies())
    told = {"hopper_5_full": (5, 12, 19, 18.601), "walker_7_full": (7, 18, 25, 33.531),
            "humanoid_9_full": (9, 24, 31, 42.116), "cheetah_14_full": (14, 39, 46, 59.351)}  # fmt: skip
    for name, (limbs, motors, q, mass) in told.items():
        graph = LimbGraph.from_mjcf(name)
        assert (len(graph.names), graph.model.nu, graph.model.nq) == (limbs, motors, q)
        assert graph.model.body_mass.sum() == pytest.approx(mass, abs=5e-4)  # as printed there
        assert int(graph.driven.sum()) == motors


def test_every_body_is_a_tree_in_which_parents_come_first() -> None:
    for name in bodies():
        parents = LimbGraph.from_mjcf(name).parents
        assert (parents[1:] < torch.arange(1, len(parents))).all()


def test_a_body_of_your_own_with_one_hinge_a_limb() -> None:
    graph = LimbGraph.from_mjcf(mujoco.MjModel.from_xml_string(body()))
    assert graph.names == ("trunk", "leg")
    assert graph.joints.tolist() == [[-1, -1, -1], [1, -1, -1]]
    env = make_locomotion(graph.model)
    seen, _ = env.reset(seed=0)
    assert not seen["limbs"][1, 18:24].any()  # the axes of hinges that are not there
    env.step(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("xml", "named"),
    [
        (body(torso=""), "trunk without a free joint"),
        (body(torso='<joint type="slide"/>'), "trunk without a free joint"),
        (
            body(limb=LEG.replace('<joint name="knee" axis="0 1 0"/>', '<joint name="knee" type="slide"/>')),
            "joint knee of limb leg, of type slide",
        ),
        (body(motor=""), "knee"),
        (
            body(limb=LEG + LEG.replace("leg", "arm").replace('<joint name="knee" axis="0 1 0"/>', "")),
            "arm with 0 joints",
        ),
        (body(motor='<motor joint="knee"/><motor joint="knee"/>'), "two motors of joint knee"),
    ],
)
def test_what_is_no_tree_of_limbs_is_refused_by_name(xml: str, named: str) -> None:
    with pytest.raises(MorphologyError, match=named):
        LimbGraph.from_mjcf(mujoco.MjModel.from_xml_string(xml))


def test_a_second_root_and_unknown_names_are_refused() -> None:
    two = body().replace("</worldbody>", '<body name="stone"><freejoint/><geom size=".1"/></body></worldbody>')
    with pytest.raises(MorphologyError, match="trunk, stone"):
        LimbGraph.from_mjcf(mujoco.MjModel.from_xml_string(two))
    with pytest.raises(MorphologyError, match="write hopper_3_shin"):
        make_locomotion("hopper_3_shim")


def test_gravity_must_be_down() -> None:
    for gravity, named in (("0 0 0", r"O\(3\)"), ("1 0 -9", "along -z"), ("0 0 9.81", "along -z")):
        model = mujoco.MjModel.from_xml_string(body(more=f'<option gravity="{gravity}"/>'))
        with pytest.raises(DomainError, match=named):
            make_locomotion(model)


def test_time_must_go_on() -> None:
    with pytest.raises(DomainError, match="a time step of 0"):
        make_locomotion(mujoco.MjModel.from_xml_string(body(more='<option timestep="0"/>')))


def test_sides_are_found_by_geometry() -> None:
    walker = LimbGraph.from_mjcf("walker_7_full")
    assert walker.left_right_permutation() is not None
    assert walker.twins.tolist() == [0, 4, 5, 6, 1, 2, 3]
    assert not isinstance(walker.mirror, str)
    assert (walker.mirror.signs > 0).all()  # angles and torques are scalars, issue by issue and hinge by hinge
    # The right hip of the humanoid has another armature than the left one.
    assert LimbGraph.from_mjcf("humanoid_9_full").mirror == "body right_thigh"
    lame = mujoco.MjModel.from_xml_string(_files()["walker_7_full"])
    lame.dof_damping[8] *= 1.5
    assert isinstance(LimbGraph.from_mjcf(lame).mirror, str)


CROSS = """<mujoco><worldbody><geom type="plane" size="5 5 .1"/><body name="trunk" pos="0 0 1"><freejoint/>
<geom size=".1"/>{}</body></worldbody><actuator>{}</actuator></mujoco>"""


def paired(joint: str, motors: str = '<motor joint="k{}"/>') -> mujoco.MjModel:
    """A trunk with a leg on each side, whose axes are axial images of each other."""
    legs = "".join(
        f'<body name="leg{s}" pos="0 {y} 0">{joint.format(s, a)}<geom size=".1" pos="0 0 -.4"/></body>'
        for s, y, a in (("l", 0.2, 1), ("r", -0.2, -1))
    )
    return mujoco.MjModel.from_xml_string(CROSS.format(legs, "".join(motors.format(s, s) for s in "lr")))


def test_two_motors_of_other_laws_on_one_joint_are_told_apart() -> None:
    two = '<motor joint="k{}"/><position joint="k{}" kp="30"/>'
    mirror = mirror_of(paired('<joint name="k{0}" axis="{1} 0 0"/>', two))
    assert not isinstance(mirror, str)
    assert mirror.motors.tolist() == [2, 3, 0, 1]
    assert mirror_of(paired('<joint name="k{0}" type="ball"/>')) == "body legl"


def test_angles_are_told_from_where_a_joint_rests() -> None:
    """Hinges about one axis on both sides, at rest at 0.5: the image of 0.5 + q is 0.5 - q."""
    model = paired('<joint name="k{0}" axis="0 0 1" ref="0.5"/>')
    mirror = mirror_of(model)
    assert not isinstance(mirror, str)
    q, v = model.qpos0.copy(), np.zeros(model.nv)
    q[7:] += (0.2, 0.0)
    moved, _ = Move(0.0, mirror).state(model, q, v)
    np.testing.assert_allclose(moved[7:] - model.qpos0[7:], (0.0, -0.2), atol=1e-12)


def test_a_model_of_your_own_is_left_as_it_is() -> None:
    model = mujoco.MjModel.from_xml_string(body())
    one, two = make_locomotion(model), make_locomotion(model, cone="pyramidal")
    assert one.unwrapped.model.opt.cone != two.unwrapped.model.opt.cone
    assert model.opt.disableflags == 0


def _files() -> dict[str, str]:
    from isotropy.control._bodies import _files as files

    return files()


def test_a_tree_has_one_root_and_no_circle() -> None:
    for parents in ([-1, -1], [1, 0], [-1, 2, 1], [-1, 5]):
        with pytest.raises(ShapeError, match="tree"):
            LimbTree(torch.tensor(parents))


def test_relation_against_the_definitions() -> None:
    tree = LimbTree(torch.tensor([-1, 0, 0, 2]))
    A = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], dtype=torch.float64)
    rank, laplacian, hops = tree.relation.unbind(-1)
    walk = (A + torch.eye(4)) / (A + torch.eye(4)).sum(1, keepdim=True)
    told = torch.eye(4, dtype=torch.float64)
    for _ in range(400):  # the walk that starts again with one chance in ten
        told = 0.1 * torch.eye(4) + 0.9 * told @ walk
    torch.testing.assert_close(rank, told)
    assert torch.linalg.eigvalsh(laplacian)[0].abs() < 1e-12
    torch.testing.assert_close(laplacian.diagonal(), torch.ones(4, dtype=torch.float64))
    assert (hops * 4).tolist() == [[0, 1, 1, 2], [1, 0, 2, 3], [1, 2, 0, 1], [2, 3, 1, 0]]
