"""Schema files: a few lines of plain YAML that say what the columns are."""

from __future__ import annotations

from pathlib import Path

import yaml

from isotropy.errors import SchemaError
from isotropy.reps import Schema

_LARGEST = 1_000_000  # bytes; a schema is read by people
_DEEPEST = 20  # the parser takes quadratic time in the depth
_EXAMPLE = 'for instance  x: 5*Scalar("mass") + 5*Vector("position")  and  y: Tensor(2)("inertia")'


def read_schema(path: str | Path) -> Schema:
    """The schema that a YAML file spells out.

    Raises ``SchemaError`` for a file that is missing, unreadable or oversized, for tags, anchors and aliases (refused
    before anything is built from them), and for whatever ``Schema`` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "schema.yaml"
    ...     _ = path.write_text("x: 2*Vector\\ny: Scalar\\ndims: {space: 3}\\n")
    ...     str(read_schema(path).x)
    '2*Vector'
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with a null character
        why = getattr(error, "strerror", None) or error
        raise SchemaError(f"the schema file {path} ({why})", "a UTF-8 text file that can be read", _EXAMPLE) from error
    if len(raw) > _LARGEST:
        raise SchemaError(f"{path.name} of more than {_LARGEST} bytes", "a schema of a few lines", _EXAMPLE)
    refuse_tags(text, path.name)
    return Schema.from_yaml(text)


def refuse_tags(text: str, where: str) -> None:
    """Walks the events of the parser, before any value is built: a tag calls a constructor, an alias may unfold.

    >>> refuse_tags("x: !!python/name:os.system", "schema.yaml")
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the tag tag:yaml.org,2002:python/name:os.system in schema.yaml; \
expected plain values without tags
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise SchemaError(f"an anchor or alias in {where}", "plain values", "write the value where it is used")
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise SchemaError(f"the tag {tag} in {where}", "plain values without tags")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise SchemaError(f"lists in lists, {depth} deep, in {where}", "types, dims and lists of columns")
    except (yaml.YAMLError, RecursionError) as error:
        raise SchemaError(f"{where}, which is not YAML", "YAML", " ".join(str(error).split())[:300]) from error
