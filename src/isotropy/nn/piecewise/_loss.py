"""What a network for parts is trained by: votes for the centre of a part, and the part of each point."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.frames import Partition
from isotropy.linalg import Segments
from isotropy.nn.piecewise._network import PiecewiseTrace


def part_targets(
    x: Float[Tensor, "N 3"], parts: Int[Tensor, " P"], segments: Segments | None = None
) -> Float[Tensor, "N 3"]:
    """The centre of the part of each point: what its vote should be.

    Raises ShapeError where there is not one part for each point, DomainError for negative ones.

    >>> import torch
    >>> part_targets(torch.tensor([[0.0, 0, 0], [2, 0, 0], [5, 5, 5]]), torch.tensor([3, 3, 1])).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [5.0, 5.0, 5.0]]
    """
    if parts.shape != x.shape[:1]:
        raise ShapeError(f"parts of shape {tuple(parts.shape)} for {counted(len(x), 'point')}", "one for each point")
    cells = Partition(parts, segments).cells
    return cells.gather(cells.mean(x))


def piecewise_loss(
    logits: Float[Tensor, "N classes"],
    trace: PiecewiseTrace,
    targets: Float[Tensor, "T 3"],
    labels: Int[Tensor, " L"],
    *,
    form: str = "squared",
    weight: float = 0.1,
) -> Tensor:
    """The error of votes, summed over layers, and ``weight`` times the cross entropy of the ``labels (N,)``.

    ``targets (N, 3)`` are those of ``part_targets``; "squared" means |y_i - target_i|^2, as the code of the paper has
    it, "absolute" the sum of absolute differences, as its text. Raises DomainError for another form, ShapeError where
    there is not one label and one target for each point.
    Source: Atzmon et al., ICLR 2024, section 4; specification 06 §2.8.
    """
    if len(labels) != len(logits) or targets.shape != trace.votes.shape[1:]:
        given = f"{counted(len(labels), 'label')} and targets {tuple(targets.shape)}"
        raise ShapeError(given, f"one for each of {counted(len(logits), 'point')}")
    apart = trace.votes - targets
    if form not in ("squared", "absolute"):
        raise DomainError(f"form={form!r}", "'squared' or 'absolute'")
    error = apart.square().sum(-1) if form == "squared" else apart.abs().sum(-1)
    return error.mean(1).sum() + weight * nn.functional.cross_entropy(logits, labels)
