"""What is found about a formula: generators and currents, the table of commutators, a page that typesets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import sympy as sp
from sympy.printing.mathml import MathMLPresentationPrinter

from isotropy.errors import counted
from isotropy.physics._reader import read_printed
from isotropy.report import Block, Cell, Chip, Column, Formula, Matrix, Result, Table, Text, section

ACTION = Chip(
    "of the action", "holds", "●", "Changes the Lagrangian by a total divergence at most: a current is conserved."
)
EQUATIONS = Chip(
    "of the equations only", "partial", "◑", "Maps solutions to solutions; the action has no such symmetry."
)
EQUATION = Chip(
    "of the equation", "plain", "●", "Maps solutions to solutions. With a Lagrangian, its currents can be told."
)
CERTIFIED = Chip("checked", "holds", "✓", "D_i P^i + Q · E(L) was expanded and is 0.")
NOT_CERTIFIED = Chip("not proved", "open", "?", "D_i P^i + Q · E(L) was not reduced to 0.")

_EACH = ", each with its conserved current"
_COLUMNS = tuple(map(Column, ("name", "generator", "symmetry", "conserved current", "proof")))
_SHOWN = 15  # generators whose commutators still fit a page


@dataclass(frozen=True)
class Generator:
    """One symmetry: its components by variable and function, whether the action has it, and its current."""

    xi: Mapping[str, str]
    phi: Mapping[str, str]
    variational: bool | None
    current: Mapping[str, str] | None
    certificate: bool | None

    @property
    def components(self) -> list[tuple[str, str]]:
        """The components that are not zero."""
        return [(name, text) for name, text in {**self.xi, **self.phi}.items() if text != "0"]

    def __str__(self) -> str:
        parts = [f"∂_{name}" if text == "1" else f"({text})*∂_{name}" for name, text in self.components]
        return " + ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Symmetries(Result):
    """The symmetries of ``formula``: ``dimension`` generators in ``basis``, ``structure`` as text, ``flags``, ``levi``.

    ``sought`` says in what ansatz, ``note`` how far it reached, ``seconds`` how long it took.
    ``of_equations`` is False where the equations of a Lagrangian could not be solved and only its action was asked.
    ``structure[i][j][l]`` is the part of e_l in [e_i, e_j], None where brackets leave the span; ``settings``, ``date``
    and ``command`` say how it was asked.
    """

    kind: ClassVar[str] = "symmetries"
    formula: str
    dimension: int
    basis: tuple[Generator, ...]
    structure: tuple[tuple[tuple[str, ...], ...], ...] | None
    flags: Mapping[str, bool | None]
    levi: Mapping[str, int] | None
    note: str
    sought: str = ""
    of_equations: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    date: str = field(default="", compare=False)
    command: str = field(default="", compare=False)

    def title(self) -> str:
        return f"Symmetries of {self.formula}"

    def headline(self) -> str:
        """The answer in one sentence, and where it was sought."""
        return f"{self._counted()}; sought in {self.sought}." if self.sought else f"{self._counted()}."

    def _counted(self) -> str:
        if "=" in self.formula:
            return f"{_symmetries(self.dimension)} of the equation{'s' if ';' in self.formula else ''}"
        action = sum(1 for row in self.basis if row.variational)
        currents = "" if action == 0 else " with its conserved current" if action == 1 else _EACH
        if not self.of_equations:
            unsolved = "the equations could not be solved for derivatives"
            return f"{_symmetries(action)} of the action{currents}; {unsolved}"
        return f"{_symmetries(self.dimension)} of the equations, {action} of the action{currents}"

    def summary(self) -> Table:
        return Table(_COLUMNS, self._cells(str, _plain), notes=[self.note])

    def _cells(
        self, field: Callable[[Generator], Cell], current: Callable[[Mapping[str, str]], Cell]
    ) -> list[list[Cell]]:
        """A row for each generator, its field and its current as they are shown where the table stands."""
        return [
            [f"e{n}", field(row), _badge(row), None if row.current is None else current(row.current), _proof(row)]
            for n, row in enumerate(self.basis, 1)
        ]

    def blocks(self) -> Sequence[Block]:
        blocks: list[Block] = [
            Text(self.headline(), style="headline", title="Found"),
            *section("Generators", Table(_COLUMNS, self._cells(_field, _current), caption=self.note)),
        ]
        return [*blocks, *section("The algebra", *self._algebra())]

    def _algebra(self) -> list[Block]:
        if self.structure is None or self.levi is None:
            return [Text("The brackets of these fields leave their span, so there is no table of commutators.")]
        said = [word for word, holds in self.flags.items() if holds] or ["neither solvable nor semisimple"]
        levi = f"semisimple part of dimension {self.levi['semisimple']}, radical of dimension {self.levi['radical']}"
        blocks: list[Block] = [Text(f"The algebra is {', '.join(said)}: {levi}.")]
        if 0 < self.dimension <= _SHOWN:
            cells = [[_combination(row) for row in rows] for rows in self.structure]
            hues = [[_hue(row) for row in rows] for rows in self.structure]
            names = [f"e{n}" for n in range(1, self.dimension + 1)]
            caption = (
                "The entry in row e_i and column e_j is the bracket [e_i, e_j]; one colour for each first generator."
            )
            blocks.append(Matrix(names, cells, hues, title="Commutators", caption=caption))
        return blocks


def _symmetries(count: int) -> str:
    return counted(count, "symmetry", "symmetries")


def _badge(row: Generator) -> Chip:
    return EQUATION if row.variational is None else ACTION if row.variational else EQUATIONS


def _proof(row: Generator) -> Chip | None:
    return None if row.certificate is None else CERTIFIED if row.certificate else NOT_CERTIFIED


def _plain(current: Mapping[str, str]) -> str:
    if len(current) == 1:
        return next(iter(current.values()))
    return ", ".join(f"{x}: {text}" for x, text in current.items())


def _combination(row: Sequence[str]) -> str:
    terms = [(Fraction(text), number) for number, text in enumerate(row, 1) if Fraction(text)]
    text = " + ".join(f"{'' if c == 1 else '-' if c == -1 else f'{c} '}e{number}" for c, number in terms)
    return text.replace("+ -", "− ").replace("-", "−") or "0"


def _hue(row: Sequence[str]) -> int | None:
    return next((number % 6 for number, text in enumerate(row) if Fraction(text)), None)


def _field(row: Generator) -> Formula:
    mathml, latex = list[str](), list[str]()
    for number, (name, text) in enumerate(row.components):
        factor = read_printed(text)
        plus = "<mo>+</mo>" if number else ""
        shown = "" if factor == 1 else _fenced(factor)
        mathml.append(f"{plus}<mrow>{shown}<msub><mi>∂</mi><mi>{name}</mi></msub></mrow>")
        bracketed = "" if factor == 1 else rf"\left({sp.latex(factor)}\right)" if factor.is_Add else sp.latex(factor)
        latex.append(rf"{bracketed} \partial_{{{name}}}")
    return Formula(f"<math>{''.join(mathml)}</math>", " + ".join(latex), str(row))


def _current(current: Mapping[str, str]) -> Formula:
    mathml, latex = list[str](), list[str]()
    for name, text in current.items():
        expr = read_printed(text)  # names are jets, which a printer sets with subscripts
        head = f"<msup><mi>P</mi><mi>{name}</mi></msup><mo>=</mo>" if len(current) > 1 else ""
        mathml.append(f"<mtr><mtd><mrow>{head}{_mathml(expr)}</mrow></mtd></mtr>")
        latex.append((f"P^{{{name}}} = " if len(current) > 1 else "") + sp.latex(expr))
    return Formula(f"<math><mtable>{''.join(mathml)}</mtable></math>", r" \quad ".join(latex), _plain(current) or "")


def _fenced(factor: sp.Expr) -> str:
    shown = _mathml(factor)
    return f"<mrow><mo>(</mo>{shown}<mo>)</mo></mrow>" if factor.is_Add else f"<mrow>{shown}</mrow>"


def _mathml(expr: sp.Expr) -> str:
    """MathML as sympy prints it, without the characters that its printer leaves as entities."""
    shown = str(MathMLPresentationPrinter().doprint(expr))
    return shown.replace("&InvisibleTimes;", "\u2062").replace("&nbsp;", "\u00a0")
