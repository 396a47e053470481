"""A site of a federation: its answers to the messages of a server, whoever carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.federation._algorithms import Upload
from isotropy.federation._choosing import MODES, filled_stats, halves_of, told_right
from isotropy.federation._federate import head_model, sites_of
from isotropy.federation._generators import Mode
from isotropy.federation._heads import linear_of
from isotropy.federation._preparing import Rows, augmenter_of, known, packed, split_rows, statistics_of, unpacked
from isotropy.federation._request import Request, read_site
from isotropy.federation._rounds import Server, local_update
from isotropy.federation._statistics import ClassStats
from isotropy.federation._weights import load
from isotropy.federation._words import Layout, Words, means_words, statistics_words, upload_words, within
from isotropy.random import spawn
from isotropy.study import accuracy

Kind = Literal[
    "query.about", "query.means", "query", "query.shapes", "query.halves", "query.counts", "train", "evaluate"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SUMMED: tuple[Kind, ...] = ("query.means", "query", "train")
"""What a site tells no one but in a sum, where the request asks for secure aggregation."""
Tensors = dict[str, Tensor]
Numbers = dict[str, float]
Parcel = tuple[Tensors, Numbers]


@dataclass(frozen=True)
class Node:
    """Site number ``site`` of a ``request``, whose file lies relative to ``folder``; it reads no other site's."""

    request: Request
    folder: Path
    site: int
    seed: int

    @property
    def name(self) -> str:
        return self.request.clients[self.site].name

    def answer(
        self, kind: Kind, tensors: Mapping[str, Tensor], numbers: Mapping[str, float], memory: Tensors
    ) -> Parcel:
        """The answer to a message; ``memory`` is what the site keeps from one to the next, and is changed.

        Raises DomainError for what the site tells in sums only, and for what its own request does not ask for.
        """
        if self.request.secure_aggregation is not None and kind in SUMMED:
            raise DomainError(f"the question {kind!r} to {self.name} alone", "one about the sum of all sites")
        train, held = self._rows()
        told = {"site": float(self.site)}
        if kind == "query.about":
            return {}, told | {"width": float(train[0].shape[1]), "double": float(train[0].dtype == torch.float64)}
        if kind == "query":
            return self._released(train, memory), told
        if kind == "query.shapes":
            memory.update({f"pooled/{name}": value for name, value in tensors.items()})
            return {}, told
        pooled = unpacked(under("pooled", memory))
        if kind == "evaluate":
            model = self._model(pooled)
            load(model, tensors["w"])
            right = accuracy(model, held[0].to(pooled.dtype), held[1]) if len(held[0]) else 0.0
            return {}, told | {"right": round(right * len(held[0])), "held": float(len(held[0]))}
        if kind in ("query.halves", "query.counts"):
            return self._asked(kind, tensors, pooled, train), told
        upload, loss = self._trained(tensors, numbers, pooled, train, memory)
        extra = {f"extra/{name}": value for name, value in upload.extra.items()}
        return {"w": upload.w, **extra}, told | {"n": upload.n, "loss": loss}

    def summand(
        self, kind: Kind, tensors: Mapping[str, Tensor], numbers: Mapping[str, float], memory: Tensors
    ) -> tuple[Words, Layout]:
        """What the site adds to a sum, without masks yet: whoever carries it puts them on before it leaves."""
        masking = self.request.secure_aggregation
        assert masking is not None, "asked where the request says so"
        (x, y), _ = self._rows()
        classes = self.request.classes
        if kind == "query.means":
            within(x.double().norm(dim=1), masking.reach, self.name)
            return means_words(x.double(), y, classes, masking.reach), {}
        if kind == "query":
            some = tensors["known"][y].bool()
            # The mean is no farther from the origin than the farthest row.
            words = statistics_words(x[some], y[some], classes, tensors["centre"], 2 * masking.reach, self.name)
            return words, {}
        pooled = unpacked(under("pooled", memory))
        upload, loss = self._trained(tensors, numbers, pooled, (x, y), memory)
        return upload_words(upload, loss, self.request.algorithm, len(self.request.clients), self.name)

    def _rows(self) -> tuple[Rows, Rows]:
        x, y = read_site(self.request, self.folder, self.site)
        return split_rows(x, y, self.request.held_out, spawn(self.seed, "held out", self.name))

    def _released(self, train: Rows, memory: Tensors) -> Tensors:
        """What leaves the site before the rounds: noise is drawn once, and asked again the site says the same."""
        kept = under("released", memory)
        if kept:
            return kept
        found = packed(statistics_of(self.request, self.name, train))
        if self.request.privacy is not None:
            memory.update({f"released/{name}": value for name, value in found.items()})
        return found

    def _asked(self, kind: Kind, tensors: Mapping[str, Tensor], pooled: ClassStats, train: Rows) -> Tensors:
        """What decides how classes are drawn: statistics of one half, filled up, then counts of the other."""
        augment = augmenter_of(self.request, pooled)
        if augment is None or augment.mode != "auto" or self.request.privacy is not None:
            raise DomainError(f"the question {kind!r} to {self.name}", "one that its own request has: mode: auto")
        half, held = halves_of(*known(augment, train[0].to(pooled.dtype), train[1]), self.seed, self.site)
        if kind == "query.counts":
            heads: dict[Mode, nn.Linear] = {
                mode: linear_of(tensors[f"{mode}/weight"], tensors[f"{mode}/bias"], pooled.dtype)
                for mode in MODES
                if f"{mode}/weight" in tensors
            }
            return {"counts": told_right(heads, held, self.request.classes)}
        found = filled_stats(
            augment, half, self.site, seed=self.seed, domain=self.name, min_count=self.request.min_count
        )
        return {f"{mode}/{part}": value for mode, stats in found.items() for part, value in packed(stats).items()}

    def _trained(
        self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float], pooled: ClassStats, train: Rows,
        memory: Tensors,
    ) -> tuple[Upload, float]:  # fmt: skip
        augment = augmenter_of(self.request, pooled, modes_of(tensors))
        (site,) = sites_of([(train[0].to(pooled.dtype), train[1])], self.request.classes, [self.name], augment,
                           self.seed)  # fmt: skip
        server = Server(tensors["w"], under("state", tensors), int(numbers["round"]))
        kept = under("kept", memory)
        upload, kept, loss = local_update(self._model(pooled), server, site, kept, self.request.plan, seed=self.seed)
        memory.update({f"kept/{name}": value for name, value in kept.items()})
        return upload, loss

    def _model(self, pooled: ClassStats) -> nn.Module:
        return head_model(self.request.head, pooled.width, pooled.dtype, self.request.classes, self.seed)


def under(folder: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors whose names begin with a folder, by the rest of their names."""
    return {name.removeprefix(f"{folder}/"): value for name, value in tensors.items() if name.startswith(f"{folder}/")}


def modes_tensor(chosen: Mapping[int, Mode], classes: int) -> Tensors:
    """How each class is drawn, as it travels: numbers ``(C,)`` of modes, -1 where nothing is decided."""
    return {"modes": torch.tensor([MODES.index(chosen[c]) if c in chosen else -1 for c in range(classes)])}


def modes_of(tensors: Mapping[str, Tensor]) -> dict[int, Mode]:
    """What ``modes_tensor`` made, again."""
    told = cast(list[int], tensors["modes"].tolist()) if "modes" in tensors else []
    return {c: MODES[k] for c, k in enumerate(told) if k >= 0}
