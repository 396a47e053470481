"""Every command with small whole files, its words and its files to be damaged alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _broken_readers import Reader, write_graphs, write_request, write_run, write_table, write_xyz

WORDS_OF = "argv.txt"


def _said(words: str, *writes: Callable[[Path], Any]) -> Reader:
    """A command line, one word a line in a file beside its data, so that it is broken as files are."""

    def write(folder: Path) -> None:
        for one in writes:
            one(folder)
        (folder / WORDS_OF).write_text("\n".join(words.split(" ")) + "\n")

    return Reader(write, _type, makes=True)


def _type(folder: Path) -> None:
    """The command as it is typed in that folder; what it refuses raises, as it does for readers."""
    from isotropy.cli import app
    from isotropy.errors import IsotropyError

    words = (folder / WORDS_OF).read_text(errors="replace").replace("\x00", "").splitlines()
    os.chdir(folder)
    try:
        app(words, standalone_mode=True)
    except SystemExit as ended:
        if ended.code not in (0, None):
            if ended.code != 2:
                raise
            raise IsotropyError("words or files", "others") from None


def _poses(folder: Path) -> None:
    body = np.random.default_rng(0).normal(size=(40, 3))
    moved = body.copy()
    moved[20:] = moved[20:] @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]) + 1
    np.savez(folder / "poses.npz", rest=body, bent=moved)


def _model(folder: Path) -> None:
    (folder / "model.py").write_text("def net(x):\n    return x[:, :1]\n")


def commands() -> dict[str, Reader]:
    """By what they are called."""
    table = "a.csv --schema schema.yaml --quick --engine serial"
    return {
        "schema init": _said("schema init a.csv --out out/a.yaml", write_table),
        "discover a table": _said(f"discover {table} --groups O(2)@z --out out/a", write_table),
        "discover parts": _said("discover poses.npz --parts --out out/p", _poses),
        "audit": _said("audit model:net a.csv --schema schema.yaml --groups O(3) --out out/b", write_table, _model),
        "compare": _said(f"compare {table} --groups O(3) --methods plain --out out/c", write_table),
        "symmetries": _said("symmetries u_t=u_xx --out out/s"),
        "graphs cost": _said("graphs cost g.npz --k 2", write_graphs),
        "frames check": _said("frames check m.xyz --group E(3)", write_xyz),
        "show": _said("show run", write_run),
        "datasets": _said("datasets list"),
        "federate": _said("federate sites.yaml --out out/f", write_request),
        "forcefield train": _said("forcefield train m.xyz --out out/ff --time 2s --valid 0.25", write_xyz),
        "reproduce": _said("reproduce optics --part laws --out out/r"),
    }
