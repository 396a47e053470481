"""What solving for equivariant bases costs: all maps between tensors of rank <= 3 in three dimensions, four groups.

    python benchmarks/equivariant_basis.py [--repeat 3]

Targets of §3.7: < 1 s cold, < 10 ms cached. Cold is a fresh process with an empty folder of solved bases; disk is
another fresh process that finds that folder full; memory is the same question asked again in that process. Times are
without the imports. All runs are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

GROUPS = ("O(3)", "O(2)@z", "O(2)@x", "O(2)@y")
RANKS = range(4)
TARGETS = {"cold": 1.0, "disk": 0.01, "memory": 0.01}


def ask() -> dict[str, float]:
    """Seconds for all bases with their maps, the first and the second time in this process."""
    import torch

    from isotropy.reps import Scalar, Tensor, Vector, equivariant_basis

    torch.set_num_threads(1)
    types = {0: Scalar, 1: Vector, **{rank: Tensor(rank) for rank in RANKS if rank > 1}}
    seconds: list[float] = []
    dims: list[int] = []
    for _ in range(2):
        began = time.perf_counter()
        maps = [equivariant_basis(types[p], types[q], G).maps for G in GROUPS for p in RANKS for q in RANKS]
        seconds.append(time.perf_counter() - began)
        dims.append(sum(len(found) for found in maps))
    assert dims[0] == dims[1]
    return {"first": seconds[0], "second": seconds[1], "maps": dims[0]}


def fresh(cache: str) -> dict[str, float]:
    """The same in a process of its own."""
    environment = {**os.environ, "ISOTROPY_CACHE": cache}
    command = [sys.executable, __file__, "--ask"]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.ask:
        print(json.dumps(ask()))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; one thread")
    print(f"d=3, ranks <= {max(RANKS)}: {len(RANKS) ** 2} pairs of ranks for each of {', '.join(GROUPS)}")
    for _ in range(wanted.repeat):
        with tempfile.TemporaryDirectory() as cache:
            cold, disk = fresh(cache), fresh(cache)
        assert cold["maps"] == disk["maps"]
        print(f"\n{cold['maps']:.0f} maps")
        for name, value in (("cold", cold["first"]), ("disk", disk["first"]), ("memory", disk["second"])):
            target = TARGETS[name]
            met = "met" if value < target else "NOT met"
            print(f"  {name:7s}{1e3 * value:9.2f} ms   target < {1e3 * target:.0f} ms: {met} ({value / target:.2f})")


if __name__ == "__main__":
    main()
