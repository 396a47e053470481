"""``isotropy graphs``: what networks on the subgraphs of somebody's graphs would cost, before one is trained."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from isotropy.cli._app import commands
from isotropy.cli._options import examples, print_table
from isotropy.errors import InfeasibleError, SchemaError, counted

graphs = commands("graphs", "What networks on the subgraphs of your graphs cost.")


@graphs.command(
    "cost",
    short_help="Pairs and bytes of ego networks of each radius, and of whole graphs.",
    epilog=examples("isotropy graphs cost MUTAG", "isotropy graphs cost molecules.npz --k 1,2 --budget 2GB"),
)
def cost_of(
    data: Annotated[str, typer.Argument(help="A set such as MUTAG, a folder of TUDataset, or .npz, .json, .g6.")],
    k: Annotated[str, typer.Option("--k", help="Radii, separated by commas.")] = "1,2,3",
    channels: Annotated[int, typer.Option(help="Channels of each layer.", min=1)] = 16,
    layers: Annotated[int, typer.Option(help="Layers of the network.", min=1)] = 4,
    budget: Annotated[str, typer.Option(help='Memory that one batch may take, e.g. "2GB".')] = "",
    batch: Annotated[int, typer.Option(help="Graphs of a batch; 0: all at once.", min=0)] = 0,
) -> None:
    """What ego networks of each radius cost on these graphs, beside a network on whole graphs, and what for.

    Members, pairs and distinct pairs are counted exactly for all graphs; bytes are the peak of one training step.
    """
    from isotropy.nn.subgraph import cost
    from isotropy.optics.parts import in_words, read_bytes

    radii = [word.strip() for word in k.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in radii):
        raise SchemaError(f"--k {k}", "whole numbers separated by commas, such as 1,2,3")
    edges, of_nodes = _read(data)
    graphs_in = int(of_nodes[-1]) + 1 if len(of_nodes) else 0
    share = batch / graphs_in if 0 < batch < graphs_in else 1.0
    found = cost(edges, of_nodes, k=[int(word) for word in radii], channels=channels, layers=layers)
    chosen = found.recommendation  # the cheapest of all: what fits a budget at all includes it
    if budget:
        # Bytes grow with the graphs: those of a batch are its share of all.
        limit, least = read_bytes(budget), min(row.bytes * share for row in found)
        if least > limit:
            given = f"a budget of {in_words(limit)}"
            which = f"a batch of {batch}" if share < 1 else "all graphs at once"
            hint = "smaller batches (--batch), fewer --channels or --layers"
            raise InfeasibleError(given, f"at least {in_words(least)} for {which}", hint)
    table = Table("k", "members", "pairs", "distinct pairs", "memory of a step", "tells apart", box=None)
    for row in found:
        numbers = (f"{count:,}" for count in (row.members, row.pairs, row.union))
        table.add_row(str(row.k), *numbers, in_words(row.bytes * share), row.tells)
    print_table(table)
    size = f"batches of {batch}" if share < 1 else "all at once"
    print(f"\n{counted(found.graphs, 'graph')}, {size}; {counted(layers, 'layer')} of {counted(channels, 'channel')}")
    for line in (*found.warnings, *found.notes):
        print(line)
    print(
        f"cheapest{' within the budget' if budget else ''}: "
        + ("whole graphs" if chosen == "global" else f"k = {chosen}")
    )


def _read(given: str) -> tuple[Any, Any]:
    """Edges and the graph of each node."""
    import torch

    from isotropy.data import TU_NAMES, Graphs, load, load_tu, read_graph6, read_graphs

    path = Path(given)
    if not path.exists():
        if path.suffix:
            raise SchemaError(
                f"the file {given}, which is not there", f"a file that is, or one of {', '.join(TU_NAMES)}"
            )
        found = load_tu(given)
        return found.edge_index, found.batch
    if path.is_dir():
        found = load(given)
        assert isinstance(found, Graphs)
        return found.edge_index, found.batch
    if path.suffix == ".g6":
        padded = read_graph6(path)
        first = padded.sizes.cumsum(0) - padded.sizes
        which = padded.A.nonzero().mT
        return which[1:] + first[which[0]], torch.arange(len(padded)).repeat_interleave(padded.sizes)
    batch = read_graphs(path)
    return batch.edge_index, batch.batch
