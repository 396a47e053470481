"""``isotropy frames``: what principal axes make of a cloud of points, before a model is built on them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from isotropy.cli._app import commands
from isotropy.cli._options import examples, print_table
from isotropy.errors import SchemaError

frames = commands("frames", "Axes, ties and number of poses of clouds of points.")


@frames.command(
    "check",
    short_help="Axes, ties, number of frames and exactness for the clouds of a file.",
    epilog=examples("isotropy frames check molecules.xyz", 'isotropy frames check clouds.npz --groups "SO(2)"'),
)
def check(
    file: Annotated[Path, typer.Argument(help="Structures as .xyz, or points as .npz with one array (n, d).")],
    group: Annotated[
        str, typer.Option("--groups", "--group", help='O(d), SO(d), E(d) or SE(d), e.g. "E(3)".')
    ] = "E(3)",
) -> None:
    """Axes, ties, number of frames and exactness of frame averaging for the clouds of a file."""
    from isotropy.frames import PCAFrame, portrait

    frame = PCAFrame(group)
    table = Table("cloud", "points", "spread along axes", "tied axes", "smallest gap", "frames", "error", box=None)
    for name, x in _clouds(file):
        seen = portrait(x, frame)
        ties = [c for c in dict.fromkeys(seen.clusters) if seen.clusters.count(c) > 1]
        tied = " ".join("=".join(str(i + 1) for i, c in enumerate(seen.clusters) if c == tie) for tie in ties)
        table.add_row(
            name,
            str(seen.points),
            " ".join(f"{spread:.3g}" for spread in seen.spreads),
            tied or "none",
            f"{seen.gap:.2g}",
            f"{seen.frames}{'' if seen.exact else ' drawn'}",
            f"{seen.error:.1e}",
        )
    print_table(table)


def _clouds(file: Path) -> list[tuple[str, Any]]:
    if file.suffix == ".xyz":
        from isotropy.data import read_xyz

        return [(s.comment[:40] or f"{i}", s.positions) for i, s in enumerate(read_xyz(file), 1)]
    if file.suffix != ".npz":
        raise SchemaError(f"{file.name}", "a file .xyz or .npz")
    import torch

    from isotropy.data.parts import open_archive

    with open_archive(file) as arrays:
        if any(arrays[name].ndim != 2 or arrays[name].dtype.kind != "f" for name in arrays.files):
            raise SchemaError(f"{file.name} with {arrays.files}", "arrays (n, d) of floating-point numbers")
        return [(name, torch.from_numpy(arrays[name])) for name in arrays.files]
