"""What pictures cost: elements of the plane beside one eigendecomposition, image operations beside Pillow and kornia, a
constrained step of training beside one with two views, networks over groups, their errors beside their time, a folder.

    python benchmarks/images.py [--only elements|operations|step|networks|errors|folder] [--figure FILE]

One process, one thread, seconds of the processor, the best of two to five calls, for errors of one. kornia 0.9.0 and
e2cnn 0.2.3 are asked where they are installed.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from _image_equivariance import Row
from _image_equivariance import rows as error_rows
from _image_folder import measured
from _image_peers import kornia_per_picture
from _measuring import seconds
from lie_convolution import networks
from PIL import Image, ImageEnhance
from PIL import ImageOps as Pillow
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from isotropy.groups import SL, GLPlus, Window
from isotropy.optics import measure_peak
from isotropy.random import spawn
from isotropy.soft import Fixed, ImageOps, ImageTransform, InvarianceConstraint
from isotropy.train import Task, fit

GOAL = 2.0
PILLOW_GOAL = 2.7
KORNIA_GOAL = 10.0
STEP_GOAL = 1.7
PEAK_GOAL = 1.3


def with_pillow(ops: ImageOps, t: ImageTransform, x: torch.Tensor) -> torch.Tensor:
    """The same operations picture by picture, from tensors and back to them."""
    found: list[np.ndarray] = []
    for picture, op, level, sign in zip(x, t.op.tolist(), t.level, t.sign, strict=True):
        image = Image.fromarray((picture * 255).round().byte().movedim(0, -1).numpy())
        name = ops.names[op]
        value = float(ops.strength(name, level[None] / 29, sign[None]))
        found.append(np.asarray(one_with_pillow(name, image, value)))
    return torch.as_tensor(np.stack(found)).movedim(-1, 1).float() / 255


def one_with_pillow(name: str, image: Image.Image, value: float) -> Image.Image:
    affine = {
        "shear-x": (1, value, 0, 0, 1, 0),
        "shear-y": (1, 0, 0, value, 1, 0),
        "translate-x": (1, 0, -value, 0, 1, 0),
        "translate-y": (1, 0, 0, 0, 1, value),
    }
    if name in affine:
        transform, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
        return image.transform(image.size, transform, affine[name], bilinear)
    if name == "rotate":
        return image.rotate(value, Image.Resampling.BILINEAR)
    if name in ("color", "contrast", "brightness", "sharpness"):
        return getattr(ImageEnhance, name.capitalize())(image).enhance(value)
    if name in ("posterize", "solarize"):
        return getattr(Pillow, name)(image, int(value))
    return getattr(Pillow, name)(image)


def network() -> nn.Module:
    """Two convolutions for pictures 32x32x3."""
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4096, 10))


def rows(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1], reduction="none")


class TwoViews(Task):
    """Uniform augmentation as it is usually done: the clean rows, and each once more under a drawn operation."""

    def __init__(self, ops: ImageOps) -> None:
        super().__init__(rows)
        self.ops, self.generator = ops, spawn(0, "views")

    def evaluate(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        moved = self.ops.apply(self.ops.sample(len(x), self.generator), x)
        return rows(model, (x, y)) + rows(model, (moved, y))


def constrained_step(ops: ImageOps, x: Tensor) -> None:
    """Prints what a step with a constraint takes beside one with two views, through the same loop."""
    y = torch.arange(len(x)) % 10
    batches = [(x[i : i + 128], y[i : i + 128]) for i in range(0, 896, 128)]

    def run(constrained: bool) -> None:
        # A weight from the start: at a multiplier of zero nothing goes backward, which would be too cheap.
        keep = [InvarianceConstraint(ops, 0.5, multiplier=Fixed(1.0))] if constrained else []
        task = Task(rows) if constrained else TwoViews(ops)
        model = network()
        fit(model, task, batches, optimizer=torch.optim.SGD(model.parameters(), 0.01), constraints=keep, max_epochs=1)

    two, one = seconds(lambda: run(False), 3), seconds(lambda: run(True), 3)
    print(f"a step of 128 pictures, two views: {two / len(batches):.3f} s")
    print(f"constrained, T = 2: {one / len(batches):.3f} s, {one / two:.2f} x (goal {STEP_GOAL:g} x)")
    batches = batches[:2]
    peaks = [measure_peak(lambda c=c: run(c)) for c in (False, True)]
    print(f"peak {peaks[1] / 2**20:.0f} MiB, {peaks[1] / peaks[0]:.2f} x (goal {PEAK_GOAL:g} x)")


def elements(count: int) -> None:
    """Draws with their coordinates, beside one eigh of as many matrices."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(count, 2, 2, generator=generator, dtype=torch.float64)
    against = seconds(lambda: torch.linalg.eigh(A @ A.mT))
    print(f"eigh of {count} symmetric 2x2 matrices: {against:.3f} s")
    for group in (SL(2), GLPlus(2)):
        window = Window(group, 0.6, "logistic", compact="haar")
        work = seconds(lambda g=group, w=window: g.coords(w.draw(count, generator)))
        print(f"{group}: draws and coordinates {work:.3f} s, {work / against:.2f} x (goal {GOAL:g} x)")


def operations() -> None:
    """One random operation for each of 1000 pictures."""
    generator = torch.Generator().manual_seed(0)
    ops, x = ImageOps(), torch.rand(1000, 3, 32, 32, generator=generator)
    t = ops.sample(len(x), generator)
    theirs, ours = seconds(lambda: with_pillow(ops, t, x)), seconds(lambda: ops.apply(t, x))
    print(f"1000 pictures 32x32x3, one operation each: Pillow {theirs:.3f} s")
    print(f"batched {ours:.3f} s, {ours / theirs:.2f} x (goal {PILLOW_GOAL:g} x)")
    if (each := kornia_per_picture()) is None:
        print("kornia is not installed")
        return
    peer = seconds(lambda: each(x), 2)
    print(f"kornia, one picture after another: {peer:.3f} s, ours {peer / ours:.1f} x faster (goal {KORNIA_GOAL:g} x)")


def errors(figure: str | None) -> None:
    """How far from invariance, in what time."""
    found: list[Row] = []
    for row in error_rows():
        print(f"{row.group}, {row.method}: error {row.error:.3f}, {row.milliseconds:.0f} ms", flush=True)
        found.append(row)
    if figure:
        drawn(found, figure)


def drawn(found: list[Row], file: str) -> None:
    """Errors against time, one panel for each group."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    groups = list(dict.fromkeys(row.group for row in found))
    methods = list(dict.fromkeys(row.method for row in found))
    whole, panels = plt.subplots(1, len(groups), figsize=(11, 3.6), sharey=True, layout="constrained")
    for panel, group in zip(panels, groups, strict=True):
        for row in found:
            if row.group == group:
                mark, colour = "osD^vPX*"[methods.index(row.method)], f"C{methods.index(row.method)}"
                panel.plot(row.milliseconds, row.error, mark, color=colour, label=row.method, markersize=7)
        panel.set(xscale="log", xlabel="processor ms for 12 pictures", title=group)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("moved / between pictures")
    handles = {label: h for p in panels for h, label in zip(*p.get_legend_handles_labels(), strict=True)}
    whole.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=8)
    whole.savefig(file, dpi=120)


def from_folders() -> None:
    """What a discovery holds beyond the bytes of its pictures, for few and for many."""
    for count in (2_500, 10_000):
        seen = measured(count)
        beyond = seen["peak"] - seen["before"] - seen["bytes"]
        held = f"{seen['bytes'] / 2**20:.0f} MiB of bytes, peak {beyond / 2**20:.0f} MiB beyond them and the imports"
        times = f"read in {seen['reading']:.1f} s, discover {seen['whole'] / seen['reading']:.1f} x that"
        print(f"{count} pictures 32x32x3: {held}; {times}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--only", choices=("elements", "operations", "step", "networks", "errors", "folder"))
    parser.add_argument("--figure", help="where to draw errors against time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    works: dict[str, Callable[[], None]] = {
        "elements": lambda: elements(given.count),
        "operations": operations,
        "step": lambda: constrained_step(ImageOps(), torch.rand(1000, 3, 32, 32, generator=spawn(0, "step"))),
        "networks": lambda: networks(40, 32),
        "errors": lambda: errors(given.figure),
        "folder": from_folders,
    }
    for name, work in works.items():
        if given.only in (None, name):
            work()


if __name__ == "__main__":
    main()
