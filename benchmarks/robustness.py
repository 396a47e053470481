"""What happens to broken files and words: refused in a message, or a traceback, a crash, a hang, a file harmed?

python benchmarks/robustness.py [--commands | --kills 20] --seconds 60 [--only NAME,...] [--seed 0] [--out DIR]

Each reader of files (``_broken_readers.py``), or each command (``_broken_commands.py``), is given small whole files,
damaged (``_broken.py``) over and over for so many seconds, in a process of its own. What counts: input that is
accepted, an ``IsotropyError`` or ``OSError``, which the command line turns into a message, and everything else, which
is a fault; a command that is still at work after 20 seconds is stopped and is none. Inputs of faults are kept in DIR.

With ``--kills`` each command that may take long is killed so often, at random moments, resumed, and compared with a
run that nobody disturbed; its folder is used twice, and the disk is full (``_killed.py``).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from _broken import damaged
from _broken_commands import commands
from _broken_readers import Reader, readers
from _killed import VERBS, kills

PATIENCE = 20  # seconds for one small file, which takes milliseconds when it is whole
FINE = ("accepted", "refused", "stopped")
FAULTS = ("traceback", "without words", "hang", "crash", "harmed")
MEMORY = 6 * 2**30  # bytes that a process may ask for: a header must not decide how much is allocated


class Hang(Exception):
    """A reading that did not end in time."""


def state(folder: Path) -> dict[str, str]:
    """The digest of every file in a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def attempt(reader: Reader, whole: Path, folder: Path, seed: str) -> tuple[str, str]:
    """One damaged copy, read: what came of it, and the traceback of a fault."""
    from isotropy.errors import IsotropyError

    rng = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    files = sorted(path for target in reader.targets for path in folder.rglob(target) if path.is_file())
    path = rng.choice(files)
    path.write_bytes(damaged(path.read_bytes(), path.name, rng))
    before, here = state(folder), os.getcwd()
    signal.alarm(PATIENCE)
    try:
        reader.read(folder)
        came, why = "accepted", ""
    except IsotropyError as error:
        came, why = ("refused", "") if error.given and error.expected else ("without words", repr(error))
    except OSError as error:
        came, why = ("refused", "") if error.filename is not None else ("traceback", traceback.format_exc())
    except Hang:
        came, why = ("stopped", "") if reader.makes else ("hang", traceback.format_exc())
    except BaseException:
        came, why = "traceback", traceback.format_exc()
    finally:
        signal.alarm(0)
        os.chdir(here)
    after = state(folder)
    made = set() if reader.makes else set(after) - set(before)
    harmed = made or any(after.get(name) != digest for name, digest in before.items())
    return ("harmed", f"{came}, and files changed") if harmed else (came, why)


def sweep(name: str, reader: Reader, seconds: float, seed: int, out: Path) -> Counter[str]:
    """Damage after damage in child processes; a child that dies is a crash, and the next one goes on behind it."""
    counts: Counter[str] = Counter()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as space:
        whole, log = Path(space) / "whole", Path(space) / "log"
        whole.mkdir()
        reader.write(whole)
        shutil.copytree(whole, Path(space) / "once")
        reader.read(Path(space) / "once")  # what is whole must be readable, or the sweep tells nothing
        os.chdir(here)
        began, tries = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            log.write_text("")
            child = os.fork()
            if child == 0:
                _child(name, reader, Path(space), seed, tries, began + seconds, out)
            _, status = os.waitpid(child, 0)
            lines = log.read_text().splitlines()
            counts.update(lines)
            tries += len(lines)
            if status != 0:
                counts["crash"] += 1
                keep(out, name, tries, Path(space) / "damaged", f"the process ended with status {status}")
                tries += 1
    return counts


def _child(name: str, reader: Reader, space: Path, seed: int, first: int, end: float, out: Path) -> None:
    """Tries until time is over, each counted in the log as it ends; never returns."""

    def ring(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    k = first
    with open(space / "log", "a", buffering=1) as log:
        while time.monotonic() < end:
            came, why = attempt(reader, space / "whole", space / "damaged", f"{seed}/{name}/{k}")
            if came not in FINE:
                keep(out, name, k, space / "damaged", why)
            log.write(came + "\n")
            k += 1
    os._exit(0)


def keep(out: Path, name: str, number: int, folder: Path, why: str) -> None:
    """A fault, to be looked at: the files and the traceback, once for each place and class of error."""
    lines = [line for line in why.strip().splitlines() if "^" not in line]
    key = hashlib.sha256("".join([lines[-1].partition(":")[0], *lines[-3:-1]]).encode()).hexdigest()[:8]
    place = out / f"{''.join(c if c.isalnum() else '-' for c in name)}-{key}"
    if not place.exists():
        shutil.copytree(folder, place / "files")
        (place / "why.txt").write_text(f"{name}, try {number}\n{why}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", action="store_true", help="command lines in place of readers")
    parser.add_argument("--kills", type=int, default=0, help="so many SIGKILLs of each long command")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader")
    parser.add_argument("--only", default="", help="parts of readers' names, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/robustness"))
    asked = parser.parse_args()
    os.environ["ISOTROPY_CACHE"] = "off"
    words = [word for word in asked.only.split(",") if word]
    if asked.kills:
        faults = [told(name, asked.kills, asked.seed) for name in VERBS if not words or name in words]
        sys.exit(int(any(faults)))
    known = commands() if asked.commands else readers()
    chosen = {n: one for n, one in known.items() if not words or any(word in n for word in words)}
    total: Counter[str] = Counter()
    print(f"| {'command' if asked.commands else 'reader'} | tried | {' | '.join(FINE + FAULTS)} |")
    print(f"|{'---|' * (2 + len(FINE + FAULTS))}")
    for name, reader in chosen.items():
        counts = sweep(name, reader, asked.seconds, asked.seed, asked.out)
        total.update(counts)
        print(row(name, counts), flush=True)
    print(row("all", total))
    sys.exit(int(any(total[kind] for kind in FAULTS)))


def told(name: str, number: int, seed: int) -> bool:
    """Prints what went wrong with one verb, if anything did."""
    faults = list(kills(name, number, seed))
    print(f"{name}: {number} kills, {'; '.join(faults) or 'same answers'}", flush=True)
    return bool(faults)


def row(name: str, counts: Counter[str]) -> str:
    """A line of the table."""
    return f"| {name} | {sum(counts.values())} | {' | '.join(str(counts[kind]) for kind in FINE + FAULTS)} |"


if __name__ == "__main__":
    main()
