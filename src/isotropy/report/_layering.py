"""Layers of a partial order: the longest chain below a node is its height, neighbours are drawn near each other."""

from __future__ import annotations

from collections.abc import Sequence

from isotropy.errors import DomainError

Edge = tuple[str, str]


def covers(edges: Sequence[Edge]) -> list[Edge]:
    """The edges that do not follow from others (the transitive reduction), in their order.

    Raises DomainError on a cycle: two groups that contain each other are one group.

    >>> covers([("C(2)", "C(4)"), ("C(4)", "D(4)"), ("C(2)", "D(4)")])
    [('C(2)', 'C(4)'), ('C(4)', 'D(4)')]
    """
    above: dict[str, list[str]] = {}
    for low, high in dict.fromkeys(edges):
        above.setdefault(low, []).append(high)

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(above.get(start, ()))
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(above.get(node, ()))
        return seen

    reachable = {node: reach(node) for node in above}
    for node, seen in reachable.items():
        if node in seen:
            raise DomainError(f"a cycle of inclusions through {node!r}", "a partial order", "merge equal groups")
    return [
        (low, high)
        for low, high in dict.fromkeys(edges)
        if not any(high in reachable.get(other, ()) for other in above[low] if other != high)
    ]


def layers(names: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Nodes by height (longest chain below), the smallest groups first; each layer ordered to shorten its edges.

    >>> layers(["D(4)", "C(4)", "C(2)", "flip"], [("C(2)", "C(4)"), ("C(4)", "D(4)"), ("flip", "D(4)")])
    [['C(2)'], ['C(4)', 'flip'], ['D(4)']]
    """
    kept = covers(edges)
    below: dict[str, list[str]] = {name: [] for name in names}
    above: dict[str, list[str]] = {name: [] for name in names}
    for low, high in kept:
        below[high].append(low)
        above[low].append(high)
    height: dict[str, int] = {}
    # ``covers`` has refused cycles, so each round settles at least one node.
    while len(height) < len(below):
        for name in names:
            if name not in height and all(other in height for other in below[name]):
                height[name] = 1 + max((height[other] for other in below[name]), default=-1)
    # A group that contains no candidate stands right under what contains it, not at the bottom.
    for name in sorted(names, key=lambda n: -height[n]):
        if above[name]:
            height[name] = min(height[other] for other in above[name]) - 1
    rows: list[list[str]] = [[n for n in names if height[n] == h] for h in range(max(height.values(), default=-1) + 1)]
    for _ in range(4):
        for neighbours, order in ((above, reversed(range(len(rows)))), (below, iter(range(len(rows))))):
            place = {name: (i + 0.5) / len(row) for row in rows for i, name in enumerate(row)}
            for level in order:
                row = rows[level]
                row.sort(key=lambda n, near=neighbours, at=place: _mean([at[o] for o in near[n]], at[n]))
                place.update({name: (i + 0.5) / len(row) for i, name in enumerate(row)})
    return [row for row in rows if row]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
