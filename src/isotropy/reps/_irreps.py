"""Irreducible types of O(3), functions on the sphere, and e3nn's spelling and layout of both."""

import re
from collections import Counter

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.reps._factor import Factor
from isotropy.reps._layout import blocks
from isotropy.reps._rep import Rep, Term

_LARGEST_DEGREE = 100
_LARGEST_TEXT = 10_000
_INSTEAD = "use Scalar, Vector, Irrep and Sphere"
_E3NN = re.compile(r"(?:(\d{1,7})x)?(\d{1,3})([eoy])")


def Irrep(l: int, p: int) -> Rep:
    """The irreducible type of degree ``l`` and parity ``p`` (1 or -1) of O(3): 2l + 1 columns, m = -l..l.

    Basis as ``spherical_harmonics``: polar axis y, e3nn's signs. It is the traceless symmetric part of Tensor(l) and
    has its weight, l, under stretches (``.weighted`` overrides). Groups of other matrices do not act on l >= 2.

    Raises SchemaError for a degree that is not 0 to 100, or a parity that is not 1 or -1.

    >>> from isotropy.reps import Pseudovector, Vector
    >>> Irrep(1, -1) == Vector, Irrep(1, 1) == Pseudovector, str(2 * Irrep(2, 1))
    (True, True, '2*Irrep(2, 1)')
    """
    _check(f"Irrep({l!r}, {p!r})", l, p)
    natural = Rep.of(Term(Factor("Irrep", shape=(l,)).irreps[0]))
    return natural if p == (-1) ** l else natural.pseudo


def Sphere(L: int, p: int = 1) -> Rep:
    """Functions on the sphere up to degree ``L``: one copy of each l = 0..L with parity p (-1)^l, (L + 1)^2 columns.

    Packed at l*l + l + m as ``spherical_harmonics``; ``p = -1`` is for functions that change sign under reflections.
    ``C * Sphere(L)`` is one part, so that ``split`` is a view ``(..., C, (L + 1)^2)``, and isomorphic to C copies of
    each of its irreps. Raises SchemaError for a degree that is not 0 to 100, or a parity that is not 1 or -1.

    >>> from isotropy.groups import O
    >>> (64 * Sphere(4)).dim(O(3)), Sphere(0, -1) == Irrep(0, -1)
    (1600, True)
    """
    _check(f"Sphere({L!r}, {p!r})", L, p)
    natural = Rep.of(Term((Factor("Sphere", shape=(L,)),) if L else ()))
    return natural if p == 1 else natural.pseudo


def _check(given: str, degree: int, p: int) -> None:
    if not isinstance(degree, int) or isinstance(degree, bool) or not 0 <= degree <= _LARGEST_DEGREE:
        raise SchemaError(given, f"a degree of 0 to {_LARGEST_DEGREE}")
    if isinstance(p, bool) or p not in (1, -1):
        raise SchemaError(given, "parity 1 or -1", "an inversion multiplies by it")


def Irreps(text: str) -> Rep:
    """The type that e3nn writes as ``text``, column for column: "16x0e + 8x1o" is 16*Scalar + 8*Vector.

    Raises SchemaError for text that is not a sum of such terms.

    >>> print(Irreps("2x0e + 1x1o + 3x2e"))
    2*Scalar + Vector + 3*Irrep(2, 1)
    """
    if len(text) > _LARGEST_TEXT:
        raise SchemaError(f"irreps of {counted(len(text), 'character')}", f"at most {_LARGEST_TEXT}")
    rep = Rep()
    for term in text.split("+") if text.strip() else ():
        found = _E3NN.fullmatch(term.strip())
        if found is None:
            raise SchemaError(f"{term.strip()!r} in {text!r}", "copies, degree and parity", 'such as "16x0e + 8x1o"')
        count, l, parity = int(found[1] or 1), int(found[2]), found[3]
        rep = rep + count * Irrep(l, {"e": 1, "o": -1, "y": (-1) ** l}[parity])
    return rep


def to_e3nn(rep: Rep) -> tuple[str, Int[Tensor, " n"]]:
    """e3nn's irreps of a type, all copies of an irrep together, and the order p with ``x_e3nn = x[..., p]``.

    Channels ``(..., C, (L + 1)^2)`` of C*Sphere(L) are flattened first: ``x.flatten(-2)[..., p]``.
    Raises DomainError for types that are no sums of irreps of O(3).

    >>> to_e3nn(2 * Sphere(1))
    ('2x0e+2x1o', tensor([0, 4, 1, 2, 3, 5, 6, 7]))
    """
    found = _blocks(rep.unnamed)
    text = "+".join(f"{len(where)}x{_name(term)}" for term, where in found.items())
    return text, torch.cat([where.flatten() for where in found.values()]) if found else torch.arange(0)


def from_e3nn(irreps: object) -> tuple[Rep, Int[Tensor, " n"]]:
    """The type C*Sphere(L) of e3nn's irreps (text, or its own object), and the order p with ``x = x_e3nn[..., p]``.

    Irreps that are not as many copies of each l = 0..L become several Spheres, and irreps that are left over. Columns
    of C*Sphere(L) are channels: ``x_e3nn[..., p].unflatten(-1, (C, -1))``. Raises SchemaError as ``Irreps``.

    >>> rep, order = from_e3nn("2x0e+2x1o")
    >>> print(rep, order.tolist())
    2*Sphere(1) [0, 2, 3, 4, 1, 5, 6, 7]
    """
    given = Irreps(str(irreps))
    rep = _gathered(given)
    return rep, given.isomorphism(rep, {"space": 3})


def _blocks(rep: Rep) -> dict[Term, Tensor]:
    """The columns of each irrep; types whose size only a group knows are none."""
    try:
        return blocks(rep, {"space": 3})
    except ShapeError:
        raise DomainError(str(rep), "a sum of irreps of O(3)", _INSTEAD) from None


def _gathered(irreps: Rep) -> Rep:
    """The same irreps as Spheres of falling degree, proper ones first, and the rest."""
    count = Counter({_name(part.term): 0 for part in irreps.copies})
    for part in irreps.copies:
        count[_name(part.term)] += part.multiplicity
    rep = Rep()
    for p in (1, -1):
        while count[_spelt(0, p)]:
            L = 0
            while count[_spelt(L + 1, p * (-1) ** (L + 1))]:
                L += 1
            names = [_spelt(l, p * (-1) ** l) for l in range(L + 1)]
            copies = min(count[name] for name in names)
            count.subtract(dict.fromkeys(names, copies))
            rep = rep + copies * Sphere(L, p)
    return rep + Irreps("+".join(f"{left}x{name}" for name, left in count.items() if left))


def _spelt(l: int, p: int) -> str:
    return f"{l}{'e' if p == 1 else 'o'}"


def _name(term: Term) -> str:
    """The irrep of a term, such as 2e."""
    flips, l = len(term.sign), 0
    plain = not term.scale and term.tail is None and len(term.factors) <= 1 and term.spaces <= {"space"}
    if plain and term.factors:
        factor = term.factors[0]
        l = {"Vector": 1, "Irrep": (*factor.shape, 0)[0]}.get(factor.kind, 0)
        plain = l > 0 and not factor.dual
    if not plain:
        raise DomainError(str(Rep.of(term)), "a sum of irreps of O(3)", _INSTEAD)
    return _spelt(l, (-1) ** (l + flips))
