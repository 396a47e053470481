"""Numbers that other people published (§5.3): shown beside ours, never mixed with them."""

from __future__ import annotations

from isotropy.report import Column, Table

_EMLP = "Finzi, Welling, Wilson, ICML 2021; width 384, 900-1000 epochs, 3 seeds"
_RPP = "Finzi, Benton, Wilson, NeurIPS 2021; width 384, 500 epochs, 10 trials"

ROWS: tuple[tuple[str, str, int, float, str], ...] = (
    *(
        ("nu=0", method, rows, error, _EMLP)
        for method, errors in (
            ("EMLP O(3)", (1.44, 0.303, 0.136, 0.028, 0.018)),
            ("EMLP SO(3)", (1.16, 0.316, 0.060, 0.029, 0.019)),
            ("MLP", (7.91, 4.94, 3.24, 0.84, 0.154)),
            ("MLP + augmentation", (1.78, 0.464, 0.130, 0.112, 0.112)),
        )
        for rows, error in zip((100, 300, 1000, 3000, 10000), errors, strict=True)
    ),
    ("nu=0.3, a=2", "MLP", 1000, 4.79, _RPP),
    ("nu=0.3, a=2", "EMLP O(3)", 1000, 1.185, _RPP),
)

PUBLISHED = Table(
    (
        Column("problem"),
        Column("method"),
        Column("training rows", "number"),
        Column("test MSE", "number", explain="mean squared error per entry of y, as published"),
        Column("source"),
    ),
    ROWS,
    section="Published",
    title="Published by others (not run here)",
    caption="Test errors per entry as their authors printed them, on problems of the same family; widths, schedules "
    "and, for the last two rows, the dial differ from ours. The tables of Kim et al. are not among them.",
    name="published",
)
