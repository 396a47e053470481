"""``discover`` on graphs: is the order of nodes free in their classes, or only the order among equal labels?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from isotropy.data import Graphs
from isotropy.discovery._graph_jobs import FULL, GRAPHS, QUICK, kept
from isotropy.discovery._graph_result import GraphDiscovery, GraphFinding, advice
from isotropy.discovery._node_orders import ANY, LABELS, WITHIN, Ordered, orders_of
from isotropy.discovery._thirds import FOLDS, judged, overlap_of, said, thirds
from isotropy.errors import DomainError, SchemaError, counted
from isotropy.runs import Job, map_jobs
from isotropy.study import CandidateLike, answering, fingerprint

_FEWEST = 10  # graphs of a class in each third


def discover_graphs(
    graphs: Graphs,
    *,
    groups: CandidateLike | Sequence[CandidateLike] | None = None,
    name: str = "graphs",
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> GraphDiscovery:
    """Which renumberings of nodes leave the classes of graphs as they are.

    ``groups``: "S(n)", all nodes of a graph, and "S(n) within label", nodes of one label among themselves; both where
    none are named. With ``out`` the run lives in that directory, with result.json and report.html.

    Raises SchemaError for other candidates, for one class or a class of fewer than 30 graphs, for labels where there
    are none, DomainError for a tolerance outside of (0, 1) and for NaN.
    """
    began = monotonic()
    if not 0 < tolerance < 1:
        raise DomainError(f"tolerance={tolerance!r}", "a share between 0 and 1", "tolerance=0.01 is 1 %")
    named = orders_of(groups)
    notes = _checked(graphs, named)
    plan = asdict(QUICK if quick else FULL)
    settings = {
        "data": name, "sha256": fingerprint(graphs.x, graphs.edge_index, graphs.y, graphs.segments.sizes),
        "candidates": list(named), "seed": seed, "tolerance": tolerance, "quick": quick,
    }  # fmt: skip
    with answering(out, resume, settings, began=began) as answer:
        if not answer.run.has(GRAPHS):
            kept(answer.run, graphs, thirds(graphs.y, seed))
        mapped = partial(map_jobs, run=answer.run, engine=engine, workers=workers, address=address, progress=progress)
        jobs = [
            Job("isotropy.discovery._graph_jobs:renumbered", {"fold": f, "candidate": one, "plan": plan}, seed)
            for one in named
            for f in range(FOLDS)
        ]
        outcomes = mapped(jobs)
        parts = [outcomes[i : i + FOLDS] for i in range(0, len(outcomes), FOLDS)]
        found = [_finding(one, part, seed) for one, part in zip(named, parts, strict=True)]
        judgements = judged(found, tolerance, "graphs", ANY, WITHIN)
        result = GraphDiscovery(
            groups=judgements,
            recommendation=advice(judgements),
            tolerance=tolerance,
            error=float(np.mean([one["error"] for one in outcomes[:FOLDS]])),
            chance=1 - float(torch.bincount(graphs.y).max()) / len(graphs),
            data={"name": name, "rows": len(graphs), "nodes": len(graphs.x), "classes": graphs.classes},
            notes=notes,
        )
        return answer.write(replace(result, **answer.stamp()))


def _finding(name: str, parts: Sequence[dict[str, Any]], seed: int) -> GraphFinding:
    """The figures from the outcomes of the thirds; the verdict waits for all candidates."""
    breaking, p, test, explained = said(parts, name, seed)
    overlap, surely = overlap_of(parts)
    lost = np.concatenate([one["lost"] for one in parts])
    by_third = [float(np.mean(one["lost"])) for one in parts]
    error = math.hypot(
        float(lost.std(ddof=1)) / math.sqrt(len(lost)), float(np.std(by_third, ddof=1)) / math.sqrt(FOLDS)
    )
    cost = float(lost.mean())
    return GraphFinding(
        name, breaking, "undecided", overlap, surely, p, p, test, explained, "", cost, cost - 1.96 * error,
        cost + 1.96 * error,
    )  # fmt: skip


def _checked(graphs: Graphs, named: Sequence[str]) -> tuple[str, ...]:
    """Refuses graphs of which nothing can be learned; what is odd about the candidates."""
    counts = torch.bincount(graphs.y)
    present = counts.nonzero()[:, 0].tolist()
    if len(present) < 2:
        raise SchemaError(f"{counted(len(graphs), 'graph')} of one class", "two classes or more")
    small = [f"{k} ({int(counts[k])})" for k in present if int(counts[k]) < FOLDS * _FEWEST]
    if small:
        expected = f"at least {FOLDS * _FEWEST} graphs of each class, {_FEWEST} for each third"
        raise SchemaError(f"classes of few graphs: {', '.join(small[:10])}", expected, "leave these classes out")
    if bool((graphs.segments.sizes == 0).any()):
        empty = (graphs.segments.sizes == 0).nonzero()[:5, 0].tolist()
        raise SchemaError(f"graphs {empty} without nodes", "graphs with nodes to number", "leave these graphs out")
    if not bool(graphs.x.isfinite().all()):
        row = int((~graphs.x.isfinite()).any(1).nonzero()[0, 0])
        raise DomainError(f"NaN or infinite node features in row {row}", "finite ones")
    ordered = Ordered(graphs)
    if WITHIN in named and not ordered.labelled:
        count = int(ordered.label.max()) + 1
        raise SchemaError(f"{WITHIN} of node features with {count} distinct rows", f"labels, at most {LABELS}", "S(n)")
    if WITHIN in named and not bool((ordered.label != 0).any()):
        return (f"All nodes have the same label: {WITHIN} is S(n).",)
    return ()
