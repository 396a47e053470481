"""A 3DIEBench that is made and not downloaded: families of objects, each in views that nobody kept from varying."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
import numpy as np
import torch
from torch import Tensor

from isotropy.data.render import latents as views
from isotropy.data.render._mesh import Family, Mesh
from isotropy.data.render._multi_view import MultiViewDataset, check_apart
from isotropy.data.render._scene import Scene
from isotropy.errors import DomainError, SchemaError
from isotropy.random import spawn
from isotropy.storage import write_whole


@dataclass(frozen=True)
class _Plan:
    n_families: int
    n_instances: int
    n_views: int
    size: int
    seed: int
    supersample: int
    vary: list[str] | None
    symmetric: bool
    backend: str


def make_3diebench_small(
    n_families: int = 12,
    n_instances: int = 50,
    n_views: int = 20,
    size: int = 64,
    seed: int = 0,
    supersample: int = 2,
    vary: Sequence[str] | None = None,
    *,
    symmetric: bool = False,
    validation: float = 0.2,
    folder: str | Path | None = None,
    backend: str = "raster",
) -> tuple[MultiViewDataset, MultiViewDataset]:
    """Training and validation objects: ``n_instances`` of each family (the class) in ``n_views`` views.

    Split by instance: the last ``validation`` of each family's are never seen in training. ``vary`` names the latents
    that do (all by default): ("c",) is the ladder's level 0, ("a", "b", "c") its level 1. ``symmetric`` takes surfaces
    of revolution and prisms, of which a pose is not told. With a ``folder`` pictures are written there, family by
    family, each file whole or not at all, and memory-mapped; what is there already is not drawn again, and who else
    draws into the folder is waited for.

    Raises DomainError for a split without objects on a side and a disk without room, SchemaError for a folder of
    another data set, MissingExtraError without the extra [render].

    >>> train, other = make_3diebench_small(2, 5, n_views=2, size=8, backend="torch")
    >>> train.images.shape, len(other), train.labels.tolist()
    (torch.Size([8, 2, 3, 8, 8]), 2, [0, 0, 0, 0, 1, 1, 1, 1])
    """
    plan = _Plan(
        n_families,
        n_instances,
        n_views,
        size,
        seed,
        supersample,
        None if vary is None else list(vary),
        symmetric,
        backend,
    )
    kept = n_instances - round(validation * n_instances)
    if not 0 < kept < n_instances or n_families < 1:
        given = f"{n_instances} instances, of which {n_instances - kept} for validation"
        raise DomainError(given, "at least one on either side, of at least one family")
    rows = {"train": range(kept), "validation": range(kept, n_instances)}
    images = _in_memory(plan, rows) if folder is None else _on_disk(plan, rows, Path(folder))
    train, other = (_dataset(plan, images[part], rows[part]) for part in rows)
    check_apart(train, other)
    return train, other


def small_object(seed: int, family: int, instance: int, symmetric: bool = False) -> Mesh:
    """The object of ``make_3diebench_small`` with these numbers, to be drawn in other views (``Scene``).

    ``seed`` and ``symmetric`` are those of the set, whose ``instances`` are ``family * n_instances + instance``.
    """
    return Family(seed, family, symmetric).instance(spawn(seed, "instance", family, instance))


def _dataset(plan: _Plan, images: Tensor, instances: range) -> MultiViewDataset:
    which = [(f, i) for f in range(plan.n_families) for i in instances]
    latents = torch.stack([_latents(plan, f, i) for f, i in which])
    labels, numbers = torch.tensor([f for f, _ in which]), torch.tensor([f * plan.n_instances + i for f, i in which])
    return MultiViewDataset(images, latents, labels, numbers)


def _latents(plan: _Plan, family: int, instance: int) -> Tensor:
    return views.sample(plan.n_views, generator=spawn(plan.seed, "views", family, instance), vary=plan.vary)


def _family(plan: _Plan, number: int) -> Tensor:
    """The pictures of a family's instances, each of which has a stream of its own."""
    meshes = (small_object(plan.seed, number, i, plan.symmetric) for i in range(plan.n_instances))
    scenes = (Scene(mesh, plan.size, plan.supersample, plan.backend) for mesh in meshes)
    return torch.stack([scene.render(_latents(plan, number, i)) for i, scene in enumerate(scenes)])


def _in_memory(plan: _Plan, rows: dict[str, range]) -> dict[str, Tensor]:
    families = [_family(plan, number) for number in range(plan.n_families)]
    return {part: torch.cat([images[list(kept)] for images in families]) for part, kept in rows.items()}


def _check_room(plan: _Plan, folder: Path) -> None:
    """Raises DomainError where the disk has no room for the pictures, twice while families are joined.

    What the folder holds already counts as room.
    """
    needed = 2 * 3 * plan.n_families * plan.n_instances * plan.n_views * plan.size**2
    place = folder.absolute()
    there = next(parent for parent in (place, *place.parents) if parent.exists())
    room = shutil.disk_usage(there).free + sum(file.stat().st_size for file in place.rglob("*.npy"))
    if needed > room:
        given = f"{needed / 2e9:.0f} GB of pictures, twice while they are joined, in {folder}"
        hint = "take fewer objects, or pictures of half the size, which are a quarter; or a folder on a larger disk"
        raise DomainError(given, f"at most the {room / 1e9:.0f} GB that are free there", hint)


def _on_disk(plan: _Plan, rows: dict[str, range], folder: Path) -> dict[str, Tensor]:
    """The same, memory-mapped; of several processes one draws and the others wait for it."""
    if not all((folder / f"{part}.npy").exists() for part in rows):
        _check_room(plan, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / ".lock"):
        files = _drawn(plan, rows, folder)
    # Copy on write: torch wants memory that could be written to, and the file is never touched.
    return {part: torch.from_numpy(np.load(file, mmap_mode="c")) for part, file in files.items()}


def _drawn(plan: _Plan, rows: dict[str, range], folder: Path) -> dict[str, Path]:
    """The files of the parts: one for each family first, which are then joined, part by part, and removed."""
    told = json.dumps({**asdict(plan), "rows": {part: len(kept) for part, kept in rows.items()}}, sort_keys=True)
    card = folder / "plan.json"
    if card.exists() and card.read_text() != told:
        raise SchemaError(f"{folder}, which holds another data set", "the same settings", "choose another folder")
    write_whole(card, told.encode())
    files = {part: folder / f"{part}.npy" for part in rows}
    shards = [folder / f"family-{number}.npy" for number in range(plan.n_families)]
    if not all(file.exists() for file in files.values()):
        for number, shard in enumerate(shards):
            if not shard.exists():
                images = _family(plan, number).numpy()
                write_whole(shard, lambda draft, images=images: np.save(draft, images))
        for part, file in files.items():
            write_whole(file, lambda draft, kept=rows[part]: _join(shards, kept, draft))
    for shard in shards:
        shard.unlink(missing_ok=True)
    return files


def _join(shards: list[Path], kept: range, draft: Path) -> None:
    first = np.load(shards[0], mmap_mode="r")
    shape = (len(shards) * len(kept), *first.shape[1:])
    whole = np.lib.format.open_memmap(draft, mode="w+", dtype=np.uint8, shape=shape)
    for number, shard in enumerate(shards):
        whole[number * len(kept) : (number + 1) * len(kept)] = np.load(shard, mmap_mode="r")[kept.start : kept.stop]
    whole.flush()
