"""What a lens, an optic or a chain does, counted: gets, puts, values that live at once, bytes, seconds."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from isotropy import errors
from isotropy.errors import DomainError
from isotropy.optics._chain import Chain, everything
from isotropy.optics._meter import measure_peak
from isotropy.optics._optic import Lens, Optic
from isotropy.optics._plan import Plan


@dataclass(frozen=True)
class Cost:
    """``gets`` and ``puts`` that ran, the most ``live_values`` beside the input while a put ran, bytes, seconds.

    ``peak_bytes`` are those of tensors. Of a chain gets are the forwards that keep nothing, puts the backwards, each
    with the forward that it needs.
    """

    gets: int
    puts: int
    live_values: int
    peak_bytes: int
    seconds: float


@dataclass
class _Counter:
    gets: int = 0
    puts: int = 0
    live: int = 0
    most: int = 0

    def born(self, value: Any) -> Any:
        """Counts a value until it dies. Raises DomainError for what cannot be watched, such as a number."""
        try:
            weakref.finalize(value, self._died).atexit = False
        except TypeError as error:
            raise DomainError(
                f"a {type(value).__name__} between two lenses", "values that can be watched", "cost.Value(...)"
            ) from error
        self.live += 1
        return value

    def _died(self) -> None:
        self.live -= 1


_NOW: ContextVar[_Counter | None] = ContextVar("counter", default=None)


@dataclass(eq=False)
class Value:
    """A value that can be watched: ``content`` is what it stands for."""

    content: Any


def counted(lens: Lens[Any, Any, Any, Any]) -> Lens[Any, Any, Any, Any]:
    """The lens, whose gets and puts ``trace`` counts, and the values between them.

    >>> step = counted(Lens(lambda s: Value(s.content + 1), lambda s, b: b))
    >>> trace(step >> step >> step, Value(1)).gets
    3
    """

    def get(s: Any) -> Any:
        now, b = _NOW.get(), lens.get(s)
        if now is None:
            return b
        now.gets += 1
        return b if b is s else now.born(b)

    def put(s: Any, b: Any) -> Any:
        now = _NOW.get()
        if now is not None:
            now.puts += 1
            now.most = max(now.most, now.live)
        return lens.put(s, b)

    return Lens(get, put)


@contextmanager
def _counting() -> Generator[_Counter, None, None]:
    counter = _Counter()
    token = _NOW.set(counter)
    try:
        yield counter
    finally:
        _NOW.reset(token)


def trace(
    program: Lens[Any, Any, Any, Any] | Optic[Any, Any, Any, Any] | Chain,
    x: Any,
    feedback: Any = None,
    plan: Plan | None = None,
) -> Cost:
    """Runs ``program`` there and back once, and counts.

    Of a lens that is its ``put(x, feedback)``, whose gets are those that run again; of an optic ``forward`` and
    ``backward``; of a chain ``run(x, plan)`` with the backward pass of its sum. Lenses are counted where they were made
    with ``counted``, composites of them by their parts. Raises DomainError for anything else.

    >>> parts = [counted(Lens(lambda s: Value(s.content + 1), lambda s, b: b))] * 8
    >>> [trace(bracket(parts, how), Value(0)).gets for how in ("left", "balanced", "right")]
    [28, 12, 7]
    """
    if isinstance(program, Chain):
        return _of_a_chain(program, x, plan)
    if isinstance(program, Lens):
        work: Callable[[], Any] = lambda: program.put(x, feedback)  # noqa: E731
    elif isinstance(program, Optic):  # pyright: ignore[reportUnnecessaryIsInstance]
        work = lambda: program.backward(program.forward(x)[0], feedback)  # noqa: E731
    else:
        raise DomainError(f"a {type(program).__name__}", "a Lens, an Optic or a Chain")
    with _counting() as counter:
        peak, seconds = _measured(work)
    return Cost(counter.gets, counter.puts, counter.most, peak, seconds)


def _of_a_chain(chain: Chain, x: Any, plan: Plan | None) -> Cost:
    plan = everything(len(chain), chain.names) if plan is None else plan
    peak, seconds = _measured(lambda: chain.run(x, plan).sum().backward())
    live = most = 0
    for action, _ in plan.steps:
        live += {"keep": 1, "drop": -1, "tape": 1, "backward": -1}.get(action, 0)
        most = max(most, live)
    gets = sum(step.action in ("forward", "invert") for step in plan.steps)
    return Cost(gets, len(chain), most, peak, seconds)


def _measured(work: Callable[[], Any]) -> tuple[int, float]:
    seconds: list[float] = []

    def timed() -> None:
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)

    return measure_peak(timed), seconds[0]


def bracket(lenses: Sequence[Lens[Any, Any, Any, Any]], how: str) -> Lens[Any, Any, Any, Any]:
    """The composite, bracketed "left" ((1;2);3), "right" (1;(2;3)) or "balanced": one function, three programs.

    Raises DomainError for another word, or no lens.
    """
    if how not in ("left", "right", "balanced") or not lenses:
        raise DomainError(
            f"how={how!r} of {errors.counted(len(lenses), 'lens', 'lenses')}",
            "'left', 'right' or 'balanced', of one at least",
        )
    if len(lenses) == 1:
        return lenses[0]
    if how == "balanced":
        middle = len(lenses) // 2
        return bracket(lenses[:middle], how) >> bracket(lenses[middle:], how)
    whole = lenses[0] if how == "left" else lenses[-1]
    for one in lenses[1:] if how == "left" else lenses[-2::-1]:
        whole = whole >> one if how == "left" else one >> whole
    return whole
