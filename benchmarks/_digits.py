"""Rotated digits, LieGG's task: which maps of the plane leave the class of a picture alone? Ours and LieGG's.

A picture is a field over the plane: a map A of the affine algebra moves its points, and so its pixels. Both methods
read the change of a function of pictures along the six of them, d/dt f(exp(tA).x), and look for what changes nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from isotropy.discovery._kernel import KernelRidge
from isotropy.groups import SO, Affine, GLPlus
from isotropy.measure.parts import Directions, Frame, directions_along, null_algebra
from isotropy.reps import Field, cell_centres

MNIST = Path(os.environ.get("ISOTROPY_DATA", "data")) / "02-lie-decomposition" / "mnist_10k.npz"
TURN = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
_PLANE, _PICTURES = Affine(GLPlus(2)), Field(mode="bicubic")
_STEP = 0.02  # of a central difference along a map, in half-widths of the picture: a seventh of a pixel
_CLASSES, _SPLITS = 10, 3
_KERNELS = ("gaussian, narrow", "gaussian", "gaussian, wide", "cubic")


Reader = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Digits:
    """Pictures ``(n, 1, s, s)`` turned by any angle, their classes as indicators ``(n, 10)``, and the plane's frame."""

    pictures: Tensor
    classes: Tensor
    frame: Frame

    @property
    def x(self) -> Tensor:
        return self.pictures.flatten(1)

    def rates(self, rows: Tensor) -> Tensor:
        """The change of each picture along each map of the frame, ``(6, n, pixels)``, by the action on fields."""
        A = self.frame.maps(torch.eye(self.frame.count, dtype=torch.float64))
        ends = [_PICTURES.act(_PLANE, _PLANE.exp(h * A)[:, None], self.pictures[None, rows]) for h in (_STEP, -_STEP)]
        return ((ends[0] - ends[1]) / (2 * _STEP)).flatten(2)


def rotated_digits(n: int, seed: int) -> Digits:
    """Handwritten digits: of MNIST's test set at 14 x 14 where it is at hand, else scikit-learn's 8 x 8."""
    r, g = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    if MNIST.exists():
        with np.load(MNIST) as stored:
            images, labels = stored["images"] / 255.0, stored["labels"]
    else:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        images = pixels.reshape(-1, 8, 8) / 16.0
    kept = r.permutation(len(images))[:n]
    pictures = torch.from_numpy(images[kept])[:, None]
    pictures = _PICTURES.act(SO(2), SO(2).sample((len(kept),), generator=g, dtype=torch.float64), pictures)
    if pictures.shape[-1] == 28:
        pictures = nn.functional.avg_pool2d(pictures, 2)
    classes = nn.functional.one_hot(torch.from_numpy(labels[kept].astype(np.int64)), _CLASSES).double()
    # The unit of length is that of the ink, as it is that of the data for vectors: a turn by a radian has size 1.
    at = cell_centres(tuple(pictures.shape[-2:]), pictures)
    ink = pictures.square().mean((0, 1))
    root = math.sqrt(float((ink * at.square().sum(-1)).sum() / ink.sum()) / 2)
    eye = torch.eye(2, dtype=torch.float64)
    return Digits(pictures, classes, Frame("space", True, torch.zeros(2, dtype=torch.float64), root * eye, eye / root))


def ours(digits: Digits, seed: int) -> tuple[Directions, str, float]:
    """The Gram matrix of kernels fitted on disjoint halves, what is claimed of it, and the share of rows told right."""
    x, y, g = digits.x, digits.classes, torch.Generator().manual_seed(seed)
    centre, size = x.mean(0), x.std(0).square().mean().sqrt()
    models: list[tuple[Reader, Reader]] = []
    right: list[float] = []
    for _ in range(_SPLITS):
        half = torch.randperm(len(x), generator=g) < len(x) // 2
        pair: list[Reader] = []
        for rows in (half, ~half):
            fit = KernelRidge.fit((x[rows] - centre) / size, y[rows] - 0.1, generator=g, kernels=_KERNELS)
            pair.append(lambda z, fit=fit: fit((z - centre) / size))
            right.append(float((pair[-1](x[~rows]).argmax(1) == y[~rows].argmax(1)).double().mean()))
        models.append((pair[0], pair[1]))
    still = torch.zeros(digits.frame.count, _CLASSES, _CLASSES, dtype=torch.float64)
    every, moving = torch.arange(len(x)), (still, still[..., 0])
    rates = digits.rates(every)
    gram = directions_along(models, digits.frame, x, rates, moving, [slice(0, _CLASSES)], unit=every, seed=seed)
    assert gram is not None
    found = null_algebra(gram)
    return gram, found.algebra.name if found else "nothing", sum(right) / len(right)


def liegg(digits: Digits, epochs: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """LieGG: the network polarisation matrix of a trained network, its singular values (smallest first) and vectors.

    Moskalev, Sepliarskaia, Sosnovik, Smeulders, NeurIPS 2022 (arXiv:2210.04345), written anew: a small convolutional
    network without augmentation, rows d/dt F(exp(tA).x) for each picture and output, null space by SVD.
    """
    torch.manual_seed(seed)
    x, label, side = digits.pictures.float(), digits.classes.argmax(1), digits.pictures.shape[-1]
    held = torch.randperm(len(x)) < len(x) // 5
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.SiLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64 * (side // 4) ** 2, 128), nn.SiLU(), nn.Linear(128, _CLASSES),
    )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    training = (~held).nonzero()[:, 0]
    for _ in range(epochs):
        for rows in training[torch.randperm(len(training))].split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), label[rows]).backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        right = float((network(x[held]).argmax(1) == label[held]).double().mean())
    polarisation = torch.cat(list(_polarised(network, digits, training)))
    _, values, vectors = torch.linalg.svd(polarisation, full_matrices=False)
    return values.flip(0), vectors.mT.flip(1), right


def _polarised(network: nn.Module, digits: Digits, rows: Tensor) -> Iterator[Tensor]:
    """Rows of the polarisation matrix, ``(pictures x outputs, 6)``."""
    for some in rows.split(200):
        x = digits.pictures[some].float().requires_grad_()
        out = network(x)
        rates = digits.rates(some)
        slopes = [torch.autograd.grad(out[:, k].sum(), x, retain_graph=True)[0] for k in range(_CLASSES)]
        yield torch.einsum("dnp,nqp->nqd", rates, torch.stack(slopes, 1).double().flatten(2)).flatten(0, 1)


def turning_of_plane(frame: Frame, direction: Tensor) -> float:
    """The cosine of a direction of the frame with a turn about the middle of the picture."""
    turn = frame.coordinates(TURN)
    return abs(float(turn @ direction) / float(turn.norm() * direction.norm()))
