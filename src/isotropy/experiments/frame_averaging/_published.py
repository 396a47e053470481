"""Numbers that other people published: shown beside ours, never mixed with them."""

from __future__ import annotations

from isotropy.experiments.frame_averaging._records import GRAPHS, LEARNED, NORMALS, PARTICLES
from isotropy.report import Column, Table

_ABC = "Puny et al., ICLR 2022, and Deng et al., ICCV 2021: ABC, 512 points, 8000 models"
_APART = "Balcilar et al., ICML 2021, and Puny et al., ICLR 2022: 100 random networks"
_BODIES = (
    "Satorras et al., ICML 2021; Puny et al., ICLR 2022; CN: Kaba et al., ICML 2023; PS: Kim et al., NeurIPS 2023; "
    "10000 epochs"
)

_NORMALS: dict[str, tuple[float, float, float]] = {
    "PointNet": (0.207, 0.449, 0.258),
    "VN-PointNet": (0.215, 0.216, 0.223),
    "FA-PointNet": (0.158, 0.163, 0.161),
    "FA-Local-PointNet": (0.097, 0.098, 0.098),
    "DGCNN": (0.070, 0.193, 0.121),
    "VN-DGCNN": (0.133, 0.130, 0.144),
    "FA-DGCNN": (0.067, 0.069, 0.071),
}
# Pairs of graph8c and of EXP that stay together, and the accuracy on EXP.
_GRAPHS: dict[str, tuple[int, int, float]] = {
    "GCN": (4755, 600, 0.5),
    "GAT": (1828, 600, 0.5),
    "GIN": (386, 600, 0.5),
    "ChebNet": (44, 71, 0.82),
    "PPGN": (0, 0, 1.0),
    "GNNML3": (0, 0, 1.0),
    "GA-MLP": (0, 0, 0.5),
    "GA-GIN+ID": (0, 0, 0.5),
    "FA-MLP": (0, 0, 1.0),
    "FA-GIN+ID": (0, 0, 1.0),
}
_PARTICLES: dict[str, float] = {
    "Linear": 0.0819,
    "SE(3)-Transformer": 0.0244,
    "TFN": 0.0155,
    "GNN": 0.0107,
    "Radial field": 0.0104,
    "EGNN": 0.0071,
    "FA-GNN": 0.0057,
    "CN-GNN": 0.0043,
    "Transformer-PS": 0.0040,
}

ROWS: tuple[tuple[str, str, str, float | int, str], ...] = (
    *(
        (NORMALS, setting, method, error, _ABC)
        for method, errors in _NORMALS.items()
        for setting, error in zip(("I/I", "I/SO(3)", "SO(3)/SO(3)"), errors, strict=True)
    ),
    *(
        (LEARNED if setting == LEARNED else GRAPHS, setting, method, number, _APART)
        for method, numbers in _GRAPHS.items()
        for setting, number in zip(("graph8c", "EXP", LEARNED), numbers, strict=True)
    ),
    *((PARTICLES, "test", method, error, _BODIES) for method, error in _PARTICLES.items()),
)

PUBLISHED = Table(
    (
        Column("table"),
        Column("setting"),
        Column("method"),
        Column("number", "number", explain="error of lines, pairs left together, accuracy, mean squared error"),
        Column("source"),
    ),
    ROWS,
    section="Published",
    title="Published by others (not run here)",
    caption="As recalled from the papers, for orientation only: their meshes are ABC's, their networks wider, their "
    "trainings longer, and their random networks differ in activation and pooling.",
    name="published",
)
