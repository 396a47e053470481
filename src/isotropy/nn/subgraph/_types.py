"""Types of features of subgraphs: how many channels of each order a text such as ``Nodes**2 + 8*Nodes`` has."""

from __future__ import annotations

from dataclasses import dataclass

from isotropy.errors import SchemaError
from isotropy.reps import Rep, parse_rep

ORDERS = (0, 1, 2)


class OrderError(SchemaError, NotImplementedError):
    """Features of an order that is not built."""


@dataclass(frozen=True)
class Channels:
    """How many channels there are of each order: 0 of subgraphs, 1 of nodes, 2 of pairs of nodes."""

    scalar: int
    node: int
    pair: int

    def __getitem__(self, order: int) -> int:
        return (self.scalar, self.node, self.pair)[order]

    @property
    def text(self) -> str:
        names = ("Scalar", "Nodes", "Nodes**2")
        return " + ".join(f"{self[order]}*{names[order]}" for order in (2, 1, 0) if self[order])


def channels(rep: Rep | str) -> Channels:
    """The channels of a type of features of subgraphs.

    Raises OrderError for orders above 2, SchemaError for what no permutation of nodes moves so.

    >>> channels("Nodes**2 + 8*Nodes + 4*Scalar")
    Channels(scalar=4, node=8, pair=1)
    """
    count = [0, 0, 0]
    parsed = parse_rep(rep)
    for part in parsed.copies:
        factors = part.term.factors
        plain = all(f.kind == "Vector" and f.space == "nodes" for f in factors)
        if not plain or part.term.sign or part.term.scale:
            raise SchemaError(f"the type {parsed}", "sums of Scalar, Nodes and Nodes**2", '"8*Nodes**2 + 4*Nodes"')
        if len(factors) > ORDERS[-1]:
            raise OrderError(f"features of order {len(factors)} in {parsed}", f"orders {', '.join(map(str, ORDERS))}")
        count[len(factors)] += part.multiplicity
    return Channels(*count)
