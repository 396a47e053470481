"""The sizes of the experiment: the papers' own, and a version for two cores and half an hour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from isotropy.experiments.peers import ParticlesPlan
from isotropy.study import Configuration, Number

NORMALS, GRAPHS, LEARNED, PARTICLES = "normals", "graphs", "EXP-classify", "particles"
SETS = ("graph8c", "EXP", "SR25")
Pose = Literal["I", "SO(3)"]


@dataclass(frozen=True)
class NetworkPlan:
    """A network of ``method`` trained once for each seed; for normals, on clouds in the pose ``pose``."""

    method: str
    seeds: int = 1
    pose: Pose = "I"


@dataclass(frozen=True)
class NormalsPlan:
    """Normals of CAD parts (§4.1): ``held_out`` parts test, the others give ``clouds`` clouds each.

    All widths are those of the papers over ``divide``; ``k`` and ``local_k`` are neighbours of DGCNN and of local
    frames. Clouds are scaled by U(0.8, 1.25); ``rate`` falls along a cosine to 0. ``frames`` "one" trains on one frame
    drawn for each cloud, "all" on all of them; the test always takes all.
    """

    points: int = 512
    held_out: int = 2000
    clouds: int = 1
    test_clouds: int = 1
    divide: int = 1
    k: int = 40
    local_k: int = 20
    batch: int = 32
    epochs: int = 350
    rate: Number = 1e-3
    frames: Literal["one", "all"] = "all"


@dataclass(frozen=True)
class GraphsPlan:
    """Graphs told apart by ``seeds`` random networks, and EXP learned from 800 graphs (§4.2).

    ``first`` keeps that many graphs of each set. Orders of vertices are drawn anew for each random network;
    ``orders`` of them are kept for each graph to be learned, of which one is drawn in each step.
    """

    seeds: int = 100
    first: int | None = None
    copies: int = 1000
    epochs: int = 200
    batch: int = 100
    rate: Number = 1e-3
    orders: int = 32


@dataclass(frozen=True)
class FramesPlan(ParticlesPlan):
    """Charged particles (§4.3); ``frames`` as for normals."""

    frames: Literal["one", "all"] = "all"


@dataclass(frozen=True)
class Config(Configuration):
    """What is trained, how often, and from which meshes: ``abc`` is a folder of .obj files, by default 18 CAD parts."""

    normals: NormalsPlan = field(default_factory=NormalsPlan)
    graphs: GraphsPlan = field(default_factory=GraphsPlan)
    particles: FramesPlan = field(default_factory=FramesPlan)
    point_networks: Sequence[NetworkPlan] = ()
    learners: Sequence[NetworkPlan] = ()
    particle_networks: Sequence[NetworkPlan] = ()
    abc: str = ""


def point_networks(seeds: int, others: int, poses: Sequence[Pose]) -> tuple[NetworkPlan, ...]:
    """All networks that read normals; exact ones are trained in the poses ``poses``, after which they see all alike."""
    plain = [NetworkPlan(name, n, pose) for name, n in (("PointNet", seeds), ("DGCNN", others)) for pose in _POSES]
    exact = [NetworkPlan("FA-PointNet", seeds if pose == "I" else others, pose) for pose in _POSES]
    others_exact = ("FA-DGCNN", "FA-Local-PointNet", "VN-PointNet", "VN-DGCNN")
    return (*plain, *exact, *(NetworkPlan(name, others, pose) for name in others_exact for pose in poses))


def learners(seeds: int, others: int) -> tuple[NetworkPlan, ...]:
    """What learns EXP: message passing, all orders of vertices, sorted ones, and the canonical one.

    GCN and GAT are as blind as GIN: they leave every pair together, of which one graph has the label and one has not.
    """
    few = ("GIN", "ChebNet", "GA-MLP", "GA-GIN+ID", "FA-MLP, sorted", "FA-GIN+ID, sorted")
    many = ("FA-MLP, canonical", "FA-GIN+ID, canonical")
    return (*(NetworkPlan(name, others) for name in few), *(NetworkPlan(name, seeds) for name in many))


def particle_networks(seeds: int, others: int) -> tuple[NetworkPlan, ...]:
    """What predicts particles; the line x + a v is fitted in closed form."""
    many = [NetworkPlan(name, seeds) for name in ("GNN", "FA-GNN")]
    return (
        NetworkPlan("Linear"),
        *many,
        *(NetworkPlan(name, others) for name in ("Radial field", "EGNN", "CN-GNN", "Transformer-PS")),
    )


_POSES: tuple[Pose, ...] = ("I", "SO(3)")
SMALL = Config(
    normals=NormalsPlan(
        points=256, held_out=4, clouds=32, test_clouds=16, divide=4, k=20, batch=16, epochs=20, rate=3e-3, frames="one"
    ),
    graphs=GraphsPlan(seeds=10),
    particles=FramesPlan(epochs=200, rate=2e-3, frames="one", validate_every=10),
    point_networks=point_networks(3, 1, ("I",)),
    learners=learners(3, 1),
    particle_networks=particle_networks(3, 1),
)
FULL = Config(
    point_networks=point_networks(3, 1, _POSES), learners=learners(10, 3), particle_networks=particle_networks(5, 1)
)
