"""Samples from the files that surveys publish: columns by position, and every bad row refused by its number."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from isotropy.data import SUPERNOVAE
from isotropy.errors import SchemaError, counted
from isotropy.physics.supernovae._sample import SampleWarning, SNSample

Row = tuple[int, list[str]]
_DIAGONAL = "has diagonal errors only, which are not meant for cosmological fits: pass the covariance with cov="


def load_lcparam(path: str | Path, cov: str | Path | None = None, *, name: str | None = None) -> SNSample:
    """A sample in the format of JLA and Pantheon: name, zcmb, zhel, dz, mb, dmb, and columns that are not read.

    Columns go by their position: published headers have 19 names above 18 columns. Lines that begin with # and empty
    ones are passed over; spaces and tabs part columns. ``cov`` is the path of a covariance (``load_covmat``), which is
    added to the squares of dmb. Files may be gzipped. Raises SchemaError with the line for short rows and words, and
    the errors of ``SNSample``.
    """
    rows = [(number, line.split()) for number, line in _lines(path) if not line.lstrip().startswith("#")]
    wanted = "a name and at least 5 numbers: zcmb zhel dz mb dmb"
    _alike(rows, path, 6, wanted)
    numbers = [[_number(path, number, cells[at], wanted) for at in (1, 2, 4, 5)] for number, cells in rows]
    return _sample(numbers, [cells[0] for _, cells in rows], name or _called(path), cov)


def load_pantheon_plus(path: str | Path, cov: str | Path | None = None) -> SNSample:
    """Pantheon+SH0ES.dat: zHD (in the integral), zHEL, m_b_corr and its diagonal error, by the names of the header.

    With ``cov``, the published statistical and systematic matrix, which holds all of the error: the diagonal errors
    are then left out. Warns (SampleWarning) without it. Errors are those of ``load_lcparam``.
    """
    lines = [(number, line.split()) for number, line in _lines(path)]
    return _by_header(lines, path, ("zHD", "zHEL", "m_b_corr", "m_b_corr_err_DIAG"), "CID", cov, total=True)


def load_des5yr(path: str | Path, cov: str | Path | None = None) -> SNSample:
    """DES-SN5YR_HD.csv: zHD, zHEL, MU and MUERR_FINAL, by the names of the header; magnitudes are distance moduli.

    ``cov`` is the systematic matrix, added to the squares of MUERR_FINAL. Warns (SampleWarning) without it.
    """
    lines = [(number, next(csv.reader([line]))) for number, line in _lines(path)]
    return _by_header(lines, path, ("zHD", "zHEL", "MU", "MUERR_FINAL"), "CID", cov)


def load_covmat(path: str | Path) -> Tensor:
    """A covariance (N, N) from text: the number N, then N * N values. Raises SchemaError naming both numbers.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "cov.txt").write_text("2\\n1\\n0\\n0\\n4\\n")
    ...     load_covmat(Path(folder) / "cov.txt").tolist()
    [[1.0, 0.0], [0.0, 4.0]]
    """
    words = _text(path).split()
    wanted = "the number N of supernovae, then N * N values"
    if not words or not words[0].isdigit():
        raise SchemaError(f"{path}, which begins with {words[0] if words else 'nothing'!r}", wanted)
    n, held = int(words[0]), len(words) - 1
    if held != n * n:
        raise SchemaError(f"{path} with {held} values after N = {n}", f"{n} * {n} = {n * n} values")
    values: list[float] = []
    for number, word in enumerate(words[1:], start=1):
        values.append(_number(path, number, word, wanted, "value"))
    return torch.tensor(values, dtype=torch.float64).reshape(n, n)


def load_sample(name: str) -> SNSample:
    """A sample of the registry, with the covariance that is public: "pantheon", "pantheon-zhel", "pantheon-binned",
    "union3", "pantheon-plus", "des-5yr". Raises SchemaError for another name, DataNotFoundError without the files.
    """
    if name not in SUPERNOVAE:
        raise SchemaError(
            f"the sample {name!r}", f"one of {', '.join(SUPERNOVAE)}", "or read a file: load_lcparam(path)"
        )
    entry = SUPERNOVAE[name]
    paths = entry.paths()
    cov = paths[1] if len(paths) > 1 else None
    if entry.form == "pantheon-plus":
        return load_pantheon_plus(paths[0], cov)
    if entry.form == "des-5yr":
        return load_des5yr(paths[0], cov)
    return load_lcparam(paths[0], cov, name=name)


def _text(path: str | Path) -> str:
    """The text of a file, gzipped or not; anything else is refused, and nothing in it is run."""
    wanted = "a text file of numbers, or one that is gzipped"
    if not Path(path).is_file():
        raise SchemaError(f"{str(path)!r}", "a file that exists")
    data = Path(path).read_bytes()
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        text = data.decode("utf-8")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise SchemaError(f"{path}, which is binary", wanted) from error
    if "\0" in text:
        raise SchemaError(f"{path}, which is binary", wanted)
    return text


def _lines(path: str | Path) -> list[tuple[int, str]]:
    """The lines that are not empty, and their numbers."""
    found = [(number, line) for number, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    if not found:
        raise SchemaError(f"{path}, which is empty", "rows of supernovae")
    return found


def _alike(rows: Sequence[Row], path: str | Path, least: int, wanted: str) -> None:
    if not rows:
        raise SchemaError(f"{path} without a row", wanted)
    width = len(rows[0][1])
    for number, cells in rows:
        if len(cells) < least or len(cells) != width:
            given = f"line {number} of {path} with {counted(len(cells), 'column')}"
            raise SchemaError(given, wanted if len(cells) < least else f"{width} columns, as in the first row")


def _number(path: str | Path, number: int, word: str, wanted: str, what: str = "line") -> float:
    try:
        return float(word)
    except ValueError as error:
        raise SchemaError(f"{word!r} in {what} {number} of {path}", wanted) from error


def _by_header(
    lines: Sequence[Row],
    path: str | Path,
    names: tuple[str, ...],
    key: str,
    cov: str | Path | None,
    total: bool = False,
) -> SNSample:
    header = {name: at for at, name in enumerate(lines[0][1])}
    missing = [name for name in (key, *names) if name not in header]
    if missing:
        raise SchemaError(f"{path} without the column {missing[0]}", f"a header with {', '.join((key, *names))}")
    rows = lines[1:]
    width = len(lines[0][1])
    _alike(rows, path, width, f"{counted(width, 'column')}, as in the header")
    numbers = [[_number(path, n, cells[header[name]], f"a number for {name}") for name in names] for n, cells in rows]
    if cov is None:
        warnings.warn(f"{_called(path)} {_DIAGONAL}", SampleWarning, stacklevel=3)
    elif total:
        numbers = [[*row[:3], 0.0] for row in numbers]
    return _sample(numbers, [cells[header[key]] for _, cells in rows], _called(path), cov)


def _sample(numbers: list[list[float]], ids: list[str], name: str, cov: str | Path | None) -> SNSample:
    columns: Mapping[int, Tensor] = dict(enumerate(torch.tensor(numbers, dtype=torch.float64).unbind(1)))
    matrix = None if cov is None else load_covmat(cov)
    return SNSample(columns[0], columns[1], columns[2], columns[3], matrix, name, tuple(ids))


def _called(path: str | Path) -> str:
    return Path(path).name.removesuffix(".gz")
