"""The zoo as an experiment: a small run from end to end, and objections raised where they must be, and only there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from isotropy.data.zoo import LAWS
from isotropy.errors import SchemaError
from isotropy.experiments.zoo import ZOO, Config, Look, Said, Zoo, alarmed, misadvised, torn, wrong
from isotropy.runs import Run

TINY = Config(laws=("mirror", "compass"), rows=(60,), noise=(0.1,), engine="serial")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Zoo]:
    path = tmp_path_factory.mktemp("zoo") / "run"
    with Run(path) as run:
        return path, ZOO.run(TINY, run)


def test_every_law_is_looked_at_and_the_table_says_what_was_said(finished: tuple[Path, Zoo]) -> None:
    _, result = finished
    assert [(look.law, look.setting) for look in result.looks] == [
        (name, "n 60, noise 0.1") for name in ("mirror", "compass")
    ]
    assert all([said.group for said in look.said] and not look.refused for look in result.looks)
    table = result.summary()
    assert [(row[0], row[1], row[2]) for row in table.rows[:2]] == [("mirror", "O(3)", 8 / 9), ("", "O(2)@z", 0.0)]
    assert {said.verdict for look in result.looks for said in look.said if said.group == "O(3)"} == {"absent"}
    assert result.score("laws", "n 60, noise 0.1", "mirror").unit == "objections"
    assert len(result.claims) == len(ZOO.claims)


def test_it_continues_and_is_read_back_and_reported(
    finished: tuple[Path, Zoo], nothing_runs: None, tmp_path: Path
) -> None:
    path, result = finished
    with Run(path, resume=True) as run:
        assert ZOO.run(TINY, run) == result
    assert Zoo.from_json(result.to_json()) == result
    page = result.report(tmp_path / "report").read_text()
    assert "Pseudovector" in page
    assert LAWS["mirror"].physics[:40] in page


def test_the_plan_is_every_law_at_three_noises_and_two_sizes() -> None:
    jobs = [trial.job for trial in ZOO.trials(ZOO.small)]
    assert len(jobs) == 6 * len(LAWS) >= 144
    with pytest.raises(SchemaError, match="the law 'phlogiston'"):
        list(ZOO.trials(Config(laws=("phlogiston",))))
    config = ZOO.configured(settings={"laws": "kepler,mirror", "rows": "50", "noise": "0.3"})
    assert (config.laws, config.rows, config.noise) == (("kepler", "mirror"), (50,), (0.3,))


def said(group: str, verdict: str, breaking: float = 0.0, price: float = 0.0, **parts: str) -> Said:
    return Said(group, verdict, breaking, breaking, breaking, price, 1.0, tuple(parts.items()))


def look(law: str, *words: Said, advice: str = "") -> Look:
    return Look(law, 100, 0.1, 0, words, advice)


def test_a_verdict_against_physics_is_an_objection() -> None:
    right = look("mirror", said("O(3)", "absent", 0.9), said("O(2)@z", "no breaking detected"))
    assert not list(wrong(right))
    open_ = look("mirror", said("O(3)", "undecided"), said("O(2)@z", "not identifiable"))
    assert not list(wrong(open_))
    for word in ("no breaking detected", "negligible", "none seen"):
        assert list(wrong(look("mirror", said("O(3)", word)))) == [f"O(3) '{word}' where 88.9% breaks it"]
    assert list(wrong(look("kepler", said("SO(3)", "approximate")))) == ["SO(3) 'approximate' where it holds"]


def test_parts_are_judged_each_by_its_own_share() -> None:
    words = {"energy": "no breaking detected", "momentum": "absent"}
    assert not list(wrong(look("momentum-as-vector", said("O(3)", "absent", 1.0, **words))))
    crossed = dict(zip(words, reversed(words.values()), strict=True))
    assert list(wrong(look("momentum-as-vector", said("O(3)", "absent", 1.0, **crossed)))) == [
        "energy under O(3) 'absent' where it holds",
        "momentum under O(3) 'no breaking detected' where 100.0% breaks it",
    ]


def test_a_subgroup_that_breaks_more_than_its_group_is_an_objection() -> None:
    fine = said("O(3)", "approximate", 0.3, 2.0), said("SO(3)", "no breaking detected"), said("Scale(3)", "absent", 0.9)
    assert not list(torn(look("drag", *fine)))
    assert list(torn(look("drag", said("O(3)", "negligible"), said("SO(3)", "undecided")))) == [
        "SO(3) < O(3): 'undecided' within 'negligible'"
    ]
    assert not list(torn(look("drag", said("O(3)", "not identifiable"), said("SO(3)", "absent", 0.9))))
    numbers = look("drag", said("O(3)", "approximate", 0.1, 0.3), said("SO(3)", "approximate", 0.2, 0.4))
    assert list(torn(numbers)) == ["SO(3) < O(3): breaking 0.2 > 0.1", "SO(3) < O(3): price 0.4 > 0.3"]


@pytest.mark.parametrize(
    ("law", "advice", "objects"),
    [
        ("mirror", "build in O(2)@z and Inversion(3) exactly; leave out O(3)", False),
        ("mirror", "build in O(3) exactly", True),
        ("mirror", "leave out O(2)@z", True),
        ("mirror", "build in none of these exactly; encourage O(3) softly (imposing it would cost 0.3 RMSE)", False),
        ("kepler", "build in none of these exactly; encourage SO(3) softly (imposing it would cost 0.3 RMSE)", True),
        ("drag", "build in SO(3) exactly; imposing Scale(3) would cost 0.2 RMSE", False),
        ("drag", "build in SO(3) exactly; imposing O(3) would cost 0.2 RMSE", True),
        ("unlike-bodies", "build in O(2) exactly; leave out O(2) x S(3) and S(3)", False),
        ("drag", "O(3), SO(3) and Scale(3) need more data", False),
        ("mirror", "build in O(3) if the rest is noise: nothing in the 90% that models explain violates O(3)", True),
        ("kepler", "build in O(3) if the rest is noise: nothing in the 90% that models explain violates O(3)", False),
        ("mirror", "no model predicts these targets, so no symmetry can be judged", False),
    ],
)
def test_advice_against_physics_is_an_objection(law: str, advice: str, objects: bool) -> None:
    assert bool(list(misadvised(look(law, advice=advice)))) is objects


def test_a_false_alarm_is_counted_and_only_many_are_too_many(finished: tuple[Path, Zoo]) -> None:
    alarm = look("drag", advice="O(3) and SO(3) are broken, by how much is undecided; Scale(3) is broken, by how much")
    assert [text.split(", but ")[1] for text in alarmed(alarm)] == ["SO(3) holds", "O(3) holds"]
    (claim,) = (claim for claim in ZOO.claims if "false alarms" in claim.text)
    for silent, held in ((19, True), (9, False)):
        looks = (alarm, *(look("drag"),) * silent)
        assert claim.judge(replace(finished[1], looks=looks)).held is held


def test_claims_fail_on_looks_that_are_bad(finished: tuple[Path, Zoo]) -> None:
    result = finished[1]

    def held(*looks: Look) -> list[bool]:
        return [claim.judge(replace(result, looks=looks)).held for claim in ZOO.claims]

    good = look(
        "mirror", said("O(3)", "absent", 0.9), *(said(g, "no breaking detected") for g in ("O(2)@z", "Inversion(3)"))
    )
    assert held(good) == [True] * 7
    bad = look("mirror", said("O(3)", "negligible"), said("O(2)@z", "absent", 0.9), advice="build in O(3) exactly")
    assert held(bad) == [False, False, False, True, True, False, False]
    assert held(good, Look("kepler", 100, 0.1, 0, refused="no")) == [True, True, True, True, False, True, True]
    silent = look("mirror", *(said(group, "undecided") for group in LAWS["mirror"].groups))
    assert held(silent) == [True] * 5 + [False] * 2
    assert "mirror, n 100, noise 0.1: O(3) 'negligible'" in ZOO.claims[0].judge(replace(result, looks=(bad,))).numbers


def test_the_page_shows_every_law() -> None:
    page = (Path(__file__).parents[2] / "docs" / "results" / "zoo.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| ([a-z-]+) \|", page, flags=re.M)) >= set(LAWS)
