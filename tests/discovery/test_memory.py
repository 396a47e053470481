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


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Linear(3, 8), nn.Linear(8, 3)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(wide(8) for _ in range(4))

    def forward(self, x):
        x = self.enter(x)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.leave(x)


deep = Deep().double()
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
    with pytest.raises(SchemaError, match="no blocks"):
        memory_look(nn.Linear(8, 8), torch.randn(4, 8))
    with pytest.raises(SchemaError, match="two blocks or more"):
        memory_look([nn.Linear(8, 8)], torch.randn(4, 8))
    assert look.half is not None
    assert max(look.half.measured) == pytest.approx(max(look.half.predicted), rel=0.02)
    several = memory_look([nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)], torch.randn(4, 8))
    assert [one.name for one in several.layers] == ["0 (Linear)", "1 (Tanh)", "2 (Linear)"]


def test_the_command_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "schema.yaml").write_text("x: Vector\ny: Vector\n")
    np.savez(tmp_path / "rows.npz", x=torch.randn(64, 3, dtype=torch.float64), y=torch.randn(64, 3))
    data = [str(tmp_path / "rows.npz"), "--schema", str(tmp_path / "schema.yaml")]
    for model, more in (("mine:net", []), ("mine:deep", ["--blocks", "encoder.layers"])):
        out = tmp_path / model[5:]
        told = CliRunner().invoke(
            app, ["audit", model, *data, "--groups", "SO(3)", "--memory", *more, "--out", str(out)]
        )
        assert told.exit_code == 0, told.output
        assert "keep everything" in " ".join(told.output.split())
        page = (out / "memory.html").read_text()
        assert "What less memory costs" in page
        assert "A plan for" in page
    told = CliRunner().invoke(app, ["audit", "mine:net", *data, "--groups", "SO(3)", "--blocks", "encoder.layers"])
    assert told.exit_code == 2
    assert "without --memory" in " ".join(told.output.split())
