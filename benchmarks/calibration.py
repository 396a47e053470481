"""How often ``discover`` errs where the truth is known: size, wrong words and coverage, by counting over seeds.

    python benchmarks/calibration.py [--sets 200] [--coverage 50] [--only orbit] [--out calibration.json]

Four routes lead to a verdict: whole orbits, windows, refits, blocks of a series; on a fifth the candidates are
proposed first, and an error about any of them counts. On each, sets with an exact symmetry
are judged as ``discover`` judges them (kernels, five halvings of the data): how often is the p-value at most 0.05, how
often does the interval miss 0, how often is a word of the broken ones said? Then shares that are known, at three levels
of noise, by two learners: how often do the ends cover them? Prints the tables of docs/results/calibration.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "discovery"))
from calibrating import LEARNERS, NOISES, ROUTES, SHARES, coverage_of, size_of


def _share(count: int, of: int) -> str:
    return f"{100 * count / max(of, 1):.1f} %"


def _told(words: Counter[str]) -> str:
    return ", ".join(f"{word} {count}" for word, count in words.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200, help="null sets of each route")
    parser.add_argument("--coverage", type=int, default=50, help="sets for each share, noise and learner")
    parser.add_argument("--only", action="append", choices=[*ROUTES, "coverage"])
    parser.add_argument("--out", type=Path, help="the counts as JSON, too")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    only, kept = wanted.only or [*ROUTES, "coverage"], {}
    print("| route | sets | on it | p <= 0.05 | on it | interval misses 0 | said to be broken | words | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in (name for name in ROUTES if name in only):
        size = size_of(name, range(wanted.sets))
        kept[name] = vars(size)
        figures = " | ".join(_share(count, size.sets) for count in (size.missed, size.broken))
        tests = f"{_share(size.rejected, size.sets)} | {_share(size.rejected_on_route, size.on_route)}"
        words = _told(size.words)
        print(
            f"| {name} | {size.sets} | {size.on_route} | {tests} | {figures} | {words} | {size.seconds:.0f} |",
            flush=True,
        )
    if "coverage" in only:
        print(
            "\n| learner | truth | noise | explained | found | covered | above | below | with worst | wrong | words |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for (learner, kernel), share, noise in product(LEARNERS.items(), SHARES, NOISES):
            c = coverage_of(share, noise, kernel, range(wanted.coverage))
            kept[f"{learner}, {share}, {noise}"] = vars(c)
            figures = " | ".join(_share(count, c.sets) for count in (c.covered, c.above, c.below, c.worst, c.wrong))
            print(
                f"| {learner} | {share} | {noise:.0f} | {c.explained:.2f} | {c.breaking:.3f} | {figures} "
                f"| {_told(c.words)} |",
                flush=True,
            )
    if wanted.out:
        wanted.out.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
