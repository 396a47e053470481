"""Graphs as nodes and links: the description that rooms make of such a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isotropy.errors import ShapeError, counted
from isotropy.report._blocks import Block


@dataclass(frozen=True)
class NodeLink:
    """One graph: nodes at ``places`` (x, y), ``links`` between two of them by number, a ``label`` above.

    ``kinds`` colour the nodes (0, 1, ...), one kind where there are none; ``root`` is ringed; of ``inside``, if given,
    all other nodes and their links are drawn faintly. Raises ShapeError for links and kinds of other nodes.

    >>> NodeLink(((0.0, 0.0), (1.0, 0.0)), ((0, 1),), "an edge").label
    'an edge'
    """

    places: Sequence[tuple[float, float]]
    links: Sequence[tuple[int, int]]
    label: str = ""
    kinds: Sequence[int] = ()
    root: int | None = None
    inside: Sequence[int] | None = None

    def __post_init__(self) -> None:
        n = len(self.places)
        ends = [*(node for link in self.links for node in link), *(self.inside or ())]
        ends += [] if self.root is None else [self.root]
        if any(not 0 <= node < n for node in ends) or len(self.kinds) not in (0, n):
            given = f"{n} places, links {list(self.links)[:5]}, {counted(len(self.kinds), 'kind')}"
            raise ShapeError(given, f"links between nodes 0 to {n - 1}, and a kind for each or none")


@dataclass(frozen=True)
class Together:
    """Graphs that stand side by side, and what is ``said`` of them below."""

    graphs: Sequence[NodeLink]
    said: str = ""


@dataclass(frozen=True)
class NodeLinks(Block):
    """Pictures of graphs in rows: ``sets`` of graphs that stand together; ``names`` of the kinds of nodes.

    >>> edge = NodeLink(((0.0, 0.0), (1.0, 0.0)), ((0, 1),))
    >>> NodeLinks((Together((edge, edge), "the same"),), title="Alike").sets[0].said
    'the same'
    """

    sets: Sequence[Together]
    names: Sequence[str] = ()
