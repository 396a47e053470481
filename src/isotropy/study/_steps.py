"""The lines to run next, filled in."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isotropy.errors import IsotropyError
from isotropy.groups import parse
from isotropy.report import Block, Text
from isotropy.reps import Field, Rep, leaves, parse_type
from isotropy.reps.parts import permutes_cells

_FLAGS = {"--quick", "--resume", "--robust", "--memory"}
_VALUED = {"--schema", "--set", "--time", "--title", "--noise"}  # options that say what the data are


def comparing(command: str, groups: str, *, methods: str = "") -> str:
    """The comparison of ways to use a symmetry, as a command where the answer came from one, else as Python.

    >>> comparing("isotropy discover own.csv --schema own.yaml --quick --out runs/a", "O(3)")
    "isotropy compare own.csv --schema own.yaml --groups 'O(3)' --quick"
    """
    return _asking("compare", command, groups, {"methods": methods} if methods else {})


def discovering(command: str, groups: str) -> str:
    """The question whether data have a symmetry, asked in the same way.

    >>> discovering("isotropy audit model.pt2 own.csv --schema own.yaml --memory", "SO(3)")
    "isotropy discover own.csv --schema own.yaml --groups 'SO(3)' --quick"
    """
    return _asking("discover", command, groups, {})


def _asking(verb: str, command: str, groups: str, more: Mapping[str, str]) -> str:
    words = shlex.split(command)
    if len(words) > 2 and words[:1] == ["isotropy"]:
        # The first word of an audit is the model.
        kept = _data_of(words[2:])[words[1] == "audit" :]
        options = [part for name, value in more.items() for part in (f"--{name}", value)]
        return shlex.join(["isotropy", verb, *kept, "--groups", groups, *options, "--quick"])
    named = "".join(f", {name}={_quoted(value)}" for name, value in more.items())
    return f"isotropy.{verb}(x, y, types, groups={_quoted(groups)}{named}, quick=True)"


def _data_of(words: Sequence[str]) -> list[str]:
    """The words of a command that say which data: the file or name, its schema and settings."""
    places: list[str] = []
    options: list[str] = []
    valued = False
    for i, word in enumerate(words):
        option = word.split("=", 1)[0]
        if valued:
            valued = False
        elif option in _VALUED - {"--noise", "--time"}:
            options += [word] if "=" in word else list(words[i : i + 2])
            valued = "=" not in word
        elif word.startswith("-"):
            valued = "=" not in word and option not in _FLAGS
        else:
            places.append(word)
    return [*places, *options]


def symmetrising(group: str, inputs: Any, targets: Any, *, net: str = "net") -> str:
    """The line that makes a network symmetric; empty where no frame is known that would do it.

    Of pictures it says "approximately" where cells do not go to cells, of a square, so that they are interpolated.

    >>> symmetrising("O(3)", "Vector", "Scalar")
    'isotropy.symmetrize(net, "O(3)", rep_in="Vector", rep_out="Scalar")'
    >>> symmetrising("SE(3)", ["Cloud(Point)", "Cloud(Scalar)"], "Scalar", net="model")
    'isotropy.symmetrize(model, "SE(3)", rep_in=("Cloud(Point)", "Cloud(Scalar)"), rep_out="Scalar")'
    >>> symmetrising("SO(2)", "Field(Scalar)", "Scalar")
    'isotropy.symmetrize(net, "SO(2)", rep_in="Field(Scalar)", rep_out="Scalar")  # approximately: pixels interpolate'
    >>> symmetrising("Scale(3)", "Pseudoscalar", "Vector + 2"), symmetrising("E(2)", "Nodes*Point", "Scalar")
    ('', '')
    """
    from isotropy.frames import symmetrize

    none: Callable[[Any], Any] = lambda x: x  # noqa: E731
    try:
        acting, reps = parse(group), leaves((parse_type(inputs), parse_type(targets)))
        for rep in reps:
            if isinstance(rep, Rep):
                rep.dim(acting)  # how many nodes there are, only a group that acts on them tells
        symmetrize(none, group, rep_in=inputs, rep_out=targets)
    except (IsotropyError, NotImplementedError):
        return ""
    types = f"rep_in={in_python(inputs)}, rep_out={in_python(targets)}"
    exact = permutes_cells(acting, (2,) * acting.degree) or not any(isinstance(rep, Field) for rep in reps)
    return f"isotropy.symmetrize({net}, {_quoted(group)}, {types})" + ("" if exact else _INTERPOLATED)


_INTERPOLATED = "  # approximately: pixels interpolate"


def next_block(lines: Sequence[str]) -> list[Block]:
    """The lines as a block of the report; nothing where there are none."""
    body = "\n".join(f"- `{line}`" if not line.startswith("#") else f"- {line[2:]}" for line in lines)
    return [Text(body, title="What to run next", style="note")] if lines else []


def in_python(type_: Any) -> str:
    """A tree of texts of types, as Python has it.

    >>> in_python({"pos": "Cloud(Point)"}), in_python(["Vector", None])
    ('{"pos": "Cloud(Point)"}', '("Vector", None)')
    """
    if isinstance(type_, Mapping):
        return "{" + ", ".join(f"{_quoted(str(name))}: {in_python(part)}" for name, part in type_.items()) + "}"
    if isinstance(type_, list | tuple):
        inside = ", ".join(map(in_python, type_))
        return f"({inside},)" if len(type_) == 1 else f"({inside})"
    return "None" if type_ in (None, "None") else _quoted(str(type_))


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
