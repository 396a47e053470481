"""Optics that differ only in what they keep: 2-cells, sliding, and the laws that some lenses obey."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from isotropy.errors import DomainError
from isotropy.optics._optic import Lens, Optic


@dataclass(frozen=True)
class TwoCell:
    """``source => target``: ``r`` turns the residual of the one into that of the other after the forward pass.

    It is one where target.forward is source.forward with r on what is kept, and source.backward(m, b) is
    target.backward(r(m), b). ``>>`` is composition of r's, one after the other (vertical), ``@`` puts the second pair
    inside the first (horizontal). Source: Gavranovic 2022, arXiv 2209.09351; specification 13 §2.1.

    >>> whole = Lens(lambda s: s[0], lambda s, b: (b, s[1])).to_optic()
    >>> rest = Optic(lambda s: (s[1], s[0]), lambda kept, b: (b, kept))
    >>> TwoCell(whole, rest, lambda s: s[1]).check([((1, 2), 3)])
    True
    >>> TwoCell(rest, whole, lambda kept: kept).check([((1, 2), 3)])
    False
    """

    source: Optic[Any, Any, Any, Any]
    target: Optic[Any, Any, Any, Any]
    r: Callable[[Any], Any]

    def check(self, samples: Iterable[Any]) -> bool:
        """Whether it is a 2-cell as far as ``samples`` show: pairs (a, b') with feedback, or values a without.

        A tuple of two is a pair. Residuals that no sample reaches are not seen; ``finite.two_cells`` sees all. Raises
        DomainError where there is no sample: nothing would be shown.
        """
        seen = False
        for sample in samples:
            seen = True
            a, feedback = sample if isinstance(sample, tuple) and len(sample) == 2 else (sample, _NONE)
            (m, y), (n, z) = self.source.forward(a), self.target.forward(a)
            if not (same(self.r(m), n) and same(y, z)):
                return False
            if feedback is not _NONE and not same(
                self.source.backward(m, feedback), self.target.backward(self.r(m), feedback)
            ):
                return False
        if not seen:
            raise DomainError("no samples", "at least one value a, or pair (a, b')")
        return True

    def __rshift__(self, after: TwoCell) -> TwoCell:
        return TwoCell(self.source, after.target, lambda m: after.r(self.r(m)))

    def __matmul__(self, inner: TwoCell) -> TwoCell:
        return TwoCell(
            self.source >> inner.source,
            self.target >> inner.target,
            lambda pair: (self.r(pair[0]), inner.r(pair[1])),
        )


_NONE = object()


def sliding(
    f: Callable[[Any], tuple[Any, Any]], r: Callable[[Any], Any], c: Callable[[Any, Any], Any]
) -> tuple[Optic[Any, Any, Any, Any], Optic[Any, Any, Any, Any]]:
    """The two optics between which r slides: converted as soon as it is made, or when it is used.

    ``f: a -> (m, b)``, ``r: m -> n``, ``c: (n, b') -> a'``; r is a 2-cell from the second to the first. They are one as
    functions and two as programs: the first keeps n, the second m.

    >>> early, late = sliding(lambda a: (a, a % 10), lambda m: m // 10, lambda n, b: 10 * n + b)
    >>> early.forward(57), late.forward(57), early.close(lambda b: 9 - b)(57) == late.close(lambda b: 9 - b)(57)
    ((5, 7), (57, 7), True)
    """

    def converted(a: Any) -> tuple[Any, Any]:
        m, b = f(a)
        return r(m), b

    return Optic(converted, c), Optic(f, lambda m, b: c(r(m), b))


def oplaxator(f: Lens[Any, Any, Any, Any], g: Lens[Any, Any, Any, Any]) -> TwoCell:
    """From the optic of a composite lens to the composite of the optics: get of f runs once more, and is kept.

    Source: T4 of specification 13.

    >>> f = Lens(lambda s: s // 2, lambda s, b: 2 * b + s % 2)
    >>> oplaxator(f, f).check([(5, 1), (6, 0)])
    True
    """
    one, two = Lens(f.get, f.put), Lens(g.get, g.put)
    return TwoCell((one >> two).to_optic(), one.to_optic() >> two.to_optic(), lambda a: (a, f.get(a)))


def opunitor() -> TwoCell:
    """From the optic of the identity lens, which keeps all, to the identity, which keeps nothing.

    >>> opunitor().check([(1, 2)])
    True
    """
    return TwoCell(Lens.identity().to_optic(), Optic.identity(), lambda _: ())


def get_put(lens: Lens[Any, Any, Any, Any], wholes: Iterable[Any]) -> Any:
    """GetPut: what was got, put back, changes nothing. None, or a whole for which that fails.

    >>> get_put(Lens(lambda s: s % 3, lambda s, b: b), range(5))
    3
    """
    return next((s for s in wholes if not same(lens.put(s, lens.get(s)), s)), None)


def put_get(lens: Lens[Any, Any, Any, Any], pairs: Iterable[tuple[Any, Any]]) -> Any:
    """PutGet: what was put is got. None, or a pair (whole, part) for which that fails.

    >>> put_get(Lens(lambda s: s, lambda s, b: s), [(1, 1), (1, 2)])
    (1, 2)
    """
    return next(((s, b) for s, b in pairs if not same(lens.get(lens.put(s, b)), b)), None)


def put_put(lens: Lens[Any, Any, Any, Any], triples: Iterable[tuple[Any, Any, Any]]) -> Any:
    """PutPut: the last put counts. None, or a triple (whole, part, part) for which that fails.

    >>> put_put(Lens(lambda s: s, lambda s, b: s + b), [(0, 1, 2)])
    (0, 1, 2)
    """
    wrong = ((s, b, c) for s, b, c in triples if not same(lens.put(lens.put(s, b), c), lens.put(s, c)))
    return next(wrong, None)


def same(x: Any, y: Any) -> bool:
    """Equality of plain values, of tuples and lists of them, and of arrays (all entries).

    >>> same((1, [2, 3]), (1, [2, 3])), same((1, 2), 1)
    (True, False)
    """
    if isinstance(x, tuple | list) and isinstance(y, tuple | list):
        return len(x) == len(y) and all(map(same, x, y))
    shapes = getattr(x, "shape", None), getattr(y, "shape", None)
    if None not in shapes:
        return shapes[0] == shapes[1] and bool((x == y).all())
    return bool(x == y)
