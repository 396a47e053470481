"""The renderer on one core: pictures a second by size, and what more pixels, triangles and other renderers cost.

    python benchmarks/render.py

Processor seconds; ratios are of one process. The bar is 250 pictures a second of 64 pixels with 2 x 2 supersampling and
2000 triangles; four times the pixels may cost 4.6 times, ten times the triangles 9 times as much.
"""

from __future__ import annotations

import importlib.util

import torch
from _measuring import allocated, seconds
from torch import Tensor

from isotropy.data.render import Scene, latents, normalised
from isotropy.random import spawn

N = 20


def ball(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """A bumpy ball of about 2 rows columns triangles."""
    u = torch.linspace(0.05, torch.pi - 0.05, rows + 1, dtype=torch.float64)
    v = torch.linspace(0, 2 * torch.pi, columns + 1, dtype=torch.float64)[:-1]
    u, v = (x.flatten() for x in torch.meshgrid(u, v, indexing="ij"))
    r = 1 + 0.2 * (3 * u).sin() * (2 * v).cos()
    vertices = r[:, None] * torch.stack([u.sin() * v.cos(), u.sin() * v.sin(), u.cos()], -1)
    i, j = (x.flatten() for x in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))
    a, b = i * columns + j, i * columns + (j + 1) % columns
    faces = torch.cat([torch.stack([a, a + columns, b], -1), torch.stack([b, a + columns, b + columns], -1)])
    return normalised(vertices), faces


def main() -> None:
    torch.set_num_threads(1)
    views = latents.sample(N, generator=spawn(0, "views"))
    meshes = {2000: ball(25, 40), 20000: ball(100, 100)}
    took: dict[tuple[int, int, int], float] = {}
    print("size  supersample  triangles  pictures a second")
    for size, supersample, triangles in (
        (32, 2, 2000), (64, 1, 2000), (64, 2, 2000), (128, 1, 2000), (128, 2, 2000), (64, 2, 20000)
    ):  # fmt: skip
        scene = Scene(meshes[triangles], size, supersample)
        took[size, supersample, triangles] = spent = seconds(lambda scene=scene: scene.render(views), 3) / N
        print(f"{size:4}  {supersample:11}  {triangles:9}  {1 / spent:8.0f}")
    base = took[64, 2, 2000]
    print(f"four times the pixels: {took[128, 2, 2000] / base:.2f} x (bar 4.6)")
    print(f"ten times the triangles: {took[64, 2, 20000] / base:.2f} x (bar 9)")
    scene = Scene(meshes[2000], 64)
    few, many = (allocated(lambda n=n: scene.render(views[:1].expand(n, 7))) for n in (10, 40))
    pictures = 30 * 3 * 64 * 64
    print(f"memory of 40 pictures beyond that of 10 and beyond the pictures: {(many - few - pictures) / 2**20:.2f} MiB")
    if importlib.util.find_spec("mujoco"):
        other = Scene(meshes[2000], 64, backend="mujoco")
        rate = N / seconds(lambda: other.silhouette(views), 2)
        print(f"MuJoCo, silhouettes and depths of 64 pixels: {rate:.0f} a second")


if __name__ == "__main__":
    main()
