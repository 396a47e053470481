"""What pictures cost: group elements of the plane beside one eigendecomposition of as many matrices.

    python benchmarks/images.py [--count 100000]

One process, one thread, seconds of the processor, the best of five.
"""

import argparse
import time
from collections.abc import Callable

import torch

from isotropy.groups import SL, GLPlus, Window

GOAL = 2.0


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least processor time of several runs, after one to warm up."""
    work()
    found: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(count, 2, 2, generator=generator, dtype=torch.float64)
    against = seconds(lambda: torch.linalg.eigh(A @ A.mT))
    print(f"eigh of {count} symmetric 2x2 matrices: {against:.3f} s")
    for group in (SL(2), GLPlus(2)):
        window = Window(group, 0.6, "logistic", compact="haar")
        work = seconds(lambda g=group, w=window: g.coords(w.draw(count, generator)))
        print(f"{group}: draws and coordinates {work:.3f} s, {work / against:.2f} x (goal {GOAL:g} x)")


if __name__ == "__main__":
    main()
