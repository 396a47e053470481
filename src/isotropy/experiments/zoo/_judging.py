"""Is physics contradicted? What was said about a law against what is true of it, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from isotropy.data.zoo import BROKEN, HOLDING, LAWS

TOLERANCE = 0.01  # that of ``discover``
# Along a subgroup less can break, never more: from "holds" to "absent" words may only rise. Words that are not here
# say nothing about the symmetry.
_RANK = {**dict.fromkeys(HOLDING, 0), "undecided": 1, "approximate": 2, "absent": 3}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Said:
    """What was said about one candidate: the verdict, ends of breaking, price, and a word for each part if there is."""

    group: str
    verdict: str
    breaking: float
    low: float
    high: float
    price: float
    p: float
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Look:
    """One quick look at a law: rows, noise, seed; what was ``said``, the ``advice``, the share ``explained``.

    ``refused`` is what was answered instead, where an error was.
    """

    law: str
    rows: int
    noise: float
    seed: int
    said: tuple[Said, ...] = ()
    advice: str = ""
    explained: float = 0.0
    refused: str = ""

    @property
    def setting(self) -> str:
        return setting_of(self.rows, self.noise)

    @property
    def where(self) -> str:
        return f"{self.law}, {self.setting}" + (f", seed {self.seed}" if self.seed else "")


def setting_of(rows: int, noise: float) -> str:
    """How a table calls it."""
    return f"n {rows}, noise {noise:g}"


def wrong(look: Look) -> Iterator[str]:
    """Verdicts that physics contradicts: of the whole target, and of its parts."""
    law = LAWS[look.law]
    for said in look.said:
        words = [(said.group, said.verdict, law.right(said.group, TOLERANCE), max(law.shares(said.group)))]
        for part, verdict in said.parts:
            if part in law.parts:
                share = law.shares(said.group)[law.parts.index(part)]
                right = law.right(said.group, TOLERANCE, part)
                words.append((f"{part} under {said.group}", verdict, right, share))
        for name, verdict, right, share in words:
            if verdict not in right:
                yield f"{name} '{verdict}' where {f'{share:.1%} breaks it' if share else 'it holds'}"


def torn(look: Look) -> Iterator[str]:
    """Contradictions along the lattice: a subgroup said to break more than a group that contains it."""
    candidates = LAWS[look.law].candidates
    for small in look.said:
        for big in look.said:
            if small.group == big.group or not candidates[small.group] <= candidates[big.group]:
                continue
            if small.verdict not in _RANK or big.verdict not in _RANK:
                continue
            pair = f"{small.group} < {big.group}"
            if _RANK[small.verdict] > _RANK[big.verdict]:
                yield f"{pair}: '{small.verdict}' within '{big.verdict}'"
            ends = ("breaking", small.breaking, big.breaking), ("price", small.price, big.price)
            for name, inner, outer in ends:
                if inner > outer + _ROUNDING * max(1.0, abs(outer)):
                    yield f"{pair}: {name} {inner:.4g} > {outer:.4g}"


def misadvised(look: Look) -> Iterator[str]:
    """Advice against physics: to build in what is clearly broken, to leave out or pay for what holds."""
    law = LAWS[look.law]
    for clause in look.advice.split(";"):
        build = ("build in" in clause and "none of" not in clause) or "violates" in clause
        against = any(words in clause for words in ("leave out", "would cost", "softly"))
        for group in _named(clause, law.groups):
            right = set(law.right(group, TOLERANCE))
            if build and not right & set(HOLDING):
                yield f"'{clause.strip()}', but {max(law.shares(group)):.1%} breaks {group}"
            elif against and not build and not right & set(BROKEN):
                yield f"'{clause.strip()}', but {group} holds"


def alarmed(look: Look) -> Iterator[str]:
    """Candidates that hold, and of which the advice says that they are broken by an unknown amount.

    A test of size 5 % must say so now and then; only how often can be judged.
    """
    law = LAWS[look.law]
    for clause in look.advice.split(";"):
        for group in _named(clause, law.groups) if " broken" in clause else ():
            if not set(law.right(group, TOLERANCE)) & set(BROKEN):
                yield f"'{clause.strip()}', but {group} holds"


def _named(text: str, groups: Iterable[str]) -> Sequence[str]:
    """The groups that a text names, longest names first: O(3) is no word of SO(3)."""
    found: list[str] = []
    for group in sorted(groups, key=len, reverse=True):
        if group in text:
            found.append(group)
            text = text.replace(group, " ")
    return found
