"""Real pedestrians: eight observed positions, and the twelve that followed (ETH and UCY)."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.data._dataset import Dataset, Recipe
from isotropy.data._mirror import File, locate
from isotropy.errors import DomainError, SchemaError
from isotropy.reps import Schema

TRACKS = File(
    "01-soft-equivariance/eth_ucy_tracks.csv.gz",
    "475499f4d6a1b6f9f177cb62e262ed7a4d8826fa28465fef4b5038c68046162e",
    "the datasets/<scene>/test/*.txt files of github.com/shangfeng2000/PI-STGCN2 at commit "
    "5ce2d2189554308ab993487bffa845f906cecf55, as one table scene,frame,ped,x_m,y_m with coordinates rounded to 1 mm",
)
_OBSERVED, _FUTURE = 8, 12
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
    same = (scene[1:] == scene[:-1]) & (pedestrian[1:] == pedestrian[:-1])
    gap = frame[1:] - frame[:-1]
    step = torch.full((int(scene.max()) + 1,), torch.iinfo(torch.int64).max)
    step = step.scatter_reduce(0, scene[1:][same], gap[same], "amin")
    joined = torch.cat([torch.zeros(1, dtype=torch.bool), same & (gap == step[scene[1:]])])
    run = (~joined).long().cumsum(0) - 1
    first = (~joined).nonzero()[:, 0]
    age = torch.arange(len(frame)) - first[run]
    length = torch.bincount(run)[run]
    start = ((age + _OBSERVED + _FUTURE <= length) & (age % stride == 0)).nonzero()[:, 0]
    _, walker = torch.unique(torch.stack([scene[start], pedestrian[start]]), dim=1, return_inverse=True)
    return start, walker
