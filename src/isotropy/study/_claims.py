"""Shapes that must hold in the result of an experiment, whether they did, and how a report shows it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from isotropy.errors import DomainError, counted
from isotropy.report import Block, Chip, Column, Result, Table, Text

Number = float | int
R = TypeVar("R", bound=Result, contravariant=True)  # whoever judges all results judges one kind


@dataclass(frozen=True)
class Verdict:
    """A claim in words, whether it held (None: not decided), and the numbers that decided, where it names them."""

    text: str
    held: bool | None
    numbers: str = ""


@dataclass(frozen=True)
class Claim(Generic[R]):
    """A shape that must hold in the result, in words and as a test; ``numbers`` says what the test looked at.

    The test gives None where the result cannot decide, such as one seed a claim about the spread over seeds.

    ``tasks`` are those it is about: where only some parts run, the others' claims are not judged.

    >>> Claim("the result has rows", lambda result: len(result.rows()) > 0).text
    'the result has rows'
    """

    text: str
    holds: Callable[[R], bool | None]
    numbers: Callable[[R], str] | None = None
    tasks: frozenset[str] = frozenset()

    def judge(self, result: R) -> Verdict:
        """Whether it held in a result."""
        return Verdict(self.text, self.holds(result), self.numbers(result) if self.numbers else "")


@dataclass(frozen=True)
class Value(Generic[R]):
    """A number that is read from a result, of the ``tasks`` named; values are divided and subtracted like numbers.

    >>> from isotropy.study import Traced
    >>> abs(Value(lambda result: 2.0) - 3)(Traced())
    1.0
    """

    read: Callable[[R], float]
    tasks: frozenset[str] = frozenset()

    def __call__(self, result: R) -> float:
        return self.read(result)

    def __truediv__(self, other: Value[R]) -> Value[R]:
        return Value(lambda r: self(r) / other(r), self.tasks | other.tasks)

    def __mul__(self, times: float | int) -> Value[R]:
        return Value(lambda r: self(r) * times, self.tasks)

    def __sub__(self, other: Value[R] | Number) -> Value[R]:
        less = _value(other)
        return Value(lambda r: self(r) - less(r), self.tasks | less.tasks)

    def __abs__(self) -> Value[R]:
        return Value(lambda r: abs(self(r)), self.tasks)


def highest(values: Iterable[Value[R]]) -> Value[R]:
    """The largest of several numbers."""
    all_of = tuple(values)
    return Value(lambda r: max(value(r) for value in all_of), _tasks(all_of))


def below(text: str, one: Value[R] | Number, other: Value[R] | Number) -> Claim[R]:
    """The claim that one number is less than another."""
    return rising(text, (one, other))


def rising(text: str, values: Iterable[Value[R] | Number], digits: int = 4) -> Claim[R]:
    """The claim that each number is less than the next; they are told to so many digits."""
    all_of = _some(text, values)
    return Claim(
        text,
        lambda r: all(one < other for one, other in pairwise(value(r) for value in all_of)),
        lambda r: " < ".join(f"{value(r):.{digits}g}" for value in all_of),
        _tasks(all_of),
    )


def at_most(text: str, values: Value[R] | Iterable[Value[R]], bound: Number) -> Claim[R]:
    """The claim that no number is above ``bound``; raises DomainError for none, of which all would be true."""
    return _bounded(text, values, operator.le, "<=", bound, digits=3)


def at_least(text: str, values: Value[R] | Iterable[Value[R]], bound: Number) -> Claim[R]:
    """The claim that no number is below ``bound``; raises DomainError for none, of which all would be true."""
    return _bounded(text, values, operator.ge, ">=", bound, digits=4)


def _bounded(
    text: str,
    values: Value[R] | Iterable[Value[R]],
    holds: Callable[[Number, Number], bool],
    sign: str,
    bound: Number,
    *,
    digits: int,
) -> Claim[R]:
    all_of = _some(text, values)
    return Claim(
        text,
        lambda r: all(holds(value(r), bound) for value in all_of),
        lambda r: ", ".join(f"{value(r):.{digits}g}" for value in all_of) + f" {sign} {bound:g}",
        _tasks(all_of),
    )


def _some(text: str, values: Value[R] | Iterable[Value[R] | Number]) -> tuple[Value[R], ...]:
    some: Iterable[Value[R] | Number] = (values,) if isinstance(values, Value) else values
    all_of = tuple(map(_value, some))
    if not all_of:
        raise DomainError(f"a claim about no number: {text}", "one number or more")
    return all_of


def _value(one: Value[R] | Number) -> Value[R]:
    """A number is the same of every result."""
    return one if isinstance(one, Value) else Value(lambda result: one)


def _tasks(values: Iterable[Value[R]]) -> frozenset[str]:
    return frozenset[str]().union(*(value.tasks for value in values))


def claim_blocks(verdicts: Sequence[Verdict]) -> list[Block]:
    """How many claims held, and each of them."""
    held = sum(verdict.held is True for verdict in verdicts)
    told = any(verdict.numbers for verdict in verdicts)
    columns = [Column("claim"), *([Column("found")] if told else []), Column("")]
    rows = [(v.text, *([v.numbers] if told else []), _chip(v.held)) for v in verdicts]
    return [
        Text(f"{held} of {counted(len(verdicts), 'claim')} held in this run.", style="headline"),
        Table(tuple(columns), rows, section="Claims", title="Shapes that must hold", name="claims"),
    ]


def _chip(held: bool | None) -> Chip:
    if held is None:
        return Chip("not decided", "plain", "◌")
    return Chip("held", "holds", "●") if held else Chip("not held", "broken", "○")
