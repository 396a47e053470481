"""Numbers that other people published: shown beside ours, never mixed with them."""

from __future__ import annotations

from isotropy.experiments.gaunt._records import EFFICIENCY, FORCEFIELD, NBODY
from isotropy.report import Column, Table

_FIGURE = "Luo, Chen, Krishnapriyan, ICLR 2024, their notebooks: GPU, batch 1, e3nn's compilation in the mean"
_MANY = "Luo, Chen, Krishnapriyan, ICLR 2024, their notebooks: GPU, three bodies, batch 32, 128 channels"
_3BPA = "Luo, Chen, Krishnapriyan, ICLR 2024, table 2: published test sets, 256 channels, 2000 epochs"
_ACAC = "recalled from Batatia et al., NeurIPS 2022 (MACE): 256 channels, thousands of epochs"
_BODIES = "read off a figure of Luo, Chen, Krishnapriyan, ICLR 2024"

_INTERACTION = {
    "e3nn": (6.67, 138.6, 326.8, 678.6, 914, 1350, 2270),
    "Gaunt": (0.76, 2.31, 2.63, 3.48, 6.14, 2.81, 3.07),
}
_CONVOLUTION = {"eSCN": (5.14, 13.2, 16.5, 35.0, 136, 309), "Gaunt": (0.84, 2.71, 2.33, 1.98, 4.94, 2.47)}
_POWERS = {
    "MACE": (3.00, 4.86, 7.06, 13.6, 44.0),
    "Gaunt": (1.29, 1.71, 2.27, 3.80, 8.60),
    "e3nn": (250, 494, 971, 1767, 3648),
}
# Energies in meV and forces in meV/Angstrom at 300, 600 and 1200 K.
_MOLECULE = {
    "ACE": (7.1, 27.1, 24.0, 64.3, 85.3, 187.0),
    "sGDML": (9.1, 46.2, 484.8, 439.2, 774.5, 711.1),
    "Allegro": (3.84, 12.98, 12.07, 29.17, 42.57, 82.96),
    "NequIP": (3.3, 10.8, 11.2, 26.4, 38.5, 76.2),
    "BOTNet": (3.1, 11.0, 11.5, 26.7, 39.1, 81.1),
    "MACE": (3.0, 8.8, 9.7, 21.8, 29.8, 62.0),
    "MACE-Gaunt": (2.9, 9.2, 10.6, 22.2, 30.4, 63.1),
}
_ACETYLACETONE = {
    "BOTNet": (0.89, 6.3, 6.2, 29.8),
    "NequIP": (0.81, 5.90, 6.04, 27.8),
    "MACE": (0.9, 5.1, 4.6, 22.4),
}
_PARTICLES = {("Clebsch-Gordan", 1): 0.0050, ("Gaunt", 1): 0.0048, ("Clebsch-Gordan", 2): 0.0052, ("Gaunt", 2): 0.0050}

Row = tuple[str, str, str, float | int, str, str]


def _timed(operation: str, found: dict[str, tuple[float | int, ...]], first: int, step: int, source: str) -> list[Row]:
    return [
        (EFFICIENCY, f"{operation}, L = {first + step * number}", method, value, "ms", source)
        for method, values in found.items()
        for number, value in enumerate(values)
    ]


def _molecules(name: str, found: dict[str, tuple[float | int, ...]], source: str) -> list[Row]:
    units = (("energies", "meV"), ("forces", "meV/A"))
    settings = [(f"{name}, {kelvin} K: {what}", unit) for kelvin in (300, 600, 1200) for what, unit in units]
    return [
        (FORCEFIELD, setting, method, value, unit, source)
        for method, values in found.items()
        for (setting, unit), value in zip(settings, values, strict=False)
    ]


ROWS: tuple[Row, ...] = (
    *_timed("interaction", _INTERACTION, 1, 2, _FIGURE),
    *_timed("convolution", _CONVOLUTION, 1, 2, _FIGURE),
    *_timed("many-body", _POWERS, 1, 1, _MANY),
    *_molecules("acac", _ACETYLACETONE, _ACAC),
    *_molecules("3bpa", _MOLECULE, _3BPA),
    *(
        (NBODY, f"attributes of degree {degree}", f"SEGNN, {product}", error, "MSE", _BODIES)
        for (product, degree), error in _PARTICLES.items()
    ),
)

PUBLISHED = Table(
    (
        Column("part"),
        Column("setting"),
        Column("method"),
        Column("number", "number"),
        Column("unit"),
        Column("source"),
    ),
    ROWS,
    section="Published",
    title="Published by others (not run here)",
    caption="For orientation only: wider networks, trained for hours on GPUs. Where the paper says L it means degrees "
    "0..L-1, which are L-1 here, and its times of e3nn include compilation; the test sets of 3BPA are not those that "
    "are used here; the numbers of acetylacetone are recalled.",
    name="published",
)
