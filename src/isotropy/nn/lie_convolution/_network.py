"""A residual network on a group of affine maps, whose outputs do not change with them, as far as its samples reach."""

from __future__ import annotations

from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.groups import Group, Window
from isotropy.nn.lie_convolution._layers import GroupConv, GroupPool, LiftConv
from isotropy.nn.lie_convolution._samples import REACH, GroupSamples, Resample
from isotropy.settings import Settled


class GroupResNet(Settled):
    """A classifier of pictures: lifting, residual blocks on the group, its maximum over group and space, a small MLP.

    ``net(x (B, in_channels, H, W))`` gives ``(B, num_classes)``; voxels (B, C, D, H, W) by groups of degree 3. All
    blocks work at the elements that the lifting drew; the convolution after them draws anew. In training all are drawn
    anew for each call (``resample``), so that no finite set of them is learned by heart. ``dims`` are the channels of
    each stage. Features are normalised over all axes of a picture; zeros pad the blocks.

    - ``kernel_size`` cells, ``lift_size`` in the lifting (the same unless told); ``stem`` averages so many cells, along
      each side, to one before it, ``pool`` after it; ``head`` is the width of the MLP, with ``dropout``; ``reduce`` as
      in `GroupPool`.
    - ``group``, ``n_samples``, ``measure``, ``weights``, ``rule``, ``seed``: as in `GroupSampler`.
    - ``separable``, ``angle``, ``reach``, ``width``, ``points``, ``radius``: as in `GroupConv`; convolutions of one
      cell take the middle alone.

    How far the outputs move under g, no training can hide: `isotropy.measure.image_errors`. Raises as the layers, and
    DomainError for no stages. Source: Mironenco and Forre (ICLR 2024), defaults of their code; specification 02 §2.4,
    §2.7 and §4.1.

    >>> import torch
    >>> net = GroupResNet("SL(2)", dims=(4,), n_samples=3, separable=True)
    >>> net(torch.rand(2, 1, 14, 14)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        group: Group | str,
        dims: tuple[int, ...] = (40, 40),
        n_samples: int = 10,
        in_channels: int = 1,
        num_classes: int = 10,
        kernel_size: int = 5,
        separable: bool = False,
        resample: Resample = "train",
        *,
        lift_size: int | None = None,
        stem: int = 1,
        pool: int = 1,
        head: int = 256,
        dropout: float = 0.3,
        reduce: Literal["max", "mean"] = "max",
        measure: Window | None = None,
        weights: Literal["haar", "none"] = "haar",
        rule: Literal["mc", "sobol"] = "sobol",
        angle: str = "embed",
        reach: float | None = REACH,
        width: int = 60,
        points: int | None = None,
        radius: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not dims:
            raise DomainError("dims=()", "the channels of one stage or more")
        sampled: dict[str, Any] = {
            "measure": measure, "weights": weights, "rule": rule, "resample": resample, "width": width,
            "radius": radius,
        }  # fmt: skip
        convolved: dict[str, Any] = {**sampled, "separable": separable, "angle": angle, "reach": reach}
        if kernel_size > 1:
            convolved["points"] = points
        self.lift = LiftConv(
            group, in_channels, dims[0], lift_size or kernel_size, n_samples, seed=seed, points=points, **sampled
        )
        n = self.lift.group.degree
        average = {2: nn.AvgPool2d, 3: nn.AvgPool3d}[n]
        self.stem = average(stem) if stem > 1 else None
        self.pool = average(pool) if pool > 1 else None
        stages = zip((dims[0], *dims[:-1]), dims, strict=True)
        self.blocks = nn.ModuleList([
            _Block(group, c_in, c_out, kernel_size, n_samples, convolved) for c_in, c_out in stages
        ])  # fmt: skip
        # Another seed: in evaluation, too, the last convolution has elements of its own.
        self.last = GroupConv(group, dims[-1], dims[-1], kernel_size, n_samples, padding=kernel_size // 2,
                              seed=seed + 1, **convolved)  # fmt: skip
        self.reduce = GroupPool(reduce)
        self.strides = [stem, pool]
        # Maxima of normalised features differ little from picture to picture, next to their mean over pictures.
        self.head = nn.Sequential(
            nn.BatchNorm1d(dims[-1]),
            nn.Linear(dims[-1], head),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(head, num_classes),
        )

    def settings(self) -> dict[str, Any]:
        return {"strides": self.strides}

    def features(self, x: Float[Tensor, "B C *space"]) -> Float[Tensor, "B c"]:
        """The invariants before the head."""
        z = self.lift(x if self.stem is None else self.stem(x))
        given = self.lift.samples
        assert given is not None
        if self.pool is not None:
            z = self.pool(z.flatten(1, 2)).unflatten(1, z.shape[1:3])
        z = nn.functional.gelu(_normal(z))
        for block in self.blocks:
            z = block(z, given)
        out = self.last.sampler()
        return self.reduce(_normal(self.last(z, given, out)), out)

    def forward(self, x: Float[Tensor, "B C *space"]) -> Float[Tensor, "B classes"]:
        return self.head(self.features(x))


class _Block(nn.Module):
    """conv - norm - gelu - conv - norm, the input added, gelu; at the same elements throughout."""

    def __init__(
        self, group: Group | str, c_in: int, c_out: int, kernel_size: int, n_samples: int, convolved: dict[str, Any]
    ) -> None:
        super().__init__()
        settings: dict[str, Any] = {**convolved, "padding": kernel_size // 2}
        self.first = GroupConv(group, c_in, c_out, kernel_size, n_samples, **settings)
        self.second = GroupConv(group, c_out, c_out, kernel_size, n_samples, **settings)
        # The same for every element and place: a change of channels keeps the symmetry.
        self.skip = nn.Linear(c_in, c_out, bias=False) if c_in != c_out else None

    def forward(self, x: Float[Tensor, "B C N *space"], given: GroupSamples) -> Float[Tensor, "B O N *space"]:
        z = nn.functional.gelu(_normal(self.first(x, given)))
        z = _normal(self.second(z, given))
        x = x if self.skip is None else self.skip(x.movedim(1, -1)).movedim(-1, 1)
        return nn.functional.gelu(x + z)


def _normal(x: Tensor) -> Tensor:
    """Normalised over all axes but the first."""
    return nn.functional.layer_norm(x, x.shape[1:])
