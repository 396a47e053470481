"""The main job: from typed data to a verdict on every candidate symmetry."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, overload

from isotropy.data import Clouds, Dataset, Graphs, Pictures, Rows, Tabular, Types, times_of
from isotropy.discovery._analysis import Work, analyse
from isotropy.discovery._asked import digest, noise_by_part
from isotropy.discovery._compact import with_compact_parts
from isotropy.discovery._conserved import Conserved, conserved_in, timed
from isotropy.discovery._discover_graphs import discover_graphs
from isotropy.discovery._graph_result import GraphDiscovery
from isotropy.discovery._picture_result import PictureDiscovery
from isotropy.discovery._proposing import narrowed, said_of_proposals
from isotropy.discovery._result import Discovery
from isotropy.discovery._robust import made_robust
from isotropy.dynamics import check_motions, trajectories_of
from isotropy.errors import DomainError, SchemaError, counted
from isotropy.measure import GivenNoise
from isotropy.runs import cores, map_jobs, spoken
from isotropy.study import CandidateLike, Problem, answering, data_settings, dataset_of, problem_of, proposed


@overload
def discover(
    x: Pictures,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    transforms: str | Sequence[str] | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> PictureDiscovery: ...
@overload
def discover(
    x: Graphs,
    *,
    groups: str | Sequence[str] | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> GraphDiscovery: ...
@overload
def discover(
    x: Dataset | Clouds | Tabular,
    y: Tabular | str | None = None,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    cluster: Iterable[Any] | str | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    windows: Mapping[str, float] | None = None,
    noise: GivenNoise | None = None,
    time: Iterable[Any] | None = None,
    robust: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Discovery: ...
def discover(
    x: Rows | Tabular,
    y: Tabular | str | None = None,
    types: Types | None = None,
    *,
    groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
    cluster: Iterable[Any] | str | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
    quick: bool = False,
    windows: Mapping[str, float] | None = None,
    noise: GivenNoise | None = None,
    time: Iterable[Any] | None = None,
    robust: bool = False,
    engine: str = "serial",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    transforms: str | Sequence[str] | None = None,
) -> Discovery | PictureDiscovery | GraphDiscovery:
    """Which candidate symmetries hold in ``y = f(x) + noise``, how far, and what imposing each would cost.

    ``x (n, p)`` and ``y (n, q)`` are typed by ``types`` (or come together as a Dataset); integers are numbers. Of a
    DataFrame ``x`` the types may name columns, ``{"x": {"position": ["a", "b", "c"]}, "y": {"energy": ["e"]}}``, and
    so may ``y``, ``cluster`` and ``time``.
    ``cluster (n,)`` are labels of the independent units, numbers or text. ``groups`` are groups, their printed names,
    or Windows on groups that have no uniform law; without any they are proposed: what the types call for, about axes
    that half of the units single out, all judged on the other half.
    ``noise`` is the standard deviation of the noise in the unit of the targets: a number, one for each part by name, or
    an array like y (as text ``"force=0.02,energy=1e-3"``); with it the tool can tell noise from what was not learned.
    ``time (n,)``, numbers or dates, gives the order of the rows of a series, which are then judged in blocks.
    Of ``Pictures`` x alone is given, and ``transforms`` may name operations of ``ImageOps`` beside groups of the plane:
    the answer, a PictureDiscovery, has three columns (docs/pictures.md). Of ``Graphs`` (`load_tu`) x alone is given,
    and ``groups`` are S(n) and "S(n) within label": the answer, a GraphDiscovery, says whether the order of nodes
    counts (docs/graphs-piece-by-piece.md).
    Where the types name ``dynamics``, rows are moments of motions, one track a cluster: the answer goes on to say what
    is conserved (``found.conserved``), and ``time`` may be that of the data set or be given.
    ``robust`` judges by a loss in which far residuals pull no more than near ones (Huber), for targets with a few wrong
    rows. ``quick`` is a first look, without network and calibration. With ``out`` the run lives in that directory: a
    killed run continues with ``resume=True``, finished jobs are not computed again, and the report is written there.

    Raises ShapeError, SchemaError or DomainError for data and candidates that do not fit (CORE section 0), for noise
    that cannot be, for times that give no order, and for robust where over half of the targets are equal.
    Source: the estimators of docs/statistics.md; Kim, Lee, Yang, Lee, ICML 2023 (arXiv:2306.00356) for the penalties.

    >>> from isotropy.data import load
    >>> found = discover(load("inertia", nu=1.0, n=200), groups="O(3),O(2)@z", quick=True)
    >>> found["O(3)"].breaking.mean > found["O(2)@z"].breaking.mean
    True
    """
    began = monotonic()
    if isinstance(x, Pictures | Graphs):
        others = {"y": y, "types": types, "cluster": cluster, "windows": windows, "noise": noise, "time": time}
        if said := [name for name, given in others.items() if given is not None] + (["robust"] if robust else []):
            what = "pictures" if isinstance(x, Pictures) else "graphs"
            raise SchemaError(f"{', '.join(said)} with {what}", "groups, tolerance, quick and seed")
    if isinstance(x, Graphs):
        if transforms is not None:
            raise SchemaError(f"transforms={transforms!r} of graphs", 'groups="S(n), S(n) within label"')
        return discover_graphs(
            x, groups=groups, seed=seed, tolerance=tolerance, quick=quick, progress=progress, engine=engine,
            workers=workers, address=address, out=out, resume=resume,
        )  # fmt: skip
    if isinstance(x, Pictures):
        from isotropy.discovery._discover_pictures import discover_pictures  # networks, only for pictures

        return discover_pictures(
            x, groups=groups, transforms=transforms, seed=seed, tolerance=tolerance, quick=quick, progress=progress,
            engine=engine, workers=workers, address=address, out=out, resume=resume,
        )  # fmt: skip
    if transforms is not None:
        raise SchemaError(f"transforms={transforms!r} of a table", "pictures", "groups= acts on tables")
    if not 0 < tolerance < 1:
        raise DomainError(f"tolerance={tolerance!r}", "a share of the signal between 0 and 1", "tolerance=0.01 is 1 %")
    dataset = dataset_of(x, y, types, cluster)
    time = times_of(x, time)
    moments = None
    if dataset.types.dynamics is not None:
        # Tracks are the units of motions; their times order moments inside each, and no blocks are cut.
        dataset, time = timed(dataset, time), None
        moments = trajectories_of(dataset)
        check_motions(moments)
    whole = dataset
    proposing = groups is None and not dataset.groups
    if proposing:
        plain = proposed(dataset.types, dataset.types.known_dims(dataset.x.shape[1], dataset.y.shape[1]))
        dataset, groups = replace(dataset, types=plain.types), plain.groups
    problem = problem_of(dataset, groups, windows, seed, time=time)
    by_part = None if noise is None else noise_by_part(noise, problem)
    problem = with_compact_parts(narrowed(problem, windows) if proposing else problem)
    problem = made_robust(problem) if robust else problem
    announce(problem, quick=quick, engine=engine, workers=workers, progress=progress)
    settings = {**data_settings(dataset, problem), "quick": quick, "tolerance": tolerance, "robust": robust}
    settings |= {"noise": by_part, "time": None if time is None else digest(time)}
    with answering(out, resume, settings, problem, began=began) as answer:
        mapped = partial(map_jobs, run=answer.run, engine=engine, workers=workers, address=address, progress=progress)
        discovery = analyse(Work(problem, mapped), dataset, by_part, tolerance=tolerance, quick=quick)
        if proposing:
            told = said_of_proposals(len(problem.x), len(dataset.x), problem)
            discovery = replace(discovery, proposed=True, notes=(told, *discovery.notes))
        if moments is not None:
            motions = conserved_in(
                whole, moments, problem.candidates, discovery.groups, discovery.unlisted, problem.seed
            )
            found = tuple(Conserved.of(law) for law in motions.laws.laws)
            discovery = replace(discovery, conserved=found, motions=motions)
            if answer.kept:
                answer.run.write("conserved.npz", motions.arrays())
        return answer.write(replace(discovery, **answer.stamp()))


# Processor seconds, fitted to runs of 300 to 2000 rows on one machine; others are within a factor of three.
_QUICK, _QUICK_ROW = 4.0, 0.004
_FULL, _FULL_ROW = 40.0, 0.0115
_MOST = 5000  # rows beyond which learners and tests take samples
_SAID = 10.0  # shorter ones are over before one has read it


def estimated(rows: int, candidates: int, *, quick: bool, workers: int = 1) -> float:
    """Seconds, roughly.

    >>> round(estimated(300, 2, quick=True)), round(estimated(2000, 4, quick=False, workers=2))
    (6, 66)
    """
    base, each = (_QUICK, _QUICK_ROW) if quick else (_FULL, _FULL_ROW)
    return (base + each * min(rows, _MOST) * candidates) / max(1, workers)


def announce(problem: Problem, *, quick: bool, engine: str, workers: int | None, progress: bool | None) -> None:
    """A line on standard error, unless progress is not wanted or it is over at once."""
    if progress is False:
        return
    several = 1 if engine == "serial" else workers or cores()
    seconds = estimated(len(problem.x), len(problem.candidates), quick=quick, workers=several)
    if seconds >= _SAID:
        rows, count = counted(len(problem.x), "row"), len(problem.candidates)
        where = "one core" if several == 1 else f"{several} cores"
        print(
            f"about {spoken(seconds)} for {rows} and {counted(count, 'candidate')} on {where}",
            file=sys.stderr,
            flush=True,
        )
