"""Which factors of a product group does a target keep? Each part is asked by itself, the others held still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.discovery._discover import discover
from isotropy.discovery._verdicts import HOLDS, Verdict
from isotropy.errors import ShapeError, counted
from isotropy.estimate import Estimate
from isotropy.frames import Parts
from isotropy.linalg import farthest_points
from isotropy.report import Column, Interval, Table
from isotropy.study import Finding

_GROUPS = ("SE(3)", "T(3)")
"""What acts on one part. No pose shows the mirror image of a part, so mirrors are not asked about."""
_LANDMARKS = 4
"""Points that fix where a rigid part is: three and one beside their plane."""


@dataclass(frozen=True, repr=False)
class FactorFinding(Finding):
    """Whether a target keeps ``group`` acting on one ``part`` while the others stay: as ``discover`` tells of a group.

    ``name`` says both; ``verdict`` is one of those of ``discover``. ``breaking`` is a share of the signal,
    ``explained`` the share of its energy that the models explain, ``overlap`` how far moved rows lie among the rows;
    ``p_value`` is of this factor alone.
    """

    shown: ClassVar[tuple[str, ...]] = ("verdict", "breaking", "explained")
    name: str
    part: str
    group: str
    verdict: Verdict
    breaking: Estimate = field(metadata={"headline": ("n", "confidence")})
    explained: Estimate
    p_value: float
    overlap: float

    @property
    def holds(self) -> bool:
        """Whether it may be built in exactly."""
        return self.verdict in HOLDS


def check_targets(views: Tensor, x: Tensor, y: Tensor) -> None:
    """Refuses what are no copies of the body in ``views`` with a row of targets for each."""
    if x.ndim != 3 or x.shape[1:] != views.shape[1:]:
        raise ShapeError(
            f"x of shape {tuple(x.shape)}",
            f"(rows, {views.shape[1]}, 3): the points of the views, in their order, in many poses",
        )
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ShapeError(f"y of shape {tuple(y.shape)} for {counted(len(x), 'row')}", "(rows,) or (rows, q)")


def factors_of(
    x: Float[Tensor, "rows N 3"],
    y: Tensor,
    found: Parts,
    first: Float[Tensor, "N 3"],
    names: Sequence[str],
    *,
    quick: bool,
    seed: int,
) -> tuple[FactorFinding, ...]:
    """For each part: is y, numbers that nothing moves, the same wherever this part alone is brought?

    A part is seen by four of its points as far from each other as they come, which say all of a rigid body; to the
    question about one part those of the others are plain numbers.
    """
    seen = [x[:, landmarks(found, first, k)].flatten(1) for k in range(len(found))]
    targets = y[:, None] if y.ndim == 1 else y
    answers: list[FactorFinding] = []
    for k, name in enumerate(names):
        rest = [other for j, other in enumerate(seen) if j != k]
        numbers = sum(other.shape[1] for other in rest)
        types = f"{seen[k].shape[1] // 3}*Point" + (f" + {numbers}*Scalar" if numbers else "")
        said = discover(
            torch.cat([seen[k], *rest], 1), targets, {"x": types, "y": f"{targets.shape[1]}*Scalar"},
            groups=",".join(_GROUPS), quick=quick, seed=seed, progress=False,
        )  # fmt: skip
        answers += [
            FactorFinding(
                f"{group} on {name}", name, group, one.verdict, one.breaking, one.explained, one.p_value, one.overlap
            )
            for group, one in ((group, said[group]) for group in _GROUPS)
        ]
    return tuple(answers)


def landmarks(found: Parts, first: Float[Tensor, "N 3"], k: int) -> Int[Tensor, " m"]:
    """Up to four points spread over part k; of those that are decided, where it has any."""
    rows = found.partition.rows(k)
    sure = rows[~found.undecided[rows]]
    rows = sure if len(sure) else rows
    chosen, _ = farthest_points(first[rows], _LANDMARKS)
    return rows[chosen]


def kept(factors: Sequence[FactorFinding]) -> str:
    """What the target keeps, in a sentence; empty where nothing was asked."""
    if not factors:
        return ""
    whole = [one.part for one in factors if one.group == _GROUPS[0] and one.holds]
    felt = [one.part for one in factors if one.group == _GROUPS[0] and one.verdict in ("approximate", "absent")]
    said = [f"the target keeps {_GROUPS[0]} on {', '.join(whole)}"] if whole else []
    said += [f"it depends on where {', '.join(felt)} {'is' if len(felt) == 1 else 'are'}"] if felt else []
    return "; ".join(said) or "what the target keeps is open"


def factor_table(factors: Sequence[FactorFinding]) -> Table:
    columns = (
        Column("part"),
        Column("group"),
        Column("how much it breaks", "percent", explain="A share of the signal, with its interval."),
        Column("verdict"),
        Column("overlap", "percent", explain="How far moved rows lie among the rows: without it nothing can be told."),
        Column("p-value", "number", explain="Of this factor alone, not corrected for the number of parts."),
    )
    rows = [(one.part, one.group, Interval.of(one.breaking), one.verdict, one.overlap, one.p_value) for one in factors]
    return Table(columns, rows, title="What the target keeps, part by part")
