"""The report as one file: no script, no external resource, nothing that is not escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from isotropy.report._blocks import Block, Text
from isotropy.report._page import prose, sections, views
from isotropy.report._verdicts import PALETTE
from isotropy.storage import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment


def write_html(
    title: str,
    blocks: Sequence[Block],
    path: str | Path,
    *,
    subtitle: str = "",
    kicker: str = "Isotropy",
    provenance: Mapping[str, object] | None = None,
    figures: bool = True,
) -> Path:
    """Write blocks as one self-contained HTML page; figures also as PNG and SVG in ``figures/`` beside it.

    ``path`` ends in ``.html``, or names a folder that receives ``report.html``. ``provenance`` (command, seed,
    versions, seconds) becomes the footer. Files appear whole or not at all. Equal blocks give equal bytes.
    Raises BlockError for something that is no block. Returns the path of the page.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> page = write_html("Inertia", [Text("Build in `O(2)@z`.", style="headline")], folder)
    >>> page.name, "<code>O(2)@z</code>" in page.read_text()
    ('report.html', True)
    """
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        target = target / "report.html"
    shown = views(blocks)
    is_lead = [isinstance(view.block, Text) and view.block.style == "headline" for view in shown]
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            subtitle=prose(subtitle),
            kicker=kicker,
            lead=[view for view, lead in zip(shown, is_lead, strict=True) if lead],
            sections=sections([view for view, lead in zip(shown, is_lead, strict=True) if not lead]),
            provenance=[(str(key), _told(value)) for key, value in (provenance or {}).items()],
            palette=PALETTE,
            figures=figures,
        )
    )
    if figures:
        for view in shown:
            if view.drawing is not None:
                folder = target.parent / "figures"
                write_whole(folder / f"{view.name}.svg", view.drawing.svg)
                write_whole(folder / f"{view.name}.png", view.drawing.png)
    write_whole(target, page.encode("utf-8", "replace"))
    return target


def _told(value: object) -> str:
    """A value of the footer without the punctuation of Python.

    >>> _told({"nu": 0.3, "groups": ["O(3)", "SO(3)"]})
    'nu=0.3, groups=O(3), SO(3)'
    """
    if isinstance(value, Mapping):
        pairs = cast(Mapping[object, object], value).items()
        return ", ".join(f"{key}={_told(item)}" for key, item in pairs) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_told(item) for item in cast(Sequence[object], value)) or "none"
    return "none" if value is None else str(value)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("isotropy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
