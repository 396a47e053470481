"""One figure, three forms: SVG inside the page (colours become CSS variables), SVG and PNG as files.

matplotlib is used through its objects alone (no pyplot state), under its own defaults, so that neither a user's style
file nor the date enters the bytes.
"""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter

from isotropy.report._format import printable
from isotropy.report._verdicts import PALETTE, light

Width = Literal["wide", "half", "narrow"]

# Widths in CSS pixels; a figure of 72 dots per inch makes points, pixels and user units the same.
PIXELS: Final[dict[Width, int]] = {"wide": 920, "half": 450, "narrow": 360}
FONT: Final = 12.5
SMALL: Final = 11.5
_DPI: Final = 72
_PACKED: Final = 1  # of a PNG: packing it further takes four times as long, and saves a fifth of the file


def _style() -> dict[Any, Any]:
    return {
        **{key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")},
        "svg.fonttype": "none",
        "svg.hashsalt": "isotropy",
        # Names of groups and columns are the user's: a dollar sign must not begin a formula.
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": FONT,
        "axes.edgecolor": light("faint"),
        "axes.labelcolor": light("muted"),
        "axes.labelsize": FONT,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "text.color": light("ink"),
        "xtick.color": light("faint"),
        "ytick.color": light("faint"),
        "xtick.labelcolor": light("muted"),
        "ytick.labelcolor": light("muted"),
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "grid.color": light("rule"),
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "figure.facecolor": light("paper"),
        "axes.facecolor": light("paper"),
        "savefig.facecolor": light("paper"),
    }


def canvas(width: int, height: float) -> Figure:
    """An empty figure of so many CSS pixels."""
    return Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)


@lru_cache(maxsize=4096)  # the same words are measured for each width of a figure
def text_width(text: str, size: float = FONT) -> float:
    """The width in pixels of a line of text in the plotting font."""
    width, _, _ = text_to_path.get_text_width_height_descent(printable(text), FontProperties(size=size), ismath=False)
    return float(width)


def shorten(text: str, width: float, size: float = FONT) -> str:
    """The text, cut with an ellipsis where it is wider than so many pixels."""
    text = printable(text)
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(text[:middle] + "…", size) <= width else (low, middle - 1)
    return text[:low] + "…"


def wrap(text: str, width: float, size: float = FONT) -> str:
    """The text in at most two lines of so many pixels, cut with an ellipsis where even these do not hold it."""
    words = printable(text).split(" ")
    first = words[0]
    rest = 1
    while rest < len(words) and text_width(f"{first} {words[rest]}", size) <= width:
        first, rest = f"{first} {words[rest]}", rest + 1
    lines = [shorten(first, width, size)]
    if rest < len(words):
        lines.append(shorten(" ".join(words[rest:]), width, size))
    return "\n".join(lines)


def quiet(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """Hairline grid behind the data and no tick marks."""
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    axes.grid(visible=True, axis=grid)


def numbers(percent: bool) -> FuncFormatter:
    """Numbers, or shares as per cent, along an axis, with a real minus sign."""
    factor, unit = (100, " %") if percent else (1, "")
    return FuncFormatter(lambda value, _: f"{factor * float(value):.4g}{unit}".replace("-", "−"))


def note(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Words beside a place, so many pixels away; small and muted unless ``style`` says otherwise."""
    style = {"fontsize": SMALL, "color": light("muted"), **style}
    axes.annotate(text, at, xytext=offset, textcoords="offset points", **style)


@dataclass(frozen=True)
class Drawing:
    """A figure drawn for wide and for narrow screens. ``inline`` goes into the page, ``svg`` and ``png`` into files."""

    inline: Markup
    svg: bytes
    png: bytes


def render(draw: Callable[[Width], Figure], *, name: str, alt: str, half: bool = False) -> Drawing:
    """Draw a figure for wide and for narrow screens; ``half`` figures stand two in a row and fit both as they are."""
    with matplotlib.rc_context(_style()), warnings.catch_warnings():
        # A name in a script that the plotting font lacks shows as boxes in the PNG alone; it is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        main = draw("half" if half else "wide")
        svg = _svg(main)
        pages = [(svg, main, "figure-any" if half else "figure-wide")]
        if not half:
            narrow = draw("narrow")
            pages.append((_svg(narrow), narrow, "figure-narrow"))
        buffer = io.BytesIO()
        # The layout is settled: the same figure at twice the pixels.
        main.set_layout_engine("none")
        main.set_dpi(2 * _DPI)
        FigureCanvasAgg(main).print_png(buffer, metadata={"Software": None}, pil_kwargs={"compress_level": _PACKED})
        inline = Markup("").join(
            _inline(text, figure, prefix=f"{name}-{suffix[7]}", css=suffix, alt=alt) for text, figure, suffix in pages
        )
    return Drawing(inline, svg.encode(), buffer.getvalue())


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    # Metadata carry a date and a version; a figure's bytes depend on what it shows and on nothing else.
    FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _FORBIDDEN.sub("�", buffer.getvalue())


# Characters that no XML file may hold, whatever the names in the data are.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROLE_OF_COLOUR: Final = {colour: role for role, (colour, _) in PALETTE.items()}


def _inline(svg: str, figure: Figure, *, prefix: str, css: str, alt: str) -> Markup:
    """The SVG element alone, with its identifiers made unique in the page and its colours turned into variables."""
    body = svg[svg.index("<svg") :]
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.S)
    # Only what is referred to keeps an identifier; two figures may hold the same marker.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]*)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r"font: ([^;\"]*?)(\d[\d.]*)px [^;\"]*", r"font-size: \2px", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var(--{role})" if (role := _ROLE_OF_COLOUR.get(m[0])) else m[0], body)
    body = re.sub(r"\n\s*", "\n", body)
    width, height = (float(side) * _DPI for side in figure.get_size_inches())
    return Markup(
        f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-label="{escape(alt)}">{body}</svg>'
    )
