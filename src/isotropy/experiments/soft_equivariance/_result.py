"""The answer of the experiment, and its report: errors of methods, floors, what ``discover`` found, strengths."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS, Config, Setting
from isotropy.experiments.soft_equivariance._methods import VALIDATED, Method, oracles
from isotropy.experiments.soft_equivariance._trials import truth
from isotropy.report import Block, Chip, Column, Curve, Curves, Points, Scatter, Table
from isotropy.study import Done, Outcome, OverSeeds, Published, Reproduction, bars, numbers, quoted

Group = tuple[str, Method]


@dataclass(frozen=True)
class MethodScore(OverSeeds):
    """One method on one setting: errors per entry of y on test rows, one for each seed, and the mean CPU seconds.

    ``floor`` is the least error of a network that obeys ``group`` exactly, None for networks that are free; ``oracle``
    marks exact networks of a group that holds, ``chosen`` the starts that validated best, one for each seed.
    """

    setting: str
    method: str
    test: tuple[float, ...]
    validation: tuple[float, ...]
    train: tuple[float, ...]
    seconds: float
    parameters: int
    group: str | None = None
    floor: float | None = None
    chosen: tuple[str, ...] = ()
    oracle: bool = False

    task, unit = NETWORKS, "MSE per entry"

    @property
    def values(self) -> tuple[float, ...]:
        return self.test


@dataclass(frozen=True)
class Level:
    """What ``discover`` said about one group in one problem, and the exact breaking."""

    problem: str
    seed: int
    group: str
    breaking: float
    low: float
    high: float
    truth: float
    verdict: str


@dataclass(frozen=True)
class Strengths:
    """The strengths of one tuned network by epoch, one curve for each group."""

    setting: str
    method: str
    epochs: tuple[int, ...]
    groups: Mapping[str, tuple[float, ...]]


def _floors(result: SoftEquivariance) -> Iterator[Block]:
    names = list(dict.fromkeys(group for groups in result.floors.values() for group in groups))
    yield Table(
        (Column("setting"), *(Column(name, "number") for name in names)),
        [(setting, *(groups.get(name) for name in names)) for setting, groups in result.floors.items()],
        section="Errors",
        title="Closed-form floors",
        caption="B_G / 9: what obeying each group exactly costs, per entry of y, in expectation.",
        name="floors",
    )


def _errors(result: SoftEquivariance) -> Iterator[Block]:
    caption = (
        "Test error per entry: the mean over seeds, the whisker from the lowest to the highest. The mark is the floor "
        "of an exact network."
    )
    for number, setting in enumerate(dict.fromkeys(score.setting for score in result.scores)):
        block = {"section": "Errors", "xlabel": "test MSE per entry", "scale": "root", "name": f"errors-{number}"}
        yield from bars(NETWORKS, setting, setting, caption=caption, **block)(result)


def _levels(result: SoftEquivariance) -> Iterator[Block]:
    if not result.levels:
        return
    clouds: list[Points] = []
    for group in dict.fromkeys(level.group for level in result.levels):
        same = [level for level in result.levels if level.group == group]
        x, y, low, high = ([getattr(level, name) for level in same] for name in ("truth", "breaking", "low", "high"))
        clouds.append(Points(group, x, y, low, high))
    yield Scatter(
        clouds,
        section="Levels",
        title="Found against true breaking",
        xlabel="true share",
        ylabel="found share",
        diagonal=True,
        percent=True,
        name="levels",
    )
    shares = Column("found", "share"), Column("true", "share")
    heads = [Column("problem"), Column("seed", "number"), Column("group"), *shares, Column("verdict")]
    rows = [(o.problem, o.seed, o.group, o.breaking, o.truth, Chip.of(o.verdict)) for o in result.levels]
    yield Table(heads, rows, section="Levels", title="What discover found", name="found")


def _strengths(result: SoftEquivariance) -> Iterator[Block]:
    for number, one in enumerate(result.strengths):
        yield Curves(
            [Curve(group, one.epochs, values) for group, values in one.groups.items() if min(values) > 0],
            section="Strengths",
            title=f"{one.method}, {one.setting}",
            xlabel="epoch",
            ylabel="strength of the penalty",
            ylog=True,
            half=True,
            name=f"strengths-{number}",
        )


@dataclass(frozen=True, kw_only=True)
class SoftEquivariance(Reproduction):
    """Soft against exact equivariance on inertia (§5), with closed-form floors and the levels that ``discover`` finds.

    ``truth`` maps a setting to the exact breaking of each candidate, ``floors`` to the test error per
    entry that obeying the candidate exactly costs.
    """

    kind: ClassVar[str] = "soft_equivariance"
    heading = "Soft equivariance under mixed symmetries, reproduced"
    shown = (
        numbers(
            "Mean squared error per entry of y. A network that obeys a group exactly cannot go below its floor.",
            title="Test errors in this run",
            section="Errors",
        ),
        _floors,
        _errors,
        quoted,
        _levels,
        _strengths,
    )
    published = Published.read(
        __name__,
        "Test errors per entry as their authors printed them, on problems of the same family; widths, schedules "
        "and, for the last two rows, the dial differ from ours. The tables of Kim et al. are not among them.",
    )
    scores: tuple[MethodScore, ...] = ()
    levels: tuple[Level, ...] = ()
    strengths: tuple[Strengths, ...] = ()
    truth: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    def measures(self) -> tuple[MethodScore, ...]:
        return self.scores

    def score(self, setting: str, method: str) -> MethodScore:
        """The line of that setting and method; raises ``KeyError`` where there is none."""
        for score in self.scores:
            if (score.setting, score.method) == (setting, method):
                return score
        raise KeyError(f"no {method!r} on {setting!r}")

    def oracle(self, setting: str) -> MethodScore:
        """The exact network of an unbroken candidate, the best of several; raises ``KeyError`` for none."""
        exact = [score for score in self.scores if score.setting == setting and score.oracle]
        if not exact:
            raise KeyError(f"no oracle on {setting!r}")
        return min(exact, key=lambda score: score.mean)

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        return [
            {**row, "test_mse": score.mean, "train_mse": statistics.fmean(score.train), "floor": score.floor}
            for row, score in zip(super().rows(), self.scores, strict=True)
        ]

    @classmethod
    def told(cls, config: Config, done: Sequence[Done]) -> dict[str, Any]:
        exact = {setting.name: truth(setting) for setting in config.settings}
        trained: dict[Group, list[Outcome]] = {}
        for trial, outcome in done:
            if trial.task == NETWORKS:
                given = trial.job.arguments
                key = Setting(given["nu"], given["axis"]).name, Method(given["method"], given["argument"])
                trained.setdefault(key, []).append(outcome)
        return {
            "scores": tuple(score for setting in exact for score in _scores(setting, trained, *exact[setting])),
            "levels": tuple(
                Level(problem=trial.method, seed=trial.job.seed, **row)
                for trial, answer in done
                if trial.task == DISCOVER
                for row in answer["groups"]
            ),
            "strengths": tuple(_tuned(trained)),
            "truth": {name: shares for name, (shares, _) in exact.items()},
            "floors": {name: floors for name, (_, floors) in exact.items()},
        }


def _scores(
    setting: str, trained: Mapping[Group, Sequence[Outcome]], shares: Mapping[str, float], floors: Mapping[str, float]
) -> Iterator[MethodScore]:
    starts: dict[str, Sequence[Outcome]] = {}
    for (where, method), seeds in trained.items():
        if where == setting:
            floor = floors[method.group] if method.group else None
            held = method.group in oracles(shares)
            yield _score(setting, method.name, seeds, _seconds(seeds), group=method.group, floor=floor, oracle=held)
            if method.key == "ratio":
                starts[method.argument] = seeds
    if starts:
        yield _validated(setting, starts)


def _validated(setting: str, starts: Mapping[str, Sequence[Outcome]]) -> MethodScore:
    """For each seed the start whose network has the lowest validation error, at the price of training them all."""
    seeds = range(len(next(iter(starts.values()))))
    chosen = [min(starts, key=lambda start: starts[start][seed]["validation"]) for seed in seeds]
    kept = [starts[start][seed] for seed, start in zip(seeds, chosen, strict=True)]
    return _score(setting, VALIDATED, kept, sum(map(_seconds, starts.values())), chosen=tuple(chosen))


def _score(setting: str, name: str, seeds: Sequence[Outcome], seconds: float, **further: Any) -> MethodScore:
    test, validation, train = (tuple(outcome[key] for outcome in seeds) for key in ("test", "validation", "train"))
    return MethodScore(setting, name, test, validation, train, seconds, seeds[0]["parameters"], **further)


def _seconds(seeds: Sequence[Outcome]) -> float:
    return statistics.fmean(outcome["seconds"] for outcome in seeds)


def _tuned(trained: Mapping[Group, Sequence[Outcome]]) -> Iterator[Strengths]:
    """The curves of the first seed of every tuned method."""
    for (setting, method), (first, *_) in trained.items():
        if curves := first["strengths"]:
            groups = {group: tuple(values) for group, values in curves["groups"].items()}
            yield Strengths(setting, method.name, tuple(curves["epochs"]), groups)
