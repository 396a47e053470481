"""The sizes of the experiment: the paper's, and a small version, meant for half an hour on two cores."""

from dataclasses import dataclass, field

from isotropy.study import Configuration, Number


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How every network learns: Adam at ``rate`` along a cosine, ``batch`` clouds at once, for ``epochs``.

    Widths of other networks are over ``divide``, so that all have about as many numbers as ours; ``size`` is ours,
    which begins with ``cells``. Points are jittered by ``noise`` metres; norms of gradients are cut off at ``clip``.
    With ``normals`` every network gets the normal of each point: of a patch of eight points alone, which is what small
    cells of sparse clouds are, nobody can tell which limb it belongs to.
    """

    rate: Number = 5e-3
    batch: int = 4
    epochs: int = 20
    divide: int = 8
    k: int = 10
    size: str = "small"
    cells: int = 24
    noise: Number = 0.005
    clip: Number = 1.0
    normals: bool = True


@dataclass(frozen=True, kw_only=True)
class PeoplePlan(Learning):
    """E2: kinds of bodies, learnt from ``clouds`` people of ``points`` points who stand nearly at rest, and one who was
    recorded ``walking`` in so many frames."""

    points: int = 256
    clouds: int = 60
    walking: int = 12
    test: int = 16


@dataclass(frozen=True, kw_only=True)
class SubjectsPlan(Learning):
    """E3: which of so many ``subjects`` a cloud shows, learnt from ``clouds`` of each in other poses than the test."""

    points: int = 256
    subjects: int = 10
    clouds: int = 12
    test: int = 4
    epochs: int = 10


@dataclass(frozen=True, kw_only=True)
class RoomsPlan(Learning):
    """E4: kinds of furniture, learnt from one scan of one room in so many ``epochs``, tried on ``test`` other rooms."""

    points: int = 512
    test: int = 8
    epochs: int = 120
    batch: int = 1
    noise: Number = 0.01


@dataclass(frozen=True, kw_only=True)
class CellsPlan:
    """E1, E5 and E6: exactness and certificates of one layer on a person of ``points``, for so many ``cells``."""

    points: int = 512
    poses: int = 6
    cells: tuple[int, ...] = (10, 20, 40, 80, 160, 320, 512)
    draws: int = 8
    width: int = 16


@dataclass(frozen=True)
class Config(Configuration):
    """The six parts; networks are trained from ``seeds`` seeds."""

    people: PeoplePlan = field(default_factory=PeoplePlan)
    subjects: SubjectsPlan = field(default_factory=SubjectsPlan)
    rooms: RoomsPlan = field(default_factory=RoomsPlan)
    cells: CellsPlan = field(default_factory=CellsPlan)
    seeds: int = 3


SMALL = Config()
FULL = Config(
    people=PeoplePlan(
        points=4096,
        clouds=2000,
        walking=400,
        test=200,
        epochs=100,
        rate=1e-3,
        batch=2,
        divide=1,
        size="paper",
        cells=40,
    ),
    subjects=SubjectsPlan(
        points=4096, clouds=200, test=40, epochs=100, rate=1e-3, batch=2, divide=1, size="paper", cells=40
    ),
    rooms=RoomsPlan(points=4096, test=64, epochs=1000, rate=1e-3, divide=1, size="paper", cells=40),
    cells=CellsPlan(points=2048, cells=(10, 20, 40, 80, 160, 320, 640, 1024, 1536, 2048), draws=16, width=32),
)
