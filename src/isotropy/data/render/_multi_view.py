"""Objects, each in several views whose latents are known, and the pairs that training draws of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from isotropy.data._batches import Batches, Moved
from isotropy.data._rows import Rows
from isotropy.data.render import latents as views
from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError, counted


class Pairs(NamedTuple):
    """Two different views of each of B objects, their latents, and the objects' labels."""

    x1: Shaped[Tensor, "B 3 S S"]
    x2: Shaped[Tensor, "B 3 S S"]
    latents1: Float[Tensor, "B 7"]
    latents2: Float[Tensor, "B 7"]
    labels: Int[Tensor, " B"]


@dataclass(frozen=True, eq=False)
class MultiViewDataset(Rows):
    """Objects (the rows) in views: ``images (n_obj, n_view, 3, S, S)``, ``latents (n_obj, n_view, 7)``.

    ``labels (n_obj,)`` are their classes, ``instances (n_obj,)`` numbers that tell objects apart, over sets, so
    that no object is both learned from and judged on (``check_apart``); None where they are not known. Images are
    uint8, or floats in [0, 1]; they may lie on disk, memory-mapped.

    Raises ShapeError for sizes that do not fit or fewer than two views, DomainError for latents that are not finite or
    images out of range, DtypeError.

    >>> images, draw = torch.zeros(5, 3, 3, 8, 8, dtype=torch.uint8), torch.Generator().manual_seed(0)
    >>> five = MultiViewDataset(images, views.sample(15, generator=draw).reshape(5, 3, 7), torch.zeros(5).long())
    >>> [len(pair.x1) for pair in five.pairs(2, draw)], len(five[:2])
    ([2, 2, 1], 2)
    """

    images: Tensor
    latents: Tensor
    labels: Tensor
    instances: Tensor | None = None

    def __post_init__(self) -> None:
        images, latents = self.images, self.latents
        if images.dim() != 5 or images.shape[2] != 3 or latents.shape != (*images.shape[:2], 7):
            given = f"images {tuple(images.shape)} and latents {tuple(latents.shape)}"
            raise ShapeError(given, "(n_obj, n_view, 3, S, S) and (n_obj, n_view, 7)")
        if images.shape[1] < 2:
            raise ShapeError(f"objects with {counted(images.shape[1], 'view')}", "at least two, to make a pair")
        for name, numbers in (("label", self.labels), ("instance", self.instances)):
            if numbers is not None and len(numbers) != len(images):
                raise ShapeError(counted(len(numbers), name), f"{len(images)}, one for each object")
        views.check(latents)
        check_images(images)

    @property
    def views(self) -> int:
        """How many there are of each object."""
        return self.images.shape[1]

    def pair(self, objects: Int[Tensor, " B"], generator: torch.Generator) -> Pairs:
        """Two different views, drawn evenly, of each of these objects."""
        count = len(objects)
        first = torch.randint(self.views, (count,), generator=generator)
        other = (first + 1 + torch.randint(self.views - 1, (count,), generator=generator)) % self.views
        x1, x2 = self.images[objects, first], self.images[objects, other]
        return Pairs(x1, x2, self.latents[objects, first], self.latents[objects, other], self.labels[objects])

    def pairs(self, batch: int, generator: torch.Generator) -> Iterator[Pairs]:
        """One pass: one pair of two different views of every object, ``batch`` objects at a time, in a drawn order."""
        for objects in torch.randperm(len(self), generator=generator).split(batch):
            yield self.pair(objects, generator)

    def stream(self, batch: int, seed: int) -> Moved:
        """The same for ``train.fit``, without an incomplete last batch: order and views depend on seed and epoch alone.

        Raises DomainError for fewer objects than a batch has, and for batches of one, which have no statistics.
        """
        if not 2 <= batch <= len(self):
            raise DomainError(f"batches of {counted(batch, 'pair')}", f"2 to {len(self)}, one pair of each object")
        batches = Batches(torch.arange(len(self)), batch_size=batch, seed=seed, drop_last=True)
        return Moved(batches, self.pair, seed, key="views")


def check_apart(train: MultiViewDataset, validation: MultiViewDataset) -> None:
    """Raises SchemaError where an instance is in both; sets whose instances are not known are taken to be apart."""
    if train.instances is None or validation.instances is None:
        return
    both = train.instances[torch.isin(train.instances, validation.instances)]
    if len(both):
        given = f"{counted(len(both), 'instance')} in training and in validation, such as {int(both[0])}"
        hint = "split by instance, not by view; instances= says which object is which"
        raise SchemaError(given, "objects that are in one of them", hint)


def check_images(images: Tensor) -> None:
    """Raises DtypeError unless uint8 or floating, DomainError for floats outside [0, 1]."""
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise DtypeError(f"images of dtype {images.dtype}", "uint8 (0 to 255), or floats in [0, 1]")
    if images.numel() == 0:
        return
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        hint = "write images.to(torch.uint8)" if low >= 0 and high <= 255 else ""
        raise DomainError(f"images from {low:.4g} to {high:.4g}", "uint8 (0 to 255), or floats in [0, 1]", hint)
