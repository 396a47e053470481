"""Representations that keep what moved: the miniature of the reproduction, its data, and claims that fail when bad."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from isotropy.data.render import latents
from isotropy.errors import DomainError, SchemaError
from isotropy.experiments.split_representation import (
    SPLIT_REPRESENTATION,
    Config,
    Latent,
    Pictures,
    SplitRepresentation,
    Training,
)
from isotropy.experiments.split_representation._claims import clear, margin
from isotropy.experiments.split_representation._config import CONTROL, EXACT, METHODS, SHUFFLED, SPLIT
from isotropy.experiments.split_representation._data import around, asked, beyond, both, shuffled
from isotropy.experiments.split_representation._others import latent_job
from isotropy.experiments.split_representation._pictures import scores as bars_of
from isotropy.groups import matrix_to_angles
from isotropy.runs import Run
from isotropy.study import Score

pytest.importorskip("numba")
SMALL = Pictures(families=2, instances=5, views=4, size=16)
TINY = Config(
    methods=("split", "split-exact", "vicreg"),
    sweep=(1.0,),
    splits=(24,),
    pictures=SMALL,
    training=Training(steps=2, batch=8, embedding=16, probe_width=8, probe_epochs=2),
    latent=Latent(steps=2, copies=1, pairs=160),
    engine="serial",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("split") / "run"


@pytest.fixture(scope="module")
def found(place: Path) -> SplitRepresentation:
    with Run(place) as run:
        return SPLIT_REPRESENTATION.run(TINY, run)


def test_every_method_has_its_lines(found: SplitRepresentation) -> None:
    for method in TINY.methods:
        for part in ("all", "inv", "equi"):
            assert 0 <= found.score(METHODS, f"top-1, {part}", method).mean <= 1
            assert found.score(METHODS, f"rotation R2, {part}", method).mean <= 1
    assert found.score(METHODS, "group law, composition", EXACT).mean < 1e-4
    with pytest.raises(KeyError):
        found.score(METHODS, "MRR", "vicreg")
    named = {task: {line.method for line in found.scores if line.task == task} for task in ("ablations", "sweeps")}
    assert named == {
        "ablations": {"no-predictor-variance", "quaternions"}, "sweeps": {"l_equi = 1", "d_inv = 24"},
    }  # fmt: skip
    assert {line.method for line in found.scores if line.task == "ceilings"} == {
        "assembly 0", "assembly 1", "turned 0", "prism 1, C(3)",
    }  # fmt: skip
    copies = [found.score(METHODS, f"copies of degree {l}", EXACT).mean for l in range(3)]
    assert copies == [3, 1, 2]  # as in functions on the group, of 16 columns
    counts = {method: found.score(METHODS, "parameters of the predictor", method).mean for method in (SPLIT, EXACT)}
    assert counts == {SPLIT: 35 * 16 * 16, EXACT: 16 * 16}


def test_a_second_run_computes_nothing_again(
    found: SplitRepresentation, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("isotropy.experiments.split_representation._training.train_representation", never)
    with Run(place, resume=True) as run:
        assert SPLIT_REPRESENTATION.run(TINY, run).scores == found.scores


def test_the_report_shows_pictures_planes_and_scores_with_floor_and_ceiling(
    found: SplitRepresentation, tmp_path: Path
) -> None:
    page = found.report(tmp_path / "report.html").read_text()
    for title in (
        "Families of objects",
        "The simulator, beyond the box",
        "both halves while an object turns",
        "Recalled",
    ):
        assert title in page
    blocks = {block.name: block for block in found.blocks()}
    assert len(blocks["families"].pictures) == 2 * 6  # type: ignore[attr-defined]
    assert [picture.label for picture in blocks["turn-beyond"].pictures[1:3]] == ["99 degrees", "117 degrees"]  # type: ignore[attr-defined]
    assert blocks["top-1"].tolerance == 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"supervised": 0.9, "split": 0.8}, "poses: a ceiling."),
        ({"supervised": 0.6, "split": 0.8}, "no ceiling here, for others pass it, and it learns few objects by heart."),
        ({"split": 0.8}, "a constant answer has."),
    ],
)
def test_bars_say_whether_supervision_is_a_ceiling(told: dict[str, float], said: str) -> None:
    lines = tuple(Score(METHODS, "top-1, all", method, "", (value,), 0, 0.0) for method, value in told.items())
    (bars,) = bars_of(SplitRepresentation(scores=lines, config={"pictures": {"families": 2}}))
    assert bars.caption.endswith(said)  # type: ignore[attr-defined]


Line = tuple[str, str, str]
EQUI, INV, VICREG = ("methods", "rotation R2, equi", "split"), ("methods", "top-1, inv", "split"), "vicreg"
BEYOND, HUES, HAAR, CEILING = "MRR beyond, without itself", "colour R2, equi", "Haar rotations", "ceiling of R2"
LAW = ("methods", "group law, composition", "split-exact")
GOOD: dict[Line, tuple[float, ...]] = {
    EQUI: (0.90, 0.91, 0.92),
    ("methods", "rotation R2, inv", "split"): (0.20, 0.22, 0.21),
    ("methods", "rotation R2, all", VICREG): (0.50, 0.50, 0.52),
    INV: (0.90, 0.91, 0.90),
    ("methods", "top-1, all", VICREG): (0.91, 0.92, 0.92),
    ("methods", "MRR", "split"): (0.70, 0.71, 0.72),
    ("methods", "chance MRR", "split"): (0.21, 0.21, 0.21),
    ("methods", "rotation R2, equi", "split-exact"): (0.93, 0.94, 0.95),
    ("methods", "rotation R2, inv", "split-exact"): (0.20, 0.22, 0.21),
    ("methods", "top-1, inv", "split-exact"): (0.90, 0.91, 0.90),
    ("methods", "MRR", "split-exact"): (0.75, 0.76, 0.77),
    ("methods", "chance MRR", "split-exact"): (0.21, 0.21, 0.21),
    ("methods", "MRR", "split-mlp"): (0.30, 0.31, 0.30),
    ("methods", BEYOND, "split-exact"): (0.60, 0.62, 0.61),
    ("methods", BEYOND, "split"): (0.30, 0.31, 0.31),
    LAW: (6e-7, 5e-7, 7e-7),
    ("methods", HUES, "split"): (0.20, 0.21, 0.19),
    ("methods", HUES, "split-colour"): (0.60, 0.62, 0.61),
    ("ablations", "rotation R2, equi", "no-predictor-variance"): (0.70, 0.71, 0.71),
    ("control", "MRR", "poses shuffled"): (0.22, 0.21, 0.23),
    ("control", "chance MRR", "poses shuffled"): (0.21, 0.21, 0.21),
    ("sweeps", "rotation R2, equi", "l_equi = 0"): (0.70, 0.72, 0.71),
    ("sweeps", "rotation R2, inv", "l_equi = 0"): (0.80, 0.82, 0.81),
    ("latents alone", HAAR, "exact, from few pairs, then descent"): (0.10, 0.11, 0.12),
    ("latents alone", HAAR, "linear in irreps"): (0.20, 0.21, 0.22),
    ("latents alone", HAAR, "linear in quaternions"): (1.00, 1.05, 1.10),
    ("ceilings", CEILING, "assembly 0"): (1.0, 1.0, 1.0),
    ("ceilings", CEILING, "assembly 1"): (1.0, 1.0, 1.0),
    ("ceilings", CEILING, "turned 0"): (0.0, 0.0, 0.0),
    ("ceilings", CEILING, "prism 1, C(3)"): (0.6, 0.6, 0.6),
}
SYMMETRY = "assemblies have no symmetry, and symmetric families a ceiling below 1"
FITTED = "fitted to latents of the box, the exact predictor is better on Haar rotations than one of "
BAD: list[tuple[int, str, Line, tuple[float, ...]]] = [  # of one seed where a claim allows for the spread, else of all
    (0, "(i) the equivariant half tells poses better than VICReg",
     ("methods", "rotation R2, all", VICREG), (0.90, 0.91, 0.92)),
    (0, "(ii) the invariant half names classes within a few points of VICReg", INV, (0.90, 0.91, 0.80)),
    (0, "(i) the equivariant half tells poses better than the invariant half",
     ("methods", "rotation R2, inv", "split"), (0.20, 0.22, 0.93)),
    (0, "(iii) the simulator finds views better than chance",
     ("methods", "chance MRR", "split"), (0.21, 0.21, 0.63)),
    (0, "(i) exact predictor: the equivariant half tells poses better than VICReg",
     ("methods", "rotation R2, equi", "split-exact"), (0.93, 0.94, 0.50)),
    (0, "(ii) exact predictor: the invariant half names classes within a few points of VICReg",
     ("methods", "top-1, inv", "split-exact"), (0.90, 0.91, 0.80)),
    (0, "(i) exact predictor: the equivariant half tells poses better than the invariant half",
     ("methods", "rotation R2, inv", "split-exact"), (0.20, 0.22, 0.96)),
    (0, "(iii) exact predictor: the simulator finds views better than chance",
     ("methods", "chance MRR", "split-exact"), (0.21, 0.21, 0.68)),
    (0, "one axis: the simulator's mean reciprocal rank is above .45", ("methods", "MRR", "split"), (0.43, 0.44, 0.44)),
    (0, "(v) without the predictor's variance poses are told less well",
     ("ablations", "rotation R2, equi", "no-predictor-variance"), (0.70, 0.71, 0.93)),
    (0, "(iii) the linear simulator finds views better than a network does",
     ("methods", "MRR", "split-mlp"), (0.70, 0.71, 0.72)),
    (0, "(iii) the exact simulator finds views better than a network does",
     ("methods", "MRR", "split-exact"), (0.311, 0.311, 0.311)),
    (0, "poses that are shuffled in training teach no simulator: MRR less chance",
     ("control", "MRR", "poses shuffled"), (0.31, 0.32, 0.33)),
    (0, "without the equivariant term its half has no advantage: R2 less that of the invariant half",
     ("sweeps", "rotation R2, inv", "l_equi = 0"), (0.60, 0.62, 0.61)),
    (0, "beyond the box the exact simulator finds views better than the linear one",
     ("methods", BEYOND, "split"), (0.30, 0.31, 0.63)),
    (0, "the exact simulator composes as turns do, in single precision", LAW, (6e-7, 5e-7, 1e-3)),
    (0, FITTED + "irreps", ("latents alone", HAAR, "linear in irreps"), (0.09, 0.11, 0.12)),
    (0, FITTED + "quaternions", ("latents alone", HAAR, "linear in quaternions"), (0.09, 0.11, 0.12)),
    (0, SYMMETRY, ("ceilings", CEILING, "assembly 1"), (1.0, 1.0, 0.97)),
    (0, SYMMETRY, ("ceilings", CEILING, "prism 1, C(3)"), (0.96, 0.96, 0.96)),
    (2, "(iv) hues that were not told are not kept", ("methods", HUES, "split"), (0.31, 0.31, 0.31)),
    (2, "(iv) hues that were told are kept", ("methods", HUES, "split-colour"), (0.49, 0.49, 0.49)),
]  # fmt: skip


def held(level: int, numbers: dict[Line, tuple[float, ...]]) -> dict[str, bool | None]:
    """What is said of each claim, from the values of each line over seeds."""
    config = Config(level=level, seeds=3, methods=("split", "split-exact", "split-mlp", "vicreg"))
    lines = tuple(Score(*line, "", values, 0, 0.0) for line, values in numbers.items())
    result = SplitRepresentation(scores=lines)
    return {claim.text: claim.judge(result).held for claim in SPLIT_REPRESENTATION.claims_of(config)}


@pytest.mark.parametrize("level", [0, 1, 2])
def test_on_good_numbers_every_claim_holds_and_each_has_bad_ones(level: int) -> None:
    verdicts = held(level, GOOD)
    assert set(verdicts.values()) == {True}, verdicts
    assert set(verdicts) <= {text for _, text, _, _ in BAD}


@pytest.mark.parametrize(("level", "text", "line", "values"), BAD, ids=[f"{bad[1]}: {bad[2][2]}" for bad in BAD])
def test_a_bad_number_fails_its_claim_and_no_other(
    level: int, text: str, line: Line, values: tuple[float, ...]
) -> None:
    assert {one for one, verdict in held(level, GOOD | {line: values}).items() if verdict is not True} == {text}
    assert held(level, GOOD | {line: values})[text] is False


def test_one_seed_leaves_open_what_is_about_the_spread() -> None:
    verdicts = held(0, {line: values[:1] for line, values in GOOD.items()})
    assert False not in verdicts.values()
    assert sum(verdict is None for verdict in verdicts.values()) == 12


def test_a_margin_allows_for_two_deviations_over_seeds(found: SplitRepresentation) -> None:
    def line(method: str, *values: float) -> Score:
        return Score("t", "s", method, "u", values, 0, 0.0)

    scores = (line("one", 0.5, 0.7, 0.6), line("other", 0.4, 0.4, 0.4))
    result = replace(found, scores=scores)
    ends = margin(result, ("t", "s", "one"), ("t", "s", "other"))
    assert ends == pytest.approx((0.0, 0.2, 0.4))
    claim = clear("better", ("t", "s", "one"), ("t", "s", "other"), -0.01)
    assert claim.judge(result).held
    assert not clear("better", ("t", "s", "one"), ("t", "s", "other"), 0.05).judge(result).held
    assert "[0.000, 0.400]" in claim.judge(result).numbers
    single = replace(found, scores=(line("one", 0.5), line("other", 0.4)))
    assert "one seed, no interval" in claim.judge(single).numbers
    assert claim.judge(single).held is None
    assert clear("better", ("t", "s", "other"), ("t", "s", "one")).judge(single).held is False


@pytest.mark.parametrize("level", [0, 1])
def test_beyond_the_box_no_view_but_the_first_lies_in_it(level: int) -> None:
    _, validation = both(0, level, SMALL)
    other = beyond(0, level, SMALL, validation)
    assert torch.equal(other.latents[:, 0], validation.latents[:, 0])
    assert torch.equal(other.images[:, 0], validation.images[:, 0])
    # Of the rotations: the same one may be written by other angles.
    angles = matrix_to_angles(latents.rotation(other.latents[:, 1:])).abs()
    assert float(angles.amax(-1).min()) > math.pi / 2
    moving = [2] if level == 0 else [0, 1, 2]
    still = [k for k in range(7) if k not in moving]
    assert torch.equal(other.latents[..., still], validation.latents[..., still])


def test_a_turn_has_ten_steps_within_the_box_and_ten_beyond() -> None:
    turn = around(0, SMALL, both(0, 0, SMALL)[1])
    inside, outside = asked()
    assert len({*inside, *outside}) == 20
    assert len(turn) == 2
    c = turn.latents[0, :, 2].abs()
    assert float(c[inside].max()) < math.pi / 2 < float(c[outside].min())
    g = latents.relative_rotation(turn.latents[0, 20], turn.latents[0, inside[0]])
    assert float(torch.rad2deg(torch.atan2(g[1, 0], g[0, 0]))) == pytest.approx(-81)


def test_poses_are_shuffled_within_their_objects() -> None:
    train, _ = both(0, 0, SMALL)
    other = shuffled(train, 0)
    assert torch.equal(other.images, train.images)
    assert torch.equal(other.latents[..., 2].sort(1).values, train.latents[..., 2].sort(1).values)
    assert not torch.equal(other.latents, train.latents)


def test_on_latents_alone_the_exact_predictor_is_found_from_few_pairs_and_fits_where_none_was_seen(
    tmp_path: Path,
) -> None:
    """The specification has 0.012 after a descent, which a random start does not always come to [14 §4.2]."""
    with Run(tmp_path / "run") as run:
        found, descended, random, linear, ridge = (
            latent_job(run, seed=0, predictor=name, plan=Latent())
            for name in (
                "exact, from few pairs", "exact, from few pairs, then descent", "exact, right multiplicities",
                "linear in irreps", "linear in irreps, by ridge",
            )
        )  # fmt: skip
    assert max(found["haar"], found["box"]) < 1e-5
    assert descended["haar"] < 0.03
    assert linear["haar"] > 0.1 < random["haar"]
    assert ridge["haar"] < 1e-4, "of eight times as many pairs, a linear one is found, too"
    assert found["parameters"] * 35 == linear["parameters"] == ridge["parameters"]


def test_unknown_levels_and_methods_are_refused() -> None:
    for settings, said in (
        ({"level": 3}, "0 (one axis)"), ({"methods": "splt,vicreg"}, "'splt'"),
        ({"training.backbone": "resnet-18"}, "write resnet18"),
        ({"splits": "0"}, "1 to 95"), ({"splits": "96"}, "1 to 95"),
    ):  # fmt: skip
        config = SPLIT_REPRESENTATION.configured(settings=settings)
        with pytest.raises(SchemaError) as refused:
            list(SPLIT_REPRESENTATION.trials(config))
        assert said in str(refused.value)


def test_pictures_that_no_disk_has_room_for_are_refused_before_one_is_drawn(tmp_path: Path) -> None:
    config = SPLIT_REPRESENTATION.configured(
        full=True, settings={"pictures.folder": str(tmp_path / "made"), "pictures.views": "1000000", "engine": "serial"}
    )
    with Run(tmp_path / "run") as run, pytest.raises(DomainError, match="10272768 GB of pictures, twice while"):
        SPLIT_REPRESENTATION.run(config, run)
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_level_0_separates_the_halves_and_a_shuffled_pose_teaches_nothing(tmp_path: Path) -> None:
    """One axis, two trainings of the documented run: .45 at 16 views, whose chance is .211 [14 §5.8]."""
    config = Config(methods=("split",), parts=("methods", "control"), engine="serial")
    with Run(tmp_path / "run") as run:
        found = SPLIT_REPRESENTATION.run(config, run)
    assert found.score(METHODS, "MRR", SPLIT).mean > 0.45
    assert found.score(METHODS, "rotation R2, equi", SPLIT).mean > found.score(METHODS, "rotation R2, inv", SPLIT).mean
    control = found.score(CONTROL, "MRR", SHUFFLED).mean - found.score(CONTROL, "chance MRR", SHUFFLED).mean
    assert control < 0.1


def test_a_method_that_is_told_hues_is_trained_once() -> None:
    ran = [one.method for one in SPLIT_REPRESENTATION.trials(Config(level=2, methods=("split", "split-colour")))]
    assert ran.count("split-colour") == ran.count("split") == 1
