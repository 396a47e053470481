"""There and back, with what has to be kept in between: lenses and optics with an explicit residual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Optic(Generic[S, T, A, B]):
    """``forward: S -> (residual, A)`` and ``backward: (residual, B) -> T``; the residual is what the inside never sees.

    ``f >> g`` puts g inside f: residuals add up and nothing runs twice. ``f @ g`` runs both on a pair. An optic is
    ``recompute_safe`` unless running ``forward`` again may give another residual (chance, or an eigenvector whose sign
    depends on the device): then the residual has to be kept. Source: Clarke et al., "Profunctor optics, a categorical
    update" (2020), the existential form; specification 13 §2.1.

    >>> pose = Optic(lambda x: (x[0], [v - x[0] for v in x]), lambda first, y: y + first)
    >>> pose.close(max)([3, 5, 4])
    5
    """

    forward: Callable[[S], tuple[Any, A]]
    backward: Callable[[Any, B], T]
    recompute_safe: bool = field(default=True, kw_only=True)

    @staticmethod
    def identity() -> Optic[Any, Any, Any, Any]:
        """Nothing there, nothing back, nothing kept: the unit of ``>>``.

        >>> Optic.identity().close(abs)(-2)
        2
        """
        return Optic(lambda x: ((), x), lambda _, y: y)

    def close(self, f: Callable[[A], B]) -> Callable[[S], T]:
        """The function S -> T that goes there, applies ``f``, and comes back."""

        def closed(x: S) -> T:
            residual, inside = self.forward(x)
            return self.backward(residual, f(inside))

        closed.recompute_safe = self.recompute_safe  # type: ignore[attr-defined]
        return closed

    def __rshift__(self, inner: Optic[A, B, Any, Any]) -> Optic[S, T, Any, Any]:
        outer = self

        def forward(x: S) -> tuple[Any, Any]:
            first, middle = outer.forward(x)
            second, inside = inner.forward(middle)
            return (first, second), inside

        def backward(residuals: Any, y: Any) -> T:
            first, second = residuals
            return outer.backward(first, inner.backward(second, y))

        return Optic(forward, backward, recompute_safe=outer.recompute_safe and inner.recompute_safe)

    def __matmul__(self, other: Optic[Any, Any, Any, Any]) -> Optic[Any, Any, Any, Any]:
        one = self

        def forward(pair: Any) -> tuple[Any, Any]:
            (left, a), (right, b) = one.forward(pair[0]), other.forward(pair[1])
            return (left, right), (a, b)

        def backward(residuals: Any, pair: Any) -> Any:
            return one.backward(residuals[0], pair[0]), other.backward(residuals[1], pair[1])

        return Optic(forward, backward, recompute_safe=one.recompute_safe and other.recompute_safe)

    def to_lens(self) -> Lens[S, T, A, B]:
        """The same journey with the whole of S as the residual: ``forward`` runs again on the way back."""
        return Lens(lambda s: self.forward(s)[1], lambda s, b: self.backward(self.forward(s)[0], b))


@dataclass(frozen=True)
class Lens(Generic[S, T, A, B]):
    """``get: S -> A`` and ``put: (S, B) -> T``: a part of a whole, and the whole with that part replaced.

    ``f >> g`` runs f.get again inside put, ``f @ g`` runs both on a pair. Source: specification 13 §2.1.

    >>> first = Lens(lambda s: s[0], lambda s, b: (b, *s[1:]))
    >>> first.to_optic().close(str.upper)(("a", "b"))
    ('A', 'b')
    >>> (first >> first).put((("a", "b"), "c"), "A")
    (('A', 'b'), 'c')
    """

    get: Callable[[S], A]
    put: Callable[[S, B], T]

    @staticmethod
    def identity() -> Lens[Any, Any, Any, Any]:
        """The whole as its own part: the unit of ``>>``.

        >>> Lens.identity().put(1, 2)
        2
        """
        return Lens(lambda s: s, lambda _, b: b)

    def __rshift__(self, inner: Lens[A, B, Any, Any]) -> Lens[S, T, Any, Any]:
        return Composite(partial(_get, self, inner), partial(_put, self, inner), self, inner)

    def __matmul__(self, other: Lens[Any, Any, Any, Any]) -> Lens[Any, Any, Any, Any]:
        one = self
        return Lens(
            lambda pair: (one.get(pair[0]), other.get(pair[1])),
            lambda pair, parts: (one.put(pair[0], parts[0]), other.put(pair[1], parts[1])),
        )

    def to_optic(self) -> Optic[S, T, A, B]:
        """The optic that keeps the whole of S as its residual."""
        return Optic(lambda s: (s, self.get(s)), self.put)


@dataclass(frozen=True)
class Composite(Lens[Any, Any, Any, Any]):
    """``outer >> inner``. Its put is a loop, so that no feedback waits on a stack: however it is bracketed, what lives
    are the values that it came by and one feedback. Source: T7 of specification 13.
    """

    outer: Lens[Any, Any, Any, Any]
    inner: Lens[Any, Any, Any, Any]


def _get(outer: Lens[Any, Any, Any, Any], inner: Lens[Any, Any, Any, Any], s: Any) -> Any:
    todo = [inner, outer]
    while todo:
        lens = todo.pop()
        if isinstance(lens, Composite):
            todo += [lens.inner, lens.outer]
        else:
            s = lens.get(s)
    return s


def _put(outer: Lens[Any, Any, Any, Any], inner: Lens[Any, Any, Any, Any], s: Any, b: Any) -> Any:
    todo = [(outer, s), (inner, outer.get(s))]
    while todo:
        lens, s = todo.pop()
        if isinstance(lens, Composite):
            todo += [(lens.outer, s), (lens.inner, lens.outer.get(s))]
        else:
            b = lens.put(s, b)
    return b
