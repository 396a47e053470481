"""What goes wrong, said in three parts: what was given, what was expected, what to write instead."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and what it counts, in the singular where there is one.

    >>> counted(1, "row"), counted(1200, "row"), counted(0, "vertex", "vertices")
    ('1 row', '1,200 rows', '0 vertices')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint to write the nearest of the known names, in capitals or not; empty where none is near.

    >>> nearest("x", ["X", "mass"]), nearest("mas", ["X", "mass"]), nearest("q", ["X", "mass"])
    ('write X', 'write mass', '')
    """
    names = list(known)
    near = [one for one in names if one.lower() == name.lower()] or difflib.get_close_matches(name, names, 1)
    return f"write {near[0]}" if near else ""


class IsotropyError(Exception):
    """Base of every error that this library raises on purpose.

    >>> raise ShapeError("x of shape (3, 2)", "(n, 5)", "declare the two columns in the schema")
    Traceback (most recent call last):
        ...
    isotropy.errors.ShapeError: given x of shape (3, 2); expected (n, 5); declare the two columns in the schema
    """

    def __init__(self, given: object, expected: object, hint: str = "") -> None:
        self.given, self.expected, self.hint = str(given), str(expected), hint
        parts = [f"given {self.given}", f"expected {self.expected}", hint]
        super().__init__("; ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[type[IsotropyError], tuple[str, str, str]]:
        # Errors travel back from worker processes, which rebuild them from their arguments.
        return type(self), (self.given, self.expected, self.hint)


class ShapeError(IsotropyError, ValueError):
    """Sizes that do not fit together."""


class DomainError(IsotropyError, ValueError):
    """A value outside the domain of an operation: NaN, a singular matrix, a zero vector, an empty segment."""


class SchemaError(IsotropyError, ValueError):
    """A description of data that cannot be read, or that the data contradict."""


class AmbiguousRankError(IsotropyError, ValueError):
    """A spectrum without a gap wide enough to decide which directions are null."""


class DegenerateError(IsotropyError, ValueError):
    """A spectrum, a cloud or a frame that is too symmetric for what was asked."""


class FrameSizeError(IsotropyError, ValueError):
    """A frame with more elements than may be visited."""


class SymmetryError(IsotropyError, ValueError):
    """Equations, fields or functions of which the symmetries asked for cannot be told."""


class MorphologyError(IsotropyError, ValueError):
    """A body of limbs, hinges and motors that is not built as was asked for."""


class LogUndefinedError(IsotropyError, ValueError):
    """A group element with no logarithm, or none that is unique."""


class InfeasibleError(IsotropyError, ValueError):
    """A budget or a constraint that nothing can meet."""


class DtypeError(IsotropyError, TypeError):
    """A wrong dtype or device: integers, mixed precision, complex numbers outside U(d)."""


class NonDeterministicError(IsotropyError, RuntimeError):
    """Two evaluations that had to agree and did not."""


class MissingExtraError(IsotropyError, ImportError):
    """An optional dependency that is not installed.

    >>> raise MissingExtraError.of("pyarrow", "tables")
    Traceback (most recent call last):
        ...
    isotropy.errors.MissingExtraError: given no package 'pyarrow'; expected the extra [tables]; \
pip install 'isotropy[tables]'
    """

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        return cls(f"no package {package!r}", f"the extra [{extra}]", f"pip install 'isotropy[{extra}]'")


def optional_import(module: str, extra: str) -> Any:
    """A module of a package that an extra installs; raises MissingExtraError where the package is not there.

    >>> optional_import("json.decoder", "tables").JSONDecoder.__name__
    'JSONDecoder'
    """
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError.of(package, extra) from error


def one_of(what: str, given: str, known: Iterable[str]) -> None:
    """Raises DomainError for a word that is none of those known, with the nearest of them.

    >>> one_of("norm", "bound", ("bounded", "l2"))
    Traceback (most recent call last):
        ...
    isotropy.errors.DomainError: given norm 'bound'; expected 'bounded' or 'l2'; write bounded
    """
    names = list(known)
    if given not in names:
        raise DomainError(f"{what} {given!r}", " or ".join(map(repr, names)), nearest(given, names))


class ConvergenceWarning(UserWarning):
    """An iteration that stopped before it converged."""


class FewRowsWarning(UserWarning):
    """Rows that are too few to look for a symmetry in: the model is fitted without one."""


class InfeasibleWarning(UserWarning):
    """A bound that training could not reach."""


class EffectiveSampleWarning(UserWarning):
    """Importance weights so uneven that few samples carry the estimate."""
