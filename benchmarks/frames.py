"""What wrapping a network costs: time and memory of frame averaging over the bare PointNet, and its error, by peers.

    python benchmarks/frames.py            # (32, 1024, 3), a few minutes on one core
    python benchmarks/frames.py --quick    # (8, 256, 3)

Prints medians over interleaved repetitions in one process, after a warm-up, and ratios to the bare network. Targets
(specification 03, §5.9): chunk=1 peaks at most 1.3 times the network alone, eight frames take at most 9 times as long,
one frame at most 1.3 times. The peer is frame-averaging-pytorch 0.1.2, which only this file needs:
``pip install -c constraints.txt --no-deps frame-averaging-pytorch==0.1.2 einops``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from isotropy.errors import NonDeterministicError
from isotropy.experiments.peers import PointNet
from isotropy.frames import FrameAveraged, HaarFrame, MDSFrame, PCAFrame
from isotropy.groups import E, Group, O, Window
from isotropy.measure import equivariance_error
from isotropy.random import spawn
from isotropy.reps import Cloud, Point, Vector

# Freed tensors go back to the system at once, so that the resident peak is the peak of what is alive.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
Run = Callable[[Tensor], Tensor]


def networks(net: nn.Module) -> dict[str, Run]:
    """The bare network, and everything that wraps it, in eval mode."""

    def frames(**how: object) -> Run:
        return FrameAveraged(net, PCAFrame("E(3)"), Cloud(Point), Cloud(Vector), **how).eval()  # type: ignore[arg-type]

    one = FrameAveraged(net, PCAFrame("E(3)"), Cloud(Point), Cloud(Vector), "stochastic")
    found: dict[str, Run] = {
        "bare": net,
        "8 frames": frames(),
        "8 frames, chunk=1": frames(chunk=1),
        "one canonical frame": FrameAveraged(net, MDSFrame("E(3)"), Cloud(Point), Cloud(Vector)).eval(),
        "one drawn frame": drawn(one, net),
        "8 Haar draws": FrameAveraged(net, HaarFrame("O(3)", 8, seed=0), Cloud(Vector), Cloud(Vector)).eval(),
        "100 Haar draws, chunk=8": FrameAveraged(
            net, HaarFrame("O(3)", 100, seed=0), Cloud(Vector), Cloud(Vector), chunk=8
        ).eval(),
    }
    peer = peers(net)
    return found | peer


def drawn(one: FrameAveraged, net: nn.Module) -> Run:
    """A drawn frame is for training: the wrapper in train mode, around a network that stays in eval mode."""

    def run(x: Tensor) -> Tensor:
        one.train()
        net.eval()
        return one(x)

    return run


def peers(net: nn.Module) -> dict[str, Run]:
    """frame-averaging-pytorch, if it is installed."""
    try:
        from frame_averaging_pytorch import FrameAverage
    except ImportError:
        print("frame-averaging-pytorch is not installed: its rows are left out (see the top of this file)\n")
        return {}
    warnings.simplefilter("ignore")  # those of the peer's indexing
    return {
        "peer, 8 frames": FrameAverage(net, dim=3).eval(),
        "peer, one drawn frame": FrameAverage(net, dim=3, stochastic=True).eval(),
    }


def seconds(runs: dict[str, Run], x: Tensor, repetitions: int) -> dict[str, float]:
    """Medians over repetitions in which all take their turn."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(-1, repetitions):  # the first is warm-up
        for name, run in runs.items():
            begin = time.perf_counter()
            run(x)
            if repetition >= 0:
                found[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in found.items()}


def peak(run: Callable[[], object]) -> float:
    """MiB of resident memory that one call needs above what was there before."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


def _status(key: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))


def trained(run: Run, x: Tensor) -> None:
    run(x).square().mean().backward()


def errors(runs: dict[str, Run]) -> None:
    """Relative equivariance error in float64, with rotations alone and with translations, on clouds and on a cube."""
    clouds = torch.randn(16, 64, 3, generator=spawn(0, "clouds"), dtype=torch.float64)
    corner = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    cube = torch.cartesian_prod(corner, corner, corner).expand(4, -1, -1)
    cases = (
        ("O(3)", O(3), clouds, Cloud(Vector)),
        ("E(3)", Window(E(3), width=1.0), clouds, Cloud(Point)),
        ("O(3), cube", O(3), cube, Cloud(Vector)),
    )
    print(f"\n{'equivariance error (float64)':28s}" + "".join(f"{case[0]:>16s}" for case in cases))
    for name, run in runs.items():
        if "drawn frame" not in name:
            print(f"{name:28s}" + "".join(f"{error(run, *case[1:]):>16s}" for case in cases))


def error(run: Run, group: Group | Window, x: Tensor, rep: Cloud) -> str:
    """The relative error of vectors at points, or that the value at one cloud depends on the others of the batch."""
    try:
        return f"{equivariance_error(run, group, x, rep, Cloud(Vector), n=8).mean:.1e}"
    except NonDeterministicError:
        return "no function"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    if any(os.environ.get(key) != value for key, value in _ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | _ALLOCATOR)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = PointNet(divide=4).eval()
    shape = (8, 256, 3) if quick else (32, 1024, 3)
    x = torch.randn(*shape, generator=spawn(0, "x"))
    runs = networks(net)
    with torch.no_grad():
        times = seconds(runs, x, 5)
        memory = {name: peak(lambda run=run: run(x)) for name, run in runs.items()}
    learning = {name: peak(lambda run=run: trained(run, x)) for name, run in runs.items() if "Haar" not in name}
    print(f"{shape!s:28s} {'ms':>9s} {'ratio':>7s} {'MiB':>8s} {'ratio':>7s} {'MiB, backward':>14s} {'ratio':>7s}")
    for name in runs:
        text = f"{name:28s} {1e3 * times[name]:9.1f} {times[name] / times['bare']:7.2f}"
        text += f" {memory[name]:8.1f} {memory[name] / memory['bare']:7.2f}"
        if name in learning:
            text += f" {learning[name]:14.1f} {learning[name] / learning['bare']:7.2f}"
        print(text)
    with torch.no_grad():
        errors(networks(PointNet(divide=16).double().eval()))


if __name__ == "__main__":
    main()
