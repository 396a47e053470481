"""Numbers as people read them: few digits, a shared precision inside an interval, a real minus sign."""

from __future__ import annotations

import math

from isotropy.estimate import Estimate
from isotropy.report._blocks import Cell, Format, Interval, Meter, Number
from isotropy.report._verdicts import Chip

MISSING = "–"
_SPACE = "\N{NARROW NO-BREAK SPACE}"


def _known(value: Number | None) -> bool:
    return value is not None and math.isfinite(value)


def _decimals(values: list[float]) -> int:
    """Decimals that show two or three significant digits of the largest value, and no more than five."""
    top = max((abs(v) for v in values), default=0.0)
    if top == 0:
        return 0
    return min(max(2 - math.floor(math.log10(top)) - (top >= 10), 0), 5)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def number_text(value: Number | None, form: Format = "number") -> str:
    """One number in a column's format.

    >>> number_text(0.0467, "percent"), number_text(0.0004, "p"), number_text(-1.5), number_text(None)
    ('4.7\u202f%', '<\u202f0.001', '−1.5', '–')
    """
    return interval_text(Interval(value), form)[0]


def interval_text(cell: Interval, form: Format = "number") -> tuple[str, str]:
    """A value and its interval as two strings that share their number of decimals; the second may be empty.

    >>> interval_text(Interval(0.047, 0.031, 0.066), "percent")
    ('4.7\u202f%', '[3.1, 6.6]')
    """
    value, low, high = cell.value, cell.low, cell.high
    if value is None or not math.isfinite(value):
        return (MISSING if value is None or math.isnan(value) else "∞" if value > 0 else "−∞"), ""
    if form == "p":
        return (f"<{_SPACE}0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"), ""
    percent = form in ("percent", "signed percent")
    scale = 100.0 if percent else 1.0
    known = [scale * v for v in (value, low, high) if v is not None and math.isfinite(v)]
    top = max(abs(v) for v in known)
    if not percent and top != 0 and (top >= 1e6 or top < 1e-4):
        ends = [f"{v:.2g}" if v is not None and _known(v) else MISSING for v in (low, high)]
        return f"{value:.3g}".replace("-", "−"), f"[{', '.join(ends)}]".replace("-", "−") if _known(low) else ""
    if percent:
        # One decimal serves shares from 1 % to 100 %; below it the digits that are left carry the meaning.
        decimals = 1 if top >= 1 or top == 0 else 2 if top >= 0.1 else 3
        if top >= 1000:
            decimals = 0
    elif all(v == int(v) for v in known) and top < 1e6:
        decimals = 0
    else:
        decimals = _decimals(known)
    sign = "+" if form == "signed percent" and value > 0 else ""
    main = sign + _fixed(scale * value, decimals) + (f"{_SPACE}%" if percent else "")
    if not percent and low is None:
        main = _trim(main)
    if low is None and high is None:
        return main, ""
    ends = [_fixed(scale * v, decimals) if v is not None and _known(v) else MISSING for v in (low, high)]
    return main, f"[{ends[0]}, {ends[1]}]"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell_text(cell: Cell, form: Format = "text") -> str:
    """Any cell of a table as one line of plain text, for terminals and for alternative descriptions.

    >>> cell_text(Estimate(0.1, 0.05, 0.15, n=4), "percent"), cell_text(True)
    ('10.0\u202f% [5.0, 15.0]', 'yes')
    """
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Chip):
        return cell.word
    if isinstance(cell, Meter):
        return number_text(cell.value, "percent")
    if isinstance(cell, Estimate | Interval):
        shown = Interval.of(cell) if isinstance(cell, Estimate) else cell
        return " ".join(part for part in interval_text(shown, "number" if form == "text" else form) if part)
    return number_text(cell, "number" if form == "text" else form)
