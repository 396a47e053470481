"""Dates as people write them in tables, as numbers that grow with time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

# With dots the day comes first, wherever people write so; 1/5/2024 is May in one country and January in another.
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?P<clock>[ T].+|)")
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})(?P<clock>[ T].+|)")
_SLASHED = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}\b")


def is_date(cell: str) -> bool:
    """Whether a cell holds a date that can be read: ISO 8601, with dots and the day first, with slashes and the year
    first.

    >>> is_date("2024-05-01T12:30"), is_date("1.5.2024 12:30"), is_date("2024/5/1"), is_date("1/5/2024")
    (True, True, True, False)
    """
    return reads(seconds, cell)


def reads(read: Callable[[str], object], cell: str) -> bool:
    """Whether a reader takes a cell, and raises no ValueError.

    >>> reads(float, "1e3"), reads(float, "May")
    (True, False)
    """
    try:
        read(cell)
    except ValueError:
        return False
    return True


def is_slashed(cell: str) -> bool:
    """Whether a cell holds a date of which nobody can say whether the day or the month comes first."""
    return bool(_SLASHED.match(cell))


def seconds(cell: str) -> float:
    """Seconds from 1970 to the date in a cell, UTC where no zone stands; ValueError where there is none.

    >>> seconds("2.1.1970 1:00") == seconds("1970-01-02T01:00") == 86400 + 3600
    True
    """
    other = _DAY_FIRST.fullmatch(cell) or _YEAR_FIRST.fullmatch(cell)
    if other:
        year, month, day = (int(other[part]) for part in ("year", "month", "day"))
        clock = re.sub(r"^[ T](?=\d:)", "T0", other["clock"])
        cell = f"{year:04d}-{month:02d}-{day:02d}{clock}"
    date = datetime.fromisoformat(cell)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
