"""The question as a person asks it: their sites' files in, one classifier and a line for each site out."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from isotropy.errors import DomainError
from isotropy.estimate import Estimate
from isotropy.federation._algorithms import State
from isotropy.federation._choosing import MODES, choose_modes
from isotropy.federation._federate import ALL_SITES, Federated, Round, Standing, federate, head_model, sites_of
from isotropy.federation._generators import GeometryGuidedAugmenter
from isotropy.federation._on_flower import on_flower
from isotropy.federation._preparing import augmenter_of, known, split_rows, statistics_of
from isotropy.federation._protocol import refuse_unsupported, stats_of, stats_tensors
from isotropy.federation._request import Request, read_request, read_sites
from isotropy.federation._result import Federation, ShapesSeen, SiteFinding
from isotropy.federation._rounds import Server
from isotropy.federation._secure import secure_stats
from isotropy.federation._shapes import ClassShapes
from isotropy.federation._similarity import similarity_of_stats
from isotropy.federation._statistics import ClassStats
from isotropy.federation._weights import load
from isotropy.modes import evaluating
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import answering, fingerprint

STATE = "rounds.safetensors"
RELEASED = "released.safetensors"
ENGINES = ("local", "flower")
DRAWS = 400  # of each way, for an ellipse that is known to some per cent
Rows = tuple[Tensor, Tensor]


def federate_files(
    config: str | Path,
    *,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    engine: str = "local",
) -> Federation:
    """One classifier for the sites that a YAML file names, and how well it does at each, alone and together.

    Statistics of each class leave a site as the file allows (``min_count``, ``privacy``), give shapes, and these fill
    up classes at the sites; then come the rounds. In ``out``: result.json, report.html, model.safetensors. A run that
    was killed goes on from its last round with ``resume``. The same seed gives the same bytes, but not under
    ``privacy``: its noise is drawn anew in each run, which keeps what it released. ``engine="flower"`` runs all
    of it on Flower, a process for each part (extra [federated]); a run resumed begins its rounds again there. Raises
    SchemaError and DomainError, with the site, for what cannot be read, and MissingExtraError without Flower.
    """
    path = Path(config)
    request = read_request(path)
    if engine not in ENGINES:
        raise DomainError(f"engine={engine!r}", f"one of {', '.join(ENGINES)}")
    if engine == "flower":
        refuse_unsupported(request)
    rows = read_sites(request, path.parent)
    settings = {
        "config": asdict(request),
        "seed": seed,
        **_files_known_by(request, path.parent, rows),
        **({} if engine == "local" else {"engine": engine}),
    }
    with answering(out, resume, settings) as answer:
        split = {
            name: split_rows(x, y, request.held_out, spawn(seed, "held out", name)) for name, (x, y) in rows.items()
        }
        train = {name: fitted for name, (fitted, _) in split.items()}
        held = {name: kept for name, (_, kept) in split.items()}
        if engine == "flower":
            stats, augment, found = _by_flower(path, request, train, seed, answer.run)
        else:
            stats = _statistics(request, train, answer.run)
            augment = _augmenter(request, stats, train, seed)
            found = _trained(request, train, augment, seed, answer.run, progress)
        pooled = cast(ClassStats, sum(stats.values()))
        filled = {site.name: len(site.x) for site in found.clients}
        alone = {name: _alone(request, name, pair, filled[name], seed) for name, pair in train.items()}
        sites = tuple(
            _finding(name, train[name], held[name], alone[name], found.head, request.classes) for name in rows
        )
        result = Federation(
            sites=sites,
            classes=request.classes,
            features=pooled.width,
            rounds=tuple(r.round for r in found.history),
            losses=tuple({k: float(v) for k, v in r.loss.items()} for r in found.history),
            counts={name: tuple(int(n) for n in s.n) for name, s in stats.items()},
            min_count=request.min_count,
            shapes=_shapes_seen(stats),
            drawn={site.name: len(site.x) - site.real for site in found.clients},
            modes={} if augment is None else _modes(augment, train),
            planes=_planes(stats, pooled),
            laws={} if augment is None or not _seen_apart(request) else _laws(augment, stats, pooled, train, seed),
            seed=seed,
        )
        answer.run.save(found.head)
        written = answer.write(replace(result, **answer.stamp()))
        # Weights and what sites keep for themselves serve to go on with, and no longer.
        (answer.run.path / STATE).unlink(missing_ok=True)
        return written


def _files_known_by(request: Request, folder: Path, rows: dict[str, Rows]) -> dict[str, Any]:
    """By what a resumed run knows that it has the files that it began with.

    Under a budget of privacy nothing that is computed from the rows without noise is kept, a digest neither: who
    guesses a row could check the guess. There it is when each file was last written.
    """
    if request.privacy is None:
        return {"sha256": fingerprint(*(part for pair in rows.values() for part in pair))}
    return {"written_ns": {one.name: (folder / one.features).stat().st_mtime_ns for one in request.clients}}


def _seen_apart(request: Request) -> bool:
    """Whether statistics of each site are seen, as they are."""
    return request.privacy is None and request.secure_aggregation is None


def _statistics(request: Request, train: dict[str, Rows], run: Run) -> dict[str, ClassStats]:
    """All that leaves the sites before the rounds; what has noise is released once, and read again by a resumed run."""
    if request.secure_aggregation is not None:
        found = secure_stats(
            list(train.values()), classes=request.classes, names=list(train), min_count=request.min_count,
            reach=request.secure_aggregation.reach,
        )  # fmt: skip
        return {ALL_SITES: found}
    if request.privacy is None:
        return {name: statistics_of(request, name, rows) for name, rows in train.items()}
    if run.has(RELEASED):
        return stats_of(run.read(RELEASED), list(train))
    found = {name: statistics_of(request, name, rows) for name, rows in train.items()}
    run.write(RELEASED, stats_tensors(found))
    return found


def _augmenter(
    request: Request, stats: dict[str, ClassStats], train: dict[str, Rows], seed: int
) -> GeometryGuidedAugmenter | None:
    """What fills up classes at the sites; "auto" is decided by rows that they hold out of those that they train on."""
    augment = augmenter_of(request, cast(ClassStats, sum(stats.values())))
    if augment is not None and augment.mode == "auto":
        choose_modes(augment, [known(augment, *rows) for rows in train.values()], seed=seed,
                     min_count=request.min_count)  # fmt: skip
    return augment


def _by_flower(
    path: Path, request: Request, train: dict[str, Rows], seed: int, run: Run
) -> tuple[dict[str, ClassStats], GeometryGuidedAugmenter | None, Federated]:
    """Statistics, filling up and rounds on Flower. What has noise is kept as soon as the server has it."""
    kept = run.path / RELEASED if request.privacy is not None else None
    outcome = on_flower(path, request, seed, released=kept)
    augment = augmenter_of(request, cast(ClassStats, sum(outcome.stats.values())), outcome.chosen)
    sites = sites_of(list(train.values()), request.classes, list(train), augment, seed)
    head = head_model(request.head, sites[0].x.shape[1], sites[0].x.dtype, request.classes, seed)
    load(head, outcome.standing.server.w)
    return outcome.stats, augment, Federated(head, outcome.standing.history, tuple(sites), request.plan)


def _trained(
    request: Request, train: dict[str, Rows], augment: GeometryGuidedAugmenter | None, seed: int, run: Run,
    progress: bool | None,
) -> Federated:  # fmt: skip
    """The rounds, each kept when it is done."""
    names = list(train)
    lines = names if request.secure_aggregation is None else [ALL_SITES]
    start = _resumed(run, len(names), lines)

    def keep(now: Standing) -> None:
        whole: dict[str, Tensor] = {"round": torch.tensor(now.server.round), "w": now.server.w}
        whole |= {f"server/{name}": value for name, value in now.server.state.items()}
        for k, state in enumerate(now.kept):
            whole |= {f"site/{k}/{name}": value for name, value in state.items()}
        told = [[row.loss.get(name, math.nan) for name in lines] + [row.seconds] for row in now.history]
        run.write(STATE, {**whole, "history": torch.tensor(told, dtype=torch.float64)})

    return federate(
        list(train.values()), names=names, classes=request.classes, algorithm=request.algorithm,
        rounds=request.rounds, local_epochs=request.local_epochs, lr=request.learning_rate,
        batch_size=request.batch_size, optimizer=request.optimizer, head=request.head, augment=augment, seed=seed,
        secure=request.secure_aggregation is not None, callback=keep, start=start, progress=progress,
        min_count=request.min_count,
    )  # fmt: skip


def _resumed(run: Run, sites: int, lines: list[str]) -> Standing | None:
    if not run.has(STATE):
        return None
    whole: dict[str, Tensor] = run.read(STATE)
    server = {key.removeprefix("server/"): value for key, value in whole.items() if key.startswith("server/")}
    kept: list[State] = [{} for _ in range(sites)]
    for key, value in whole.items():
        if key.startswith("site/"):
            _, k, name = key.split("/", 2)
            kept[int(k)][name] = value
    history = tuple(
        Round(number, {name: loss for name, loss in zip(lines, losses, strict=False) if loss == loss}, None, losses[-1])
        for number, losses in enumerate(whole["history"].tolist(), 1)
    )
    return Standing(Server(whole["w"], server, int(whole["round"])), tuple(kept), history)


def _alone(request: Request, name: str, rows: Rows, filled: int, seed: int) -> nn.Module:
    """What a site reaches by itself, with as many steps on its own rows as on those ``filled`` up."""
    more, own = (1 if request.batch_size is None else -(-n // request.batch_size) for n in (filled, len(rows[0])))
    epochs = max(1, round(request.rounds * request.local_epochs * more / own))
    return federate(
        [rows], names=[name], classes=request.classes, rounds=1, local_epochs=epochs,
        lr=request.learning_rate, batch_size=request.batch_size, optimizer=request.optimizer, head=request.head,
        seed=seed,
    ).head  # fmt: skip


def _finding(name: str, train: Rows, held: Rows, alone: nn.Module, together: nn.Module, classes: int) -> SiteFinding:
    x, y = held
    commonest = int(torch.bincount(train[1], minlength=classes).argmax())
    return SiteFinding(
        name,
        len(train[0]),
        len(x),
        _share(y == commonest),
        _share(_guess(alone, x) == y),
        _share(_guess(together, x) == y),
    )


def _guess(head: nn.Module, x: Tensor) -> Tensor:
    with evaluating(head), torch.no_grad():
        return head(x).argmax(1)


def _share(right: Tensor) -> Estimate:
    """A share with Wilson's interval."""
    from scipy.stats import binomtest

    if not len(right):
        return Estimate(float("nan"), 0.0, 1.0, n=0)
    interval: Any = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, "wilson")
    return Estimate(float(right.double().mean()), float(interval.low), float(interval.high), n=len(right))


def _shapes_seen(stats: dict[str, ClassStats]) -> ShapesSeen | None:
    """Whether classes have one shape at all sites, from what left them; None where too few classes are at two sites."""
    try:
        found = similarity_of_stats(list(stats.values()))
    except DomainError:
        return None
    return ShapesSeen(found.same, found.different, found.p_value, found.q, found.null)


def _modes(augment: GeometryGuidedAugmenter, train: dict[str, Rows]) -> dict[str, str]:
    """How each class was drawn at the sites that it was drawn at, each way once."""
    found: dict[str, str] = {}
    for c in augment.shapes:
        own = [x[y == c].to(torch.float64) for x, y in train.values()]
        drawn = [rows for rows in own if len(rows) < augment.target] or own
        found[str(c)] = "/".join(dict.fromkeys(augment.mode_of(c, rows) for rows in drawn))
    return found


def _planes(stats: dict[str, ClassStats], pooled: ClassStats) -> dict[str, dict[str, tuple[float, ...]]]:
    """In the plane of the two leading axes of each class: centre and covariance (x, y, xx, xy, yy) at each site."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for c, shape in pooled.shapes(2).items() if pooled.width > 1 else ():
        if len(shape.values) < 2:
            continue
        axes = shape.vectors
        named = {**{name: s for name, s in stats.items() if float(s.n[c]) > 1}, ALL_SITES: pooled}
        found[str(c)] = {name: _ellipse((s.mean[c] - shape.mean) @ axes, s.along(c, axes)) for name, s in named.items()}
    return found


def _laws(
    augment: GeometryGuidedAugmenter,
    stats: dict[str, ClassStats],
    pooled: ClassStats,
    train: dict[str, Rows],
    seed: int,
) -> dict[str, dict[str, tuple[float, ...]]]:
    """The commonest class at the site that has most of it: how it spreads there and everywhere, and what each way of
    drawing makes of it. Ellipses, no rows: draws about few rows would show them."""
    c = int(pooled.n.argmax())
    name = max(stats, key=lambda site: float(stats[site].n[c]))
    shape = pooled.shapes(2)[c]
    if len(shape.values) < 2:
        return {}
    x, y = train[name]
    own = x[y == c]
    found = {
        ALL_SITES: _ellipse(torch.zeros(2).double(), pooled.along(c, shape.vectors)),
        name: _ellipse((stats[name].mean[c] - shape.mean) @ shape.vectors, stats[name].along(c, shape.vectors)),
    }
    for mode in MODES:
        one = copy.copy(augment)
        one.mode, one.target = mode, len(own) + DRAWS
        one.shapes = ClassShapes({c: augment.shapes[c]}, augment.shapes.classes)  # nothing of the others is drawn
        drawn, _, synthetic = one.augment(own, torch.full((len(own),), c), client=name, seed=seed)
        seen = (drawn[synthetic].double() - shape.mean) @ shape.vectors
        found[mode] = _ellipse(seen.mean(0), torch.cov(seen.T, correction=0))
    return {f"class {c} at {name}": found}


def _ellipse(centre: Tensor, cov: Tensor) -> tuple[float, ...]:
    return (*(float(v) for v in centre), float(cov[0, 0]), float(cov[0, 1]), float(cov[1, 1]))
