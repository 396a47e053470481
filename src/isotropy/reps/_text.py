"""Types as text, both ways: ``parse_rep(str(rep)) == rep``.

Read by recursive descent over Python's own tokens, without eval.
"""

import difflib
import json
import tokenize
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from itertools import groupby
from typing import Any

from isotropy.errors import SchemaError, counted
from isotropy.reps._atoms import Adjoint, Nodes, Pixels, Point, Pseudoscalar, Pseudovector, Scalar, Tensor, Vector
from isotropy.reps._factor import HARMONIC, Factor
from isotropy.reps._irreps import Irrep, Sphere
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


# The numbers in brackets that each takes, and how it is written.
FAMILIES: dict[str, tuple[Callable[..., Rep], tuple[int, ...], str]] = {
    "Tensor": (Tensor, (1,), "Tensor(k)"),
    "Pixels": (Pixels, (2, 3), "Pixels(height, width) or Pixels(height, width, hole=k)"),
    "Irrep": (Irrep, (2,), "Irrep(l, p)"),
    "Sphere": (Sphere, (1, 2), "Sphere(L) or Sphere(L, p)"),
}
_LONGEST, _DEEPEST, _LARGEST_NUMBER = 20_000, 50, 1_000_000
_IGNORED = (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


def parse_rep(type_: Any) -> Rep:
    """The Rep that text spells as Python would, nothing executed; a Rep comes back as it is.

    Raises SchemaError naming the place and what could stand there; also for what is no Rep, such as a Cloud.

    >>> parse_rep('5*Scalar("mass") + 5*Vector("position")').size({"space": 3})
    20
    >>> parse_rep("Tensor(2) + ") # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    isotropy.errors.SchemaError: given the end of 'Tensor(2) + '; expected a type, a number or '('; ...
    """
    if isinstance(type_, Rep):
        return type_
    if not isinstance(type_, str):
        shown = f"the type {type_}" if hasattr(type_, "act") else f"a type given as {type(type_).__name__}"
        raise SchemaError(shown, 'a Rep, or text such as 5*Scalar("mass")', "columns of a table, not points or pixels")
    return _Reader(type_).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise SchemaError(f"a type of {counted(len(text), 'character')}", f"at most {_LONGEST}")
        if not text.isprintable():
            raise SchemaError(f"the type {text[:80]!r}", "one line of printable characters")
        self.text, self.at, self.depth = text, 0, 0
        try:
            # Brackets let the text begin with a space; the reader sees only what is between them.
            found = list(tokenize.generate_tokens(StringIO(f"({text}\n)").readline))
        except (tokenize.TokenError, SyntaxError) as error:
            raise SchemaError(f"the type {text!r}", "balanced brackets and closed quotes", str(error.args[0])) from None
        inner = [token for token in found if token.type not in _IGNORED][1:-1]
        self.tokens = [(token.string, token.start[1] - 1, token.type) for token in inner]
        if "#" in text and any(token.type == tokenize.COMMENT for token in found):
            raise SchemaError(f"a comment in {text!r}", "a type", "leave it out")

    def whole(self) -> Rep:
        rep = self.sum()
        if self.at < len(self.tokens):
            raise self.wrong("'+', '*', '**', '.' or the end")
        return rep

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise self.wrong(f"{expected!r}")
        self.at += 1

    def wrong(self, expected: str, hint: str = "") -> SchemaError:
        if self.at < len(self.tokens):
            string, column, _ = self.tokens[self.at]
            return SchemaError(f"{string!r} at column {column + 1} of {self.text!r}", expected, hint)
        return SchemaError(f"the end of {self.text!r}", expected, hint or 'for instance 5*Scalar("mass") + Vector')

    def sum(self) -> Rep:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise SchemaError(f"brackets nested {self.depth} deep", f"at most {_DEEPEST}")
        total = self.product()
        while self.peek() == "+":
            self.at += 1
            total = total + self.product()
        self.depth -= 1
        return total

    def product(self) -> Rep:
        count, rep = 1, None
        while True:
            if self.at < len(self.tokens) and self.tokens[self.at][2] == tokenize.NUMBER and rep is None:
                count *= self.integer()
                if count > _LARGEST_NUMBER:
                    raise SchemaError(counted(count, "copy", "copies"), f"at most {_LARGEST_NUMBER}")
            else:
                factor = self.power()
                rep = factor if rep is None else rep * factor
            if self.peek() != "*":
                break
            self.at += 1
        if rep is None:
            raise self.wrong("'*' and a type", "a number counts copies of a type, such as 5*Scalar")
        return count * rep

    def power(self) -> Rep:
        rep = self.primary()
        if self.peek() == "**":
            self.at += 1
            return rep ** self.integer()
        return rep

    def primary(self) -> Rep:
        name = self.peek()
        if name == "(":
            self.at += 1
            rep = self.sum()
            self.take(")")
        elif name in ATOMS:
            self.at += 1
            rep = ATOMS[name]
        elif name in FAMILIES:
            self.at += 1
            rep = self.family(*FAMILIES[name])
        elif name.isidentifier():
            known = {one.lower(): one for one in (*ATOMS, *FAMILIES)}
            near = difflib.get_close_matches(name.lower(), known, 1)
            hint = f"did you mean {known[near[0]]}?" if near else ""
            raise self.wrong(f"one of {', '.join([*ATOMS, *FAMILIES])}", hint)
        else:
            raise self.wrong("a type, a number or '('")
        return self.postfixes(rep)

    def family(self, make: Callable[..., Rep], counts: tuple[int, ...], spelling: str) -> Rep:
        start = self.at
        self.take("(")
        values: list[int] = []
        while self.peek() != ")":
            if values:
                self.take(",")
            if len(values) == 2 and make is Pixels and self.peek() == "hole":
                self.at += 1
                self.take("=")
            sign = -1 if self.peek() == "-" and values and make in (Irrep, Sphere) else 1
            self.at += sign < 0
            values.append(sign * self.integer())
        self.take(")")
        if len(values) not in counts:
            self.at = start
            raise self.wrong(spelling)
        return make(*values)

    def postfixes(self, rep: Rep) -> Rep:
        while self.peek() in ("(", "."):
            if self.peek() == "(":
                self.at += 1
                rep = rep(self.string())
                self.take(")")
                continue
            self.at += 1
            word = self.peek()
            if word not in ("dual", "pseudo", "linearised", "on", "weighted"):
                raise self.wrong("dual, pseudo, linearised, on or weighted")
            self.at += 1
            if word in ("dual", "pseudo", "linearised"):
                rep = getattr(rep, word)
            else:
                self.take("(")
                rep = rep.on(self.string()) if word == "on" else rep.weighted(self.fraction())
                self.take(")")
        return rep

    def integer(self) -> int:
        digits = self.peek()
        if not (digits.isascii() and digits.isdigit()) or int(digits[:10]) > _LARGEST_NUMBER:
            raise self.wrong(f"a whole number up to {_LARGEST_NUMBER}")
        self.at += 1
        return int(digits)

    def fraction(self) -> Fraction:
        if self.at < len(self.tokens) and self.tokens[self.at][2] == tokenize.STRING:
            text = self.string()
            return Rep.of(Term()).weighted(text) and Fraction(text)
        sign = -1 if self.peek() == "-" else 1
        self.at += sign < 0
        over = self.integer()
        if self.peek() != "/":
            return Fraction(sign * over)
        self.at += 1
        under = self.integer()
        if not under:
            self.at -= 1
            raise self.wrong("a denominator that is not zero")
        return Fraction(sign * over, under)

    def string(self) -> str:
        token = self.peek()
        quote = token[:1]
        simple = quote in ('"', "'") and token.endswith(quote) and len(token) >= 2 and token[:3] != quote * 3
        if not simple or (quote == "'" and ("\\" in token or '"' in token)):
            raise self.wrong("a name in plain quotes")
        try:
            value: str = json.loads(f'"{token[1:-1]}"')
        except ValueError:
            raise self.wrong("a name in plain quotes", "escapes are those of JSON") from None
        self.at += 1
        return value
