"""Augmentation as invariance-constrained learning: a tiny reproduction, the laws of its data, claims that can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.experiments.invariance_constrained import INVARIANCE_CONSTRAINED, Config, InvarianceConstrained
from isotropy.experiments.invariance_constrained._beyond import KINDS, rows_of
from isotropy.experiments.invariance_constrained._config import (
    BEYOND,
    DATA,
    EITHER_WAY,
    HARMFUL,
    KEPT,
    KNOWN,
    MOTIONS,
    PEERS,
    Beyond,
    Harm,
    Plan,
)
from isotropy.experiments.invariance_constrained._digits import digits, motion
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Score

TINY = Config(
    seeds=1, engine="serial", plan=Plan(train=60, test=40, epochs=1, batch=30),
    harm=Harm(train=60, epochs=2, batch=30), beyond=Beyond(rows=90, epochs=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def found(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> InvarianceConstrained:
    return INVARIANCE_CONSTRAINED.run(TINY, Run(tmp_path_factory.mktemp("invariance") / "run"))


def test_every_way_to_train_has_its_line(found: InvarianceConstrained) -> None:
    for data, law in DATA.items():
        methods = {line.method for line in found.scores if line.setting == f"{data}, accuracy"}
        assert methods == (set(PEERS) if law else {"none", "trivial", "all"})
        multipliers = [found.values(KNOWN, f"{data}, multiplier of {m}", "all")[0] for m in MOTIONS]
        # A network that guesses misses a bound of 0.5 nats by 1.8 in each of its two steps.
        assert multipliers == pytest.approx([2 * 1.8 * TINY.plan.dual] * 3, rel=0.15)
    assert {line.method for line in found.scores if line.task == HARMFUL} == set(KEPT)
    for kind in KINDS:
        assert {line.method for line in found.scores if line.setting == f"{kind}, moved"} == {"none", "constrained"}


def test_claims_fail_on_bad_numbers(found: InvarianceConstrained) -> None:
    def with_other(setting: str, method: str, change: Callable[[float], float]) -> dict[str, bool]:
        def changed(line: Score) -> Score:
            here = setting in line.setting and line.method == method
            return replace(line, values=tuple(change(float(v)) for v in line.values)) if here else line

        other = replace(found, scores=tuple(map(changed, found.scores)))
        return {claim.text: claim.judge(other).held for claim in INVARIANCE_CONSTRAINED.claims}

    smallest = next(
        claim.text for claim in INVARIANCE_CONSTRAINED.claims if "of rotation is the smallest" in claim.text
    )
    assert with_other("rotated, multiplier of rotation", "all", lambda v: 0.5 * v)[smallest]
    assert not with_other("rotated, multiplier of rotation", "all", lambda v: 2 * v)[smallest]
    gain = "rotated digits: the matching constraint gains a point over none"
    assert with_other("rotated, accuracy", "matching", lambda v: v + 1)[gain]
    assert not with_other("rotated, accuracy", "matching", lambda v: v - 1)[gain]
    infeasible = "{6, 9}, either way up, is called infeasible in every seed"
    assert with_other("called infeasible", EITHER_WAY, lambda v: 1.0)[infeasible]
    assert not with_other("called infeasible", EITHER_WAY, lambda v: 0.0)[infeasible]
    floor = "its loss stays at ln 2 or above"
    assert with_other("loss under hard half turns", EITHER_WAY, lambda v: 0.7)[floor]
    assert not with_other("loss under hard half turns", EITHER_WAY, lambda v: 0.6)[floor]
    assert not with_other("acceptance of scale", "all", lambda v: 1.0)[
        "on average at most nine in ten proposals are accepted"
    ]


def test_digits_are_split_once_and_moved_by_their_law(real_data: Path) -> None:
    x, y, test_x, test_y = digits(50, 30, "", 0)
    assert (len(x), len(test_x)) == (50, 30)
    turned = digits(50, 30, "rotation", 0)
    assert torch.equal(turned[1], y)
    assert torch.equal(turned[3], test_y)
    assert not torch.allclose(turned[0], x, atol=0.1)
    # A turn keeps the ink that stays in the picture; a digit fills its middle.
    assert torch.allclose(turned[0].sum((1, 2, 3)), x.sum((1, 2, 3)), rtol=0.1)
    assert not set(digits(50, 30, "", 0, (6, 9))[1].tolist()) & {6, 9}
    other = digits(50, 30, "", 1)[0]
    assert not torch.equal(other, x)


def test_laws_are_those_of_the_specification() -> None:
    draw = spawn(0, "laws")
    g = motion("scale").sample(2000, draw).g
    sizes = g[:, 0, 0]
    assert 0.5 <= float(sizes.min()) < 0.51
    assert 1.98 < float(sizes.max()) <= 2.0
    assert float(sizes.log().mean().abs()) < 4 * 0.4 / 2000**0.5
    shifts = motion("translation").sample(2000, draw).g[:, :2, 2]
    assert 0.49 < float(shifts.abs().max()) <= 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_picture_keeps_its_class_when_moved(kind: str) -> None:
    """The class is read off something that the transformations leave alone."""
    x, y, transforms = rows_of(kind, 300, spawn(0, kind))
    moved = transforms.apply(transforms.sample(300, spawn(1, kind)), x)
    assert not torch.allclose(moved, x)

    def invariant(rows: torch.Tensor) -> torch.Tensor:
        if kind == KINDS[0]:
            points = rows.unflatten(1, (-1, 2))
            return torch.linalg.svdvals(points)[:, 1]
        if kind == KINDS[1]:
            return -torch.fft.rfft(rows).abs()[:, 1]
        return rows.square().mean(1)

    assert torch.allclose(invariant(moved), invariant(x), atol=1e-3)
    threshold = invariant(x).median()
    assert ((invariant(x) > threshold).long() == y).double().mean() > 0.8


def test_the_report_shows_multipliers_beside_accuracies(found: InvarianceConstrained, tmp_path: Path) -> None:
    page = found.report(tmp_path / "report.html").read_text()
    assert "multiplier of rotation" in page
    assert "one seed" in page
    assert BEYOND.capitalize() in page or "Beyond pictures" in page
