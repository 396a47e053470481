"""Groups from their printed names: a lexer and a recursive-descent parser, nothing is evaluated."""

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.groups._affine import SE, E, Similarity, SimilarityPlus, T
from isotropy.groups._affine_of import Affine, Shear
from isotropy.groups._diffeomorphisms import Diff
from isotropy.groups._finite import C, D, S
from isotropy.groups._general_linear import SL, GLPlus
from isotropy.groups._group import Group
from isotropy.groups._homography import Homography
from isotropy.groups._linear import LinearGroup
from isotropy.groups._matrix import MatrixGroup
from isotropy.groups._permutation_group import PermutationGroup
from isotropy.groups._rotations import SO, O
from isotropy.groups._stretches import Inversion, Lorentz, Scale
from isotropy.groups._tangent import tangent

NAMES: dict[str, Callable[[int], Group]] = {
    "SO": SO,
    "O": O,
    "SE": SE,
    "E": E,
    "T": T,
    "Scale": Scale,
    "Similarity": Similarity,
    "Similarity+": SimilarityPlus,
    "GL+": GLPlus,
    "SL": SL,
    "S": S,
    "C": C,
    "D": D,
    "Lorentz": Lorentz,
    "Inversion": Inversion,
    "Shear": Shear,
    "Homography": Homography,
}
COUNTED = ("S", "C", "D")  # their number is no dimension, which data could tell
TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
        |(?P<name>[A-Za-z_]\w*\+?)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>[-()\[\],.@*=×^]))""",
    re.VERBOSE,
)
LONGEST, DEEPEST, MOST_PARTS = 100_000, 40, 1_000_000


class UnsizedGroupError(SchemaError):
    """A group without its dimension where nothing tells it."""


def parse(text: str | Group, degree: int | None = None) -> Group:
    """The group that prints as ``text``; a group is returned as it is. Raises SchemaError for text that is no group.

    ``SO(3)``, ``O(2)@z``, ``SO(2)@(1,2,2)``, ``E(3)^5``, ``SO(3) x S(5)`` (or ``*``), ``C(4).on("hue")``,
    ``PermutationGroup([[1,2,0]])``, ``Affine(SL(2))``, ``O(2).conjugate([[1,2],[0,1]])``, ``MatrixGroup("name",
    algebra=[...], discrete=[...])``. Where ``degree``, the dimension of space, is known the names of matrix groups may
    come without theirs: ``Scale``, ``Shear@x``, ``SO@z``.

    >>> parse("O(2)@z") == O(2) @ "z", parse("SO(3) x S(5)")
    (True, SO(3) x S(5))
    >>> parse("Scale", degree=2), parse("SO@z", degree=3), parse("Shear@y", degree=2)
    (Scale(2), SO(2)@z, Shear(2)@y)
    """
    if isinstance(text, Group):
        return text
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SchemaError(f"a group given as {type(text).__name__}", 'a Group, or its name such as "SO(3)"')
    groups = _Reader(text, degree).groups()
    if len(groups) != 1:
        raise SchemaError(f"{counted(len(groups), 'group')} in {text!r}", "one group", "a list is read by parse_list")
    return groups[0]


def parse_list(text: str, degree: int | None = None) -> list[Group]:
    """The groups of a list separated by commas. Raises SchemaError as `parse` does.

    >>> parse_list("O(3),O(2)@z,SO(2)@(1,2,2)")
    [O(3), O(2)@z, SO(2)@(1,2,2)]
    """
    return _Reader(text, degree).groups()


def list_items(text: str) -> list[str]:
    """The texts of a list separated by commas, which may stand inside parentheses, too.

    >>> list_items("SO(2)@(1,2,2), Scale")
    ['SO(2)@(1,2,2)', 'Scale']
    """
    depth, found, start = 0, list[str](), 0
    for token in _Reader(text).tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]")) if token.kind == "sign" else 0
        if token.kind == "end" or (token.kind == "sign" and token.text == "," and not depth):
            found.append(text[start : token.at].strip())
            start = token.at + 1
    return found


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Reader:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str, degree: int | None = None) -> None:
        if len(text) > LONGEST:
            raise SchemaError(
                f"a text of {counted(len(text), 'character')}", f"the name of a group, at most {LONGEST}", ""
            )
        self.text, self.tokens, self.at, self.depth, self.degree = text, list[_Token](), 0, 0, degree
        position, length = 0, len(text.rstrip())
        while position < length:
            match = TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self.error(f"{text[position:].strip()[:1]!r}", "the name of a group", position)
            self.tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            position = match.end()
        self.tokens.append(_Token("end", "", len(text)))

    def error(self, given: str, expected: str, at: int | None = None, hint: str = "") -> SchemaError:
        place = self.tokens[self.at].at if at is None else at
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        return SchemaError(f"{given} at column {place + 1} of {shown!r}", expected, hint)

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def accept(self, *texts: str) -> bool:
        if self.token.kind in ("sign", "name") and self.token.text in texts:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.error(self.token.text or "the end", repr(text))

    def take(self, kind: str, expected: str) -> str:
        if self.token.kind != kind:
            raise self.error(self.token.text or "the end", expected)
        self.at += 1
        return self.tokens[self.at - 1].text

    def groups(self) -> list[Group]:
        found = [self.product()]
        while self.accept(","):
            found.append(self.product())
        if self.token.kind != "end":
            raise self.error(self.token.text, "' x ', '@', '^', ',' or the end")
        return found

    def product(self) -> Group:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("parentheses", f"at most {DEEPEST} levels")
        group = self.factor()
        while self.accept("x", "*", "×"):
            group = group * self.factor()
        self.depth -= 1
        return group

    def factor(self) -> Group:
        if self.accept("("):
            group = self.product()
            self.expect(")")
        else:
            group = self.atom()
        while True:
            if self.accept("@"):
                group = group @ self.axis()
            elif self.accept("."):
                group = self.method(group)
            elif self.accept("^"):
                group = self.power(group)
            else:
                return group

    def atom(self) -> Group:
        at = self.token.at
        name = self.take("name", f"a group: {', '.join(NAMES)}")
        if name == "MatrixGroup":
            return self.matrix_group()
        if name == "PermutationGroup":
            return self.permutation_group(at)
        if name == "Affine":
            return self.affine_group(at)
        if name in ("tangent", "Diff"):
            return self.tangent_group(at) if name == "tangent" else self.diffeomorphisms(at)
        name = {"GLPlus": "GL+"}.get(name, name)
        if name not in NAMES:
            letters = name.rstrip("0123456789")
            near = difflib.get_close_matches(letters.upper(), [known.upper() for known in NAMES], 1, 0.6)
            hint = (
                f"did you mean {next(k for k in NAMES if k.upper() == near[0])}({name[len(letters) :] or 'n'})?"
                if near
                else "your own group: MatrixGroup(name, algebra=, discrete=)"
            )
            raise self.error(f"the unknown group {name!r}", f"one of {', '.join(NAMES)}", at, hint)
        if not self.accept("("):
            return NAMES[name](self.unsized(name, at))
        n = self.take("number", "a whole number")
        self.expect(")")
        if not n.isdecimal() or len(n) > 9:
            raise self.error(f"{name}({n})", "a whole number, at least 1", at)
        return NAMES[name](int(n))

    def unsized(self, name: str, at: int) -> int:
        """The number of a group that comes without one, from the dimension of space."""
        if name in COUNTED or (self.degree is None and self.token.text not in ("", ",", "@", "x", "*", ".", ")", "^")):
            raise self.error(self.token.text or "the end", "'('")
        if self.degree is None:
            given = f"{name} without a dimension"
            raise UnsizedGroupError(given, "one, where the data do not tell it", f"e.g. {name}(2)")
        # What is placed about an axis acts on the directions across it; a shear has its axis in the space itself.
        return self.degree - (self.token.text == "@" and name != "Shear")

    def tangent_group(self, at: int) -> Group:
        self.expect("(")
        base = self.product()
        self.expect(")")
        try:
            return tangent(base)
        except DomainError as error:
            raise self.error(error.given, error.expected, at, error.hint) from error

    def diffeomorphisms(self, at: int) -> Group:
        self.expect("(")
        N = self.take("number", "the number of points on the circle")
        self.expect(")")
        if not N.isdecimal() or not 8 <= int(N) <= MOST_PARTS:
            raise self.error(f"Diff({N})", "a whole number of points, at least 8", at)
        return Diff(int(N))

    def affine_group(self, at: int) -> Group:
        self.expect("(")
        if self.token.kind == "number":
            raise self.error(
                f"Affine({self.token.text})", "a group of linear maps", at, "Affine(GL+(2)), Affine(SL(2))"
            )
        base = self.product()
        self.expect(")")
        if not isinstance(base, LinearGroup):
            raise self.error(f"Affine({base})", "a group of linear maps", at, "Affine(GL+(2)), Affine(SL(2))")
        return Affine(base)

    def permutation_group(self, at: int) -> Group:
        self.expect("(")
        rows = self.numbers()
        self.expect(")")
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise self.error(f"PermutationGroup({rows})", "lists of the images of nodes, [[1,0,2]]", at)
        numbers = [i for row in rows for i in row]
        if not all(isinstance(i, float) and i.is_integer() for i in numbers):
            raise self.error("a generator", "whole numbers", at)
        try:
            return PermutationGroup([[int(i) for i in row] for row in rows])
        except ShapeError as error:
            raise self.error(error.given, error.expected, at) from error

    def matrix_group(self) -> Group:
        self.expect("(")
        name, space = self.string(), "space"
        arguments: dict[str, object] = {}
        while self.accept(","):
            key = self.take("name", "algebra=, discrete= or space=")
            self.expect("=")
            if key == "space":
                space = self.string()
            elif key in ("algebra", "discrete") and key not in arguments:
                arguments[key] = self.numbers()
            else:
                raise self.error(key, "algebra=, discrete= or space=")
        self.expect(")")
        for key, value in arguments.items():
            if not isinstance(value, list):
                raise self.error(f"{key}={value}", "a list of matrices")
        return MatrixGroup(name, arguments.get("algebra", []), arguments.get("discrete", []), space)  # type: ignore[arg-type]

    def power(self, group: Group) -> Group:
        at = self.token.at
        n = self.take("number", "a whole number")
        if not n.isdecimal() or not 0 < int(n) <= MOST_PARTS:
            raise self.error(f"the power {n}", f"a whole number from 1 to {MOST_PARTS}", at)
        return group ** int(n)

    def method(self, group: Group) -> Group:
        name = self.take("name", "on or conjugate")
        self.expect("(")
        if name == "on":
            group = group.on(self.string())
        elif name == "conjugate":
            h = self.numbers()
            if not isinstance(h, list) or not all(isinstance(row, list) for row in h):
                raise self.error(f"conjugate({h})", "a matrix [[...], ...]")
            group = _conjugated(group, h)
        else:
            raise self.error(f".{name}", ".on(...) or .conjugate(...)")
        self.expect(")")
        return group

    def axis(self) -> str | list[float]:
        if self.token.kind == "name":
            return self.take("name", "an axis")
        self.expect("(")
        numbers = [self.number()]
        while self.accept(","):
            numbers.append(self.number())
        self.expect(")")
        return numbers

    def string(self) -> str:
        text = self.take("string", 'a name in double quotes, as "space"')
        try:
            return str(json.loads(text))
        except ValueError as error:
            raise self.error(text, "a name in double quotes") from error

    def number(self) -> float:
        value = float(self.take("number", "a number"))
        if abs(value) == float("inf"):
            raise self.error(str(value), "a finite number")
        return value

    def numbers(self) -> object:
        """A number, or a list of such, of any depth."""
        if not self.accept("["):
            return self.number()
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("brackets", f"at most {DEEPEST} levels")
        values: list[object] = []
        if not self.accept("]"):
            values.append(self.numbers())
            while self.accept(","):
                values.append(self.numbers())
            self.expect("]")
        self.depth -= 1
        return values


def _conjugated(group: Group, h: list[object]) -> Group:
    try:
        return group.conjugate(h)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        if isinstance(error, SchemaError) or not hasattr(error, "given"):
            raise SchemaError("a matrix that is not rectangular", "[[...], ...]", str(error)) from error
        raise
