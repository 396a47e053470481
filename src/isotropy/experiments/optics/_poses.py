"""X5: what a canonicalisation keeps of a cloud: the pose, or the cloud that gives the pose again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from isotropy.groups import SO, DiscreteMeasure
from isotropy.groups.parts import matrix
from isotropy.optics import canonicalise
from isotropy.random import spawn
from isotropy.reps import Cloud, Vector
from isotropy.runs import Run
from isotropy.study import Outcome, job


def principal_axes(x: Tensor) -> DiscreteMeasure:
    """One pose (3, 3) for each cloud: principal axes by an SVD, with signs such that third moments are positive."""
    centred = x - x.mean(-2, keepdim=True)
    axes = torch.linalg.svd(centred, full_matrices=False).Vh.mT
    signs = (centred @ axes).pow(3).sum(-2).sign()
    first, second = (axes * signs[..., None, :])[..., :2].unbind(-1)
    g = torch.stack([first, second, torch.linalg.cross(first, second)], -1)
    return DiscreteMeasure(g[:, None], torch.zeros(len(x), 1, dtype=x.dtype))


@job
def poses_job(run: Run, *, seed: int, points: int) -> Outcome:
    """Bytes kept and seconds there and back, as an optic and as a lens; how far its laws are off."""
    draw = spawn(seed, "cloud")
    # Skewed, so that axes have a sign: exponential coordinates of three sizes.
    x = -torch.rand(1, points, 3, generator=draw, dtype=torch.float64).log() * torch.tensor([3.0, 2.0, 1.0])
    optic = canonicalise(principal_axes, Cloud(Vector), Cloud(Vector), group=SO(3))
    lens = optic.to_lens()
    inside = lambda y: torch.sin(y) + y[..., :1]  # noqa: E731  equivariant under nothing
    gradients: list[Tensor] = []
    seconds: list[float] = []
    for whole in (optic.close(inside), lambda v: lens.put(v, inside(lens.get(v)))):
        start = x.clone().requires_grad_()
        began = time.perf_counter()
        whole(start).square().sum().backward()
        seconds.append(time.perf_counter() - began)
        assert start.grad is not None, "the cloud was used"
        gradients.append(start.grad)
    pose, canonical = optic.forward(x)
    turn = matrix(SO(3).sample((), generator=draw, dtype=torch.float64))
    closed: Callable[[Tensor], Any] = optic.close(inside)
    return {
        "kept": sum(leaf.nbytes for leaf in _tensors(pose)),
        "whole": x.nbytes,
        "slower": seconds[1] / seconds[0],
        "gradients": float((gradients[0] - gradients[1]).abs().max() / gradients[0].abs().max()),
        "get_put": float((optic.backward(pose, canonical) - x).abs().max() / x.abs().max()),
        "equivariance": float((closed(x @ turn.mT) - closed(x) @ turn.mT).abs().max() / closed(x).abs().max()),
    }


def _tensors(value: Any) -> list[Tensor]:
    """The tensors that a residual holds."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in _tensors(part)]
    return [leaf for part in getattr(value, "__dict__", {}).values() for leaf in _tensors(part)]
