"""Groups from their printed names: a lexer and a recursive-descent parser, nothing is evaluated."""

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from isotropy.errors import SchemaError
from isotropy.groups._affine import SE, E, Similarity, SimilarityPlus, T
from isotropy.groups._finite import C, D, S
from isotropy.groups._group import Group
from isotropy.groups._matrix import MatrixGroup
from isotropy.groups._rotations import SO, O
from isotropy.groups._stretches import SL, GLPlus, Inversion, Lorentz, Scale

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
}
TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
        |(?P<name>[A-Za-z_]\w*\+?)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>[-()\[\],.@*=×]))""",
    re.VERBOSE,
)
LONGEST, DEEPEST = 100_000, 40


def parse(text: str | Group) -> Group:
    """The group that prints as ``text``; a group is returned as it is. Raises SchemaError for text that is no group.

    ``SO(3)``, ``O(2)@z``, ``SO(2)@(1,2,2)``, ``SO(3) x S(5)`` (or ``*``), ``C(4).on("hue")``,
    ``O(2).conjugate([[1,2],[0,1]])``, ``MatrixGroup("name", algebra=[...], discrete=[...])``.

    >>> parse("O(2)@z") == O(2) @ "z", parse("SO(3) x S(5)")
    (True, SO(3) x S(5))
    """
    if isinstance(text, Group):
        return text
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SchemaError(f"a group given as {type(text).__name__}", 'a Group, or its name such as "SO(3)"')
    groups = _Reader(text).groups()
    if len(groups) != 1:
        raise SchemaError(f"{len(groups)} groups in {text!r}", "one group", "a list is read by parse_list")
    return groups[0]


def parse_list(text: str) -> list[Group]:
    """The groups of a list separated by commas. Raises SchemaError as `parse` does.

    >>> parse_list("O(3),O(2)@z,SO(2)@(1,2,2)")
    [O(3), O(2)@z, SO(2)@(1,2,2)]
    """
    return _Reader(text).groups()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Reader:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise SchemaError(f"a text of {len(text)} characters", f"the name of a group, at most {LONGEST}", "")
        self.text, self.tokens, self.at, self.depth = text, list[_Token](), 0, 0
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
            raise self.error(self.token.text, "' x ', '@', ',' or the end")
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
            else:
                return group

    def atom(self) -> Group:
        at = self.token.at
        name = self.take("name", f"a group: {', '.join(NAMES)}")
        if name == "MatrixGroup":
            return self.matrix_group()
        name = {"GLPlus": "GL+"}.get(name, name)
        if name not in NAMES:
            near = difflib.get_close_matches(name.upper(), [known.upper() for known in NAMES], 1, 0.6)
            hint = (
                f"did you mean {next(k for k in NAMES if k.upper() == near[0])}(n)?"
                if near
                else "your own group: MatrixGroup(name, algebra=, discrete=)"
            )
            raise self.error(f"the unknown group {name!r}", f"one of {', '.join(NAMES)}", at, hint)
        self.expect("(")
        n = self.take("number", "a whole number")
        self.expect(")")
        if not n.isdecimal() or len(n) > 9:
            raise self.error(f"{name}({n})", "a whole number, at least 1", at)
        return NAMES[name](int(n))

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
