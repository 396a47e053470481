"""Lifting and group convolution, on grids of the plane and of space, and pooling over the group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.groups import Group, Window
from isotropy.nn.lie_convolution._chart import Chart
from isotropy.nn.lie_convolution._kernel import (
    POINTS,
    RADIUS,
    CoordinateKernel,
    check_places,
    in_the_ball,
    shares_of_cells,
)
from isotropy.nn.lie_convolution._samples import REACH, GroupSampler, GroupSamples, Resample
from isotropy.reps import cell_centres
from isotropy.settings import Settled

Kernel = Callable[..., Tensor]
_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {2: nn.functional.conv2d, 3: nn.functional.conv3d}


class _Convolution(Settled):
    """What lifting and group convolution share: the group, its measure, the grid of the kernel, and sums over it."""

    least = 1
    _cell: Tensor

    def __init__(
        self,
        group: Group | str,
        c_in: int,
        c_out: int,
        kernel_size: int,
        n_samples: int,
        *,
        padding: int,
        measure: Window | None,
        weights: Literal["haar", "none"],
        rule: Literal["mc", "sobol"],
        angle: str,
        resample: Resample,
        seed: int,
        points: int | None,
        radius: float | None,
        windowed: bool,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0 or kernel_size < self.least:
            hint = "an odd kernel has a middle" if self.least == 1 else "a kernel of one cell sees no shape to turn"
            raise DomainError(f"kernel_size={kernel_size}", f"an odd number of at least {self.least}", hint)
        if min(c_in, c_out) < 1 or padding < 0:
            raise DomainError(
                f"c_in={c_in}, c_out={c_out}, padding={padding}", "1 or more channels, padding of 0 or more"
            )
        check_places(points, radius, kernel_size, windowed)
        self.sampler = GroupSampler(
            group, n_samples, measure=measure, weights=weights, rule=rule, resample=resample, seed=seed
        )
        self.group = self.sampler.group
        self.c_in, self.c_out, self.kernel_size, self.padding = c_in, c_out, kernel_size, padding
        self.chart = Chart(self.group, angle)
        self.n = self.group.degree
        self.windowed = windowed
        # A kernel of one cell has one place, and one of your own its values at the middles.
        self.points = (points or POINTS) if windowed and kernel_size > 1 else 1
        self.radius = radius or RADIUS
        self.register_buffer("_cell", shares_of_cells(kernel_size, self.points, self.n), persistent=False)
        self.samples: GroupSamples | None = None

    def settings(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in ("kernel_size", "padding", "points", "radius")}
        return {**named, "angle": self.chart.angle}

    @property
    def _cells(self) -> int:
        return self.kernel_size**self.n

    @property
    def _volume(self) -> float:
        """That of a cell, the kernel being [-1, 1]^n."""
        return (2 / self.kernel_size) ** self.n

    def _checked(self, x: Tensor, axes: int) -> None:
        shape = "(B, C, " + ("N, " if axes == 3 else "") + ("D, " if self.n == 3 else "") + "H, W)"
        if x.ndim != self.n + axes:
            raise ShapeError(f"an input of shape {tuple(x.shape)}", shape, f"{self.group} acts on {self.n} dimensions")
        if x.shape[1] != self.c_in:
            raise ShapeError(counted(x.shape[1], "channel"), f"{self.c_in} as declared")
        if min(x.shape[-self.n :]) + 2 * self.padding < self.kernel_size:
            sides = " x ".join(map(str, x.shape[-self.n :]))
            raise ShapeError(f"a picture of {sides}", f"sides of at least kernel_size = {self.kernel_size}")

    def _places(self, inverse: Float[Tensor, "N n n"]) -> Float[Tensor, "N P n"]:
        """``A^-1 u`` for all places u in the cells of the kernel."""
        u = cell_centres((self.kernel_size * self.points,) * self.n).flatten(0, -2).to(inverse)
        return u @ inverse.mT

    def _shares(self, v: Float[Tensor, "N P n"], like: Tensor) -> Float[Tensor, "N U P"] | None:
        """What each cell takes of the kernel at these places, within its ball; nothing for a kernel of your own."""
        return (self._cell.to(v) * in_the_ball(v, self.radius)[:, None]).to(like) if self.windowed else None

    def _convolved(self, x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        weight = weight.unflatten(-1, (self.kernel_size,) * self.n)
        return _CONVOLUTIONS[self.n](x, weight, padding=self.padding, groups=groups)


class LiftConv(_Convolution):
    """Lifts pictures to the group, ``(f * k)(x, A) = |det A|^-1 int f(y) k(A^-1 (y - x)) dy``.

    ``lift(x (B, C, H, W))`` gives ``(B, c_out, N, H', W')`` at N elements A, which the layer draws (``lift.samples``
    has them) or is given, ``lift(x, samples)``; voxels by groups of degree 3. The kernel ``k(A^-1 u)`` is a
    `CoordinateKernel` on [-1, 1]^n, zero outside of a ball, integrated against what linear interpolation makes of the
    picture, or ``kernel``, a module from places ``(..., n)`` to ``(..., c_out, c_in)``, summed as it is over the
    middles of cells. Without padding: what lies outside of a picture is not known.

    - ``group``: GL+, SL, SO, O, Scale of 2 or 3, C(n), D(n), products, or an affine group with such a linear part.
    - ``c_in``, ``c_out`` channels; ``kernel_size`` cells along each side, odd; ``padding`` with zeros.
    - ``n_samples``, ``measure``, ``weights``, ``rule``, ``resample``, ``seed``: the draws, as in `GroupSampler`.
    - ``width``: that of the network behind the kernel, which is known at ``points`` places in each cell along each side
      (3), within a ball of ``radius`` half sides of its grid (0.8). ``points=1, radius=1.0`` is the sum that is
      published, which follows the group less well. Neither goes with ``kernel``.

    Raises DomainError for kernels that are even or of one cell, and for ``points`` or ``radius`` that would not be
    used; ShapeError for pictures smaller than the kernel, and for other shapes than these. Source: Mironenco and Forre
    (ICLR 2024); specification 02 §2.4.

    >>> LiftConv("SL(2)", 1, 6, 5, 4)(torch.rand(2, 1, 12, 12)).shape
    torch.Size([2, 6, 4, 8, 8])
    """

    least = 3

    def __init__(
        self,
        group: Group | str,
        c_in: int,
        c_out: int,
        kernel_size: int = 5,
        n_samples: int = 10,
        *,
        padding: int = 0,
        measure: Window | None = None,
        weights: Literal["haar", "none"] = "haar",
        rule: Literal["mc", "sobol"] = "sobol",
        resample: Resample = "train",
        seed: int = 0,
        width: int = 60,
        points: int | None = None,
        radius: float | None = None,
        kernel: nn.Module | None = None,
    ) -> None:
        super().__init__(
            group, c_in, c_out, kernel_size, n_samples, padding=padding, measure=measure, weights=weights, rule=rule,
            angle="embed", resample=resample, seed=seed, points=points, radius=radius,
            windowed=kernel is None,
        )  # fmt: skip
        fan = c_in * self._cells * self._volume**2
        self.kernel = kernel or CoordinateKernel(self.n, 0, c_out, c_in, width=width, fan=fan)

    def forward(
        self, x: Float[Tensor, "B C *space"], samples: GroupSamples | None = None
    ) -> Float[Tensor, "B O N *out"]:
        self._checked(x, 2)
        out = self.samples = (self.sampler() if samples is None else samples).to(x.device)
        found = self._convolved(x, self.weight(out, x).flatten(0, 1))
        return found.unflatten(1, (self.c_out, len(out)))

    def weight(self, out: GroupSamples, like: Tensor) -> Float[Tensor, "o a i u"]:
        """The values of the kernel on its grid, with the volume of a cell and ``|det A|^-1``."""
        v = self._places(out.inverse)
        shares = self._shares(v, like)
        k = self.kernel(v.to(like)) if shares is None else self.kernel(v.to(like), None, shares)
        factor = self._volume * (-out.log_det).exp()
        return (k * factor.to(like)[:, None, None, None]).permute(2, 0, 3, 1)


class GroupConv(_Convolution):
    """Convolves features on the group, ``(F * k)(x, A) = int int F(y, B) k(A^-1 (y - x), A^-1 B) |det B|^-1 dy dB``.

    ``conv(x (B, C, N, H, W), samples, out)`` takes features at the elements ``samples`` to ``(B, c_out, M, H', W')`` at
    the M elements ``out``, by default the same; N and M may differ. Without ``samples`` the layer draws its own, which
    is right only for features that do not come from another layer. dB is Haar measure by the weights of the samples;
    ``|det B|^-1 dy dB`` left Haar measure of the whole group, so that the volume belongs to the input.

    The kernel is a `CoordinateKernel` of ``A^-1 u`` and of the coordinates of ``A^-1 B`` (`Chart`), zero outside of a
    ball, integrated as in `LiftConv`, and falling off as ``exp(-|X|^2 / 2 reach^2)`` with the stretch X between A and B
    (``reach=None``: not at all). That window has one integral, wherever A is: with ``normalised`` the sum is divided by
    its estimate of it, which errs in the same direction. With ``separable`` it is the product of one of places, for
    each channel of the output, and one of the group, which takes ``M (N + P)`` evaluations and not ``M N P``, P being
    the places. ``kernel`` replaces it: a module from places (..., n) and coordinates (..., k) to (..., c_out, c_in),
    summed as it is.

    - ``group``, ``c_in``, ``c_out``, ``kernel_size``, ``padding``, ``width``, ``points``, ``radius``: as in `LiftConv`.
    - ``n_samples``, ``measure``, ``weights``, ``rule``, ``resample``, ``seed``: as in `GroupSampler`.
    - ``angle``: how kernels see rotations, as in `Chart`.

    Raises as `LiftConv`; a kernel of one cell is allowed, known at its middle. Source: as there.

    >>> lift, conv = LiftConv("GL+(2)", 1, 6, 5, 4), GroupConv("GL+(2)", 6, 3, 3, 4)
    >>> x = lift(torch.rand(2, 1, 12, 12))
    >>> conv(x, lift.samples, conv.sampler.draw(7, torch.Generator().manual_seed(0))).shape
    torch.Size([2, 3, 7, 6, 6])
    """

    def __init__(
        self,
        group: Group | str,
        c_in: int,
        c_out: int,
        kernel_size: int = 5,
        n_samples: int = 10,
        *,
        separable: bool = False,
        padding: int = 0,
        measure: Window | None = None,
        weights: Literal["haar", "none"] = "haar",
        rule: Literal["mc", "sobol"] = "sobol",
        angle: str = "embed",
        reach: float | None = REACH,
        normalised: bool = True,
        resample: Resample = "train",
        seed: int = 0,
        width: int = 60,
        points: int | None = None,
        radius: float | None = None,
        kernel: nn.Module | None = None,
    ) -> None:
        super().__init__(
            group, c_in, c_out, kernel_size, n_samples, padding=padding, measure=measure, weights=weights, rule=rule,
            angle=angle, resample=resample, seed=seed, points=points, radius=radius,
            windowed=kernel is None,
        )  # fmt: skip
        if reach is not None and not reach > 0:
            raise DomainError(f"reach={reach}", "a positive deviation of stretches, or None")
        if kernel is not None and separable:
            raise DomainError("a kernel of your own with separable=True", "one of both")
        self.reach, self.separable = reach, separable
        self.normalised = normalised
        k = self.chart.stretches + self.chart.turns
        # A trivial group has no coordinates: its kernel is one of places, and its sum over the group one number.
        fan = c_in * self._cells * self._volume**2 / len(self.sampler)
        if separable:
            self.kernel: nn.Module = CoordinateKernel(
                0, max(k, 1), c_out, c_in, width=width, fan=c_in / len(self.sampler)
            )
            self.of_place: nn.Module | None = CoordinateKernel(
                self.n, 0, c_out, 1, width=width, fan=self._cells * self._volume**2
            )
        else:
            self.kernel = kernel or CoordinateKernel(self.n, k, c_out, c_in, width=width, fan=fan)
            self.of_place = None

    def settings(self) -> dict[str, Any]:
        more = {"reach": self.reach, "separable": self.separable, "normalised": self.normalised}
        return {**super().settings(), **more}

    def forward(
        self, x: Float[Tensor, "B C N *space"], samples: GroupSamples | None = None, out: GroupSamples | None = None
    ) -> Float[Tensor, "B O M *out"]:
        self._checked(x, 3)
        given = self.sampler() if samples is None else samples
        if x.shape[2] != len(given):
            hint = "conv(x, lift.samples): the elements at which the layer before gave its features"
            raise ShapeError(f"features at {counted(x.shape[2], 'element')} of {self.group}", f"{len(given)}", hint)
        start, end = given.to(x.device), (given if out is None else out).to(x.device)
        self.samples = end
        if not self.separable:
            found = self._convolved(x.flatten(1, 2), self.weight(start, end, x))
        else:
            mixed = torch.einsum("oaib,nib...->noa...", self._of_group(start, end, x), x).flatten(1, 2)
            found = self._convolved(mixed, self._of_places(end, x), groups=mixed.shape[1])
        return found.unflatten(1, (self.c_out, len(end)))

    def weight(self, given: GroupSamples, out: GroupSamples, like: Tensor) -> Float[Tensor, "oa ib u"]:
        """The kernel at all pairs of elements and cells, times its weights: one convolution of channels x elements."""
        if self.separable:
            mixing, places = self._of_group(given, out, like), self._of_places(out, like)
            whole = mixing.flatten(2)[..., None] * places.unflatten(0, (self.c_out, len(out)))
            return whole.flatten(0, 1)
        h = out.inverse[:, None] @ given.g
        v = self._places(out.inverse)
        place, coordinates = v.to(like)[:, None], self.chart(h).to(like)[:, :, None]
        shares = self._shares(v, like)
        k = self.kernel(place, coordinates) if shares is None else self.kernel(place, coordinates, shares[:, None])
        k = k * (self._factor(given, h) * self._volume).to(like)[..., None, None, None]
        # Axes a, b, u, o, i.
        return k.permute(3, 0, 4, 1, 2).flatten(2, 3).flatten(0, 1)

    def _of_group(self, given: GroupSamples, out: GroupSamples, like: Tensor) -> Float[Tensor, "o a i b"]:
        h = out.inverse[:, None] @ given.g
        coordinates = self.chart(h).to(like)
        k = self.kernel(None, coordinates if coordinates.shape[-1] else coordinates.new_ones(*h.shape[:2], 1))
        return (k * self._factor(given, h).to(like)[..., None, None]).permute(2, 0, 3, 1)

    def _of_places(self, out: GroupSamples, like: Tensor) -> Float[Tensor, "oa 1 u"]:
        assert self.of_place is not None
        v = self._places(out.inverse)
        k = self.of_place(v.to(like), None, self._shares(v, like))[..., 0] * self._volume
        return k.permute(2, 0, 1).flatten(0, 1)[:, None]

    def _factor(self, given: GroupSamples, h: Float[Tensor, "a b n n"]) -> Float[Tensor, "a b"]:
        """``w_b / N |det B|^-1``, and how a kernel falls off with the stretch from A to B."""
        log = given.log_weight.expand(h.shape[:2])
        if self.windowed and self.reach is not None and self.chart.stretches:
            stretch = self.chart(h)[..., : self.chart.stretches]
            log = log - stretch.square().sum(-1) / (2 * self.reach**2)
        share = log.softmax(1) if self.normalised and self.windowed else log.exp() / len(given)
        return share * (-given.log_det).exp()


class GroupPool(Settled):
    """The maximum or mean over the group and over space: ``(B, C, N, H, W) -> (B, C)``, an invariant.

    Means are over Haar measure where the ``samples`` are given, and over the elements where they are not. Raises
    DomainError for another ``reduce``.

    >>> GroupPool("max")(torch.arange(16.0).reshape(1, 2, 2, 2, 2)).tolist()
    [[7.0, 15.0]]
    """

    def __init__(self, reduce: Literal["max", "mean"] = "max") -> None:
        super().__init__()
        if reduce not in ("max", "mean"):
            raise DomainError(f"reduce={reduce!r}", "'max' or 'mean'")
        self.reduce = reduce

    def settings(self) -> dict[str, Any]:
        return {"reduce": self.reduce}

    def forward(self, x: Float[Tensor, "B C N *space"], samples: GroupSamples | None = None) -> Float[Tensor, "B C"]:
        if self.reduce == "max":
            return x.flatten(2).amax(2)
        at = x.flatten(3).mean(3)
        if samples is None:
            return at.mean(2)
        return at @ samples.log_weight.softmax(0).to(at)
