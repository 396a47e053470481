"""The sizes of the experiment: the papers' own, and a version for two cores and half an hour."""

from dataclasses import dataclass, field

from isotropy.study import Configuration, Number

POSED = ("plain", "naive", "moment")
"""Classifiers trained on turned clouds too; to the others turned clouds are the same clouds."""
COSTLY = ("frame",)
"""Classifiers that run eight copies of every cloud in training, and are trained from fewer seeds."""


@dataclass(frozen=True)
class ShapesPlan:
    """Classification of clouds sampled from meshes (§4.1): ``per_class`` clouds of ``points`` points to train on.

    The test clouds, ``test_per_class`` of each class, come from the other mesh of the class. Adam at ``rate``,
    constant, for ``epochs``; ``widths`` are those of the small PointNet, ``hidden`` that of its head, ``signed`` that
    of SignNet's columns.
    """

    points: int = 128
    per_class: int = 60
    test_per_class: int = 20
    batch: int = 64
    epochs: int = 15
    rate: Number = 2e-3
    widths: tuple[int, ...] = (64, 128, 128)
    hidden: int = 128
    signed: int = 16


@dataclass(frozen=True)
class ToursPlan:
    """The attention model on ``instances`` uniform instances of ``cities`` cities (§4.2), supervised by short tours.

    A label is the best of ``starts`` local optima; the gaps of the ``test`` instances are to proven optima. Adam at
    ``rate``, falling along a cosine over ``epochs``. Real instances are taken up to ``largest`` cities.
    """

    cities: int = 20
    instances: int = 20_000
    parts: int = 4
    starts: int = 2
    test: int = 300
    batch: int = 128
    epochs: int = 24
    rate: Number = 1e-3
    dim: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 256
    largest: int = 200


@dataclass(frozen=True)
class GraphsPlan:
    """Shortest paths of random geometric graphs embedded in ``dimensions`` (§4.3).

    ``nodes`` uniform points of the unit square, joined within ``radius``; the greatest connected component counts.
    """

    graphs: int = 20
    nodes: int = 40
    radius: Number = 0.25
    dimensions: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    starts: int = 8


@dataclass(frozen=True)
class Config(Configuration):
    """The three parts, and how often networks are trained.

    Classifiers of clouds and the invariant attention model are trained from ``seeds`` seeds; frame averaging, the other
    attention models, and on turned clouds all but the plain network from ``seeds_of_others``. ``modelnet`` is a folder
    with the h5 files of ModelNet40, "" for the small meshes, which are refused where ``large`` clouds are asked for.
    """

    shapes: ShapesPlan = field(default_factory=ShapesPlan)
    tours: ToursPlan = field(default_factory=ToursPlan)
    graphs: GraphsPlan = field(default_factory=GraphsPlan)
    modelnet: str = ""
    large: bool = False
    seeds: int = 3
    seeds_of_others: int = 1


SMALL = Config()
_LONG = ToursPlan(
    cities=50, instances=1_000_000, parts=64, starts=4, epochs=100, rate=1e-4, dim=128, layers=3, heads=8, hidden=512,
    batch=512,
)  # fmt: skip
FULL = Config(
    shapes=ShapesPlan(points=1024, batch=32, epochs=250, rate=1e-3, widths=(64, 128, 1024), hidden=512, signed=64),
    tours=_LONG,
    graphs=GraphsPlan(graphs=100, nodes=60),
    large=True,
    seeds_of_others=3,
)
