"""A discovery on pictures of a folder, in a process of its own: how long it takes, and what it holds at its peak."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE = 32
_ASKED = """
import json, resource, sys, time
import isotropy
from isotropy.data import read_pictures
import isotropy.discovery._picture_jobs, sklearn.ensemble

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before, began = peak(), time.process_time()
pictures = read_pictures(sys.argv[1])
read, reading = peak(), time.process_time() - began
isotropy.discover(pictures, groups="SO(2)", quick=True, progress=False)
print(json.dumps({"bytes": pictures.x.numel(), "before": before, "read": read, "peak": peak(), "reading": reading,
                  "whole": time.process_time() - began}))
"""


def folder(count: int, home: Path) -> Path:
    """Two classes of pictures in colour, whose left or right half is the brighter one."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for k in range(count):
        pixels = draw.integers(0, 128, (SIDE, SIDE, 3), dtype=np.uint8)
        half = slice(0, SIDE // 2) if k % 2 else slice(SIDE // 2, SIDE)
        pixels[:, half] += 100
        place = home / str(count) / ("left" if k % 2 else "right")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{k:05}.png", compress_level=1)
    return home / str(count)


def measured(count: int) -> dict[str, float]:
    """Bytes and processor seconds of reading so many pictures, and of asking about turns."""
    with tempfile.TemporaryDirectory() as home:
        where = folder(count, Path(home))
        done = subprocess.run([sys.executable, "-c", _ASKED, str(where)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
