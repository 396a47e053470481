"""Doctests of our docstrings as code: without a heading above them they would be read as quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(?: *>>> .*\n?(?: *\S.*\n?)*)(?:\n(?= *>>> )(?: *>>> .*\n?(?: *\S.*\n?)*))*", flags=re.M)


class Doctests(griffe.Extension):
    """Puts every doctest of every docstring into a fence."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None and ">>> " in obj.docstring.value:
            obj.docstring.value = EXAMPLE.sub(lambda m: f"```pycon\n{m[0].rstrip()}\n```\n", obj.docstring.value)
