"""Symmetries that nobody listed, ours beside LieGAN's and LieGG's on their tasks: seconds, and cosines with the truth.

    python benchmarks/unlisted.py [--rows 500] [--epochs 100] [--pictures 2000] [--passes 40] [--seed 0]

Two bodies on elliptic orbits, a step ahead (the truth: one rotation of all positions and momenta), and the invariant
mass squared of a pair of particles from their four-momenta (the truth: the Minkowski metric). Ours fits kernels to
halves of the rows and reads the null space of Lie derivatives over gl(d). LieGAN (Yang, Walters, Dehmamy, Yu, ICML
2023, arXiv:2302.00236) is written anew from the paper: a generator moves rows by exp(sum z_i L_i), z normal, a
discriminator of two hidden layers of 512 tells them from rows as they are, and -lambda times a penalty keeps L away
from the identity and its channels apart.

Handwritten digits turned by any angle (the truth: turns about the middle among all affine maps of the plane), beside
LieGG: the null space of the network polarisation matrix of a trained network (``_digits.py``). Both read the same
pictures and the same rates of change of their pixels. Times are processor seconds on one thread.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from _digits import Digits, liegg, rotated_digits, turning_of_plane
from _digits import ours as ours_on_digits
from torch import Tensor, nn

from isotropy.discovery._learners import learn, revive
from isotropy.discovery._unlisted import unlisted_algebras
from isotropy.groups.parts import quadratic_forms
from isotropy.reps import Scalar, Schema, Vector
from isotropy.study import dataset_of, problem_of

ETA = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))


def orbits(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rows (q1, p1, q2, p2), eight numbers, of two equal bodies and the same 0.3 time units later."""
    r = np.random.default_rng(seed)
    radius, angle = r.uniform(0.6, 1.4, n), r.uniform(0, 2 * math.pi, n)
    q = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    v = np.sqrt(1 / radius)[:, None] * np.stack([-np.sin(angle), np.cos(angle)], 1)
    v = v * r.uniform(0.7, 1.2, (n, 1)) + 0.15 * r.normal(size=(n, 2))
    start = np.concatenate([q, v, -q, -v], 1)
    for _ in range(300):  # leapfrog of the relative motion
        v = v - 0.0005 * q / np.linalg.norm(q, axis=1, keepdims=True) ** 3
        q = q + 0.001 * v
        v = v - 0.0005 * q / np.linalg.norm(q, axis=1, keepdims=True) ** 3
    return torch.from_numpy(start), torch.from_numpy(np.concatenate([q, v, -q, -v], 1))


def pairs(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Four-momenta of two particles, eight numbers, and the square of their invariant mass."""
    r = np.random.default_rng(seed)
    p, m = r.normal(size=(n, 2, 3)), r.uniform(0.1, 1, (n, 2))
    four = np.concatenate([np.sqrt((p**2).sum(2) + m**2)[..., None], p], 2)
    total = torch.from_numpy(four.sum(1))
    return torch.from_numpy(four.reshape(n, 8)), torch.einsum("ni,ij,nj->n", total, ETA, total)[:, None]


def ours(x: Tensor, y: Tensor, types: Schema, groups: str) -> tuple[Tensor | None, str]:
    problem = problem_of(dataset_of(x.numpy(), y.numpy(), types, None), groups, None, 0)
    models = []
    for split in range(5):
        half = problem.half(split)
        pair = []
        for fold in (0, 1):
            rows = half != fold
            arrays = problem.x[rows], problem.y[rows], problem.unit[rows]
            pair.append(revive("kernel", problem, learn("kernel", problem, *arrays, seed=0, stream=(split, fold))[0]))
        models.append(tuple(pair))
    found = unlisted_algebras(problem, models)
    return (torch.tensor(found[0].generators, dtype=torch.float64), found[0].name) if found else (None, "nothing")


def liegan(
    x: Tensor, y: Tensor, *, channels: int, mask: Tensor | None, weight: float, apart: float, epochs: int, seed: int
) -> Tensor:
    """Generators ``(channels, d, d)`` for inputs (n, components, d) and targets of the same shape or numbers (n, q)."""
    torch.manual_seed(seed)
    x, y, d = x.float(), y.float(), x.shape[-1]
    vectors = y.ndim == 3
    L = nn.Parameter(torch.randn(channels, d, d) * (1.0 if mask is not None else math.sqrt(2 / d)))
    discriminator = nn.Sequential(
        nn.Linear(x[0].numel() + y[0].numel(), 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 512), nn.LeakyReLU(0.2), nn.Linear(512, 1),
    )  # fmt: skip
    of_generator = torch.optim.Adam([L], lr=1e-3, betas=(0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    loss = nn.BCEWithLogitsLoss()

    def judged(a: Tensor, b: Tensor) -> Tensor:
        return discriminator(torch.cat([a.flatten(1), b.flatten(1)], 1))

    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            a, b, one = x[rows], y[rows], torch.ones(len(rows), 1)
            g = torch.matrix_exp(
                torch.einsum("bk,kij->bij", torch.randn(len(rows), channels), L * mask if mask is not None else L)
            )
            moved = torch.einsum("bij,bcj->bci", g, a)
            target = torch.einsum("bij,bcj->bci", g, b) if vectors else b
            size = (L / (L.square().sum((1, 2), keepdim=True) / d).sqrt()).flatten(1)
            alike = torch.triu(size @ size.mT, 1).abs().sum()
            still = nn.functional.cosine_similarity(moved, a, dim=2).mean().abs()
            of_generator.zero_grad()
            (loss(judged(moved, target), one) + weight * still + apart * alike).backward()
            of_generator.step()
            of_discriminator.zero_grad()
            ((loss(judged(a, b), one) + loss(judged(moved.detach(), target.detach()), 0 * one)) / 2).backward()
            of_discriminator.step()
    return (L * mask if mask is not None else L).detach().double()


def turning(A: Tensor | None) -> float:
    """The cosine of the one generator with the rotation of each plane."""
    if A is None or len(A) != 1:
        return float("nan")
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    truth = torch.block_diag(*[turn] * (A.shape[-1] // 2))
    return abs(float((A[0] * truth).sum() / A[0].norm() / truth.norm()))


def metric(A: Tensor | None) -> float:
    """The cosine with the Minkowski metric of the form that the generators keep best."""
    if A is None:
        return float("nan")
    A = A / A.flatten(1).norm(dim=1)[:, None, None]
    close = 1e-3
    while not len(Q := quadratic_forms(A, close)):
        close *= 1.1
    return abs(float((Q[0] * ETA).sum() / Q[0].norm() / ETA.norm()))


def digits_by_kernels(digits: Digits, seed: int) -> tuple[float, str]:
    gram, name, right = ours_on_digits(digits, seed)
    values, directions = gram.spectrum
    share, low, high = gram.ends(directions[:, :1])
    found = f"{name} claimed; it changes {share:.2f} [{low:.2f}, {high:.2f}] of the signal per radian, the next "
    return turning_of_plane(digits.frame, directions[:, 0]), found + f"{float(values[1]):.2f}; {right:.0%} told right"


def digits_by_network(digits: Digits, passes: int, seed: int) -> tuple[float, str]:
    values, directions, right = liegg(digits, passes, seed)
    said = f"LieGG: squared singular values {float(values[0] / values[1]) ** 2:.2f} of the next; {right:.0%} told right"
    return turning_of_plane(digits.frame, directions[:, 0]), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=100, help="of LieGAN")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=40, help="of LieGG's network over its pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", action="append", choices=["bodies", "mass", "digits"], help="default: all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    state, later = orbits(given.rows, given.seed)
    four, mass = pairs(given.rows, given.seed)
    blocks = torch.block_diag(*[torch.ones(2, 2)] * 4)
    planar = Schema(x=4 * Vector, y=4 * Vector, dims={"space": 2})
    lorentz = Schema(x=2 * Vector, y=Scalar, dims={"space": 4})
    gan = partial(liegan, epochs=given.epochs, seed=given.seed)
    momenta = four.unflatten(1, (2, 4))
    wanted = given.task or ["bodies", "mass", "digits"]
    digits = rotated_digits(given.pictures, given.seed)

    def known(cosine: Callable[[Tensor | None], float], A: Tensor | None, said: str = "") -> tuple[float, str]:
        return cosine(A), said

    tasks: dict[str, tuple[str, Callable[[], tuple[float, str]], Callable[[], tuple[float, str]]]] = {
        "bodies": (
            "two bodies, rotation",
            lambda: known(turning, *ours(state, later, planar, "C(2)")),
            lambda: known(turning, gan(state[:, None], later[:, None], channels=1, mask=blocks, weight=1, apart=1)),
        ),
        "mass": (
            "invariant mass, metric",
            lambda: known(metric, *ours(four, mass, lorentz, "Inversion(4)")),
            lambda: known(metric, gan(momenta, mass, channels=7, mask=None, weight=1, apart=0.1)),
        ),
        "digits": (
            "rotated digits, turn",
            lambda: digits_by_kernels(digits, given.seed),
            lambda: digits_by_network(digits, given.passes, given.seed),
        ),
    }
    print(f"{given.rows} rows, LieGAN {given.epochs} epochs; {given.pictures} pictures, LieGG {given.passes} epochs")
    print(f"{'task':24s} {'ours':>8s} {'seconds':>8s} {'theirs':>8s} {'seconds':>8s}  found")
    for name in wanted:
        title, we, they = tasks[name]
        began = time.process_time()
        cosine, said = we()
        between = time.process_time()
        their_cosine, their_words = they()
        ended = time.process_time()
        print(
            f"{title:24s} {cosine:8.4f} {between - began:8.1f} {their_cosine:8.4f} {ended - between:8.1f}  {said}",
            their_words,
            flush=True,
        )


if __name__ == "__main__":
    main()
