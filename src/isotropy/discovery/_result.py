"""The answer of ``discover``: findings, the continuous symmetries behind them, the model, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from isotropy.discovery._findings import GroupFinding
from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.fields import from_json, jsonable
from isotropy.report import Block, Cell, Chip, Column, Interval, Meter, Result, Table, flatten
from isotropy.study import Model

_SHARES = ("breaking", "price")


@dataclass(frozen=True)
class Continuous:
    """Near-null directions of the Gram matrix of Lie derivatives on the algebra of ``group``, smallest first.

    ``axes`` are unit directions in the basis of the algebra (for so(3): axes of rotation), ``eigenvalues`` in shares
    of the signal; ``dimension`` counts those that the data do not show to be broken.
    """

    group: str = ""
    dimension: int = 0
    axes: tuple[tuple[float, ...], ...] = ()
    eigenvalues: tuple[float, ...] = ()
    intervals: tuple[tuple[float, float], ...] = ()
    angles: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    closes: bool = True


@dataclass(frozen=True)
class Curve:
    """Half the mean squared change of the function along a one-parameter subgroup, as a share of the signal."""

    name: str
    angles: tuple[float, ...]
    values: tuple[float, ...]
    periodic: bool


@dataclass(frozen=True)
class Training:
    """How the soft network learnt: loss per output and strength of each group's penalty, by epoch."""

    epochs: tuple[int, ...] = ()
    loss: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    strengths: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    penalties: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])


@dataclass(frozen=True)
class Learnt:
    """How well the data could be predicted, by which learner; ``explained`` is 1 - (held-out error) / (energy)."""

    learner: str
    explained: float
    held_out_rmse: float
    energy: float
    splits: int
    scores: Mapping[str, float]
    kernel: str = ""


@dataclass(frozen=True, kw_only=True)
class Discovery(Result):
    """Which candidate symmetries hold in the data, how far, how sure that is, and what to do about it.

    ``found["O(3)"]`` is one finding; ``calibration`` holds, for each group, the breaking that the same analysis reads
    off exactly symmetric copies of the data; ``model`` predicts targets from raw inputs.
    """

    kind: ClassVar[str] = "discovery"
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    groups: tuple[GroupFinding, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    continuous: Continuous = Continuous()
    recommendation: str = ""
    tolerance: float = 0.01
    learnt: Learnt = Learnt("", 0.0, 0.0, 0.0, 0, {})
    curves: tuple[Curve, ...] = ()
    training: Training = Training()
    calibration: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: Model | None = field(default=None, compare=False, repr=False, metadata={"json": False})
    samples: Any = field(default=None, compare=False, repr=False, metadata={"json": False})

    def __getitem__(self, name: str) -> GroupFinding:
        """The finding about the group printed as ``name``."""
        for finding in self.groups:
            if finding.name == name:
                return finding
        raise KeyError(f"{name!r} is not among the candidates {[finding.name for finding in self.groups]}")

    def rows(self) -> list[dict[str, Any]]:
        return [flat(finding) for finding in self.groups]

    def payload(self) -> dict[str, Any]:
        return {**super().payload(), "groups": self.rows()}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Discovery:
        rows = payload.get("groups")
        if not isinstance(rows, list):
            raise SchemaError("a discovery without groups", 'a list under "groups"')
        findings = tuple(unflat(row) for row in rows)
        rest = {key: value for key, value in payload.items() if key != "groups"}
        known = {f.name: f for f in fields(cls)}
        unknown = sorted(set(rest) - set(known))
        if unknown:
            raise SchemaError(f"the keys {unknown}", "those that Discovery.to_json writes")
        bare = super().from_payload({**rest, "groups": []})
        return _with_groups(bare, findings)

    def title(self) -> str:
        return f"Symmetries of {self.data.get('title') or self.data.get('name') or 'your data'}"

    def provenance(self) -> Mapping[str, object]:
        return {**dict(self.settings), "seconds": f"{self.seconds:.1f}"}

    def blocks(self) -> Sequence[Block]:
        from isotropy.discovery._blocks import blocks

        return blocks(self)

    def summary(self) -> Table:
        """The verdict table, for terminals and at the head of the report; with the truth where a problem has one."""
        known = any(f.truth is not None for f in self.groups)
        columns = [column for column in _COLUMNS if known or column.label != "truth"]
        rows = [_cells(f) if known else _cells(f)[:1] + _cells(f)[2:] for f in self.groups]
        grey = [i for i, f in enumerate(self.groups) if f.unreliable]
        return Table(columns, rows, grey=grey, section="What holds", title="Verdicts")


_COLUMNS = (
    Column("group"),
    Column("truth", "percent", explain="The share that breaks the symmetry in truth, known for this problem."),
    Column(
        "how much it breaks",
        "percent",
        explain="The share of the signal's energy that violates the symmetry, with one-sided 95 % ends.",
    ),
    Column("level", explain="What is left: the share that respects the symmetry.", terminal=False),
    Column("verdict"),
    Column(
        "price of imposing it",
        "signed percent",
        explain="By how much the best error reached would rise if the symmetry were built in exactly; against at least "
        "0.01 % of the signal, below which an error is no yardstick.",
    ),
    Column("p-value", "p", explain="Test of exact symmetry, corrected for testing several groups."),
    Column(
        "overlap",
        "percent",
        explain="Share of moved inputs that lie where there are data; under 20 % nothing can be said.",
    ),
    Column("inputs invariant", explain="Whether moved inputs look like inputs to a classifier."),
)


def _cells(f: GroupFinding) -> tuple[Cell, ...]:
    return (
        f.name,
        f.truth,
        Interval(f.breaking.mean, f.breaking.low, f.breaking.high),
        Meter(f.level, 1 - f.breaking.high, 1 - f.breaking.low, Chip.of(f.verdict).tone),
        Chip.of(f.verdict),
        Interval(f.price.mean, f.price.low, f.price.high),
        f.p_adjusted,
        f.overlap,
        f.inputs_invariant,
    )


def flat(finding: GroupFinding) -> dict[str, Any]:
    """A finding as one flat record: estimates spread over ``name, low, high``."""
    record: dict[str, Any] = {}
    for item in fields(finding):
        value = getattr(finding, item.name)
        if isinstance(value, Estimate):
            record |= flatten(item.name, value, headline=item.name == "breaking")
        else:
            record[item.name] = jsonable(value)
    return record | {"level": finding.level, "n": finding.breaking.n, "confidence": finding.breaking.confidence}


def unflat(record: Mapping[str, Any]) -> GroupFinding:
    """The finding of a flat record; raises SchemaError where keys are missing or unknown."""
    rest = dict(record)
    try:
        n, confidence = rest.pop("n"), rest.pop("confidence")
        rest.pop("level")
        for name, ends in (("breaking", ("low", "high")), ("price", ("price_low", "price_high"))):
            low, high = (rest.pop(end) for end in ends)
            rest[name] = {"mean": rest[name], "low": low, "high": high, "n": n, "confidence": confidence}
    except KeyError as error:
        raise SchemaError(f"a group without the key {error}", "the keys that Discovery.to_json writes") from error
    finding = from_json(rest, GroupFinding, "groups")
    assert isinstance(finding, GroupFinding)
    return finding


def _with_groups(bare: Discovery, findings: tuple[GroupFinding, ...]) -> Discovery:
    from dataclasses import replace

    return replace(bare, groups=findings)
