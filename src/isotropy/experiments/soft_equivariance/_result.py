"""The answer of the experiment, and its report: errors of methods, floors, what ``discover`` found, strengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS, Config
from isotropy.experiments.soft_equivariance._levels import Level, truth
from isotropy.experiments.soft_equivariance._methods import EXACT, Method, validated
from isotropy.report import Block, Chip, Column, Points, Scatter, Table
from isotropy.study import Done, Published, Score, Traced, bars, numbers, quoted, traces


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


@dataclass(frozen=True, kw_only=True)
class SoftEquivariance(Traced):
    """Soft against exact equivariance on inertia (§5), with closed-form floors and the levels that ``discover`` finds.

    ``scores`` are test errors, ``others`` those of validation and training rows, ``chosen`` the starts of PER that
    validated best in a setting, one for each seed. ``truth`` maps a setting to the exact breaking of each candidate,
    ``floors`` to the test error per entry that obeying the candidate exactly costs.
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
        traces(
            "strengths",
            "epoch",
            "{}",
            section="Strengths",
            ylabel="strength of the penalty",
            ylog=True,
            half=True,
        ),
    )
    published = Published.read(
        __name__,
        "Test errors per entry as their authors printed them, on problems of the same family; widths, schedules "
        "and, for the last two rows, the dial differ from ours. The tables of Kim et al. are not among them.",
    )
    others: tuple[Score, ...] = ()
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    levels: tuple[Level, ...] = ()
    truth: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    def floor(self, line: Score) -> float | None:
        """The least error of a network that obeys a group exactly, None for networks that are free."""
        exact = {Method("emlp", group).name: floor for group, floor in self.floors.get(line.setting, {}).items()}
        return exact.get(line.method)

    def oracle(self, setting: str) -> Score:
        """The exact network of an unbroken candidate, the best of several; raises ``KeyError`` for none."""
        unbroken = {Method("emlp", group).name for group, share in self.truth[setting].items() if share < EXACT}
        exact = [score for score in self.scores if score.setting == setting and score.method in unbroken]
        if not exact:
            raise KeyError(f"no oracle on {setting!r}")
        return min(exact, key=lambda score: score.mean)

    @classmethod
    def told(cls, config: Config, done: Sequence[Done]) -> dict[str, Any]:
        told = super().told(config, done)
        exact = {setting.name: truth(setting) for setting in config.settings}
        lines = {(line.setting, line.method): line for line in told["scores"]}
        chosen: dict[str, tuple[str, ...]] = {}
        for name in exact:
            chosen[name], best = validated(name, lines)
            lines |= {(line.setting, line.method): line for line in best}
        levels = (
            Level(problem=trial.method, seed=trial.job.seed, **row)
            for trial, answer in done
            if trial.task == DISCOVER
            for row in answer["groups"]
        )
        return {
            **told,
            "scores": tuple(line for name in exact for (setting, _), line in lines.items() if setting == name),
            "others": tuple(line for (setting, _), line in lines.items() if setting not in exact),
            "chosen": chosen,
            "levels": tuple(levels),
            "truth": {name: shares for name, (shares, _) in exact.items()},
            "floors": {name: floors for name, (_, floors) in exact.items()},
        }
