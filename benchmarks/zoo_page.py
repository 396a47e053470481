"""The page docs/results/zoo.md from what ``isotropy reproduce zoo`` found.

python benchmarks/zoo_page.py runs/reproduce-zoo/result.json > docs/results/zoo.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isotropy.data.zoo import LAWS
from isotropy.experiments.zoo import ZOO, Zoo, objections
from isotropy.report import Cell, Chip, Table

_HEAD = """# A zoo of laws

{count} laws of mechanics, electromagnetism, optics, scaling and relativity whose symmetries every textbook states
(`isotropy.data.zoo`; `load("zoo/kepler", n=300, noise=0.1)` draws rows of one). Each is asked about with a quick look
at {rows} rows and noise of {noise} of the standard deviation of each part of the target: {looks} looks.
`discover` is told the types and the candidates, and nothing of the truth or the noise.

- Command: `isotropy reproduce zoo{options}`; {seconds:.0f} processor seconds in all. Written by
  `benchmarks/zoo_page.py`.
- A verdict is contradicted by physics where it says that a symmetry holds (no breaking detected, negligible, none seen)
  and at least 2 % of the signal breaks it, or that it is broken (approximate, absent) and it holds exactly. Undecided,
  not identifiable and no signal claim nothing. Parts of the target are judged each by its own share.
- A contradiction along the lattice is a subgroup with a stronger word, more breaking or a higher price than a group
  that contains it.
- Breaking is the share E|f - R f|^2 / E|f - c|^2 of the signal about the best constant c that is invariant under that
  candidate, by formula or by Monte Carlo (`tests/data/test_zoo.py` checks each); of the worst part where there are
  several. Where no uniform law exists: half the mean squared change within the window, or what a compact candidate
  inside it breaks.
"""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |"
    yield ""


def _cell(cell: Cell) -> str:
    if isinstance(cell, Chip):
        return f"**{cell.word}**" if cell.word.endswith("!") else cell.word
    return f"{cell:.1%}" if isinstance(cell, float) and cell else "0" if cell == 0 else str(cell or "")


def _verdicts(table: Table) -> Iterator[str]:
    yield f"## What was said\n{table.caption}\n"
    name, rows = "", []
    for row in table.rows:
        name = str(row[0]) or name
        rows.append([name, *(_cell(cell) for cell in row[1:])])
    yield from _table([column.label for column in table.columns], rows)


def _options(config: Mapping[str, Any]) -> str:
    """What was set, as a command line says it."""
    usual = asdict(ZOO.small)
    changed = {key: value for key, value in config.items() if key in ("laws", "rows", "noise", "seeds")}
    return "".join(
        f" --set {key}={','.join(map(str, value)) if isinstance(value, Sequence) else value}"
        for key, value in changed.items()
        if value != (list(usual[key]) if isinstance(usual[key], tuple) else usual[key])
    )


def page(result: Zoo) -> str:
    """The page as Markdown."""
    config = result.config
    lines = [
        _HEAD.format(
            count=len({look.law for look in result.looks}),
            rows=" and ".join(str(n) for n in config["rows"]),
            noise=", ".join(f"{noise:g}" for noise in config["noise"]),
            looks=len(result.looks),
            seconds=result.seconds,
            options=_options(config),
        )
    ]
    lines.append(f"**{sum(claim.held for claim in result.claims)} of {len(result.claims)} claims held.**\n")
    claims = [(c.text, c.numbers, "held" if c.held else "**not held**") for c in result.claims]
    lines += _table(("claim", "found", "in this run"), claims)
    lines += _verdicts(result.summary())
    against = [(look.where, text) for look in result.looks for text in objections(look)]
    if against:
        lines.append("## What physics objects")
        lines += _table(("look", "objection"), against)
    lines.append("## The laws")
    laws = [LAWS[name] for name in dict.fromkeys(look.law for look in result.looks)]
    told = [(law.name, law.physics, f"`{law.types.x}`", f"`{law.types.y}`") for law in laws]
    lines += _table(("law", "physics", "inputs", "targets"), told)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(page(Zoo.from_json(Path(sys.argv[1]).read_text())), end="")
