"""The seconds that timings count."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.utils.benchmark import timer


def clock(device: str) -> Callable[[], float]:
    """On the CPU the seconds of this process, which other programs disturb less than those of the wall.

    On accelerators those of the wall, once all work there is done.

    >>> clock("cpu") is time.process_time
    True
    """
    return time.process_time if torch.device(device).type == "cpu" else timer
