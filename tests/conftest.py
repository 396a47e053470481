"""Shared by all tests: one thread per process, the same examples each time, and the folder of real data."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import typechecker
from rooms import Rooms

torch.set_num_threads(1)
# Products on the sphere choose their form by what was measured on one machine, so that results are the recorded ones.
os.environ["ISOTROPY_COSTS"] = "shipped"
# A shell lets what it starts in the background ignore Ctrl-C, and their children too; here it must interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The gate is the same on every machine; HYPOTHESIS_PROFILE=default searches with fresh examples.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """Layers without a generator start from torch's global one."""
    torch.manual_seed(0)


def pytest_runtest_setup() -> None:
    typechecker.begin()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Rooms(config), "rooms")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it skip, with the reason, where there is none."""
    folder = os.environ.get("ISOTROPY_DATA") or str(Path(__file__).parents[2] / "shared" / "data")
    if not Path(folder).is_dir():
        pytest.skip(f"no real data: ISOTROPY_DATA names no folder ({folder})")
    os.environ["ISOTROPY_DATA"] = folder
    return Path(folder)
