"""Numbers that other people published (§4.1, §4.2): shown beside ours, never mixed with them."""

from __future__ import annotations

from isotropy.report import Column, Table

_CLOUDS = "as collected by Deng et al., ICCV 2021 (recalled)"
_TOURS = "Kool, van Hoof, Welling, ICLR 2019 (recalled)"

CLOUDS: tuple[tuple[str, float, float, float], ...] = (
    ("PointNet", 85.9, 19.6, 74.7),
    ("DGCNN", 90.3, 33.8, 88.6),
    ("VN-PointNet", 77.5, 77.5, 77.2),
    ("VN-DGCNN", 89.5, 89.5, 90.2),
    ("RI-Conv", 86.5, 86.4, 86.4),
    ("ClusterNet", 87.1, 87.1, 87.1),
    ("SPHNet", 87.7, 86.6, 87.6),
    ("GC-Conv", 89.0, 89.1, 89.2),
    ("TFN", 88.5, 85.3, 87.6),
)
TOURS: tuple[tuple[str, float, float, float], ...] = (
    ("optimal", 3.84, 5.70, 7.76),
    ("AM greedy", 3.85, 5.80, 8.12),
    ("AM sampling 1280", 3.84, 5.73, 7.94),
)

PUBLISHED: tuple[Table, ...] = (
    Table(
        (Column("method"), *(Column(name, "number", "%") for name in ("z/z", "z/SO3", "SO3/SO3"))),
        CLOUDS,
        section="Published",
        title="ModelNet40, accuracy (not run here)",
        caption=f"Turned about z or all rotations, in training / test; {_CLOUDS}. Tables of Zhang et al. are not among "
        "them; our clouds come from other, smaller meshes.",
        name="published-clouds",
    ),
    Table(
        (Column("method"), *(Column(f"n={n}", "number") for n in (20, 50, 100))),
        TOURS,
        section="Published",
        title="Mean tour length, uniform unit square (not run here)",
        caption=f"3 layers of 128 features, 128 million instances, by reinforcement; {_TOURS}.",
        name="published-tours",
    ),
)
NOTES: tuple[str, ...] = (
    *(
        f"published, ModelNet40, z/z z/SO3 SO3/SO3: {name} {a} {b} {c} % ({_CLOUDS})"
        for name, a, b, c in CLOUDS
        if "PointNet" in name
    ),
    f"published, n=20: optimal tours 3.84, AM greedy 3.85 ({_TOURS})",
)
