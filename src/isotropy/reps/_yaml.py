"""Plain YAML from people: no tags, no aliases, no depth, no key twice."""

from pathlib import Path
from typing import Any

import yaml

from isotropy.errors import SchemaError

_DEEPEST = 20


def read_yaml(text: str) -> Any:
    """The values in YAML text; raises yaml.YAMLError for what is not plain.

    >>> read_yaml("x: [1, 2]")
    {'x': [1, 2]}
    """
    return yaml.load(text, Loader=_Plain)


def text_of(path: Path, longest: int, example: str) -> str:
    """The text of a file, and one character more than the longest that is read."""
    try:
        with path.open("rb") as file:
            return file.read(longest + 1).decode("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a name with a null character
        why = getattr(error, "strerror", None) or error
        raise SchemaError(f"the schema file {path} ({why})", "a readable UTF-8 text file", example) from None


class _Plain(yaml.SafeLoader):
    """Plain YAML, refused while it is parsed: a tag calls a constructor, an alias may unfold without end, depth takes
    quadratic time, and of a key given twice one would be lost."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.YAMLError("an anchor or alias: aliases are not read, write each value where it is used")
        if getattr(event, "tag", None) is not None:
            raise yaml.YAMLError(f"the tag {event.tag}: plain values have none")
        if self.depth > _DEEPEST:
            raise yaml.YAMLError(f"lists in lists, more than {_DEEPEST} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.YAMLError(f"the key {twice[0]!r} stands twice")
        return super().construct_mapping(node, deep)
