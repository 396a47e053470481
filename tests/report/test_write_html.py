"""The page: complete in itself, escaped, deterministic, described in words, and never half written."""

from __future__ import annotations

import html.parser
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from demonstration import PROVENANCE, demonstration
from PIL import Image

from isotropy.errors import ShapeError
from isotropy.report import (
    Bar,
    Bars,
    Block,
    BlockError,
    Chip,
    Column,
    Corner,
    Curve,
    Curves,
    Images,
    Lattice,
    Marked,
    Memory,
    Node,
    NodeLink,
    NodeLinks,
    Picture,
    Points,
    Scatter,
    Span,
    Table,
    Text,
    Together,
    write_html,
)

ATTACK = '<script>alert("x")</script>$\\frac{1}{2$&"\'\x00'


def every_kind(name: str) -> list[Block]:
    """One block of each kind with ``name`` wherever a user's own words may stand."""
    words = {"section": name, "title": name, "caption": name, "explain": name}
    return [
        Text(name, style="headline", title=name),
        Text(f"- {name}\n- `{name}`", style="details", title=name),
        Table((Column(name, explain=name, unit=name), Column(name)), ((name, Chip(name, note=name)),), notes=[name]),
        Bars((Bar(name, 0.1, 0.0, 0.2, 0.3, 0.1),), xlabel=name, band=(0, 0.1), band_label=name, **words),
        Curves((Curve(name, [0, 1], [0, 1]),), xlabel=name, ylabel=name, marks=((name, 0.5),), **words),
        Scatter((Points(name, [0], [1], labels=[name]),), xlabel=name, ylabel=name, **words),
        Scatter((Points(name, [0, 1], [1e-9, 1]),), ylog=True, ticks=(name, name), **words),
        Curves((Curve(name, [0, 1], [0, 1]),), above=Curves((Curve(name, [0, 1], [5, 6]),), ylabel=name), **words),
        Corner((name, "b"), ([0, 1], [2, 3]), (Marked(name, (0.5, 2.5), "broken"),), **words),
        Images((Picture(np.eye(3), name),), **words),
        Lattice((Node(name, 0.5, name), Node("H", None)), (("H", name),), **words),
        NodeLinks((Together((NodeLink(((0.0, 0.0),), (), name),), name),), (name,), **words),
    ]


class Elements(html.parser.HTMLParser):
    """All elements of a page with their attributes, and the elements left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_html("Symmetries of inertia", demonstration(), folder, provenance=PROVENANCE)


def test_the_page_is_complete_in_itself(page: Path) -> None:
    text = page.read_text()
    elements = Elements(text)
    assert not elements.open
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in elements.seen}
    for tag, attributes in elements.seen:
        for key in ("src", "href", "srcset"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:image/png", "#")), (tag, value)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert len(text.encode()) < 2_000_000


def test_no_word_of_the_user_becomes_markup(tmp_path: Path) -> None:
    page = write_html(ATTACK, every_kind(ATTACK), tmp_path, subtitle=ATTACK, provenance={ATTACK: ATTACK}).read_text()
    elements = Elements(page)
    assert not elements.open
    assert "script" not in {tag for tag, _ in elements.seen}
    assert "&lt;script&gt;" in page
    assert not any(key.startswith("on") for _, attributes in elements.seen for key in attributes)
    for figure in (tmp_path / "figures").glob("*.svg"):
        root = ElementTree.parse(figure).getroot()
        assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_equal_blocks_give_equal_bytes(page: Path, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None}):  # a user's own style must not matter
        again = write_html("Symmetries of inertia", demonstration(), tmp_path, provenance=PROVENANCE)
    first = {p.relative_to(page.parent): p.read_bytes() for p in page.parent.rglob("*.*")}
    second = {p.relative_to(tmp_path): p.read_bytes() for p in again.parent.rglob("*.*")}
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_the_style_of_the_process_is_left_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    write_html("x", [Curves((Curve("a", [0, 1], [1, 2]),))], tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_identifiers_are_unique_and_every_reference_is_met(page: Path) -> None:
    text = page.read_text()
    identifiers = re.findall(r'\bid="([^"]*)"', text)
    assert len(identifiers) == len(set(identifiers))
    referred = set(re.findall(r'href="#([^"]*)"', text)) | set(re.findall(r"url\(#([^)]*)\)", text))
    assert referred <= set(identifiers)


def test_figures_are_described_and_files_can_be_opened(page: Path) -> None:
    for tag, attributes in Elements(page.read_text()).seen:
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg" and "aria-hidden" not in attributes:
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
    assert "O(3) 4.7\u202f% [3.1, 6.6]" in page.read_text()
    figures = list((page.parent / "figures").iterdir())
    assert len(figures) == 2 * 9
    for figure in figures:
        if figure.suffix == ".png":
            with Image.open(figure) as image:
                assert image.width >= 700
        else:
            assert ElementTree.parse(figure).getroot().tag.endswith("svg")


def test_colours_of_figures_follow_the_readers_scheme(page: Path) -> None:
    """Inline figures name roles, not colours, so that dark mode reaches them."""
    figures = re.findall(r"<svg class=\"figure.*?</svg>", page.read_text(), flags=re.S)
    assert len(figures) == 2 * 3 + 5  # three wide ones, drawn twice, and five half ones
    for figure in figures:
        assert set(re.findall(r"#[0-9a-f]{6}\b", figure)) == set()
        assert "var(--" in figure


def test_tables_have_heads_for_rows_and_columns(page: Path) -> None:
    seen = Elements(page.read_text()).seen
    scopes = [attributes.get("scope") for tag, attributes in seen if tag == "th"]
    assert scopes.count("row") == 9 + 3
    assert scopes.count("col") == 8 + 4
    assert all(attributes.get("data-label") for tag, attributes in seen if tag == "td")


def test_rows_that_cannot_be_relied_on_are_grey(page: Path) -> None:
    rows = re.findall(r"<tr[^>]*>.*?</tr>", page.read_text(), flags=re.S)
    assert [re.findall(r"SE\(3\)", row)[:1] for row in rows if 'class="grey"' in row] == [["SE(3)"]]


def test_each_verdict_on_the_page_is_explained_once(page: Path) -> None:
    text = page.read_text()
    assert text.count("nothing in them can confirm or refute the symmetry") == 1


def test_a_failed_write_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write_html("first", [Text("first")], tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_html("second", [Text("second")], tmp_path)
    assert "first" in page.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_names_of_figures_never_collide(tmp_path: Path) -> None:
    write_html("x", [Bars((Bar("a", 1),), title="Same"), Bars((Bar("b", 2),), title="Same")], tmp_path)
    assert sorted(p.name for p in (tmp_path / "figures").glob("*.svg")) == ["same-2.svg", "same.svg"]


def test_something_that_is_no_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match="given Block"):
        write_html("x", [Block(title="bare")], tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["", "Ω→∞ группа 変換 \u202e reversed", "_hidden\nsecond line " + "a" * 300])
def test_unusual_names_are_drawn(name: str, tmp_path: Path) -> None:
    text = write_html(name, every_kind(name or " "), tmp_path).read_text()
    assert not Elements(text).open


def test_empty_and_missing_figures_are_drawn(tmp_path: Path) -> None:
    nan = float("nan")
    blocks = [
        Bars(()),
        Bars((Bar("a", None), Bar("b", nan, nan, nan, nan)), percent=True, scale="root"),
        Curves(()),
        Curves((Curve("a", [0.0, 1.0], [nan, nan]),), ylog=True),
        Curves((Curve("a", [1.0], [0.0]),), angle=True),
        Scatter((Points("a", [], []),), diagonal=True, percent=True),
        Corner((), ()),
        Corner(("a", "b"), ([nan], [1.0]), (Marked("m", (nan, 1.0)),)),
        Curves((), above=Curves(())),
        Images(()),
        Images((Picture(np.full((2, 2), nan)), Picture(np.zeros((2, 2, 3), dtype=np.uint8)))),
        Lattice(()),
        NodeLinks(()),
        NodeLinks((Together((NodeLink((), ()),) * 8), Together(()))),
        Memory((), (), (0.0,), ()),
        Memory(("_a",), (Span(0, 0.0, 0.0, "again"),), (0.0, 0.0), (0.0,), (0.0,), budget=0.0),
        Table((), ()),
        Text(""),
    ]
    assert not Elements(write_html("x", blocks, tmp_path).read_text()).open


def test_corners_of_other_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="1 column of draws"):
        Corner(("a", "b"), ([0.0],))
    with pytest.raises(ShapeError, match="3 columns of best"):
        Corner(("a",), ([0.0],), (Marked("best", (1, 2, 3)),))
    with pytest.raises(ShapeError, match="one length"):
        Corner(("a", "b"), ([0.0], [1.0, 2.0]))


def test_links_of_other_nodes_are_refused() -> None:
    two = ((0.0, 0.0), (1.0, 0.0))
    for wrong in ({"links": ((0, 2),)}, {"kinds": (1,)}, {"root": 2}, {"inside": (-1,)}):
        with pytest.raises(ShapeError, match="2 places"):
            NodeLink(two, **{"links": (), **wrong})  # type: ignore[arg-type]


def test_a_strip_and_a_panel_above_do_not_go_together() -> None:
    with pytest.raises(ShapeError, match="draw two blocks"):
        Curves((), above=Curves(()), strip=((0.0, Picture(np.zeros((2, 2)))),))


def test_a_page_without_figures_speaks_of_no_folder(tmp_path: Path) -> None:
    told = {
        name: write_html("Page", [block], tmp_path / name).read_text()
        for name, block in {"words": Text("words"), "drawn": Curves((Curve("a", [0, 1], [0, 1]),))}.items()
    }
    assert "<code>figures</code>" in told["drawn"]
    assert "<code>figures</code>" not in told["words"]
    assert not (tmp_path / "words" / "figures").exists()
