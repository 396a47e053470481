"""What is called conserved, over seeds: false and missed quantities, drifts beside floors, bounds beside drifts.

    python benchmarks/dynamics.py --seeds 20 --out docs/results/dynamics.md

Each motion has a known truth. Rank correlations are those with the true quantity, on 500 states not seen; "floor"
is the drift of a generator that is no symmetry over that of the quantity; "bound" that of the measured bound over the
drift of that generator, median over tracks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from scipy.stats import spearmanr

from isotropy.data.synthetic import Kepler, Motion, Oscillator
from isotropy.dynamics import laws_of, trajectories_of
from isotropy.random import spawn

SIZE = {"tracks": 20, "steps": 20}


def motions(seed: int) -> dict[str, Motion]:
    """The cases of one seed."""
    return {
        "Kepler, hidden by a shear": Kepler(shear=0.5, seed=seed, **SIZE),
        "the same, noise of 0.5 %": Kepler(shear=0.5, noise=0.005, seed=seed, **SIZE),
        "Kepler with friction": Kepler(friction=0.1, seed=seed, **SIZE),
        "oscillator of two frequencies": Oscillator(seed=seed, **SIZE),
        "the same, noise of 1 %": Oscillator(noise=0.01, seed=seed, **SIZE),
    }


@dataclass(frozen=True)
class Look:
    """One motion looked at: what was called conserved and is not, what was not and is, and how well all was known."""

    false: int
    missed: int
    ranks: tuple[float, ...]
    floors: tuple[float, ...]
    bound: float
    covered: bool
    seconds: float


def look(motion: Motion) -> Look:
    """The laws of a motion beside its truth."""
    began = time.process_time()
    moments = trajectories_of(motion.dataset())
    found = laws_of(moments)
    seconds = time.process_time() - began
    q, v = replace(motion, tracks=500).start(spawn(0, "others"))
    truth = motion.quantities(q, v)
    kept = {law.name: law for law in found.laws if law.verdict == "conserved"}
    ranks = [float(spearmanr(law.quantity(q, v), truth[name]).statistic) for name, law in kept.items()]
    wrong = found.laws[0].floor
    return Look(
        len(set(kept) - set(motion.conserved)),
        len(set(motion.conserved) - set(kept)),
        tuple(abs(rank) for rank in ranks),
        tuple(law.floor.mean / law.drift.mean for law in kept.values()),
        float((wrong.bound / wrong.each).median()),
        all(bool((law.drift.each <= law.drift.bound).all()) for law in found.laws),
        seconds,
    )


def table(seeds: int) -> str:
    """A line for each motion."""
    lines = [
        "| motion | seeds with something false | with something missed | least rank correlation | least floor / drift "
        "| bound / drift of the floor, median (largest) | bound covers every track | processor seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in motions(0):
        looks = []
        for seed in range(seeds):
            looks.append(look(motions(seed)[name]))
            print(name, seed, looks[-1], flush=True)
        lines.append(f"| {name} | {_row(looks)} |")
    return "\n".join(lines)


def _row(looks: Sequence[Look]) -> str:
    ranks = [rank for each in looks for rank in each.ranks]
    floors = [floor for each in looks for floor in each.floors]
    bounds = torch.tensor([each.bound for each in looks])
    cells = [
        f"{sum(each.false > 0 for each in looks)} of {len(looks)}",
        f"{sum(each.missed > 0 for each in looks)} of {len(looks)}",
        f"{min(ranks):.5f}" if ranks else "-",
        f"{min(floors):.3g}" if floors else "-",
        f"{float(bounds.median()):.2f} ({float(bounds.max()):.2f})",
        "yes" if all(each.covered for each in looks) else "NO",
        f"{sum(each.seconds for each in looks):.0f}",
    ]
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    found = table(asked.seeds)
    found += (
        f"\n\nSeeds 0 to {asked.seeds - 1}, {time.process_time() - began:.0f} s of a processor, on two shared cores."
    )
    print(found)
    if asked.out is not None:
        words = (__doc__ or "").split("\n\n")
        asked.out.write_text(f"# {words[0]}\n\n```\n{words[1].strip()}\n```\n\n{words[2]}\n{found}\n")


if __name__ == "__main__":
    main()
