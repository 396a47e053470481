"""What the first use costs: processor time of a fresh process, beside that of ``import torch`` alone.

    python benchmarks/imports.py [--repeat 5]

The target is at most torch's own time and one second for ``isotropy.discover``. Each line is the median over fresh
processes, the lines taken in turns so that a busy spell falls on all of them. The start of Python is not counted
(``cli --help`` is a whole command, from which the same start is taken off). Exit code 0 whether or not it is met.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

LINES = {
    "import torch": "import torch",
    "import isotropy": "import isotropy",
    "isotropy.discover": "import isotropy; isotropy.discover",
    "isotropy.audit": "import isotropy; isotropy.audit",
    "isotropy.compare": "import isotropy; isotropy.compare",
    "isotropy.cli --help": "import sys; sys.argv = ['isotropy', '--help']; from isotropy.cli import main; main()",
}
SLACK = 1.0  # seconds over torch that ``isotropy.discover`` may take


def seconds(line: str) -> float:
    """Processor time of a fresh process that runs one line and ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", line], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    for line in LINES.values():  # compiles what is not compiled, and brings the files into memory
        seconds(line)
    taken: dict[str, list[float]] = {name: [] for name in ("", *LINES)}
    for _ in range(repeat):
        for name in taken:
            taken[name].append(seconds(LINES.get(name, "pass")))
    start = statistics.median(taken.pop(""))
    cost = {name: statistics.median(found) - start for name, found in taken.items()}
    torch = cost["import torch"]
    print(f"{'':20s} {'seconds':>8s} {'x torch':>8s} {'over torch':>11s}")
    for name, found in cost.items():
        print(f"{name:20s} {found:8.2f} {found / torch:8.2f} {found - torch:+11.2f}")
    over = cost["isotropy.discover"] - torch
    print(f"isotropy.discover: {over:.2f} s over torch, {'within' if over <= SLACK else 'MORE THAN'} the {SLACK:g} s")


if __name__ == "__main__":
    main()
