"""The answer of ``compare``: every method's error, asymmetry and cost, and which to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.fields import from_json, jsonable
from isotropy.report import Block, Cell, Chip, Column, Interval, Result, Table, Tone, flatten

Standing = Literal["recommended", "best", "as good", "undecided", "worse", "not run"]
STANDINGS: Mapping[Standing, tuple[Tone, str, str]] = {
    "recommended": ("holds", "●", "The method to take, by the rule below."),
    "best": ("small", "◕", "The lowest error of all."),
    "as good": ("small", "◑", "Within 1 % of the lowest error, or within 10 % and not shown to be worse."),
    "undecided": (
        "open",
        "◔",
        "Not shown to be worse, and yet more than 10 % above the lowest error, or behind another method for its group "
        "that is worse.",
    ),
    "worse": ("broken", "○", "Shown to be worse than the best on the same rows."),
    "not run": ("silent", "–", "There is no such method for this group; the reason stands in the report."),
}


@dataclass(frozen=True)
class MethodFinding:
    """One method: held-out error in the unit of the targets with its 95 % interval, and what it took.

    ``excess`` and ``p_best`` compare with the best, ``excess_plain`` and ``p_plain`` with the plain network (relative
    differences of errors; p-values of paired tests, Holm-corrected). ``equivariance_error`` is under
    ``equivariance_group``. ``seconds`` are processor seconds of training, all folds together, and
    ``row_seconds`` of predicting one row; ``peak_mb`` is what tensors take in one step. ``missing`` says why a method
    was not run; its figures are then None.
    """

    name: str
    kind: str
    group: str
    standing: Standing
    error: Estimate | None = None
    excess: float | None = None
    p_best: float | None = None
    excess_plain: float | None = None
    p_plain: float | None = None
    equivariance_error: float | None = None
    equivariance_group: str = ""
    seconds: float | None = None
    row_seconds: float | None = None
    peak_mb: float | None = None
    parameters: int | None = None
    fold_errors: tuple[float, ...] = ()
    best_steps: tuple[int, ...] = ()
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison(Result):
    """Which way to use a symmetry wins on these data: plain, augmentation, soft, frames, coordinates, exact layers.

    ``compared["frames O(3)"]`` is one method; ``recommended`` the name of the one to take; ``constant`` the error of
    predicting the mean.
    """

    kind: ClassVar[str] = "comparison"
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    methods: tuple[MethodFinding, ...] = ()
    recommended: str = ""
    recommendation: str = ""
    constant: float = 0.0
    edges: tuple[tuple[str, str], ...] = ()
    budget: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __getitem__(self, name: str) -> MethodFinding:
        """The finding about the method of that name."""
        for finding in self.methods:
            if finding.name == name:
                return finding
        raise KeyError(f"{name!r} is not among the methods {[finding.name for finding in self.methods]}")

    @property
    def run(self) -> tuple[MethodFinding, ...]:
        """The methods that exist for these data, lowest error first."""
        found = [(f.error.mean, f) for f in self.methods if f.error is not None]
        return tuple(f for _, f in sorted(found, key=lambda pair: pair[0]))

    def rows(self) -> list[dict[str, Any]]:
        return [_flat(finding) for finding in self.methods]

    def payload(self) -> dict[str, Any]:
        return {**super().payload(), "methods": self.rows()}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Comparison:
        rows = payload.get("methods")
        if not isinstance(rows, list):
            raise SchemaError("a comparison without methods", 'a list under "methods"')
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(payload) - known)
        if unknown:
            raise SchemaError(f"the keys {unknown}", "those that Comparison.to_json writes")
        bare = super().from_payload({**payload, "methods": []})
        return replace(bare, methods=tuple(_unflat(row) for row in rows))

    def title(self) -> str:
        return f"Ways to use a symmetry: {self.data.get('title') or self.data.get('name') or 'your data'}"

    def provenance(self) -> Mapping[str, object]:
        return {**dict(self.settings), "seconds": f"{self.seconds:.1f}"}

    def blocks(self) -> Sequence[Block]:
        from isotropy.comparison._blocks import blocks

        return blocks(self)

    def summary(self) -> Table:
        """Every method that was run, lowest error first, for terminals and at the head of the report."""
        return Table(_COLUMNS, [_cells(f) for f in self.run], section="Which way wins", title="Methods")


_COLUMNS = (
    Column("method"),
    Column("error", "number", explain="Root mean squared error on rows not seen, in the unit of the targets; 95 %."),
    Column("standing"),
    Column("above the best", "signed percent", explain="Relative difference of the errors."),
    Column("p against best", "p", explain="Paired test on the same rows, corrected for the number of methods (Holm)."),
    Column("p against plain", "p", explain="The same against the plain network.", terminal=False),
    Column("asymmetry", "percent", explain="Equivariance error of the trained models under the group named beside it."),
    Column("under", terminal=False),
    Column("seconds", "number", explain="Processor seconds of training, all folds together."),
    Column("µs a row", "number", explain="Processor time of predicting one row, in microseconds.", terminal=False),
    Column("MB", "number", explain="What tensors take in one step of training."),
)


def _cells(f: MethodFinding) -> tuple[Cell, ...]:
    assert f.error is not None
    tone, glyph, note = STANDINGS[f.standing]
    return (
        f.name,
        Interval.of(f.error),
        Chip(f.standing, tone, glyph, note),
        f.excess,
        f.p_best,
        f.p_plain,
        f.equivariance_error,
        f.equivariance_group,
        None if f.seconds is None else float(f"{f.seconds:.3g}"),
        None if f.row_seconds is None else float(f"{1e6 * f.row_seconds:.3g}"),
        None if f.peak_mb is None else float(f"{f.peak_mb:.3g}"),
    )


def _flat(finding: MethodFinding) -> dict[str, Any]:
    """A finding as one flat record: ``error, low, high`` and the rest by name."""
    record = {f.name: jsonable(getattr(finding, f.name)) for f in fields(finding) if f.name != "error"}
    error = finding.error
    return record | flatten("error", error, headline=True) | {"n": None if error is None else error.n}


def _unflat(row: Mapping[str, Any]) -> MethodFinding:
    rest = dict(row)
    try:
        error, low, high, n = (rest.pop(key) for key in ("error", "low", "high", "n"))
    except KeyError as missing:
        raise SchemaError(f"a method without the key {missing}", "the keys that Comparison.to_json writes") from missing
    rest["error"] = None if error is None else {"mean": error, "low": low, "high": high, "n": n}
    finding = from_json(rest, MethodFinding, "methods")
    assert isinstance(finding, MethodFinding)
    return finding
