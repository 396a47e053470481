"""Numbers as people read them: few digits, a shared precision inside an interval, a real minus sign."""

import math
import unicodedata

from isotropy.estimate import Estimate
from isotropy.report._blocks import Cell, Format, Formula, Interval, Meter, Number
from isotropy.report._verdicts import Chip

MISSING = "–"
_SPACE = "\N{NARROW NO-BREAK SPACE}"


def _known(value: Number | None) -> bool:
    return value is not None and math.isfinite(value)


def _decimals(values: list[float], digits: int) -> int:
    """Decimals that show so many significant digits of the largest value, and no more than six."""
    top = max(abs(v) for v in values)
    return 0 if top == 0 else min(max(digits - 1 - math.floor(math.log10(top)), 0), 6)


def _percent_decimals(values: list[float], complement: bool) -> int:
    """Decimals for per cent: none where they are noise, more where the value (or what it lacks to 100) is small."""
    if complement:
        left = max(abs(100 - v) for v in values)
        return 0 if left == 0 or left >= 10 else 1 if left >= 1 else 2
    top = max(abs(v) for v in values)
    least = min((abs(v) for v in values if v != 0), default=0.0)
    if top >= 10 or top == 0:
        return 0 if least >= 2 or top >= 1000 or top == 0 else 1
    return 1 if top >= 1 else 2 if top >= 0.1 else 3


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
    bounded = low is not None or high is not None
    percent = form in ("percent", "signed percent", "share")
    scale = 100.0 if percent else 1.0
    known = [scale * v for v in (value, low, high) if v is not None and math.isfinite(v)]
    top = max(abs(v) for v in known)
    if percent and form != "share" and 0 < top < 0.001:
        return f"≈{_SPACE}0{_SPACE}%", ""
    if form == "signed percent" and top >= 1000:
        # Beyond tenfold, per cent are no longer read; what is left is by which factor.
        factor, ends = interval_text(Interval(*(None if v is None else 1 + v for v in (value, low, high))))
        return f"×{_SPACE}{factor}", ends
    if not percent and top != 0 and (top >= 1e6 or top < 1e-4):
        digits = 2 if bounded else 3
        texts = [
            f"{v:.{digits}g}".replace("-", "−") if v is not None and _known(v) else MISSING for v in (value, low, high)
        ]
        return texts[0], f"[{texts[1]}, {texts[2]}]" if bounded else ""
    if form == "share" and not bounded and 0.9999 < value < 1:
        return f">{_SPACE}99.99{_SPACE}%", ""
    if percent:
        decimals = _percent_decimals(known, form == "share")
    elif all(v == int(v) for v in known):
        decimals = 0
    else:
        decimals = _decimals(known, 2 if bounded else 3)
    sign = "+" if form == "signed percent" and value > 0 else ""
    digits = _fixed(scale * value, decimals)
    # Without an interval beside it, a trailing zero says nothing; near 100 % it does.
    main = sign + (_trim(digits) if not bounded and form != "share" else digits) + (f"{_SPACE}%" if percent else "")
    if not bounded:
        return main, ""
    ends = [_fixed(scale * v, decimals) if v is not None and _known(v) else MISSING for v in (low, high)]
    return main, f"[{ends[0]}, {ends[1]}]"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell_text(cell: Cell, form: Format = "text") -> str:
    """Any cell of a table as one line of plain text, for terminals and for alternative descriptions.

    >>> cell_text(Estimate(0.1, 0.05, 0.15, n=4), "percent"), cell_text(True)
    ('10\u202f% [5, 15]', 'yes')
    """
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Chip):
        return cell.word
    if isinstance(cell, Formula):
        return cell.text
    if isinstance(cell, Meter):
        return number_text(cell.value, "share")
    if isinstance(cell, Estimate | Interval):
        shown = Interval.of(cell) if isinstance(cell, Estimate) else cell
        return " ".join(part for part in interval_text(shown, "number" if form == "text" else form) if part)
    return number_text(cell, "number" if form == "text" else form)


def printable(text: str) -> str:
    """Text on one line, without the characters that XML forbids.

    >>> printable("a" + chr(0) + "b")
    'a�b'
    """
    line = " ".join(text.splitlines())
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff" else c for c in line)
