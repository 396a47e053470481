"""The skeleton of experiments: trials, scores, configurations from a command line, claims, what is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from isotropy.errors import DomainError, MissingExtraError, SchemaError
from isotropy.experiments import REGISTRY, Reproductions, reproduce_all
from isotropy.report import Bars, Curves, Scatter, Table
from isotropy.runs import Run
from isotropy.study import (
    Configuration,
    Experiment,
    OnDevice,
    Published,
    Score,
    Scored,
    Trace,
    Traced,
    Trial,
    at_least,
    at_most,
    bars,
    below,
    curves,
    grid,
    job,
    numbers,
    of,
    parity,
    part,
    quoted,
    rising,
    traces,
    worst,
)


@dataclass(frozen=True)
class Plan(OnDevice):
    rate: float | int = 0.25
    widths: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Config(Configuration):
    plan: Plan = field(default_factory=Plan)
    seeds: int = 2
    device: str = "cpu"


@job
def measure_job(run: Run, *, seed: int, method: str, plan: Plan) -> Mapping[str, Any]:
    assert isinstance(plan, Plan)
    return {"errors": {str(w): plan.rate * w + seed for w in plan.widths}, "device": plan.device, "parameters": 7}


@job
def clock_job(run: Run, *, seed: int) -> Mapping[str, Any]:
    return {"ms": {"ours": 1.0, "theirs": 2.0}}


def trials(config: Config) -> Iterator[Trial]:
    yield Trial(config.job(clock_job), "speed", "", {("step", "ms"): "ms"}, "timings", alone=True)
    for method in ("ours", "theirs"):
        for seed in config.seeds_of(config.seeds):
            numbers_of = {(f"width {w}", "MSE"): f"errors.{w}" for w in config.plan.widths}
            yield Trial(config.job(measure_job, seed, method=method, plan=config.plan), "errors", method, numbers_of)


@dataclass(frozen=True, kw_only=True)
class Answer(Scored):
    kind: ClassVar[str] = "invented"
    shown = (
        numbers("A caption."),
        grid("errors", "Errors"),
        bars("errors", "Bars", "width 1", xlabel="MSE"),
        bars("errors", "All bars", unit="MSE"),
        curves("errors", r"width (?P<x>\d+)", lambda match: "By width", xlabel="width", ylabel="MSE"),
        quoted,
    )


@dataclass(frozen=True, kw_only=True)
class Left(Traced):
    kind: ClassVar[str] = "left"


ANSWERED: Experiment[Config, Answer] = Experiment(
    name="invented",
    paper="Nobody",
    result=Answer,
    small=Config(engine="serial"),
    full=Config(seeds=9),
    trials=trials,
    judge=(
        below("ours is quicker", of("speed", "step", "ours"), of("speed", "step", "theirs")),
        at_most("errors are small", worst("errors", "width 1", "ours"), 1.25),
        at_least("and grow", of("errors", "width 2", "ours") - of("errors", "width 1", "ours"), 0.25),
        rising("from zero", [0, of("errors", "width 1", "ours"), of("errors", "width 2", "ours") * 2]),
    ),
)


def answered(tmp_path: Path, config: Config = ANSWERED.small) -> Answer:
    with Run(tmp_path / "run", resume=(tmp_path / "run").exists()) as run:
        return ANSWERED.run(config, run)


def test_scores_are_merged_over_seeds_and_claims_are_judged(tmp_path: Path) -> None:
    result = answered(tmp_path)
    assert [(s.task, s.setting, s.method) for s in result.scores] == [
        ("speed", "step", "ours"),
        ("speed", "step", "theirs"),
        *(("errors", f"width {w}", method) for method in ("ours", "theirs") for w in (1, 2)),
    ]
    score = result.score("errors", "width 2", "ours")
    assert score.values == (0.5, 1.5)
    assert (score.parameters, score.unit, score.sd is None) == (7, "MSE", False)
    assert [verdict.held for verdict in result.claims] == [True] * 4
    assert result.claims[0].numbers == "1 < 2"
    assert result.config["plan"] == {"rate": 0.25, "widths": [1, 2], "device": "cpu"}
    assert Answer.from_json(result.to_json()) == result
    assert answered(tmp_path) == result


def test_what_is_shown_stands_on_keys(tmp_path: Path) -> None:
    _, claims, table, errors, one, every, curve = answered(tmp_path).blocks()
    assert isinstance(claims, Table)
    assert isinstance(table, Table)
    assert (table.title, len(table.rows)) == ("Numbers of this run", 6)
    assert isinstance(errors, Table)
    assert [column.label for column in errors.columns] == [
        "method",
        "width 1",
        "width 2",
        "seeds",
        "parameters",
        "CPU s",
    ]
    assert list(errors.rows[0])[:4] == ["ours", 0.75, 1.0, "2"]
    assert isinstance(one, Bars)
    assert [(bar.label, bar.low, bar.high) for bar in one.bars] == [("ours", 0.25, 1.25), ("theirs", 0.25, 1.25)]
    assert isinstance(every, Bars)
    assert every.bars[1].label == "ours, width 2"
    assert isinstance(curve, Curves)
    assert (list(curve.curves[0].x), list(curve.curves[0].y)) == ([1, 2], [0.75, 1.0])


def test_curves_over_methods_and_of_single_trainings() -> None:
    scores = [Score("sizes", what, f"k={k}", "share", (k / 4,), 0, 0) for k in (1, 2) for what in ("stress", "gap")]
    left = [Trace("energy", name, {"t": [0, 1], "total": [5.0, 7.0], "bound": [-1.0, 2.0]}) for name in ("one", "two")]
    result = Left(scores=tuple(scores), traces=tuple(left))
    (over,) = curves("sizes", r"k=(?P<x>\d)", lambda _: "By k", over="method", xlabel="k")(result)
    assert isinstance(over, Curves)
    assert [(curve.label, list(curve.x), list(curve.y)) for curve in over.curves] == [
        ("stress", [1, 2], [0.25, 0.5]),
        ("gap", [1, 2], [0.25, 0.5]),
    ]
    each = list(traces("energy", "t", "Energy of {}", shifted=True, xlabel="t")(result))
    assert [block.title for block in each] == ["Energy of one", "Energy of two"]
    assert isinstance(each[0], Curves)
    assert {curve.label: list(curve.y) for curve in each[0].curves} == {"total": [0, 2], "bound": [0, 3]}
    (total,) = traces("energy", "t", "All: {}", {"total": "total, J"}, times=10, xlabel="t", ylog=True)(result)
    assert isinstance(total, Curves)
    assert (total.title, total.ylabel, total.name) == ("All: total, J", "total, J", "energy-total")
    assert {curve.label: list(curve.y) for curve in total.curves} == {"one": [50, 70], "two": [50, 70]}
    assert list(traces("energy", "t", "{}", {"bound": "no logarithm"}, xlabel="t", ylog=True)(result)) == []


def test_points_of_a_training_stand_together() -> None:
    names = ("one, hot", "one, cold", "two, hot")
    left = [Trace("parity", name, {"true": [0.0, 1.0], "found": [0.5, float(i)]}) for i, name in enumerate(names)]
    first, second = parity("parity", "true", "found", "Parity: {}")(Left(traces=tuple(left)))
    assert isinstance(first, Scatter)
    assert (first.title, first.name, second.title) == ("Parity: one", "parity-0", "Parity: two")
    assert [(cloud.label, list(cloud.x), list(cloud.y)) for cloud in first.clouds] == [
        ("hot", [0, 1], [0.5, 0]),
        ("cold", [0, 1], [0.5, 1]),
    ]


def test_a_part_runs_alone_with_its_claims(tmp_path: Path) -> None:
    result = answered(tmp_path, ANSWERED.configured(parts=["speed"]))
    assert {score.task for score in result.scores} == {"speed"}
    assert [verdict.text for verdict in result.claims] == ["ours is quicker"]


def test_a_claim_about_what_was_not_run_is_refused() -> None:
    with pytest.raises(KeyError, match="no 'ours' in 'step' of 'speed'"):
        ANSWERED.claims[0].judge(Answer())
    with pytest.raises(DomainError, match="about no number"):
        at_most("nothing is small", [], 1)


def test_any_field_of_the_plan_is_set_from_text() -> None:
    config = ANSWERED.configured(full=True, seed=4, settings={"plan.rate": "0.5", "plan.widths": "3,4", "seeds": "1"})
    assert config == Config(plan=Plan(0.5, (3, 4)), seeds=1, seed=4)
    assert ANSWERED.configured(settings={"engine": "process"}).engine == "process"
    assert REGISTRY["frame-averaging"].configured(settings={"abc": "meshes"}).abc == "meshes"
    assert REGISTRY["transformation-invariant"].configured(settings={"tours.parts": "2"}).tours.parts == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"settings": {"plan.rates": "1"}}, r"plan\.rates.*one of engine, plan\.rate, plan\.widths.*--set plan\.rate="),
        ({"settings": {"rate": "1"}}, r"--set plan\.rate="),
        ({"settings": {"plan.rate": "quick"}}, "rate of invented = 'quick'.*number"),
        ({"settings": {"engine": "proces"}}, "engine of invented"),
        ({"settings": {"device": "cuda"}}, "--device cuda"),
        ({"settings": {"seed": "1"}}, "--seed 1"),
        ({"parts": ["colour"]}, "one of speed, errors"),
        ({"device": "gpu"}, "a device of this machine"),
    ],
)
def test_what_an_experiment_does_not_know_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        ANSWERED.configured(**given)


def test_only_experiments_that_have_a_device_take_one(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="CPU"):
        REGISTRY["frame-averaging"].configured(device="cuda")
    config = replace(ANSWERED.configured(device="cpu"), device="meta")
    assert all(trial.job.arguments["plan"]["device"] == "meta" for trial in trials(config) if trial.task == "errors")


def test_a_job_refuses_a_plan_that_its_type_does_not_know(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run, pytest.raises(SchemaError, match="rates"):
        measure_job(run, seed=0, method="ours", plan={"rates": 1})  # pyright: ignore[reportArgumentType]


def test_a_run_continued_with_other_sizes_does_not_take_an_old_checkpoint(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        places = [part(run, plan, "ours", 0).path for plan in (Plan(), Plan(rate=1), Plan())]
    assert places[0] == places[2] != places[1]


# Of some papers only few numbers are at hand: all of them are quoted.
QUOTED = {
    "lie-decomposition": 10,
    "piecewise": 15,
    "invariance-constrained": 19,
    "asymptotic-symmetries": 5,
    "varying-speed-of-light": 10,
    "subequivariant": 6,
}


@pytest.mark.parametrize("experiment", REGISTRY.values(), ids=list(REGISTRY))
def test_the_registered_experiments_are_whole(experiment: Experiment[Any, Any]) -> None:
    """Every task of the paper's sizes runs in the small version too; claims and others' numbers are about these."""
    small = experiment.configured()
    tasks = {trial.task for trial in experiment.trials(small)}
    if experiment.name != "transformation-invariant":  # its full version asks for a folder first
        assert {trial.task for trial in experiment.trials(experiment.full)} == tasks
        assert len(list(experiment.trials(experiment.full))) >= len(list(experiment.trials(small)))
    claims = experiment.claims
    assert len({claim.text for claim in claims}) == len(claims)
    assert all(claim.tasks and claim.tasks <= tasks for claim in claims)
    assert {row[0] for row in experiment.published.rows} <= tasks
    keys = [row[:3] for row in experiment.published.rows]
    assert len(set(keys)) == len(keys)
    if experiment.name in QUOTED:
        assert len(keys) == QUOTED[experiment.name]
    elif experiment.name != "optics":  # seconds and bytes of other machines are not published beside ours
        assert len(keys) > 20


def test_published_rows_are_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "quoting"
    room.mkdir()
    (room / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("quoting")
    head = "task,setting,method,number,unit,source,noted\n"
    (room / "published.csv").write_text(
        f"{head}errors,test,GNN,600,pairs,someone,x\nerrors,test,MLP,0.5,pairs,someone,\n"
    )
    found = Published.read("quoting", "Recalled.")
    assert [row.number for row in found.rows] == [600, 0.5]
    assert found.notes({"errors"}) == ["published, test: GNN 600 pairs (someone)"]
    assert found.notes({"speed"}) == []
    (room / "published.csv").write_text(f"{head}errors,test,GNN,many,pairs,someone,x\n")
    with pytest.raises(SchemaError, match="'many'"):
        Published.read("quoting")
    (room / "published.csv").write_text("task,number\n")
    with pytest.raises(SchemaError, match="task,setting,method"):
        Published.read("quoting")


def test_the_mean_of_one_seed_has_no_deviation() -> None:
    assert Score("errors", "test", "ours", "MSE", (1.0,), 3, 0.1).sd is None


def test_all_experiments_run_in_one_folder_and_one_table_counts_their_claims(tmp_path: Path) -> None:
    def lacking(config: Config) -> Iterator[Trial]:
        raise MissingExtraError.of("nothing", "none")
        yield

    def unnamed(config: Config) -> Iterator[Trial]:
        raise SchemaError("no meshes", "a folder of them")
        yield

    never = replace(ANSWERED, name="never", judge=(below("it is cold", of("speed", "step", "theirs"), 0),))
    several = {
        "invented": ANSWERED, "never": never, "lacking": replace(ANSWERED, name="lacking", trials=lacking),
        "unnamed": replace(ANSWERED, name="unnamed", trials=unnamed),
    }  # fmt: skip
    with Run(tmp_path / "all") as run:
        result = reproduce_all(several, run, seed=0)
    assert [tuple(row.values())[:4] for row in result.rows()] == [
        ("invented", 4, 0, 0), ("never", 0, 1, 0), ("lacking", 0, 0, 0), ("unnamed", 0, 0, 0),
    ]  # fmt: skip
    assert [claim.text for claim in result.claims if claim.held is False] == ["never: it is cold"]
    assert result.summary().notes == (
        "lacking did not run: " + str(MissingExtraError.of("nothing", "none")),
        "unnamed did not run: given no meshes; expected a folder of them",
    )
    assert Reproductions.from_json(tmp_path / "all") == result
    finished = {file: file.stat().st_mtime_ns for file in (tmp_path / "all").glob("*/jobs/*")}
    assert finished
    with Run(tmp_path / "all", resume=True) as run:
        assert reproduce_all(several, run, seed=0).rows() == result.rows()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "all").glob("*/jobs/*")} == finished
