"""Which elements a force field knows."""

import re
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError

_SYMBOLS = re.findall(
    "[A-Z][a-z]?",
    "HHeLiBeBCNOFNeNaMgAlSiPSClArKCaScTiVCrMnFeCoNiCuZnGaGeAsSeBrKrRbSrYZrNbMoTcRuRhPdAgCdInS"
    "nSbTeIXeCsBaLaCePrNdPmSmEuGdTbDyHoErTmYbLuHfTaWReOsIrPtAuHgTlPbBiPoAtRnFrRaAcThPaUNpPuAm"
    "CmBkCfEsFmMdNoLrRfDbSgBhHsMtDsRgCnNhFlMcLvTsOg",
)
HIGHEST = len(_SYMBOLS)


class UnknownElementError(DomainError, KeyError):
    """An element that a force field was not made for."""

    __str__ = Exception.__str__  # a KeyError would print its message in quotes


def symbol(number: int) -> str:
    """The symbol of an atomic number.

    >>> symbol(8), symbol(0)
    ('O', '0')
    """
    return _SYMBOLS[number - 1] if 1 <= number <= HIGHEST else str(number)


def unknown(numbers: Tensor, known: Mapping[int, object]) -> UnknownElementError:
    """The error that names the strangers among ``numbers`` and lists the known elements."""
    strangers = sorted(set(numbers.tolist()) - set(known))
    return UnknownElementError(
        "the elements " + ", ".join(map(symbol, strangers)),
        "those with a free energy: " + ", ".join(map(symbol, sorted(known))),
        "give isolated={atomic number: energy in eV} for all elements",
    )


def free_energies(isolated: Mapping[int, float], numbers: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """The energy of each atom by itself in eV, float64: in single precision a total of 1e4 eV has no meV.

    Raises UnknownElementError, a KeyError.

    >>> free_energies({1: -13.5, 8: -2041.0}, torch.tensor([8, 1, 1]))
    tensor([-2041.0000,   -13.5000,   -13.5000], dtype=torch.float64)
    """
    table = torch.full((HIGHEST + 1,), torch.nan, dtype=torch.float64)
    for number, energy in isolated.items():
        table[number] = energy
    strange = (numbers < 1) | (numbers > HIGHEST)
    found = table.to(numbers.device)[numbers.masked_fill(strange, 0)]
    if bool(found.isnan().any()):
        raise unknown(numbers, isolated)
    return found
