"""Draws images/renderer.png: where camera, floor and lights are, and what each latent of a view does."""

import math
from pathlib import Path

import matplotlib
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from isotropy.data.render import Scene, latents, normalised

INK, SOFT, MARK, LIGHT = "#3a4a5e", "#c9d1db", "#d1602f", "#b8860b"


def boxes() -> tuple[torch.Tensor, torch.Tensor]:
    """Three rods along the axes, that of x the longest and that of z with a head: a pose is told by every view."""
    corners = torch.tensor([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=torch.float64)
    sides = [
        (0, 1, 3),
        (0, 3, 2),
        (4, 6, 7),
        (4, 7, 5),
        (0, 4, 5),
        (0, 5, 1),
        (2, 3, 7),
        (2, 7, 6),
        (0, 2, 6),
        (0, 6, 4),
    ]
    faces = torch.tensor([*sides, (1, 5, 7), (1, 7, 3)])
    parts = (
        ((-0.1, -0.1, -0.1), (1.1, 0.2, 0.2)),
        ((-0.1, -0.1, -0.1), (0.2, 0.7, 0.2)),
        ((-0.1, -0.1, -0.1), (0.2, 0.2, 0.8)),
        ((-0.2, -0.2, 0.6), (0.4, 0.4, 0.2)),
    )
    placed = [torch.tensor(low).double() + corners * torch.tensor(wide).double() for low, wide in parts]
    return normalised(torch.cat(placed)), torch.cat([faces + 8 * i for i in range(len(parts))])


def view(**changed: float) -> torch.Tensor:
    """One view that stands still but for these latents."""
    values = dict(zip(latents.NAMES, latents.STILL, strict=True)) | changed
    return torch.tensor([list(values.values())], dtype=torch.float64)


def stage(ax: plt.Axes) -> None:
    """Camera, floor, axes and the spot, in space."""
    side = torch.tensor([-2.0, 2.0])
    X, Y = torch.meshgrid(side, side, indexing="ij")
    ax.plot_surface(X.numpy(), Y.numpy(), (0 * X - 1).numpy(), color=SOFT, alpha=0.4)
    for name, end in (("x", (1, 0, 0)), ("y", (0, 1, 0)), ("z", (0, 0, 1))):
        ax.quiver(0, 0, 0, *end, color=INK, lw=1.6, arrow_length_ratio=0.15)
        ax.text(*(1.15 * v for v in end), name, color=INK)
    eye = (0, 2.5 * math.sin(math.pi / 4), 2.5 * math.cos(math.pi / 4))
    ax.scatter(*eye, color=MARK, s=40)
    said = "   camera, 2.5 away,\n   45° up, beside +y"
    ax.text(eye[0], eye[1], eye[2] - 0.3, said, color=MARK, fontsize=8)
    ax.plot(*zip(eye, (0, 0, 0), strict=True), color=MARK, lw=1, ls="--")
    theta, phi = math.pi / 8, math.pi / 3
    spot = [4 * v for v in (math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta))]
    ax.scatter(*spot, color=LIGHT, s=40)
    ax.plot(*zip(spot, (0, 0, 0), strict=True), color=LIGHT, lw=1, ls="--")
    ax.text(*spot, "spot, 4 away: theta from\nthe zenith, phi from x about z   ", color=LIGHT, fontsize=8, ha="right")
    ax.text(-2, -2, -1, "floor, z = -1", color=INK, fontsize=8)
    ax.set(xlim=(-2, 2), ylim=(-2, 2), zlim=(-1, 4), title="the stage")
    ax.set_box_aspect((4, 4, 5))
    ax.view_init(elev=15, azim=-35)
    ax.set_axis_off()


def main() -> None:
    """The stage on the left, pictures on the right."""
    scene = Scene(boxes(), size=96, supersample=3)
    still = [view(), *(view(**{name: math.pi / 4}) for name in ("a", "b", "c"))]
    lights = [view(hue_floor=0.3), view(theta=0.0), view(phi=math.pi), view(hue_light=0.6)]
    names = ["still", "a = 45° about x", "b = 45° about y", "c = 45° about z",
             "hue_floor = 0.3", "theta = 0", "phi = 180°", "hue_light = 0.6"]  # fmt: skip
    figure = plt.figure(figsize=(11, 4.6), constrained_layout=True)
    grid = figure.add_gridspec(2, 6)
    stage(figure.add_subplot(grid[:, :2], projection="3d"))
    for i, (latent, name) in enumerate(zip([*still, *lights], names, strict=True)):
        ax = figure.add_subplot(grid[i // 4, 2 + i % 4])
        ax.imshow(scene.render(latent)[0].movedim(0, -1).numpy())
        ax.set_title(name, fontsize=9)
        ax.axis("off")
    figure.savefig(Path(__file__).parent / "images" / "renderer.png", dpi=110)


if __name__ == "__main__":
    main()
