"""A policy that drives a body and its mirror image: they stay mirror images where it keeps mirrors, and there alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isotropy.control import make_locomotion
from isotropy.control._moves import Move
from isotropy.nn import SubequivariantPolicy


@pytest.mark.parametrize(("group", "stays"), [("O(2)@z", True), ("SO(2)@z", False)])
def test_a_walker_and_its_mirror_image(group: str, stays: bool) -> None:
    torch.manual_seed(1)
    policy = SubequivariantPolicy(group=group).double()
    with torch.no_grad():
        for w in policy.coefficients.parameters():
            w.mul_(4)  # torques of tenths
    one, two = make_locomotion("walker_7_full"), make_locomotion("walker_7_full")
    (seen, _), (other, _) = one.reset(seed=5), two.reset(seed=5)
    graph, mirror = one.unwrapped.graph, one.unwrapped.graph.mirror
    assert not isinstance(mirror, str)
    e = one.unwrapped
    draw = np.random.default_rng(0)
    e.set_state(e.data.qpos, draw.normal(0, 0.3, e.model.nv))
    two.unwrapped.set_state(e.data.qpos, e.data.qvel, e.target)
    move = Move(0.4, mirror)
    two.unwrapped.move(move)
    seen, other = e.observe(), two.unwrapped.observe()
    apart, size = 0.0, 0.0
    with torch.no_grad():
        for _ in range(25):
            u, v = (policy(torch.from_numpy(limbs["limbs"])[None], graph)[0].numpy() for limbs in (seen, other))
            (seen, *_), (other, *_) = one.step(u), two.step(v)
            apart = max(apart, float(np.abs(move.bodies(e.data.xpos[1:]) - two.unwrapped.data.xpos[1:]).max()))
            size = max(size, float(np.abs(u).max()))
    assert size > 0.05  # it does something
    assert (apart < 1e-9) is stays
