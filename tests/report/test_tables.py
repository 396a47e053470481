"""Numbers as people read them, tables in terminals, and the order of groups in the lattice."""

from __future__ import annotations

import math

import pytest
from demonstration import verdict_table
from hypothesis import given
from hypothesis import strategies as st

from isotropy.errors import DomainError, ShapeError
from isotropy.estimate import Estimate
from isotropy.report import (
    VERDICTS,
    Chip,
    Column,
    Curve,
    Interval,
    Lattice,
    Node,
    Points,
    Table,
    cell_text,
    number_text,
    table_text,
)
from isotropy.report._draw_lattice import covers, layers, step_of
from isotropy.report._format import interval_text
from isotropy.report._verdicts import PALETTE

THIN = "\u202f"


@pytest.mark.parametrize(
    ("cell", "form", "text"),
    [
        (Interval(0.047, 0.031, 0.066), "percent", "4.7 % [3.1, 6.6]"),
        (Interval(0.0009, 0.0, 0.0058), "percent", "0.09 % [0.00, 0.58]"),
        (Interval(0.83, 0.52, 1.21), "signed percent", "+83 % [52, 121]"),
        (Interval(0.02, -0.03, 0.08), "signed percent", "+2.0 % [−3.0, 8.0]"),
        (Interval(-0.0006, -0.0041, 0.0032), "number", "−0.0006 [−0.0041, 0.0032]"),
        (Interval(438.0, 370.0, 506.0), "signed percent", "× 439 [371, 507]"),
        (Interval(1e-9, -2e-9, 3e-9), "percent", "≈ 0 %"),
        (Interval(0.0, 0.0, 0.0), "percent", "0 % [0, 0]"),
        (Interval(0.9991), "share", "99.91 %"),
        (Interval(0.999996), "share", "> 99.99 %"),
        (Interval(1.0), "share", "100 %"),
        (Interval(0.97), "share", "97.0 %"),
        (Interval(0.39), "share", "39 %"),
        (Interval(0.08), "percent", "8 %"),
        (Interval(-0.0), "number", "0"),
        (Interval(-0.00001, -0.01, 0.02), "number", "0.000 [−0.010, 0.020]"),
        (Interval(12345), "number", "12345"),
        (Interval(2.5e-7, 1e-7, 4e-7), "number", "2.5e−07 [1e−07, 4e−07]"),
        (Interval(math.inf), "number", "∞"),
        (Interval(math.nan, 0, 1), "percent", "–"),
        (Interval(0.0004), "p", "< 0.001"),
        (Interval(0.031), "p", "0.031"),
        (Interval(0.41), "p", "0.41"),
    ],
)
def test_intervals_share_their_decimals(cell: Interval, form: str, text: str) -> None:
    assert cell_text(cell, form).replace(THIN, " ") == text


@given(st.floats(), st.sampled_from(["number", "percent", "signed percent", "share", "p"]))
def test_every_number_has_a_short_text(value: float, form: str) -> None:
    assert 0 < len(number_text(value, form)) < (40 if abs(value) < 1e6 or form == "number" else 400)


@given(st.floats(-1e5, 1e5), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_rounded_interval_still_holds_its_value(value: float, below: float, above: float) -> None:
    main, ends = interval_text(Interval(value, value - below, value + above))
    low, high = (float(end.replace("−", "-")) for end in ends.strip("[]").split(","))
    assert low <= float(main.replace("−", "-")) <= high


def test_an_estimate_and_its_interval_read_the_same() -> None:
    estimate = Estimate(0.047, 0.031, 0.066, n=10)
    assert cell_text(estimate, "percent") == cell_text(Interval.of(estimate), "percent")


def test_every_verdict_has_its_own_glyph_and_sentence() -> None:
    words = {
        "no breaking detected",
        "negligible",
        "none seen",
        "approximate",
        "absent",
        "undecided",
        "not identifiable",
        "no signal",
    }
    assert set(VERDICTS) == words
    assert len({chip.glyph for chip in VERDICTS.values()}) == len(words)
    assert len({chip.note for chip in VERDICTS.values()}) == len(words)
    assert Chip.of("something else").tone == "plain"
    assert Chip.of("absent", "Here it is.").note == "Here it is."


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_can_be_read_on_their_ground(scheme: int) -> None:
    """WCAG 2: 4.5 for text, 3 for the lines and marks of figures."""
    colours = {role: pair[scheme] for role, pair in PALETTE.items()}
    grounds = {role: colours[role] for role in colours if role.endswith("-tint")} | {"wash": colours["wash"]}
    for name, ground in grounds.items():
        assert contrast(colours["ink"], ground) >= 4.5, name
        assert contrast(colours["muted"], ground) >= 4.5, name
    for role in ("ink", "muted", "accent", "blind"):
        assert contrast(colours[role], colours["paper"]) >= 4.5, role
    marks = ("holds", "small", "partial", "broken", "open", "silent", "plain")
    for role in (*marks, *(f"series-{i}" for i in range(1, 7))):
        assert contrast(colours[role], colours["paper"]) >= 3, role


def test_light_colours_are_unique() -> None:
    """Inline figures find the role of a colour by its value."""
    lights = [light for light, _ in PALETTE.values()]
    assert len(set(lights)) == len(lights)


def test_a_terminal_reads_no_markup_and_keeps_only_its_columns() -> None:
    columns = (Column("group"), Column("share", "percent"), Column("aside", terminal=False))
    text = table_text(Table(columns, (("[bold]G[/bold]\x1b[31m", 0.5, "unseen"),), notes=("[red]n",)))
    assert "[bold]G[/bold]" in text
    assert "\x1b" not in text
    assert "unseen" not in text
    assert "[red]n" in text


def test_a_narrow_terminal_breaks_no_word_and_no_interval() -> None:
    wide, narrow = table_text(verdict_table()), table_text(verdict_table(), width=80)
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines()))
    for text in (wide, narrow):
        assert "[0.00, 0.58]" in text
        assert "identifiable" in text
    assert "4.7 % [3.1, 6.6]" in wide


@pytest.mark.parametrize("width", [30, 50, 70, 80, 100, 200])
def test_no_terminal_is_so_narrow_that_figures_are_cut(width: int) -> None:
    text = table_text(verdict_table(), width=width)
    digits = sum(c.isdigit() for c in text)
    assert digits == sum(c.isdigit() for c in table_text(verdict_table(), width=400))


def test_ragged_rows_and_curves_are_refused() -> None:
    with pytest.raises(ShapeError, match="row 0 with 1 cell;"):
        Table((Column("a"), Column("b")), (("x",),))
    with pytest.raises(ShapeError):
        Curve("a", [0, 1], [0])
    with pytest.raises(ShapeError):
        Points("a", [0], [0], labels=["x", "y"])
    with pytest.raises(ShapeError, match="names of nodes"):
        Lattice((Node("G", 1),), (("H", "G"),))


subsets = st.lists(st.frozensets(st.integers(0, 4)), max_size=9, unique=True)


@given(subsets)
def test_layers_put_every_group_above_its_subgroups(sets: list[frozenset[int]]) -> None:
    """On sets ordered by inclusion: the drawn edges keep the order, none follows from others, layers respect them."""
    names = {str(sorted(s)): s for s in sets}
    edges = [(low, high) for low in names for high in names if names[low] < names[high]]
    drawn = covers(edges)
    for low, high in drawn:
        assert not any(names[low] < s < names[high] for s in names.values())
    assert {high for _, high in drawn} == {high for _, high in edges}
    rows = layers(list(names), edges)
    level = {name: i for i, row in enumerate(rows) for name in row}
    assert sorted(level) == sorted(names)
    assert all(level[low] < level[high] for low, high in edges)


def test_a_cycle_of_inclusions_is_refused() -> None:
    with pytest.raises(DomainError, match="cycle"):
        covers([("A", "B"), ("B", "C"), ("C", "A")])


def test_levels_are_coloured_by_their_step() -> None:
    tones = [step_of(Node("G", level)) for level in (1.0, 0.99, 0.9899, 0.9, 0.5, 0.4999, None, math.nan)]
    assert tones == ["holds", "holds", "small", "small", "partial", "broken", "blind", "blind"]
    assert step_of(Node("G", 0.999, "not identifiable")) == "blind"
