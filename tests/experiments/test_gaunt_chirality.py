"""Left and right: the shapes, what each network can see of a mirror in principle, and what it learns."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import permutations
from pathlib import Path

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError
from isotropy.experiments.gaunt._chirality import MEASURED, chirality_job
from isotropy.experiments.gaunt._config import SMALL
from isotropy.experiments.gaunt._mirrors import METHODS, Method, ShapeNetwork
from isotropy.experiments.gaunt._shapes import TASKS, Task, mirrored, shapes
from isotropy.random import spawn
from isotropy.runs import Run


def drawn(task: Task, copies: int = 3) -> tuple[Tensor, Tensor]:
    found = shapes(task, copies, 0.1, spawn(0, "shapes"))
    return found.x.double(), found.y


def apart(one: Tensor, other: Tensor) -> float:
    """How far the points stay apart at least, over orders of them and proper rotations."""
    found = []
    for order in permutations(range(4)):
        U, S, V = torch.linalg.svd(one[:, :3].T @ other[list(order), :3])
        S[-1] = S[-1] * torch.det(U @ V).sign()
        found.append((one[:, :3].square().sum() + other[:, :3].square().sum() - 2 * S.sum()).item())
    return min(found)


def test_the_first_two_pieces_are_mirror_images_and_others_their_own() -> None:
    x, y = drawn("Tetris", 1)
    assert y.tolist() == list(range(8))
    assert apart(x[0], mirrored(x[1:2])[0]) < 1e-5
    for one in range(8):
        own = apart(x[one], mirrored(x[one : one + 1])[0])
        assert own > 0.1 if one < 2 else own < 1e-5
        assert all(apart(x[one], x[other]) > 0.1 for other in range(one))


def test_tetrahedra_come_in_pairs_of_left_and_right() -> None:
    x, y = drawn("tetrahedra", 50)
    volume = torch.det(x[:, 1:, :3] - x[:, :1, :3])
    assert torch.equal(volume > 0, (y == 0) == bool(volume[0] > 0))
    lengths = torch.cdist(x[..., :3], x[..., :3])
    torch.testing.assert_close(lengths[y == 0], lengths[y == 1], rtol=0, atol=1e-5)
    torch.testing.assert_close(x[..., 3:], torch.eye(4).double().expand(100, -1, -1))
    assert lengths[y == 0].std(0).max() > 0.05, "jittered"
    assert x[..., :3].mean((0, 1)).abs().max() < 1e-5


def test_shapes_are_turned_properly_and_otherwise_kept() -> None:
    found = shapes("Tetris", 2, 0.0, spawn(0, "shapes"))
    turned = found.turned(spawn(0, "other"))
    torch.testing.assert_close(turned.x[:8].norm(dim=-1), found.x[:8].norm(dim=-1), rtol=0, atol=1e-5)
    assert (turned.x[..., :3] - found.x[..., :3]).abs().amax((1, 2)).min() > 1e-2
    assert all(apart(one.double(), other.double()) < 1e-4 for one, other in zip(turned.x, found.x, strict=True))


def test_unknown_tasks_and_methods_are_refused() -> None:
    with pytest.raises(DomainError, match="Tetris"):
        shapes("cubes", 1, 0.1, spawn(0))
    with pytest.raises(DomainError, match="complete"):
        ShapeNetwork("half", 1, 2, width=2, degree=1, generator=spawn(0))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", METHODS)
def test_only_brackets_see_a_mirror_and_nobody_a_rotation(task: Task, method: Method) -> None:
    found = shapes(task, 4, 0.1, spawn(0, "shapes"))
    x = found.x.double()
    kinds = x.shape[-1] - 3
    network = ShapeNetwork(method, kinds, 3, width=4, degree=2, generator=spawn(1, "weights")).double()
    logits = network(x)
    R = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=spawn(0, "R"))).Q
    R = R * torch.det(R)
    assert (network(torch.cat([x[..., :3] @ R.T, x[..., 3:]], -1)) - logits).abs().max() < 1e-9
    assert (network(x[:, [2, 0, 3, 1]]) - logits).abs().max() < 1e-9
    gap = (network(mirrored(x)) - logits)[found.y < 2].abs().max()
    assert gap < 1e-9 if method == "Gaunt" else gap > 1e-4
    if task == "Tetris":  # all other pieces are their own mirror images, whatever the network
        assert (network(mirrored(x)) - logits)[found.y >= 2].abs().max() < 1e-5
    assert logits.std(0).min() > 1e-4, "the shapes are told apart"


@pytest.mark.slow
def test_what_is_learned_with_brackets_cannot_be_learned_without(tmp_path: Path) -> None:
    plans = {
        "Tetris": replace(SMALL.chirality, copies=16, epochs=40),
        "tetrahedra": replace(SMALL.chirality, epochs=40),
    }
    expected = {("Tetris", "Gaunt"): 7 / 8, ("tetrahedra", "Gaunt"): 1 / 2, ("tetrahedra", "complete"): 1.0}
    with Run(tmp_path / "run") as run:
        for (task, method), accuracy in expected.items():
            found = chirality_job(run, seed=0, method=method, task=task, plan=asdict(plans[task]))
            assert set(found) == {*MEASURED, "parameters", "seconds"}
            assert found["all classes"] == accuracy
            assert found["mirror images"] == (1.0 if method == "complete" else 0.5)
            assert found["logits when turned"] < 1e-10
            gap = found["logits of mirror images"]
            assert gap < 1e-10 if method == "Gaunt" else gap > 1.0
