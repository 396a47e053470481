"""Types as text: ``parse_rep(written(rep)) == rep``."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import groupby

from isotropy.reps._atoms import Adjoint, Nodes, Point, Pseudoscalar, Pseudovector, Scalar, Vector
from isotropy.reps._factor import HARMONIC, Factor
from isotropy.reps._rep import Part, Rep, Term

ATOMS: dict[str, Rep] = {
    "Scalar": Scalar,
    "Pseudoscalar": Pseudoscalar,
    "Vector": Vector,
    "Pseudovector": Pseudovector,
    "Point": Point,
    "Nodes": Nodes,
    "Adjoint": Adjoint,
}


def written(rep: Rep) -> str:
    """The text of a type, which ``parse_rep`` reads back."""
    return " + ".join(_part(part) for part in rep.copies) if rep.copies else "0*Scalar"


def _part(part: Part) -> str:
    text, product = _term(part.term)
    if part.name:
        text = f"({text})" if product else text
        text = f"{text}({json.dumps(part.name, ensure_ascii=False)})"
    return text if part.multiplicity == 1 else f"{part.multiplicity}*{text}"


def _term(term: Term) -> tuple[str, bool]:
    """The text of a term, and whether it is a product that needs brackets before a postfix."""
    if term.tail is not None:
        return f"{_term(replace(term, tail=None))[0]}*({written(term.tail)})", True
    bare = replace(term, sign=(), scale=())
    for name, atom in ATOMS.items():
        if Rep.of(term) == atom:
            return name, False
    spaces = term.spaces
    if _harmonic(term):
        return _harmonic(term), False
    weighed = not term.scale or all(factor.kind != "Sphere" for factor in term.factors)
    if weighed and len(spaces) <= 1 and term != bare and (term.factors or len(term.sign) + len(term.scale) == 1):
        space = next(iter(spaces))
        text, product = _term(bare)
        text = f"({text})" if product else text
        if term.sign:
            text += ".pseudo"
        if term.scale:
            weight = sum(factor.weight for factor in term.factors) + term.scale[0][1]
            text += f".weighted({weight})"
        return (text if term.factors or space == "space" else f'{text}.on("{space}")'), False
    twists = [f"Pseudoscalar{_on(space)}" for space in term.sign]
    twists += [f"Scalar.weighted({power}){_on(space)}" for space, power in term.scale]
    factors = [_power(factor, len(list(run))) for factor, run in groupby(term.factors)]
    pieces = twists + factors
    return "*".join(pieces), len(pieces) > 1 or "**" in pieces[0]


def _harmonic(term: Term) -> str:
    """An Irrep or a Sphere with its parity; empty for another term."""
    if len(term.factors) != 1 or term.factors[0].kind not in HARMONIC or term.factors[0].dual or term.scale:
        return ""
    kind, space, (degree,) = term.factors[0].kind, term.factors[0].space, term.factors[0].shape
    if term.tail is not None or not set(term.sign) <= {space}:
        return ""
    flip = -1 if term.sign else 1
    if kind == "Irrep":
        return f"Irrep({degree}, {flip * (-1) ** degree}){_on(space)}"
    return f"Sphere({degree}{', -1' if flip < 0 else ''}){_on(space)}"


def _power(factor: Factor, power: int) -> str:
    if factor == Factor("Vector") and power > 1:
        return f"Tensor({power})"
    return _factor(factor) if power == 1 else f"{_factor(factor)}**{power}"


def _factor(factor: Factor) -> str:
    dual = ".dual" if factor.dual else ""
    if factor.kind == "Linearised":
        return f"Point{_on(factor.space)}.linearised{dual}"
    if factor.kind == "Pixels":
        height, width, hole = factor.shape
        return f"Pixels({height}, {width}{f', hole={hole}' if hole else ''}){_on(factor.space)}"
    if factor.kind in HARMONIC:
        return f"{_harmonic(Term((replace(factor, dual=False),)))}{dual}"
    if (factor.kind, factor.space) == ("Vector", "nodes"):
        return f"Nodes{dual}"
    return f"{factor.kind}{_on(factor.space)}{dual}"


def _on(space: str) -> str:
    return "" if space == "space" else f'.on("{space}")'
