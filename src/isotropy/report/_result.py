"""What every verb returns: rows for programs, a table for terminals, blocks for the report, JSON for all three."""

import dataclasses
import json
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.fields import Json, finite, from_json, is_stored, jsonable
from isotropy.report._blocks import Block, Column, Format, Number, Table
from isotropy.report._page import write_html
from isotropy.report._terminal import table_text
from isotropy.storage import write_whole

R = TypeVar("R", bound="Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result(ABC):
    """A frozen dataclass that can be printed, written as JSON, read back, and shown as a report.

    Subclasses are frozen dataclasses that set ``kind`` and write ``blocks``. Their fields may be numbers, strings,
    Estimates, frozen dataclasses, tuples and dictionaries of these; a field that is none of them belongs into
    ``field(compare=False, metadata={"json": False})`` with a default. Findings with a headline (``is_row``) are flat
    rows, in ``rows`` and in JSON. Law: ``from_json(to_json(r)) == r``.
    """

    kind: ClassVar[str]
    schema: ClassVar[int] = 1  # of the JSON; raised where a key changes its meaning
    seconds: float = 0.0

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """One flat record for each thing that was judged; an Estimate is ``name, low, high`` (see ``flatten``)."""
        return [flat(item) for f in dataclasses.fields(self) for item in _findings(getattr(self, f.name))]

    @abstractmethod
    def blocks(self) -> Sequence[Block]:
        """What the report shows, in order."""

    def title(self) -> str:
        """The heading of the report."""
        return self.kind.replace("_", " ").capitalize()

    def provenance(self) -> Mapping[str, object]:
        """What the footer of the report says: the field ``settings``, where a result has one, and seconds."""
        settings: Mapping[str, object] = getattr(self, "settings", {})
        return {**settings, "seconds": f"{self.seconds:.1f}"}

    def summary(self) -> Table:
        """The table for terminals; by default one column for each key of the rows."""
        rows = self.rows()
        keys = list(dict.fromkeys(key for row in rows for key in row))
        formats: dict[str, Format] = {
            key: "text" if any(isinstance(row.get(key), str) for row in rows) else "number" for key in keys
        }
        columns = [Column(key.replace("_", " "), formats[key]) for key in keys]
        return Table(columns, [[row.get(key) for key in keys] for row in rows])

    def table(self) -> str:
        """The summary as text, ready to print."""
        return table_text(self.summary())

    def payload(self) -> dict[str, Json]:
        """The fields as JSON values; numbers that are not finite become null."""
        stored = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if is_stored(f)}
        return {name: [flat(item) for item in _findings(value)] or jsonable(value) for name, value in stored.items()}

    @classmethod
    def from_payload(cls: type[R], payload: Mapping[str, Json]) -> R:
        """The result that ``payload`` describes. Raises SchemaError when it does not fit the fields."""
        record = dict(payload)
        for name, hint in typing.get_type_hints(cls).items():
            kind = next(iter(typing.get_args(hint)), None)
            if is_row(kind):
                rows = record.get(name)
                if not isinstance(rows, list):
                    raise SchemaError(f"a {cls.kind} without {name}", f'a list under "{name}"')
                record[name] = [raised(row, kind, name) for row in rows]
        return cast(R, from_json(record, cls, cls.__name__))

    def to_json(self, path: str | Path | None = None) -> str:
        """The result as JSON text with sorted keys, and into a file (whole or not at all) when a path is given."""
        record = {**self.payload(), "schema": self.schema, "kind": self.kind, "seconds": jsonable(self.seconds)}
        text = json.dumps(record, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        if path is not None:
            write_whole(Path(path), text.encode())
        return text

    @classmethod
    def from_json(cls: type[R], source: str | Path) -> R:
        """The result that ``to_json`` wrote: its text, or the path of the file or of the run directory that holds it.

        Raises SchemaError for a file that is not there, another schema, another kind, or damaged text.
        """
        try:
            record = json.loads(_text_of(source))
        except json.JSONDecodeError as error:
            raise SchemaError(f"text that is not JSON ({error})", f"what {cls.__name__}.to_json wrote") from error
        if not isinstance(record, dict):
            raise SchemaError(f"a JSON {type(record).__name__}", "an object with the keys schema and kind")
        payload = cast(dict[str, Json], record)
        for key, wanted in (("schema", cls.schema), ("kind", cls.kind)):
            found = payload.pop(key, None)
            if found != wanted:
                raise SchemaError(f"{key} {found!r:.80}", f"{key} {wanted!r}", "use another class or version")
        return cls.from_payload(payload)

    def report(self, path: str | Path) -> Path:
        """Write ``report.html`` into a folder (or to a path ending in .html), with ``figures/`` beside it."""
        kicker = f"Isotropy · {self.kind.replace('_', ' ')}"
        return write_html(self.title(), self.blocks(), path, kicker=kicker, provenance=self.provenance())

    def write(self: R, folder: Path) -> R:
        """The result itself, with ``result.json`` and the report in a folder."""
        self.to_json(folder / "result.json")
        self.report(folder / "report.html")
        return self


def _text_of(source: str | Path) -> str:
    """Text itself, or that of a file; no path is longer than a line or begins with a brace."""
    if isinstance(source, str) and (source.lstrip()[:1] in ("{", "[", "") or "\n" in source):
        return source
    path = Path(source)
    path = path / "result.json" if path.is_dir() else path
    if not path.is_file() and isinstance(source, str) and path.suffix != ".json":
        return source  # damaged text, to be refused as such
    if not path.is_file():
        raise SchemaError(f"no file {path}", "what to_json wrote")
    return path.read_text("utf-8")


def _findings(value: object) -> Sequence[Any]:
    """The findings that a field holds as rows."""
    held: Sequence[Any] = cast(Sequence[Any], value) if isinstance(value, tuple) else ()
    return [item for item in held if is_row(type(item))]


def flatten(name: str, estimate: Estimate | None, *, headline: bool = False) -> dict[str, Number | None]:
    """An Estimate in a flat row: ``name, low, high`` as its headline, ``name, name_low, name_high`` otherwise.

    >>> flatten("price", Estimate(0.1, 0.0, 0.2, n=9))
    {'price': 0.1, 'price_low': 0.0, 'price_high': 0.2}
    """
    ends = _ends(name, headline)
    if estimate is None:
        return dict.fromkeys((name, *ends))
    return dict(zip((name, *ends), map(finite, (estimate.mean, estimate.low, estimate.high)), strict=True))


def is_row(kind: object) -> bool:
    """Whether findings of a dataclass are flat in JSON: one of its fields has ``metadata={"headline": (...)}``.

    The headline is the Estimate a row leads with; the tuple names what all Estimates of the row share with it, such as
    ``n``. ``derived`` of the class names properties that a row tells as well.
    """
    known: Mapping[str, Any] = getattr(kind, "__dataclass_fields__", {})
    return any("headline" in item.metadata for item in known.values())


def flat(finding: Any) -> dict[str, Any]:
    """A finding as one flat record."""
    row: dict[str, Any] = {}
    estimates = _estimates(type(finding))
    for item in dataclasses.fields(finding):
        value = getattr(finding, item.name)
        if item.name not in estimates:
            row[item.name] = jsonable(value)
            continue
        shared: tuple[str, ...] | None = item.metadata.get("headline")
        row |= flatten(item.name, value, headline=shared is not None)
        row |= {name: None if value is None else getattr(value, name) for name in shared or ()}
    return row | {name: jsonable(getattr(finding, name)) for name in getattr(finding, "derived", ())}


def raised(row: Json, kind: Any, where: str) -> dict[str, Any]:
    """The record of the fields of ``kind`` that ``flat`` made flat; raises SchemaError where keys are missing."""
    if not isinstance(row, Mapping):
        raise SchemaError(f"{row!r:.80} in {where}", "a row with the keys that to_json writes")
    record = dict(row)
    try:
        for name in getattr(kind, "derived", ()):
            record.pop(name)
        headed = {item.name: item.metadata.get("headline") for item in dataclasses.fields(kind)}
        shared = {name: record.pop(name) for kept in headed.values() if kept for name in kept}
        for name, optional in _estimates(kind).items():
            low, high = (record.pop(end) for end in _ends(name, headed[name] is not None))
            known = {"mean": record[name], "low": low, "high": high, **shared}
            record[name] = None if optional and record[name] is None else known
    except KeyError as error:
        raise SchemaError(f"{where} without the key {error}", "the keys that to_json writes") from error
    return record


def _ends(name: str, headline: bool) -> tuple[str, str]:
    return ("low", "high") if headline else (f"{name}_low", f"{name}_high")


def _estimates(kind: type) -> dict[str, bool]:
    """The fields that hold an Estimate, and whether each may hold None."""
    hints = typing.get_type_hints(kind)
    choices = {item.name: typing.get_args(hints[item.name]) or (hints[item.name],) for item in dataclasses.fields(kind)}
    return {name: type(None) in kinds for name, kinds in choices.items() if Estimate in kinds}
