"""E3 and E4: invariants of orbits under random elements; energy along the orbits of two constants."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from isotropy.experiments.asymptotic_symmetries._functions import apart, constants, elements, smooth
from isotropy.groups import Diff
from isotropy.groups.parts import circle
from isotropy.physics import BMS3, Aspects
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import Outcome, job

_SPIN = 0.3
_LEAST = 0.05  # of F' in the descent: below it the samples no longer resolve F
_RATE = 0.2


@job
def orbits_job(run: Run, *, seed: int, samples: int, count: int, level: float) -> Outcome:
    """How far invariants move, and how well the class and the constants of moved aspects are found again."""
    group, draw = BMS3(modes=samples), spawn(seed, "elements")
    x = constants(level, 0.0 if level == -1.0 else _SPIN, count, samples)
    y = x.pullback(elements(group, count, draw))
    before, after = x.invariants(), y.invariants()
    found = y[0].classify()
    assert found.representative is not None, "a constant is on this orbit"
    assert found.element is not None, "a constant is on this orbit"
    return {
        "trace": float((after.trace - before.trace).abs().max()),
        "dual": float((after.dual - before.dual).abs().max()),
        "representative": apart(found.representative, x[0]),
        "reached": apart(found.representative.pullback(found.element), y[0]),
    }


def energy(p: Tensor, level: float) -> Tensor:
    """8 G times the energy of ``F'^2 Theta - 2 {F; phi}`` for a constant Theta, which has Theta / 2 as its least value
    where F is the identity; by F alone.
    """
    still = torch.zeros_like(p)
    moved = constants(level, 0.0, 1, p.shape[-1])[0].pullback(torch.stack([p, still]))
    return moved.theta.mean()


def descend(p: Tensor, level: float, steps: int) -> tuple[Tensor, list[float]]:
    """Gradient descent over F, each mode by the size of the second variation n^2 (n^2 + 1): the path of energies.

    It stops where F' comes near 0, which happens where the energy has no lower bound.
    """
    N = p.shape[-1]
    m = torch.arange(N // 2 + 1, dtype=torch.float64)
    scale = torch.where(m < N // 6, 1 / (m**2 * (m**2 + 1)).clamp_min(1.0), 0.0)
    slope: Any = torch.func.grad(lambda q: energy(q, level))
    path = [float(energy(p, level))]
    for _ in range(steps):
        change = torch.fft.irfft(torch.fft.rfft(slope(p) * N) * scale, N)
        lower = p - _RATE * change
        if not bool(Diff(N).contains(lower, _LEAST)):
            break
        p = lower
        path.append(float(energy(p, level)))
    return p, path


@job
def energy_job(run: Run, *, seed: int, samples: int, steps: int, level: float) -> Outcome:
    """Where the descent of the energy from a random F ends: at its start's orbit constants, or nowhere."""
    p, path = descend(smooth(1, samples, 0.05, spawn(seed, "start"))[0], level, steps)
    end: Aspects = constants(level, 0.0, 1, samples)[0].pullback(torch.stack([p, torch.zeros_like(p)]))
    return {
        "start": path[0],
        "end": path[-1],
        "steps": len(path) - 1,
        "from constant": float((end.theta - level).abs().max()),
    }


@job
def variation_job(run: Run, *, seed: int, samples: int) -> Outcome:
    """The second variation of the energy against n^2 (n^2 + Theta) / 2, the largest relative error."""
    errors: list[float] = []
    phi, step = circle(samples), 1e-3
    for level in (-4.0, -0.36, 0.49):
        for n in (1, 3, 4):
            change = float(energy(step * (n * phi).sin(), level)) - level
            wanted = n**2 * (n**2 + level) / 2
            errors.append(abs(change / step**2 - wanted) / abs(wanted))
    return {"error": max(errors)}
