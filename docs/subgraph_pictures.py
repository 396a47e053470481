"""Draws images/subgraphs.png: a graph in pieces, and pairs of graphs with what tells them apart."""

from pathlib import Path

import matplotlib
import networkx as nx

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LIGHT, DARK, MARK = "#d5dbe3", "#3a4a5e", "#d1602f"


def shrikhande() -> nx.Graph:
    steps = ((0, 1), (1, 0), (1, 1))
    cells = [(a, b) for a in range(4) for b in range(4)]
    return nx.Graph([((a, b), ((a + x) % 4, (b + y) % 4)) for a, b in cells for x, y in steps])


def draw(ax, graph, title, inside=None, root=None, layout=None):
    at = layout or nx.circular_layout(graph)
    inside = set(graph) if inside is None else inside
    for u, v in graph.edges:
        kept = u in inside and v in inside
        ax.plot(*zip(at[u], at[v]), color=DARK if kept else LIGHT, lw=1.4 if kept else 0.9, zorder=1)
    colours = [MARK if v == root else DARK if v in inside else LIGHT for v in graph]
    ax.scatter(*zip(*(at[v] for v in graph)), s=46 if len(graph) < 20 else 6, c=colours, zorder=2)
    ax.set_title(title, fontsize=9)
    ax.set_aspect("equal")
    ax.margins(0.15)
    ax.axis("off")


figure, axes = plt.subplots(3, 4, figsize=(9, 7.2), constrained_layout=True)
own = nx.Graph([(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (5, 3)])
spread = nx.kamada_kawai_layout(own)
draw(axes[0, 0], own, "a graph", layout=spread)
for ax, root in zip(axes[0, 1:], (0, 2, 4)):
    draw(ax, own, f"ego network of node {root}", set(nx.ego_graph(own, root)), root, spread)
pairs = (
    ("C6", nx.cycle_graph(6), "two triangles", nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)), "1-WL: no. k = 1: yes"),
    ("Rook 4 x 4", nx.line_graph(nx.complete_bipartite_graph(4, 4)), "Shrikhande", shrikhande(), "k = 1, 2: no. Products: yes"),
    ("CSL(41, 2)", nx.circulant_graph(41, [1, 2]), "CSL(41, 3)", nx.circulant_graph(41, [1, 3]), "1-WL: no. k = 1: yes"),
    ("CSL(41, 3)", nx.circulant_graph(41, [1, 3]), "CSL(41, 4)", nx.circulant_graph(41, [1, 4]), "k = 1: no. k = 2: yes"),
)
for at, (name, one, other_name, other, verdict) in enumerate(pairs):
    row, column = 1 + at // 2, 2 * (at % 2)
    draw(axes[row, column], one, name)
    draw(axes[row, column + 1], other, other_name)
    axes[row, column].annotate(
        f"told apart? {verdict}", (1.05, -0.08), xycoords="axes fraction", ha="center", fontsize=9, color=MARK
    )
figure.savefig(Path(__file__).parent / "images" / "subgraphs.png", dpi=110)
