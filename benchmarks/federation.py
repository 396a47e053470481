"""What geometry costs: filling classes up, statistics of many rows, merging sites; ratios within one process.

    python benchmarks/federation.py [--quick]

Bars: filling 10 sites x 10 classes to 500 rows of 512 features takes at most 3 times ten eigendecompositions and the
bare draws and products; statistics of 20,000 rows at most 6 times one product x^T x in float64; merging 24 sites at
most 1.1 times the memory of 6, and 8 C p^2 numbers. The published procedure factorises once for each sample: a hundred
of its samples are timed, and the rest is extrapolated. Exit code 1 where a bar is missed. ``--quick``: p = 128.
"""

from __future__ import annotations

import argparse
import functools
import operator
import sys

import torch
from _measuring import allocated, seconds

from isotropy.federation import ClassStats, GeometryGuidedAugmenter
from isotropy.linalg import eigh
from isotropy.random import spawn

SITES, CLASSES, TARGET, ROWS = 10, 10, 500, 30
"""Of sites, of classes, of rows that a class is filled up to, of rows that it has."""


def rows(p: int, count: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    draw = spawn(0, name)
    x = torch.randn(count, p, generator=draw) @ torch.randn(p, p, generator=draw) / p**0.5
    return x, torch.arange(count) % CLASSES


def filling(p: int) -> float:
    """Filling up, over factorising each class once and drawing as much."""
    sites = [rows(p, ROWS * CLASSES, f"site {k}") for k in range(SITES)]
    pooled = functools.reduce(operator.add, (ClassStats.from_data(x.double(), y, classes=CLASSES) for x, y in sites))
    shapes = pooled.shapes()
    covariances = pooled.cov
    need = TARGET - ROWS
    draw = spawn(0, "bare")

    def ours() -> None:
        augment = GeometryGuidedAugmenter(pooled.shapes(), TARGET, "ggeur")
        for k, (x, y) in enumerate(sites):
            augment.augment(x, y, client=k)

    def bare() -> None:
        roots = []
        for c in range(CLASSES):
            found = eigh(covariances[c])
            roots.append(found.vectors * found.values.clamp_min(0).sqrt())
        for _ in range(SITES):
            for root in roots:
                torch.randn(need, p, generator=draw, dtype=torch.float64) @ root.T

    def published() -> None:
        cov = covariances[0]
        for _ in range(100):
            values, vectors = torch.linalg.eigh(cov)
            whole = (vectors * values.clamp_min(0)) @ vectors.T + 1e-6 * torch.eye(p, dtype=cov.dtype)
            torch.linalg.cholesky(whole) @ torch.randn(p, generator=draw, dtype=cov.dtype)

    mine, least = seconds(ours, 2), seconds(bare, 2)
    theirs = seconds(published, 1) / 100 * need * SITES * CLASSES
    print(f"filling up: {mine:.2f} s, {mine / least:.2f} x the bare work (bar 3)")
    print(f"  published, extrapolated from 100 samples: {theirs:.0f} s, {theirs / mine:.0f} times as long")
    assert len(shapes) == CLASSES
    return mine / least / 3


def statistics(p: int) -> float:
    """Statistics of many rows, over one product of them."""
    x, y = rows(p, 20_000, "many")
    mine = seconds(lambda: ClassStats.from_data(x, y, classes=CLASSES), 3)
    least = seconds(lambda: x.double().T @ x.double(), 3)
    print(f"statistics: {mine:.2f} s, {mine / least:.2f} x one product (bar 6)")
    return mine / least / 6


def merging(p: int) -> tuple[float, float]:
    """The memory of adding up sites that come one after another."""

    def merged(sites: int) -> int:
        one = ClassStats.from_data(*rows(p, 4 * p, "one"), classes=CLASSES)
        return allocated(lambda: functools.reduce(operator.add, (one for _ in range(sites))))

    few, many = merged(6), merged(24)
    numbers = many / 8 / (CLASSES * p**2)
    print(f"merging: 24 sites {many / few:.2f} x the memory of 6 (bar 1.1), {numbers:.1f} C p^2 numbers (bar 8)")
    return many / few / 1.1, numbers / 8


def wide() -> float:
    """Sixty rows of 4096 features, over one matrix of all columns by all columns."""
    x, y = torch.randn(60, 4096, generator=spawn(0, "wide")), torch.arange(60) % 2
    taken = allocated(lambda: ClassStats.from_data(x, y, classes=2).shapes(10))
    print(f"p = 4096, N = 60: {taken / 2**20:.0f} MB, {taken / (8 * 4096**2):.2f} x one 4096 x 4096 matrix (bar 1)")
    return taken / (8 * 4096**2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    p = 128 if parser.parse_args().quick else 512
    torch.set_num_threads(1)
    bars = [filling(p), statistics(p), *merging(128), wide()]
    return int(max(bars) > 1)


if __name__ == "__main__":
    sys.exit(main())
