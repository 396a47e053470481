"""The lines to run next, filled in."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_VALUED = {"--schema", "--set", "--time", "--title", "--noise"}  # options that say what the data are


def comparing(command: str, groups: str, *, methods: str = "") -> str:
    """The comparison of ways to use a symmetry, as a command where the answer came from one, else as Python.

    >>> comparing("isotropy discover own.csv --schema own.yaml --quick --out runs/a", "O(3)")
    "isotropy compare own.csv --schema own.yaml --groups 'O(3)' --quick"
    """
    words = shlex.split(command)
    if len(words) > 2 and words[:1] == ["isotropy"]:
        kept = _data_of(words[2:])
        more = ["--methods", methods] if methods else []
        return shlex.join(["isotropy", "compare", *kept, "--groups", groups, *more, "--quick"])
    more = f', methods="{methods}"' if methods else ""
    return f'isotropy.compare(x, y, types, groups="{groups}"{more}, quick=True)'


def _data_of(words: Sequence[str]) -> list[str]:
    """The words of a command that say which data: the file or name, its schema and settings."""
    kept: list[str] = []
    valued = False
    for i, word in enumerate(words):
        option = word.split("=", 1)[0]
        if valued:
            valued = False
        elif option in _VALUED - {"--noise", "--time"}:
            kept += [word] if "=" in word else list(words[i : i + 2])
            valued = "=" not in word
        elif word.startswith("-"):
            valued = "=" not in word and option not in ("--quick", "--resume", "--robust")
        elif not kept or all(one.startswith("-") for one in kept):
            kept.append(word)
    return kept


def symmetrising(group: str, inputs: str, targets: str) -> str:
    """The line that makes a network exactly symmetric.

    >>> symmetrising("O(3)", "Vector", "Scalar")
    'isotropy.symmetrize(net, "O(3)", rep_in="Vector", rep_out="Scalar")'
    """
    return f"isotropy.symmetrize(net, {_quoted(group)}, rep_in={_quoted(inputs)}, rep_out={_quoted(targets)})"


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
