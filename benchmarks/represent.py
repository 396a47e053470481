"""Latent simulators and a training step: what they take of time and memory.

    python benchmarks/represent.py

At B = D = 1024 in single precision a (B, D, D) tensor has 4 GiB; the bars are 60 MB of new storage for the linear
predictor, 200 MB for the exact one, and half a second for a step of the small configuration on two idle cores.
"""

from __future__ import annotations

import time

import torch
from _measuring import allocated, seconds

from isotropy.data.render import MultiViewDataset, latents
from isotropy.random import spawn
from isotropy.represent import HyperPredictor, train_representation

SIZE = 1024


def main() -> None:
    torch.set_num_threads(2)
    views = latents.sample(SIZE, generator=spawn(0, "views"))
    g = latents.relative(views, views.roll(1, 0)).float()
    y = torch.randn(SIZE, SIZE, generator=spawn(0, "y"))
    print("kind          parameters  new storage, MB  seconds")
    for kind, bar in (("linear", 60), ("homomorphism", 200)):
        predictor = HyperPredictor(SIZE, kind=kind).requires_grad_(False)
        size = sum(parameter.numel() for parameter in predictor.parameters())
        taken = allocated(lambda predictor=predictor: predictor(y, g)) / 1e6
        spent = seconds(lambda predictor=predictor: predictor(y, g), 2)
        print(f"{kind:12}  {size:10,}  {taken:8.0f} (bar {bar})  {spent:7.2f}")
        del predictor
    poses = latents.sample(256 * 4, generator=spawn(0, "poses")).reshape(256, 4, 7)
    images = torch.randint(256, (256, 4, 3, 32, 32), generator=spawn(0, "images"), dtype=torch.uint8)
    data = MultiViewDataset(images, poses, torch.arange(256) % 12)
    for method, settings in (("split", {"kind": "linear"}), ("split", {"kind": "homomorphism"}), ("vicreg", {})):
        train_representation(data, method, steps=1, **settings)
        began = time.process_time()
        train_representation(data, method, steps=5, **settings)
        spent = (time.process_time() - began) / 5
        print(f"a step of {method} {settings.get('kind', '')}: {spent:.2f} processor seconds (bar 0.5 s of two cores)")


if __name__ == "__main__":
    main()
