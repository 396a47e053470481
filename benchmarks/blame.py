"""Which layer is blamed? Networks of eight architectures, each exact but for one planted defect of three kinds.

    python benchmarks/blame.py [--seeds 1] [--only chain] [--verbose]

A defect is planted in every layer that can carry it, one at a time; ``first`` counts how often that layer is blamed,
``among`` how often it is in the set that is named, ``behind`` how often the end of the network is blamed where
nothing is. Bars: 75 %, 95 %, never.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isotropy.measure import LieError, layer_errors

ROWS, ATOMS, C = 160, 5, 8
LEAST = 1e-4  # relative error of the network: below it nothing is broken
TILT = torch.tensor([0.3, -0.7, 0.5])


class Mix(nn.Module):
    """Channels of vectors (..., C, 3), mixed; with a defect, a constant vector, unequal axes, or a bend by entry."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(o, i) / i**0.5)
        self.kind = ""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("oi,...id->...od", self.w, x)
        if self.kind == "bias":
            return y + TILT
        if self.kind == "axes":
            return y * torch.tensor([1.0, 1.3, 0.8])
        return torch.tanh(y) if self.kind == "bend" else y


class Gate(nn.Module):
    """Vectors times numbers of their lengths."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.m = nn.Linear(c, c)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.m(x.square().sum(-1)))[..., None]


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l0, self.g0, self.l1, self.g1, self.l2 = Mix(ATOMS, C), Gate(C), Mix(C, C), Gate(C), Mix(C, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.l2(self.g1(self.l1(self.g0(self.l0(x.unflatten(1, (-1, 3))))))).flatten(1)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter, self.b0, self.g0 = Mix(ATOMS, C), Mix(C, C), Gate(C)
        self.b1, self.g1, self.leave = Mix(C, C), Gate(C), Mix(C, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x.unflatten(1, (-1, 3)))
        h = h + self.g0(self.b0(h))
        h = h + self.g1(self.b1(h))
        return self.leave(h).flatten(1)


class Attention(nn.Module):
    """Points attend to each other by products of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.q, self.k, self.v, self.leave = Mix(1, C), Mix(C, C), Mix(C, C), Mix(C, C), Mix(C, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter((x - x.mean(1, keepdim=True))[:, :, None])
        q, k, v = self.q(h), self.k(h), self.v(h)
        a = torch.einsum("bicd,bjcd->bij", q, k).div(C).softmax(-1)
        h = h + torch.einsum("bij,bjcd->bicd", a, v)
        return self.leave(h)[:, :, 0].mean(1)


class Kernel(nn.Module):
    """A convolution whose kernels are symmetric under quarter turns; with a defect, a ramp, no symmetry, a shift."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        w = torch.randn(o, i, 3, 3) / (9 * i) ** 0.5
        self.w = nn.Parameter(sum(torch.rot90(w, k, (2, 3)) for k in range(4)) / 2)
        self.kind = ""

    def forward(self, x: Tensor) -> Tensor:
        w = self.w
        if self.kind == "axes":
            w = w * torch.tensor([[1.0, 1.0, 1.0], [1.3, 1.0, 1.0], [1.0, 1.0, 0.7]])
        y = nn.functional.conv2d(x, w, padding=1)
        if self.kind == "bias":
            y = y + torch.linspace(-0.5, 0.5, y.shape[-1])
        return y.roll(1, -1) if self.kind == "bend" else y


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c0, self.a0, self.c1, self.a1, self.c2 = Kernel(1, 4), nn.SiLU(), Kernel(4, 4), nn.SiLU(), Kernel(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a1(self.c1(self.a0(self.c0(x))))
        return self.head(self.c2(h).tanh().mean((2, 3)))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c0, self.down, self.c1, self.c2 = Kernel(1, 4), nn.AvgPool2d(2), Kernel(4, 4), Kernel(8, 4)
        self.c3 = Kernel(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = self.c0(x).tanh()
        low = self.c1(self.down(high)).tanh()
        low = nn.functional.interpolate(low, scale_factor=2, mode="nearest")
        return self.c3(self.c2(torch.cat([high, low], 1)).tanh())


class Recurrent(nn.Module):
    """The vectors of a row one after another; the cell runs once for each."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.cell, self.gate, self.leave = Mix(1, C), Mix(2 * C, C), Gate(C), Mix(C, 1)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.enter(x.unflatten(1, (-1, 1, 3)))
        h = torch.zeros_like(steps[:, 0])
        for t in range(steps.shape[1]):
            h = self.gate(self.cell(torch.cat([h, steps[:, t]], 1)))
        return self.leave(h).flatten(1)


class Products(nn.Module):
    """All inner products of a row; with a defect, products of shifted vectors, unequal axes, vectors that are bent."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = ""

    def forward(self, v: Tensor) -> Tensor:
        if self.kind == "bias":
            v = v + TILT
        if self.kind == "axes":
            v = v * torch.tensor([1.0, 1.3, 0.8])
        if self.kind == "bend":
            v = torch.tanh(v)
        return (v @ v.mT).flatten(1)


class Invariants(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.products, self.first, self.act = Products(), nn.Linear(ATOMS**2, 16), nn.SiLU()
        self.second, self.out = nn.Linear(16, ATOMS), Mix(ATOMS, 1)

    def forward(self, x: Tensor) -> Tensor:
        v = x.unflatten(1, (-1, 3))
        c = self.second(self.act(self.first(self.products(v))))
        return self.out(v * c[..., None]).flatten(1)


class Message(nn.Module):
    """Every point hears of all others by their distances; positions move along differences."""

    def __init__(self) -> None:
        super().__init__()
        self.m = nn.Sequential(nn.Linear(1, 8), nn.SiLU(), nn.Linear(8, 1))
        self.kind = ""

    def forward(self, x: Tensor) -> Tensor:
        d = x[:, :, None] - x[:, None]
        w = torch.tensor([1.0, 1.3, 0.8]) if self.kind == "axes" else torch.ones(3)
        y = x + (d * self.m((d.square() * w).sum(-1, keepdim=True))).mean(2)
        if self.kind == "bias":
            return y + TILT * x.norm(dim=-1, keepdim=True)
        return torch.tanh(y) if self.kind == "bend" else y


class Messages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = Message(), Message(), Message()

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x)))


KINDS = ("bias", "axes", "bend")


@dataclass(frozen=True)
class Case:
    make: Callable[[], nn.Module]
    group: str
    shape: tuple[int, ...]
    rep_in: str
    rep_out: str | None


CASES = {
    "chain": Case(Chain, "SO(3)", (3 * ATOMS,), f"{ATOMS}*Vector", "Vector"),
    "residual": Case(Residual, "SO(3)", (3 * ATOMS,), f"{ATOMS}*Vector", "Vector"),
    "attention": Case(Attention, "SO(3)", (ATOMS, 3), "Cloud(Vector)", "Vector"),
    "convolution": Case(Images, "C(4)", (1, 8, 8), "Field(Scalar)", None),
    "recurrent": Case(Recurrent, "SO(3)", (3 * ATOMS,), f"{ATOMS}*Vector", "Vector"),
    "U-net": Case(UNet, "C(4)", (1, 8, 8), "Field(Scalar)", "Field(Scalar)"),
    "invariants + MLP": Case(Invariants, "SO(3)", (3 * ATOMS,), f"{ATOMS}*Vector", "Vector"),
    "message passing": Case(Messages, "SO(3)", (ATOMS, 3), "Cloud(Vector)", "Cloud(Vector)"),
}


@dataclass(frozen=True)
class Tried:
    architecture: str
    kind: str
    planted: str
    blamed: str
    among: tuple[str, ...]

    @property
    def first(self) -> bool:
        return self.blamed == self.planted

    @property
    def named(self) -> bool:
        return self.planted in self.among


def trials(seed: int = 0, only: str = "") -> Iterator[Tried]:
    """Every architecture, layer and kind of defect, one after another."""
    for name, case in CASES.items():
        if only and only != name:
            continue
        torch.manual_seed(seed)
        layers = [part for part, module in case.make().named_modules() if hasattr(module, "kind")]
        for kind in KINDS:
            for planted in layers:
                torch.manual_seed(seed)
                model, x = case.make().eval(), torch.randn(ROWS, *case.shape)
                module: Any = model.get_submodule(planted)
                module.kind = kind
                errors = layer_errors(model, case.group, x, case.rep_in, case.rep_out)
                total = errors.total.total if isinstance(errors.total, LieError) else errors.total
                if total.mean > LEAST:  # else it is no defect: a constant in all keys, say, drops out of attention
                    yield Tried(name, kind, planted, errors.blame.layer, errors.blame.among)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    began = time.process_time()
    found: list[Tried] = []
    for seed in range(asked.seeds):
        for one in trials(seed, asked.only):
            found.append(one)
            if asked.verbose and not one.first:
                print(one, flush=True)
    print(f"seeds 0 to {asked.seeds - 1}, {time.process_time() - began:.0f} s of the processor")
    print("| architecture | planted | first | among | names in the set | behind |")
    print("|---|---|---|---|---|---|")
    for name in [*CASES, "all"]:
        some = [one for one in found if name in ("all", one.architecture)]
        if some:
            n = len(some)
            sizes = sum(len(one.among) for one in some) / n
            first, among = sum(one.first for one in some) / n, sum(one.named for one in some) / n
            behind = sum(not one.blamed for one in some)
            print(f"| {name} | {n} | {first:.0%} | {among:.0%} | {sizes:.1f} | {behind} |", flush=True)


if __name__ == "__main__":
    main()
