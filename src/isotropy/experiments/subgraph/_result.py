"""The answer, and its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.experiments.subgraph._apart import SETS
from isotropy.experiments.subgraph._claims import common
from isotropy.experiments.subgraph._config import ACCURACY, EXPRESSIVITY, OURS
from isotropy.experiments.subgraph._pictures import alike, crossing, folds, strip
from isotropy.report import Block, Column, Table
from isotropy.study import Published, Scored, grid, quoted


def accuracies(result: Any) -> Iterable[Block]:
    """Three protocols for each method, and how the folds differ from those of ours, fold by fold."""
    names = dict.fromkeys(line.setting.split(",")[0] for line in result.lines(ACCURACY))
    rows = [row for name in names for row in _rows(result, name)]
    if rows:
        columns = (
            *(Column("set"), Column("method"), Column("best epoch of the mean curve, %", "number")),
            *(Column("last ten epochs, %", "number"), Column("sd over folds", "number")),
            *(Column("nested validation, %", "number"), Column("majority, %", "number")),
            Column(
                "p of the paired test", "number", explain="ours against it, last ten epochs, two-sided t over folds"
            ),
        )
        yield Table(columns, rows, title="Accuracy over folds", section="Accuracy", name="accuracy")


def _rows(result: Any, name: str) -> Iterator[tuple[Any, ...]]:
    from scipy.stats import ttest_rel

    last = {line.method: line for line in result.lines(ACCURACY, f"^{name}, last ten epochs$")}
    for method, line in last.items():
        p = None
        if method != OURS and OURS in last and len(line.values) == len(last[OURS].values) > 1:
            p = float(ttest_rel(last[OURS].values, line.values).pvalue)
        nested, majority = (
            result.score(ACCURACY, f"{name}, {what}", method).mean for what in ("nested validation", "majority")
        )
        yield name, method, common(name, method)(result), line.mean, line.sd, nested, majority, p


@dataclass(frozen=True, kw_only=True)
class SubgraphResult(Scored):
    """Networks on subgraphs: accuracy over folds, pairs left together, memory by size (10 §4)."""

    kind: ClassVar[str] = "subgraph"
    heading = "Graphs piece by piece"
    shown = (
        accuracies,
        folds,
        grid(EXPRESSIVITY, "Pairs left together", settings=dict.fromkeys(SETS, "") | {name: name for name in SETS},
             section="Expressivity", first="network", name="expressivity"),
        alike,
        crossing,
        strip,
        quoted,
    )  # fmt: skip
    published = Published.read(
        __name__,
        "First version of the paper, mean over ten folds; its folds of MUTAG and NCI109 are not ours. The row of "
        "DSS-GNN is recalled, not verified.",
    )

    def rows(self) -> Sequence[Mapping[str, float | int | str | None]]:
        """Without the accuracies after each epoch, forty lines for each set and method: result.json has them."""
        return [row for row in super().rows() if ", epoch " not in str(row["setting"])]
