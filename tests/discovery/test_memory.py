"""audit --memory: what each layer keeps, and the curve of extra time against bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.discovery import MemoryLook, memory_look
from isotropy.errors import SchemaError

MODEL = """
import torch
from torch import nn
torch.manual_seed(0)
wide = lambda n: nn.Sequential(nn.Linear(n, 32), nn.Tanh(), nn.Linear(32, n))
net = nn.Sequential(wide(3), wide(3), wide(3)).double()
"""


def test_less_memory_never_takes_less_time() -> None:
    net = nn.Sequential(*[nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 8)) for _ in range(8)])
    look = memory_look(net, torch.randn(128, 8))
    assert len(look.layers) == 8
    assert look.points[0].recomputed == 0
    assert [p.budget for p in look.points] == sorted((p.budget for p in look.points), reverse=True)
    # Sizes are rounded up to a 500-th of the budget: a little time may be lost to that.
    assert look.points[-1].seconds > look.points[0].seconds
    assert MemoryLook.from_json(look.to_json()) == look
    with pytest.raises(SchemaError, match="blocks='name"):
        memory_look(nn.Linear(8, 8), torch.randn(4, 8))


def test_the_command_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "schema.yaml").write_text("x: Vector\ny: Vector\n")
    np.savez(tmp_path / "rows.npz", x=torch.randn(64, 3, dtype=torch.float64), y=torch.randn(64, 3))
    data = [str(tmp_path / "rows.npz"), "--schema", str(tmp_path / "schema.yaml")]
    arguments = ["audit", "mine:net", *data, "--groups", "SO(3)", "--memory", "--out", str(tmp_path / "run")]
    told = CliRunner().invoke(app, arguments)
    page = tmp_path / "run" / "memory.html"
    assert told.exit_code == 0, told.output
    assert "keep everything" in " ".join(told.output.split())
    assert "What less memory costs" in page.read_text()
