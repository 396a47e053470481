"""Real data: patches of two photographs and handwritten digits, which scikit-learn ships; pedestrians (ETH, UCY).

Of pedestrians eight observed positions, and the twelve that followed.
"""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._dataset import Dataset, Recipe, motions
from isotropy.data._mirror import SHIPPED, File, locate
from isotropy.errors import DomainError, SchemaError
from isotropy.reps import Schema

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, on the encoded values
PHOTOGRAPHS = (
    File("images/china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29", *SHIPPED),
    File("images/flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638", *SHIPPED),
)
DIGITS = File("data/digits.csv.gz", "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22", *SHIPPED)
_PATCH, _HOLE = 7, 3


@dataclass(frozen=True, kw_only=True)
class Photos(Recipe):
    """Patches of the photographs that scikit-learn ships: from the ring of a 7x7 patch to its 3x3 centre.

    Each picture is cut into square cells of ``cell`` pixels; patches lie ``stride`` pixels apart and wholly inside
    one cell, so that cells share no pixel and serve as independent units. Grey values in [0, 1]; ring and centre are
    relative to the mean of the ring.

    >>> data = Photos(stride=20).dataset()
    >>> data.x.shape[1], data.y.shape[1], bool(data.x.sum(1).abs().max() < 1e-12)
    (40, 9, True)
    """

    stride: int = 4
    cell: int = 53

    name = "photos"
    title = "Patches of two photographs"
    story = (
        "From the 40 grey values around a hole, predict the nine inside it, in two ordinary photographs. Level "
        "horizons, upright trunks and slanting petals distinguish directions, so quarter turns and mirrors should "
        "break. A patch and its point reflection C(2) are hard to tell apart: the autocorrelation of any stationary "
        "image is even, so second-order statistics, and every linear predictor, are the same for both; only "
        "statistics of higher order (light from above, perspective) can tell them apart."
    )
    source = "china.jpg and flower.jpg as shipped by scikit-learn (sklearn.datasets.load_sample_images)"
    licence = "CC BY 2.0; flickr.com/photos/danielbuechele/6061409035 and flickr.com/photos/vultilion/6056698931"
    groups = ("D(4)", "C(4)", "C(2)", "O(1)@x", "O(1)@y")
    types = Schema(x="Pixels(7, 7, hole=3)", y="Pixels(3, 3)", dims={"space": 2})

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise DomainError(f"stride = {self.stride}", "at least 1 pixel")
        if not _PATCH <= self.cell <= 200:
            raise DomainError(f"cell = {self.cell}", f"between {_PATCH} and 200 pixels")

    def dataset(self) -> Dataset:
        """All patches, in the order of pictures, cells and positions."""
        patches: list[Tensor] = []
        clusters: list[Tensor] = []
        for picture in photographs():
            found, cell = cut(picture, self.cell, self.stride)
            clusters.append(cell + sum(int(c[-1]) + 1 for c in clusters[-1:]))
            patches.append(found)
        x, y = ring_and_centre(torch.cat(patches))
        image = torch.repeat_interleave(torch.arange(len(patches)), torch.tensor([len(found) for found in patches]))
        split = {name: (image == i).nonzero()[:, 0] for i, name in enumerate(("china", "flower"))}
        return self.made(x, y, cluster=torch.cat(clusters), split=split)


def photographs() -> list[Float[Tensor, "height width"]]:
    """The two photographs in grey, values in [0, 1], row 0 at the top."""
    from sklearn.datasets import load_sample_image

    weights = np.array(_LUMINANCE)
    names = [Path(file.path).name for file in PHOTOGRAPHS]
    return [torch.from_numpy(np.asarray(load_sample_image(name), float) @ weights / 255) for name in names]


def cut(
    picture: Float[Tensor, "height width"], cell: int, stride: int
) -> tuple[Float[Tensor, "n 7 7"], Int[Tensor, " n"]]:
    """Patches ``stride`` pixels apart, each inside one square cell, and the number of that cell.

    >>> patches, cells = cut(torch.zeros(40, 60, dtype=torch.float64), cell=20, stride=5)
    >>> len(patches), cells.unique().tolist()
    (54, [0, 1, 2, 3, 4, 5])
    """
    cells = picture.unfold(0, cell, cell).unfold(1, cell, cell).flatten(0, 1)
    patches = cells.unfold(1, _PATCH, stride).unfold(2, _PATCH, stride).flatten(1, 2)
    return patches.flatten(0, 1), torch.repeat_interleave(torch.arange(len(cells)), patches.shape[1])


def ring_and_centre(patches: Float[Tensor, "n 7 7"]) -> tuple[Float[Tensor, "n 40"], Float[Tensor, "n 9"]]:
    """Ring and centre of each patch, row by row, less the ring's mean.

    >>> ring, centre = ring_and_centre(torch.ones(1, 7, 7, dtype=torch.float64))
    >>> ring.shape, float(centre.abs().max())
    (torch.Size([1, 40]), 0.0)
    """
    low = (_PATCH - _HOLE) // 2
    hole = torch.zeros(_PATCH, _PATCH, dtype=torch.bool)
    hole[low : low + _HOLE, low : low + _HOLE] = True
    ring, centre = patches[:, ~hole], patches[:, hole]
    mean = ring.mean(1, keepdim=True)
    return ring - mean, centre - mean


@dataclass(frozen=True, kw_only=True)
class Digits(Recipe):
    """The 1797 handwritten digits of 8x8 pixels that scikit-learn ships, and their classes as one-hot targets.

    >>> data = Digits().dataset()
    >>> data.rows, data.x.shape[1], data.y.shape[1]
    (1797, 64, 10)
    """

    name = "digits"
    title = "Handwritten digits"
    story = (
        "Small grey pictures of written digits and which digit each one is. Nobody wrote them upside down or in "
        "mirror writing, so nothing in the data says what a turned digit should be called: the honest answer about "
        "turning and mirroring is mostly that these data cannot tell."
    )
    source = (
        "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak; UCI repository), test part, as shipped "
        "by scikit-learn (sklearn.datasets.load_digits)"
    )
    licence = "CC BY 4.0 (UCI repository)"
    groups = ("D(4)", "C(4)", "C(2)", "O(1)@x", "O(1)@y")
    types = Schema(x="Pixels(8, 8)", y='10*Scalar("class")', dims={"space": 2})

    def dataset(self) -> Dataset:
        """All digits, grey values in [0, 1]."""
        from sklearn.datasets import load_digits

        pixels, classes = load_digits(return_X_y=True)
        y = torch.nn.functional.one_hot(torch.from_numpy(np.asarray(classes, np.int64)), 10).double()
        return self.made(torch.from_numpy(np.asarray(pixels, float) / 16), y)


TRACKS = File(
    "01-soft-equivariance/eth_ucy_tracks.csv.gz",
    "475499f4d6a1b6f9f177cb62e262ed7a4d8826fa28465fef4b5038c68046162e",
    "the datasets/<scene>/test/*.txt files of github.com/shangfeng2000/PI-STGCN2 at commit "
    "5ce2d2189554308ab993487bffa845f906cecf55, as one table scene,frame,ped,x_m,y_m with coordinates rounded to 1 mm",
)
_OBSERVED, _FUTURE = 8, 12
STEP = 0.4  # seconds
_LEAST_TRACK = 7  # positions of a track, of which five have velocities and accelerations
_COLUMNS = ["scene", "frame", "ped", "x_m", "y_m"]


@dataclass(frozen=True, kw_only=True)
class EthUcy(Recipe):
    """Windows of twenty consecutive positions of one pedestrian, 0.4 s apart: eight observed, twelve to predict.

    ``x (n, 16)`` and ``y (n, 24)`` are positions in metres. ``centre="last"`` subtracts the last observed position
    from the whole window, which makes the map translation equivariant by construction (``Dataset.imposed``).
    ``stride`` keeps every stride-th window of an unbroken track. Clusters are pedestrians, splits are scenes.
    Pellegrini et al., ICCV 2009; Lerner et al., Eurographics 2007.
    """

    centre: Literal["last", "none"] = "last"
    stride: int = 1

    name = "eth-ucy"
    title = "Walking pedestrians (ETH and UCY)"
    story = (
        "Where people in five squares and streets walked in the 4.8 s after they were seen for 3.2 s. Streets, "
        "doors and walking on one side fix directions, so turned and mirrored tracks should be predicted almost, "
        "but not quite, alike; nobody walks twice as fast, so scaled tracks do not occur although most of the map "
        "from past to future (walking on straight) scales exactly."
    )
    source = "ETH BIWI walking pedestrians and UCY crowds, 0.4 s steps, world coordinates in metres"
    licence = (
        "released for research use by ETH Zurich and the University of Cyprus without a formal licence; cite "
        "Pellegrini et al., ICCV 2009 and Lerner et al., Eurographics 2007"
    )
    groups = ("O(2)", "SO(2)", "C(4)", "O(1)@x", "O(1)@y", "Scale(2)", "T(2)")
    types = Schema(x=f'{_OBSERVED}*Point("past")', y=f'{_FUTURE}*Point("future")', dims={"space": 2})

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise DomainError(f"stride = {self.stride}", "at least 1")

    def dataset(self) -> Dataset:
        """All windows, scene by scene; raises ``SchemaError`` where the file is missing or is not the known one."""
        scene, frame, pedestrian, position, names = read_tracks(locate(TRACKS, of=self.name))
        start, walker = windows(scene, frame, pedestrian, self.stride)
        track = position[start[:, None] + torch.arange(_OBSERVED + _FUTURE)]
        if self.centre == "last":
            track = track - track[:, _OBSERVED - 1, None]
        by_scene = {name: (scene[start] == i).nonzero()[:, 0] for i, name in enumerate(names)}
        imposed = {
            "T(2)": "imposed by centring: the last observed position was subtracted from every window, so the map "
            "from past to future commutes with translations whatever the data"
        }
        return self.made(
            track[:, :_OBSERVED].flatten(1),
            track[:, _OBSERVED:].flatten(1),
            cluster=walker,
            split=by_scene,
            imposed=imposed if self.centre == "last" else {},
        )


def read_tracks(
    path: Path,
) -> tuple[Int[Tensor, " r"], Int[Tensor, " r"], Int[Tensor, " r"], Float[Tensor, "r 2"], list[str]]:
    """Scene, frame, pedestrian and position of every row, ordered by scene, pedestrian and frame; scenes' names."""
    with gzip.open(path, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    if header != _COLUMNS:
        raise SchemaError(f"columns {header} in {path.name}", f"{_COLUMNS}")
    names = list(dict.fromkeys(row[0] for row in rows))
    number = {name: i for i, name in enumerate(names)}
    keys = np.array([(number[row[0]], int(row[2]), int(row[1])) for row in rows], np.int64)
    position = np.array([(float(row[3]), float(row[4])) for row in rows])
    order = np.lexsort(keys.T[::-1])
    ordered = torch.from_numpy(keys[order])
    return ordered[:, 0], ordered[:, 2], ordered[:, 1], torch.from_numpy(position[order]), names


def windows(
    scene: Int[Tensor, " r"], frame: Int[Tensor, " r"], pedestrian: Int[Tensor, " r"], stride: int
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """First rows of all windows of twenty consecutive steps, and the number of the pedestrian who walked each.

    A step is consecutive when it is the smallest step of its scene (6 frames in eth, 10 elsewhere).

    >>> row = torch.arange(22)
    >>> windows(torch.zeros_like(row), 10 * row, torch.zeros_like(row), stride=1)[0].tolist()
    [0, 1, 2]
    """
    run = unbroken(scene, frame, pedestrian)
    first = torch.cat([torch.ones(1, dtype=torch.bool), run[1:] != run[:-1]]).nonzero()[:, 0]
    age = torch.arange(len(frame)) - first[run]
    length = torch.bincount(run)[run]
    start = ((age + _OBSERVED + _FUTURE <= length) & (age % stride == 0)).nonzero()[:, 0]
    _, walker = torch.unique(torch.stack([scene[start], pedestrian[start]]), dim=1, return_inverse=True)
    return start, walker


def unbroken(scene: Int[Tensor, " r"], frame: Int[Tensor, " r"], pedestrian: Int[Tensor, " r"]) -> Int[Tensor, " r"]:
    """The number of the run of consecutive steps of one pedestrian that each row belongs to."""
    same = (scene[1:] == scene[:-1]) & (pedestrian[1:] == pedestrian[:-1])
    gap = frame[1:] - frame[:-1]
    step = torch.full((int(scene.max()) + 1,), torch.iinfo(torch.int64).max)
    step = step.scatter_reduce(0, scene[1:][same], gap[same], "amin")
    joined = torch.cat([torch.zeros(1, dtype=torch.bool), same & (gap == step[scene[1:]])])
    return (~joined).long().cumsum(0) - 1


@dataclass(frozen=True, kw_only=True)
class EthUcyMotion(Recipe):
    """Positions, velocities and accelerations of the same pedestrians, moment by moment: motions without a known law.

    Of every ``every``-th unbroken track of seven positions or more; velocities and accelerations are central
    differences of steps of 0.4 s, so the ends of a track are left out. Metres and seconds; clusters are tracks.
    """

    every: int = 8

    name = "eth-ucy-motion"
    title = "Walking pedestrians, as motions (ETH and UCY)"
    story = (
        "Where people walked, how fast, and how they sped up and turned, every 0.4 s. People go where they want to: no "
        "law of motion gives their accelerations from where they are, and nothing is conserved."
    )
    source = EthUcy.source
    licence = EthUcy.licence
    groups = ("O(2)", "SO(2)")
    types = motions(2)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise DomainError(f"every = {self.every}", "at least 1")

    def dataset(self) -> Dataset:
        """The moments, track by track; raises ``SchemaError`` where the file is missing or is not the known one."""
        scene, frame, pedestrian, position, _ = read_tracks(locate(TRACKS, of=self.name))
        run = unbroken(scene, frame, pedestrian)
        sizes = torch.bincount(run)[run]
        kept = (sizes >= _LEAST_TRACK) & (run % self.every == 0)
        inner = kept.clone()
        inner[0] = inner[-1] = False
        inner[1:-1] &= (run[2:] == run[:-2]) & kept[2:] & kept[:-2]
        rows = inner.nonzero()[:, 0]
        q, before, after = position[rows], position[rows - 1], position[rows + 1]
        v, a = (after - before) / (2 * STEP), (after - 2 * q + before) / STEP**2
        track = torch.unique(run[rows], return_inverse=True)[1]
        first = torch.cat([torch.ones(1, dtype=torch.bool), track[1:] != track[:-1]]).nonzero()[:, 0]
        time = STEP * (torch.arange(len(rows)) - first[track]).double()
        return self.made(torch.cat([q, v], 1), a, cluster=track, time=time)
