"""The answer of the experiment: what was said about every law, and what physics has to object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from isotropy.data.zoo import BROKEN, HOLDING, LAWS, OPEN
from isotropy.errors import counted
from isotropy.experiments.zoo._config import TASK
from isotropy.experiments.zoo._judging import Look, alarmed, misadvised, torn, wrong
from isotropy.fields import from_json
from isotropy.report import Block, Cell, Chip, Column, Table
from isotropy.study import Claim, Done, Published, Quoted, Scored, Value, at_least, at_most

_SHORT = {
    "no breaking detected": "holds",
    "negligible": "negligible",
    "none seen": "none seen",
    "approximate": "broken",
    "absent": "absent",
    "undecided": "?",
    "not identifiable": "∅",
    "no signal": "–",
}
_TASKS = frozenset({TASK})
_ANY = len((*HOLDING, *BROKEN, *OPEN))  # where every word is right, none is asked for
_READ = (
    "Of each candidate the share of the signal that breaks it in truth (the worst part of the target), and what was "
    "said: holds (no breaking detected), negligible, none seen, broken (approximate), absent, ? (undecided), "
    "∅ (not identifiable), – (no signal). A word with an exclamation mark is one that physics contradicts."
)


@dataclass(frozen=True, kw_only=True)
class Zoo(Scored):
    """Verdicts on laws whose symmetries are known, by noise and number of rows."""

    kind: ClassVar[str] = "zoo"
    heading = "A zoo of laws"
    # What every textbook states: the share of the signal that breaks a candidate, of the worst part of the target.
    published = Published(
        tuple(
            Quoted(TASK, group, name, max(law.shares(group)), "share that breaks", "isotropy.data.zoo", False)
            for name, law in LAWS.items()
            for group in law.groups
        )
    )
    looks: tuple[Look, ...] = ()

    @classmethod
    def told(cls, config: Any, done: Sequence[Done]) -> dict[str, Any]:
        looks = tuple(from_json(outcome["look"], Look, "look") for _, outcome in done)
        return {**super().told(config, done), "looks": looks}

    def summary(self) -> Table:
        """A row for each candidate of each law, a column for each number of rows and noise."""
        settings = list(dict.fromkeys(look.setting for look in self.looks))
        heads = [Column("law"), Column("candidate"), Column("breaks", "percent"), *map(Column, settings)]
        rows: list[list[Cell]] = []
        for name in dict.fromkeys(look.law for look in self.looks):
            law = LAWS[name]
            for group in law.groups:
                first = name if group == law.groups[0] else ""
                words = [
                    _word([one for one in self.looks if (one.law, one.setting) == (name, s)], group) for s in settings
                ]
                rows.append([first, group, max(law.shares(group)), *words])
        return Table(heads, rows, section="What was said", title="Verdicts", caption=_READ, name="verdicts")

    def blocks(self) -> Sequence[Block]:
        return [*super().blocks(), self.summary(), *self._objections(), *self._laws()]

    def _objections(self) -> Iterator[Block]:
        rows = [(look.where, text) for look in self.looks for text in objections(look)]
        if rows:
            heads = (Column("law"), Column("objection"))
            yield Table(heads, rows, section="Objections", title="What physics objects", name="objections")

    def _laws(self) -> Iterator[Block]:
        names = dict.fromkeys(look.law for look in self.looks)
        rows = [(name, LAWS[name].physics, str(LAWS[name].types.x), str(LAWS[name].types.y)) for name in names]
        heads = (Column("law"), Column("physics"), Column("inputs"), Column("targets"))
        yield Table(heads, rows, section="The laws", title="What is asked about", name="laws")


def _word(looks: Sequence[Look], group: str) -> Chip | None:
    """The word on one candidate; of several seeds the worst, with how many agree."""
    words = [(said.verdict, look) for look in looks for said in look.said if said.group == group]
    if not words:
        return Chip("refused", "broken") if looks else None
    bad = [verdict for verdict, look in words if verdict not in LAWS[look.law].right(group)]
    verdicts = [verdict for verdict, _ in words]
    shown = bad[0] if bad else max(dict.fromkeys(verdicts), key=verdicts.count)
    count = f" {verdicts.count(shown)}/{len(verdicts)}" if len(verdicts) > 1 else ""
    chip = Chip.of(shown)
    return Chip(_SHORT.get(shown, shown) + count + ("!" if bad else ""), chip.tone, chip.glyph)


def objections(look: Look) -> Iterator[str]:
    """All that can be said against a look."""
    yield from wrong(look)
    yield from torn(look)
    yield from misadvised(look)
    yield from alarmed(look)
    if look.refused:
        yield f"refused: {look.refused}"


def _no(text: str, kind: Callable[[Look], Iterable[str]]) -> Claim[Zoo]:
    """The claim that there is no objection of a kind."""

    def numbers(result: Zoo) -> str:
        found = [f"{look.where}: {text}" for look in result.looks for text in kind(look)]
        return f"{len(found)} in {counted(len(result.looks), 'look')}" + "".join(f"; {one}" for one in found[:3])

    return Claim(text, lambda result: not any(True for look in result.looks for _ in kind(look)), numbers, _TASKS)


def _spoken(which: tuple[str, ...]) -> Value[Zoo]:
    """Of candidates that hold, or are clearly broken, the share of which it is said, with most rows and least noise."""

    def read(result: Zoo) -> float:
        most, least = max(look.rows for look in result.looks), min(look.noise for look in result.looks)
        looks = [look for look in result.looks if (look.rows, look.noise) == (most, least)]
        words = [
            said.verdict
            for look in looks
            for said in look.said
            if set(which) & set(right := LAWS[look.law].right(said.group)) and len(right) < _ANY
        ]
        return sum(word in which for word in words) / max(len(words), 1)

    return Value(read, _TASKS)


_FALSE_ALARMS: Value[Zoo] = Value(
    lambda result: sum(any(True for _ in alarmed(look)) for look in result.looks) / max(len(result.looks), 1), _TASKS
)
CLAIMS: tuple[Claim[Zoo], ...] = (
    _no("no verdict that physics contradicts, of any law or part of its target", wrong),
    _no("no contradiction along any lattice", torn),
    _no("no advice against physics", misadvised),
    at_most("false alarms (broken, by how much is undecided) in at most 5 % of looks", _FALSE_ALARMS, 0.05),
    _no("no law is refused", lambda look: [look.refused] if look.refused else []),
    # Whoever says nothing is never contradicted.
    at_least("most rows, least noise: of what is broken at least 80 % is called so", _spoken(BROKEN), 0.8),
    at_least("most rows, least noise: of what holds at least half is said to hold", _spoken(HOLDING), 0.5),
)
