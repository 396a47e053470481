"""What a force field has seen: elements, distances and densities of its training data, and what lies outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.nn.force_field._batches import Configurations, symbol
from isotropy.nn.force_field._neighbours import edge_lengths

_MARGIN = 0.1  # of a distance or a number of neighbours: how far beyond what was seen is still near it


class UnseenWarning(UserWarning):
    """Atoms in a place or of a kind that training never showed: what a force field says of them is a guess."""


@dataclass(frozen=True)
class Seen:
    """What training data showed within ``r_max`` (Angstrom).

    ``closest``: the smallest distance in Angstrom of each pair of elements that met, by names such as "Cu-Zr", in
    alphabetical order; ``elements`` that occurred; ``fewest`` and ``most`` neighbours that one atom had.

    >>> seen = Seen(3.0, ("H",), {"H-H": 0.7}, 1, 4)
    >>> near = torch.tensor([[0, 1], [1, 0]])
    >>> seen.strange(torch.tensor([1, 1]), near, torch.tensor([0.3, 0.3]))
    {'distances': 'atoms 0 and 1 (H-H) are 0.30 A apart, and training saw none closer than 0.70 A'}
    """

    r_max: float
    elements: tuple[str, ...]
    closest: Mapping[str, float]
    fewest: int
    most: int

    @classmethod
    def of(cls, batches: Iterable[Configurations], r_max: float) -> Seen:
        """What the configurations of all batches show."""
        closest: dict[str, float] = {}
        elements: set[int] = set()
        fewest, most = 10**9, 0
        for batch in batches:
            elements |= set(batch.numbers.tolist())
            lengths = edge_lengths(batch.positions, batch.edges, batch.shifts)
            for pair, distance in _closest(batch.numbers, batch.edges, lengths).items():
                closest[pair] = min(distance, closest.get(pair, distance))
            crowd = torch.bincount(batch.edges[1], minlength=len(batch.numbers))
            fewest, most = min(fewest, int(crowd.min())), max(most, int(crowd.max()))
        return cls(r_max, tuple(map(symbol, sorted(elements))), dict(sorted(closest.items())), min(fewest, most), most)

    def cutoffs(self, numbers: Sequence[int]) -> dict[str, float]:
        """A distance for each pair of these elements for the repulsion to begin at: nine tenths of the smallest that
        was seen of the pair, else of the mean of those of its two elements, else of the smallest of all.

        There ``strange`` begins to warn. Nearer to what was seen a model still extrapolates well, and a hotter run
        comes as near: bare nuclei would be a worse guess there.
        """
        if not self.closest:
            return {}
        names = sorted(map(symbol, numbers))
        least = min(self.closest.values())
        own = {name: self.closest.get(f"{name}-{name}", least) for name in names}
        pairs = [(one, other) for k, one in enumerate(names) for other in names[k:]]
        return {f"{a}-{b}": (1 - _MARGIN) * self.closest.get(f"{a}-{b}", (own[a] + own[b]) / 2) for a, b in pairs}

    def strange(
        self, numbers: Int[Tensor, " N"], edges: Int[Tensor, "2 E"], lengths: Float[Tensor, " E"]
    ) -> dict[str, str]:
        """What is outside of what was seen, a sentence for each of ``elements``, ``distances`` and ``densities``."""
        told: dict[str, str] = {}
        unknown = sorted({symbol(n) for n in numbers.unique().tolist()} - set(self.elements))
        if unknown:
            told["elements"] = f"{', '.join(unknown)}: no configuration of the training had them"
        for pair, distance in _closest(numbers, edges, lengths).items():
            least = self.closest.get(pair)
            if least is not None and distance < (1 - _MARGIN) * least:
                one, other = sorted(edges[:, int((lengths - distance).abs().argmin())].tolist())
                near = f"atoms {one} and {other} ({pair}) are {distance:.2f} A apart"
                told["distances"] = f"{near}, and training saw none closer than {least:.2f} A"
        crowd = torch.bincount(edges[1, lengths < self.r_max], minlength=len(numbers))
        low, high = crowd < (1 - _MARGIN) * self.fewest, crowd > (1 + _MARGIN) * self.most
        if bool((low | high).any()):
            at = int(crowd.argmax() if bool(high.any()) else crowd.argmin())
            found = f"atom {at} has {int(crowd[at])} neighbours within {self.r_max:g} A"
            told["densities"] = f"{found}, and in training they had {self.fewest} to {self.most}"
        return told


def _closest(numbers: Tensor, edges: Tensor, lengths: Tensor) -> dict[str, float]:
    """The smallest distance of each pair of elements."""
    pairs = numbers[edges].sort(0).values
    keys, which = torch.unique(pairs[0] * 1000 + pairs[1], return_inverse=True)
    least = lengths.new_full((len(keys),), torch.inf).scatter_reduce(0, which, lengths, "amin")
    named = (sorted((symbol(key // 1000), symbol(key % 1000))) for key in keys.tolist())
    return {"-".join(pair): distance for pair, distance in zip(named, least.tolist(), strict=True)}
