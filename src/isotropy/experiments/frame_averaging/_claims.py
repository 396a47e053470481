"""The shapes that must hold (§4): what turning costs, which graphs stay together, who predicts particles best."""

from functools import partial

from isotropy.experiments.frame_averaging._config import GRAPHS, LEARNED, NORMALS, PARTICLES, SETS
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, each, highest, moved, of, worst

EXACT_NORMALS = ("FA-PointNet", "FA-DGCNN", "FA-Local-PointNet")
CANONICAL = ("FA-MLP, canonical", "FA-GIN+ID, canonical")


def _still(method: str) -> Value[Scored]:
    """The largest change of any set's graphs under relabelling."""
    return highest(worst(GRAPHS, f"{name}, copies", method) for name in SETS)


_apart, _learned = partial(each, GRAPHS), partial(each, LEARNED, LEARNED)
_turning = partial(moved, NORMALS, "I/I", "I/SO(3)")
_normal = partial(of, NORMALS)
_predicted = partial(of, PARTICLES, "test")
CLAIMS: tuple[Claim[Scored], ...] = (
    at_least(
        "normals: turning the parts costs PointNet half as much again (I/SO(3) at least 1.5 times I/I)",
        _normal("I/SO(3)", "PointNet") / _normal("I/I", "PointNet"),
        1.5,
    ),
    at_most(
        "normals: turning the parts moves no frame averaged network by more than 0.005",
        map(_turning, EXACT_NORMALS),
        0.005,
    ),
    below(
        "normals: FA-PointNet I/SO(3) < PointNet SO(3)/SO(3)",
        _normal("I/SO(3)", "FA-PointNet"),
        _normal("SO(3)/SO(3)", "PointNet"),
    ),
    below("normals: FA-PointNet I/I < PointNet I/I", _normal("I/I", "FA-PointNet"), _normal("I/I", "PointNet")),
    below(
        "normals: FA-DGCNN I/SO(3) < DGCNN SO(3)/SO(3)", _normal("I/SO(3)", "FA-DGCNN"), _normal("SO(3)/SO(3)", "DGCNN")
    ),
    below(
        "normals: FA-Local-PointNet I/SO(3) < FA-PointNet I/SO(3)",
        _normal("I/SO(3)", "FA-Local-PointNet"),
        _normal("I/SO(3)", "FA-PointNet"),
    ),
    *(
        at_most(
            f"graphs: {method} leaves no pair together in graph8c, EXP and SR25",
            _apart(SETS, method),
            0,
        )
        for method in CANONICAL
    ),
    at_most("graphs: isomorphic copies move canonical networks by at most 1e-5", map(_still, CANONICAL), 1e-5),
    at_least(
        "graphs: one drawn order is not invariant: copies move by 0.001 or more",
        map(_still, ("GA-MLP", "GA-GIN+ID", "FA-MLP, sorted", "FA-GIN+ID, sorted")),
        1e-3,
    ),
    at_least("graphs: GCN, GAT and GIN leave all 600 pairs of EXP together", _apart("EXP", ("GCN", "GAT", "GIN")), 600),
    at_least(
        "graphs: GCN, GAT, GIN and ChebNet leave all 105 pairs of SR25 together",
        _apart("SR25", ("GCN", "GAT", "GIN", "ChebNet")),
        105,
    ),
    below("graphs: GAT < GCN on graph8c", *_apart("graph8c", ("GAT", "GCN"))),
    below("graphs: GIN < GAT on graph8c", *_apart("graph8c", ("GIN", "GAT"))),
    below("graphs: ChebNet < GIN on graph8c", *_apart("graph8c", ("ChebNet", "GIN"))),
    *(
        at_least(f"EXP: {method} learns it (at least 0.99)", _learned(method), 0.99)
        for method in (*CANONICAL, "FA-MLP, sorted", "FA-GIN+ID, sorted")
    ),
    at_most(
        "EXP: GIN, GA-MLP and GA-GIN+ID do not learn it (at most 0.6)", _learned(("GIN", "GA-MLP", "GA-GIN+ID")), 0.6
    ),
    at_most("particles: FA-GNN at most 0.010", _predicted("FA-GNN"), 0.010),
    at_least(
        "particles: FA-GNN at least 1.4 times better than GNN at equal epochs",
        _predicted("GNN") / _predicted("FA-GNN"),
        1.4,
    ),
    below("particles: FA-GNN < EGNN", _predicted("FA-GNN"), _predicted("EGNN")),
    below("particles: EGNN < GNN", _predicted("EGNN"), _predicted("GNN")),
    below("particles: CN-GNN < GNN", _predicted("CN-GNN"), _predicted("GNN")),
    at_most(
        "particles: E(3) error of FA-GNN with all frames at most 5e-6 in float32",
        worst(PARTICLES, "E(3) error", "FA-GNN"),
        5e-6,
    ),
)
