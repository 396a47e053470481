"""The reproduction of Mironenco and Forre: its data and networks, a miniature from end to end, its claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isotropy.errors import DomainError
from isotropy.experiments.lie_decomposition import (
    CLAIMS,
    LIE_DECOMPOSITION,
    SMALL,
    Config,
    DigitsPlan,
    LieDecomposition,
    ShapesPlan,
    SumsPlan,
)
from isotropy.experiments.lie_decomposition._config import BOTH, CONVOLUTION, GLOBAL, MOMENTS, PLAIN, SHAPES, SUMS
from isotropy.experiments.lie_decomposition._digits import canonical, digits
from isotropy.experiments.lie_decomposition._shapes import shapes
from isotropy.experiments.lie_decomposition._sums import sides
from isotropy.groups import SL, GLPlus, Window, integrate
from isotropy.groups.parts import matrix
from isotropy.runs import Run
from isotropy.study import Score

TINY = Config(
    digits=DigitsPlan(train=20, test=10, channels=(2, 3, 3), dims=(2,), head=4, batch=10, epochs=1),
    sums=SumsPlan(counts=(16, 1024, 4096), repeats=2),
    shapes=ShapesPlan(classes=2, side=9, train=6, test=6, dims=(2,), samples=2, batch=3, epochs=1, seeds=1),
    seeds=1,
    counts=(2,),
    groups=(),
    engine="serial",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> LieDecomposition:
    with Run(tmp_path_factory.mktemp("experiment") / "run") as run:
        result = LIE_DECOMPOSITION.run(TINY, run)
    assert isinstance(result, LieDecomposition)
    return result


def test_every_method_has_a_line_in_every_setting(finished: LieDecomposition) -> None:
    lines = {(score.task, score.setting, score.method) for score in finished.scores}
    methods = {PLAIN, GLOBAL, MOMENTS, CONVOLUTION, f"{CONVOLUTION}, 2 samples", f"{CONVOLUTION}, no weights", BOTH}
    assert {("digits", name, method) for name in ("clean", "affine", "wide") for method in methods} <= lines
    assert {("voxels", name, method) for name in ("upright", "stretched") for method in (PLAIN, MOMENTS)} <= lines
    assert ("sums over the group", "SL(3), 1024 draws", "no weights") in lines
    drawn = [score.setting for score in finished.scores if score.setting.startswith("SL(2)")][:3]
    assert drawn == [f"SL(2), {n} draws" for n in (16, 1024, 4096)]
    assert LieDecomposition.from_json(finished.to_json()) == finished
    assert all(block is not None for block in finished.blocks())


def test_claims_fail_on_numbers_that_are_bad() -> None:
    networks = [one.label for one, _ in SMALL.networks()]
    named = set(networks)
    assert len(named) == len(networks)

    def score(task: str, setting: str, method: str, value: float) -> Score:
        return Score(task, setting, method, "", (value,), 1, 1.0)

    def judged(affine: dict[str, float], slope: float, gap: float) -> dict[str, bool]:
        scores = [score("digits", "affine", name, affine.get(name, 0.9)) for name in named]
        scores += [score("digits", name, method, 0.95) for name in ("clean", "wide") for method in named]
        for group in ("SL(2)", "GL+(2)"):
            ways = ("Haar weights", "Haar weights, Sobol")
            scores += [score(SUMS, f"{group}, slope", name, slope * (1 + k)) for k, name in enumerate(ways)]
            for n in (1024, 4096):
                errors = {"Haar weights": gap, "no weights": 0.1}
                scores += [score(SUMS, f"{group}, {n} draws", name, error) for name, error in errors.items()]
        scores += [score(SHAPES, "stretched", name, 0.5) for name in (PLAIN, CONVOLUTION)]
        result = LieDecomposition(scores=tuple(scores), seconds=0.0)
        return {claim.text: claim.judge(result).held for claim in CLAIMS}

    good = judged({PLAIN: 0.4}, -0.5, 0.05)
    bad = judged({PLAIN: 0.8, CONVOLUTION: 0.7}, -0.2, 0.2)
    decided = {text for text in good if "40 points" in text or "20 points" in text or text.startswith("sums")}
    assert len(decided) == 10
    assert all(good[text] and not bad[text] for text in decided)


def test_digits_are_parted_and_canonical_ones_agree(real_data: Path) -> None:
    plan = replace(TINY.digits, train=5000, test=4000)
    (x, _), (held_out, y) = digits(replace(plan, train=300, test=200), 0)
    assert x.shape[1:] == (1, 40, 40)
    assert len(y) == 200
    rows = {row.numpy().tobytes() for row in x}
    assert sum(row.numpy().tobytes() in rows for row in held_out) == 0
    assert not torch.equal(digits(replace(plan, train=5, test=5), 1)[1][1], y[:5])
    with pytest.raises(DomainError, match="10000 in all"):  # none is learned and asked
        digits(replace(plan, train=8000), 0)
    flipped = canonical(held_out[:3].flip(-1)).flip(-1)
    assert (flipped - canonical(held_out[:3])).abs().max() < 1e-4  # a mirror commutes with its moments


def test_shapes_in_space_are_stretched_and_keep_their_class() -> None:
    plan = ShapesPlan(side=9)
    upright, y = shapes(plan, 40, 0, "upright", stretched=False)
    stretched, label = shapes(plan, 40, 0, "upright", stretched=True)
    assert torch.equal(y, label)
    assert (upright - stretched).abs().amax((1, 2, 3, 4)).min() > 0.05
    assert torch.equal(shapes(plan, 40, 0, "upright", stretched=False)[0], upright)


@pytest.mark.filterwarnings("ignore::isotropy.errors.EffectiveSampleWarning")
@pytest.mark.parametrize("group", [SL(2), GLPlus(2)])
def test_both_sides_have_one_integral(group: GLPlus) -> None:
    draw, window = torch.Generator().manual_seed(0), Window(group, 0.4, compact="haar")
    left, right = (
        integrate(lambda g, side=side: sides(group, matrix(g))[side], window, 2**13, generator=draw, rule="sobol").mean
        for side in (0, 1)
    )
    assert left == pytest.approx(right, rel=0.01)
