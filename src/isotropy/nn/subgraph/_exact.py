"""A weight for each orbit of the automorphisms of a subgraph, shared by all subgraphs that are isomorphic to it."""

from __future__ import annotations

import hashlib
import math
import warnings

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, counted
from isotropy.frames import canonical_labelling
from isotropy.nn.subgraph._classes import LARGEST, census
from isotropy.nn.subgraph._lift import Features
from isotropy.nn.subgraph._maps import Norm, Operators
from isotropy.nn.subgraph._subgraphs import Subgraphs
from isotropy.nn.subgraph._types import ORDERS


class ExactMaps(nn.Module):
    """Maps of the classes of subgraphs that are known, up to twelve members; made by `SubgraphLinear`.

    Members are read in the canonical order of the class, so that an isomorphism takes answers to answers.
    Source: de Haan, Cohen, Welling, 2007.08349; specification 10, 2.3.
    """

    def __init__(
        self,
        operators: Operators,
        norm: Norm,
        bias: bool,
        subgraphs: Subgraphs | None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if subgraphs is None or operators.symmetric:
            given = "symmetric=True" if operators.symmetric else "no subgraphs"
            raise DomainError(f'sharing="exact" with {given}', "the subgraphs to learn from, and symmetric=False")
        self.operators, self.norm = operators, norm
        known = [name for name in census(subgraphs, rooted=False).names if _size(name) <= LARGEST]
        self.names = [hashlib.blake2b(name, digest_size=8).hexdigest() for name in known]
        self.classes = {name: number for number, name in enumerate(known)}
        self.sizes = [_size(name) for name in known]
        self.theta = nn.ParameterDict()
        self.labels = {number: _Orbits(name) for number, name in enumerate(known)}
        for number, orbits in self.labels.items():
            for l in ORDERS:
                ways = {k: orbits.count(k, l) for k in ORDERS if operators.inside[k]}
                for k, count in ways.items() if operators.outside[l] else ():
                    i, o = operators.inside[k], operators.outside[l]
                    scale = math.sqrt(2 / (i + o) / sum(ways.values()))
                    self.theta[f"{number}_{k}_{l}"] = torch.randn(count, i, o, generator=generator) * scale
                if bias and operators.outside[l]:
                    self.theta[f"{number}_b_{l}"] = torch.zeros(orbits.count(0, l), operators.outside[l])

    def forward(
        self, features: Features, s: Subgraphs, found: dict[int, Tensor]
    ) -> tuple[dict[int, Float[Tensor, "M C"]], Tensor]:
        """Answers of the subgraphs of known classes put into ``found``, and which subgraphs are left."""
        seen = census(s, rooted=False)
        left = torch.ones(len(s), dtype=torch.bool, device=s.sizes.device)
        for number, name in enumerate(seen.names):
            own = self.classes.get(name)
            if own is None:
                continue
            chosen = (seen.label == number).nonzero()[:, 0]
            left[chosen] = False
            places = _places(s, seen.order, chosen, self.sizes[own])
            for l, where in places.items():
                if self.operators.outside[l]:
                    y = self._answer(own, l, features, places)
                    found[l] = found[l].index_copy(0, where.flatten(), y.flatten(0, 1))
        if bool(left.any()):
            small = int((s.sizes[left] <= LARGEST).sum())
            if small:
                warnings.warn(
                    f"{small} of {counted(len(s), 'subgraph')} of no class that the layer knows: the weights are those "
                    "that all of their size share",
                    stacklevel=4,
                )
        return found, left

    def _answer(self, own: int, l: int, features: Features, places: dict[int, Tensor]) -> Float[Tensor, "B ml C"]:
        m, orbits = self.sizes[own], self.labels[own]
        terms: list[Tensor] = []
        for k, x in features.items():
            label, count = orbits.of(k, l, x.device)
            weight = self.theta[f"{own}_{k}_{l}"]
            power = {"mean": -1.0, "sum": 0.0, "sqrt": -0.5}[self.norm]
            W = (weight * count.to(weight.dtype).pow(power)[:, None, None])[label].reshape(
                m**l, m**k, *weight.shape[1:]
            )
            terms.append(torch.einsum("bkc,lkco->blo", x[places[k]], W))
        total = torch.stack(terms).sum(0)
        if f"{own}_b_{l}" in self.theta:
            total = total + self.theta[f"{own}_b_{l}"][orbits.of(0, l, total.device)[0]]
        return total


class _Orbits:
    """The orbits of the automorphisms of one class on tuples of its members, in canonical order."""

    def __init__(self, name: bytes) -> None:
        m = _size(name)
        a = np.frombuffer(name, np.int64, offset=4)[2 * m :].reshape(m, m)
        self.m = m
        A = torch.from_numpy(a.astype(np.float64))
        self.generators = canonical_labelling(A, engine="python").automorphisms.numpy()
        self.known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def of(self, k: int, l: int, device: torch.device) -> tuple[Int[Tensor, " mkl"], Int[Tensor, " orbits"]]:
        """The orbit of each l + k members, and how many k members each orbit has for one l of its own."""
        if (k, l) not in self.known:
            self.known[k, l] = self._orbits(k, l)
        label, count = self.known[k, l]
        return label.to(device), count.to(device)

    def count(self, k: int, l: int) -> int:
        return len(self.of(k, l, torch.device("cpu"))[1])

    def _orbits(self, k: int, l: int) -> tuple[Tensor, Tensor]:
        size = self.m ** (k + l)
        place = np.arange(size).reshape([self.m] * (k + l))
        source, image = [place.flatten()[:0]], [place.flatten()[:0]]
        for g in self.generators:
            source.append(place.flatten())
            image.append(place[np.ix_(*[g] * (k + l))].flatten() if k + l else place.flatten())
        ends = np.concatenate(source), np.concatenate(image)
        links = scipy.sparse.coo_array((np.ones(len(ends[0]), bool), ends), shape=(size, size))
        label = scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64)
        whole = np.bincount(label)
        rows = label.reshape(self.m**l, self.m**k)
        firsts = np.zeros(len(whole), np.int64)  # how many of the l members have the orbit
        for row in rows:
            firsts[np.unique(row)] += 1
        return torch.from_numpy(label), torch.from_numpy(whole // firsts)


def _size(name: bytes) -> int:
    return int.from_bytes(name[:4], "big")


def _places(s: Subgraphs, order: Tensor, chosen: Tensor, m: int) -> dict[int, Int[Tensor, "B m"]]:
    """Where the features of the chosen subgraphs stand, by order, members in canonical order."""
    member = order[s.first[chosen][:, None] + torch.arange(m, device=order.device)]
    place = s.place[member]
    pair = s.first_pair[chosen][:, None, None] + place[:, :, None] * m + place[:, None, :]
    return {0: chosen[:, None], 1: member, 2: pair.flatten(1)}
