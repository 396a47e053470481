"""What convolutions over groups of pictures cost: a training step beside a plain network, and sums over the group.

    python benchmarks/lie_convolution.py [--only networks|sums] [--dims 40] [--batch 32]

One process, one thread, seconds of the processor.
"""

import argparse
import time

import numpy as np
import torch
from _measuring import seconds
from torch import nn

from isotropy.groups import GLPlus, Window
from isotropy.groups.parts import matrix
from isotropy.nn import GroupConv, GroupResNet
from isotropy.optics import measure_peak


def networks(dims: int, batch: int, samples: int = 10, side: int = 40) -> None:
    """One training step of GroupResNet beside a plain network of as many weights: seconds, and bytes at the peak."""
    torch.manual_seed(0)
    x, y = torch.rand(batch, 1, side, side), torch.randint(10, (batch,))
    made = {
        f"GroupResNet{', separable' if separable else ''}": GroupResNet(
            "SL(2)", (dims, dims), samples, separable=separable
        )
        for separable in (True, False)
    }
    weights = sum(p.numel() for p in made["GroupResNet"].parameters())
    width = 4
    while sum(p.numel() for p in plain(width + 1).parameters()) <= weights:
        width += 1
    for name, net in {f"plain, {width} channels": plain(width), **made}.items():

        def step(net: nn.Module = net) -> None:
            net.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()

        peak, began = measure_peak(step), time.process_time()
        step()
        once = time.process_time() - began
        told = f"{sum(p.numel() for p in net.parameters())} weights, step {once:.2f} s, peak {peak / 1e9:.2f} GB"
        for conv in net.modules():
            if isinstance(conv, GroupConv):
                given, cells = conv.sampler(), (conv.kernel_size * conv.points) ** 2
                build = seconds(lambda c=conv, g=given: c.weight(g, g, x), 2)
                count = len(given) * (len(given) + cells) if conv.separable else len(given) ** 2 * cells
                told += f"; one kernel {build:.3f} s, {count} evaluations"
                break
        print(f"{name}: {told}")


def plain(width: int) -> nn.Module:
    """Six convolutions of 5 x 5, the maximum over space and the same head."""
    convs = [layer for _ in range(5) for layer in (nn.Conv2d(width, width, 5, padding=2), nn.GELU())]
    head = nn.Sequential(nn.Linear(width, 256), nn.GELU(), nn.Linear(256, 10))
    return nn.Sequential(nn.Conv2d(1, width, 5), nn.GELU(), *convs, nn.AdaptiveMaxPool2d(1), nn.Flatten(), head)


def sums(repeats: int = 10) -> None:
    """Two sides of one equivariance on GL+(2) (specification 02 §5.4) by sums: how far apart, in what time."""
    group, C = GLPlus(2), torch.tensor([[1.2, 0.3], [-0.2, 0.9]], dtype=torch.float64)
    window = Window(group, 0.4, compact="haar")

    def signal(B: torch.Tensor) -> torch.Tensor:
        traces = B.square().sum((1, 2)) + torch.linalg.inv(B).square().sum((1, 2))
        return (-(traces - 4) / 2).exp() * (1 + 0.5 * B[:, 0, 1].sin())

    def kernel(D: torch.Tensor) -> torch.Tensor:
        return (-(D - torch.eye(2)).square().sum((1, 2)) / 0.72).exp() * torch.linalg.det(D).square()

    for name, weighted, rule in (("no weights", False, "mc"), ("independent", True, "mc"), ("Sobol", True, "sobol")):
        for n in (100, 1024, 16384):

            def both(seed: int, n: int = n, rule: str = rule, weighted: bool = weighted) -> tuple[float, float]:
                g, log_weight = window.weighted(n, torch.Generator().manual_seed(seed), rule)
                weight = log_weight.exp() if weighted else torch.ones_like(log_weight)
                B = matrix(g)
                left, right = signal(torch.linalg.inv(C) @ B) * kernel(B), signal(B) * kernel(C @ B)
                return float((weight * left).mean()), float((weight * right).mean())

            pairs = np.array([both(seed) for seed in range(repeats)])
            error = np.sqrt(np.square(pairs[:, 0] - pairs[:, 1]).mean()) / pairs.mean()
            took = seconds(lambda b=both: b(0))
            print(f"{name}, {n} draws: error {error:.2%}, {1e3 * took:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", choices=("networks", "sums"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.only in (None, "sums"):
        sums()
    if given.only in (None, "networks"):
        networks(given.dims, given.batch)


if __name__ == "__main__":
    main()
